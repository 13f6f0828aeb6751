//! The frame of a session that is shown step by step, measured, and below that as it was expected to go.

use super::Candidate;
use crate::model::GraphSpec;
use crate::report::evidence::{FrameTimeline, Lane, LaneStep};
use crate::session::{Reader, Told, What};
use crate::store::{FrameLane, LaneKind, lanes, lanes_of};
use crate::units::{Epoch, ns_to_ms};
use crate::wire::{ExpectedFrame, FrameRecord, Record};

/// Reads the steps, which the first pass leaves out, and what the robot expected of such a frame by then.
pub(super) fn timeline(
    reader: &Reader,
    chosen: Candidate,
    graph: Option<&GraphSpec>,
) -> Option<FrameTimeline> {
    let (frame, expected) = find(reader, &chosen)?;
    let mut timeline = FrameTimeline {
        frame: Some(frame.frame.0),
        plan: chosen.label,
        latency_ms: ns_to_ms(frame.latency_ns),
        lanes: Vec::new(),
        steps: Vec::new(),
        clock_error_ms: frame.clock_error_ns.map(ns_to_ms),
        predicted_ms: frame.predicted_ns.map(ns_to_ms),
        is_predicted: false,
    };
    add(&mut timeline, lanes(&frame), false, graph);
    if let Some(expected) = expected {
        add(&mut timeline, lanes_of(&expected.steps), true, graph);
    }
    Some(timeline)
}

/// The frame, and what was expected of its plan last before it, else first after it.
fn find(reader: &Reader, chosen: &Candidate) -> Option<(FrameRecord, Option<ExpectedFrame>)> {
    let entries = reader.entries_of_kinds(.., |kind| matches!(kind, "frame" | "prediction"));
    let mut found: Option<FrameRecord> = None;
    let mut newest: Option<(Epoch, ExpectedFrame)> = None;
    for entry in entries.flatten() {
        let What::Record(Told { record, boot, .. }) = entry.what else {
            continue;
        };
        match record {
            _ if boot != chosen.boot => {}
            Record::Prediction(prediction) => {
                newest = prediction
                    .frame
                    .map(|frame| (prediction.epoch, frame))
                    .or(newest);
            }
            Record::Frame(frame) if frame.frame == chosen.frame => found = Some(*frame),
            _ => {}
        }
        if let Some(frame) = &found
            && newest
                .as_ref()
                .is_some_and(|(epoch, _)| *epoch == frame.epoch)
        {
            break;
        }
    }
    let frame = found?;
    let expected = newest.filter(|(epoch, _)| *epoch == frame.epoch);
    Some((frame, expected.map(|(_, expected)| expected)))
}

fn add(
    timeline: &mut FrameTimeline,
    lanes: Vec<FrameLane>,
    is_predicted: bool,
    graph: Option<&GraphSpec>,
) {
    for lane in lanes {
        let place = timeline.lanes.len();
        let name = lane.kind.name();
        timeline.lanes.push(Lane {
            name: if is_predicted {
                format!("{name}, predicted")
            } else {
                name
            },
            part: match lane.kind {
                LaneKind::Robot => 0,
                LaneKind::Uplink => 1,
                LaneKind::Server(_) => 2,
                LaneKind::Downlink | LaneKind::Between => 3,
            },
            is_predicted,
        });
        timeline.steps.extend(lane.steps.iter().map(|step| {
            LaneStep {
                lane: place,
                label: match step.node.index().checked_sub(1) {
                    None => "image".to_owned(),
                    Some(i) => graph
                        .and_then(|g| g.nodes.get(i))
                        .map_or_else(|| step.node.to_string(), |node| node.name.clone()),
                },
                start_ms: ns_to_ms(step.start_ns),
                duration_ms: ns_to_ms(step.duration_ns),
            }
        }));
    }
}
