//! The trapezoid over power samples, with gaps left open.

use std::ops::Range;

use crate::units::{Joules, Nanos, Watts};

/// Power at an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When.
    pub at: Nanos,
    /// How much.
    pub watts: Watts,
}

/// An integral and how much of its window the samples cover.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Integral {
    /// Energy of the covered part.
    pub energy: Joules,
    /// The covered part.
    pub covered_ns: i64,
    /// The window.
    pub window_ns: i64,
}

impl Integral {
    /// The covered share of the window, 0 to 1; an empty window is covered.
    pub fn coverage(&self) -> f64 {
        if self.window_ns <= 0 {
            return 1.0;
        }
        self.covered_ns as f64 / self.window_ns as f64
    }

    /// Mean power over the covered part; none if nothing is.
    pub fn mean(&self) -> Option<Watts> {
        self.energy.mean_over_ns(self.covered_ns)
    }
}

/// Energy over a window, if samples at most `max_gap_ns` apart cover all of it. Samples are in order of time.
pub fn integrate(samples: &[Sample], window: &Range<Nanos>, max_gap_ns: i64) -> Option<Joules> {
    let integral = integrate_covered(samples, window, max_gap_ns);
    (integral.covered_ns == integral.window_ns && integral.window_ns >= 0)
        .then_some(integral.energy)
}

/// Energy over what samples cover of a window: linear between two samples, nothing across a gap of more than
/// `max_gap_ns`, nothing before the first and after the last. Samples are in order of time; one that goes back is
/// passed over.
pub fn integrate_covered(samples: &[Sample], window: &Range<Nanos>, max_gap_ns: i64) -> Integral {
    let mut energy = 0.0;
    let mut covered_ns = 0;
    // Only the samples around the window: a rolling estimate asks often.
    let from = samples.partition_point(|s| s.at < window.start);
    let near = samples.get(from.saturating_sub(1)..).unwrap_or_default();
    let mut before: Option<Sample> = None;
    for &next in near {
        if let Some(last) = before {
            if last.at >= window.end {
                break;
            }
            let gap = next.at.since(last.at);
            if gap < 0 {
                continue;
            }
            let start = last.at.max(window.start);
            let end = next.at.min(window.end);
            if gap <= max_gap_ns && end > start {
                let ns = end.since(start);
                let middle = start.since(last.at) as f64 + ns as f64 / 2.0;
                let slope = (next.watts.0 - last.watts.0) / gap as f64;
                energy += Watts(last.watts.0 + slope * middle).over_ns(ns).0;
                covered_ns += ns;
            }
        }
        before = Some(next);
    }
    Integral {
        energy: Joules(energy),
        covered_ns,
        window_ns: window.end.since(window.start),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn series(points: &[(f64, f64)]) -> Vec<Sample> {
        let sample = |&(s, w): &(f64, f64)| Sample {
            at: Nanos((s * 1e9) as i64),
            watts: Watts(w),
        };
        points.iter().map(sample).collect()
    }

    fn window(from_s: f64, to_s: f64) -> Range<Nanos> {
        Nanos((from_s * 1e9) as i64)..Nanos((to_s * 1e9) as i64)
    }

    #[test]
    fn known_answers() {
        let ramp = series(&[(0.0, 0.0), (1.0, 10.0), (2.0, 10.0)]);
        for (from, to, joules) in [
            (0.0, 2.0, 15.0),
            (0.0, 1.0, 5.0),
            (0.5, 1.0, 3.75),
            (0.25, 0.75, 2.5),
            (0.5, 1.5, 8.75),
            (1.25, 1.75, 5.0),
        ] {
            let got = integrate(&ramp, &window(from, to), SECOND).unwrap().0;
            assert!((got - joules).abs() < 1e-9, "{from}..{to}: {got}");
        }
    }

    #[test]
    fn a_gap_is_not_bridged() {
        let samples = series(&[(0.0, 4.0), (1.0, 4.0), (3.0, 4.0), (4.0, 4.0)]);
        assert_eq!(integrate(&samples, &window(0.0, 4.0), SECOND), None);
        let covered = integrate_covered(&samples, &window(0.0, 4.0), SECOND);
        assert_eq!(covered.energy, Joules(8.0));
        assert!((covered.coverage() - 0.5).abs() < 1e-12);
        assert_eq!(covered.mean(), Some(Watts(4.0)));
        assert_eq!(
            integrate(&samples, &window(0.0, 4.0), 2 * SECOND),
            Some(Joules(16.0))
        );
        assert_eq!(
            integrate(&samples, &window(0.2, 0.9), SECOND).unwrap(),
            Joules(2.8)
        );
    }

    #[test]
    fn nothing_is_assumed_before_the_first_and_after_the_last() {
        let samples = series(&[(1.0, 4.0), (2.0, 4.0)]);
        assert_eq!(integrate(&samples, &window(0.9, 2.0), SECOND), None);
        assert_eq!(integrate(&samples, &window(1.0, 2.1), SECOND), None);
        assert_eq!(integrate(&[], &window(1.0, 2.0), SECOND), None);
        assert_eq!(
            integrate_covered(&[], &window(1.0, 2.0), SECOND).mean(),
            None
        );
    }

    proptest! {
        #[test]
        fn two_halves_make_the_whole(
            watts in proptest::collection::vec(0.0_f64..20.0, 2..60), at in 0.0_f64..1.0,
        ) {
            let points: Vec<_> = (0..).zip(&watts).map(|(n, &w)| (f64::from(n) * 0.02, w)).collect();
            let samples = series(&points);
            let (start, end) = (samples[0].at, samples[samples.len() - 1].at);
            let cut = start.shifted((end.since(start) as f64 * at) as i64);
            let of = |from, to| integrate(&samples, &(from..to), SECOND).unwrap().0;
            prop_assert!((of(start, cut) + of(cut, end) - of(start, end)).abs() < 1e-9);
        }

        #[test]
        fn a_constant_is_power_times_time_however_it_is_sampled(
            steps in proptest::collection::vec(0.0_f64..0.9, 1..50), watts in 0.1_f64..50.0,
        ) {
            let mut at = 0.0;
            let mut points = vec![(0.0, watts)];
            for step in steps {
                at += step;
                points.push((at, watts));
            }
            let got = integrate(&series(&points), &window(0.0, at), SECOND).unwrap().0;
            prop_assert!((got - watts * at).abs() < 1e-6);
        }
    }
}
