//! `splitscope demo`: robot, server, shaped link and console on this machine.
//!
//! The workers are processes of their own, as they are in the field. They end when the demo does, however it dies:
//! they read its end of a pipe.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Args;

use super::attach::{ShowArgs, show};
use super::model::{ModelArgs, PlanArgs};
use super::{cache, usage};
use crate::console::{self, Address, Options};
use crate::link::LinkChoice;
use crate::link::shaper::Shaper;

/// Robot, server, shaped link and console on this machine.
#[derive(Debug, Clone, Args)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    model: ModelArgs,

    #[command(flatten)]
    plan: PlanArgs,

    /// Link between robot and server: a trace (indoors, outdoors or a file, played again and again), Mbps that both
    /// directions share, or none
    #[arg(long, value_name = "TRACE|MBPS", default_value = "93")]
    link: String,

    /// Camera pictures: a folder, or synthetic [default: the fetched sample pictures]
    #[arg(long, value_name = "DIR")]
    input: Option<String>,

    /// Camera pictures per second [default: one whenever the robot is free]
    #[arg(long, value_name = "N")]
    fps: Option<f64>,

    #[command(flatten)]
    show: ShowArgs,
}

/// Runs until the person leaves, or as long as was asked.
pub(super) fn run(args: &DemoArgs) -> Result<ExitCode> {
    let graph = args.model.graph()?;
    let plan = args.plan.plan(&graph)?;
    let link = LinkChoice::open(&args.link).map_err(usage)?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);

    let mut server_args = words(&["server", "--listen", "127.0.0.1:0"]);
    if cores >= 2 {
        server_args.extend(words(&["--core", "1"]));
    }
    let server = Worker::start("server", &server_args)?;

    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let shaper = link
        .profile()
        .map(|profile| Shaper::start(any, server.address, profile))
        .transpose()?;
    let through = shaper.as_ref().map_or(
        server.address,
        crate::link::shaper::ShaperHandle::local_addr,
    );

    let mut robot_args = words(&["robot", "--listen", "127.0.0.1:0", "--server"]);
    robot_args.push(through.to_string());
    robot_args.extend(model_words(args));
    // A split is what the demo is about; a third of the way the tensors have become small.
    let is_given = args.plan.mode.is_some() || args.plan.cut.is_some();
    let cut = if is_given {
        plan.cut(&graph)
    } else {
        Some(graph.operator_count() / 3)
    };
    match (args.plan.mode, cut) {
        (Some(super::model::ModeArg::Local), _) => robot_args.extend(words(&["--mode", "local"])),
        (Some(super::model::ModeArg::Remote), _) => robot_args.extend(words(&["--mode", "remote"])),
        (_, Some(cut)) => robot_args.extend([String::from("--cut"), cut.to_string()]),
        (_, None) => {}
    }
    if cores >= 2 {
        robot_args.extend(words(&["--core", "0"]));
    }
    let robot = Worker::start("robot", &robot_args)?;

    let target = |address: SocketAddr| -> Result<Address> {
        Ok(format!("ws://{address}").parse::<Address>()?)
    };
    let options = Options {
        targets: vec![target(robot.address)?, target(server.address)?],
        token: None,
        name: console::default_name(),
    };
    let shown = show(&options, args.show);
    drop(robot);
    drop(shaper);
    drop(server);
    shown
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&w| w.to_owned()).collect()
}

fn model_words(args: &DemoArgs) -> Vec<String> {
    let model = &args.model;
    let (rows, columns) = model.size;
    let mut all = vec![
        "--model".to_owned(),
        model.model.clone(),
        "--size".to_owned(),
        format!("{rows}x{columns}"),
    ];
    let weights = model
        .weights
        .clone()
        .or_else(|| cache::published_weights(&model.model));
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

/// A worker process; told to end, then waited for, when dropped.
struct Worker {
    child: Child,
    address: SocketAddr,
}

impl Worker {
    /// Starts this program as a worker and waits until it says where it listens.
    fn start(name: &str, args: &[String]) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let log = log_file(name)?;
        let errors = std::fs::File::create(&log)
            .with_context(|| format!("cannot write the {name}'s log {}", log.display()))?;
        let mut child = Command::new(program)
            .args(args)
            .arg("--until-stdin-ends")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("cannot start the {name}"))?;
        let mut first = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut first)?;
        }
        let address = first
            .trim()
            .rsplit_once("ws://")
            .and_then(|(_, address)| address.parse().ok());
        match address {
            Some(address) => Ok(Self { child, address }),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err(anyhow!(
                    "the {name} did not start: {}",
                    last_words(&log).unwrap_or_else(|| format!("it said {first:?}"))
                ))
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The end of its standard input tells it to end.
        drop(self.child.stdin.take());
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log_file(name: &str) -> Result<PathBuf> {
    let dir = cache::dir().join("logs");
    std::fs::create_dir_all(&dir)
        .with_context(|| format!("cannot make the folder {}", dir.display()))?;
    Ok(dir.join(format!("demo-{name}.log")))
}

/// The last line of a log.
fn last_words(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    text.lines().last().map(str::to_owned)
}
