//! A sweep: its summary is the sweep room's own.

use super::ReadError;
use crate::clock::date_time_utc;
use crate::report::evidence::{Energy, Evidence, Kind, PlanResult};
use crate::sweep::{Chosen, DeviceLine, EnergySummary, PlanSummary, SweepFile};
use crate::units::ns_to_ms;

pub(super) fn evidence(name: &str, sweep: &SweepFile) -> Result<Evidence, ReadError> {
    let header = &sweep.header;
    let mut evidence = Evidence::new(name, Kind::Sweep);
    let model = &header.model;
    let size = (model.rows, model.columns);
    evidence.model = Some(super::model_name(&model.name, size, model.batch));
    let device = |d: &DeviceLine| super::device_name(&d.host, &d.engine, d.emulated);
    evidence.robot = Some(device(&header.robot));
    evidence.servers = header.servers.iter().map(device).collect();
    let link = header.link.as_ref();
    evidence.link = link.map(|link| super::link_name(link, header.link_emulated));
    evidence.is_link_emulated = header.link_emulated;
    evidence.program = Some(format!("splitscope {}", header.version));
    evidence.began = Some(date_time_utc(header.began_unix_ms));
    let mut latencies: Vec<Vec<f64>> = vec![Vec::new(); header.plans.len()];
    for row in sweep.frames.iter().filter(|row| row.left_out.is_none()) {
        if let Some(all) = latencies.get_mut(row.plan) {
            all.push(ns_to_ms(row.latency_ns));
        }
    }
    let summary = sweep.summary();
    let rounds = sweep.visits.iter().map(|v| v.round + 1).max().unwrap_or(0);
    let refused = summary.plans.iter().filter(|p| p.refused.is_some()).count();
    let contention = summary.contention();
    evidence.is_contended = summary.plans.iter().any(|p| p.contended == Some(true));
    evidence.is_emulated = summary.plans.iter().any(|p| p.emulated)
        || summary
            .plans
            .iter()
            .any(|p| p.energy.as_ref().is_some_and(|e| e.emulated));
    let idle = summary.idle;
    let busy = summary.plans.iter().filter(|p| p.is_busy);
    let busy: Vec<f64> = busy.filter_map(|p| p.load).collect();
    let chose: Vec<String> = summary
        .plans
        .iter()
        .filter(|p| !p.chose.is_empty())
        .map(|p| format!("{} chose {}", p.label, Chosen::words(&p.chose)))
        .collect();
    evidence.plans = summary
        .plans
        .into_iter()
        .zip(latencies)
        .filter_map(plan)
        .collect();
    if evidence.plans.is_empty() {
        return Err(ReadError::NoFrames(name.to_owned()));
    }
    evidence.remarks.push(format!(
        "{rounds} interleaved rounds over {} plans",
        evidence.plans.len()
    ));
    evidence.remarks.extend(chose);
    if !busy.is_empty() {
        let most = busy.iter().copied().fold(0.0, f64::max) * 100.0;
        evidence.remarks.push(format!(
            "the robot's machine was busy with other things during {} plans (load up to {most:.0} %): their times may \
             be too long",
            busy.len()
        ));
    }
    evidence.remarks.extend(idle.map(|idle| {
        let emulated = if idle.emulated { ", emulated" } else { "" };
        format!(
            "idle power {:.2} W ± {:.2} over {:.0} s{emulated}; net energies are above it",
            idle.watts, idle.half, idle.seconds
        )
    }));
    if refused > 0 {
        evidence
            .remarks
            .push(format!("{refused} more plans could not be run"));
    }
    evidence.remarks.extend(contention);
    match &sweep.end {
        None => evidence
            .remarks
            .push("the sweep did not come to its end".to_owned()),
        Some(end) if end.how != "done" => {
            evidence.remarks.push(format!("the sweep was {}", end.how));
        }
        Some(_) => {}
    }
    Ok(evidence)
}

fn plan((plan, latencies_ms): (PlanSummary, Vec<f64>)) -> Option<PlanResult> {
    let parts = plan.parts_ms?;
    Some(PlanResult {
        latency: plan.latency_ms?,
        parts: Some(parts),
        label: plan.label,
        mode: plan.mode,
        cut: plan.cut,
        layer: plan.layer,
        latencies_ms,
        left_out: plan.left_out,
        bytes_up: plan.bytes_up.unwrap_or(0.0),
        bytes_down: plan.bytes_down.unwrap_or(0.0),
        energy: plan.energy.map(energy),
        predicted_ms: plan.predicted_ms,
        prediction_error_pct: None,
    })
}

/// The block method's number as figures show it.
pub(super) fn energy(energy: EnergySummary) -> Energy {
    Energy {
        joules: energy.joules,
        half: Some(energy.half),
        preliminary: energy
            .short
            .or_else(|| energy.net.as_ref().and_then(|net| net.short.clone())),
        net: energy.net.map(|net| (net.joules, net.half)),
    }
}
