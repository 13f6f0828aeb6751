//! Telemetry: what workers measure and say. The same records go over the WebSocket and into session files.
//!
//! Raw values only; what can be derived (Mbps, medians) is derived where it is shown. Durations are integer
//! nanoseconds, so that the five parts of a latency sum to it exactly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::observer::ObserverEffect;
use super::pause::PauseRecord;
use super::prediction::{DecisionRecord, PredictionRecord};
use crate::clock::Offset;
use crate::host::HostRecord;
use crate::model::GraphSpec;
use crate::plan::Plan;
pub use crate::plan::{Packing, Parts, StepKind, StepTime, Steps};
use crate::policy::Spec;
use crate::power::{IdleLevel, PowerRecord, PowerSourcesRecord};
use crate::units::{BootId, DeviceId, Epoch, FrameId, Hash32, Nanos};

/// One thing a worker tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// What plans would cost now (robot), about every second. Predicted.
    Prediction(Box<PredictionRecord>),
    /// A policy changed the plan, and why (robot).
    Decision(Box<DecisionRecord>),
    /// Whether the robot admits frames, at attach and whenever it changes (robot).
    Pause(PauseRecord),
    /// What the robot takes while it does nothing, measured in a pause; at attach and after each pause (robot).
    IdleLevel(IdleLevel),
}

/// How a frame ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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

/// A class and its softmax score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClassScore {
    /// Index of the class.
    pub class: u16,
    /// Softmax over all classes, 0 to 1.
    pub score: f32,
}

/// Everything about one frame, on the robot's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// The latency that was expected at its admission, if anything was; a prediction, never a measurement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted_ns: Option<i64>,
}

/// A server's part of one frame, on the server's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_ns: Option<i64>,
    /// Whether the data link stands.
    pub connected: bool,
    /// The server at its other end.
    #[serde(default = "first_server")]
    pub peer: DeviceId,
}

/// A link beyond its goodput: what the kernel says of the connection, what waits to be sent, what a policy believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinkState {
    /// When, on the robot's clock.
    pub at: Nanos,
    /// The server at its other end.
    pub peer: DeviceId,
    /// `TCP_INFO`; absent where the system has none, or without a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelLink>,
    /// Values that are ready and wait for the send lane.
    pub values_waiting: u32,
    /// Control messages that wait for it.
    pub control_waiting: u32,
    /// What is believed of the way up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<RateEstimate>,
    /// What is believed of the way down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<RateEstimate>,
    /// What soundings cost since the robot's start; absent while there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soundings: Option<SoundingCost>,
}

/// Soundings of a link so far: short messages up that tell what it would carry while a policy's plan sends little.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SoundingCost {
    /// How many were sent.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How long they had the link, in nanoseconds.
    pub busy_ns: i64,
}

/// The kernel's view of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KernelLink {
    /// Smoothed round trip of segments, in microseconds; under load it holds the queues' time too.
    pub rtt_us: u32,
    /// Its mean deviation, in microseconds.
    pub rtt_deviation_us: u32,
    /// Segments sent again since the connection began.
    pub retransmits: u32,
    /// Bits a second at which the peer's kernel last acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_bps: Option<u64>,
    /// Whether that is low because little was sent.
    pub is_app_limited: bool,
    /// Bytes in the kernel that were never sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsent_bytes: Option<u64>,
}

/// What a policy believes of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RateEstimate {
    /// Bits of values, as they are packed, a second while something is sent.
    pub bps: u64,
    /// Standard deviation of the samples: what the next transfer may be off by.
    pub std_bps: u64,
    /// Nanoseconds since the newest sample.
    pub age_ns: i64,
}

/// What telemetry takes of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TelemetryShare {
    /// When, on the worker's clock.
    pub at: Nanos,
    /// Bits a second of the last seconds to consoles on other machines, headers included.
    pub bps: u64,
    /// Of `bps`, what consoles had missed and get late.
    #[serde(default)]
    pub missed_bps: u64,
    /// Bits a second to consoles on this machine: they do not use the radio.
    pub local_bps: u64,
    /// What is set beside it: the link's estimate, or 93 Mbps where none is known.
    pub link_bps: u64,
    /// Whether that is the estimate.
    pub is_estimate: bool,
    /// Frames so far whose steps were left out to stay within the limit.
    pub thinned_frames: u64,
    /// What attached consoles do to frames under the plan in effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observer: Option<ObserverEffect>,
    /// Telemetry goes through the emulated link beside the data, as it would over the robot's radio.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_shaped: bool,
}

impl TelemetryShare {
    /// The share of the link, 0 to 1.
    pub fn share(&self) -> f64 {
        self.bps as f64 / self.link_bps.max(1) as f64
    }

    /// Of that share, what consoles had missed and get late; none while nobody does.
    pub fn missed_share(&self) -> Option<f64> {
        (self.missed_bps > 0).then(|| self.missed_bps as f64 / self.link_bps.max(1) as f64)
    }
}

const fn first_server() -> DeviceId {
    DeviceId::SERVER
}

/// How bad an event is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanRecord {
    /// Its number.
    pub epoch: Epoch,
    /// The plan that frames run under when the server is there.
    pub plan: Plan,
    /// Why frames run locally instead, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_because: Option<String>,
    /// The policy that has the say; none while an operator's choice stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Spec>,
}

/// Where a switch stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeerRecord {
    /// Which device it is; on a server, the robot.
    #[serde(default = "first_server")]
    pub device: DeviceId,
    /// `HOST:PORT`.
    pub address: String,
    /// How it stands.
    pub state: PeerState,
    /// Its clock against ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Offset>,
    /// The emulated link before it, in the words of `--link`; none: the network as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// Who may command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeaseRecord {
    /// The console's session number on this worker, none when the lease is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<u64>,
    /// That console's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The picture source since the worker's start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
