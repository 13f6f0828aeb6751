//! Drops readings that only repeat the one before, and tells how often a sensor really gives a new one.
//!
//! A sensor asked faster than it refreshes says the same again. Of a run of equal readings the first and the last are
//! kept, and one in between every [`HOLD_NS`], so that an integral over what is left is the integral over everything,
//! and a steady level is not taken for a gap.

use std::collections::VecDeque;

use super::RailSample;
use crate::units::{Hertz, Nanos};

/// A steady level is told again after so long.
pub(super) const HOLD_NS: i64 = 200_000_000;
/// The effective rate is over so long.
const RATE_WINDOW_NS: i64 = 2_000_000_000;
/// Changes remembered; a meter with more gets its rate over a shorter time.
const MAX_CHANGES: usize = 1024;

/// The filter of one source.
#[derive(Debug, Default)]
pub(super) struct Thinner {
    last: Vec<RailSample>,
    /// A repeat that was held back.
    held: Vec<RailSample>,
    told: Nanos,
    changes: VecDeque<Nanos>,
}

impl Thinner {
    /// What is left of a source's samples. Those of one instant are one reading.
    pub(super) fn thin(&mut self, samples: &[RailSample]) -> Vec<RailSample> {
        let mut left = Vec::new();
        for reading in samples.chunk_by(|a, b| a.at == b.at) {
            let Some(at) = reading.first().map(|s| s.at) else {
                continue;
            };
            let repeats = same(reading, &self.last);
            if repeats && at.since(self.told) < HOLD_NS {
                self.held.clear();
                self.held.extend_from_slice(reading);
                continue;
            }
            if !repeats {
                left.append(&mut self.held);
                self.last.clear();
                self.last.extend_from_slice(reading);
                if self.changes.len() == MAX_CHANGES {
                    self.changes.pop_front();
                }
                self.changes.push_back(at);
            }
            self.held.clear();
            self.told = at;
            left.extend_from_slice(reading);
        }
        left
    }

    /// New readings per second over the last two seconds; none before there are two. On a steady level it is less
    /// than the sensor's rate: a refresh to the same value cannot be seen.
    pub(super) fn effective_rate(&mut self, now: Nanos) -> Option<Hertz> {
        while let Some(&first) = self.changes.front()
            && now.since(first) > RATE_WINDOW_NS
        {
            self.changes.pop_front();
        }
        let (first, last) = (self.changes.front()?, self.changes.back()?);
        let ns = last.since(*first);
        (ns > 0).then(|| Hertz((self.changes.len() - 1) as f64 / (ns as f64 / 1e9)))
    }

    /// Forgets everything: after an error nothing is a repeat.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

fn same(a: &[RailSample], b: &[RailSample]) -> bool {
    let values = |s: &RailSample| (s.rail, s.volts, s.amps, s.watts);
    a.iter().map(values).eq(b.iter().map(values))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::power::RailId;
    use crate::power::energy::{Sample, integrate};
    use crate::units::Watts;

    fn reading(ms: i64, watts: f64) -> RailSample {
        RailSample {
            rail: RailId(0),
            at: Nanos(ms * 1_000_000),
            volts: None,
            amps: None,
            watts: Watts(watts),
        }
    }

    fn points(samples: &[RailSample]) -> Vec<(i64, f64)> {
        let point = |s: &RailSample| (s.at.0 / 1_000_000, s.watts.0);
        samples.iter().map(point).collect()
    }

    #[test]
    fn of_a_run_the_first_and_the_last_are_kept() {
        let mut thinner = Thinner::default();
        let samples = [(0, 4.0), (20, 4.0), (40, 4.0), (60, 9.0), (80, 9.0)];
        let samples = samples.map(|(ms, w)| reading(ms, w));
        let left = thinner.thin(&samples);
        assert_eq!(points(&left), [(0, 4.0), (40, 4.0), (60, 9.0)]);
    }

    #[test]
    fn a_steady_level_is_told_again_five_times_a_second() {
        let mut thinner = Thinner::default();
        let samples: Vec<_> = (0..51).map(|n| reading(n * 20, 4.0)).collect();
        let left = thinner.thin(&samples);
        let at: Vec<_> = points(&left).iter().map(|p| p.0).collect();
        assert_eq!(at, [0, 200, 400, 600, 800, 1000]);
    }

    #[test]
    fn the_rate_counts_new_readings_only() {
        let mut thinner = Thinner::default();
        // Asked at 50 Hz, refreshed at 10 Hz.
        let samples: Vec<_> = (0..100).map(|n| reading(n * 20, (n / 5) as f64)).collect();
        thinner.thin(&samples);
        let rate = thinner.effective_rate(Nanos(2_000_000_000)).unwrap();
        assert!((rate.0 - 10.0).abs() < 1e-9, "{rate}");
        assert_eq!(thinner.effective_rate(Nanos(60_000_000_000)), None);
    }

    proptest! {
        #[test]
        fn what_is_left_has_the_same_integral(levels in proptest::collection::vec(0_u8..3, 2..200)) {
            let all: Vec<_> = (0..).zip(&levels).map(|(n, &l)| reading(n * 20, f64::from(l))).collect();
            let mut thinner = Thinner::default();
            let mut left: Vec<_> = all.chunks(7).flat_map(|c| thinner.thin(c)).collect();
            // The run at the end is still held back.
            left.extend_from_slice(&thinner.held);
            let series = |s: &[RailSample]| s.iter().map(|s| Sample { at: s.at, watts: s.watts }).collect::<Vec<_>>();
            let window = all[0].at..all[all.len() - 1].at;
            let of = |s: &[RailSample]| integrate(&series(s), &window, 250_000_000).unwrap().0;
            prop_assert!((of(&all) - of(&left)).abs() < 1e-9);
        }
    }
}
