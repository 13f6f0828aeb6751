//! `pareto`: latency against energy; what no other plan beats in both is the front.

use std::fmt::Write;

use super::{Body, Figure, FigureKind, NoFigure, of_model, same_model};
use crate::report::caption::{Caption, Origin};
use crate::report::evidence::{Energy, Evidence};
use crate::report::table::{Table, cell, number};
use crate::statistics::Estimate;

/// One plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its name.
    pub plan: String,
    /// Its mode.
    pub mode: String,
    /// Median latency in milliseconds.
    pub latency: Estimate,
    /// The robot's, per inference.
    pub energy: Energy,
    /// Whether both are predictions.
    pub is_predicted: bool,
    /// Whether no other plan is both at least as fast and at least as frugal.
    pub is_best: bool,
}

/// Plans by latency and energy.
#[derive(Debug, Clone, PartialEq)]
pub struct Pareto {
    /// By latency.
    pub points: Vec<Point>,
}

/// The figure of sweeps, sessions and predictions of one model.
///
/// # Errors
/// No energy in them, different models.
pub fn figure(all: &[Evidence]) -> Result<Figure, NoFigure> {
    let Some(first) = all.first() else {
        return Err(NoFigure::Files {
            figure: FigureKind::Pareto,
            takes: "one file or more",
            got: 0,
        });
    };
    same_model(all)?;
    let mut points: Vec<Point> = Vec::new();
    for evidence in all {
        let before = points.len();
        points.extend(evidence.plans.iter().filter_map(|plan| {
            Some(Point {
                plan: plan.label.clone(),
                mode: plan.mode.clone(),
                latency: plan.latency,
                energy: plan.energy.clone()?,
                is_predicted: evidence.is_predicted(),
                is_best: false,
            })
        }));
        if points.len() == before {
            let lacks = if evidence.plans.is_empty() {
                "frames"
            } else {
                "energy"
            };
            return Err(NoFigure::lacks(FigureKind::Pareto, evidence, lacks));
        }
    }
    mark_front(&mut points);
    let mut reading =
        "Each mark is a plan; the line joins those that no other beats in both latency and energy."
            .to_owned();
    if all.iter().any(Evidence::is_predicted) {
        reading += " Open marks are predictions.";
    }
    if let Some(lacks) = points.iter().find_map(|p| p.energy.preliminary.as_ref()) {
        let _ = write!(reading, " Energies are preliminary ({lacks}).");
    }
    let title = format!("Latency against energy{}", of_model(first));
    Ok(Figure {
        kind: FigureKind::Pareto,
        caption: Caption::new(reading, all),
        origin: Origin::of(all),
        table: table(&points, &title),
        body: Body::Pareto(Pareto { points }),
        title,
    })
}

/// Sorts by latency and marks the points that have less energy than every faster one.
fn mark_front(points: &mut [Point]) {
    points.sort_by(|a, b| {
        let by_latency = a.latency.value.total_cmp(&b.latency.value);
        by_latency.then(a.energy.joules.total_cmp(&b.energy.joules))
    });
    let mut least = f64::INFINITY;
    for point in points {
        point.is_best = point.energy.joules < least;
        least = least.min(point.energy.joules);
    }
}

fn table(points: &[Point], title: &str) -> Table {
    let mut table = Table::new(
        title,
        &[
            "plan",
            "mode",
            "latency_ms",
            "energy_j",
            "energy_half_j",
            "energy_net_j",
            "energy_net_half_j",
            "on_front",
            "predicted",
        ],
    );
    for point in points {
        table.rows.push(vec![
            point.plan.clone(),
            point.mode.clone(),
            number(point.latency.value),
            number(point.energy.joules),
            cell(point.energy.half),
            cell(point.energy.net.map(|(joules, _)| joules)),
            cell(point.energy.net.map(|(_, half)| half)),
            point.is_best.to_string(),
            point.is_predicted.to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::make;
    use super::*;
    use crate::report::testing::sweep;

    #[test]
    fn the_front_is_what_no_other_plan_beats() {
        let figure = make(FigureKind::Pareto, &[sweep("sweep.csv")]).unwrap();
        let Body::Pareto(pareto) = &figure.body else {
            panic!("{figure:?}");
        };
        let front: Vec<_> = pareto.points.iter().filter(|p| p.is_best).collect();
        let names: Vec<_> = front.iter().map(|p| p.plan.as_str()).collect();
        // split 3 is fastest; of the others only split 0 takes less energy.
        assert_eq!(names, ["split 3", "split 0"]);
        for best in front {
            let beats = |p: &Point| {
                p.latency.value < best.latency.value && p.energy.joules < best.energy.joules
            };
            assert!(!pareto.points.iter().any(beats));
        }
    }

    #[test]
    fn a_file_without_power_has_no_energy_to_show() {
        let mut sweep = sweep("dark.csv");
        for plan in &mut sweep.plans {
            plan.energy = None;
        }
        let error = make(FigureKind::Pareto, &[sweep]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("dark.csv has no energy: --figure pareto")
        );
    }
}
