//! The Sessions screen: recordings.
//!
//! ```text
//! | header, screens, targets           |
//! +------------------------------------+
//! | what can be done about it today    |
//! +------------------------------------+
//! | status; hints                      |
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::console::view::layout::framed;
use crate::console::view::widgets::text;
use crate::console::view::{Scene, panel};

/// What a person can do about it today.
const HOW: &[&str] = &[
    "This screen does not list recordings yet.",
    "What can be kept today, from a second terminal:",
    "splitscope attach WORKER --headless --json > frames.jsonl",
];

pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let inner = framed(scene, area, buf);
    let inner = panel(inner, "Sessions", "", scene.theme, buf);
    let width = usize::from(inner.width);
    let lines = HOW.iter().flat_map(|line| text::wrapped(line, width));
    for (line, y) in lines.zip(inner.y..inner.bottom()) {
        buf.set_stringn(inner.x, y, line, width, scene.theme.text());
    }
}
