//! The power screen's state: the rail that is looked at. And pauses, which measure idle power.

use super::super::{App, Moment, Turn};
use crate::wire::console::Command;

/// What keys ask of the power screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Do {
    /// Another rail, down the list if positive.
    Rail(isize),
    /// Measure idle power over so many seconds; in a pause: frames go on.
    Idle(u32),
}

/// The power screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PowerScreen {
    /// The rail looked at, counted over all sources.
    pub rail: usize,
}

impl App {
    pub(in crate::console::app) fn on_power(&mut self, what: Do, at: Moment, turn: &mut Turn) {
        match what {
            Do::Rail(by) => self.move_rail(by),
            Do::Idle(seconds) => self.measure_idle(seconds, at, turn),
        }
    }

    fn move_rail(&mut self, by: isize) {
        let store = self.focus().and_then(|i| self.shown(i));
        let sources = store.map_or(&[][..], |s| &s.power().sources().sources);
        let rails: usize = sources.iter().map(|s| s.rails.len()).sum();
        let last = rails.saturating_sub(1);
        let rail = &mut self.screens.power.rail;
        // Rails may have gone since the last key.
        *rail = (*rail).min(last).saturating_add_signed(by).min(last);
    }

    /// Asks the robot for a pause, or for the end of the one that it is in.
    fn measure_idle(&mut self, seconds: u32, at: Moment, turn: &mut Turn) {
        let Some(index) = self.changeable(at) else {
            return;
        };
        if self.sweeping().is_some_and(|sweep| !sweep.is_over()) {
            let text = "a sweep is on: a pause would fall into its visits; end it first";
            self.notice = Some(text.to_owned());
            return;
        }
        let store = &self.targets[index].store;
        let ends = store.pause().is_some();
        if !ends && store.power().sources().sources.is_empty() {
            let text = "this robot measures no power: a pause would tell nothing";
            self.notice = Some(text.to_owned());
            return;
        }
        if self.in_control(index, turn) {
            let for_ms = if ends { 0 } else { seconds * 1000 };
            self.send(index, Command::Idle { for_ms }, None, None, turn);
        }
    }
}
