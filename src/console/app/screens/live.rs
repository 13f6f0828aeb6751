//! The Live screen's state: which link and which row it is about. The proposed cut is the app's own, other screens show it too.

use super::super::{App, Move};

/// What keys ask of the Live screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Do {
    /// Another server's link.
    NextLink,
}

/// The Live screen.
#[derive(Debug, Clone, Default)]
pub struct Live {
    link: usize,
    row: usize,
}

impl Live {
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
        let Do::NextLink = what;
        let live = &mut self.screens.live;
        live.link = live.link.wrapping_add(1);
    }
}
