//! What planning costs: all modes for graphs of hundreds of operators, in processor time of one core. Target: 10 ms a
//! decision, at a rate that is news as well as at one that was seen before.
//!
//! Needs no libtorch. `cargo xtask bench planning [--repeats N]`
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench says its figures and fails like a test"
)]

#[path = "shared/paired.rs"]
#[expect(dead_code, reason = "it has more than this bench uses")]
mod paired;

use std::sync::Arc;

use rustix::time::{ClockId, clock_gettime};
use splitscope::model::zoo;
use splitscope::policy::{Auto, Objective, Policy, Problem};
use splitscope::profile::Profile;
use splitscope::simulate::{Link, World};
use splitscope::units::BitsPerSecond;

const TARGET_MS: f64 = 10.0;
/// Rates of the link, in megabits per second: each is news to the planner.
const MBPS: [f64; 12] = [
    2.0, 5.0, 9.0, 14.0, 20.0, 30.0, 45.0, 73.0, 93.0, 150.0, 300.0, 900.0,
];

/// Models, and who helps a Jetson Xavier NX with them: the largest graphs of the zoo, and smaller ones whose row tiles are
/// searched more finely, most of all where both devices are as fast.
const PAIRS: [(&str, &str); 5] = [
    ("resnet152", "gpu-server"),
    ("densenet121", "gpu-server"),
    ("mobilenet_v2", "gpu-server"),
    ("vgg19_bn", "gpu-server"),
    ("vgg19_bn", "jetson-xavier-nx"),
];

/// What a body takes of one core, in milliseconds: this thread's processor time, whatever else the machine does.
fn timed<T>(body: impl FnOnce() -> T) -> (T, f64) {
    let ms = || {
        let spent = clock_gettime(ClockId::ThreadCPUTime);
        spent.tv_sec as f64 * 1e3 + spent.tv_nsec as f64 / 1e6
    };
    let began = ms();
    let made = body();
    (made, ms() - began)
}

fn main() {
    let repeats = paired::number_argument("--repeats").unwrap_or(10).max(1);
    let device = |name: &str| Arc::new(Profile::open(name).unwrap());
    let link = |mbps| Link::constant(BitsPerSecond::from_mbps(mbps));
    println!(
        "| model, server | operators | objective | set-up, ms | first look at a rate, ms: median, worst | again: median, worst \
         | with new times of the devices: median, worst | <= {TARGET_MS} ms | compiled between decisions: plans, ms \
         each: median, worst |"
    );
    println!("|---|---:|---|---:|---:|---:|---:|---|---:|");
    for (name, server) in PAIRS {
        let graph = Arc::new(zoo::build(name, 1, 224, 224).unwrap());
        let robot = device("jetson-xavier-nx");
        let power = robot.power.map(|p| p.levels());
        let world = World::pair(robot, device(server), link(93.0), power);
        for objective in [
            Objective::Latency,
            Objective::Energy,
            Objective::Deadline { ms: 60.0 },
            Objective::Throughput,
        ] {
            let mut auto = Auto { objective };
            // Closed sets and times; nothing is compiled.
            let (problem, setup_ms) =
                timed(|| Problem::new(Arc::clone(&graph), world.clone()).unwrap());
            let mut compiling: Vec<f64> = Vec::new();
            // As a worker does: a decision with what is there, then what it wanted is compiled while nobody waits.
            let mut decide = |mbps: f64| {
                let (_, ms) = timed(|| auto.decide(&problem.with_link(link(mbps), 0.2)));
                loop {
                    let (was_wanted, ms) = timed(|| problem.prepare());
                    if !was_wanted {
                        break;
                    }
                    compiling.push(ms);
                }
                ms
            };
            let first: Vec<f64> = MBPS.into_iter().map(&mut decide).collect();
            let again: Vec<f64> = (0..repeats).flat_map(|_| MBPS).map(&mut decide).collect();
            let renewed: Vec<f64> = (0..repeats)
                .flat_map(|_| MBPS)
                .map(|mbps| {
                    let decided = || {
                        let problem = problem.renewed(world.clone()).unwrap();
                        auto.decide(&problem.with_link(link(mbps), 0.2))
                    };
                    timed(decided).1
                })
                .collect();
            let worst = |times: &[f64]| times.iter().copied().fold(0.0, f64::max);
            let figures = |times: &[f64]| {
                if times.is_empty() {
                    return "none".to_owned();
                }
                format!("{:.2}, {:.2}", paired::median(times), worst(times))
            };
            let all = [&first, &again, &renewed];
            let is_met = all.iter().all(|times| worst(times) <= TARGET_MS);
            println!(
                "| {name}, {server} | {} | {objective} | {setup_ms:.1} | {} | {} | {} | {} | {}, {} |",
                graph.operator_count(),
                figures(&first),
                figures(&again),
                figures(&renewed),
                if is_met { "met" } else { "NOT met" },
                compiling.len(),
                figures(&compiling),
            );
        }
    }
}
