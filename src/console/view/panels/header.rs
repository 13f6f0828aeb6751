//! The first line: is it healthy, what runs, where is the cut, who is in control.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::console::app::App;
use crate::console::app::Control;
use crate::console::connection::Phase;
use crate::console::view::Scene;
use crate::console::view::panels::scrubber;
use crate::console::view::screens::power;
use crate::console::view::widgets::text;
use crate::plan::Mode;
use crate::session::Status;
use crate::store::Store;
use crate::units::Nanos;

/// A word for how a connection stands, with its style.
pub(in crate::console::view) fn state(scene: &Scene, phase: &Phase) -> (&'static str, Style) {
    let theme = scene.theme;
    match phase {
        Phase::Connecting { .. } => ("CONNECTING", theme.strong()),
        Phase::Live { .. } => ("LIVE", theme.good()),
        Phase::Stale { .. } => ("STALE", theme.warning()),
        Phase::Retry { .. } => ("RETRY", theme.warning()),
        Phase::Refused { .. } => ("REFUSED", theme.bad()),
    }
}

/// The word for the whole screen, and what is to be said with it.
pub(in crate::console::view) fn overall(scene: &Scene) -> (String, Style) {
    let app = scene.app;
    if !app.deck().is_live() {
        return (scrubber::state(app.deck()), scene.theme.warning());
    }
    if let Some(behind) = app.behind(scene.now) {
        let seconds = text::seconds_since(behind.ns);
        let frames = behind.frames;
        let text = format!("PAUSED {seconds} s, {frames} frames behind");
        return (text, scene.theme.warning());
    }
    let target = app.targets().get(app.focus().unwrap_or(0));
    target.map_or_else(
        || ("NO TARGET".to_owned(), scene.theme.bad()),
        |target| {
            let phase = target.connection.phase();
            let (word, style) = state(scene, phase);
            (word.to_owned() + &since(phase, scene.now), style)
        },
    )
}

/// How long the silence lasts, or until the next try.
pub(in crate::console::view) fn since(phase: &Phase, now: Nanos) -> String {
    match phase {
        Phase::Stale { heard } => format!(" {} s", text::seconds_since(now.since(*heard))),
        Phase::Retry { at, .. } => format!(" in {} s", text::seconds_left(at.since(now))),
        _ => String::new(),
    }
}

pub(in crate::console::view) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let (word, style) = overall(scene);
    let watts = power::words(scene);
    // Where there is little room, power is worth more than the program's name and a number that the table has too.
    let crowded = area.width < 100 && watts.is_some();
    let name = if crowded { "" } else { " splitscope " };
    let mut spans = vec![
        Span::styled(name, theme.strong()),
        Span::raw(" "),
        Span::styled(word, style),
    ];
    spans.extend(not_recording(scene));
    if let Some(store) = scene.store {
        if let Some(model) = store.model() {
            spans.push(Span::styled(
                format!("  {}", model.graph.name()),
                theme.strong(),
            ));
        }
        if store.plan().is_some() {
            spans.push(Span::styled(format!("  {}", plan(store)), theme.cut()));
        }
        if let Some(policy) = store.plan().and_then(|p| p.policy) {
            spans.push(Span::styled(format!(" by {policy}"), theme.strong()));
        }
        if store.pause().is_some() {
            spans.push(Span::styled("  IDLE", theme.warning()));
        }
        if local_because(scene.app).is_some() {
            let word = if area.width >= 100 {
                "  LOCAL (fallback)"
            } else {
                "  LOCAL"
            };
            spans.push(Span::styled(word, theme.warning()));
        }
        if let Some(epoch) = store.epoch().filter(|_| !crowded) {
            spans.push(Span::raw(format!("  epoch {epoch}")));
        }
        let (words, style) = control(scene, store);
        spans.push(Span::styled(format!("  {words}"), style));
        if store.emulated() {
            spans.push(Span::raw("  "));
            spans.push(Span::styled("EMULATED", theme.warning()));
        }
    }
    if let Some(words) = recording(scene, area.width >= 100) {
        spans.push(Span::styled(words, theme.good()));
    }
    // Power stands whole or not at all: half a number is a wrong one.
    let right = Line::from(watts.unwrap_or_default());
    let taken = right.width() as u16;
    let left = match area.width.checked_sub(taken + 2) {
        Some(left) if taken > 0 => {
            buf.set_line(area.right() - taken - 1, area.y, &right, taken);
            left - 1
        }
        _ => area.width,
    };
    buf.set_line(area.x, area.y, &Line::from(spans), left);
}

