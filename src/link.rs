//! Moves values between workers: tuned sockets, chunks with control between them, goodput, and a shaper that
//! makes a link of a given rate out of loopback.
//!
//! Nothing here knows a plan or a tensor: values are bytes with a [`ChunkHead`](crate::wire::data::ChunkHead).

mod inbox;
mod meter;
mod outbox;
pub mod shaper;
mod socket;

pub use inbox::{Complete, Expect, Inbox, InboxError};
pub use meter::Meter;
pub use outbox::{OutValue, Outbox, ValueSource, write_loop};
pub use socket::{LinkError, MessageReader, connect, exchange_magic, tune};
