//! A run of the emulated devices through the relay, beside what the real ones took: everything offloaded, with the other
//! system's transport as the link's delay and slope, and its f32 input. Skipped without the folder of measured figures.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests' helpers stop and tell as tests do"
)]

#[path = "support/console.rs"]
mod console;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use console::{Console, Heard};
use splitscope::engine::emulated::EmulatedEngine;
use splitscope::link::LinkChoice;
use splitscope::link::shaper::Shaper;
use splitscope::model::weights::Weights;
use splitscope::model::zoo;
use splitscope::plan::Plan;
use splitscope::power::Discovered;
use splitscope::profile::{FieldData, Profile, forward_without_normalize_ns};
use splitscope::units::NodeId;
use splitscope::wire::data::WeightsRef;
use splitscope::wire::{FrameRecord, Outcome};
use splitscope::worker::input::{Input, Source};
use splitscope::worker::robot::{Robot, RobotOptions};
use splitscope::worker::server::{Server, ServerOptions};

/// The link's rate in the measurements, in MB/s.
const RATE: u32 = 8;
/// Frames of one try.
const FRAMES: u64 = 25;
/// The measured transport: 7 ms each way are the 14 ms of an exchange.
const LINK: &str = "64,delay=7ms,slope=1.05";
/// The same rate without it.
const PLAIN: &str = "64";

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn robot(zoo_name: &str, server: SocketAddr) -> Robot {
    let profile = Profile::open("jetson-xavier-nx").unwrap();
    Robot::start(
        EmulatedEngine::new(profile),
        RobotOptions {
            emulated_link: None,
            spool: None,
            listen: any_port(),
            servers: vec![server.to_string()],
            deadline: None,
            graph: Arc::new(zoo::build(zoo_name, 1, 224, 224).unwrap()),
            weights: Arc::new(Weights::seeded(0, &[])),
            weights_ref: WeightsRef::Seed(0),
            weights_name: "none".to_owned(),
            trained: false,
            plan: Plan::LOCAL,
            policy: None,
            source: Source::start(Input::open("synthetic", 1, 224, 224).unwrap(), None).unwrap(),
            source_name: "synthetic".to_owned(),
            core: None,
            token: None,
            host: "jetson".to_owned(),
            power: Discovered::default(),
        },
    )
    .unwrap()
}

async fn median_ms(robot: &Robot, plan: &Plan) -> f64 {
    let mut console = Console::attach(&robot.address().to_string()).await;
    console
        .until("the server is ready", |h: &Heard| h.is_ready(1))
        .await;
    console.switch(plan).await;
    console
        .until("offloaded frames", |h: &Heard| h.ok_in_a_row >= FRAMES)
        .await;
    let is_plain = |f: &&FrameRecord| f.outcome == Outcome::Ok && !f.warmup && f.bytes_up > 0;
    let frames = console.heard.frames.iter().filter(is_plain);
    let mut latencies: Vec<i64> = frames.map(|f| f.latency_ns).collect();
    latencies.sort_unstable();
    latencies[latencies.len() / 2] as f64 / 1e6
}

async fn run_ms(zoo_name: &str, plan: Plan, link: &str) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(ServerOptions {
        spool: None,
        power: Discovered::default(),
        listen: any_port(),
        weights_dir: dir.path().to_owned(),
        factory: Arc::new(|_, _| Ok(EmulatedEngine::new(Profile::open("gpu-server").unwrap()))),
        engine_name: "emulated gpu-server".to_owned(),
        core: None,
        host: "gpu-box".to_owned(),
    })
    .unwrap();
    let link = LinkChoice::open(link).unwrap().profile().unwrap();
    let shaper = Shaper::start(any_port(), server.address(), link).unwrap();
    let robot = robot(zoo_name, shaper.local_addr());
    median_ms(&robot, &plan).await
}

/// Computing and the bytes at the link's rate, and nothing else: no transport is faster.
fn ideal_ms(zoo_name: &str) -> f64 {
    let graph = zoo::build(zoo_name, 1, 224, 224).unwrap();
    let ends = [graph.node(NodeId(1)), graph.node(graph.output())];
    let bytes: u64 = ends.iter().map(|node| node.output_bytes().0).sum();
    let server = Profile::open("gpu-server").unwrap();
    let compute_ms = forward_without_normalize_ns(&server, &graph) as f64 / 1e6;
    compute_ms + bytes as f64 / (f64::from(RATE) * 1e3)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_emulated_run_through_the_relay_takes_what_the_real_devices_took() {
    let Some(dir) = std::env::var_os("SPLITSCOPE_FIELD_DATA") else {
        println!("skipped: SPLITSCOPE_FIELD_DATA names no folder of measured figures");
        return;
    };
    let field = FieldData::new(Path::new(&dir));
    for (model, zoo_name) in [("VGG19_BN", "vgg19_bn"), ("ResNet152", "resnet152")] {
        let buckets = field.offloaded_ms("indoors", model).unwrap().unwrap();
        let (_, measured_ms) = buckets[&RATE];
        // After the first operator the input is f32, as it was there.
        for attempt in 1..=3 {
            let run = run_ms(zoo_name, Plan::split(1), LINK).await;
            // The link's parameter stands for the whole of the other transport: what ours takes here by itself, and what
            // this machine is late, is in both runs and comes off.
            let ours = run_ms(zoo_name, Plan::split(1), PLAIN).await - ideal_ms(zoo_name);
            let off = (run - ours) / measured_ms - 1.0;
            println!(
                "{model} offloaded at {RATE} MB/s: run {run:.1} ms, of that our own transport {ours:.1} ms, measured \
                 {measured_ms:.1} ms, {:+.1} % (attempt {attempt})",
                off * 100.0
            );
            if off.abs() <= 0.05 {
                break;
            }
            assert!(
                attempt < 3,
                "{model}: {run} less {ours} ms for {measured_ms}"
            );
        }
        let own_ms = run_ms(zoo_name, Plan::REMOTE, LINK).await;
        println!("{model}: with a u8 input over the same link {own_ms:.1} ms");
        assert!(own_ms < measured_ms, "a quarter of the bytes is not faster");
    }
}
