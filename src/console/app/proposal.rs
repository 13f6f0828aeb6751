//! What the person proposes: another plan than the one in effect. Pure arithmetic on plans.

use super::keymap::Move;
use super::outlook::Payload;
use crate::model::Graph;
use crate::plan::{Cut, Mode, Plan};

/// A plan that waits for Enter, or for the robot's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The plan.
    pub plan: Plan,
    /// What a frame of it sends; none for one that the model does not allow.
    pub payload: Option<Payload>,
}

impl Proposal {
    /// A proposal for a model.
    pub fn new(plan: Plan, graph: &Graph) -> Self {
        let payload = Payload::of(graph, &plan).ok();
        Self { plan, payload }
    }

    /// Where the proposed cut stands in the table of operators; of a chain, the first one.
    pub fn cut(&self, graph: &Graph) -> Option<u32> {
        match &self.plan.mode {
            Mode::Split { cuts, .. } => match cuts.first()?.0 {
                Cut::Prefix(k) => Some(k),
                Cut::Set(_) => None,
            },
            _ => self.plan.cut(graph),
        }
    }
}

/// A plan with its cut moved; of a chain, the first one, no further than the second. A move makes a split of what ran on
/// one device. Tiles, window and codec stay. None for modes without a cut.
pub(super) fn moved(plan: &Plan, step: Move, graph: &Graph) -> Option<Plan> {
    let n = graph.operator_count();
    let (at, last) = match &plan.mode {
        Mode::Local => (n, n),
        Mode::Remote => (0, n),
        Mode::Split { cuts, .. } => match cuts.as_slice() {
            [(Cut::Prefix(k), _)] => (*k, n),
            [(Cut::Prefix(k), _), (Cut::Prefix(next), _), ..] => (*k, *next),
            _ => return None,
        },
        Mode::Tensor { .. } | Mode::Data { .. } | Mode::Tile { .. } => return None,
    };
    let k = match step {
        Move::By(by) => at.saturating_add_signed(by).min(last),
        Move::First => 0,
        Move::Last => last,
    };
    let mut moved = plan.clone();
    match &mut moved.mode {
        Mode::Split { cuts, .. } => cuts.first_mut()?.0 = Cut::Prefix(k),
        mode => *mode = Plan::split(k).mode,
    }
    Some(moved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;
    use crate::plan::{Join, shard_all};

    #[test]
    fn moves_stay_in_the_graph_and_start_from_what_is_in_effect() {
        let graph = zoo::build("mobilenet_v2", 1, 96, 96).unwrap();
        let n = graph.operator_count();
        for (from, step, to) in [
            (Plan::LOCAL, Move::By(1), n),
            (Plan::LOCAL, Move::By(-1), n - 1),
            (Plan::REMOTE, Move::By(-1), 0),
            (Plan::REMOTE, Move::By(1), 1),
            (Plan::split(28), Move::By(10), 38),
            (Plan::split(n - 4), Move::By(10), n),
            (Plan::split(3), Move::By(-10), 0),
            (Plan::split(3), Move::Last, n),
            (Plan::split(3), Move::First, 0),
        ] {
            assert_eq!(moved(&from, step, &graph), Some(Plan::split(to)));
        }
    }

    #[test]
    fn tiles_and_window_stay_and_a_chain_moves_its_first_cut() {
        let graph = zoo::build("mobilenet_v2", 1, 96, 96).unwrap();
        let pipeline = Plan::split(4).with_tiles(6).with_window(3);
        let next = moved(&pipeline, Move::By(1), &graph);
        assert_eq!(next, Some(Plan::split(5).with_tiles(6).with_window(3)));
        let chain = Plan::chain(&[20, 25]);
        let next = moved(&chain, Move::By(10), &graph);
        assert_eq!(next, Some(Plan::chain(&[25, 25])));
        let tensor = shard_all(&graph, &[0.5, 0.5], Join::Gather).unwrap();
        assert_eq!(moved(&tensor, Move::By(1), &graph), None);
    }
}
