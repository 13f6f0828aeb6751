//! The Sweep screen: all partition points, one after the other.
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
    "No sweep runs from this screen yet.",
    "All partition points are measured one by one from the Live screen: the arrows move the cut, Enter applies it, and",
    "the p50 of the epoch stands below the latencies.",
];

pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let inner = framed(scene, area, buf);
    let inner = panel(inner, "Sweep", "", scene.theme, buf);
    let width = usize::from(inner.width);
    let lines = HOW.iter().flat_map(|line| text::wrapped(line, width));
    for (line, y) in lines.zip(inner.y..inner.bottom()) {
        buf.set_stringn(inner.x, y, line, width, scene.theme.text());
    }
}
