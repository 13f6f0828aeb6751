//! The Workers screen: every robot and server in a table, and the links of the one that is shown.
//!
//! From 120x30:
//!
//! ```text
//! +- Workers --------------------------------------------------------------------------------------+
//! |   worker          state    last    rtt ms  clock ms       version  CPU   memory  telemetry     |
//! | ▸ robot jetson-nx LIVE     0.1 s   4.10    +12.3 ±2.1     0.1.0    62 %  3.1 GB  0.4 % of link |
//! |     libtorch 2.11, CPU, 1 thread                                                               |
//! |     console +0.2 % [-0.4, 0.7] of 43.1 ms (212 with, 88 without, 63 s ago)                     |
//! |   server gpu-box  STALE    2.4 s   ...                    0.2.0 ≠ 0.1.0                        |
//! +- Data links of robot jetson-nx ----------------------------------------------------------------+
//! |   to       address        state    rtt      clock offset                                       |
//! |   server 1 10.0.0.3:7402  ready    4.1 ms   -12.031 ms ±0.31                                   |
//! +------------------------------------------------------------------------------------------------+
//! | status; hints                                                                                  |
//! ```
//!
//! From 80x24 version, memory and engine share the second line; below, each worker is a paragraph.
//! `rtt` and `clock` are between this console and the worker: the median of pings, and the worker's time of day against
//! this one's with its bound. A version that is not this console's is marked.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::console::app::screens::workers::Do;
use crate::console::app::{Action, Skew, Target};
use crate::console::connection::Phase;
use crate::console::view::layout::{Size, framed};
use crate::console::view::panels::{header, observer, targets};
use crate::console::view::widgets::text;
use crate::console::view::{Scene, Theme, panel};
use crate::host::HostRecord;
use crate::store::{LinkSeries, Store};
use crate::units::{DeviceId, ns_to_ms};
use crate::wire::{PeerRecord, PeerState, VERSION};

/// Columns from which every figure has its own.
const WIDE: u16 = 110;
/// Clocks further apart make times of day of two machines hard to set beside each other.
const APART_NS: i64 = 100_000_000;

pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let inner = framed(scene, area, buf);
    if Size::of(area) == Size::Glance {
        let inner = panel(inner, "Workers", "", scene.theme, buf);
        return targets::paragraphs(scene, inner, buf);
    }
    let links = scene.store.map_or(0, |s| s.peers().len()) as u16;
    let [above, below] =
        Layout::vertical([Constraint::Min(4), Constraint::Length(links.max(1) + 3)]).areas(inner);
    workers(scene, above, buf);
    peers(scene, below, buf);
}

fn workers(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let inner = panel(
        area,
        "Workers",
        "↑↓ or n: the worker that all screens are about",
        theme,
        buf,
    );
    let wide = inner.width >= WIDE;
    let who = if wide { 28 } else { 20 };
    let mut heading = format!(
        "  {:<who$} {:<13} {:>6} {:>7} {:<15}",
        "worker", "state", "last", "rtt ms", " clock ms"
    );
    heading += if wide {
        " version          CPU   memory free  telemetry"
    } else {
        "   CPU"
    };
    let width = usize::from(inner.width);
    buf.set_stringn(inner.x, inner.y, heading, width, theme.faint());
    let mut y = inner.y + 1;
    for (index, target) in scene.app.targets().iter().enumerate() {
        if y >= inner.bottom() {
            break;
        }
        let lines = [
            row(scene, index, target, who, wide),
            second(scene, index, wide),
        ];
        for line in lines.into_iter().filter(|line| line.width() > 0) {
            if y >= inner.bottom() {
                break;
            }
            buf.set_line(inner.x, y, &line, inner.width);
            let place = Rect::new(inner.x, y, inner.width, 1);
            scene.target(place, Action::Workers(Do::Show(index)));
            y += 1;
        }
        // What watching it costs, and why it is not there, need their own lines.
        let indented = width.saturating_sub(6);
        let watching = scene.app.shown(index);
        for line in watching.map_or_else(Vec::new, |s| observer::lines_of(s, theme, indented)) {
            if y < inner.bottom() {
                buf.set_line(inner.x + 4, y, &line, inner.width.saturating_sub(4));
                y += 1;
            }
        }
        let why = match target.connection.phase() {
            Phase::Retry { reason, .. } => reason.clone(),
            Phase::Refused { why, .. } => why.to_string(),
            _ => continue,
        };
        for line in text::wrapped(&why, indented) {
            if y < inner.bottom() {
                buf.set_stringn(inner.x + 4, y, line, width - 4, theme.faint());
                y += 1;
            }
        }
    }
}

