//! The power screen's state: the rail that is looked at.

use super::super::App;

/// What keys ask of the power screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Do {
    /// Another rail, down the list if positive.
    Rail(isize),
}

/// The power screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PowerScreen {
    /// The rail looked at, counted over all sources.
    pub rail: usize,
}

impl App {
    pub(in crate::console::app) fn on_power(&mut self, what: Do) {
        let Do::Rail(by) = what;
        let store = self.focus().and_then(|i| self.shown(i));
        let sources = store.map_or(&[][..], |s| &s.power().sources().sources);
        let rails: usize = sources.iter().map(|s| s.rails.len()).sum();
        let last = rails.saturating_sub(1);
        let rail = &mut self.screens.power.rail;
        // Rails may have gone since the last key.
        *rail = (*rail).min(last).saturating_add_signed(by).min(last);
    }
}
