//! Memory of robot and server over ten thousand frames under changing plans: it stays flat, values are dropped.
//!
//! `--frames N` (default 10000). Small images and an unshaped link, so that there are many frames.
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot run fails"
)]

#[path = "../tests/support/console.rs"]
mod console;
#[path = "shared/paired.rs"]
#[expect(dead_code, reason = "shared with other benches")]
mod paired;
#[path = "../tests/support/process.rs"]
mod process;

use console::Console;
use paired::number_argument;
use process::Worker;
use splitscope::model::zoo;
use splitscope::plan::{Choice, ModeKind};
use splitscope::units::Bytes;

/// Growth from the first tenth to the end that is still flat.
const TARGET: f64 = 1.05;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let frames = number_argument("--frames").unwrap_or(10_000) as u64;
    let server = Worker::start(&["server"]);
    let robot = Worker::start(&[
        "robot",
        "--server",
        &server.address,
        "--model",
        "mobilenet_v2",
        "--size",
        "64",
        "--batch",
        "2",
    ]);
    let mut console = Console::attach(&robot.address).await;
    console
        .until("the server is ready", |h| h.is_ready(1))
        .await;
    let graph = zoo::build("mobilenet_v2", 2, 64, 64).unwrap();
    let step = (frames / 10).max(1);
    let mut of_robot = Vec::new();
    let mut of_server = Vec::new();
    for at in 1..=10 {
        // Every mode in turn; the last tenth is under the plan of the first again.
        let mode = ModeKind::ALL[(at as usize) % 7];
        console
            .switch(&Choice::usual(&graph, mode).plan(&graph).unwrap())
            .await;
        console.until("frames", |h| h.told >= at * step).await;
        let (r, s) = (resident(&robot), resident(&server));
        println!(
            "{:>6} frames, last under {:<9} robot {}, server {}",
            at * step,
            mode.name(),
            Bytes(r),
            Bytes(s)
        );
        of_robot.push(r as f64);
        of_server.push(s as f64);
    }
    for (name, sizes) in [("robot", of_robot), ("server", of_server)] {
        // The first tenths see modes for the first time: the allocator keeps their memory.
        let growth = sizes[9] / sizes[6];
        println!(
            "{name}: {growth:.3}x from frame {} to {}; target <= {TARGET:.2}x {}",
            7 * step,
            10 * step,
            if growth <= TARGET { "met" } else { "NOT met" }
        );
    }
}

/// Resident memory of a worker in bytes, as Linux counts it.
fn resident(worker: &Worker) -> u64 {
    let path = format!("/proc/{}/status", worker.child.id());
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}
