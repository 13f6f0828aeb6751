//! and plays and measures links: traces of bandwidth over time, a shaper that makes a link of a given rate or trace out
//!
//! Nothing here knows a plan or a tensor: values are bytes with a [`ChunkHead`](crate::wire::data::ChunkHead).

mod choice;
mod inbox;
mod meter;
mod outbox;
pub mod shaper;
mod socket;
pub mod trace;

pub use choice::{LinkChoice, LinkChoiceError, open_trace, read_trace};
pub use inbox::{Complete, Expect, Inbox, InboxError};
pub use meter::Meter;
pub use outbox::{OutValue, Outbox, ValueSource, write_loop};
pub use socket::{LinkError, MessageReader, connect, exchange_magic, tune};
