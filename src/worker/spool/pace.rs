//! How fast missed batches are sent again: a stated share of the robot's link, so that live batches and frames hardly
//! notice.

use crate::units::Nanos;

/// Of the goodput last measured on the data link: backfill may take this much.
pub const SHARE: f64 = 0.02;
/// Bits per second that are always allowed: an outage of 30 s must not take minutes.
const LEAST: f64 = 0.25e6;
/// Bits per second where no link is known (all runs on the robot, or this is a server without frames).
const UNKNOWN: f64 = 2e6;

/// Bits per second for backfill on a link of this goodput.
pub fn rate(link_bits_per_second: Option<f64>) -> f64 {
    link_bits_per_second.map_or(UNKNOWN, |link| (link * SHARE).max(LEAST))
}

/// When the next piece may go.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    next: Option<Nanos>,
}

impl Pace {
    /// How long to wait from now, in nanoseconds.
    pub fn wait_ns(&self, now: Nanos) -> i64 {
        self.next.map_or(0, |next| next.since(now).max(0))
    }

    /// A piece was sent; an idle time before it earns nothing.
    pub fn sent(&mut self, bytes: usize, bits_per_second: f64, now: Nanos) {
        let ns = bytes as f64 * 8e9 / bits_per_second.max(1.0);
        let from = self.next.map_or(now, |next| Nanos(next.0.max(now.0)));
        self.next = Some(from.shifted(ns as i64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backfill_takes_its_share_of_the_link_and_no_burst_after_a_rest() {
        let rate = rate(Some(100e6));
        assert!((rate - 2e6).abs() < 1.0);
        let (mut pace, mut now, mut bytes) = (Pace::default(), Nanos(0), 0_u64);
        while now.0 < 2_000_000_000 {
            now = now.shifted(pace.wait_ns(now));
            pace.sent(2_500, rate, now);
            bytes += 2_500;
        }
        let sent = bytes as f64 * 8.0 / 2.0;
        assert!((sent - rate).abs() < 0.02 * rate, "{sent}");
        let later = now.shifted(60_000_000_000);
        assert_eq!(pace.wait_ns(later), 0);
        pace.sent(2_500, rate, later);
        assert_eq!(pace.wait_ns(later), 10_000_000);
    }

    #[test]
    fn a_slow_or_unknown_link_still_gets_something() {
        assert!(rate(Some(0.0)) >= LEAST);
        assert!(rate(None) > LEAST);
    }
}
