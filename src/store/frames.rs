//! The newest frames, and their latency figures within one epoch.

use std::collections::{BTreeMap, VecDeque};

use super::prediction::{self, PredictionError};
use super::text::clean;
use crate::units::{Epoch, FrameId};
use crate::wire::{FrameRecord, Outcome, ServerFrameRecord, Steps};

/// Frames kept: half a minute at 16 fps; about 300 bytes each without their steps.
const MOST: usize = 512;
/// The newest frames that keep their steps.
const MOST_WITH_STEPS: usize = 128;
/// Steps kept in all: 31 bytes each.
const MOST_STEPS: usize = 100_000;
/// Classes kept of a result.
const CLASSES: usize = 5;
/// Images kept of a batch beside its first, with their best class.
const IMAGES: usize = 63;

/// A robot's newest frames; the newest of them with their steps.
#[derive(Debug, Clone, Default)]
pub struct Frames {
    rows: VecDeque<FrameRecord>,
    /// How many of the newest may have steps.
    stepped: usize,
    /// The steps of those.
    steps: usize,
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

    /// Whether a frame that came late is not there yet.
    pub fn lacks(&self, frame: FrameId) -> bool {
        let place = self.rows.partition_point(|old| old.frame < frame);
        self.rows.get(place).is_none_or(|old| old.frame != frame)
    }

    /// Adds a frame as the newest.
    pub fn push(&mut self, mut frame: FrameRecord) {
        self.count(&mut frame);
        self.steps += frame.steps.len();
        self.stepped += 1;
        self.rows.push_back(frame);
        self.keep_bounds();
    }

    /// Adds a frame that came late at its place; says whether it was not there before. One older than all that are kept
    /// only counts.
    pub fn insert(&mut self, mut frame: FrameRecord) -> bool {
        let place = self.rows.partition_point(|old| old.frame < frame.frame);
        if self
            .rows
            .get(place)
            .is_some_and(|old| old.frame == frame.frame)
        {
            return false;
        }
        self.count(&mut frame);
        if place == 0 && self.rows.len() == MOST {
            return true;
        }
        if place >= self.rows.len() - self.stepped {
            self.steps += frame.steps.len();
            self.stepped += 1;
        } else {
            frame.steps = Steps::default();
        }
        self.rows.insert(place, frame);
        self.keep_bounds();
        true
    }

    /// Counts a frame and brings it to the size that is kept.
    fn count(&mut self, frame: &mut FrameRecord) {
        if frame.steps.len() > MOST_STEPS {
            frame.steps = Steps::default();
        }
        frame.mode = clean(&frame.mode, 24);
        frame.picture = clean(&frame.picture, 100);
        frame.top.truncate(CLASSES);
        frame.top.shrink_to_fit();
        frame.other_tops.truncate(IMAGES);
        for top in &mut frame.other_tops {
            top.truncate(1);
            top.shrink_to_fit();
        }
        self.total += 1;
        self.skipped += u64::from(frame.skipped);
        match frame.outcome {
            Outcome::Ok => {}
            Outcome::FinishedLocally => self.finished_locally += 1,
            Outcome::Failed => self.failed += 1,
        }
    }

    fn keep_bounds(&mut self) {
        while self.stepped > MOST_WITH_STEPS || self.steps > MOST_STEPS {
            let oldest = self.rows.len() - self.stepped;
            let steps = std::mem::take(&mut self.rows[oldest].steps);
            self.steps -= steps.len();
            self.stepped -= 1;
        }
        if self.rows.len() > MOST {
            self.rows.pop_front();
        }
    }

    /// The frames that still have their steps, newest first.
    pub fn with_steps(&self) -> impl Iterator<Item = &FrameRecord> {
        let kept = self.newest().take(self.stepped);
        kept.filter(|frame| !frame.steps.is_empty())
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

    /// How far the predictions of an epoch's frames were off; none without predictions.
    pub fn prediction_error(&self, epoch: Epoch) -> Option<PredictionError> {
        prediction::of_epoch(self.rows.iter(), epoch)
    }

    /// How far predictions were off, by mode.
    pub fn prediction_errors(&self) -> BTreeMap<String, PredictionError> {
        prediction::by_mode(self.rows.iter())
    }
}

/// Nearest-rank quantile of sorted values.
pub(super) fn quantile(sorted: &[i64], percent: usize) -> Option<i64> {
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

    /// Adds a frame that came late at its place.
    pub fn insert(&mut self, frame: ServerFrameRecord) {
        self.total += 1;
        let place = self.rows.partition_point(|old| old.began <= frame.began);
        if place > 0 || self.rows.len() < MOST {
            self.rows.insert(place, frame);
        }
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
    use crate::store::testing::{frame_of, step};
    use crate::wire::StepKind;

    fn with_steps(number: u64, count: u32) -> FrameRecord {
        let step = |node| step(0, StepKind::Compute, node, 0, 1, 0, 0);
        let steps: Vec<_> = (0..count).map(step).collect();
        FrameRecord {
            frame: FrameId(number),
            ..frame_of("local", 1, &steps)
        }
    }

    #[test]
    fn the_newest_frames_keep_their_steps_within_a_bound() {
        let mut frames = Frames::default();
        for number in 0..600 {
            frames.push(with_steps(number, 10));
        }
        let kept: Vec<_> = frames.with_steps().map(|f| f.frame.0).collect();
        assert_eq!((kept.len(), kept[0]), (MOST_WITH_STEPS, 599));
        assert_eq!(frames.newest().count(), MOST);
        // Frames of very many steps leave room for few.
        for number in 600..610 {
            frames.push(with_steps(number, MOST_STEPS as u32 / 3));
        }
        assert_eq!(frames.with_steps().count(), 3);
        assert!(frames.steps <= MOST_STEPS);
        frames.push(with_steps(610, MOST_STEPS as u32 + 1));
        assert_eq!(frames.with_steps().next().map(|f| f.frame.0), Some(609));
    }

    #[test]
    fn late_frames_take_their_place_and_count_once() {
        let mut frames = Frames::default();
        for number in [1, 2, 7, 8] {
            frames.push(with_steps(number, 2));
        }
        for number in [3, 4, 5, 6, 6, 8] {
            frames.insert(with_steps(number, 2));
        }
        let order: Vec<_> = frames.newest().map(|f| f.frame.0).collect();
        assert_eq!((order, frames.total()), (vec![8, 7, 6, 5, 4, 3, 2, 1], 8));
        assert_eq!(frames.with_steps().count(), 8);
        for number in 100..100 + MOST as u64 {
            frames.push(with_steps(number, 2));
        }
        // Older than all that are kept: counted, and nothing else.
        assert!(frames.insert(with_steps(50, 2)));
        assert_eq!(frames.newest().count(), MOST);
        assert_eq!(frames.newest().last().map(|f| f.frame.0), Some(100));
        // Steps are the newest frames' alone.
        frames.rows.remove(10);
        frames.insert(with_steps(110, 2));
        assert!(frames.rows[10].steps.is_empty());
        assert_eq!(frames.steps, 2 * MOST_WITH_STEPS);
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        assert_eq!(quantile(&[], 50), None);
        assert_eq!(quantile(&[7], 95), Some(7));
        assert_eq!(quantile(&[1, 2, 3, 4], 50), Some(2));
        assert_eq!(quantile(&(1..=100).collect::<Vec<_>>(), 95), Some(95));
    }
}
