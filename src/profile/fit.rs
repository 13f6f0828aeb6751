//! Costs from measured times: least squares with no negative cost, exact for the few unknowns that a kind has.

use std::collections::BTreeMap;

use super::cost::{Work, kind};
use super::{FORMAT, KindCost, ModelFit, OTHER, PowerLevels, Profile, Provenance};
use crate::model::{Graph, Op, Region};

/// Times below this count alike: clocks and logs are not finer.
const FINE_NS: f64 = 20_000.0;

/// One measured operator, or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The model that it is of.
    pub model: String,
    /// Its kind, as [`kind`] says.
    pub kind: &'static str,
    /// What it did.
    pub work: Work,
    /// How long it took, in nanoseconds.
    pub ns: f64,
}

/// The `x >= 0` with the least `sum(weight * (row . x - wanted)^2)`. Tries every set of unknowns that may be above 0,
/// so it is exact and meant for a handful of them.
pub fn nnls<const N: usize>(rows: &[([f64; N], f64, f64)]) -> [f64; N] {
    // Columns of one size, so that bytes beside ones do not cost digits.
    let mut size = [0.0_f64; N];
    for (row, _, _) in rows {
        for (size, x) in size.iter_mut().zip(row) {
            *size = size.max(x.abs());
        }
    }
    let mut normal = [[0.0; N]; N];
    let mut right = [0.0; N];
    for (row, wanted, weight) in rows {
        let at = |i: usize| if size[i] > 0.0 { row[i] / size[i] } else { 0.0 };
        for (i, sums) in normal.iter_mut().enumerate() {
            right[i] += weight * at(i) * wanted;
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum += weight * at(i) * at(j);
            }
        }
    }
    let mut best = ([0.0; N], 0.0);
    for set in 1_u32..1 << N {
        let free: Vec<usize> = (0..N)
            .filter(|&i| set & (1 << i) != 0 && size[i] > 0.0)
            .collect();
        let Some(x) = solve(&normal, &right, &free) else {
            continue;
        };
        if x.iter().any(|&x| x < 0.0) {
            continue;
        }
        // The squared error without its constant part.
        let error: f64 = (0..N)
            .map(|i| {
                let row: f64 = (0..N).map(|j| normal[i][j] * x[j]).sum();
                x[i] * (row - 2.0 * right[i])
            })
            .sum();
        if error < best.1 {
            best = (x, error);
        }
    }
    let mut x = best.0;
    for (x, size) in x.iter_mut().zip(size) {
        *x = if size > 0.0 { *x / size } else { 0.0 };
    }
    x
}

/// Solves the normal equations for the unknowns in `free`; none if they do not determine them.
fn solve<const N: usize>(
    normal: &[[f64; N]; N],
    right: &[f64; N],
    free: &[usize],
) -> Option<[f64; N]> {
    let n = free.len();
    let mut a: Vec<Vec<f64>> = free
        .iter()
        .map(|&i| {
            let mut row: Vec<f64> = free.iter().map(|&j| normal[i][j]).collect();
            row.push(right[i]);
            row
        })
        .collect();
    for column in 0..n {
        let pivot =
            (column..n).max_by(|&p, &q| a[p][column].abs().total_cmp(&a[q][column].abs()))?;
        a.swap(column, pivot);
        if a[column][column].abs() < 1e-12 {
            return None;
        }
        let pivot = a[column].clone();
        for (i, row) in a.iter_mut().enumerate() {
            if i != column {
                let factor = row[column] / pivot[column];
                for (x, p) in row.iter_mut().zip(&pivot) {
                    *x -= factor * p;
                }
            }
        }
    }
    let mut x = [0.0; N];
    for (k, &i) in free.iter().enumerate() {
        x[i] = a[k][n] / a[k][k];
    }
    Some(x)
}

fn fitted(samples: &[&Sample]) -> KindCost {
    let rows: Vec<_> = samples
        .iter()
        .map(|s| {
            (
                [1.0, s.work.flops, s.work.bytes],
                s.ns,
                1.0 / (s.ns + FINE_NS),
            )
        })
        .collect();
    let [overhead_ns, flop, byte] = nnls(&rows);
    // A rate beyond every device's means that the times do not depend on it.
    let rate = |ns: f64| Some(1e9 / ns).filter(|rate| rate.is_finite() && *rate < 1e17);
    KindCost {
        overhead_ns,
        flops_per_s: rate(flop),
        bytes_per_s: rate(byte),
        scaling: None,
    }
}

/// The cost of every kind that there are samples of, and [`OTHER`] from all that are no convolutions.
pub fn fit_kinds(samples: &[Sample]) -> BTreeMap<String, KindCost> {
    let mut kinds: BTreeMap<String, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        kinds
            .entry(sample.kind.to_owned())
            .or_default()
            .push(sample);
        if !sample.kind.starts_with("conv2d") {
            kinds.entry(OTHER.to_owned()).or_default().push(sample);
        }
    }
    let mut costs: BTreeMap<_, _> = kinds.iter().map(|(k, s)| (k.clone(), fitted(s))).collect();
    if !costs.contains_key(OTHER) {
        costs.insert(
            OTHER.to_owned(),
            fitted(&samples.iter().collect::<Vec<_>>()),
        );
    }
    costs
}

/// A forward pass after normalisation, in nanoseconds: what measured systems count, whose input is f32.
pub fn forward_without_normalize_ns(profile: &Profile, graph: &Graph) -> i64 {
    let operators = graph.operators().iter();
    operators
        .filter(|node| !matches!(node.op, Op::Normalize { .. }))
        .map(|node| profile.time_ns(graph, node, &Region::whole(&node.shape), None))
        .sum()
}

