//! When a policy's choice becomes the plan: not for little, not for a moment, and not against the operator.

use super::{Candidate, Decision};
use crate::plan::Plan;

/// A smaller predicted gain changes nothing.
pub const LEAST_GAIN: f64 = 0.05;
/// For so many frames in a row the gain must be there.
pub const FRAMES: u32 = 3;
/// A bandwidth that moved by more than this share since the last change is reason enough for any gain.
pub const BANDWIDTH_MOVED: f64 = 0.25;

/// What becomes of a choice.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The plan stays, because.
    Keep(String),
    /// Another plan, because.
    Change {
        /// Which.
        plan: Plan,
        /// Why.
        because: String,
    },
}

/// Follows the choices from frame to frame.
#[derive(Debug, Clone, Default)]
pub struct Hysteresis {
    pinned: Option<Plan>,
    /// Frames in a row in which the gain was large enough.
    better_for: u32,
    /// The bandwidth when the plan was last weighed because of it.
    mbps: Option<f64>,
}

impl Hysteresis {
    /// Nothing seen yet, nothing pinned.
    pub const fn new() -> Self {
        Self {
            pinned: None,
            better_for: 0,
            mbps: None,
        }
    }

    /// The operator chose a plan: it stays until [`Self::release`].
    pub fn pin(&mut self, plan: Plan) {
        self.pinned = Some(plan);
        self.better_for = 0;
    }

    /// The operator hands the plan to the policy.
    pub fn release(&mut self) {
        self.pinned = None;
        self.better_for = 0;
        self.mbps = None;
    }

    /// The operator's choice, if there is one.
    pub const fn pinned(&self) -> Option<&Plan> {
        self.pinned.as_ref()
    }

    /// Weighs a decision against the plan in effect, as predicted for the same problem; once per frame, at a bandwidth
    /// of `mbps`. `current` is none if the plan in effect cannot be predicted.
    pub fn weigh(
        &mut self,
        decision: &Decision,
        current: Option<&Candidate>,
        in_effect: &Plan,
        mbps: f64,
    ) -> Verdict {
        if let Some(pinned) = &self.pinned {
            return Verdict::Keep(format!("{} was chosen by hand", pinned.label()));
        }
        let chosen = &decision.chosen;
        let moved = self.mbps.is_none_or(|before| {
            (mbps - before).abs() > BANDWIDTH_MOVED * before.max(f64::MIN_POSITIVE)
        });
        if chosen.plan == *in_effect {
            self.better_for = 0;
            if moved {
                self.mbps = Some(mbps);
            }
            return Verdict::Keep(format!("{} is the best already", chosen.plan.label()));
        }
        let gain = current.map_or(f64::INFINITY, |c| decision.objective.gain(c, chosen));
        if gain > LEAST_GAIN {
            self.better_for += 1;
        } else {
            self.better_for = 0;
        }
        let label = chosen.plan.label();
        let by = if gain.is_finite() {
            format!("{label} is predicted to be {:.0} % better", gain * 100.0)
        } else {
            format!(
                "{label} keeps to {}, the plan in effect does not",
                decision.objective
            )
        };
        let because = if moved && gain > 0.0 {
            match self.mbps {
                Some(before) => {
                    format!("{by}, and the link went from {before:.1} to {mbps:.1} Mbps")
                }
                None => by,
            }
        } else if self.better_for >= FRAMES {
            format!("{by}, for {FRAMES} frames")
        } else {
            if moved {
                self.mbps = Some(mbps);
            }
            return Verdict::Keep(if gain > LEAST_GAIN {
                format!("{by}, for {} of {FRAMES} frames", self.better_for)
            } else {
                format!(
                    "{by}, less than the {:.0} % that a change is worth",
                    LEAST_GAIN * 100.0
                )
            });
        };
        self.better_for = 0;
        self.mbps = Some(mbps);
        Verdict::Change {
            plan: chosen.plan.clone(),
            because,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Objective;

    fn candidate(plan: &Plan, ms: f64) -> Candidate {
        Candidate {
            latency_ns: (ms * 1e6) as i64,
            ..Candidate::unknown(plan)
        }
    }

    fn weigh(hysteresis: &mut Hysteresis, to_ms: f64, mbps: f64) -> Verdict {
        let chosen = candidate(&Plan::REMOTE, to_ms);
        let decision = Decision::among(Objective::Latency, vec![chosen], |_| Vec::new());
        let current = candidate(&Plan::LOCAL, 100.0);
        hysteresis.weigh(&decision, Some(&current), &Plan::LOCAL, mbps)
    }

    fn changes(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Change { plan, .. } if *plan == Plan::REMOTE)
    }

    #[test]
    fn a_gain_must_be_large_and_last_unless_the_bandwidth_moved() {
        let mut hysteresis = Hysteresis::new();
        assert!(
            changes(&weigh(&mut hysteresis, 99.0, 80.0)),
            "the first look is a move of the bandwidth"
        );
        for _ in 0..10 {
            assert!(
                !changes(&weigh(&mut hysteresis, 96.0, 90.0)),
                "4 % are too little"
            );
        }
        let steady: Vec<bool> = (0..3)
            .map(|_| changes(&weigh(&mut hysteresis, 90.0, 90.0)))
            .collect();
        assert_eq!(steady, [false, false, true]);
        weigh(&mut hysteresis, 90.0, 90.0);
        weigh(&mut hysteresis, 96.0, 90.0);
        assert!(
            !changes(&weigh(&mut hysteresis, 90.0, 90.0)),
            "it must last without a break"
        );
        let verdict = weigh(&mut hysteresis, 97.0, 120.0);
        assert!(changes(&verdict), "{verdict:?}");
        assert!(
            format!("{verdict:?}").contains("from 90.0 to 120.0 Mbps"),
            "{verdict:?}"
        );
    }

    #[test]
    fn what_the_operator_pins_stays_until_it_is_released() {
        let mut hysteresis = Hysteresis::new();
        hysteresis.pin(Plan::LOCAL);
        for mbps in [10.0, 100.0, 10.0, 100.0] {
            let verdict = weigh(&mut hysteresis, 1.0, mbps);
            assert_eq!(
                verdict,
                Verdict::Keep("local was chosen by hand".to_owned())
            );
        }
        hysteresis.release();
        assert!(changes(&weigh(&mut hysteresis, 1.0, 100.0)));
    }

    #[test]
    fn a_worse_plan_is_never_taken() {
        let mut hysteresis = Hysteresis::new();
        for mbps in [10.0, 100.0, 10.0, 100.0] {
            assert!(!changes(&weigh(&mut hysteresis, 101.0, mbps)));
        }
    }
}
