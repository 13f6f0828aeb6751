//! `bandwidth`: a link's rate over time with its mean, and its distribution (the paper's Figure 2).

use super::{Body, Figure, FigureKind, NoFigure};
use crate::report::caption::{Caption, Origin};
use crate::report::evidence::{Evidence, Held, Rates};
use crate::report::table::{Table, number};
use crate::statistics::histogram;

/// Most links below each other.
const MOST_PANELS: usize = 4;
/// Points of a curve: more are drawn as their mean between the least and the most.
const MOST_POINTS: usize = 400;
/// Bars of a distribution.
const BINS: usize = 24;

/// A stretch of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// From, in seconds.
    pub from_s: f64,
    /// To, in seconds.
    pub to_s: f64,
    /// The mean rate.
    pub mean_mbps: f64,
    /// The least.
    pub low_mbps: f64,
    /// The most.
    pub high_mbps: f64,
}

/// One direction of one link.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// `up`, `down` or `both`.
    pub direction: &'static str,
    /// In the order of time, with gaps where there was no number.
    pub points: Vec<Point>,
    /// Over the time with a number.
    pub mean_mbps: f64,
    /// Not exceeded for 5, 50 and 95 % of that time.
    pub quantiles_mbps: [f64; 3],
    /// Share of that time below 5 Mbps, 0 to 1.
    pub under_5_mbps: f64,
    /// Share of that time at 0, 0 to 1.
    pub at_zero: f64,
    /// Share of that time in each of equal parts from 0 to the panel's highest rate, 0 to 1.
    pub distribution: Vec<f64>,
    /// How long there was a number, in seconds.
    pub covered_s: f64,
}

/// One link.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// The file.
    pub name: String,
    /// One medium's, or one per direction.
    pub curves: Vec<Curve>,
    /// The axis of rates ends here.
    pub top_mbps: f64,
    /// The axis of time ends here.
    pub end_s: f64,
}

/// Links below each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Bandwidth {
    /// One per file.
    pub panels: Vec<Panel>,
}

/// The figure of traces and sessions.
///
/// # Errors
/// No rates in a file, too many files.
pub fn figure(all: &[Evidence]) -> Result<Figure, NoFigure> {
    if all.is_empty() || all.len() > MOST_PANELS {
        return Err(NoFigure::Files {
            figure: FigureKind::Bandwidth,
            takes: "one to four files",
            got: all.len(),
        });
    }
    let mut panels = Vec::new();
    for evidence in all {
        panels.push(panel(evidence).ok_or_else(|| {
            NoFigure::lacks(FigureKind::Bandwidth, evidence, "bandwidth over time")
        })?);
    }
    // One scale for all, so that links are compared by looking.
    let top = panels.iter().map(|p| p.top_mbps).fold(0.0, f64::max);
    for (panel, evidence) in panels.iter_mut().zip(all) {
        panel.top_mbps = top;
        for (curve, rates) in panel.curves.iter_mut().zip(curves(evidence)) {
            let weighted = rates.held.iter().map(|h| (h.mbps, h.for_s));
            curve.distribution = histogram(weighted, top, BINS)
                .into_iter()
                .map(|s| s / curve.covered_s)
                .collect();
        }
    }
    let reading = "Left: goodput over time, dashed its mean; boxes on the axis are outages, gaps have no number \
                   (nothing was under way). Right: share of the time at each rate.";
    let title = "Link bandwidth".to_owned();
    Ok(Figure {
        kind: FigureKind::Bandwidth,
        caption: Caption::new(reading, all),
        origin: Origin::of(all),
        table: table(&panels, &title),
        body: Body::Bandwidth(Bandwidth { panels }),
        title,
    })
}

fn curves(evidence: &Evidence) -> impl Iterator<Item = &Rates> {
    evidence.rates.iter().filter(|r| covered_s(&r.held) > 0.0)
}

fn covered_s(held: &[Held]) -> f64 {
    held.iter().map(|h| h.for_s).sum()
}

fn panel(evidence: &Evidence) -> Option<Panel> {
    let curves: Vec<Curve> = curves(evidence).map(curve).collect();
    let highest = |c: &Curve| c.points.iter().map(|p| p.high_mbps).fold(0.0, f64::max);
    let end = |c: &Curve| c.points.last().map_or(0.0, |p| p.to_s);
    Some(Panel {
        name: evidence.file.clone(),
        // A link that never carried anything still has an axis.
        top_mbps: curves.iter().map(highest).reduce(f64::max)?.max(1.0),
        end_s: curves.iter().map(end).fold(0.0, f64::max),
        curves,
    })
}

fn curve(rates: &Rates) -> Curve {
    let covered_s = covered_s(&rates.held);
    let share = |is: &dyn Fn(f64) -> bool| {
        let held = rates.held.iter().filter(|h| is(h.mbps));
        // An empty sum is -0, which nobody wants to read.
        (held.map(|h| h.for_s).sum::<f64>() / covered_s).abs()
    };
    let mut by_rate: Vec<&Held> = rates.held.iter().collect();
    by_rate.sort_by(|a, b| a.mbps.total_cmp(&b.mbps));
    let quantile = |q: f64| {
        let mut passed = 0.0;
        let found = by_rate.iter().find(|h| {
            passed += h.for_s;
            passed >= q * covered_s
        });
        found.or(by_rate.last()).map_or(0.0, |h| h.mbps)
    };
    Curve {
        direction: rates.direction,
        points: thinned(&rates.held),
        mean_mbps: rates.held.iter().map(|h| h.mbps * h.for_s).sum::<f64>() / covered_s,
        quantiles_mbps: [0.05, 0.5, 0.95].map(quantile),
        under_5_mbps: share(&|mbps| mbps < crate::link::trace::POOR_MBPS),
        at_zero: share(&|mbps| mbps <= 0.0),
        distribution: Vec::new(),
        covered_s,
    }
}

