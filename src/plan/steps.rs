//! A frame's time in numbers: its steps and the five parts of its latency. Measured and predicted frames have the same.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ValueCodec;
use crate::units::{DeviceId, NodeId};

/// A frame's latency, every instant of it in exactly one part, in nanoseconds.
/// Precedence where several go on at once: robot compute, server compute, uplink, downlink, wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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
    /// Packing a value for the link, just before its transfer; on the socket's thread, not on the compute lane.
    Encode,
    /// Unpacking it at the receiver, just after its transfer.
    Decode,
}

impl StepKind {
    /// Whether it brings a value across: the transfer, or the packing around it.
    pub const fn is_transport(self) -> bool {
        matches!(self, Self::Transfer | Self::Encode | Self::Decode)
    }
}

/// One step of a frame on the robot's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepTime {
    /// Who did it; the sender of a transfer and of its packing.
    pub device: DeviceId,
    /// What.
    pub kind: StepKind,
    /// The operator, or whose output was sent.
    pub node: NodeId,
    /// Since the frame's admission; server times carry the frame's clock error.
    pub start_ns: i64,
    /// How long.
    pub duration_ns: i64,
    /// Payload bytes of a transfer or its packing, 0 of others.
    pub bytes: u64,
    /// Who receives a transfer; the device itself for others.
    pub to: DeviceId,
    /// Bytes on the wire of a transfer or its packing: fewer than `bytes` where a codec gains. 0 of others.
    pub wire_bytes: u64,
    /// How a transfer's value is packed; none for others.
    pub codec: ValueCodec,
    /// Of a lossy codec's packing: the largest error over the largest element, in parts per billion.
    pub error_ppb: u32,
}

/// A frame's steps, stored by column: a third of the bytes of a list of structs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// Of transfers of which any is packed only, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    wire: Vec<Wire>,
}

/// What stands beside a transfer's bytes where the plan has a codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
struct Wire {
    bytes: u64,
    codec: ValueCodec,
    #[serde(default)]
    error_ppb: u32,
}

impl Steps {
    /// Appends a step.
    pub fn push(&mut self, step: StepTime) {
        self.device.push(step.device);
        self.kind.push(step.kind);
        self.node.push(step.node);
        self.start_ns.push(step.start_ns);
        self.duration_ns.push(step.duration_ns);
        if !step.kind.is_transport() {
            return;
        }
        let wire = Wire {
            bytes: step.wire_bytes,
            codec: step.codec,
            error_ppb: step.error_ppb,
        };
        if wire != Wire::raw(step.bytes) && self.wire.is_empty() {
            // Those before it went as they are.
            self.wire = self.bytes.iter().map(|&b| Wire::raw(b)).collect();
        }
        if wire != Wire::raw(step.bytes) || !self.wire.is_empty() {
            self.wire.push(wire);
        }
        self.bytes.push(step.bytes);
        self.to.push(step.to);
    }

    /// The steps in order; columns of unequal length (a faulty peer) end with the shortest.
    pub fn iter(&self) -> impl Iterator<Item = StepTime> {
        let mut transfers = self.bytes.iter().zip(&self.to);
        let mut wires = self.wire.iter();
        self.device
            .iter()
            .zip(&self.kind)
            .zip(&self.node)
            .zip(&self.start_ns)
            .zip(&self.duration_ns)
            .map(
                move |((((&device, &kind), &node), &start_ns), &duration_ns)| {
                    let transfer = kind.is_transport().then(|| transfers.next()).flatten();
                    let (bytes, to) = transfer.map_or((0, device), |(&b, &to)| (b, to));
                    let wire = transfer.and_then(|_| wires.next().copied());
                    let wire = wire.unwrap_or(Wire::raw(bytes));
                    StepTime {
                        device,
                        kind,
                        node,
                        start_ns,
                        duration_ns,
                        bytes,
                        to,
                        wire_bytes: wire.bytes,
                        codec: wire.codec,
                        error_ppb: wire.error_ppb,
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

impl Wire {
    /// Of a value that goes as it is.
    const fn raw(bytes: u64) -> Self {
        Self {
            bytes,
            codec: ValueCodec::None,
            error_ppb: 0,
        }
    }
}

impl FromIterator<StepTime> for Steps {
    fn from_iter<I: IntoIterator<Item = StepTime>>(steps: I) -> Self {
        let mut all = Self::default();
        steps.into_iter().for_each(|s| all.push(s));
        all
    }
}

/// What a frame's codecs did, over all its transfers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packing {
    /// The codecs of its transfers, each once, in the order of their first use.
    pub codecs: Vec<ValueCodec>,
    /// Bytes of the values.
    pub payload_bytes: u64,
    /// Bytes on the wire.
    pub wire_bytes: u64,
    /// Time spent packing, on all devices, trials included.
    pub encode_ns: i64,
    /// Time spent unpacking, on all devices.
    pub decode_ns: i64,
    /// The largest error of a lossy codec over the largest element of its value, in parts per billion.
    pub error_ppb: u32,
}

impl Packing {
    /// Both together.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        self.payload_bytes = self.payload_bytes.saturating_add(other.payload_bytes);
        self.wire_bytes = self.wire_bytes.saturating_add(other.wire_bytes);
        self.encode_ns = self.encode_ns.saturating_add(other.encode_ns);
        self.decode_ns = self.decode_ns.saturating_add(other.decode_ns);
        self.error_ppb = self.error_ppb.max(other.error_ppb);
        for codec in &other.codecs {
            if !self.codecs.contains(codec) {
                self.codecs.push(*codec);
            }
        }
        self
    }

    /// The codecs' names, joined: `zero-bitmap+none`.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.codecs.iter().map(|c| c.name()).collect();
        names.join("+")
    }

    /// Whether any value lost bits.
    pub fn is_lossy(&self) -> bool {
        self.codecs.iter().any(|c| c.is_lossy())
    }

    /// Payload bytes over bytes on the wire: above 1 where packing gains.
    pub fn ratio(&self) -> f64 {
        self.payload_bytes as f64 / self.wire_bytes.max(1) as f64
    }
}

impl Steps {
    /// What packing did to the values of an edge: an operator's output on its way from a device to another; of all edges
    /// where none is given. None where nothing was sent.
    pub fn packing(&self, edge: Option<(NodeId, DeviceId, DeviceId)>) -> Option<Packing> {
        let mut packing = Packing {
            codecs: Vec::new(),
            payload_bytes: 0,
            wire_bytes: 0,
            encode_ns: 0,
            decode_ns: 0,
            error_ppb: 0,
        };
        let on_edge = |s: &StepTime| edge.is_none_or(|e| e == (s.node, s.device, s.to));
        for step in self.iter().filter(on_edge) {
            match step.kind {
                StepKind::Transfer => {
                    packing.payload_bytes = packing.payload_bytes.saturating_add(step.bytes);
                    packing.wire_bytes = packing.wire_bytes.saturating_add(step.wire_bytes);
                    packing.error_ppb = packing.error_ppb.max(step.error_ppb);
                    if !packing.codecs.contains(&step.codec) {
                        packing.codecs.push(step.codec);
                    }
                }
                StepKind::Encode => {
                    packing.encode_ns = packing.encode_ns.saturating_add(step.duration_ns);
                }
                StepKind::Decode => {
                    packing.decode_ns = packing.decode_ns.saturating_add(step.duration_ns);
                }
                StepKind::Compute | StepKind::Reduce | StepKind::Assemble => {}
            }
        }
        (!packing.codecs.is_empty()).then_some(packing)
    }
}
