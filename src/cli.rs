//! The command line: one file per subcommand. Exit codes: 0 ok, 1 failed, 2 wrong usage.

pub mod attach;
mod cache;
mod card;
mod compare;
mod config;
mod demo;
mod doctor;
mod engine;
mod export;
mod info;
mod loaded;
pub mod look;
mod model;
mod plan;
mod probe;
mod profile;
mod record;
mod replay;
mod report;
mod robot;
mod run;
mod server;
mod sessions;
mod shell;
mod spool;
mod started;
mod sweep;
mod ticker;
mod trace;
mod worker;

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A terminal console for live experiments with distributed DNN inference on robots.
#[derive(Debug, Parser)]
#[command(name = "splitscope", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Robot, server, shaped link and console on this machine
    Demo(Box<demo::DemoArgs>),
    /// Watch workers and command them
    Attach(attach::AttachArgs),
    /// Show a recording on the console's screens
    Replay(replay::ReplayArgs),
    /// Set two sessions, or two epochs, beside each other
    Compare(compare::CompareArgs),
    /// Recorded sessions: list, name, edit, cut, delete
    Sessions(sessions::SessionsArgs),
    /// What is in a session
    Info(info::InfoArgs),
    /// Check a session and write its index anew, after a crash
    Repair(info::RepairArgs),
    /// A session as tables (CSV, JSON lines, Parquet) or as a timeline for Perfetto
    Export(export::ExportArgs),
    /// Run a model on every camera frame, alone or with a server
    Robot(robot::RobotArgs),
    /// Compute a part of a robot's frames
    Server(server::ServerArgs),
    /// Measure many plans on a running robot
    Sweep(sweep::SweepArgs),
    /// Run an experiment file: workers, link, sweep or probes, stored under one name
    Run(run::RunArgs),
    /// Fill the link to a server and record what it carries
    Probe(probe::ProbeArgs),
    /// Measure a device, or check an emulated one
    Profile(profile::ProfileArgs),
    /// Predict what every plan costs; nothing runs
    Plan(plan::PlanCommand),
    /// Make a link's bandwidth over time, or say what one is like
    Trace(trace::TraceArgs),
    /// Figures and tables from sessions, sweeps, link traces and predictions
    Report(report::ReportArgs),
    /// Check this machine: ports, clock, sensors, libtorch, disk, terminal
    Doctor(doctor::DoctorArgs),
    /// The console's settings in effect, and where each comes from
    Config(config::ConfigArgs),
    /// Completions of commands and flags for a shell
    Completions(shell::CompletionsArgs),
    /// The manual page
    Man(shell::ManArgs),
}

/// The caller asked for something that cannot be: exit code 2.
#[derive(Debug)]
struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error whose exit code is 2.
fn usage(reason: impl std::fmt::Display) -> anyhow::Error {
    anyhow::Error::new(Usage(reason.to_string()))
}

/// Runs the program with this process's arguments.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Attach(args) => attach::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Sessions(args) => sessions::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Repair(args) => info::repair(&args),
        Command::Export(args) => export::run(&args),
        Command::Robot(args) => robot::run(&args),
        Command::Server(args) => server::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::Profile(args) => profile::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            writeln!(std::io::stderr(), "splitscope: {}", sentence(&error)).ok();
            if error.downcast_ref::<Usage>().is_some() {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// What was tried, on what, what came back: the causes joined, each said once. Most of our errors name their cause in
/// their own sentence.
fn sentence(error: &anyhow::Error) -> String {
    let mut sentence = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if sentence.is_empty() {
            sentence = cause;
        } else if !sentence.contains(&cause) {
            sentence += ": ";
            sentence += &cause;
        }
    }
    sentence
}

/// An address to listen on.
fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "{text:?} is no address to listen on; expected IP:PORT, like 127.0.0.1:7401, or 0.0.0.0:7401 for others \
             too"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// The help of a command and of all below it.
    fn help(command: &mut clap::Command, above: &str, all: &mut String) {
        for sub in command.get_subcommands_mut() {
            let name = format!("{above}{}", sub.get_name());
            let _ = write!(all, "## {name}\n{}", sub.render_help());
            help(sub, &format!("{name} "), all);
        }
    }

    #[test]
    fn help_does_not_drift() {
        let mut all = String::new();
        help(&mut Cli::command(), "", &mut all);
        insta::assert_snapshot!(all);
    }

    #[test]
    fn the_manual_page_does_not_drift_and_names_every_command() {
        let page = String::from_utf8(shell::page().unwrap()).unwrap();
        for command in Cli::command().get_subcommands() {
            // A page writes its hyphens so.
            let name = command.get_name().replace('-', "\\-");
            assert!(page.contains(&format!("splitscope\\-{name}(1)")), "{name}");
        }
        insta::assert_snapshot!(page);
    }
}
