//! How a sweep goes about it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// In which order plans are visited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Rounds over all plans, each in a random order of its own.
    #[default]
    Interleaved,
    /// All visits of one plan after the other. A link that drifts makes differences that are none; it is here so that
    /// tests can show that.
    Blocked,
}

/// When a sweep has enough.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// After so many rounds.
    Repeats(u32),
    /// When the 95 % interval of every plan's median latency is narrower than a share of it. All plans go on until
    /// the last one is there: one that left early would have seen another stretch of the link.
    Narrow {
        /// The share, in percent.
        percent: f64,
        /// Rounds after which it ends in any case.
        most: u32,
    },
}

impl Until {
    /// Rounds at most.
    pub const fn most_rounds(self) -> u32 {
        match self {
            Self::Repeats(rounds) | Self::Narrow { most: rounds, .. } => rounds,
        }
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeats(rounds) => write!(f, "{rounds} rounds"),
            Self::Narrow { percent, most } => write!(
                f,
                "until each median's interval is under {percent} % wide, at most {most} rounds"
            ),
        }
    }
}

/// How often, how long, in which order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The order of visits.
    pub schedule: Schedule,
    /// What the orders are drawn from.
    pub seed: u64,
    /// Frames after a switch that are left out; a pipeline's window is left out in any case.
    pub warmup: u32,
    /// Frames measured at each visit, at least.
    pub frames: u32,
    /// Time measured at each visit, at least, in milliseconds; for energy, whose blocks must not be too short.
    pub visit_ms: u32,
    /// When to end.
    pub until: Until,
    /// How long the robot is left alone before and after, so that net energy can be told, in milliseconds; 0: not at
    /// all.
    #[serde(skip_serializing_if = "is_zero")]
    pub idle_ms: u32,
    /// Whether energies are wanted as results: then it goes on until the block method has enough.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub energy: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands references over"
)]
const fn is_zero(ms: &u32) -> bool {
    *ms == 0
}

/// What the block method asks of each plan: so many milliseconds, so many frames. A sensor of a few readings a second
/// and a buffered supply even out over a window so long.
const ENERGY_MS: u32 = 20_000;
const ENERGY_FRAMES: u32 = 100;
/// The shortest visit that energy is taken over, in milliseconds.
const ENERGY_VISIT_MS: u32 = 2_000;

impl Settings {
    /// The same with visits long enough for energies as results. Given rounds stay as many, each longer if need be.
    #[must_use]
    pub fn for_energy(self) -> Self {
        let (visit_ms, frames) = match self.until {
            Until::Repeats(rounds) => {
                let rounds = rounds.max(1);
                (ENERGY_MS.div_ceil(rounds), ENERGY_FRAMES.div_ceil(rounds))
            }
            Until::Narrow { .. } => (ENERGY_VISIT_MS, 1),
        };
        Self {
            visit_ms: self.visit_ms.max(visit_ms),
            frames: self.frames.max(frames),
            energy: true,
            ..self
        }
    }

    /// Whether so many rounds make each plan's time and frames long enough, if energies are wanted.
    pub(super) const fn has_energy_after(&self, rounds: u32) -> bool {
        !self.energy
            || (rounds.saturating_mul(self.visit_ms) >= ENERGY_MS
                && rounds.saturating_mul(self.frames) >= ENERGY_FRAMES)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            schedule: Schedule::Interleaved,
            seed: 1,
            warmup: 1,
            frames: 3,
            visit_ms: 0,
            until: Until::Repeats(20),
            idle_ms: 0,
            energy: false,
        }
    }
}
