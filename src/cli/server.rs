//! `splitscope server`: computes a part of a robot's frames.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;

use super::engine::EngineArgs;
use super::spool::SpoolArgs;
use super::{cache, worker};
use crate::engine::Engine;
use crate::engine::emulated::{self, EmulatedEngine};
use crate::model::Graph;
use crate::model::weights::Weights;
use crate::power::Discovered;
use crate::worker::server::{EngineFactory, Server, ServerOptions};

/// Compute a part of a robot's frames. The model comes from the robot.
#[derive(Debug, Clone, Args)]
pub(super) struct ServerArgs {
    /// Where robots connect and consoles attach; an address other than loopback lets others in
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:7402", value_parser = super::listen)]
    listen: SocketAddr,

    #[command(flatten)]
    engine: EngineArgs,

    /// Threads that an operator may use
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,

    /// Keep the compute lane on this CPU core
    #[arg(long, value_name = "N", value_parser = super::worker::core)]
    core: Option<usize>,

    /// Folder for weights that robots send [default: the user's cache]
    #[arg(long, value_name = "DIR")]
    weights_dir: Option<PathBuf>,

    /// Command of an external power meter that prints lines of `time_s,volts,amps` or `watts`
    #[arg(long, value_name = "COMMAND")]
    power_meter: Option<String>,

    #[command(flatten)]
    spool: SpoolArgs,

    /// End when standard input does
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

/// Runs until a signal.
pub(super) fn run(args: &ServerArgs) -> Result<ExitCode> {
    match args.engine.emulated()? {
        Some(profile) => {
            let name = emulated::describe(&profile);
            let factory = move |_: &Graph, _: &Weights| Ok(EmulatedEngine::new(profile.clone()));
            // What this machine takes says nothing about an emulated one.
            run_with(args, name, Discovered::default(), Arc::new(factory))
        }
        None => run_torch(args),
    }
}

#[cfg(feature = "torch")]
fn run_torch(args: &ServerArgs) -> Result<ExitCode> {
    use crate::engine::torch::{TorchEngine, describe, keep_freed_memory};

    keep_freed_memory();
    let (processor, threads) = (args.engine.processor()?, args.threads);
    let factory =
        move |graph: &Graph, weights: &Weights| TorchEngine::on(processor, graph, weights, threads);
    let power = crate::worker::sensors::find(args.power_meter.as_deref())?;
    run_with(args, describe(processor, threads), power, Arc::new(factory))
}

/// Says what is missing.
#[cfg(not(feature = "torch"))]
fn run_torch(_args: &ServerArgs) -> Result<ExitCode> {
    Err(without_torch("server"))
}

fn run_with<E: Engine>(
    args: &ServerArgs,
    engine_name: String,
    power: Discovered,
    factory: EngineFactory<E>,
) -> Result<ExitCode> {
    worker::start_logging();
    let server = Server::start(ServerOptions {
        listen: args.listen,
        weights_dir: args
            .weights_dir
            .clone()
            .unwrap_or_else(|| cache::dir().join("received-weights")),
        factory,
        engine_name,
        core: args.core,
        host: worker::host_name(),
        power,
        spool: args.spool.options(),
    })?;
    let ready = format!(
        "server ready: robots connect to {0}, consoles attach to ws://{0}",
        server.address()
    );
    worker::serve_until_stopped(&ready, args.until_stdin_ends)?;
    drop(server);
    Ok(ExitCode::SUCCESS)
}

/// Why a worker cannot run in this build.
#[cfg(not(feature = "torch"))]
pub(super) fn without_torch(command: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "this splitscope was built without libtorch (--no-default-features), so `{command}` has nothing to compute \
         with; `attach` works, and so does `--engine emulated`. For a worker, run `cargo xtask libtorch` and build with the default features"
    )
}
