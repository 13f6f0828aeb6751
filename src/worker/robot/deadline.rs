//! How long a frame may wait for its servers before the robot finishes it alone.

use std::collections::VecDeque;

use crate::model::{Graph, Region};
use crate::plan::{Program, Schedule, Step, Term, Until, Value, resume};
use crate::units::{DeviceId, Epoch, Nanos, NodeId};

/// Latencies that the median is taken of.
const RECENT: usize = 31;
/// With fewer of the plan in effect, nothing is known yet.
const ENOUGH: usize = 3;
/// Patience is never shorter than this, so that a short stutter of the radio does not cost a frame its server.
const LEAST_NS: i64 = 200_000_000;
/// Patience with the first frames under a plan of which nothing is expected; a dead link is noticed much earlier by its
/// silence.
const UNKNOWN_NS: i64 = 30_000_000_000;
/// Of the first frames under a plan little is known: they may take so many times what is expected of them, or what the
/// slowest so far took.
const FEW_TIMES: i64 = 5;
/// And at least this long.
const FEW_LEAST_NS: i64 = 500_000_000;

/// See the [module](self).
pub(super) struct Patience {
    /// What the operator asked for, for a whole frame.
    asked_ns: Option<i64>,
    /// Time of every operator on this device.
    node_ns: Vec<i64>,
    /// What the robot would have to compute itself under the plan in effect, after its own part of it.
    remainder_ns: i64,
    epoch: Epoch,
    recent: VecDeque<i64>,
}

impl Patience {
    pub(super) const fn new(asked_ns: Option<i64>, node_ns: Vec<i64>) -> Self {
        Self {
            asked_ns,
            node_ns,
            remainder_ns: 0,
            epoch: Epoch(0),
            recent: VecDeque::new(),
        }
    }

    /// Another plan is in effect.
    pub(super) fn plan(&mut self, graph: &Graph, schedule: &Schedule) {
        if schedule.epoch != self.epoch {
            self.epoch = schedule.epoch;
            self.recent.clear();
        }
        self.remainder_ns = schedule
            .program(DeviceId::ROBOT)
            .map_or(0, |robot| self.cost_ns(graph, &left_over(graph, robot)));
    }

    /// A frame of `epoch` took this long.
    pub(super) fn frame(&mut self, epoch: Epoch, latency_ns: i64) {
        if epoch == self.epoch {
            if self.recent.len() == RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(latency_ns);
        }
    }

    /// When a frame admitted at `admitted` stops waiting: by default after three times the recent median, at least
    /// 200 ms, or of the first frames under a plan five times the slowest; with `--deadline`, so early that what is left can
    /// still be computed here in time.
    pub(super) fn give_up_at(&self, admitted: Nanos) -> Nanos {
        let slowest = self.recent.iter().copied().max();
        admitted.shifted(self.wait_ns(slowest))
    }

    /// The same once it is told what is expected of the frame: of the first frames under a plan that says more than
    /// nothing.
    pub(super) fn expecting(&self, admitted: Nanos, expected_ns: i64) -> Nanos {
        let slowest = self.recent.iter().copied().fold(expected_ns, i64::max);
        admitted.shifted(self.wait_ns(Some(slowest)))
    }

    /// `few` is what a frame is taken to need while there are few of the plan.
    fn wait_ns(&self, few: Option<i64>) -> i64 {
        if let Some(asked) = self.asked_ns {
            return (asked - self.remainder_ns).max(0);
        }
        if self.recent.len() < ENOUGH {
            let wait = few.map(|ns| ns.saturating_mul(FEW_TIMES).max(FEW_LEAST_NS));
            return wait.unwrap_or(UNKNOWN_NS).min(UNKNOWN_NS);
        }
        let mut sorted: Vec<i64> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        (3 * sorted[sorted.len() / 2]).max(LEAST_NS)
    }

    /// What a program's operators take on this device, in nanoseconds.
    pub(super) fn cost_ns(&self, graph: &Graph, program: &Program) -> i64 {
        let steps = program.steps.iter().filter_map(|step| match step {
            Step::Compute { node, out, .. } => Some((*node, *out)),
            _ => None,
        });
        steps
            .map(|(node, out)| {
                let shape = graph.node(node).shape;
                let share = out.elements(shape.columns) as f64 / shape.elements() as f64;
                let whole = self.node_ns.get(node.index()).copied().unwrap_or(0);
                (whole as f64 * share) as i64
            })
            .sum()
    }
}

