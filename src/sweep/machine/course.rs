//! What comes next, what a pause does, and when a visit is closed.

use super::super::visit::Visit;
use super::super::{Pauses, Schedule, Until};
use super::standing::Standing;
use super::{APPLIED_WITHIN_NS, How, Order, Pause, Phase, SECOND, Sweep, Task};
use crate::power::energy::SETTLE_NS;
use crate::units::{DeviceId, Nanos};

/// Samples of power come after their frames by a batch or two; longer than this is not waited.
const POWER_WITHIN_NS: i64 = SECOND;
/// Rows kept; a sweep that has more ends.
const MOST_ROWS: usize = 1_000_000;

impl Sweep {
    pub(super) fn tick(&mut self, now: Nanos) -> Option<Order> {
        if self.next_tick().is_none_or(|at| now < at) {
            return None;
        }
        match self.phase {
            Phase::Asking { plan, .. } => Some(self.ask(plan, now)),
            Phase::Paused { task, .. } => Some(self.take_up(task, now)),
            Phase::Idling { .. } => Some(self.after_idle(now)),
            Phase::Switching { plan, .. } => {
                let waited = APPLIED_WITHIN_NS / SECOND;
                let reason = format!("no frame ran under it within {waited} s");
                self.failed(plan, &reason, now)
            }
            Phase::Measuring { plan } => {
                if self.open.last().is_none_or(|v| v.used().is_empty()) {
                    self.leave(now);
                    return self.failed(plan, "no frame under it counts", now);
                }
                self.made(now);
                Some(self.next_plan(now))
            }
            Phase::Ended(_) => None,
        }
    }

    pub(super) fn skip(&mut self, now: Nanos) -> Option<Order> {
        if let Phase::Idling { .. } = self.phase {
            return Some(self.cut_idle_short(now));
        }
        let plan = self.present()?;
        self.standings[plan].out = true;
        self.leave(now);
        if let Phase::Paused {
            why: Pause::Robot, ..
        } = self.phase
        {
            // Nothing can be ordered now: the next one waits in its place.
            let next = self.queue.iter().copied().find(|&p| !self.standings[p].out);
            if let (Some(next), Phase::Paused { task, .. }) = (next, &mut self.phase) {
                *task = Task::Visit(next);
            }
            return None;
        }
        Some(self.next_plan(now))
    }

    pub(super) fn present(&self) -> Option<usize> {
        match &self.phase {
            Phase::Asking { plan, .. }
            | Phase::Switching { plan, .. }
            | Phase::Measuring { plan }
            | Phase::Paused {
                task: Task::Visit(plan),
                ..
            } => Some(*plan),
            Phase::Idling { .. } | Phase::Paused { .. } | Phase::Ended(_) => None,
        }
    }

    /// Does what a pause held up.
    pub(super) fn take_up(&mut self, task: Task, now: Nanos) -> Order {
        match task {
            Task::Visit(plan) => self.ask(plan, now),
            Task::Idle => self.idle(now),
        }
    }

    pub(super) fn measures_idle(&self) -> bool {
        self.settings.idle_ms > 0 && self.meter.is_there()
    }

    /// Leaves the robot alone for a while.
    pub(super) fn idle(&mut self, now: Nanos) -> Order {
        self.phase = Phase::Idling {
            since: now,
            is_told: false,
        };
        let settle_ms = (SETTLE_NS / (SECOND / 1000)) as u32;
        Order::Idle {
            for_ms: self.settings.idle_ms.saturating_add(settle_ms),
        }
    }

    /// Idle power is measured, or will not be.
    pub(super) fn after_idle(&mut self, now: Nanos) -> Order {
        if self.is_after {
            self.end(How::Done)
        } else {
            self.next_plan(now)
        }
    }

    /// The person does not want to wait for it: the robot goes on first, then comes the plan.
    pub(super) fn cut_idle_short(&mut self, now: Nanos) -> Order {
        let order = self.after_idle(now);
        let Phase::Switching { plan, .. } = self.phase else {
            return order;
        };
        self.phase = Phase::Asking { plan, at: now };
        Order::Idle { for_ms: 0 }
    }

