//! Watts and joules per inference over the last seconds, for the screen. An estimate, never a result.

use std::collections::VecDeque;

use super::{Sample, integrate_covered};
use crate::units::{Joules, Nanos, Watts};

/// Samples and frames kept; with more the window gets shorter.
const MAX_KEPT: usize = 4096;
/// Below this share of its window the estimate says nothing.
const MIN_COVERAGE: f64 = 0.8;

/// A rolling estimate over the last seconds.
#[derive(Debug, Clone)]
pub struct Live {
    window_ns: i64,
    max_gap_ns: i64,
    samples: VecDeque<Sample>,
    /// When results came.
    frames: VecDeque<Nanos>,
    /// What was before this does not count.
    since: Nanos,
}

/// What the last seconds suggest. Frames are not counted to their power exactly: this is an estimate, and is to be
/// shown as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Mean power.
    pub watts: Watts,
    /// Energy over inferences, with everything the robot did meanwhile; none if no inference ended.
    pub joules_per_inference: Option<Joules>,
    /// Inferences that ended in the window.
    pub frames: usize,
    /// The window, as far as there are samples.
    pub window_ns: i64,
}

impl Live {
    /// An estimate over this many nanoseconds, with samples at most so far apart ([`super::MAX_GAP_NS`]).
    pub const fn new(window_ns: i64, max_gap_ns: i64) -> Self {
        Self {
            window_ns,
            max_gap_ns,
            samples: VecDeque::new(),
            frames: VecDeque::new(),
            since: Nanos(i64::MIN),
        }
    }

    /// What was before a moment no longer counts: another plan runs.
    pub fn begin(&mut self, since: Nanos) {
        self.since = since;
        self.samples.retain(|sample| sample.at >= since);
        self.frames.retain(|&at| at >= since);
    }

    /// Takes a sample of the total in; one that is older than the newest is passed over.
    pub fn sample(&mut self, sample: Sample) {
        let is_old = self.samples.back().is_some_and(|last| sample.at < last.at);
        if is_old || sample.at < self.since {
            return;
        }
        self.samples.push_back(sample);
        while self.samples.len() > MAX_KEPT
            || self.samples.get(1).is_some_and(|second| {
                // One sample from before the window stays: the line into it begins there.
                sample.at.since(second.at) > self.window_ns
            })
        {
            self.samples.pop_front();
        }
    }

    /// An inference ended.
    pub fn frame(&mut self, at: Nanos) {
        self.frames.push_back(at);
        while self.frames.len() > MAX_KEPT {
            self.frames.pop_front();
        }
    }

    /// The estimate now; none if too little was measured of late.
    pub fn estimate(&mut self, now: Nanos) -> Option<Estimate> {
        // Samples come late by a record: the window ends with the newest, unless that is old.
        let end = self.samples.back()?.at.min(now);
        if now.since(end) > self.max_gap_ns {
            return None;
        }
        let first = self.samples.front()?.at;
        let start = end.shifted(-self.window_ns).max(first);
        while self.frames.front().is_some_and(|&at| at <= start) {
            self.frames.pop_front();
        }
        let frames = self.frames.iter().filter(|&&at| at <= end).count();
        let integral = integrate_covered(
            self.samples.make_contiguous(),
            &(start..end),
            self.max_gap_ns,
        );
        let watts = integral.mean()?;
        if integral.coverage() < MIN_COVERAGE {
            return None;
        }
        let window_ns = end.since(start);
        Some(Estimate {
            watts,
            joules_per_inference: (frames > 0)
                .then(|| Joules(watts.over_ns(window_ns).0 / frames as f64)),
            frames,
            window_ns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power::energy::MAX_GAP_NS;

    fn ms(n: i64) -> Nanos {
        Nanos(n * 1_000_000)
    }

    fn sample(at: i64, watts: f64) -> Sample {
        Sample {
            at: ms(at),
            watts: Watts(watts),
        }
    }

    #[test]
    fn ten_frames_a_second_at_fourteen_watts_cost_1_4_joules() {
        let mut live = Live::new(2_000_000_000, MAX_GAP_NS);
        for n in 0..500 {
            live.sample(sample(n * 20, 14.0));
            if n % 5 == 0 {
                live.frame(ms(n * 20));
            }
        }
        let estimate = live.estimate(ms(9_990)).unwrap();
        assert!((estimate.watts.0 - 14.0).abs() < 1e-9);
        assert_eq!((estimate.frames, estimate.window_ns), (20, 2_000_000_000));
        let joules = estimate.joules_per_inference.unwrap().0;
        assert!((joules - 1.4).abs() < 1e-9, "{joules}");
    }

    #[test]
    fn it_follows_the_last_seconds_and_forgets() {
        let mut live = Live::new(1_000_000_000, MAX_GAP_NS);
        (0..100).for_each(|n| live.sample(sample(n * 20, 14.0)));
        (100..200).for_each(|n| live.sample(sample(n * 20, 5.0)));
        let estimate = live.estimate(ms(3_980)).unwrap();
        assert!((estimate.watts.0 - 5.0).abs() < 1e-9);
        assert_eq!(estimate.joules_per_inference, None);
        assert!(live.samples.len() < 60, "{}", live.samples.len());
    }

    #[test]
    fn with_a_silent_sensor_there_is_no_number() {
        let mut live = Live::new(2_000_000_000, MAX_GAP_NS);
        assert_eq!(live.estimate(ms(0)), None);
        (0..100).for_each(|n| live.sample(sample(n * 20, 14.0)));
        assert!(live.estimate(ms(2_000)).is_some());
        assert_eq!(live.estimate(ms(3_500)), None);
        // It is back after 4 s: its first line does not reach across the gap.
        live.sample(sample(6_000, 14.0));
        assert_eq!(live.estimate(ms(6_000)), None);
    }
}
