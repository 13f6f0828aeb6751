//! Which server a division's operators go to, where there are several.
//!
//! All transfers with the robot share one link, so servers differ in their times alone. A server that is slower at every
//! operator than another one is the better choice for nothing.

use super::division::{Division, Sides};
use super::library::Library;
use super::sets::MOST_SETS;
use crate::simulate::Packings;
use crate::units::DeviceId;

/// The servers' times of every operator.
#[derive(Debug)]
pub(super) struct Servers {
    /// By node in nanoseconds; the first server's first.
    times: Vec<Vec<i64>>,
    /// Those that are faster than every other one at some operator, or as fast as all and first.
    useful: Vec<usize>,
    /// The one that computes the whole model fastest.
    pub(super) fastest: DeviceId,
}

impl Servers {
    /// From every device's times by node, the robot's first: those and the servers; none without a server.
    pub(super) fn of(mut times: Vec<Vec<i64>>) -> Option<(Vec<i64>, Self)> {
        if times.len() < 2 {
            return None;
        }
        let robot = times.remove(0);
        let is_useful = |&i: &usize| {
            !(0..times.len()).any(|j| j != i && dominates((j, &times[j]), (i, &times[i])))
        };
        let useful: Vec<usize> = (0..times.len()).filter(is_useful).collect();
        let whole = |i: &usize| times[*i].iter().sum::<i64>();
        let fastest = useful.iter().copied().min_by_key(whole)?;
        let servers = Self {
            useful,
            fastest: device(fastest),
            times,
        };
        Some((robot, servers))
    }

    /// Times by node of the server that computes the whole model fastest.
    pub(super) fn fastest_ns(&self) -> &[i64] {
        self.ns(self.fastest)
    }

    /// Those that are the best choice for anything.
    pub(super) fn useful(&self) -> impl Iterator<Item = DeviceId> {
        self.useful.iter().map(|&i| device(i))
    }

    /// A server's times by node.
    pub(super) fn ns(&self, server: DeviceId) -> &[i64] {
        let at = usize::from(server.0).clamp(1, self.times.len());
        &self.times[at - 1]
    }

    /// The server that computes fastest what does not stay.
    pub(super) fn best_for(&self, stays: &[bool]) -> DeviceId {
        if let [only] = self.useful.as_slice() {
            return device(*only);
        }
        let rest = |i: &usize| -> i64 {
            let moved = self.times[*i].iter().zip(stays);
            moved.filter(|(_, stays)| !**stays).map(|(ns, _)| ns).sum()
        };
        let best = self.useful.iter().copied().min_by_key(rest);
        best.map_or(self.fastest, device)
    }

    pub(super) fn sides<'a>(
        &'a self,
        server: DeviceId,
        robot_ns: &'a [i64],
        packings: &'a Packings,
    ) -> Sides<'a> {
        Sides {
            server,
            robot_ns,
            server_ns: self.ns(server),
            packings,
        }
    }

    /// Every set with the server that computes the rest fastest; then, while there are not too many, with those that are
    /// faster at other operators: of several values that are sent, an early one may want another server.
    pub(super) fn divisions(
        &self,
        library: &Library,
        robot_ns: &[i64],
        packings: &Packings,
    ) -> Vec<Division> {
        let divide = |stays: &[bool], server| {
            let sides = self.sides(server, robot_ns, packings);
            Division::new(&library.graph, &sides, stays)
        };
        let sets = library.sets.iter();
        let mut divisions: Vec<Division> = sets
            .map(|stays| divide(stays, self.best_for(stays)))
            .collect();
        if self.useful.len() * library.sets.len() > MOST_SETS {
            return divisions;
        }
        for stays in &library.sets {
            let best = self.best_for(stays);
            let others = self.useful.iter().map(|&i| device(i));
            let is_local = stays.iter().skip(1).all(|&stays| stays);
            let others = others.filter(|&server| server != best && !is_local);
            divisions.extend(others.map(|server| divide(stays, server)));
        }
        divisions
    }
}

const fn device(server: usize) -> DeviceId {
    DeviceId(server as u8 + 1)
}

