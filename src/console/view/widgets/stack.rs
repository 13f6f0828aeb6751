//! A frame's latency as one bar: its parts side by side, each with its own glyph.

use ratatui::text::Span;

use crate::console::view::theme::{Part, Theme};
use crate::wire::Parts;

/// The nanoseconds of a part.
pub(in crate::console::view) const fn part_ns(parts: &Parts, part: Part) -> i64 {
    match part {
        Part::Robot => parts.robot_compute_ns,
        Part::Uplink => parts.uplink_ns,
        Part::Server => parts.server_compute_ns,
        Part::Downlink => parts.downlink_ns,
        Part::Wait => parts.wait_ns,
    }
}

/// Columns per part, in [`Part::ALL`]'s order: each ends where the sum up to it falls, so that the bar's length is the
/// latency's and no rounding adds up.
fn columns(parts: &Parts, scale_ns: i64, width: usize) -> [usize; 5] {
    let mut sum = 0_i64;
    let mut begin = 0;
    Part::ALL.map(|part| {
        sum = sum.saturating_add(part_ns(parts, part).max(0));
        let end = (sum as f64 / scale_ns.max(1) as f64 * width as f64).round() as usize;
        let end = end.clamp(begin, width);
        let length = end - begin;
        begin = end;
        length
    })
}

/// The bar, `width` columns for `scale_ns`; a longer latency ends with `»`.
pub(in crate::console::view) fn bar(
    parts: &Parts,
    scale_ns: i64,
    width: usize,
    theme: Theme,
) -> Vec<Span<'static>> {
    let mut spans: Vec<Span> = Vec::new();
    let too_long = parts.sum_ns() > scale_ns && width > 0;
    let room = if too_long { width - 1 } else { width };
    let mut left = room;
    for (part, length) in Part::ALL.into_iter().zip(columns(parts, scale_ns, width)) {
        let length = length.min(left);
        left -= length;
        if length > 0 {
            spans.push(Span::styled(part.glyph().repeat(length), theme.part(part)));
        }
    }
    if too_long {
        spans.push(Span::styled("»", theme.strong()));
        left = 0;
    }
    spans.push(Span::raw(" ".repeat(left)));
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn parts(robot: i64, up: i64, server: i64, down: i64, wait: i64) -> Parts {
        Parts {
            robot_compute_ns: robot,
            server_compute_ns: server,
            uplink_ns: up,
            downlink_ns: down,
            wait_ns: wait,
            overlap_ns: 0,
        }
    }

    fn text(parts: &Parts, scale: i64, width: usize) -> String {
        let spans = bar(parts, scale, width, Theme::PLAIN);
        spans.iter().map(|s| s.content.as_ref()).collect()
    }

    #[test]
    fn a_bar_is_as_long_as_its_latency_and_its_parts_are_told_apart_without_colour() {
        assert_eq!(
            text(&parts(20, 30, 10, 5, 5), 100, 20),
            "▓▓▓▓╱╱╱╱╱╱██╲·      "
        );
    }

    #[test]
    fn small_parts_do_not_add_up_to_columns_that_are_not_there() {
        assert_eq!(text(&parts(96, 1, 1, 1, 1), 100, 10), "▓▓▓▓▓▓▓▓▓▓");
    }

    #[test]
    fn what_does_not_fit_says_so_and_a_faulty_negative_part_draws_nothing() {
        assert_eq!(text(&parts(300, 0, 0, 0, 0), 100, 5), "▓▓▓▓»");
        assert_eq!(text(&parts(-50, 50, 0, 0, 0), 100, 4), "╱╱  ");
    }
}
