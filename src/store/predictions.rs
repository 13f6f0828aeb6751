//! What the robot expects of plans, and what its policy decided: the newest of each, bounded.

use std::collections::VecDeque;

use super::text::clean;
use crate::model::Graph;
use crate::units::{Epoch, Nanos};
use crate::wire::{
    DecisionRecord, ExpectedFrame, FrameRecord, MAX_COMPARED, MAX_PLANS, PlanCost, PredictionRecord,
};

/// Expected frames kept, about one a second; the newest frames with steps are looked at beside them.
const MOST_FRAMES: usize = 32;
/// Steps kept of them in all.
const MOST_STEPS: usize = 50_000;
/// Decisions kept.
const MOST_DECISIONS: usize = 50;
/// Sentences kept of a decision.
const MOST_REASONS: usize = 12;
/// Cuts kept where the model is not known yet.
const MOST_CUTS: usize = 20_001;

/// What a cut would cost now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CutCost {
    /// A frame's latency, in nanoseconds; none if the link never carries it.
    pub latency_ns: Option<i64>,
    /// The robot's energy for a frame, in joules.
    pub energy_j: Option<f64>,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Predictions {
    newest: Option<PredictionRecord>,
    best_cut: Option<u32>,
    frames: VecDeque<(Epoch, Nanos, ExpectedFrame)>,
    decisions: VecDeque<DecisionRecord>,
}

impl Predictions {
    /// Adds a record; one whose columns do not suit the model is thrown away. True if something changed.
    pub fn push(&mut self, mut record: PredictionRecord, model: Option<&Graph>) -> bool {
        let cuts = &record.cuts;
        let suits = match model {
            Some(graph) => cuts.latency_us.len() == graph.operator_count() as usize + 1,
            None => cuts.latency_us.len() <= MOST_CUTS,
        };
        let has_energy = [0, cuts.latency_us.len()].contains(&cuts.energy_mj.len());
        if !suits || !has_energy {
            return false;
        }
        record.plans.truncate(MAX_PLANS);
        record.plans.iter_mut().for_each(tidy);
        record.no_gain.truncate(16);
        for no_gain in &mut record.no_gain {
            no_gain.mode = clean(&no_gain.mode, 24);
            no_gain.why = clean(&no_gain.why, 300);
        }
        record.assumed = record.assumed.map(|why| clean(&why, 200));
        if let Some(frame) = record.frame.take().filter(|f| f.steps.len() <= MOST_STEPS) {
            self.frames.push_back((record.epoch, record.at, frame));
            let steps = |f: &VecDeque<(Epoch, Nanos, ExpectedFrame)>| -> usize {
                f.iter().map(|(_, _, frame)| frame.steps.len()).sum()
            };
            while self.frames.len() > MOST_FRAMES || steps(&self.frames) > MOST_STEPS {
                self.frames.pop_front();
            }
        }
        let latencies = (0..).zip(&record.cuts.latency_us);
        let best = latencies.min_by_key(|(_, us)| **us);
        self.best_cut = best.filter(|(_, us)| **us < u32::MAX).map(|(k, _)| k);
        self.newest = Some(record);
        true
    }

    /// Adds a decision.
    pub fn decided(&mut self, mut decision: DecisionRecord) {
        tidy(&mut decision.to);
        decision.compared.truncate(MAX_COMPARED);
        decision.compared.iter_mut().for_each(tidy);
        decision.reasons.truncate(MOST_REASONS);
        for reason in &mut decision.reasons {
            *reason = clean(reason, 300);
        }
        if self.decisions.len() == MOST_DECISIONS {
            self.decisions.pop_front();
        }
        self.decisions.push_back(decision);
    }

    /// The newest costs; their expected frame is among [`Self::expected`].
    pub const fn newest(&self) -> Option<&PredictionRecord> {
        self.newest.as_ref()
    }

    /// What a cut after `k` operators would cost.
    pub fn cut(&self, k: u32) -> Option<CutCost> {
        let cuts = &self.newest.as_ref()?.cuts;
        let us = *cuts.latency_us.get(k as usize)?;
        let mj = cuts.energy_mj.get(k as usize).copied();
        let passes = us < u32::MAX;
        Some(CutCost {
            latency_ns: passes.then_some(i64::from(us) * 1_000),
            energy_j: mj.filter(|_| passes).map(|mj| f64::from(mj) / 1e3),
        })
    }

    /// The cut with the least latency.
    pub const fn best_cut(&self) -> Option<u32> {
        self.best_cut
    }

    /// The best of the plans told that nobody beats in both latency and energy, fastest first.
    pub fn front(&self) -> impl Iterator<Item = &PlanCost> {
        let plans = self.newest.iter().flat_map(|record| &record.plans);
        plans.filter(|plan| plan.on_front)
    }

