//! Predicted against measured latency, mode by mode, over emulated devices: real programs, sockets and bytes, times
//! from profiles. It needs no libtorch.
//!
//! ```text
//! cargo bench --profile dev --no-default-features --bench prediction -- [--seconds 20] [--model vgg19_bn]
//! ```
//!
//! Every frame carries what was expected at its admission; the error is taken over all frames that ran as planned,
//! less the first of an epoch. Targets (docs: METHODS, section 3): median of at most 5 % per mode on a constant link, 10 %
//! on the outdoors trace.
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use std::process::Command;

use serde_json::Value;

type Failure = Box<dyn std::error::Error>;

/// Links with the median error that is asked for, in percent.
const LINKS: [(&str, f64); 2] = [("93", 5.0), ("outdoors", 10.0)];
/// Plans by mode, with the words that ask for them.
const PLANS: [(&str, &str); 9] = [
    ("local", "--mode local"),
    ("remote", "--mode remote"),
    ("split", "--cut 28"),
    ("split, late", "--cut 50"),
    ("split, 4 tiles", "--cut 28 --tiles 4"),
    ("pipeline", "--mode pipeline --cut 28 --window 3"),
    ("tensor", "--mode tensor --share 0.1"),
    ("data", "--mode data --batch 2 --share 0.5"),
    ("tile", "--mode tile --share 0.3"),
];

fn main() -> Result<(), Failure> {
    let seconds = argument("--seconds").unwrap_or_else(|| "20".to_owned());
    let model = argument("--model").unwrap_or_else(|| "vgg19_bn".to_owned());
    let only = argument("--mode");
    println!("{model}, emulated jetson-xavier-nx and gpu-server, {seconds} s each");
    println!("| link | plan | frames | latency p50 ms | error p50 % | p90 % | target % | |");
    println!("|---|---|---:|---:|---:|---:|---:|---|");
    let mut missed = 0;
    for (link, target) in LINKS {
        for (name, words) in PLANS {
            if only.as_deref().is_some_and(|only| !name.starts_with(only)) {
                continue;
            }
            let mut frames = demo(&model, link, words, &seconds)?;
            let Some(row) = Row::of(&mut frames) else {
                println!(
                    "| {link} | {name} | {} | | | | {target} | too few |",
                    frames.len()
                );
                missed += 1;
                continue;
            };
            let verdict = if row.p50 <= target { "met" } else { "missed" };
            missed += u32::from(row.p50 > target);
            println!(
                "| {link} | {name} | {} | {:.1} | {:.2} | {:.2} | {target} | {verdict} |",
                row.frames, row.latency_ms, row.p50, row.p90
            );
        }
    }
    println!("{missed} of the targets missed");
    Ok(())
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
    let out = Command::new(env!("CARGO_BIN_EXE_splitscope"))
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
