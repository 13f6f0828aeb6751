//! How long an operator, or a part of one, takes: `overhead + work`, where a part keeps the whole overhead.

use super::table::at_fraction;
use super::{FRACTIONS, KindCost, ModelFit, OTHER, Profile};
use crate::model::{Graph, Node, Op, Region, Span, need};

/// What an operator makes a device do.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Work {
    /// Floating-point operations, of convolutions; other kinds wait for memory.
    pub flops: f64,
    /// Bytes read and written: inputs, parameters, output, and for convolutions the unfolded input.
    pub bytes: f64,
}

/// The kind of operator that a cost belongs to: the operator's own, with convolutions in three.
pub fn kind(graph: &Graph, node: &Node) -> &'static str {
    match &node.op {
        Op::Conv2d(conv)
            if conv.groups > 1 && conv.groups == graph.node(node.inputs[0]).shape.channels =>
        {
            "conv2d_depthwise"
        }
        Op::Conv2d(conv) if conv.window.kernel == 1 => "conv2d_1x1",
        op => op.kind(),
    }
}

/// The work of a region of a node's output, over some of its input channels if it makes an addend.
pub fn work(graph: &Graph, node: &Node, out: &Region, over: Option<Span>) -> Work {
    let whole = Region::whole(&node.shape);
    let elements = out.elements(node.shape.columns) as f64;
    let share = elements / (whole.elements(node.shape.columns).max(1)) as f64;
    let channels = f64::from(out.channel.len()) / f64::from(node.shape.channels.max(1));
    let summed = over.map_or(1.0, |span| {
        let all = node.inputs.first().map(|&i| graph.node(i).shape.channels);
        f64::from(span.len()) / f64::from(all.unwrap_or(1).max(1))
    });
    let inputs = need(graph, node, out, over);
    let read: f64 = inputs
        .iter()
        .zip(&node.inputs)
        .map(|(region, &id)| {
            let input = graph.node(id);
            region.elements(input.shape.columns) as f64 * input.dtype.bytes() as f64
        })
        .sum();
    let parameters = graph.parameter_elements(node) as f64;
    let mut bytes =
        read + elements * node.dtype.bytes() as f64 + parameters * channels * summed * 4.0;
    let mut flops = 0.0;
    if let Op::Conv2d(conv) = &node.op {
        flops = graph.flops(node) as f64 * share * summed;
        if conv.window.kernel > 1 && kind(graph, node) == "conv2d" {
            // Without a library of fused kernels the input is unfolded into a matrix: written once, read once.
            let inputs = f64::from(graph.node(node.inputs[0]).shape.channels) * summed;
            let taps = f64::from(conv.window.kernel).powi(2) * inputs;
            let places = elements / f64::from(out.channel.len().max(1));
            bytes += 2.0 * 4.0 * places * taps;
        }
    }
    Work { flops, bytes }
}

impl KindCost {
    /// Nanoseconds for this much work, without the overhead.
    pub fn work_ns(&self, work: Work) -> f64 {
        let per = |amount: f64, rate: Option<f64>| rate.map_or(0.0, |rate| amount / rate * 1e9);
        per(work.flops, self.flops_per_s) + per(work.bytes, self.bytes_per_s)
    }

    /// Nanoseconds for `part` of the work `whole`.
    pub fn time_ns(&self, part: Work, whole: Work) -> f64 {
        let (part, whole) = (self.work_ns(part), self.work_ns(whole));
        let Some([eighth, quarter, half]) = self.scaling.filter(|_| whole > 0.0) else {
            return self.overhead_ns + part;
        };
        let shares = [eighth, quarter, half, 1.0];
        self.overhead_ns + whole * at_fraction(part / whole, 0.0, shares)
    }
}

impl Profile {
    /// What operators of a kind cost.
    pub fn cost(&self, kind: &str) -> KindCost {
        let found = self.operators.get(kind);
        // Every profile that was read has `other`.
        found
            .or_else(|| self.operators.get(OTHER))
            .copied()
            .unwrap_or(KindCost {
                overhead_ns: 0.0,
                flops_per_s: None,
                bytes_per_s: None,
                scaling: None,
            })
    }

    /// How long a region of a node's output takes, in nanoseconds; with `over`, over those input channels.
    /// Works for every model; of one that was measured, what was measured counts.
    pub fn time_ns(&self, graph: &Graph, node: &Node, out: &Region, over: Option<Span>) -> i64 {
        if out.is_empty() || matches!(node.op, Op::Input) {
            return 0;
        }
        let model = self.models.iter().find(|m| m.name == graph.name());
        if let Some(ns) = model.and_then(|m| m.measured_ns(graph, node, out, over)) {
            return ns.round() as i64;
        }
        let kind = kind(graph, node);
        let factor = model.and_then(|m| m.scale.get(kind)).copied();
        let whole = work(graph, node, &Region::whole(&node.shape), None);
        let part = work(graph, node, out, over);
        (self.cost(kind).time_ns(part, whole) * factor.unwrap_or(1.0)).round() as i64
    }

    /// How long it takes to join or sum pieces that make this many bytes, in nanoseconds.
    pub fn join_ns(&self, bytes: u64) -> i64 {
        let cost = self.cost("cat");
        let moved = Work {
            flops: 0.0,
            bytes: 2.0 * bytes as f64,
        };
        (cost.overhead_ns + cost.work_ns(moved)).round() as i64
    }

    /// The sum over a model's operators: a forward pass on this device, in nanoseconds.
    pub fn forward_ns(&self, graph: &Graph) -> i64 {
        let whole = |node: &Node| self.time_ns(graph, node, &Region::whole(&node.shape), None);
        graph.operators().iter().map(whole).sum()
    }
}

impl ModelFit {
    /// From the table, if this operator was measured at this size.
    fn measured_ns(
        &self,
        graph: &Graph,
        node: &Node,
        out: &Region,
        over: Option<Span>,
    ) -> Option<f64> {
        let input = graph.input_shape();
        if self.table.is_empty() || self.size != [input.rows, input.columns] {
            return None;
        }
        let row = self.table.iter().find(|row| row.name == node.name)?;
        let share = |part: u32, all: u32| f64::from(part) / f64::from(all.max(1));
        let whole = row.rows_ns[FRACTIONS.len() - 1] as f64;
        let rows = row.at_rows(share(out.row.len(), node.shape.rows));
        let channels = row.at_channels(share(out.channel.len(), node.shape.channels));
        let summed = over.map_or(1.0, |span| {
            let all = node.inputs.first().map(|&i| graph.node(i).shape.channels);
            // Fewer input channels are less work in the same proportion as fewer output channels.
            row.at_channels(share(span.len(), all.unwrap_or(1))) / whole.max(1.0)
        });
        // Measured with one image.
        Some(rows * channels / whole.max(1.0) * summed * f64::from(out.batch.len()))
    }
}
