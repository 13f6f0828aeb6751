//! A frame's steps as lanes of a timeline: who computes, what is on its way. Pure.

use crate::units::DeviceId;
use crate::wire::{FrameRecord, StepTime, Steps};

/// Servers with a lane of their own; steps of others are left out.
const MOST_SERVERS: u8 = 8;

/// What a lane shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LaneKind {
    /// The robot's steps.
    Robot,
    /// Transfers from the robot, with the packing around them.
    Uplink,
    /// A server's steps.
    Server(DeviceId),
    /// Transfers to the robot.
    Downlink,
    /// Transfers from server to server.
    Between,
}

impl LaneKind {
    /// The lane of a step, if it has one.
    pub const fn of(step: &StepTime) -> Option<Self> {
        Some(match (step.kind.is_transport(), step.device, step.to) {
            (true, _, DeviceId::ROBOT) => Self::Downlink,
            (true, DeviceId::ROBOT, _) => Self::Uplink,
            (true, ..) => Self::Between,
            (_, DeviceId::ROBOT, _) => Self::Robot,
            (_, device, _) if device.0 <= MOST_SERVERS => Self::Server(device),
            _ => return None,
        })
    }

    /// The word before the lane.
    pub fn name(self) -> String {
        match self {
            Self::Robot => "robot".to_owned(),
            Self::Uplink => "uplink".to_owned(),
            Self::Server(device) => device.to_string(),
            Self::Downlink => "downlink".to_owned(),
            Self::Between => "between".to_owned(),
        }
    }
}

/// One lane of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameLane {
    /// What it shows.
    pub kind: LaneKind,
    /// Its steps by their start.
    pub steps: Vec<StepTime>,
}

/// The lanes that have steps, from the robot's down; the robot's is always there.
pub fn lanes(frame: &FrameRecord) -> Vec<FrameLane> {
    lanes_of(&frame.steps)
}

/// The lanes of steps that were measured, or are expected.
pub fn lanes_of(steps: &Steps) -> Vec<FrameLane> {
    let mut steps: Vec<(LaneKind, StepTime)> = steps
        .iter()
        .filter_map(|step| Some((LaneKind::of(&step)?, step)))
        .collect();
    steps.sort_by_key(|(kind, step)| (*kind, step.start_ns));
    let mut lanes = vec![FrameLane {
        kind: LaneKind::Robot,
        steps: Vec::new(),
    }];
    for (kind, step) in steps {
        match lanes.last_mut() {
            Some(lane) if lane.kind == kind => lane.steps.push(step),
            _ => lanes.push(FrameLane {
                kind,
                steps: vec![step],
            }),
        }
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{frame_of, step};
    use crate::wire::StepKind;

    #[test]
    fn every_step_is_in_the_lane_of_what_it_occupies() {
        use StepKind::{Assemble, Compute, Reduce, Transfer};
        let steps = [
            step(2, Compute, 2, 50, 10, 2, 0),
            step(0, Assemble, 1, 30, 1, 0, 0),
            step(0, Compute, 1, 0, 20, 0, 0),
            step(0, Transfer, 1, 20, 10, 1, 9),
            step(1, Reduce, 1, 35, 5, 1, 0),
            step(1, Transfer, 1, 40, 5, 2, 9),
            step(2, Transfer, 2, 60, 5, 0, 9),
            step(200, Compute, 2, 60, 5, 200, 0),
        ];
        let lanes = lanes(&frame_of("split", 100, &steps));
        let shown: Vec<_> = lanes
            .iter()
            .map(|lane| (lane.kind.name(), lane.steps.len()))
            .collect();
        let names = [
            "robot", "uplink", "server", "server 2", "downlink", "between",
        ];
        let counts = [2, 1, 1, 1, 1, 1];
        let expected: Vec<_> = names.map(str::to_owned).into_iter().zip(counts).collect();
        assert_eq!(shown, expected);
        assert_eq!(lanes[0].steps[0].kind, Compute);
        let empty = super::lanes(&frame_of("local", 100, &[]));
        assert_eq!((empty.len(), empty[0].steps.len()), (1, 0));
    }
}
