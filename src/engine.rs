//! Performs `Compute`: the trait that a runtime drives, and behind it libtorch (feature `torch`) or a device profile.
//!
//! An engine owns a model's weights and computes operators on the thread that [`Engine::on_lane`] was called on.
//! It knows nothing of frames, plans or sockets.

pub mod emulated;
pub mod measure;
pub mod processor;
#[cfg(feature = "torch")]
pub mod torch;

use crate::model::{Graph, Node, Region, Span};
use crate::plan::{Piece, Term, Value, Work};
use crate::power::EmulatedState;
use crate::profile::Profile;

/// An operator could not be computed, or a value not packed or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The library refused.
    #[error("{operator} ({kind}) failed: {reason}")]
    Operator {
        /// The operator's name.
        operator: String,
        /// Its kind.
        kind: &'static str,
        /// What the library said.
        reason: String,
    },
    /// A parameter is missing or has another shape.
    #[error("{0}")]
    Weights(String),
    /// A value could not be packed for the link.
    #[error("a value could not be packed: {0}")]
    Packing(String),
    /// Bytes that are no such value.
    #[error("a value of {expected} bytes cannot be made of {got}")]
    Length {
        /// Bytes expected.
        expected: u64,
        /// Bytes there are.
        got: u64,
    },
}

/// How descriptions of emulated engines begin.
pub const EMULATED_PREFIX: &str = "emulated ";

/// Computes operators of one model.
pub trait Engine: Send + 'static {
    /// A tensor; cloning it copies a handle, not the elements.
    type Payload: Clone + Send + 'static;

    /// Where its tensors are; what link threads need to make one.
    type Place: Clone + Send + Sync + 'static;

    /// Whether times are made up from a profile and values have no elements.
    const EMULATED: bool = false;

    /// What computes, for people: `libtorch 2.11, CPU, 1 thread`.
    fn describe(&self) -> String;

    /// Where its tensors are.
    fn place(&self) -> Self::Place;

    /// Runs a lane's loop on the calling thread, with whatever the library wants set for that thread.
    fn on_lane(&mut self, body: &mut dyn FnMut(&mut Self))
    where
        Self: Sized;

    /// How long this work takes on the device that the engine stands for, in nanoseconds; none: as long as it took.
    fn duration_ns(&mut self, _graph: &Graph, _work: &Work<Self::Payload>) -> Option<i64> {
        None
    }

    /// The profile that it stands for, if its times are made up.
    fn profile(&self) -> Option<&Profile> {
        None
    }

    /// Emulated power that follows the lanes, if any.
    fn power(&self) -> Option<EmulatedState> {
        None
    }

    /// Computes a region of a node's output. `inputs` holds a piece for every input that the region needs anything of,
    /// in the node's order, each covering what [`need`](crate::model::need) says.
    ///
    /// # Errors
    /// What the library said.
    fn compute(
        &mut self,
        graph: &Graph,
        node: &Node,
        out: &Region,
        over: Option<(Span, Term)>,
        inputs: &[Piece<Self::Payload>],
    ) -> Result<Self::Payload, EngineError>;

    /// Sums addends in the order given.
    ///
    /// # Errors
    /// What the library said.
    fn reduce(
        &mut self,
        node: &Node,
        addends: &[Piece<Self::Payload>],
    ) -> Result<Self::Payload, EngineError>;

    /// Joins pieces of a node's output into the region `out`.
    ///
    /// # Errors
    /// What the library said.
    fn assemble(
        &mut self,
        node: &Node,
        out: &Region,
        pieces: &[Piece<Self::Payload>],
    ) -> Result<Self::Payload, EngineError>;

    /// A value as raw little-endian elements `[N, C, H, W]`; runs on link threads.
    ///
    /// # Errors
    /// What the library said.
    fn export(
        graph: &Graph,
        value: &Value,
        pieces: &[Piece<Self::Payload>],
    ) -> Result<Vec<u8>, EngineError>;

    /// A tensor in its place from raw little-endian elements `[N, C, H, W]`; runs on link threads.
    ///
    /// # Errors
    /// A length that is not the value's, or what the library said.
    fn import(
        place: &Self::Place,
        graph: &Graph,
        value: &Value,
        bytes: &[u8],
    ) -> Result<Self::Payload, EngineError>;
}
