//! Mode `tensor`: the parameters of layers are sharded over the devices.
//!
//! A layer sharded by output channels is joined by an all-gather where its next reader needs all channels: operators
//! that keep channels apart (activation, batch norm, pooling, depthwise convolution) are computed on the shards first, so
//! that the gather comes after the max-pool where one follows. A layer sharded by input channels gives an addend per
//! device and is joined by an all-reduce, summed in the same order on every device.

use serde::{Deserialize, Serialize};

use super::spread::{Spread, devices, proportional, spans};
use super::{Mode, Plan, PlanError, Program, Shard, Term, Until};
use crate::model::{Graph, Node, Op, Region, Span, crossing};
use crate::units::{DeviceId, NodeId};

fn refuse(reason: String) -> PlanError {
    PlanError::DoesNotApply {
        mode: "tensor",
        reason,
    }
}

pub(super) fn programs(
    graph: &Graph,
    layers: &[(NodeId, Shard)],
) -> Result<Vec<Program>, PlanError> {
    let parts = check(graph, layers)?;
    let devices = devices(parts);
    let mut spread = Spread::new(graph, &devices);
    let leads = leads_to_shard(graph, layers);
    let mut divided: Vec<Option<Vec<Span>>> = vec![None; graph.nodes().len()];
    for node in graph.operators() {
        let whole = Region::whole(&node.shape);
        let shard = layers.iter().find(|(id, _)| *id == node.id).map(|(_, s)| s);
        if let Some(Shard::InChannels(bounds)) = shard {
            let inputs = graph.node(node.inputs[0]).shape.channels;
            let over = spans(bounds, inputs).unwrap_or_default();
            let of = over.len() as u8;
            for (i, (&device, &span)) in (0..).zip(devices.iter().zip(&over)) {
                spread.addend(device, node.id, whole, span, Term::Addend { i, of });
            }
            for &device in &devices {
                if device == DeviceId::ROBOT || leads[node.id.index()] {
                    spread.reduce(device, node.id, whole, of);
                }
            }
            continue;
        }
        let channels = match shard {
            Some(Shard::OutChannels(bounds)) => spans(bounds, node.shape.channels),
            _ => follows(graph, node, &divided),
        };
        if let Some(channels) = &channels {
            for (&device, &channel) in devices.iter().zip(channels) {
                spread.compute(device, node.id, Region { channel, ..whole });
            }
        } else {
            for &device in &devices {
                if device == DeviceId::ROBOT || leads[node.id.index()] {
                    spread.compute(device, node.id, whole);
                }
            }
        }
        divided[node.id.index()] = channels;
    }
    keep_gathered(graph, &mut spread);
    Ok(spread.finish())
}

/// The robot keeps its image, and a gathered tensor until the next one is complete: what failover resumes from, without
/// keeping every activation of the frame.
fn keep_gathered(graph: &Graph, spread: &mut Spread<'_>) {
    let anchors: Vec<NodeId> = graph
        .operators()
        .iter()
        .map(|n| n.id)
        .filter(|&id| crossing(graph, id.0) == [id] && spread.has_whole(DeviceId::ROBOT, id))
        .collect();
    for pair in anchors.windows(2) {
        spread.keep(pair[0], Until::ReadersOf(pair[1]));
    }
    if let Some(&last) = anchors.last() {
        spread.keep(last, Until::Delivered);
    }
    spread.keep(NodeId::INPUT, Until::Delivered);
}

/// Whether a sharded layer comes after each node: only then do servers need the node's output.
fn leads_to_shard(graph: &Graph, layers: &[(NodeId, Shard)]) -> Vec<bool> {
    let mut leads = vec![false; graph.nodes().len()];
    for node in graph.nodes().iter().rev() {
        leads[node.id.index()] = graph
            .consumers(node.id)
            .iter()
            .any(|c| leads[c.index()] || layers.iter().any(|(id, _)| id == c));
    }
    leads
}

