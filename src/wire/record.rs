//! Telemetry: what workers measure and say. The same records go over the WebSocket and into session files.
//!
//! Raw values only; what can be derived (Mbps, medians) is derived where it is shown. Durations are integer
//! nanoseconds, so that the five parts of a latency sum to it exactly.

use serde::{Deserialize, Serialize};

use crate::clock::Offset;
use crate::host::HostRecord;
use crate::model::GraphSpec;
use crate::plan::{Plan, ValueCodec};
use crate::power::{PowerRecord, PowerSourcesRecord};
use crate::units::{BootId, DeviceId, Epoch, FrameId, Hash32, Nanos, NodeId};

/// One thing a worker tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A frame is done (robot).
    Frame(Box<FrameRecord>),
    /// A frame's part on a server is done (server).
    ServerFrame(Box<ServerFrameRecord>),
    /// The link over the last tenth of a second (robot).
    Link(LinkSample),
    /// Something a person should know.
    Event(EventRecord),
    /// The plan in effect (robot), at attach and whenever it changes.
    Plan(PlanRecord),
    /// A step of a switch (robot).
    Switch(SwitchRecord),
    /// The other end of the data link, at attach and whenever it changes.
    Peer(PeerRecord),
    /// Who holds the control lease, at attach and whenever it changes.
    Lease(LeaseRecord),
    /// The picture source, every second (robot).
    Input(InputRecord),
    /// The model, at attach and whenever it changes.
    Model(Box<ModelRecord>),
    /// What power is measured with, at attach and whenever it changes.
    PowerSources(Box<PowerSourcesRecord>),
    /// A source's readings of the last tenth of a second.
    Power(Box<PowerRecord>),
    /// The machine, every second.
    Host(Box<HostRecord>),
    /// What kernel and estimate say of a link, twice a second (robot).
    LinkState(Box<LinkState>),
    /// What telemetry takes of the link, every second while a console is attached.
    TelemetryShare(TelemetryShare),
}

/// How a frame ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Under its plan.
    Ok,
    /// The link died inside it, or there was none: the robot finished it by itself.
    FinishedLocally,
    /// No result; the event says why.
    Failed,
}

impl Outcome {
    /// The word used in JSON and on the screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::FinishedLocally => "finished_locally",
            Self::Failed => "failed",
        }
    }
}

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

/// A class and its softmax score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// Index of the class.
    pub class: u16,
    /// Softmax over all classes, 0 to 1.
    pub score: f32,
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
    /// Of transfers of which any is packed only, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    wire: Vec<Wire>,
}

/// What stands beside a transfer's bytes where the plan has a codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

/// Everything about one frame, on the robot's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameRecord {
    /// Its number.
    pub frame: FrameId,
    /// 0, or how often it was finished anew.
    pub attempt: u16,
    /// The plan it ran under.
    pub epoch: Epoch,
    /// That plan's mode.
    pub mode: String,
    /// That plan's partition point, where it has one.
    pub cut: Option<u32>,
    /// When it was admitted: after decode and resize.
    pub admitted: Nanos,
    /// From admission to the result on the robot.
    pub latency_ns: i64,
    /// Where the latency went.
    pub parts: Parts,
    /// Payload bytes to the server.
    pub bytes_up: u64,
    /// Payload bytes to the robot.
    pub bytes_down: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The first frame, or the first of an epoch: left out of statistics.
    pub warmup: bool,
    /// Another plan was being prepared meanwhile.
    pub preparing: bool,
    /// Camera pictures skipped since the frame before.
    pub skipped: u32,
    /// Error bound of server times, if a server took part.
    pub clock_error_ns: Option<i64>,
    /// What was on the picture's file, or `synthetic`.
    pub picture: String,
    /// The five best classes; of a batch, of its first image.
    pub top: Vec<ClassScore>,
    /// The five best classes of a batch's other images.
    #[serde(default)]
    pub other_tops: Vec<Vec<ClassScore>>,
    /// Every step with its time.
    pub steps: Steps,
    /// True if any number in here was emulated.
    #[serde(default)]
    pub emulated: bool,
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

/// A server's part of one frame, on the server's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerFrameRecord {
    /// The robot's number for it.
    pub frame: FrameId,
    /// The plan it ran under.
    pub epoch: Epoch,
    /// Its first value came in.
    pub began: Nanos,
    /// Time in operators.
    pub compute_ns: i64,
    /// Payload bytes received.
    pub bytes_in: u64,
    /// Payload bytes sent.
    pub bytes_out: u64,
}

/// What arrived of values in one direction, as they are packed, and how long a transfer was under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Bytes of values delivered, as they are packed.
    pub bytes: u64,
    /// Nanoseconds during which a transfer was under way. Goodput is `bytes` over this.
    pub busy_ns: i64,
}

impl Flow {
    /// Goodput in Mbps while transfers went on; none if nothing was under way.
    pub fn mbps(&self) -> Option<f64> {
        (self.busy_ns > 0).then(|| self.bytes as f64 * 8e3 / self.busy_ns as f64)
    }
}

/// The link over one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkSample {
    /// End of the window on the robot's clock.
    pub at: Nanos,
    /// The window's length.
    pub window_ns: i64,
    /// Robot to server.
    pub up: Flow,
    /// Server to robot.
    pub down: Flow,
    /// The newest heartbeat's round trip, if there was one in the window.
    pub rtt_ns: Option<i64>,
    /// Whether the data link stands.
    pub connected: bool,
    /// The server at its other end.
    #[serde(default = "first_server")]
    pub peer: DeviceId,
}