/// Whether a server is never slower than another one; of two that are the same, the first.
fn dominates((i, faster): (usize, &[i64]), (j, slower): (usize, &[i64])) -> bool {
    let mut both = faster.iter().zip(slower);
    both.all(|(a, b)| a <= b) && (i < j || faster != slower)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::plan::{Mode, Plan};
    use crate::policy::tests::closed;
    use crate::policy::{Auto, Neurosurgeon, Objective, Policy, Problem, TILES, search};
    use crate::simulate::testing::{LEVELS, PerNode, random_graph, randoms};
    use crate::simulate::{Link, World};
    use crate::units::{BitsPerSecond, DeviceId};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Every division with every server, simulated.
        #[test]
        fn of_several_servers_the_best_one_for_a_plan_is_chosen(
            ops in randoms(7), factors in prop::collection::vec((0_i64..4, 0_i64..4), 7), bytes_per_ms in 20.0..4000.0_f64,
        ) {
            let (graph, robot, server) = random_graph(&ops);
            let times = |of: fn(&(i64, i64)) -> i64| -> Arc<PerNode> {
                let operators = server.iter().skip(1).zip(&factors).map(|(ns, f)| ns * of(f) / 2);
                Arc::new(PerNode(std::iter::once(0).chain(operators).collect()))
            };
            let mut link = Link::constant(BitsPerSecond(bytes_per_ms * 8e3));
            link.latency_ns = 300_000;
            let world = World {
                devices: vec![Arc::new(PerNode(robot)), times(|f| f.0), times(|f| f.1)],
                ..World::pair(Arc::new(PerNode(Vec::new())), Arc::new(PerNode(Vec::new())), link, Some(LEVELS))
            };
            let problem = Problem::new(Arc::new(graph), world).unwrap();
            let mut all = search::all(&problem);
            for (k, rows) in problem.family().streamable.clone() {
                for tiles in TILES.into_iter().filter(|&tiles| tiles <= rows) {
                    let plan = Plan::split_on(k, DeviceId(2)).with_tiles(tiles);
                    all.push(problem.simulate(&plan).unwrap());
                }
            }
            for stays in closed(problem.graph()) {
                let plan = problem.division(&stays).plan().clone();
                for server in [DeviceId(1), DeviceId(2)] {
                    let mut plan = plan.clone();
                    match &mut plan.mode {
                        Mode::Split { cuts, .. } => cuts[0].1 = server,
                        Mode::Remote => plan = Plan::split_on(0, server),
                        _ => {}
                    }
                    all.push(problem.simulate(&plan).unwrap());
                }
            }
            for objective in [Objective::Latency, Objective::Energy] {
                let chosen = Auto { objective }.decide(&problem).chosen;
                let best = &all[objective.best(&all).unwrap()];
                let gain = objective.gain(&chosen, best);
                prop_assert!(gain <= 1e-6, "{gain}: {} is better than {}", best.plan.label(), chosen.plan.label());
            }
        }
    }

    #[test]
    fn layers_go_to_the_faster_server_and_the_label_says_to_which() {
        let graph = Arc::new(crate::model::zoo::build("vgg19_bn", 1, 224, 224).unwrap());
        let device = |name: &str| Arc::new(crate::profile::Profile::open(name).unwrap());
        let pair = World::pair(
            device("jetson-xavier-nx"),
            device("jetson-xavier-nx"),
            Link::constant(BitsPerSecond::from_mbps(93.0)),
            None,
        );
        let mut world = pair.clone();
        world.devices.push(device("gpu-server"));
        let objective = Objective::Latency;
        let decide = |world| {
            let problem = Problem::new(Arc::clone(&graph), world).unwrap();
            Neurosurgeon { objective }.decide(&problem).chosen
        };
        let chosen = decide(world);
        assert_eq!(chosen.plan.last_device(), DeviceId(2));
        assert_eq!(chosen.plan.label(), "split 0 on server 2");
        let alone = decide(pair);
        assert!(chosen.latency_ns < alone.latency_ns);
    }
}
