//! The newest frames, and their latency figures within one epoch.

use std::collections::VecDeque;

use super::text::clean;
use crate::units::{Epoch, FrameId};
use crate::wire::{FrameRecord, Outcome, ServerFrameRecord, Steps};

/// Frames kept: half a minute at 16 fps; about 300 bytes each.
const MOST: usize = 512;
/// Classes kept of a result.
const CLASSES: usize = 5;

/// A robot's newest frames, without their steps.
#[derive(Debug, Clone, Default)]
pub struct Frames {
    rows: VecDeque<FrameRecord>,
    total: u64,
    skipped: u64,
    finished_locally: u64,
    failed: u64,
}

/// How long frames of one epoch took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatencyFigures {
    /// Frames looked at.
    pub count: usize,
    /// Half are faster.
    pub p50_ns: i64,
    /// 95 of 100 are faster.
    pub p95_ns: i64,
    /// Results per second, once there are two.
    pub fps: Option<f64>,
}

impl Frames {
    /// Whether a frame is new here: telemetry may tell a frame again after a reconnect.
    pub fn admits(&self, frame: &FrameRecord) -> bool {
        let same = |old: &&FrameRecord| old.frame == frame.frame;
        let known = self.rows.iter().rev().find(same);
        let forgotten = self.rows.len() == MOST
            && self
                .rows
                .front()
                .is_some_and(|first| frame.frame < first.frame);
        known.is_none() && !forgotten
    }

    /// Adds a frame.
    pub fn push(&mut self, mut frame: FrameRecord) {
        frame.steps = Steps::default();
        frame.mode = clean(&frame.mode, 24);
        frame.picture = clean(&frame.picture, 100);
        frame.top.truncate(CLASSES);
        frame.top.shrink_to_fit();
        self.total += 1;
        self.skipped += u64::from(frame.skipped);
        match frame.outcome {
            Outcome::Ok => {}
            Outcome::FinishedLocally => self.finished_locally += 1,
            Outcome::Failed => self.failed += 1,
        }
        self.rows.push_back(frame);
        if self.rows.len() > MOST {
            self.rows.pop_front();
        }
    }

    /// The frames, newest first.
    pub fn newest(&self) -> impl Iterator<Item = &FrameRecord> {
        self.rows.iter().rev()
    }

    /// The newest frame.
    pub fn last(&self) -> Option<&FrameRecord> {
        self.rows.back()
    }

    /// Frames seen in all.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Pictures skipped while this console watched.
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Frames that the robot finished by itself.
    pub const fn finished_locally(&self) -> u64 {
        self.finished_locally
    }

    /// Frames without a result.
    pub const fn failed(&self) -> u64 {
        self.failed
    }

    /// The latency of an epoch's frames, without warm-up and failures, and only of those that ran as the newest did:
    /// what the robot finished by itself says nothing about the plan, nor the other way round.
    pub fn figures(&self, epoch: Epoch) -> Option<LatencyFigures> {
        let counts =
            |f: &&FrameRecord| f.epoch == epoch && !f.warmup && f.outcome != Outcome::Failed;
        let newest = self.newest().find(counts)?;
        let alike = |f: &&FrameRecord| f.mode == newest.mode && f.outcome == newest.outcome;
        let mut latencies: Vec<i64> = Vec::new();
        let mut results = 0_u32;
        let mut ends: Option<(i64, i64)> = None;
        for frame in self.rows.iter().filter(counts) {
            if alike(&frame) {
                latencies.push(frame.latency_ns);
            }
            results += 1;
            let end = frame.admitted.0.saturating_add(frame.latency_ns);
            ends = Some(ends.map_or((end, end), |(a, b)| (a.min(end), b.max(end))));
        }
        latencies.sort_unstable();
        let span = ends.map_or(0, |(first, last)| last.saturating_sub(first));
        Some(LatencyFigures {
            count: latencies.len(),
            p50_ns: quantile(&latencies, 50)?,
            p95_ns: quantile(&latencies, 95)?,
            fps: (span > 0).then(|| f64::from(results - 1) * 1e9 / span as f64),
        })
    }
}

/// Nearest-rank quantile of sorted values.
fn quantile(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// A server's newest frames.
#[derive(Debug, Clone, Default)]
pub struct ServerFrames {
    rows: VecDeque<ServerFrameRecord>,
    total: u64,
}

impl ServerFrames {
    /// Adds a frame.
    pub fn push(&mut self, frame: ServerFrameRecord) {
        self.total += 1;
        self.rows.push_back(frame);
        if self.rows.len() > MOST {
            self.rows.pop_front();
        }
    }

    /// The frames, newest first.
    pub fn newest(&self) -> impl Iterator<Item = &ServerFrameRecord> {
        self.rows.iter().rev()
    }

    /// The newest frame's number.
    pub fn last(&self) -> Option<FrameId> {
        self.rows.back().map(|f| f.frame)
    }

    /// Frames seen in all.
    pub const fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        assert_eq!(quantile(&[], 50), None);
        assert_eq!(quantile(&[7], 95), Some(7));
        assert_eq!(quantile(&[1, 2, 3, 4], 50), Some(2));
        assert_eq!(quantile(&(1..=100).collect::<Vec<_>>(), 95), Some(95));
    }
}
