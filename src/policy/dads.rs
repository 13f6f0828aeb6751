//! `dads` (Hu et al., INFOCOM 2019): under a light load the division of the graph with the least sum of computing and
//! sending, by a minimum cut; under a heavy load the one with the most throughput.

use super::mincut::{FORBIDDEN, Network};
use super::{Decision, Objective, Policy, Problem, reason};
use crate::model::Node;
use crate::profile::trace::Direction;
use crate::simulate::Rate;
use crate::units::{DeviceId, Nanos, NodeId};

/// How many inputs come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// One at a time: the latency counts.
    Light,
    /// More than one at a time: the longest of the stages robot, link and server counts.
    Heavy,
}

/// The policy under one of its loads.
#[derive(Debug, Clone, Copy)]
pub struct Dads {
    /// Which.
    pub load: Load,
}

impl Policy for Dads {
    fn name(&self) -> &'static str {
        match self.load {
            Load::Light => "dads",
            Load::Heavy => "dads-heavy",
        }
    }

    fn decide(&mut self, problem: &Problem) -> Decision {
        match self.load {
            Load::Light => {
                let stays = least_sum(problem);
                let division = problem.division(&stays);
                let mut candidates: Vec<_> = problem.price(&division).into_iter().collect();
                if candidates.is_empty() {
                    // The link carries nothing: then nothing is divided.
                    candidates.extend(problem.cuts().last().and_then(|local| problem.price(local)));
                }
                let count = stays.iter().filter(|&&s| s).count();
                Decision::among(Objective::Latency, candidates, |decision| {
                    vec![
                        format!(
                            "the minimum cut of {} operators keeps {count} on the robot",
                            problem.graph().operator_count()
                        ),
                        reason::against_ends(decision, problem),
                    ]
                })
            }
            Load::Heavy => {
                let divisions = problem.divisions().iter();
                let candidates = divisions
                    .filter_map(|d| problem.price_pipelined(d))
                    .collect();
                Decision::among(Objective::Throughput, candidates, |decision| {
                    vec![
                        format!(
                            "of {} divisions the longest stage, the {}'s, is shortest: {:.1} frames a second",
                            problem.divisions().len(),
                            decision.chosen.limit.name(),
                            decision.chosen.frames_per_s
                        ),
                        reason::against_ends(decision, problem),
                    ]
                })
            }
        }
    }
}

/// The closed set with the least `sum r + sum s + transfers`, by node.
///
/// Source is the robot, sink the server. An operator left with the source pays its robot time to the sink, one left
/// with the sink pays its server time to the source. What an operator sends is paid once, on the way to an auxiliary
/// node that all its readers hang on. Endless reverse edges forbid values that come back. The image is the robot's.
/// Whether anything is on the server is whether the result is: then latencies and the way back are paid, there.
fn least_sum(problem: &Problem) -> Vec<bool> {
    let graph = problem.graph();
    let (robot, server) = problem.operator_ns();
    let link = &problem.world().link;
    let start = problem.starts()[0];
    let nodes = graph.nodes().len();
    let (source, sink) = (2 * nodes, 2 * nodes + 1);
    let mut network = Network::new(2 * nodes + 2);
    let sent = |rate: &Rate, node: &Node, from: DeviceId| {
        let packings = &problem.world().packings;
        let packed = packings.value(graph, node.id, from, node.output_bytes().0);
        let ns = rate.ns_for(start, packed.wire_bytes as f64 * 8.0);
        let besides = link.message_ns + packed.ns();
        ns.map_or(FORBIDDEN, |ns| (ns + besides).min(FORBIDDEN))
    };
    for node in graph.nodes() {
        let at = node.id.index();
        let auxiliary = nodes + at;
        if node.id == NodeId::INPUT {
            network.edge(source, at, FORBIDDEN);
        } else {
            let mut on_server = server[at];
            if node.id == graph.output() {
                on_server += sent(&link.down, node, problem.server())
                    + link.delay_ns(Direction::Up, Nanos(start.0))
                    + link.delay_ns(Direction::Down, Nanos(start.0));
            }
            network.edge(source, at, on_server.min(FORBIDDEN));
            network.edge(at, sink, robot[at]);
        }
        let consumers = graph.consumers(node.id);
        if consumers.is_empty() {
            continue;
        }
        network.edge(at, auxiliary, sent(&link.up, node, DeviceId::ROBOT));
        for consumer in consumers {
            network.edge(auxiliary, consumer.index(), FORBIDDEN);
            if node.id != NodeId::INPUT {
                network.edge(consumer.index(), at, FORBIDDEN);
            }
        }
    }
    let (mut stays, _) = network.cut(source, sink);
    stays.truncate(nodes);
    stays[NodeId::INPUT.index()] = false;
    stays
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::neurosurgeon::Neurosurgeon;
    use crate::policy::tests::{closed, packings, problem, problem_of};
    use crate::simulate::testing::{chain, randoms};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn light_is_the_least_sum_of_all_subsets(
            ops in randoms(12), bytes_per_ms in 20.0..4000.0_f64, message in 0_i64..2_000_000, packs: bool,
        ) {
            let plain = problem(&ops, bytes_per_ms, message);
            let mut world = plain.world().clone();
            if packs {
                world.packings = packings(plain.graph());
            }
            let problem = plain.renewed(world).unwrap();
            let link = &problem.world().link;
            let sum = |stays: &[bool]| problem.division(stays).in_sequence_ns(link, Nanos(0)).unwrap();
            let least = closed(problem.graph()).iter().map(|s| sum(s)).min().unwrap();
            let cut = least_sum(&problem);
            prop_assert_eq!(sum(&cut), least);
            let decision = Dads { load: Load::Light }.decide(&problem);
            prop_assert!(decision.chosen.latency_ns <= least);
        }

        #[test]
        fn on_chains_light_is_neurosurgeon_and_heavy_the_best_stage(
            robot in prop::collection::vec(1_i64..50, 9), server in prop::collection::vec(0_i64..20, 9),
            bytes_per_ms in 20.0..4000.0_f64,
        ) {
            let problem = problem_of(&chain(9), &robot, &server, bytes_per_ms);
            let light = Dads { load: Load::Light }.decide(&problem);
            let scan = Neurosurgeon { objective: Objective::Latency }.decide(&problem);
            prop_assert_eq!(light.chosen.latency_ns, scan.chosen.latency_ns);

            let heavy = Dads { load: Load::Heavy }.decide(&problem);
            let ns = |bytes: f64| bytes / bytes_per_ms * 1e6;
            let stage = |k: usize| {
                let ms = |times: &[i64]| times.iter().sum::<i64>() as f64 * 1e6;
                let sent = match k { 0 => 96.0 + 384.0, 9 => 0.0, _ => 768.0 };
                ms(&robot[..k]).max(ms(&server[k..])).max(ns(sent))
            };
            let least = (0..=9).map(stage).fold(f64::INFINITY, f64::min);
            prop_assert!((1e9 / heavy.chosen.frames_per_s - least).abs() <= 4.0, "{least} {:?}", heavy.chosen);
        }
    }

    #[test]
    fn a_link_that_carries_nothing_leaves_everything_on_the_robot() {
        let problem = problem_of(&chain(3), &[9, 9, 9], &[1, 1, 1], 0.0);
        let decision = Dads { load: Load::Light }.decide(&problem);
        assert_eq!(decision.chosen.plan, crate::plan::Plan::LOCAL);
    }
}
