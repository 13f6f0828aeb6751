//! Mode `split`: layer partition. Operators up to a cut stay, the tensors that cross it are sent, the rest runs there.

use std::collections::HashSet;

use super::{Cut, PlanError, Program, placement};
use crate::model::Graph;
use crate::units::{DeviceId, NodeId};

pub(super) fn programs(graph: &Graph, cuts: &[(Cut, DeviceId)]) -> Result<Vec<Program>, PlanError> {
    let device_of = devices_of(graph, cuts)?;
    Ok(placement::programs(graph, |node| device_of[node.index()]))
}

/// The device of every node.
pub(super) fn devices_of(
    graph: &Graph,
    cuts: &[(Cut, DeviceId)],
) -> Result<Vec<DeviceId>, PlanError> {
    let bad = |reason: String| PlanError::BadCut {
        model: graph.name().to_owned(),
        reason,
    };
    if cuts.is_empty() {
        return Err(bad("a split needs at least one cut".to_owned()));
    }
    let mut device_of = vec![DeviceId::ROBOT; graph.nodes().len()];
    let mut stayed = 0;
    for (cut, device) in cuts {
        let before = before(graph, cut)?;
        if before.len() < stayed {
            return Err(bad(format!(
                "a later cut keeps {} operators, fewer than the {stayed} before it",
                before.len()
            )));
        }
        stayed = before.len();
        for node in graph.operators() {
            if !before.contains(&node.id) {
                device_of[node.id.index()] = *device;
            }
        }
    }
    Ok(device_of)
}

/// The operators on the near side of a cut.
fn before(graph: &Graph, cut: &Cut) -> Result<HashSet<NodeId>, PlanError> {
    let operators = graph.operator_count();
    match cut {
        Cut::Prefix(k) if *k > operators => Err(PlanError::CutOutOfRange {
            cut: *k,
            model: graph.name().to_owned(),
            operators,
        }),
        Cut::Prefix(k) => Ok((1..=*k).map(NodeId).collect()),
        Cut::Set(nodes) => {
            let set: HashSet<_> = nodes.iter().copied().collect();
            let bad = |reason: String| PlanError::BadCut {
                model: graph.name().to_owned(),
                reason,
            };
            for &id in &set {
                let node = graph
                    .get(id)
                    .filter(|_| id != NodeId::INPUT)
                    .ok_or_else(|| bad(format!("it has no operator {id}")))?;
                let missing = node
                    .inputs
                    .iter()
                    .find(|&&i| i != NodeId::INPUT && !set.contains(&i));
                if let Some(&missing) = missing {
                    return Err(bad(format!(
                        "the set keeps {} but not {}, which it reads",
                        node.name,
                        graph.node(missing).name
                    )));
                }
            }
            Ok(set)
        }
    }
}
