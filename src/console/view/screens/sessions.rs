//! The Sessions screen: recordings, and two of them side by side.
//!
//! ```text
//! | header, screens, targets                                   |
//! +------------------------------------------------------------+
//! | name  began  length  frames  marks  mean ms  model  modes  |
//! | ▸ ...                                                      |
//! +------------------------------------------------------------+
//! | status; hints                                              |
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::compare::{Comparison, EpochSummary, Row as Figure};
use crate::console::app::screens::sessions::{Line, Row};
use crate::console::view::layout::framed;
use crate::console::view::widgets::text;
use crate::console::view::{Scene, panel};
use crate::session::folder::date_and_time_utc;
use crate::statistics::Estimate;
use crate::units::Bytes;

pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let inner = framed(scene, area, buf);
    let sessions = &scene.app.screens().sessions;
    if let Some((comparison, from)) = &sessions.compared {
        return compared(scene, comparison, *from, inner, buf);
    }
    let rows = sessions.rows.as_deref();
    let foot = match &sessions.aside {
        Some(choice) => format!("compare {} with: mark another, x", choice.label()),
        None => String::new(),
    };
    let title = match rows {
        None => "Sessions (looking into the folder)".to_owned(),
        Some([]) => "Sessions: none recorded yet".to_owned(),
        Some(rows) => format!("Sessions: {}", rows.len()),
    };
    let inner = panel(inner, &title, &foot, scene.theme, buf);
    let width = usize::from(inner.width);
    let head = line(
        width,
        "  session",
        "began",
        "length",
        "model",
        "modes",
        ["frames", "marks", "mean ms"],
    );
    buf.set_stringn(inner.x, inner.y, head, width, scene.theme.faint());
    let room = usize::from(inner.height.saturating_sub(1)).max(1);
    let first = (sessions.at + 1).saturating_sub(room);
    let lines = sessions.lines();
    let shown = lines.iter().enumerate().skip(first);
    for ((place, line), y) in shown.zip(inner.y + 1..inner.bottom()) {
        let marked = place == sessions.at;
        let style = if marked {
            scene.theme.picked()
        } else {
            scene.theme.text()
        };
        let text = match line {
            Line::Recording(row) => words(row, marked, width),
            Line::Epoch(_, epoch) => epoch_words(epoch, marked),
        };
        buf.set_stringn(inner.x, y, text, width, style);
    }
}

fn epoch_words(epoch: &EpochSummary, marked: bool) -> String {
    let mean = epoch.mean_ms.map(|ms| format!("  mean {ms:.1} ms"));
    format!(
        "{}   epoch {:<4} {:<16} {:>6} frames{}",
        if marked { '▸' } else { ' ' },
        epoch.epoch,
        epoch.plan,
        epoch.frames,
        mean.unwrap_or_default()
    )
}

fn words(row: &Row, marked: bool, width: usize) -> String {
    let name = crate::store::clean(&row.name(), 24);
    let name = format!("{} {name}", if marked { '▸' } else { ' ' });
    let card = match &row.card {
        Ok(card) => card,
        Err(why) => return format!("{name}  cannot be read: {}", crate::store::clean(why, 200)),
    };
    let seconds = card.duration_ns() / 1_000_000_000;
    let began = card
        .began_unix_ms()
        .map(date_and_time_utc)
        .unwrap_or_default();
    let mean = card.mean_latency_ms().map(|ms| format!("{ms:.1}"));
    let mark = if card.emulated { "EMULATED " } else { "" };
    // What a killed console leaves behind when it had not reached anybody.
    let modes = match card.is_empty() {
        true if width < WIDE => "no worker".to_owned(),
        true => "empty: no worker was attached".to_owned(),
        false => format!("{mark}{}", card.modes.join(" ")),
    };
    line(
        width,
        &name,
        &began,
        &format!("{}:{:02}", seconds / 60, seconds % 60),
        &card.models.join(" "),
        &modes,
        [
            &card.frames.to_string(),
            &card.markers.len().to_string(),
            &mean.unwrap_or_default(),
        ],
    )
}

