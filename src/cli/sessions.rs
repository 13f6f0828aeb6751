//! `splitscope sessions`: what was recorded, and what one does with it.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use clap::{Args, Subcommand};

use super::card::{CardLine, began, duration};
use super::record::MetaArgs;
use super::ticker::{open, reading};
use super::usage;
use crate::clock;
use crate::session::{Card, Meta, SessionError, folder, snapshot};
use crate::units::{Bytes, Nanos};

/// Recorded sessions.
#[derive(Debug, Clone, Args)]
pub(super) struct SessionsArgs {
    #[command(subcommand)]
    what: Option<SessionsCommand>,
}

#[derive(Debug, Clone, Subcommand)]
enum SessionsCommand {
    /// The sessions of a folder, newest first (what `splitscope sessions` alone does)
    List(ListArgs),
    /// Give a session a name; its file keeps its own
    Rename {
        /// A session: a file, or a name from the list
        session: PathBuf,
        /// The name
        name: String,
    },
    /// Delete a session's file, after a question
    Delete {
        /// A session: a file, or a name from the list
        session: PathBuf,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Say more of a session, or something else: what was said before stays in the file
    Edit {
        /// A session: a file, or a name from the list
        session: PathBuf,
        #[command(flatten)]
        meta: MetaArgs,
    },
    /// Copy a stretch of a session to a new one, with what was known at its beginning
    Snapshot {
        /// A session: a file, or a name from the list
        session: PathBuf,
        /// Since the session's start: seconds, or [H:]M:S
        #[arg(long, value_name = "TIME", default_value = "0", value_parser = time)]
        from: f64,
        /// Until before this [default: the end]
        #[arg(long, value_name = "TIME", value_parser = time)]
        to: Option<f64>,
        /// The new file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Debug, Clone, Default, Args)]
struct ListArgs {
    /// The folder [default: where recordings land]
    #[arg(long = "in", value_name = "DIR")]
    folder: Option<PathBuf>,

    /// One JSON object per session
    #[arg(long)]
    json: bool,
}

/// Does what is asked.
pub(super) fn run(args: &SessionsArgs) -> Result<ExitCode> {
    match &args.what {
        None => list(&ListArgs::default()),
        Some(SessionsCommand::List(args)) => list(args),
        Some(SessionsCommand::Rename { session, name }) => {
            let meta = Meta {
                name: Some(name.clone()),
                ..Meta::default()
            };
            edit(&find(session)?, &meta)
        }
        Some(SessionsCommand::Delete { session, yes }) => delete(&find(session)?, *yes),
        Some(SessionsCommand::Edit { session, meta }) => {
            let meta = meta.meta();
            if meta == Meta::default() {
                return Err(usage(
                    "nothing to say of it; try --place TEXT or --notes TEXT",
                ));
            }
            edit(&find(session)?, &meta)
        }
        Some(SessionsCommand::Snapshot {
            session,
            from,
            to,
            out,
        }) => copy(&find(session)?, *from, *to, out),
    }
}

/// The file of the session that is meant; one that is not there is wrong usage.
pub(super) fn find(named: &Path) -> Result<PathBuf> {
    folder::find(named).map_err(|error| match error {
        SessionError::Absent(_) | SessionError::Several { .. } => usage(error),
        error => error.into(),
    })
}

fn list(args: &ListArgs) -> Result<ExitCode> {
    let folder = args.folder.clone().unwrap_or_else(folder::default_folder);
    let sessions = folder::list(&folder)?;
    let mut out = io::stdout().lock();
    let mut unreadable = Vec::new();
    if !args.json {
        if sessions.is_empty() {
            writeln!(out, "no sessions in {}", folder.display())?;
            return Ok(ExitCode::SUCCESS);
        }
        writeln!(out, "{}", row(&HEAD))?;
    }
    for listed in &sessions {
        match &listed.session {
            Ok(session) if args.json => {
                let line = CardLine::new(&listed.file, listed.bytes, session.summary());
                writeln!(out, "{}", line.json())?;
            }
            Ok(session) => {
                let cells = cells(&listed.file, listed.bytes, session.summary());
                writeln!(out, "{}", row(&cells.each_ref().map(String::as_str)))?;
            }
            Err(error) => unreadable.push(error),
        }
    }
    for error in unreadable {
        writeln!(io::stderr(), "splitscope: {error}").ok();
    }
    Ok(ExitCode::SUCCESS)
}

const HEAD: [&str; 9] = [
    "session", "began", "length", "model", "modes", "frames", "marks", "mean ms", "size",
];
const WIDTHS: [usize; 9] = [24, 23, 8, 14, 22, 8, 5, 8, 8];

fn row(cells: &[&str; 9]) -> String {
    let cells = cells.iter().zip(WIDTHS).enumerate();
    let padded = cells.map(|(i, (cell, width))| {
        // Numbers to the right, words to the left.
        if i == 2 || i >= 5 {
            format!("{cell:>width$}")
        } else {
            format!("{cell:<width$}")
        }
    });
    padded.collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

fn cells(file: &Path, bytes: u64, card: &Card) -> [String; 9] {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let latency = card.mean_latency_ms();
    let mark = if card.emulated { " e" } else { "" };
    // What a killed console leaves behind when it had not reached anybody.
    let model = if card.is_empty() {
        "no worker seen".to_owned()
    } else {
        card.models.join(",")
    };
    [
        card.meta.name.clone().unwrap_or_else(|| stem.into_owned()),
        began(card),
        duration(card.duration_ns()),
        model,
        card.modes.join(","),
        card.frames.to_string(),
        card.markers.len().to_string(),
        latency.map_or_else(String::new, |ms| format!("{ms:.1}{mark}")),
        Bytes(bytes).to_string(),
    ]
}

fn edit(file: &Path, meta: &Meta) -> Result<ExitCode> {
    let newest = folder::edit(file, meta, clock::unix_ms())?;
    let mut out = io::stdout().lock();
    for (name, value) in newest.told() {
        writeln!(out, "{name:<14}{value}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn delete(file: &Path, yes: bool) -> Result<ExitCode> {
    // Only what is a session is deleted by this command.
    let reader = open(file)?;
    let card = reader.summary();
    if !yes {
        if !io::stdin().is_terminal() {
            return Err(usage("deleting wants an answer from a terminal, or --yes"));
        }
        write!(
            io::stderr(),
            "delete {} ({}, {}, {} frames)? [y/N] ",
            file.display(),
            began(card),
            duration(card.duration_ns()),
            card.frames
        )?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            bail!("{} was not deleted", file.display());
        }
    }
    folder::delete(file)?;
    writeln!(io::stdout(), "deleted {}", file.display())?;
    Ok(ExitCode::SUCCESS)
}

fn copy(file: &Path, from: f64, to: Option<f64>, out: &Path) -> Result<ExitCode> {
    let reader = open(file)?;
    let card = reader.summary();
    let at = |seconds: f64| card.began.shifted((seconds * 1e9) as i64);
    let to = to.map_or_else(|| card.ended.shifted(1), at);
    let from = at(from);
    ensure!(
        from < to && from <= card.ended,
        "there is nothing between these times: the session is {} long",
        duration(card.duration_ns())
    );
    let bytes = {
        let _ticker = reading("copying", &reader);
        snapshot(&reader, from, to, out)?
    };
    writeln!(
        io::stdout(),
        "{}: {} of {}, {bytes}",
        out.display(),
        duration(Nanos::since(to, from)),
        file.display()
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Seconds, or `[H:]M:S`.
fn time(text: &str) -> Result<f64, String> {
    let mut seconds = 0.0;
    for part in text.split(':') {
        match part.parse::<f64>() {
            Ok(n) if n.is_finite() && n >= 0.0 => seconds = seconds * 60.0 + n,
            _ => {
                return Err(format!(
                    "{text:?} is no time; expected seconds, or [H:]M:S like 1:30"
                ));
            }
        }
    }
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_clock_like() {
        assert_eq!(time("90"), Ok(90.0));
        assert_eq!(time("1:30.5"), Ok(90.5));
        assert_eq!(time("1:00:01"), Ok(3601.0));
        assert!(time("-1").is_err() && time("").is_err() && time("1:x").is_err());
    }
}
