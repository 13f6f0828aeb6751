//! What just happened, newest on top.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::clock::time_of_day_utc;
use crate::console::view::{Scene, panel};
use crate::store::EventRow;
use crate::wire::Level;

/// A panel of events.
pub(in crate::console::view) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let inner = panel(area, "Events  UTC", "", scene.theme, buf);
    let mut y = inner.y;
    for (event, from) in scene.app.events(inner.height.into()) {
        for line in wrapped(scene, event, from, inner.width.into()) {
            if y < inner.bottom() {
                buf.set_line(inner.x, y, &line, inner.width);
                y += 1;
            }
        }
    }
}

/// The newest events in a few lines, one each.
pub(in crate::console::view) fn lines(scene: &Scene, area: Rect, buf: &mut Buffer) {
    for ((event, from), y) in scene
        .app
        .events(area.height.into())
        .into_iter()
        .zip(area.y..)
    {
        let mut line = Line::from(Span::raw(" "));
        line.extend(spans(scene, event, from));
        buf.set_line(area.x, y, &line, area.width);
    }
}

fn spans(scene: &Scene, event: &EventRow, from: Option<&'static str>) -> Vec<Span<'static>> {
    let theme = scene.theme;
    let mut spans = vec![Span::styled(prefix(event, from), theme.faint())];
    let word = level_word(event.level);
    if !word.is_empty() {
        spans.push(Span::styled(word, theme.level(event.level)));
        spans.push(Span::raw(" "));
    }
    spans.push(Span::raw(event.text.clone()));
    spans
}

fn prefix(event: &EventRow, from: Option<&'static str>) -> String {
    let time = event.unix_ms.map(time_of_day_utc).unwrap_or_default();
    match from {
        Some(role) => format!("{time} {role} "),
        None => format!("{time} "),
    }
}

const fn level_word(level: Level) -> &'static str {
    match level {
        Level::Info => "",
        Level::Warning => "warning",
        Level::Error => "ERROR",
    }
}

/// An event over as many lines as it needs, broken between words.
fn wrapped(
    scene: &Scene,
    event: &EventRow,
    from: Option<&'static str>,
    width: usize,
) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let mut lines: Vec<Line> = Vec::new();
    let mut line = Line::from(Span::styled(prefix(event, from), theme.faint()));
    let words = std::iter::once((level_word(event.level), theme.level(event.level)))
        .filter(|(word, _)| !word.is_empty())
        .chain(
            event
                .text
                .split_whitespace()
                .map(|word| (word, theme.text())),
        );
    for (word, style) in words {
        let span = Span::styled(word.to_owned(), style);
        if line.width() + span.width() > width && line.width() > 2 {
            lines.push(std::mem::replace(&mut line, Line::from(Span::raw("  "))));
        }
        line.push_span(span);
        line.push_span(Span::raw(" "));
    }
    lines.push(line);
    lines
}