fn row(scene: &Scene, index: usize, target: &Target, who: usize, wide: bool) -> Line<'static> {
    let theme = scene.theme;
    let phase = target.connection.phase();
    let (word, style) = header::state(scene, phase);
    let chosen = scene.app.focus() == Some(index);
    let store = scene.app.shown(index);
    let host = store.and_then(|s| s.power().host());
    let name = text::head(&target.name(), who);
    let state = format!("{word}{}", header::since(phase, scene.now));
    let style_of_name = if chosen { theme.picked() } else { theme.text() };
    let dash = || "-".to_owned();
    let rtt = target.reach.rtt_ns().map_or_else(dash, text::ms);
    let cpu = host.and_then(cpu).unwrap_or_else(dash);
    let mut spans = vec![
        Span::styled(if chosen { "▸ " } else { "  " }, theme.strong()),
        Span::styled(format!("{name:<who$}"), style_of_name),
        Span::styled(format!(" {state:<13}"), style),
        Span::raw(format!(" {:>6} {rtt:>7} ", last_heard(phase, scene))),
        clock(target.reach.skew(), theme),
    ];
    if wide {
        let (version, style) = version(store, theme);
        let memory = host.and_then(memory).unwrap_or_else(dash);
        spans.push(Span::styled(format!(" {version:<14}"), style));
        spans.push(Span::raw(format!(" {cpu:>5}   {memory:>11}  ")));
        spans.push(Span::raw(store.and_then(telemetry).unwrap_or_else(dash)));
    } else {
        spans.push(Span::raw(format!(" {cpu:>5}")));
    }
    Line::from(spans)
}

/// What needs no column: the engine, and on narrow screens what has none.
fn second(scene: &Scene, index: usize, wide: bool) -> Line<'static> {
    let theme = scene.theme;
    let store = scene.app.shown(index);
    let Some(worker) = store.and_then(Store::worker) else {
        return Line::default();
    };
    let mut spans = vec![Span::raw("    ")];
    if !wide {
        let (version, style) = version(store, theme);
        spans.push(Span::styled(format!("{version}  "), style));
    }
    if worker.emulated {
        spans.push(Span::styled("EMULATED ", theme.warning()));
    }
    spans.push(Span::styled(worker.engine.clone(), theme.faint()));
    if !wide {
        let host = store.and_then(|s| s.power().host());
        let free = host.and_then(memory).map(|m| format!("  {m} free"));
        let share = store.and_then(telemetry);
        let share = share.map(|share| format!("  telemetry {share}"));
        for words in [free, share].into_iter().flatten() {
            spans.push(Span::styled(words, theme.faint()));
        }
    }
    Line::from(spans)
}

/// A worker's version, and this console's beside it where they differ.
fn version(store: Option<&Store>, theme: Theme) -> (String, Style) {
    match store.and_then(Store::worker) {
        None => ("-".to_owned(), theme.faint()),
        Some(worker) if worker.version == VERSION => (worker.version.clone(), theme.text()),
        Some(worker) => (
            format!("{} ≠ {VERSION}", text::head(&worker.version, 9)),
            theme.warning(),
        ),
    }
}

