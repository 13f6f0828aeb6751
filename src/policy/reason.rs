//! Sentences: why a plan won, and why a mode cannot.

use std::fmt::Write;

use super::search::{self, NoBest};
use super::{Candidate, Decision, Objective, Problem};
use crate::model::{Graph, crossing_bytes};
use crate::plan::{Mode, ModeKind, Plan, Schedule, Step};
use crate::units::{Bytes, NodeId, ns_to_ms};

/// A candidate's figures as far as the objective looks at them.
pub fn figures(candidate: &Candidate, objective: Objective) -> String {
    let joules = candidate.energy.map(|e| format!("{:.3} J", e.0));
    let joules = joules.unwrap_or_else(|| "energy not known".to_owned());
    let ms = ns_to_ms(candidate.latency_ns);
    match objective {
        Objective::Latency => format!("{ms:.1} ms"),
        Objective::Energy => joules,
        Objective::Deadline { .. } => {
            format!("{joules}, p95 {:.1} ms", ns_to_ms(candidate.p95_ns))
        }
        Objective::Budget { .. } => format!("{ms:.1} ms, {joules}"),
        Objective::Throughput => format!("{:.1} frames/s", candidate.frames_per_s),
    }
}

/// That the objective is met, or by what it is missed.
pub(super) fn met(decision: &Decision) -> String {
    let chosen = &decision.chosen;
    let (label, objective) = (chosen.plan.label(), decision.objective);
    let told = figures(chosen, objective);
    if chosen.energy.is_none()
        && let Some(met) = met_without_energy(decision)
    {
        return met;
    }
    match (objective, decision.feasible) {
        (Objective::Deadline { ms }, true) => {
            format!("{label} is in time for {ms} ms with the least energy: {told}")
        }
        (Objective::Deadline { ms }, false) => {
            format!("no plan is in time for {ms} ms; {label} is the fastest: {told}")
        }
        (Objective::Budget { joules }, true) => {
            format!("{label} is the fastest within {joules} J: {told}")
        }
        (Objective::Budget { joules }, false) => {
            format!("no plan keeps to {joules} J; {label} takes the least: {told}")
        }
        (objective, _) => format!("{label} has the best {objective}: {told}"),
    }
}

/// What is said of a choice by an energy that nobody knows; none where energy does not matter.
fn met_without_energy(decision: &Decision) -> Option<String> {
    let chosen = &decision.chosen;
    let what = match (decision.objective, decision.feasible) {
        (Objective::Energy, _) => "the least energy cannot be told".to_owned(),
        (Objective::Budget { joules }, _) => format!("no plan can be held to {joules} J"),
        (Objective::Deadline { ms }, true) => {
            format!("of the plans in time for {ms} ms the most frugal cannot be told")
        }
        _ => return None,
    };
    Some(format!(
        "the robot's power is not known (a device profile with power levels says it), so {what}; {} is the fastest: {:.1} ms",
        chosen.plan.label(),
        ns_to_ms(chosen.latency_ns)
    ))
}

/// The choice beside everything on the robot and everything on the server.
pub(super) fn against_ends(decision: &Decision, problem: &Problem) -> String {
    let objective = decision.objective;
    let tell = |name: &str, candidate: Option<Candidate>| match candidate {
        Some(c) => format!("{name} {}", figures(&c, objective)),
        None => format!("{name} never ends: the link carries nothing"),
    };
    let (first, last) = (problem.cuts().first(), problem.cuts().last());
    format!(
        "{} {} at {:.1} Mbps; {}; {}; the {} is at work longest",
        decision.chosen.plan.label(),
        figures(&decision.chosen, objective),
        problem.mbps(),
        tell("local", last.and_then(|d| problem.price(d))),
        tell("remote", first.and_then(|d| problem.price(d))),
        decision.chosen.limit.name(),
    )
}

/// Which rows the robot has of every segment's end; none of plans that have no segments.
pub(super) fn rows(plan: &Plan, graph: &Graph) -> Option<String> {
    let Mode::Tile { segments } = &plan.mode else {
        return None;
    };
    let told = segments.iter().map(|(end, bounds)| {
        let node = graph.node(*end);
        let robot = bounds.first().copied().unwrap_or(node.shape.rows);
        format!("{robot} of {} to {}", node.shape.rows, node.name)
    });
    let told: Vec<String> = told.collect();
    Some(format!("the robot's rows: {}", told.join(", ")))
}

