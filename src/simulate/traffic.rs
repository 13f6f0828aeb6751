//! Frames that are under way already: for a run that begins in the middle of a pipeline.

use crate::units::Nanos;

/// What goes on when a frame is admitted behind others. Instead of by the plan's window, frames are admitted when they
/// really were; what was over by the last admission is not told again, only until when it kept a lane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    /// When each frame was admitted, the oldest first. The last one is the one that is asked about.
    pub admitted: Vec<Nanos>,
    /// The robot's send lanes are taken by something else until then.
    pub link_until: Nanos,
    /// The robot's compute lane is taken for something else: from when on, or from when it is free next, and for how
    /// many nanoseconds.
    pub robot_taken: Vec<(Nanos, i64)>,
}

impl Traffic {
    /// When a run of it begins.
    pub(super) fn start(&self) -> Nanos {
        self.admitted.iter().copied().min().unwrap_or(Nanos(0))
    }
}
