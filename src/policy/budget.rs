//! `budget`: the least latency with at most so many joules of the robot per inference; if no division keeps to it, the
//! most frugal, flagged.

use super::{Decision, Objective, Policy, Problem, reason};

/// The least latency for an energy.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Joules per inference.
    pub joules: f64,
}

impl Policy for Budget {
    fn name(&self) -> &'static str {
        "budget"
    }

    fn decide(&mut self, problem: &Problem) -> Decision {
        let objective = Objective::Budget {
            joules: self.joules,
        };
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
        #[test]
        fn it_is_the_best_of_all_subsets(
            ops in randoms(8), bytes_per_ms in 20.0..4000.0_f64, joules in 0.01..2.0_f64,
        ) {
            let problem = problem(&ops, bytes_per_ms, 0);
            let decision = Budget { joules }.decide(&problem);
            let (mut fastest, mut frugal) = (i64::MAX, f64::INFINITY);
            for stays in closed(problem.graph()) {
                let plan = problem.division(&stays).plan().clone();
                let candidate = problem.simulate(&plan).unwrap();
                let energy = candidate.energy.unwrap().0;
                if energy <= joules {
                    fastest = fastest.min(candidate.latency_ns);
                }
                frugal = frugal.min(energy);
            }
            prop_assert_eq!(decision.feasible, fastest < i64::MAX);
            if decision.feasible {
                prop_assert_eq!(decision.chosen.latency_ns, fastest);
            } else {
                let energy = decision.chosen.energy.unwrap().0;
                prop_assert!((energy - frugal).abs() <= 1e-9 * frugal, "{energy} {frugal}");
            }
        }
    }
}
