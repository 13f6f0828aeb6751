//! What keys do on the Workers screen: they choose the worker that all screens are about.

use super::super::App;

/// What keys ask of the Workers screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Do {
    /// The worker above or below.
    Step(isize),
    /// This one, by its place in the list.
    Show(usize),
}

impl App {
    pub(in crate::console::app) fn on_workers(&mut self, what: Do) {
        let last = self.targets.len().saturating_sub(1);
        let now = self.focus().unwrap_or(0);
        let next = match what {
            Do::Step(by) => now.saturating_add_signed(by).min(last),
            Do::Show(index) => index.min(last),
        };
        if Some(next) != self.focus() && !self.targets.is_empty() {
            self.select(next);
        }
    }
}
