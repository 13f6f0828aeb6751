//! Segment search against brute force.

use std::sync::Arc;

use proptest::prelude::*;

use super::labels::Score;
use super::*;
use crate::model::Graph;
use crate::policy::tests::{packings, problem};
use crate::policy::{Auto, Policy};
use crate::profile::Profile;
use crate::simulate::testing::randoms;
use crate::simulate::{Costs, Link, World};
use crate::units::{BitsPerSecond, DeviceId};

/// A problem's times with few shares, so that everything can be enumerated.
fn coarse(problem: &Problem, shares: &[f64]) -> Times {
    let (robot_ns, server_ns) = problem.operator_ns();
    let costs = |at: usize| -> &dyn Costs { problem.world().devices[at].as_ref() };
    let made = Made {
        server: DeviceId::SERVER,
        sides: [(costs(0), robot_ns), (costs(1), server_ns)],
        packings: &problem.world().packings,
    };
    Times::new(problem.graph(), problem.segments().0, made, shares)
}

/// The best score of all paths from a label at a boundary on, none dropped.
fn exhaustive(
    search: &Search<'_>,
    score: &Score<'_>,
    at: (usize, u32),
    label: &Label,
) -> Option<f64> {
    let (boundary, rows) = at;
    if boundary + 1 == search.times.shares.len() {
        let scored = score(&search.brought(label, rows), &Rest::NONE);
        return scored.filter(|_| label.is_beyond());
    }
    let mut best: Option<f64> = None;
    for (to, segments) in search.times.segments.iter().enumerate() {
        for segment in segments.iter().filter(|s| s.from == boundary) {
            let moved = search.moved(segment, rows);
            let label = search.extended(label, segment, rows, &moved);
            let next = (to, segment.parts[ROBOT].rows);
            let found = exhaustive(search, score, next, &label);
            best = best.into_iter().chain(found).min_by(f64::total_cmp);
        }
    }
    best
}

