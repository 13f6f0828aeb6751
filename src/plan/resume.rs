//! What is left to compute locally from values that are still held: from the output backwards, need minus held.

use super::{Program, Step, Term, Value};
use crate::model::{Graph, Region, need};
use crate::units::DeviceId;

/// The robot's program that finishes a frame from `held` values. The camera image must be among them, or everything
/// that the output needs.
pub fn resume(graph: &Graph, held: &[Value]) -> Program {
    let mut wanted: Vec<Option<Region>> = vec![None; graph.nodes().len()];
    let output = graph.node(graph.output());
    wanted[output.id.index()] = Some(Region::whole(&output.shape));
    let mut steps = Vec::new();
    for node in graph.operators().iter().rev() {
        let Some(out) = wanted[node.id.index()] else {
            continue;
        };
        let have = held
            .iter()
            .filter(|v| v.node == node.id && v.term == Term::Whole)
            .map(|v| &v.region);
        // Need minus held: of a tile or a shard that is there only the rest is computed.
        let missing = have.fold(vec![out], |missing, held| {
            missing.iter().flat_map(|m| m.minus(held)).collect()
        });
        for part in missing {
            steps.push(Step::Compute {
                node: node.id,
                out: part,
                over: None,
            });
            for (input, region) in node.inputs.iter().zip(need(graph, node, &part, None)) {
                if !region.is_empty() {
                    let slot = &mut wanted[input.index()];
                    *slot = Some(slot.map_or(region, |r| r.hull(&region)));
                }
            }
        }
    }
    steps.reverse();
    Program {
        device: DeviceId::ROBOT,
        steps,
        keep: Vec::new(),
    }
}
