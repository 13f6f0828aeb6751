//! `splitscope sweep`: many plans on a running robot, measured so that they can be compared.

mod output;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::model::codec_names;
use super::record::RecordArgs;
use super::run::best_cut;
use super::{usage, worker};
use crate::console::app::sweeping::Request;
use crate::console::{self, Address, Options};
use crate::plan::Codec;
use crate::sweep::{Cuts, Given, Goal, Settings, Until, Wanted};

pub(super) use output::{Output, finish};

/// Rounds at most when an interval is the end.
const MOST_ROUNDS: u32 = 200;

/// Measure many plans on a running robot.
#[derive(Debug, Clone, Args)]
pub(super) struct SweepArgs {
    /// The robot, ws://HOST:PORT or HOST:PORT, then servers whose names are to be stored with it
    #[arg(value_name = "WORKER", default_value = "ws://127.0.0.1:7401")]
    targets: Vec<Address>,

    /// Partition points: all, single (those that one tensor crosses), A..B (both included), or a list
    #[arg(long, value_name = "CUTS")]
    cuts: Option<Cuts>,

    /// Modes with their parameters: local,remote,split:cut=12:tiles=4,split:cut=best (found first by a short sweep),
    /// split:cut=12/30 (through a second server),
    /// pipeline:cut=12:window=3,tensor:share=0.3,data,tile, each with :codec=NAME, or policies that choose: auto,auto:objective=energy,deadline:objective=deadline=90
    #[arg(long, value_name = "MODES", value_delimiter = ',')]
    modes: Vec<Wanted>,

    /// How values are packed for the link, under every plan that says nothing of it
    #[arg(long, value_name = "CODEC", value_parser = codec_names())]
    codec: Option<Codec>,

    #[command(flatten)]
    how: HowArgs,

    /// Store every frame in this file, as it comes
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// One JSON object per frame on standard output, then one per plan, then one for the end
    #[arg(long)]
    json: bool,

    /// What to call it in figures
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,

    /// What the link is, to be stored with it: 93 Mbps, or where the robot stands
    #[arg(long, value_name = "TEXT")]
    link: Option<String>,

    /// Take control from a console that has it
    #[arg(long)]
    force: bool,

    /// File with the control token, where a worker wants one
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Who you are, shown to other consoles (default: user@host)
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    #[command(flatten)]
    record: RecordArgs,
}

/// How often, how long, in which order.
#[derive(Debug, Clone, Args)]
struct HowArgs {
    /// Rounds; each visits every plan once, in a random order of its own
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    repeats: u32,

    /// Instead: until the 95 % interval of every plan's median is narrower than this, as 2%
    #[arg(long, value_name = "PERCENT", conflicts_with = "repeats", value_parser = percent)]
    until: Option<f64>,

    /// Frames measured at each visit, at least
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    frames: u32,

    /// Frames after each switch that are left out, at least one
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    warmup: u32,

    /// Seconds measured at each visit, at least
    #[arg(long, value_name = "S", default_value_t = 0.0, value_parser = visit_seconds)]
    visit: f64,

    /// Energies as results: every plan gets at least 20 s and 100 frames, over all its visits
    #[arg(long)]
    energy: bool,

    /// Seconds that the robot is left alone before and after, where it measures its power, so that net energy can be
    /// told; 0 leaves it out
    #[arg(long, value_name = "SECONDS", default_value_t = IDLE_SECONDS, value_parser = idle_seconds)]
    idle: f64,

    /// What the orders of visits are drawn from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl HowArgs {
    fn settings(&self) -> Settings {
        let settings = Settings {
            seed: self.seed,
            idle_ms: (self.idle * 1e3) as u32,
            warmup: self.warmup,
            frames: self.frames,
            visit_ms: (self.visit * 1e3) as u32,
            until: match self.until {
                Some(percent) => Until::Narrow {
                    percent,
                    most: MOST_ROUNDS,
                },
                None => Until::Repeats(self.repeats),
            },
            ..Settings::default()
        };
        if self.energy {
            settings.for_energy()
        } else {
            settings
        }
    }
}

/// A robot is left alone for so long at a time at most, its coming to rest included.
const MOST_IDLE_SECONDS: f64 = 100.0;
/// What the block method asks for: the idle level before and after the blocks.
pub(super) const IDLE_SECONDS: f64 = 30.0;

pub(super) fn idle_seconds(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    number
        .filter(|s| (0.0..=MOST_IDLE_SECONDS).contains(s))
        .ok_or_else(|| {
            format!("{text:?} is no time; expected seconds from 0 to {MOST_IDLE_SECONDS}")
        })
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim().parse::<f64>().ok();
    number
        .filter(|p| (0.01..=100.0).contains(p))
        .ok_or_else(|| format!("{text:?} is no width; expected percent from 0.01 to 100, like 2%"))
}

fn visit_seconds(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    number
        .filter(|s| (0.0..=600.0).contains(s))
        .ok_or_else(|| format!("{text:?} is no time; expected seconds from 0 to 600"))
}

/// Sweeps until the end, or until a signal; what was measured is kept either way.
pub(super) fn run(args: &SweepArgs) -> Result<ExitCode> {
    if args.cuts.is_none() && args.modes.is_empty() {
        return Err(usage(
            "say what to sweep: --cuts all, or --modes local,remote,...",
        ));
    }
    let options = Options {
        targets: args.targets.clone(),
        token: worker::token(args.token_file.as_deref())?,
        name: args.name.clone().unwrap_or_else(console::default_name),
        recording: args.record.settings()?,
        ask: false,
        settings: console::Settings::default(),
        journal: console::Journal::default(),
    };
    let mut request = Request {
        cuts: args.cuts.clone(),
        modes: args.modes.clone(),
        given: Given {
            best: None,
            codec: args.codec.unwrap_or_default(),
        },
        settings: args.how.settings(),
        title: args.title.clone(),
        expects: None,
        link: args.link.clone(),
        seconds: None,
        force: args.force,
        keep: false,
    };
    if request.seeks_best() {
        // Its own connection, and no recording: that is of the sweep itself.
        let options = Options {
            recording: None,
            ..options.clone()
        };
        request.given.best = Some(best_cut(&options, &request, Goal::Latency, false)?);
    }
    let mut output = Output::new(args.json, args.out.clone());
    let ended = console::run_sweep(&options, &request, &mut output)?;
    finish(output, ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_percent_with_or_without_the_sign() {
        assert_eq!(percent("2%"), Ok(2.0));
        assert_eq!(percent("0.5"), Ok(0.5));
        for bad in ["", "x", "0", "-1%", "101%", "nan"] {
            assert!(percent(bad).is_err(), "{bad}");
        }
    }
}