/// The division that an operator takes over from its input, if it keeps channels apart.
fn follows(graph: &Graph, node: &Node, divided: &[Option<Vec<Span>>]) -> Option<Vec<Span>> {
    let of = |i: usize| divided[node.inputs[i].index()].clone();
    match &node.op {
        Op::BatchNorm2d { .. }
        | Op::Relu
        | Op::Relu6
        | Op::MaxPool2d(_)
        | Op::AvgPool2d(_)
        | Op::AdaptiveAvgPool2d { .. } => of(0),
        Op::Conv2d(conv)
            if conv.groups == conv.out && graph.node(node.inputs[0]).shape.channels == conv.out =>
        {
            of(0)
        }
        Op::Add => of(0).or_else(|| of(1)),
        Op::Flatten => {
            let x = graph.node(node.inputs[0]).shape;
            let plane = x.rows * x.columns;
            let scale = |s: &Span| Span::new(s.start * plane, s.end * plane);
            of(0).map(|spans| spans.iter().map(scale).collect())
        }
        _ => None,
    }
}

/// The number of devices that the layers are sharded over.
fn check(graph: &Graph, layers: &[(NodeId, Shard)]) -> Result<usize, PlanError> {
    let Some((_, first)) = layers.first() else {
        return Err(refuse("no layer is sharded".to_owned()));
    };
    let count = |shard: &Shard| match shard {
        Shard::OutChannels(bounds) | Shard::InChannels(bounds) => bounds.len() + 1,
    };
    let parts = count(first);
    if !(2..=255).contains(&parts) {
        return Err(refuse("it needs at least two devices".to_owned()));
    }
    for (id, shard) in layers {
        let Some(node) = graph.get(*id) else {
            return Err(refuse(format!("{} has no operator {id}", graph.name())));
        };
        let groups = match &node.op {
            Op::Conv2d(conv) => conv.groups,
            Op::Linear { .. } => 1,
            _ => {
                return Err(refuse(format!(
                    "{} has no parameters to shard: only convolutions and linear layers have",
                    node.name
                )));
            }
        };
        let (bounds, channels) = match shard {
            Shard::OutChannels(bounds) => (bounds, node.shape.channels),
            Shard::InChannels(_) if groups > 1 => {
                return Err(refuse(format!(
                    "{} is a grouped convolution and cannot be sharded by input channels",
                    node.name
                )));
            }
            Shard::InChannels(bounds) => (bounds, graph.node(node.inputs[0]).shape.channels),
        };
        let divides = spans(bounds, channels).is_some_and(|s| s.iter().all(|s| !s.is_empty()));
        if count(shard) != parts || !divides {
            return Err(refuse(format!(
                "the bounds {bounds:?} do not divide the {channels} channels of {} into {parts} parts",
                node.name
            )));
        }
    }
    Ok(parts)
}

/// How the layers of a model are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// Every layer by output channels, joined by an all-gather.
    Gather,
    /// Layers in pairs, output channels then input channels: half as many joins, as all-reduces.
    Reduce,
}

/// Every convolution and linear layer sharded over the devices in proportion to `shares`, the robot's first.
///
/// # Errors
/// Fewer than two devices.
pub fn shard_all(graph: &Graph, shares: &[f64], join: Join) -> Result<Plan, PlanError> {
    if shares.len() < 2 {
        return Err(refuse("it needs at least two devices".to_owned()));
    }
    let mut layers: Vec<(NodeId, Shard)> = Vec::new();
    let mut divided: Vec<Option<Vec<Span>>> = vec![None; graph.nodes().len()];
    for node in graph.operators() {
        let followed = follows(graph, node, &divided);
        let groups = match &node.op {
            Op::Conv2d(conv) => conv.groups,
            Op::Linear { .. } => 1,
            _ => {
                divided[node.id.index()] = followed;
                continue;
            }
        };
        if followed.is_some() {
            // A depthwise convolution works on the shards as they are.
            divided[node.id.index()] = followed;
            continue;
        }
        let pairs = join == Join::Reduce && groups == 1;
        if let Some(input) = divided[node.inputs[0].index()].as_ref().filter(|_| pairs) {
            let bounds = input.iter().skip(1).map(|s| s.start).collect();
            layers.push((node.id, Shard::InChannels(bounds)));
        } else if node.shape.channels >= shares.len() as u32 {
            let bounds = proportional(node.shape.channels, shares, true);
            divided[node.id.index()] = spans(&bounds, node.shape.channels);
            layers.push((node.id, Shard::OutChannels(bounds)));
        }
    }
    Ok(Plan::of(Mode::Tensor { layers }))
}
