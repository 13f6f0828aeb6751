//! A trace as a function of time: rate, capacity between two times, and when a number of bits has passed. Pure.

use std::sync::Arc;

use super::{Direction, Row, Trace};
use crate::units::BitsPerSecond;

/// What comes after a trace's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AfterEnd {
    /// The trace from its beginning.
    #[default]
    Loop,
    /// Its last row, for ever.
    Hold,
}

/// One direction of a trace in time; 0 is the trace's beginning, and earlier counts as 0.
#[derive(Debug, Clone)]
pub struct Schedule {
    trace: Arc<Trace>,
    direction: Direction,
    /// Bits that pass before each row, within one turn.
    bits_before: Vec<f64>,
    /// Length and bits of a turn, if the trace is played again and again.
    turn: Option<(i64, f64)>,
}

/// Bits that pass at a rate in a time.
fn bits_in(mbps: f64, ns: i64) -> f64 {
    mbps * ns as f64 / 1e3
}

impl Schedule {
    /// Plays one direction of a trace.
    pub fn new(trace: Arc<Trace>, direction: Direction, after: AfterEnd) -> Self {
        let mut bits = 0.0;
        let bits_before = trace
            .pieces(direction)
            .map(|(mbps, ns)| {
                let before = bits;
                bits += bits_in(mbps, ns);
                before
            })
            .collect();
        let turn = match after {
            AfterEnd::Loop => trace.length_ns().map(|ns| (ns, bits)),
            AfterEnd::Hold => None,
        };
        Self {
            trace,
            direction,
            bits_before,
            turn,
        }
    }

    /// Whole turns before a time, and the time within its turn.
    fn split(&self, at_ns: i64) -> (i64, i64) {
        let at_ns = at_ns.max(0);
        match self.turn {
            None => (0, at_ns),
            Some((ns, _)) => (at_ns / ns, at_ns % ns),
        }
    }

    /// The row in force at a time within a turn, and when the next one is; none if it holds for ever.
    fn row(&self, within_ns: i64) -> (usize, &Row, Option<i64>) {
        let rows = self.trace.rows();
        let i = rows.partition_point(|r| r.at_ns <= within_ns).max(1) - 1;
        let next = rows.get(i + 1).map(|r| r.at_ns);
        (i, &rows[i], next.or(self.turn.map(|t| t.0)))
    }

    /// The rate in force.
    pub fn rate(&self, at_ns: i64) -> BitsPerSecond {
        let (_, row, _) = self.row(self.split(at_ns).1);
        BitsPerSecond::from_mbps(self.direction.of(row))
    }

    /// The delay in force, in nanoseconds.
    pub fn delay_ns(&self, at_ns: i64) -> i64 {
        let (_, row, _) = self.row(self.split(at_ns).1);
        (row.delay_ms * 1e6) as i64
    }

    /// When the next row begins; none if the present one holds for ever.
    pub fn next_change(&self, at_ns: i64) -> Option<i64> {
        let within = self.split(at_ns).1;
        let (_, _, next) = self.row(within);
        next.map(|next| at_ns.max(0) + (next - within))
    }

    /// Bits that can pass from the beginning until a time.
    fn bits_until(&self, at_ns: i64) -> f64 {
        let (turns, within) = self.split(at_ns);
        let (i, row, _) = self.row(within);
        let turn_bits = self.turn.map_or(0.0, |t| t.1);
        turns as f64 * turn_bits
            + self.bits_before[i]
            + bits_in(self.direction.of(row), within - row.at_ns)
    }

    /// Bits that can pass between two times: the trace's integral.
    pub fn bits_between(&self, from_ns: i64, to_ns: i64) -> f64 {
        self.bits_until(to_ns) - self.bits_until(from_ns)
    }

