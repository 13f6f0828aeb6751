//! What crosses sockets: messages console <-> worker ([`console`]), robot <-> server ([`data`]) and prober <-> server
//! ([`probe`]), their encoding and their versions. No I/O here.
//!
//! Every decoder is bounded: it checks a length against what is really there and against a limit before it allocates,
//! and says what it read and what it expected.

pub mod console;
pub mod data;
mod encoding;
mod observer;
mod pause;
mod prediction;
pub mod probe;
mod record;
#[cfg(test)]
pub(crate) mod testing;

pub use encoding::{Compressed, DecodeError, from_msgpack, to_msgpack};
pub use observer::{FrameGroup, ObserverEffect, RelativeChange};
pub use pause::{Pause, PauseRecord};
pub use prediction::{
    CutCosts, DecisionRecord, ExpectedFrame, MAX_COMPARED, MAX_PLANS, NoGain, PlanCost,
    PredictionRecord,
};
pub use record::{
    BatchId, ClassScore, EventRecord, Flow, FrameRecord, InputRecord, KernelLink, LeaseRecord,
    Level, LinkSample, LinkState, ModelRecord, Outcome, Packing, Parts, PeerRecord, PeerState,
    PlanRecord, RateEstimate, Record, ServerFrameRecord, SoundingCost, StepKind, StepTime, Steps,
    SwitchRecord, SwitchStage, TelemetryShare,
};

/// Version of both protocols; peers with another one are refused by name.
pub const PROTOCOL: u32 = 3;

/// This program's version, as said in every hello.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
