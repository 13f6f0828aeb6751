//! `plan --json`: what a planner expects of every plan. It tells no parts of a latency.

use serde::Deserialize;

use crate::report::evidence::{Energy, Evidence, Kind, PlanResult};
use crate::statistics::Estimate;

/// What is read of the object; other fields are for others.
#[derive(Debug, Deserialize)]
struct Whole {
    /// Always true: a list of frames has no such field.
    predicted: bool,
    model: String,
    rows: u32,
    columns: u32,
    batch: u32,
    robot: String,
    servers: Vec<String>,
    link: String,
    objective: String,
    policy: String,
    candidates: Vec<Candidate>,
}

#[derive(Debug, Deserialize)]
struct Candidate {
    mode: String,
    label: String,
    cut: Option<u32>,
    latency_ms: f64,
    energy_j: Option<f64>,
    bytes_up: u64,
    bytes_down: u64,
}

/// None if the text is no prediction.
pub(super) fn read(name: &str, text: &str) -> Option<Evidence> {
    let whole: Whole = serde_json::from_str(text).ok()?;
    if !whole.predicted || whole.candidates.is_empty() {
        return None;
    }
    let mut evidence = Evidence::new(name, Kind::Prediction);
    evidence.model = Some(super::model_name(
        &whole.model,
        (whole.rows, whole.columns),
        whole.batch,
    ));
    evidence.robot = Some(format!("{} (device profile)", whole.robot));
    let servers = whole.servers.iter();
    evidence.servers = servers.map(|s| format!("{s} (device profile)")).collect();
    evidence.link = Some(whole.link);
    let chose = format!("objective {}, policy {}", whole.objective, whole.policy);
    evidence.remarks.push(chose);
    evidence.plans = whole.candidates.into_iter().map(plan).collect();
    Some(evidence)
}

fn plan(candidate: Candidate) -> PlanResult {
    PlanResult {
        label: candidate.label.replace(',', ""),
        mode: candidate.mode,
        cut: candidate.cut,
        layer: None,
        latencies_ms: Vec::new(),
        latency: Estimate {
            value: candidate.latency_ms,
            interval: None,
            count: 0,
        },
        parts: None,
        left_out: 0,
        bytes_up: candidate.bytes_up as f64,
        bytes_down: candidate.bytes_down as f64,
        energy: candidate.energy_j.map(|joules| Energy {
            joules,
            half: None,
            net: None,
            preliminary: None,
        }),
        predicted_ms: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figure::{FigureKind, make};

    #[test]
    fn a_prediction_makes_figures_that_say_so() {
        let candidate = |cut: u32, ms: f64| {
            format!(
                r#"{{"mode":"split","label":"split {cut}","plan":{{}},"cut":{cut},"latency_ms":{ms},"p95_ms":{ms},"energy_j":0.5,"bytes_up":7,"bytes_down":4,"limit":"uplink"}}"#
            )
        };
        let text = format!(
            r#"{{"predicted":true,"model":"vgg19","rows":224,"columns":224,"batch":1,"robot":"jetson-xavier-nx","servers":["gpu-server"],"link":"93 Mbps","objective":"latency","policy":"auto","candidates":[{},{}]}}"#,
            candidate(0, 60.0),
            candidate(9, 80.0)
        );
        let evidence = read("plan.json", &text).unwrap();
        for kind in [FigureKind::Splits, FigureKind::Pareto] {
            let figure = make(kind, std::slice::from_ref(&evidence)).unwrap();
            assert_eq!(figure.origin.badges(), ["PREDICTED"]);
            assert!(
                figure.caption.files[0].contains("2 plans predicted"),
                "{:?}",
                figure.caption
            );
        }
        assert_eq!(read("frames.jsonl", r#"{"frame":1}"#), None);
    }
}
