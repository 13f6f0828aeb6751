//! What goes into a machine and comes out of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::super::{Linked, Packed, Term, Value};
use crate::model::{Region, Span};
use crate::units::{DeviceId, FrameKey, Nanos, NodeId};

/// A piece of a node's output in a frame's table.
#[derive(Debug, Clone)]
pub struct Piece<P> {
    /// Which box of the output this is.
    pub region: Region,
    /// Whole, or a summand.
    pub term: Term,
    /// A tensor in the worker, nothing in the simulator.
    pub payload: P,
}

/// A queue of work that one thread serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// The device's compute lane.
    Compute,
    /// The send lane to a peer.
    Send(DeviceId),
}

/// What a time was taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimingOf {
    /// A step, by its index in the program.
    Step(u32),
    /// The assembly of a node's pieces.
    Assembly(NodeId),
}

/// A piece of work of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepRef {
    /// The frame.
    pub key: FrameKey,
    /// Which of its work.
    pub of: TimingOf,
}

/// When something was done, on the clock of whoever did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// What.
    pub of: TimingOf,
    /// Its start.
    pub start: Nanos,
    /// Its end.
    pub end: Nanos,
    /// How a transfer's value was packed, where the plan has a codec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed: Option<Packed>,
}

/// Work for a lane.
#[derive(Debug)]
pub enum Work<P> {
    /// Compute a region of a node's output. `inputs` holds one piece per input that is read, in the node's order,
    /// each covering what is read of it.
    Compute {
        /// Whose.
        step: StepRef,
        /// The operator.
        node: NodeId,
        /// The box to compute.
        out: Region,
        /// The input channels to sum over, and the addend that gives.
        over: Option<(Span, Term)>,
        /// What it reads.
        inputs: SmallVec<[Piece<P>; 2]>,
    },
    /// Sum addends in index order.
    Reduce {
        /// Whose.
        step: StepRef,
        /// The operator.
        node: NodeId,
        /// The box.
        out: Region,
        /// The addends, by index.
        addends: SmallVec<[Piece<P>; 2]>,
    },
    /// Join pieces of a node's output into one.
    Assemble {
        /// Whose.
        step: StepRef,
        /// The operator.
        node: NodeId,
        /// The box to fill.
        out: Region,
        /// Pieces that cover it; they may reach beyond it and overlap.
        pieces: SmallVec<[Piece<P>; 2]>,
    },
    /// Send a value to a peer.
    Send {
        /// Whose.
        step: StepRef,
        /// What.
        value: Value,
        /// To whom.
        to: DeviceId,
        /// Pieces that cover it.
        pieces: SmallVec<[Piece<P>; 2]>,
    },
}

/// A frame for the table.
#[derive(Debug)]
pub struct Admit<P> {
    /// Its key.
    pub key: FrameKey,
    /// What to run; `None` runs the program of the key's epoch.
    pub program: Option<Arc<Linked>>,
    /// Values that are there from the start: the camera image, or what failover resumes from.
    pub values: Vec<(Value, P)>,
}

/// Work that a lane has done.
#[derive(Debug)]
pub struct Done<P> {
    /// Which.
    pub step: StepRef,
    /// The tensor it made; none for a send.
    pub payload: Option<P>,
    /// Its start.
    pub start: Nanos,
    /// Its end.
    pub end: Nanos,
}

/// What happened.
#[derive(Debug)]
pub enum Event<P> {
    /// A frame begins here.
    Admit(Admit<P>),
    /// A lane has done its work.
    Done(Done<P>),
    /// A value came in from a peer.
    Arrived {
        /// The frame it belongs to.
        key: FrameKey,
        /// What.
        value: Value,
        /// From whom.
        from: DeviceId,
        /// The tensor.
        payload: P,
        /// When its first byte was sent or seen.
        start: Nanos,
        /// When its last byte was here.
        end: Nanos,
    },
    /// The frame is of no interest any more.
    Cancel(FrameKey),
}

/// A frame whose program is done on this device.
#[derive(Debug)]
pub struct Completed<P> {
    /// The frame.
    pub key: FrameKey,
    /// The result, on the robot.
    pub output: Option<P>,
    /// When everything was done, in the order of completion.
    pub timings: Vec<Timing>,
    /// The program that ran.
    pub program: Arc<Linked>,
}

/// A frame taken out before its end.
#[derive(Debug)]
pub struct Withdrawn<P> {
    /// What its table held.
    pub values: Vec<(Value, P)>,
    /// When what was done of it was done.
    pub timings: Vec<Timing>,
    /// The program that ran.
    pub program: Arc<Linked>,
}
