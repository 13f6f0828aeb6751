//! The Workers screen: every robot and server with all that is to be said of it.
//!
//! ```text
//! | header, screens, targets           |
//! +------------------------------------+
//! | a paragraph per worker             |
//! +------------------------------------+
//! | status; hints                      |
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::console::view::layout::framed;
use crate::console::view::panels::targets;
use crate::console::view::{Scene, panel};

pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let inner = framed(scene, area, buf);
    let inner = panel(inner, "Workers", "", scene.theme, buf);
    targets::paragraphs(scene, inner, buf);
}
