//! Keys that stop or end something ask first: Enter does it, whatever else is asked for leaves things as they are.

use super::screens::power;
use super::{Action, App, Moment, Turn};

/// What waits for Enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// No frames for so many seconds, to measure idle power.
    Idle(u32),
    /// Hang up for a while.
    StepAway,
    /// End the sweep before its time.
    StopSweep,
}

impl Doubt {
    /// The question, which has to be read on 40 columns.
    pub fn question(self) -> String {
        match self {
            Self::Idle(seconds) => format!("no frames for {seconds} s? Enter does, Esc not"),
            Self::StepAway => format!("hang up for {} s? Enter does, Esc not", power::AWAY_S),
            Self::StopSweep => "end the sweep? Enter does, Esc not".to_owned(),
        }
    }
}

impl App {
    /// What waits for Enter, if anything.
    pub const fn doubt(&self) -> Option<Doubt> {
        self.doubt
    }

    /// Whether a question waits for Enter or Esc, so that these mean what they mean anywhere.
    pub(super) const fn is_asked(&self) -> bool {
        self.take_over.is_some() || self.doubt.is_some()
    }

    /// Takes an action for the answer to what waits, if something does; false where it is none.
    pub(super) fn answers(&mut self, action: Action, at: Moment, turn: &mut Turn) -> bool {
        let Some(doubt) = self.doubt.take() else {
            return false;
        };
        match action {
            Action::Apply => match doubt {
                Doubt::Idle(seconds) => self.pause(seconds, at, turn),
                Doubt::StepAway => self.step_away(at, turn),
                Doubt::StopSweep => self.abort_sweep(at, turn),
            },
            Action::Back => {}
            _ => return false,
        }
        true
    }
}
