//! What the robot expects of the plans of a sweep, so that people know beforehand how long it takes.

use crate::model::Graph;
use crate::plan::ModeKind;
use crate::store::{Predictions, Store};
use crate::sweep::{Expected, Forecast, Method, PlanLine, Settings, Wanted, WantedCut};

/// How long a sweep of these plans would take on a robot.
pub(in crate::console::app) fn of_lines(
    lines: &[PlanLine],
    settings: &Settings,
    store: &Store,
) -> Forecast {
    let predictions = store.predictions();
    let plans = lines.iter().map(|line| Expected {
        latency_ns: latency(predictions, &line.mode, line.cut),
        window: line.rule.plan().map_or(1, |plan| plan.window),
        is_policy: line.rule.policy().is_some(),
    });
    let plans: Vec<_> = plans.collect();
    forecast(&plans, settings, store)
}

/// The same of cuts and modes that were not made plans yet.
pub(in crate::console::app) fn of_wanted(
    (cuts, modes): (&[u32], &[Wanted]),
    settings: &Settings,
    graph: &Graph,
    store: &Store,
) -> Forecast {
    let predictions = store.predictions();
    let split = ModeKind::Split.name();
    let cuts = cuts.iter().map(|cut| Expected {
        latency_ns: latency(predictions, split, Some(*cut)),
        window: 1,
        is_policy: false,
    });
    let modes = modes.iter().map(|wanted| {
        let cut = match (&wanted.cut, wanted.mode) {
            (Some(WantedCut::At(cut)), _) => Some(*cut),
            (Some(WantedCut::Found(_)), _) => predictions.best_cut(),
            (_, Method::Mode(ModeKind::Local)) => Some(graph.operator_count()),
            (_, Method::Mode(ModeKind::Remote)) => Some(0),
            _ => None,
        };
        Expected {
            latency_ns: latency(predictions, wanted.mode.name(), cut),
            window: wanted.window.unwrap_or(1),
            is_policy: matches!(wanted.mode, Method::Policy(_)),
        }
    });
    let plans: Vec<_> = cuts.chain(modes).collect();
    forecast(&plans, settings, store)
}

fn forecast(plans: &[Expected], settings: &Settings, store: &Store) -> Forecast {
    let mbps = store.predictions().newest().map(|record| record.mbps);
    let mbps = mbps.filter(|mbps| mbps.is_finite());
    Forecast::new(plans, settings, measures_power(store)).at(mbps)
}

/// A cut's own figure; else the best plan of the mode; of a policy the best there is.
fn latency(predictions: &Predictions, mode: &str, cut: Option<u32>) -> Option<i64> {
    if let Some(cut) = cut {
        return predictions.cut(cut)?.latency_ns;
    }
    let plans = &predictions.newest()?.plans;
    let is_mode = ModeKind::ALL.iter().any(|m| m.name() == mode);
    let found = plans
        .iter()
        .find(|plan| !is_mode || plan.plan.mode_name() == mode);
    found.map(|plan| plan.latency_ns)
}

fn measures_power(store: &Store) -> bool {
    !store.power().sources().sources.is_empty()
}