    pub(super) fn servers_of(&self, plan: usize) -> impl Iterator<Item = Option<bool>> + '_ {
        // A policy divides between the robot and its first server.
        let rule = self.plans[plan].rule.plan();
        let last = rule.map_or(DeviceId::SERVER.0, |p| p.last_device().0);
        (1..=last).map(|d| self.servers.get(&DeviceId(d)).copied())
    }

    pub(super) fn known(&self, plan: usize) -> bool {
        self.servers_of(plan).all(|s| s.is_some())
    }

    pub(super) fn linked(&self, plan: usize) -> bool {
        self.servers_of(plan).all(|s| s == Some(true))
    }

    pub(super) fn resume_if_linked(&mut self, now: Nanos) -> Option<Order> {
        match &self.phase {
            Phase::Paused {
                task: Task::Visit(plan),
                why: Pause::Link(_),
                ..
            } if self.linked(*plan) => Some(self.ask(*plan, now)),
            _ => None,
        }
    }

    pub(super) fn pause(&mut self, why: Pause, now: Nanos) {
        let task = match (self.present(), &self.phase) {
            (Some(plan), _) => Task::Visit(plan),
            (None, Phase::Idling { .. }) => Task::Idle,
            // It is over, or waits already.
            (None, _) => return,
        };
        if why == Pause::Robot {
            // Samples from another process's clock must not follow these.
            self.meter.restart();
            self.pauses = Pauses::default();
            self.loads.restart();
        }
        if let (Phase::Measuring { .. }, Some(visit)) = (&self.phase, self.open.last_mut()) {
            visit.cut_off();
        }
        self.leave(now);
        let since = now;
        self.phase = Phase::Paused { task, why, since };
    }

    /// Frames that still come are no longer the visit's reason to go on; what it has stays.
    pub(super) fn leave(&mut self, now: Nanos) {
        let paused = !matches!(self.phase, Phase::Measuring { .. });
        if let Some(visit) = self.open.last_mut().filter(|_| !paused) {
            visit.left = Some(now);
        }
    }

    pub(super) fn ask(&mut self, plan: usize, now: Nanos) -> Order {
        self.phase = Phase::Switching { plan, since: now };
        self.asked_at = now;
        Order::Set(self.plans[plan].rule.clone())
    }

    pub(super) fn next_plan(&mut self, now: Nanos) -> Order {
        if self.frames.len() >= MOST_ROWS {
            return self.end(How::Full);
        }
        self.go_on_with_check();
        loop {
            while let Some(plan) = self.queue.pop_front() {
                if !self.standings[plan].out {
                    return self.ask(plan, now);
                }
            }
            if self.staying().next().is_none() {
                return self.end(How::NothingLeft);
            }
            if self.is_enough() {
                self.is_after = true;
                return if self.measures_idle() {
                    self.idle(now)
                } else {
                    self.end(How::Done)
                };
            }
            self.round += 1;
            self.fill_queue();
        }
    }

    pub(super) fn fill_queue(&mut self) {
        let staying = (0..self.own).filter(|&p| !self.standings[p].out);
        let mut places: Vec<usize> = staying.collect();
        match self.settings.schedule {
            Schedule::Interleaved => {
                self.random.shuffle(&mut places);
                self.queue = places.into();
            }
            Schedule::Blocked => {
                let rounds = self.settings.until.most_rounds() as usize;
                let block = |&place: &usize| std::iter::repeat_n(place, rounds);
                self.queue = places.iter().flat_map(block).collect();
            }
        }
    }

    pub(super) fn is_enough(&self) -> bool {
        let made = self.round + 1;
        if made >= self.settings.until.most_rounds() || self.settings.schedule == Schedule::Blocked
        {
            return true;
        }
        let Until::Narrow { percent, .. } = self.settings.until else {
            return false;
        };
        if !self.settings.has_energy_after(made) {
            return false;
        }
        let mut widths = self.staying().map(Standing::width_percent);
        widths.all(|width| width.is_some_and(|w| w <= percent))
    }

    pub(super) fn end(&mut self, how: How) -> Order {
        self.phase = Phase::Ended(how.clone());
        Order::End(how)
    }

    /// Nothing more is told: closes what waits for samples of power.
    pub fn finish(&mut self) {
        for visit in std::mem::take(&mut self.open) {
            self.close(visit);
        }
        let idle = self.pauses.measured(&mut self.meter, true);
        self.idle_rows.extend(idle);
    }

    /// Closes the visits that nothing more comes for.
    pub(super) fn settle(&mut self, now: Nanos) {
        let idle = self.pauses.measured(&mut self.meter, false);
        self.idle_rows.extend(idle);
        let mut place = 0;
        while place < self.open.len() {
            let visit = &self.open[place];
            let followed = place + 1 < self.open.len();
            let over = visit.left.is_some_and(|left| {
                let end = visit.window().map_or(Nanos(i64::MIN), |w| w.end);
                let complete = self.meter.has_passed(end) || now.since(left) > POWER_WITHIN_NS;
                (followed || self.ended().is_some()) && complete
            });
            if over {
                let visit = self.open.remove(place);
                self.close(visit);
            } else {
                place += 1;
            }
        }
    }

    pub(super) fn close(&mut self, visit: Visit) {
        if visit.plan() >= self.own {
            return;
        }
        let standing = &mut self.standings[visit.plan()];
        if let Some(mut row) = visit.row() {
            row.load = visit.window().and_then(|w| self.loads.over(w));
            row.power = visit.energy_window().and_then(|w| self.meter.over(w));
            standing.add_energy(&row);
            self.visit_rows.push(row);
        }
        standing.add_frames(&visit.rows);
        self.frames.extend(visit.rows);
    }
}
