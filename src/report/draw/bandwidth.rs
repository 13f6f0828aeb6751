//! Draws `bandwidth`: a row per link, its rate over time and beside it how the time is distributed over rates.

use super::axis::{Axis, below, frame, left, note};
use super::scene::{Area, Scene, shortened, text_width};
use super::sheet::{Key, MARGIN, WIDTH, sheet};
use super::style::{CURVES, ENVELOPES, INK, PARTS, SMALL};
use crate::report::figure::Figure;
use crate::report::figure::bandwidth::{Bandwidth, Curve, Panel, Point};

/// Where the distribution begins.
const SPLIT: f64 = 650.0;

pub(super) fn draw(figure: &Figure, bandwidth: &Bandwidth) -> Scene {
    let panels = bandwidth.panels.len() as f64;
    let height = if panels > 1.0 { 250.0 } else { 330.0 };
    let (mut scene, room) = sheet(figure, &legend(bandwidth), height * panels);
    for (i, panel) in bandwidth.panels.iter().enumerate() {
        let top = room.top + i as f64 * height;
        draw_panel(&mut scene, panel, top, top + height - 54.0);
    }
    scene
}

fn legend(bandwidth: &Bandwidth) -> Vec<(Key, &'static str)> {
    let mut legend = Vec::new();
    let both = |d: &str| {
        bandwidth
            .panels
            .iter()
            .flat_map(|p| &p.curves)
            .any(|c| c.direction == d)
    };
    if both("both") {
        legend.push((Key::Line(CURVES[0]), "both directions, one medium"));
    }
    if both("up") {
        legend.push((Key::Line(CURVES[0]), "to the server"));
    }
    if both("down") {
        legend.push((Key::Line(CURVES[1]), "to the robot"));
    }
    legend.push((Key::Dashes, "mean"));
    legend
}

/// A direction's place among the curves' colours.
fn colour(curve: &Curve) -> usize {
    usize::from(curve.direction == "down")
}

fn draw_panel(scene: &mut Scene, panel: &Panel, top: f64, bottom: f64) {
    let lines = panel.curves.len() as f64;
    let plot = Area::new(MARGIN + 66.0, top + 4.0 + lines * 18.0, SPLIT, bottom);
    let beside = Area::new(SPLIT + 30.0, plot.top, WIDTH - MARGIN - 10.0, bottom);
    let mbps = Axis::from_zero(panel.top_mbps, plot.bottom, plot.top);
    let seconds = Axis::new((0.0, panel.end_s), (plot.left, plot.right));
    for (i, curve) in panel.curves.iter().enumerate() {
        let at = (plot.left, top + i as f64 * 18.0);
        note(
            scene,
            at,
            &numbers(panel, curve, WIDTH - MARGIN - plot.left),
        );
    }
    left(scene, plot, &mbps, "Goodput, Mbps");
    for curve in &panel.curves {
        draw_curve(scene, curve, &seconds, &mbps);
    }
    for curve in &panel.curves {
        let y = mbps.at(curve.mean_mbps);
        scene.dashes((plot.left, y), (plot.right, y), 6.0, INK);
    }
    frame(scene, plot);
    below(scene, plot, &seconds, 8, "Time, s");

    let most = panel
        .curves
        .iter()
        .flat_map(|c| &c.distribution)
        .copied()
        .fold(0.0, f64::max);
    let percent = Axis::from_zero(most * 100.0, beside.left, beside.right);
    for curve in &panel.curves {
        draw_distribution(scene, curve, panel, &percent, &mbps);
    }
    for curve in &panel.curves {
        let y = mbps.at(curve.mean_mbps);
        scene.dashes((beside.left, y), (beside.right, y), 6.0, INK);
    }
    frame(scene, beside);
    below(scene, beside, &percent, 4, "Share of the time, %");
}

/// A direction in numbers; a long name gives way to them.
fn numbers(panel: &Panel, curve: &Curve, room: f64) -> String {
    let [p5, p50, p95] = curve.quantiles_mbps;
    let direction = match panel.curves.len() {
        1 => String::new(),
        _ => format!("{} ", curve.direction),
    };
    let numbers = format!(
        ": {direction}mean {:.1}, 5/50/95 %: {p5:.1}/{p50:.1}/{p95:.1} Mbps, at 0 for {:.1} % of the time",
        curve.mean_mbps,
        curve.at_zero * 100.0
    );
    let room = room - text_width(&numbers, SMALL, false);
    shortened(&panel.name, SMALL, room) + &numbers
}

fn draw_curve(scene: &mut Scene, curve: &Curve, seconds: &Axis, mbps: &Axis) {
    let shade = CURVES[colour(curve)];
    for run in runs(&curve.points) {
        let steps = |value: &dyn Fn(&Point) -> f64| {
            let corners = run.iter().flat_map(move |p| {
                let y = mbps.at(value(p));
                [(seconds.at(p.from_s), y), (seconds.at(p.to_s), y)]
            });
            corners.collect::<Vec<_>>()
        };
        if run.iter().any(|p| p.high_mbps > p.low_mbps) {
            let mut around = steps(&|p| p.high_mbps);
            around.extend(steps(&|p| p.low_mbps).into_iter().rev());
            scene.polygon(around, ENVELOPES[colour(curve)]);
        }
        scene.line(&steps(&|p| p.mean_mbps), 1.5, shade);
    }
    let floor = mbps.at(0.0);
    for outage in curve.points.iter().filter(|p| p.high_mbps <= 0.0) {
        let (from, to) = (seconds.at(outage.from_s), seconds.at(outage.to_s));
        scene.fill(Area::new(from, floor - 5.0, to.max(from + 1.0), floor), INK);
    }
}

/// Points without a gap between them.
fn runs(points: &[Point]) -> impl Iterator<Item = &[Point]> {
    points.chunk_by(|a, b| (b.from_s - a.to_s).abs() < 1e-6)
}

fn draw_distribution(scene: &mut Scene, curve: &Curve, panel: &Panel, percent: &Axis, mbps: &Axis) {
    let bins = curve.distribution.len().max(1) as f64;
    let is_down = colour(curve) == 1 && panel.curves.len() > 1;
    let both = panel.curves.len() > 1;
    for (i, share) in curve.distribution.iter().enumerate() {
        let edge = |i: f64| mbps.at(panel.top_mbps * i / bins);
        let (mut lower, mut upper) = (edge(i as f64) - 0.5, edge(i as f64 + 1.0) + 0.5);
        let middle = f64::midpoint(lower, upper);
        if both && is_down {
            upper = middle;
        } else if both {
            lower = middle;
        }
        let area = Area::new(percent.at(0.0), upper, percent.at(share * 100.0), lower);
        scene.fill(
            area,
            if colour(curve) == 0 {
                PARTS[0].shade
            } else {
                CURVES[1]
            },
        );
    }
}
