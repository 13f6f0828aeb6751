//! A pause of the robot, asked for so that its idle power can be measured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Nanos;

/// Whether the robot admits frames: at attach and whenever it changes (robot).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PauseRecord {
    /// When, on the robot's clock.
    pub at: Nanos,
    /// The pause; none: frames are admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
}

/// A stretch in which no frame is admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pause {
    /// Who asked for it last.
    pub by: String,
    /// From when on no frame was admitted.
    pub began: Nanos,
    /// When frames go on, unless somebody asks for another time.
    pub until: Nanos,
    /// From when on no frame was on the robot; none while one still is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_since: Option<Nanos>,
}
