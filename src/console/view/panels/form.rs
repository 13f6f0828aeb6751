//! The form that says what a session is, over the foot of the screen: the experiment stays in sight above it.
//!
//! ```text
//! +- What this session is (kept for the next) ----------------------------+
//! |   name                              BSSID    04:f0:.. (read)          |
//! | ▸ place    garden_                  channel  36 (read)                |
//! |   robot    NX 1                     battery  BAT0 62 % (read)         |
//! |   operator                          weather                           |
//! |   notes                                                               |
//! +- Enter keeps  Esc skips  ↑↓ field   (read): robot nx told it ---------+
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use crate::console::app::{Blank, Form, Source, Whose};
use crate::console::view::widgets::text;
use crate::console::view::{Scene, panel};

/// Blanks on each side of the wide form; what is left stands below, across both.
const SIDE: usize = 4;
/// Columns of a blank's name.
const NAME: usize = 9;

pub(in crate::console::view) fn render(scene: &Scene, form: &Form, area: Rect, buf: &mut Buffer) {
    let wide = area.width >= 80;
    let below = form.blanks().len() - 2 * SIDE;
    let rows = if wide { SIDE + below } else { 3 };
    let height = (rows as u16 + 2).min(area.height);
    let over = Rect {
        y: area.bottom() - height,
        height,
        ..area
    };
    Clear.render(over, buf);
    buf.set_style(over, scene.theme.base());
    let (title, foot) = match form.whose() {
        Whose::Running => (
            "What this session is; place, robot, operator are kept for the next".to_owned(),
            "Enter keeps  Esc skips  ↑↓ field",
        ),
        Whose::File(file) => {
            let name = file.file_name().unwrap_or_default().display().to_string();
            (
                format!("What {name} is"),
                "Enter keeps  Esc leaves  ↑↓ field",
            )
        }
    };
    let reads = form.blanks().iter().find_map(|b| match &b.source {
        Source::Read(who) => Some(who),
        _ => None,
    });
    let foot = match reads {
        Some(who) => format!("{foot}   (read): {who} told it"),
        None => foot.to_owned(),
    };
    let inner = panel(over, &title, &foot, scene.theme, buf);
    if !wide {
        let first = (form.at() + 1).saturating_sub(usize::from(inner.height));
        for (i, y) in (first..form.blanks().len()).zip(inner.y..inner.bottom()) {
            line(
                scene,
                form,
                i,
                Rect {
                    y,
                    height: 1,
                    ..inner
                },
                buf,
            );
        }
        return;
    }
    let half = inner.width / 2;
    for i in 0..form.blanks().len() {
        let (column, row) = match i / SIDE {
            side @ (0 | 1) => (side as u16, i % SIDE),
            _ => (0, i - SIDE),
        };
        let across = i >= 2 * SIDE;
        let place = Rect {
            x: inner.x + column * half,
            y: inner.y + row as u16,
            width: if across { inner.width } else { half },
            height: 1,
        };
        if place.y < inner.bottom() {
            line(scene, form, i, place, buf);
        }
    }
}

fn line(scene: &Scene, form: &Form, i: usize, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let Some(blank) = form.blanks().get(i) else {
        return;
    };
    let here = form.at() == i;
    let name = format!("{:<NAME$}", word(blank.field));
    let mut spans = vec![
        Span::styled(if here { "▸ " } else { "  " }, theme.strong()),
        Span::styled(name, if here { theme.strong() } else { theme.text() }),
    ];
    let mark = mark(blank);
    // The end of what is typed stays in sight, and one column for the cursor.
    let room = usize::from(area.width).saturating_sub(NAME + 3);
    let room = room.saturating_sub(text::width(&mark));
    spans.push(Span::styled(text::tail(&blank.text, room), theme.text()));
    if here {
        spans.push(Span::styled(" ", theme.picked()));
    }
    spans.push(Span::styled(mark, theme.faint()));
    buf.set_line(area.x, area.y, &Line::from(spans), area.width);
}

/// Who says what stands there, where it is not the person at the keys.
fn mark(blank: &Blank) -> String {
    match &blank.source {
        Source::Nobody | Source::Typed => String::new(),
        Source::Said => " (as said before)".to_owned(),
        Source::Read(_) => " (read)".to_owned(),
    }
}

/// The word for a field that fits the form.
fn word(field: &'static str) -> &'static str {
    match field {
        "wifi_bssid" => "BSSID",
        "wifi_channel" => "channel",
        other => other,
    }
}