/// Why a mode does not gain anything in latency over the best of local, remote and every cut, in numbers; none if it
/// does gain, or is one of these itself.
pub fn why_no_gain(problem: &Problem, kind: ModeKind) -> Option<String> {
    let latency = Objective::Latency;
    let cuts: Vec<Candidate> = problem
        .cuts()
        .iter()
        .filter_map(|d| problem.price(d))
        .collect();
    let best = &cuts[latency.best(&cuts)?];
    let than = format!(
        "{} of {}",
        figures(best, latency),
        if best.plan == Plan::LOCAL {
            "local".to_owned()
        } else {
            best.plan.label()
        }
    );
    let ratio = problem.speed_ratio();
    let mbps = problem.mbps();
    match kind {
        ModeKind::Local | ModeKind::Remote | ModeKind::Pipeline => None,
        ModeKind::Split => why_no_cut(problem, &cuts),
        ModeKind::Tensor | ModeKind::Data | ModeKind::Tile => {
            let found = match search::best_of(problem, latency, kind) {
                Ok(found) if found.latency_ns < best.latency_ns => return None,
                Ok(found) => found,
                Err(NoBest::NotYet) => return None,
                Err(why) => return Some(format!("{} does not apply: {why}", kind.name())),
            };
            let bytes = found.bytes_up + found.bytes_down;
            let wire_ms = bytes as f64 * 8.0 / (mbps.max(1e-9) * 1e3);
            let mut why = format!(
                "{}: {} at best, against {than}; it moves {} a frame, {wire_ms:.1} ms at {mbps:.1} Mbps, and the \
                 server is {ratio:.1} times as fast as the robot",
                kind.name(),
                figures(&found, latency),
                Bytes(bytes),
            );
            if kind == ModeKind::Tile
                && let Ok(prepared) = problem.prepared(&found.plan)
            {
                let (twice, all) = halo_rows(problem.graph(), prepared.schedule());
                // Writing to a string cannot fail.
                let _ = write!(
                    why,
                    "; {twice} of {all} rows are computed twice, for their halos"
                );
            }
            Some(why)
        }
    }
}

/// Why no cut between the ends is better than both of them.
fn why_no_cut(problem: &Problem, cuts: &[Candidate]) -> Option<String> {
    let latency = Objective::Latency;
    let (ends, inner): (Vec<&Candidate>, Vec<&Candidate>) = cuts
        .iter()
        .partition(|c| matches!(c.plan, Plan::LOCAL | Plan::REMOTE));
    let end = ends[latency.best(ends.iter().copied())?];
    let best = inner[latency.best(inner.iter().copied())?];
    if best.latency_ns < end.latency_ns {
        return None;
    }
    let graph = problem.graph();
    let image = crossing_bytes(graph, 0);
    let (robot, _) = problem.operator_ns();
    let smaller = (1..graph.operator_count()).find(|&k| crossing_bytes(graph, k) < image);
    let told = match smaller {
        Some(k) => {
            let before: i64 = robot[..=k as usize].iter().sum();
            format!(
                "the first cut that ships less than the image's {image} is {k} ({}, {}), {:.1} ms of the robot later",
                graph.node(NodeId(k)).name,
                crossing_bytes(graph, k),
                ns_to_ms(before)
            )
        }
        None => format!("every cut ships more than the image's {image}"),
    };
    Some(format!(
        "split: {} at best ({}), against {} of {}; {told}; the server is {:.1} times as fast as the robot, at {:.1} Mbps",
        figures(best, latency),
        best.plan.label(),
        figures(end, latency),
        end.plan.label(),
        problem.speed_ratio(),
        problem.mbps()
    ))
}

/// Rows that are computed by more than one device, and rows that there are, over all operators that have several.
fn halo_rows(graph: &Graph, schedule: &Schedule) -> (u64, u64) {
    let mut computed = vec![0_u64; graph.nodes().len()];
    for step in schedule.programs.iter().flat_map(|p| &p.steps) {
        if let Step::Compute { node, out, .. } = step {
            computed[node.index()] += u64::from(out.row.len());
        }
    }
    let rows = |id: NodeId| u64::from(graph.node(id).shape.rows);
    let tall = graph
        .operators()
        .iter()
        .map(|n| n.id)
        .filter(|&id| rows(id) > 1);
    tall.fold((0, 0), |(twice, all), id| {
        let more = computed[id.index()].saturating_sub(rows(id));
        (twice + more, all + rows(id))
    })
}
