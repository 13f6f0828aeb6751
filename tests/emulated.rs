//! An emulated robot and two emulated servers as real processes, without libtorch: real programs and bytes, made-up
//! times that add up exactly.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail like tests"
)]

#[path = "support/console.rs"]
mod console;
#[path = "support/emulated.rs"]
mod emulated;
#[path = "emulated/observer.rs"]
mod observer;
#[path = "emulated/pauses.rs"]
mod pauses;
#[path = "emulated/probes.rs"]
mod probes;
#[path = "emulated/shaped.rs"]
mod shaped;

use std::sync::Arc;

use console::{Console, Heard};
use emulated::Worker;
use splitscope::model::{Graph, zoo};
use splitscope::plan::{Choice, Join, ModeKind, Plan, Schedule, Step, compile};
use splitscope::profile::Profile;
use splitscope::simulate::{self, Costs, Link, Run, World};
use splitscope::units::{DeviceId, Epoch, Nanos};
use splitscope::wire::{FrameRecord, Outcome, StepKind, StepTime, Steps};

const MODEL: &str = "mobilenet_v2";
const SIZE: u32 = 96;
const BATCH: u32 = 2;

/// Every mode, over one server and over two.
fn plans(graph: &Graph) -> Vec<Plan> {
    let mut plans = Vec::new();
    for mode in ModeKind::ALL {
        for shares in [vec![0.5, 0.5], vec![0.2, 0.4, 0.4]] {
            let mut choice = Choice::usual(graph, mode);
            choice.shares = shares;
            choice.join = if plans.len() % 2 == 0 {
                Join::Gather
            } else {
                Join::Reduce
            };
            plans.push(choice.plan(graph).unwrap());
        }
    }
    let third = graph.operator_count() / 3;
    plans.push(Plan::chain(&[third, 2 * third]));
    plans.push(Plan::split(4).with_tiles(4));
    plans
}

struct Field {
    graph: Graph,
    robot: Profile,
    server: Profile,
}

impl Field {
    /// The times that a device's steps must take, and the bytes that it must send.
    fn expected(&self, schedule: &Schedule, device: DeviceId) -> (Vec<i64>, u64) {
        let profile = if device == DeviceId::ROBOT {
            &self.robot
        } else {
            &self.server
        };
        let (mut times, mut sent) = (Vec::new(), 0);
        let programs = schedule.programs.iter();
        for step in programs
            .filter(|p| p.device == device)
            .flat_map(|p| &p.steps)
        {
            match step {
                Step::Compute { node, out, over } => {
                    let node = self.graph.node(*node);
                    let over = over.map(|(span, _)| span);
                    times.push(profile.time_ns(&self.graph, node, out, over));
                }
                Step::Send { value, .. } => sent += value.bytes(&self.graph).0,
                Step::Reduce { .. } | Step::Receive { .. } => {}
            }
        }
        times.sort_unstable();
        (times, sent)
    }

    fn check(&self, frame: &FrameRecord, plan: &Plan) {
        let label = plan.label();
        let schedule = compile(&self.graph, plan, Epoch(1)).unwrap();
        assert!(frame.emulated && frame.top.is_empty() && frame.other_tops.is_empty());
        for device in (0..3).map(DeviceId) {
            let (times, bytes) = self.expected(&schedule, device);
            let own = |kind| {
                frame
                    .steps
                    .iter()
                    .filter(move |s| s.device == device && s.kind == kind)
            };
            let mut took: Vec<i64> = own(StepKind::Compute).map(|s| s.duration_ns).collect();
            took.sort_unstable();
            assert_eq!(took, times, "{label}: {device}");
            let sent: u64 = own(StepKind::Transfer).map(|s| s.bytes).sum();
            assert_eq!(sent, bytes, "{label}: {device}");
        }
        self.check_prediction(frame, &schedule);
        // Nothing is sent before it is made, on the clock that both times are of.
        let is_robots = |s: &StepTime| s.device == DeviceId::ROBOT;
        for sent in frame
            .steps
            .iter()
            .filter(|s| is_robots(s) && s.kind == StepKind::Transfer)
        {
            let made = frame
                .steps
                .iter()
                .filter(|s| is_robots(s) && s.node == sent.node && s.kind == StepKind::Compute);
            // Of several parts the first may be on its way while the next is made.
            if let Some(made) = made.map(|s| s.start_ns + s.duration_ns).min() {
                assert!(sent.start_ns >= made, "{label}: {} sent early", sent.node);
            }
        }
    }

