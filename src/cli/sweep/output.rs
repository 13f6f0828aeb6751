//! What a sweep writes: the stored file as it grows, lines of JSON or a table, progress on standard error.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::clock;
use crate::console::app::sweeping::Sweeping;
use crate::console::{Observer, SweepEnded};
use crate::sweep::{
    Chosen, EndRow, Forecast, FrameRow, Header, How, IdleSummary, PlanSummary, SoloRow, Summary,
    Sweep, Writer,
};
use crate::units::ns_to_ms;

/// Where a sweep's results go.
pub(in crate::cli) struct Output {
    json: bool,
    out: Option<PathBuf>,
    writer: Option<Writer<File>>,
    /// Frames told as JSON.
    told: usize,
    progress: Line,
}

/// One line on standard error: rewritten on a terminal, else told when it says something new.
#[derive(Default)]
struct Line {
    /// Stands before every line.
    before: &'static str,
    last: String,
    shown: bool,
}

/// A frame for programs.
#[derive(Serialize)]
struct FrameLine<'a> {
    r#type: &'static str,
    visit: u32,
    round: u32,
    plan: usize,
    label: &'a str,
    mode: &'a str,
    cut: Option<u32>,
    frame: u64,
    epoch: u32,
    latency_ms: f64,
    robot_compute_ms: f64,
    uplink_ms: f64,
    server_compute_ms: f64,
    downlink_ms: f64,
    wait_ms: f64,
    overlap_ms: f64,
    bytes_up: u64,
    bytes_down: u64,
    outcome: &'static str,
    left_out: Option<&'static str>,
    emulated: bool,
    predicted_ms: Option<f64>,
}

#[derive(Serialize)]
struct BeginLine {
    r#type: &'static str,
    plans: usize,
    rounds: u32,
    visits: u64,
    /// How long it will take, by what the robot expects of its plans.
    predicted_s: Option<f64>,
    /// The rate that the link was believed to have.
    predicted_mbps: Option<f64>,
    /// Plans that something is expected of.
    predicted_plans: usize,
    /// Whether it may end earlier.
    at_most: bool,
}

fn begin_line(forecast: &Forecast) -> BeginLine {
    BeginLine {
        r#type: "begin",
        plans: forecast.plans,
        rounds: forecast.rounds,
        visits: forecast.visits(),
        predicted_s: forecast.duration_ns.map(|ns| ns as f64 / 1e9),
        predicted_mbps: forecast.mbps,
        predicted_plans: forecast.predicted,
        at_most: forecast.is_most,
    }
}

#[derive(Serialize)]
struct PlanLine<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    summary: &'a PlanSummary,
}

#[derive(Serialize)]
struct EndLine<'a> {
    r#type: &'static str,
    how: &'a str,
    restored: bool,
    fastest: Option<&'a str>,
    frugal: Option<&'a str>,
    idle: Option<IdleSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    solo: Option<SoloRow>,
    file: Option<String>,
}

impl Output {
    pub(in crate::cli) fn new(json: bool, out: Option<PathBuf>) -> Self {
        Self {
            json,
            out,
            writer: None,
            told: 0,
            progress: Line::default(),
        }
    }

    /// Of the short sweep that finds the best cut: nothing but progress.
    pub(in crate::cli) fn seeking() -> Self {
        let mut seeking = Self::new(false, None);
        seeking.progress.before = "best cut: ";
        seeking
    }

    /// Leaves the line of progress.
    pub(in crate::cli) fn end_progress(&self) {
        self.progress.end();
    }
}

impl Observer for Output {
    fn began(&mut self, header: &Header, forecast: &Forecast) -> io::Result<()> {
        if self.json {
            let mut out = io::stdout().lock();
            json_line(&mut out, &begin_line(forecast))?;
            out.flush()?;
        }
        let text = format!("splitscope: {}{}", self.progress.before, forecast.words());
        self.progress.notice(&text);
        if let Some(path) = &self.out {
            self.writer = Some(Writer::begin(File::create(path)?, header)?);
        }
        Ok(())
    }

    fn grew(&mut self, header: &Header, sweep: &Sweep) -> io::Result<()> {
        if let Some(writer) = &mut self.writer {
            writer.grow(sweep)?;
        }
        if self.json {
            let mut out = io::stdout().lock();
            for row in sweep.frames().iter().skip(self.told) {
                json_line(&mut out, &frame_line(header, row))?;
            }
            out.flush()?;
            self.told = sweep.frames().len();
        }
        Ok(())
    }

