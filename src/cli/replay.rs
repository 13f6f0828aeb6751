//! `splitscope replay`: the console's screens from a recording.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::look::LookArgs;
use super::sessions::find;
use super::ticker;
use super::worker::journal;
use crate::console::app::{App, Setup, jump};
use crate::console::{self, line::FrameLine};
use crate::playback::{Command, Jump, Scene};
use crate::session::{Reader, SessionError};
use crate::units::Nanos;

/// Show a recording on the console's screens, without workers and without libtorch.
#[derive(Debug, Clone, Args)]
pub(super) struct ReplayArgs {
    /// A session: a file, or a name from `splitscope sessions` [default: choose from the list]
    #[arg(value_name = "FILE", required_if_eq("headless", "true"))]
    file: Option<PathBuf>,

    /// Begin here: seconds, M:SS, or #FRAME
    #[arg(long, value_name = "TIME|#FRAME", value_parser = moment)]
    at: Option<Jump>,

    /// Play at this speed from the start, 0.1 to 64
    #[arg(long, value_name = "X", value_parser = speed)]
    speed: Option<u16>,

    /// No screen: one line per frame on standard output, at once
    #[arg(long, conflicts_with_all = ["at", "speed"])]
    headless: bool,

    /// With --headless: one JSON object per line
    #[arg(long, requires = "headless")]
    json: bool,

    #[command(flatten)]
    look: LookArgs,
}

fn moment(text: &str) -> Result<Jump, String> {
    jump(text).ok_or_else(|| format!("{text:?} is no moment: expected 45.5, 12:30 or #1041"))
}

/// In tenths.
fn speed(text: &str) -> Result<u16, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.1..=64.0).contains(&speed) => Ok((speed * 10.0).round() as u16),
        _ => Err("expected a speed from 0.1 to 64".to_owned()),
    }
}

/// Shows it until the person leaves.
pub(super) fn run(args: &ReplayArgs) -> Result<ExitCode> {
    let Some(file) = &args.file else {
        console::browse(&args.look.settings()?, &journal(Vec::new()))?;
        return Ok(ExitCode::SUCCESS);
    };
    let reader = open(file)?;
    if args.headless {
        print(&reader, args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut begin = Vec::new();
    begin.extend(args.speed.map(|tenths| Command::SpeedOf { tenths }));
    begin.extend(args.at.map(Command::Jump));
    begin.extend(args.speed.map(|_| Command::Play));
    console::replay(reader, &begin, &args.look.settings()?, &journal(Vec::new()))?;
    Ok(ExitCode::SUCCESS)
}

/// Opens a session; one that is not there is wrong usage.
pub(super) fn open(file: &Path) -> Result<Reader> {
    Ok(ticker::open(&find(file)?)?)
}

/// Every frame of the first robot, as `attach --headless` would have written it.
fn print(reader: &Reader, json: bool) -> Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut app = App::replay(
        Setup::default(),
        String::new(),
        Nanos(0),
        Nanos(0),
        Nanos(0),
    );
    let mut damaged = 0;
    for entry in reader.entries(..) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(SessionError::Damaged { .. }) => {
                damaged += 1;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let before = frames(&app);
        app.feed(&entry);
        if frames(&app) == before {
            continue;
        }
        if let Some(store) = app
            .targets()
            .iter()
            .find(|t| t.is_robot())
            .map(|t| &t.store)
            && let Some(frame) = store.frames().last()
        {
            let line = FrameLine::new(frame, store.model())
                .with_power(store)
                .with_link(store)
                .with_prediction_error(frame, store);
            let text = if json { line.json() } else { line.human() };
            if let Err(error) = writeln!(out, "{text}") {
                // Whoever reads has seen enough.
                return match error.kind() {
                    io::ErrorKind::BrokenPipe => Ok(()),
                    _ => Err(error).context("cannot write to standard output"),
                };
            }
        }
    }
    out.flush().ok();
    if damaged > 0 {
        writeln!(
            io::stderr(),
            "splitscope: damaged stretches of {} that were left out: {damaged}",
            reader.path().display()
        )
        .ok();
    }
    Ok(())
}

/// Frames told by the first robot.
fn frames(app: &App) -> u64 {
    let robot = app.targets().iter().find(|t| t.is_robot());
    robot.map_or(0, |t| t.store.frames().total())
}
