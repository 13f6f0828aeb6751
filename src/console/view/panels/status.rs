//! One line between the person and the robot: a question, what became of a command, what is proposed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::console::app::Screen as AppScreen;
use crate::console::app::screens::sessions::Question;
use crate::console::app::{Asked, Noting, Progress, Proposal};
use crate::console::view::Scene;
use crate::console::view::panels::header;
use crate::console::view::panels::layers::ships;
use crate::console::view::widgets::text;
use crate::store::Store;

pub(in crate::console::view) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    if let Some((text, style)) = words(scene, area.width.into()) {
        let line = Line::from(vec![Span::raw(" "), Span::styled(text, style)]);
        buf.set_line(area.x, area.y, &line, area.width);
        return;
    }
    if scene.app.is_remote() {
        let line = Line::styled(" over SSH: 4 pictures a second", scene.theme.faint());
        buf.set_line(area.x, area.y, &line, area.width);
    }
}

/// The most urgent of what there is to say.
fn words(scene: &Scene, width: usize) -> Option<(String, Style)> {
    let theme = scene.theme;
    let app = scene.app;
    if let Some(prompt) = app.prompt() {
        let what = match prompt.what {
            Noting::Marker => "mark this moment",
            Noting::Name => "name of the session",
        };
        let text = format!("{what}: {}_   (Enter keeps it, Esc drops it)", prompt.text);
        return Some((text, theme.proposed()));
    }
    if let Some(question) = app.take_over() {
        let holder = &question.holder;
        let text = format!("{holder} controls; press Enter again to take over, Esc to leave");
        return Some((text, theme.proposed()));
    }
    if let Some(doubt) = app.doubt() {
        return Some((doubt.question(), theme.proposed()));
    }
    let question = app.screens().sessions.question.as_ref();
    if let Some(question) = question.filter(|_| app.screen() == AppScreen::Sessions) {
        return Some((asks(question), theme.proposed()));
    }
    if let Some(typed) = app.deck().typed() {
        let text =
            format!("go to {typed}_   a time (12:30) or a frame (#1041); Enter goes, Esc leaves");
        return Some((text, theme.proposed()));
    }
    if let Some(notice) = app.notice() {
        return Some((notice.to_owned(), theme.warning()));
    }
    let asked = app
        .orders()
        .asked()
        .filter(|asked| Some(asked.target) == app.focus());
    if let Some(asked) = asked {
        let under_way = !matches!(asked.progress, Progress::Refused(_) | Progress::Unknown(_));
        let over = is_over(scene.store, asked);
        // An order that is done gives way to a new proposal, and to frames that do not run under it.
        let news = app.proposal().is_some() && !is_asked(app.proposal(), asked)
            || over && header::local_because(app).is_some();
        if (under_way && !over) || !news {
            return Some(progress(scene, asked));
        }
    }
    if let Some(proposal) = app.proposal() {
        return Some(proposed(scene, proposal, width));
    }
    if let Some(text) = scene.store.and_then(paused) {
        return Some((text, theme.warning()));
    }
    if let Some(why) = header::local_because(app) {
        return Some((format!("frames run locally: {why}"), theme.warning()));
    }
    let switch = scene.store.and_then(Store::switch)?;
    let text = format!("{}: {}", switch.plan.label(), switch.stages());
    Some((text, theme.text()))
}

/// A robot without frames is not broken: somebody wants it so.
fn paused(store: &Store) -> Option<String> {
    let pause = store.pause()?;
    let left = store
        .told()
        .map(|now| text::seconds_left(pause.until.since(now)));
    let left = left.map_or_else(String::new, |s| format!(" for {s} s more"));
    let stage = match pause.quiet_since {
        Some(_) => "no frames",
        None => "the last frames end, then none",
    };
    Some(format!("{stage}{left}: {} measures idle power", pause.by))
}

fn is_over(store: Option<&Store>, asked: &Asked) -> bool {
    let switch = store.and_then(Store::switch);
    switch.is_some_and(|s| Some(s.command) == asked.command && s.is_over())
}

fn is_asked(proposal: Option<&Proposal>, asked: &Asked) -> bool {
    proposal.is_some_and(|p| p.plan == asked.plan)
}

fn progress(scene: &Scene, asked: &Asked) -> (String, Style) {
    let theme = scene.theme;
    let plan = asked.plan.label();
    let switch = scene
        .store
        .and_then(Store::switch)
        .filter(|s| Some(s.command) == asked.command);
    if let Some(switch) = switch {
        let style = match (&switch.refused, &switch.applied) {
            (Some(_), _) => theme.bad(),
            (None, Some(_)) => theme.good(),
            (None, None) => theme.strong(),
        };
        return (format!("{plan}: {}", switch.stages()), style);
    }
    let effective = scene.store.and_then(Store::plan);
    if asked.again
        && let Some(record) = effective.filter(|record| record.plan == asked.plan)
    {
        let text = format!("{plan}: in effect (epoch {})", record.epoch);
        return (text, theme.good());
    }
    match &asked.progress {
        Progress::TakingControl => (format!("{plan}: taking control first"), theme.strong()),
        Progress::Sent => (format!("{plan}: sent"), theme.strong()),
        Progress::Interrupted => (
            format!(
                "{plan}: the connection was lost before the answer; asked again when it is back"
            ),
            theme.warning(),
        ),
        Progress::Accepted => (format!("{plan}: requested"), theme.strong()),
        Progress::Refused(why) => (format!("{plan}: refused: {why}"), theme.bad()),
        Progress::Unknown(why) => (format!("{plan}: unknown: {why}"), theme.bad()),
    }
}

fn proposed(scene: &Scene, proposal: &Proposal, width: usize) -> (String, Style) {
    let theme = scene.theme;
    let plan = proposal.plan.label();
    if let Some(why) = scene.app.hindrance(scene.now) {
        return (format!("proposed {plan}: {why}"), theme.warning());
    }
    let graph = scene.store.and_then(Store::model).map(|m| &m.graph);
    let ships = graph.and_then(|g| Some(ships(g, proposal.cut(g)?)));
    let ships = ships.map(|s| format!(", {s}")).unwrap_or_default();
    let ways = "Enter applies, Esc drops";
    let whole = format!("proposed: {plan}{ships}   {ways}");
    let text = if width < 80 && text::width(&whole) + 1 > width {
        format!("{plan}? {ways}")
    } else {
        whole
    };
    (text, theme.proposed())
}

/// What is asked about a recording.
fn asks(question: &Question) -> String {
    let name = |file: &std::path::Path| file.file_name().unwrap_or_default().display().to_string();
    match question {
        Question::Leave(file) => format!(
            "leave the workers (they go on; the recording ends) and replay {}? Enter does, Esc stays",
            name(file)
        ),
        Question::Delete(file) => {
            format!("delete {}? Enter does, for good; Esc keeps it", name(file))
        }
        Question::Name(_, text) => format!("its name: {text}_   Enter keeps it, Esc leaves"),
    }
}
