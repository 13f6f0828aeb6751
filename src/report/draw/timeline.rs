//! Draws `timeline`: a row per lane, a box per step.

use super::axis::{Axis, below, whisker};
use super::scene::{Across, Area, Down, Scene, shortened, text_width};
use super::sheet::{Key, MARGIN, WIDTH, sheet};
use super::style::{GRID, INK, PAPER, PARTS, SMALL, part, plain};
use crate::report::figure::Figure;
use crate::report::figure::timeline::Timeline;

const LANE: f64 = 46.0;
/// Height of a predicted step.
const PREDICTED: f64 = 18.0;

pub(super) fn draw(figure: &Figure, timeline: &Timeline) -> Scene {
    let frame = &timeline.frame;
    let lanes = frame.lanes.len() as f64;
    let legend = [
        (Key::Part(PARTS[0]), "robot computes"),
        (Key::Part(PARTS[1]), "uplink"),
        (Key::Part(PARTS[2]), "server computes"),
        (Key::Part(PARTS[3]), "downlink"),
        (Key::Line(INK), "result"),
    ];
    let mut legend = legend.to_vec();
    if frame.predicted_ms.is_some() {
        legend.push((Key::Dashes, "predicted result"));
    }
    let (mut scene, room) = sheet(figure, &legend, lanes * LANE + 60.0);
    let widest = frame
        .lanes
        .iter()
        .map(|l| text_width(&l.name, SMALL, false))
        .fold(0.0, f64::max);
    let plot = Area::new(
        MARGIN + widest + 14.0,
        room.top,
        WIDTH - MARGIN - 16.0,
        room.bottom - 54.0,
    );
    let ends = frame.steps.iter().map(|s| s.start_ms + s.duration_ms);
    let end = ends
        .fold(frame.latency_ms, f64::max)
        .max(frame.predicted_ms.unwrap_or(0.0));
    let first = frame.steps.iter().map(|s| s.start_ms).fold(0.0, f64::min);
    let ms = Axis::new((first, end * 1.02), (plot.left, plot.right));
    for tick in ms.ticks(10) {
        scene.line(
            &[(ms.at(tick), plot.top), (ms.at(tick), plot.bottom)],
            1.0,
            GRID,
        );
    }
    for (i, lane) in frame.lanes.iter().enumerate() {
        let top = plot.top + i as f64 * LANE + 8.0;
        // What was not measured is a thinner band.
        let bottom = top
            + if lane.is_predicted {
                PREDICTED
            } else {
                LANE - 16.0
            };
        let name = (plot.left - 8.0, f64::midpoint(top, bottom));
        scene.text(name, &lane.name, plain(Across::Right, Down::Middle));
        for step in frame.steps.iter().filter(|s| s.lane == i) {
            let from = ms.at(step.start_ms);
            let to = ms.at(step.start_ms + step.duration_ms).max(from + 1.0);
            let area = Area::new(from, top, to, bottom);
            part(&mut scene, area, PARTS[lane.part]);
            if area.width() > 50.0 {
                let is_dark = lane.part == 0;
                let style = super::scene::Type {
                    size: SMALL - 1.0,
                    shade: if is_dark { PAPER } else { INK },
                    ..plain(Across::Middle, Down::Middle)
                };
                let label = shortened(&step.label, SMALL - 1.0, area.width() - 6.0);
                if PARTS[lane.part].hatch.is_some() {
                    let half = text_width(&label, SMALL - 1.0, false) / 2.0 + 3.0;
                    let (x, y) = (f64::midpoint(from, to), f64::midpoint(top, bottom));
                    let behind = Area::new(x - half, y - 8.0, x + half, y + 8.0);
                    scene.fill(behind, PARTS[lane.part].shade);
                }
                let at = (f64::midpoint(from, to), f64::midpoint(top, bottom));
                scene.text(at, &label, style);
            }
        }
    }
    let result = ms.at(frame.latency_ms);
    whisker(&mut scene, result, plot.top, plot.bottom, INK);
    if let Some(predicted) = frame.predicted_ms {
        scene.dashes(
            (ms.at(predicted), plot.top),
            (ms.at(predicted), plot.bottom),
            5.0,
            INK,
        );
    }
    scene.line(
        &[(plot.left, plot.bottom), (plot.right, plot.bottom)],
        1.0,
        INK,
    );
    below(
        &mut scene,
        plot,
        &ms,
        10,
        "Time since the frame's admission, ms",
    );
    scene
}
