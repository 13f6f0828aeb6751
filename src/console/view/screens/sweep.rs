//! The Sweep screen: which plans, how far, and what each of them takes, growing as it is measured.
//!
//! ```text
//! | header, screens, targets                                                          |
//! +-----------------------------------------------------------------------------------+
//! | round 3 of 20  split 12  40 of 920 visits, 4 min 10 s left                        |
//! | 46 plans, 20 rounds, 3 frames a visit  stored in .../sweeps/2026-11-25T14-35-12Z.csv |
//! |   plan             ▓ robot ╱ up █ server ╲ down · wait ┊ predicted   ms  ▪ energy J |
//! | ▸ split 0          ╱╱╱╱╱╱╱╱╱╱╱██╲·                                 23.1  ▪▪    0.21 |
//! |   split 1          ▓╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱█              1142  ▪▪▪▪▪ 5.63 |
//! +-- fastest split 0, 23.1 ms -- least energy split 0, 0.21 J -----------------------+
//! | status; hints                                                                     |
//! ```
//!
//! Without a sweep, or while a new one is set up, the form stands in its place.
//! At arm's length: how far, and the best of both kinds.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::app::Action;
use crate::console::app::screens::sweep::Do;
use crate::console::app::sweeping::{Stored, Sweeping};
use crate::console::view::layout::{Size, framed};
use crate::console::view::theme::Part;
use crate::console::view::widgets::{stack, text};
use crate::console::view::{Scene, panel};
use crate::sweep::{Bar, Sweep};

/// Columns of a plan's name, of its milliseconds and of its joules.
const NAME: usize = 26;
const MS: usize = 8;
const JOULES: usize = 8;
/// Columns of an interval's half width: `±12 %`.
const WIDTH: usize = 7;
/// Columns of a line's name in the form.
const FIELD: usize = 11;

pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let inner = framed(scene, area, buf);
    match scene.app.sweeping() {
        Some(sweeping) if !scene.app.sets_up_sweep() => table(scene, sweeping, (area, inner), buf),
        _ => form(scene, inner, buf),
    }
}

/// What a new sweep would be, line by line.
fn form(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let form = &scene.app.screens().sweep.form;
    let graph = scene.app.swept_graph();
    let foot = scene.app.sweep_forecast();
    let foot = foot.map_or_else(String::new, |forecast| forecast.words());
    let inner = panel(area, "Sweep  a new one", &foot, scene.theme, buf);
    let Some(graph) = graph else {
        let words = "no robot has told its model yet";
        let line = Line::styled(words, scene.theme.faint());
        buf.set_line(inner.x, inner.y, &line, inner.width);
        return;
    };
    let fields = form.fields(graph);
    let selected = form.selected(graph);
    let shown = usize::from(inner.height);
    let top = selected
        .saturating_sub(shown / 2)
        .min(fields.len().saturating_sub(shown));
    for (y, place) in (inner.y..inner.bottom()).zip(top..fields.len()) {
        let field = fields[place];
        let is_picked = place == selected;
        let value = form.value(field, graph);
        let room = usize::from(inner.width).saturating_sub(FIELD + 2);
        let style = if is_picked {
            scene.theme.picked()
        } else {
            scene.theme.text()
        };
        let line = Line::from(vec![
            Span::raw(if is_picked { "▸ " } else { "  " }),
            Span::styled(format!("{:<FIELD$}", field.name()), scene.theme.faint()),
            Span::styled(text::head(&value, room), style),
        ]);
        buf.set_line(inner.x, y, &line, inner.width);
    }
}

