//! The policy picker: who shall have the say over the plan, and what for. Pure.

use super::keymap::Pick;
use crate::plan::Plan;
use crate::policy::{Objective, PolicyKind, Spec};

/// The deadline that is offered first, and its step and bounds, in milliseconds.
const DEADLINE_MS: (u32, u32) = (100, 5);
/// The budget that is offered first, and its step, in millijoules.
const BUDGET_MJ: (u32, u32) = (500, 50);
/// The greatest number that can be typed.
const MOST: u32 = 60_000;

/// The picker's state.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyPicker {
    /// What can be chosen: an operator, then every policy with every objective that it has.
    rows: Vec<Option<Spec>>,
    selected: usize,
    deadline_ms: u32,
    budget_mj: u32,
    /// The number that is being typed.
    typed: Option<u32>,
}

impl PolicyPicker {
    /// Begins at what one wants most often: `auto` while an operator's choice stands, else to take the plan back.
    pub(super) fn new(reigns: Option<Spec>) -> Self {
        let mut picker = Self {
            rows: Vec::new(),
            selected: usize::from(reigns.is_none()),
            deadline_ms: DEADLINE_MS.0,
            budget_mj: BUDGET_MJ.0,
            typed: None,
        };
        match reigns.map(|spec| spec.objective) {
            Some(Objective::Deadline { ms }) => picker.deadline_ms = ms.round() as u32,
            Some(Objective::Budget { joules }) => picker.budget_mj = (joules * 1e3).round() as u32,
            _ => {}
        }
        picker.refresh();
        picker
    }

    /// What can be chosen: none is an operator, else a policy.
    pub fn rows(&self) -> &[Option<Spec>] {
        &self.rows
    }

    /// The row that Enter means.
    pub const fn selected(&self) -> usize {
        self.selected
    }

    /// Who gets the say: none is an operator.
    pub fn chosen(&self) -> Option<Spec> {
        self.rows.get(self.selected).copied().flatten()
    }

    /// Obeys a key that is neither Enter nor Esc.
    pub(super) fn press(&mut self, pick: Pick) {
        if !matches!(pick, Pick::Digit(_) | Pick::Erase) {
            self.typed = None;
        }
        let last = self.rows.len().saturating_sub(1);
        match pick {
            Pick::Up => self.selected = self.selected.saturating_sub(1),
            Pick::Down => self.selected = (self.selected + 1).min(last),
            Pick::Least => self.selected = 0,
            Pick::Most => self.selected = last,
            Pick::By(by) => {
                let (now, step) = match self.number() {
                    Some(number) => (*number, self.step()),
                    None => return,
                };
                self.set(now.saturating_add_signed(by.saturating_mul(step as i32)));
            }
            Pick::Digit(digit) => {
                let longer = self.typed.unwrap_or(0) * 10 + u32::from(digit);
                // A number that no longer fits begins anew.
                let typed = if longer > MOST {
                    u32::from(digit)
                } else {
                    longer
                };
                self.typed = Some(typed);
                self.set(typed);
            }
            Pick::Erase => {
                self.typed = Some(self.typed.unwrap_or(0) / 10);
                self.set(self.typed.unwrap_or(0));
            }
            Pick::Side | Pick::Apply | Pick::Close => {}
        }
    }

    const fn step(&self) -> u32 {
        match self.objective() {
            Some(Objective::Budget { .. }) => BUDGET_MJ.1,
            _ => DEADLINE_MS.1,
        }
    }

    const fn objective(&self) -> Option<Objective> {
        match self.rows.as_slice().split_at_checked(self.selected) {
            Some((_, [Some(spec), ..])) => Some(spec.objective),
            _ => None,
        }
    }

    /// The number of the row selected, if it has one.
    const fn number(&mut self) -> Option<&mut u32> {
        match self.objective() {
            Some(Objective::Deadline { .. }) => Some(&mut self.deadline_ms),
            Some(Objective::Budget { .. }) => Some(&mut self.budget_mj),
            _ => None,
        }
    }

    fn set(&mut self, value: u32) {
        if let Some(number) = self.number() {
            *number = value.clamp(1, MOST);
            self.refresh();
        }
    }

    fn refresh(&mut self) {
        let objectives = [
            Objective::Latency,
            Objective::Energy,
            Objective::Deadline {
                ms: f64::from(self.deadline_ms),
            },
            Objective::Budget {
                joules: f64::from(self.budget_mj) / 1e3,
            },
            Objective::Throughput,
        ];
        // `auto` first: it is what one wants most often.
        let kinds = PolicyKind::ALL.into_iter().rev();
        let offered = |kind: PolicyKind| {
            let specs = objectives.map(|objective| Spec { kind, objective });
            let has = move |spec: &Spec| {
                // `dads-heavy` takes latency for throughput.
                let is_twice =
                    kind == PolicyKind::DadsHeavy && spec.objective == Objective::Latency;
                !is_twice && spec.policy(&Plan::LOCAL).is_ok()
            };
            specs.into_iter().filter(has)
        };
        let policies = kinds.filter(|kind| *kind != PolicyKind::Fixed);
        let rows = policies.flat_map(offered).map(Some);
        self.rows = std::iter::once(None).chain(rows).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(picker: &PolicyPicker) -> Vec<String> {
        let rows = picker.rows().iter().flatten();
        rows.map(ToString::to_string).collect()
    }

    #[test]
    fn every_policy_is_offered_with_every_objective_that_it_has() {
        let picker = PolicyPicker::new(None);
        assert_eq!(
            names(&picker),
            [
                "auto",
                "auto energy",
                "auto deadline=100",
                "auto budget=0.5",
                "auto throughput",
                "pso deadline=100",
                "budget budget=0.5",
                "deadline deadline=100",
                "dads-heavy throughput",
                "dads",
                "neurosurgeon",
                "neurosurgeon energy",
            ]
        );
        assert_eq!(
            (picker.rows()[0], picker.chosen()),
            (None, Some(Spec::AUTO))
        );
        assert_eq!(PolicyPicker::new(Some(Spec::AUTO)).chosen(), None);
    }

    #[test]
    fn numbers_are_typed_and_stepped_where_there_are_any() {
        let mut picker = PolicyPicker::new(None);
        let objective = |picker: &PolicyPicker| picker.chosen().unwrap().objective;
        picker.press(Pick::By(1));
        assert_eq!(objective(&picker), Objective::Latency);
        for pick in [Pick::Down, Pick::Down, Pick::Digit(8), Pick::Digit(0)] {
            picker.press(pick);
        }
        assert_eq!(objective(&picker), Objective::Deadline { ms: 80.0 });
        for pick in [Pick::By(1), Pick::Down, Pick::By(-1)] {
            picker.press(pick);
        }
        assert_eq!(objective(&picker), Objective::Budget { joules: 0.45 });
        assert!(names(&picker).contains(&"pso deadline=85".to_owned()));
        picker.press(Pick::Erase);
        assert_eq!(objective(&picker), Objective::Budget { joules: 0.001 });
        // What a robot tells of its policy is where numbers begin.
        let spec: Spec = Spec {
            kind: PolicyKind::Deadline,
            objective: Objective::Deadline { ms: 42.0 },
        };
        assert!(names(&PolicyPicker::new(Some(spec))).contains(&"deadline deadline=42".to_owned()));
    }
}
