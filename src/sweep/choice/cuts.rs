//! Partition points in words.

use std::str::FromStr;

use super::{ChoiceError, shown};
use crate::model::{Graph, crossing};

/// Partition points to visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cuts {
    /// Every one, from 0 (the camera's picture is sent) to the number of operators (all on the robot).
    All,
    /// From the first to the last, both included.
    Range(u32, u32),
    /// Only those that one tensor crosses.
    Single,
    /// These.
    List(Vec<u32>),
}

impl FromStr for Cuts {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let bad = || ChoiceError::Cuts { read: shown(text) };
        let number = |t: &str| t.trim().parse::<u32>().map_err(|_| bad());
        match text.trim() {
            "all" => Ok(Self::All),
            "single" => Ok(Self::Single),
            range if range.contains("..") => {
                let (first, last) = range.split_once("..").ok_or_else(bad)?;
                let (first, last) = (number(first)?, number(last.trim_start_matches('='))?);
                (first <= last)
                    .then_some(Self::Range(first, last))
                    .ok_or_else(bad)
            }
            list => list
                .split(',')
                .map(number)
                .collect::<Result<_, _>>()
                .map(Self::List),
        }
    }
}

impl Cuts {
    /// The cuts of a model, in their order.
    ///
    /// # Errors
    /// A cut that the model does not have.
    pub fn of(&self, graph: &Graph) -> Result<Vec<u32>, ChoiceError> {
        let last = graph.operator_count();
        let cuts = match self {
            Self::All => (0..=last).collect(),
            Self::Range(from, to) => (*from..=(*to).min(last + 1)).collect(),
            Self::Single => single_tensor_cuts(graph),
            Self::List(list) => list.clone(),
        };
        match cuts.iter().find(|&&cut| cut > last) {
            Some(&cut) => Err(ChoiceError::Range { cut, last }),
            None => Ok(cuts),
        }
    }
}

/// The cuts that at most one tensor crosses: all of a chain, few of a net of residual blocks.
pub fn single_tensor_cuts(graph: &Graph) -> Vec<u32> {
    (0..=graph.operator_count())
        .filter(|&k| crossing(graph, k).len() <= 1)
        .collect()
}
