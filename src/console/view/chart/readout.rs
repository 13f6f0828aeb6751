//! Exact values under the crosshair, in words.

use super::{Chart, Curve, Pen};
use crate::console::view::widgets::text;
use crate::store::{Bucket, Gap};
use crate::units::Nanos;

/// `-6.4 s`, `-12 min`: how long before the newest moment; in tenths where dots are so short.
pub(in crate::console::view) fn ago(newest: Nanos, at: Nanos, dot_ns: i64) -> String {
    let ns = newest.0.saturating_sub(at.0);
    let seconds = ns as f64 / 1e9;
    let sign = if seconds > 0.0 { "-" } else { "" };
    match seconds.abs() {
        s if s < 120.0 && dot_ns < 1_000_000_000 => format!("{sign}{s:.1} s"),
        s if s < 120.0 => format!("{sign}{s:.0} s"),
        s if s < 7_200.0 => format!("{sign}{:.1} min", s / 60.0),
        s => format!("{sign}{:.1} h", s / 3_600.0),
    }
}

/// What a chart shows at a moment: `-6.4 s  up mean 71.8 (60.1 to 80.2) Mbps, 3 windows  estimate 70.0 ±5.0 Mbps`; in
/// fewer words where these are more than `most` columns.
pub(in crate::console::view) fn readout(chart: &Chart, cross: Nanos, most: usize) -> String {
    let when = ago(chart.newest, cross, chart.window.dot_ns);
    let Some(dot) = chart.window.dot(cross) else {
        return format!("{when}  out of sight");
    };
    let (from, to) = (chart.window.at(dot), chart.window.at(dot + 1));
    let divided = chart.rules.is_some_and(|rules| rules.divide(from, to));
    let words = |short: bool| {
        let mut words = vec![when.clone()];
        for curve in &chart.curves {
            let bucket = curve.dots.get(dot).copied().unwrap_or_default();
            words.extend(value(curve, &bucket, chart.unit, divided, short));
        }
        if let Some(rule) = chart.rules.and_then(|r| r.between(from, to).next_back()) {
            words.push(rule.label.clone());
        }
        words.join("  ")
    };
    let long = words(false);
    if text::width(&long) <= most {
        long
    } else {
        words(true)
    }
}

/// One curve's value; none of what is only believed and not told there.
fn value(curve: &Curve, bucket: &Bucket, unit: &str, divided: bool, short: bool) -> Option<String> {
    let figures = text::figures;
    let name = if short { "" } else { curve.name };
    let believed = curve.pen == Pen::Belief;
    let (Some(min), Some(max), Some(mean)) = (bucket.min(), bucket.max(), bucket.mean()) else {
        let why = match bucket.gap() {
            Some(Gap::Idle) => "idle",
            Some(Gap::Down) => "no link",
            None if believed => return None,
            None => "nothing told",
        };
        return Some(format!("{name} {why}").trim().to_owned());
    };
    if believed {
        let spread = (max - min) / 2.0;
        let around = if spread > 0.0 {
            format!(" ±{}", figures(spread))
        } else {
            String::new()
        };
        let name = if short { "est." } else { name };
        return Some(format!("{name} {}{around} {unit}", figures(mean)));
    }
    let count = match bucket.count() {
        _ if short => String::new(),
        count => format!(", {count} {}", curve.of),
    };
    let ends = format!("{} to {}", figures(min), figures(max));
    let frame = bucket.frame().map(|frame| format!("frame {frame}"));
    let words = match (bucket.count(), frame) {
        (1, Some(frame)) => format!("{frame} {name} {} {unit}", figures(max)),
        (1, None) => format!("{name} {} {unit}", figures(max)),
        // A mean over two plans would say nothing of either.
        _ if divided => format!("{name} {ends} {unit}, of two plans"),
        (_, Some(frame)) => {
            let mean = figures(mean);
            format!("{name} mean {mean} ({ends}, {frame}) {unit}{count}")
        }
        _ if max > min => format!("{name} mean {} ({ends}) {unit}{count}", figures(mean)),
        _ => format!("{name} {} {unit}{count}", figures(mean)),
    };
    Some(words.split_whitespace().collect::<Vec<_>>().join(" "))
}
