//! What the robot's energy of the last seconds went to, and what the robot takes while it does nothing. Estimates.
//!
//! Between two samples of the total, energy is given to computing, transferring and idling in proportion to the time
//! that each had there: a sensor of 50 Hz does not tell a step of 2 ms from its neighbour. Computing wins over
//! transferring where both go on. Idle power is the mean over stretches in which no frame was on the robot; while frames
//! follow each other without a break there is none, and nothing is said.

use std::collections::VecDeque;

use super::intervals::{Interval, Intervals};
use crate::power::energy::{MAX_GAP_NS, Sample};
use crate::units::{DeviceId, Joules, Nanos, Watts};
use crate::wire::{FrameRecord, StepKind};

/// How far the shares look back; and how long after a sample every frame that it may lie in has been told.
const WINDOW_NS: i64 = 5_000_000_000;
/// Samples and stretches kept.
const MOST: usize = 4096;
/// Around a frame, what the sensor says is not idle yet: it averages.
const MARGIN_NS: i64 = 150_000_000;
/// Idle power from less than this is noise.
const LEAST_IDLE_NS: i64 = 1_000_000_000;
/// Older idle stretches weigh half.
const IDLE_MEMORY_NS: i64 = 60_000_000_000;

/// Parts of the energy, 0 to 1; they sum to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EnergyShares {
    /// While the robot computed.
    pub compute: f64,
    /// While values went up or down and it did not compute.
    pub transfer: f64,
    /// While it did neither: it waited, or had no frame.
    pub idle: f64,
}

#[derive(Debug, Clone, Default)]
struct Stretches {
    frame: Interval,
    compute: Vec<Interval>,
    transfer: Vec<Interval>,
}

/// See the [module](self).
#[derive(Debug, Clone, Default)]
pub(super) struct Activity {
    frames: VecDeque<Stretches>,
    samples: VecDeque<Sample>,
    idle: (Joules, i64),
    /// Shares are of the time after this alone.
    since: Option<Nanos>,
}

impl Activity {
    /// A frame was told.
    pub(super) fn frame(&mut self, frame: &FrameRecord) {
        let begin = frame.admitted.0;
        let end = begin.saturating_add(frame.latency_ns.max(0));
        let (mut compute, mut transfer) = (Vec::new(), Vec::new());
        for step in frame.steps.iter() {
            let start = begin.saturating_add(step.start_ns);
            let stretch = (start, start.saturating_add(step.duration_ns.max(0)));
            let touches = step.device == DeviceId::ROBOT || step.to == DeviceId::ROBOT;
            match step.kind {
                StepKind::Transfer if touches => transfer.push(stretch),
                StepKind::Compute | StepKind::Reduce | StepKind::Assemble
                    if step.device == DeviceId::ROBOT =>
                {
                    compute.push(stretch);
                }
                _ => {}
            }
        }
        if self.frames.len() == MOST {
            self.frames.pop_front();
        }
        self.frames.push_back(Stretches {
            frame: (begin, end),
            compute: Intervals::union(compute).into_vec(),
            transfer: Intervals::union(transfer).into_vec(),
        });
    }

    /// The total was measured; one older than the newest is passed over.
    pub(super) fn sample(&mut self, sample: Sample) {
        if self.samples.back().is_some_and(|last| sample.at <= last.at) {
            return;
        }
        self.samples.push_back(sample);
        while let (Some(first), Some(second)) = (self.samples.front(), self.samples.get(1)) {
            let is_old = sample.at.since(second.at) > WINDOW_NS;
            if !is_old && self.samples.len() <= MOST {
                break;
            }
            let (from, to) = (first.at, second.at);
            let joules = between(*first, *second);
            self.samples.pop_front();
            if let Some(joules) = joules.filter(|_| !self.is_busy(from, to)) {
                let (sum, ns) = &mut self.idle;
                if *ns > IDLE_MEMORY_NS {
                    (sum.0, *ns) = (sum.0 / 2.0, *ns / 2);
                }
                sum.0 += joules.0;
                *ns += to.since(from);
            }
        }
        let oldest = self.samples.front().map_or(sample.at, |s| s.at);
        let margin = oldest.shifted(-MARGIN_NS).0;
        while self.frames.front().is_some_and(|f| f.frame.1 < margin) {
            self.frames.pop_front();
        }
    }

    /// Another plan runs from this moment on; idle power does not depend on it.
    pub(super) const fn begin(&mut self, at: Nanos) {
        self.since = Some(at);
    }

