//! `splitscope report`: figures, tables and pages from sessions, sweeps, link traces, predictions and lists of frames.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::usage;
use crate::report::evidence::Evidence;
use crate::report::figure::{Figure, FigureKind, NoFigure, make};
use crate::report::{draw, page, read};

/// Figures and tables from sessions, sweeps, link traces and predictions.
#[derive(Debug, Clone, Args)]
pub(super) struct ReportArgs {
    /// Sessions (.mcap), sweeps, link traces, lines of --headless --json, or plan --json
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Which figure
    #[arg(long, value_enum, value_name = "F", required_unless_present = "html")]
    figure: Option<FigureName>,

    /// Where to write it; the name's end says as what: .svg, .png, or its numbers as .md or .csv
    #[arg(long, value_name = "FILE", requires = "figure")]
    out: Option<PathBuf>,

    /// Print the figure's numbers
    #[arg(long, value_enum, value_name = "FORM", requires = "figure")]
    table: Option<TableForm>,

    /// Write one page with every figure and table that the files allow
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// With --figure timeline or --html: the frame to draw [default: one near the median latency]
    #[arg(long, value_name = "N")]
    frame: Option<u64>,

    /// Say what was written as one JSON object per file
    #[arg(long, conflicts_with = "table")]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FigureName {
    /// Stacked time per partition point, energy on a second axis
    Splits,
    /// A link over time with its mean, and its distribution; up to four files
    Bandwidth,
    /// Time and energy per mode
    Modes,
    /// One frame's steps
    Timeline,
    /// Two sessions or sweeps, plan by plan
    Compare,
    /// Latency against energy
    Pareto,
}

impl From<FigureName> for FigureKind {
    fn from(name: FigureName) -> Self {
        match name {
            FigureName::Splits => Self::Splits,
            FigureName::Bandwidth => Self::Bandwidth,
            FigureName::Modes => Self::Modes,
            FigureName::Timeline => Self::Timeline,
            FigureName::Compare => Self::Compare,
            FigureName::Pareto => Self::Pareto,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TableForm {
    Markdown,
    Csv,
}

/// What a file that was written is.
#[derive(Serialize)]
struct Written<'a> {
    file: String,
    /// None for a page.
    figure: Option<&'static str>,
    bytes: usize,
    emulated: bool,
    predicted: bool,
    from: Vec<&'a str>,
}

/// Reads the files, makes what was asked for.
pub(super) fn run(args: &ReportArgs) -> Result<ExitCode> {
    if args.out.is_none() && args.table.is_none() && args.html.is_none() {
        return Err(usage(
            "where to? --out FIGURE.svg or .png, --table markdown or csv, or --html PAGE.html",
        ));
    }
    let all: Vec<Evidence> = args
        .files
        .iter()
        .map(|path| read::read(path, args.frame))
        .collect::<Result<_, _>>()?;
    if let Some(name) = args.figure {
        // Files of the wrong number or kind are a wrong request.
        let figure = make(name.into(), &all).map_err(|error| match error {
            NoFigure::Files { .. } => usage(error),
            other => other.into(),
        })?;
        if let Some(path) = &args.out {
            let bytes = rendered(&figure, path)?;
            write(path, &bytes)?;
            tell(args, path, Some(&figure), bytes.len(), &all)?;
        }
        if let Some(form) = args.table {
            let text = match form {
                TableForm::Markdown => figure.table.markdown(),
                TableForm::Csv => figure.table.csv(),
            };
            write!(std::io::stdout(), "{text}")?;
        }
    }
    if let Some(path) = &args.html {
        let text = page::html(&all)?;
        write(path, text.as_bytes())?;
        tell(args, path, None, text.len(), &all)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Draws what `plan --json` says, at every partition point.
pub(super) fn draw_prediction(json: &str, path: &Path) -> Result<()> {
    let evidence = read::prediction("plan", json).context("the prediction has no plan")?;
    let figure = make(FigureKind::Splits, std::slice::from_ref(&evidence))?;
    write(path, &rendered(&figure, path)?)
}

fn rendered(figure: &Figure, path: &Path) -> Result<Vec<u8>> {
    let end = path.extension().unwrap_or_default().to_string_lossy();
    Ok(match end.to_ascii_lowercase().as_str() {
        "svg" => draw::svg(figure)?.into_bytes(),
        "png" => draw::png(figure)?,
        "md" => figure.table.markdown().into_bytes(),
        "csv" => figure.table.csv().into_bytes(),
        _ => {
            let shown = path.display();
            return Err(usage(format!(
                "{shown} says no format; its end must be .svg, .png, .md or .csv"
            )));
        }
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn tell(
    args: &ReportArgs,
    path: &Path,
    figure: Option<&Figure>,
    bytes: usize,
    all: &[Evidence],
) -> Result<()> {
    if args.json {
        let origin = crate::report::caption::Origin::of(all);
        let written = Written {
            file: path.display().to_string(),
            figure: figure.map(|f| f.kind.name()),
            bytes,
            emulated: origin.is_emulated,
            predicted: origin.is_predicted,
            from: all.iter().map(|e| e.file.as_str()).collect(),
        };
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&written)?)?;
    }
    Ok(())
}