/// What the robot would compute to finish a frame after its own part: it holds what it made of the values it keeps.
fn left_over(graph: &Graph, robot: &Program) -> Program {
    let keeps = |node: NodeId| {
        robot
            .keep
            .iter()
            .any(|(v, until)| v.node == node && *until == Until::Delivered)
    };
    let own = robot.steps.iter().filter_map(Step::result);
    let mut held: Vec<Value> = own
        .filter(|v| v.term == Term::Whole && (keeps(v.node) || v.node == graph.output()))
        .collect();
    held.push(Value {
        node: NodeId::INPUT,
        region: Region::whole(&graph.input_shape()),
        term: Term::Whole,
    });
    resume(graph, &held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;
    use crate::plan::{Plan, compile};

    fn ms(at: Nanos) -> i64 {
        at.0 / 1_000_000
    }

    #[test]
    fn patience_follows_the_plan_in_effect() {
        let graph = zoo::build("mobilenet_v2", 1, 32, 32).unwrap();
        let mut patience = Patience::new(None, vec![1_000_000; graph.nodes().len()]);
        patience.plan(&graph, &compile(&graph, &Plan::split(9), Epoch(4)).unwrap());
        assert_eq!(ms(patience.give_up_at(Nanos(0))), UNKNOWN_NS / 1_000_000);
        for latency in [90, 100, 5_000] {
            patience.frame(Epoch(4), latency * 1_000_000);
        }
        // What is expected matters no more.
        assert_eq!(ms(patience.expecting(Nanos(0), 1_000_000)), 300);
        // Frames of another plan say nothing about this one.
        patience.frame(Epoch(3), 1);
        assert_eq!(ms(patience.give_up_at(Nanos(0))), 300);
        for _ in 0..9 {
            patience.frame(Epoch(4), 20_000_000);
        }
        assert_eq!(ms(patience.give_up_at(Nanos(0))), 200);
    }

    #[test]
    fn the_first_frames_under_a_plan_wait_by_what_is_expected_of_them_or_the_slowest_so_far() {
        let graph = zoo::build("mobilenet_v2", 1, 32, 32).unwrap();
        let mut patience = Patience::new(None, vec![1_000_000; graph.nodes().len()]);
        patience.plan(&graph, &compile(&graph, &Plan::split(9), Epoch(4)).unwrap());
        let expecting = |patience: &Patience, expected: i64| {
            ms(patience.expecting(Nanos(0), expected * 1_000_000))
        };
        // A frame of 27 ms does not wait for seconds, one of 4 s does; never longer than one of an unknown plan.
        assert_eq!(expecting(&patience, 27), 500);
        assert_eq!(expecting(&patience, 4_000), 20_000);
        assert_eq!(expecting(&patience, 40_000), UNKNOWN_NS / 1_000_000);
        assert_eq!(patience.expecting(Nanos(0), i64::MAX), Nanos(UNKNOWN_NS));
        patience.frame(Epoch(4), 300_000_000);
        patience.frame(Epoch(4), 200_000_000);
        assert_eq!(ms(patience.give_up_at(Nanos(0))), 1_500);
        assert_eq!(
            expecting(&patience, 27),
            1_500,
            "they take longer than was expected"
        );
        assert_eq!(expecting(&patience, 1_000), 5_000);
        patience.frame(Epoch(4), 100_000_000);
        assert_eq!(ms(patience.give_up_at(Nanos(0))), 600);
        // What the operator asked for stands.
        let mut asked = Patience::new(Some(100_000_000), vec![0; graph.nodes().len()]);
        asked.plan(&graph, &compile(&graph, &Plan::split(9), Epoch(4)).unwrap());
        assert_eq!(expecting(&asked, 27), 100);
    }

    #[test]
    fn an_asked_deadline_leaves_time_for_the_rest() {
        let graph = zoo::build("mobilenet_v2", 1, 32, 32).unwrap();
        let n = i64::from(graph.operator_count());
        let mut patience = Patience::new(Some(300_000_000), vec![1_000_000; graph.nodes().len()]);
        patience.plan(&graph, &compile(&graph, &Plan::split(9), Epoch(1)).unwrap());
        assert_eq!(ms(patience.give_up_at(Nanos(0))), 300 - (n - 9));
        patience.plan(&graph, &compile(&graph, &Plan::REMOTE, Epoch(1)).unwrap());
        assert_eq!(ms(patience.give_up_at(Nanos(0))), 300 - n);
    }
}