fn percent(got: i64, wanted: i64) -> f64 {
    // Two decimals: a file that is made again is the same file.
    let percent = ((got as f64 / wanted as f64 - 1.0) * 1e4).round() / 1e2;
    // No minus before a zero.
    percent + 0.0
}

/// A profile from samples of models whose forward passes were measured as a whole, too: costs by kind, and by model
/// and kind the factor that makes up for what the costs miss.
pub fn fit_profile(
    name: &str,
    provenance: &Provenance,
    power: Option<PowerLevels>,
    samples: &[Sample],
    measured: &[(&Graph, i64)],
) -> Profile {
    let bare = |operators| Profile {
        format: FORMAT,
        name: name.to_owned(),
        provenance: provenance.clone(),
        power,
        operators,
        models: Vec::new(),
    };
    let mut profile = bare(rounded(fit_kinds(samples)));
    let mut models = Vec::new();
    for &(graph, measured_ns) in measured {
        let (own, others): (Vec<_>, Vec<_>) = samples
            .iter()
            .cloned()
            .partition(|s| s.model == graph.name());
        let input = graph.input_shape();
        let mut model = ModelFit {
            name: graph.name().to_owned(),
            size: [input.rows, input.columns],
            measured_ns,
            error_pct: 0.0,
            unseen_error_pct: (!others.is_empty()).then(|| {
                let without = bare(fit_kinds(&others));
                percent(forward_without_normalize_ns(&without, graph), measured_ns)
            }),
            compute_w: None,
            scale: scales(&profile, &own, graph),
            table: Vec::new(),
        };
        // What was not logged (the first operator, say) is in the forward pass: the whole has to fit.
        profile.models = vec![model.clone()];
        let factor =
            measured_ns as f64 / forward_without_normalize_ns(&profile, graph).max(1) as f64;
        for scale in model.scale.values_mut() {
            *scale = digits(*scale * factor);
        }
        profile.models = vec![model.clone()];
        model.error_pct = percent(forward_without_normalize_ns(&profile, graph), measured_ns);
        profile.models.clear();
        models.push(model);
    }
    profile.models = models;
    profile
}

fn scales(profile: &Profile, own: &[Sample], graph: &Graph) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<String, (f64, f64)> = graph
        .operators()
        .iter()
        .filter(|node| !matches!(node.op, Op::Normalize { .. }))
        .map(|node| (kind(graph, node).to_owned(), (0.0, 0.0)))
        .collect();
    for sample in own {
        let sum = sums.entry(sample.kind.to_owned()).or_default();
        sum.0 += sample.ns;
        sum.1 += profile.cost(sample.kind).time_ns(sample.work, sample.work);
    }
    let scale = |(measured, fitted): (f64, f64)| if fitted > 0.0 { measured / fitted } else { 1.0 };
    sums.into_iter()
        .map(|(kind, sum)| (kind, scale(sum)))
        .collect()
}

/// Six digits: more than any of these numbers has.
fn digits(x: f64) -> f64 {
    format!("{x:.5e}").parse().unwrap_or(x)
}

fn rounded(mut costs: BTreeMap<String, KindCost>) -> BTreeMap<String, KindCost> {
    for cost in costs.values_mut() {
        cost.overhead_ns = cost.overhead_ns.round();
        cost.flops_per_s = cost.flops_per_s.map(digits);
        cost.bytes_per_s = cost.bytes_per_s.map(digits);
    }
    costs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(true_cost: KindCost, kind: &'static str) -> Vec<Sample> {
        (1..40)
            .map(|i| {
                let (a, b) = (f64::from(i * i % 37), f64::from(i * 7 % 23));
                let work = Work {
                    flops: a * 1e8,
                    bytes: b * 1e6,
                };
                let ns = true_cost.overhead_ns + true_cost.work_ns(work);
                let model = "m".to_owned();
                Sample {
                    model,
                    kind,
                    work,
                    ns,
                }
            })
            .collect()
    }

    #[test]
    fn a_fit_recovers_what_the_times_were_made_of() {
        let true_cost = KindCost {
            overhead_ns: 55_000.0,
            flops_per_s: Some(6.4e11),
            bytes_per_s: Some(4e10),
            scaling: None,
        };
        let found = fit_kinds(&samples(true_cost, "conv2d"))["conv2d"];
        let close = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-6;
        assert!(close(found.overhead_ns, 55_000.0), "{found:?}");
        assert!(close(found.flops_per_s.unwrap(), 6.4e11), "{found:?}");
        assert!(close(found.bytes_per_s.unwrap(), 4e10), "{found:?}");
    }

    #[test]
    fn no_cost_is_negative_although_the_plain_least_squares_would_be() {
        // The line through these is 2 x - 1.
        let rows = [
            ([1.0, 1.0], 1.0, 1.0),
            ([1.0, 2.0], 3.0, 1.0),
            ([1.0, 3.0], 5.0, 1.0),
        ];
        let [overhead, slope] = nnls(&rows);
        assert!(overhead.abs() < 1e-12, "{overhead}");
        // Through the origin: 22 / 14.
        assert!((slope - 22.0 / 14.0).abs() < 1e-12, "{slope}");
    }

    #[test]
    fn what_the_times_do_not_depend_on_has_no_rate() {
        let flat = KindCost {
            overhead_ns: 70_000.0,
            flops_per_s: None,
            bytes_per_s: None,
            scaling: None,
        };
        let found = fit_kinds(&samples(flat, "relu"));
        assert!(
            found["relu"].work_ns(Work {
                flops: 1e9,
                bytes: 1e7
            }) < 1.0,
            "{found:?}"
        );
        assert!(found.contains_key(OTHER));
    }
}
