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

use crate::compare::{Comparison, Row as Figure};
use crate::console::app::screens::sessions::Row;
use crate::console::view::layout::framed;
use crate::console::view::widgets::text;
use crate::console::view::{Scene, panel};
use crate::session::folder::date_and_time_utc;
use crate::statistics::Estimate;

pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let inner = framed(scene, area, buf);
    let sessions = &scene.app.screens().sessions;
    if let Some((comparison, from)) = &sessions.compared {
        return compared(scene, comparison, *from, inner, buf);
    }
    let rows = sessions.rows.as_deref();
    let foot = match &sessions.aside {
        Some(file) => {
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            format!("compare {name} with: mark another, x")
        }
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
    let shown = rows.unwrap_or_default().iter().enumerate().skip(first);
    for ((place, row), y) in shown.zip(inner.y + 1..inner.bottom()) {
        let marked = place == sessions.at;
        let style = if marked {
            scene.theme.picked()
        } else {
            scene.theme.text()
        };
        buf.set_stringn(inner.x, y, words(row, marked, width), width, style);
    }
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
    let modes = format!("{mark}{}", card.modes.join(" "));
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
    let head = format!(
        "{:<30} {:>10} {:>10} {:>10}  {:<22}",
        "", "A", "B", "B - A", "95 %"
    );
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
        buf.set_stringn(inner.x, y, figure_words(figure), inner.width.into(), style);
    }
}

fn style(scene: &Scene, figure: &Figure) -> Style {
    if figure.verdict == crate::compare::Verdict::Differs {
        scene.theme.strong()
    } else {
        scene.theme.text()
    }
}

fn figure_words(figure: &Figure) -> String {
    let name = match &figure.device {
        Some(device) => format!("{device} {} ms", figure.what),
        None => figure.what.clone(),
    };
    let number = |estimate: Option<Estimate>| {
        estimate.map_or_else(|| "-".to_owned(), |e| format!("{:.3}", e.value))
    };
    let interval = figure.difference.and_then(|d| d.interval);
    let interval = interval.map_or_else(String::new, |i| format!("{:.3} to {:.3}", i.low, i.high));
    format!(
        "{:<30} {:>10} {:>10} {:>10}  {interval:<22} {}",
        text::head(&name, 30),
        number(figure.a),
        number(figure.b),
        number(figure.difference),
        figure.verdict.words()
    )
}
