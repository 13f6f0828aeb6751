//! What segments of row tiles with shares of their own gain over what `auto` finds by its search: found by changing one
//! segment's rows at a time, from several beginnings, until no change helps. Every plan is simulated.

use std::sync::Arc;

use splitscope::model::{Graph, zoo};
use splitscope::plan::{Mode, Plan, simple_tiles};
use splitscope::policy::{Auto, Candidate, Objective, Policy, Problem};
use splitscope::profile::Profile;
use splitscope::simulate::{Link, World};
use splitscope::units::{BitsPerSecond, DeviceId};

/// Rates of the link, in megabits per second.
const MBPS: [f64; 4] = [20.0, 93.0, 300.0, 900.0];
/// A segment's rows on the robot are tried in so many steps.
const STEPS: u32 = 8;
/// Rounds over all segments from one beginning.
const ROUNDS: usize = 4;

/// Prints a table for a model on a robot with a server that is the same device, and one that is faster.
pub(crate) fn table(model: &str) {
    println!(
        "\n| {model}, Xavier NX with | Mbps | auto, ms | its plan | segments with own shares, ms | segments | gain |"
    );
    println!("|---|---:|---:|---|---:|---:|---:|");
    let graph = Arc::new(zoo::build(model, 1, 224, 224).unwrap());
    for server in ["jetson-xavier-nx", "gpu-server"] {
        for mbps in MBPS {
            let device = |name: &str| Arc::new(Profile::open(name).unwrap());
            let link = Link::constant(BitsPerSecond::from_mbps(mbps));
            let world = World::pair(device("jetson-xavier-nx"), device(server), link, None);
            let problem = Problem::new(Arc::clone(&graph), world).unwrap();
            let mut auto = Auto {
                objective: Objective::Latency,
            };
            let chosen = problem.settled(|problem| auto.decide(problem)).chosen;
            let (best, segments) = descend(&problem, &graph);
            let ms = |candidate: &Candidate| candidate.latency_ns as f64 / 1e6;
            println!(
                "| {server} | {mbps} | {:.1} | {} | {:.1} | {segments} | {:+.1} % |",
                ms(&chosen),
                chosen.plan.label(),
                ms(&best),
                (1.0 - ms(&best) / ms(&chosen)) * 100.0
            );
        }
    }
}

/// The best plan in tiles that descents find, and its number of segments.
fn descend(problem: &Problem, graph: &Graph) -> (Candidate, usize) {
    let mut best: Option<Candidate> = None;
    for share in [0.25, 0.5, 0.75] {
        for rest in [DeviceId::SERVER, DeviceId::ROBOT] {
            let plan = simple_tiles(graph, &[share, 1.0 - share], rest).unwrap();
            let found = from(problem, graph, &plan);
            if best
                .as_ref()
                .is_none_or(|b| found.latency_ns < b.latency_ns)
            {
                best = Some(found);
            }
        }
    }
    let best = best.unwrap();
    let Mode::Tile { segments } = &best.plan.mode else {
        unreachable!("it began with tiles");
    };
    let count = segments.len();
    (best, count)
}

fn from(problem: &Problem, graph: &Graph, plan: &Plan) -> Candidate {
    let mut best = problem.simulate(plan).unwrap();
    for _ in 0..ROUNDS {
        let before = best.latency_ns;
        let Mode::Tile { segments } = best.plan.mode.clone() else {
            return best;
        };
        for (i, (end, _)) in segments.iter().enumerate() {
            let rows = graph.node(*end).shape.rows;
            for step in 0..=STEPS {
                let Mode::Tile { mut segments } = best.plan.mode.clone() else {
                    return best;
                };
                segments[i].1 = vec![rows * step / STEPS];
                let plan = Plan::of(Mode::Tile { segments });
                if let Ok(candidate) = problem.simulate(&plan)
                    && candidate.latency_ns < best.latency_ns
                {
                    best = candidate;
                }
            }
        }
        if best.latency_ns == before {
            break;
        }
    }
    best
}
