//! `fixed`: the plan that somebody chose, whatever the link does.

use super::{Candidate, Decision, Objective, Policy, Problem};
use crate::plan::Plan;

/// Always the same plan.
#[derive(Debug, Clone)]
pub struct Fixed {
    /// Which.
    pub plan: Plan,
}

impl Policy for Fixed {
    fn name(&self) -> &'static str {
        "fixed"
    }

    fn decide(&mut self, problem: &Problem) -> Decision {
        let label = self.plan.label();
        match problem.figures(&self.plan) {
            Ok(candidate) => Decision::among(Objective::Latency, vec![candidate], |_| {
                vec![format!("{label} was chosen by hand")]
            }),
            Err(why) => Decision::among(
                Objective::Latency,
                vec![Candidate::unknown(&self.plan)],
                |_| {
                    vec![format!(
                        "{label} was chosen by hand; it cannot be predicted: {why}"
                    )]
                },
            ),
        }
    }
}
