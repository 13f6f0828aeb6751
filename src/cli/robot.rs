//! `splitscope robot`: a model on every camera frame.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::engine::EngineArgs;
use super::loaded::Loaded;
use super::model::{ModelArgs, PlanArgs};
use super::spool::SpoolArgs;
use super::{usage, worker};
use crate::clock::SystemClock;
use crate::engine::Engine;
use crate::engine::emulated::EmulatedEngine;
use crate::link::LinkChoice;
use crate::link::shaper::Shaper;
use crate::power::{Discovered, Emulated};
use crate::profile::Profile;
use crate::worker::fits::fits;
use crate::worker::input::{Input, Source};
use crate::worker::robot::{Robot, RobotOptions};

/// Run a model on every camera frame.
#[derive(Debug, Clone, Args)]
pub(super) struct RobotArgs {
    #[command(flatten)]
    model: ModelArgs,

    #[command(flatten)]
    plan: PlanArgs,

    #[command(flatten)]
    engine: EngineArgs,

    /// A server, HOST:PORT, given again for every further one; without one everything runs here
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    server: Vec<String>,

    /// Put an emulated link, one for all, before the servers: a trace (indoors, outdoors or a file, played again and
    /// again), Mbps that both directions share, or none
    #[arg(
        long,
        value_name = "TRACE|MBPS",
        default_value = "none",
        requires = "server"
    )]
    link: String,

    /// Put the emulated link before consoles too: telemetry shares it with the data, as over the robot's own radio
    #[arg(long, requires = "link")]
    shape_telemetry: bool,

    /// Consoles come through a shaped link that somebody else runs
    #[arg(long, hide = true)]
    telemetry_is_shaped: bool,

    /// Where consoles attach; an address other than loopback lets others watch
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:7401", value_parser = super::listen)]
    listen: SocketAddr,

    /// Camera pictures: a folder of .png and .jpg files, or synthetic
    #[arg(long, value_name = "DIR", default_value = "synthetic")]
    input: String,

    /// Camera pictures per second [default: one whenever the robot is free]
    #[arg(long, value_name = "N", value_parser = super::model::fps)]
    fps: Option<f64>,

    /// Milliseconds that a frame may take before the robot finishes it alone [default: 3 times the recent median, at
    /// least 200, plus what is left to compute]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=600_000))]
    deadline: Option<u64>,

    /// Threads that an operator may use
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,

    /// Keep the compute lane on this CPU core
    #[arg(long, value_name = "N", value_parser = worker::core)]
    core: Option<usize>,

    /// File with a secret that consoles must know to take control
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Command of an external power meter that prints lines of `time_s,volts,amps` or `watts`
    #[arg(long, value_name = "COMMAND")]
    power_meter: Option<String>,

    #[command(flatten)]
    spool: SpoolArgs,

    /// End when standard input does
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

/// A name that cannot be dialled would be dialled for ever.
fn host_and_port(text: &str) -> Result<String, String> {
    let host = text
        .rsplit_once(':')
        .filter(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0))
        .map(|(host, _)| host);
    match host {
        Some(host) if !host.is_empty() && !host.contains('/') => Ok(text.to_owned()),
        _ => Err(format!(
            "{text:?} is no server; expected HOST:PORT, like gpu-box:7402"
        )),
    }
}

/// Runs until a signal.
pub(super) fn run(args: &RobotArgs) -> Result<ExitCode> {
    let graph = args.model.graph()?;
    args.plan.plan(&graph)?;
    args.plan.spec()?;
    let profile = args.engine.emulated()?;
    fits(&graph, profile.is_some()).map_err(usage)?;
    match profile {
        Some(profile) => run_emulated(args, profile),
        None => run_torch(args),
    }
}

