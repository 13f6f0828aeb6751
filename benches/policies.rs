//! Policies over recorded-like traces: an emulated Xavier NX and GPU server, a frame per camera period, each decided by what is
//! believed of the link at its admission. Everything here is predicted by `simulate`, nothing is measured.
//!
//! Needs no libtorch. `cargo xtask bench policies [--seconds S] [--pace MS|0] [--field FOLDER]`; with `--pace 0` frames follow one
//! another, and `--segments` shows instead what row tiles with shares of their own gain over it, found in another way
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench says its figures and fails like a test"
)]

#[path = "shared/drive.rs"]
mod drive;
#[path = "shared/paired.rs"]
#[expect(dead_code, reason = "it has more than this bench uses")]
mod paired;

#[path = "shared/segments.rs"]
mod segments;

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use drive::{Case, Chooser, Totals};
use splitscope::model::zoo;
use splitscope::plan::Plan;
use splitscope::policy::{Auto, Dads, Deadline, Load, Neurosurgeon, Objective, Policy, Problem};
use splitscope::profile::trace::{AfterEnd, shipped};
use splitscope::profile::{FIELD_MODELS, FieldData, Profile};
use splitscope::simulate::{Link, World};
use splitscope::units::BitsPerSecond;

/// The deadline policy's, in milliseconds.
const DEADLINE_MS: f64 = 100.0;
/// The camera's period: longer than a frame that misses its deadline takes.
const PERIOD_MS: usize = 500;
/// The traces.
const TRACES: [&str; 2] = ["indoors", "outdoors"];
/// `auto` may be so much worse than the best fixed plan in hindsight.
const MAY_BE_WORSE: f64 = 0.05;
/// Rates for which the best streamed plan joins the fixed ones, in megabits per second.
const STREAM_MBPS: [f64; 3] = [20.0, 45.0, 93.0];

fn main() {
    if std::env::args().any(|arg| arg == "--segments") {
        segments::table("vgg19_bn");
        segments::table("mobilenet_v2");
        return;
    }
    let seconds = paired::number_argument("--seconds")
        .unwrap_or(300)
        .clamp(1, 3600) as i64;
    let field = field();
    let period_ms = paired::number_argument("--pace").unwrap_or(PERIOD_MS);
    let period_ms = (period_ms > 0).then_some(period_ms.min(60_000) as i64);
    let pace = period_ms.map_or_else(
        || "frames back to back".to_owned(),
        |ms| format!("a picture every {ms} ms"),
    );
    println!(
        "Predicted: {seconds} s of each trace, {pace}; J are the robot's per inference, over its latency, with \
         soundings; \"seconds alike\" is their mean over the trace's seconds instead of over its frames.\n"
    );
    let mut verdicts = Vec::new();
    for (field_name, name) in FIELD_MODELS {
        for trace in TRACES {
            let of_trace = (trace, seconds * 1_000_000_000);
            verdicts.push(table(field_name, name, of_trace, period_ms, field.as_ref()));
        }
    }
    println!(
        "\n| model | trace | auto over the best fixed plan, latency | energy | energy, seconds alike |\n|---|---|---:|---:|---:|"
    );
    for (name, trace, latency, joules, alike) in &verdicts {
        println!("| {name} | {trace} | {latency:+.1} % | {joules:+.1} % | {alike:+.1} % |");
    }
    println!("\n{}", verdict(&verdicts, period_ms.is_some()));
}

/// Whether the bounds are kept, in words: `auto` never more than 5 % worse than the best fixed plan in hindsight,
/// and better than every fixed plan on at least one trace; in latency, and in energy.
fn verdict(verdicts: &[Verdict], is_paced: bool) -> String {
    let mut said = String::new();
    let of = [
        ("latency", (|v| v.2) as fn(&Verdict) -> f64),
        ("energy", |v| v.3),
        ("energy, every second alike", |v| v.4),
    ];
    for (what, of) in of {
        let worst = verdicts.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
        let better = |trace: &str| {
            let on = verdicts.iter().filter(|v| v.1 == trace);
            on.clone().count() > 0 && on.into_iter().any(|v| of(v) < 0.0)
        };
        let each = FIELD_MODELS.iter().all(|(model, _)| {
            let mine = verdicts.iter().filter(|v| v.0 == *model);
            mine.into_iter().any(|v| of(v) < 0.0)
        });
        let told = |is_met: bool| if is_met { "met" } else { "MISSED" };
        let on: Vec<&str> = TRACES.into_iter().filter(|trace| better(trace)).collect();
        let _ = writeln!(
            said,
            "{what}: never more than 5 % worse than the best fixed plan in hindsight: {} (at most {worst:+.1} %); with \
             every model better than every fixed plan on at least one trace: {} ({})",
            told(worst <= MAY_BE_WORSE * 100.0),
            told(each),
            if on.is_empty() {
                "on none".to_owned()
            } else {
                format!("on {}", on.join(", "))
            },
        );
    }
    said.push_str(if is_paced {
        "Every plan met the same pictures, so joules per inference compare."
    } else {
        "Frames back to back: a fixed plan that needs the link makes few frames in the seconds in which it is bad, and \
         those seconds hardly count in its joules per inference, while auto goes on at the robot's own pace. Compare \
         plans with a picture every so often (without --pace 0), or by joules with every second alike."
    });
    said
}

/// Model, trace, and by how many percent auto is above the best fixed plan in latency, in energy, and in energy with every
/// second alike.
type Verdict = (&'static str, &'static str, f64, f64, f64);

