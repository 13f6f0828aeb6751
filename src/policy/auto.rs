//! `auto`: the best predicted of all modes.
//!
//! Every closed division is priced in closed form (local, remote and every cut among them). Segments of row tiles with
//! shares of their own are searched with Pareto labels ([`segments`](super::segments)); streamed cuts, row tiles with the
//! same share everywhere, tensor and data parallelism are ranked by an estimate that is seldom too high, and then by little.
//! Those that may be better than the best so far are simulated, the most promising first, and the best simulated counts.

use super::{Decision, Objective, Policy, Problem, reason, search};

/// All modes for an objective.
#[derive(Debug, Clone, Copy)]
pub struct Auto {
    /// What is wanted.
    pub objective: Objective,
}

impl Policy for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn decide(&mut self, problem: &Problem) -> Decision {
        let objective = self.objective;
        let divisions = problem.divisions().iter();
        let mut candidates: Vec<_> = if objective == Objective::Throughput {
            divisions
                .filter_map(|d| problem.price_pipelined(d))
                .collect()
        } else {
            divisions.filter_map(|d| problem.price(d)).collect()
        };
        let priced = candidates.len();
        let best = objective.best(&candidates).map(|i| candidates[i].clone());
        let found = search::search(problem, objective, None, best.as_ref());
        let (left, unprepared) = (found.left, found.unprepared);
        let simulated = found.plans.len();
        candidates.extend(found.plans);
        Decision::among(objective, candidates, |decision| {
            let mut reasons = vec![
                reason::met(decision),
                reason::against_ends(decision, problem),
                format!(
                    "compared {priced} divisions in closed form and {simulated} streamed, tiled or sharded plans \
                     simulated"
                ),
            ];
            reasons.extend(reason::rows(&decision.chosen.plan, problem.graph()));
            if left > 0 {
                reasons.push(format!(
                    "{left} more may be better by estimate and were not simulated, {unprepared} of them not compiled yet"
                ));
            }
            reasons
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::{closed, problem};
    use crate::simulate::testing::randoms;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Every subset, every streamed cut and every plan of the other modes, simulated.
        #[test]
        fn it_is_the_best_of_everything_on_small_graphs(
            ops in randoms(7), bytes_per_ms in 20.0..4000.0_f64, which in 0_usize..4, ms in 1.0..80.0_f64,
        ) {
            let problem = problem(&ops, bytes_per_ms, 0);
            let objective = [
                Objective::Latency,
                Objective::Energy,
                Objective::Deadline { ms },
                Objective::Budget { joules: ms / 40.0 },
            ][which];
            let decision = Auto { objective }.decide(&problem);
            let mut all = search::all(&problem);
            for stays in closed(problem.graph()) {
                all.push(problem.simulate(problem.division(&stays).plan()).unwrap());
            }
            let best = &all[objective.best(&all).unwrap()];
            // Segments with shares of their own may keep to what nothing of these does.
            prop_assert_eq!(decision.feasible, objective.is_met(&decision.chosen));
            prop_assert!(decision.feasible || !objective.is_met(best));
            let gain = objective.gain(&decision.chosen, best);
            prop_assert!(gain <= 1e-6, "{gain}: {} is better than {}", best.plan.label(), decision.chosen.plan.label());
        }
    }
}
