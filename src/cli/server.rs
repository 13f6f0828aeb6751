//! `splitscope server`: computes a part of a robot's frames.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

/// Compute a part of a robot's frames. The model comes from the robot.
#[derive(Debug, Clone, Args)]
pub(super) struct ServerArgs {
    /// Where robots connect and consoles attach; an address other than loopback lets others in
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:7402", value_parser = super::listen)]
    listen: SocketAddr,

    /// Threads that an operator may use
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,

    /// Keep the compute lane on this CPU core
    #[arg(long, value_name = "N")]
    core: Option<usize>,

    /// Folder for weights that robots send [default: the user's cache]
    #[arg(long, value_name = "DIR")]
    weights_dir: Option<PathBuf>,

    /// Command of an external power meter that prints lines of `time_s,volts,amps` or `watts`
    #[arg(long, value_name = "COMMAND")]
    power_meter: Option<String>,

    /// End when standard input does
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

/// Runs until a signal.
#[cfg(feature = "torch")]
pub(super) fn run(args: &ServerArgs) -> Result<ExitCode> {
    use std::sync::Arc;

    use super::{cache, worker};
    use crate::engine::torch::{TorchEngine, describe, keep_freed_memory};
    use crate::worker::server::{Server, ServerOptions};

    worker::start_logging();
    keep_freed_memory();
    let threads = args.threads;
    let server = Server::start(ServerOptions {
        listen: args.listen,
        weights_dir: args
            .weights_dir
            .clone()
            .unwrap_or_else(|| cache::dir().join("received-weights")),
        factory: Arc::new(move |graph, weights| TorchEngine::new(graph, weights, threads)),
        engine_name: describe(threads),
        core: args.core,
        host: worker::host_name(),
        power: crate::worker::sensors::find(args.power_meter.as_deref())?,
    })?;
    let ready = format!(
        "server ready: robots connect to {0}, consoles attach to ws://{0}",
        server.address()
    );
    worker::serve_until_stopped(&ready, args.until_stdin_ends)?;
    drop(server);
    Ok(ExitCode::SUCCESS)
}

/// Says what is missing.
#[cfg(not(feature = "torch"))]
pub(super) fn run(_args: &ServerArgs) -> Result<ExitCode> {
    Err(without_torch("server"))
}

/// Why a worker cannot run in this build.
#[cfg(not(feature = "torch"))]
pub(super) fn without_torch(command: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "this splitscope was built without libtorch (--no-default-features), so `{command}` has nothing to compute \
         with; `attach` works. For a worker, run `cargo xtask libtorch` and build with the default features"
    )
}
