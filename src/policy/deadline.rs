//! `deadline`: the least energy of the robot with the predicted 95th percentile of the latency within a deadline; if no
//! division keeps to it, the fastest, flagged.

use super::{Decision, Objective, Policy, Problem, reason};

/// The least energy in time.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    /// Milliseconds.
    pub ms: f64,
}

impl Policy for Deadline {
    fn name(&self) -> &'static str {
        "deadline"
    }

    fn decide(&mut self, problem: &Problem) -> Decision {
        let objective = Objective::Deadline { ms: self.ms };
        let divisions = problem.divisions().iter();
        let candidates = divisions.filter_map(|d| problem.price(d)).collect();
        Decision::among(objective, candidates, |decision| {
            vec![
                reason::met(decision),
                reason::against_ends(decision, problem),
            ]
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
        #![proptest_config(ProptestConfig::with_cases(96))]
        /// Every subset of the operators that nothing comes back from, simulated.
        #[test]
        fn it_is_the_best_of_all_subsets(
            ops in randoms(8), bytes_per_ms in 20.0..4000.0_f64, ms in 1.0..120.0_f64, spread in 0.0..0.5_f64,
        ) {
            let problem = problem(&ops, bytes_per_ms, 0);
            let problem = problem.with_link(problem.world().link.clone(), spread);
            let decision = Deadline { ms }.decide(&problem);
            let objective = Objective::Deadline { ms };
            let mut in_time = f64::INFINITY;
            let mut fastest = i64::MAX;
            for stays in closed(problem.graph()) {
                let plan = problem.division(&stays).plan().clone();
                let candidate = problem.simulate(&plan).unwrap();
                if objective.is_met(&candidate) {
                    in_time = in_time.min(candidate.energy.unwrap().0);
                }
                fastest = fastest.min(candidate.p95_ns);
            }
            prop_assert_eq!(decision.feasible, in_time.is_finite());
            if decision.feasible {
                let energy = decision.chosen.energy.unwrap().0;
                prop_assert!((energy - in_time).abs() <= 1e-9 * in_time, "{energy} {in_time}");
                prop_assert!(decision.chosen.p95_ns as f64 <= ms * 1e6);
            } else {
                prop_assert_eq!(decision.chosen.p95_ns, fastest);
                prop_assert!(decision.reasons[0].contains("no "), "{:?}", decision.reasons);
            }
        }
    }
}
