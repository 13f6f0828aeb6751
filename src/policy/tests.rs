//! Problems for tests of policies, and what policies share.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::Graph;
use crate::plan::ValueCodec;
use crate::profile::Profile;
use crate::simulate::testing::{LEVELS, PerNode, Random, chain, random_graph, randoms, world};
use crate::simulate::{Link, Packing, Packings, Run, World, run};
use crate::units::{BitsPerSecond, Epoch, Nanos};

/// Random operators on a robot and a server over a link of so many bytes per millisecond.
pub(crate) fn problem(ops: &[Random], bytes_per_ms: f64, message_ns: i64) -> Problem {
    let (graph, robot, server) = random_graph(ops);
    let mut link = Link::constant(BitsPerSecond(bytes_per_ms * 8e3));
    link.message_ns = message_ns;
    link.latency_ns = 300_000;
    let (robot, server) = (Arc::new(PerNode(robot)), Arc::new(PerNode(server)));
    let world = World::pair(robot, server, link, Some(LEVELS));
    Problem::new(Arc::new(graph), world).unwrap()
}

/// A graph with times in milliseconds.
pub(crate) fn problem_of(
    graph: &Graph,
    robot: &[i64],
    server: &[i64],
    bytes_per_ms: f64,
) -> Problem {
    Problem::new(Arc::new(graph.clone()), world(robot, server, bytes_per_ms)).unwrap()
}

/// A codec that was seen on every second edge, and does more the later an edge is.
pub(crate) fn packings(graph: &Graph) -> Packings {
    let edge = |node: &crate::model::Node| {
        let n = f64::from(node.id.0);
        let packing = Packing {
            codec: ValueCodec::ZeroBitmap,
            wire: 1.0 / (1.5 + 0.2 * n),
            encode_ns: 900.0 + 100.0 * n,
            decode_ns: 500.0,
        };
        [((node.id, true), packing), ((node.id, false), packing)]
    };
    let odd = graph.nodes().iter().filter(|node| node.id.0 % 2 == 1);
    Packings::new(graph, odd.flat_map(edge))
}

/// Every set of operators closed under predecessors, by node, from all subsets.
pub(crate) fn closed(graph: &Graph) -> Vec<Vec<bool>> {
    let n = graph.operator_count();
    let set =
        |bits: u32| -> Vec<bool> { (0..=n).map(|i| i > 0 && bits >> (i - 1) & 1 == 1).collect() };
    let is_closed = |stays: &Vec<bool>| {
        graph.operators().iter().all(|node| {
            !stays[node.id.index()] || node.inputs.iter().all(|i| i.0 == 0 || stays[i.index()])
        })
    };
    (0..1 << n).map(set).filter(is_closed).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// Closed form and simulation are one prediction.
    #[test]
    fn a_divisions_figures_are_the_simulators(
        ops in randoms(9), bytes_per_ms in 20.0..4000.0_f64, message in 0_i64..2_000_000, packs: bool,
    ) {
        let plain = problem(&ops, bytes_per_ms, message);
        let mut world = plain.world().clone();
        if packs {
            world.packings = packings(plain.graph());
        }
        let problem = plain.renewed(world).unwrap();
        for division in problem.divisions() {
            let closed = problem.price(division).unwrap();
            let simulated = problem.simulate(division.plan()).unwrap();
            prop_assert_eq!(closed.latency_ns, simulated.latency_ns, "{}", division.plan().label());
            prop_assert_eq!(closed.bytes(), simulated.bytes());
            let (a, b) = (closed.energy.unwrap().0, simulated.energy.unwrap().0);
            prop_assert!((a - b).abs() <= 1e-9 * b.max(1e-9), "{a} {b}");
        }
    }
}

#[test]
fn a_codec_moves_the_cut_to_where_values_pack_best() {
    // Over a slow link no cut of a chain pays; with values that pack to a fiftieth, the one behind the first operator does.
    let plain = problem_of(&chain(4), &[1, 20, 20, 20], &[1, 1, 1, 1], 4.0);
    let mut scan = Neurosurgeon {
        objective: Objective::Latency,
    };
    assert_eq!(scan.decide(&plain).chosen.plan, Plan::LOCAL);
    let mut world = plain.world().clone();
    let packing = Packing {
        codec: ValueCodec::ZeroBitmap,
        wire: 0.02,
        encode_ns: 10.0,
        decode_ns: 10.0,
    };
    let edges = [
        (crate::units::NodeId(1), true),
        (crate::units::NodeId(4), false),
    ];
    world.packings = Packings::new(plain.graph(), edges.map(|edge| (edge, packing)));
    let packed = plain.renewed(world).unwrap();
    let chosen = scan.decide(&packed).chosen;
    assert_eq!(chosen.plan, Plan::split(1), "{chosen:?}");
    // 384 B go as 8: 2 ms each way, and 8 us of packing.
    assert!(chosen.latency_ns < 9_000_000, "{chosen:?}");
    assert_eq!(chosen.bytes_up, 384, "the value's own");
}

