//! The pacing arithmetic: one medium, which sends one piece at a time at its rate. Pure; time is an argument.

use std::time::Duration;

use crate::link::trace::Schedule;
use crate::units::{BitsPerSecond, Bytes, Nanos};

/// Most bytes of one piece.
pub const MAX_PIECE: usize = 8 * 1024;
/// Fewest bytes of one piece, however slow the medium.
const MIN_PIECE: usize = 64;
/// A piece occupies the medium for no longer than this, unless it is of the least size.
const PIECE_AIRTIME: Duration = Duration::from_millis(2);
/// A relay that wakes late makes up for at most this much: the lateness of a sleep, not that of a receiver who
/// did not read.
const CATCH_UP: Duration = Duration::from_millis(10);

/// When a piece occupies the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Airtime {
    /// Its first bit leaves.
    pub start: Nanos,
    /// Its last bit has left.
    pub end: Nanos,
}

/// How the rate is over time.
#[derive(Debug, Clone)]
enum Rate {
    Constant(BitsPerSecond),
    /// A trace that began at a time.
    Trace(Schedule, Nanos),
}

/// What the medium could have carried and did not; for telling a busy machine from a wrong rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Bytes waited, but the relay woke too late to make up for it.
    pub late: Bytes,
    /// No bytes had come, after the first.
    pub idle: Bytes,
}

/// A shared medium: what is reserved first goes first, nothing overlaps, and idle time is lost.
#[derive(Debug, Clone)]
pub struct Medium {
    rate: Rate,
    free: Nanos,
    /// The part of a nanosecond by which the medium is really free later than `free`.
    fraction_ns: f64,
    lost: Lost,
}

impl Medium {
    /// An idle medium. A rate that is negative or not a number counts as 0; infinity does not pace at all.
    pub fn new(rate: BitsPerSecond) -> Self {
        Self::of(Rate::Constant(sane(rate)))
    }

    /// An idle medium that plays a trace from `origin` on.
    pub fn playing(schedule: Schedule, origin: Nanos) -> Self {
        Self::of(Rate::Trace(schedule, origin))
    }

    fn of(rate: Rate) -> Self {
        Self {
            rate,
            free: Nanos(i64::MIN),
            fraction_ns: 0.0,
            lost: Lost::default(),
        }
    }

    /// The rate in force.
    pub fn rate(&self, now: Nanos) -> BitsPerSecond {
        match &self.rate {
            Rate::Constant(rate) => *rate,
            Rate::Trace(schedule, origin) => schedule.rate(now.since(*origin)),
        }
    }

    /// The trace's delay in force, in nanoseconds.
    pub fn delay_ns(&self, at: Nanos) -> i64 {
        match &self.rate {
            Rate::Constant(_) => 0,
            Rate::Trace(schedule, origin) => schedule.delay_ns(at.since(*origin)),
        }
    }

    /// When the rate changes by itself next, if it does.
    pub fn next_change(&self, now: Nanos) -> Option<Nanos> {
        match &self.rate {
            Rate::Constant(_) => None,
            Rate::Trace(schedule, origin) => schedule
                .next_change(now.since(*origin))
                .map(|ns| origin.shifted(ns)),
        }
    }

    /// Changes the rate for the pieces reserved from now on, and ends a trace; time spent at rate 0 gives no credit.
    pub fn set_rate(&mut self, rate: BitsPerSecond, now: Nanos) {
        if self.rate(now).0 <= 0.0 {
            self.idle_until(now);
        }
        self.rate = Rate::Constant(sane(rate));
    }

    /// The medium has carried nothing up to `now`, and gets no credit for it.
    pub fn idle_until(&mut self, now: Nanos) {
        if now > self.free {
            self.free = now;
            self.fraction_ns = 0.0;
        }
    }

    /// What it could have carried and did not.
    pub const fn lost(&self) -> Lost {
        self.lost
    }

