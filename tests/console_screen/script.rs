//! Made-up workers: what they say, as records that go through the console's ordinary ways.

use splitscope::model::zoo;
use splitscope::plan::{Plan, ValueCodec};
use splitscope::units::{BootId, DeviceId, Epoch, FrameId, Hash32, Nanos, NodeId};
use splitscope::wire::console::{Batch, Role, WorkerHello};
use splitscope::wire::{
    BatchId, ClassScore, FrameRecord, ModelRecord, Outcome, PROTOCOL, Parts, PlanRecord, Record,
    StepKind, StepTime, Steps,
};

/// Milliseconds in nanoseconds.
pub(crate) const MS: i64 = 1_000_000;

/// `MobileNetV2` for 224 x 224 images.
pub(crate) fn model(trained: bool) -> ModelRecord {
    let graph = zoo::build("mobilenet_v2", 1, 224, 224).unwrap();
    ModelRecord {
        graph: graph.spec(),
        graph_hash: graph.hash(),
        weights: if trained {
            "mobilenet_v2-7ebf99e0.pth".to_owned()
        } else {
            "seed 1".to_owned()
        },
        trained,
    }
}

/// A worker's first words.
pub(crate) fn hello(role: Role, boot: u64, session: u64) -> WorkerHello {
    WorkerHello {
        protocol: PROTOCOL,
        version: "0.1.0".to_owned(),
        role,
        host: match role {
            Role::Robot => "jetson-nx".to_owned(),
            Role::Server => "gpu-box".to_owned(),
        },
        boot: BootId(boot),
        engine: "libtorch 2.11, CPU, 1 thread".to_owned(),
        emulated: false,
        session,
        needs_token: false,
        nonce: Hash32::of(b"nonce"),
        capabilities: Vec::new(),
        now: Nanos(0),
        unix_ms: None,
        model: (role == Role::Robot).then(|| Box::new(model(true))),
    }
}

/// Telemetry.
pub(crate) fn batch(seq: u64, records: Vec<Record>) -> Batch {
    Batch {
        id: BatchId {
            boot: BootId(1),
            seq,
        },
        sent: Nanos(0),
        lost_batches: 0,
        records,
    }
}

/// The plan in effect.
pub(crate) fn plan(epoch: u32, plan: Plan) -> Record {
    Record::Plan(PlanRecord {
        epoch: Epoch(epoch),
        plan,
        local_because: None,
        policy: None,
    })
}

/// A frame split at `cut` of `mobilenet_v2`; its number varies the times a little, always in the same way.
pub(crate) fn frame(number: u64, epoch: u32, cut: u32) -> FrameRecord {
    let graph = zoo::build("mobilenet_v2", 1, 224, 224).unwrap();
    let wobble = |n: u64| (number.wrapping_mul(2_654_435_761) >> (n % 7)) as i64 % 100;
    let mut robot = 0;
    let mut server = 0;
    let mut steps = Steps::default();
    for node in graph.operators() {
        let on_robot = node.id.0 <= cut;
        let work = (node.output_bytes().0 / 2_000) as i64 * 1_000 + 20_000;
        let duration_ns = if on_robot { work } else { work / 8 } * (100 + wobble(3) / 5) / 100;
        let device = u8::from(!on_robot);
        steps.push(StepTime {
            device: DeviceId(device),
            kind: StepKind::Compute,
            node: NodeId(node.id.0),
            start_ns: robot + server,
            duration_ns,
            bytes: 0,
            to: DeviceId(device),
            wire_bytes: 0,
            codec: ValueCodec::None,
            error_ppb: 0,
        });
        if on_robot {
            robot += duration_ns;
        } else {
            server += duration_ns;
        }
    }
    let split = cut < graph.operator_count();
    let uplink = if split {
        17 * MS + wobble(1) * 60_000
    } else {
        0
    };
    let downlink = if split { 400_000 } else { 0 };
    let wait = if split {
        2 * MS + wobble(2) * 10_000
    } else {
        100_000
    };
    let parts = Parts {
        robot_compute_ns: robot,
        server_compute_ns: server,
        uplink_ns: uplink,
        downlink_ns: downlink,
        wait_ns: wait,
        overlap_ns: 0,
    };
    let score = |class, score| ClassScore { class, score };
    FrameRecord {
        frame: FrameId(number),
        attempt: 0,
        epoch: Epoch(epoch),
        mode: "split".to_owned(),
        cut: Some(cut),
        admitted: Nanos(number as i64 * 62 * MS),
        latency_ns: parts.sum_ns(),
        parts,
        bytes_up: if split { 200_704 } else { 0 },
        bytes_down: if split { 4_000 } else { 0 },
        outcome: Outcome::Ok,
        warmup: false,
        preparing: false,
        skipped: 0,
        clock_error_ns: split.then_some(310_000),
        picture: "coffee.png".to_owned(),
        top: vec![
            score(967, 0.93),
            score(968, 0.05),
            score(504, 0.01),
            score(925, 0.005),
            score(550, 0.002),
        ],
        other_tops: Vec::new(),
        steps,
        emulated: false,
        predicted_ns: None,
    }
}
