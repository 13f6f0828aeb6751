//! What can be asked of a sweep: how far it is, and what it has measured.

use super::super::{
    FrameRow, IdleRow, PlanLine, RefusedRow, Schedule, Settings, SoloRow, Until, VisitRow,
};
use super::standing::Standing;
use super::{Bar, How, Pause, Phase, Sweep};
use crate::plan::Plan;
use crate::statistics::Estimate;

/// How far a sweep is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The plan at present, by its place.
    pub plan: Option<usize>,
    /// The round, from 0.
    pub round: u32,
    /// Rounds at most.
    pub rounds: u32,
    /// Visits made.
    pub visits: u32,
    /// Visits to come at most.
    pub visits_left: u32,
    /// How long they will take if they are like those before; none before the first.
    pub time_left_ns: Option<i64>,
    /// Whether it is seen first if robot and server slow each other.
    pub is_check: bool,
    /// The robot is left alone, so that its idle power can be measured.
    pub is_idle: bool,
    /// Why nothing goes on, if so.
    pub pause: Option<Pause>,
    /// The end, once it is there.
    pub ended: Option<How>,
}

/// How much of a sweep somebody has had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    frames: usize,
    visits: usize,
    idle: usize,
    refused: usize,
    solo: bool,
}

/// What of a sweep is new to somebody.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct News {
    /// Frames of visits that are over.
    pub frames: Vec<FrameRow>,
    /// Those visits.
    pub visits: Vec<VisitRow>,
    /// Stretches in which the robot was left alone.
    pub idle: Vec<IdleRow>,
    /// Plans that could not be measured.
    pub refused: Vec<RefusedRow>,
    /// What was found of robot and server on one machine.
    pub solo: Option<SoloRow>,
}

impl Sweep {
    /// What is new, and from now on seen; none if nothing is.
    pub fn news(&self, seen: &mut Seen) -> Option<News> {
        let now = Seen {
            frames: self.frames.len(),
            visits: self.visit_rows.len(),
            idle: self.idle_rows.len(),
            refused: self.refused.len(),
            solo: self.solo_row.is_some(),
        };
        let before = std::mem::replace(seen, now);
        (before != now).then(|| News {
            frames: self.frames[before.frames..].to_vec(),
            visits: self.visit_rows[before.visits..].to_vec(),
            idle: self.idle_rows[before.idle..].to_vec(),
            refused: self.refused[before.refused..].to_vec(),
            solo: self.solo_row.filter(|_| !before.solo),
        })
    }

    /// The plans, by the places that rows name them with.
    pub fn plans(&self) -> &[PlanLine] {
        &self.plans[..self.own]
    }

    /// How it goes about it.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the robot runs when it is over.
    pub const fn restore(&self) -> &Plan {
        &self.restore
    }

    /// The end, once it is there.
    pub const fn ended(&self) -> Option<&How> {
        match &self.phase {
            Phase::Ended(how) => Some(how),
            _ => None,
        }
    }

    /// Frames of the visits that are over.
    pub fn frames(&self) -> &[FrameRow] {
        &self.frames
    }

    /// The visits that are over and have frames that count; their frames stand in [`Sweep::frames`].
    pub fn visits(&self) -> &[VisitRow] {
        &self.visit_rows
    }

    /// The stretches in which the robot was left alone, with what it took then.
    pub fn idle_rows(&self) -> &[IdleRow] {
        &self.idle_rows
    }

    /// Plans that could not be measured.
    pub fn refusals(&self) -> &[RefusedRow] {
        &self.refused
    }

    /// Whether robot and server slow each other, where they share a machine and that was seen.
    pub const fn solo(&self) -> Option<&SoloRow> {
        self.solo_row.as_ref()
    }

    /// A plan's median latency so far, in milliseconds, with its interval.
    pub fn median(&self, plan: usize) -> Option<Estimate> {
        self.standings.get(plan)?.median
    }

    /// A plan's figures so far; none before its first frame.
    pub fn bar(&self, plan: usize) -> Option<Bar> {
        self.standings.get(plan)?.bar()
    }

    /// The plans of the least median latency and of the least energy so far.
    pub fn best(&self) -> (Option<usize>, Option<usize>) {
        let least = |of: &dyn Fn(Bar) -> Option<f64>| {
            let known = (0..self.own).filter_map(|p| Some((p, of(self.bar(p)?)?)));
            known.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(p, _)| p)
        };
        (least(&|b| Some(b.median_ms.value)), least(&|b| b.joules))
    }

    /// The plans that were measured, the one of the least median latency first.
    pub fn ranked(&self) -> Vec<&PlanLine> {
        let medians = self.plans().iter().zip(&self.standings);
        let known = medians.filter_map(|(line, standing)| Some((line, standing.median?.value)));
        let mut known: Vec<_> = known.collect();
        known.sort_by(|a, b| a.1.total_cmp(&b.1));
        known.into_iter().map(|(line, _)| line).collect()
    }

    /// Whether a plan is visited no more: the robot does not take it, or it was skipped.
    pub fn is_out(&self, plan: usize) -> bool {
        self.standings.get(plan).is_some_and(|s| s.out)
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let pause = match &self.phase {
            Phase::Paused { why, .. } => Some(why.clone()),
            _ => None,
        };
        let visits_left = self.visits_left();
        let present = self.present();
        let made = i64::from(self.visits);
        Progress {
            plan: present.filter(|plan| *plan < self.own),
            round: self.round,
            rounds: self.settings.until.most_rounds(),
            visits: self.visits,
            visits_left,
            time_left_ns: (made > 0)
                .then(|| self.spent_ns / made * i64::from(visits_left) + self.idle_left_ns()),
            is_check: present.is_some_and(|plan| plan >= self.own),
            is_idle: matches!(self.phase, Phase::Idling { .. }),
            pause,
            ended: self.ended().cloned(),
        }
    }

    /// How long the robot will still be left alone once it was measured.
    fn idle_left_ns(&self) -> i64 {
        if self.ended().is_some() || !self.measures_idle() {
            return 0;
        }
        i64::from(self.settings.idle_ms) * 1_000_000
    }

    fn visits_left(&self) -> u32 {
        if self.ended().is_some() || self.is_after {
            return 0;
        }
        let waiting = self.queue.iter().copied().chain(self.present());
        let here = waiting.filter(|plan| *plan < self.own).count() as u32;
        let staying = self.staying().count() as u32;
        let rounds = match self.settings.schedule {
            Schedule::Blocked => 0,
            Schedule::Interleaved => self.rounds_left(),
        };
        here + rounds * staying
    }

    /// Rounds after this one. With an interval as the end: an interval shrinks with the root of the number of frames.
    fn rounds_left(&self) -> u32 {
        let most = self.settings.until.most_rounds();
        let left = most.saturating_sub(self.round + 1);
        let Until::Narrow { percent, .. } = self.settings.until else {
            return left;
        };
        let mut widths = self.staying().map(Standing::width_percent);
        let Some(widest) = widths.try_fold(0.0_f64, |a, w| Some(a.max(w?))) else {
            return left;
        };
        let needed = f64::from(self.round + 1) * (widest / percent).powi(2);
        (needed.ceil() as u32)
            .saturating_sub(self.round + 1)
            .min(left)
    }
}
