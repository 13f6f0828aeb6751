//! Predicted against measured latency, mode by mode, over emulated devices: real programs, sockets and bytes, times
//! from profiles. It needs no libtorch.
//!
//! ```text
//! cargo bench --profile dev --no-default-features --bench prediction -- [--seconds 20] [--outdoors-seconds 300]
//!     [--model vgg19_bn] [--link outdoors] [--mode pipeline] [--program target/debug/splitscope] [--only measured|knowing]
//! ```
//!
//! Every frame carries what was expected at its admission; the error is taken over all frames that ran as planned,
//! less the first of an epoch. Targets: median of at most 5 % per mode on a constant link, 10 %
//! on the outdoors trace, which begins with 20 s that carry no plan's values in time and so wants minutes.
//!
//! Beside it stands what nobody could do better without knowing the future: the error of a simulation of the same
//! frames in which the rate in force at a frame's admission is known exactly, and taken to stay. That keeps a core busy
//! for a while: with real-time priority (`chrt -r 10`) ask for it apart (`--only knowing`).
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use splitscope::model::{Graph, zoo};
use splitscope::plan::{Choice, ModeKind, Plan};
use splitscope::policy::Problem;
use splitscope::profile::Profile;
use splitscope::profile::trace::{AfterEnd, Direction, shipped};
use splitscope::simulate::{Link, Run, World};
use splitscope::units::{BitsPerSecond, Nanos};

type Failure = Box<dyn std::error::Error>;

/// Links with the median error that is asked for, in percent.
const LINKS: [(&str, f64); 2] = [("93", 5.0), ("outdoors", 10.0)];
/// Plans by mode, with the words that ask for them.
const PLANS: [(&str, &str); 10] = [
    ("local", "--mode local"),
    ("remote", "--mode remote"),
    ("split", "--cut 28"),
    ("split, late", "--cut 50"),
    ("split, 4 tiles", "--cut 28 --tiles 4"),
    ("pipeline", "--mode pipeline --cut 28 --window 3"),
    ("tensor", "--mode tensor --share 0.1"),
    // A twelfth of the bytes: a frame that is over before the link is another one.
    ("tensor, 64x64 input", "--mode tensor --share 0.1 --size 64"),
    ("data", "--mode data --batch 2 --share 0.5"),
    ("tile", "--mode tile --share 0.3"),
];

fn main() -> Result<(), Failure> {
    let seconds = argument("--seconds").unwrap_or_else(|| "20".to_owned());
    let outdoors = argument("--outdoors-seconds").unwrap_or_else(|| "300".to_owned());
    let model = argument("--model").unwrap_or_else(|| "vgg19_bn".to_owned());
    let (only, only_link) = (argument("--mode"), argument("--link"));
    let part = argument("--only");
    println!(
        "{model}, emulated jetson-xavier-nx and gpu-server, {seconds} s each, {outdoors} s outdoors"
    );
    println!(
        "| link | plan | frames | latency p50 ms | error p50 % | p90 % | who knows the rate: p50 % | p90 % | target % | |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|---:|---:|---|");
    let (mut missed, mut asked) = (0, 0);
    for (link, target) in LINKS {
        if only_link.as_deref().is_some_and(|only| only != link) {
            continue;
        }
        for (name, words) in PLANS {
            if only.as_deref().is_some_and(|only| !name.starts_with(only)) {
                continue;
            }
            let seconds = if link == "outdoors" {
                &outdoors
            } else {
                &seconds
            };
            let mut frames = match part.as_deref() {
                Some("knowing") => Vec::new(),
                _ => demo(&model, link, words, seconds)?,
            };
            let knowing = match part.as_deref() {
                Some("measured") => " | ".to_owned(),
                _ => knowing(&model, link, words, seconds)?,
            };
            if part.as_deref() == Some("knowing") {
                println!("| {link} | {name} | | | | | {knowing} | {target} | |");
                continue;
            }
            asked += 1;
            let Some(row) = Row::of(&mut frames) else {
                println!(
                    "| {link} | {name} | {} | | | | {knowing} | {target} | too few: missed |",
                    frames.len()
                );
                missed += 1;
                continue;
            };
            let verdict = if row.p50 <= target { "met" } else { "missed" };
            missed += u32::from(row.p50 > target);
            println!(
                "| {link} | {name} | {} | {:.1} | {:.2} | {:.2} | {knowing} | {target} | {verdict} |",
                row.frames, row.latency_ms, row.p50, row.p90
            );
        }
    }
    if asked > 0 {
        println!("{} of {asked} targets met, {missed} missed", asked - missed);
    }
    Ok(())
}

