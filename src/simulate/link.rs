//! A link as predictions see it: a rate each way, whether the ways share a medium, and what a message costs besides.

use std::sync::Arc;

use crate::profile::trace::{AfterEnd, Direction, Schedule, Trace};
use crate::units::{BitsPerSecond, Nanos};

/// The rate of one direction over time.
#[derive(Debug, Clone)]
pub enum Rate {
    /// Always the same; infinity does not pace at all.
    Constant(BitsPerSecond),
    /// A trace's.
    Trace(Schedule),
}

impl Rate {
    /// Nanoseconds from `start` until `bits` have passed, rounded up; none if they never will.
    pub fn ns_for(&self, start: Nanos, bits: f64) -> Option<i64> {
        let ns = match self {
            Self::Constant(rate) if rate.0 <= 0.0 => return (bits <= 0.0).then_some(0),
            Self::Constant(rate) => bits / rate.0 * 1e9,
            Self::Trace(schedule) => schedule.ns_for(start.0, bits)?,
        };
        // A billionth of a nanosecond too much is rounding, not time.
        Some((ns - 1e-6).ceil().max(0.0) as i64)
    }

    /// Bits that can pass between two times.
    pub fn bits_between(&self, from: Nanos, to: Nanos) -> f64 {
        match self {
            Self::Constant(rate) => rate.0 * to.since(from) as f64 / 1e9,
            Self::Trace(schedule) => schedule.bits_between(from.0, to.0),
        }
    }

    /// The rate in force, in megabits per second.
    pub fn mbps(&self, at: Nanos) -> f64 {
        match self {
            Self::Constant(rate) => rate.as_mbps(),
            Self::Trace(schedule) => schedule.rate(at.0).as_mbps(),
        }
    }

    /// The same rate times `share`; none of a trace, whose future is certain.
    fn slowed(&self, share: f64) -> Option<Self> {
        match self {
            Self::Constant(rate) => Some(Self::Constant(BitsPerSecond(rate.0 * share))),
            Self::Trace(_) => None,
        }
    }

    fn delay_ns(&self, at: Nanos) -> i64 {
        match self {
            Self::Constant(_) => 0,
            Self::Trace(schedule) => schedule.delay_ns(at.0),
        }
    }
}

/// A link between devices. Where several servers are, all of their transfers with the robot go over this one link.
#[derive(Debug, Clone)]
pub struct Link {
    /// From the robot, or from the lower number.
    pub up: Rate,
    /// To the robot, or to the lower number.
    pub down: Rate,
    /// False: both ways share one medium, as on Wi-Fi. True: each has its rate for itself.
    pub duplex: bool,
    /// One way, in nanoseconds, after the time on the medium and on top of a trace's own delay.
    pub latency_ns: i64,
    /// How long a value keeps its send lane besides the time of its bits, in nanoseconds.
    pub message_ns: i64,
}

impl Link {
    /// One medium of a constant rate, without latency.
    pub const fn constant(rate: BitsPerSecond) -> Self {
        Self {
            up: Rate::Constant(rate),
            down: Rate::Constant(rate),
            duplex: false,
            latency_ns: 0,
            message_ns: 0,
        }
    }

    /// Nothing in the way: every value is there at once.
    pub const fn none() -> Self {
        Self::constant(BitsPerSecond(f64::INFINITY))
    }

    /// A trace, which says itself whether both ways share a medium.
    pub fn of_trace(trace: &Arc<Trace>, after: AfterEnd) -> Self {
        let rate = |d| Rate::Trace(Schedule::new(Arc::clone(trace), d, after));
        Self {
            up: rate(Direction::Up),
            down: rate(Direction::Down),
            duplex: !trace.is_shared(),
            latency_ns: 0,
            message_ns: 0,
        }
    }

    /// The same link at a share of its rates; none of a trace.
    pub fn slowed(&self, share: f64) -> Option<Self> {
        Some(Self {
            up: self.up.slowed(share)?,
            down: self.down.slowed(share)?,
            ..self.clone()
        })
    }

    /// The rate of one direction.
    pub const fn rate(&self, direction: Direction) -> &Rate {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }

    /// Nanoseconds from the last bit's leaving at `at` to its arrival.
    pub fn delay_ns(&self, direction: Direction, at: Nanos) -> i64 {
        self.latency_ns + self.rate(direction).delay_ns(at)
    }
}
