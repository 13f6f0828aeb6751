//! Curves as dots: two a column and four a row, in braille; in ASCII by how high in its cell a curve runs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{Chart, Curve, Mark, Pen, Scale};
use crate::console::view::Theme;
use crate::store::Bucket;

/// Dots of a cell from the bottom up, left and right.
const LEFT: [u8; 4] = [0x40, 0x04, 0x02, 0x01];
const RIGHT: [u8; 4] = [0x80, 0x20, 0x10, 0x08];

/// The lowest and the highest dot of a column that are drawn.
type Span = (usize, usize);

/// Dots of a plot, cell by cell.
struct Grid {
    columns: usize,
    rows: usize,
    cells: Vec<u8>,
}

impl Grid {
    fn new(plot: Rect) -> Self {
        let (columns, rows) = (usize::from(plot.width), usize::from(plot.height));
        Self {
            columns,
            rows,
            cells: vec![0; columns * rows],
        }
    }

    fn draw(&mut self, dot: usize, (low, high): Span) {
        let of = if dot.is_multiple_of(2) { LEFT } else { RIGHT };
        for height in low..=high.min(self.rows * 4 - 1) {
            let row = self.rows - 1 - height / 4;
            if let Some(cell) = self.cells.get_mut(row * self.columns + dot / 2)
                && dot / 2 < self.columns
            {
                *cell |= of[height % 4];
            }
        }
    }

    fn put(&self, style: Style, ascii: bool, plot: Rect, buf: &mut Buffer) {
        for (i, &bits) in self.cells.iter().enumerate().filter(|(_, bits)| **bits > 0) {
            let x = plot.x + (i % self.columns) as u16;
            let y = plot.y + (i / self.columns) as u16;
            let glyph = if ascii {
                in_ascii(bits)
            } else {
                char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' ')
            };
            buf[(x, y)].set_char(glyph).set_style(style);
        }
    }
}

/// A cell of dots without braille: `'` runs high, `.` low, `-` in the middle, `|` from top to bottom.
const fn in_ascii(bits: u8) -> char {
    let (high, low) = (bits & 0x1b > 0, bits & 0xe4 > 0);
    let (ends, inside) = (bits & 0xc9, bits & 0x36);
    match (high, low) {
        _ if bits.count_ones() >= 5 => '|',
        _ if ends == 0 && inside > 0 => '-',
        (true, true) => ':',
        (true, false) => '\'',
        _ => '.',
    }
}

/// Draws the curves, the first last, and marks what is too high for the axis.
pub(super) fn draw(chart: &Chart, marks: &[Mark], theme: Theme, plot: Rect, buf: &mut Buffer) {
    if plot.is_empty() {
        return;
    }
    for curve in chart.curves.iter().rev() {
        let mut grid = Grid::new(plot);
        if curve.pen == Pen::Belief {
            band(curve, chart, &mut grid);
        }
        for (dot, span) in spans(curve, chart, marks, grid.rows * 4) {
            grid.draw(dot, span);
        }
        grid.put(curve.style, theme.is_ascii(), plot, buf);
    }
    let envelopes = chart.curves.iter().filter(|c| c.pen == Pen::Envelope);
    for curve in envelopes {
        let over = |dot: &Bucket| {
            dot.max()
                .is_some_and(|most| chart.scale.place(most) > 1.005)
        };
        for (pair, x) in curve.dots.chunks(2).zip(plot.x..plot.right()) {
            if pair.iter().any(over) {
                buf[(x, plot.y)].set_char('▲').set_style(theme.strong());
            }
        }
    }
}

/// The dot, from the bottom up, that a value stands on.
fn height(chart: &Chart, value: f64, heights: usize) -> usize {
    let place = chart.scale.place(value).clamp(0.0, 1.0);
    (place * (heights - 1) as f64).round() as usize
}

