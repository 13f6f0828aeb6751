//! The solo check: three visits before the first round, to plans that are not the sweep's own.

use super::super::PlanLine;
use super::super::solo::Solo;
use super::Sweep;
use super::standing::Standing;

impl Sweep {
    /// Each device alone comes before everything else.
    pub(super) fn begin_check(&mut self) {
        self.solo = Some(Solo::default());
        for line in Solo::alone().into_iter().rev() {
            self.visit_first(line);
        }
    }

    /// What the check wants next, once what it wanted is visited; at its end what it found.
    pub(super) fn go_on_with_check(&mut self) {
        let is_waiting = self.queue.front().is_some_and(|plan| *plan >= self.own);
        let Some(solo) = self.solo.as_mut().filter(|_| !is_waiting) else {
            return;
        };
        match solo.next() {
            Some(both) => self.visit_first(both),
            None => {
                self.solo_row = solo.conclude();
                self.solo = None;
            }
        }
    }

    fn visit_first(&mut self, line: PlanLine) {
        self.queue.push_front(self.plans.len());
        self.plans.push(line);
        self.standings.push(Standing::default());
    }

    /// Those of the sweep's own plans that are still visited.
    pub(super) fn staying(&self) -> impl Iterator<Item = &Standing> {
        self.standings[..self.own].iter().filter(|s| !s.out)
    }
}
