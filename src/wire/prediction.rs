//! What the robot expects: costs of plans, and what a policy decided. Predicted figures, all of them.

use serde::{Deserialize, Serialize};

use crate::plan::{Codec, Parts, Plan, Steps};
use crate::policy::Spec;
use crate::units::{Epoch, Nanos};

/// Plans that a record lists at most.
pub const MAX_PLANS: usize = 48;
/// Candidates that a decision lists at most.
pub const MAX_COMPARED: usize = 8;

/// What a plan would cost now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanCost {
    /// What people call it.
    pub label: String,
    /// The plan.
    pub plan: Plan,
    /// A frame's latency.
    pub latency_ns: i64,
    /// The robot's energy for a frame; none where its power is not known.
    pub energy_j: Option<f64>,
    /// Frames per second, as fast as the plan lets them in.
    pub frames_per_s: f64,
    /// Payload bytes from the robot.
    pub bytes_up: u64,
    /// Payload bytes to the robot.
    pub bytes_down: u64,
    /// What it is bound by: `robot`, `link` or `server`.
    pub limit: String,
    /// No other plan of the list is faster and takes less energy.
    #[serde(default)]
    pub on_front: bool,
}

/// The costs of one cut after each operator, by column: entry `k` runs `k` operators on the robot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CutCosts {
    /// Latencies in microseconds.
    pub latency_us: Vec<u32>,
    /// The robot's energy in millijoules; empty where its power is not known.
    #[serde(default)]
    pub energy_mj: Vec<f32>,
}

/// A mode that gains nothing now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoGain {
    /// Its name.
    pub mode: String,
    /// Why, in numbers.
    pub why: String,
}

/// A frame of the plan in effect, as it is expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExpectedFrame {
    /// From admission to the result.
    pub latency_ns: i64,
    /// Where it goes.
    pub parts: Parts,
    /// Every step.
    pub steps: Steps,
    /// The robot's energy; none where its power is not known.
    pub energy_j: Option<f64>,
}

/// What plans would cost at a moment, by what was measured up to it (robot, about once a second).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictionRecord {
    /// That moment, on the robot's clock.
    pub at: Nanos,
    /// The plan in effect then.
    pub epoch: Epoch,
    /// The payload rate that the link is believed to have.
    pub mbps: f64,
    /// The believed time of one way over the link.
    pub latency_ns: i64,
    /// Why that is not what was measured last, if it is not.
    #[serde(default)]
    pub assumed: Option<String>,
    /// The codec of the plan in effect: all plans are priced with what it does to values, as far as robots know.
    #[serde(default)]
    pub codec: Codec,
    /// Every cut of a split between the robot and its first server.
    pub cuts: CutCosts,
    /// The best plans of every mode, fastest first.
    pub plans: Vec<PlanCost>,
    /// Modes that gain nothing.
    pub no_gain: Vec<NoGain>,
    /// The plan in effect.
    pub frame: Option<ExpectedFrame>,
    /// True if a device is emulated.
    #[serde(default)]
    pub emulated: bool,
}

/// A policy changed the plan, or was given or lost the say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// When, on the robot's clock.
    pub at: Nanos,
    /// Who decided and what for.
    pub policy: Spec,
    /// The plan before, and its number.
    pub epoch: Epoch,
    /// The same.
    pub from: Plan,
    /// What that plan was expected to cost.
    pub from_ns: Option<i64>,
    /// The plan decided on.
    pub to: PlanCost,
    /// False: no plan keeps what was asked for (a deadline, a budget); this is the nearest.
    pub feasible: bool,
    /// What was compared, best first.
    pub compared: Vec<PlanCost>,
    /// Why it won, in sentences.
    pub reasons: Vec<String>,
}