/// A sweep, plan by plan.
fn table(scene: &Scene, sweeping: &Sweeping, (area, inner): (Rect, Rect), buf: &mut Buffer) {
    let foot = sweeping.sweep().map_or_else(String::new, best);
    let inner = panel(inner, "Sweep", &foot, scene.theme, buf);
    let width = usize::from(inner.width);
    let mut rows = inner.y..inner.bottom();
    let mut put = |line: Line| {
        if let Some(y) = rows.next() {
            buf.set_line(inner.x, y, &line, inner.width);
        }
    };
    let is_glance = Size::of(area) == Size::Glance;
    let state = state(sweeping);
    // At arm's length every part of it has a line of its own.
    let parts = if is_glance {
        state.split("  ").collect()
    } else {
        vec![state.as_str()]
    };
    for part in parts {
        put(Line::styled(part.to_owned(), scene.theme.strong()));
    }
    let Some(sweep) = sweeping.sweep().filter(|_| !is_glance) else {
        for line in foot.split("  ").filter(|l| !l.is_empty()) {
            put(Line::raw(line.to_owned()));
        }
        return;
    };
    put(Line::styled(
        how(sweep, sweeping, width),
        scene.theme.faint(),
    ));
    let bars: Vec<Option<Bar>> = (0..sweep.plans().len()).map(|p| sweep.bar(p)).collect();
    let columns = Columns::of(&bars, width);
    put(legend(scene, &columns));
    let first = rows.start;
    let shown = usize::from(inner.bottom().saturating_sub(first));
    let cursor = scene.app.screens().sweep.row;
    let count = bars.len();
    let top = cursor
        .saturating_sub(shown / 2)
        .min(count.saturating_sub(shown));
    for (y, plan) in (first..inner.bottom()).zip(top..count) {
        let line = row(scene, sweep, (plan, plan == cursor), bars[plan], &columns);
        buf.set_line(inner.x, y, &line, inner.width);
    }
    scene.target(inner, Action::Sweep(Do::Layer));
}

/// How it goes about it, and where it is stored.
fn how(sweep: &Sweep, sweeping: &Sweeping, width: usize) -> String {
    let settings = sweep.settings();
    let mut words = format!(
        "{} plans, {}, {} frames a visit",
        sweep.plans().len(),
        settings.until,
        settings.frames
    );
    if settings.visit_ms > 0 {
        let _ = write!(words, " and {:.1} s", f64::from(settings.visit_ms) / 1e3);
    }
    let room = width.saturating_sub(text::width(&words) + 2);
    match sweeping.stored() {
        Some(Stored::In(path)) => {
            let whole = format!("stored in {}", path.display());
            if text::width(&whole) <= room {
                return format!("{words}  {whole}");
            }
            // The end of a path says which file it is.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            text::head(&format!("in {name}  {words}"), width)
        }
        Some(Stored::Not(why)) => text::head(&format!("NOT STORED: {why}  {words}"), width),
        None => words,
    }
}

/// How wide the parts of a row are, and what they are scaled to.
struct Columns {
    bar: usize,
    scale_ns: i64,
    joules: usize,
    scale_j: f64,
}

impl Columns {
    fn of(bars: &[Option<Bar>], width: usize) -> Self {
        let known = || bars.iter().flatten();
        let most_j = known().filter_map(|b| b.joules).fold(0.0, f64::max);
        let joules = match width {
            _ if most_j <= 0.0 => 0,
            0..100 => 8,
            _ => 20,
        };
        let used = NAME + MS + WIDTH + JOULES + 3 + joules;
        Self {
            bar: width.saturating_sub(used),
            scale_ns: known().map(|b| b.parts.sum_ns()).max().unwrap_or(1).max(1),
            joules,
            scale_j: most_j.max(f64::MIN_POSITIVE),
        }
    }
}

fn state(sweeping: &Sweeping) -> String {
    match sweeping.failed() {
        Some(why) => format!("no sweep: {why}"),
        None => sweeping.words(),
    }
}

fn legend(scene: &Scene, columns: &Columns) -> Line<'static> {
    let room = columns.bar;
    let mut spans = vec![Span::raw(format!("  {:<NAME$}", "plan"))];
    let mut used = 0;
    for part in Part::ALL {
        let words = format!("{}{} ", part.glyph(), part.word());
        let width = text::width(&words);
        if used + width <= room {
            used += width;
            spans.push(Span::styled(words, scene.theme.part(part)));
        }
    }
    let rest = room.saturating_sub(used);
    let joules = columns.joules;
    spans.push(Span::raw(format!(
        "{:<rest$}{:>MS$}{:>WIDTH$} {:<joules$}{:>JOULES$}",
        if rest >= 11 { "┊ predicted" } else { "┊" },
        "ms",
        "±",
        match joules {
            0 => "",
            1..10 => " ▪",
            _ => " ▪ energy",
        },
        "J"
    )));
    Line::from(spans)
}

