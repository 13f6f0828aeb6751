//! What divides the time of a worker's charts: another plan, a person's mark, the robot going on alone. On its clock.

use std::collections::{BTreeMap, VecDeque};

use super::text::clean;
use crate::units::{Epoch, Nanos};
use crate::wire::{FrameRecord, Outcome};

/// Rules kept.
const MOST: usize = 256;
/// Plans whose names are remembered.
const MOST_PLANS: usize = 16;
/// Characters of a label.
const LONGEST: usize = 120;

/// Why there is a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleKind {
    /// Frames run under another plan from here on.
    Plan(Epoch),
    /// A person marked it.
    Marker,
    /// From here on the robot finished frames by itself, or frames failed.
    Fallback,
    /// Frames run as planned again.
    Back,
}

/// A moment that stands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// When, on the worker's clock.
    pub at: Nanos,
    /// Why.
    pub kind: RuleKind,
    /// For people: `split 51 -> tile 2`.
    pub label: String,
}

/// The newest rules, in the order of time.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    rows: VecDeque<Rule>,
    plans: BTreeMap<Epoch, String>,
    /// The earliest moment of each of the newest plans, as far as it was told.
    began: BTreeMap<Epoch, Nanos>,
    /// The newest plan whose rule had to go, or came too late to be kept: frames that run under it still are no switch.
    forgotten: Option<Epoch>,
    /// Whether the newest frame ran otherwise than planned.
    astray: bool,
}

