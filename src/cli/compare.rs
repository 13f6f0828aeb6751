//! `splitscope compare`: two sessions, or two epochs, side by side.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::replay::open;
use super::ticker::reading;
use crate::compare::{Choice, Comparison, Row, Sample, compare};
use crate::session::Reader;
use crate::statistics::Estimate;

/// Set two sessions, or two epochs of sessions, beside each other.
#[derive(Debug, Clone, Args)]
pub(super) struct CompareArgs {
    /// A session's file, or FILE#EPOCH for one epoch of it
    #[arg(value_name = "A")]
    a: Choice,

    /// What to compare it with, in the same form
    #[arg(value_name = "B")]
    b: Choice,

    /// One JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// Prints the comparison. Exit code 1 where a side has no frames.
pub(super) fn run(args: &CompareArgs) -> Result<ExitCode> {
    let (first, second) = (open(&args.a.file)?, open(&args.b.file)?);
    let sample = |reader: &Reader, choice: &Choice| {
        let _ticker = reading(&format!("reading {}", choice.label()), reader);
        Sample::of(reader, choice)
    };
    let comparison = compare(&sample(&first, &args.a)?, &sample(&second, &args.b)?);
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&comparison)?)?;
    } else {
        out.write_all(table(&comparison).as_bytes())?;
    }
    for (label, frames) in [
        (&comparison.a, comparison.frames[0]),
        (&comparison.b, comparison.frames[1]),
    ] {
        if frames == 0 {
            writeln!(io::stderr(), "splitscope: {label} has no frame to compare").ok();
        }
    }
    Ok(if comparison.frames.contains(&0) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The comparison for people.
fn table(comparison: &Comparison) -> String {
    let sides = [&comparison.a, &comparison.b].into_iter().enumerate();
    let mut text = String::new();
    for (i, label) in sides {
        let emulated = if comparison.emulated[i] {
            ", EMULATED"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "{}  {label}: {} frames, {} left out{emulated}",
            ["A", "B"][i],
            comparison.frames[i],
            comparison.left_out[i],
        );
    }
    let _ = writeln!(
        text,
        "\n{:<28} {:>10} {:>10} {:>10}  {:<23}",
        "median", "A", "B", "B - A", "95 % of the difference"
    );
    for row in &comparison.per_frame {
        text += &line(&row.what, row);
    }
    text += "\nlayers, ms\n";
    for row in &comparison.per_layer {
        let name = format!("{} {}", row.device.as_deref().unwrap_or_default(), row.what);
        text += &line(&name, row);
    }
    text +=
        "\nFrames are taken as independent; on a link that drifts the intervals are too narrow.\n";
    text
}

fn line(name: &str, row: &Row) -> String {
    let number = |estimate: Option<Estimate>| {
        estimate.map_or_else(|| "-".to_owned(), |e| format!("{:.3}", e.value))
    };
    let interval = row.difference.and_then(|d| d.interval);
    let interval = interval.map_or_else(String::new, |i| format!("{:.3} to {:.3}", i.low, i.high));
    format!(
        "{:<28} {:>10} {:>10} {:>10}  {interval:<23} {}\n",
        name.chars().take(28).collect::<String>(),
        number(row.a),
        number(row.b),
        number(row.difference),
        row.verdict.words()
    )
}
