//! `compare`: two sessions or sweeps, plan by plan.

use std::fmt::Write;

use super::{Body, Figure, FigureKind, NoFigure, of_model, same_model};
use crate::report::caption::{Caption, Origin};
use crate::report::evidence::{Evidence, PlanResult};
use crate::report::table::{Table, estimate_cells};
use crate::statistics::Estimate;

/// Most plans whose names a sentence lists.
const MOST_NAMES: usize = 5;

/// One plan in both files.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Its name.
    pub plan: String,
    /// Its partition point.
    pub cut: Option<u32>,
    /// Median latency in milliseconds in the first file, then in the second.
    pub latency: [Estimate; 2],
    /// Joules per inference in the first file, then in the second.
    pub joules: [Option<f64>; 2],
    /// The second median over the first; an interval only where both are measured.
    pub ratio: Option<Estimate>,
}

/// Two files side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Compare {
    /// Their names.
    pub files: [String; 2],
    /// The plans that both have, in the first file's order.
    pub pairs: Vec<Pair>,
}

/// The figure of two files.
///
/// # Errors
/// Not two files, no frames, different models, no plan in common.
pub fn figure(all: &[Evidence]) -> Result<Figure, NoFigure> {
    let [first, second] = all else {
        return Err(NoFigure::Files {
            figure: FigureKind::Compare,
            takes: "two files",
            got: all.len(),
        });
    };
    for evidence in all {
        if evidence.plans.is_empty() {
            return Err(NoFigure::lacks(FigureKind::Compare, evidence, "frames"));
        }
    }
    same_model(all)?;
    let pairs: Vec<Pair> = first
        .plans
        .iter()
        .filter_map(|a| Some(pair(a, second.plans.iter().find(|b| b.label == a.label)?)))
        .collect();
    if pairs.is_empty() {
        return Err(NoFigure::NothingInCommon {
            first: first.file.clone(),
            first_plans: names(first),
            second: second.file.clone(),
            second_plans: names(second),
        });
    }
    let only = first.plans.len() + second.plans.len() - 2 * pairs.len();
    let mut reading = "Bars: median latency with its 95 % bootstrap interval. Below: the second median over the first."
        .to_owned();
    if only > 0 {
        let _ = write!(reading, " {only} plans are in one file only and not shown.");
    }
    let title = format!("Latency{} in two runs", of_model(first));
    let compare = Compare {
        files: names_apart(first, second),
        pairs,
    };
    Ok(Figure {
        kind: FigureKind::Compare,
        caption: Caption::new(reading, all),
        origin: Origin::of(all),
        table: table(&compare, &title),
        body: Body::Compare(compare),
        title,
    })
}

fn pair(a: &PlanResult, b: &PlanResult) -> Pair {
    let measured = Estimate::of_ratio(&b.latencies_ms, &a.latencies_ms);
    let joules = |plan: &PlanResult| plan.energy.as_ref().map(|e| e.joules);
    Pair {
        plan: a.label.clone(),
        cut: a.cut,
        latency: [a.latency, b.latency],
        joules: [joules(a), joules(b)],
        ratio: measured.or_else(|| {
            let value = b.latency.value / a.latency.value;
            value.is_finite().then_some(Estimate {
                value,
                interval: None,
                count: 0,
            })
        }),
    }
}

/// The files' names, with what made them where the names are the same.
fn names_apart(first: &Evidence, second: &Evidence) -> [String; 2] {
    if first.file == second.file {
        [
            format!("{} (first)", first.file),
            format!("{} (second)", second.file),
        ]
    } else {
        [first.file.clone(), second.file.clone()]
    }
}

fn names(evidence: &Evidence) -> String {
    let names: Vec<&str> = evidence.plans.iter().map(|p| p.label.as_str()).collect();
    match names.get(..MOST_NAMES) {
        Some(some) if names.len() > MOST_NAMES => {
            format!("{} and {} more", some.join(", "), names.len() - MOST_NAMES)
        }
        _ => names.join(", "),
    }
}

fn table(compare: &Compare, title: &str) -> Table {
    let mut table = Table::new(
        title,
        &[
            "plan",
            "first_frames",
            "first_latency_ms",
            "first_low_ms",
            "first_high_ms",
            "second_frames",
            "second_latency_ms",
            "second_low_ms",
            "second_high_ms",
            "ratio",
            "ratio_low",
            "ratio_high",
            "first_energy_j",
            "second_energy_j",
        ],
    );
    for pair in &compare.pairs {
        let mut row = vec![pair.plan.clone()];
        for latency in pair.latency {
            row.push(latency.count.to_string());
            row.extend(estimate_cells(Some(latency)));
        }
        row.extend(estimate_cells(pair.ratio));
        row.extend(pair.joules.map(crate::report::table::cell));
        table.rows.push(row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::make;
    use super::*;
    use crate::report::testing::sweep;

    #[test]
    fn plans_in_both_files_stand_side_by_side_with_their_ratio() {
        let (first, mut second) = (sweep("a.csv"), sweep("b.csv"));
        second.plans.remove(0);
        for ms in &mut second.plans[0].latencies_ms {
            *ms *= 2.0;
        }
        let figure = make(FigureKind::Compare, &[first, second]).unwrap();
        let Body::Compare(compare) = &figure.body else {
            panic!("{figure:?}");
        };
        assert_eq!(compare.pairs.len(), 7);
        assert_eq!(compare.pairs[0].plan, "split 1");
        assert!((compare.pairs[0].ratio.unwrap().value - 2.0).abs() < 1e-9);
        assert!(
            figure
                .caption
                .reading
                .contains("1 plans are in one file only")
        );
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        let (first, mut second) = (sweep("a.csv"), sweep("b.csv"));
        second.model = Some("resnet50".to_owned());
        let error = make(FigureKind::Compare, &[first.clone(), second.clone()]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("a.csv is about vgg19 and b.csv about resnet50")
        );
        second.model = None;
        for plan in &mut second.plans {
            plan.label.push('!');
        }
        let error = make(FigureKind::Compare, &[first.clone(), second]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("have no plan in common: a.csv has split 0, "),
            "{error}"
        );
        let error = make(FigureKind::Compare, &[first]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--figure compare takes two files, 1 given"
        );
    }
}