    /// Bytes that could pass between two times.
    fn capacity(&self, from: Nanos, to: Nanos) -> u64 {
        let bits = match &self.rate {
            Rate::Constant(rate) => rate.0 * to.since(from) as f64 / 1e9,
            Rate::Trace(schedule, origin) => {
                schedule.bits_between(from.since(*origin), to.since(*origin))
            }
        };
        (bits / 8.0) as u64
    }

    /// Bytes to send as one piece: about 2 ms of the medium, within bounds. None at rate 0: nothing can be sent.
    pub fn piece_bytes(&self, now: Nanos) -> Option<usize> {
        let rate = self.rate(now).0;
        let fit = rate / 8.0 * PIECE_AIRTIME.as_secs_f64();
        (rate > 0.0).then(|| (fit as usize).clamp(MIN_PIECE, MAX_PIECE))
    }

    /// Reserves the medium for a piece that has been waiting since `arrived`, or says none if the rate is 0 for ever.
    /// On a trace the piece takes as long as its bits need under the rates to come, outages included.
    pub fn reserve(&mut self, arrived: Nanos, now: Nanos, bytes: usize) -> Option<Airtime> {
        let since = now.shifted(-(CATCH_UP.as_nanos() as i64)).max(arrived);
        let (start, fraction_ns) = if since > self.free {
            (since, 0.0)
        } else {
            (self.free, self.fraction_ns)
        };
        let exact_ns = fraction_ns
            + match &self.rate {
                Rate::Constant(rate) if rate.0 <= 0.0 => return None,
                Rate::Constant(rate) => rate.seconds_for(bytes as u64) * 1e9,
                Rate::Trace(schedule, origin) => {
                    schedule.ns_for(start.since(*origin), bytes as f64 * 8.0)?
                }
            };
        if self.free > Nanos(i64::MIN) {
            let came = arrived.max(self.free);
            self.lost.idle.0 += self.capacity(self.free, came);
            self.lost.late.0 += self.capacity(came, start);
        }
        self.free = start.shifted(exact_ns.floor() as i64);
        self.fraction_ns = exact_ns.fract();
        Some(Airtime {
            start,
            end: self.free,
        })
    }
}

