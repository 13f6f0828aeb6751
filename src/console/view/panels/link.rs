//! The data link over time: goodput up and down, each on its own axis; a gap is drawn as a gap.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::view::theme::{Part, Theme};
use crate::console::view::widgets::{braille, text};
use crate::console::view::{Scene, panel};
use crate::store::{LinkSeries, Reading};
use crate::units::DeviceId;
use crate::wire::console::Role;

/// Columns of the axis: three figures and the line.
const AXIS: u16 = 5;
/// What numbers in the title look back on.
const NOW_NS: i64 = 1_000_000_000;

pub(in crate::console::view) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let measured = shown(scene);
    let title = measured.as_ref().map_or_else(
        || "Link  Mbps".to_owned(),
        |(series, of)| title(series, *of, area.width),
    );
    let inner = panel(area, &title, &footer(scene, area.width), theme, buf);
    let Some((series, _)) = measured else {
        let why = match scene.store.and_then(crate::store::Store::role) {
            Some(Role::Server) => "the robot measures it: attach to it too",
            Some(Role::Robot) => "no sample yet",
            None => "",
        };
        buf.set_stringn(inner.x, inner.y, why, inner.width.into(), theme.faint());
        return;
    };
    if inner.height < 2 || inner.width <= AXIS {
        return;
    }
    let up_rows = if inner.height >= 5 {
        (inner.height * 2).div_ceil(3)
    } else {
        inner.height - 1
    };
    let dots = usize::from(inner.width - AXIS) * 2;
    let columns = series.columns(dots, scene.app.screens().live.link_scale_ns());
    let ups: Vec<_> = columns.iter().map(|c| c.up).collect();
    let downs: Vec<_> = columns.iter().map(|c| c.down).collect();
    let up = Rect {
        height: up_rows,
        ..inner
    };
    let down = Rect {
        y: inner.y + up_rows,
        height: inner.height - up_rows,
        ..inner
    };
    chart("up", Part::Uplink, &ups, up, theme, buf);
    chart("down", Part::Downlink, &downs, down, theme, buf);
}

/// The series shown, and which server's it is where there are several.
pub(in crate::console::view) fn shown<'a>(
    scene: &Scene<'a>,
) -> Option<(&'a LinkSeries, Option<DeviceId>)> {
    let links = scene.store?.links();
    let (device, series) = links.at(scene.app.screens().live.link_shown())?;
    series.last()?;
    let of = (links.len() > 1).then_some(device);
    Some((series, of))
}

fn title(series: &LinkSeries, of: Option<DeviceId>, width: u16) -> String {
    let now = series.recent(NOW_NS);
    let rtt = series.rtt_ns();
    let rtt = rtt.map(|rtt| format!("  rtt {} ms", text::ms(rtt)));
    let (up, down, rtt) = (word(now.up), word(now.down), rtt.unwrap_or_default());
    match of {
        None if width >= 50 => format!("Link  Mbps  up {up}  down {down}{rtt}"),
        None => format!("Mbps  ↑{up}  ↓{down}{rtt}"),
        Some(of) if width >= 50 => format!("Link  {of}  Mbps  up {up}  down {down}{rtt}"),
        Some(of) => format!("s{}  ↑{up}  ↓{down} Mbps{rtt}", of.0),
    }
}

/// A reading as the title says it.
pub(in crate::console::view) fn word(reading: Reading) -> String {
    match reading {
        Reading::Mbps(mbps) => text::mbps(mbps),
        Reading::Idle => "idle".to_owned(),
        Reading::Down => "no link".to_owned(),
        Reading::Unknown => "?".to_owned(),
    }
}

fn footer(scene: &Scene, width: u16) -> String {
    let servers = scene.store.map_or(0, |s| s.links().len());
    let several = servers > 1;
    let scale = scene.app.screens().live.link_scale_ns();
    let tenths = scale / 100_000_000;
    let dot = format!("{}.{} s a dot", tenths / 10, tenths % 10);
    match (width >= 50, several) {
        (true, false) => format!("{dot}   · idle   × no link"),
        (true, true) => format!("{dot}   · idle   × no link   b next server"),
        (false, false) => format!("{dot} · idle × no link"),
        (false, true) => format!("{dot} ·idle ×no link b next"),
    }
}

fn chart(name: &str, part: Part, readings: &[Reading], area: Rect, theme: Theme, buf: &mut Buffer) {
    let values: Vec<_> = readings.iter().map(|r| r.mbps()).collect();
    let most = values.iter().flatten().copied().fold(0.0, f64::max);
    let top = braille::axis_top(most);
    let rows = braille::rows(&values, area.height.into(), top);
    for (row, y) in rows.iter().zip(area.y..) {
        let index = y - area.y;
        let label = match index {
            0 => axis_label(top),
            1 => name.to_owned(),
            _ if y + 1 == area.bottom() => "0".to_owned(),
            _ => String::new(),
        };
        let line = if index == 0 { '┤' } else { '│' };
        let mut spans = vec![Span::styled(format!("{label:>4}{line}"), theme.faint())];
        if y + 1 == area.bottom() {
            spans.extend(with_gaps(row, readings, part, theme));
        } else {
            spans.push(Span::styled(row.clone(), theme.part(part)));
        }
        buf.set_line(area.x, y, &Line::from(spans), area.width);
    }
}

fn axis_label(top: f64) -> String {
    if top < 1.0 {
        format!("{top:.1}")
    } else {
        format!("{top:.0}")
    }
}

/// The lowest row of a chart, its gaps named: `·` nothing was under way, `×` not connected, blank not told.
fn with_gaps(row: &str, readings: &[Reading], part: Part, theme: Theme) -> Vec<Span<'static>> {
    row.chars()
        .zip(readings.chunks(2))
        .map(|(cell, pair)| match cell {
            ' ' if pair.contains(&Reading::Down) => Span::styled("×", theme.warning()),
            ' ' if pair.contains(&Reading::Idle) => Span::styled("·", theme.faint()),
            cell => Span::styled(cell.to_string(), theme.part(part)),
        })
        .collect()
}
