//! The comparison itself: medians of both sides, the difference with its bootstrap interval, and a verdict.

use serde::Serialize;

use super::sample::{FIGURES, Layer, Sample};
use crate::statistics::Estimate;

/// What the difference is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The difference's 95 % interval leaves 0 out.
    Differs,
    /// It does not.
    WithinNoise,
    /// Fewer values on a side than an interval needs.
    TooFew,
    /// One side has nothing to compare.
    OneSided,
}

impl Verdict {
    /// The words on the screen.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Differs => "differs",
            Self::WithinNoise => "within noise",
            Self::TooFew => "too few",
            Self::OneSided => "one side only",
        }
    }
}

/// One figure of both sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The figure with its unit (`latency_ms`), or the layer's name; a layer's times are milliseconds.
    pub what: String,
    /// Where a layer ran: `robot`, `server`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The first side's median.
    pub a: Option<Estimate>,
    /// The second side's median.
    pub b: Option<Estimate>,
    /// The second less the first.
    pub difference: Option<Estimate>,
    /// What it is worth.
    pub verdict: Verdict,
}

/// Both sides, figure by figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// What the first side is called.
    pub a: String,
    /// And the second.
    pub b: String,
    /// Frames that count, of each.
    pub frames: [u64; 2],
    /// Frames left out, of each.
    pub left_out: [u64; 2],
    /// Whether any number is emulated, of each.
    pub emulated: [bool; 2],
    /// Figures of whole frames.
    pub per_frame: Vec<Row>,
    /// Operators, in the model's order.
    pub per_layer: Vec<Row>,
}

/// Sets two sides beside each other.
pub fn compare(a: &Sample, b: &Sample) -> Comparison {
    let none = Vec::new();
    let per_frame = FIGURES.into_iter().filter_map(|name| {
        let of = |side: &Sample| side.figures.get(name).cloned().unwrap_or_default();
        row(name.to_owned(), None, &of(a), &of(b))
    });
    let mut layers: Vec<&Layer> = a.layers.keys().collect();
    layers.extend(b.layers.keys().filter(|l| !a.layers.contains_key(l)));
    layers.sort();
    let per_layer = layers.into_iter().filter_map(|layer| {
        let of = |side: &'_ Sample| side.layers.get(layer).unwrap_or(&none).clone();
        let device = Some(layer.device.to_string());
        row(layer.name.clone(), device, &of(a), &of(b))
    });
    Comparison {
        a: a.label.clone(),
        b: b.label.clone(),
        frames: [a.frames, b.frames],
        left_out: [a.left_out, b.left_out],
        emulated: [a.emulated, b.emulated],
        per_frame: per_frame.collect(),
        per_layer: per_layer.collect(),
    }
}

fn row(what: String, device: Option<String>, a: &[f64], b: &[f64]) -> Option<Row> {
    let difference = Estimate::of_difference(b, a);
    let interval = difference.and_then(|d| d.interval);
    let verdict = match interval {
        _ if a.is_empty() && b.is_empty() => return None,
        _ if a.is_empty() || b.is_empty() => Verdict::OneSided,
        None => Verdict::TooFew,
        Some(interval) if interval.low > 0.0 || interval.high < 0.0 => Verdict::Differs,
        Some(_) => Verdict::WithinNoise,
    };
    Some(Row {
        what,
        device,
        a: Estimate::of_median(a),
        b: Estimate::of_median(b),
        difference,
        verdict,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Random;
    use crate::units::DeviceId;

    fn sample(label: &str, seed: u64, shift: f64, count: usize) -> Sample {
        let mut random = Random::new(seed);
        let mut values = |middle: f64| -> Vec<f64> {
            (0..count).map(|_| middle + random.unit() * 4.0).collect()
        };
        let mut sample = Sample::of_frames(label, [], None);
        sample.frames = count as u64;
        sample.figures.insert("latency_ms", values(60.0 + shift));
        sample.figures.insert("wait_ms", values(5.0));
        for (place, name) in [(1, "conv1"), (2, "conv2")] {
            let layer = Layer {
                place,
                name: name.to_owned(),
                device: DeviceId::ROBOT,
            };
            sample.layers.insert(layer, values(f64::from(place)));
        }
        sample
    }

    fn verdict(comparison: &Comparison, what: &str) -> Verdict {
        let mut rows = comparison.per_frame.iter().chain(&comparison.per_layer);
        rows.find(|r| r.what == what).unwrap().verdict
    }

    #[test]
    fn a_real_difference_is_told_from_noise() {
        let a = sample("a", 1, 0.0, 100);
        let comparison = compare(&a, &sample("b", 2, 3.0, 100));
        assert_eq!(verdict(&comparison, "latency_ms"), Verdict::Differs);
        assert_eq!(verdict(&comparison, "wait_ms"), Verdict::WithinNoise);
        assert_eq!(verdict(&comparison, "conv1"), Verdict::WithinNoise);
        let latency = comparison.per_frame[0].difference.unwrap();
        assert!((latency.value - 3.0).abs() < 1.0);
        let interval = latency.interval.unwrap();
        assert!(
            (interval.low..=interval.high).contains(&3.0),
            "{interval:?}"
        );
    }

    #[test]
    fn the_same_against_itself_is_noise_and_few_frames_carry_no_verdict() {
        let a = sample("a", 1, 0.0, 100);
        let same = compare(&a, &a);
        assert!(
            same.per_frame
                .iter()
                .all(|r| r.verdict == Verdict::WithinNoise)
        );
        let few = compare(&a, &sample("b", 2, 30.0, 3));
        assert_eq!(verdict(&few, "latency_ms"), Verdict::TooFew);
    }

    #[test]
    fn a_layer_that_moved_to_the_server_stands_on_one_side_of_each_device() {
        let a = sample("a", 1, 0.0, 20);
        let mut b = sample("b", 2, 0.0, 20);
        let (layer, times) = b.layers.pop_last().unwrap();
        let moved = Layer {
            device: DeviceId::SERVER,
            ..layer
        };
        b.layers.insert(moved, times);
        let rows = compare(&a, &b).per_layer;
        let told: Vec<_> = rows
            .iter()
            .map(|r| (r.what.as_str(), r.device.as_deref(), r.verdict))
            .collect();
        assert_eq!(
            told,
            [
                ("conv1", Some("robot"), Verdict::WithinNoise),
                ("conv2", Some("robot"), Verdict::OneSided),
                ("conv2", Some("server"), Verdict::OneSided),
            ]
        );
    }
}
