//! The best of the plans beyond whole-operator divisions: there are too many to simulate each time, so estimates rank
//! them, and the best few are simulated.

use std::sync::Arc;

use super::estimate::{at_least, by_bytes, streamed};
use super::family::{TILES, kind_of};
use super::pricing::frames_of;
use super::problem::{NoFigures, Problem, WINDOW};
use super::{Candidate, Objective};
use crate::plan::{ModeKind, Plan};
use crate::simulate::Prepared;

/// Steps that one decision simulates, beyond its first plan: about 5 ms of one core.
const MOST_STEPS: usize = 1200;
/// Of models with no more operators than this, everything that looks better is compiled and simulated at once.
const SMALL: u32 = 16;
/// An estimate that is better by less is not worth a simulation.
const LEAST_GAIN: f64 = 1e-9;
/// Streamed plans that one search asks to have compiled.
const MOST_WISHES: usize = 4;

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Simulated.
    pub(super) plans: Vec<Candidate>,
    /// How many more looked better by estimate.
    pub(super) left: usize,
    /// How many of those are not compiled yet; [`Problem::prepare`] does that.
    pub(super) unprepared: usize,
}

/// The better ones of the family for an objective, simulated; `best` is what they must beat.
pub(super) fn search(
    problem: &Problem,
    objective: Objective,
    only: Option<ModeKind>,
    best: Option<&Candidate>,
) -> Found {
    let window = if objective == Objective::Throughput {
        WINDOW
    } else {
        1
    };
    let is_small = problem.graph().operator_count() <= SMALL;
    let ready = |plan: &Plan| {
        if is_small {
            return Some(problem.prepared(plan));
        }
        problem.ready(plan)
    };
    let is_better = |best: Option<&Candidate>, estimate: &Candidate| {
        best.is_none_or(|best| objective.gain(best, estimate) > LEAST_GAIN)
    };
    let mut found = Found::default();
    let mut estimates: Vec<Candidate> = Vec::new();
    for estimate in streams(problem, only, window) {
        if is_better(best, &estimate) {
            estimates.push(estimate);
        }
    }
    let wanted = |kind: ModeKind| only.is_none_or(|only| only == kind);
    for plan in &problem.family().plans {
        if !wanted(kind_of(plan)) {
            continue;
        }
        let plan = plan.clone().with_window(window);
        if let Some(bytes) = problem.bytes(&plan)
            && !is_better(best, &by_bytes(problem, plan.clone(), bytes))
        {
            continue;
        }
        match ready(&plan) {
            Some(Ok(prepared)) => {
                let estimate = at_least(problem, plan, &prepared);
                if is_better(best, &estimate) {
                    estimates.push(estimate);
                }
            }
            Some(Err(_)) => {}
            None => {
                problem.want(&plan);
                found.left += 1;
                found.unprepared += 1;
            }
        }
    }
    estimates.sort_by(|a, b| objective.compare(a, b));
    let mut best = best.cloned();
    let mut steps = 0;
    let mut wishes = 0;
    for estimate in estimates {
        if !is_better(best.as_ref(), &estimate) {
            continue;
        }
        let prepared: Result<Arc<Prepared>, NoFigures> = match ready(&estimate.plan) {
            Some(prepared) => prepared,
            None => {
                if wishes < MOST_WISHES {
                    problem.want(&estimate.plan);
                    wishes += 1;
                }
                found.left += 1;
                found.unprepared += 1;
                continue;
            }
        };
        let Ok(prepared) = prepared else { continue };
        let more = prepared.step_count() * frames_of(window) as usize * problem.starts().len();
        if !is_small && steps > 0 && steps + more > MOST_STEPS {
            found.left += 1;
            continue;
        }
        steps += more;
        let Ok(candidate) = problem.simulate(&estimate.plan) else {
            continue;
        };
        let is_best = best.as_ref();
        if is_best.is_none_or(|best| objective.compare(&candidate, best).is_lt()) {
            best = Some(candidate.clone());
        }
        found.plans.push(candidate);
    }
    found
}

/// Every streamed cut, estimated.
fn streams(problem: &Problem, only: Option<ModeKind>, window: u16) -> Vec<Candidate> {
    let mut estimates = Vec::new();
    if only.is_some_and(|only| only != ModeKind::Split) {
        return estimates;
    }
    for &(k, rows) in &problem.family().streamable {
        let whole = problem.cuts().get(k as usize);
        let Some(whole) = whole.and_then(|division| problem.price(division)) else {
            continue;
        };
        for tiles in TILES.into_iter().filter(|&tiles| tiles <= rows) {
            let on_each = problem.tiled().iter().filter_map(|(server, tiled)| {
                streamed(problem, (*server, tiled), &whole, (k, tiles), window)
            });
            estimates.extend(on_each);
        }
    }
    estimates
}

/// Why a mode has no best plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoBest {
    /// It does not suit the model.
    #[error("{0}")]
    Refused(String),
    /// It may have one: see [`Problem::prepare`].
    #[error("its plans are still being compiled")]
    NotYet,
    /// No frame would ever come back.
    #[error("the link never carries it")]
    NeverCarried,
}

/// The best of one mode, whatever else there is.
///
/// # Errors
/// Why the mode has none.
pub(super) fn best_of(
    problem: &Problem,
    objective: Objective,
    kind: ModeKind,
) -> Result<Candidate, NoBest> {
    let Found {
        plans, unprepared, ..
    } = search(problem, objective, Some(kind), None);
    if let Some(best) = objective.best(&plans) {
        return Ok(plans[best].clone());
    }
    if unprepared > 0 {
        return Err(NoBest::NotYet);
    }
    let mut refused = problem.family().refused.iter();
    let refused = refused.find(|(refused, _)| *refused == kind);
    Err(refused.map_or(NoBest::NeverCarried, |(_, why)| {
        NoBest::Refused(why.clone())
    }))
}

/// Every plan of the family simulated, for tests against brute force.
#[cfg(test)]
pub(super) fn all(problem: &Problem) -> Vec<Candidate> {
    let plans = problem.family().plans();
    plans
        .filter_map(|plan| problem.simulate(&plan).ok())
        .collect()
}

impl Problem {
    /// Figures of a plan as [`Problem::evaluate`], with the reason as a sentence.
    ///
    /// # Errors
    /// As [`Problem::evaluate`].
    pub fn figures(&self, plan: &Plan) -> Result<Candidate, String> {
        self.evaluate(plan)
            .map_err(|error: NoFigures| error.to_string())
    }
}
