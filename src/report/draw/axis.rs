//! Scales: from numbers to pixels, with round numbers at the ticks.

use plotters::coord::ranged1d::{BoldPoints, Ranged};
use plotters::coord::types::RangedCoordf64;

use super::scene::{Across, Area, Down, Scene, text_width};
use super::style::{FAINT, GRID, INK, SMALL, axis_name, plain};

/// A linear scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    from_px: f64,
    to_px: f64,
}

impl Axis {
    /// From `low` at a pixel to `high` at another.
    pub(super) fn new((low, high): (f64, f64), (from_px, to_px): (f64, f64)) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self {
            low,
            high,
            from_px,
            to_px,
        }
    }

    /// From 0 up to the first tick at or above `most`.
    pub(super) fn from_zero(most: f64, from_px: f64, to_px: f64) -> Self {
        let most = if most.is_finite() && most > 0.0 {
            most
        } else {
            1.0
        };
        let axis = Self::new((0.0, most * 1.12), (from_px, to_px));
        let ticks = axis.ticks(6);
        let above = ticks.iter().copied().find(|&t| t >= most);
        Self::new((0.0, above.unwrap_or(most * 1.05)), (from_px, to_px))
    }

    /// Where a number is.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        self.from_px + share * (self.to_px - self.from_px)
    }

    /// Where a number is, or the end of the scale if it lies beyond.
    pub(super) fn within(&self, value: f64) -> f64 {
        self.at(value.min(self.high))
    }

    /// Round numbers on the scale, about `most` of them.
    pub(super) fn ticks(&self, most: usize) -> Vec<f64> {
        let range: RangedCoordf64 = (self.low..self.high).into();
        range.key_points(BoldPoints(most))
    }
}

/// Numbers of one axis with as many decimals as tell them apart.
pub(super) fn tick_labels(ticks: &[f64]) -> Vec<String> {
    let step = ticks
        .windows(2)
        .map(|w| w[1] - w[0])
        .fold(f64::INFINITY, f64::min);
    let decimals = (0..6)
        .find(|&d| {
            (step * 10_f64.powi(d))
                .fract()
                .min(1.0 - (step * 10_f64.powi(d)).fract())
                < 1e-6
        })
        .unwrap_or(6) as usize;
    ticks.iter().map(|t| format!("{t:.decimals$}")).collect()
}

/// The vertical axis at the left: grid, numbers, name.
pub(super) fn left(scene: &mut Scene, plot: Area, axis: &Axis, name: &str) {
    let ticks = axis.ticks(7);
    let labels = tick_labels(&ticks);
    for (&tick, label) in ticks.iter().zip(&labels) {
        let y = axis.at(tick);
        scene.line(&[(plot.left, y), (plot.right, y)], 1.0, GRID);
        scene.text(
            (plot.left - 7.0, y),
            label,
            plain(Across::Right, Down::Middle),
        );
    }
    let widest = labels
        .iter()
        .map(|l| text_width(l, SMALL, false))
        .fold(0.0, f64::max);
    let at = (
        plot.left - widest - 14.0,
        f64::midpoint(plot.top, plot.bottom),
    );
    scene.text(at, name, axis_name(true));
}

/// The vertical axis at the right: numbers and name, no grid.
pub(super) fn right(scene: &mut Scene, plot: Area, axis: &Axis, name: &str, shade: (u8, u8, u8)) {
    let ticks = axis.ticks(7);
    let labels = tick_labels(&ticks);
    for (&tick, label) in ticks.iter().zip(&labels) {
        let y = axis.at(tick);
        scene.line(&[(plot.right, y), (plot.right + 5.0, y)], 1.0, shade);
        let style = super::scene::Type {
            shade,
            ..plain(Across::Left, Down::Middle)
        };
        scene.text((plot.right + 8.0, y), label, style);
    }
    let widest = labels
        .iter()
        .map(|l| text_width(l, SMALL, false))
        .fold(0.0, f64::max);
    let at = (
        plot.right + widest + 32.0,
        f64::midpoint(plot.top, plot.bottom),
    );
    scene.text(
        at,
        name,
        super::scene::Type {
            shade,
            ..axis_name(true)
        },
    );
}

