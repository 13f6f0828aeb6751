//! `pso`: discrete particle swarm optimisation under a deadline, as the offloading literature does it: the comparator.
//!
//! A particle is a place for every operator, robot or server. After Kennedy and Eberhart's binary swarm (1997) a
//! velocity per operator is pulled towards the particle's own best and the swarm's best, and its sigmoid is the chance
//! of the server. Places are repaired so that nothing comes back. The same problem has the same answer: chance comes
//! from a counter.

use super::{Candidate, Decision, Objective, Policy, Problem, reason};
use crate::units::NodeId;

const PARTICLES: usize = 16;
const ROUNDS: usize = 24;
/// Inertia and the two pulls (Clerc and Kennedy 2002).
const INERTIA: f64 = 0.729;
const PULL: f64 = 1.494;
/// Velocities stay where the sigmoid is not yet 0 or 1.
const FASTEST: f64 = 4.0;

/// The swarm.
#[derive(Debug, Clone, Copy)]
pub struct Pso {
    /// Milliseconds.
    pub ms: f64,
    /// Chooses the chances.
    pub seed: u64,
}

struct Particle {
    /// By node.
    stays: Vec<bool>,
    velocity: Vec<f64>,
    best: Option<(Vec<bool>, Candidate)>,
}

/// Uniform numbers of [0, 1): splitmix64 over a counter (Steele, Lea and Flood 2014).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Policy for Pso {
    fn name(&self) -> &'static str {
        "pso"
    }

    fn decide(&mut self, problem: &Problem) -> Decision {
        let objective = Objective::Deadline { ms: self.ms };
        let nodes = problem.graph().nodes().len();
        let mut chance = Chance(self.seed);
        let mut swarm: Vec<Particle> = (0..PARTICLES)
            .map(|_| {
                let stays = (0..nodes).map(|_| chance.next() < 0.5).collect();
                Particle {
                    stays,
                    velocity: vec![0.0; nodes],
                    best: None,
                }
            })
            .collect();
        let mut best: Option<(Vec<bool>, Candidate)> = None;
        for _ in 0..ROUNDS {
            for particle in &mut swarm {
                repair(problem, &mut particle.stays);
                let Some(found) = problem.price(&problem.division(&particle.stays)) else {
                    continue;
                };
                let beats = |than: &Option<(Vec<bool>, Candidate)>| {
                    than.as_ref()
                        .is_none_or(|(_, c)| objective.compare(&found, c).is_lt())
                };
                let is_own_best = beats(&particle.best);
                if beats(&best) {
                    best = Some((particle.stays.clone(), found.clone()));
                }
                if is_own_best {
                    particle.best = Some((particle.stays.clone(), found));
                }
            }
            for particle in &mut swarm {
                fly(particle, best.as_ref().map(|b| b.0.as_slice()), &mut chance);
            }
        }
        let mut candidates: Vec<Candidate> = best.into_iter().map(|b| b.1).collect();
        candidates.extend(swarm.into_iter().filter_map(|p| p.best).map(|b| b.1));
        if candidates.is_empty() {
            candidates.extend(problem.cuts().last().and_then(|local| problem.price(local)));
        }
        Decision::among(objective, candidates, |decision| {
            vec![
                format!("a swarm of {PARTICLES} looked {ROUNDS} times"),
                reason::met(decision),
            ]
        })
    }
}

/// What reads from the server is on the server.
fn repair(problem: &Problem, stays: &mut [bool]) {
    stays[NodeId::INPUT.index()] = false;
    for node in problem.graph().operators() {
        let comes_back = |i: &NodeId| *i != NodeId::INPUT && !stays[i.index()];
        if node.inputs.iter().any(comes_back) {
            stays[node.id.index()] = false;
        }
    }
}

fn fly(particle: &mut Particle, swarm: Option<&[bool]>, chance: &mut Chance) {
    let own = particle.best.as_ref().map(|b| b.0.clone());
    for i in 0..particle.stays.len() {
        let here = f64::from(u8::from(particle.stays[i]));
        let pull = |to: Option<&[bool]>, chance: &mut Chance| {
            to.map_or(0.0, |to| {
                PULL * chance.next() * (f64::from(u8::from(to[i])) - here)
            })
        };
        let velocity =
            INERTIA * particle.velocity[i] + pull(own.as_deref(), chance) + pull(swarm, chance);
        particle.velocity[i] = velocity.clamp(-FASTEST, FASTEST);
        particle.stays[i] = chance.next() < 1.0 / (1.0 + (-particle.velocity[i]).exp());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::deadline::Deadline;
    use crate::policy::tests::problem;
    use crate::simulate::testing::randoms;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn it_is_never_better_than_the_deadline_policy(
            ops in randoms(12), bytes_per_ms in 20.0..4000.0_f64, ms in 1.0..120.0_f64, seed: u64,
        ) {
            let problem = problem(&ops, bytes_per_ms, 0);
            let swarm = Pso { ms, seed }.decide(&problem);
            let ours = Deadline { ms }.decide(&problem);
            let objective = Objective::Deadline { ms };
            prop_assert!(objective.compare(&ours.chosen, &swarm.chosen).is_le());
            prop_assert_eq!(Pso { ms, seed }.decide(&problem).chosen, swarm.chosen, "the same again");
        }
    }
}