/// The errors, two cells of a table, of who knows the rate in force at every frame's admission, over the frames of a
/// simulated run that are as long as 600 ms or twice the median: longer ones would have been given up.
fn knowing(model: &str, link: &str, words: &str, seconds: &str) -> Result<String, Failure> {
    let side = words.split_once("--size ").map_or("224", |(_, side)| side);
    let side = side.parse()?;
    let graph = &Arc::new(zoo::build(model, 1, side, side)?);
    let Some(trace) = shipped(link).transpose()? else {
        return Ok("0 | 0".to_owned());
    };
    let Some(plan) = plan(graph, words)? else {
        return Ok(" | ".to_owned());
    };
    let link = Link::of_trace(&Arc::new(trace), AfterEnd::Loop);
    let device = |name: &str| Profile::open(name).map(Arc::new);
    let world = World::pair(
        device("jetson-xavier-nx")?,
        device("gpu-server")?,
        link.clone(),
        None,
    );
    let problem = Problem::new(Arc::clone(graph), world.clone())?;
    let prepared = problem.prepared(&plan)?;
    let window = u32::from(plan.window);
    let end = Nanos((seconds.parse::<f64>()? * 1e9) as i64);
    // What a frame in the midst of others takes, at a constant rate.
    let filled = if window > 1 { 3 * window } else { 1 };
    let (mut frames, mut now) = (Vec::new(), Nanos(0));
    while now < end {
        // Far longer than any queue, short enough to end with the trace.
        let run = Run::of(if window > 1 { 20_000 } else { 1 }, now);
        let Ok(outcome) = prepared.run(graph, &world, &run) else {
            break;
        };
        for frame in outcome.frames.iter().filter(|f| f.admitted < end) {
            let mbps = link.up.mbps(frame.admitted).max(0.01);
            let mut steady = world.clone();
            steady.link = Link::constant(BitsPerSecond::from_mbps(mbps));
            steady.link.latency_ns = link.delay_ns(Direction::Up, frame.admitted);
            let steady = prepared.run(graph, &steady, &Run::of(filled, Nanos(0)))?;
            let expected = steady.frames.last().map_or(0, |f| f.latency_ns);
            frames.push(Frame {
                latency_ms: frame.latency_ns as f64 / 1e6,
                predicted_ms: expected as f64 / 1e6,
            });
            now = now.max(frame.result());
        }
    }
    frames.sort_by(|a, b| a.latency_ms.total_cmp(&b.latency_ms));
    let median_ms = frames.get(frames.len() / 2).map_or(0.0, |f| f.latency_ms);
    frames.retain(|f| f.latency_ms <= (2.0 * median_ms).max(600.0));
    Ok(Row::of(&mut frames).map_or_else(
        || " | ".to_owned(),
        |row| format!("{:.2} | {:.2}", row.p50, row.p90),
    ))
}

/// The plan that a demo's words ask for; none where it needs another graph, a batch.
fn plan(graph: &Graph, words: &str) -> Result<Option<Plan>, Failure> {
    let mut words = words.split(' ');
    let mut choice = Choice::usual(graph, ModeKind::Split);
    while let (Some(flag), Some(value)) = (words.next(), words.next()) {
        match flag {
            "--mode" => {
                let kind = ModeKind::ALL.into_iter().find(|kind| kind.name() == value);
                choice = Choice::usual(graph, kind.ok_or("no such mode")?);
            }
            "--cut" => choice.cuts = vec![value.parse()?],
            "--size" => {}
            "--tiles" => choice.tiles = value.parse()?,
            "--window" => choice.window = value.parse()?,
            "--share" => {
                let share: f64 = value.parse()?;
                choice.shares = vec![share, 1.0 - share];
            }
            _ => return Ok(None),
        }
    }
    Ok(Some(choice.plan(graph)?))
}

/// A frame's latency and its prediction, in milliseconds.
struct Frame {
    latency_ms: f64,
    predicted_ms: f64,
}

struct Row {
    frames: usize,
    latency_ms: f64,
    p50: f64,
    p90: f64,
}

impl Row {
    /// Fewer than ten frames say nothing.
    fn of(frames: &mut [Frame]) -> Option<Self> {
        if frames.len() < 10 {
            return None;
        }
        let error = |f: &Frame| (f.predicted_ms / f.latency_ms - 1.0).abs() * 100.0;
        let mut errors: Vec<f64> = frames.iter().map(error).collect();
        errors.sort_by(f64::total_cmp);
        frames.sort_by(|a, b| a.latency_ms.total_cmp(&b.latency_ms));
        let rank = |percent: usize| (frames.len() * percent).div_ceil(100) - 1;
        Some(Self {
            frames: frames.len(),
            latency_ms: frames[rank(50)].latency_ms,
            p50: errors[rank(50)],
            p90: errors[rank(90)],
        })
    }
}

fn demo(model: &str, link: &str, plan: &str, seconds: &str) -> Result<Vec<Frame>, Failure> {
    let program = argument("--program");
    let program = program
        .as_deref()
        .unwrap_or(env!("CARGO_BIN_EXE_splitscope"));
    let out = Command::new(program)
        .args(["demo", "--headless", "--json", "--engine", "emulated"])
        .args(["--input", "synthetic", "--model", model])
        .args(["--link", link, "--seconds", seconds])
        .args(plan.split(' '))
        .output()?;
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).into_owned().into());
    }
    let text = String::from_utf8_lossy(&out.stdout);
    Ok(text.lines().filter_map(frame).collect())
}

/// A frame that ran as planned, after the warm-up.
fn frame(line: &str) -> Option<Frame> {
    let line: Value = serde_json::from_str(line).ok()?;
    let number = |name: &str| line.get(name).and_then(Value::as_f64);
    let counts = line.get("outcome")?.as_str()? == "ok" && !line.get("warmup")?.as_bool()?;
    counts.then_some(Frame {
        latency_ms: number("latency_ms")?,
        predicted_ms: number("predicted_ms")?,
    })
}

fn argument(name: &str) -> Option<String> {
    let mut args = std::env::args();
    args.find(|arg| arg == name)?;
    args.next()
}
