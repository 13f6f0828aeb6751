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
    let head = ["median", "A", "B", "B - A", "95 % of the difference", ""];
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(comparison.per_frame.iter().map(|row| cells(&row.what, row)));
    let of_frames = lines.len();
    lines.extend(comparison.per_layer.iter().map(|row| {
        let device = row.device.as_deref().unwrap_or_default();
        cells(&format!("{device} {}", row.what), row)
    }));
    let widths = [0, 1, 2, 3, 4].map(|column| {
        let cells = lines.iter().map(|line| line[column].chars().count());
        cells.max().unwrap_or_default()
    });
    for (i, [name, a, b, difference, interval, verdict]) in lines.iter().enumerate() {
        if i == 0 {
            text.push('\n');
        } else if i == of_frames {
            text += "\nlayers, ms\n";
        }
        let [w0, w1, w2, w3, w4] = widths;
        let line = format!(
            "{name:<w0$}  {a:>w1$}  {b:>w2$}  {difference:>w3$}  {interval:<w4$}  {verdict}"
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text +=
        "\nFrames are taken as independent; on a link that drifts the intervals are too narrow.\n";
    text
}

/// The cells of one line; bytes are whole.
fn cells(name: &str, row: &Row) -> [String; 6] {
    let places = if row.what.starts_with("bytes_") { 0 } else { 3 };
    let number = |estimate: Option<Estimate>| {
        estimate.map_or_else(|| "-".to_owned(), |e| format!("{:.places$}", e.value))
    };
    let interval = row.difference.and_then(|d| d.interval);
    let interval = interval.map_or_else(String::new, |i| {
        format!("{:.places$} to {:.places$}", i.low, i.high)
    });
    [
        name.chars().take(36).collect(),
        number(row.a),
        number(row.b),
        number(row.difference),
        interval,
        row.verdict.words().to_owned(),
    ]
}
