//! Draws `pareto`: a mark per plan, its shape says the mode, a line joins the front.

use super::axis::{Axis, below, frame, left, whisker};
use super::scene::{Across, Area, Down, Scene, Type, text_width};
use super::sheet::{Key, MARGIN, WIDTH, shape, sheet};
use super::style::{FAINT, GRID, INK, SMALL, plain};
use crate::report::figure::Figure;
use crate::report::figure::pareto::{Pareto, Point};

const HEIGHT: f64 = 440.0;
/// Most plans beside the front whose names are written.
const MOST_NAMES: usize = 12;

pub(super) fn draw(figure: &Figure, pareto: &Pareto) -> Scene {
    let modes = modes(&pareto.points);
    let is_open = |mode: &str| {
        let mut own = pareto.points.iter().filter(|p| p.mode == mode);
        own.all(|p| p.is_predicted)
    };
    let predictions = (pareto.points.iter().any(|p| p.is_predicted))
        .then_some((Key::Shape(0, true), "open: predicted"));
    let legend: Vec<(Key, &str)> = modes
        .iter()
        .enumerate()
        .map(|(i, mode)| (Key::Shape(i, is_open(mode)), *mode))
        .chain(predictions)
        .chain([(Key::Line(INK), "front: no plan beats these in both")])
        .collect();
    let (mut scene, room) = sheet(figure, &legend, HEIGHT);
    let plot = Area::new(
        MARGIN + 74.0,
        room.top + 4.0,
        WIDTH - MARGIN - 20.0,
        room.bottom - 54.0,
    );
    let most = |value: &dyn Fn(&Point) -> f64| pareto.points.iter().map(value).fold(0.0, f64::max);
    let joules = Axis::from_zero(
        most(&|p| p.energy.joules + p.energy.half.unwrap_or(0.0)),
        plot.bottom,
        plot.top,
    );
    let high = |p: &Point| p.latency.interval.map_or(p.latency.value, |i| i.high);
    let ms = Axis::from_zero(most(&high), plot.left, plot.right);
    left(&mut scene, plot, &joules, "Robot energy per inference, J");
    for tick in ms.ticks(10) {
        scene.line(
            &[(ms.at(tick), plot.top), (ms.at(tick), plot.bottom)],
            1.0,
            GRID,
        );
    }
    frame(&mut scene, plot);
    below(&mut scene, plot, &ms, 10, "Median latency, ms");

    let place = |p: &Point| (ms.at(p.latency.value), joules.at(p.energy.joules));
    let front: Vec<(f64, f64)> = pareto
        .points
        .iter()
        .filter(|p| p.is_best)
        .map(place)
        .collect();
    scene.line(&steps(&front), 1.5, INK);
    for point in &pareto.points {
        let (x, y) = place(point);
        if let Some(interval) = point.latency.interval {
            let ends = [interval.low, interval.high].map(|v| ms.at(v));
            scene.line(&[(ends[0], y), (ends[1], y)], 1.0, FAINT);
        }
        if let Some(half) = point.energy.half {
            let ends = [point.energy.joules - half, point.energy.joules + half];
            whisker(
                &mut scene,
                x,
                joules.at(ends[0].max(0.0)),
                joules.at(ends[1]),
                FAINT,
            );
        }
    }
    for point in &pareto.points {
        let number = modes.iter().position(|m| *m == point.mode).unwrap_or(0);
        shape(&mut scene, place(point), number, point.is_predicted);
    }
    names(&mut scene, &pareto.points, plot, &place);
    scene
}

/// The modes in the order of their fastest plan.
fn modes(points: &[Point]) -> Vec<&str> {
    let mut modes: Vec<&str> = Vec::new();
    for point in points {
        if !modes.contains(&point.mode.as_str()) {
            modes.push(&point.mode);
        }
    }
    modes
}

/// The staircase through a front: a plan is as good as it gets until the next one begins.
fn steps(front: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut corners: Vec<(f64, f64)> = Vec::new();
    for &(x, y) in front {
        if let Some(&(_, before)) = corners.last() {
            corners.push((x, before));
        }
        corners.push((x, y));
    }
    corners
}

/// Names beside marks, the front's first; those that would cover another are left out.
fn names(scene: &mut Scene, points: &[Point], plot: Area, place: &dyn Fn(&Point) -> (f64, f64)) {
    let mut taken: Vec<Area> = points
        .iter()
        .map(place)
        .map(|(x, y)| Area::new(x - 7.0, y - 7.0, x + 7.0, y + 7.0))
        .collect();
    let best = points.iter().filter(|p| p.is_best);
    let others = points.iter().filter(|p| !p.is_best).take(MOST_NAMES);
    for point in best.chain(others) {
        let (x, y) = place(point);
        let width = text_width(&point.plan, SMALL, point.is_best);
        let places = [
            (x + 7.0, y - 22.0),
            (x + 7.0, y + 6.0),
            (x - 7.0 - width, y + 6.0),
            (x - 7.0 - width, y - 22.0),
            (x + 7.0, y - 40.0),
            (x + 7.0, y - 58.0),
        ];
        let free = places.into_iter().find_map(|(left, top)| {
            let area = Area::new(left, top, left + width, top + 16.0);
            let is_inside =
                area.left > plot.left + 2.0 && area.right < plot.right && area.bottom < plot.bottom;
            let is_free = !taken.iter().any(|t| {
                t.left < area.right
                    && area.left < t.right
                    && t.top < area.bottom
                    && area.top < t.bottom
            });
            (is_inside && is_free).then_some(area)
        });
        if let Some(area) = free {
            let style = Type {
                is_bold: point.is_best,
                ..plain(Across::Left, Down::Middle)
            };
            scene.text((area.left, area.top + 8.0), &point.plan, style);
            taken.push(area);
        }
    }
}
