//! `budget`: the least latency with at most so many joules of the robot per inference; if no division keeps to it, the
//! most frugal, flagged.

use super::{Decision, Objective, Policy, Problem, bounded};

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
        let joules = self.joules;
        bounded::decide(Objective::Budget { joules }, problem)
    }
}
