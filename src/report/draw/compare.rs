//! Draws `compare`: two bars per plan, and below them how the second stands to the first.

use super::axis::{Axis, categories, frame, left, whisker};
use super::scene::{Across, Area, Down, Scene, text_width};
use super::sheet::{Key, MARGIN, WIDTH, sheet};
use super::style::{GRID, INK, SIDES, SMALL, part, plain};
use crate::report::figure::Figure;
use crate::report::figure::compare::{Compare, Pair};
use crate::statistics::Estimate;

const UPPER: f64 = 300.0;
const LOWER: f64 = 150.0;

pub(super) fn draw(figure: &Figure, compare: &Compare) -> Scene {
    let [first, second] = &compare.files;
    let legend = [
        (Key::Part(SIDES[0]), first.as_str()),
        (Key::Part(SIDES[1]), second.as_str()),
        (Key::Median, "95 % interval"),
    ];
    let (mut scene, room) = sheet(figure, &legend, UPPER + LOWER + 54.0);
    let plot = Area::new(
        MARGIN + 74.0,
        room.top + 4.0,
        WIDTH - MARGIN - 10.0,
        room.top + UPPER,
    );
    let most = |e: &Estimate| e.interval.map_or(e.value, |i| i.high);
    let tallest = compare
        .pairs
        .iter()
        .flat_map(|p| &p.latency)
        .map(most)
        .fold(0.0, f64::max);
    let ms = Axis::from_zero(tallest, plot.bottom, plot.top);
    left(&mut scene, plot, &ms, "Median latency, ms");
    let slot = plot.width() / compare.pairs.len().max(1) as f64;
    let centre = |i: usize| plot.left + (i as f64 + 0.5) * slot;
    let width = (slot * 0.36).clamp(1.0, 40.0);
    for (i, pair) in compare.pairs.iter().enumerate() {
        for (side, latency) in pair.latency.iter().enumerate() {
            let from = centre(i) - width + side as f64 * width;
            let area = Area::new(from, ms.at(latency.value), from + width, plot.bottom);
            part(&mut scene, area, SIDES[side]);
            if let Some(interval) = latency.interval {
                let x = from + width / 2.0;
                whisker(
                    &mut scene,
                    x,
                    ms.at(interval.low),
                    ms.at(interval.high),
                    INK,
                );
            }
        }
    }
    frame(&mut scene, plot);

    let below = Area::new(
        plot.left,
        plot.bottom + 22.0,
        plot.right,
        plot.bottom + LOWER,
    );
    ratios(&mut scene, &compare.pairs, below, &centre, slot);
    let cuts = compare
        .pairs
        .iter()
        .all(|p| p.cut.is_some() && p.plan.starts_with("split "));
    let name = |p: &Pair| match p.cut {
        Some(cut) if cuts => cut.to_string(),
        _ => p.plan.clone(),
    };
    let names = compare.pairs.iter().enumerate();
    let names: Vec<_> = names.map(|(i, p)| (centre(i), name(p))).collect();
    let axis = if cuts {
        "Partition point: operators on the robot"
    } else {
        "Plan"
    };
    categories(&mut scene, below, &names, axis);
    scene
}

/// The second median over the first, around a line at 1.
fn ratios(scene: &mut Scene, pairs: &[Pair], plot: Area, centre: &dyn Fn(usize) -> f64, slot: f64) {
    let ends = |e: &Estimate| e.interval.map_or([e.value; 2], |i| [i.low, i.high]);
    let all: Vec<f64> = pairs
        .iter()
        .filter_map(|p| p.ratio.as_ref())
        .flat_map(ends)
        .collect();
    let low = all.iter().copied().fold(0.95, f64::min);
    let high = all.iter().copied().fold(1.05, f64::max);
    let pad = (high - low) * 0.1;
    let axis = Axis::new((low - pad, high + pad), (plot.bottom, plot.top));
    let ticks = axis.ticks(4);
    for (tick, label) in ticks.iter().zip(super::axis::tick_labels(&ticks)) {
        let y = axis.at(*tick);
        scene.line(&[(plot.left, y), (plot.right, y)], 1.0, GRID);
        scene.text(
            (plot.left - 7.0, y),
            &label,
            plain(Across::Right, Down::Middle),
        );
    }
    let at = (plot.left - 52.0, f64::midpoint(plot.top, plot.bottom));
    scene.text(at, "Second / first", super::style::axis_name(true));
    scene.dashes(
        (plot.left, axis.at(1.0)),
        (plot.right, axis.at(1.0)),
        5.0,
        INK,
    );
    for (i, ratio) in pairs
        .iter()
        .enumerate()
        .filter_map(|(i, p)| Some((i, p.ratio?)))
    {
        let x = centre(i);
        if let Some(interval) = ratio.interval {
            whisker(scene, x, axis.at(interval.low), axis.at(interval.high), INK);
        }
        super::sheet::dot(scene, (x, axis.at(ratio.value)));
        let text = format!("{:.2}", ratio.value);
        if text_width(&text, SMALL, false) + 14.0 < slot / 2.0 {
            scene.text(
                (x + 8.0, axis.at(ratio.value)),
                &text,
                plain(Across::Left, Down::Middle),
            );
        }
    }
    frame(scene, plot);
}
