//! Draws `splits` and `modes`: stacked bars with medians, energy on a second axis.

use super::axis::{Axis, categories, frame, left, right, whisker};
use super::scene::{Across, Area, Down, Scene, Type, text_width};
use super::sheet::{Key, MARGIN, WIDTH, cross, diamond, dot, sheet};
use super::style::{ENERGY, INK, PAPER, PARTS, WHOLE, part, plain};
use crate::report::evidence::Energy;
use crate::report::figure::Figure;
use crate::report::figure::stack::{Stack, Stacks};

const HEIGHT: f64 = 400.0;
/// Above the bars: the least latency is written there.
const HEAD: f64 = 18.0;

pub(super) fn draw(figure: &Figure, stacks: &Stacks) -> Scene {
    let (mut scene, room) = sheet(figure, &legend(figure, stacks), HEIGHT);
    let has_energy = stacks.stacks.iter().any(|s| s.energy.is_some());
    let edge = if has_energy { 74.0 } else { 10.0 };
    let plot = Area::new(
        MARGIN + 74.0,
        room.top + HEAD,
        WIDTH - MARGIN - edge,
        room.bottom - 52.0,
    );
    let ms = Axis::from_zero(stacks.shown_ms(), plot.bottom, plot.top);
    left(&mut scene, plot, &ms, "Latency per frame, ms");

    let slot = plot.width() / stacks.stacks.len().max(1) as f64;
    let centre = |i: usize| plot.left + (i as f64 + 0.5) * slot;
    let half = (slot * 0.36).clamp(1.5, 44.0);
    for (i, stack) in stacks.stacks.iter().enumerate() {
        bar(&mut scene, stack, &ms, centre(i), half);
    }
    if has_energy {
        draw_energies(&mut scene, stacks, plot, &centre);
    }
    for (i, stack) in stacks.stacks.iter().enumerate() {
        if stack.highest_ms() > stacks.shown_ms() {
            name_beyond(&mut scene, plot, centre(i), stack);
        }
    }
    let fastest = stacks
        .fastest
        .and_then(|i| Some((i, stacks.stacks.get(i)?)));
    if let Some((i, fastest)) = fastest {
        name_fastest(
            &mut scene,
            plot,
            (centre(i), ms.within(fastest.highest_ms())),
            fastest,
        );
    }
    frame(&mut scene, plot);
    let names = stacks.stacks.iter().enumerate();
    let names: Vec<_> = names.map(|(i, s)| (centre(i), s.label.clone())).collect();
    categories(&mut scene, plot, &names, &stacks.axis);
    scene
}

/// Above the bar, on paper: the line of energies may pass behind.
fn name_fastest(scene: &mut Scene, plot: Area, (x, top): (f64, f64), fastest: &Stack) {
    let style = Type {
        is_bold: true,
        ..plain(Across::Middle, Down::Bottom)
    };
    let text = format!("{:.1} ms", fastest.latency.value);
    let half = text_width(&text, style.size, true) / 2.0;
    let middle = x.max(plot.left + half + 4.0);
    let behind = Area::new(
        middle - half - 3.0,
        top - 34.0,
        middle + half + 3.0,
        top - 15.0,
    );
    scene.fill(behind, PAPER);
    let tip = vec![(x - 5.0, top - 14.0), (x + 5.0, top - 14.0), (x, top - 6.0)];
    scene.polygon(tip, INK);
    scene.text((middle, top - 17.0), &text, style);
}

/// What a bar that goes beyond the axis really is, at its upper end.
fn name_beyond(scene: &mut Scene, plot: Area, x: f64, stack: &Stack) {
    let style = Type {
        is_bold: true,
        ..plain(Across::Middle, Down::Middle)
    };
    let joules = stack.energy.as_ref().map(|e| format!("{:.1} J", e.joules));
    let texts = std::iter::once(format!("{:.0} ms", stack.latency.value)).chain(joules);
    for (line, text) in texts.enumerate() {
        let half = text_width(&text, style.size, true) / 2.0 + 4.0;
        let y = plot.top + 22.0 + line as f64 * 18.0;
        scene.fill(Area::new(x - half, y - 9.0, x + half, y + 9.0), PAPER);
        scene.text((x, y), &text, style);
    }
}

