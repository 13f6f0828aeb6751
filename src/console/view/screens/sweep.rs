//! The Sweep screen: which plans, how far, and what each of them takes, growing as it is measured.
//!
//! ```text
//! | header, screens, targets                                                          |
//! +-----------------------------------------------------------------------------------+
//! | plans all cuts   rounds 20   visits short                                         |
//! | round 3 of 20  split 12  40 of 920 visits, 4 min 10 s left                        |
//! |   plan             ▓ robot ╱ up █ server ╲ down · wait  ┊ predicted      ms      J |
//! | ▸ split 0          ╱╱╱╱╱╱╱╱╱╱╱██╲·                                      23.1   0.21 |
//! |   split 1          ▓╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱█                   1142    5.63 |
//! +-- fastest split 0, 23.1 ms -- least energy split 0, 0.21 J -----------------------+
//! | status; hints                                                                     |
//! ```
//!
//! At arm's length: how far, and the best of both kinds.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::app::Action;
use crate::console::app::screens::sweep::Do;
use crate::console::app::sweeping::Sweeping;
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

pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let inner = framed(scene, area, buf);
    let sweeping = scene.app.sweeping();
    let foot = sweeping
        .and_then(Sweeping::sweep)
        .map_or_else(String::new, best);
    let inner = panel(inner, "Sweep", &foot, scene.theme, buf);
    let mut rows = inner.y..inner.bottom();
    let mut put = |line: Line| {
        if let Some(y) = rows.next() {
            buf.set_line(inner.x, y, &line, inner.width);
        }
    };
    put(setup(scene));
    let Some(sweeping) = sweeping else {
        return put(Line::styled(
            "nothing was swept yet: choose the plans and start",
            scene.theme.faint(),
        ));
    };
    put(Line::styled(state(sweeping), scene.theme.strong()));
    let Some(sweep) = sweeping.sweep().filter(|_| Size::of(area) != Size::Glance) else {
        for line in foot.split("  ").filter(|l| !l.is_empty()) {
            put(Line::raw(line.to_owned()));
        }
        return;
    };
    let room = usize::from(inner.width).saturating_sub(NAME + MS + WIDTH + JOULES + 2);
    put(legend(scene, room));
    let first = rows.start;
    let shown = usize::from(inner.bottom().saturating_sub(first));
    let cursor = scene.app.screens().sweep.row;
    let count = sweep.plans().len();
    let top = cursor
        .saturating_sub(shown / 2)
        .min(count.saturating_sub(shown));
    let longest = (0..count)
        .filter_map(|p| sweep.bar(p))
        .map(|b| b.parts.sum_ns());
    let scale_ns = longest.max().unwrap_or(1).max(1);
    for (y, plan) in (first..inner.bottom()).zip(top..count) {
        let line = row(scene, sweep, plan, plan == cursor, (scale_ns, room));
        buf.set_line(inner.x, y, &line, inner.width);
    }
    scene.target(inner, Action::Sweep(Do::Layer));
}

/// What a new sweep would do.
fn setup(scene: &Scene) -> Line<'static> {
    let screen = scene.app.screens().sweep;
    let key = |word: &'static str| Span::styled(word, scene.theme.faint());
    Line::from(vec![
        key("plans "),
        Span::raw(screen.plans.words()),
        key("   until "),
        Span::raw(screen.until().to_string()),
        key("   visits "),
        Span::raw(if screen.long {
            "of 2 s, for energy"
        } else {
            "of 3 frames"
        }),
    ])
}

fn state(sweeping: &Sweeping) -> String {
    match sweeping.failed() {
        Some(why) => format!("no sweep: {why}"),
        None => sweeping.words(),
    }
}

fn legend(scene: &Scene, room: usize) -> Line<'static> {
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
    spans.push(Span::raw(format!(
        "{:<rest$}{:>MS$}{:>WIDTH$}{:>JOULES$}",
        text::head("┊ predicted", rest),
        "ms",
        "±",
        "J"
    )));
    Line::from(spans)
}

fn row(
    scene: &Scene,
    sweep: &Sweep,
    plan: usize,
    picked: bool,
    (scale_ns, room): (i64, usize),
) -> Line<'static> {
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
    let Some(bar) = sweep.bar(plan) else {
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
    spans.push(Span::styled(format!("{width:>WIDTH$}"), theme.faint()));
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
