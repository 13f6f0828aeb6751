//! Where it is computed: plans, the programs that modes compile them to, and the machine that schedules programs.
//!
//! A mode is one compiler (one file here) from `(graph, plan)` to a [`Schedule`]: a list of [`Step`]s per device.
//! Compilers know nothing of sockets, tensors or clocks. The worker and the simulator drive the same pure
//! [`Machine`]; neither has scheduling rules of its own.

mod account;
mod choice;
mod codec;
mod compile;
mod data;
mod linked;
mod local;
mod machine;
mod placement;
mod remote;
mod resume;
mod split;
mod spread;
mod steps;
mod stream;
mod tensor;
mod tile;
mod validate;

use std::fmt::{self, Write as _};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Graph, Region, Shape, Span};
use crate::units::{Bytes, DeviceId, Epoch, NodeId};

pub use account::{Account, Measured, account, covered_ns, result_at};
pub use choice::{Choice, ModeKind};
pub use codec::{Codec, Packed, ValueCodec};
pub use compile::{MAX_WINDOW, PlanError, compile};
pub use data::best_server_share;
pub use linked::Linked;
pub use machine::{
    Admit, Completed, Done, Event, Lane, Machine, MachineError, Piece, StepRef, Timing, TimingOf,
    Withdrawn, Work,
};
pub use resume::resume;
pub(crate) use spread::needs;
pub use steps::{Packing, Parts, StepKind, StepTime, Steps};
pub use stream::LEAST_STREAMED_ROWS;
pub use tensor::{Join, shard_all};
pub use tile::simple as simple_tiles;
pub use validate::{Invalid, validate, validate_program};

/// Whether a value is whole or one summand of an all-reduce; the bias is only in addend 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Term {
    /// The finished output.
    Whole,
    /// Summand `i` of `of`, over a part of the input channels.
    Addend {
        /// Which summand.
        i: u8,
        /// How many there are.
        of: u8,
    },
}

/// A region of one operator's output: what tables hold and links carry, keyed with a
/// [`FrameKey`](crate::units::FrameKey).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Value {
    /// The operator.
    pub node: NodeId,
    /// The box of its output.
    pub region: Region,
    /// Whole, or a summand.
    pub term: Term,
}

impl Value {
    /// An operator's whole output.
    pub fn whole(graph: &Graph, node: NodeId) -> Self {
        Self {
            node,
            region: Region::whole(&graph.node(node).shape),
            term: Term::Whole,
        }
    }

    /// Bytes of this value on the wire, uncompressed.
    pub fn bytes(&self, graph: &Graph) -> Bytes {
        let node = graph.node(self.node);
        Bytes(self.region.elements(node.shape.columns) * node.dtype.bytes())
    }

    /// The shape of this value as a tensor.
    pub fn shape(&self, graph: &Graph) -> Shape {
        let whole = graph.node(self.node).shape;
        Shape {
            batch: self.region.batch.len(),
            channels: self.region.channel.len(),
            rows: self.region.row.len(),
            ..whole
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.term {
            Term::Whole => write!(f, "node {} ({})", self.node, self.region),
            Term::Addend { i, of } => {
                write!(
                    f,
                    "addend {i} of {of} of node {} ({})",
                    self.node, self.region
                )
            }
        }
    }
}

/// One thing that a device does for a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Computes a region of an operator's output.
    Compute {
        /// The operator.
        node: NodeId,
        /// The box of its output.
        out: Region,
        /// The input channels it sums over and which addend that gives; all of them when absent.
        over: Option<(Span, Term)>,
    },
    /// Sums the addends of a region in index order, the same on every device.
    Reduce {
        /// The operator.
        node: NodeId,
        /// The box of its output.
        out: Region,
        /// How many addends there are.
        of: u8,
    },
    /// Sends a covered region, or one addend, to a peer.
    Send {
        /// What.
        value: Value,
        /// To whom.
        to: DeviceId,
    },
    /// Expects a value from a peer; never blocks a lane.
    Receive {
        /// What.
        value: Value,
        /// From whom.
        from: DeviceId,
    },
}

