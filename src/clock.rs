//! Time: the process's monotonic clock, a clock that tests set, and the offset between two hosts' clocks.
//!
//! This is the only room that reads the system's clocks (`clippy.toml` bans it elsewhere).

mod kernel;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offset {
    /// What to add to the peer's time to get ours, in nanoseconds.
    pub offset_ns: i64,
    /// By how much it may be off, in nanoseconds.
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
        let there = self.peer_sent.since(self.peer_received);
        self.received.since(self.sent).saturating_sub(there)
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

/// Drift allowed between two crystal oscillators that are off by 50 ppm each, which widens what is known of an offset as
/// time passes. Bounds of long ago count for long, so this must not be too little.
const DRIFT_PPM: i64 = 100;

/// What heartbeats say of a peer's clock. Each gives two bounds, and they are kept apart: while one way is full of values,
/// heartbeats wait there only, and the other way's bound stays as good as ever (Marzullo & Owicki 1983 intersect such
/// intervals). The offset itself moves no further than the bounds ask for.
#[derive(Debug, Default)]
pub struct OffsetEstimator {
    known: Option<Bounds>,
    least_rtt_ns: Option<i64>,
}

/// The true offset is no less and no more than this.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    least_ns: i64,
    most_ns: i64,
    offset_ns: i64,
    /// When they were right, on our clock; they widen from then on.
    at: Nanos,
}

impl Bounds {
    /// What one round trip says: its ping had not come before it was sent, its pong had not left after it came.
    const fn of(sample: &RoundTrip) -> Self {
        Self {
            least_ns: sample.sent.since(sample.peer_received),
            most_ns: sample.received.since(sample.peer_sent),
            offset_ns: sample.offset().offset_ns,
            at: sample.received,
        }
    }

    const fn width_ns(&self) -> i64 {
        self.most_ns.saturating_sub(self.least_ns)
    }

    /// The same, a while later.
    const fn at(self, now: Nanos) -> Self {
        let drift_ns = now.since(self.at).saturating_mul(DRIFT_PPM) / 1_000_000;
        Self {
            least_ns: self.least_ns.saturating_sub(drift_ns),
            most_ns: self.most_ns.saturating_add(drift_ns),
            at: now,
            ..self
        }
    }

    /// What both allow; the news alone if that is nothing: then a clock was set, or drifts more than clocks may.
    fn and(self, news: Self) -> Self {
        let both = Self {
            least_ns: self.least_ns.max(news.least_ns),
            most_ns: self.most_ns.min(news.most_ns),
            ..news
        };
        if both.least_ns > both.most_ns {
            return news;
        }
        // News that say no more than what was known move the offset only as far as they must.
        let offset_ns = if news.width_ns() <= self.width_ns() / 2 {
            i64::midpoint(both.least_ns, both.most_ns)
        } else {
            self.offset_ns.clamp(both.least_ns, both.most_ns)
        };
        Self { offset_ns, ..both }
    }
}

impl OffsetEstimator {
    /// Takes one heartbeat in. A sample that cannot be (a negative round trip, a time before the last one's) is ignored.
    pub fn add(&mut self, sample: RoundTrip) {
        let (rtt_ns, news) = (sample.rtt_ns(), Bounds::of(&sample));
        // The second is the first, but for times that are so far away that differences end at what an `i64` holds.
        let cannot_be = rtt_ns < 0 || news.least_ns > news.most_ns;
        if cannot_be || self.known.is_some_and(|k| sample.received < k.at) {
            return;
        }
        self.least_rtt_ns = Some(self.least_rtt_ns.map_or(rtt_ns, |least| least.min(rtt_ns)));
        self.known = Some(match self.known {
            Some(known) => known.at(sample.received).and(news),
            None => news,
        });
    }

    /// The offset and its error bound, or none before the first heartbeat.
    pub fn estimate(&self) -> Option<Offset> {
        self.known.map(|k| {
            let above = k.most_ns.saturating_sub(k.offset_ns);
            let below = k.offset_ns.saturating_sub(k.least_ns);
            Offset {
                offset_ns: k.offset_ns,
                error_ns: above.max(below).saturating_add(1),
            }
        })
    }

