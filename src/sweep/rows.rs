//! What a sweep stores: raw values, from which [`Summary`](super::Summary) derives every figure.

use serde::{Deserialize, Serialize};

use super::{PlanLine, Settings};
use crate::wire::{Outcome, Parts};

/// What was swept, on what, how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the program.
    pub version: String,
    /// When it began, milliseconds since 1970.
    pub began_unix_ms: u64,
    /// What the experiment is called, if it has a name.
    #[serde(default)]
    pub title: Option<String>,
    /// The model.
    pub model: ModelLine,
    /// The robot.
    pub robot: DeviceLine,
    /// The servers that were attached to, too.
    #[serde(default)]
    pub servers: Vec<DeviceLine>,
    /// The link in the words of who began the sweep: `93`, `indoors`.
    #[serde(default)]
    pub link: Option<String>,
    /// Whether that is an emulated one: a relay on the robot's machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub link_emulated: bool,
    /// How it was measured.
    pub settings: Settings,
    /// The plans, by the number that rows name them with.
    pub plans: Vec<PlanLine>,
}

/// The model that was swept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelLine {
    /// Its name.
    pub name: String,
    /// Images of one frame.
    pub batch: u32,
    /// Rows of an image.
    pub rows: u32,
    /// Columns of an image.
    pub columns: u32,
    /// Operators.
    pub operators: u32,
    /// Where the weights came from.
    pub weights: String,
}

/// A device that took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceLine {
    /// Its host's name.
    pub host: String,
    /// What computed.
    pub engine: String,
    /// Whether its times are emulated.
    pub emulated: bool,
}

/// Why a frame is in no figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOut {
    /// Right after a switch.
    Warmup,
    /// Another plan was being prepared meanwhile.
    Preparing,
    /// The link died in it: the robot finished it by itself.
    FinishedLocally,
    /// It has no result.
    Failed,
}

impl LeftOut {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Warmup,
        Self::Preparing,
        Self::FinishedLocally,
        Self::Failed,
    ];

    /// The word in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warmup => "warmup",
            Self::Preparing => "preparing",
            Self::FinishedLocally => "finished_locally",
            Self::Failed => "failed",
        }
    }
}

/// One frame. Times on the robot's clock, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRow {
    /// The visit it was seen in.
    pub visit: u32,
    /// That visit's round.
    pub round: u32,
    /// The plan's place in [`Header::plans`].
    pub plan: usize,
    /// The robot's number for it.
    pub frame: u64,
    /// The plan's number there.
    pub epoch: u32,
    /// When it was admitted.
    pub admitted_ns: i64,
    /// From admission to the result.
    pub latency_ns: i64,
    /// Where the latency went.
    pub parts: Parts,
    /// Payload bytes to servers.
    pub bytes_up: u64,
    /// Payload bytes to the robot.
    pub bytes_down: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it is in no figure, if so.
    pub left_out: Option<LeftOut>,
    /// Whether any of these numbers was emulated.
    pub emulated: bool,
    /// The latency that was predicted for it.
    pub predicted_ns: Option<i64>,
}

/// One stay at one plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VisitRow {
    /// Its number.
    pub visit: u32,
    /// Its round.
    pub round: u32,
    /// The plan's place in [`Header::plans`].
    pub plan: usize,
    /// Frames that count.
    pub frames: u64,
    /// The first such frame's admission, on the robot's clock.
    pub from_ns: i64,
    /// The last such frame's result.
    pub to_ns: i64,
    /// What the robot took meanwhile, where that is measured.
    #[serde(default)]
    pub power: Option<VisitPower>,
    /// The mean load of the robot's cores meanwhile, 0 to 1, where that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// Under a policy: the plans that it chose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chose: Vec<Chosen>,
}

/// A plan that a policy chose, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The plan's name.
    pub plan: String,
    /// Frames that count under it.
    pub frames: u64,
}

impl Chosen {
    /// The same with every plan once, the most frequent first; those without a frame are left out.
    pub fn sum(all: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut sums: Vec<Self> = Vec::new();
        for one in all {
            match sums.iter_mut().find(|sum| sum.plan == one.plan) {
                Some(sum) => sum.frames += one.frames,
                None => sums.push(one),
            }
        }
        sums.retain(|sum| sum.frames > 0);
        sums.sort_by_key(|sum| std::cmp::Reverse(sum.frames));
        sums
    }

    /// For people: `split 12 in 30 of 40 frames, remote in 10`.
    pub fn words(all: &[Self]) -> String {
        let total: u64 = all.iter().map(|c| c.frames).sum();
        let each = all.iter().enumerate().map(|(place, chosen)| {
            let of = if place == 0 {
                format!(" of {total} frames")
            } else {
                String::new()
            };
            format!("{} in {}{of}", chosen.plan, chosen.frames)
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

/// Energy over one visit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VisitPower {
    /// Which sensor.
    pub source: String,
    /// Whether its numbers are made up from given levels.
    pub emulated: bool,
    /// Energy over what samples cover of the visit.
    pub joules: f64,
    /// How much of it they cover.
    pub covered_ns: i64,
}

/// A plan that could not be measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRow {
    /// The plan's place in [`Header::plans`].
    pub plan: usize,
    /// Why.
    pub reason: String,
}

/// How the sweep ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndRow {
    /// In a word: `done`, `aborted`.
    pub how: String,
    /// When, milliseconds since 1970.
    pub unix_ms: u64,
}