    fn is_busy(&self, from: Nanos, to: Nanos) -> bool {
        let (from, to) = (from.shifted(-MARGIN_NS).0, to.shifted(MARGIN_NS).0);
        self.frames
            .iter()
            .any(|f| f.frame.0 < to && f.frame.1 > from)
    }

    /// Whether the source has a total at all.
    pub(super) fn has_samples(&self) -> bool {
        !self.samples.is_empty()
    }

    /// What the robot takes while it does nothing, where it was seen so.
    pub(super) fn idle(&self) -> Option<Watts> {
        let (joules, ns) = self.idle;
        (ns >= LEAST_IDLE_NS).then(|| Watts(joules.0 * 1e9 / ns as f64))
    }

    /// The shares of the last seconds; none without samples, or without frames that tell their steps.
    pub(super) fn shares(&self) -> Option<EnergyShares> {
        let all = |of: fn(&Stretches) -> &Vec<Interval>| {
            Intervals::union(self.frames.iter().flat_map(of).copied().collect())
        };
        let compute = all(|f| &f.compute);
        let transfer = all(|f| &f.transfer).without(&compute);
        if self
            .frames
            .iter()
            .all(|f| f.compute.is_empty() && f.transfer.is_empty())
        {
            return None;
        }
        let mut parts = [0.0; 3];
        let (first, second) = (self.samples.iter(), self.samples.iter().skip(1));
        let pairs = first.zip(second);
        for (a, b) in pairs.filter(|(a, _)| Some(a.at) >= self.since) {
            let Some(joules) = between(*a, *b) else {
                continue;
            };
            let stretch = (a.at.0, b.at.0);
            let length = (stretch.1 - stretch.0) as f64;
            let own = [&compute, &transfer].map(|i| i.within(stretch).length() as f64 / length);
            parts[0] += joules.0 * own[0];
            parts[1] += joules.0 * own[1];
            parts[2] += joules.0 * (1.0 - own[0] - own[1]).max(0.0);
        }
        let sum: f64 = parts.iter().sum();
        let [compute, transfer, idle] = parts.map(|p| p / sum);
        (sum > 0.0).then_some(EnergyShares {
            compute,
            transfer,
            idle,
        })
    }
}

/// Energy between two samples; none over a gap.
fn between(a: Sample, b: Sample) -> Option<Joules> {
    let ns = b.at.since(a.at);
    let watts = f64::midpoint(a.watts.0, b.watts.0);
    (ns > 0 && ns <= MAX_GAP_NS).then(|| Watts(watts).over_ns(ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{frame_of, step};

    const MS: i64 = 1_000_000;

    /// Frames of 40 ms compute at 14 W and 60 ms transfer at 6 W, one after the other; then nothing at 5 W.
    fn fed() -> Activity {
        let mut activity = Activity::default();
        let steps = [
            step(0, StepKind::Compute, 1, 0, 40 * MS, 0, 0),
            step(0, StepKind::Transfer, 1, 40 * MS, 60 * MS, 1, 1000),
        ];
        let mut frame = frame_of("split", 100 * MS, &steps);
        for n in 0..1500_i64 {
            let at = Nanos(n * 10 * MS);
            if n % 10 == 0 && n < 1000 {
                frame.admitted = at;
                activity.frame(&frame);
            }
            let watts = match n {
                1000.. => 5.0,
                n if n % 10 < 4 => 14.0,
                _ => 6.0,
            };
            let watts = Watts(watts);
            activity.sample(Sample { at, watts });
            if n == 999 {
                let shares = activity.shares().unwrap();
                // 0.56 J of 0.92 J a frame; the line between two samples blurs the edge.
                assert!((shares.compute - 0.61).abs() < 0.06, "{shares:?}");
                assert!((shares.transfer - 0.39).abs() < 0.06, "{shares:?}");
                assert!(shares.idle < 0.01, "{shares:?}");
                assert_eq!(activity.idle(), None, "it never was");
            }
        }
        activity
    }

    #[test]
    fn energy_goes_to_what_the_robot_did_and_idle_is_learned_when_it_has_nothing_to_do() {
        let mut activity = fed();
        for n in 1500..2000_i64 {
            let at = Nanos(n * 10 * MS);
            let watts = Watts(5.0);
            activity.sample(Sample { at, watts });
        }
        let idle = activity.idle().unwrap();
        assert!((idle.0 - 5.0).abs() < 0.05, "{idle}");
        assert_eq!(activity.shares(), None, "no frame of late");
    }
}
