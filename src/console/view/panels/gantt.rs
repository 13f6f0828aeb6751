//! Lanes of steps against a time axis.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::app::screens::timeline::TimelineView;
use crate::console::view::theme::{Part, Theme};
use crate::console::view::widgets::text;
use crate::store::{FrameLane, LaneKind};
use crate::wire::{StepKind, StepTime};

/// What joining pieces looks like.
pub(in crate::console::view) const JOIN: &str = "#";
/// What summing addends looks like.
pub(in crate::console::view) const SUM: &str = "Σ";
/// Something that takes less than half of a column.
const SHORT: &str = "▏";
/// Transfers from server to server.
const BETWEEN: &str = "═";

/// Columns of a lane's name with its mark.
const NAME: u16 = 11;
/// Columns of a lane's busy time.
const BUSY: u16 = 7;

/// The part of a latency that a lane is about.
pub(in crate::console::view) const fn part(kind: LaneKind) -> Option<Part> {
    match kind {
        LaneKind::Robot => Some(Part::Robot),
        LaneKind::Uplink => Some(Part::Uplink),
        LaneKind::Server(_) => Some(Part::Server),
        LaneKind::Downlink => Some(Part::Downlink),
        LaneKind::Between => None,
    }
}

/// Rows that the chart takes of `most`: its lanes, the mark and the axis; lanes give way.
pub(in crate::console::view) fn height(view: &TimelineView, most: u16) -> u16 {
    (view.lanes.len() as u16 + 2).min(most)
}

pub(in crate::console::view) fn render(
    view: &TimelineView,
    theme: Theme,
    area: Rect,
    buf: &mut Buffer,
) {
    let rows = usize::from(area.height);
    if rows < 2 || area.width <= NAME + BUSY + 8 {
        return;
    }
    let marks = rows >= view.lanes.len() + 2;
    let most = rows - 1 - usize::from(marks);
    let at = view.cursor.map_or(0, |(lane, _)| lane);
    let first = (at + 1).saturating_sub(most);
    let columns = usize::from(area.width - NAME - BUSY);
    let scale = Scale { view, columns };
    let mut y = area.y;
    for (l, lane) in view.lanes.iter().enumerate().skip(first).take(most) {
        let cursor = view.cursor.filter(|(lane, _)| *lane == l).map(|(_, p)| p);
        let line = lane_line(lane, cursor, &scale, theme);
        buf.set_line(area.x, y, &line, area.width);
        y += 1;
    }
    guide(
        &scale,
        theme,
        Rect {
            height: y - area.y,
            ..area
        },
        buf,
    );
    if marks {
        if let Some((from, to)) = view.step().and_then(|step| scale.columns_of(&step)) {
            let marks = " ".repeat(from) + &"▲".repeat(to - from);
            buf.set_stringn(area.x + NAME, y, marks, columns, theme.strong());
        }
        y += 1;
    }
    let (labels, unit) = axis(view.start_ns, view.span_ns, columns);
    let line = Line::from(vec![
        Span::styled(
            format!("{unit:>width$} ", width = usize::from(NAME) - 1),
            theme.faint(),
        ),
        Span::styled(format!("{labels:<columns$}"), theme.faint()),
        Span::styled("  busy", theme.faint()),
    ]);
    buf.set_line(area.x, y, &line, area.width);
}

struct Scale<'a> {
    view: &'a TimelineView<'a>,
    columns: usize,
}

impl Scale<'_> {
    /// Columns from the left edge, with their fraction.
    fn place(&self, at: i64) -> f64 {
        let since = at.saturating_sub(self.view.start_ns) as f64;
        since / self.view.span_ns as f64 * self.columns as f64
    }

    /// The columns that a step touches, if it is in sight.
    fn columns_of(&self, step: &StepTime) -> Option<(usize, usize)> {
        let end = step.start_ns.saturating_add(step.duration_ns);
        let (from, to) = (self.place(step.start_ns), self.place(end));
        if to < 0.0 || from >= self.columns as f64 {
            return None;
        }
        let from = from.max(0.0).floor() as usize;
        let to = (to.ceil() as usize).clamp(from + 1, self.columns.max(from + 1));
        Some((from, to))
    }
}

/// The beginning and the end of the step looked at, through what is blank of all lanes.
fn guide(scale: &Scale, theme: Theme, lanes: Rect, buf: &mut Buffer) {
    let Some((start, end)) = scale.view.guide else {
        return;
    };
    for place in [scale.place(start).floor(), scale.place(end).ceil() - 1.0] {
        if place < 0.0 || place >= scale.columns as f64 {
            continue;
        }
        let x = lanes.x + NAME + place as u16;
        for y in lanes.y..lanes.bottom() {
            let cell = &mut buf[(x, y)];
            if cell.symbol() == " " {
                cell.set_char('┊').set_style(theme.faint());
            }
        }
    }
}

