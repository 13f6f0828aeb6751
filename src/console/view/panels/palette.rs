//! The command palette over the screen: what was typed, and what it may mean.
//!
//! ```text
//! +- Commands -----------------------------------------------+
//! | : tim                                                    |
//! | ▸ 3 t      screen-timeline   one frame over time: ...    |
//! |   z        zoom              time scale of the link ...  |
//! +- Enter does it  Esc leaves ------------------------------+
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use crate::console::app::Palette;
use crate::console::view::widgets::text;
use crate::console::view::{Scene, panel};

/// Rows of what was found, at most.
const ROWS: u16 = 12;
/// Columns of keys and names.
const KEYS: usize = 9;
const NAME: usize = 18;

pub(in crate::console::view) fn render(
    scene: &Scene,
    palette: &Palette,
    area: Rect,
    buf: &mut Buffer,
) {
    let theme = scene.theme;
    let width = area.width.min(90);
    let over = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + area.height / 8,
        width,
        height: (ROWS + 3).min(area.height - area.height / 8),
    };
    Clear.render(over, buf);
    buf.set_style(over, theme.base());
    let inner = panel(over, "Commands", "Enter does it  Esc leaves", theme, buf);
    let typed = Line::from(vec![
        Span::styled(" : ", theme.key()),
        Span::styled(palette.text().to_owned(), theme.strong()),
        Span::styled(" ", theme.picked()),
    ]);
    buf.set_line(inner.x, inner.y, &typed, inner.width);
    let found = scene.app.found();
    if found.is_empty() {
        let line = Line::styled("   nothing is called so", theme.faint());
        buf.set_line(inner.x, inner.y + 1, &line, inner.width);
        return;
    }
    let rows = usize::from(inner.height.saturating_sub(1));
    let first = (palette.selected() + 1).saturating_sub(rows);
    for ((i, row), y) in found
        .iter()
        .enumerate()
        .skip(first)
        .take(rows)
        .zip(inner.y + 1..)
    {
        let here = i == palette.selected();
        let style = if here { theme.picked() } else { theme.text() };
        let keys = text::head(&row.written(), KEYS);
        let line = Line::from(vec![
            Span::styled(if here { " ▸ " } else { "   " }, theme.strong()),
            Span::styled(format!("{keys:<KEYS$} "), theme.key()),
            Span::styled(format!("{:<NAME$} ", row.entry.name), style),
            Span::styled(row.entry.help, theme.faint()),
        ]);
        buf.set_line(inner.x, y, &line, inner.width);
        scene.target(Rect::new(inner.x, y, inner.width, 1), row.entry.action);
    }
}
