//! What an operator costs: multiply-accumulates and floating-point operations.

use super::graph::{Graph, Node};
use super::op::Op;
use crate::units::Bytes;

impl Graph {
    /// Multiply-accumulates of a node's convolution or linear map, the figure that torchvision publishes as "GFLOPS".
    pub fn macs(&self, node: &Node) -> u64 {
        let outputs = node.shape.elements();
        match &node.op {
            Op::Conv2d(conv) => {
                let per_group = self.node(node.inputs[0]).shape.channels / conv.groups;
                outputs * u64::from(per_group) * u64::from(conv.window.kernel).pow(2)
            }
            Op::Linear { .. } => outputs * u64::from(self.node(node.inputs[0]).shape.channels),
            _ => 0,
        }
    }

    /// Floating-point operations of a node: two per multiply-accumulate, one per comparison, sum or scaling.
    pub fn flops(&self, node: &Node) -> u64 {
        let outputs = node.shape.elements();
        match &node.op {
            Op::Input | Op::Flatten | Op::Concat => 0,
            Op::Conv2d(conv) => 2 * self.macs(node) + if conv.bias { outputs } else { 0 },
            Op::Linear { bias, .. } => 2 * self.macs(node) + if *bias { outputs } else { 0 },
            Op::Normalize { .. } | Op::BatchNorm2d { .. } => 2 * outputs,
            Op::Relu | Op::Add => outputs,
            Op::Relu6 => 2 * outputs,
            Op::MaxPool2d(pool) | Op::AvgPool2d(pool) => {
                outputs * u64::from(pool.window.kernel).pow(2)
            }
            Op::AdaptiveAvgPool2d { .. } => {
                let input = self.node(node.inputs[0]).shape.elements();
                input.max(outputs)
            }
        }
    }

    /// The most that one operator's inputs and output take together: the least memory that computing the model needs
    /// beside its weights.
    pub fn largest_step_bytes(&self) -> Bytes {
        let step = |node: &Node| {
            let inputs = node.inputs.iter().map(|&id| self.node(id).output_bytes().0);
            inputs.fold(node.output_bytes().0, u64::saturating_add)
        };
        Bytes(self.operators().iter().map(step).max().unwrap_or(0))
    }

    /// Floating-point operations of the whole model.
    pub fn total_flops(&self) -> u64 {
        self.operators().iter().map(|n| self.flops(n)).sum()
    }
}
