//! The Log screen: what this console and the workers said, newest on top.
//!
//! ```text
//! | header, screens, targets           |
//! +------------------------------------+
//! | events                             |
//! +------------------------------------+
//! | status; hints                      |
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::console::view::Scene;
use crate::console::view::layout::framed;
use crate::console::view::panels::events;

pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let inner = framed(scene, area, buf);
    events::render(scene, inner, buf);
}
