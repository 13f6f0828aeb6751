//! A schedule on a virtual clock: the third interpreter of programs.
//!
//! [`run`] drives the same [`Machine`](crate::plan::Machine) as the workers, one per device, with nothing as payload:
//! a lane's work takes what [`Costs`] says, a transfer what the [`Link`] says. What comes out has the types of a measured
//! frame. No clock, socket or tensor is touched, and the same question has the same answer.
//!
//! `compute(node, region) = overhead + f(rows or channels)` is the costs' own. A transfer of `b` bytes begins when its
//! lane is free and its value ready, keeps the lane for `message + b / rate`, and arrives a latency later; on a shared
//! medium those that go on at once get equal shares. The robot's energy is `P_compute t + P_tx t + P_rx t + P_idle t`,
//! with what two activities at once take above idle added up, as emulated power does.

mod costs;
mod events;
mod link;
mod medium;
mod outcome;
mod packing;
mod prepared;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod traffic;

use std::sync::Arc;

use crate::model::Graph;
use crate::plan::{MachineError, Schedule};
use crate::power::Levels;
use crate::units::{DeviceId, Nanos};

pub use costs::{Costs, DeviceModel, work_ns};
pub use link::{Link, Rate};
pub use outcome::{Frame, Limit, Outcome, energy};
pub(crate) use packing::PackedValue;
pub use packing::{Packing, Packings};
pub use prepared::{Prepared, Wired};
pub use traffic::Traffic;

/// Most frames of one run.
pub const MAX_FRAMES: u32 = 1_000_000;

/// The devices, what connects them, and what the robot draws.
#[derive(Debug, Clone)]
pub struct World {
    /// By device number, the robot first.
    pub devices: Vec<Arc<dyn Costs>>,
    /// Between the robot and its servers.
    pub link: Link,
    /// Between servers.
    pub between: Link,
    /// What the plan's codec does to values; nothing where they go as they are.
    pub packings: Packings,
    /// The robot's power; none where nobody knows, and then there is no energy.
    pub power: Option<Levels>,
}

impl World {
    /// A robot and one server.
    pub fn pair(
        robot: Arc<dyn Costs>,
        server: Arc<dyn Costs>,
        link: Link,
        power: Option<Levels>,
    ) -> Self {
        Self {
            devices: vec![robot, server],
            link,
            between: Link::none(),
            packings: Packings::default(),
            power,
        }
    }
}

/// What to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// How many frames.
    pub frames: u32,
    /// When the first is admitted; a trace began at 0.
    pub start: Nanos,
    /// Time between the camera's pictures in nanoseconds; none: there is always one waiting.
    pub period_ns: Option<i64>,
}

impl Run {
    /// One frame at a time of the link.
    pub const fn one(start: Nanos) -> Self {
        Self::of(1, start)
    }

    /// Frames as fast as the plan's window lets them in.
    pub const fn of(frames: u32, start: Nanos) -> Self {
        Self {
            frames,
            start,
            period_ns: None,
        }
    }
}

/// A schedule cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// More devices than there are.
    #[error("{plan} needs {device}, and this world has {devices} devices")]
    NoSuchDevice {
        /// The plan's label.
        plan: String,
        /// The device that is not there.
        device: DeviceId,
        /// How many there are.
        devices: usize,
    },
    /// Too many frames.
    #[error("{frames} frames are more than a run has, {MAX_FRAMES}")]
    TooLong {
        /// How many were asked for.
        frames: u32,
    },
    /// The link never carries what is needed, or the schedule waits for what nobody makes.
    #[error(
        "{plan} stops after {done} of {frames} frames: what the next one waits for never comes"
    )]
    NeverDone {
        /// The plan's label.
        plan: String,
        /// Frames that came to their end.
        done: u32,
        /// Frames asked for.
        frames: u32,
    },
    /// A schedule that [`validate`](crate::plan::validate) would refuse.
    #[error("the schedule is not valid: {0}")]
    Invalid(#[from] MachineError),
}

/// Runs a schedule.
///
/// # Errors
/// A schedule for devices that are not there, a link that never carries what is needed, a schedule that is not valid.
pub fn run(
    graph: &Graph,
    schedule: &Schedule,
    world: &World,
    run: &Run,
) -> Result<Outcome, SimulateError> {
    Prepared::new(graph, schedule.clone(), &world.devices)?.run(graph, world, run)
}
