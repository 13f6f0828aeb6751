//! The epochs of a session: what ran, how many frames, how long they took. What one chooses from.

use std::collections::BTreeMap;

use crate::session::{Reader, SessionError, What};
use crate::units::{Epoch, ns_to_ms};
use crate::wire::{FrameRecord, Outcome, Record};

/// Epochs listed of a session.
const MOST: usize = 10_000;

/// One epoch of a session's first robot.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochSummary {
    /// Its number.
    pub epoch: Epoch,
    /// The mode of its frames, with the cut where there is one: `split 28`.
    pub plan: String,
    /// Frames that a comparison counts: with a result under their plan, no warm-up, nothing being prepared.
    pub frames: u64,
    /// Their mean latency in milliseconds; none without such a frame.
    pub mean_ms: Option<f64>,
}

/// The epochs of a session's first robot, in their order.
///
/// # Errors
/// The file cannot be read. Damaged stretches are passed over.
pub fn epochs(reader: &Reader) -> Result<Vec<EpochSummary>, SessionError> {
    let mut robot = None;
    let mut sums: BTreeMap<Epoch, (String, u64, i64)> = BTreeMap::new();
    for entry in reader.entries_of_kinds(.., |kind| kind == "frame") {
        let told = match entry {
            Ok(entry) => match entry.what {
                What::Record(told) => told,
                _ => continue,
            },
            Err(SessionError::Damaged { .. }) => continue,
            Err(error) => return Err(error),
        };
        let Record::Frame(frame) = &told.record else {
            continue;
        };
        let known = sums.len();
        if *robot.get_or_insert(told.target) != told.target
            || known >= MOST && !sums.contains_key(&frame.epoch)
        {
            continue;
        }
        let (plan, frames, sum) = sums.entry(frame.epoch).or_default();
        // A frame of the epoch that fell back to the robot says nothing of its plan.
        if plan.is_empty() || counts(frame) {
            *plan = of(frame);
        }
        if counts(frame) {
            *frames += 1;
            *sum = sum.saturating_add(frame.latency_ns);
        }
    }
    let rows = sums.into_iter().map(|(epoch, (plan, frames, sum))| {
        let mean = |n: u64| ns_to_ms(sum) / n as f64;
        EpochSummary {
            epoch,
            plan,
            frames,
            mean_ms: Some(frames).filter(|&n| n > 0).map(mean),
        }
    });
    Ok(rows.collect())
}

/// Whether a comparison counts a frame.
pub(super) fn counts(frame: &FrameRecord) -> bool {
    !frame.warmup && !frame.preparing && frame.outcome == Outcome::Ok
}

fn of(frame: &FrameRecord) -> String {
    let mode = crate::store::clean(&frame.mode, 24);
    match frame.cut {
        Some(cut) => format!("{mode} {cut}"),
        None => mode,
    }
}
