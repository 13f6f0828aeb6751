//! The Live screen: what happens now.
//!
//! From 150x44 (drawn for 160x48):
//!
//! ```text
//! +-----------------------------------------------------------------------------------------------+
//! | header: state, model, plan, epoch, control, recording                           6.04 W 0.34 J |
//! | 1 Live  2 Layers  3 Timeline ...                                                              |
//! | targets: one line per worker                                                                  |
//! +-------------------------------+-------------------------------+-------------------------------+
//! | Link  Mbps up, down, rtt      | Latency  ms a frame           | Power  W                      |
//! |  100┤ up over time, estimate  |  100┤ over time               | 6.04 W  0.34 J                |
//! |     │ dashed, rules at plans  |     │                         | energy shares, host           |
//! |    0┤                         |    0┤                         |  10┤ total over time          |
//! |    5┤ down                    | ▓robot ╱up █server ╲down ·wait|   0┤                          |
//! |    0┤                         | 1041 ▓▓▓▓╱╱╱╱██╲·        61.2 | rail          W now  W mean   |
//! | -15 s                     now | 1040 ▓▓▓▓╱╱╱╱╱██·        63.0 | VDD_IN         6.04    5.98   |
//! + 0.1 s a dot ------------------+ p50 p95 fps n predicted ------+ estimate over 5 s ------------+
//! | Layers: operators, where, ms, bytes, if cut here             | Limited by uplink 17 of 38 ms  |
//! | ...                                                          +--------------------------------+
//! | === cut 28 === ships 1.8 MB ===                              | Result  frame 1041             |
//! | ...                                                          +--------------------------------+
//! |                                                              | Events  UTC                    |
//! +--------------------------------------------------------------+--------------------------------+
//! | status                                                                                        |
//! | hints                                                                                         |
//! +-----------------------------------------------------------------------------------------------+
//! ```
//!
//! From 120x30:
//!
//! ```text
//! +--------------------------------------------------------------+
//! | header, screens, targets                                     |
//! +------------------------------+-------------------------------+
//! | link: goodput up and down    | latency: newest frames        |
//! +------------------------------+-----------+-------------------+
//! | layers, with the cut between rows        | limited by        |
//! |                                          +-------------------+
//! |                                          | result: top five  |
//! |                                          +-------------------+
//! |                                          | events            |
//! +------------------------------------------+-------------------+
//! | status; hints                                                |
//! +--------------------------------------------------------------+
//! ```
//!
//! From 80x24 the right column becomes one line of result, with what limits, and one of events; with a crosshair, latency
//! is drawn over time too:
//!
//! ```text
//! | header, two workers                                          |
//! +------------------------------+-------------------------------+
//! | link                         | latency: newest frames        |
//! +------------------------------+-------------------------------+
//! | layers                                                       |
//! +--------------------------------------------------------------+
//! | frame 1041: espresso 0.93 cup 0.05      limited by uplink 45 %|
//! | event                                                        |
//! | status; hints                                                |
//! ```
//!
//! Below that, see `glance`.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};

use super::glance;
use crate::console::view::Scene;
use crate::console::view::layout::{Size, framed, halves, is_roomy};
use crate::console::view::panels::{events, latency, layers, limit, link, result, watts};

pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    match Size::of(area) {
        Size::Wide => wide(scene, area, buf),
        Size::Normal => normal(scene, area, buf),
        Size::Glance => glance::render(scene, area, buf),
    }
}

fn wide(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let roomy = is_roomy(area);
    let charts = if roomy {
        (area.height / 3).clamp(15, 24)
    } else {
        (area.height / 4).clamp(9, 16)
    };
    let side = (area.width / 3).min(60);
    let inner = framed(scene, area, buf);
    let [charts, middle] =
        Layout::vertical([Constraint::Length(charts), Constraint::Min(8)]).areas(inner);
    let [table, column] =
        Layout::horizontal([Constraint::Min(70), Constraint::Length(side)]).areas(middle);
    let [limits, what, happened] = Layout::vertical([
        Constraint::Length(limit::ROWS),
        Constraint::Length(7),
        Constraint::Min(3),
    ])
    .areas(column);
    if roomy {
        let third = Constraint::Fill(1);
        let [left, centre, right] = Layout::horizontal([third; 3]).areas(charts);
        link::render(scene, left, buf);
        latency::render(scene, centre, buf);
        watts::render(scene, right, buf);
    } else {
        let [left, right] = halves(charts);
        link::render(scene, left, buf);
        latency::render(scene, right, buf);
    }
    layers::render(scene, table, buf);
    limit::render(scene, limits, buf);
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