/// The horizontal axis below: ticks, numbers, name.
pub(super) fn below(scene: &mut Scene, plot: Area, axis: &Axis, most: usize, name: &str) {
    let ticks = axis.ticks(most);
    for (&tick, label) in ticks.iter().zip(tick_labels(&ticks)) {
        let x = axis.at(tick);
        scene.line(&[(x, plot.bottom), (x, plot.bottom + 5.0)], 1.0, INK);
        scene.text(
            (x, plot.bottom + 8.0),
            &label,
            plain(Across::Middle, Down::Top),
        );
    }
    let middle = f64::midpoint(plot.left, plot.right);
    scene.text((middle, plot.bottom + 30.0), name, axis_name(false));
}

/// The lines at the left and below.
pub(super) fn frame(scene: &mut Scene, plot: Area) {
    let corners = [
        (plot.left, plot.top),
        (plot.left, plot.bottom),
        (plot.right, plot.bottom),
    ];
    scene.line(&corners, 1.0, INK);
}

/// A vertical line with short ends from `low` to `high`.
pub(super) fn whisker(scene: &mut Scene, x: f64, low: f64, high: f64, shade: (u8, u8, u8)) {
    scene.line(&[(x, low), (x, high)], 1.5, shade);
    for y in [low, high] {
        scene.line(&[(x - 3.0, y), (x + 3.0, y)], 1.5, shade);
    }
}

/// Names below places of a categorical axis; so many are left out that none touch.
pub(super) fn categories(scene: &mut Scene, plot: Area, names: &[(f64, String)], name: &str) {
    let widest = names
        .iter()
        .map(|(_, n)| text_width(n, SMALL, false))
        .fold(0.0, f64::max);
    let room = plot.width() / names.len().max(1) as f64;
    let is_short = widest + 8.0 <= room * 4.0 && widest < 40.0;
    if is_short {
        let every = ((widest + 8.0) / room).ceil().max(1.0) as usize;
        for (x, label) in names.iter().step_by(every) {
            scene.text(
                (*x, plot.bottom + 6.0),
                label,
                plain(Across::Middle, Down::Top),
            );
        }
        let middle = f64::midpoint(plot.left, plot.right);
        scene.text((middle, plot.bottom + 30.0), name, axis_name(false));
        return;
    }
    // Words: in up to three lines each.
    for (x, label) in names {
        for (i, line) in super::scene::wrapped(label, SMALL, room - 6.0)
            .iter()
            .take(3)
            .enumerate()
        {
            let line = super::scene::shortened(line, SMALL, room - 2.0);
            let y = plot.bottom + 6.0 + i as f64 * SMALL;
            scene.text((*x, y), &line, plain(Across::Middle, Down::Top));
        }
    }
}

/// Faint text in a plot where there is nothing to see.
pub(super) fn note(scene: &mut Scene, at: (f64, f64), text: &str) {
    let style = super::scene::Type {
        shade: FAINT,
        ..plain(Across::Left, Down::Top)
    };
    scene.text(at, text, style);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_begins_at_zero_and_ends_on_a_round_number_above_all() {
        for most in [0.37, 1.0, 59.0, 101.3, 1234.0] {
            let axis = Axis::from_zero(most, 300.0, 0.0);
            assert!(
                axis.high >= most && axis.high <= most * 1.6,
                "{most} {axis:?}"
            );
            assert!((axis.at(0.0) - 300.0).abs() < 1e-9);
            assert!(axis.at(most) >= -1e-9);
            assert!(
                (3..=9).contains(&axis.ticks(7).len()),
                "{most} {:?}",
                axis.ticks(7)
            );
        }
        let empty = Axis::from_zero(0.0, 300.0, 0.0);
        assert!(empty.at(0.5).is_finite());
    }

    #[test]
    fn labels_have_the_decimals_that_tell_them_apart() {
        assert_eq!(tick_labels(&[0.0, 50.0, 100.0]), ["0", "50", "100"]);
        assert_eq!(tick_labels(&[0.0, 0.25, 0.5]), ["0.00", "0.25", "0.50"]);
        assert_eq!(
            tick_labels(&[0.0, 0.1, 0.2, 0.3]),
            ["0.0", "0.1", "0.2", "0.3"]
        );
    }
}
