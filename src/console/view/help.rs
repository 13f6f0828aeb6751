//! The help over the screen: every key, and the letters behind frames.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::{Screen, panel};
use crate::console::app::{Binding, Keys};

const FRAME_MARKS: &str =
    "frames: w warm-up  p another plan prepares  L finished locally  F failed";

pub(super) fn render(screen: &Screen, area: Rect, buf: &mut Buffer) {
    let theme = screen.theme;
    let width = area.width.min(76);
    let keys = screen.app.keys();
    let bindings: Vec<&Binding> = keys.bindings().collect();
    let height = area.height.min(bindings.len() as u16 + 4);
    let over = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    Clear.render(over, buf);
    let title = match keys {
        Keys::Main => "Help",
        Keys::Picker => "Help: choosing a mode",
        Keys::Timeline => "Help: timeline",
        Keys::Power => "Help: power and host",
    };
    let inner = panel(over, title, "? or Esc closes   q quits", theme, buf);
    // Where there is no room for all, the keys at the foot of the screen come first.
    let count = bindings.len();
    let short = usize::from(inner.height) < count;
    let shown = bindings.into_iter().filter(|b| !short || b.hint.is_some());
    for (binding, y) in shown.zip(inner.y..inner.bottom()) {
        let line = Line::from(vec![
            Span::styled(format!(" {:<9}", binding.written), theme.key()),
            Span::raw(binding.help),
        ]);
        buf.set_line(inner.x, y, &line, inner.width);
    }
    if usize::from(inner.height) > count + 1 && keys == Keys::Main {
        let y = inner.bottom() - 1;
        buf.set_stringn(
            inner.x + 1,
            y,
            FRAME_MARKS,
            inner.width.into(),
            theme.faint(),
        );
    }
}