impl Step {
    /// The value that a compute or reduce step makes.
    pub fn result(&self) -> Option<Value> {
        match *self {
            Self::Compute { node, out, over } => Some(Value {
                node,
                region: out,
                term: over.map_or(Term::Whole, |(_, term)| term),
            }),
            Self::Reduce { node, out, .. } => Some(Value {
                node,
                region: out,
                term: Term::Whole,
            }),
            Self::Send { .. } | Self::Receive { .. } => None,
        }
    }
}

/// When a value may be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Until {
    /// When the last step that reads it is done.
    LastReader,
    /// When the frame's result is delivered: what failover resumes from.
    Delivered,
    /// When every step that reads this other node is done: what failover resumes from until that node is complete.
    ReadersOf(NodeId),
}

/// What one device does for one frame under a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The device.
    pub device: DeviceId,
    /// Its steps; the compute lane keeps this order within a frame.
    pub steps: Vec<Step>,
    /// Values with a life longer than their last reader.
    pub keep: Vec<(Value, Until)>,
}

/// The programs of all devices for one plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// The number of this plan in effect.
    pub epoch: Epoch,
    /// What it was compiled from.
    pub plan: Plan,
    /// One program per device that takes part, the robot's first.
    pub programs: Vec<Program>,
    /// The result; the robot delivers it.
    pub output: Value,
}

impl Schedule {
    /// The program of a device, if it takes part.
    pub fn program(&self, device: DeviceId) -> Option<&Program> {
        self.programs.iter().find(|p| p.device == device)
    }
}

/// A division of the operators in two, closed under predecessors.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// The first `k` operators stay.
    Prefix(u32),
    /// These operators stay (what a min-cut gives).
    Set(Vec<NodeId>),
}

/// How a tensor-parallel layer is divided: the bounds between the devices' parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shard {
    /// By output channels, joined by an all-gather.
    OutChannels(Vec<u32>),
    /// By input channels, joined by an all-reduce.
    InChannels(Vec<u32>),
}

/// A parallel method with its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// All on the robot.
    Local,
    /// All on the server: ships the camera image.
    Remote,
    /// Layer partition; with a window above 1, pipelined.
    Split {
        /// After each cut the operators run on its device, until the next cut.
        cuts: Vec<(Cut, DeviceId)>,
        /// Row tiles that the crossing tensors are streamed in; 1 sends them whole.
        tiles: u16,
    },
    /// Tensor parallelism.
    Tensor {
        /// The sharded layers.
        layers: Vec<(NodeId, Shard)>,
    },
    /// Data parallelism.
    Data {
        /// Images of the batch per device.
        shares: Vec<u32>,
    },
    /// Local-operator parallelism: row segments on every device with exact halos.
    Tile {
        /// Segment ends with the row bounds between the devices.
        segments: Vec<(NodeId, Vec<u32>)>,
    },
}

/// A mode with everything that an operator can choose about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The method and its parameters.
    pub mode: Mode,
    /// Frames in flight at most.
    pub window: u16,
    /// How values are packed.
    #[serde(default)]
    pub codec: Codec,
}

impl Plan {
    /// All on the robot, one frame at a time.
    pub const LOCAL: Self = Self::of(Mode::Local);
    /// All on the server, one frame at a time.
    pub const REMOTE: Self = Self::of(Mode::Remote);

    /// A mode with one frame in flight.
    pub const fn of(mode: Mode) -> Self {
        Self {
            mode,
            window: 1,
            codec: Codec::None,
        }
    }

    /// Layer partition after the first `k` operators, the rest on the first server.
    pub fn split(k: u32) -> Self {
        Self::split_on(k, DeviceId::SERVER)
    }

    /// Layer partition after the first `k` operators, the rest on one server.
    pub fn split_on(k: u32, server: DeviceId) -> Self {
        Self::of(Mode::Split {
            cuts: vec![(Cut::Prefix(k), server)],
            tiles: 1,
        })
    }

    /// Layer partition over a chain of devices: the first on the robot, the rest on servers 1, 2, ...
    pub fn chain(cuts: &[u32]) -> Self {
        let servers = (1..=254).map(DeviceId);
        let cuts = cuts.iter().map(|&k| Cut::Prefix(k)).zip(servers);
        Self::of(Mode::Split {
            cuts: cuts.collect(),
            tiles: 1,
        })
    }

