//! `neurosurgeon` (Kang et al., ASPLOS 2017): scans every partition point for the least latency or the least energy of
//! the robot.

use super::{Decision, Objective, Policy, Problem, reason};

/// The scan over the cuts.
#[derive(Debug, Clone, Copy)]
pub struct Neurosurgeon {
    /// [`Objective::Latency`] or [`Objective::Energy`]; it weighs others as well.
    pub objective: Objective,
}

impl Policy for Neurosurgeon {
    fn name(&self) -> &'static str {
        "neurosurgeon"
    }

    fn decide(&mut self, problem: &Problem) -> Decision {
        let cuts = problem.cuts().iter().filter_map(|cut| problem.price(cut));
        Decision::among(self.objective, cuts.collect(), |decision| {
            vec![
                format!("scanned {} cuts", problem.cuts().len()),
                reason::against_ends(decision, problem),
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, compile};
    use crate::policy::tests::problem;
    use crate::simulate::testing::randoms;
    use crate::simulate::{Run, run};
    use crate::units::{Epoch, Nanos};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Simulates every cut.
        #[test]
        fn it_finds_what_the_exhaustive_scan_finds(
            ops in randoms(12), bytes_per_ms in 20.0..4000.0_f64, energy: bool, message in 0_i64..2_000_000,
        ) {
            let problem = problem(&ops, bytes_per_ms, message);
            let objective = if energy { Objective::Energy } else { Objective::Latency };
            let decision = Neurosurgeon { objective }.decide(&problem);
            let chosen = objective.score(&decision.chosen).unwrap();
            let mut least = f64::INFINITY;
            for k in 0..=problem.graph().operator_count() {
                let schedule = compile(problem.graph(), &Plan::split(k), Epoch(0)).unwrap();
                let outcome = run(problem.graph(), &schedule, problem.world(), &Run::one(Nanos(0))).unwrap();
                let score = if energy { outcome.energy().unwrap().0 } else { outcome.mean_latency_ns() };
                least = least.min(score);
            }
            prop_assert!((chosen - least).abs() <= 1e-9 * least, "{chosen} {least}");
        }
    }
}
