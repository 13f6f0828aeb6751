//! The data link over time: goodput up and down, each on its own axis, with what is believed of it dashed; a gap is drawn
//! as a gap.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::console::app::screens::charts::ChartId;
use crate::console::view::panels::trend;
use crate::console::view::widgets::text;
use crate::console::view::{Scene, panel};
use crate::store::{LinkSeries, Reading};
use crate::units::{Bytes, DeviceId};
use crate::wire::console::Role;
use crate::wire::{RateEstimate, TelemetryShare};

/// Rows that the charts keep before words about the link get some.
const CHARTS: u16 = 5;
/// Rows of a chart with its readout.
const READ: u16 = 5;
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
    if measured.is_none() {
        let why = match scene.store.and_then(crate::store::Store::role) {
            Some(Role::Server) => "the robot measures it: attach to it too",
            Some(Role::Robot) => "no sample yet",
            None => "",
        };
        buf.set_stringn(inner.x, inner.y, why, inner.width.into(), theme.faint());
        return;
    }
    let mut inner = inner;
    let lines = text::flowed(state_words(scene), "  ", inner.width.into());
    let room = usize::from(inner.height.saturating_sub(CHARTS) / 2).min(4);
    for line in lines.into_iter().take(room) {
        buf.set_stringn(inner.x, inner.y, line, inner.width.into(), theme.faint());
        inner.y += 1;
        inner.height -= 1;
    }
    if scene.app.is_reading_charts() && inner.height < 2 * READ {
        // Two readouts and two charts do not fit: the one that keys are about.
        let down = trend::is_focused(scene, ChartId::Down);
        let one = if down { ChartId::Down } else { ChartId::Up };
        trend::render(scene, one, inner, buf);
        return;
    }
    let up_rows = match inner.height {
        0..3 => inner.height,
        3..5 => inner.height - 1,
        rows if scene.app.is_reading_charts() => rows.div_ceil(2),
        rows => (rows * 2).div_ceil(3),
    };
    let up = Rect {
        height: up_rows,
        ..inner
    };
    let down = Rect {
        y: inner.y + up_rows,
        height: inner.height - up_rows,
        ..inner
    };
    trend::render(scene, ChartId::Up, up, buf);
    trend::render(scene, ChartId::Down, down, buf);
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

/// What kernel, estimate and radio say of the link shown, and what telemetry takes of it; what nobody tells is left out.
fn state_words(scene: &Scene) -> Vec<String> {
    let Some(store) = scene.store else {
        return Vec::new();
    };
    let mut words = Vec::new();
    let shown = store.links().at(scene.app.screens().live.link_shown());
    let state = shown.and_then(|(device, _)| store.links().state(device));
    let of_bps = |bps: u64| text::mbps(bps as f64 / 1e6);
    if let Some(state) = state {
        let one = |(way, rate): (&str, Option<RateEstimate>)| {
            let rate = rate?;
            let (mean, std) = (of_bps(rate.bps), of_bps(rate.std_bps));
            let age = text::seconds_since(rate.age_ns);
            let old = if age >= 2 {
                format!(" ({age} s old)")
            } else {
                String::new()
            };
            Some(format!("{way} {mean} ±{std}{old}"))
        };
        let ways = [("up", state.up), ("down", state.down)];
        let ways: Vec<String> = ways.into_iter().filter_map(one).collect();
        if !ways.is_empty() {
            words.push(format!("estimate {} Mbps", ways.join(", ")));
        }
    }
    let radios = store.power().host().map(|h| h.wifi.as_slice());
    for wifi in radios.unwrap_or_default() {
        let signal = wifi.signal_dbm.map(|dbm| format!(" {dbm:.0} dBm"));
        let rate = wifi
            .tx_rate
            .map(|r| format!(" {} Mbps", text::mbps(r.as_mbps())));
        let (signal, rate) = (signal.unwrap_or_default(), rate.unwrap_or_default());
        words.push(format!("{}{signal}{rate}", wifi.interface));
    }
    // What comes last is cut off first where there is little room.
    if let Some(share) = store.telemetry() {
        words.push(telemetry_words(share));
        let missed = share.missed_share();
        words.extend(missed.map(|m| format!("of it {:.2} % for what was missed", m * 100.0)));
    }
    if let Some(state) = state {
        if let Some(kernel) = state.kernel {
            let us = |us: u32| text::ms(i64::from(us) * 1000);
            let (rtt, deviation) = (us(kernel.rtt_us), us(kernel.rtt_deviation_us));
            words.push(format!("tcp rtt {rtt} ±{deviation} ms"));
            words.push(format!("{} retransmits", kernel.retransmits));
            if let Some(bps) = kernel.delivery_bps {
                words.push(format!("delivery {} Mbps", of_bps(bps)));
            }
            if let Some(unsent) = kernel.unsent_bytes {
                words.push(format!("{} unsent", Bytes(unsent)));
            }
        }
        words.push(format!("queue {} values", state.values_waiting));
        if let Some(cost) = state.soundings {
            words.push(format!(
                "{} soundings, {} up",
                cost.count,
                Bytes(cost.bytes)
            ));
        }
    }
    words
}

/// `telemetry 0.21 % of the link`; a console on the worker's own machine uses no link.
fn telemetry_words(share: &TelemetryShare) -> String {
    let of = if share.is_estimate {
        "the link"
    } else {
        "93 Mbps"
    };
    let mut words = if share.bps == 0 && share.local_bps > 0 {
        let local = text::mbps(share.local_bps as f64 / 1e6);
        let would = share.local_bps as f64 / share.link_bps.max(1) as f64 * 100.0;
        format!("telemetry {local} Mbps on this machine (would be {would:.2} % of {of})")
    } else {
        format!("telemetry {:.2} % of {of}", share.share() * 100.0)
    };
    if share.is_shaped {
        words += ", shaped with the data";
    }
    if share.thinned_frames > 0 {
        let _ = write!(words, ", {} frames without steps", share.thinned_frames);
    }
    words
}

fn footer(scene: &Scene, width: u16) -> String {
    let servers = scene.store.map_or(0, |s| s.links().len());
    let several = servers > 1;
    let axes = trend::axis_words(scene, &[ChartId::Up, ChartId::Down]);
    let dot = format!("{}{axes}", trend::time_scale(scene));
    match (width >= 50, several) {
        (true, false) => format!("{dot}   · idle   × no link"),
        (true, true) => format!("{dot}   · idle   × no link   b next server"),
        (false, false) => format!("{dot} · idle × no link"),
        (false, true) => format!("{dot} ·idle ×no link b next"),
    }
}
