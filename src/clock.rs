//! Time: the process's monotonic clock, a clock that tests set, and the offset between two hosts' clocks.
//!
//! This is the only room that reads the system's clocks (`clippy.toml` bans it elsewhere).

mod kernel;

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::units::Nanos;

pub use kernel::Kept;

/// Where a part of the program reads the time from.
pub trait Clock: Send + Sync {
    /// Now, on a clock that never goes back.
    fn now(&self) -> Nanos;
}

/// The process's monotonic clock; 0 is the first reading in this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

static ORIGIN: OnceLock<Instant> = OnceLock::new();

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn instant_now() -> Instant {
    Instant::now()
}

/// Now on the process's monotonic clock.
pub fn now() -> Nanos {
    let origin = ORIGIN.get_or_init(instant_now);
    Nanos(instant_now().duration_since(*origin).as_nanos() as i64)
}

/// Wall-clock time in milliseconds since 1970 (UTC), for people and file names; never for durations.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as u64)
}

/// Hours, minutes and seconds (UTC) of a wall-clock time, as `14:32:10`.
pub fn time_of_day_utc(unix_ms: u64) -> String {
    let s = unix_ms / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// Day and minute (UTC) of a wall-clock time, as `2026-11-25 14:32 UTC`.
pub fn date_time_utc(unix_ms: u64) -> String {
    // Days since 1970 as a date, after Hinnant's `civil_from_days`: years begin in March, eras have 400 of them.
    let minutes = unix_ms / 60_000;
    let days = minutes / 1440 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let (month, late) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!(
        "{}-{month:02}-{of_month:02} {:02}:{:02} UTC",
        era * 400 + year + late,
        minutes / 60 % 24,
        minutes % 60
    )
}

impl Clock for SystemClock {
    fn now(&self) -> Nanos {
        now()
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms * 1_000_000, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Nanos {
        Nanos(self.0.load(Ordering::Relaxed))
    }
}

/// How a peer's clock relates to ours: `ours = theirs + offset_ns`, wrong by at most `error_ns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offset {
    /// What to add to the peer's time to get ours, in nanoseconds.
    pub offset_ns: i64,
    /// Half the round trip of the sample it comes from, in nanoseconds.
    pub error_ns: i64,
}

impl Offset {
    /// A peer's time on our clock.
    pub const fn to_ours(self, theirs: Nanos) -> Nanos {
        theirs.shifted(self.offset_ns)
    }
}

/// One round trip of a heartbeat: the four timestamps of NTP (RFC 5905, section 8).
#[derive(Debug, Clone, Copy)]
pub struct RoundTrip {
    /// We sent the ping (our clock).
    pub sent: Nanos,
    /// The peer received it (its clock).
    pub peer_received: Nanos,
    /// The peer sent the pong (its clock).
    pub peer_sent: Nanos,
    /// We received the pong (our clock).
    pub received: Nanos,
}

impl RoundTrip {
    /// Time on the wire both ways, without the peer's own, in nanoseconds.
    pub const fn rtt_ns(&self) -> i64 {
        self.received.since(self.sent) - self.peer_sent.since(self.peer_received)
    }

    /// The offset this sample alone gives; the true one lies within `rtt / 2` of it.
    pub const fn offset(&self) -> Offset {
        let forth = self.sent.since(self.peer_received);
        let back = self.received.since(self.peer_sent);
        let rtt = self.rtt_ns();
        Offset {
            offset_ns: i64::midpoint(forth, back),
            error_ns: if rtt > 0 { rtt / 2 + 1 } else { 1 },
        }
    }
}

/// Keeps the best of the recent heartbeats: the sample with the least round trip in a window.
#[derive(Debug)]
pub struct OffsetEstimator {
    window_ns: i64,
    samples: VecDeque<RoundTrip>,
}

/// Drift allowed between two crystal oscillators, which widens an old sample's error bound: 50 ppm.
const DRIFT_PPM: i64 = 50;

impl OffsetEstimator {
    /// An estimator that forgets samples older than `window_ns`.
    pub const fn new(window_ns: i64) -> Self {
        Self {
            window_ns,
            samples: VecDeque::new(),
        }
    }

    /// Takes one heartbeat in. A sample that cannot be (a negative round trip) is ignored.
    pub fn add(&mut self, sample: RoundTrip) {
        if sample.rtt_ns() < 0 {
            return;
        }
        self.samples.push_back(sample);
        while let Some(first) = self.samples.front() {
            if sample.received.since(first.received) > self.window_ns || self.samples.len() > 1024 {
                self.samples.pop_front();
            } else {
                break;
            }
        }
    }

    /// The offset and its error bound, or none before the first heartbeat.
    pub fn estimate(&self) -> Option<Offset> {
        let newest = self.samples.back()?.received;
        let aged = |s: &RoundTrip| newest.since(s.received) * DRIFT_PPM / 1_000_000;
        self.samples
            .iter()
            .map(|s| {
                let offset = s.offset();
                Offset {
                    error_ns: offset.error_ns + aged(s),
                    ..offset
                }
            })
            .min_by_key(|o| o.error_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (unix_s, expected) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_799, "2000-02-29 23:59 UTC"),
            (1_798_761_599, "2026-12-31 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(date_time_utc(unix_s * 1000), expected);
        }
    }

    fn trip(sent: i64, up: i64, down: i64, true_offset: i64) -> RoundTrip {
        let at_peer = sent + up - true_offset;
        RoundTrip {
            sent: Nanos(sent),
            peer_received: Nanos(at_peer),
            peer_sent: Nanos(at_peer + 500),
            received: Nanos(sent + up + 500 + down),
        }
    }

    #[test]
    fn the_true_offset_lies_within_the_bound_however_lopsided_the_path() {
        for (up, down) in [(1_000, 1_000), (9_000, 1_000), (1_000, 40_000)] {
            let offset = trip(5, up, down, -77_000).offset();
            let miss = (offset.offset_ns - -77_000).abs();
            assert!(miss <= offset.error_ns, "{miss} > {}", offset.error_ns);
        }
    }

    #[test]
    fn a_queued_heartbeat_does_not_spoil_the_estimate() {
        let mut e = OffsetEstimator::new(1_000_000_000);
        e.add(trip(0, 1_000, 1_000, 42));
        e.add(trip(10_000, 900_000, 1_000, 42));
        let offset = e.estimate().unwrap();
        assert_eq!(offset.offset_ns, 42);
        assert!(offset.error_ns < 2_000);
    }

    #[test]
    fn old_samples_are_forgotten() {
        let mut e = OffsetEstimator::new(1_000);
        e.add(trip(0, 10, 10, 0));
        e.add(trip(1_000_000, 600, 600, 0));
        assert!(e.estimate().unwrap().error_ns >= 600);
    }
}
