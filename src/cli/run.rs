//! `splitscope run`: an experiment file, from its workers to its results.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::engine::{EngineName, words as engine_words};
use super::probe::{self, ProbeArgs};
use super::started::{Worker, words};
use super::sweep::{Output, finish};
use super::usage;
use crate::console::app::sweeping::Request;
use crate::console::{self, Address, Options, SweepEnded};
use crate::link::LinkChoice;
use crate::link::shaper::{Shaper, ShaperHandle};
use crate::profile::Profile;
use crate::session;
use crate::sweep::{
    Cuts, Experiment, Goal, How, ModelSpec, ProbeSpec, Settings, SweepSpec, Until, WorkerSpec,
};
use crate::units::Bytes;

/// The most that a recording of an experiment may take.
const RECORD_LIMIT: Bytes = Bytes(4 << 30);
/// The short sweep that finds the best cut.
const SCOUT_ROUNDS: u32 = 3;

/// Run an experiment file.
#[derive(Debug, Clone, Args)]
pub(super) struct RunArgs {
    /// A shipped experiment, figure1, figure2 or modes, or a file
    #[arg(value_name = "NAME|FILE")]
    experiment: String,

    /// The shortened variant, for a look
    #[arg(long)]
    quick: bool,

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

/// Runs to the end, or until a signal; what was measured is kept either way.
pub(super) fn run(args: &RunArgs) -> Result<ExitCode> {
    let (name, experiment) = Experiment::open(&args.experiment).map_err(usage)?;
    let experiment = if args.quick {
        experiment.shortened()
    } else {
        experiment
    };
    let stem = args.out.clone().unwrap_or_else(|| PathBuf::from(&name));
    if let Some(folder) = stem.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    if let Some(probe) = &experiment.probe {
        return probes(&experiment, probe, &stem, args.json);
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

/// Fills one link after the other, through a relay to a server that is started here.
fn probes(experiment: &Experiment, probe: &ProbeSpec, stem: &Path, json: bool) -> Result<ExitCode> {
    let links: Vec<_> = probe
        .links
        .iter()
        .map(|name| {
            LinkChoice::open(name)
                .map(|link| (name, link))
                .map_err(usage)
        })
        .collect::<Result<_>>()?;
    let Some(spec) = experiment.servers.first() else {
        return Err(usage("probes need a server: [[servers]] says which"));
    };
    let server = Party::join("run-server", spec, &["server"], None)?;
    for (name, link) in links {
        let to = server.data_address()?;
        let shaper = match link.profile() {
            Some(profile) => Some(Shaper::start(any_port(), to, profile)?),
            None => None,
        };
        let through = shaper.as_ref().map_or(to, ShaperHandle::local_addr);
        let short = Path::new(name)
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy();
        let out = with(stem, &format!("-{short}.csv"));
        let code = probe::run(&ProbeArgs::up(
            through.to_string(),
            probe.seconds,
            probe.interval,
            out,
            json,
        ))?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
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
    let parties = Parties::start(experiment)?;
    let options = Options {
        targets: parties.addresses()?,
        token: None,
        name: console::default_name(),
        recording: None,
        ask: false,
        settings: console::Settings::default(),
        journal: console::Journal::default(),
    };
    let mut request = Request {
        cuts,
        modes: sweep.plans.clone(),
        best: None,
        settings: sweep.settings(),
        title: Some(experiment.title.clone()),
        link: experiment.link.clone(),
        seconds: experiment.seconds,
        force: false,
    };
    if experiment.needs_best() {
        request.best = Some(best_cut(
            &options,
            &request,
            experiment.objective,
            args.quick,
        )?);
    }
    let mut output = Output::new(args.json, Some(with(stem, ".csv")));
    let options = Options {
        recording: recording(args, stem, &experiment.title)?,
        ask: false,
        ..options
    };
    let ended = console::run_sweep(&options, &request, &mut output)?;
    finish(output, ended)
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
        limit: RECORD_LIMIT,
        meta: session::Meta {
            name: Some(title.to_owned()),
            ..session::Meta::default()
        },
    }))
}

/// The best of the cuts that one tensor crosses, by a short sweep over them.
fn best_cut(options: &Options, request: &Request, goal: Goal, quick: bool) -> Result<u32> {
    let scout = Request {
        cuts: Some(Cuts::Single),
        modes: Vec::new(),
        settings: Settings {
            frames: if quick { 1 } else { request.settings.frames },
            until: Until::Repeats(if quick { 1 } else { SCOUT_ROUNDS }),
            ..request.settings
        },
        ..request.clone()
    };
    let mut silent = Output::new(false, None);
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
    let best = match goal {
        Goal::Latency => summary.fastest,
        Goal::Energy => summary.frugal.or(summary.fastest),
    };
    let cut = best.and_then(|place| summary.plans[place].cut);
    cut.context("no cut could be measured, so none is the best")
}

/// The workers of an experiment, in the order in which they are to end.
struct Parties {
    robot: Party,
    servers: Vec<Party>,
}

/// A worker that was started here, or runs somewhere.
enum Party {
    Started(Worker),
    Running(Address),
}

impl Party {
    /// Starts a worker, unless it runs already.
    fn join(name: &str, spec: &WorkerSpec, first: &[&str], core: Option<usize>) -> Result<Self> {
        let mut args = words(first);
        args.extend(words(&["--listen", "127.0.0.1:0"]));
        match spec {
            WorkerSpec::Address(address) => {
                return Ok(Self::Running(address.parse().map_err(usage)?));
            }
            WorkerSpec::Emulated(device) => {
                // Before anything starts.
                Profile::open(device).map_err(usage)?;
                args.extend(engine_words(EngineName::Emulated, device));
            }
            WorkerSpec::Real(threads) => {
                args.extend(["--threads".to_owned(), threads.to_string()]);
                if let Some(core) = core {
                    args.extend(["--core".to_owned(), core.to_string()]);
                }
            }
        }
        Ok(Self::Started(Worker::start(name, &args)?))
    }