    /// The shortest round trip so far, in nanoseconds.
    pub const fn least_rtt_ns(&self) -> Option<i64> {
        self.least_rtt_ns
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
        let mut e = OffsetEstimator::default();
        e.add(trip(0, 1_000, 1_000, 42));
        e.add(trip(10_000, 900_000, 1_000, 42));
        let offset = e.estimate().unwrap();
        assert_eq!(offset.offset_ns, 42);
        assert!(offset.error_ns < 2_000);
        assert_eq!(e.least_rtt_ns(), Some(2_000));
    }

    const MS: i64 = 1_000_000;

    /// Ten minutes with a heartbeat a second of clocks that drift apart by so much, each way's delay by second; the worst
    /// miss of the last minute.
    fn worst_miss(drift_ppm: i64, delays: impl Fn(i64) -> (i64, i64)) -> i64 {
        let mut e = OffsetEstimator::default();
        let mut worst = 0;
        for s in 0..600_i64 {
            let now = s * 1_000 * MS;
            let offset = 7 * MS + now / 1_000_000 * drift_ppm;
            let (up, down) = delays(s);
            e.add(trip(now, up, down, offset));
            let known = e.estimate().unwrap();
            let miss = (known.offset_ns - offset).abs();
            let slack = 1_000 * 50;
            assert!(miss <= known.error_ns + slack, "{s}: {miss}, {known:?}");
            if s >= 540 {
                worst = worst.max(miss);
            }
        }
        worst
    }

    #[test]
    fn a_way_that_is_full_of_values_does_not_bend_the_clock() {
        // Half a minute of quiet, then every ping waits 16 ms behind values.
        let up = |s: i64| if s < 30 { MS / 5 } else { 16 * MS };
        let full = |s: i64| (up(s), MS / 5);
        assert!(worst_miss(0, full) < MS / 5);
        assert!(worst_miss(5, full) < 4 * MS);
        assert!(worst_miss(-5, full) < MS / 2);
        let down = |s: i64| (MS / 5, up(s));
        assert!(worst_miss(0, down) < MS / 5);
    }

    #[test]
    fn drifting_clocks_are_followed() {
        for ppm in [-90, -45, 0, 45, 90] {
            assert!(worst_miss(ppm, |_| (MS / 5, MS / 5)) < MS / 4);
        }
    }

    #[test]
    fn a_clock_that_was_set_is_believed_at_once() {
        let mut e = OffsetEstimator::default();
        e.add(trip(0, 10, 10, 0));
        e.add(trip(1_000_000, 600, 600, 80_000));
        let offset = e.estimate().unwrap();
        assert_eq!((offset.offset_ns, offset.error_ns), (80_000, 601));
    }

    #[test]
    fn times_that_no_clock_shows_end_nothing() {
        let ends = [i64::MIN, i64::MIN / 2, -1, 0, i64::MAX / 2, i64::MAX].map(Nanos);
        let mut e = OffsetEstimator::default();
        for sent in ends {
            for peer_received in ends {
                for peer_sent in ends {
                    let trip = RoundTrip {
                        sent,
                        peer_received,
                        peer_sent,
                        received: Nanos(5),
                    };
                    e.add(trip);
                    let mut alone = OffsetEstimator::default();
                    alone.add(trip);
                    for known in [&e, &alone] {
                        assert!(known.estimate().is_none_or(|o| o.error_ns > 0));
                    }
                }
            }
        }
    }

    #[test]
    fn an_old_sample_says_less() {
        let mut e = OffsetEstimator::default();
        e.add(trip(0, 10, 10, 0));
        e.add(trip(1_000_000_000, 600_000, 600_000, 0));
        // 100 ppm of a second.
        let error_ns = e.estimate().unwrap().error_ns;
        assert!((100_000..102_000).contains(&error_ns), "{error_ns}");
    }
}
