//! What every plan would cost at a moment, and whether a policy changes the plan. Pure.
//!
//! Everything in here is predicted, from the devices and the link as they are believed at that moment.

use std::sync::Arc;

use super::predict::Expected;
use crate::link::Believed;
use crate::model::Graph;
use crate::plan::{Codec, Plan};
use crate::policy::{
    Candidate, Hysteresis, Objective, Policy, Problem, Spec, Verdict, best_per_mode, front,
    why_no_gain,
};
use crate::simulate::World;
use crate::units::{DeviceId, Epoch, Nanos};
use crate::wire::{
    CutCosts, DecisionRecord, ExpectedFrame, MAX_COMPARED, MAX_PLANS, NoGain, PlanCost,
    PredictionRecord,
};

/// A rate's spread is believed up to this share of it.
const MOST_SPREAD: f64 = 0.5;

/// What is known when plans are looked at.
#[derive(Debug, Clone)]
pub struct Moment {
    /// When, on the robot's clock.
    pub at: Nanos,
    /// The plan in effect.
    pub epoch: Epoch,
    /// The same.
    pub plan: Plan,
    /// Devices and link.
    pub world: World,
    /// What the link in there comes from.
    pub link: Believed,
    /// Why the link's rate is not what was measured last, if it is not.
    pub assumed: Option<String>,
    /// A frame of the plan in effect.
    pub expected: Option<Expected>,
    /// Who has the say; none: an operator.
    pub policy: Option<Spec>,
    /// Whether the costs of all plans are wanted, too.
    pub wants_table: bool,
    /// Whether a device is emulated.
    pub emulated: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The costs of plans, if they were wanted.
    pub prediction: Option<PredictionRecord>,
    /// The change that the policy wants.
    pub decision: Option<DecisionRecord>,
}

/// See the [module](self).
pub struct Planning {
    graph: Arc<Graph>,
    /// The one before, for what of it is worth keeping.
    problem: Option<Problem>,
    policy: Option<(Spec, Box<dyn Policy>)>,
    hysteresis: Hysteresis,
}

impl Planning {
    /// Without a policy.
    pub fn new(graph: Arc<Graph>) -> Self {
        Self {
            graph,
            problem: None,
            policy: None,
            hysteresis: Hysteresis::new(),
        }
    }

    /// Looks at the plans.
    ///
    /// # Errors
    /// A world without a server, or a policy that does not go with its objective; in words.
    pub fn plan(&mut self, moment: &Moment) -> Result<Planned, String> {
        let world = moment.world.clone();
        let problem = match &self.problem {
            Some(before) => before.renewed(world),
            None => Problem::new(Arc::clone(&self.graph), world),
        };
        let problem = problem.map_err(|e| e.to_string())?;
        self.problem = Some(problem.clone());
        let spread = moment.link.rate.std_mbps / moment.link.rate.mbps.max(1e-9);
        let problem = problem.with_link(moment.world.link.clone(), spread.min(MOST_SPREAD));
        self.take_policy(moment)?;
        Ok(Planned {
            decision: self.decide(&problem, moment),
            prediction: moment
                .wants_table
                .then(|| prediction(&problem, &self.graph, moment)),
        })
    }

    /// Compiles a plan that was wanted and not there; false if none is. For when nobody waits for a decision.
    pub fn prepare(&self) -> bool {
        self.problem.as_ref().is_some_and(Problem::prepare)
    }

    /// A policy that is new here begins without a memory.
    fn take_policy(&mut self, moment: &Moment) -> Result<(), String> {
        if self.policy.as_ref().map(|(spec, _)| *spec) != moment.policy {
            self.hysteresis = Hysteresis::new();
            self.policy = match moment.policy {
                None => None,
                Some(spec) => Some((spec, spec.policy(&moment.plan)?)),
            };
        }
        Ok(())
    }

