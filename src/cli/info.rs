//! `splitscope info` and `splitscope repair`: what a session file is, and its index anew.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::card::{CardLine, human};
use super::sessions::find;
use super::ticker;
use crate::units::Bytes;

/// What is in a session.
#[derive(Debug, Clone, Args)]
pub(super) struct InfoArgs {
    /// A session: a file, or a name from `splitscope sessions`
    #[arg(value_name = "SESSION")]
    session: PathBuf,

    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Write a session's index anew.
#[derive(Debug, Clone, Args)]
pub(super) struct RepairArgs {
    /// A session: a file, or a name from `splitscope sessions`
    #[arg(value_name = "SESSION")]
    session: PathBuf,
}

/// Says what is in a session.
pub(super) fn run(args: &InfoArgs) -> Result<ExitCode> {
    let file = find(&args.session)?;
    let reader = ticker::open(&file)?;
    let (bytes, card) = (reader.bytes()?, reader.summary());
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", CardLine::new(&file, bytes, card).json())?;
    } else {
        write!(out, "{}", human(&file, bytes, card))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks and mends a session. The exit code is 1 when a part of it is lost for good.
pub(super) fn repair(args: &RepairArgs) -> Result<ExitCode> {
    let file = find(&args.session)?;
    let done = ticker::repair(&file)?;
    let mut out = io::stdout().lock();
    let state = if done.was_whole {
        "its index is there and sound"
    } else {
        "its index was written anew"
    };
    writeln!(
        out,
        "{}: {state}; {} entries can be read",
        file.display(),
        done.entries
    )?;
    if done.cut_off_bytes > 0 {
        let bytes = Bytes(done.cut_off_bytes);
        writeln!(
            out,
            "{bytes} of a half-written last half second were cut off"
        )?;
    }
    if done.damaged > 0 {
        writeln!(
            out,
            "damaged stretches that cannot be read: {}",
            done.damaged
        )?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
