//! What a file holds that figures are made of, whatever the file is. Plain data.

use crate::statistics::Estimate;
pub use crate::sweep::PartsMs;

/// The robot's energy per inference.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Energy {
    /// Joules.
    pub joules: f64,
    /// Half of the 95 % interval, where the block method gives one.
    pub half: Option<f64>,
    /// The same above what the robot takes anyway, with half of its interval, where idle power was measured.
    pub net: Option<(f64, f64)>,
    /// What the block method still lacks, or that it is a rolling estimate: then the number is no result.
    pub preliminary: Option<String>,
}

/// What came of one plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanResult {
    /// Its name: `split 12`, `tensor 0.30`.
    pub label: String,
    /// Its mode.
    pub mode: String,
    /// Operators on the robot, where it has one cut.
    pub cut: Option<u32>,
    /// The last operator on the robot.
    pub layer: Option<String>,
    /// Latencies of the frames that count, in milliseconds; none for a prediction.
    pub latencies_ms: Vec<f64>,
    /// Their median in milliseconds; of a prediction the predicted one, with no frames.
    pub latency: Estimate,
    /// Where the time went on average, where that is told.
    pub parts: Option<PartsMs>,
    /// Frames that do not count: warm-up, another plan being prepared, finished locally, failed.
    pub left_out: usize,
    /// Mean payload to the server in bytes.
    pub bytes_up: f64,
    /// Mean payload to the robot in bytes.
    pub bytes_down: f64,
    /// Where power was measured, given or predicted.
    pub energy: Option<Energy>,
    /// The median prediction beside measured frames, in milliseconds.
    pub predicted_ms: Option<f64>,
    /// How far predictions were off, in percent of the latency, either way: median and 90th percentile.
    pub prediction_error_pct: Option<[f64; 2]>,
}

/// A rate that held for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held {
    /// Since when, in seconds.
    pub from_s: f64,
    /// For how long, in seconds.
    pub for_s: f64,
    /// Megabits per second; 0 in an outage.
    pub mbps: f64,
}

/// A link's rate over time in one direction; stretches without a number are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    /// `up`, `down`, or `both` for a shared medium.
    pub direction: &'static str,
    /// In the order of time.
    pub held: Vec<Held>,
}

/// One step of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneStep {
    /// Place in [`FrameTimeline::lanes`].
    pub lane: usize,
    /// The operator's name, where the model is known.
    pub label: String,
    /// Since the frame's admission.
    pub start_ms: f64,
    /// How long.
    pub duration_ms: f64,
}

/// One frame's steps.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameTimeline {
    /// The frame's number; none for a predicted one.
    pub frame: Option<u64>,
    /// Its plan's name.
    pub plan: String,
    /// From admission to the result.
    pub latency_ms: f64,
    /// Name and kind of every lane, from above to below.
    pub lanes: Vec<Lane>,
    /// In no order.
    pub steps: Vec<LaneStep>,
    /// Error bound of server times.
    pub clock_error_ms: Option<f64>,
    /// What the program predicted for this frame.
    pub predicted_ms: Option<f64>,
    /// Whether the times are a prediction.
    pub is_predicted: bool,
}

/// A row of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// The word before it.
    pub name: String,
    /// The part of the latency it belongs to, as a place in [`PartsMs::NAMES`].
    pub part: usize,
    /// Whether its steps are what was expected of the frame, not what was measured.
    pub is_predicted: bool,
}

/// What made a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `sweep`.
    Sweep,
    /// A recording.
    Session,
    /// `--headless --json`.
    Lines,
    /// A link trace.
    Trace,
    /// `plan --json`.
    Prediction,
}

impl Kind {
    /// The word used in sentences.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Session => "session",
            Self::Lines => "list of frames",
            Self::Trace => "link trace",
            Self::Prediction => "prediction",
        }
    }
}

/// A file as figures see it.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a word of its own in the figure"
)]
pub struct Evidence {
    /// The file's name.
    pub file: String,
    /// What made it.
    pub kind: Kind,
    /// The model with its batch and size, if it is told.
    pub model: Option<String>,
    /// The robot, if it is told.
    pub robot: Option<String>,
    /// The servers that are told.
    pub servers: Vec<String>,
    /// The link as it was named.
    pub link: Option<String>,
    /// The program that made the file, with its version.
    pub program: Option<String>,
    /// When it began, for people.
    pub began: Option<String>,
    /// Further things to say about how it was made.
    pub remarks: Vec<String>,
    /// In the file's order.
    pub plans: Vec<PlanResult>,
    /// One series, or one per direction.
    pub rates: Vec<Rates>,
    /// The frame asked for, or the one nearest to the median latency.
    pub timeline: Option<FrameTimeline>,
    /// Whether any number is emulated.
    pub is_emulated: bool,
    /// Whether the link is emulated: a relay on the robot's machine.
    pub is_link_emulated: bool,
    /// Whether a link's rates come from a stochastic model, not from a link.
    pub is_modelled: bool,
    /// Whether robot and server slowed each other on one machine: times of plans under which both compute are no
    /// results.
    pub is_contended: bool,
}

impl Evidence {
    /// One that says nothing yet.
    pub fn new(file: &str, kind: Kind) -> Self {
        Self {
            file: file.to_owned(),
            kind,
            model: None,
            robot: None,
            servers: Vec::new(),
            link: None,
            program: None,
            began: None,
            remarks: Vec::new(),
            plans: Vec::new(),
            rates: Vec::new(),
            timeline: None,
            is_emulated: false,
            is_link_emulated: false,
            is_modelled: false,
            is_contended: false,
        }
    }

    /// Frames that count.
    pub fn frames(&self) -> usize {
        self.plans.iter().map(|p| p.latencies_ms.len()).sum()
    }

    /// Frames that do not.
    pub fn left_out(&self) -> usize {
        self.plans.iter().map(|p| p.left_out).sum()
    }

    /// Whether it is a prediction.
    pub fn is_predicted(&self) -> bool {
        self.kind == Kind::Prediction
    }
}
