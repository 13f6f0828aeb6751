//! Chooses a plan. One file per policy; each prefers by an [`Objective`] among [`Candidate`]s that it gets from a
//! [`Problem`], and says what it compared and why the choice won.
//!
//! Everything here is arithmetic on predictions. [`Problem`] prices a division of whole operators in closed form
//! ([`division`]) and simulates every other plan; figures are equal where both can be had. [`Hysteresis`] decides when a
//! choice becomes the plan.

mod auto;
mod bounded;
mod budget;
mod dads;
mod deadline;
pub mod division;
mod estimate;
mod family;
mod fixed;
mod hysteresis;
mod library;
mod mincut;
mod neurosurgeon;
mod objective;
mod pareto;
mod pricing;
mod problem;
mod pso;
mod reason;
mod search;
mod segments;
mod servers;
mod sets;
mod spec;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{ModeKind, Plan};
use crate::simulate::Limit;
use crate::units::Joules;

pub use auto::Auto;
pub use budget::Budget;
pub use dads::{Dads, Load};
pub use deadline::Deadline;
pub use family::TILES;
pub use fixed::Fixed;
pub use hysteresis::{BANDWIDTH_MOVED, FRAMES, Hysteresis, LEAST_GAIN, Verdict};
pub use neurosurgeon::Neurosurgeon;
pub use objective::Objective;
pub use pareto::front;
pub use problem::{NoFigures, Problem, WINDOW};
pub use pso::Pso;
pub use reason::{figures, why_no_gain};
pub use spec::Spec;

/// A plan with what it is predicted to cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The plan.
    pub plan: Plan,
    /// The mean latency, in nanoseconds.
    pub latency_ns: i64,
    /// The 95th percentile of the latency, in nanoseconds.
    pub p95_ns: i64,
    /// The robot's energy per frame; none without its power levels.
    pub energy: Option<Joules>,
    /// Payload bytes of a frame from the robot.
    pub bytes_up: u64,
    /// Payload bytes of a frame to the robot.
    pub bytes_down: u64,
    /// Frames per second, one after the other or with the plan's window.
    pub frames_per_s: f64,
    /// What is at work longest.
    pub limit: Limit,
    /// True if the simulator ran it, false if its figures came in closed form.
    pub simulated: bool,
}

impl Candidate {
    /// A plan of which nothing is known: it never ends.
    pub fn unknown(plan: &Plan) -> Self {
        Self {
            plan: plan.clone(),
            latency_ns: i64::MAX,
            p95_ns: i64::MAX,
            energy: None,
            bytes_up: 0,
            bytes_down: 0,
            frames_per_s: 0.0,
            limit: Limit::Link,
            simulated: false,
        }
    }

    /// Payload bytes of a frame, both ways.
    pub const fn bytes(&self) -> u64 {
        self.bytes_up + self.bytes_down
    }

    /// The mode by name.
    pub const fn mode(&self) -> &'static str {
        self.plan.mode_name()
    }
}

/// Most candidates that a decision remembers.
const REMEMBERED: usize = 8;

/// A choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What was wanted.
    pub objective: Objective,
    /// The choice.
    pub chosen: Candidate,
    /// Whether it keeps to the objective's deadline or budget.
    pub feasible: bool,
    /// The best of what was compared, the choice first.
    pub compared: Vec<Candidate>,
    /// How many were compared.
    pub considered: usize,
    /// What was compared and why the choice won, in sentences.
    pub reasons: Vec<String>,
}

impl Decision {
    /// The best of the candidates for an objective, with the reasons that the caller finds; of no candidates `local`,
    /// of which nothing is known.
    pub fn among(
        objective: Objective,
        mut candidates: Vec<Candidate>,
        reasons: impl FnOnce(&Self) -> Vec<String>,
    ) -> Self {
        let considered = candidates.len();
        candidates.sort_by(|a, b| objective.compare(a, b));
        candidates.truncate(REMEMBERED);
        let chosen = candidates.first().cloned();
        let chosen = chosen.unwrap_or_else(|| Candidate::unknown(&Plan::LOCAL));
        let mut decision = Self {
            objective,
            feasible: objective.is_met(&chosen),
            chosen,
            compared: candidates,
            considered,
            reasons: Vec::new(),
        };
        decision.reasons = reasons(&decision);
        decision
    }
}

/// Chooses.
pub trait Policy: Send {
    /// The name in flags and on screens.
    fn name(&self) -> &'static str;

    /// The choice for a problem as it is now.
    fn decide(&mut self, problem: &Problem) -> Decision;
}

/// The policies by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyKind {
    /// The plan that somebody chose.
    Fixed,
    /// A scan of the cuts.
    Neurosurgeon,
    /// A minimum cut.
    Dads,
    /// The most throughput.
    DadsHeavy,
    /// The least energy in time.
    Deadline,
    /// The least latency for an energy.
    Budget,
    /// A particle swarm under a deadline.
    Pso,
    /// The best of all modes.
    Auto,
}