fn field() -> Option<FieldData> {
    let mut args = std::env::args().skip_while(|arg| arg != "--field");
    let given = args.nth(1).map(PathBuf::from);
    let dir = given.or_else(|| std::env::var_os("SPLITSCOPE_FIELD_DATA").map(PathBuf::from))?;
    let field = FieldData::new(&dir);
    if !field.is_there() {
        println!("{} is no folder of field data: skipped\n", dir.display());
        return None;
    }
    Some(field)
}

fn table(
    field_name: &'static str,
    name: &'static str,
    (trace_name, length_ns): (&'static str, i64),
    period_ms: Option<i64>,
    field: Option<&FieldData>,
) -> Verdict {
    let device = |name: &str| Arc::new(Profile::open(name).unwrap());
    let robot = device("jetson-xavier-nx");
    let power = robot.power.map(|p| p.levels());
    let trace = Arc::new(shipped(trace_name).unwrap().unwrap());
    let link = Link::of_trace(&trace, AfterEnd::Loop);
    let world = World::pair(robot, device("gpu-server"), link, power);
    let graph = Arc::new(zoo::build(name, 1, 224, 224).unwrap());
    let problem = Problem::new(graph, world).unwrap();
    let case = Case::new(problem, length_ns, period_ms.map(|ms| ms * 1_000_000));

    println!(
        "\n| {field_name}, {trace_name} | mean ms | p95 ms | J | J, seconds alike | frames | changes | finished locally | soundings |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    let tell = |name: &str, t: &Totals| {
        println!(
            "| {name} | {:.1} | {:.1} | {:.3} | {:.3} | {} | {} | {} | {} |",
            t.mean_ms(),
            t.p95_ms(),
            t.mean_joules(),
            t.joules_every_second_alike(),
            t.frames(),
            t.changes,
            t.finished_locally,
            t.soundings
        );
    };
    let fixed = fixed_plans(&case);
    let of = |plan: &Plan| &fixed.iter().find(|(p, _)| p == plan).unwrap().1;
    tell("local", of(&Plan::LOCAL));
    tell("remote", of(&Plan::REMOTE));
    let run = |name: &str, policy: &mut dyn Policy, learns: bool| {
        let totals = case.drive(&mut Chooser::new(policy, learns));
        tell(name, &totals);
        totals
    };
    let latency = Objective::Latency;
    run(
        "neurosurgeon",
        &mut Neurosurgeon { objective: latency },
        false,
    );
    run("dads", &mut Dads { load: Load::Light }, false);
    run(
        &format!("deadline {DEADLINE_MS} ms"),
        &mut Deadline { ms: DEADLINE_MS },
        false,
    );
    let auto = run("auto, latency", &mut Auto { objective: latency }, false);
    run(
        "auto, latency, learns the rate",
        &mut Auto { objective: latency },
        true,
    );
    let frugal = run(
        "auto, energy",
        &mut Auto {
            objective: Objective::Energy,
        },
        false,
    );
    run(
        "auto, energy, learns the rate",
        &mut Auto {
            objective: Objective::Energy,
        },
        true,
    );
    let by = |key: fn(&Totals) -> f64| {
        fixed
            .iter()
            .min_by(|a, b| key(&a.1).total_cmp(&key(&b.1)))
            .unwrap()
    };
    let (fastest, frugalest) = (by(Totals::mean_ms), by(Totals::mean_joules));
    tell(
        &format!("best fixed in latency: {}", fastest.0.label()),
        &fastest.1,
    );
    tell(
        &format!("best fixed in energy: {}", frugalest.0.label()),
        &frugalest.1,
    );
    if let Some(field) = field {
        field_rows(field, field_name, trace_name);
    }
    let over = |auto: f64, fixed: f64| (auto / fixed - 1.0) * 100.0;
    (
        field_name,
        trace_name,
        over(auto.mean_ms(), fastest.1.mean_ms()),
        over(frugal.mean_joules(), frugalest.1.mean_joules()),
        over(
            frugal.joules_every_second_alike(),
            by(Totals::joules_every_second_alike)
                .1
                .joules_every_second_alike(),
        ),
    )
}

/// What was measured with another system over traces of the same names.
fn field_rows(field: &FieldData, field_name: &str, trace_name: &str) {
    for approach in ["local", "all", "flex", "mixed2"] {
        // `local` was measured indoors only; the link has no part in it.
        let env = if approach == "local" {
            "indoors"
        } else {
            trace_name
        };
        if let Ok((ms, joules)) = field.means(approach, env, field_name) {
            println!("| *field data: {approach}* | {ms:.1} | | {joules:.3} | | | | | |");
        }
    }
}

/// Every cut, and the streamed plans that are best at some rates, each over the whole trace.
fn fixed_plans(case: &Case) -> Vec<(Plan, Totals)> {
    let mut plans: Vec<Plan> = case
        .problem
        .cuts()
        .iter()
        .map(|d| d.plan().clone())
        .collect();
    for mbps in STREAM_MBPS {
        let link = Link::constant(BitsPerSecond::from_mbps(mbps));
        let mut auto = Auto {
            objective: Objective::Latency,
        };
        let problem = case.problem.with_link(link, 0.0);
        let best = problem.settled(|problem| auto.decide(problem)).chosen.plan;
        if !plans.contains(&best) {
            plans.push(best);
        }
    }
    plans
        .into_iter()
        .map(|plan| {
            let totals = case.drive_fixed(&plan);
            (plan, totals)
        })
        .collect()
}
