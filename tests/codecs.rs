//! Values between a robot and its servers, packed: every bit arrives under every lossless codec, also those that a
//! careless codec loses; and a peer that lies gets no memory and a sentence. The engine here makes known bits and checks
//! them, so no libtorch is needed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail like tests"
)]

#[path = "support/console.rs"]
mod console;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use console::{Console, Heard};
use proptest::prelude::*;
use splitscope::engine::{Engine, EngineError};
use splitscope::link::codec::{decode, encode};
use splitscope::link::shaper::{Shaper, ShaperProfile};
use splitscope::link::{Expect, Inbox, InboxError};
use splitscope::model::weights::Weights;
use splitscope::model::{DType, Graph, Node, Region, Span, zoo};
use splitscope::plan::{Codec, Piece, Plan, Term, Value, ValueCodec};
use splitscope::power::Discovered;
use splitscope::units::{BitsPerSecond, DeviceId, Nanos, NodeId};
use splitscope::wire::data::{CHUNK_HEAD_BYTES, ChunkHead, WeightsRef};
use splitscope::wire::{FrameRecord, Outcome, StepKind};
use splitscope::worker::input::{Input, Source};
use splitscope::worker::robot::{Robot, RobotOptions};
use splitscope::worker::server::{Server, ServerOptions};

const MODEL: &str = "mobilenet_v2";
const SIZE: u32 = 128;

/// Under f16 the elements change; then nothing is compared.
static MAY_LOSE: AtomicBool = AtomicBool::new(false);

/// Bits that a careless codec loses.
const DELICATE: [u32; 7] = [
    0x8000_0000, // -0.0
    0x7f80_0000, // infinity
    0xff80_0000, // -infinity
    0x7fc0_dead, // a quiet NaN with a payload
    0xff80_0001, // a signalling one
    0x0000_0001, // the least denormal
    0x7f7f_ffff, // the largest float
];

