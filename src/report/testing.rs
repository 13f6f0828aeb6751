//! Small made evidence with known numbers.

use super::evidence::{Energy, Evidence, Kind, PartsMs, PlanResult};
use crate::statistics::Estimate;

/// A plan with nine latencies around `median_ms`.
pub(super) fn plan(label: &str, cut: Option<u32>, median_ms: f64) -> PlanResult {
    let latencies_ms: Vec<f64> = (-4..=4).map(|i| median_ms + f64::from(i)).collect();
    let robot = f64::from(cut.unwrap_or(0)) * 4.0;
    let rest = median_ms - robot;
    PlanResult {
        label: label.to_owned(),
        mode: label.split(' ').next().unwrap().to_owned(),
        cut,
        layer: cut
            .filter(|&k| k > 0)
            .map(|k| format!("features.{}", k - 1)),
        latency: Estimate::of_median(&latencies_ms).unwrap(),
        latencies_ms,
        parts: Some(PartsMs::of([
            robot,
            rest * 0.5,
            rest * 0.25,
            rest * 0.125,
            rest * 0.125,
        ])),
        left_out: 1,
        bytes_up: 150_528.0,
        bytes_down: 4_000.0,
        energy: Some(Energy {
            joules: 0.2 + robot / 100.0,
            half: Some(0.02),
            net: None,
            preliminary: None,
        }),
        predicted_ms: Some(median_ms * 0.97),
    }
}

/// A sweep over cuts 0 to 5, best at 3, and two modes.
pub(super) fn sweep(file: &str) -> Evidence {
    let mut evidence = Evidence::new(file, Kind::Sweep);
    evidence.model = Some("vgg19".to_owned());
    evidence.robot = Some("jetson-xavier-nx (emulated)".to_owned());
    evidence.servers = vec!["gpu-server (emulated)".to_owned()];
    evidence.link = Some("outdoors".to_owned());
    evidence.program = Some("splitscope 0.1.0".to_owned());
    evidence.is_emulated = true;
    for (cut, ms) in [
        (0, 60.0),
        (1, 140.0),
        (2, 90.0),
        (3, 52.0),
        (4, 58.0),
        (5, 100.0),
    ] {
        evidence
            .plans
            .push(plan(&format!("split {cut}"), Some(cut), ms));
    }
    evidence.plans.push(plan("local", None, 101.0));
    evidence.plans.push(plan("tile 0.30", None, 71.0));
    evidence
}
