//! `deadline`: the least energy of the robot with the predicted 95th percentile of the latency within a deadline; if no
//! division keeps to it, the fastest, flagged.

use super::{Decision, Objective, Policy, Problem, bounded};

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
        bounded::decide(Objective::Deadline { ms: self.ms }, problem)
    }
}
