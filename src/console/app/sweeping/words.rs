//! How far a sweep is, in one line: on the screen and on standard error.

use super::{Stage, Sweeping};
use crate::sweep::{How, Pause, duration_words};

impl Sweeping {
    /// Before the first visit is made nothing but the prediction tells how long it takes.
    fn predicted_words(&self) -> String {
        let words = |ns| format!(", about {} as predicted", duration_words(ns));
        self.forecast.duration_ns.map_or_else(String::new, words)
    }

    /// How far it is: `round 3 of 20  split 12  40 of 920 visits, 4 min 10 s left`.
    pub fn words(&self) -> String {
        let Some(sweep) = self.sweep() else {
            return match self.stage() {
                Stage::Lost => "waiting for the robot".to_owned(),
                _ => "taking control".to_owned(),
            };
        };
        let progress = sweep.progress();
        let sought = if self.then.is_some() {
            "best cut: "
        } else {
            ""
        };
        let round = format!(
            "{sought}round {} of {}",
            (progress.round + 1).min(progress.rounds),
            progress.rounds
        );
        match (&progress.pause, self.stage()) {
            (_, Stage::Restoring { .. }) => format!("{} comes back", sweep.restore().label()),
            (_, Stage::Over { restored }) => {
                let how = sweep.ended().map_or_else(String::new, How::words);
                let back = match (restored, sweep.restore().label()) {
                    (true, label) => format!("; {label} is back"),
                    (false, _) => String::new(),
                };
                format!("{how}, {} visits{back}", progress.visits)
            }
            (Some(Pause::Link(why)), _) => format!("{round}, paused  the link is down: {why}"),
            (Some(Pause::Robot), _) => format!("{round}, paused  the robot is not reached"),
            (None, _) if progress.is_idle => {
                let seconds = sweep.settings().idle_ms / 1000;
                let when = if progress.visits == 0 {
                    "before"
                } else {
                    "after"
                };
                format!("idle power is measured {when} the visits, {seconds} s: frames pause")
            }
            (None, _) if progress.is_check => {
                "robot and server share a machine: they compute alone, then both at once".to_owned()
            }
            (None, _) => {
                let label = progress.plan.map(|p| sweep.plans()[p].label.as_str());
                let left = progress.time_left_ns.map_or_else(
                    || self.predicted_words(),
                    |ns| format!(", {} left", duration_words(ns)),
                );
                format!(
                    "{round}  {}  {} of {} visits{left}",
                    label.unwrap_or_default(),
                    progress.visits,
                    progress.visits + progress.visits_left
                )
            }
        }
    }
}
