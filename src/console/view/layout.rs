//! The frame that all screens have in common, and the sizes that they are laid out for.
//!
//! ```text
//! | header: state, model, plan, epoch, control       power       |
//! | 1 Live  2 Layers ...      (from 120x30)                      |
//! | targets: one line per worker                                 |
//! | the screen's own                                             |
//! | predicted against now, where a plan is proposed              |
//! | scrubber, where another time than now is shown                |
//! | status: question, command, proposal                          |
//! | hints: keys                                                  |
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Widget};

use super::panels::{header, hints, outlook, scrubber, status, targets};
use super::widgets::text;
use super::{Scene, Theme};
use crate::console::app::{Action, Screen};

/// The least screen that something can be read on.
pub(super) const LEAST: (u16, u16) = (40, 12);

/// The sizes that screens are laid out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// From 120x30.
    Wide,
    /// From 80x24.
    Normal,
    /// From 40x12: to be read at arm's length.
    Glance,
}

impl Size {
    pub(super) const fn of(area: Rect) -> Self {
        if area.width >= 120 && area.height >= 30 {
            Self::Wide
        } else if area.width >= 80 && area.height >= 24 {
            Self::Normal
        } else {
            Self::Glance
        }
    }
}

/// Whether there is room for a panel more beside those of [`Size::Wide`].
pub(super) const fn is_roomy(area: Rect) -> bool {
    area.width >= 150 && area.height >= 44
}

/// Draws what all screens have in common, and returns what is left for the screen's own.
pub(super) fn framed(scene: &Scene, area: Rect, buf: &mut Buffer) -> Rect {
    let count = scene.app.targets().len() as u16;
    let (tabs, workers) = match Size::of(area) {
        Size::Wide => (1, count.clamp(1, 4)),
        Size::Normal if scene.app.screen() == Screen::Live => (0, count.clamp(1, 2)),
        Size::Normal => (0, 0),
        Size::Glance => (0, 0),
    };
    let scrubber = scrubber::rows(scene.app.deck(), area.height);
    let ahead = outlook::height(scene, Size::of(area));
    let [head, screens, list, inner, ahead, time, status_row, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(tabs),
        Constraint::Length(workers),
        Constraint::Min(4),
        Constraint::Length(ahead),
        Constraint::Length(scrubber),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(area);
    if area.width < 80 {
        header::narrow(scene, head, buf);
    } else {
        header::render(scene, head, buf);
    }
    if tabs > 0 {
        names(scene, screens, buf);
    }
    targets::render(scene, list, buf);
    outlook::render(scene, ahead, buf);
    scrubber::render(scene, time, buf);
    status::render(scene, status_row, buf);
    hints::render(scene, keys, buf);
    inner
}

/// The screens with their numbers; the one that is shown stands out.
fn names(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let mut x = area.x + 1;
    for (i, screen) in Screen::ALL.into_iter().enumerate() {
        let shown = scene.app.screen() == screen;
        let style = if shown {
            scene.theme.picked()
        } else {
            scene.theme.text()
        };
        let line = Line::from(vec![
            Span::styled(format!(" {}", i + 1), scene.theme.key()),
            Span::styled(format!(" {} ", screen.title()), style),
        ]);
        let width = line.width() as u16;
        if x + width > area.right() {
            break;
        }
        buf.set_line(x, area.y, &line, width);
        scene.target(Rect::new(x, area.y, width, 1), Action::Show(screen));
        x += width + 1;
    }
}

pub(super) fn halves(area: Rect) -> [Rect; 2] {
    Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(area)
}

/// Draws a border with a title and a foot, and returns what is inside.
pub(super) fn panel(area: Rect, title: &str, foot: &str, theme: Theme, buf: &mut Buffer) -> Rect {
    let room = usize::from(area.width).saturating_sub(4);
    let mut block = Block::bordered()
        .border_type(BorderType::Plain)
        .border_style(theme.border())
        .title_top(Line::styled(
            format!(" {} ", text::head(title, room)),
            theme.strong(),
        ));
    if !foot.is_empty() {
        block = block.title_bottom(Line::styled(
            format!(" {} ", text::head(foot, room)),
            theme.text(),
        ));
    }
    let inner = block.inner(area);
    block.render(area, buf);
    inner
}
