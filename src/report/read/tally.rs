//! Frames one after the other become results per plan.

use crate::report::evidence::{PartsMs, PlanResult};
use crate::statistics::{Estimate, median, quantile};
use crate::units::ns_to_ms;
use crate::wire::Parts;

/// Different plans of a file at most: every later one would be a bar too thin to see.
const MOST_PLANS: usize = 2048;

/// One frame as far as results per plan need it.
#[derive(Debug, Clone)]
pub(super) struct Frame<'a> {
    pub(super) label: &'a str,
    pub(super) mode: &'a str,
    pub(super) cut: Option<u32>,
    pub(super) latency_ns: i64,
    pub(super) parts: Parts,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
    /// Warm-up, another plan being prepared, finished locally or failed.
    pub(super) is_left_out: bool,
    pub(super) predicted_ns: Option<i64>,
}

#[derive(Debug, Default)]
struct Plan {
    label: String,
    mode: String,
    cut: Option<u32>,
    latencies_ms: Vec<f64>,
    predicted_ms: Vec<f64>,
    errors_pct: Vec<f64>,
    parts_ns: [f64; 5],
    bytes: [f64; 2],
    left_out: usize,
}

/// Results so far.
#[derive(Debug, Default)]
pub(super) struct Tally(Vec<Plan>);

impl Tally {
    /// Takes a frame in.
    pub(super) fn add(&mut self, frame: &Frame<'_>) {
        // The newest plan is nearly always the one.
        let place = self.0.iter().rposition(|p| p.label == frame.label);
        let place = match place {
            Some(place) => place,
            None if self.0.len() == MOST_PLANS => return,
            None => {
                self.0.push(Plan {
                    label: frame.label.to_owned(),
                    mode: frame.mode.to_owned(),
                    cut: frame.cut,
                    ..Plan::default()
                });
                self.0.len() - 1
            }
        };
        let plan = &mut self.0[place];
        if frame.is_left_out {
            plan.left_out += 1;
            return;
        }
        plan.latencies_ms.push(ns_to_ms(frame.latency_ns));
        if let Some(predicted_ns) = frame.predicted_ns {
            plan.predicted_ms.push(ns_to_ms(predicted_ns));
            let off = predicted_ns as f64 / frame.latency_ns.max(1) as f64 - 1.0;
            plan.errors_pct.push(off.abs() * 100.0);
        }
        let parts = &frame.parts;
        let values = [
            parts.robot_compute_ns,
            parts.uplink_ns,
            parts.server_compute_ns,
            parts.downlink_ns,
            parts.wait_ns,
        ];
        for (sum, value) in plan.parts_ns.iter_mut().zip(values) {
            *sum += value as f64;
        }
        plan.bytes[0] += frame.bytes_up as f64;
        plan.bytes[1] += frame.bytes_down as f64;
    }

    /// Every plan with frames that count, in the order of their first frames.
    pub(super) fn results(self) -> Vec<PlanResult> {
        self.0
            .into_iter()
            .filter_map(|plan| {
                let latency = Estimate::of_median(&plan.latencies_ms)?;
                let count = plan.latencies_ms.len() as f64;
                Some(PlanResult {
                    latency,
                    parts: Some(PartsMs::of(plan.parts_ns.map(|ns| ns / count / 1e6))),
                    bytes_up: plan.bytes[0] / count,
                    bytes_down: plan.bytes[1] / count,
                    predicted_ms: median(&plan.predicted_ms),
                    prediction_error_pct: quantile(&plan.errors_pct, 0.5)
                        .zip(quantile(&plan.errors_pct, 0.9))
                        .map(|(median, p90)| [median, p90]),
                    label: plan.label,
                    mode: plan.mode,
                    cut: plan.cut,
                    layer: None,
                    latencies_ms: plan.latencies_ms,
                    left_out: plan.left_out,
                    energy: None,
                })
            })
            .collect()
    }
}
