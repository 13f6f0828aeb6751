//! The parts of an experiment.

use serde::Deserialize;

use crate::link::LinkChoice;
use crate::plan::Codec;
use crate::sweep::choice::some_codec;
use crate::sweep::{Settings, Until, Wanted};

/// Rounds at most, where an interval is the end.
const MOST_ROUNDS: u32 = 200;
/// Seconds that a robot is left alone if nothing is said, and at most.
const IDLE_SECONDS: f64 = 30.0;
pub(super) const MOST_IDLE_SECONDS: f64 = 100.0;

/// What is to be least, for the cut that `best` stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The median latency.
    #[default]
    Latency,
    /// The energy per inference.
    Energy,
}

/// The model of an experiment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Its name in the zoo.
    pub name: String,
    /// Rows and columns of its input.
    #[serde(default = "usual_size")]
    pub size: [u32; 2],
    /// Images of one frame.
    #[serde(default = "one")]
    pub batch: u32,
    /// Seed of its weights.
    #[serde(default = "one")]
    pub seed: u32,
}

const fn usual_size() -> [u32; 2] {
    [224, 224]
}

const fn one() -> u32 {
    1
}

/// A worker: one that is started here, or one that is running somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerSpec {
    /// Started here on an emulated device of this profile.
    Emulated(String),
    /// Started here, computing with libtorch on this many threads.
    Real(u16),
    /// Running already, `ws://HOST:PORT`.
    Address(String),
}

/// The sweep of an experiment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepSpec {
    /// Partition points in words: `all`, `single`, `3..9`.
    #[serde(default)]
    pub cuts: Option<String>,
    /// Modes with their parameters.
    #[serde(default)]
    pub plans: Vec<Wanted>,
    /// How values are packed where a plan says nothing of it.
    #[serde(default, deserialize_with = "some_codec")]
    pub codec: Option<Codec>,
    /// Rounds.
    #[serde(default)]
    pub repeats: Option<u32>,
    /// Instead: until each median's 95 % interval is narrower than this.
    #[serde(default)]
    pub until_percent: Option<f64>,
    /// Frames at each visit, at least.
    #[serde(default)]
    pub frames: Option<u32>,
    /// Frames after a switch that are left out.
    #[serde(default)]
    pub warmup: Option<u32>,
    /// Seconds at each visit, at least.
    #[serde(default)]
    pub visit_seconds: Option<f64>,
    /// Energies as results: every plan gets the 20 s and 100 frames of the block method.
    #[serde(default)]
    pub energy: bool,
    /// Seconds that the robot is left alone before and after; 30 if nothing is said.
    #[serde(default)]
    pub idle_seconds: Option<f64>,
    /// What orders are drawn from.
    #[serde(default)]
    pub seed: Option<u64>,
}

/// Links that are filled and measured, one after the other.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeSpec {
    /// The links, as `--link` takes them.
    pub links: Vec<String>,
    /// How long each is measured.
    pub seconds: f64,
    /// Length of one measurement.
    pub interval: f64,
}

impl ProbeSpec {
    /// What each link's results are called by.
    pub fn endings(&self) -> Vec<String> {
        let names = self.links.iter().map(|link| LinkChoice::short_name(link));
        names.collect()
    }
}

/// What a shortened run does otherwise, for a look or a test.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quick {
    /// Other cuts.
    #[serde(default)]
    pub cuts: Option<String>,
    /// Other rounds.
    #[serde(default)]
    pub repeats: Option<u32>,
    /// Other frames per visit.
    #[serde(default)]
    pub frames: Option<u32>,
    /// Other seconds per visit.
    #[serde(default)]
    pub visit_seconds: Option<f64>,
    /// Other seconds of idle time.
    #[serde(default)]
    pub idle_seconds: Option<f64>,
    /// No energies as results.
    #[serde(default)]
    pub no_energy: bool,
    /// Other seconds of a probe.
    #[serde(default)]
    pub seconds: Option<f64>,
}

impl SweepSpec {
    /// How the sweep goes about it.
    pub fn settings(&self) -> Settings {
        let usual = Settings::default();
        let settings = Settings {
            idle_ms: (self.idle_seconds.unwrap_or(IDLE_SECONDS) * 1e3) as u32,
            seed: self.seed.unwrap_or(usual.seed),
            warmup: self.warmup.unwrap_or(usual.warmup),
            frames: self.frames.unwrap_or(usual.frames),
            visit_ms: self
                .visit_seconds
                .map_or(usual.visit_ms, |s| (s * 1e3) as u32),
            until: match (self.until_percent, self.repeats) {
                (Some(percent), most) => Until::Narrow {
                    percent,
                    most: most.unwrap_or(MOST_ROUNDS),
                },
                (None, Some(rounds)) => Until::Repeats(rounds),
                (None, None) => usual.until,
            },
            ..usual
        };
        if self.energy {
            settings.for_energy()
        } else {
            settings
        }
    }
}