    fn address(&self) -> Result<Address> {
        match self {
            Self::Started(worker) => Ok(format!("ws://{}", worker.address).parse()?),
            Self::Running(address) => Ok(address.clone()),
        }
    }

    /// Where its data link is: a server has one port for all.
    fn data_address(&self) -> Result<SocketAddr> {
        match self {
            Self::Started(worker) => Ok(worker.address),
            Self::Running(address) => {
                use std::net::ToSocketAddrs;
                let short = address.short();
                let found = short
                    .to_socket_addrs()
                    .with_context(|| format!("cannot find {short}"))?;
                found
                    .into_iter()
                    .next()
                    .with_context(|| format!("{short} has no address"))
            }
        }
    }
}

impl Parties {
    fn start(experiment: &Experiment) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let core = |place: usize| (cores >= 2).then_some(place % cores);
        let Some(robot) = &experiment.robot else {
            return Err(usage("a sweep needs a [robot]"));
        };
        let mut servers = Vec::new();
        for (place, spec) in experiment.servers.iter().enumerate() {
            let name = format!("run-server-{}", place + 1);
            servers.push(Party::join(&name, spec, &["server"], core(place + 1))?);
        }
        let mut first = words(&["robot"]);
        if let (Some(model), false) = (&experiment.model, matches!(robot, WorkerSpec::Address(_))) {
            first.extend(model_words(model));
            for server in &servers {
                first.extend(["--server".to_owned(), server.data_address()?.to_string()]);
            }
            if let Some(link) = experiment.link.as_ref().filter(|_| !servers.is_empty()) {
                first.extend(["--link".to_owned(), link.clone()]);
            }
        }
        let first: Vec<&str> = first.iter().map(String::as_str).collect();
        let robot = Party::join("run-robot", robot, &first, core(0))?;
        Ok(Self { robot, servers })
    }

    /// The robot's first.
    fn addresses(&self) -> Result<Vec<Address>> {
        let all = std::iter::once(&self.robot).chain(&self.servers);
        all.map(Party::address).collect()
    }
}

fn model_words(model: &ModelSpec) -> Vec<String> {
    let [rows, columns] = model.size;
    vec![
        "--model".to_owned(),
        model.name.clone(),
        "--size".to_owned(),
        format!("{rows}x{columns}"),
        "--batch".to_owned(),
        model.batch.to_string(),
        "--seed".to_owned(),
        model.seed.to_string(),
    ]
}
