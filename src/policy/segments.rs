//! Segments of row tiles with shares of their own: which boundaries end a segment, and how many rows the robot has at
//! each, found by a search with Pareto labels.
//!
//! A state is a boundary and the robot's rows there, of a small grid of shares (none and all among them). A label says
//! when robot, server and both ways of the link are free, when the rows next to the other device's are there, and how
//! long each was at work. From one state to another a segment computes what its rows need, halos included, and only the
//! missing rows move. A label that another one of its state is better than in everything is dropped, and of the rest a
//! bounded number kept, those that promise most.
//!
//! Labels are estimates: times between measured numbers of rows are straight lines, transfers both ways at once slow
//! each other by the shorter one, and pieces are joined where neighbours' rows are read. The best few plans are simulated
//! (see [`search`](super::search)), and only that counts. Local, remote, every cut and uniform shares are special cases;
//! plans that are divisions of whole operators are left to those, which are exact; plans that go back to the robot are
//! not among these.

mod ground;
mod labels;
#[cfg(test)]
mod tests;
mod times;

use super::problem::{Problem, WINDOW};
use super::search::may_be_too_high;
use super::{Candidate, Objective};
use crate::plan::{Mode, Plan};
use crate::power::Levels;
use crate::simulate::{Limit, energy};
use crate::units::NodeId;

pub(super) use ground::Ground;
use labels::{Compared, Label, Lanes, Path, Rest, Search};
pub(super) use times::{Made, Times};
use times::{ROBOT, SERVER};

/// Labels that a state keeps of models with few operators, of middling ones and of large ones.
const MOST_LABELS: [usize; 3] = [32, 4, 3];
/// Plans that one search finds, of the same.
const MOST_PLANS: [usize; 3] = [64, 6, 4];
/// Of models with no more operators than these.
const OPERATORS: [u32; 2] = [16, 128];

/// 0 of a small model, 1 of a middling one, 2 of a large one.
fn size(problem: &Problem) -> usize {
    let operators = problem.graph().operator_count();
    OPERATORS.iter().filter(|&&most| operators > most).count()
}

/// The robot's shares of the rows that are tried beside none, all and the balanced one.
pub(super) fn shares(ground: &Ground, balanced: f64) -> Vec<f64> {
    let steps = if ground.is_fine() { 8 } else { 4 };
    let inner = (1..steps).map(|i| f64::from(i) / f64::from(steps));
    inner.chain([balanced]).collect()
}

/// The best plans that are no divisions by estimate, those left out that look worse than `best`.
pub(super) fn estimates(
    problem: &Problem,
    objective: Objective,
    best: Option<&Candidate>,
) -> Vec<Candidate> {
    let size = size(problem);
    if size == MOST_PLANS.len() - 1 && objective == Objective::Throughput {
        // Many frames of many operators in many pieces: simulating one plan would take longer than a decision may.
        return Vec::new();
    }
    let (ground, times) = problem.segments();
    let Some(lanes) = Lanes::new(&problem.world().link, problem.starts()) else {
        return Vec::new();
    };
    let slower = problem.slow().and_then(|link| {
        let slow = Lanes::new(link, problem.starts())?;
        Some(slow.slower_than(&lanes))
    });
    let weigh = Weigh {
        objective,
        lanes,
        slower: slower.unwrap_or(1.0),
        levels: problem.world().power,
        best,
        may_be_too_high: may_be_too_high(problem),
    };
    let search = Search {
        times,
        lanes,
        compared: weigh.compared(),
        most: MOST_LABELS[size],
        // Some become the same plan.
        plans: 4 * MOST_PLANS[size],
    };
    let found = search.run(&|label, rest| weigh.score(label, rest));
    let candidate = |path: &Path| Candidate {
        plan: plan(ground, times, path).with_window(weigh.window()),
        ..weigh.figures(&path.label, &Rest::NONE)
    };
    let mut candidates: Vec<Candidate> = Vec::new();
    for path in &found {
        let candidate = candidate(path);
        if candidates.iter().all(|c| c.plan != candidate.plan) {
            candidates.push(candidate);
        }
    }
    candidates.truncate(MOST_PLANS[size]);
    candidates
}

