//! Mode `tile`: local-operator parallelism. Inside a segment every device owns a range of rows of the segment's end and
//! computes exactly what that needs, halos included (overlapping rows are computed on both sides, without traffic); at a
//! segment's boundary only the rows that are missing move.

use super::spread::{Spread, devices, needs, proportional, spans};
use super::{Mode, Plan, PlanError, Program, Until};
use crate::model::{Graph, Op, Region, Span, crossing};
use crate::units::{DeviceId, NodeId};

fn refuse(reason: String) -> PlanError {
    PlanError::DoesNotApply {
        mode: "tile",
        reason,
    }
}

pub(super) fn programs(
    graph: &Graph,
    segments: &[(NodeId, Vec<u32>)],
) -> Result<Vec<Program>, PlanError> {
    let parts = check(graph, segments)?;
    let devices = devices(parts[0].len());
    let mut spread = Spread::new(graph, &devices);
    let mut start = NodeId::INPUT;
    for (i, (end, _)) in segments.iter().enumerate() {
        let within: Vec<NodeId> = (start.0 + 1..=end.0).map(NodeId).collect();
        let whole = Region::whole(&graph.node(*end).shape);
        let next = segments.get(i + 1).map(|(id, _)| *id);
        for (slot, &device) in devices.iter().enumerate() {
            let own = Region {
                row: parts[i][slot],
                ..whole
            };
            if own.is_empty() {
                continue;
            }
            // Rows that a peer waits for come first: its transfer begins while the interior is still computed.
            if let Some(next) = next {
                let within: Vec<NodeId> = (end.0 + 1..=next.0).map(NodeId).collect();
                let goal = Region::whole(&graph.node(next).shape);
                for (other, row) in parts[i + 1].iter().enumerate() {
                    if other == slot {
                        continue;
                    }
                    let goal = Region { row: *row, ..goal };
                    let wanted = needs(graph, &within, &[(next, goal)])[end.index()];
                    let edge = wanted.map(|w| w.intersect(&own));
                    if let Some(edge) = edge.filter(|e| !e.is_empty()) {
                        spread.demand(device, &within_of(start, *end), &[(*end, edge)]);
                    }
                }
            }
            spread.demand(device, &within, &[(*end, own)]);
        }
        // What failover resumes from.
        spread.keep(*end, Until::Delivered);
        start = *end;
    }
    spread.keep(NodeId::INPUT, Until::Delivered);
    Ok(spread.finish())
}

fn within_of(start: NodeId, end: NodeId) -> Vec<NodeId> {
    (start.0 + 1..=end.0).map(NodeId).collect()
}

/// The rows of every device at the end of every segment.
fn check(graph: &Graph, segments: &[(NodeId, Vec<u32>)]) -> Result<Vec<Vec<Span>>, PlanError> {
    let last = segments.last().map(|(id, _)| *id);
    if last != Some(graph.output()) {
        return Err(refuse(format!(
            "the last segment must end at the result, {}",
            graph.node(graph.output()).name
        )));
    }
    let mut before = NodeId::INPUT;
    let mut parts: Vec<Vec<Span>> = Vec::with_capacity(segments.len());
    for (id, bounds) in segments {
        let Some(node) = graph.get(*id).filter(|n| n.id > before) else {
            return Err(refuse(format!(
                "segment ends must grow; {id} comes after {before}"
            )));
        };
        if *id != graph.output() && crossing(graph, id.0) != [*id] {
            return Err(refuse(format!(
                "a segment cannot end at {}: more than one tensor crosses there",
                node.name
            )));
        }
        let Some(rows) = spans(bounds, node.shape.rows) else {
            return Err(refuse(format!(
                "the row bounds {bounds:?} of {} do not divide its {} rows",
                node.name, node.shape.rows
            )));
        };
        if parts.first().is_some_and(|first| first.len() != rows.len()) || rows.len() > 255 {
            return Err(refuse(
                "every segment must name the same number of devices".to_owned(),
            ));
        }
        parts.push(rows);
        before = *id;
    }
    Ok(parts)
}

/// Halo rows that a segment may compute in excess, as a share of the rows at its start.
const MAX_HALO_SHARE: f64 = 0.15;

/// A first simple chooser: as few segments as keep the rows computed twice at under 15 % of a segment's first image,
/// every segment divided in proportion to `shares`, and what needs the whole image on `rest`.
///
/// # Errors
/// A model that has no rows to divide, or not enough.
pub fn simple(graph: &Graph, shares: &[f64], rest: DeviceId) -> Result<Plan, PlanError> {
    let parts = shares.len() as u32;
    let barrier = graph.operators().iter().find(|n| {
        matches!(
            n.op,
            Op::Flatten | Op::AdaptiveAvgPool2d { .. } | Op::Linear { .. }
        )
    });
    let last_row = barrier.map_or(graph.operator_count(), |b| b.id.0 - 1);
    let ends: Vec<NodeId> = (1..=last_row)
        .map(NodeId)
        .filter(|&id| crossing(graph, id.0) == [id] && graph.node(id).shape.rows >= 2 * parts)
        .collect();
    let Some(&deepest) = ends.last() else {
        return Err(refuse(format!(
            "{} has no position where one tensor of at least {} rows crosses",
            graph.name(),
            2 * parts
        )));
    };
    let mut segments: Vec<(NodeId, Vec<u32>)> = Vec::new();
    let mut start = NodeId::INPUT;
    let mut best: Option<NodeId> = None;
    for &end in &ends {
        if halo_share(graph, start, end, shares) > MAX_HALO_SHARE
            && let Some(close) = best.take()
        {
            segments.push((close, bounds(graph, close, shares)));
            start = close;
        }
        best = Some(end);
    }
    segments.push((deepest, bounds(graph, deepest, shares)));
    if deepest != graph.output() {
        let rows = graph.node(graph.output()).shape.rows;
        // All rows of the result on one device.
        let interior = (0..parts - 1)
            .map(|i| if i < u32::from(rest.0) { 0 } else { rows })
            .collect();
        segments.push((graph.output(), interior));
    }
    Ok(Plan::of(Mode::Tile { segments }))
}

fn bounds(graph: &Graph, id: NodeId, shares: &[f64]) -> Vec<u32> {
    proportional(graph.node(id).shape.rows, shares, true)
}

/// Rows at a segment's start that more than one device needs, as a share of all.
fn halo_share(graph: &Graph, start: NodeId, end: NodeId, shares: &[f64]) -> f64 {
    let within = within_of(start, end);
    let whole = Region::whole(&graph.node(end).shape);
    let rows = spans(&bounds(graph, end, shares), whole.row.end).unwrap_or_default();
    let needed: u32 = rows
        .iter()
        .map(|&row| {
            needs(graph, &within, &[(end, Region { row, ..whole })])[start.index()]
                .map_or(0, |r| r.row.len())
        })
        .sum();
    let all = graph.node(start).shape.rows;
    f64::from(needed.saturating_sub(all)) / f64::from(all)
}