impl PolicyKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Fixed,
        Self::Neurosurgeon,
        Self::Dads,
        Self::DadsHeavy,
        Self::Deadline,
        Self::Budget,
        Self::Pso,
        Self::Auto,
    ];

    /// The name in flags and on screens.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Neurosurgeon => "neurosurgeon",
            Self::Dads => "dads",
            Self::DadsHeavy => "dads-heavy",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
            Self::Pso => "pso",
            Self::Auto => "auto",
        }
    }

    /// The policy for an objective; `fixed` keeps `plan`.
    ///
    /// # Errors
    /// An objective that the policy does not have.
    pub fn policy(self, objective: Objective, plan: &Plan) -> Result<Box<dyn Policy>, String> {
        let wants = |what: &str| {
            Err(format!(
                "policy {} needs --objective {what}, not {objective}",
                self.name()
            ))
        };
        Ok(match (self, objective) {
            (Self::Fixed, _) => Box::new(Fixed { plan: plan.clone() }),
            (Self::Neurosurgeon, Objective::Latency | Objective::Energy) => {
                Box::new(Neurosurgeon { objective })
            }
            (Self::Neurosurgeon, _) => return wants("latency or energy"),
            (Self::Dads, Objective::Latency) => Box::new(Dads { load: Load::Light }),
            (Self::Dads, _) => return wants("latency"),
            (Self::DadsHeavy, Objective::Throughput | Objective::Latency) => {
                Box::new(Dads { load: Load::Heavy })
            }
            (Self::DadsHeavy, _) => return wants("throughput"),
            (Self::Deadline, Objective::Deadline { ms }) => Box::new(Deadline { ms }),
            (Self::Deadline, _) => return wants("deadline=MS"),
            (Self::Budget, Objective::Budget { joules }) => Box::new(Budget { joules }),
            (Self::Budget, _) => return wants("budget=J"),
            (Self::Pso, Objective::Deadline { ms }) => Box::new(Pso { ms, seed: 1 }),
            (Self::Pso, _) => return wants("deadline=MS"),
            (Self::Auto, _) => Box::new(Auto { objective }),
        })
    }
}

impl fmt::Display for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PolicyKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|kind| kind.name()).collect();
            format!("{text:?} is no policy; expected {}", names.join(", "))
        })
    }
}

/// Every division of whole operators with its figures, cuts `0..=n` first; those that the link never carries are left
/// out.
pub fn divisions(problem: &Problem) -> Vec<Candidate> {
    problem
        .divisions()
        .iter()
        .filter_map(|d| problem.price(d))
        .collect()
}

/// One candidate per cut `0..=n`, in closed form: what a cut at each row of a layer table costs. None where the link
/// never carries it.
pub fn cuts(problem: &Problem) -> Vec<Option<Candidate>> {
    problem.cuts().iter().map(|d| problem.price(d)).collect()
}

/// The best of every mode for an objective, in the modes' order, or why a mode has none.
pub fn best_per_mode(
    problem: &Problem,
    objective: Objective,
) -> Vec<(ModeKind, Result<Candidate, String>)> {
    let cuts: Vec<Candidate> = cuts(problem).into_iter().flatten().collect();
    let never = || "the link never carries it".to_owned();
    let of = |kind: ModeKind| match kind {
        ModeKind::Local => problem.figures(&Plan::LOCAL),
        ModeKind::Remote => problem.figures(&Plan::REMOTE),
        ModeKind::Pipeline => {
            let divisions = problem.cuts().iter();
            let pipelined = divisions.filter(|d| !matches!(*d.plan(), Plan::LOCAL));
            let all: Vec<_> = pipelined
                .filter_map(|d| problem.price_pipelined(d))
                .collect();
            let best = Objective::Throughput.best(&all).map(|i| all[i].clone());
            let best = best.ok_or_else(never)?;
            problem.figures(&best.plan)
        }
        ModeKind::Split => {
            let inner = cuts
                .iter()
                .filter(|c| !matches!(c.plan, Plan::LOCAL | Plan::REMOTE));
            let mut all: Vec<Candidate> = inner.cloned().collect();
            let best = objective.best(&all).map(|i| all[i].clone());
            let streamed = search::search(problem, objective, Some(kind), best.as_ref());
            all.extend(streamed.plans);
            objective
                .best(&all)
                .map(|i| all[i].clone())
                .ok_or_else(never)
        }
        ModeKind::Tensor | ModeKind::Data | ModeKind::Tile => {
            search::best_of(problem, objective, kind).map_err(|why| why.to_string())
        }
    };
    ModeKind::ALL
        .map(|kind| (kind, of(kind)))
        .into_iter()
        .collect()
}
