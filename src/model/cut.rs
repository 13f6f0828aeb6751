//! Partition points: which values cross a cut, and how many bytes that is.

use super::graph::Graph;
use crate::units::{Bytes, NodeId};

/// The crossing set of cut `k`: nodes of `0..=k` (the image and the first `k` operators) that a later operator reads.
/// Cut `n` (all on the robot) crosses nothing.
pub fn crossing(graph: &Graph, k: u32) -> Vec<NodeId> {
    (0..=k.min(graph.operator_count()))
        .map(NodeId)
        .filter(|&node| graph.consumers(node).last().is_some_and(|c| c.0 > k))
        .collect()
}

/// Bytes that cut `k` ships, uncompressed.
pub fn crossing_bytes(graph: &Graph, k: u32) -> Bytes {
    let crossing = crossing(graph, k);
    Bytes(
        crossing
            .iter()
            .map(|&n| graph.node(n).output_bytes().0)
            .sum(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;

    #[test]
    fn cut_zero_ships_the_camera_image_as_bytes_and_the_last_cut_ships_nothing() {
        for name in zoo::NAMES {
            let graph = zoo::build(name, 1, 224, 224).unwrap();
            assert_eq!(crossing(&graph, 0), [NodeId::INPUT], "{name}");
            assert_eq!(crossing_bytes(&graph, 0), Bytes(3 * 224 * 224), "{name}");
            assert!(
                crossing(&graph, graph.operator_count()).is_empty(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_cut_inside_a_residual_block_ships_both_branches() {
        let graph = zoo::build("resnet50", 1, 224, 224).unwrap();
        let conv2 = graph
            .nodes()
            .iter()
            .find(|n| n.name == "layer1.1.conv2")
            .unwrap();
        let names: Vec<_> = crossing(&graph, conv2.id.0)
            .iter()
            .map(|&n| graph.node(n).name.as_str())
            .collect();
        assert_eq!(names, ["layer1.0.relu_2", "layer1.1.conv2"]);
    }

    #[test]
    fn a_cut_inside_a_dense_block_ships_each_tensor_once() {
        let graph = zoo::build("densenet121", 1, 224, 224).unwrap();
        for k in 0..=graph.operator_count() {
            assert!(crossing(&graph, k).len() <= 2, "cut {k}");
        }
    }
}
