//! `timeline`: one frame's steps, measured and predicted where there is both.

use std::fmt::Write;

use super::{Body, Figure, FigureKind, NoFigure, of_model};
use crate::report::caption::{Caption, Origin};
use crate::report::evidence::{Evidence, FrameTimeline};
use crate::report::table::{Table, number};

/// One frame's lanes.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// The frame.
    pub frame: FrameTimeline,
}

/// The figure of a session.
///
/// # Errors
/// No frame with steps in it.
pub fn figure(evidence: &Evidence) -> Result<Figure, NoFigure> {
    let Some(frame) = &evidence.timeline else {
        let lacks = "frame with its steps";
        return Err(NoFigure::lacks(FigureKind::Timeline, evidence, lacks));
    };
    let name = frame
        .frame
        .map_or_else(|| "A frame".to_owned(), |n| format!("Frame {n}"));
    let title = format!("{name}{} under {}", of_model(evidence), frame.plan);
    let mut reading = format!(
        "Every box is an operator or a transfer; admission is at 0, the result at {:.1} ms.",
        frame.latency_ms
    );
    if frame.is_predicted {
        reading += " All times are predicted.";
    }
    let has_predicted = frame.lanes.iter().any(|l| l.is_predicted);
    if has_predicted {
        reading += " Lower lanes: the frame as it was predicted.";
    }
    if let Some(ms) = frame.predicted_ms {
        let _ = write!(reading, " Predicted before: {ms:.1} ms.");
    }
    if let Some(error) = frame.clock_error_ms {
        let _ = write!(
            reading,
            " Server times are mapped to the robot's clock, \u{b1}{error:.2} ms."
        );
    }
    let one = std::slice::from_ref(evidence);
    Ok(Figure {
        kind: FigureKind::Timeline,
        caption: Caption::new(reading, one),
        origin: Origin {
            is_predicted: evidence.is_predicted() || has_predicted,
            ..Origin::of(one)
        },
        table: table(frame, &title),
        body: Body::Timeline(Timeline {
            frame: frame.clone(),
        }),
        title,
    })
}

fn table(frame: &FrameTimeline, title: &str) -> Table {
    let mut table = Table::new(title, &["lane", "step", "start_ms", "duration_ms"]);
    let mut steps: Vec<_> = frame.steps.iter().collect();
    steps.sort_by(|a, b| a.start_ms.total_cmp(&b.start_ms));
    for step in steps {
        let lane = frame.lanes.get(step.lane);
        table.rows.push(vec![
            lane.map(|l| l.name.clone()).unwrap_or_default(),
            step.label.clone(),
            number(step.start_ms),
            number(step.duration_ms),
        ]);
    }
    table
}
