//! `splitscope trace`: makes a link's bandwidth over time, or says what one is like.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::usage;
use crate::link::open_trace;
use crate::link::trace::{Direction, Model, Trace, TraceStats};

/// Make a link's bandwidth over time, or say what one is like.
#[derive(Debug, Clone, Args)]
pub(super) struct TraceArgs {
    /// Kind of link to make a trace of
    #[arg(long, value_enum, required_unless_present = "show")]
    model: Option<ModelName>,

    /// With --model constant: the rate
    #[arg(long, value_name = "MBPS", required_if_eq("model", "constant"))]
    mbps: Option<f64>,

    /// Length of the trace
    #[arg(long, value_name = "S", default_value_t = 300.0)]
    seconds: f64,

    /// The same seed makes the same trace, on every machine
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Where to write the trace [default: standard output]
    #[arg(long, value_name = "FILE", conflicts_with = "show")]
    out: Option<PathBuf>,

    /// Print the statistics of a trace file or of a shipped trace (indoors, outdoors, ...)
    #[arg(long, value_name = "TRACE", conflicts_with = "model")]
    show: Option<String>,

    /// Statistics as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModelName {
    /// Wi-Fi in a building: mean 93 Mbps
    Indoors,
    /// Wi-Fi in a garden with obstacles: mean 73 Mbps, at times nothing
    Outdoors,
    /// The same rate for ever
    Constant,
}

/// Writes a trace, or statistics, or both.
pub(super) fn run(args: &TraceArgs) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    if let Some(name) = &args.show {
        let trace = open_trace(name)?;
        write!(out, "{}", statistics(name, &trace, args.json)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let model = match (args.model, args.mbps) {
        (Some(ModelName::Indoors), _) => Model::Indoors,
        (Some(ModelName::Outdoors), _) => Model::Outdoors,
        (Some(ModelName::Constant), Some(mbps)) => Model::Constant(mbps),
        _ => {
            return Err(usage(
                "--model constant needs --mbps; --model or --show is needed",
            ));
        }
    };
    let trace = model.generate(args.seconds, args.seed).map_err(usage)?;
    match &args.out {
        None if args.json => write!(out, "{}", statistics("made", &trace, true)?)?,
        None => write!(out, "{}", trace.to_csv())?,
        Some(path) => {
            std::fs::write(path, trace.to_csv())
                .with_context(|| format!("cannot write the trace {}", path.display()))?;
            let name = path.display().to_string();
            write!(out, "{}", statistics(&name, &trace, args.json)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A trace in numbers, for programs.
#[derive(Serialize)]
struct Summary<'a> {
    trace: &'a str,
    /// None if the trace holds for ever.
    length_s: Option<f64>,
    rows: usize,
    is_shared: bool,
    /// Of a shared medium: of both directions together.
    up: TraceStats,
    down: TraceStats,
}

/// A trace in numbers: lines for people, or one JSON object.
pub(super) fn statistics(name: &str, trace: &Trace, json: bool) -> Result<String> {
    let summary = Summary {
        trace: name,
        length_s: trace.length_ns().map(|ns| ns as f64 / 1e9),
        rows: trace.rows().len(),
        is_shared: trace.is_shared(),
        up: trace.stats(Direction::Up),
        down: trace.stats(Direction::Down),
    };
    if json {
        return Ok(serde_json::to_string(&summary)? + "\n");
    }
    let length = summary
        .length_s
        .map_or_else(|| "for ever".to_owned(), |s| format!("{s:.1} s"));
    let medium = if summary.is_shared {
        "one medium for both directions"
    } else {
        "a medium for each direction"
    };
    let mut text = format!("{name}: {length}, {} rows, {medium}\n", summary.rows);
    for comment in trace.comments() {
        text += "  ";
        text += comment;
        text.push('\n');
    }
    text += "  Mbps      min    mean      p5     p50     p95   under 5   at 0\n";
    let line = |name: &str, s: &TraceStats| {
        format!(
            "  {name:<6}{:>7.2} {:>7.2} {:>7.2} {:>7.2} {:>7.2} {:>7.1} % {:>4.1} %\n",
            s.min_mbps,
            s.mean_mbps,
            s.p5_mbps,
            s.p50_mbps,
            s.p95_mbps,
            s.under_5_mbps * 100.0,
            s.at_zero * 100.0
        )
    };
    if summary.is_shared {
        text += &line("both", &summary.up);
    } else {
        text += &line("up", &summary.up);
        text += &line("down", &summary.down);
    }
    Ok(text)
}
