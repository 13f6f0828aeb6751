//! How far away a worker is: the round trips of pings, and its time of day against this console's. Pure.

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

/// See the [module](self).
#[derive(Debug, Clone, Default)]
pub struct Reach {
    trips: VecDeque<i64>,
    /// The worker's start, a moment on its clock and the time of day then.
    wall: Option<(BootId, Nanos, u64)>,
    /// The greatest differences of the span under way and of the one before; each is the offset less one way.
    fastest: Option<i64>,
    fastest_before: Option<i64>,
    span_began: Nanos,
}

impl Reach {
    /// A worker said hello; another start has another clock.
    pub(in crate::console::app) fn greeted(&mut self, hello: &WorkerHello, at: Moment) {
        if self.wall.is_none_or(|(boot, ..)| boot != hello.boot) {
            *self = Self::default();
        }
        self.wall = hello.unix_ms.map(|ms| (hello.boot, hello.now, ms));
        self.heard(hello.now, at);
    }

    /// Something that was sent then, on the worker's clock, is here.
    pub(in crate::console::app) fn heard(&mut self, sent: Nanos, at: Moment) {
        let Some((_, mark, unix_ms)) = self.wall else {
            return;
        };
        let theirs = unix_ms as i64 * GRAIN_NS + sent.since(mark);
        let ahead = theirs - at.unix_ms as i64 * GRAIN_NS;
        if at.now.since(self.span_began) > SPAN_NS {
            self.fastest_before = self.fastest.take();
            self.span_began = at.now;
        }
        self.fastest = Some(self.fastest.map_or(ahead, |fastest| fastest.max(ahead)));
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

    /// The worker's time of day against ours. The fastest message took between nothing and the least round trip: half
    /// of that is taken for its way, and is the bound, beside what milliseconds cannot tell. None before a ping is back,
    /// and of workers that do not tell their time of day.
    pub fn skew(&self) -> Option<Skew> {
        let fastest = self.fastest.max(self.fastest_before)?;
        let half = self.trips.iter().min()? / 2;
        Some(Skew {
            ahead_ns: fastest + half,
            error_ns: half + GRAIN_NS,
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

    /// A worker whose clock began 77 s before ours and whose time of day is 250 ms ahead.
    fn greet(reach: &mut Reach, now: Moment) {
        let mut hello = hello(Role::Robot, 1);
        hello.now = now.now.shifted(77_000 * MS);
        hello.unix_ms = Some(now.unix_ms + 250);
        reach.greeted(
            &hello,
            Moment {
                now: now.now.shifted(90 * MS),
                unix_ms: now.unix_ms + 90,
            },
        );
    }

    #[test]
    fn the_true_offset_lies_within_the_bound_of_the_fastest_message() {
        let mut reach = Reach::default();
        greet(&mut reach, at(0));
        assert_eq!(reach.skew(), None, "no ping is back yet");
        for rtt in [30, 12, 9, 40] {
            reach.trip(rtt * MS);
        }
        for (sent, way) in [(1_000, 40), (2_000, 7), (3_000, 300)] {
            let then = at(sent + way);
            reach.heard(Nanos((sent + 77_000) * MS), then);
        }
        let skew = reach.skew().unwrap();
        assert!(
            (skew.ahead_ns - 250 * MS).abs() <= skew.error_ns,
            "{skew:?}"
        );
        assert!(skew.error_ns <= 6 * MS, "{skew:?}");
        assert_eq!(reach.rtt_ns(), Some(30 * MS));
    }

    #[test]
    fn a_clock_that_is_set_is_believed_within_two_minutes_and_another_start_at_once() {
        let mut reach = Reach::default();
        greet(&mut reach, at(0));
        reach.trip(2 * MS);
        // The console's time of day goes a minute ahead.
        for s in 0..200 {
            let mut then = at(1_000 * s + 1);
            then.unix_ms += 60_000;
            reach.heard(Nanos((1_000 * s + 77_000) * MS), then);
        }
        let skew = reach.skew().unwrap();
        assert!(
            (skew.ahead_ns + 59_750 * MS).abs() <= skew.error_ns,
            "{skew:?}"
        );
        let mut other = hello(Role::Robot, 2);
        other.unix_ms = None;
        reach.greeted(&other, at(300_000));
        assert_eq!((reach.skew(), reach.rtt_ns()), (None, None));
    }
}
