//! A quantity over time in cells: of every column the least and the greatest value, gaps as gaps, a labelled rule where
//! another plan begins, exact values under the crosshair. Pure: dots and a window in, cells out.
//!
//! ```text
//! | at -6.4 s  up mean 71.8 (60.1 to 80.2) Mbps, 3 windows        |  readout, where there is a crosshair
//! |               ┊split 51 -> tile 2        ◆ behind the tree    |  labels, where there is a rule
//! | 100┤          ┊              │                                |
//! |  up│⡠⢄   ⣀⡠⢄⡀ ┊ ⡀⢀⣀⡠⠤⠤⠒⠒⠢⣀⣀⡠⢄│                                |  min to max, two dots a cell
//! |   0│  ×××     ┊·             │                                |  × no link, · idle, blank not told
//! |    -15 s           -10 s          -5 s                    now |  axis, from 6 rows
//! ```

mod plot;
mod readout;
mod scale;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::Theme;
use super::widgets::text;
use crate::store::{Bucket, Gap, Measured, Rule, RuleKind, Rules, Series, Window};
use crate::units::Nanos;

pub(super) use readout::{ago, readout};
pub(super) use scale::Scale;

/// Columns of the axis: four for a label, and the line.
pub(super) const AXIS: u16 = 5;
/// Columns below which a label says nothing.
const LEAST_LABEL: usize = 5;
/// Rows from which the time axis has one.
const TIME_AXIS: u16 = 6;

/// How a curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pen {
    /// From the least to the greatest value of every dot.
    Envelope,
    /// The mean dashed, in a band as wide as it may be off: what is believed.
    Belief,
}

/// One quantity of a chart.
#[derive(Debug, Clone)]
pub(super) struct Curve<'a> {
    /// Its word in the readout.
    pub(super) name: &'a str,
    /// What it counts: `frames`, `windows`.
    pub(super) of: &'static str,
    /// One per dot of the window.
    pub(super) dots: Vec<Bucket>,
    /// Values as far apart as this are joined.
    pub(super) join_ns: i64,
    pub(super) pen: Pen,
    pub(super) style: Style,
}

impl<'a> Curve<'a> {
    /// What a series has to show in a window; nothing where there is no series.
    pub(super) fn new(
        name: &'a str,
        series: Option<&Series>,
        join_ns: i64,
        window: &Window,
        style: Style,
    ) -> Self {
        let nothing = || vec![Bucket::default(); window.dots];
        Self {
            name,
            of: "readings",
            dots: series.map_or_else(nothing, |series| series.dots(window)),
            join_ns,
            pen: Pen::Envelope,
            style,
        }
    }

    /// With another word for what is counted.
    pub(super) const fn of(mut self, of: &'static str) -> Self {
        self.of = of;
        self
    }

    /// Drawn as what is believed.
    pub(super) const fn believed(mut self) -> Self {
        self.pen = Pen::Belief;
        self
    }
}

/// A chart.
#[derive(Debug, Clone)]
pub(super) struct Chart<'a> {
    /// Its word beside the axis, at most four letters.
    pub(super) name: &'a str,
    /// The unit of its values.
    pub(super) unit: &'a str,
    pub(super) window: Window,
    /// The first hides the others where they meet; its gaps are marked.
    pub(super) curves: Vec<Curve<'a>>,
    pub(super) scale: Scale,
    pub(super) rules: Option<&'a Rules>,
    /// Whether rules have their labels above: of charts that stand above each other the first has them.
    pub(super) labelled: bool,
    /// What is looked at exactly.
    pub(super) cross: Option<Nanos>,
    /// The newest moment that there is, which the axis counts from.
    pub(super) newest: Nanos,
    /// Whether this is the chart that keys change.
    pub(super) focused: bool,
}

/// Dots that a chart of this width has.
pub(super) const fn dots(width: u16) -> usize {
    width.saturating_sub(AXIS) as usize * 2
}

/// The least and the greatest of some curves, for a scale.
pub(super) fn extremes(curves: &[Curve]) -> (f64, f64) {
    let all = || curves.iter().flat_map(|curve| &curve.dots);
    let least = all().filter_map(Bucket::min).filter(|&least| least > 0.0);
    let most = all().filter_map(Bucket::max);
    (
        least.fold(f64::INFINITY, f64::min),
        most.fold(0.0, f64::max),
    )
}