#[cfg(feature = "torch")]
fn run_torch(args: &RobotArgs) -> Result<ExitCode> {
    use anyhow::Context;

    use crate::engine::torch::{TorchEngine, keep_freed_memory};

    keep_freed_memory();
    let processor = args.engine.processor()?;
    let power = crate::worker::sensors::find(args.power_meter.as_deref())?;
    run_with(args, power, || {
        let loaded = args.model.load()?;
        let engine = TorchEngine::on(processor, &loaded.graph, &loaded.weights, args.threads)
            .context("cannot set up libtorch")?;
        Ok((engine, loaded))
    })
}

/// Says what is missing.
#[cfg(not(feature = "torch"))]
fn run_torch(_args: &RobotArgs) -> Result<ExitCode> {
    Err(super::server::without_torch("robot"))
}

fn run_emulated(args: &RobotArgs, profile: Profile) -> Result<ExitCode> {
    let graph = args.model.graph()?;
    let levels = profile.levels(graph.name());
    let power = levels.map(|levels| Emulated::new(levels, Arc::new(SystemClock)));
    let mut engine = EmulatedEngine::new(profile);
    // An emulated device's power is made up, too: what this machine takes says nothing about it.
    let mut found = Discovered::default();
    if let Some((source, state)) = power {
        engine = engine.with_power(state);
        found.sources.push(Box::new(source));
    }
    run_with(args, found, || Ok((engine, args.model.hollow()?)))
}

/// Runs with an engine; it is made last, after what may be refused.
fn run_with<E: Engine>(
    args: &RobotArgs,
    power: Discovered,
    make: impl FnOnce() -> Result<(E, Loaded)>,
) -> Result<ExitCode> {
    worker::start_logging();
    let token = worker::token(args.token_file.as_deref())?;
    let plan = args.plan.plan(&args.model.graph()?)?;
    let (rows, columns) = args.model.size;
    let input = Input::open(&args.input, args.model.batch, rows, columns)?;
    let source = Source::start(input, args.fps).map_err(usage)?;
    let link = LinkChoice::open(&args.link).map_err(usage)?;
    // All servers are reached over one medium, as over one radio.
    let profile = link.profile().filter(|_| !args.server.is_empty());
    let shaper = profile.map(|profile| Shaper::before_each(&args.server, profile));
    let shaper = shaper.transpose()?;
    let servers = match &shaper {
        None => args.server.clone(),
        Some(shaper) => {
            let addresses = shaper.local_addrs().iter();
            addresses.map(ToString::to_string).collect()
        }
    };
    if args.shape_telemetry && shaper.is_none() {
        return Err(usage(format!(
            "--shape-telemetry needs a shaped link: --link {} is the network as it is",
            args.link
        )));
    }
    let behind = SocketAddr::from(([127, 0, 0, 1], 0));
    let (engine, loaded) = make()?;
    let robot = Robot::start(
        engine,
        RobotOptions {
            listen: if args.shape_telemetry {
                behind
            } else {
                args.listen
            },
            servers,
            emulated_link: shaper.is_some().then(|| args.link.clone()),
            deadline: args.deadline.map(Duration::from_millis),
            graph: loaded.graph,
            weights: loaded.weights,
            weights_ref: loaded.reference,
            weights_name: loaded.name,
            trained: loaded.trained,
            plan,
            policy: args.plan.spec()?,
            source,
            source_name: args.input.clone(),
            core: args.core,
            token,
            host: worker::host_name(),
            power,
            spool: args.spool.options(),
        },
    )?;
    let relay = shaper.as_ref().filter(|_| args.shape_telemetry);
    let address = match relay {
        Some(shaper) => shaper.before_robot(args.listen, robot.address())?,
        None => robot.address(),
    };
    if args.shape_telemetry || args.telemetry_is_shaped {
        robot.hub().set_shaped();
    }
    let ready = format!("robot ready: attach to ws://{address}");
    worker::serve_until_stopped(&ready, args.until_stdin_ends)?;
    drop(robot);
    drop(shaper);
    Ok(ExitCode::SUCCESS)
}
