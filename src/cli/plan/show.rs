//! The answer as a table for people and as JSON.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;

use super::Answer;
use crate::plan::{Mode, Plan};
use crate::policy::{Candidate, Objective, front};
use crate::units::{Bytes, ns_to_ms};

/// What candidates are compared with.
struct References {
    local: Option<Candidate>,
    remote: Option<Candidate>,
    best_cut: Option<Candidate>,
}

impl References {
    fn of(answer: &Answer<'_>) -> Self {
        let problem = &answer.problem;
        let cuts: Vec<Candidate> = crate::policy::cuts(problem).into_iter().flatten().collect();
        let find = |plan: &Plan| cuts.iter().find(|c| c.plan == *plan).cloned();
        Self {
            local: find(&Plan::LOCAL),
            remote: find(&Plan::REMOTE),
            best_cut: Objective::Latency.best(&cuts).map(|i| cuts[i].clone()),
        }
    }

    /// By how much a candidate is faster than each, in percent.
    fn gains(&self, candidate: &Candidate) -> [Option<f64>; 3] {
        [&self.local, &self.remote, &self.best_cut].map(|reference| {
            let reference = reference.as_ref()?;
            Some(Objective::Latency.gain(reference, candidate) * 100.0)
        })
    }
}

#[derive(Serialize)]
struct Row<'a> {
    mode: &'static str,
    label: String,
    plan: &'a Plan,
    cut: Option<u32>,
    tiles: Option<u16>,
    window: u16,
    latency_ms: f64,
    p95_ms: f64,
    energy_j: Option<f64>,
    frames_per_s: f64,
    bytes_up: u64,
    bytes_down: u64,
    limit: &'static str,
    gain_over_local_pct: Option<f64>,
    gain_over_remote_pct: Option<f64>,
    gain_over_best_cut_pct: Option<f64>,
    /// Whether nobody beats it in both latency and energy.
    on_front: bool,
    /// Whether it was simulated, or priced in closed form.
    simulated: bool,
}

fn row<'a>(
    answer: &Answer<'_>,
    references: &References,
    candidate: &'a Candidate,
    on_front: bool,
) -> Row<'a> {
    let [local, remote, best_cut] = references.gains(candidate);
    Row {
        mode: candidate.mode(),
        label: candidate.plan.label(),
        plan: &candidate.plan,
        cut: candidate.plan.cut(answer.problem.graph()),
        tiles: match candidate.plan.mode {
            Mode::Split { tiles, .. } => Some(tiles),
            _ => None,
        },
        window: candidate.plan.window,
        latency_ms: ns_to_ms(candidate.latency_ns),
        p95_ms: ns_to_ms(candidate.p95_ns),
        energy_j: candidate.energy.map(|e| e.0),
        frames_per_s: candidate.frames_per_s,
        bytes_up: candidate.bytes_up,
        bytes_down: candidate.bytes_down,
        limit: candidate.limit.name(),
        gain_over_local_pct: local,
        gain_over_remote_pct: remote,
        gain_over_best_cut_pct: best_cut,
        on_front,
        simulated: candidate.simulated,
    }
}

/// One object; every number is predicted.
pub(super) fn json(answer: &Answer<'_>) -> Result<String> {
    #[derive(Serialize)]
    struct Refused<'a> {
        mode: &'static str,
        reason: &'a str,
    }
    #[derive(Serialize)]
    struct Whole<'a> {
        /// Nothing was measured for this.
        predicted: bool,
        model: &'a str,
        rows: u32,
        columns: u32,
        batch: u32,
        robot: &'a str,
        servers: &'a [String],
        link: &'a str,
        objective: String,
        policy: &'static str,
        feasible: bool,
        chosen: Row<'a>,
        reasons: &'a [String],
        no_gain: Vec<Refused<'a>>,
        refused: Vec<Refused<'a>>,
        candidates: Vec<Row<'a>>,
    }
    let references = References::of(answer);
    let on_front = front(&answer.candidates);
    let all = answer.candidates.iter().enumerate();
    let chosen = &answer.decision.chosen;
    let chosen_on_front = on_front
        .iter()
        .any(|&i| answer.candidates[i].plan == chosen.plan);
    let refused = answer.modes.iter().filter_map(|(kind, found)| {
        let reason = found.as_ref().err()?;
        let mode = kind.name();
        Some(Refused { mode, reason })
    });
    let no_gain = answer.no_gain.iter().map(|(kind, reason)| Refused {
        mode: kind.name(),
        reason,
    });
    let whole = Whole {
        predicted: true,
        model: &answer.args.model,
        rows: answer.args.size.0,
        columns: answer.args.size.1,
        batch: answer.args.batch,
        robot: &answer.args.robot,
        servers: &answer.args.servers,
        link: &answer.link,
        objective: answer.args.objective.to_string(),
        policy: answer.args.policy.name(),
        feasible: answer.decision.feasible,
        chosen: row(answer, &references, chosen, chosen_on_front),
        reasons: &answer.decision.reasons,
        no_gain: no_gain.collect(),
        refused: refused.collect(),
        candidates: all
            .map(|(i, c)| row(answer, &references, c, on_front.contains(&i)))
            .collect(),
    };
    Ok(serde_json::to_string(&whole)?)
}

