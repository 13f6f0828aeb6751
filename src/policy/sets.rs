//! Every way to divide a graph's operators in two such that nothing comes back: the sets closed under predecessors.

use crate::model::Graph;
use crate::units::NodeId;

/// More sets than this are not listed; chains have one per cut, residual networks a few more.
pub(super) const MOST_SETS: usize = 4096;

/// Every closed set by node, the prefixes first and in order (set `k` is cut `k`); only the prefixes if there are more
/// than [`MOST_SETS`]. The second is whether all are there.
pub(super) fn closed_sets(graph: &Graph) -> (Vec<Vec<bool>>, bool) {
    let operators = graph.operator_count();
    let nodes = graph.nodes().len();
    let prefix = |k: u32| -> Vec<bool> { (0..nodes as u32).map(|i| i <= k && i > 0).collect() };
    let mut sets: Vec<Vec<bool>> = (0..=operators).map(prefix).collect();
    let mut others = Vec::new();
    let mut stays = vec![false; nodes];
    if extend(graph, 1, &mut stays, &mut others, 0, false) {
        sets.append(&mut others);
        (sets, true)
    } else {
        (sets, false)
    }
}

/// Adds what can be made of `stays`, decided up to operator `next`; false when there are too many.
fn extend(
    graph: &Graph,
    next: u32,
    stays: &mut Vec<bool>,
    others: &mut Vec<Vec<bool>>,
    count: u32,
    has_gap: bool,
) -> bool {
    let mut next = next;
    // Operators whose inputs do not all stay cannot stay.
    while next <= graph.operator_count() {
        let inputs = &graph.node(NodeId(next)).inputs;
        if inputs
            .iter()
            .all(|&i| i == NodeId::INPUT || stays[i.index()])
        {
            break;
        }
        next += 1;
    }
    if next > graph.operator_count() {
        if has_gap && !is_prefix(stays, count) {
            others.push(stays.clone());
        }
        return others.len() <= MOST_SETS;
    }
    stays[next as usize] = true;
    let all = extend(graph, next + 1, stays, others, count + 1, has_gap);
    stays[next as usize] = false;
    all && extend(graph, next + 1, stays, others, count, true)
}

fn is_prefix(stays: &[bool], count: u32) -> bool {
    stays.iter().skip(1).take(count as usize).all(|&s| s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;
    use crate::simulate::testing::{random_graph, randoms};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_closed_set_is_listed_once(ops in randoms(10)) {
            let (graph, _, _) = random_graph(&ops);
            let (sets, all) = closed_sets(&graph);
            prop_assert!(all);
            let n = graph.operator_count();
            let closed = (0_u32..1 << n).filter(|bits| graph.operators().iter().all(|node| {
                bits >> (node.id.0 - 1) & 1 == 0
                    || node.inputs.iter().all(|i| i.0 == 0 || bits >> (i.0 - 1) & 1 == 1)
            }));
            let mut expected: Vec<Vec<bool>> = closed
                .map(|bits| (0..=n).map(|i| i > 0 && bits >> (i - 1) & 1 == 1).collect())
                .collect();
            for k in 0..=n {
                prop_assert!(is_prefix(&sets[k as usize], k));
            }
            let mut listed = sets;
            listed.sort();
            expected.sort();
            prop_assert_eq!(listed, expected);
        }
    }

    #[test]
    fn the_zoos_graphs_have_few_enough_to_list() {
        for name in zoo::NAMES {
            let graph = zoo::build(name, 1, 64, 64).unwrap();
            let (sets, all) = closed_sets(&graph);
            assert!(
                all && sets.len() < 2 * graph.nodes().len() + 100,
                "{name}: {}",
                sets.len()
            );
        }
    }
}
