//! Who has the say over the plan, and what for.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Objective, Policy, PolicyKind};
use crate::plan::Plan;

/// A policy with what is wanted of it: what an operator hands the plan to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spec {
    /// The policy.
    pub kind: PolicyKind,
    /// What is wanted.
    #[serde(default)]
    pub objective: Objective,
}

impl Spec {
    /// All modes, the least latency.
    pub const AUTO: Self = Self {
        kind: PolicyKind::Auto,
        objective: Objective::Latency,
    };

    /// The policy; `fixed` keeps `plan`.
    ///
    /// # Errors
    /// An objective that the policy does not have, or one without a number above 0.
    pub fn policy(&self, plan: &Plan) -> Result<Box<dyn Policy>, String> {
        // It may come from a peer: what is shown must be readable again.
        self.objective.to_string().parse::<Objective>()?;
        self.kind.policy(self.objective, plan)
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.objective {
            Objective::Latency => write!(f, "{}", self.kind),
            objective => write!(f, "{} {objective}", self.kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objective_that_the_policy_does_not_have_is_refused_with_the_one_it_has() {
        let spec = |kind, objective| Spec { kind, objective };
        let refused = spec(PolicyKind::Dads, Objective::Energy).policy(&Plan::LOCAL);
        assert!(refused.is_err_and(|why| why.contains("--objective latency")));
        let nonsense = Objective::Deadline { ms: f64::NAN };
        assert!(
            spec(PolicyKind::Deadline, nonsense)
                .policy(&Plan::LOCAL)
                .is_err()
        );
        assert!(Spec::AUTO.policy(&Plan::LOCAL).is_ok());
        assert_eq!(Spec::AUTO.to_string(), "auto");
        let energy = spec(PolicyKind::Auto, Objective::Energy);
        assert_eq!(energy.to_string(), "auto energy");
    }
}