    /// How a frame was expected to go: of its plan, as it was seen last before its admission, else first after it.
    pub fn expected(&self, frame: &FrameRecord) -> Option<&ExpectedFrame> {
        let of_plan = self
            .frames
            .iter()
            .filter(|(epoch, ..)| *epoch == frame.epoch);
        let before = of_plan
            .clone()
            .rev()
            .find(|(_, at, _)| *at <= frame.admitted);
        before
            .or_else(|| of_plan.clone().next())
            .map(|(.., expected)| expected)
    }

    /// Decisions, newest first.
    pub fn decisions(&self) -> impl Iterator<Item = &DecisionRecord> {
        self.decisions.iter().rev()
    }
}

fn tidy(plan: &mut PlanCost) {
    plan.label = clean(&plan.label, 80);
    plan.limit = clean(&plan.limit, 16);
    plan.energy_j = plan.energy_j.filter(|j| j.is_finite());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;
    use crate::plan::{Parts, Plan, Steps};
    use crate::store::testing::frame_of;
    use crate::wire::CutCosts;

    fn record(at: i64, epoch: u32, latency_us: Vec<u32>) -> PredictionRecord {
        PredictionRecord {
            at: Nanos(at),
            epoch: Epoch(epoch),
            mbps: 50.0,
            latency_ns: 0,
            assumed: None,
            codec: crate::plan::Codec::None,
            cuts: CutCosts {
                energy_mj: vec![250.0; latency_us.len()],
                latency_us,
            },
            plans: vec![PlanCost {
                label: "split 2\n\x1b[2J".to_owned(),
                plan: Plan::split(2),
                latency_ns: 5,
                energy_j: None,
                frames_per_s: 1.0,
                bytes_up: 0,
                bytes_down: 0,
                limit: "link".to_owned(),
                on_front: true,
            }],
            no_gain: Vec::new(),
            frame: Some(ExpectedFrame {
                latency_ns: at,
                parts: Parts::default(),
                steps: Steps::default(),
                energy_j: None,
            }),
            emulated: false,
        }
    }

    #[test]
    fn a_cut_has_its_costs_the_best_is_known_and_one_that_never_arrives_has_none() {
        let mut predictions = Predictions::default();
        assert!(predictions.push(record(1, 1, vec![9_000, 4_000, u32::MAX]), None));
        assert_eq!(predictions.best_cut(), Some(1));
        let cost = predictions.cut(1).unwrap();
        assert_eq!(
            (cost.latency_ns, cost.energy_j),
            (Some(4_000_000), Some(0.25))
        );
        let never = predictions.cut(2).unwrap();
        assert_eq!((never.latency_ns, never.energy_j), (None, None));
        assert_eq!(predictions.cut(3), None);
        let label = &predictions.front().next().unwrap().label;
        assert!(!label.contains(char::is_control), "{label:?}");
    }

    #[test]
    fn columns_that_do_not_suit_the_model_change_nothing() {
        let graph = zoo::build("mobilenet_v2", 1, 32, 32).unwrap();
        let mut predictions = Predictions::default();
        assert!(!predictions.push(record(1, 1, vec![1; 3]), Some(&graph)));
        let mut uneven = record(1, 1, vec![1; 3]);
        uneven.cuts.energy_mj.pop();
        assert!(!predictions.push(uneven, None));
        assert!(predictions.newest().is_none());
        let n = graph.operator_count() as usize;
        assert!(predictions.push(record(1, 1, vec![1; n + 1]), Some(&graph)));
    }

    #[test]
    fn a_frame_is_shown_beside_what_was_expected_of_its_plan_before_it() {
        let mut predictions = Predictions::default();
        for (at, epoch) in [(10, 1), (20, 1), (30, 2), (40, 1)] {
            predictions.push(record(at, epoch, vec![1]), None);
        }
        let expected = |epoch, admitted| {
            let frame = FrameRecord {
                epoch: Epoch(epoch),
                admitted: Nanos(admitted),
                ..frame_of("split", 1, &[])
            };
            predictions.expected(&frame).map(|e| e.latency_ns)
        };
        assert_eq!(expected(1, 25), Some(20));
        assert_eq!(expected(2, 25), Some(30), "the first that there is");
        assert_eq!(expected(3, 25), None);
    }

    #[test]
    fn memory_of_expected_frames_is_bounded() {
        let mut predictions = Predictions::default();
        for at in 0..1_000 {
            predictions.push(record(at, 1, vec![1]), None);
        }
        assert_eq!(predictions.frames.len(), MOST_FRAMES);
    }
}
