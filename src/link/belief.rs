//! What the next transfer may expect of a link, from the transfers of finished frames. Pure.
//!
//! Both directions are taken for one medium, as on Wi-Fi: transfers that went on at once are one stretch of busy time,
//! whatever their direction. A stretch is `latency + bytes / rate`; the latency is half the shortest round trip of
//! the heartbeats. The memory is short (METHODS.md section 3 wants a prediction of the next frame, and a garden's link
//! changes within tenths of a second).

use super::estimate::{Estimate, Estimator};
use crate::units::Nanos;
use crate::wire::Flow;

/// Busy time after which an old transfer weighs 1/e, in seconds.
const MEMORY_S: f64 = 0.04;
/// At least this part of a stretch is bytes passing: a latency that is believed too long cannot make a rate infinite.
const LEAST_SHARE: f64 = 0.2;
/// A value this many times smaller than its frame's largest is small.
const SMALL: u64 = 10;
/// The long memory: what the link is like in general, in seconds of busy time.
const LONG_MEMORY_S: f64 = 20.0;
/// Without traffic for this long, a link that was bad may be better by now.
const QUIET_NS: i64 = 1_000_000_000;
/// Quiet time in which half the way back to the long memory's rate is believed.
const HALF_BACK_NS: f64 = 1.5e9;
/// Quiet time that doubles the belief beyond that: a link that was always bad is tried again, too.
const DOUBLING_NS: f64 = 10e9;
/// The belief grows beyond it by this much at most.
const MOST_GROWTH: f64 = 16.0;

/// A value's way over the link, on the robot's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// Its first byte was handed to the socket.
    pub start: Nanos,
    /// Its last byte was received.
    pub end: Nanos,
    /// Its payload.
    pub bytes: u64,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Belief {
    rate: Estimator,
    long: Estimator,
    latency_ns: i64,
}

impl Default for Belief {
    fn default() -> Self {
        Self {
            rate: Estimator::remembering(MEMORY_S),
            long: Estimator::remembering(LONG_MEMORY_S),
            latency_ns: 0,
        }
    }
}

/// What the link is believed to be now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Believed {
    /// The medium's payload rate.
    pub rate: Estimate,
    /// One way.
    pub latency_ns: i64,
    /// By how much the rate was raised because there was no traffic to learn from: 1 while there is.
    pub growth: f64,
}

impl Belief {
    /// Heartbeats say how long one way takes, in nanoseconds.
    pub fn set_latency(&mut self, one_way_ns: i64) {
        self.latency_ns = one_way_ns.max(0);
    }

    /// Takes a finished frame's transfers in. Beside a large value a small one says nothing of the rate: waking and
    /// packing is most of its time.
    pub fn frame(&mut self, mut passages: Vec<Passage>) {
        let largest = passages.iter().map(|p| p.bytes).max().unwrap_or(0);
        passages.retain(|p| p.end > p.start && p.bytes > 0 && p.bytes >= largest / SMALL);
        passages.sort_unstable_by_key(|p| p.start);
        let mut stretch: Option<Passage> = None;
        for passage in passages {
            match &mut stretch {
                Some(busy) if passage.start <= busy.end => {
                    busy.end = busy.end.max(passage.end);
                    busy.bytes += passage.bytes;
                }
                _ => {
                    if let Some(busy) = stretch.replace(passage) {
                        self.stretch(busy);
                    }
                }
            }
        }
        if let Some(busy) = stretch {
            self.stretch(busy);
        }
    }

    fn stretch(&mut self, busy: Passage) {
        let length_ns = busy.end.since(busy.start);
        let least_ns = (length_ns as f64 * LEAST_SHARE) as i64;
        let flow = Flow {
            bytes: busy.bytes,
            busy_ns: (length_ns - self.latency_ns).max(least_ns),
        };
        self.add(busy.end, flow);
    }

    /// A transfer was given up: what came until then is news, too, most of all if it is nothing.
    pub fn stalled(&mut self, passage: Passage) {
        let flow = Flow {
            bytes: passage.bytes,
            busy_ns: passage.end.since(passage.start).max(0),
        };
        self.add(passage.end, flow);
    }

    fn add(&mut self, at: Nanos, flow: Flow) {
        self.rate.add(at, flow);
        self.long.add(at, flow);
    }

