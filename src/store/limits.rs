//! What limits the plan in effect now: where the time of its newest frames went.

use super::frames::Frames;
use crate::units::Epoch;
use crate::wire::{FrameRecord, Outcome, Parts};

/// Frames looked at.
const MOST: usize = 32;

/// Who or what the rest waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The robot computes.
    Robot,
    /// Values go up.
    Uplink,
    /// The server computes.
    Server,
    /// Values come down.
    Downlink,
    /// None of these is at work: queues, the way of a message.
    Waiting,
}

impl Limit {
    /// All, in the order of a bar.
    pub const ALL: [Self; 5] = [
        Self::Robot,
        Self::Uplink,
        Self::Server,
        Self::Downlink,
        Self::Waiting,
    ];

    /// A word for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Robot => "robot",
            Self::Uplink => "uplink",
            Self::Server => "server",
            Self::Downlink => "downlink",
            Self::Waiting => "waiting",
        }
    }

    const fn of(self, parts: &Parts) -> i64 {
        match self {
            Self::Robot => parts.robot_compute_ns,
            Self::Uplink => parts.uplink_ns,
            Self::Server => parts.server_compute_ns,
            Self::Downlink => parts.downlink_ns,
            Self::Waiting => parts.wait_ns,
        }
    }
}

/// The mean of a frame's parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// In nanoseconds, in [`Limit::ALL`]'s order; they sum to the latency.
    pub means_ns: [i64; 5],
    /// Frames looked at.
    pub frames: usize,
}

impl Limits {
    /// What takes the most, its nanoseconds, and its share of the latency, 0 to 1.
    pub fn first(&self) -> Option<(Limit, i64, f64)> {
        let parts = Limit::ALL.into_iter().zip(self.means_ns);
        // Of equals the first.
        let most = parts.reduce(|a, b| if b.1 > a.1 { b } else { a })?;
        let share = self.share(most.1)?;
        Some((most.0, most.1, share))
    }

    /// A part's share of the latency, 0 to 1; none of no latency.
    pub fn share(&self, ns: i64) -> Option<f64> {
        let sum: i64 = self.means_ns.iter().sum();
        (sum > 0).then(|| ns as f64 / sum as f64)
    }
}

impl Frames {
    /// Where the time of an epoch's newest frames went, of those that ran as the newest did, without warm-up and failures.
    pub fn limits(&self, epoch: Epoch) -> Option<Limits> {
        let counts =
            |f: &&FrameRecord| f.epoch == epoch && !f.warmup && f.outcome != Outcome::Failed;
        let newest = self.newest().find(counts)?;
        let alike = |f: &&FrameRecord| f.mode == newest.mode && f.outcome == newest.outcome;
        let frames = self.newest().filter(counts).filter(alike).take(MOST);
        let (mut sums, mut count) = ([0_i64; 5], 0_usize);
        for frame in frames {
            for (sum, limit) in sums.iter_mut().zip(Limit::ALL) {
                *sum = sum.saturating_add(limit.of(&frame.parts).max(0));
            }
            count += 1;
        }
        Some(Limits {
            means_ns: sums.map(|sum| sum / count.max(1) as i64),
            frames: count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::frame_of;
    use crate::units::FrameId;

    fn frame(number: u64, epoch: u32, robot: i64, uplink: i64) -> FrameRecord {
        let mut frame = frame_of("split", robot + uplink, &[]);
        (frame.frame, frame.epoch) = (FrameId(number), Epoch(epoch));
        frame.parts.robot_compute_ns = robot;
        frame.parts.uplink_ns = uplink;
        frame
    }

    #[test]
    fn what_limits_is_of_the_plan_in_effect_alone() {
        let mut frames = Frames::default();
        (0..10).for_each(|n| frames.push(frame(n, 1, 10, 90)));
        let mut warm = frame(10, 2, 9_000, 0);
        warm.warmup = true;
        frames.push(warm);
        (11..15).for_each(|n| frames.push(frame(n, 2, 60, 20)));
        let now = frames.limits(Epoch(2)).unwrap();
        assert_eq!(
            (now.frames, now.first()),
            (4, Some((Limit::Robot, 60, 0.75)))
        );
        let before = frames.limits(Epoch(1)).unwrap();
        assert_eq!(before.first(), Some((Limit::Uplink, 90, 0.9)));
        assert_eq!(frames.limits(Epoch(3)), None);
    }
}