fn sane(rate: BitsPerSecond) -> BitsPerSecond {
    BitsPerSecond(if rate.0 > 0.0 { rate.0 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MBPS_80: BitsPerSecond = BitsPerSecond::from_mbps(80.0);

    /// Always-waiting pieces through a relay that wakes `late_ns` after each deadline.
    fn last_end(medium: &mut Medium, pieces: &[(usize, i64)]) -> Nanos {
        let mut now = Nanos(0);
        for &(bytes, late_ns) in pieces {
            let airtime = medium.reserve(Nanos(0), now, bytes).unwrap();
            now = airtime.end.max(now).shifted(late_ns);
        }
        medium.free
    }

    proptest! {
        #[test]
        fn the_rate_is_exact_over_many_pieces_however_late_the_relay_wakes(
            mbps in 0.5f64..2_000.0,
            pieces in prop::collection::vec((1usize..8192, 0i64..400_000), 100..800),
        ) {
            let mut medium = Medium::new(BitsPerSecond::from_mbps(mbps));
            let end = last_end(&mut medium, &pieces);
            let bytes: usize = pieces.iter().map(|p| p.0).sum();
            let least_ns = bytes as f64 * 8e3 / mbps;
            prop_assert!(end.0 as f64 >= least_ns - 2.0, "faster than its rate");
        }

        #[test]
        fn a_relay_that_wakes_late_loses_nothing_while_the_medium_is_the_slower(
            mbps in 0.5f64..150.0,
            late_ns in prop::collection::vec(0i64..400_000, 100..800),
        ) {
            // A piece of this size takes 437 us at 150 Mbps.
            let pieces: Vec<(usize, i64)> = late_ns.into_iter().map(|late| (MAX_PIECE, late)).collect();
            let mut medium = Medium::new(BitsPerSecond::from_mbps(mbps));
            let end = last_end(&mut medium, &pieces);
            let exact_ns = (pieces.len() * MAX_PIECE) as f64 * 8e3 / mbps;
            prop_assert!((end.0 as f64 - exact_ns).abs() < 2.0, "{} ns, not {exact_ns}", end.0);
        }

        #[test]
        fn no_two_pieces_overlap_and_none_starts_before_it_arrived(
            pieces in prop::collection::vec((0i64..5_000_000, 1usize..8192), 1..200),
        ) {
            let mut medium = Medium::new(MBPS_80);
            let (mut now, mut end) = (Nanos(0), Nanos(i64::MIN));
            for (gap, bytes) in pieces {
                now = now.shifted(gap);
                let airtime = medium.reserve(now, now, bytes).unwrap();
                prop_assert!(airtime.start >= end && airtime.start >= now);
                end = airtime.end;
            }
        }
    }

    #[test]
    fn half_duplex_directions_that_both_wait_get_half_each() {
        let mut medium = Medium::new(MBPS_80);
        // Each direction asks for its next piece when its last one has left, 60 us late.
        let mut wakes = [Nanos(0), Nanos(1)];
        let mut sent = [0usize; 2];
        while wakes.iter().any(|w| w.0 < 1_000_000_000) {
            let turn = usize::from(wakes[1] < wakes[0]);
            let now = wakes[turn];
            let airtime = medium.reserve(Nanos(0), now, MAX_PIECE).unwrap();
            sent[turn] += MAX_PIECE;
            wakes[turn] = airtime.end.shifted(60_000);
        }
        assert!(sent[0].abs_diff(sent[1]) <= MAX_PIECE, "{sent:?}");
        let total = (sent[0] + sent[1]) as f64;
        assert!((total / 10e6 - 1.0).abs() < 0.005, "{total} bytes in 1 s");
    }

    #[test]
    fn idle_time_and_outages_give_no_credit() {
        let mut medium = Medium::new(MBPS_80);
        medium.reserve(Nanos(0), Nanos(0), 1000).unwrap();
        let late = Nanos(5_000_000_000);
        let airtime = medium.reserve(late, late, 1000).unwrap();
        assert_eq!(airtime.start, late);
        assert_eq!(airtime.end.since(late), 100_000);
        // A piece that waited for a receiver that did not read for a second.
        let stuck = Nanos(6_000_000_000);
        let airtime = medium.reserve(late, stuck, 1000).unwrap();
        assert_eq!(stuck.since(airtime.start), 10_000_000);
    }

    #[test]
    fn a_new_rate_holds_from_the_next_piece_on() {
        let mut medium = Medium::new(MBPS_80);
        let first = medium.reserve(Nanos(0), Nanos(0), 1000).unwrap();
        medium.set_rate(BitsPerSecond::from_mbps(8.0), Nanos(50_000));
        let second = medium.reserve(Nanos(0), Nanos(50_000), 1000).unwrap();
        assert_eq!(second.start, first.end);
        assert_eq!(second.end.since(second.start), 1_000_000);
    }

    #[test]
    fn rate_zero_sends_nothing_until_the_rate_returns() {
        let mut medium = Medium::new(MBPS_80);
        for nothing in [0.0, -1.0, f64::NAN] {
            medium.set_rate(BitsPerSecond(nothing), Nanos(0));
            assert_eq!(medium.piece_bytes(Nanos(0)), None);
            assert_eq!(medium.reserve(Nanos(0), Nanos(0), 1), None);
        }
        let back = Nanos(3_000_000_000);
        medium.set_rate(MBPS_80, back);
        assert_eq!(
            medium.reserve(Nanos(0), back, 1000).unwrap().start,
            back,
            "the outage is not made up for"
        );
    }

    #[test]
    fn pieces_are_short_on_a_slow_medium() {
        let bytes = |mbps| Medium::new(BitsPerSecond::from_mbps(mbps)).piece_bytes(Nanos(0));
        assert_eq!(bytes(93.0), Some(MAX_PIECE));
        assert_eq!(bytes(8.0), Some(2000));
        assert_eq!(bytes(0.001), Some(MIN_PIECE));
        assert_eq!(bytes(f64::INFINITY), Some(MAX_PIECE));
    }
}
