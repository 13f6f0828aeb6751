//! `splitscope doctor`: what of this machine works for an experiment, and what to do about the rest.

mod checks;
mod clocks;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::console::Address;

/// Check this machine: ports, clock, sensors, libtorch, disk, terminal.
#[derive(Debug, Clone, Args)]
pub(super) struct DoctorArgs {
    /// A worker on another machine to look at, too: whether it answers, its version, round trip and clock; may be given
    /// several times
    #[arg(long, value_name = "HOST:PORT")]
    to: Vec<Address>,

    /// One JSON object per line
    #[arg(long)]
    json: bool,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    Warning,
    Failure,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    state: State,
    /// What was looked at.
    check: &'static str,
    /// What was found.
    found: String,
    /// What to do about it.
    advice: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            state: State::Ok,
            check,
            found: found.into(),
            advice: None,
        }
    }

    fn warning(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            state: State::Warning,
            check,
            found: found.into(),
            advice: Some(advice.into()),
        }
    }

    fn failure(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            state: State::Failure,
            ..Self::warning(check, found, advice)
        }
    }
}

/// Prints a line per check. The exit code is 1 if one failed.
pub(super) fn run(args: &DoctorArgs) -> Result<ExitCode> {
    let mut findings = checks::all();
    findings.extend(args.to.iter().flat_map(clocks::other));
    let mut out = std::io::stdout().lock();
    for finding in &findings {
        if args.json {
            let line = json!({
                "check": finding.check,
                "state": finding.state.word(),
                "found": finding.found,
                "advice": finding.advice,
            });
            writeln!(out, "{line}")?;
        } else {
            let (state, check) = (finding.state.word(), finding.check);
            writeln!(out, "{state:<8} {check:<12} {}", finding.found)?;
            if let Some(advice) = &finding.advice {
                writeln!(out, "{:<8} {:<12} -> {advice}", "", "")?;
            }
        }
    }
    let failed = findings.iter().any(|f| f.state == State::Failure);
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