#[test]
fn a_slow_link_keeps_the_work_on_the_robot_and_the_reasons_say_so_in_numbers() {
    let graph = crate::model::zoo::build("vgg19_bn", 1, 224, 224).unwrap();
    let device = |name: &str| Arc::new(Profile::open(name).unwrap());
    let levels = device("jetson-xavier-nx").power.map(|p| p.levels());
    let link = |mbps| Link::constant(BitsPerSecond::from_mbps(mbps));
    let world = World::pair(
        device("jetson-xavier-nx"),
        device("gpu-server"),
        link(93.0),
        levels,
    );
    let problem = Problem::new(Arc::new(graph), world).unwrap();
    let mut auto = Auto {
        objective: Objective::Latency,
    };
    let fast = auto.decide(&problem);
    assert_ne!(fast.chosen.plan, Plan::LOCAL);
    let slow = auto.decide(&problem.with_link(link(2.0), 0.0));
    let told = slow.reasons.join("; ");
    assert_eq!(slow.chosen.plan, Plan::LOCAL, "{told}");
    assert!(
        told.contains("at 2.0 Mbps") && told.contains("remote 6"),
        "{told}"
    );
    for (kind, parts) in [
        (ModeKind::Tensor, ["tensor:", "MB a frame", "93.0 Mbps"]),
        (ModeKind::Tile, ["tile:", "times as fast", "computed twice"]),
        (ModeKind::Data, ["data does not apply", "batch", "1 image"]),
    ] {
        let why = problem
            .settled(|problem| why_no_gain(problem, kind))
            .unwrap();
        assert!(parts.iter().all(|part| why.contains(part)), "{why}");
    }
}

#[test]
fn without_power_levels_a_choice_by_energy_says_that_it_is_none() {
    let graph = crate::model::zoo::build("mobilenet_v2", 1, 64, 64).unwrap();
    let device = || Arc::new(Profile::open("gpu-server").unwrap());
    let link = Link::constant(BitsPerSecond::from_mbps(93.0));
    let problem = Problem::new(Arc::new(graph), World::pair(device(), device(), link, None));
    let problem = problem.unwrap();
    for (objective, word) in [
        (Objective::Energy, "the least energy cannot be told"),
        (Objective::Budget { joules: 1.0 }, "held to 1 J"),
        (Objective::Deadline { ms: 1e6 }, "in time for 1000000 ms"),
    ] {
        let decision = Auto { objective }.decide(&problem);
        let said = &decision.reasons[0];
        assert!(
            said.contains("power is not known") && said.contains(word),
            "{said}"
        );
        let fastest = Auto {
            objective: Objective::Latency,
        }
        .decide(&problem)
        .chosen;
        assert_eq!(decision.chosen.latency_ns, fastest.latency_ns, "{said}");
    }
    let missed = Auto {
        objective: Objective::Deadline { ms: 1e-3 },
    }
    .decide(&problem);
    assert!(
        missed.reasons[0].starts_with("no plan is in time"),
        "{missed:?}"
    );
}

#[test]
fn a_decision_compiles_nothing_and_what_it_wanted_is_there_for_the_next_one() {
    let graph = Arc::new(crate::model::zoo::build("vgg19_bn", 1, 224, 224).unwrap());
    let device = |name: &str| Arc::new(Profile::open(name).unwrap());
    let link = |mbps| Link::constant(BitsPerSecond::from_mbps(mbps));
    let world = World::pair(
        device("jetson-xavier-nx"),
        device("gpu-server"),
        link(93.0),
        None,
    );
    let problem = Problem::new(graph, world.clone()).unwrap();
    let mut auto = Auto {
        objective: Objective::Latency,
    };
    let first = auto.decide(&problem);
    assert!(
        !first.chosen.simulated,
        "only closed forms are there: {first:?}"
    );
    assert!(
        first.reasons.join("; ").contains("not compiled yet"),
        "{first:?}"
    );
    let settled = problem.settled(|problem| auto.decide(problem));
    assert!(settled.chosen.simulated && settled.chosen.latency_ns < first.chosen.latency_ns);
    assert!(
        !settled.reasons.join("; ").contains("not compiled yet"),
        "{settled:?}"
    );
    // Neither another rate nor other times of the devices make what was compiled be forgotten.
    let renewed = problem.renewed(world).unwrap().with_link(link(92.0), 0.0);
    let again = auto.decide(&renewed);
    assert_eq!(again.chosen.plan, settled.chosen.plan);
}

#[test]
fn the_best_of_every_mode_is_listed_or_refused_and_throughput_fills_the_stages() {
    let problem = problem_of(&chain(4), &[10, 10, 10, 10], &[5, 5, 5, 5], 96.0);
    let modes = best_per_mode(&problem, Objective::Latency);
    assert_eq!(modes.len(), ModeKind::ALL.len());
    for (kind, found) in modes {
        match found {
            Ok(candidate) => assert_eq!(candidate.mode(), kind.name()),
            Err(why) => assert!(kind == ModeKind::Data || kind == ModeKind::Tensor, "{why}"),
        }
    }
    let decision = Auto {
        objective: Objective::Throughput,
    }
    .decide(&problem);
    let plan = &decision.chosen.plan;
    let schedule = crate::plan::compile(problem.graph(), plan, Epoch(0)).unwrap();
    let outcome = run(
        problem.graph(),
        &schedule,
        problem.world(),
        &Run::of(40, Nanos(0)),
    )
    .unwrap();
    let predicted = decision.chosen.frames_per_s;
    assert!(
        (outcome.frames_per_s() / predicted - 1.0).abs() < 0.05,
        "{predicted} {}",
        plan.label()
    );
    assert!(predicted > 1e3 / 21.0, "two halves at once: {predicted}");
}

#[test]
fn policies_are_known_by_name_and_refuse_objectives_they_do_not_have() {
    for kind in PolicyKind::ALL {
        assert_eq!(kind.name().parse::<PolicyKind>().unwrap(), kind);
    }
    assert!(
        "best"
            .parse::<PolicyKind>()
            .unwrap_err()
            .contains("neurosurgeon")
    );
    let refused = PolicyKind::Deadline.policy(Objective::Latency, &Plan::LOCAL);
    assert!(refused.err().unwrap().contains("deadline=MS"));
}
