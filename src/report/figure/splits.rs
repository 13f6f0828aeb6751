//! `splits`: time and energy at every partition point (the paper's Figure 1).

use std::collections::BTreeMap;

use super::stack::{Stack, Stacks};
use super::{Body, Figure, FigureKind, NoFigure, of_model};
use crate::report::caption::{Caption, Origin};
use crate::report::evidence::{Evidence, PlanResult};

/// The figure of one sweep, session or prediction.
///
/// # Errors
/// Fewer than two partition points in it.
pub fn figure(evidence: &Evidence) -> Result<Figure, NoFigure> {
    let cuts = by_cut(&evidence.plans);
    if cuts.len() < 2 {
        let lacks = "two partition points or more";
        return Err(NoFigure::lacks(FigureKind::Splits, evidence, lacks));
    }
    let stacks = cuts
        .into_iter()
        .map(|(cut, plan)| Stack::new(plan, cut.to_string()))
        .collect();
    let stacks = Stacks::new("Partition point: operators on the robot", true, stacks);
    let title = format!("{}{} by partition point", stacks.what(), of_model(evidence));
    let one = std::slice::from_ref(evidence);
    Ok(Figure {
        kind: FigureKind::Splits,
        caption: Caption::new(stacks.reading(evidence), one),
        origin: Origin::of(one),
        table: stacks.table(&title),
        body: Body::Stacks(stacks),
        title,
    })
}

/// The plain plan of every cut. Where one cut was run in several ways (streamed, pipelined), the plainest name wins:
/// the figure is about where to divide.
fn by_cut(plans: &[PlanResult]) -> BTreeMap<u32, &PlanResult> {
    let mut cuts: BTreeMap<u32, &PlanResult> = BTreeMap::new();
    for plan in plans {
        let Some(cut) = plan.cut else { continue };
        // The whole split, or what it is called at the ends; then whatever else has this cut.
        let plainness = |plan: &PlanResult| {
            let is_end = matches!(plan.mode.as_str(), "local" | "remote");
            match plan.label == format!("split {cut}") {
                true => (0, 0),
                false if is_end => (1, 0),
                false => (2, plan.label.len()),
            }
        };
        let kept = cuts.entry(cut).or_insert(plan);
        if plainness(plan) < plainness(kept) {
            *kept = plan;
        }
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::super::{FigureKind, make};
    use super::*;
    use crate::report::testing::{plan, sweep};

    #[test]
    fn bars_are_the_plain_splits_in_the_order_of_cuts() {
        let mut sweep = sweep("sweep.csv");
        sweep
            .plans
            .insert(0, plan("split 3, 4 tiles", Some(3), 40.0));
        sweep.plans.reverse();
        let figure = make(FigureKind::Splits, &[sweep]).unwrap();
        let Body::Stacks(stacks) = &figure.body else {
            panic!("{figure:?}");
        };
        let labels: Vec<_> = stacks.stacks.iter().map(|s| s.label.as_str()).collect();
        assert_eq!(labels, ["0", "1", "2", "3", "4", "5"]);
        assert_eq!((stacks.fastest, stacks.frugal), (Some(3), Some(0)));
        assert!((stacks.stacks[3].parts.unwrap().sum() - 52.0).abs() < 1e-9);
        assert!(
            figure
                .caption
                .reading
                .contains("Fastest: split 3 (52.0 ms)")
        );
        assert!(figure.origin.is_emulated);
        assert_eq!(figure.table.rows[3][3], "52");
        assert_eq!(figure.table.rows[3][6], "12");
    }

    #[test]
    fn at_the_ends_remote_and_local_stand_for_a_split_before_a_streamed_one_does() {
        let mut sweep = sweep("sweep.csv");
        sweep.plans[0].label = "split 0 in 4 tiles".to_owned();
        sweep.plans.push(plan("remote", Some(0), 62.0));
        let figure = make(FigureKind::Splits, &[sweep]).unwrap();
        assert_eq!(figure.table.rows[0][0], "remote");
        assert_eq!(figure.table.rows[1][0], "split 1");
    }

    #[test]
    fn one_partition_point_makes_no_figure() {
        let mut sweep = sweep("one.csv");
        sweep.plans.truncate(1);
        let error = make(FigureKind::Splits, &[sweep]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "one.csv has no two partition points or more: --figure splits cannot be drawn of this sweep"
        );
    }
}
