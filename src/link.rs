//! Moves values between workers: tuned sockets, chunks with control between them, codecs, goodput and its estimate;
//! and plays and measures links: traces of bandwidth over time, a shaper that makes a link of a given rate or trace out
//! of loopback, a probe that makes a trace of a link.
//!
//! Nothing here knows a plan or a tensor: values are bytes with a [`ChunkHead`](crate::wire::data::ChunkHead).

mod belief;
mod choice;
pub mod codec;
mod congestion;
mod estimate;
mod goodput;
mod inbox;
pub mod kernel;
mod meter;
mod outbox;
pub mod probe;
pub mod shaper;
mod socket;
mod sounding;

pub use crate::profile::trace;
pub use belief::{Belief, Believed, Passage};
pub use choice::{LinkChoice, LinkChoiceError, open_trace, read_trace};
pub use congestion::unpace_within_this_machine;
pub use estimate::{Estimate, Estimator};
pub use goodput::Goodput;
pub use inbox::{Complete, Expect, Inbox, InboxError};
pub use meter::Meter;
pub use outbox::{OutValue, Outbox, ValueSource, write_loop};
pub use socket::{LinkError, MessageReader, connect, exchange_magic, tune};
pub use sounding::{
    LEAST_BYTES as LEAST_SOUNDING_BYTES, MOST_BYTES as MOST_SOUNDING_BYTES,
    SHARE as SOUNDING_SHARE, Sounder,
};
