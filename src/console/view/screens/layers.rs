//! The Layers screen: every operator in one table.
//!
//! ```text
//! | header, screens, targets           |
//! +------------------------------------+
//! | layers, with the cut between rows  |
//! +------------------------------------+
//! | status; hints                      |
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::console::view::Scene;
use crate::console::view::layout::framed;
use crate::console::view::panels::layers;

pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let inner = framed(scene, area, buf);
    layers::render(scene, inner, buf);
}
