//! The power screen's state: the rail that is looked at. And pauses, which measure idle power.

use super::super::{App, Doubt, Effect, Moment, Turn};
use crate::wire::Level;
use crate::wire::console::Command;

/// What keys ask of the power screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Do {
    /// Another rail, down the list if positive.
    Rail(isize),
    /// Measure idle power over so many seconds; in a pause: frames go on.
    Idle(u32),
    /// Leave the robot alone for a while, so that frames without a console are counted.
    StepAway,
}

/// How long the robot is left alone: it leaves out the first and the last two seconds.
pub(in crate::console::app) const AWAY_S: i64 = 15;

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
            Do::StepAway => {
                if self.away(at).is_some() {
                    self.doubt = Some(Doubt::StepAway);
                }
            }
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
        if store.pause().is_some() {
            self.pause(0, at, turn);
        } else if store.power().sources().sources.is_empty() {
            let text = "this robot measures no power: a pause would tell nothing";
            self.notice = Some(text.to_owned());
        } else {
            self.doubt = Some(Doubt::Idle(seconds));
        }
    }

    /// No frames for so many seconds; none: they go on.
    pub(in crate::console::app) fn pause(&mut self, seconds: u32, at: Moment, turn: &mut Turn) {
        if let Some(index) = self.changeable(at)
            && self.in_control(index, turn)
        {
            let for_ms = seconds * 1000;
            self.send(index, Command::Idle { for_ms }, None, None, turn);
        }
    }

    /// The robot that can be left alone now; says why there is none.
    fn away(&mut self, at: Moment) -> Option<usize> {
        let index = self.changeable(at)?;
        let sweeps = self.sweeping().is_some_and(|sweep| !sweep.is_over());
        if sweeps || self.orders.waiting() > 0 || !self.targets[index].connection.is_up() {
            let text =
                "not now: a sweep is on, a command has no answer yet, or the robot is not there";
            self.notice = Some(text.to_owned());
            return None;
        }
        Some(index)
    }

    /// Hangs up and dials again later. The robot keeps what it tells meanwhile where it has a spool.
    pub(in crate::console::app) fn step_away(&mut self, at: Moment, turn: &mut Turn) {
        let Some(index) = self.away(at) else {
            return;
        };
        let target = &mut self.targets[index];
        let reason = "left alone, so that frames without a console are counted";
        let order = target
            .connection
            .leave(AWAY_S * 1_000_000_000, reason, at.now);
        let name = target.name();
        turn.effects.push(Effect::Link {
            target: index,
            order,
        });
        let text = format!(
            "stepped away from {name} for {AWAY_S} s: frames without a console are counted; control is free meanwhile"
        );
        self.say(Level::Info, text.clone(), at);
        self.notice = Some(text);
    }
}
