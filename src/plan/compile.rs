//! Dispatch from a plan to its mode's compiler.

use super::{Invalid, Mode, Plan, Schedule, local, remote, split, validate};
use crate::model::Graph;
use crate::units::Epoch;

/// A plan cannot be compiled for a model.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A partition point that the model does not have.
    #[error(
        "cut {cut} is out of range: {model} has {operators} operators, so cuts run from 0 (all on the server) to {operators} (all on the robot)"
    )]
    CutOutOfRange {
        /// The cut asked for.
        cut: u32,
        /// The model's name.
        model: String,
        /// Its number of operators.
        operators: u32,
    },
    /// Cuts of a chain that do not grow, or a set that is no prefix of the computation.
    #[error("cannot cut {model} like this: {reason}")]
    BadCut {
        /// The model's name.
        model: String,
        /// What is wrong.
        reason: String,
    },
    /// Parameters that no compiler of this version covers.
    #[error(
        "{what} cannot be run by this version; it runs local, remote and split with one frame in flight"
    )]
    NotSupported {
        /// What was asked for.
        what: String,
    },
    /// A compiler made a schedule that does not work: a defect of ours.
    #[error("the schedule compiled for {plan} is not valid: {reason}")]
    Invalid {
        /// The plan's label.
        plan: String,
        /// Why.
        reason: Invalid,
    },
}

/// Compiles a plan for a model and validates what came out.
///
/// # Errors
/// A plan that does not suit the model, or that this version does not run.
pub fn compile(graph: &Graph, plan: &Plan, epoch: Epoch) -> Result<Schedule, PlanError> {
    let not_supported = |what: String| PlanError::NotSupported { what };
    if plan.window != 1 {
        return Err(not_supported(format!("a window of {} frames", plan.window)));
    }
    let programs = match &plan.mode {
        Mode::Local => local::programs(graph),
        Mode::Remote => remote::programs(graph),
        Mode::Split { tiles: 1, cuts } => split::programs(graph, cuts)?,
        Mode::Split { tiles, .. } => {
            return Err(not_supported(format!("a split in {tiles} tiles")));
        }
        Mode::Tensor { .. } | Mode::Data { .. } | Mode::Tile { .. } => {
            return Err(not_supported(format!("mode {}", plan.mode_name())));
        }
    };
    let schedule = Schedule {
        epoch,
        plan: plan.clone(),
        programs,
        output: super::Value::whole(graph, graph.output()),
    };
    validate(graph, &schedule).map_err(|reason| PlanError::Invalid {
        plan: plan.label(),
        reason,
    })?;
    Ok(schedule)
}
