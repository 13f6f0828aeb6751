//! Robot and two servers as real processes, driven over the console's protocol: a random walk over all modes and their
//! parameters under traffic.
#![cfg(feature = "torch")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail like tests"
)]

#[path = "support/console.rs"]
mod console;
#[path = "support/process.rs"]
mod process;

use console::{Console, Heard};
use process::Worker;
use splitscope::model::{Graph, zoo};
use splitscope::plan::{Choice, Join, ModeKind, Plan, compile};
use splitscope::units::Epoch;

struct Walk(u32);

impl Walk {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % end
    }

    fn share(&mut self) -> f64 {
        f64::from(self.below(8) + 1) / 9.0
    }

    /// A random plan that applies to the graph.
    fn plan(&mut self, graph: &Graph) -> Plan {
        loop {
            let mode = ModeKind::ALL[self.below(7) as usize];
            let mut choice = Choice::usual(graph, mode);
            let n = graph.operator_count();
            choice.cuts = vec![self.below(n + 1)];
            if self.below(3) == 0 {
                choice
                    .cuts
                    .push(choice.cuts[0] + self.below(n + 1 - choice.cuts[0]));
            }
            choice.tiles = [1, 2, 4][self.below(3) as usize];
            choice.window = [1, 1, 2, 4][self.below(4) as usize];
            choice.shares = (0..2 + self.below(2)).map(|_| self.share()).collect();
            choice.join = [Join::Gather, Join::Reduce][self.below(2) as usize];
            let plan = choice.plan(graph);
            if let Ok(plan) = plan
                && compile(graph, &plan, Epoch(0)).is_ok()
            {
                return plan;
            }
        }
    }
}

const SIZE: u32 = 64;
const BATCH: u32 = 2;

fn field() -> (Vec<Worker>, Worker, Graph) {
    let servers = vec![Worker::start(&["server"]), Worker::start(&["server"])];
    let (size, batch) = (SIZE.to_string(), BATCH.to_string());
    let robot = Worker::start(&[
        "robot",
        "--model",
        "mobilenet_v2",
        "--size",
        &size,
        "--batch",
        &batch,
        "--server",
        &servers[0].address,
        "--server",
        &servers[1].address,
    ]);
    let graph = zoo::build("mobilenet_v2", BATCH, SIZE, SIZE).unwrap();
    (servers, robot, graph)
}

#[tokio::test(flavor = "current_thread")]
async fn two_thousand_random_switches_lose_no_frame_and_change_no_answer() {
    const SWITCHES: u32 = 2000;
    let (_servers, robot, graph) = field();
    let mut console = Console::attach(&robot.address).await;
    let both = |h: &Heard| h.is_ready(2);
    console.until("both servers are ready", both).await;
    // The servers may not have found each other yet.
    let third = graph.operator_count() / 3;
    while let Err(why) = console.try_switch(&Plan::chain(&[third, 2 * third])).await {
        assert!(
            why.contains("connecting to") || why.contains("cannot reach"),
            "{why}"
        );
    }
    let mut walk = Walk(11);
    let mut labels = std::collections::BTreeSet::new();
    for _ in 0..SWITCHES {
        let plan = walk.plan(&graph);
        labels.insert(plan.label());
        console.switch(&plan).await;
    }
    let heard = &console.heard;
    println!(
        "{SWITCHES} switches over {} different plans, {} frames, {} of them finished locally, under their plan: {:?}",
        labels.len(),
        heard.told,
        heard.finished_locally,
        heard.under_plan
    );
    for mode in ModeKind::ALL {
        let frames = heard.under_plan.get(mode.name()).copied().unwrap_or(0);
        assert!(frames > 50, "{} ran {frames} frames only", mode.name());
    }
    assert!(labels.len() > 300, "only {} plans", labels.len());
}
