//! One stay at one plan: its frames as rows, and the window that its energy is taken over.

use std::ops::Range;

use super::{FrameRow, LeftOut, VisitRow};
use crate::units::{Epoch, Nanos};
use crate::wire::{FrameRecord, Outcome};

/// A visit that goes on, or waits for its last samples of power.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    pub(super) number: u32,
    pub(super) round: u32,
    pub(super) plan: usize,
    pub(super) epoch: Epoch,
    /// Since when frames run under it, on the console's clock.
    pub(super) since: Nanos,
    /// Since when it is no longer the present one, on the console's clock.
    pub(super) left: Option<Nanos>,
    /// Frames at its beginning that are left out.
    warmup: u32,
    pub(super) rows: Vec<FrameRow>,
    used: Vec<i64>,
    window: Option<Range<Nanos>>,
    /// A frame among the used ones did not run under the plan: the energy is not the plan's.
    mixed: bool,
}

impl Visit {
    pub(super) const fn new(
        (number, round, plan): (u32, u32, usize),
        epoch: Epoch,
        warmup: u32,
        since: Nanos,
    ) -> Self {
        Self {
            number,
            round,
            plan,
            epoch,
            since,
            left: None,
            warmup,
            rows: Vec::new(),
            used: Vec::new(),
            window: None,
            mixed: false,
        }
    }

    /// Takes a frame of this visit's epoch in.
    pub(super) fn add(&mut self, frame: &FrameRecord) {
        let left_out = if frame.outcome == Outcome::Failed {
            Some(LeftOut::Failed)
        } else if frame.outcome == Outcome::FinishedLocally {
            Some(LeftOut::FinishedLocally)
        } else if frame.warmup || (self.rows.len() as u32) < self.warmup {
            Some(LeftOut::Warmup)
        } else if frame.preparing {
            Some(LeftOut::Preparing)
        } else {
            None
        };
        let end = frame.admitted.shifted(frame.latency_ns);
        match left_out {
            None => {
                self.used.push(frame.latency_ns);
                self.window = Some(match &self.window {
                    None => frame.admitted..end,
                    Some(w) => w.start.min(frame.admitted)..w.end.max(end),
                });
            }
            Some(LeftOut::FinishedLocally | LeftOut::Failed) if self.window.is_some() => {
                self.mixed = true;
            }
            Some(_) => {}
        }
        self.rows.push(FrameRow {
            visit: self.number,
            round: self.round,
            plan: self.plan,
            frame: frame.frame.0,
            epoch: frame.epoch.0,
            admitted_ns: frame.admitted.0,
            latency_ns: frame.latency_ns,
            parts: frame.parts,
            bytes_up: frame.bytes_up,
            bytes_down: frame.bytes_down,
            outcome: frame.outcome,
            left_out,
            emulated: frame.emulated,
            predicted_ns: frame.predicted_ns,
        });
    }

    /// Latencies of the frames that count.
    pub(super) fn used(&self) -> &[i64] {
        &self.used
    }

    /// From the first counting frame's admission to the last one's result, on the robot's clock.
    pub(super) const fn window(&self) -> Option<&Range<Nanos>> {
        self.window.as_ref()
    }

    /// The window that energy may be taken over: all frames in it ran under the plan.
    pub(super) fn energy_window(&self) -> Option<&Range<Nanos>> {
        self.window.as_ref().filter(|_| !self.mixed)
    }

    /// What is stored of it; none if no frame counts.
    pub(super) fn row(&self) -> Option<VisitRow> {
        let window = self.window.as_ref()?;
        Some(VisitRow {
            visit: self.number,
            round: self.round,
            plan: self.plan,
            frames: self.used.len() as u64,
            from_ns: window.start.0,
            to_ns: window.end.0,
            power: None,
        })
    }
}