/// The plan of a path. Of a stretch that one device has for itself only its last segment is kept apart: rows that the
/// other one waits for come first in that one alone.
fn plan(ground: &Ground, times: &Times, path: &Path) -> Plan {
    // Whose everything is at an end, if it is one device's.
    let alone = |&(boundary, rows): &(usize, u32)| match rows {
        0 => Some(SERVER),
        rows if rows == ground.rows(boundary) => Some(ROBOT),
        _ => None,
    };
    let mut ends: Vec<(usize, u32)> = Vec::with_capacity(path.ends.len());
    for end in &path.ends {
        if let [.., before, last] = ends.as_slice()
            && alone(end).is_some()
            && alone(before) == alone(last)
            && alone(last) == alone(end)
        {
            ends.remove(ends.len() - 2);
        }
        ends.push(*end);
    }
    let servers = usize::from(times.server.0.max(1));
    let segment = |&(boundary, rows): &(usize, u32)| -> (NodeId, Vec<u32>) {
        // Servers before the one that takes part have no rows.
        (ground.node(boundary), vec![rows; servers])
    };
    Plan::of(Mode::Tile {
        segments: ends.iter().map(segment).collect(),
    })
}

/// What labels are worth.
struct Weigh<'a> {
    objective: Objective,
    lanes: Lanes,
    /// How many times as long transfers take at the 95th percentile.
    slower: f64,
    levels: Option<Levels>,
    best: Option<&'a Candidate>,
    may_be_too_high: f64,
}

impl Weigh<'_> {
    const fn window(&self) -> u16 {
        match self.objective {
            Objective::Throughput => WINDOW,
            _ => 1,
        }
    }

    const fn compared(&self) -> Compared {
        match self.objective {
            Objective::Latency => Compared::Times,
            Objective::Throughput => Compared::Stages,
            Objective::Energy | Objective::Deadline { .. } | Objective::Budget { .. } => {
                Compared::TimesAndWork
            }
        }
    }

    /// The figures of a plan that begins like this, at the least.
    fn figures(&self, label: &Label, rest: &Rest) -> Candidate {
        let [robot, up, down, server] = label.busy;
        let alone_ns = label.end_ns(rest).max(1);
        let stage_ns = label
            .stage_ns(rest)
            .max(self.lanes.busy_ns([up, down]))
            .max(1);
        let is_crowd = self.window() > 1;
        let latency_ns = if is_crowd {
            alone_ns.max(stage_ns * i64::from(self.window()))
        } else {
            alone_ns
        };
        let between_ns = if is_crowd { stage_ns } else { alone_ns };
        let later = (self.slower - 1.0) * (up + down) as f64;
        let limit = if stage_ns == robot {
            Limit::Robot
        } else if stage_ns == server {
            Limit::Server
        } else {
            Limit::Link
        };
        Candidate {
            plan: Plan::LOCAL,
            latency_ns,
            p95_ns: latency_ns + later as i64,
            energy: (self.levels).map(|levels| energy(&levels, between_ns, [robot, up, down])),
            bytes_up: 0,
            bytes_down: 0,
            frames_per_s: 1e9 / between_ns as f64,
            limit,
            simulated: false,
        }
    }

    fn score(&self, label: &Label, rest: &Rest) -> Option<f64> {
        if self.objective == Objective::Latency {
            // The same as below, without the figures that do not matter here.
            let ns = label.end_ns(rest) as f64;
            let most = 1.0 + self.may_be_too_high;
            let may_gain = |best: &Candidate| ns < best.latency_ns as f64 * most;
            return self.best.is_none_or(may_gain).then_some(ns);
        }
        let figures = self.figures(label, rest);
        let may_gain =
            |best: &Candidate| self.objective.gain(best, &figures) > -self.may_be_too_high;
        if !self.best.is_none_or(may_gain) {
            return None;
        }
        // Who does not keep to a deadline or a budget comes behind all who do.
        let missed = if self.objective.is_met(&figures) {
            0.0
        } else {
            1e18
        };
        let of = match self.objective {
            Objective::Deadline { .. } if missed > 0.0 => figures.p95_ns as f64,
            Objective::Budget { .. } if missed > 0.0 => figures.energy.map_or(0.0, |e| e.0 * 1e9),
            _ => (self.objective.score(&figures)).unwrap_or(figures.latency_ns as f64),
        };
        Some(of + missed)
    }
}
