//! What computing costs on a device, for predictions.

use std::fmt::Debug;
use std::sync::Arc;

use crate::model::{Graph, Node, Region, Span};
use crate::plan::Work;
use crate::profile::{Calibrated, Profile};
use crate::units::NodeId;

/// How long one device takes. All times are nanoseconds.
pub trait Costs: Debug + Send + Sync {
    /// A region of a node's output; with `over`, the addend over those input channels.
    fn compute_ns(&self, graph: &Graph, node: &Node, out: &Region, over: Option<Span>) -> i64;

    /// Joining or summing pieces of this many bytes in all.
    fn join_ns(&self, bytes: u64) -> i64;
}

impl Costs for Profile {
    fn compute_ns(&self, graph: &Graph, node: &Node, out: &Region, over: Option<Span>) -> i64 {
        self.time_ns(graph, node, out, over)
    }

    fn join_ns(&self, bytes: u64) -> i64 {
        Self::join_ns(self, bytes)
    }
}

impl Costs for Calibrated {
    fn compute_ns(&self, graph: &Graph, node: &Node, out: &Region, over: Option<Span>) -> i64 {
        self.time_ns(graph, node, out, over)
    }

    fn join_ns(&self, bytes: u64) -> i64 {
        Self::join_ns(self, bytes)
    }
}

/// How long a piece of work keeps the compute lane, in nanoseconds; a send does not. The emulated engine takes as long.
pub fn work_ns<P>(costs: &dyn Costs, graph: &Graph, work: &Work<P>) -> i64 {
    let bytes = |node: NodeId, out: &Region| {
        let node = graph.node(node);
        out.elements(node.shape.columns) * node.dtype.bytes()
    };
    match work {
        Work::Compute {
            node, out, over, ..
        } => costs.compute_ns(graph, graph.node(*node), out, over.map(|(span, _)| span)),
        Work::Reduce {
            node, out, addends, ..
        } => costs.join_ns(bytes(*node, out) * addends.len() as u64),
        Work::Assemble { node, out, .. } => costs.join_ns(bytes(*node, out)),
        Work::Send { .. } => 0,
    }
}

/// A device with every operator's time looked up once, and a factor on each: what live measurements correct.
#[derive(Debug, Clone)]
pub struct DeviceModel {
    base: Arc<dyn Costs>,
    /// By node, as the base says.
    whole_ns: Vec<i64>,
    /// By node.
    factors: Vec<f64>,
}

impl DeviceModel {
    /// As the base says, for one model.
    pub fn new(graph: &Graph, base: Arc<dyn Costs>) -> Self {
        let whole = |node: &Node| base.compute_ns(graph, node, &Region::whole(&node.shape), None);
        Self {
            whole_ns: graph.nodes().iter().map(whole).collect(),
            factors: vec![1.0; graph.nodes().len()],
            base,
        }
    }

    /// Makes an operator, and every part of it, take `factor` times what the base says; no operator becomes negative or
    /// endless by a measurement gone wrong.
    pub fn set_factor(&mut self, node: NodeId, factor: f64) {
        if let Some(slot) = self.factors.get_mut(node.index())
            && factor.is_finite()
        {
            *slot = factor.clamp(0.0, 1e6);
        }
    }

    /// The factor on an operator's time; 1 for a node that the model does not have.
    pub fn factor(&self, node: NodeId) -> f64 {
        self.factors.get(node.index()).copied().unwrap_or(1.0)
    }

    /// An operator whole, in nanoseconds, with its factor.
    pub fn whole_ns(&self, node: NodeId) -> i64 {
        let ns = self.whole_ns.get(node.index()).copied().unwrap_or(0);
        scaled(ns, self.factor(node))
    }
}

fn scaled(ns: i64, factor: f64) -> i64 {
    (ns as f64 * factor).round() as i64
}

impl Costs for DeviceModel {
    fn compute_ns(&self, graph: &Graph, node: &Node, out: &Region, over: Option<Span>) -> i64 {
        if over.is_none() && *out == Region::whole(&node.shape) {
            return self.whole_ns(node.id);
        }
        let part = self.base.compute_ns(graph, node, out, over);
        scaled(part, self.factor(node.id))
    }

    fn join_ns(&self, bytes: u64) -> i64 {
        self.base.join_ns(bytes)
    }
}