    /// The same split, streamed in row tiles; other modes stay as they are.
    #[must_use]
    pub fn with_tiles(mut self, wanted: u16) -> Self {
        if let Mode::Split { tiles, .. } = &mut self.mode {
            *tiles = wanted;
        }
        self
    }

    /// The same plan with up to `window` frames in flight.
    #[must_use]
    pub const fn with_window(mut self, window: u16) -> Self {
        self.window = window;
        self
    }

    /// The same plan with its values packed so.
    #[must_use]
    pub const fn with_codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// The mode's name, as operators say it.
    pub const fn mode_name(&self) -> &'static str {
        match self.mode {
            Mode::Local => "local",
            Mode::Remote => "remote",
            Mode::Split { .. } if self.window > 1 => "pipeline",
            Mode::Split { .. } => "split",
            Mode::Tensor { .. } => "tensor",
            Mode::Data { .. } => "data",
            Mode::Tile { .. } => "tile",
        }
    }

    /// The partition point, where the mode has one: `local` is cut `n`, `remote` cut 0.
    pub fn cut(&self, graph: &Graph) -> Option<u32> {
        match &self.mode {
            Mode::Local => Some(graph.operator_count()),
            Mode::Remote => Some(0),
            Mode::Split { cuts, .. } => match cuts.as_slice() {
                [(Cut::Prefix(k), _)] => Some(*k),
                _ => None,
            },
            _ => None,
        }
    }

    /// What an operator reads: `split 28`, `pipeline 28, window 3`, `tensor 30:70`.
    pub fn label(&self) -> String {
        let mut label = match &self.mode {
            Mode::Split { cuts, tiles } => {
                let at: Vec<_> = cuts
                    .iter()
                    .map(|(cut, _)| match cut {
                        Cut::Prefix(k) => k.to_string(),
                        Cut::Set(nodes) => format!("a set of {} operators", nodes.len()),
                    })
                    .collect();
                let tiles = match tiles {
                    1 => String::new(),
                    tiles => format!(" in {tiles} tiles"),
                };
                let on = match cuts.as_slice() {
                    // One cut goes to the first server, unless it says otherwise.
                    [(_, device)] if *device != DeviceId::SERVER => format!(" on {device}"),
                    _ => String::new(),
                };
                format!("{} {}{on}{tiles}", self.mode_name(), at.join("+"))
            }
            Mode::Tensor { layers } => {
                let reduced = layers
                    .iter()
                    .filter(|(_, shard)| matches!(shard, Shard::InChannels(_)))
                    .count();
                let joins = match reduced {
                    0 => String::new(),
                    n => format!(", {n} by all-reduce"),
                };
                format!("tensor {} layers{joins}", layers.len())
            }
            Mode::Data { shares } => {
                let shares: Vec<_> = shares.iter().map(u32::to_string).collect();
                format!("data {}", shares.join("+"))
            }
            Mode::Tile { segments } => match segments.len() {
                1 => "tile 1 segment".to_owned(),
                n => format!("tile {n} segments"),
            },
            Mode::Local | Mode::Remote => self.mode_name().to_owned(),
        };
        if self.window > 1 {
            let _ = write!(label, ", window {}", self.window);
        }
        if self.codec != Codec::None {
            let _ = write!(label, ", codec {}", self.codec);
        }
        label
    }

    /// The highest device that takes part, by the plan's own words: 0 for the robot alone.
    pub fn last_device(&self) -> DeviceId {
        let parts = |interior: usize| DeviceId(interior.min(254) as u8);
        match &self.mode {
            Mode::Local => DeviceId::ROBOT,
            Mode::Remote => DeviceId::SERVER,
            Mode::Split { cuts, .. } => {
                let devices = cuts.iter().map(|(_, device)| *device);
                devices.max().unwrap_or(DeviceId::ROBOT)
            }
            Mode::Tensor { layers } => layers.first().map_or(DeviceId::ROBOT, |(_, s)| match s {
                Shard::OutChannels(bounds) | Shard::InChannels(bounds) => parts(bounds.len()),
            }),
            Mode::Data { shares } => parts(shares.len().saturating_sub(1)),
            Mode::Tile { segments } => segments
                .first()
                .map_or(DeviceId::ROBOT, |(_, bounds)| parts(bounds.len())),
        }
    }
}