/// What the table lists: every candidate, or the best of every mode and what was chosen.
fn rows<'a>(answer: &'a Answer<'_>) -> Vec<&'a Candidate> {
    if answer.args.all {
        return answer.candidates.iter().collect();
    }
    let found = answer
        .modes
        .iter()
        .filter_map(|(_, found)| found.as_ref().ok());
    let mut rows: Vec<&Candidate> = found.collect();
    let chosen = &answer.decision.chosen;
    if answer.args.mode.is_none() && rows.iter().all(|c| c.plan != chosen.plan) {
        rows.push(chosen);
    }
    rows
}

/// The table.
pub(super) fn table(answer: &Answer<'_>) -> String {
    let args = answer.args;
    let references = References::of(answer);
    let on_front = front(&answer.candidates);
    let is_on_front = |c: &Candidate| {
        on_front
            .iter()
            .any(|&i| answer.candidates[i].plan == c.plan)
    };
    let mut text = format!(
        "PREDICTED, nothing ran: {} {}x{}, batch {}, {} and {} over {}\n\n",
        args.model,
        args.size.0,
        args.size.1,
        args.batch,
        args.robot,
        args.servers.join(", "),
        answer.link
    );
    let rows = rows(answer);
    let labels = rows.iter().map(|c| c.plan.label().chars().count());
    let wide = labels.max().unwrap_or_default().max(26);
    let _ = writeln!(
        text,
        "  {:<wide$} {:>9} {:>9} {:>8} {:>8} {:>8} {:>7} {:<6} {:>8} {:>8} {:>8}",
        "plan", "ms", "p95 ms", "J", "up", "down", "fps", "limit", "local %", "remote %", "cut %"
    );
    let mut line = |candidate: &Candidate| {
        let mark = match (
            candidate.plan == answer.decision.chosen.plan,
            is_on_front(candidate),
        ) {
            (true, _) => '>',
            (false, true) => '*',
            (false, false) => ' ',
        };
        let joules = candidate
            .energy
            .map_or_else(|| "-".to_owned(), |e| format!("{:.3}", e.0));
        let gains = references.gains(candidate).map(|gain| {
            gain.filter(|g| g.is_finite())
                .map_or_else(|| "-".to_owned(), |g| format!("{g:+.0}"))
        });
        let [local, remote, cut] = gains;
        let _ = writeln!(
            text,
            "{mark} {:<wide$} {:>9.1} {:>9.1} {joules:>8} {:>8} {:>8} {:>7.1} {:<6} {local:>8} {remote:>8} {cut:>8}",
            candidate.plan.label(),
            ns_to_ms(candidate.latency_ns),
            ns_to_ms(candidate.p95_ns),
            Bytes(candidate.bytes_up),
            Bytes(candidate.bytes_down),
            candidate.frames_per_s,
            candidate.limit.name(),
        );
    };
    rows.into_iter().for_each(&mut line);
    text += "\n> chosen  * on the Pareto front of latency and energy  % faster than local, remote, the best cut\n";
    let _ = writeln!(
        text,
        "\n{} for {}: {}{}",
        args.policy,
        args.objective,
        answer.decision.chosen.plan.label(),
        if answer.decision.feasible {
            ""
        } else {
            " (NOT within the bound)"
        }
    );
    for reason in &answer.decision.reasons {
        let _ = writeln!(text, "  {reason}");
    }
    if !answer.no_gain.is_empty() {
        text += "\nno gain in latency:\n";
        for (_, why) in &answer.no_gain {
            let _ = writeln!(text, "  {why}");
        }
    }
    if on_front.len() > 1 {
        text += "\nPareto front:\n";
        for &i in &on_front {
            let candidate = &answer.candidates[i];
            let _ = writeln!(
                text,
                "  {:<26} {}",
                candidate.plan.label(),
                crate::policy::figures(candidate, Objective::Budget { joules: 0.0 })
            );
        }
    }
    text
}
