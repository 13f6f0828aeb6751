//! `splitscope run`: an experiment file, from its workers to its results.

mod parties;
mod probes;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::sweep::{Output, finish, idle_seconds};
use super::{usage, worker};
use crate::console::app::sweeping::{Expected, Request};
use crate::console::{self, Options, SweepEnded};
use crate::model::zoo;
use crate::session;
use crate::sweep::{Cuts, Experiment, Given, Goal, How, ModelSpec, PlanSummary, SweepSpec};
use crate::units::Bytes;
use parties::Parties;

/// The most that a recording of an experiment may take.
const RECORD_LIMIT: Bytes = Bytes(4 << 30);

/// Run an experiment file.
#[derive(Debug, Clone, Args)]
pub(super) struct RunArgs {
    /// A shipped experiment, figure1, figure2 or modes, or a file
    #[arg(value_name = "NAME|FILE")]
    experiment: String,

    /// The shortened variant, for a look
    #[arg(long)]
    quick: bool,

    #[command(flatten)]
    energy: EnergyArgs,

    /// File with the control token, where a robot that runs already wants one
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Where results go: a path without ending, to which .csv and .mcap are added [default: the experiment's name,
    /// here]
    #[arg(long, value_name = "STEM")]
    out: Option<PathBuf>,

    /// Do not record the session, STEM.mcap
    #[arg(long)]
    no_record: bool,

    /// One JSON object per measurement on standard output, then one per plan
    #[arg(long)]
    json: bool,
}

/// What energies are to be.
#[derive(Debug, Clone, Args)]
struct EnergyArgs {
    /// Energies as results: every plan gets at least 20 s and 100 frames, however long that takes
    #[arg(long)]
    energy: bool,

    /// Seconds that the robot is left alone before and after, for net energy; 0 leaves it out [default: what the
    /// experiment says, or 30]
    #[arg(long, value_name = "SECONDS", value_parser = idle_seconds)]
    idle: Option<f64>,
}

/// Runs to the end, or until a signal; what was measured is kept either way.
pub(super) fn run(args: &RunArgs) -> Result<ExitCode> {
    let (name, experiment) = Experiment::open(&args.experiment).map_err(usage)?;
    let mut experiment = if args.quick {
        experiment.shortened()
    } else {
        experiment
    };
    if let Some(sweep) = &mut experiment.sweep {
        sweep.energy |= args.energy.energy;
        sweep.idle_seconds = args.energy.idle.or(sweep.idle_seconds);
    }
    let stem = args.out.clone().unwrap_or_else(|| PathBuf::from(&name));
    if let Some(folder) = stem.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    if let Some(probe) = &experiment.probe {
        return probes::probes(&experiment, probe, &stem, args);
    }
    match &experiment.sweep {
        Some(sweep) => sweeps(&experiment, sweep, &stem, args),
        // `Experiment::parse` lets through one of the two.
        None => Err(usage("the experiment has neither a sweep nor probes")),
    }
}

/// A name with another ending: `figure2` and `-indoors.csv`.
fn with(stem: &Path, ending: &str) -> PathBuf {
    let mut name = stem.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Starts what is to be started, finds the best cut if a plan wants it, and sweeps.
fn sweeps(
    experiment: &Experiment,
    sweep: &SweepSpec,
    stem: &Path,
    args: &RunArgs,
) -> Result<ExitCode> {
    let cuts = sweep.cuts.as_deref().map(str::parse::<Cuts>);
    let cuts = cuts.transpose().map_err(usage)?;
    // Whatever is wrong is said before anything starts.
    let recording = recording(args, stem, &experiment.title)?;
    let token = worker::token(args.token_file.as_deref())?;
    let parties = Parties::start(experiment)?;
    let options = Options {
        targets: parties.addresses()?,
        token,
        name: console::default_name(),
        recording: None,
        ask: false,
        settings: console::Settings::default(),
        journal: console::Journal::default(),
    };
    let mut request = Request {
        cuts,
        modes: sweep.plans.clone(),
        given: Given {
            best: None,
            codec: sweep.codec.unwrap_or_default(),
        },
        settings: sweep.settings(),
        title: Some(experiment.title.clone()),
        expects: experiment.model.as_ref().map(expected),
        link: experiment.link.clone(),
        seconds: experiment.seconds,
        force: false,
        keep: false,
    };
    if request.seeks_best() {
        request.given.best = Some(best_cut(
            &options,
            &request,
            experiment.objective,
            args.quick,
        )?);
    }
    let mut output = Output::new(args.json, Some(with(stem, ".csv")));
    let file = recording.as_ref().map(|settings| settings.file.clone());
    let options = Options {
        recording,
        ..options
    };
    let ended = console::run_sweep(&options, &request, &mut output)?;
    if let (SweepEnded::Unsuitable(_) | SweepEnded::Never(_), Some(file)) = (&ended, file) {
        // There is nothing in it, and the next try wants its name.
        std::fs::remove_file(file).ok();
    }
    finish(output, ended)
}

fn expected(model: &ModelSpec) -> Expected {
    Expected {
        name: model.name.clone(),
        size: model.size,
        batch: model.batch,
    }
}

/// Where the session of the experiment goes, if it is recorded.
fn recording(args: &RunArgs, stem: &Path, title: &str) -> Result<Option<session::Settings>> {
    let file = with(stem, ".mcap");
    if args.no_record {
        return Ok(None);
    }
    if file.exists() {
        return Err(usage(format!(
            "{} exists already; name other results with --out, or record nothing with --no-record",
            file.display()
        )));
    }
    Ok(Some(session::Settings {
        file,
        named: true,
        limit: RECORD_LIMIT,
        meta: session::Meta {
            name: Some(title.to_owned()),
            ..session::Meta::default()
        },
    }))
}

/// The best of the cuts that one tensor crosses, by a short sweep over them.
pub(super) fn best_cut(
    options: &Options,
    request: &Request,
    goal: Goal,
    quick: bool,
) -> Result<u32> {
    let scout = request.scout(quick.then_some(1));
    let mut silent = Output::seeking();
    let ended = console::run_sweep(options, &scout, &mut silent)?;
    silent.end_progress();
    let (how, sweep) = match ended {
        SweepEnded::Over { how, sweep, .. } => (how, sweep),
        SweepEnded::Unsuitable(why) => return Err(usage(why)),
        SweepEnded::Never(why) => bail!("no sweep: {why}"),
        SweepEnded::NotKept(error) => return Err(error.into()),
    };
    if !matches!(how, How::Done | How::TimeUp) {
        bail!("the search for the best cut was stopped ({})", how.word());
    }
    let (header, sweep) = *sweep;
    let summary = sweep.summary(&header);
    let figure = |plan: &PlanSummary| match goal {
        Goal::Energy if summary.frugal.is_some() => plan.energy.as_ref().map(|e| e.joules),
        Goal::Latency | Goal::Energy => plan.latency_ms.map(|ms| ms.value),
    };
    let known = summary.plans.iter();
    let mut known: Vec<(f64, u32)> = known
        .filter_map(|plan| Some((figure(plan)?, plan.cut?)))
        .collect();
    known.sort_by(|a, b| a.0.total_cmp(&b.0));
    let model = &header.model;
    let graph = zoo::build(&model.name, model.batch, model.rows, model.columns)?;
    let cut = request.suitable(&graph, known.into_iter().map(|(_, cut)| cut));
    cut.context("no cut that suits the plans could be measured, so none is the best")
}
