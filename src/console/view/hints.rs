//! The keys that matter now, in the last line.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Screen;
use crate::console::app::Keys;

pub(super) fn render(screen: &Screen, area: Rect, buf: &mut Buffer) {
    let narrow = area.width < 76;
    let mut line = Line::default();
    let keys = screen.app.keys();
    // Elsewhere the main screen's way out stands behind the screen's own keys.
    let hints = keys
        .bindings()
        .filter(|b| keys == Keys::Main || keys.is_own(b) || b.narrow)
        .filter(|b| b.narrow || !narrow)
        .filter_map(|b| b.hint);
    for (keys, word) in hints {
        line.push_span(Span::raw(" "));
        line.push_span(Span::styled(keys, screen.theme.key()));
        line.push_span(Span::raw(format!(" {word} ")));
    }
    buf.set_line(area.x, area.y, &line, area.width);
}
