//! What `deadline` and `budget` share: the best division for an objective that sets a bound; if none keeps to it, the
//! one that comes closest, flagged.

use super::{Decision, Objective, Problem, reason};

/// The best of every division of whole operators.
pub(super) fn decide(objective: Objective, problem: &Problem) -> Decision {
    let divisions = problem.divisions().iter();
    let candidates = divisions.filter_map(|d| problem.price(d)).collect();
    Decision::among(objective, candidates, |decision| {
        vec![
            reason::met(decision),
            reason::against_ends(decision, problem),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::{closed, problem};
    use crate::policy::{Budget, Candidate, Deadline, Policy};
    use crate::simulate::testing::randoms;
    use proptest::prelude::*;

    /// Every subset of the operators that nothing comes back from, simulated.
    fn brute_force(problem: &Problem) -> Vec<Candidate> {
        let subsets = closed(problem.graph());
        let plan = |stays: &Vec<bool>| problem.division(stays).plan().clone();
        let plans = subsets.iter().map(plan);
        plans.map(|plan| problem.simulate(&plan).unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn deadline_is_the_best_of_all_subsets(
            ops in randoms(12), bytes_per_ms in 20.0..4000.0_f64, ms in 1.0..120.0_f64, spread in 0.0..0.5_f64,
        ) {
            let problem = problem(&ops, bytes_per_ms, 0);
            let problem = problem.with_link(problem.world().link.clone(), spread);
            let decision = Deadline { ms }.decide(&problem);
            let all = brute_force(&problem);
            let in_time = all.iter().filter(|c| c.p95_ns as f64 <= ms * 1e6);
            let frugal = in_time.map(|c| c.energy.unwrap().0).fold(f64::INFINITY, f64::min);
            prop_assert_eq!(decision.feasible, frugal.is_finite());
            if decision.feasible {
                let energy = decision.chosen.energy.unwrap().0;
                prop_assert!((energy - frugal).abs() <= 1e-9 * frugal, "{energy} {frugal}");
                prop_assert!(decision.chosen.p95_ns as f64 <= ms * 1e6);
            } else {
                prop_assert_eq!(decision.chosen.p95_ns, all.iter().map(|c| c.p95_ns).min().unwrap());
                prop_assert!(decision.reasons[0].contains("no "), "{:?}", decision.reasons);
            }
        }

        #[test]
        fn budget_is_the_best_of_all_subsets(
            ops in randoms(12), bytes_per_ms in 20.0..4000.0_f64, joules in 0.01..2.0_f64,
        ) {
            let problem = problem(&ops, bytes_per_ms, 0);
            let decision = Budget { joules }.decide(&problem);
            let all = brute_force(&problem);
            let within = all.iter().filter(|c| c.energy.unwrap().0 <= joules);
            let fastest = within.map(|c| c.latency_ns).min();
            prop_assert_eq!(decision.feasible, fastest.is_some());
            if let Some(fastest) = fastest {
                prop_assert_eq!(decision.chosen.latency_ns, fastest);
            } else {
                let energy = decision.chosen.energy.unwrap().0;
                let frugal = all.iter().map(|c| c.energy.unwrap().0).fold(f64::INFINITY, f64::min);
                prop_assert!((energy - frugal).abs() <= 1e-9 * frugal, "{energy} {frugal}");
            }
        }
    }
}
