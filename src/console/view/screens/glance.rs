//! The small screen, read at arm's length: latency in big digits, bandwidth and power with their last seconds, mode and
//! cut, one word of state. On a taller one the layers fill the rest.
//!
//! ```text
//!  LIVE  split 28/54                       state
//!  ███   █                                 latency
//!  ...
//!  ▓▓▓▓╱╱╱╱╱╱╱╱╱╱╱███╲·                    its parts
//!  up 71.8 down 0.42 Mbps ⣀⣤⣶⣶⣤⣀⣤⣶⣶        link, the last seconds
//!  6.04 W 0.34 J          ⣶⣶⣤⣤⣤⣤⣶⣶⣶        power; without a sensor, the result
//!  now  50.8 ms 0.37 J ↑1.8 MB             where a plan is proposed, instead of this line and the event
//!  split 30: requested                     status
//!  14:32:10 split 28 applied               event
//!  ←→ cut Enter apply ? help q quit        keys
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::power;
use crate::console::app::screens::charts::ChartId;
use crate::console::view::Scene;
use crate::console::view::layout::Size;
use crate::console::view::panels::{
    events, header, hints, latency, layers, link, outlook, result, status, targets, trend,
};
use crate::console::view::widgets::{digits, stack, text};
use crate::store::Store;

/// Columns that words before a sparkline get at least, so that sparklines stand above each other.
const LINE: u16 = 25;

pub(in crate::console::view) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    if scene.app.is_reading_charts() && scene.store.is_some() {
        return reading(scene, area, buf);
    }
    // A table of fewer than five rows says little.
    let ahead = outlook::height(scene, Size::Glance);
    let spare = area.height.saturating_sub(12);
    let table = if spare >= 6 { spare } else { 0 };
    // A proposal's outlook takes the places of result and event.
    let less = u16::from(ahead == 0);
    let [
        state,
        number,
        parts,
        link,
        what,
        table,
        forecast,
        status_row,
        event,
        keys,
    ] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(digits::ROWS as u16),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(less),
        Constraint::Length(table),
        Constraint::Length(ahead),
        Constraint::Min(1),
        Constraint::Length(less),
        Constraint::Length(1),
    ])
    .areas(area);
    header::narrow(scene, state, buf);
    hints::render(scene, keys, buf);
    if scene.store.is_none() {
        let between = Rect {
            y: area.y + 1,
            height: area.height - 2,
            ..area
        };
        targets::paragraphs(scene, between, buf);
        return;
    }
    latency_digits(scene, number, buf);
    parts_bar(scene, parts, buf);
    link_line(scene, link, buf);
    match power::words(scene) {
        _ if what.height == 0 => {}
        Some(words) => power_line(scene, words, what, buf),
        None => result::line(scene, what, buf),
    }
    outlook::render(scene, forecast, buf);
    if table.height > 0 {
        layers::render(scene, table, buf);
    }
    status::render(scene, status_row, buf);
    events::lines(scene, event, buf);
}

/// The marked chart over the whole of a small screen, while there is a crosshair.
pub(super) fn reading(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let [state, chart, status_row, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(4),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(area);
    header::narrow(scene, state, buf);
    status::render(scene, status_row, buf);
    hints::render(scene, keys, buf);
    let focus = scene.app.screens().charts.focus(scene.app.screen());
    if let Some(id) = focus {
        let words = format!(" {}{}", trend::title(id), trend::axis_words(scene, &[id]));
        buf.set_stringn(
            chart.x,
            chart.y,
            words,
            chart.width.into(),
            scene.theme.strong(),
        );
        let below = Rect {
            y: chart.y + 1,
            height: chart.height - 1,
            ..chart
        };
        trend::render_or_say(scene, id, below, buf);
    }
}

fn latency_digits(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let newest = scene.store.and_then(|s| s.frames().last());
    let number = newest.map_or_else(|| "---".to_owned(), |f| text::ms(f.latency_ns));
    let rows = digits::rows(&number);
    for (row, y) in rows.iter().zip(area.y..) {
        buf.set_stringn(
            area.x + 1,
            y,
            row,
            area.width.saturating_sub(1).into(),
            scene.theme.strong(),
        );
    }
    let x = area.x + 2 + text::width(&rows[0]) as u16;
    let unit = match scene.store.and_then(p50) {
        Some(p50) => format!("ms   p50 {}", text::ms(p50)),
        None => "ms".to_owned(),
    };
    if x < area.right() {
        let room = usize::from(area.right() - x);
        buf.set_stringn(x, area.bottom() - 1, unit, room, scene.theme.faint());
    }
}

/// Watts and joules, and watts over the last seconds.
fn power_line(scene: &Scene, words: Vec<Span<'static>>, area: Rect, buf: &mut Buffer) {
    let mut line = Line::from(" ");
    line.extend(words);
    let taken = line.width() as u16;
    buf.set_line(area.x, area.y, &line, area.width);
    trend::sparkline(scene, ChartId::Power, behind(area, taken), buf);
}

/// What is left of a line for its last seconds.
const fn behind(area: Rect, taken: u16) -> Rect {
    let from = area.x + if taken + 1 > LINE { taken + 1 } else { LINE };
    Rect {
        x: from,
        width: area.right().saturating_sub(from + 1),
        ..area
    }
}

fn p50(store: &Store) -> Option<i64> {
    let figures = store.frames().figures(store.epoch()?)?;
    Some(figures.p50_ns)
}

fn parts_bar(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let Some(store) = scene.store else {
        return;
    };
    let recent: Vec<_> = store.frames().newest().take(20).collect();
    if let Some(newest) = recent.first() {
        let width = usize::from(area.width).saturating_sub(2);
        let bar = stack::bar(&newest.parts, latency::scale(&recent), width, scene.theme);
        buf.set_line(area.x + 1, area.y, &Line::from(bar), area.width - 1);
    }
}

fn link_line(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let Some((series, of)) = link::shown(scene) else {
        return;
    };
    let now = series.recent(1_000_000_000);
    let of = of.map(|of| format!(" {of}:")).unwrap_or_default();
    let (up, down) = (link::word(now.up), link::word(now.down));
    let words = format!("{of} up {up} down {down} Mbps");
    let taken = text::width(&words) as u16;
    buf.set_stringn(area.x, area.y, words, area.width.into(), scene.theme.text());
    trend::sparkline(scene, ChartId::Up, behind(area, taken), buf);
}
