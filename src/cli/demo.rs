//! `splitscope demo`: robot, server, shaped link and console on this machine.
//!
//! The workers are processes of their own, as they are in the field. They end when the demo does, however it dies:
//! they read its end of a pipe.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::attach::{ShowArgs, show};
use super::engine::{EngineName, words as engine_words};
use super::look::LookArgs;
use super::model::{ModelArgs, PlanArgs};
use super::record::RecordArgs;
use super::started::{Worker, words};
use super::{cache, usage, worker};
use crate::console::{self, Address, Journal, Options};
use crate::link::LinkChoice;
use crate::link::shaper::Shaper;
use crate::profile::Profile;
use crate::worker::fits::fits;

/// Robot, server, shaped link and console on this machine.
#[derive(Debug, Clone, Args)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    model: ModelArgs,

    #[command(flatten)]
    plan: PlanArgs,

    /// What computes, on robot and server
    #[arg(long, value_enum, default_value_t = EngineName::Torch)]
    engine: EngineName,

    /// With --engine emulated: the robot, jetson-xavier-nx, gpu-server or a file that `splitscope profile` wrote
    #[arg(long, value_name = "PROFILE", default_value = "jetson-xavier-nx")]
    device: String,

    /// With --engine emulated: the servers
    #[arg(long, value_name = "PROFILE", default_value = "gpu-server")]
    server_device: String,

    /// Link between robot and server: a trace (indoors, outdoors or a file, played again and again), Mbps that both
    /// directions share, or none
    #[arg(long, value_name = "TRACE|MBPS", default_value = "93")]
    link: String,

    /// Telemetry goes through the link too, beside the data: as over the robot's own radio
    #[arg(long)]
    shape_telemetry: bool,

    /// Servers to start [default: as many as the plan needs]
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = servers, hide_default_value = true)]
    servers: usize,

    /// Camera pictures: a folder, or synthetic [default: the fetched sample pictures]
    #[arg(long, value_name = "DIR")]
    input: Option<String>,

    /// Camera pictures per second [default: one whenever the robot is free]
    #[arg(long, value_name = "N", value_parser = super::model::fps)]
    fps: Option<f64>,

    #[command(flatten)]
    show: ShowArgs,

    #[command(flatten)]
    record: RecordArgs,

    #[command(flatten)]
    look: LookArgs,
}

/// Runs until the person leaves, or as long as was asked.
pub(super) fn run(args: &DemoArgs) -> Result<ExitCode> {
    let graph = args.model.graph()?;
    let plan = args.plan.plan(&graph)?;
    args.plan.spec()?;
    fits(&graph, args.engine == EngineName::Emulated).map_err(usage)?;
    let settings = args.look.settings()?;
    let link = LinkChoice::open(&args.link).map_err(usage)?;
    if args.shape_telemetry && link == LinkChoice::Unshaped {
        let text = "--shape-telemetry needs a shaped link: --link none is the network as it is";
        return Err(usage(text.to_owned()));
    }
    let recording = args.record.settings()?;
    if args.engine == EngineName::Emulated {
        // Before anything starts.
        for device in [&args.device, &args.server_device] {
            Profile::open(device).map_err(usage)?;
        }
    }
    let journal = if args.show.headless {
        Journal::default()
    } else {
        worker::journal(Vec::new())
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);

    // As many servers as the plan takes part in, all reached over one medium.
    let count = usize::from(plan.last_device().0.max(1)).max(args.servers);
    let mut servers = Vec::new();
    let mut robot_args = words(&["robot", "--listen", "127.0.0.1:0"]);
    for i in 1..=count {
        let mut server_args = words(&["server", "--listen", "127.0.0.1:0"]);
        server_args.extend(engine_words(args.engine, &args.server_device));
        if cores >= 2 {
            server_args.extend([String::from("--core"), (i % cores).to_string()]);
        }
        let name = if i == 1 {
            "server".to_owned()
        } else {
            format!("server-{i}")
        };
        let server = Worker::start(&format!("demo-{name}"), &server_args)?;
        servers.push(server);
    }
    let addresses: Vec<String> = servers.iter().map(|s| s.address.to_string()).collect();
    let shaper = link.profile().map(|p| Shaper::before_each(&addresses, p));
    let shaper = shaper.transpose()?;
    let through = shaper.as_ref().map(|s| s.local_addrs().iter());
    let through = through.map_or(addresses, |all| all.map(ToString::to_string).collect());
    for address in through {
        robot_args.extend([String::from("--server"), address]);
    }
    robot_args.extend(model_words(args));
    robot_args.extend(engine_words(args.engine, &args.device));
    if args.plan.is_given() {
        robot_args.extend(args.plan.words());
    } else {
        // A split is what the demo is about; a third of the way the tensors have become small.
        let cut = graph.operator_count() / 3;
        robot_args.extend([String::from("--cut"), cut.to_string()]);
        robot_args.extend(args.plan.words());
    }
    robot_args.extend(args.plan.policy_words());
    if cores >= 2 {
        robot_args.extend(words(&["--core", "0"]));
    }
    if args.shape_telemetry {
        robot_args.push("--telemetry-is-shaped".to_owned());
    }
    let robot = Worker::start("demo-robot", &robot_args)?;
    let relay = shaper.as_ref().filter(|_| args.shape_telemetry);
    let watched = match relay {
        Some(shaper) => {
            shaper.before_robot(SocketAddr::from(([127, 0, 0, 1], 0)), robot.address)?
        }
        None => robot.address,
    };

    let target = |address: SocketAddr| -> Result<Address> {
        Ok(format!("ws://{address}").parse::<Address>()?)
    };
    let options = Options {
        targets: std::iter::once(watched)
            .chain(servers.iter().map(|s| s.address))
            .map(target)
            .collect::<Result<_>>()?,
        token: None,
        name: console::default_name(),
        recording,
        // A demonstration is nobody's experiment; the form opens with a key there.
        ask: false,
        settings,
        journal: journal
            .beside([("robot", robot.log.clone())])
            .beside(servers.iter().map(|s| ("server", s.log.clone()))),
    };
    let shown = show(&options, args.show);
    drop(robot);
    drop(shaper);
    drop(servers);
    shown
}

fn servers(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=8).contains(n));
    number.ok_or_else(|| format!("{text:?} is no number of servers; expected 1 to 8"))
}

fn model_words(args: &DemoArgs) -> Vec<String> {
    let model = &args.model;
    let (rows, columns) = model.size;
    let mut all = vec![
        "--model".to_owned(),
        model.model.clone(),
        "--size".to_owned(),
        format!("{rows}x{columns}"),
        "--batch".to_owned(),
        model.batch.to_string(),
    ];
    let weights = model
        .weights
        .clone()
        .or_else(|| cache::published_weights(&model.model))
        .filter(|_| args.engine == EngineName::Torch);
    match weights {
        Some(path) => all.extend(["--weights".to_owned(), path.display().to_string()]),
        None => all.extend(["--seed".to_owned(), model.seed.to_string()]),
    }
    let input = args
        .input
        .clone()
        .or_else(|| cache::pictures().map(|p| p.display().to_string()));
    if let Some(input) = input {
        all.extend(["--input".to_owned(), input]);
    }
    if let Some(fps) = args.fps {
        all.extend(["--fps".to_owned(), fps.to_string()]);
    }
    all
}
