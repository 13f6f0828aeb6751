//! One stay at one plan: its frames as rows, and the window that its energy is taken over.

use std::ops::Range;

use super::{Chosen, FrameRow, LeftOut, VisitRow};
use crate::units::{Epoch, Nanos};
use crate::wire::{FrameRecord, Outcome};

/// A policy that changes nothing for so long keeps the plan that it found.
const SETTLED_AFTER_NS: i64 = 3_000_000_000;
/// Nor for so many frames: of a slow plan three seconds are one frame, and a policy looks at several before it changes it.
const SETTLED_AFTER_FRAMES: usize = 2 * crate::policy::FRAMES as usize;

/// Which visit of which plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) number: u32,
    pub(super) round: u32,
    pub(super) plan: usize,
}

/// Whose frames a visit takes.
#[derive(Debug, Clone)]
enum Frames {
    /// Those of one plan.
    Of(Epoch),
    /// Those of whatever plans a policy chooses, by epoch, until another visit begins.
    Under {
        plans: Vec<(Epoch, String)>,
        until: Option<Epoch>,
    },
}

/// A visit that goes on, or waits for its last samples of power.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    place: Place,
    frames: Frames,
    /// Since when frames run under it, on the console's clock.
    pub(super) since: Nanos,
    /// Since when it is no longer the present one, on the console's clock.
    pub(super) left: Option<Nanos>,
    /// A pause ended it, and it is made again: no frame is its any more.
    cut_off: bool,
    /// Frames at its beginning that are left out.
    warmup: u32,
    /// Under a policy: it has made up its mind.
    settled: bool,
    pub(super) rows: Vec<FrameRow>,
    used: Vec<i64>,
    window: Option<Range<Nanos>>,
    /// A frame among the used ones did not run under the plan: the energy is not the plan's.
    mixed: bool,
}

impl Visit {
    /// A visit to one plan.
    pub(super) const fn of_plan(place: Place, epoch: Epoch, warmup: u32, since: Nanos) -> Self {
        Self::new(place, Frames::Of(epoch), warmup, since)
    }

    /// A visit to a policy that has found a plan. Its frames count once it has changed that, or kept it for a while;
    /// from then on its own switches are part of the result.
    pub(super) fn under_policy(
        place: Place,
        found: (Epoch, String),
        warmup: u32,
        since: Nanos,
    ) -> Self {
        let frames = Frames::Under {
            plans: vec![found],
            until: None,
        };
        Self::new(place, frames, warmup, since)
    }

    const fn new(place: Place, frames: Frames, warmup: u32, since: Nanos) -> Self {
        Self {
            place,
            settled: matches!(frames, Frames::Of(_)),
            frames,
            since,
            left: None,
            cut_off: false,
            warmup,
            rows: Vec::new(),
            used: Vec::new(),
            window: None,
            mixed: false,
        }
    }

    pub(super) const fn plan(&self) -> usize {
        self.place.plan
    }

    /// A pause ends the visit: what still runs under its plan, before the robot has heard that it is wanted again, would
    /// make a whole visit of it beside the one that takes its place.
    pub(super) const fn cut_off(&mut self) {
        self.cut_off = true;
    }

    /// Whether frames of an epoch are this visit's.
    pub(super) fn takes(&self, epoch: Epoch) -> bool {
        if self.cut_off {
            return false;
        }
        match &self.frames {
            Frames::Of(own) => *own == epoch,
            Frames::Under { plans, until } => {
                plans.first().is_some_and(|(first, _)| epoch >= *first)
                    && until.is_none_or(|until| epoch < until)
            }
        }
    }

    /// The policy of this visit chose a plan.
    pub(super) fn chose(&mut self, epoch: Epoch, label: String) {
        if let Frames::Under { plans, until: None } = &mut self.frames
            && plans.last().is_some_and(|(last, _)| *last < epoch)
        {
            plans.push((epoch, label));
        }
    }

    /// Frames from an epoch on are another visit's.
    pub(super) const fn ends_before(&mut self, epoch: Epoch) {
        if let Frames::Under { until, .. } = &mut self.frames
            && until.is_none()
        {
            *until = Some(epoch);
        }
    }

    /// Whether the policy has made up its mind by this frame.
    fn is_settled_by(&self, frame: &FrameRecord) -> bool {
        let first = self
            .rows
            .first()
            .map_or(frame.admitted.0, |r| r.admitted_ns);
        match &self.frames {
            Frames::Of(_) => true,
            Frames::Under { plans, .. } => {
                plans.first().is_some_and(|(found, _)| frame.epoch > *found)
                    || (!frame.preparing
                        && self.rows.len() >= SETTLED_AFTER_FRAMES
                        && frame.admitted.0 - first >= SETTLED_AFTER_NS)
            }
        }
    }

    /// Takes one of this visit's frames in.
    pub(super) fn add(&mut self, frame: &FrameRecord) {
        let was_settled = self.settled && matches!(self.frames, Frames::Under { .. });
        self.settled |= self.is_settled_by(frame);
        let left_out = if frame.outcome == Outcome::Failed {
            Some(LeftOut::Failed)
        } else if frame.outcome == Outcome::FinishedLocally {
            Some(LeftOut::FinishedLocally)
        } else if was_settled && !self.used.is_empty() {
            None
        } else if frame.warmup || !self.settled || (self.rows.len() as u32) < self.warmup {
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
            visit: self.place.number,
            round: self.place.round,
            plan: self.place.plan,
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

    /// Whether the frame that came last counts.
    pub(super) fn newest_counts(&self) -> bool {
        self.rows.last().is_some_and(|row| row.left_out.is_none())
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
            visit: self.place.number,
            round: self.place.round,
            plan: self.place.plan,
            frames: self.used.len() as u64,
            from_ns: window.start.0,
            to_ns: window.end.0,
            power: None,
            load: None,
            chose: self.chosen(),
        })
    }

    /// The plans that a policy's counting frames ran under.
    fn chosen(&self) -> Vec<Chosen> {
        let Frames::Under { plans, .. } = &self.frames else {
            return Vec::new();
        };
        let counting = |epoch: Epoch| {
            let own = |r: &&FrameRow| r.left_out.is_none() && r.epoch == epoch.0;
            self.rows.iter().filter(own).count() as u64
        };
        Chosen::sum(plans.iter().map(|(epoch, label)| Chosen {
            plan: label.clone(),
            frames: counting(*epoch),
        }))
    }
}