/// A link beyond its goodput: what the kernel says of the connection, what waits to be sent, what a policy believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkState {
    /// When, on the robot's clock.
    pub at: Nanos,
    /// The server at its other end.
    pub peer: DeviceId,
    /// TCP_INFO; absent where the system has none, or without a connection.
    #[serde(default)]
    pub kernel: Option<KernelLink>,
    /// Values that are ready and wait for the send lane.
    pub values_waiting: u32,
    /// Control messages that wait for it.
    pub control_waiting: u32,
    /// What is believed of the way up.
    #[serde(default)]
    pub up: Option<RateEstimate>,
    /// What is believed of the way down.
    #[serde(default)]
    pub down: Option<RateEstimate>,
}

/// The kernel's view of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelLink {
    /// Smoothed round trip of segments, in microseconds; under load it holds the queues' time too.
    pub rtt_us: u32,
    /// Its mean deviation, in microseconds.
    pub rtt_deviation_us: u32,
    /// Segments sent again since the connection began.
    pub retransmits: u32,
    /// Bits a second at which the peer's kernel last acknowledged.
    #[serde(default)]
    pub delivery_bps: Option<u64>,
    /// Whether that is low because little was sent.
    pub is_app_limited: bool,
    /// Bytes in the kernel that were never sent.
    #[serde(default)]
    pub unsent_bytes: Option<u64>,
}

/// What a policy believes of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateEstimate {
    /// Bits of values, as they are packed, a second while something is sent.
    pub bps: u64,
    /// Standard deviation of the samples: what the next transfer may be off by.
    pub std_bps: u64,
    /// Nanoseconds since the newest sample.
    pub age_ns: i64,
}

/// What telemetry takes of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TelemetryShare {
    /// When, on the worker's clock.
    pub at: Nanos,
    /// Bits a second of the last seconds to consoles on other machines, headers included.
    pub bps: u64,
    /// Bits a second to consoles on this machine: they do not use the radio.
    pub local_bps: u64,
    /// What is set beside it: the link's estimate, or 93 Mbps where none is known.
    pub link_bps: u64,
    /// Whether that is the estimate.
    pub is_estimate: bool,
    /// Frames so far whose steps were left out to stay within the limit.
    pub thinned_frames: u64,
}

impl TelemetryShare {
    /// The share of the link, 0 to 1.
    pub fn share(&self) -> f64 {
        self.bps as f64 / self.link_bps.max(1) as f64
    }
}

const fn first_server() -> DeviceId {
    DeviceId::SERVER
}

/// How bad an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Info,
    /// The experiment goes on, but not as planned.
    Warning,
    /// Something does not work.
    Error,
}

/// Something a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// When, on the worker's clock.
    pub at: Nanos,
    /// When, for people.
    pub unix_ms: u64,
    /// How bad.
    pub level: Level,
    /// A sentence.
    pub text: String,
}

/// The plan in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRecord {
    /// Its number.
    pub epoch: Epoch,
    /// The plan that frames run under when the server is there.
    pub plan: Plan,
    /// Why frames run locally instead, if they do.
    pub local_because: Option<String>,
}

/// Where a switch stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwitchStage {
    /// The robot compiles it and every device prepares.
    Requested,
    /// Every device has answered.
    Prepared {
        /// The number it will have.
        epoch: Epoch,
    },
    /// Frames run under it.
    Applied {
        /// Its number.
        epoch: Epoch,
        /// The first frame under it.
        frame: FrameId,
    },
    /// It did not come about; the plan before stays.
    Refused {
        /// Why.
        reason: String,
    },
}

/// A step of a switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchRecord {
    /// When, on the robot's clock.
    pub at: Nanos,
    /// The command that asked for it.
    pub command: u64,
    /// The plan asked for.
    pub plan: Plan,
    /// Where it stands.
    pub stage: SwitchStage,
}

/// The data link's state as this worker sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerState {
    /// No peer was asked for, or none has come yet.
    None,
    /// Connecting, or saying hello.
    Connecting,
    /// The peer builds the model; weights may be under way.
    Loading {
        /// What is being done.
        what: String,
        /// Bytes done.
        done_bytes: u64,
        /// Bytes in all; 0 when not known.
        total_bytes: u64,
    },
    /// Frames can use it.
    Ready,
    /// Not there; tried again in a while.
    Retrying {
        /// What came back.
        reason: String,
        /// When the next try is, in milliseconds from this record.
        in_ms: u64,
    },
}

/// The other end of the data link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerRecord {
    /// Which device it is; on a server, the robot.
    #[serde(default = "first_server")]
    pub device: DeviceId,
    /// `HOST:PORT`.
    pub address: String,
    /// How it stands.
    pub state: PeerState,
    /// Its clock against ours.
    pub clock: Option<Offset>,
}

/// Who may command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    /// The console's session number on this worker, none when the lease is free.
    pub session: Option<u64>,
    /// That console's name.
    pub name: Option<String>,
}

/// The picture source since the worker's start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRecord {
    /// Where pictures come from.
    pub source: String,
    /// Pictures that became frames.
    pub admitted: u64,
    /// Pictures skipped because the robot was busy; they are not frames.
    pub skipped: u64,
    /// Telemetry records dropped because telemetry could not keep up.
    pub records_dropped: u64,
    /// Values that came too late: their frame was finished without them, and they were thrown away.
    #[serde(default)]
    pub late_values: u64,
}

/// The model a worker runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// Its operators.
    pub graph: GraphSpec,
    /// The graph's hash.
    pub graph_hash: Hash32,
    /// Where the weights came from, for people: `seed 1`, or a file's name and hash.
    pub weights: String,
    /// Whether classes mean anything: false for seeded weights.
    pub trained: bool,
}

/// A worker's boot and a sequence number, which together name a batch for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BatchId {
    /// The worker's start.
    pub boot: BootId,
    /// 1 for the first batch after it.
    pub seq: u64,
}