/// How much of a column is taken by what, and whether the step looked at is in it.
#[derive(Default, Clone, Copy)]
struct Cell {
    work: f64,
    join: f64,
    sum: f64,
    touched: bool,
    here: bool,
}

fn lane_line(
    lane: &FrameLane,
    cursor: Option<usize>,
    scale: &Scale,
    theme: Theme,
) -> Line<'static> {
    let mut cells = vec![Cell::default(); scale.columns];
    for (p, step) in lane.steps.iter().enumerate() {
        let Some((from, to)) = scale.columns_of(step) else {
            continue;
        };
        let end = step.start_ns.saturating_add(step.duration_ns);
        let (start, stop) = (scale.place(step.start_ns), scale.place(end));
        for (column, cell) in (from..).zip(&mut cells[from..to.min(scale.columns)]) {
            let left = start.max(column as f64);
            let covered = (stop.min(column as f64 + 1.0) - left).max(0.0);
            match step.kind {
                StepKind::Compute | StepKind::Transfer | StepKind::Encode | StepKind::Decode => {
                    cell.work += covered;
                }
                StepKind::Assemble => cell.join += covered,
                StepKind::Reduce => cell.sum += covered,
            }
            cell.touched = true;
            cell.here |= cursor == Some(p);
        }
    }
    let part = part(lane.kind);
    let style = part.map_or(theme.text(), |part| theme.part(part));
    let full = part.map_or(BETWEEN, Part::glyph);
    let mark = if cursor.is_some() { "▸" } else { " " };
    let mut spans = vec![Span::styled(
        format!(
            "{mark} {:<width$}",
            lane.kind.name(),
            width = usize::from(NAME) - 2
        ),
        theme.strong(),
    )];
    for cell in cells {
        let glyph = match cell {
            Cell { touched: false, .. } => " ",
            Cell {
                join, work, sum, ..
            } if join > work && join >= sum => JOIN,
            Cell { sum, work, .. } if sum > work => SUM,
            Cell { work, .. } if work >= 0.5 => full,
            _ => SHORT,
        };
        let style = if cell.here { theme.picked() } else { style };
        spans.push(Span::styled(glyph, style));
    }
    let busy = text::ms(busy(&lane.steps));
    let width = usize::from(BUSY) - 1;
    spans.push(Span::raw(format!("{busy:>width$} ")));
    Line::from(spans)
}

/// How long at least one of a lane's steps (sorted by start) went on.
fn busy(steps: &[StepTime]) -> i64 {
    let mut busy = 0_i64;
    let mut reached = i64::MIN;
    for step in steps {
        let end = step.start_ns.saturating_add(step.duration_ns);
        let from = step.start_ns.max(reached);
        busy = busy.saturating_add(end.saturating_sub(from).max(0));
        reached = reached.max(end);
    }
    busy
}

/// The labels of a time axis and their unit: round numbers, at least nine columns apart.
fn axis(start_ns: i64, span_ns: i64, columns: usize) -> (String, &'static str) {
    let least = span_ns as f64 * 9.0 / columns.max(1) as f64;
    let decade = 10f64.powf(least.max(1.0).log10().floor());
    let tick = [1.0, 2.0, 5.0, 10.0].map(|m| m * decade);
    let tick = tick.into_iter().find(|&t| t >= least).unwrap_or(least);
    let (unit, of) = if tick < 1e6 && span_ns < 1_000_000 {
        ("µs", 1e3)
    } else {
        ("ms", 1e6)
    };
    let decimals = if tick < of {
        (of / tick).log10().ceil() as usize
    } else {
        0
    };
    let mut labels = String::new();
    let mut at = (start_ns as f64 / tick).ceil() * tick;
    while at <= (start_ns + span_ns) as f64 {
        let column = ((at - start_ns as f64) / span_ns as f64 * columns as f64) as usize;
        let label = format!("{:.decimals$}", at / of + 0.0);
        if column + label.len() > columns {
            break;
        }
        let width = labels.chars().count();
        labels.push_str(&" ".repeat(column.saturating_sub(width)));
        labels.push_str(&label);
        at += tick;
    }
    (labels, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_numbers_and_say_their_unit() {
        let ms = 1_000_000;
        let (labels, unit) = axis(0, 61 * ms, 61);
        assert_eq!(
            (labels.trim_end(), unit),
            ("0         10        20        30        40        50", "ms")
        );
        let (labels, unit) = axis(20 * ms, 2 * ms, 40);
        assert_eq!(
            (labels.trim_end(), unit),
            ("20.0      20.5      21.0      21.5", "ms")
        );
        let (labels, unit) = axis(20_000_000, 100_000, 40);
        assert_eq!(
            (labels.trim_end(), unit),
            ("20000               20050", "µs")
        );
    }
}
