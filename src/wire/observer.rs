//! What watching costs the robot's frames, as the robot finds it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Epoch, Nanos};

/// Frames of one plan with no console attached, beside frames of the same plan with one or more.
///
/// The two are apart in time, not interleaved: a link that changed between them shows here too. Frames soon after a
/// console came or went, warm-ups, and frames that did not run under their plan are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObserverEffect {
    /// The plan.
    pub epoch: Epoch,
    /// The newest frames without a console.
    pub alone: FrameGroup,
    /// The newest frames with one.
    pub watched: FrameGroup,
    /// How much longer the median frame is with a console; none while either group has too few frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<RelativeChange>,
    /// Latencies drift by more than 1 % within one of the groups: the change may be that drift.
    #[serde(default)]
    pub is_unsteady: bool,
    /// Whether a frame of either group was emulated.
    pub emulated: bool,
}

/// Frames that ran alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FrameGroup {
    /// How many, of late.
    pub frames: u32,
    /// Their median latency; none without frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_ns: Option<i64>,
    /// When the newest of them was admitted, on the robot's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Nanos>,
}

/// A change in millionths, with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RelativeChange {
    /// The change; 10,000 is 1 %.
    pub ppm: i64,
    /// The interval's lower end.
    pub low_ppm: i64,
    /// Its upper end.
    pub high_ppm: i64,
}
