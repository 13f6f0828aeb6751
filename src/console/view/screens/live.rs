//! The Live screen: what happens now.
//!
//! From 120x30:
//!
//! ```text
//! +--------------------------------------------------------------+
//! | header, screens, targets                                     |
//! +------------------------------+-------------------------------+
//! | link: goodput up and down    | latency: newest frames        |
//! +------------------------------+-----------+-------------------+
//! | layers, with the cut between rows        | result: top five  |
//! |                                          +-------------------+
//! |                                          | events            |
//! +------------------------------------------+-------------------+
//! | status; hints                                                |
//! +--------------------------------------------------------------+
//! ```
//!
//! From 80x24 the right column becomes one line of result and one of events; below, see `glance`.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};

use super::glance;
use crate::console::view::Scene;
use crate::console::view::layout::{Size, framed, halves};
use crate::console::view::panels::{events, latency, layers, link, result};

pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    match Size::of(area) {
        Size::Wide => wide(scene, area, buf),
        Size::Normal => normal(scene, area, buf),
        Size::Glance => glance::render(scene, area, buf),
    }
}

fn wide(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let charts = (area.height / 4).clamp(9, 16);
    let side = (area.width / 3).min(60);
    let inner = framed(scene, area, buf);
    let [charts, middle] =
        Layout::vertical([Constraint::Length(charts), Constraint::Min(8)]).areas(inner);
    let [left, right] = halves(charts);
    let [table, column] =
        Layout::horizontal([Constraint::Min(70), Constraint::Length(side)]).areas(middle);
    let [what, happened] =
        Layout::vertical([Constraint::Length(7), Constraint::Min(3)]).areas(column);
    link::render(scene, left, buf);
    latency::render(scene, right, buf);
    layers::render(scene, table, buf);
    result::render(scene, what, buf);
    events::render(scene, happened, buf);
}

fn normal(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let inner = framed(scene, area, buf);
    let [charts, table, what, happened] = Layout::vertical([
        Constraint::Length(7),
        Constraint::Min(8),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(inner);
    let [left, right] = halves(charts);
    link::render(scene, left, buf);
    latency::render(scene, right, buf);
    layers::render(scene, table, buf);
    result::line(scene, what, buf);
    events::lines(scene, happened, buf);
}
