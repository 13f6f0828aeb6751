//! `splitscope export`: a session for other programs.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use super::sessions::find;
use super::ticker::{open, reading};
use super::usage;
use crate::session::export::{self, Exported, Format, Table};

/// A session for other programs.
#[derive(Debug, Clone, Args)]
pub(super) struct ExportArgs {
    /// A session: a file, or a name from `splitscope sessions`
    #[arg(value_name = "SESSION")]
    session: PathBuf,

    /// The format; chrome-trace opens in <https://ui.perfetto.dev>
    #[arg(long, value_enum)]
    to: To,

    /// One table: frames, steps, server-frames, link, power, rails, host, events, plans, switches, markers or gaps [default: all]
    #[arg(long, value_name = "TABLE", value_parser = table)]
    table: Option<Table>,

    /// Where to: a folder for all tables, a file for one or for the trace, - for standard output [default: a name after
    /// the session's, here]
    #[arg(long, value_name = "DIR|FILE")]
    out: Option<PathBuf>,
}

/// The formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum To {
    /// Comma-separated tables
    Csv,
    /// Tables with one JSON object per line
    Jsonl,
    /// Parquet tables, for pandas, Polars and Arrow
    Parquet,
    /// A timeline with robot, link and server lanes
    ChromeTrace,
}

fn table(text: &str) -> Result<Table, String> {
    let name = text.replace('-', "_");
    let found = Table::ALL.into_iter().find(|t| t.name() == name);
    found.ok_or_else(|| {
        let names: Vec<_> = Table::ALL.iter().map(|t| t.name()).collect();
        format!("there is no such table; there are {}", names.join(", "))
    })
}

/// Writes what is asked, and says on standard error what was written.
pub(super) fn run(args: &ExportArgs) -> Result<ExitCode> {
    let file = find(&args.session)?;
    let reader = open(&file)?;
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let (format, ending) = match args.to {
        To::Csv => (Format::Csv, "csv"),
        To::Jsonl => (Format::Jsonl, "jsonl"),
        To::Parquet => (Format::Parquet, "parquet"),
        To::ChromeTrace => {
            if args.table.is_some() {
                return Err(usage("a timeline has no tables: leave --table out"));
            }
            let out = args.out.clone();
            let out = out.unwrap_or_else(|| format!("{stem}.trace.json").into());
            let ticker = reading("timeline", &reader);
            let done = write(&out, |to| export::chrome_trace(&reader, to))?;
            drop(ticker);
            return Ok(said(&out, done, "events"));
        }
    };
    let write_table = |table: Table, out: &Path| -> Result<ExitCode> {
        let ticker = reading(table.name(), &reader);
        let done = write(out, |to| export::table(&reader, table, format, to))?;
        drop(ticker);
        Ok(said(out, done, "rows"))
    };
    if let Some(table) = args.table {
        let name = format!("{stem}-{}.{ending}", table.name());
        let out = args.out.clone().unwrap_or_else(|| name.into());
        return write_table(table, &out);
    }
    let out = args.out.clone();
    let out = out.unwrap_or_else(|| format!("{stem}-{ending}").into());
    if out == Path::new("-") {
        return Err(usage(
            "standard output takes one table: say which with --table",
        ));
    }
    std::fs::create_dir_all(&out)
        .with_context(|| format!("cannot make the folder {}", out.display()))?;
    for table in Table::ALL {
        write_table(table, &out.join(format!("{}.{ending}", table.name())))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes to a file, or to standard output for `-`.
fn write(
    out: &Path,
    export: impl FnOnce(&mut dyn Write) -> Result<Exported, export::ExportError>,
) -> Result<Exported> {
    if out == Path::new("-") {
        return Ok(export(&mut io::stdout().lock())?);
    }
    let mut file = File::create(out).with_context(|| format!("cannot write {}", out.display()))?;
    export(&mut file).with_context(|| format!("cannot write {}", out.display()))
}

fn said(out: &Path, done: Exported, what: &str) -> ExitCode {
    let mut err = io::stderr();
    // Standard error is the last place to say something.
    writeln!(err, "{}: {} {what}", out.display(), done.rows).ok();
    if done.damaged > 0 {
        let damaged = done.damaged;
        writeln!(
            err,
            "damaged stretches of the session that are not in it: {damaged}"
        )
        .ok();
    }
    ExitCode::SUCCESS
}
