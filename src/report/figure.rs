//! Figures before they are drawn: what is shown, from which numbers. One file per figure; pure.

pub mod bandwidth;
pub mod compare;
pub mod modes;
pub mod pareto;
pub mod splits;
pub mod stack;
pub mod timeline;

use super::caption::{Caption, Origin};
use super::evidence::Evidence;
use super::table::Table;

/// The figures that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FigureKind {
    /// Stacked time per partition point, with energy on a second axis.
    Splits,
    /// A link's rate over time, with its mean and distribution.
    Bandwidth,
    /// Time and energy per mode.
    Modes,
    /// One frame's steps.
    Timeline,
    /// Two sessions or sweeps, plan by plan.
    Compare,
    /// Latency against energy.
    Pareto,
}

impl FigureKind {
    /// In the order in which a page shows them.
    pub const ALL: [Self; 6] = [
        Self::Splits,
        Self::Modes,
        Self::Pareto,
        Self::Compare,
        Self::Bandwidth,
        Self::Timeline,
    ];

    /// The name used in flags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Splits => "splits",
            Self::Bandwidth => "bandwidth",
            Self::Modes => "modes",
            Self::Timeline => "timeline",
            Self::Compare => "compare",
            Self::Pareto => "pareto",
        }
    }
}

/// Why there is no such figure of these files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoFigure {
    /// The data for it are not in the file.
    #[error("{file} has no {lacks}: --figure {} cannot be drawn of this {what}", .figure.name())]
    Lacks {
        /// The figure asked for.
        figure: FigureKind,
        /// The file.
        file: String,
        /// What made the file.
        what: &'static str,
        /// What is missing.
        lacks: &'static str,
    },
    /// Not the number of files that the figure takes.
    #[error("--figure {} takes {takes}, {got} given", .figure.name())]
    Files {
        /// The figure asked for.
        figure: FigureKind,
        /// How many it takes, in words.
        takes: &'static str,
        /// How many there were.
        got: usize,
    },
    /// Their numbers do not belong in one figure.
    #[error(
        "{first} is about {first_model} and {second} about {second_model}: latencies of different models say nothing about each other"
    )]
    MixedModels {
        /// A file.
        first: String,
        /// Its model.
        first_model: String,
        /// The other file.
        second: String,
        /// Its model.
        second_model: String,
    },
    /// Nothing to set side by side.
    #[error(
        "{first} and {second} have no plan in common: {first} has {first_plans}; {second} has {second_plans}"
    )]
    NothingInCommon {
        /// A file.
        first: String,
        /// Its plans.
        first_plans: String,
        /// The other file.
        second: String,
        /// Its plans.
        second_plans: String,
    },
}

impl NoFigure {
    fn lacks(figure: FigureKind, evidence: &Evidence, lacks: &'static str) -> Self {
        Self::Lacks {
            figure,
            file: evidence.file.clone(),
            what: evidence.kind.name(),
            lacks,
        }
    }
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// `splits` and `modes`.
    Stacks(stack::Stacks),
    /// `bandwidth`.
    Bandwidth(bandwidth::Bandwidth),
    /// `timeline`.
    Timeline(timeline::Timeline),
    /// `compare`.
    Compare(compare::Compare),
    /// `pareto`.
    Pareto(pareto::Pareto),
}

/// A figure with everything that is said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Which.
    pub kind: FigureKind,
    /// Above it.
    pub title: String,
    /// Below it.
    pub caption: Caption,
    /// What of it is not measured.
    pub origin: Origin,
    /// Its numbers.
    pub body: Body,
    /// The same numbers as a table.
    pub table: Table,
}

/// The figure of these files.
///
/// # Errors
/// The data for it are not there, or do not belong together.
pub fn make(kind: FigureKind, all: &[Evidence]) -> Result<Figure, NoFigure> {
    match kind {
        FigureKind::Splits => splits::figure(one(kind, all)?),
        FigureKind::Modes => modes::figure(one(kind, all)?),
        FigureKind::Timeline => timeline::figure(one(kind, all)?),
        FigureKind::Bandwidth => bandwidth::figure(all),
        FigureKind::Pareto => pareto::figure(all),
        FigureKind::Compare => compare::figure(all),
    }
}

fn one(figure: FigureKind, all: &[Evidence]) -> Result<&Evidence, NoFigure> {
    match all {
        [one] => Ok(one),
        _ => Err(NoFigure::Files {
            figure,
            takes: "one file",
            got: all.len(),
        }),
    }
}

/// Refuses files about different models.
fn same_model(all: &[Evidence]) -> Result<(), NoFigure> {
    let mut told = all.iter().filter_map(|e| Some((e, e.model.as_ref()?)));
    let Some((first, first_model)) = told.next() else {
        return Ok(());
    };
    match told.find(|(_, model)| *model != first_model) {
        Some((second, second_model)) => Err(NoFigure::MixedModels {
            first: first.file.clone(),
            first_model: first_model.clone(),
            second: second.file.clone(),
            second_model: second_model.clone(),
        }),
        None => Ok(()),
    }
}

/// ` of vgg19`, or nothing.
fn of_model(evidence: &Evidence) -> String {
    let model = evidence.model.as_ref();
    model
        .map(|model| format!(" of {model}"))
        .unwrap_or_default()
}
