//! A plan of a sweep, made from what was asked for.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{ChoiceError, Cuts, Given, MAX_PLANS, Wanted};
use crate::model::{Graph, crossing_bytes};
use crate::plan::{Plan, PlanError, compile};
use crate::policy::Spec;
use crate::units::Epoch;

/// What frames run under during a visit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// One plan.
    Plan(Plan),
    /// Whatever plans a policy chooses.
    Policy(Spec),
}

impl Rule {
    /// The plan, if it is one.
    pub const fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Plan(plan) => Some(plan),
            Self::Policy(_) => None,
        }
    }

    /// The policy, if it is one.
    pub const fn policy(&self) -> Option<Spec> {
        match self {
            Self::Plan(_) => None,
            Self::Policy(spec) => Some(*spec),
        }
    }
}

/// A plan of a sweep, or a policy in its place, with what people want to know of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanLine {
    /// What people read, without commas: `split 12`.
    pub label: String,
    /// The mode's or the policy's name.
    pub mode: String,
    /// The partition point, where there is one.
    #[serde(default)]
    pub cut: Option<u32>,
    /// The last layer on the robot, at a cut.
    #[serde(default)]
    pub layer: Option<String>,
    /// Bytes that cross the cut, uncompressed.
    #[serde(default)]
    pub ships_bytes: Option<u64>,
    /// The plan itself, or the policy.
    #[serde(flatten)]
    pub rule: Rule,
}

impl PlanLine {
    /// A plan of a model.
    ///
    /// # Errors
    /// It does not suit the model.
    pub fn of(graph: &Graph, plan: Plan) -> Result<Self, PlanError> {
        compile(graph, &plan, Epoch(0))?;
        let cut = plan.cut(graph);
        Ok(Self {
            label: plan.label().replace(',', ""),
            mode: plan.mode_name().to_owned(),
            cut,
            layer: cut
                .filter(|&k| k > 0)
                .and_then(|k| graph.operators().get(k as usize - 1))
                .map(|n| n.name.clone()),
            ships_bytes: cut.map(|k| crossing_bytes(graph, k).0),
            rule: Rule::Plan(plan),
        })
    }

    /// A policy that chooses plans itself.
    ///
    /// # Errors
    /// An objective that it does not have.
    pub fn under(policy: Spec) -> Result<Self, String> {
        policy.policy(&Plan::LOCAL)?;
        Ok(Self {
            label: policy.to_string(),
            mode: policy.kind.name().to_owned(),
            cut: None,
            layer: None,
            ships_bytes: None,
            rule: Rule::Policy(policy),
        })
    }

    /// The plans of cuts and modes, with what else is given; two that read alike get a number each.
    ///
    /// # Errors
    /// No plan, too many, or one that does not suit the model.
    pub fn list(
        graph: &Graph,
        cuts: Option<&Cuts>,
        modes: &[Wanted],
        given: Given,
    ) -> Result<Vec<Self>, ChoiceError> {
        let mut lines = Vec::new();
        if let Some(cuts) = cuts {
            for cut in cuts.of(graph)? {
                let line =
                    Self::of(graph, Plan::split(cut).with_codec(given.codec)).map_err(|e| {
                        ChoiceError::Plan {
                            of: format!("split {cut}"),
                            reason: e.to_string(),
                        }
                    })?;
                lines.push(line);
            }
        }
        for wanted in modes {
            lines.push(wanted.line(graph, given)?);
        }
        match lines.len() {
            0 => return Err(ChoiceError::None),
            count if count > MAX_PLANS => return Err(ChoiceError::TooMany { count }),
            _ => {}
        }
        for place in 1..lines.len() {
            let (before, rest) = lines.split_at_mut(place);
            let alike = before
                .iter()
                .filter(|l| {
                    l.label == rest[0].label || l.label.starts_with(&format!("{} (", rest[0].label))
                })
                .count();
            if alike > 0 {
                let _ = write!(rest[0].label, " ({})", alike + 1);
            }
        }
        Ok(lines)
    }
}
