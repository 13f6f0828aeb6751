//! The lines of `--headless --json`: frames without steps. They do not tell the model, the devices or the link.

use serde::Deserialize;

use super::ReadError;
use super::tally::{Frame, Tally};
use crate::report::evidence::{Energy, Evidence, Kind};
use crate::statistics::mean;
use crate::wire::Parts;

/// What of a line is read; other fields are for others.
#[derive(Debug, Deserialize)]
struct Line {
    mode: String,
    cut: Option<u32>,
    latency_ms: f64,
    robot_compute_ms: f64,
    uplink_ms: f64,
    server_compute_ms: f64,
    downlink_ms: f64,
    wait_ms: f64,
    bytes_up: u64,
    bytes_down: u64,
    outcome: String,
    warmup: bool,
    preparing: bool,
    emulated: bool,
    #[serde(default)]
    predicted_ms: Option<f64>,
    #[serde(default)]
    energy_j: Option<f64>,
    #[serde(default)]
    power_emulated: Option<bool>,
}

/// Reads them; a last line that was cut off is passed over.
pub(super) fn read(name: &str, text: &str) -> Result<Evidence, ReadError> {
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    let whole = if whole.is_empty() { text } else { whole };
    let mut evidence = Evidence::new(name, Kind::Lines);
    let mut tally = Tally::default();
    let mut energies: Vec<(String, Vec<f64>)> = Vec::new();
    for (i, text) in whole
        .lines()
        .enumerate()
        .filter(|(_, l)| !l.trim().is_empty())
    {
        let line: Line = serde_json::from_str(text).map_err(|error| ReadError::Line {
            name: name.to_owned(),
            line: i + 1,
            reason: format!("no frame as --headless --json writes it ({error})"),
        })?;
        let label = match line.cut {
            Some(cut) => format!("{} {cut}", line.mode),
            None => line.mode.clone(),
        };
        let is_left_out = line.warmup || line.preparing || line.outcome != "ok";
        evidence.is_emulated |= line.emulated || line.power_emulated == Some(true);
        tally.add(&Frame {
            label: &label,
            mode: &line.mode,
            cut: line.cut,
            latency_ns: ns(line.latency_ms),
            parts: Parts {
                robot_compute_ns: ns(line.robot_compute_ms),
                uplink_ns: ns(line.uplink_ms),
                server_compute_ns: ns(line.server_compute_ms),
                downlink_ns: ns(line.downlink_ms),
                wait_ns: ns(line.wait_ms),
                overlap_ns: 0,
            },
            bytes_up: line.bytes_up,
            bytes_down: line.bytes_down,
            is_left_out,
            predicted_ns: line.predicted_ms.map(ns),
        });
        if let Some(joules) = line.energy_j.filter(|_| !is_left_out) {
            match energies.iter_mut().find(|(l, _)| *l == label) {
                Some((_, all)) => all.push(joules),
                None => energies.push((label, vec![joules])),
            }
        }
    }
    evidence.plans = tally.results();
    if evidence.plans.is_empty() {
        return Err(ReadError::NoFrames(name.to_owned()));
    }
    for plan in &mut evidence.plans {
        let all = energies.iter().find(|(label, _)| *label == plan.label);
        plan.energy = all.and_then(|(_, all)| mean(all)).map(|joules| Energy {
            joules,
            half: None,
            net: None,
            preliminary: Some("the rolling estimate of the last seconds, no result".to_owned()),
        });
    }
    Ok(evidence)
}

fn ns(ms: f64) -> i64 {
    (ms * 1e6).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cut: u32, latency_ms: f64, warmup: bool) -> String {
        let robot = latency_ms / 2.0;
        format!(
            r#"{{"frame":1,"epoch":2,"mode":"split","cut":{cut},"latency_ms":{latency_ms},"robot_compute_ms":{robot},"uplink_ms":{robot},"server_compute_ms":0.0,"downlink_ms":0.0,"wait_ms":0.0,"overlap_ms":0.0,"bytes_up":10,"bytes_down":4,"outcome":"ok","top1":null,"top1_score":null,"warmup":{warmup},"preparing":false,"skipped":0,"attempt":0,"emulated":true,"clock_error_ms":0.1,"energy_j":0.5}}"#
        )
    }

    #[test]
    fn frames_are_gathered_by_plan_without_warm_up_and_without_a_cut_off_line() {
        let mut text = String::new();
        for (cut, ms, warmup) in [
            (3, 900.0, true),
            (3, 50.0, false),
            (3, 52.0, false),
            (4, 60.0, false),
        ] {
            text += &(line(cut, ms, warmup) + "\n");
        }
        text += &line(4, 1.0, false)[..50];
        let evidence = read("f.jsonl", &text).unwrap();
        let plans = &evidence.plans;
        assert_eq!(plans.len(), 2);
        assert_eq!(
            (
                plans[0].label.as_str(),
                plans[0].latencies_ms.len(),
                plans[0].left_out
            ),
            ("split 3", 2, 1)
        );
        assert!((plans[0].latency.value - 51.0).abs() < 1e-9);
        let parts = plans[0].parts.unwrap();
        assert!((parts.robot - 25.5).abs() < 1e-9 && (parts.sum() - 51.0).abs() < 1e-9);
        assert!(plans[0].energy.as_ref().unwrap().preliminary.is_some());
        assert!(evidence.is_emulated);
    }

    #[test]
    fn only_warm_up_is_nothing_to_draw() {
        let error = read("f.jsonl", &(line(3, 9.0, true) + "\n")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "f.jsonl has no frame: there is nothing to draw"
        );
    }
}
