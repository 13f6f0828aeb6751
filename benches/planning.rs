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
        "| model | operators | objective | set-up, ms | first look at a rate, ms: median, worst | again: median, worst | <= {TARGET_MS} ms |"
    );
    println!("|---|---:|---|---:|---:|---:|---|");
    for name in ["resnet152", "densenet121"] {
        let graph = Arc::new(zoo::build(name, 1, 224, 224).unwrap());
        let robot = device("jetson-xavier-nx");
        let power = robot.power.map(|p| p.levels());
        let world = World::pair(robot, device("gpu-server"), link(93.0), power);
        for objective in [
            Objective::Latency,
            Objective::Energy,
            Objective::Deadline { ms: 60.0 },
            Objective::Throughput,
        ] {
            let mut auto = Auto { objective };
            // Everything that no link changes: closed sets, times, plans compiled.
            let (problem, setup_ms) = timed(|| {
                let problem = Problem::new(Arc::clone(&graph), world.clone()).unwrap();
                auto.decide(&problem);
                problem
            });
            let mut decide = |mbps: f64| {
                let (_, ms) = timed(|| auto.decide(&problem.with_link(link(mbps), 0.2)));
                ms
            };
            let first: Vec<f64> = MBPS.into_iter().map(&mut decide).collect();
            let again: Vec<f64> = (0..repeats).flat_map(|_| MBPS).map(&mut decide).collect();
            let figures = |times: &[f64]| {
                let worst = times.iter().copied().fold(0.0, f64::max);
                (paired::median(times), worst)
            };
            let ((first, first_worst), (again, again_worst)) = (figures(&first), figures(&again));
            let verdict = if first_worst.max(again_worst) <= TARGET_MS {
                "met"
            } else {
                "NOT met"
            };
            println!(
                "| {name} | {} | {objective} | {setup_ms:.0} | {first:.2}, {first_worst:.2} | {again:.2}, {again_worst:.2} | {verdict} |",
                graph.operator_count(),
            );
        }
    }
}
