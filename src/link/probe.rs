//! Measures what a link carries: one side fills it, the other counts what comes per interval of its own clock.
//!
//! [`measure()`] is the prober's half, [`serve()`] the server's. Both read with a short timeout, so that an outage of a
//! minute is a minute of zeros and not the end of the probe.

mod count;
mod fill;
mod measure;
mod serve;
mod sieve;

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use socket2::SockRef;

use super::LinkError;
use super::congestion::unpace_within_this_machine;
use super::trace::{Row, Trace, TraceError};

pub use count::Counts;
pub use measure::{Ended, Measured, ProbeOptions, Sample, measure};
pub use serve::{greet, refuse, serve};
pub use sieve::Sieve;

/// How often a reader looks up from the socket, and a writer from a link that takes nothing.
const TICK: Duration = Duration::from_millis(20);
/// How long nothing at all may come before the other side counts as gone.
const SILENCE: Duration = Duration::from_mins(1);
/// How long the other side's last words may take.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long a hello and its answer may take.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// Unsent bytes that the kernel holds at most: control messages wait behind them.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 32 << 10;

/// Which way a probe fills the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the server.
    Up,
    /// From the server.
    Down,
    /// Both at once.
    Both,
}

impl Way {
    /// Whether the link to the server is filled.
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Up | Self::Both)
    }

    /// Whether the link from the server is filled.
    pub const fn is_down(self) -> bool {
        matches!(self, Self::Down | Self::Both)
    }
}

/// Sets the options of a probe's connection.
fn tune(stream: &TcpStream) -> Result<(), LinkError> {
    let set = || -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(TICK))?;
        stream.set_read_timeout(Some(TICK))?;
        #[cfg(target_os = "linux")]
        SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES)?;
        unpace_within_this_machine(stream);
        Ok(())
    };
    set().map_err(|source| LinkError::Io {
        doing: "setting socket options",
        source,
    })
}

/// Whether a read or write only ran into its timeout.
fn is_tick(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

/// The trace of a probe: one direction alone tells what a shared medium carries; both at once, what each got.
fn trace_of(samples: &[Sample], interval_ns: i64, delay_ms: f64) -> Result<Trace, TraceError> {
    let is_shared = !samples
        .iter()
        .any(|s| s.up_mbps.is_some() && s.down_mbps.is_some());
    let rows = (0..).zip(samples).map(|(i, sample)| {
        let either = sample.up_mbps.or(sample.down_mbps).unwrap_or(0.0);
        let rounded = |mbps: f64| (mbps * 1000.0).round() / 1000.0;
        Row {
            at_ns: i * interval_ns,
            up_mbps: rounded(if is_shared {
                either
            } else {
                sample.up_mbps.unwrap_or(0.0)
            }),
            down_mbps: rounded(sample.down_mbps.unwrap_or(0.0)),
            delay_ms,
        }
    });
    Trace::new(is_shared, rows.collect())
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn a_probe_through_a_relay_on_this_machine_is_not_paced_by_the_system() {
        use super::tune;
        use crate::link::congestion::testing::{is_paced, paced};
        if let Some((client, _server)) = paced() {
            tune(&client).unwrap();
            assert!(!is_paced(&client));
        }
    }
}
