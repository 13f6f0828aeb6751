//! The help over the screen: every key, and the letters behind frames.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use crate::console::app::{Bound, Scope, Screen};
use crate::console::view::{Scene, panel};

const FRAME_MARKS: &str =
    "frames: w warm-up  p another plan prepares  L finished locally  F failed";
/// Columns of the keys.
const KEYS: usize = 9;

pub(in crate::console::view) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let width = area.width.min(78);
    let [own, anywhere] = scene.app.scopes();
    let keymap = scene.app.keymap();
    let mut rows: Vec<Bound> = keymap.of(own).collect();
    if !scene.app.deck().is_live() && matches!(own, Scope::On(_)) {
        rows.splice(0..0, keymap.of(Scope::Time));
    }
    rows.extend(keymap.of(anywhere).filter(|row| works(own, row)));
    let marks = own == Scope::On(Screen::Live);
    let wanted = rows.len() as u16 + 2 + 2 * u16::from(marks);
    let height = area.height.min(wanted);
    let over = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    Clear.render(over, buf);
    buf.set_style(over, scene.theme.base());
    let title = match own {
        Scope::On(screen) => format!("Help: {}", screen.title()),
        Scope::Chart => "Help: charts".to_owned(),
        Scope::Search => "Help: search".to_owned(),
        Scope::Picker | Scope::Palette | Scope::Anywhere | Scope::Time => {
            "Help: choosing a mode".to_owned()
        }
    };
    let inner = panel(over, &title, "? or Esc closes   q quits", theme, buf);
    // Where there is no room for all, the keys at the foot of the screen come first.
    let count = rows.len();
    let mut left = usize::from(inner.height);
    let mut spare = left.saturating_sub(rows.iter().filter(|r| r.entry.hint.is_some()).count());
    let mut y = inner.y;
    for row in rows {
        let hinted = row.entry.hint.is_some();
        if left == 0 || (!hinted && spare == 0) {
            continue;
        }
        if !hinted {
            spare -= 1;
        }
        left -= 1;
        let line = Line::from(vec![
            Span::styled(format!(" {:<KEYS$}", row.written()), theme.key()),
            Span::raw(" "),
            Span::raw(row.entry.help),
        ]);
        buf.set_line(inner.x, y, &line, inner.width);
        y += 1;
    }
    if marks && usize::from(inner.height) > count + 1 {
        let y = inner.bottom() - 1;
        let width = inner.width.into();
        buf.set_stringn(inner.x + 1, y, FRAME_MARKS, width, theme.faint());
    }
}

/// Whether a key that works anywhere works while these keys are in effect.
fn works(own: Scope, row: &Bound) -> bool {
    !matches!(own, Scope::Picker | Scope::Palette | Scope::Search)
        || matches!(row.entry.name, "help" | "quit")
}