const fn mixed(seed: u64) -> u64 {
    let z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (z ^ (z >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) ^ (z >> 31)
}

/// A node's output: zeros as an activation leaves them, delicate bits, any bits.
fn bits(graph: &Graph, node: &Node) -> Vec<u8> {
    let elements = node.output_bytes().0 / 4;
    if node.id == graph.output() {
        let logits = (0..elements).map(|class| if class == 7 { 9.0_f32 } else { 0.0 });
        return logits.flat_map(f32::to_le_bytes).collect();
    }
    let element = |i: u64| {
        let random = mixed(i ^ (u64::from(node.id.0) << 40));
        match random % 10 {
            0..6 => 0,
            6 => DELICATE[(random >> 8) as usize % DELICATE.len()],
            _ => (random >> 16) as u32,
        }
    };
    (0..elements)
        .flat_map(|i| element(i).to_le_bytes())
        .collect()
}

/// Makes known bits and refuses others.
#[derive(Default)]
struct Checking(HashMap<NodeId, Arc<Vec<u8>>>);

impl Checking {
    fn known(&mut self, graph: &Graph, node: NodeId) -> &Arc<Vec<u8>> {
        let made = self.0.entry(node);
        made.or_insert_with(|| Arc::new(bits(graph, graph.node(node))))
    }
}

impl Engine for Checking {
    type Payload = Arc<Vec<u8>>;
    type Place = ();

    fn describe(&self) -> String {
        "known bits".to_owned()
    }

    fn place(&self) -> Self::Place {}

    fn on_lane(&mut self, body: &mut dyn FnMut(&mut Self)) {
        body(self);
    }

    fn compute(
        &mut self,
        graph: &Graph,
        node: &Node,
        _: &Region,
        _: Option<(Span, Term)>,
        inputs: &[Piece<Self::Payload>],
    ) -> Result<Self::Payload, EngineError> {
        for (&input, piece) in node.inputs.iter().zip(inputs) {
            let is_image = input == NodeId::INPUT;
            let is_same = is_image || piece.payload == *self.known(graph, input);
            if !is_same && !MAY_LOSE.load(Ordering::Relaxed) {
                return Err(EngineError::Operator {
                    operator: node.name.clone(),
                    kind: node.op.kind(),
                    reason: "its input is not what was made".to_owned(),
                });
            }
        }
        Ok(Arc::clone(self.known(graph, node.id)))
    }

    fn reduce(
        &mut self,
        node: &Node,
        _: &[Piece<Self::Payload>],
    ) -> Result<Self::Payload, EngineError> {
        unreachable!("{}: these plans divide no operator", node.name)
    }

    fn assemble(
        &mut self,
        node: &Node,
        _: &Region,
        _: &[Piece<Self::Payload>],
    ) -> Result<Self::Payload, EngineError> {
        unreachable!("{}: these plans divide no operator", node.name)
    }

    fn export(
        _: &Graph,
        _: &Value,
        pieces: &[Piece<Self::Payload>],
    ) -> Result<Vec<u8>, EngineError> {
        Ok(pieces[0].payload.to_vec())
    }

    fn import(
        (): &(),
        graph: &Graph,
        value: &Value,
        bytes: &[u8],
    ) -> Result<Self::Payload, EngineError> {
        assert_eq!(value.bytes(graph).0, bytes.len() as u64);
        Ok(Arc::new(bytes.to_vec()))
    }
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn server(dir: &tempfile::TempDir) -> Server {
    Server::start(ServerOptions {
        spool: None,
        power: Discovered::default(),
        listen: any_port(),
        weights_dir: dir.path().to_owned(),
        factory: Arc::new(|_, _| Ok(Checking::default())),
        engine_name: "known bits".to_owned(),
        core: None,
        host: "gpu-box".to_owned(),
    })
    .unwrap()
}

fn robot(graph: Graph, servers: Vec<String>) -> Robot {
    let input = Input::open("synthetic", 1, SIZE, SIZE).unwrap();
    Robot::start(
        Checking::default(),
        RobotOptions {
            emulated_link: None,
            spool: None,
            listen: any_port(),
            servers,
            deadline: None,
            graph: Arc::new(graph),
            weights: Arc::new(Weights::seeded(1, &[])),
            weights_ref: WeightsRef::Seed(1),
            weights_name: "made".to_owned(),
            trained: false,
            plan: Plan::LOCAL,
            policy: None,
            source: Source::start(input, Some(50.0)).unwrap(),
            source_name: "synthetic".to_owned(),
            core: None,
            token: None,
            host: "jetson".to_owned(),
            power: Discovered::default(),
        },
    )
    .unwrap()
}

/// The last frame under a plan that a switch brought.
async fn last_frame(console: &mut Console, plan: &Plan) -> FrameRecord {
    console.switch(plan).await;
    console
        .until(&plan.label(), |h: &Heard| h.ok_in_a_row >= 8)
        .await;
    let frames = console.heard.frames.iter().rev();
    let mut under_plan = frames.filter(|f| f.outcome == Outcome::Ok && f.clock_error_ns.is_some());
    under_plan.next().cloned().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_bit_arrives_under_every_codec_also_between_servers() {
    let dir = tempfile::tempdir().unwrap();
    let servers = [server(&dir), server(&dir)];
    let slow = ShaperProfile::constant(BitsPerSecond::from_mbps(20.0));
    let shaper = Shaper::start(any_port(), servers[0].address(), slow).unwrap();
    let addresses = [shaper.local_addr(), servers[1].address()];
    let graph = zoo::build(MODEL, 1, SIZE, SIZE).unwrap();
    let robot = robot(graph.clone(), addresses.map(|a| a.to_string()).to_vec());
    let mut console = Console::attach(&robot.address().to_string()).await;
    console
        .until("both servers are ready", |h: &Heard| h.is_ready(2))
        .await;
    let split = Plan::split(12);
    let chain = Plan::chain(&[12, 30]);
    while let Err(why) = console.try_switch(&chain).await {
        assert!(
            why.contains("connecting to") || why.contains("cannot reach"),
            "{why}"
        );
    }
    for codec in [
        Codec::ZeroBitmap,
        Codec::ShuffleZstd,
        Codec::BitmapShuffleZstd,
    ] {
        for plan in [&split, &chain] {
            // The engines compare every bit; a difference fails the frame, and the console does not take that.
            let frame = last_frame(&mut console, &plan.clone().with_codec(codec)).await;
            let packing = frame.steps.packing(None).unwrap();
            assert_eq!(
                Some(packing.codecs.as_slice()),
                codec.fixed().as_ref().map(std::slice::from_ref)
            );
            assert_eq!(packing.error_ppb, 0);
            let sent = frame.steps.iter().filter(|s| s.kind == StepKind::Transfer);
            let edges = sent.map(|s| (s.device, s.to, s.bytes)).collect::<Vec<_>>();
            assert_eq!(edges.len() as u8, 1 + plan.last_device().0, "{edges:?}");
            let up = frame
                .steps
                .packing(Some((NodeId(12), DeviceId(0), DeviceId(1))))
                .unwrap();
            let crossing = graph.node(NodeId(12)).output_bytes().0;
            assert_eq!((up.payload_bytes, frame.bytes_up), (crossing, crossing));
            assert!(up.encode_ns > 0 && up.decode_ns > 0, "{up:?}");
            // Six of ten elements are zero; what is left has random bits.
            assert_eq!(
                up.ratio() > 2.0,
                codec != Codec::ShuffleZstd,
                "{codec}: {up:?}"
            );
        }
    }
    // At 20 Mbps packing pays; what came out of the trial is told, and no plan that keeps bits chooses f16.
    let auto = last_frame(&mut console, &split.clone().with_codec(Codec::Auto)).await;
    let up = auto
        .steps
        .packing(Some((NodeId(12), DeviceId(0), DeviceId(1))))
        .unwrap();
    assert!(up.ratio() > 1.2 && !up.is_lossy(), "{up:?}");
    // Without a codec nothing is packed and nothing told of packing.
    let plain = last_frame(&mut console, &split).await;
    assert!(
        plain
            .steps
            .iter()
            .all(|s| !matches!(s.kind, StepKind::Encode | StepKind::Decode))
    );
    let plain = plain.steps.packing(None).unwrap();
    assert_eq!(
        (plain.payload_bytes, plain.codecs.as_slice()),
        (plain.wire_bytes, &[ValueCodec::None][..])
    );

    MAY_LOSE.store(true, Ordering::Relaxed);
    let half = last_frame(&mut console, &split.with_codec(Codec::F16)).await;
    let up = half
        .steps
        .packing(Some((NodeId(12), DeviceId(0), DeviceId(1))))
        .unwrap();
    assert_eq!(up.wire_bytes * 2, up.payload_bytes);
    // The largest float becomes infinite: an error as large as can be told.
    assert!(up.is_lossy() && up.error_ppb == u32::MAX, "{up:?}");
}

/// What every codec makes of the same sixteen elements.
#[test]
fn the_packed_forms_do_not_drift() {
    let elements = [
        0,
        0x8000_0000,
        0x3f80_0000,
        0,
        0,
        0x7fc0_dead,
        0,
        0x4049_0fdb,
    ];
    let raw: Vec<u8> = elements
        .iter()
        .chain(&elements)
        .flat_map(|e: &u32| e.to_le_bytes())
        .collect();
    let mut text = String::new();
    for id in 0..5 {
        let codec = ValueCodec::of_id(id).unwrap();
        for (dtype, bytes) in [(DType::F32, &raw[..]), (DType::U8, &raw[..16])] {
            let packed = encode(codec, dtype, bytes).unwrap();
            writeln!(text, "{id} {codec} {dtype:?}: {packed:02x?}").unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

fn head(codec: ValueCodec, total: u64, offset: u64) -> ChunkHead {
    let one = Span::new(0, 1);
    let mut bytes = [0; CHUNK_HEAD_BYTES];
    for span in [18, 26, 34] {
        bytes[span + 4] = 1;
    }
    let (mut head, _) = ChunkHead::decode(&bytes).unwrap();
    assert_eq!((head.value.region.row, head.codec), (one, ValueCodec::None));
    (head.codec, head.total, head.offset) = (codec, total, offset);
    head
}

proptest! {
    #[test]
    fn a_hostile_peers_parts_give_the_plans_length_or_a_sentence(
        id in 0_u8..5,
        elements in 0_usize..2000,
        claimed in any::<u64>(),
        claims_little in any::<bool>(),
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6),
        is_honest_head in any::<bool>(),
    ) {
        let codec = ValueCodec::of_id(id).unwrap();
        let most = codec.max_encoded_bytes(DType::F32, elements) as u64;
        let sent: u64 = parts.iter().map(|p| p.len() as u64).sum();
        let total = match (is_honest_head, claims_little) {
            (true, _) => sent,
            (false, true) => claimed % (most + 100),
            (false, false) => claimed,
        };
        let mut inbox = Inbox::default();
        let mut offset = 0;
        for part in &parts {
            let taken: Result<_, InboxError> =
                inbox.take(head(codec, total, offset), part, Nanos(0), |_| Ok(Expect::AtMost(most)));
            offset += part.len() as u64;
            match taken {
                Ok(Some(complete)) => {
                    prop_assert!(complete.bytes.len() as u64 <= most.max(sent));
                    prop_assert!(complete.bytes.capacity() as u64 <= most.max(64));
                    match decode(codec, DType::F32, elements, &complete.bytes) {
                        Ok(raw) => prop_assert_eq!(raw.len(), elements * 4),
                        Err(why) => prop_assert!(why.to_string().starts_with(codec.name()), "{}", why),
                    }
                    return Ok(());
                }
                Ok(None) => {}
                Err(why) => {
                    let why = why.to_string();
                    prop_assert!(why.contains("expect"), "{}", why);
                    return Ok(());
                }
            }
        }
    }
}