    /// What is believed now; none before the first transfers.
    pub fn now(&self, now: Nanos) -> Option<Believed> {
        let mut rate = self.rate.estimate(now)?;
        let quiet_ns = (rate.age_ns - QUIET_NS).max(0) as f64;
        let measured = rate.mbps;
        let usual = self.long.estimate(now).map_or(measured, |long| long.mbps);
        let way_back = 1.0 - (-quiet_ns / HALF_BACK_NS).exp2();
        rate.mbps += (usual - measured).max(0.0) * way_back;
        rate.mbps *= (quiet_ns / DOUBLING_NS).exp2().min(MOST_GROWTH);
        let growth = rate.mbps / measured.max(1e-6);
        Some(Believed {
            rate,
            latency_ns: self.latency_ns,
            growth,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn passage(start_ms: i64, ms: f64, bytes: u64) -> Passage {
        let start = Nanos(start_ms * MS);
        Passage {
            start,
            end: start.shifted((ms * MS as f64) as i64),
            bytes,
        }
    }

    fn mbps(belief: &Belief, at_ms: i64) -> f64 {
        belief.now(Nanos(at_ms * MS)).unwrap().rate.mbps
    }

    #[test]
    fn latency_is_no_lack_of_bandwidth() {
        let mut belief = Belief::default();
        belief.set_latency(5 * MS);
        // 250 kB at 100 Mbps take 20 ms, and the last byte 5 ms more.
        for i in 0..10 {
            belief.frame(vec![passage(100 * i, 25.0, 250_000)]);
        }
        assert!((mbps(&belief, 1000) - 100.0).abs() < 0.1, "{belief:?}");
    }

    #[test]
    fn both_ways_at_once_share_the_medium() {
        let mut belief = Belief::default();
        for i in 0..10 {
            let at = 100 * i;
            belief.frame(vec![passage(at, 40.0, 250_000), passage(at, 40.0, 250_000)]);
        }
        assert!((mbps(&belief, 1000) - 100.0).abs() < 0.1, "{belief:?}");
    }

    #[test]
    fn a_small_result_beside_a_large_value_is_no_slow_link() {
        let mut belief = Belief::default();
        for i in 0..100 {
            let at = 100 * i;
            belief.frame(vec![
                passage(at, 40.0, 500_000),
                passage(at + 60, 1.0, 4_000),
            ]);
        }
        assert!((mbps(&belief, 10_000) - 100.0).abs() < 0.1, "{belief:?}");
    }

    #[test]
    fn a_change_is_believed_within_a_few_frames() {
        let mut belief = Belief::default();
        for i in 0..50 {
            belief.frame(vec![passage(100 * i, 25.0, 312_500)]);
        }
        for i in 50..53 {
            belief.frame(vec![passage(100 * i, 125.0, 312_500)]);
        }
        assert!(mbps(&belief, 5300) < 25.0, "{belief:?}");
    }

    #[test]
    fn a_quiet_link_is_believed_better_and_better_within_bounds() {
        let mut belief = Belief::default();
        assert_eq!(belief.now(Nanos(0)), None);
        belief.frame(vec![passage(0, 100.0, 12_500)]);
        assert!((mbps(&belief, 1_000) - 1.0).abs() < 0.01);
        assert!((mbps(&belief, 11_100) - 2.0).abs() < 0.01);
        assert!((mbps(&belief, 10_000_000) - 16.0).abs() < 0.01);
        assert!(belief.now(Nanos(10_000_000 * MS)).unwrap().growth > 15.9);
    }

    #[test]
    fn after_an_outage_the_usual_rate_is_believed_again_within_seconds() {
        let mut belief = Belief::default();
        for i in 0..200 {
            belief.frame(vec![passage(100 * i, 50.0, 625_000)]);
        }
        for i in 0..3 {
            belief.stalled(passage(20_000 + 300 * i, 300.0, 0));
        }
        assert!(mbps(&belief, 21_000) < 1.0, "{belief:?}");
        let later = mbps(&belief, 25_000);
        assert!((50.0..=105.0).contains(&later), "{later}");
    }

    #[test]
    fn nonsense_changes_nothing() {
        let mut belief = Belief::default();
        belief.set_latency(i64::MAX);
        belief.frame(vec![passage(0, 0.0, 10), passage(5, 10.0, 0)]);
        assert_eq!(belief.now(Nanos(0)), None);
        belief.frame(vec![passage(0, 100.0, 1_000_000)]);
        assert!(mbps(&belief, 100).is_finite());
    }
}