/// Neighbours taken together until there are few enough points; never across a gap, and outages stay apart.
fn thinned(held: &[Held]) -> Vec<Point> {
    let span =
        held.last().map_or(0.0, |h| h.from_s + h.for_s) - held.first().map_or(0.0, |h| h.from_s);
    let step = span / MOST_POINTS as f64;
    let mut points: Vec<Point> = Vec::new();
    for h in held {
        let to_s = h.from_s + h.for_s;
        let joined = points.last_mut().filter(|p| {
            let is_near = (h.from_s - p.to_s).abs() < 1e-6;
            is_near && to_s - p.from_s <= step && (p.high_mbps > 0.0) == (h.mbps > 0.0)
        });
        match joined {
            Some(p) => {
                let before = p.to_s - p.from_s;
                p.mean_mbps = (p.mean_mbps * before + h.mbps * h.for_s) / (before + h.for_s);
                p.low_mbps = p.low_mbps.min(h.mbps);
                p.high_mbps = p.high_mbps.max(h.mbps);
                p.to_s = to_s;
            }
            None => points.push(Point {
                from_s: h.from_s,
                to_s,
                mean_mbps: h.mbps,
                low_mbps: h.mbps,
                high_mbps: h.mbps,
            }),
        }
    }
    points
}

fn table(panels: &[Panel], title: &str) -> Table {
    let mut table = Table::new(
        title,
        &[
            "link",
            "direction",
            "seconds",
            "mean_mbps",
            "p5_mbps",
            "p50_mbps",
            "p95_mbps",
            "share_under_5_mbps",
            "share_at_zero",
        ],
    );
    for panel in panels {
        for curve in &panel.curves {
            let mut row = vec![panel.name.clone(), curve.direction.to_owned()];
            row.extend([curve.covered_s, curve.mean_mbps].map(number));
            row.extend(curve.quantiles_mbps.map(number));
            row.extend([curve.under_5_mbps, curve.at_zero].map(number));
            table.rows.push(row);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::make;
    use super::*;
    use crate::report::evidence::Kind;

    fn trace(held: Vec<Held>) -> Evidence {
        let mut evidence = Evidence::new("garden.csv", Kind::Trace);
        evidence.rates.push(Rates {
            direction: "both",
            held,
        });
        evidence
    }

    fn held(from_s: f64, for_s: f64, mbps: f64) -> Held {
        Held {
            from_s,
            for_s,
            mbps,
        }
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "these come out exactly")]
    fn numbers_weigh_by_time_and_outages_are_kept() {
        // 100 Mbps for 8 s, an outage of 1 s, 4 Mbps for 1 s.
        let trace = trace(vec![
            held(0.0, 8.0, 100.0),
            held(8.0, 1.0, 0.0),
            held(9.0, 1.0, 4.0),
        ]);
        let figure = make(FigureKind::Bandwidth, &[trace]).unwrap();
        let Body::Bandwidth(bandwidth) = &figure.body else {
            panic!("{figure:?}");
        };
        let curve = &bandwidth.panels[0].curves[0];
        assert!((curve.mean_mbps - 80.4).abs() < 1e-9);
        assert_eq!(curve.quantiles_mbps, [0.0, 100.0, 100.0]);
        assert!((curve.under_5_mbps - 0.2).abs() < 1e-9 && (curve.at_zero - 0.1).abs() < 1e-9);
        assert!((curve.distribution.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((curve.distribution[0] - 0.2).abs() < 1e-9);
        assert_eq!(figure.table.rows[0][3], "80.4");
    }

    #[test]
    fn a_long_trace_is_thinned_without_losing_its_extremes_or_its_mean() {
        let rate = |i: u32| f64::from(i % 7) * 10.0 + 1.0;
        let all: Vec<Held> = (0..60_000)
            .map(|i| held(f64::from(i) * 0.1, 0.1, rate(i)))
            .collect();
        let curve = curve(&trace(all).rates[0]);
        assert!(
            curve.points.len() <= 2 * MOST_POINTS,
            "{}",
            curve.points.len()
        );
        let mean = |p: &Point| p.mean_mbps * (p.to_s - p.from_s);
        let drawn = curve.points.iter().map(mean).sum::<f64>() / 6000.0;
        assert!(
            (drawn - curve.mean_mbps).abs() < 1e-6,
            "{drawn} {}",
            curve.mean_mbps
        );
        assert!(
            curve
                .points
                .iter()
                .all(|p| p.low_mbps <= 1.0 + 1e-9 && p.high_mbps >= 61.0 - 1e-9)
        );
    }

    #[test]
    fn a_gap_stays_a_gap() {
        let curve = curve(&trace(vec![held(0.0, 0.1, 50.0), held(5.0, 0.1, 50.0)]).rates[0]);
        assert_eq!(curve.points.len(), 2);
        assert!((curve.covered_s - 0.2).abs() < 1e-9);
    }

    #[test]
    fn a_sweep_has_no_bandwidth() {
        let error = make(
            FigureKind::Bandwidth,
            &[crate::report::testing::sweep("s.csv")],
        )
        .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("s.csv has no bandwidth over time"),
            "{error}"
        );
    }
}