    fn progress(&mut self, sweeping: &Sweeping) {
        let words = format!("{}{}", self.progress.before, sweeping.words());
        self.progress.tell(&words);
    }
}

impl Line {
    fn tell(&mut self, text: &str) {
        let mut to = io::stderr();
        if to.is_terminal() {
            self.shown = true;
            write!(to, "\r{text}\x1b[K").ok();
        } else if key(text) != key(&self.last) {
            // In a log, once a round.
            writeln!(to, "{text}").ok();
        }
        text.clone_into(&mut self.last);
    }

    /// A line of its own.
    fn notice(&self, text: &str) {
        self.end();
        writeln!(io::stderr(), "{text}").ok();
    }

    fn end(&self) {
        if self.shown {
            writeln!(io::stderr()).ok();
        }
    }
}

/// What of a progress line makes it new in a log.
fn key(text: &str) -> &str {
    text.split_once("  ").map_or(text, |(round, _)| round)
}

/// Writes the end; the exit code is 0 after a whole sweep.
pub(in crate::cli) fn finish(mut output: Output, ended: SweepEnded) -> Result<ExitCode> {
    output.progress.end();
    let (how, restored, header, sweep) = match ended {
        SweepEnded::Over {
            how,
            restored,
            sweep,
        } => (how, restored, sweep.0, sweep.1),
        SweepEnded::Unsuitable(why) => return Err(super::usage(why)),
        SweepEnded::Never(why) => anyhow::bail!("no sweep: {why}"),
        SweepEnded::NotKept(error) => {
            let place = output
                .out
                .map_or("standard output".to_owned(), |p| p.display().to_string());
            return Err(error).with_context(|| format!("cannot write the sweep to {place}"));
        }
    };
    output.grew(&header, &sweep)?;
    if let Some(writer) = output.writer.take() {
        writer.end(&EndRow {
            how: how.word().to_owned(),
            unix_ms: clock::unix_ms(),
        })?;
    }
    let summary = sweep.summary(&header);
    let mut out = io::stdout().lock();
    if output.json {
        for plan in &summary.plans {
            json_line(
                &mut out,
                &PlanLine {
                    r#type: "plan",
                    summary: plan,
                },
            )?;
        }
        let label = |place: Option<usize>| place.map(|p| summary.plans[p].label.as_str());
        json_line(
            &mut out,
            &EndLine {
                r#type: "end",
                how: how.word(),
                restored,
                fastest: label(summary.fastest),
                frugal: label(summary.frugal),
                idle: summary.idle,
                solo: summary.solo,
                file: output.out.as_ref().map(|p| p.display().to_string()),
            },
        )?;
    } else {
        write!(out, "{}", table(&summary))?;
    }
    out.flush()?;
    let kept = output.out.map_or_else(String::new, |path| {
        format!(
            "; {} frames are in {}",
            sweep.frames().len(),
            path.display()
        )
    });
    let mut notices = io::stderr();
    let why = match how {
        How::Done => {
            writeln!(
                notices,
                "splitscope: swept {} plans{kept}",
                summary.plans.len()
            )
            .ok();
            return Ok(ExitCode::SUCCESS);
        }
        How::TimeUp => {
            let plans = summary.plans.len();
            writeln!(notices, "splitscope: the time is over, {plans} plans{kept}").ok();
            return Ok(ExitCode::SUCCESS);
        }
        how => how.words(),
    };
    let back = match (restored, sweep.restore().label()) {
        (true, label) => format!("; {label} is back"),
        (false, _) => String::new(),
    };
    writeln!(
        notices,
        "splitscope: the sweep ended early: {why}{back}{kept}"
    )
    .ok();
    Ok(ExitCode::FAILURE)
}

