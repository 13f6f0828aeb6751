//! What a shaper is told and what it tells: the link's profile, outages, what has passed, why it could not start.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::medium::{Lost, Medium};
use crate::link::trace::{AfterEnd, Direction, Schedule, Trace};
use crate::units::{BitsPerSecond, Bytes, Nanos};

/// The rate of a link over time.
#[derive(Debug, Clone, PartialEq)]
pub enum Rates {
    /// Payload bits per second that the medium carries; 0 holds the bytes.
    Constant(BitsPerSecond),
    /// A trace from the shaper's start on. It says itself whether the directions share one medium.
    Trace(Arc<Trace>, AfterEnd),
}

/// What kind of link the relay plays.
#[derive(Debug, Clone, PartialEq)]
pub struct ShaperProfile {
    /// The rate.
    pub rates: Rates,
    /// With a constant rate. False: both directions share one medium, as on Wi-Fi. True: each has the rate for itself.
    pub duplex: bool,
    /// Added to each direction, after the time on the medium and on top of a trace's own delay.
    pub delay: Duration,
    /// The bottleneck's buffer in each direction, in bytes.
    pub queue_bytes: usize,
}

impl ShaperProfile {
    /// A half-duplex link of a constant rate without added delay, behind 64 KiB of buffer.
    pub const fn constant(rate: BitsPerSecond) -> Self {
        Self {
            rates: Rates::Constant(rate),
            duplex: false,
            delay: Duration::ZERO,
            queue_bytes: 64 * 1024,
        }
    }

    /// One medium if the directions share it, else one each.
    pub(super) fn media(&self, origin: Nanos) -> Vec<Medium> {
        match &self.rates {
            Rates::Constant(rate) => vec![Medium::new(*rate); if self.duplex { 2 } else { 1 }],
            Rates::Trace(trace, after) => {
                let directions = [Direction::Up, Direction::Down];
                let count = if trace.is_shared() { 1 } else { 2 };
                let play = |d| Schedule::new(Arc::clone(trace), d, *after);
                let schedules = directions.into_iter().take(count).map(play);
                schedules.map(|s| Medium::playing(s, origin)).collect()
            }
        }
    }
}

/// What the ends notice of a pulled cable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// Connections are reset without forwarding anything further, and new ones are reset at once.
    Drop,
    /// Connections stay and nothing passes; new ones wait until the link is back.
    Stall,
}

/// What has passed through a shaper since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShaperStats {
    /// Payload from clients handed to the upstream.
    pub up: Bytes,
    /// Payload from the upstream handed to clients.
    pub down: Bytes,
    /// Connections relayed now.
    pub connections: usize,
    /// Connections taken since the start.
    pub accepted: u64,
    /// Connections reset at once: during an outage, or because the upstream could not be reached.
    pub refused: u64,
    /// What the media could have carried and did not.
    pub lost: Lost,
}

impl ShaperStats {
    /// The share of what the media could have carried that they did not, from 0 to 1. Where somebody fills the link all
    /// the time it tells how far this machine fell behind the link that it plays.
    pub fn missed_share(&self) -> f64 {
        let missed = (self.lost.late.0 + self.lost.idle.0) as f64;
        let all = missed + (self.up.0 + self.down.0) as f64;
        if all > 0.0 { missed / all } else { 0.0 }
    }
}

/// Why a shaper could not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ShaperError {
    /// The address to listen on could not be had.
    #[error("could not listen on {listen} for the shaped link to {upstream}: {cause}")]
    Listen {
        /// Where to listen.
        listen: SocketAddr,
        /// Where the link leads.
        upstream: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// The name of the upstream is not known.
    #[error("could not find {upstream} for the shaped link: {cause}; expected HOST:PORT")]
    Resolve {
        /// Where the link leads.
        upstream: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The system gave no thread.
    #[error("could not start the thread of the shaped link to {upstream}: {cause}")]
    Thread {
        /// Where the link leads.
        upstream: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
}
