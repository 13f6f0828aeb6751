//! The robot's total power of late, and its integral over a visit.

use std::collections::VecDeque;
use std::ops::Range;

use super::{IdlePiece, IdleRow, VisitPower};
use crate::power::energy::{
    Gatherer, MAX_GAP_NS, Protocol, Sample, idle_pieces, integrate_covered,
};
use crate::power::{Counts, PowerRecord, PowerSourcesRecord, RailSample};
use crate::units::Nanos;

/// Samples kept: at 50 Hz ten minutes, longer than any visit should be.
const MOST: usize = 30_000;

/// The first source that gives a total; others are passed over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter {
    sources: PowerSourcesRecord,
    source: Option<(String, bool)>,
    gatherer: Gatherer,
    samples: VecDeque<Sample>,
}

impl Meter {
    /// Takes the list of sources in.
    pub(crate) fn set_sources(&mut self, sources: &PowerSourcesRecord) {
        let there = |name: &str| {
            let mut all = sources.sources.iter();
            all.any(|s| s.name == name && s.trouble.is_none())
        };
        if self.source.as_ref().is_some_and(|(name, _)| !there(name)) {
            *self = Self::default();
        }
        self.sources = sources.clone();
    }

    /// Takes samples in.
    pub(crate) fn add(&mut self, record: &PowerRecord) {
        let mut announced = self.sources.sources.iter();
        let Some(source) = announced.find(|s| s.name == record.source) else {
            return;
        };
        if self
            .source
            .as_ref()
            .is_some_and(|(name, _)| *name != record.source)
        {
            return;
        }
        let samples: Vec<RailSample> = record.samples.iter().collect();
        let totals = self.gatherer.totals(&source.rails, &samples);
        if totals.is_empty() {
            return;
        }
        self.source = Some((record.source.clone(), record.emulated || source.emulated));
        for total in totals {
            if self.samples.back().is_none_or(|last| total.at >= last.at) {
                self.samples.push_back(total);
            }
            if self.samples.len() > MOST {
                self.samples.pop_front();
            }
        }
    }

    /// Forgets everything: the clock is another one.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }

    /// Whether nothing more is to come for a window that ended at `at`.
    pub(crate) fn has_passed(&self, at: Nanos) -> bool {
        match (&self.source, self.samples.back()) {
            (Some(_), Some(last)) => last.at >= at,
            // Nothing is measured here.
            _ => self.sources.sources.iter().all(|s| s.trouble.is_some()),
        }
    }

    /// What was taken over a window; none if nothing was measured in it.
    pub(crate) fn over(&mut self, window: &Range<Nanos>) -> Option<VisitPower> {
        let (source, emulated) = self.source.clone()?;
        let samples = self.samples.make_contiguous();
        let integral = integrate_covered(samples, window, MAX_GAP_NS);
        (integral.covered_ns > 0).then_some(VisitPower {
            source,
            emulated,
            joules: integral.energy.0,
            covered_ns: integral.covered_ns,
        })
    }
    /// Whether something here can be measured.
    pub(crate) fn is_there(&self) -> bool {
        let mut sources = self.sources.sources.iter();
        sources.any(|s| s.trouble.is_none() && s.rails.iter().any(|r| r.counts != Counts::Within))
    }

    /// What was taken over a window in which the robot did nothing; none if nothing was measured in it.
    pub(crate) fn idle(&mut self, window: &Range<Nanos>) -> Option<IdleRow> {
        let (source, emulated) = self.source.clone()?;
        let samples = self.samples.make_contiguous();
        let pieces = idle_pieces(samples, window, &Protocol::default());
        let pieces: Vec<_> = pieces
            .into_iter()
            .map(|piece| IdlePiece {
                joules: piece.energy.0,
                covered_ns: piece.covered_ns,
                window_ns: piece.window_ns,
            })
            .collect();
        pieces.iter().any(|p| p.covered_ns > 0).then_some(IdleRow {
            from_ns: window.start.0,
            to_ns: window.end.0,
            source,
            emulated,
            pieces,
        })
    }
}