impl Rules {
    /// The rules, in the order of time.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Rule> {
        self.rows.iter()
    }

    /// The rules from one moment (included) to another (excluded).
    pub fn between(&self, from: Nanos, to: Nanos) -> impl DoubleEndedIterator<Item = &Rule> {
        self.rows.iter().filter(move |r| r.at >= from && r.at < to)
    }

    /// Whether frames of two plans lie between these moments.
    pub fn divide(&self, from: Nanos, to: Nanos) -> bool {
        let mut inside = self.between(from.shifted(1), to);
        inside.any(|rule| matches!(rule.kind, RuleKind::Plan(_)))
    }

    /// A plan's name.
    pub fn name(&mut self, epoch: Epoch, label: &str) {
        self.plans.insert(epoch, clean(label, LONGEST));
        while self.plans.len() > MOST_PLANS {
            self.plans.pop_first();
        }
    }

    /// Frames run under this epoch's plan from this moment on; told more than once, the earliest counts. The plan that a
    /// console meets first divides nothing, until the one before it is told late.
    pub fn plan(&mut self, epoch: Epoch, at: Nanos) {
        let at = self.earliest(epoch, at);
        let kind = RuleKind::Plan(epoch);
        if let Some(place) = self.rows.iter().position(|rule| rule.kind == kind) {
            if at < self.rows[place].at
                && let Some(mut rule) = self.rows.remove(place)
            {
                rule.at = at;
                // The plan before it may have been told since.
                rule.label = self.switch_to(epoch).unwrap_or(rule.label);
                self.insert(rule);
            }
            return;
        }
        if Some(epoch) <= self.forgotten {
            return;
        }
        if let Some(label) = self.switch_to(epoch) {
            self.insert(Rule { at, kind, label });
        }
    }

    /// The earliest moment that was told of a plan, this one among them.
    fn earliest(&mut self, epoch: Epoch, at: Nanos) -> Nanos {
        let began = self.began.entry(epoch).or_insert(at);
        *began = at.min(*began);
        let earliest = *began;
        while self.began.len() > MOST_PLANS {
            self.began.pop_first();
        }
        earliest
    }

    /// A switch in words; none where no plan before it is known.
    fn switch_to(&self, epoch: Epoch) -> Option<String> {
        let (_, before) = self.plans.range(..epoch).next_back()?;
        let unnamed = format!("epoch {epoch}");
        let after = self.plans.get(&epoch).unwrap_or(&unnamed);
        Some(format!("{before} -> {after}"))
    }

    /// A person marked a moment.
    pub fn mark(&mut self, text: &str, at: Nanos) {
        self.insert(Rule {
            at,
            kind: RuleKind::Marker,
            label: if text.is_empty() {
                "mark".to_owned()
            } else {
                clean(text, LONGEST)
            },
        });
    }

    /// The newest frame was told.
    pub fn frame(&mut self, frame: &FrameRecord) {
        let astray = frame.outcome != Outcome::Ok;
        if astray != self.astray {
            self.astray = astray;
            let (kind, label) = match frame.outcome {
                Outcome::Ok => (RuleKind::Back, "as planned"),
                Outcome::FinishedLocally => (RuleKind::Fallback, "locally"),
                Outcome::Failed => (RuleKind::Fallback, "failed"),
            };
            let label = label.to_owned();
            let at = frame.admitted;
            self.insert(Rule { at, kind, label });
        }
    }

    fn insert(&mut self, rule: Rule) {
        let place = self.rows.partition_point(|old| old.at <= rule.at);
        self.rows.insert(place, rule);
        // What came late and is older than all that is kept is the first to go.
        if self.rows.len() > MOST
            && let Some(gone) = self.rows.pop_front()
            && let RuleKind::Plan(epoch) = gone.kind
        {
            self.forgotten = self.forgotten.max(Some(epoch));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::frame_of;

    fn labels(rules: &Rules) -> Vec<(i64, &str)> {
        rules.iter().map(|r| (r.at.0, r.label.as_str())).collect()
    }

    #[test]
    fn a_switch_is_named_by_both_plans_and_stands_where_its_first_frame_does() {
        let mut rules = Rules::default();
        rules.name(Epoch(1), "split 51");
        rules.plan(Epoch(1), Nanos(5));
        assert_eq!(labels(&rules), []);
        rules.name(Epoch(2), "tile 2\x1b[2J");
        rules.plan(Epoch(2), Nanos(100));
        rules.plan(Epoch(2), Nanos(90));
        rules.plan(Epoch(2), Nanos(150));
        assert_eq!(labels(&rules), [(90, "split 51 -> tile 2 [2J")]);
        assert!(rules.divide(Nanos(80), Nanos(91)));
        assert!(!rules.divide(Nanos(90), Nanos(200)), "it begins there");
    }

    #[test]
    fn frames_that_went_astray_are_told_once_there_and_back() {
        let mut rules = Rules::default();
        let outcomes = [
            Outcome::Ok,
            Outcome::FinishedLocally,
            Outcome::FinishedLocally,
            Outcome::Ok,
        ];
        for (at, outcome) in outcomes.into_iter().enumerate() {
            rules.frame(&FrameRecord {
                outcome,
                admitted: Nanos(at as i64),
                ..frame_of("split", 1, &[])
            });
        }
        assert_eq!(labels(&rules), [(1, "locally"), (3, "as planned")]);
    }

    #[test]
    fn a_switch_long_ago_is_not_told_again() {
        let mut rules = Rules::default();
        rules.name(Epoch(1), "local");
        rules.name(Epoch(2), "remote");
        rules.plan(Epoch(2), Nanos(1));
        for at in 0..MOST as i64 {
            rules.mark("x", Nanos(10 + at));
        }
        rules.plan(Epoch(2), Nanos(9_999));
        assert!(rules.iter().all(|rule| rule.kind == RuleKind::Marker));
    }

    #[test]
    fn a_switch_told_late_that_is_older_than_all_that_is_kept_stands_nowhere() {
        let mut rules = Rules::default();
        rules.name(Epoch(1), "local");
        for at in 0..MOST as i64 {
            rules.mark("x", Nanos(1_000 + at));
        }
        // The console was away: first the switch comes, then the frames that ran under it, the last of them late in time.
        rules.name(Epoch(2), "remote");
        rules.plan(Epoch(2), Nanos(10));
        // As long ago as the plans that are remembered.
        for epoch in 3..=2 + MOST_PLANS as u32 {
            rules.began.insert(Epoch(epoch), Nanos(2_000));
        }
        rules.plan(Epoch(2), Nanos(1_100));
        assert!(rules.iter().all(|rule| rule.kind == RuleKind::Marker));
    }

    #[test]
    fn a_plan_told_late_names_the_switch_after_it_which_stays_where_it_was() {
        let mut rules = Rules::default();
        rules.name(Epoch(2), "remote");
        rules.plan(Epoch(2), Nanos(100));
        assert_eq!(labels(&rules), [], "met first");
        rules.name(Epoch(1), "local");
        rules.plan(Epoch(1), Nanos(50));
        rules.plan(Epoch(2), Nanos(900));
        assert_eq!(labels(&rules), [(100, "local -> remote")]);

        // Two switches while the console was away: the newer one is known first, from its frames.
        rules.name(Epoch(4), "split 51");
        rules.plan(Epoch(4), Nanos(2_000));
        rules.name(Epoch(3), "tile 2");
        rules.plan(Epoch(3), Nanos(1_000));
        rules.plan(Epoch(4), Nanos(1_500));
        let all = labels(&rules);
        assert_eq!(
            all[1..],
            [(1_000, "remote -> tile 2"), (1_500, "tile 2 -> split 51")]
        );
    }

    #[test]
    fn markers_take_their_place_and_memory_is_bounded() {
        let mut rules = Rules::default();
        for at in 0..2 * MOST as i64 {
            rules.mark("x", Nanos(at * 10));
            rules.name(Epoch(at as u32), "");
        }
        rules.mark("late", Nanos(4_995));
        assert!(rules.rows.iter().is_sorted_by_key(|rule| rule.at));
        assert_eq!((rules.rows.len(), rules.plans.len()), (MOST, MOST_PLANS));
    }
}