/// The second axis with a diamond per bar.
fn draw_energies(scene: &mut Scene, stacks: &Stacks, plot: Area, centre: &dyn Fn(usize) -> f64) {
    let with = stacks.stacks.iter().enumerate();
    let with: Vec<(f64, &Energy)> = with
        .filter_map(|(i, stack)| Some((centre(i), stack.energy.as_ref()?)))
        .collect();
    let joules = Axis::from_zero(stacks.shown_j(), plot.bottom, plot.top);
    let name = "Robot energy per inference, J";
    right(scene, plot, &joules, name, ENERGY);
    // A line joins partition points, which have an order; modes have none.
    if stacks.has_order {
        let points: Vec<(f64, f64)> = with
            .iter()
            .map(|(x, e)| (*x, joules.within(e.joules)))
            .collect();
        scene.line(&points, 3.5, PAPER);
        scene.line(&points, 1.5, ENERGY);
    }
    for (x, energy) in with {
        if let Some(half) = energy.half {
            let ends = [energy.joules - half, energy.joules + half];
            let [low, high] = ends.map(|j| joules.within(j.max(0.0)));
            whisker(scene, x, low, high, ENERGY);
        }
        diamond(
            scene,
            (x, joules.within(energy.joules)),
            energy.preliminary.is_some(),
        );
    }
}

fn legend<'a>(figure: &Figure, stacks: &Stacks) -> Vec<(Key, &'a str)> {
    const TEXTS: [&str; 5] = [
        "robot computes",
        "uplink",
        "server computes",
        "downlink",
        "wait",
    ];
    let parts = PARTS.iter().zip(TEXTS).map(|(f, t)| (Key::Part(*f), t));
    let mut legend: Vec<_> = if stacks.stacks.iter().any(|s| s.parts.is_some()) {
        parts.collect()
    } else {
        vec![(Key::Part(WHOLE), "latency")]
    };
    if stacks.stacks.iter().any(|s| s.latency.count > 0) {
        legend.push((Key::Median, "median, 95 %"));
    }
    if stacks.stacks.iter().any(|s| s.predicted_ms.is_some()) {
        legend.push((Key::Cross, "predicted"));
    }
    let is_preliminary = |s: &Stack| Some(s.energy.as_ref()?.preliminary.is_some());
    let kinds: Vec<bool> = stacks.stacks.iter().filter_map(is_preliminary).collect();
    if kinds.contains(&false) {
        let text = if figure.origin.is_emulated {
            "energy (emulated power)"
        } else {
            "energy"
        };
        legend.push((Key::Diamond, text));
    }
    if kinds.contains(&true) {
        let text = if figure.origin.is_emulated {
            "energy, preliminary (emulated power)"
        } else {
            "energy, preliminary"
        };
        legend.push((Key::OpenDiamond, text));
    }
    legend
}

fn bar(scene: &mut Scene, stack: &Stack, ms: &Axis, x: f64, half: f64) {
    let mut below = 0.0;
    if stack.parts.is_none() {
        let area = Area::new(
            x - half,
            ms.within(stack.latency.value),
            x + half,
            ms.within(0.0),
        );
        part(scene, area, WHOLE);
    }
    let values = stack.parts.unwrap_or_default().values();
    for (value, fill) in values.into_iter().zip(PARTS) {
        let area = Area::new(
            x - half,
            ms.within(below + value),
            x + half,
            ms.within(below),
        );
        if value > 0.0 {
            part(scene, area, fill);
        }
        below += value;
    }
    if stack.latency.count > 0 {
        if let Some(interval) = stack.latency.interval {
            whisker(
                scene,
                x,
                ms.within(interval.low),
                ms.within(interval.high),
                (0, 0, 0),
            );
        }
        dot(scene, (x, ms.within(stack.latency.value)));
    }
    if let Some(predicted) = stack.predicted_ms {
        // Beside the median, which it would cover.
        let r = (half / 2.0).clamp(2.5, 4.5);
        cross(scene, (x - half * 0.6, ms.within(predicted)), r);
    }
}