fn objectives(ms: f64) -> [Objective; 5] {
    [
        Objective::Latency,
        Objective::Energy,
        Objective::Deadline { ms },
        Objective::Budget { joules: ms / 40.0 },
        Objective::Throughput,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Every path through the boundaries with a third, two thirds, none or all of the rows: the same cost model, nothing
    /// dropped.
    #[test]
    fn dropping_labels_loses_nothing(
        ops in randoms(5), bytes_per_ms in 20.0..4000.0_f64, message in 0_i64..2_000_000, ms in 1.0..80.0_f64,
        which in 0_usize..5, packs: bool, duplex: bool,
    ) {
        let plain = problem(&ops, bytes_per_ms, message);
        let mut world = plain.world().clone();
        world.link.duplex = duplex;
        if packs {
            world.packings = packings(plain.graph());
        }
        let problem = plain.renewed(world).unwrap();
        let times = coarse(&problem, &[0.34, 0.66]);
        let objective = objectives(ms)[which];
        let lanes = Lanes::new(&problem.world().link, problem.starts()).unwrap();
        let mut weigh = Weigh {
            objective, lanes, slower: 1.3, levels: problem.world().power, best: None, may_be_too_high: 0.0,
        };
        let search = Search { times: &times, lanes, compared: weigh.compared(), most: usize::MAX, plans: 1 };
        let all = times.shares[0][0];
        let best = exhaustive(&search, &|label, rest| weigh.score(label, rest), (0, all), &Label::FIRST);
        let found = search.run(&|label, rest| weigh.score(label, rest));
        let scored = |found: &[Path]| found.first().and_then(|path| weigh.score(&path.label, &Rest::NONE));
        prop_assert_eq!(scored(&found), best);
        // Knowing the best beforehand, and so looking at less, does not lose it either.
        if let Some(path) = found.first() {
            let mut known = weigh.figures(&path.label, &Rest::NONE);
            // Bounds round, by nanoseconds.
            known.latency_ns += known.latency_ns / 100_000 + 20;
            known.p95_ns += known.p95_ns / 100_000 + 20;
            known.energy = known.energy.map(|e| crate::units::Joules(e.0 * 1.00001));
            known.frames_per_s *= 0.99999;
            weigh.best = Some(&known);
            let again = search.run(&|label, rest| weigh.score(label, rest));
            let score = again.first().and_then(|path| weigh.score(&path.label, &Rest::NONE));
            prop_assert_eq!(score, best);
        }
    }
}

/// Every plan of row tiles with these shares of the rows for the robot, at every set of boundaries.
fn every_plan(graph: &Graph, ground: &Ground, shares: &[f64]) -> Vec<Plan> {
    let last = ground.boundaries.len() - 1;
    let mut plans: Vec<Vec<(NodeId, Vec<u32>)>> = vec![Vec::new()];
    for (at, boundary) in ground.boundaries.iter().enumerate().skip(1) {
        let mut more = Vec::new();
        for plan in &plans {
            let mut rows: Vec<u32> = (shares.iter())
                .map(|share| (share * f64::from(boundary.rows)).round() as u32)
                .collect();
            rows.dedup();
            more.extend(rows.into_iter().map(|rows| {
                let mut plan = plan.clone();
                plan.push((boundary.node, vec![rows]));
                plan
            }));
        }
        if at < last {
            plans.extend(more);
        } else {
            plans = more;
        }
    }
    assert!(
        plans
            .iter()
            .all(|plan| plan.last().is_some_and(|end| end.0 == graph.output()))
    );
    let of = |segments| Plan::of(Mode::Tile { segments });
    plans.into_iter().map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Every set of boundaries with none, half or all of the rows, every plan simulated.
    #[test]
    fn auto_is_no_worse_than_any_plan_of_a_coarse_grid(
        ops in randoms(5), bytes_per_ms in 20.0..4000.0_f64, ms in 1.0..80.0_f64, which in 0_usize..4,
    ) {
        let problem = problem(&ops, bytes_per_ms, 0);
        let objective = objectives(ms)[which];
        let chosen = Auto { objective }.decide(&problem).chosen;
        let plans = every_plan(problem.graph(), problem.segments().0, &[0.0, 0.5, 1.0]);
        let all: Vec<Candidate> = plans.iter().map(|plan| problem.simulate(plan).unwrap()).collect();
        let best = &all[objective.best(&all).unwrap()];
        let gain = objective.gain(&chosen, best);
        prop_assert!(gain <= 1e-6, "{gain}: {:?} is better than {:?}", best.plan.mode, chosen.plan.mode);
    }
}

fn two_xaviers(mbps: f64) -> Problem {
    let graph = crate::model::zoo::build("vgg19_bn", 1, 224, 224).unwrap();
    let device = || Arc::new(Profile::open("jetson-xavier-nx").unwrap());
    let link = Link::constant(BitsPerSecond::from_mbps(mbps));
    Problem::new(Arc::new(graph), World::pair(device(), device(), link, None)).unwrap()
}

#[test]
fn estimates_are_near_what_the_simulator_says() {
    for mbps in [93.0, 300.0, 900.0] {
        let problem = two_xaviers(mbps);
        let found = estimates(&problem, Objective::Latency, None);
        assert!(found.len() > 2, "{found:?}");
        for estimate in found {
            let simulated = problem.simulate(&estimate.plan).unwrap();
            let off = estimate.latency_ns as f64 / simulated.latency_ns as f64 - 1.0;
            assert!(off.abs() < 0.05, "{mbps} Mbps, {off}: {:?}", estimate.plan);
        }
    }
}

#[test]
fn two_equal_devices_get_segments_with_shares_of_their_own() {
    let problem = two_xaviers(900.0);
    let objective = Objective::Latency;
    let decision = problem.settled(|problem| Auto { objective }.decide(problem));
    let uniform = problem.family().plans.iter();
    let uniform: Vec<Candidate> = uniform
        .map(|plan| problem.simulate(plan).unwrap())
        .collect();
    let best = &uniform[objective.best(&uniform).unwrap()];
    let gain = objective.gain(best, &decision.chosen);
    assert!(gain > 0.03, "{gain}: {decision:?}");
    let told = decision.reasons.join("; ");
    assert!(
        told.contains("the robot's rows: ") && told.contains(" of 56 to "),
        "{told}"
    );
}

#[test]
fn the_fastest_server_takes_part_and_those_before_it_have_no_rows() {
    let graph = crate::model::zoo::build("vgg19_bn", 1, 224, 224).unwrap();
    let device = |name: &str| Arc::new(Profile::open(name).unwrap());
    let slow = || device("jetson-xavier-nx");
    let link = Link::constant(BitsPerSecond::from_mbps(900.0));
    let mut world = World::pair(slow(), slow(), link, None);
    world.devices.push(device("gpu-server"));
    let problem = Problem::new(Arc::new(graph), world).unwrap();
    let found = estimates(&problem, Objective::Latency, None);
    let plan = &found.first().unwrap().plan;
    assert_eq!(plan.last_device(), DeviceId(2));
    let prepared = problem.prepared(plan).unwrap();
    assert_eq!(prepared.busy_ns(DeviceId(1)), 0);
    assert!(prepared.busy_ns(DeviceId(2)) > 0);
}
