//! The screen as a pure function of the state: shared references in, cells out.
//!
//! From 120x30:
//!
//! ```text
//! +--------------------------------------------------------------+
//! | header: state, model, plan, epoch, control                   |
//! | targets: one line per worker                                 |
//! +------------------------------+-------------------------------+
//! | link: goodput up and down    | latency: newest frames        |
//! +------------------------------+-----------+-------------------+
//! | layers, with the cut between rows        | result: top five  |
//! |                                          +-------------------+
//! |                                          | events            |
//! +------------------------------------------+-------------------+
//! | status: question, command, proposal                          |
//! | hints: keys                                                  |
//! +--------------------------------------------------------------+
//! ```
//!
//! From 80x24 the right column becomes one line of result and one of events; below, down to 40x12, see `glance`.
//! The timeline and the power screen take the whole screen; the mode picker and the help lie over it.

mod braille;
mod digits;
mod events;
mod gantt;
mod glance;
mod header;
mod help;
mod hints;
mod host;
mod latency;
mod layers;
mod link;
mod picker;
mod power;
mod result;
mod stack;
mod status;
mod syncs;
mod targets;
mod text;
mod theme;
mod timeline;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::{Block, BorderType, Widget};

use super::app::App;
use crate::store::Store;
use crate::units::Nanos;

pub use theme::Theme;

/// The least screen that something can be read on.
const LEAST: (u16, u16) = (40, 12);

/// What every panel looks at.
struct Screen<'a> {
    app: &'a App,
    store: Option<&'a Store>,
    theme: Theme,
    now: Nanos,
}

/// Draws the whole screen.
pub fn draw(app: &App, theme: Theme, now: Nanos, area: Rect, buf: &mut Buffer) {
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let (w, h) = LEAST;
        let text = format!("needs {w}x{h}, has {}x{}", area.width, area.height);
        buf.set_stringn(area.x, area.y, text, area.width.into(), theme.text());
        return;
    }
    let screen = Screen {
        app,
        store: app.focus().and_then(|i| app.shown(i)),
        theme,
        now,
    };
    if let Some(of) = app.timeline() {
        timeline::render(&screen, of, area, buf);
    } else if let Some(rail) = app.power() {
        power::render(&screen, rail, area, buf);
    } else if area.width >= 120 && area.height >= 30 {
        wide(&screen, area, buf);
    } else if area.width >= 80 && area.height >= 24 {
        normal(&screen, area, buf);
    } else {
        glance::render(&screen, area, buf);
    }
    if let Some(picker) = app.picker() {
        picker::render(&screen, picker, area, buf);
    }
    if app.help() {
        help::render(&screen, area, buf);
    }
}

fn wide(screen: &Screen, area: Rect, buf: &mut Buffer) {
    let workers = (screen.app.targets().len() as u16).clamp(1, 4);
    let charts = (area.height / 4).clamp(9, 16);
    let [head, targets, charts, middle, status_row, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(workers),
        Constraint::Length(charts),
        Constraint::Min(8),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(area);
    let [left, right] = halves(charts);
    let side = (area.width / 3).min(60);
    let [table, column] =
        Layout::horizontal([Constraint::Min(70), Constraint::Length(side)]).areas(middle);
    let [what, happened] =
        Layout::vertical([Constraint::Length(7), Constraint::Min(3)]).areas(column);
    header::render(screen, head, buf);
    targets::render(screen, targets, buf);
    link::render(screen, left, buf);
    latency::render(screen, right, buf);
    layers::render(screen, table, buf);
    result::render(screen, what, buf);
    events::render(screen, happened, buf);
    status::render(screen, status_row, buf);
    hints::render(screen, keys, buf);
}

fn normal(screen: &Screen, area: Rect, buf: &mut Buffer) {
    let workers = (screen.app.targets().len() as u16).clamp(1, 2);
    let [
        head,
        targets,
        charts,
        table,
        what,
        happened,
        status_row,
        keys,
    ] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(workers),
        Constraint::Length(7),
        Constraint::Min(8),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(area);
    let [left, right] = halves(charts);
    header::render(screen, head, buf);
    targets::render(screen, targets, buf);
    link::render(screen, left, buf);
    latency::render(screen, right, buf);
    layers::render(screen, table, buf);
    result::line(screen, what, buf);
    events::lines(screen, happened, buf);
    status::render(screen, status_row, buf);
    hints::render(screen, keys, buf);
}

fn halves(area: Rect) -> [Rect; 2] {
    Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(area)
}

/// Draws a border with a title and a foot, and returns what is inside.
fn panel(area: Rect, title: &str, foot: &str, theme: Theme, buf: &mut Buffer) -> Rect {
    let room = usize::from(area.width).saturating_sub(4);
    let mut block = Block::bordered()
        .border_type(BorderType::Plain)
        .border_style(theme.border())
        .title_top(ratatui::text::Line::styled(
            format!(" {} ", text::head(title, room)),
            theme.strong(),
        ));
    if !foot.is_empty() {
        block = block.title_bottom(ratatui::text::Line::styled(
            format!(" {} ", text::head(foot, room)),
            theme.text(),
        ));
    }
    let inner = block.inner(area);
    block.render(area, buf);
    inner
}
