//! What is wanted of a plan, and which of several candidates gives most of it.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Candidate;
use crate::units::ns_to_ms;

/// What is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// The least mean latency.
    #[default]
    Latency,
    /// The least energy of the robot per inference.
    Energy,
    /// The least energy with 95 % of the frames within so many milliseconds.
    Deadline {
        /// The deadline.
        ms: f64,
    },
    /// The least latency with at most so many joules of the robot per inference.
    Budget {
        /// The budget.
        joules: f64,
    },
    /// The most frames per second.
    Throughput,
}

impl Objective {
    /// What is minimised: nanoseconds, joules, or nanoseconds per frame. None if that is not known: energy without the
    /// robot's power.
    pub fn score(&self, candidate: &Candidate) -> Option<f64> {
        match self {
            Self::Latency | Self::Budget { .. } => Some(candidate.latency_ns as f64),
            Self::Energy | Self::Deadline { .. } => candidate.energy.map(|e| e.0),
            Self::Throughput => Some(1e9 / candidate.frames_per_s.max(1e-9)),
        }
    }

    /// Whether a candidate keeps to the deadline or budget; a budget is not kept to by an energy that is not known.
    pub fn is_met(&self, candidate: &Candidate) -> bool {
        match self {
            Self::Latency | Self::Energy | Self::Throughput => true,
            Self::Deadline { ms } => ns_to_ms(candidate.p95_ns) <= *ms,
            Self::Budget { joules } => candidate.energy.is_some_and(|e| e.0 <= *joules),
        }
    }

    /// Which of two is better: who meets it, then the better score; where nobody meets it, who comes closest to it:
    /// the fastest for a deadline, the most frugal for a budget. Of equals, the shorter latency and the fewer bytes.
    pub fn compare(&self, a: &Candidate, b: &Candidate) -> Ordering {
        let (met, both) = (self.is_met(a), self.is_met(b));
        let number = |x: Option<f64>| x.unwrap_or(f64::INFINITY);
        let joules = |c: &Candidate| number(c.energy.map(|e| e.0));
        let by_score = match (met || both, self) {
            (true, _) => both
                .cmp(&met)
                .then_with(|| number(self.score(a)).total_cmp(&number(self.score(b)))),
            (false, Self::Budget { .. }) => joules(a).total_cmp(&joules(b)),
            (false, _) => a.p95_ns.cmp(&b.p95_ns),
        };
        by_score
            .then(a.latency_ns.cmp(&b.latency_ns))
            .then(a.bytes().cmp(&b.bytes()))
    }

    /// The best candidate's place; none of none. Of equals the first.
    pub fn best<'a>(&self, candidates: impl IntoIterator<Item = &'a Candidate>) -> Option<usize> {
        let candidates = candidates.into_iter().enumerate();
        let best = candidates.min_by(|(i, a), (j, b)| self.compare(a, b).then(i.cmp(j)));
        best.map(|(i, _)| i)
    }

    /// By which share of `from`'s figure `to` is better; infinite if only `to` meets the objective, negative if worse.
    pub fn gain(&self, from: &Candidate, to: &Candidate) -> f64 {
        match (self.is_met(from), self.is_met(to)) {
            (false, true) => f64::INFINITY,
            (true, false) => f64::NEG_INFINITY,
            (false, false) if matches!(self, Self::Deadline { .. }) => {
                less(from.p95_ns as f64, to.p95_ns as f64)
            }
            (false, false) => match (from.energy, to.energy) {
                (Some(from), Some(to)) => less(from.0, to.0),
                _ => 0.0,
            },
            (true, true) => match (self.score(from), self.score(to)) {
                (Some(from), Some(to)) => less(from, to),
                _ => 0.0,
            },
        }
    }
}

/// By which share of `from` `to` is less; of nothing, nothing.
fn less(from: f64, to: f64) -> f64 {
    if from > 0.0 { 1.0 - to / from } else { 0.0 }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency => f.write_str("latency"),
            Self::Energy => f.write_str("energy"),
            Self::Deadline { ms } => write!(f, "deadline={ms}"),
            Self::Budget { joules } => write!(f, "budget={joules}"),
            Self::Throughput => f.write_str("throughput"),
        }
    }
}

impl FromStr for Objective {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "{text:?} is no objective; expected latency, energy, deadline=MS, budget=J or throughput, with a number \
                 above 0"
            )
        };
        let (word, number) = text
            .split_once('=')
            .map_or((text, None), |(w, n)| (w, Some(n)));
        let number = number.map(|n| n.trim().parse::<f64>().ok());
        let number = match number {
            None => None,
            Some(Some(x)) if x.is_finite() && x > 0.0 => Some(x),
            Some(_) => return Err(bad()),
        };
        match (word.trim(), number) {
            ("latency", None) => Ok(Self::Latency),
            ("energy", None) => Ok(Self::Energy),
            ("throughput", None) => Ok(Self::Throughput),
            ("deadline", Some(ms)) => Ok(Self::Deadline { ms }),
            ("budget", Some(joules)) => Ok(Self::Budget { joules }),
            _ => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_read_as_they_are_shown_and_others_are_refused() {
        for text in [
            "latency",
            "energy",
            "deadline=80",
            "budget=0.5",
            "throughput",
        ] {
            assert_eq!(text.parse::<Objective>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "speed",
            "deadline",
            "deadline=",
            "deadline=-3",
            "deadline=nan",
            "latency=3",
        ] {
            let told = text.parse::<Objective>().unwrap_err();
            assert!(
                told.contains("deadline=MS") && told.contains(&format!("{text:?}")),
                "{told}"
            );
        }
    }
}
