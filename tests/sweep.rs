//! `splitscope sweep` and `splitscope run` against real worker processes on emulated devices: no libtorch.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail like tests"
)]

#[path = "support/console.rs"]
mod console;
#[path = "support/process.rs"]
mod process;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use console::Console;
use process::Worker;
use serde_json::Value;
use splitscope::plan::Plan;
use splitscope::sweep::{LeftOut, SweepFile};
use splitscope::wire::Outcome;

const ROBOT: [&str; 9] = [
    "robot",
    "--model",
    "mobilenet_v2",
    "--size",
    "64",
    "--engine",
    "emulated",
    "--device",
    "jetson-xavier-nx",
];

fn server() -> Worker {
    Worker::start(&["server", "--engine", "emulated", "--device", "gpu-server"])
}

fn robot(server: &str, more: &[&str]) -> Worker {
    let mut args = ROBOT.to_vec();
    args.extend(["--server", server]);
    args.extend(more);
    Worker::start(&args)
}

fn splitscope(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitscope"));
    command
        .args(args)
        .env("SPLITSCOPE_LOG", "warn")
        .env(
            "SPLITSCOPE_CACHE",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/sweep-cache"),
        )
        .env(
            "SPLITSCOPE_DATA",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/sweep-data"),
        )
        .stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    splitscope(args).output().unwrap()
}

fn place(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

/// A sweep that goes on until it is stopped; gives it once its first plan is measured.
fn endless(address: &str, out: &str) -> Child {
    let mut child = splitscope(&[
        "sweep",
        address,
        "--cuts",
        "3,9,20",
        "--repeats",
        "9999",
        "--json",
        "--out",
        out,
    ])
    .stdout(Stdio::piped())
    .stderr(Stdio::null())
    .spawn()
    .unwrap();
    let mut first = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut first).unwrap();
    assert!(first.contains("\"type\":\"frame\""), "{first}");
    // Somebody must read on, or the sweep would wait.
    std::thread::spawn(move || out.lines().count());
    child
}