    /// Nanoseconds from `start_ns` until `bits` have passed; none if they never will.
    pub fn ns_for(&self, start_ns: i64, bits: f64) -> Option<f64> {
        let (_, mut within) = self.split(start_ns);
        let (mut left, mut passed) = (bits.max(0.0), 0.0);
        if let Some((turn_ns, turn_bits)) = self.turn {
            if turn_bits <= 0.0 {
                return None;
            }
            // Whole turns at once, however little passes in one; the last one's bits may come before its end.
            let turns = ((left / turn_bits).ceil() - 1.0).max(0.0);
            left -= turns * turn_bits;
            passed += turns * turn_ns as f64;
        }
        loop {
            let (_, row, next) = self.row(within);
            let mbps = self.direction.of(row);
            let fits = next.map_or(mbps > 0.0, |next| bits_in(mbps, next - within) >= left);
            if fits {
                let last = if left > 0.0 { left * 1e3 / mbps } else { 0.0 };
                return Some(passed + last);
            }
            let next = next?;
            left -= bits_in(mbps, next - within);
            passed += (next - within) as f64;
            within = match self.turn {
                Some((turn_ns, _)) if next >= turn_ns => 0,
                _ => next,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: i64 = 1_000_000_000;

    fn schedule(rows: &[(i64, f64)], after: AfterEnd) -> Schedule {
        let rows = rows.iter().map(|&(at_ns, mbps)| Row {
            at_ns,
            up_mbps: mbps,
            down_mbps: mbps,
            delay_ms: mbps,
        });
        let trace = Trace::new(true, rows.collect()).unwrap();
        Schedule::new(Arc::new(trace), Direction::Up, after)
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "these come out exactly")]
    fn a_gap_is_waited_out_and_the_end_is_looped_or_held() {
        let rows = [(0, 8.0), (S, 0.0), (3 * S, 16.0), (4 * S, 0.0)];
        let looped = schedule(&rows, AfterEnd::Loop);
        // 4 Mbit left of the first second, then the gap of 2 s, then 16 Mbps.
        assert_eq!(looped.ns_for(S / 2, 4e6), Some(0.5e9));
        assert_eq!(looped.ns_for(S / 2, 12e6), Some(3e9));
        assert_eq!(looped.ns_for(4 * S, 8e6), Some(2e9), "the next turn");
        assert_eq!(looped.ns_for(0, 48e6), Some(9e9), "a second turn's end");
        assert_eq!(looped.bits_between(0, 10 * S), 48e6);
        assert_eq!(looped.rate(6 * S).as_mbps(), 0.0);
        assert_eq!(looped.next_change(6 * S), Some(8 * S));
        assert_eq!(looped.delay_ns(8 * S + 1), 16_000_000);
        let held = schedule(&rows, AfterEnd::Hold);
        assert_eq!(held.ns_for(4 * S, 1.0), None, "held at 0");
        assert_eq!(held.next_change(9 * S), None);
        assert_eq!(held.bits_between(0, 100 * S), 24e6);
        assert_eq!(schedule(&[(0, 0.0)], AfterEnd::Loop).ns_for(0, 1.0), None);
        let dead = schedule(&[(0, 0.0), (S, 0.0)], AfterEnd::Loop);
        assert_eq!(dead.ns_for(0, 1.0), None);
    }

    proptest! {
        #[test]
        fn what_passes_until_the_end_is_what_was_asked_for(
            gaps in prop::collection::vec((1_i64..3 * S, prop_oneof![Just(0.0), 0.5..500.0]), 1..30),
            start in 0..100 * S,
            bits in 1.0..1e9,
            is_looped: bool,
        ) {
            let mut at = 0;
            let rows: Vec<_> = gaps.iter().map(|&(gap, mbps)| { let row = (at, mbps); at += gap; row }).collect();
            let after = if is_looped { AfterEnd::Loop } else { AfterEnd::Hold };
            let schedule = schedule(&rows, after);
            match schedule.ns_for(start, bits) {
                Some(ns) => {
                    let end = start + ns as i64;
                    let got = schedule.bits_between(start, end);
                    // A nanosecond at 500 Mbps is half a bit.
                    prop_assert!((got - bits).abs() < 2.0 + 1e-6 * bits, "{got} of {bits}");
                }
                None => prop_assert!(schedule.bits_between(start, start + 1_000_000 * S) < bits),
            }
        }
    }
}