    fn decide(&mut self, problem: &Problem, moment: &Moment) -> Option<DecisionRecord> {
        let (spec, policy) = self.policy.as_mut()?;
        let decision = policy.decide(problem);
        // Policies choose no codec: the operator's stays, and the world has what it does to values.
        let codec = moment.plan.codec;
        let plain = moment.plan.clone().with_codec(Codec::None);
        let current = problem.evaluate(&plain).ok();
        let mbps = moment.link.rate.mbps;
        let verdict = self
            .hysteresis
            .weigh(&decision, current.as_ref(), &plain, mbps);
        let Verdict::Change { because, .. } = verdict else {
            return None;
        };
        let mut reasons = vec![because];
        reasons.extend(moment.assumed.clone());
        reasons.extend(decision.reasons);
        if codec != Codec::None {
            let priced = match moment.world.packings.seen() {
                0 => "nothing was packed yet, so plans are priced as if values went as they are"
                    .to_owned(),
                1 => "plans are priced with what it did to 1 edge so far".to_owned(),
                seen => format!("plans are priced with what it did to {seen} edges so far"),
            };
            reasons.push(format!(
                "codec {codec} stays as it was chosen by hand; {priced}"
            ));
        }
        let chosen = Candidate {
            plan: decision.chosen.plan.clone().with_codec(codec),
            ..decision.chosen
        };
        let compared = decision.compared.iter().take(MAX_COMPARED);
        Some(DecisionRecord {
            at: moment.at,
            policy: *spec,
            epoch: moment.epoch,
            from: moment.plan.clone(),
            from_ns: current.map(|c| c.latency_ns),
            to: cost(&chosen),
            feasible: decision.feasible,
            compared: compared.map(cost).collect(),
            reasons,
        })
    }
}

fn prediction(problem: &Problem, graph: &Graph, moment: &Moment) -> PredictionRecord {
    let objective = moment.policy.map_or(Objective::Latency, |p| p.objective);
    let first = problem.cuts_on(DeviceId::SERVER);
    let by_cut: Vec<_> = first.iter().map(|cut| problem.price(cut)).collect();
    let mut best: Vec<Candidate> = by_cut.iter().flatten().cloned().collect();
    let ends = front(&best);
    best = ends.into_iter().map(|i| best[i].clone()).collect();
    let mut no_gain = Vec::new();
    for (mode, found) in best_per_mode(problem, objective) {
        match found {
            Ok(candidate) if best.iter().all(|c| c.plan != candidate.plan) => best.push(candidate),
            Ok(_) => {}
            Err(why) => no_gain.push(NoGain {
                mode: mode.name().to_owned(),
                why: format!("{}: {why}", mode.name()),
            }),
        }
        if let Some(why) = why_no_gain(problem, mode)
            && no_gain.iter().all(|n| n.mode != mode.name())
        {
            no_gain.push(NoGain {
                mode: mode.name().to_owned(),
                why,
            });
        }
    }
    best.sort_by_key(|c| c.latency_ns);
    best.truncate(MAX_PLANS);
    let on_front = front(&best);
    let plans = best.iter().enumerate().map(|(i, candidate)| PlanCost {
        on_front: on_front.contains(&i),
        ..cost(candidate)
    });
    PredictionRecord {
        at: moment.at,
        epoch: moment.epoch,
        mbps: moment.link.rate.mbps,
        latency_ns: moment.link.latency_ns,
        assumed: moment.assumed.clone(),
        codec: moment.plan.codec,
        cuts: cut_costs(&by_cut, graph),
        plans: plans.collect(),
        no_gain,
        frame: moment.expected.as_ref().map(expected_frame),
        emulated: moment.emulated,
    }
}

/// Cuts that the link never carries take the longest time there is a number for.
fn cut_costs(by_cut: &[Option<Candidate>], graph: &Graph) -> CutCosts {
    let most = graph.operator_count() as usize + 1;
    let of = |c: &Option<Candidate>| c.as_ref().map_or(u32::MAX, |c| microseconds(c.latency_ns));
    let joules = by_cut.iter().take(most).map(|candidate| {
        // A cut that is never carried has no energy either.
        candidate
            .as_ref()
            .map_or(Some(f64::MAX), |c| Some(c.energy?.0))
    });
    let energy: Option<Vec<f32>> = joules
        .map(|j| j.map(|j| ((j * 1e3) as f32).min(f32::MAX)))
        .collect();
    CutCosts {
        latency_us: by_cut.iter().take(most).map(of).collect(),
        energy_mj: energy.unwrap_or_default(),
    }
}

fn microseconds(ns: i64) -> u32 {
    u32::try_from(ns / 1_000).unwrap_or(u32::MAX)
}

fn cost(candidate: &Candidate) -> PlanCost {
    PlanCost {
        label: candidate.plan.label(),
        plan: candidate.plan.clone(),
        latency_ns: candidate.latency_ns,
        energy_j: candidate.energy.map(|e| e.0),
        frames_per_s: candidate.frames_per_s,
        bytes_up: candidate.bytes_up,
        bytes_down: candidate.bytes_down,
        limit: candidate.limit.name().to_owned(),
        on_front: false,
    }
}

fn expected_frame(expected: &Expected) -> ExpectedFrame {
    let frame = &expected.frame;
    ExpectedFrame {
        latency_ns: expected.latency_ns,
        parts: frame.parts,
        steps: frame.steps.clone(),
        energy_j: frame.energy.map(|e| e.0),
    }
}

#[cfg(test)]
mod tests;
