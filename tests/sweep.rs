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

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use console::Console;
use process::Worker;
use serde_json::Value;
use splitscope::plan::Plan;
use splitscope::policy::{Objective, PolicyKind, Spec};
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

const SERVER: [&str; 5] = ["server", "--engine", "emulated", "--device", "gpu-server"];

fn server() -> Worker {
    Worker::start(&SERVER)
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
        "--idle",
        "0",
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
    while !first.contains("\"type\":\"frame\"") {
        first.clear();
        assert!(out.read_line(&mut first).unwrap() > 0, "it ended");
    }
    // Somebody must read on, or the sweep would wait.
    std::thread::spawn(move || out.lines().count());
    child
}

#[tokio::test]
async fn a_sweep_measures_every_plan_stores_its_frames_and_puts_the_plan_back() {
    let server = server();
    let robot = robot(&server.address, &["--cut", "7"]);
    let mut console = Console::attach(&robot.address).await;
    let foresees = |h: &console::Heard| !h.predictions.is_empty() && h.is_ready(1);
    console.until("what it expects", foresees).await;
    drop(console);
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
        "--idle",
        "4",
        "--json",
        "--out",
        name,
    ]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(errors.contains("swept 4 plans"), "{errors}");
    let lines = lines(&output);
    let of = |kind: &str| lines.iter().filter(|l| l["type"] == kind).count();
    assert_eq!((of("begin"), of("plan"), of("end")), (1, 4, 1));
    // Before it begins it says how long it will take: two stretches of idle time, and eight visits.
    let begin = &lines[0];
    assert_eq!(
        (&begin["visits"], &begin["at_most"]),
        (&8.into(), &false.into())
    );
    let predicted = begin["predicted_s"].as_f64().unwrap();
    assert!((10.0..40.0).contains(&predicted), "{begin}");
    assert!(
        errors.contains("4 plans, 2 rounds: 8 visits, about "),
        "{errors}"
    );
    let end = lines.last().unwrap();
    assert_eq!(
        (&end["how"], &end["restored"]),
        (&"done".into(), &true.into())
    );
    // Between the robot's own levels, an emulated one takes what its profile says of idling, before and after.
    let idle = &end["idle"];
    assert!(idle["seconds"].as_f64().unwrap() > 7.0, "{idle}");
    assert_eq!(idle["emulated"], true);
    // The stored file says the same, and says how it came about.
    let file = SweepFile::read(&out).unwrap();
    assert_eq!(file.frames.len(), of("frame"));
    assert_eq!(file.header.model.name, "mobilenet_v2");
    assert!(file.header.robot.emulated && file.header.servers[0].emulated);
    // On a crowded machine a link may be silent for too long: that visit is made again.
    let visited: BTreeSet<_> = file.visits.iter().map(|v| (v.round, v.plan)).collect();
    assert_eq!((visited.len(), file.idle.len()), (8, 2));
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
fn plans_are_packed_or_go_through_a_second_server_as_they_say() {
    let servers = [server(), server()];
    let robot = robot(&servers[0].address, &["--server", &servers[1].address]);
    let modes = "split:cut=20/80,remote:codec=shuffle-zstd";
    let output = run(&[
        "sweep",
        &robot.address,
        "--cuts",
        "20",
        "--codec",
        "f16",
        "--modes",
        modes,
        "--repeats",
        "1",
        "--idle",
        "0",
        "--out",
        place("packed.csv").to_str().unwrap(),
    ]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let file = SweepFile::read(&place("packed.csv")).unwrap();
    let labels: Vec<_> = file.header.plans.iter().map(|p| p.label.as_str()).collect();
    let expected = [
        "split 20 codec f16",
        "split 20+80 codec f16",
        "remote codec shuffle-zstd",
    ];
    assert_eq!(labels, expected);
    for plan in file.summary().plans {
        assert!(plan.frames >= 3, "{plan:?}");
    }
}

#[test]
fn a_server_that_is_killed_pauses_the_sweep_and_its_return_resumes_it() {
    // An address that no other test listens at: nobody gets the port while it is free.
    let first = Worker::start_at("127.0.0.9:0", &SERVER);
    let address = first.address.clone();
    let robot = robot(&address, &["--cut", "7"]);
    let out = place("resumed.csv");
    let mut sweep = splitscope(&["sweep", &robot.address, "--cuts", "3,9,20", "--idle", "0"])
        .args([
            "--repeats",
            "8",
            "--frames",
            "4",
            "--out",
            out.to_str().unwrap(),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(sweep.stderr.take().unwrap()).lines();
    let mut until = |part: &str| loop {
        let line = told.next().expect("the sweep goes on").unwrap();
        if line.contains(part) {
            return;
        }
    };
    // Told every half second: rounds that are over by then are told by none of these lines.
    until(" of 8  ");
    drop(first);
    until("paused");
    let second = Worker::start_at(&address, &SERVER);
    until("swept 3 plans");
    assert_eq!(sweep.wait().unwrap().code(), Some(0));
    drop(second);
    // Every visit was made in the end, and what ran without the server counts nowhere.
    let file = SweepFile::read(&out).unwrap();
    assert_eq!(file.end.as_ref().unwrap().how, "done");
    for plan in 0..3 {
        let own = file
            .visits
            .iter()
            .filter(|v| v.plan == plan && v.frames >= 4);
        assert_eq!(own.count(), 8, "plan {plan}");
    }
    let used = file.frames.iter().filter(|f| f.left_out.is_none());
    assert!(used.clone().all(|f| f.outcome == Outcome::Ok));
    assert!(used.count() >= 96);
}

#[tokio::test]
async fn a_policy_is_swept_like_a_plan_and_the_one_from_before_has_the_say_again() {
    let server = server();
    let before = Spec {
        kind: PolicyKind::Neurosurgeon,
        objective: Objective::Latency,
    };
    let robot = robot(&server.address, &["--policy", "neurosurgeon"]);
    let output = run(&[
        "sweep",
        &robot.address,
        "--modes",
        "local,auto",
        "--repeats",
        "2",
        "--idle",
        "0",
        "--json",
    ]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let lines = lines(&output);
    let of = |label: &str| {
        let plan = |l: &&Value| l["type"] == "plan" && l["label"] == label;
        lines.iter().find(plan).unwrap()
    };
    let chose = of("auto")["chose"].as_array().unwrap();
    let counted: u64 = chose.iter().map(|c| c["frames"].as_u64().unwrap()).sum();
    assert_eq!(Some(counted), of("auto")["frames"].as_u64());
    assert!(counted >= 6 && !chose[0]["plan"].as_str().unwrap().is_empty());
    assert!(of("local").get("chose").is_none());
    assert_eq!(lines.last().unwrap()["restored"], true);
    let mut console = Console::attach(&robot.address).await;
    let reigns = |h: &console::Heard| h.reigns.last() == Some(&Some(before));
    console.until("the policy from before", reigns).await;
    drop(console);
    // Also when the sweeping console dies.
    let mut sweep = endless(&robot.address, place("policy.csv").to_str().unwrap());
    sweep.kill().unwrap();
    sweep.wait().unwrap();
    let mut console = Console::attach(&robot.address).await;
    let taken = |h: &console::Heard| h.reigns.last() == Some(&None);
    console.until("the plan of the sweep", taken).await;
    console.until("the policy from before, again", reigns).await;
}

#[test]
fn an_experiment_runs_on_workers_that_run_already() {
    let token = place("token.txt");
    std::fs::write(&token, "a secret").unwrap();
    let token = token.to_str().unwrap();
    let server = server();
    let robot = robot(&server.address, &["--token-file", token]);
    let file = place("elsewhere.toml");
    let write = |model: &str| {
        let text = format!(
            "format = 1\ntitle = \"Elsewhere\"\nlink = \"as it is\"\n[model]\nname = \"{model}\"\nsize = [64, 64]\n\
             [robot]\naddress = \"ws://{}\"\n[[servers]]\naddress = \"ws://{}\"\n\
             [sweep]\ncuts = \"0,20\"\nplans = [{{ mode = \"split\", cut = 20, tiles = 2 }}]\n\
             repeats = 2\nidle_seconds = 0\n",
            robot.address, server.address
        );
        std::fs::write(&file, text).unwrap();
    };
    let stem = place("elsewhere");
    let _ = std::fs::remove_file(place("elsewhere.mcap"));
    let base = [
        "run",
        file.to_str().unwrap(),
        "--out",
        stem.to_str().unwrap(),
    ];
    let with_token = [&base[..], &["--token-file", token]].concat();
    write("vgg19");
    let output = run(&with_token);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(
        errors.contains("the robot runs mobilenet_v2 at 64x64"),
        "{errors}"
    );
    write("mobilenet_v2");
    let output = run(&base);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "without the token: {errors}");
    assert!(errors.contains("token"), "{errors}");
    assert!(
        !place("elsewhere.mcap").exists(),
        "nothing was swept, nothing is left"
    );
    let output = run(&with_token);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let swept = SweepFile::read(&place("elsewhere.csv")).unwrap();
    assert_eq!(swept.header.plans.len(), 3);
    assert_eq!(swept.header.servers.len(), 1);
    assert!(place("elsewhere.mcap").exists(), "it is recorded");
}

#[test]
fn probes_are_recorded_as_sessions_that_figures_are_made_of() {
    let stem = place("probed");
    let session = |link: &str| place(&format!("probed-{link}.mcap"));
    for link in ["indoors", "outdoors"] {
        let _ = std::fs::remove_file(session(link));
    }
    let output = run(&["run", "figure2", "--quick", "--out", stem.to_str().unwrap()]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let figure = place("probed.svg");
    let (indoors, outdoors) = (session("indoors"), session("outdoors"));
    let output = run(&[
        "report",
        indoors.to_str().unwrap(),
        outdoors.to_str().unwrap(),
        "--figure",
        "bandwidth",
        "--out",
        figure.to_str().unwrap(),
    ]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let drawn = std::fs::read_to_string(&figure).unwrap();
    assert!(
        drawn.contains("an emulated link"),
        "it says what was probed"
    );
    // A second run would write over the first one's sessions: it is refused before anything is measured.
    let again = run(&["run", "figure2", "--quick", "--out", stem.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(2));
}

#[test]
fn a_link_that_this_machine_could_not_play_is_said_beside_what_was_measured() {
    let experiment = place("too-fast.toml");
    std::fs::write(
        &experiment,
        "format = 1\ntitle = \"Too fast\"\n[[servers]]\nemulated = \"gpu-server\"\n\
         [probe]\nlinks = [\"datacentre-400g\"]\nseconds = 1\ninterval = 0.1\n",
    )
    .unwrap();
    let stem = place("too-fast");
    let _ = std::fs::remove_file(place("too-fast-datacentre-400g.mcap"));
    let experiment = experiment.to_str().unwrap();
    let output = run(&["run", experiment, "--out", stem.to_str().unwrap()]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(errors.contains("did not keep up with the link"), "{errors}");
    let trace = std::fs::read_to_string(place("too-fast-datacentre-400g.csv")).unwrap();
    assert!(trace.contains("# this machine did not keep up"), "{trace}");
}

#[test]
fn a_robot_that_is_not_there_is_said_while_the_sweep_waits_for_it() {
    let mut command = splitscope(&["sweep", "127.0.0.1:1", "--cuts", "3", "--no-record"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    errors.read_line(&mut said).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        said.contains("127.0.0.1:1") && said.contains("tried again"),
        "{said}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_once_by_the_robot() {
    let robot = robot("127.0.0.1:1", &[]);
    let mut console = Console::attach(&robot.address).await;
    let told = |heard: &console::Heard| -> usize {
        let missing = |text: &&String| text.contains("127.0.0.1:1 is not there");
        heard.events.iter().filter(missing).count()
    };
    let many = |heard: &console::Heard| told(heard) > 0 && heard.told > 30;
    console
        .until("frames, and the word of the server", many)
        .await;
    assert_eq!(told(&console.heard), 1, "{:?}", console.heard.events);
}

#[test]
fn what_cannot_be_swept_is_refused_with_exit_code_2() {
    let server = server();
    let robot = robot(&server.address, &[]);
    for (args, part) in [
        (&["--cuts", "9999"][..], "out of range"),
        (&["--modes", "data"], "batch"),
        (&[], "say what to sweep"),
        (&["--modes", "split:cut=9/3"], "cuts rise"),
        (&["--modes", "remote:codec=zip"], "codec=NAME"),
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