/// Draws it and says where its curves are; none where there is no room.
pub(super) fn render(chart: &Chart, theme: Theme, area: Rect, buf: &mut Buffer) -> Option<Rect> {
    if area.width <= AXIS + 1 || area.height == 0 {
        return None;
    }
    let mut area = area;
    if let Some(cross) = chart.cross.filter(|_| area.height >= 3) {
        let words = readout(chart, cross, usize::from(area.width) - 1);
        let style = if chart.focused {
            theme.strong()
        } else {
            theme.text()
        };
        let mark = if chart.focused { "▸" } else { " " };
        let words = text::head(&format!("{mark}{words}"), area.width.into());
        buf.set_stringn(area.x, area.y, words, area.width.into(), style);
        area = below(area, 1);
    }
    let marks = marks(chart);
    if chart.labelled && !marks.is_empty() && area.height >= 4 {
        labels(&marks, theme, area, buf);
        area = below(area, 1);
    }
    if area.height >= TIME_AXIS {
        time_axis(chart, theme, area, buf);
        area.height -= 1;
    }
    value_axis(chart, theme, area, buf);
    let plot = Rect {
        x: area.x + AXIS,
        width: area.width - AXIS,
        ..area
    };
    ruled(&marks, theme, plot, buf);
    plot::draw(chart, &marks, theme, plot, buf);
    gaps(chart, theme, plot, buf);
    crossed(chart, theme, plot, buf);
    Some(plot)
}

const fn below(area: Rect, rows: u16) -> Rect {
    Rect {
        y: area.y + rows,
        height: area.height - rows,
        ..area
    }
}

/// A rule in sight: its dot, its glyph, its label, and whether it divides plans.
struct Mark {
    dot: usize,
    glyph: char,
    label: String,
    divides: bool,
}

fn marks(chart: &Chart) -> Vec<Mark> {
    let Some(rules) = chart.rules else {
        return Vec::new();
    };
    let mark = |rule: &Rule| {
        let (glyph, divides) = match rule.kind {
            RuleKind::Plan(_) => ('┊', true),
            RuleKind::Marker => ('◆', false),
            RuleKind::Fallback => ('▼', false),
            RuleKind::Back => ('▲', false),
        };
        Some(Mark {
            dot: chart.window.dot(rule.at)?,
            glyph,
            label: rule.label.clone(),
            divides,
        })
    };
    let (from, to) = (chart.window.start(), chart.window.end);
    rules.between(from, to).filter_map(mark).collect()
}

/// The glyphs of rules, and their labels as far as there is room: behind the rule or else before it. Plans come first, the
/// newest of them before the others; what finds no room has its rule alone.
fn labels(marks: &[Mark], theme: Theme, area: Rect, buf: &mut Buffer) {
    let columns = usize::from(area.width - AXIS);
    let mut taken = vec![false; columns];
    let mut put = |from: usize, words: &str, taken: &mut Vec<bool>| {
        let width = text::width(words);
        taken[from..from + width].fill(true);
        let x = area.x + AXIS + from as u16;
        buf.set_stringn(x, area.y, words, width, theme.strong());
    };
    let mut order: Vec<&Mark> = marks.iter().rev().collect();
    order.sort_by_key(|mark| !mark.divides);
    for mark in order {
        let column = mark.dot / 2;
        if taken.get(column) != Some(&false) {
            continue;
        }
        put(column, &mark.glyph.to_string(), &mut taken);
        let free = |cells: &mut dyn Iterator<Item = &bool>| cells.take_while(|t| !**t).count();
        let behind = free(&mut taken[column + 1..].iter());
        let before = free(&mut taken[..column].iter().rev());
        let width = text::width(&mark.label);
        // A blank keeps a label from the next rule.
        let behind = if column + 1 + behind < columns {
            behind.saturating_sub(1)
        } else {
            behind
        };
        if width <= behind {
            put(column + 1, &mark.label, &mut taken);
        } else if width < before || width == before && width == column {
            put(column - width, &mark.label, &mut taken);
        } else if behind >= LEAST_LABEL {
            put(column + 1, &text::head(&mark.label, behind), &mut taken);
        } else if before > LEAST_LABEL {
            let words = text::head(&mark.label, before - 1);
            put(column - text::width(&words), &words, &mut taken);
        }
    }
}

fn ruled(marks: &[Mark], theme: Theme, plot: Rect, buf: &mut Buffer) {
    for mark in marks {
        let x = plot.x + (mark.dot / 2) as u16;
        let (glyph, style) = if mark.divides {
            ('┊', theme.strong())
        } else {
            ('┆', theme.faint())
        };
        for y in plot.y..plot.bottom() {
            if x < plot.right() {
                buf[(x, y)].set_char(glyph).set_style(style);
            }
        }
    }
}

