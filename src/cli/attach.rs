//! `splitscope attach`: the console.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::look::LookArgs;
use super::record::RecordArgs;
use super::worker;
use crate::console::{self, Address, Ended, Headless, Journal, Options};

/// Watch workers and command them.
#[derive(Debug, Clone, Args)]
pub struct AttachArgs {
    /// Workers: ws://HOST:PORT, or HOST:PORT for short
    #[arg(
        value_name = "WORKER",
        default_values = ["ws://127.0.0.1:7401", "ws://127.0.0.1:7402"]
    )]
    pub targets: Vec<Address>,

    /// What to show and for how long.
    #[command(flatten)]
    pub show: ShowArgs,

    /// File with the control token, where a worker wants one
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Who you are, shown to other consoles (default: user@host)
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    // Behind the flags of the console itself: its headings go on.
    /// The recording.
    #[command(flatten)]
    pub record: RecordArgs,

    /// How it looks.
    #[command(flatten)]
    pub look: LookArgs,
}

/// Screen or lines; shared with `demo`.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct ShowArgs {
    /// No screen: one line per frame on standard output
    #[arg(long)]
    pub headless: bool,

    /// With --headless: one JSON object per line
    #[arg(long, requires = "headless")]
    pub json: bool,

    /// With --headless: end after so many frames
    #[arg(long, value_name = "N", requires = "headless", value_parser = clap::value_parser!(u64).range(1..))]
    pub frames: Option<u64>,

    /// With --headless: end after so many seconds
    #[arg(long, value_name = "S", requires = "headless", value_parser = seconds)]
    pub seconds: Option<f64>,

    /// With --headless: first measure what the robot takes while it does nothing, over so many seconds (it admits no
    /// frame meanwhile); lines begin afterwards, with energy above that
    #[arg(long, value_name = "S", requires = "headless", value_parser = clap::value_parser!(u32).range(4..=120))]
    pub measure_idle: Option<u32>,
}

/// Runs the console. The exit code is 0 after a normal end, 1 when a worker refuses or none was reached in time.
///
/// # Errors
/// A token file that cannot be read; no terminal.
pub fn run(args: &AttachArgs) -> Result<ExitCode> {
    let token = worker::token(args.token_file.as_deref())?;
    let journal = if args.show.headless {
        Journal::default()
    } else {
        worker::journal(token.iter().cloned().collect())
    };
    let options = Options {
        targets: args.targets.clone(),
        token,
        name: args.name.clone().unwrap_or_else(console::default_name),
        // Before the flags are remembered.
        ask: !args.show.headless && args.record.is_unknown(),
        recording: args.record.settings()?,
        settings: args.look.settings()?,
        journal,
    };
    show(&options, args.show)
}

/// Shows workers as asked; for `demo` too.
///
/// # Errors
/// No terminal, no threads.
pub fn show(options: &Options, show: ShowArgs) -> Result<ExitCode> {
    if !show.headless {
        console::run(options)?;
        return Ok(ExitCode::SUCCESS);
    }
    let how = Headless {
        json: show.json,
        frames: show.frames,
        seconds: show.seconds,
        measure_idle: show.measure_idle,
    };
    match console::run_headless(options, how)? {
        Ended::Done => Ok(ExitCode::SUCCESS),
        Ended::Refused(why) | Ended::NeverReached(why) => {
            writeln!(io::stderr(), "splitscope: {why}").ok();
            Ok(ExitCode::FAILURE)
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds > 0.0 => Ok(seconds),
        _ => Err("expected a number of seconds above 0".to_owned()),
    }
}
