//! `splitscope plan`: what every plan would cost on a robot and its servers over a link, predicted; nothing runs.

mod show;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;

use super::model::{ModeArg, size};
use super::usage;
use crate::link::{LinkChoice, trace::AfterEnd};
use crate::model::zoo;
use crate::plan::{ModeKind, Plan};
use crate::policy::{
    Decision, Objective, PolicyKind, Problem, best_per_mode, divisions, why_no_gain,
};
use crate::profile::Profile;
use crate::simulate::{Costs, Link, Packings, World};
use crate::units::{BitsPerSecond, Nanos};

/// Frames of a trace that a figure is the mean of.
const FRAMES_OF_A_TRACE: i64 = 200;

/// Predict what every plan costs; nothing runs.
#[derive(Debug, Clone, Args)]
pub(super) struct PlanCommand {
    /// Model of the zoo: vgg19, vgg19_bn, resnet50, resnet152, densenet121, mobilenet_v2
    #[arg(long, default_value = "mobilenet_v2")]
    model: String,

    /// Rows and columns of the model's input: N, or ROWSxCOLUMNS
    #[arg(long, default_value = "224", value_name = "SIZE", value_parser = size)]
    size: (u32, u32),

    /// Camera frames that make one input
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    batch: u32,

    /// The robot: jetson-xavier-nx, gpu-server or a profile that `splitscope profile` wrote
    #[arg(long, value_name = "DEVICE", default_value = "jetson-xavier-nx")]
    robot: String,

    /// The server, in the same words; again for every further server
    #[arg(long = "server", value_name = "DEVICE", default_value = "gpu-server")]
    servers: Vec<String>,

    /// The link's rate, megabits per second of payload, both ways together
    #[arg(long, value_name = "MBPS", required_unless_present = "link", conflicts_with = "link", value_parser = rate)]
    mbps: Option<f64>,

    /// A trace instead, shipped or a file: figures are means over frames admitted all along it
    #[arg(long, value_name = "TRACE")]
    link: Option<String>,

    /// With --mbps: each direction has the rate for itself
    #[arg(long, requires = "mbps")]
    duplex: bool,

    /// The link's latency, one way, added to a trace's own
    #[arg(long, value_name = "MS", default_value_t = 0.0, value_parser = milliseconds)]
    latency_ms: f64,

    /// What a message costs besides its bits
    #[arg(long, value_name = "MS", default_value_t = 0.0, value_parser = milliseconds)]
    message_ms: f64,

    /// What is wanted: latency, energy, deadline=MS, budget=J or throughput
    #[arg(long, default_value = "latency", value_name = "O")]
    objective: Objective,

    /// Who chooses: neurosurgeon, dads, dads-heavy, deadline, budget, pso or auto
    #[arg(long, default_value = "auto", value_name = "P")]
    policy: PolicyKind,

    /// Only this mode's plans in the table
    #[arg(long, value_enum)]
    mode: Option<ModeArg>,

    /// Every division of whole operators in the table, not only the best of each mode
    #[arg(long)]
    all: bool,

    /// One JSON object with every candidate
    #[arg(long)]
    json: bool,

    /// Draw latency and energy at every partition point, too; .svg or .png
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn rate(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    number
        .filter(|mbps| mbps.is_finite() && *mbps >= 0.0)
        .ok_or_else(|| format!("{text:?} is no rate; expected megabits per second, 0 or more"))
}

fn milliseconds(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    number
        .filter(|ms| (0.0..=6e4).contains(ms))
        .ok_or_else(|| format!("{text:?} is no time; expected milliseconds from 0 to 60000"))
}

/// What was asked and what came out.
struct Answer<'a> {
    args: &'a PlanCommand,
    problem: Problem,
    /// How the link is called.
    link: String,
    decision: Decision,
    /// The best of every mode.
    modes: Vec<(ModeKind, Result<crate::policy::Candidate, String>)>,
    /// Modes that gain nothing, with the numbers.
    no_gain: Vec<(ModeKind, String)>,
    /// Every candidate: divisions, and the best of the other modes.
    candidates: Vec<crate::policy::Candidate>,
}

