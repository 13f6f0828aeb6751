//! The workers of an experiment: started here, or running somewhere.

use std::net::{SocketAddr, ToSocketAddrs};

use anyhow::{Context, Result};

use crate::cli::engine::{EngineName, words as engine_words};
use crate::cli::started::{Worker, words};
use crate::cli::usage;
use crate::console::Address;
use crate::profile::Profile;
use crate::sweep::{Experiment, ModelSpec, WorkerSpec};

/// The workers of an experiment, in the order in which they are to end.
pub(super) struct Parties {
    robot: Party,
    servers: Vec<Party>,
}

/// A worker that was started here, or runs somewhere.
pub(super) enum Party {
    Started(Worker),
    Running(Address),
}

impl Party {
    /// Starts a worker, unless it runs already.
    pub(super) fn join(
        name: &str,
        spec: &WorkerSpec,
        first: &[&str],
        core: Option<usize>,
    ) -> Result<Self> {
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
    pub(super) fn data_address(&self) -> Result<SocketAddr> {
        match self {
            Self::Started(worker) => Ok(worker.address),
            Self::Running(address) => {
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
    pub(super) fn start(experiment: &Experiment) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let core = |place: usize| (cores >= 2).then_some(place % cores);
        let Some(robot) = &experiment.robot else {
            return Err(usage("a sweep needs a [robot]"));
        };
        let is_running = matches!(robot, WorkerSpec::Address(_));
        let is_started = |s: &WorkerSpec| !matches!(s, WorkerSpec::Address(_));
        if is_running && experiment.servers.iter().any(is_started) {
            return Err(usage(
                "a robot that is running already has servers of its own: name them by address, or leave [[servers]] out",
            ));
        }
        let mut servers = Vec::new();
        for (place, spec) in experiment.servers.iter().enumerate() {
            let name = format!("run-server-{}", place + 1);
            servers.push(Party::join(&name, spec, &["server"], core(place + 1))?);
        }
        let mut first = words(&["robot"]);
        if let (Some(model), false) = (&experiment.model, is_running) {
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
    pub(super) fn addresses(&self) -> Result<Vec<Address>> {
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