/// The worker's time of day against ours: a difference worth a word is louder than one within its bound.
fn clock(skew: Option<Skew>, theme: Theme) -> Span<'static> {
    let Some(Skew { ahead_ns, error_ns }) = skew else {
        return Span::raw(format!("{:<15}", " -"));
    };
    let sign = if ahead_ns < 0 { "-" } else { "+" };
    let words = format!("{sign}{} ±{}", text::ms(ahead_ns.abs()), text::ms(error_ns));
    let style = if ahead_ns.abs() > APART_NS.max(error_ns) {
        theme.warning()
    } else {
        theme.text()
    };
    Span::styled(format!("{words:<15}"), style)
}

/// What telemetry takes of the robot's link.
fn telemetry(store: &Store) -> Option<String> {
    let share = store.telemetry()?;
    let of = if share.is_estimate { "" } else { " of 93 Mbps" };
    Some(format!("{:.2} %{of}", share.share() * 100.0))
}

/// How long ago it last said something, in steps of a tenth of a second.
fn last_heard(phase: &Phase, scene: &Scene) -> String {
    match phase {
        Phase::Live { heard } | Phase::Stale { heard } => {
            let tenths = scene.now.since(*heard).max(0) / 100_000_000;
            format!("{}.{} s", tenths / 10, tenths % 10)
        }
        _ => "-".to_owned(),
    }
}

/// The mean load of the cores that tell theirs.
fn cpu(host: &HostRecord) -> Option<String> {
    let loads: Vec<f64> = host.cores.iter().filter_map(|core| core.load).collect();
    let mean = loads.iter().sum::<f64>() / loads.len() as f64;
    (!loads.is_empty()).then(|| format!("{:.0} %", mean * 100.0))
}

fn memory(host: &HostRecord) -> Option<String> {
    let memory = host.memory?;
    Some(memory.available.to_string())
}

fn peers(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let target = scene.app.focus().and_then(|i| scene.app.targets().get(i));
    let name = target.map_or_else(String::new, Target::name);
    let inner = panel(area, &format!("Data links of {name}"), "", theme, buf);
    let width = usize::from(inner.width);
    let Some(store) = scene.store.filter(|store| !store.peers().is_empty()) else {
        let none = "  it has told of none";
        buf.set_stringn(inner.x, inner.y, none, width, theme.faint());
        return;
    };
    let heading = format!(
        "  {:<9} {:<21} {:<14} {:>7}  {}",
        "to", "address", "state", "rtt ms", "clock offset ms"
    );
    buf.set_stringn(inner.x, inner.y, heading, width, theme.faint());
    for (peer, y) in store.peers().iter().zip(inner.y + 1..inner.bottom()) {
        buf.set_stringn(inner.x, y, link(store, peer), width, theme.text());
    }
}

fn link(store: &Store, peer: &PeerRecord) -> String {
    let rtt = store.links().of(peer.device).and_then(LinkSeries::rtt_ns);
    let rtt = rtt.map_or_else(|| "-".to_owned(), text::ms);
    let clock = peer.clock.map_or_else(
        || "-".to_owned(),
        |clock| {
            let error = text::ms(clock.error_ns);
            format!("{:+.3} ±{error}", ns_to_ms(clock.offset_ns))
        },
    );
    let to = match peer.device {
        DeviceId::ROBOT => "robot".to_owned(),
        device => format!("server {}", device.0),
    };
    let state = match &peer.state {
        PeerState::None => "none".to_owned(),
        PeerState::Connecting => "connecting".to_owned(),
        PeerState::Loading { what, .. } => text::head(what, 14),
        PeerState::Ready => "ready".to_owned(),
        PeerState::Retrying { reason, .. } => text::head(reason, 14),
    };
    format!(
        "  {to:<9} {:<21} {state:<14} {rtt:>7}  {clock}",
        peer.address
    )
}
