//! How far away a worker is: the round trips of pings, and its time of day against this console's. Pure.
//!
//! A worker's clock lies between two bounds, and neither supposes anything of the way that messages take: what it sent was
//! sent before it came here, and its hello was written after it was dialled.

use std::collections::VecDeque;

use super::Moment;
use crate::units::{BootId, Nanos};
use crate::wire::console::WorkerHello;

/// Round trips kept: half a minute at a ping every two seconds.
const TRIPS: usize = 16;
/// How long a span of messages is looked at for the fastest; two spans are kept, so that what is old goes.
const SPAN_NS: i64 = 60_000_000_000;
/// The time of day is told in milliseconds, on both sides.
const GRAIN_NS: i64 = 1_000_000;

/// How a worker's time of day stands to this console's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skew {
    /// Positive: the worker's clock is ahead.
    pub ahead_ns: i64,
    /// The true one is this close.
    pub error_ns: i64,
}

/// How far away a worker is; see the text of this module.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    trips: VecDeque<i64>,
    /// The worker's start, a moment on its clock and the time of day then.
    wall: Option<(BootId, Nanos, u64)>,
    /// Its clock is no more ahead than this: the hello was written after the dial.
    most: Option<i64>,
    /// The greatest differences of the span under way and of the one before: it is no less ahead than that.
    fastest: Option<i64>,
    fastest_before: Option<i64>,
    span_began: Nanos,
}

impl Reach {
    /// A worker that was dialled then said hello; another start has another clock.
    pub(in crate::console::app) fn greeted(
        &mut self,
        hello: &WorkerHello,
        dialled: Option<Nanos>,
        at: Moment,
    ) {
        if self.wall.is_none_or(|(boot, ..)| boot != hello.boot) {
            *self = Self::default();
        }
        self.wall = hello.unix_ms.map(|ms| (hello.boot, hello.now, ms));
        let way = dialled.map(|dialled| at.now.since(dialled));
        let most = self.ahead(hello.now, at).zip(way);
        self.most = most.map(|(ahead, way)| ahead.saturating_add(way));
        self.heard(hello.now, at);
    }

    /// Something that was sent then, on the worker's clock, is here.
    pub(in crate::console::app) fn heard(&mut self, sent: Nanos, at: Moment) {
        let Some(ahead) = self.ahead(sent, at) else {
            return;
        };
        if at.now.since(self.span_began) > SPAN_NS {
            self.fastest_before = self.fastest.take();
            self.span_began = at.now;
        }
        self.fastest = Some(self.fastest.map_or(ahead, |fastest| fastest.max(ahead)));
    }

    /// The worker's time of day at a moment on its clock, less ours now.
    fn ahead(&self, sent: Nanos, at: Moment) -> Option<i64> {
        let (_, mark, unix_ms) = self.wall?;
        // A peer may claim any moment.
        let ns = |ms: u64| {
            i64::try_from(ms)
                .unwrap_or(i64::MAX)
                .saturating_mul(GRAIN_NS)
        };
        let theirs = ns(unix_ms).saturating_add(sent.since(mark));
        Some(theirs.saturating_sub(ns(at.unix_ms)))
    }

    /// A ping came back after so long.
    pub(in crate::console::app) fn trip(&mut self, rtt_ns: i64) {
        if self.trips.len() == TRIPS {
            self.trips.pop_front();
        }
        self.trips.push_back(rtt_ns.max(0));
    }

    /// The median round trip of the last half minute.
    pub fn rtt_ns(&self) -> Option<i64> {
        let mut trips: Vec<i64> = self.trips.iter().copied().collect();
        trips.sort_unstable();
        trips.get(trips.len() / 2).copied()
    }