/// Columns from which a row has room for everything.
const WIDE: usize = 110;

fn line(
    width: usize,
    name: &str,
    began: &str,
    length: &str,
    model: &str,
    modes: &str,
    counts: [&str; 3],
) -> String {
    let cut = |text: &str, most| crate::store::clean(text, most);
    let [frames, marks, mean] = counts;
    if width < WIDE {
        // Seconds, time zone and model give way.
        let began = began.get(..16).unwrap_or(began);
        return format!(
            "{:<20} {began:<16} {length:>6} {frames:>7} {marks:>5} {mean:>7} {modes}",
            cut(name, 20),
        );
    }
    format!(
        "{:<26} {:<23} {length:>7}  {frames:>7} {marks:>5} {mean:>8}  {:<14} {modes}",
        cut(name, 26),
        cut(began, 23),
        cut(model, 14),
    )
}

fn compared(scene: &Scene, comparison: &Comparison, from: usize, area: Rect, buf: &mut Buffer) {
    let side = |i: usize, label: &str| {
        let emulated = if comparison.emulated[i] {
            " EMULATED"
        } else {
            ""
        };
        format!(
            "{} {label} ({} frames){emulated}",
            ["A", "B"][i],
            comparison.frames[i]
        )
    };
    let title = format!("{}   {}", side(0, &comparison.a), side(1, &comparison.b));
    let foot = "medians; intervals 95 %, frames taken as independent";
    let inner = panel(area, &title, foot, scene.theme, buf);
    let width = usize::from(inner.width);
    let head = figure_line(width, "", ["A", "B", "B - A"], "95 % of B - A", "");
    buf.set_stringn(
        inner.x,
        inner.y,
        head,
        inner.width.into(),
        scene.theme.faint(),
    );
    let figures: Vec<&Figure> = comparison
        .per_frame
        .iter()
        .chain(&comparison.per_layer)
        .collect();
    let room = usize::from(inner.height.saturating_sub(1));
    let first = from.min(figures.len().saturating_sub(room));
    for (figure, y) in figures.iter().skip(first).zip(inner.y + 1..inner.bottom()) {
        let style = style(scene, figure);
        buf.set_stringn(inner.x, y, figure_words(figure, width), width, style);
    }
}

fn style(scene: &Scene, figure: &Figure) -> Style {
    if figure.verdict == crate::compare::Verdict::Differs {
        scene.theme.strong()
    } else {
        scene.theme.text()
    }
}

fn figure_words(figure: &Figure, width: usize) -> String {
    let name = match &figure.device {
        Some(device) => format!("{device} {} ms", figure.what),
        None => figure.what.clone(),
    };
    let is_bytes = figure.device.is_none() && figure.what.starts_with("bytes");
    let number = |value: f64| {
        if is_bytes {
            let sign = if value < 0.0 { "-" } else { "" };
            format!("{sign}{}", Bytes(value.abs().round() as u64))
        } else {
            format!("{value:.3}")
        }
    };
    let told =
        |estimate: Option<Estimate>| estimate.map_or_else(|| "-".to_owned(), |e| number(e.value));
    let interval = figure.difference.and_then(|d| d.interval);
    let interval = interval.map(|i| format!("{} to {}", number(i.low), number(i.high)));
    figure_line(
        width,
        &name,
        [&told(figure.a), &told(figure.b), &told(figure.difference)],
        &interval.unwrap_or_default(),
        figure.verdict.words(),
    )
}

/// The verdict stands before the interval: that is what gives way on a narrow screen.
fn figure_line(
    width: usize,
    name: &str,
    [a, b, difference]: [&str; 3],
    interval: &str,
    verdict: &str,
) -> String {
    let of_name = if width < WIDE { 22 } else { 36 };
    let name = text::head(name, of_name);
    format!("{name:<of_name$} {a:>9} {b:>9} {difference:>9}  {verdict:<14} {interval}")
}
