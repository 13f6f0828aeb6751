//! The Layers screen: every operator in one table, and beside it what whole plans would cost.
//!
//! ```text
//! | header, screens, targets                       |
//! +------------------------------------+-----------+
//! | layers, with the cut between rows  | plans     |
//! +------------------------------------+-----------+
//! | status; hints                                  |
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};

use crate::console::view::Scene;
use crate::console::view::layout::framed;
use crate::console::view::panels::{layers, plans};

/// Columns of the plans, and of the table that leaves them room.
const PLANS: u16 = 52;
const TABLE: u16 = 74;

pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let inner = framed(scene, area, buf);
    let known = scene
        .store
        .is_some_and(|s| s.predictions().newest().is_some());
    if !known || inner.width < PLANS + TABLE {
        return layers::render(scene, inner, buf);
    }
    let [table, side] =
        Layout::horizontal([Constraint::Min(TABLE), Constraint::Length(PLANS)]).areas(inner);
    layers::render(scene, table, buf);
    plans::render(scene, side, buf);
}