pub(super) fn run(args: &PlanCommand) -> Result<ExitCode> {
    let answer = answer(args)?;
    if let Some(path) = &args.out {
        super::report::draw_prediction(&show::json(&answer)?, path)?;
    }
    let text = if args.json {
        show::json(&answer)?
    } else {
        show::table(&answer)
    };
    writeln!(std::io::stdout(), "{}", text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

fn answer(args: &PlanCommand) -> Result<Answer<'_>> {
    let (rows, columns) = args.size;
    let graph = Arc::new(zoo::build(&args.model, args.batch, rows, columns).map_err(usage)?);
    let (problem, link) = problem(args, &graph)?;
    let policy = args.policy.policy(args.objective, &Plan::LOCAL);
    let mut policy = policy.map_err(usage)?;
    let decision = problem.settled(|problem| policy.decide(problem));
    let mut modes = problem.settled(|problem| best_per_mode(problem, args.objective));
    for (kind, found) in &mut modes {
        let chosen = &decision.chosen;
        let is_as_good =
            |best: &crate::policy::Candidate| !args.objective.compare(best, chosen).is_lt();
        // Of equals the one that was chosen stands in the table.
        if kind.name() == chosen.mode() && found.as_ref().is_ok_and(is_as_good) {
            *found = Ok(chosen.clone());
        }
    }
    let mut candidates = divisions(&problem);
    for (_, found) in &modes {
        if let Ok(found) = found
            && candidates.iter().all(|c| c.plan != found.plan)
        {
            candidates.push(found.clone());
        }
    }
    if candidates.iter().all(|c| c.plan != decision.chosen.plan) {
        candidates.push(decision.chosen.clone());
    }
    if let Some(mode) = args.mode {
        modes.retain(|(kind, _)| *kind == mode.kind());
        candidates.retain(|c| c.mode() == mode.kind().name());
    }
    let no_gain = modes
        .iter()
        .filter_map(|(kind, _)| {
            let why = problem.settled(|problem| why_no_gain(problem, *kind));
            Some((*kind, why?))
        })
        .collect();
    Ok(Answer {
        args,
        problem,
        link,
        decision,
        modes,
        no_gain,
        candidates,
    })
}

fn problem(args: &PlanCommand, graph: &Arc<crate::model::Graph>) -> Result<(Problem, String)> {
    let open = |name: &str| -> Result<Profile> { Profile::open(name).map_err(usage) };
    let robot = open(&args.robot)?;
    let power = robot.levels(graph.name());
    let mut devices: Vec<Arc<dyn Costs>> = vec![Arc::new(robot)];
    for server in &args.servers {
        devices.push(Arc::new(open(server)?));
    }
    let (mut link, name, starts) = match (&args.link, args.mbps) {
        (Some(text), _) => match LinkChoice::open(text).map_err(usage)? {
            LinkChoice::Unshaped => (Link::none(), "no link in the way".to_owned(), Vec::new()),
            LinkChoice::Constant(rate) => (Link::constant(rate), constant(rate, false), Vec::new()),
            LinkChoice::Trace(trace) => {
                let link = Link::of_trace(&trace, AfterEnd::Loop);
                let length = trace.length_ns().unwrap_or(1);
                let starts = (0..FRAMES_OF_A_TRACE)
                    .map(|i| Nanos(length / FRAMES_OF_A_TRACE * i))
                    .collect();
                (link, format!("the trace {text}"), starts)
            }
        },
        (None, mbps) => {
            let rate = BitsPerSecond::from_mbps(mbps.unwrap_or(0.0));
            (
                Link::constant(rate),
                constant(rate, args.duplex),
                Vec::new(),
            )
        }
    };
    link.duplex |= args.duplex;
    link.latency_ns = (args.latency_ms * 1e6) as i64;
    link.message_ns = (args.message_ms * 1e6) as i64;
    let world = World {
        devices,
        link,
        between: Link::none(),
        packings: Packings::default(),
        power,
    };
    let problem = Problem::new(Arc::clone(graph), world).map_err(usage)?;
    Ok((problem.at(starts), name))
}

fn constant(rate: BitsPerSecond, duplex: bool) -> String {
    let ways = if duplex {
        "each way"
    } else {
        "both ways together"
    };
    format!("{} Mbps {ways}", rate.as_mbps())
}
