//! How far predictions of latency were off.

use std::collections::BTreeMap;

use super::frames::quantile;
use crate::units::Epoch;
use crate::wire::{FrameRecord, Outcome};

/// Absolute errors of predicted latencies, as shares of the measured ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PredictionError {
    /// Frames looked at.
    pub count: usize,
    /// Half are closer.
    pub p50: f64,
    /// 90 of 100 are closer.
    pub p90: f64,
}

/// How far a frame's prediction was off, as a share of its latency; negative when it took longer than expected. None
/// without a prediction, and of frames that did not run as planned or were the first of their epoch.
pub fn relative_error(frame: &FrameRecord) -> Option<f64> {
    let counts = frame.outcome == Outcome::Ok && !frame.warmup && frame.latency_ns > 0;
    let predicted = frame.predicted_ns.filter(|_| counts)?;
    Some(predicted as f64 / frame.latency_ns as f64 - 1.0)
}

/// The errors of frames; none without predictions.
pub(super) fn of<'a>(frames: impl Iterator<Item = &'a FrameRecord>) -> Option<PredictionError> {
    let errors = frames.filter_map(relative_error);
    summary(errors.map(parts_per_million).collect())
}

/// The errors of an epoch's frames; none without predictions.
pub(super) fn of_epoch<'a>(
    frames: impl Iterator<Item = &'a FrameRecord>,
    epoch: Epoch,
) -> Option<PredictionError> {
    of(frames.filter(|f| f.epoch == epoch))
}

/// The errors by mode.
pub(super) fn by_mode<'a>(
    frames: impl Iterator<Item = &'a FrameRecord>,
) -> BTreeMap<String, PredictionError> {
    let mut errors: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for frame in frames {
        if let Some(error) = relative_error(frame) {
            let of_mode = errors.entry(frame.mode.clone()).or_default();
            of_mode.push(parts_per_million(error));
        }
    }
    let errors = errors.into_iter();
    errors
        .filter_map(|(mode, errors)| Some((mode, summary(errors)?)))
        .collect()
}

fn parts_per_million(error: f64) -> i64 {
    (error.abs() * 1e6) as i64
}

fn summary(mut errors_ppm: Vec<i64>) -> Option<PredictionError> {
    errors_ppm.sort_unstable();
    let share = |percent| Some(quantile(&errors_ppm, percent)? as f64 / 1e6);
    Some(PredictionError {
        count: errors_ppm.len(),
        p50: share(50)?,
        p90: share(90)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::frame_of;
    use crate::units::FrameId;

    fn frame(number: u64, mode: &str, predicted_ms: Option<i64>) -> FrameRecord {
        FrameRecord {
            frame: FrameId(number),
            predicted_ns: predicted_ms.map(|ms| ms * 1_000_000),
            ..frame_of(mode, 100_000_000, &[])
        }
    }

    #[test]
    fn errors_count_both_ways_and_only_of_frames_that_ran_as_planned() {
        let mut frames: Vec<_> = [98, 103, 104, 110, 150]
            .map(|ms| frame(1, "split", Some(ms)))
            .into();
        frames.push(frame(2, "tile", Some(120)));
        frames.push(frame(3, "local", None));
        let mut others = vec![frame(4, "split", Some(900)); 3];
        others[0].warmup = true;
        others[1].outcome = Outcome::FinishedLocally;
        others[2].latency_ns = 0;
        frames.extend(others);
        let modes = by_mode(frames.iter());
        let split = modes["split"];
        assert_eq!((split.count, split.p50, split.p90), (5, 0.04, 0.5));
        assert_eq!(modes.keys().collect::<Vec<_>>(), ["split", "tile"]);
        let epoch = of_epoch(frames.iter(), Epoch(1)).unwrap();
        assert_eq!((epoch.count, epoch.p50), (6, 0.04));
        assert_eq!(of_epoch(frames.iter(), Epoch(2)), None);
        assert!(relative_error(&frames[0]).unwrap() < 0.0, "it took longer");
    }
}
