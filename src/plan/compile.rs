//! Dispatch from a plan to its mode's compiler.

use super::{
    Invalid, Mode, Plan, Schedule, data, local, remote, split, stream, tensor, tile, validate,
};
use crate::model::Graph;
use crate::units::Epoch;

/// Most frames in flight.
pub const MAX_WINDOW: u16 = 16;

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
    /// A mode that cannot work, or makes no sense, for this model or these parameters.
    #[error("{mode} does not apply: {reason}")]
    DoesNotApply {
        /// The mode.
        mode: &'static str,
        /// Why, in one sentence.
        reason: String,
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
    if !(1..=MAX_WINDOW).contains(&plan.window) {
        return Err(PlanError::DoesNotApply {
            mode: "pipeline",
            reason: format!(
                "a window of {} frames; 1 to {MAX_WINDOW} may be in flight",
                plan.window
            ),
        });
    }
    let programs = match &plan.mode {
        Mode::Local => local::programs(graph),
        Mode::Remote => remote::programs(graph),
        Mode::Split { tiles: 0, .. } => {
            return Err(PlanError::DoesNotApply {
                mode: "split",
                reason: "0 tiles; 1 sends the crossing tensors whole".to_owned(),
            });
        }
        Mode::Split { tiles: 1, cuts } => split::programs(graph, cuts)?,
        Mode::Split { tiles, cuts } => stream::programs(graph, cuts, *tiles)?,
        Mode::Tensor { layers } => tensor::programs(graph, layers)?,
        Mode::Data { shares } => data::programs(graph, shares)?,
        Mode::Tile { segments } => tile::programs(graph, segments)?,
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
