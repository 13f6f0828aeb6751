//! What plans cost: divisions of whole operators in closed form, everything else simulated.

use super::Candidate;
use super::division::{Division, Timeline};
use super::estimate::at_least;
use super::problem::{NoFigures, Problem, WINDOW};
use crate::plan::{Mode, Plan};
use crate::power::Levels;
use crate::simulate::{Outcome, Run, World, energy};
use crate::units::{Joules, Nanos};

impl Problem {
    /// A division's figures for one frame at a time, in closed form; none if the link never carries it.
    pub fn price(&self, division: &Division) -> Option<Candidate> {
        let mut priced = Vec::with_capacity(self.starts().len());
        for &start in self.starts() {
            priced.push(division.timeline(&self.world().link, start)?);
        }
        let slow = match self.slow() {
            Some(link) => Some(division.timeline(link, Nanos(0))?.latency_ns),
            None => None,
        };
        let mean = |of: &dyn Fn(&Timeline) -> i64| {
            priced.iter().map(|t| of(t) as f64).sum::<f64>() / priced.len() as f64
        };
        let latency_ns = mean(&|t| t.latency_ns);
        let energy = self.world().power.map(|levels| {
            let all: f64 = priced
                .iter()
                .map(|t| energy(&levels, t.latency_ns, t.robot_ns).0)
                .sum();
            Joules(all / priced.len() as f64)
        });
        let (bytes_up, bytes_down) = division.bytes();
        Some(Candidate {
            plan: division.plan().clone(),
            latency_ns: latency_ns.round() as i64,
            p95_ns: slow.unwrap_or_else(|| p95(priced.iter().map(|t| t.latency_ns))),
            energy,
            bytes_up,
            bytes_down,
            frames_per_s: 1e9 / latency_ns.max(1.0),
            limit: priced[0].limit(&self.world().link),
            simulated: false,
        })
    }

    /// A division with so many frames in flight that its longest stage is never idle; none if the link never carries
    /// it. The latency is a frame's in that crowd, by Little's law.
    pub fn price_pipelined(&self, division: &Division) -> Option<Candidate> {
        let single = self.price(division)?;
        let timeline = division.timeline(&self.world().link, self.starts()[0])?;
        let stage_ns = timeline.stage_ns(&self.world().link);
        let window = if matches!(single.plan.mode, Mode::Local) {
            1
        } else {
            WINDOW.min((single.latency_ns / stage_ns + 2).clamp(1, 16) as u16)
        };
        let in_flight = i64::from(window) * stage_ns;
        let energy = |levels: &Levels| energy(levels, stage_ns, timeline.robot_ns);
        let slower = (single.p95_ns as f64 / (single.latency_ns.max(1)) as f64).max(1.0);
        let latency_ns = in_flight.max(single.latency_ns);
        Some(Candidate {
            plan: pipelined(&single.plan, window),
            latency_ns,
            p95_ns: (latency_ns as f64 * slower) as i64,
            energy: self.world().power.as_ref().map(energy),
            frames_per_s: 1e9 / stage_ns as f64,
            ..single
        })
    }

    /// A plan's figures: a division in closed form, everything else simulated.
    ///
    /// # Errors
    /// A plan that does not suit the model or the world, or a link that never carries it.
    pub fn evaluate(&self, plan: &Plan) -> Result<Candidate, NoFigures> {
        let alone = plan.clone().with_window(1);
        let division = self.divisions().iter().find(|d| *d.plan() == alone);
        if plan.window == 1
            && let Some(candidate) = division.and_then(|d| self.price(d))
        {
            return Ok(candidate);
        }
        self.simulate(plan)
    }

    /// A plan's figures from the simulator.
    ///
    /// # Errors
    /// As [`Self::evaluate`].
    pub fn simulate(&self, plan: &Plan) -> Result<Candidate, NoFigures> {
        let prepared = self.prepared(plan)?;
        let frames = frames_of(plan.window);
        let outcome = |world: &World, start| -> Result<Outcome, NoFigures> {
            Ok(prepared.run(self.graph(), world, &Run::of(frames, start))?)
        };
        let mut outcomes = Vec::with_capacity(self.starts().len());
        for &start in self.starts() {
            outcomes.push(outcome(self.world(), start)?);
        }
        let slow = match self.slow() {
            Some(link) => {
                let mut world = self.world().clone();
                world.link = link.clone();
                Some(outcome(&world, Nanos(0))?.mean_latency_ns() as i64)
            }
            None => None,
        };
        let count = outcomes.len() as f64;
        let mean = |of: &dyn Fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>() / count;
        let energies: Option<Vec<f64>> = outcomes.iter().map(|o| o.energy().map(|e| e.0)).collect();
        let (bytes_up, bytes_down) = prepared.bytes();
        let mut frames_per_s = mean(&Outcome::frames_per_s);
        if plan.window > 1 {
            // The few frames of a run begin with nothing before them: no pipeline is faster than its longest stage.
            let bound = at_least(self, plan.clone(), &prepared);
            frames_per_s = frames_per_s.min(bound.frames_per_s);
        }
        let latencies = outcomes
            .iter()
            .flat_map(|o| &o.frames)
            .map(|f| f.latency_ns);
        Ok(Candidate {
            plan: plan.clone(),
            latency_ns: mean(&Outcome::mean_latency_ns).round() as i64,
            p95_ns: slow.unwrap_or_else(|| p95(latencies)),
            energy: energies.map(|all| Joules(all.iter().sum::<f64>() / count)),
            bytes_up,
            bytes_down,
            frames_per_s,
            limit: outcomes[0].limit(),
            simulated: true,
        })
    }
}

/// Frames that are simulated of a plan: of a pipeline so many that it has filled.
pub(super) const fn frames_of(window: u16) -> u32 {
    if window > 1 { 2 * window as u32 } else { 1 }
}

/// A division's plan with frames in flight; what is not a split runs one at a time.
fn pipelined(plan: &Plan, window: u16) -> Plan {
    match plan.mode {
        Mode::Local => plan.clone(),
        // `remote` is cut 0, and pipelined it is called so.
        Mode::Remote => Plan::split(0).with_window(window),
        _ => plan.clone().with_window(window),
    }
}

/// The 95th percentile, by nearest rank.
fn p95(latencies: impl Iterator<Item = i64>) -> i64 {
    let mut all: Vec<i64> = latencies.collect();
    all.sort_unstable();
    let rank = (all.len() as f64 * 0.95).ceil() as usize;
    all.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}
