//! The small screen, read at arm's length: latency in big digits, bandwidth, mode and cut, one word of state. On a taller
//! one the layers fill the rest.
//!
//! ```text
//!  LIVE  split 28/54                       state
//!  ███   █                                 latency
//!  ...
//!  ▓▓▓▓╱╱╱╱╱╱╱╱╱╱╱███╲·                    its parts
//!  up 71.8 down 0.42 Mbps  rtt 4.1 ms      link
//!  split 30: requested                     status
//!  14:32:10 split 28 applied               event
//!  ←→ cut Enter apply ? help q quit        keys
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::{
    Screen, digits, events, header, hints, latency, layers, link, power, result, stack, status,
    targets, text,
};
use crate::store::Store;

pub(super) fn render(screen: &Screen, area: Rect, buf: &mut Buffer) {
    // A table of fewer than five rows says little.
    let spare = area.height.saturating_sub(12);
    let table = if spare >= 6 { spare } else { 0 };
    let [
        state,
        number,
        parts,
        link,
        what,
        table,
        status_row,
        event,
        keys,
    ] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(digits::ROWS as u16),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(table),
        Constraint::Min(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(area);
    state_line(screen, state, buf);
    hints::render(screen, keys, buf);
    if screen.store.is_none() {
        let between = Rect {
            y: area.y + 1,
            height: area.height - 2,
            ..area
        };
        targets::paragraphs(screen, between, buf);
        return;
    }
    let from = latency_digits(screen, number, buf);
    power_beside(screen, from, number, buf);
    parts_bar(screen, parts, buf);
    link_line(screen, link, buf);
    result::line(screen, what, buf);
    if table.height > 0 {
        layers::render(screen, table, buf);
    }
    status::render(screen, status_row, buf);
    events::lines(screen, event, buf);
}

pub(super) fn state_line(screen: &Screen, area: Rect, buf: &mut Buffer) {
    let (word, style) = header::overall(screen);
    let mut line = Line::from(vec![Span::raw(" "), Span::styled(word, style)]);
    if let Some(store) = screen.store {
        line.push_span(Span::styled(
            format!("  {}", header::plan(store)),
            screen.theme.cut(),
        ));
        if header::local_because(screen.app).is_some() {
            line.push_span(Span::styled("  LOCAL", screen.theme.warning()));
        }
        if store.emulated() {
            line.push_span(Span::styled("  EMULATED", screen.theme.warning()));
        }
    }
    buf.set_line(area.x, area.y, &line, area.width);
}

/// Returns the column behind the digits.
fn latency_digits(screen: &Screen, area: Rect, buf: &mut Buffer) -> u16 {
    let newest = screen.store.and_then(|s| s.frames().last());
    let number = newest.map_or_else(|| "---".to_owned(), |f| text::ms(f.latency_ns));
    let rows = digits::rows(&number);
    for (row, y) in rows.iter().zip(area.y..) {
        buf.set_stringn(
            area.x + 1,
            y,
            row,
            area.width.saturating_sub(1).into(),
            screen.theme.strong(),
        );
    }
    let x = area.x + 2 + text::width(&rows[0]) as u16;
    let unit = match screen.store.and_then(p50) {
        Some(p50) => format!("ms   p50 {}", text::ms(p50)),
        None => "ms".to_owned(),
    };
    if x < area.right() {
        let room = usize::from(area.right() - x);
        buf.set_stringn(x, area.bottom() - 1, unit, room, screen.theme.faint());
    }
    x
}

/// Power beside the digits, where latency leaves room.
fn power_beside(screen: &Screen, from: u16, area: Rect, buf: &mut Buffer) {
    let Some(words) = power::words(screen) else {
        return;
    };
    let line = Line::from(words);
    let taken = line.width() as u16;
    if from + taken < area.right() {
        buf.set_line(area.right() - taken - 1, area.y, &line, taken);
    }
}

fn p50(store: &Store) -> Option<i64> {
    let figures = store.frames().figures(store.epoch()?)?;
    Some(figures.p50_ns)
}

fn parts_bar(screen: &Screen, area: Rect, buf: &mut Buffer) {
    let Some(store) = screen.store else {
        return;
    };
    let recent: Vec<_> = store.frames().newest().take(20).collect();
    if let Some(newest) = recent.first() {
        let width = usize::from(area.width).saturating_sub(2);
        let bar = stack::bar(&newest.parts, latency::scale(&recent), width, screen.theme);
        buf.set_line(area.x + 1, area.y, &Line::from(bar), area.width - 1);
    }
}

fn link_line(screen: &Screen, area: Rect, buf: &mut Buffer) {
    let Some((series, of)) = link::shown(screen) else {
        return;
    };
    let now = series.recent(1_000_000_000);
    let rtt = series.rtt_ns();
    let rtt = rtt.map(|ns| format!("  rtt {} ms", text::ms(ns)));
    let of = of.map(|of| format!(" {of}:")).unwrap_or_default();
    let text = format!(
        "{of} up {} down {} Mbps{}",
        link::word(now.up),
        link::word(now.down),
        rtt.unwrap_or_default()
    );
    buf.set_stringn(area.x, area.y, text, area.width.into(), screen.theme.text());
}
