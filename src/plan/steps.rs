//! A frame's time in numbers: its steps and the five parts of its latency. Measured and predicted frames have the same.

use serde::{Deserialize, Serialize};

use crate::units::{DeviceId, NodeId};

/// A frame's latency, every instant of it in exactly one part, in nanoseconds.
/// Precedence where several go on at once: robot compute, server compute, uplink, downlink, wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// The robot computed.
    pub robot_compute_ns: i64,
    /// The server computed while the robot did not.
    pub server_compute_ns: i64,
    /// A transfer to the server went on while nobody computed.
    pub uplink_ns: i64,
    /// A transfer to the robot went on while nobody computed and nothing went up.
    pub downlink_ns: i64,
    /// None of these.
    pub wait_ns: i64,
    /// What going on at once saved: the lengths of all four less their union.
    pub overlap_ns: i64,
}

impl Parts {
    /// The five parts; the frame's latency.
    pub const fn sum_ns(&self) -> i64 {
        self.robot_compute_ns
            + self.server_compute_ns
            + self.uplink_ns
            + self.downlink_ns
            + self.wait_ns
    }
}

/// What a step's time was spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// An operator.
    Compute,
    /// The sum of an all-reduce.
    Reduce,
    /// Joining pieces.
    Assemble,
    /// From the first byte handed to the socket to the last byte at the receiver.
    Transfer,
}

/// One step of a frame on the robot's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepTime {
    /// Who did it; the sender of a transfer.
    pub device: DeviceId,
    /// What.
    pub kind: StepKind,
    /// The operator, or whose output was sent.
    pub node: NodeId,
    /// Since the frame's admission; server times carry the frame's clock error.
    pub start_ns: i64,
    /// How long.
    pub duration_ns: i64,
    /// Payload bytes of a transfer, 0 of others.
    pub bytes: u64,
    /// Who receives a transfer; the device itself for others.
    pub to: DeviceId,
}

/// A frame's steps, stored by column: a third of the bytes of a list of structs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steps {
    device: Vec<DeviceId>,
    kind: Vec<StepKind>,
    node: Vec<NodeId>,
    start_ns: Vec<i64>,
    duration_ns: Vec<i64>,
    /// Of transfers only, in their order.
    #[serde(default)]
    bytes: Vec<u64>,
    /// Of transfers only, in their order.
    #[serde(default)]
    to: Vec<DeviceId>,
}

impl Steps {
    /// Appends a step.
    pub fn push(&mut self, step: StepTime) {
        self.device.push(step.device);
        self.kind.push(step.kind);
        self.node.push(step.node);
        self.start_ns.push(step.start_ns);
        self.duration_ns.push(step.duration_ns);
        if step.kind == StepKind::Transfer {
            self.bytes.push(step.bytes);
            self.to.push(step.to);
        }
    }

    /// The steps in order; columns of unequal length (a faulty peer) end with the shortest.
    pub fn iter(&self) -> impl Iterator<Item = StepTime> {
        let mut transfers = self.bytes.iter().zip(&self.to);
        self.device
            .iter()
            .zip(&self.kind)
            .zip(&self.node)
            .zip(&self.start_ns)
            .zip(&self.duration_ns)
            .map(
                move |((((&device, &kind), &node), &start_ns), &duration_ns)| {
                    let transfer = (kind == StepKind::Transfer).then(|| transfers.next());
                    let (bytes, to) = transfer.flatten().map_or((0, device), |(&b, &to)| (b, to));
                    StepTime {
                        device,
                        kind,
                        node,
                        start_ns,
                        duration_ns,
                        bytes,
                        to,
                    }
                },
            )
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.device.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.device.is_empty()
    }
}

impl FromIterator<StepTime> for Steps {
    fn from_iter<I: IntoIterator<Item = StepTime>>(steps: I) -> Self {
        let mut all = Self::default();
        steps.into_iter().for_each(|s| all.push(s));
        all
    }
}
