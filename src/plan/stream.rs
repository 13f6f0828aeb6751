//! Mode `split` with tiles: layer partition whose cut is streamed in row tiles.
//!
//! The tensors that cross the first cut are made, sent and consumed tile by tile. Each tile runs back through the
//! robot's operators as far as it needs, no row is computed twice, and forward on the other side up to the first
//! operator that needs all rows or has too few of them. So computing, sending and computing at the other end overlap inside one inference.

use super::spread::Spread;
use super::{PlanError, Program, Until, split};
use crate::model::{Graph, Region, Span};
use crate::units::{DeviceId, NodeId};

use super::Cut;

/// Rows of an operator's output that a tile must have on the receiving side. An operator has a fixed cost (a depthwise
/// convolution of MobileNetV2 on one CPU core about 0.13 ms, whatever the rows), so shorter tiles cost more than their
/// overlap saves: MobileNetV2 received in 4 tiles takes 31 ms instead of 18 when its 14-row operators are tiled, too.
pub const LEAST_STREAMED_ROWS: u32 = 8;

pub(super) fn programs(
    graph: &Graph,
    cuts: &[(Cut, DeviceId)],
    tiles: u16,
) -> Result<Vec<Program>, PlanError> {
    let device_of = split::devices_of(graph, cuts)?;
    // Stages in the order of the chain.
    let mut stages: Vec<(DeviceId, Vec<NodeId>)> = vec![(DeviceId::ROBOT, Vec::new())];
    for (_, device) in cuts {
        if stages.iter().all(|(d, _)| d != device) {
            stages.push((*device, Vec::new()));
        }
    }
    for node in graph.operators() {
        let device = device_of[node.id.index()];
        if let Some((_, nodes)) = stages.iter_mut().find(|(d, _)| *d == device) {
            nodes.push(node.id);
        }
    }
    let (robot, rest) = stages.split_first().ok_or_else(|| PlanError::BadCut {
        model: graph.name().to_owned(),
        reason: "it has no stages".to_owned(),
    })?;
    let is_robots = |id: NodeId| id == NodeId::INPUT || device_of[id.index()] == DeviceId::ROBOT;
    let crossing: Vec<NodeId> = graph
        .nodes()
        .iter()
        .map(|n| n.id)
        .filter(|&id| is_robots(id) && graph.consumers(id).iter().any(|&c| !is_robots(c)))
        .collect();
    check_rows(graph, &crossing, tiles)?;

    let mut devices: Vec<DeviceId> = stages.iter().map(|(d, _)| *d).collect();
    devices.sort_unstable();
    let mut spread = Spread::new(graph, &devices);
    let mut available: Vec<Option<Region>> = vec![None; graph.nodes().len()];
    for tile in 1..=u32::from(tiles) {
        let targets: Vec<(NodeId, Region)> = crossing
            .iter()
            .map(|&id| {
                let whole = Region::whole(&graph.node(id).shape);
                let rows = u64::from(whole.row.end) * u64::from(tile) / u64::from(tiles);
                let row = Span::new(0, rows as u32);
                (id, Region { row, ..whole })
            })
            .filter(|(_, region)| !region.is_empty())
            .collect();
        spread.demand(DeviceId::ROBOT, &robot.1, &targets);
        for (id, region) in targets {
            available[id.index()] = Some(region);
        }
        for (device, nodes) in rest {
            spread.advance(
                *device,
                nodes,
                LEAST_STREAMED_ROWS * u32::from(tiles),
                &mut available,
            );
        }
    }
    for id in crossing {
        // What failover resumes from.
        spread.keep(id, Until::Delivered);
    }
    Ok(spread.finish())
}

/// Streaming needs rows to stream.
fn check_rows(graph: &Graph, crossing: &[NodeId], tiles: u16) -> Result<(), PlanError> {
    let most = crossing
        .iter()
        .map(|&id| graph.node(id))
        .max_by_key(|n| n.shape.rows);
    let refuse = |reason: String| {
        Err(PlanError::DoesNotApply {
            mode: "split in tiles",
            reason,
        })
    };
    match most {
        None => refuse("nothing crosses this cut, so there is nothing to stream".to_owned()),
        Some(node) if node.shape.rows < 2 => refuse(format!(
            "what crosses this cut ({}) has no rows to stream: it lies behind an operator that needs the whole image",
            node.name
        )),
        Some(node) if node.shape.rows < u32::from(tiles) => refuse(format!(
            "what crosses this cut ({}) has {} rows, too few for {tiles} tiles",
            node.name, node.shape.rows
        )),
        Some(_) => Ok(()),
    }
}