/// What of the first line matters most, for narrow screens.
pub(in crate::console::view) fn narrow(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let (word, style) = overall(scene);
    let mut line = Line::from(vec![Span::raw(" "), Span::styled(word, style)]);
    line.extend(not_recording(scene));
    if let Some(store) = scene.store {
        line.push_span(Span::styled(
            format!("  {}", plan(store)),
            scene.theme.cut(),
        ));
        if store.pause().is_some() {
            line.push_span(Span::styled("  IDLE", scene.theme.warning()));
        }
        if local_because(scene.app).is_some() {
            line.push_span(Span::styled("  LOCAL", scene.theme.warning()));
        }
        if store.emulated() {
            line.push_span(Span::styled("  EMULATED", scene.theme.warning()));
        }
    }
    if let Some(words) = recording(scene, false) {
        line.push_span(Span::styled(words, scene.theme.good()));
    }
    buf.set_line(area.x, area.y, &line, area.width);
}

/// That nothing is recorded though it should be: near the front, as a narrow line ends soon.
fn not_recording(scene: &Scene) -> impl Iterator<Item = Span<'static>> + use<> {
    let trouble = scene.app.recording().and_then(Status::trouble);
    let word = trouble.map(|_| Span::styled("NOT RECORDING", scene.theme.bad()));
    word.into_iter().flat_map(|word| [Span::raw("  "), word])
}

/// That what is shown is recorded: `REC 12:34 1.2 MB`, or only the word where there is little room.
fn recording(scene: &Scene, roomy: bool) -> Option<String> {
    let status = scene.app.recording().filter(|s| s.trouble().is_none())?;
    if !roomy {
        return Some("  REC".to_owned());
    }
    let seconds = scene.now.since(status.began).max(0) / 1_000_000_000;
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    Some(format!("  REC {minutes:02}:{seconds:02} {}", status.bytes))
}

/// The plan in effect: `split 28/54`, `pipeline 28/54 in 4 tiles, window 3`.
pub(in crate::console::view) fn plan(store: &Store) -> String {
    let Some(record) = store.plan() else {
        return String::new();
    };
    let graph = store.model().map(|m| &m.graph);
    let cut = graph.and_then(|g| record.plan.cut(g).map(|k| (k, g.operator_count())));
    match cut {
        Some((k, n)) => {
            let mut words = format!("{} {k}/{n}", record.plan.mode_name());
            if let Mode::Split { tiles, .. } = record.plan.mode
                && tiles > 1
            {
                let _ = write!(words, " in {tiles} tiles");
            }
            if record.plan.window > 1 {
                let _ = write!(words, ", window {}", record.plan.window);
            }
            words
        }
        None => record.plan.label(),
    }
}

fn control(scene: &Scene, store: &Store) -> (String, Style) {
    let theme = scene.theme;
    match Control::of(store) {
        Control::You => ("you control".to_owned(), theme.good()),
        Control::Other(name) => (
            format!("{} controls", text::head(&name, 24)),
            theme.strong(),
        ),
        Control::Nobody => ("nobody controls".to_owned(), theme.faint()),
        Control::Unknown => (String::new(), theme.text()),
    }
}

/// Whether anything runs under another plan than the one in effect, and why.
pub(in crate::console::view) fn local_because(app: &App) -> Option<&str> {
    let store = app.shown(app.focus()?)?;
    store.plan()?.local_because.as_deref()
}
