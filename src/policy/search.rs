//! The best of the plans beyond whole-operator divisions: there are too many to simulate each time, so estimates rank
//! them, and the best few are simulated.

use std::sync::Arc;

use super::estimate::{at_least, by_bytes, streamed};
use super::family::{TILES, kind_of};
use super::pricing::frames_of;
use super::problem::{NoFigures, Problem, WINDOW};
use super::{Candidate, Objective, segments};
use crate::plan::{Mode, ModeKind, Plan};
use crate::simulate::Prepared;

/// Steps that one decision simulates, beyond its first plan: about 5 ms of one core.
const MOST_STEPS: usize = 1200;
/// Of models with no more operators than this, everything that looks better is compiled and simulated at once.
const SMALL: u32 = 16;
/// A plan that is better by less is not worth a simulation.
const LEAST_GAIN: f64 = 1e-9;
/// Estimates of small models' plans may be too high by this share: what looks worse by less is still simulated.
const MAY_BE_TOO_HIGH: f64 = 0.1;
/// Of larger models only those of segments are given that much: streamed cuts are many, and about as good as each other
/// where the link is the limit, so that looking at all of them would take longer than a decision may.
const MAY_BE_TOO_HIGH_IF_LARGE: f64 = 0.02;
/// Streamed and tiled plans that one search asks to have compiled.
const MOST_WISHES: usize = 4;

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Simulated.
    pub(super) plans: Vec<Candidate>,
    /// How many more may be better by estimate.
    pub(super) left: usize,
    /// How many of those are not compiled yet; [`Problem::prepare`] does that.
    pub(super) unprepared: usize,
}

/// The better ones of the family and of segments of row tiles for an objective, simulated; `best` is what they must beat.
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
    let mut look = Look {
        problem,
        objective,
        is_small: is_small(problem),
        best: best.cloned(),
        steps: 0,
        found: Found::default(),
    };
    let mut likely = streams(problem, only, window);
    likely.retain(|estimate| look.may_gain(estimate, look.least_gain(estimate)));
    if only.is_none_or(|only| only == ModeKind::Tile) {
        likely.extend(segments::estimates(problem, objective, best));
    }
    let bounds = look.bounds(only, window);
    look.simulate(likely, MOST_WISHES, Look::least_gain);
    // Everything that is left of these was wanted before.
    look.simulate(bounds, 0, |_, _| LEAST_GAIN);
    look.found
}

fn is_small(problem: &Problem) -> bool {
    problem.graph().operator_count() <= SMALL
}

/// By which share estimates of segments may be too high.
pub(super) fn may_be_too_high(problem: &Problem) -> f64 {
    if is_small(problem) {
        MAY_BE_TOO_HIGH
    } else {
        MAY_BE_TOO_HIGH_IF_LARGE
    }
}

/// One search under way.
struct Look<'a> {
    problem: &'a Problem,
    objective: Objective,
    is_small: bool,
    /// What is to beat.
    best: Option<Candidate>,
    /// Simulated so far.
    steps: usize,
    found: Found,
}

impl Look<'_> {
    /// Whether a plan with these figures, or better ones, gains more than this over the best so far.
    fn may_gain(&self, figures: &Candidate, least: f64) -> bool {
        let best = self.best.as_ref();
        best.is_none_or(|best| self.objective.gain(best, figures) > least)
    }

    /// What a plan must gain by its estimate to be simulated.
    fn least_gain(&self, estimate: &Candidate) -> f64 {
        let is_segments = matches!(estimate.plan.mode, Mode::Tile { .. });
        if self.is_small || is_segments {
            -may_be_too_high(self.problem)
        } else {
            LEAST_GAIN
        }
    }

    fn ready(&self, plan: &Plan) -> Option<Result<Arc<Prepared>, NoFigures>> {
        if self.is_small {
            return Some(self.problem.prepared(plan));
        }
        self.problem.ready(plan)
    }

    /// The plans of the family, bounded from below; those that are not compiled yet are wanted.
    fn bounds(&mut self, only: Option<ModeKind>, window: u16) -> Vec<Candidate> {
        let mut bounds = Vec::new();
        for plan in &self.problem.family().plans {
            if only.is_some_and(|only| only != kind_of(plan)) {
                continue;
            }
            let plan = plan.clone().with_window(window);
            if let Some(bytes) = self.problem.bytes(&plan)
                && !self.may_gain(&by_bytes(self.problem, plan.clone(), bytes), LEAST_GAIN)
            {
                continue;
            }
            match self.ready(&plan) {
                Some(Ok(prepared)) => {
                    let bound = at_least(self.problem, plan, &prepared);
                    if self.may_gain(&bound, LEAST_GAIN) {
                        bounds.push(bound);
                    }
                }
                Some(Err(_)) => {}
                None => {
                    self.problem.want(&plan);
                    self.found.left += 1;
                    self.found.unprepared += 1;
                }
            }
        }
        bounds
    }

    /// Simulates what may still be better than the best so far, the most promising first; of what is not compiled yet, the
    /// first `wishes` are wanted.
    fn simulate(
        &mut self,
        mut estimates: Vec<Candidate>,
        mut wishes: usize,
        least_gain: impl Fn(&Self, &Candidate) -> f64,
    ) {
        estimates.sort_by(|a, b| self.objective.compare(a, b));
        for estimate in estimates {
            if !self.may_gain(&estimate, least_gain(self, &estimate)) {
                continue;
            }
            let Some(prepared) = self.ready(&estimate.plan) else {
                if wishes > 0 {
                    self.problem.want(&estimate.plan);
                    wishes -= 1;
                }
                self.found.left += 1;
                self.found.unprepared += 1;
                continue;
            };
            let Ok(prepared) = prepared else { continue };
            let frames = frames_of(estimate.plan.window) as usize;
            let more = prepared.step_count() * frames * self.problem.starts().len();
            if !self.is_small && self.steps > 0 && self.steps + more > MOST_STEPS {
                self.found.left += 1;
                continue;
            }
            self.steps += more;
            let Ok(candidate) = self.problem.simulate(&estimate.plan) else {
                continue;
            };
            let best = self.best.as_ref();
            if best.is_none_or(|best| self.objective.compare(&candidate, best).is_lt()) {
                self.best = Some(candidate.clone());
            }
            self.found.plans.push(candidate);
        }
    }
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