/// Labels beside the axis: the top, the bottom, the name, and where there is room the middle.
fn value_axis(chart: &Chart, theme: Theme, area: Rect, buf: &mut Buffer) {
    let last = area.height.saturating_sub(1);
    let middle = (last / 2, chart.scale.value(0.5));
    for row in 0..area.height {
        let label = match row {
            0 => scale::label(chart.scale.value(1.0)),
            _ if row == last => scale::label(chart.scale.value(0.0)),
            1 => chart.name.to_owned(),
            _ if area.height >= 7 && last.is_multiple_of(2) && row == middle.0 => {
                scale::label(middle.1)
            }
            _ => String::new(),
        };
        let tick = row == 0 || row != 1 && !label.is_empty();
        let line = if tick { '┤' } else { '│' };
        let words = format!("{label:>4}{line}");
        buf.set_stringn(area.x, area.y + row, words, AXIS.into(), theme.faint());
    }
}

/// How long ago, counted from the newest moment that there is.
fn time_axis(chart: &Chart, theme: Theme, area: Rect, buf: &mut Buffer) {
    let y = area.bottom() - 1;
    let columns = area.width - AXIS;
    let label = |column: u16| {
        let at = chart.window.at(usize::from(column) * 2);
        ago(chart.newest, at, chart.window.dot_ns)
    };
    let words = text::head(chart.unit, 4);
    buf.set_stringn(area.x, y, format!("{words:>4}"), 4, theme.faint());
    let follows = chart.window.end > chart.newest;
    let end = if follows {
        "now".to_owned()
    } else {
        label(columns)
    };
    let last = columns.saturating_sub(text::width(&end) as u16);
    buf.set_stringn(area.x + AXIS + last, y, end, columns.into(), theme.faint());
    let step = (columns / 4).max(12);
    let mut column = 0;
    while column < last {
        let words = label(column);
        // A blank keeps it from the one at the end.
        if column + (text::width(&words) as u16) < last {
            buf.set_stringn(area.x + AXIS + column, y, words, 9, theme.faint());
        }
        column += step;
    }
}

/// The lowest row says why there is no value: `·` nothing was under way, `×` not connected, blank not told.
fn gaps(chart: &Chart, theme: Theme, plot: Rect, buf: &mut Buffer) {
    let Some(curve) = chart.curves.first() else {
        return;
    };
    let y = plot.bottom() - 1;
    for (pair, x) in curve.dots.chunks(2).zip(plot.x..plot.right()) {
        if pair.iter().any(|dot| dot.count() > 0) {
            continue;
        }
        let why = |gap| pair.iter().any(|dot| dot.gap() == Some(gap));
        let cell = &mut buf[(x, y)];
        if why(Gap::Down) {
            cell.set_char('×').set_style(theme.warning());
        } else if why(Gap::Idle) && cell.symbol() == " " {
            cell.set_char('·').set_style(theme.faint());
        }
    }
}

fn crossed(chart: &Chart, theme: Theme, plot: Rect, buf: &mut Buffer) {
    let Some(dot) = chart.cross.and_then(|at| chart.window.dot(at)) else {
        return;
    };
    let x = plot.x + (dot / 2) as u16;
    for y in plot.y..plot.bottom() {
        if x < plot.right() {
            let cell = &mut buf[(x, y)];
            if matches!(cell.symbol(), " " | "┊" | "┆" | "·") {
                cell.set_char('│');
            }
            cell.set_style(theme.picked());
        }
    }
}

/// Draws one series as any screen would: for measuring what a picture costs.
pub fn draw_series(series: &Series, window: &Window, theme: Theme, area: Rect, buf: &mut Buffer) {
    let window = Window {
        dots: dots(area.width),
        ..*window
    };
    let style = theme.part(super::theme::Part::Uplink);
    let curves = vec![Curve::new(
        "series",
        Some(series),
        1_000_000_000,
        &window,
        style,
    )];
    let scale = Scale::auto(extremes(&curves), None, false);
    let newest = series.last().map_or(window.end, |(at, Measured { .. })| at);
    let chart = Chart {
        name: "",
        unit: "",
        window,
        curves,
        scale,
        rules: None,
        labelled: false,
        cross: None,
        newest,
        focused: false,
    };
    render(&chart, theme, area, buf);
}

/// One row of dots, without axes: the newest on the right.
pub(super) fn sparkline(dots: &[Bucket], style: Style, area: Rect, buf: &mut Buffer) {
    let most = dots.iter().filter_map(Bucket::max).fold(0.0, f64::max);
    let scale = Scale::auto((most, most), None, false);
    plot::filled(dots, scale, style, area, buf);
}

#[cfg(test)]
mod tests;
