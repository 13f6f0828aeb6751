//! How far a sweep is, in one line: on the screen and on standard error.

use super::{Stage, Sweeping};
use crate::sweep::{How, Pause};

impl Sweeping {
    /// How far it is: `round 3 of 20  split 12  40 of 920 visits, 4 min 10 s left`.
    pub fn words(&self) -> String {
        let Some(sweep) = self.sweep() else {
            return match self.stage() {
                Stage::Lost => "waiting for the robot".to_owned(),
                _ => "taking control".to_owned(),
            };
        };
        let progress = sweep.progress();
        let round = format!(
            "round {} of {}",
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
            (None, _) => {
                let label = progress.plan.map(|p| sweep.plans()[p].label.as_str());
                let left = progress
                    .time_left_ns
                    .map_or_else(String::new, |ns| format!(", {} left", duration(ns)));
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

/// `4 min 10 s`.
fn duration(ns: i64) -> String {
    let seconds = ns.max(0) / 1_000_000_000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s:02} s"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_at_a_glance() {
        let s = 1_000_000_000;
        assert_eq!(duration(9 * s), "9 s");
        assert_eq!(duration(250 * s), "4 min 10 s");
        assert_eq!(duration(3 * 3600 * s + 61 * s), "3 h 01 min");
        assert_eq!(duration(-1), "0 s");
    }
}
