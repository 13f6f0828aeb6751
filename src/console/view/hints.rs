//! The keys that matter now, in the last line.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Screen, text};
use crate::console::app::{Action, Keys};

/// What other screens show of the main screen's keys.
const LEAVE: [Action; 2] = [Action::Help, Action::Quit];

pub(super) fn render(screen: &Screen, area: Rect, buf: &mut Buffer) {
    let narrow = area.width < 78;
    let keys = screen.app.keys();
    let hints = keys
        .bindings()
        .filter(|b| keys == Keys::Main || keys.is_own(b) || LEAVE.contains(&b.action))
        .filter(|b| b.narrow || !narrow)
        .filter_map(|b| b.hint);
    let hints: Vec<_> = hints.collect();
    let wide = |(keys, word): &(&str, &str)| text::width(keys) + text::width(word) + 3;
    let loose: usize = hints.iter().map(wide).sum();
    let (room, tight) = (usize::from(area.width) + 1, loose - hints.len());
    // Closer together only where that brings all of them in.
    let close = loose > room && tight < room;
    let mut line = Line::default();
    for (keys, word) in hints {
        line.push_span(Span::raw(" "));
        line.push_span(Span::styled(keys, screen.theme.key()));
        line.push_span(Span::raw(format!(" {word}")));
        if !close {
            line.push_span(Span::raw(" "));
        }
    }
    buf.set_line(area.x, area.y, &line, area.width);
}