    /// The simulator does the same work: the same steps on the same devices, as long on the lanes, with the same bytes;
    /// and over a link that costs nothing it is done no later.
    fn check_prediction(&self, frame: &FrameRecord, schedule: &Schedule) {
        let label = schedule.plan.label();
        let server: Arc<dyn Costs> = Arc::new(self.server.clone());
        let world = World {
            devices: vec![Arc::new(self.robot.clone()), Arc::clone(&server), server],
            link: Link::none(),
            between: Link::none(),
            packings: simulate::Packings::default(),
            power: None,
        };
        let one = Run::one(Nanos(0));
        let outcome = simulate::run(&self.graph, schedule, &world, &one).unwrap();
        let predicted = &outcome.frames[0];
        let work = |steps: &Steps| {
            let told = |s: StepTime| match s.kind {
                StepKind::Transfer => (s.device, s.to, s.node, 0, s.bytes),
                _ => (s.device, s.to, s.node, s.duration_ns, 0),
            };
            let mut all: Vec<_> = steps.iter().map(told).collect();
            all.sort_unstable();
            all
        };
        assert_eq!(work(&frame.steps), work(&predicted.steps), "{label}");
        assert!(predicted.latency_ns <= frame.latency_ns, "{label}");
        assert_eq!(
            (predicted.bytes_up, predicted.bytes_down),
            (frame.bytes_up, frame.bytes_down),
            "{label}"
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn every_mode_runs_emulated_with_the_plans_bytes_and_the_profiles_times() {
    let servers = [(); 2].map(|()| Worker::start(&["server", "--device", "gpu-server"]));
    let (size, batch) = (SIZE.to_string(), BATCH.to_string());
    let both = servers.each_ref().map(|s| s.address.as_str());
    let robot = Worker::robot(MODEL, &both, &["--size", &size, "--batch", &batch]);
    let field = Field {
        graph: zoo::build(MODEL, BATCH, SIZE, SIZE).unwrap(),
        robot: Profile::open("jetson-xavier-nx").unwrap(),
        server: Profile::open("gpu-server").unwrap(),
    };
    let mut console = Console::attach(&robot.address).await;
    console
        .until("both servers are ready", |h: &Heard| h.is_ready(2))
        .await;
    // The servers may not have found each other yet.
    let third = field.graph.operator_count() / 3;
    while let Err(why) = console.try_switch(&Plan::chain(&[third, 2 * third])).await {
        assert!(
            why.contains("connecting to") || why.contains("cannot reach"),
            "{why}"
        );
    }
    for plan in plans(&field.graph) {
        console.switch(&plan).await;
        console
            .until(&plan.label(), |h: &Heard| h.ok_in_a_row >= 4)
            .await;
        let under_plan = |f: &&FrameRecord| {
            f.mode == plan.mode_name()
                && f.outcome == Outcome::Ok
                && f.clock_error_ns.is_some() == (plan.last_device() != DeviceId::ROBOT)
        };
        let frames: Vec<_> = console.heard.frames.iter().filter(under_plan).collect();
        let last = frames.last().expect("a frame under the plan");
        field.check(last, &plan);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn an_emulated_local_frame_computes_for_exactly_the_profiles_sum() {
    let robot = Worker::start(&["robot", "--device", "gpu-server", "--model", MODEL]);
    let graph = zoo::build(MODEL, 1, 224, 224).unwrap();
    let sum = Profile::open("gpu-server").unwrap().forward_ns(&graph);
    let mut console = Console::attach(&robot.address).await;
    console
        .until("frames", |h: &Heard| h.ok_in_a_row >= 5)
        .await;
    for frame in &console.heard.frames {
        // Not a wall-clock time: the lane's own clock counts what the profile says.
        assert_eq!(frame.parts.robot_compute_ns, sum);
        assert!(frame.latency_ns >= sum && frame.emulated && frame.top.is_empty());
    }
}
