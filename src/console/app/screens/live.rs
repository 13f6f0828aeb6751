//! The Live screen's state: how its charts are looked at. The proposed cut is the app's own, other screens show it too.

use super::super::{App, Move};

/// Time scales of the link's chart, nanoseconds per dot.
const ZOOMS: [i64; 3] = [100_000_000, 300_000_000, 1_000_000_000];

/// What keys ask of the Live screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Do {
    /// Another time scale of the link.
    Zoom,
    /// Another server's link.
    NextLink,
}

/// The Live screen.
#[derive(Debug, Clone, Default)]
pub struct Live {
    zoom: usize,
    link: usize,
    row: usize,
}

impl Live {
    /// Nanoseconds per dot of the link's chart.
    pub const fn link_scale_ns(&self) -> i64 {
        ZOOMS[self.zoom]
    }

    /// The row of the layer table that is looked at, where there is no cut to look at.
    pub const fn row(&self) -> usize {
        self.row
    }

    /// Which server's link is shown, counted through round and round.
    pub const fn link_shown(&self) -> usize {
        self.link
    }

    /// Moves the mark in a table whose last row is `last`.
    pub(in crate::console::app) fn move_row(&mut self, step: Move, last: usize) {
        self.row = step.moved(self.row, last);
    }
}

impl App {
    pub(in crate::console::app) fn on_live(&mut self, what: Do) {
        let live = &mut self.screens.live;
        match what {
            Do::Zoom => live.zoom = (live.zoom + 1) % ZOOMS.len(),
            Do::NextLink => live.link = live.link.wrapping_add(1),
        }
    }
}
