//! `splitscope robot`: a model on every camera frame.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::model::{ModelArgs, PlanArgs};

/// Run a model on every camera frame.
#[derive(Debug, Clone, Args)]
pub(super) struct RobotArgs {
    #[command(flatten)]
    model: ModelArgs,

    #[command(flatten)]
    plan: PlanArgs,

    /// The server, HOST:PORT; without one everything runs here
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,

    /// Send everything for the server through an emulated link: a trace (indoors, outdoors or a file, played again and
    /// again), Mbps that both directions share, or none
    #[arg(
        long,
        value_name = "TRACE|MBPS",
        default_value = "none",
        requires = "server"
    )]
    link: String,

    /// Where consoles attach; an address other than loopback lets others watch
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7401")]
    listen: SocketAddr,

    /// Camera pictures: a folder of .png and .jpg files, or synthetic
    #[arg(long, value_name = "DIR", default_value = "synthetic")]
    input: String,

    /// Camera pictures per second [default: one whenever the robot is free]
    #[arg(long, value_name = "N")]
    fps: Option<f64>,

    /// Threads that an operator may use
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,

    /// Keep the compute lane on this CPU core
    #[arg(long, value_name = "N")]
    core: Option<usize>,

    /// File with a secret that consoles must know to take control
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// End when standard input does
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

/// Runs until a signal.
#[cfg(feature = "torch")]
pub(super) fn run(args: &RobotArgs) -> Result<ExitCode> {
    use anyhow::Context;

    use super::{usage, worker};
    use crate::engine::torch::{TorchEngine, keep_freed_memory};
    use crate::link::LinkChoice;
    use crate::link::shaper::Shaper;
    use crate::worker::input::{Input, Source};
    use crate::worker::robot::{Robot, RobotOptions};

    worker::start_logging();
    keep_freed_memory();
    let token = worker::token(args.token_file.as_deref())?;
    let plan = args.plan.plan(&args.model.graph()?)?;
    let (rows, columns) = args.model.size;
    let input = Input::open(&args.input, 1, rows, columns)?;
    let source = Source::start(input, args.fps).map_err(usage)?;
    let link = LinkChoice::open(&args.link).map_err(usage)?;
    let shaper = match (&args.server, link.profile()) {
        (Some(server), Some(profile)) => Some(Shaper::before(server, profile)?),
        _ => None,
    };
    let server = shaper.as_ref().map(|s| s.local_addr().to_string());
    let loaded = args.model.load()?;
    let engine = TorchEngine::new(&loaded.graph, &loaded.weights, args.threads)
        .context("cannot set up libtorch")?;
    let robot = Robot::start(
        engine,
        RobotOptions {
            listen: args.listen,
            server: server.or_else(|| args.server.clone()),
            graph: loaded.graph,
            weights: loaded.weights,
            weights_ref: loaded.reference,
            weights_name: loaded.name,
            trained: loaded.trained,
            plan,
            source,
            source_name: args.input.clone(),
            core: args.core,
            token,
            host: worker::host_name(),
        },
    )?;
    let ready = format!("robot ready: attach to ws://{}", robot.address());
    worker::serve_until_stopped(&ready, args.until_stdin_ends)?;
    drop(robot);
    drop(shaper);
    Ok(ExitCode::SUCCESS)
}

/// Says what is missing.
#[cfg(not(feature = "torch"))]
pub(super) fn run(args: &RobotArgs) -> Result<ExitCode> {
    args.plan.plan(&args.model.graph()?)?;
    Err(super::server::without_torch("robot"))
}