fn frame_line<'a>(header: &'a Header, row: &FrameRow) -> FrameLine<'a> {
    let plan = header.plans.get(row.plan);
    FrameLine {
        r#type: "frame",
        visit: row.visit,
        round: row.round,
        plan: row.plan,
        label: plan.map_or("", |p| &p.label),
        mode: plan.map_or("", |p| &p.mode),
        cut: plan.and_then(|p| p.cut),
        frame: row.frame,
        epoch: row.epoch,
        latency_ms: ns_to_ms(row.latency_ns),
        robot_compute_ms: ns_to_ms(row.parts.robot_compute_ns),
        uplink_ms: ns_to_ms(row.parts.uplink_ns),
        server_compute_ms: ns_to_ms(row.parts.server_compute_ns),
        downlink_ms: ns_to_ms(row.parts.downlink_ns),
        wait_ms: ns_to_ms(row.parts.wait_ns),
        overlap_ms: ns_to_ms(row.parts.overlap_ns),
        bytes_up: row.bytes_up,
        bytes_down: row.bytes_down,
        outcome: row.outcome.name(),
        left_out: row.left_out.map(crate::sweep::LeftOut::name),
        emulated: row.emulated,
        predicted_ms: row.predicted_ns.map(ns_to_ms),
    }
}

fn json_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string(line).map_err(io::Error::other)?;
    writeln!(out, "{text}")
}

/// One line per plan for people.
fn table(summary: &Summary) -> String {
    let widest = summary.plans.iter().map(|p| p.label.chars().count());
    let widest = widest.max().unwrap_or(0);
    let mut text = String::new();
    for (place, plan) in summary.plans.iter().enumerate() {
        let _ = write!(text, "{:<widest$}  {}", plan.label, figures(plan));
        for (best, words) in [
            (summary.fastest, "  <- fastest"),
            (summary.frugal, "  <- least energy"),
        ] {
            if best == Some(place) {
                text += words;
            }
        }
        text.push('\n');
    }
    if let Some(idle) = &summary.idle {
        let emulated = if idle.emulated { " emulated" } else { "" };
        let _ = writeln!(
            text,
            "idle {:.2} W ±{:.2}{emulated}, over {:.0} s",
            idle.watts, idle.half, idle.seconds
        );
    }
    if summary.plans.iter().any(|p| p.is_busy) {
        text += "BUSY: something else was running on the robot's machine; these times may be too long\n";
    }
    if let Some(words) = summary.contention() {
        let _ = writeln!(text, "{words}");
    }
    text
}

fn figures(plan: &PlanSummary) -> String {
    if let Some(why) = &plan.refused {
        return format!("not measured: {why}");
    }
    let (Some(latency), Some(parts)) = (plan.latency_ms, plan.parts_ms) else {
        return "not measured".to_owned();
    };
    let interval = latency
        .interval
        .map_or_else(String::new, |i| format!(" [{:.1}, {:.1}]", i.low, i.high));
    let mut words = vec![
        format!("{:7.1} ms{interval}", latency.value),
        format!(
            "robot {:.1} + up {:.1} + server {:.1} + down {:.1} + wait {:.1}",
            parts.robot, parts.uplink, parts.server, parts.downlink, parts.wait
        ),
    ];
    if let Some(energy) = &plan.energy {
        let emulated = if energy.emulated { " emulated" } else { "" };
        let short = match &energy.short {
            Some(_) => ", preliminary",
            None => "",
        };
        words.push(format!(
            "{:.3} J ±{:.3}{emulated}{short}",
            energy.joules, energy.half
        ));
        if let Some(net) = &energy.net {
            words.push(format!("net {:.3} J ±{:.3}", net.joules, net.half));
        }
    }
    if let Some(predicted) = plan.predicted_ms {
        words.push(format!("predicted {predicted:.1} ms"));
    }
    words.push(format!("{} frames", plan.frames));
    if !plan.chose.is_empty() {
        words.push(format!("chose {}", Chosen::words(&plan.chose)));
    }
    if plan.emulated {
        words.push("emulated".to_owned());
    }
    if let Some(load) = plan.load.filter(|_| plan.is_busy) {
        words.push(format!("BUSY: load {:.0} %", load * 100.0));
    }
    match plan.contended {
        Some(true) => words.push("CONTENDED".to_owned()),
        None if plan.one_host => words.push("contention unchecked".to_owned()),
        Some(false) | None => {}
    }
    words.join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gets_a_line_when_the_round_changes() {
        assert_eq!(key("round 1 of 3  split 2  4 of 9 visits"), "round 1 of 3");
        assert_ne!(
            key("round 1 of 3, paused  the link"),
            key("round 1 of 3  split 2")
        );
    }
}