#[test]
fn a_sweep_measures_every_plan_stores_its_frames_and_puts_the_plan_back() {
    let server = server();
    let robot = robot(&server.address, &["--cut", "7"]);
    let out = place("whole.csv");
    let name = out.to_str().unwrap();
    let output = run(&[
        "sweep",
        &robot.address,
        &server.address,
        "--cuts",
        "0,20",
        "--modes",
        "local,tile:share=0.3",
        "--repeats",
        "2",
        "--frames",
        "2",
        "--json",
        "--out",
        name,
    ]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(errors.contains("swept 4 plans"), "{errors}");
    let lines = lines(&output);
    let of = |kind: &str| lines.iter().filter(|l| l["type"] == kind).count();
    assert_eq!((of("plan"), of("end")), (4, 1));
    let end = lines.last().unwrap();
    assert_eq!(
        (&end["how"], &end["restored"]),
        (&"done".into(), &true.into())
    );
    // The stored file says the same, and says how it came about.
    let file = SweepFile::read(&out).unwrap();
    assert_eq!(file.frames.len(), of("frame"));
    assert_eq!(file.header.model.name, "mobilenet_v2");
    assert!(file.header.robot.emulated && file.header.servers[0].emulated);
    assert_eq!(file.visits.len(), 8);
    let warm = file
        .frames
        .iter()
        .filter(|f| f.left_out == Some(LeftOut::Warmup));
    assert!(
        warm.count() >= 8,
        "each visit begins with a frame that is left out"
    );
    for (plan, line) in file.summary().plans.iter().zip(&file.header.plans) {
        assert!(plan.frames >= 4 && plan.emulated, "{plan:?}");
        let power = file.visits.iter().filter(|v| v.power.is_some()).count();
        assert!(power > 0, "an emulated robot has emulated power");
        let own = file
            .frames
            .iter()
            .filter(|f| file.header.plans[f.plan].label == line.label);
        // What ran is what was asked for: nothing but its plan's bytes went up.
        let ships = line.ships_bytes.filter(|_| line.mode == "split");
        for frame in own.filter(|f| f.left_out.is_none()) {
            assert_eq!(frame.parts.sum_ns(), frame.latency_ns);
            assert!(
                ships.is_none_or(|b| frame.bytes_up == b),
                "{frame:?} {line:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_robot_puts_its_plan_back_when_the_sweeping_console_is_killed() {
    let server = server();
    let robot = robot(&server.address, &["--cut", "7"]);
    let out = place("killed.csv");
    let mut sweep = endless(&robot.address, out.to_str().unwrap());
    // SIGKILL: it cannot say goodbye.
    sweep.kill().unwrap();
    sweep.wait().unwrap();
    let mut console = Console::attach(&robot.address).await;
    let back = |h: &console::Heard| {
        let last = h.frames.last();
        last.is_some_and(|f| f.cut == Some(7) && f.outcome == Outcome::Ok && !f.warmup)
    };
    console.until("the plan from before", back).await;
    let kept = SweepFile::read(&out).unwrap();
    assert!(
        !kept.frames.is_empty() && kept.end.is_none(),
        "what was measured is kept"
    );
}

#[tokio::test]
async fn ctrl_c_keeps_what_is_there_and_puts_the_plan_back_at_once() {
    let server = server();
    let robot = robot(&server.address, &[]);
    // Chosen by a console, not at the start: what comes back is what was in effect.
    let mut console = Console::attach(&robot.address).await;
    console.until("the server", |h| h.is_ready(1)).await;
    console.switch(&Plan::split(7)).await;
    drop(console);
    let out = place("stopped.csv");
    let mut sweep = endless(&robot.address, out.to_str().unwrap());
    let id = rustix::process::Pid::from_child(&sweep);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    assert_eq!(sweep.wait().unwrap().code(), Some(1));
    let kept = SweepFile::read(&out).unwrap();
    assert_eq!(kept.end.unwrap().how, "aborted");
    let mut console = Console::attach(&robot.address).await;
    let back = |h: &console::Heard| h.frames.last().is_some_and(|f| f.cut == Some(7));
    console.until("the plan from before", back).await;
}

#[test]
fn what_cannot_be_swept_is_refused_with_exit_code_2() {
    let server = server();
    let robot = robot(&server.address, &[]);
    for (args, part) in [
        (&["--cuts", "9999"][..], "out of range"),
        (&["--modes", "data"], "batch"),
        (&[], "say what to sweep"),
        (&["--modes", "split:cut=best"], "experiment files"),
    ] {
        let mut all = vec!["sweep", &robot.address];
        all.extend(args);
        let output = run(&all);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {errors}");
        assert!(errors.contains(part), "{args:?}: {errors}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_shipped_experiment_runs_with_one_command() {
    let stem = place("quick");
    let _ = std::fs::remove_file(place("quick.mcap"));
    let output = run(&["run", "figure1", "--quick", "--out", stem.to_str().unwrap()]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let file = SweepFile::read(&place("quick.csv")).unwrap();
    assert_eq!(
        file.header.title.as_deref(),
        Some("VGG19, every partition point")
    );
    assert_eq!(file.header.link.as_deref(), Some("93"));
    let summary = file.summary();
    assert!(
        summary
            .plans
            .iter()
            .all(|p| p.frames > 0 && p.refused.is_none())
    );
    // Of the paper's Figure 1: shipping the picture beats shipping a layer of the front, on such a link.
    let ms = |cut| {
        let plan = summary.plans.iter().find(|p| p.cut == Some(cut));
        plan.unwrap().latency_ms.unwrap().value
    };
    assert!(ms(0) < ms(5) && ms(45) < ms(5));
    let unknown = run(&["run", "figure9"]);
    assert_eq!(unknown.status.code(), Some(2));
}