    /// The worker's time of day against ours: the middle between the two bounds, each of which milliseconds make a little
    /// wider. None of workers that do not tell their time of day, and where a clock that was set has moved past a bound
    /// until it says hello again.
    pub fn skew(&self) -> Option<Skew> {
        let least = self
            .fastest
            .max(self.fastest_before)?
            .saturating_sub(GRAIN_NS);
        let most = self.most?.saturating_add(GRAIN_NS);
        (least <= most).then(|| Skew {
            ahead_ns: i64::midpoint(least, most),
            error_ns: most.saturating_sub(least) / 2 + 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Hash32;
    use crate::wire::console::Role;

    fn hello(role: Role, boot: u64) -> WorkerHello {
        WorkerHello {
            protocol: crate::wire::PROTOCOL,
            version: crate::wire::VERSION.to_owned(),
            role,
            host: "nx".to_owned(),
            boot: BootId(boot),
            engine: String::new(),
            emulated: false,
            session: 1,
            needs_token: false,
            nonce: Hash32::of(b"nonce"),
            capabilities: Vec::new(),
            now: Nanos(0),
            unix_ms: None,
            model: None,
        }
    }

    const MS: i64 = 1_000_000;

    fn at(ms: i64) -> Moment {
        Moment {
            now: Nanos(ms * MS),
            unix_ms: 1_000_000 + ms as u64,
        }
    }

    /// A worker whose clock began 77 s before ours and whose time of day is 250 ms ahead: dialled at `now`, it writes its
    /// hello `there` later, which comes `back` after that.
    fn greet(reach: &mut Reach, now: i64, there: i64, back: i64) {
        let mut hello = hello(Role::Robot, 1);
        hello.now = Nanos((now + there + 77_000) * MS);
        hello.unix_ms = Some(at(now + there).unix_ms + 250);
        reach.greeted(&hello, Some(at(now).now), at(now + there + back));
    }

    #[test]
    fn the_true_offset_lies_within_the_bound_whatever_way_messages_take() {
        for (there, back, ways) in [
            (20, 20, [40, 7, 300]),
            (1, 90, [80, 70, 99]),
            (90, 1, [0, 1, 5]),
        ] {
            let mut reach = Reach::default();
            greet(&mut reach, 0, there, back);
            for (sent, way) in [1_000, 2_000, 3_000].into_iter().zip(ways) {
                reach.heard(Nanos((sent + 77_000) * MS), at(sent + way));
            }
            let skew = reach.skew().unwrap();
            let miss = (skew.ahead_ns - 250 * MS).abs();
            assert!(miss <= skew.error_ns, "{there} {back}: {skew:?}");
            // No wider than the two ways that it rests on.
            let widest = there + ways.into_iter().min().unwrap().min(back) + 2;
            assert!(2 * skew.error_ns <= widest * MS + 4, "{skew:?}");
        }
    }

    #[test]
    fn the_round_trip_is_the_median_of_the_last_pings() {
        let mut reach = Reach::default();
        assert_eq!(reach.rtt_ns(), None);
        for rtt in [30, 12, 9, 40, 11] {
            reach.trip(rtt * MS);
        }
        assert_eq!(reach.rtt_ns(), Some(12 * MS));
        for _ in 0..TRIPS {
            reach.trip(5 * MS);
        }
        assert_eq!((reach.rtt_ns(), reach.trips.len()), (Some(5 * MS), TRIPS));
    }

    #[test]
    fn no_claimed_time_of_day_overflows() {
        for claim in [u64::MAX, i64::MAX as u64, 0] {
            for now in [i64::MIN, 0, i64::MAX] {
                let mut reach = Reach::default();
                let mut hello = hello(Role::Robot, 1);
                (hello.now, hello.unix_ms) = (Nanos(now), Some(claim));
                reach.greeted(&hello, Some(at(0).now), at(1));
                reach.heard(Nanos(i64::MAX), at(2));
                reach.heard(Nanos(i64::MIN), at(3));
                let _ = reach.skew();
            }
        }
    }

    #[test]
    fn a_clock_that_was_set_is_never_told_with_a_wrong_bound() {
        let mut reach = Reach::default();
        greet(&mut reach, 0, 5, 5);
        // The console's time of day goes a minute back: by it, the worker is now a minute more ahead.
        let mut then = at(10_000);
        then.unix_ms -= 60_000;
        reach.heard(Nanos((9_995 + 77_000) * MS), then);
        assert_eq!(reach.skew(), None);
        let mut other = hello(Role::Robot, 2);
        other.unix_ms = None;
        reach.greeted(&other, None, at(300_000));
        assert_eq!((reach.skew(), reach.rtt_ns()), (None, None));
    }
}
