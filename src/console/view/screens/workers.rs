//! The Workers screen: every robot and server in a table, and the one that is shown with all that is to be said of it.
//!
//! ```text
//! | header, screens                                                                         |
//! +- Workers -------------------------------------------------------------------------------+
//! |   worker          state    last message  version  CPU     memory     engine             |
//! | ▸ robot jetson-nx LIVE     0.1 s         0.1.0    62 %    3.1 of 8 GB  libtorch ...     |
//! |   server gpu-box  STALE    2.4 s         ...                                            |
//! +- Data links of robot jetson-nx ---------------------------------------------------------+
//! |   to       address        state    rtt      clock offset                                |
//! |   server 1 10.0.0.3:7402  ready    4.1 ms   -12.031 ms ±0.31                            |
//! +-----------------------------------------------------------------------------------------+
//! | status; hints                                                                           |
//! ```
//!
//! On screens of less than 80 columns each worker is a paragraph.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use crate::console::app::Action;
use crate::console::app::Target;
use crate::console::app::screens::workers::Do;
use crate::console::connection::Phase;
use crate::console::view::layout::{Size, framed};
use crate::console::view::panels::{header, targets};
use crate::console::view::widgets::text;
use crate::console::view::{Scene, panel};
use crate::host::HostRecord;
use crate::store::{LinkSeries, Store};
use crate::units::{DeviceId, ns_to_ms};
use crate::wire::{PeerRecord, PeerState};

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
    let wide = inner.width >= 110;
    let who = if wide { 30 } else { 20 };
    let heading = format!(
        "  {:<who$} {:<16} {:>8}  {:<8} {:>5}  {:<13} {}",
        "worker", "state", "last", "version", "CPU", "memory free", "engine"
    );
    let width = usize::from(inner.width);
    buf.set_stringn(inner.x, inner.y, heading, width, theme.faint());
    let mut y = inner.y + 1;
    for (index, target) in scene.app.targets().iter().enumerate() {
        if y >= inner.bottom() {
            break;
        }
        let line = row(scene, index, target, who);
        buf.set_line(inner.x, y, &line, inner.width);
        let place = Rect::new(inner.x, y, inner.width, 1);
        scene.target(place, Action::Workers(Do::Show(index)));
        y += 1;
        // Why it is not there needs its own line.
        let why = match target.connection.phase() {
            Phase::Retry { reason, .. } => reason.clone(),
            Phase::Refused { why, .. } => why.to_string(),
            _ => continue,
        };
        for line in text::wrapped(&why, width.saturating_sub(6)) {
            if y < inner.bottom() {
                buf.set_stringn(inner.x + 4, y, line, width - 4, theme.faint());
                y += 1;
            }
        }
    }
}

fn row(scene: &Scene, index: usize, target: &Target, who: usize) -> Line<'static> {
    let theme = scene.theme;
    let phase = target.connection.phase();
    let (word, style) = header::state(scene, phase);
    let chosen = scene.app.focus() == Some(index);
    let store = scene.app.shown(index);
    let worker = store.and_then(Store::worker);
    let host = store.and_then(|s| s.power().host());
    let name = text::head(&target.name(), who);
    let state = format!("{word}{}", header::since(phase, scene.now));
    let emulated = if worker.is_some_and(|w| w.emulated) {
        "EMULATED "
    } else {
        ""
    };
    let engine = worker.map_or_else(String::new, |w| w.engine.clone());
    let style_of_name = if chosen { theme.picked() } else { theme.text() };
    Line::from(vec![
        Span::styled(if chosen { "▸ " } else { "  " }, theme.strong()),
        Span::styled(format!("{name:<who$}"), style_of_name),
        Span::styled(format!(" {state:<16}"), style),
        Span::raw(format!(
            " {:>8}  {:<8} {:>5}  {:<13} ",
            last_heard(phase, scene),
            worker.map_or("", |w| &w.version),
            host.and_then(cpu).unwrap_or_else(|| "-".to_owned()),
            host.and_then(memory).unwrap_or_else(|| "-".to_owned()),
        )),
        Span::styled(emulated, theme.warning()),
        Span::raw(engine),
    ])
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
