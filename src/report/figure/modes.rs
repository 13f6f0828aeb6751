//! `modes`: time and energy per mode.

use super::stack::{Stack, Stacks};
use super::{Body, Figure, FigureKind, NoFigure, of_model};
use crate::report::caption::{Caption, Origin};
use crate::report::evidence::{Evidence, PlanResult};

/// Most plans that stand side by side each with its own bar; of more, the fastest of each mode stands for it.
const MOST_PLANS: usize = 12;

/// The figure of one sweep, session or prediction.
///
/// # Errors
/// No plan in it.
pub fn figure(evidence: &Evidence) -> Result<Figure, NoFigure> {
    if evidence.plans.is_empty() {
        return Err(NoFigure::lacks(FigureKind::Modes, evidence, "frames"));
    }
    let all = evidence.plans.len();
    let plans = if all > MOST_PLANS {
        fastest_of_each(&evidence.plans)
    } else {
        evidence.plans.iter().map(|plan| (plan, 1)).collect()
    };
    let stacks = plans
        .into_iter()
        .map(|(plan, of)| {
            let label = match of {
                1 => plan.label.clone(),
                of => format!("{} (best of {of})", plan.label),
            };
            Stack::new(plan, label)
        })
        .collect();
    let stacks = Stacks::new("Mode", false, stacks);
    let title = format!("{}{} by mode", stacks.what(), of_model(evidence));
    let one = std::slice::from_ref(evidence);
    Ok(Figure {
        kind: FigureKind::Modes,
        caption: Caption::new(stacks.reading(evidence), one),
        origin: Origin::of(one),
        table: stacks.table(&title),
        body: Body::Stacks(stacks),
        title,
    })
}

/// The plan with the least median of each mode, with how many plans the mode has, in the order of modes' first plans.
fn fastest_of_each(plans: &[PlanResult]) -> Vec<(&PlanResult, usize)> {
    let mut best: Vec<(&PlanResult, usize)> = Vec::new();
    for plan in plans {
        match best.iter_mut().find(|(b, _)| b.mode == plan.mode) {
            Some((fastest, count)) => {
                *count += 1;
                if plan.latency.value < fastest.latency.value {
                    *fastest = plan;
                }
            }
            None => best.push((plan, 1)),
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::make;
    use super::*;
    use crate::report::testing::{plan, sweep};

    fn labels(figure: &Figure) -> Vec<String> {
        let Body::Stacks(stacks) = &figure.body else {
            panic!("{figure:?}");
        };
        stacks.stacks.iter().map(|s| s.label.clone()).collect()
    }

    #[test]
    fn of_many_cuts_the_fastest_stands_for_its_mode() {
        let mut sweep = sweep("sweep.csv");
        for cut in 6..20 {
            sweep
                .plans
                .push(plan(&format!("split {cut}"), Some(cut), 200.0));
        }
        let figure = make(FigureKind::Modes, &[sweep]).unwrap();
        assert_eq!(
            labels(&figure),
            ["split 3 (best of 20)", "local", "tile 0.30"]
        );
    }

    #[test]
    fn a_few_plans_each_have_their_bar() {
        let figure = make(FigureKind::Modes, &[sweep("sweep.csv")]).unwrap();
        assert_eq!(labels(&figure).len(), 8);
    }
}
