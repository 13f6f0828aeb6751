//! What a policy may believe of a link: bandwidth, how far it scatters, and how old the news is. Pure.
//!
//! Samples are bytes over busy time (see [`Meter`](super::Meter)), so that an idle link is not taken for a slow one.
//! A sample weighs by its busy time: `a = 1 - exp(-busy / 1 s)`, `mean <- mean + a d`, `variance <- (1 - a) (variance +
//! a d^2)` with `d` the sample's distance from the mean (West 1979, exponentially weighted).

use crate::units::Nanos;
use crate::wire::Flow;

/// Busy time after which old samples weigh 1/e, unless asked for another one.
const MEMORY_S: f64 = 1.0;
/// Busy time that makes a sample: less is collected, for a few packets say little of a link.
const LEAST_BUSY_NS: i64 = 20_000_000;
/// How long the news of a link that stands still is good.
const FRESH_NS: i64 = 5_000_000_000;

/// What is known of one direction of a link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Megabits of values, as they are packed, per second while something is sent.
    pub mbps: f64,
    /// Standard deviation of the samples, in megabits per second: what the next transfer may be off by.
    pub std_mbps: f64,
    /// Nanoseconds since the newest sample.
    pub age_ns: i64,
}

impl Estimate {
    /// The rate in whole bits per second.
    pub fn bps(&self) -> u64 {
        (self.mbps * 1e6) as u64
    }

    /// Whether there was no traffic for so long that the link may be another one by now.
    pub const fn is_stale(&self) -> bool {
        self.age_ns > FRESH_NS
    }
}

/// Follows the bandwidth of one direction.
#[derive(Debug, Clone)]
pub struct Estimator {
    memory_s: f64,
    /// Not yet enough for a sample.
    collected: Flow,
    mbps: Option<f64>,
    variance: f64,
    newest: Nanos,
}

impl Default for Estimator {
    fn default() -> Self {
        Self::remembering(MEMORY_S)
    }
}

impl Estimator {
    /// An estimator in which old samples weigh 1/e after so many seconds of busy time.
    pub const fn remembering(memory_s: f64) -> Self {
        Self {
            memory_s,
            collected: Flow {
                bytes: 0,
                busy_ns: 0,
            },
            mbps: None,
            variance: 0.0,
            newest: Nanos(0),
        }
    }

    /// Takes what passed until `at`; a transfer that stalls is busy time without bytes, and counts.
    pub fn add(&mut self, at: Nanos, flow: Flow) {
        self.collected.bytes += flow.bytes;
        self.collected.busy_ns += flow.busy_ns;
        if self.collected.busy_ns < LEAST_BUSY_NS {
            return;
        }
        let sample = std::mem::take(&mut self.collected);
        let Some(mbps) = sample.mbps() else {
            return;
        };
        self.newest = at;
        let Some(mean) = &mut self.mbps else {
            self.mbps = Some(mbps);
            // One sample tells nothing of the spread: as much as the mean itself.
            self.variance = mbps * mbps;
            return;
        };
        let a = 1.0 - (-(sample.busy_ns as f64) / 1e9 / self.memory_s).exp();
        let d = mbps - *mean;
        *mean += a * d;
        self.variance = (1.0 - a) * (self.variance + a * d * d);
    }

    /// Forgets everything: the link is another one.
    pub fn reset(&mut self) {
        *self = Self::remembering(self.memory_s);
    }

    /// What is known now; none before the first sample.
    pub fn estimate(&self, now: Nanos) -> Option<Estimate> {
        self.mbps.map(|mbps| Estimate {
            mbps,
            std_mbps: self.variance.sqrt(),
            age_ns: now.since(self.newest).max(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: i64 = 1_000_000;

    fn at_mbps(mbps: f64, busy_ms: i64) -> Flow {
        Flow {
            bytes: (mbps * busy_ms as f64 * 125.0) as u64,
            busy_ns: busy_ms * MS,
        }
    }

    /// Windows of 100 ms, each with a rate and busy milliseconds.
    fn fed(windows: impl IntoIterator<Item = (f64, i64)>) -> (Estimator, Nanos) {
        let mut estimator = Estimator::default();
        let mut now = Nanos(0);
        for (mbps, busy_ms) in windows {
            now = now.shifted(100 * MS);
            estimator.add(now, at_mbps(mbps, busy_ms));
        }
        (estimator, now)
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "these come out exactly")]
    fn an_idle_link_is_not_a_slow_one_but_its_news_grows_old() {
        let (mut estimator, now) = fed([(93.0, 60); 30]);
        let busy = estimator.estimate(now).unwrap();
        assert!((busy.mbps - 93.0).abs() < 0.1, "{busy:?}");
        for i in 1..100 {
            estimator.add(now.shifted(i * 100 * MS), Flow::default());
        }
        let idle = estimator.estimate(now.shifted(10_000 * MS)).unwrap();
        assert_eq!(idle.mbps, busy.mbps);
        assert!(idle.is_stale() && !busy.is_stale(), "{idle:?}");
        assert_eq!(Estimator::default().estimate(now), None);
    }

    #[test]
    fn a_stall_is_news() {
        let (estimator, now) = fed([(93.0, 100); 30].into_iter().chain([(0.0, 100); 20]));
        let estimate = estimator.estimate(now).unwrap();
        assert!(
            estimate.mbps < 93.0 * 0.2 && estimate.std_mbps > 20.0,
            "{estimate:?}"
        );
    }

    #[test]
    fn few_packets_are_collected_until_they_say_something() {
        let (estimator, now) = fed([(900.0, 1); 19]);
        assert_eq!(estimator.estimate(now), None);
        let (estimator, now) = fed([(900.0, 1); 20]);
        assert!(estimator.estimate(now).is_some());
    }

    proptest! {
        #[test]
        fn mean_and_spread_find_those_of_the_samples(mbps in 5.0_f64..500.0, spread in 0.0_f64..0.3) {
            let alternate = |i: i32| mbps * (1.0 + if i % 2 == 0 { spread } else { -spread });
            let (estimator, now) = fed((0..200).map(|i| (alternate(i), 50)));
            let estimate = estimator.estimate(now).unwrap();
            prop_assert!((estimate.mbps / mbps - 1.0).abs() < 0.02 + 0.05 * spread, "{estimate:?}");
            let std = spread * mbps;
            prop_assert!((estimate.std_mbps - std).abs() < 0.1 * std + 0.01 * mbps, "{estimate:?} {std}");
        }

        #[test]
        fn no_flow_breaks_it(flows in prop::collection::vec((any::<u32>(), 0_i64..1_000_000_000), 0..50)) {
            let mut estimator = Estimator::default();
            for (i, &(bytes, busy_ns)) in (0..).zip(&flows) {
                estimator.add(Nanos(i * 100 * MS), Flow { bytes: u64::from(bytes), busy_ns });
                if let Some(e) = estimator.estimate(Nanos(i * 100 * MS)) {
                    prop_assert!(e.mbps.is_finite() && e.std_mbps.is_finite() && e.mbps >= 0.0);
                }
            }
        }
    }
}