/// How far a belief may be off: every fourth dot between its ends, as wide as it is told, until the next one is told.
fn band(curve: &Curve, chart: &Chart, grid: &mut Grid) {
    let heights = grid.rows * 4;
    let dot_ns = chart.window.dot_ns.max(1);
    let lasts = (curve.join_ns / dot_ns) as usize;
    let mut told: Option<(usize, Span)> = None;
    for (dot, bucket) in curve.dots.iter().enumerate() {
        if let (Some(min), Some(max)) = (bucket.min(), bucket.max()) {
            let ends = (height(chart, min, heights), height(chart, max, heights));
            told = Some((dot, ends));
        }
        let holds = told.filter(|(at, _)| dot - at <= lasts);
        let Some((_, (low, high))) = holds else {
            continue;
        };
        for level in (low..=high).filter(|level| level % 2 == 0 && level / 2 % 2 == dot % 2) {
            grid.draw(dot, (level, level));
        }
    }
}

/// What is drawn of a curve: its envelope, joined where nothing lies between.
fn spans(curve: &Curve, chart: &Chart, marks: &[Mark], heights: usize) -> Vec<(usize, Span)> {
    let height = |value: f64| height(chart, value, heights);
    let mut spans: Vec<(usize, Span)> = Vec::new();
    let mut before: Option<(usize, Span)> = None;
    for (dot, bucket) in curve.dots.iter().enumerate() {
        let span = match (curve.pen, bucket.min(), bucket.max(), bucket.mean()) {
            (Pen::Envelope, Some(min), Some(max), _) => (height(min), height(max)),
            (Pen::Belief, _, _, Some(mean)) => (height(mean), height(mean)),
            _ => {
                if bucket.gap().is_some() {
                    before = None;
                }
                continue;
            }
        };
        let divided = |from: usize| {
            let mut plans = marks.iter().filter(|mark| mark.divides);
            plans.any(|mark| mark.dot > from && mark.dot <= dot)
        };
        let far = |from: usize| {
            let apart = chart.window.dot_ns.saturating_mul((dot - from) as i64);
            dot - from > 1 && apart > curve.join_ns.saturating_add(chart.window.dot_ns)
        };
        if let Some((from, old)) = before.filter(|b| !divided(b.0) && !far(b.0)) {
            spans.extend(joined((from, old), (dot, span)));
        }
        spans.push((dot, span));
        before = Some((dot, span));
    }
    if curve.pen == Pen::Belief {
        spans.retain(|(dot, _)| dot % 4 < 2);
    }
    spans
}

/// The line between two envelopes: straight over dots without a value, then up or down to where they meet.
fn joined((from, old): (usize, Span), (to, new): (usize, Span)) -> Vec<(usize, Span)> {
    let middle = |span: Span| f64::midpoint(span.0 as f64, span.1 as f64);
    let (start, slope) = (
        middle(old),
        (middle(new) - middle(old)) / (to - from) as f64,
    );
    let mut line: Vec<(usize, Span)> = Vec::new();
    let mut before = old;
    for dot in from + 1..=to {
        let here = if dot == to {
            new
        } else {
            let at = (start + slope * (dot - from) as f64).round() as usize;
            (at, at)
        };
        let (low, high) = here;
        let span = if before.1 < low {
            (before.1 + 1, high)
        } else if before.0 > high {
            (low, before.0 - 1)
        } else {
            here
        };
        line.push((dot, span));
        before = here;
    }
    line
}

/// Draws dots as columns from the bottom; what was measured has at least one dot, and so differs from a gap.
pub(super) fn filled(dots: &[Bucket], scale: Scale, style: Style, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let mut grid = Grid::new(area);
    let most = grid.rows * 4;
    for (dot, bucket) in dots.iter().enumerate() {
        if let Some(max) = bucket.max() {
            let high = (scale.place(max).min(1.0) * most as f64).round() as usize;
            grid.draw(dot, (0, high.saturating_sub(1)));
        }
    }
    grid.put(style, false, area, buf);
}
