//! One line per worker: its state in a word, what it is, how it fares.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::app::Target;
use crate::console::connection::Phase;
use crate::console::view::Scene;
use crate::console::view::panels::header;
use crate::console::view::widgets::text;
use crate::progress::{Progress, time_left};
use crate::store::Store;
use crate::wire::console::Role;
use crate::wire::{PeerRecord, PeerState};

pub(in crate::console::view) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let targets = scene.app.targets();
    let room = usize::from(area.height);
    let shown = if targets.len() > room {
        room.saturating_sub(1)
    } else {
        targets.len()
    };
    for (index, y) in (0..shown).zip(area.y..) {
        buf.set_line(area.x, y, &line(scene, index, area.width), area.width);
    }
    if shown < targets.len() && area.height > 0 {
        let rest = &targets[shown..];
        let live = rest.iter().filter(|t| t.connection.is_up()).count();
        let text = format!(
            " and {} more workers, {live} of them connected (n)",
            rest.len()
        );
        buf.set_stringn(
            area.x,
            area.bottom() - 1,
            text,
            area.width.into(),
            scene.theme.faint(),
        );
    }
}

fn line(scene: &Scene, index: usize, width: u16) -> Line<'static> {
    let theme = scene.theme;
    let target = &scene.app.targets()[index];
    let phase = target.connection.phase();
    let (word, style) = header::state(scene, phase);
    let chosen = scene.app.focus() == Some(index) && scene.app.targets().len() > 1;
    let role = target.store.role().map_or("worker", Role::name);
    let mut spans = vec![
        Span::styled(if chosen { "▸" } else { " " }, theme.strong()),
        Span::raw(format!("{role:<6} ")),
        Span::styled(word, style),
        Span::styled(header::since(phase, scene.now), style),
        Span::raw(" "),
    ];
    spans.push(Span::styled(who(target, width), theme.text()));
    match phase {
        Phase::Retry { reason, .. } => {
            spans.push(Span::raw(format!(": {reason}")));
        }
        Phase::Refused { at, why } => {
            let left = text::seconds_left(at.since(scene.now));
            spans.push(Span::raw(format!(": {why} (looks again in {left} s)")));
        }
        Phase::Connecting { .. } | Phase::Live { .. } | Phase::Stale { .. } => {
            if let Some(catching) = target.backlog.catching(scene.now) {
                spans.push(Span::styled(catching_up(&catching), theme.warning()));
            }
            if let Some(store) = scene.app.shown(index) {
                spans.push(Span::styled(facts(store), theme.text()));
            }
        }
    }
    Line::from(spans)
}

/// How far missed telemetry has come in: `  missed ####------ 120 of 300, 4 s left`.
fn catching_up(catching: &Progress) -> String {
    const CELLS: u64 = 10;
    let done = catching.done();
    let Some(total) = catching.total() else {
        return format!("  missed {done} batches so far");
    };
    let full = done.saturating_mul(CELLS) / total.max(1);
    let cell = |n| if n < full { '#' } else { '-' };
    let bar: String = (0..CELLS).map(cell).collect();
    let left = catching.left_ns().map(time_left);
    let left = left
        .map(|left| format!(", {left} left"))
        .unwrap_or_default();
    format!("  missed {bar} {done} of {total}{left}")
}

/// Its host, with its address where there is room.
fn who(target: &Target, width: u16) -> String {
    match target.store.worker() {
        Some(worker) if width < 100 => worker.host.clone(),
        Some(worker) => format!("{} ({})", worker.host, target.address.short()),
        None => target.address.short().to_owned(),
    }
}

/// What is worth knowing of a worker, the most important first: narrow screens cut the end off.
fn facts(store: &Store) -> String {
    let Some(worker) = store.worker() else {
        return String::new();
    };
    let mut facts = Vec::new();
    let peers = store.peers().iter();
    facts.extend(
        peers.map(|peer| peer_words(worker.role, peer, store.peers().loading(peer.device))),
    );
    if worker.role == Role::Server {
        facts.push(format!("{} frames", store.server_frames().total()));
    }
    if let Some(input) = store.input() {
        facts.push(format!("{} frames", input.admitted));
        facts.push(format!("{} skipped", input.skipped));
    }
    let late = store.input().map_or(0, |input| input.late_values);
    let dropped = store.input().map_or(0, |input| input.records_dropped);
    for (count, what) in [
        (late, "values too late"),
        (store.frames().finished_locally(), "finished locally"),
        (store.frames().failed(), "failed"),
        (dropped, "records dropped"),
        (store.lost_batches(), "batches missed"),
    ] {
        if count > 0 {
            facts.push(format!("{count} {what}"));
        }
    }
    facts.push(worker.engine.clone());
    format!("  {}", facts.join("  "))
}

/// Every worker with all that is to be said of it, over as many lines as that takes: for screens that have nothing else
/// to show.
pub(in crate::console::view) fn paragraphs(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let mut y = area.y;
    for index in 0..scene.app.targets().len() {
        let text: String = line(scene, index, area.width)
            .spans
            .iter()
            .map(|span| span.content.as_ref())
            .collect();
        for line in text::wrapped(text.trim(), area.width.into()) {
            if y < area.bottom() {
                buf.set_stringn(area.x, y, line, area.width.into(), scene.theme.text());
                y += 1;
            }
        }
    }
}

/// The data link as this worker sees it.
fn peer_words(role: Role, peer: &PeerRecord, loading: Option<&Progress>) -> String {
    let other = match role {
        Role::Robot => peer.device.to_string(),
        Role::Server => "robot".to_owned(),
    };
    match &peer.state {
        PeerState::None => format!("no {other}"),
        PeerState::Connecting => format!("{other}: connecting"),
        PeerState::Loading { what, .. } => {
            let words = loading.map(Progress::words).unwrap_or_default();
            format!("{other}: {what} {words}").trim_end().to_owned()
        }
        PeerState::Ready => match peer.clock {
            Some(clock) => format!("{other} ready ±{} ms", text::ms(clock.error_ns)),
            None => format!("{other} ready"),
        },
        PeerState::Retrying { reason, .. } => format!("{other} away: {reason}"),
    }
}