fn row(
    scene: &Scene,
    sweep: &Sweep,
    (plan, picked): (usize, bool),
    bar: Option<Bar>,
    columns: &Columns,
) -> Line<'static> {
    let (scale_ns, room) = (columns.scale_ns, columns.bar);
    let theme = scene.theme;
    let label = text::head(&sweep.plans()[plan].label, NAME - 1);
    let style = if picked { theme.picked() } else { theme.text() };
    let present = sweep.progress().plan == Some(plan);
    let mark = match (picked, present) {
        (true, _) => "▸ ",
        (false, true) => "• ",
        (false, false) => "  ",
    };
    let mut spans = vec![
        Span::raw(mark),
        Span::styled(format!("{label:<NAME$}"), style),
    ];
    let Some(bar) = bar else {
        let refused = sweep.refusals().iter().find(|r| r.plan == plan);
        let words = match refused {
            Some(refused) => text::head(&refused.reason, room),
            None if sweep.is_out(plan) => "skipped".to_owned(),
            None => String::new(),
        };
        spans.push(Span::styled(words, theme.faint()));
        return Line::from(spans);
    };
    spans.extend(with_prediction(&bar, scale_ns, room, scene));
    let width = bar.median_ms.relative_half_width();
    let width = width.map_or_else(String::new, |w| format!("±{:.1} %", w * 100.0));
    let joules = bar.joules.map_or_else(String::new, |j| {
        let emulated = if bar.power_emulated { "e" } else { "" };
        text::figures(j) + emulated
    });
    let (fastest, frugal) = sweep.best();
    let best = |is: bool| if is { theme.good() } else { theme.text() };
    spans.push(Span::styled(
        format!("{:>MS$}", text::figures(bar.median_ms.value)),
        best(fastest == Some(plan)),
    ));
    spans.push(Span::styled(format!("{width:>WIDTH$} "), theme.faint()));
    let share = bar.joules.unwrap_or(0.0) / columns.scale_j;
    let most = columns.joules.saturating_sub(2);
    let length = (share * most as f64).round() as usize;
    let energy = format!(" {}", "▪".repeat(length.min(most)));
    spans.push(Span::raw(format!("{energy:<0$}", columns.joules)));
    spans.push(Span::styled(
        format!("{joules:>JOULES$}"),
        best(frugal == Some(plan)),
    ));
    Line::from(spans)
}

/// The stacked bar, with a mark where the prediction ends.
fn with_prediction(bar: &Bar, scale_ns: i64, room: usize, scene: &Scene) -> Vec<Span<'static>> {
    let spans = stack::bar(&bar.parts, scale_ns, room, scene.theme);
    let Some(predicted) = bar.predicted_ns.filter(|_| room > 0) else {
        return spans;
    };
    let at = (predicted.max(0) as f64 / scale_ns as f64 * room as f64) as usize;
    let at = at.min(room - 1);
    let mut out = Vec::new();
    let mut column = 0;
    for span in spans {
        let style = span.style;
        for c in span.content.chars() {
            let (c, style) = if column == at {
                ('┊', scene.theme.strong())
            } else {
                (c, style)
            };
            out.push(Span::styled(c.to_string(), style));
            column += 1;
        }
    }
    out
}

/// The best of both kinds.
fn best(sweep: &Sweep) -> String {
    let (fastest, frugal) = sweep.best();
    let named = |plan: usize| {
        let bar = sweep.bar(plan)?;
        Some((sweep.plans()[plan].label.clone(), bar))
    };
    let mut words = Vec::new();
    if let Some((label, bar)) = fastest.and_then(named) {
        let emulated = if bar.emulated { " emulated" } else { "" };
        let ms = text::figures(bar.median_ms.value);
        words.push(format!("fastest {label}, {ms} ms{emulated}"));
    }
    if let Some((label, bar)) = frugal.and_then(named) {
        let emulated = if bar.power_emulated { " emulated" } else { "" };
        let joules = text::figures(bar.joules.unwrap_or_default());
        words.push(format!("least energy {label}, {joules} J{emulated}"));
    }
    words.join("  ")
}
