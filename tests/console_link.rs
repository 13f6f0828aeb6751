//! The console against workers on real sockets: honest, of another version, babbling, dying, silent.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "console_screen/fake.rs"]
mod fake;
#[path = "console_screen/script.rs"]
mod script;
#[path = "console_screen/simulate.rs"]
mod simulate;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command as Process, Output, Stdio};
use std::time::Duration;

use fake::{Console, worker};
use script::{batch, hello, plan};
use simulate::simulated;
use splitscope::model::zoo;
use splitscope::plan::{Join, Plan, shard_all};
use splitscope::units::BootId;
use splitscope::wire::console::{Role, ToConsole, ToWorker};
use splitscope::wire::{ClassScore, PROTOCOL, Record};
use tokio_tungstenite::tungstenite::Message;

/// So long that only a fault makes it pass.
const PATIENCE: Duration = Duration::from_secs(30);

fn attach(address: &str, options: &[&str]) -> Process {
    let mut process = Process::new(env!("CARGO_BIN_EXE_splitscope"));
    process
        .args(["attach", address, "--headless", "--name", "ann@desk"])
        .args(options)
        .env("SPLITSCOPE_DATA", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    process
}

fn run(address: &str, options: &[&str]) -> Output {
    attach(address, options).output().unwrap()
}

fn lines(output: &Output) -> Vec<serde_json::Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn frames_come_as_one_json_object_each_with_nothing_else_on_standard_output() {
    let address = worker(|listener| {
        let mut console = Console::accept(&listener);
        console.greet(hello(Role::Robot, 1, 1));
        let ToWorker::Hello(theirs) = console.hear() else {
            panic!("no hello");
        };
        assert_eq!(
            (theirs.protocol, theirs.name.as_str()),
            (PROTOCOL, "ann@desk")
        );
        let state = vec![plan(7, Plan::split(28))];
        console.say(&ToConsole::Telemetry(batch(1, state)));
        console.frames(7, 1..4);
        // Told again after a hiccup: counts once.
        console.frames(7, 2..9);
        console.wait();
    });
    let output = run(&address, &["--json", "--frames", "5"]);
    assert!(output.status.success(), "{}", errors(&output));
    let frames = lines(&output);
    let numbers: Vec<_> = frames
        .iter()
        .map(|f| f["frame"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let keys = [
        "frame",
        "epoch",
        "mode",
        "cut",
        "latency_ms",
        "robot_compute_ms",
        "uplink_ms",
        "server_compute_ms",
        "downlink_ms",
        "wait_ms",
        "overlap_ms",
        "bytes_up",
        "bytes_down",
        "outcome",
        "top1",
        "top1_score",
        "warmup",
        "preparing",
        "skipped",
        "attempt",
        "emulated",
        "clock_error_ms",
    ];
    let first = text.lines().next().unwrap();
    let places: Vec<_> = keys
        .map(|k| first.find(&format!("\"{k}\":")).unwrap())
        .into();
    assert!(places.is_sorted(), "{first}");
    assert_eq!(frames[0].as_object().unwrap().len(), keys.len());
    for frame in &frames {
        let ms = |key: &str| frame[key].as_f64().unwrap();
        let parts = [
            "robot_compute_ms",
            "uplink_ms",
            "server_compute_ms",
            "downlink_ms",
            "wait_ms",
        ];
        let sum: f64 = parts.iter().map(|part| ms(part)).sum();
        assert!((sum - ms("latency_ms")).abs() < 5e-4, "{frame}");
        assert_eq!(frame["top1"], "espresso");
        assert_eq!(
            (&frame["mode"], &frame["outcome"]),
            (&"split".into(), &"ok".into())
        );
    }
}

#[test]
fn syncs_servers_and_the_classes_of_a_batch_are_told_where_there_are_some() {
    let address = worker(|listener| {
        let mut console = Console::accept(&listener);
        console.greet(hello(Role::Robot, 1, 1));
        let graph = zoo::build("mobilenet_v2", 1, 224, 224).unwrap();
        let tensor = shard_all(&graph, &[0.4, 0.3, 0.3], Join::Gather).unwrap();
        let mut batch_frame = script::frame(2, 7, 28);
        let best = |class| vec![ClassScore { class, score: 0.5 }];
        batch_frame.other_tops = vec![best(504), best(285)];
        let frames = [simulated(1, 7, &tensor), batch_frame];
        let records = frames.map(|f| Record::Frame(Box::new(f)));
        console.say(&ToConsole::Telemetry(batch(1, records.into())));
        console.wait();
    });
    let output = run(&address, &["--json", "--frames", "2"]);
    assert!(output.status.success(), "{}", errors(&output));
    let frames = lines(&output);
    let (tensor, images) = (&frames[0], &frames[1]);
    let ms = |key: &str| tensor[key].as_f64().unwrap();
    let parts = ms("sync_wait_ms") + ms("sync_wire_ms") + ms("sync_concat_ms");
    assert!((parts - ms("sync_ms")).abs() < 5e-4, "{tensor}");
    assert!(ms("sync_wire_ms") > 0.0 && ms("sync_concat_ms") > 0.0);
    assert!((ms("sync_share") - ms("sync_ms") / ms("latency_ms")).abs() < 5e-4);
    assert_eq!(tensor["servers"], 2);
    assert!(tensor.get("batch_top1").is_none());
    assert!(images.get("sync_ms").is_none() && images.get("servers").is_none());
    let all = ["espresso", "coffee mug", "Egyptian cat"];
    assert_eq!(images["batch_top1"], serde_json::json!(all));
}

#[test]
fn people_get_words() {
    let address = worker(|listener| {
        let mut console = Console::accept(&listener);
        console.greet(hello(Role::Robot, 1, 1));
        console.frames(7, 1..3);
        console.wait();
    });
    let output = run(&address, &["--frames", "1"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("frame 1  epoch 7  split cut 28  "),
        "{text}"
    );
    assert!(text.contains("espresso 0.93"), "{text}");
}

#[test]
fn who_only_watches_a_robot_that_wants_a_token_hears_it() {
    let robot = |needs_token| {
        worker(move |listener| {
            let mut console = Console::accept(&listener);
            let mut told = hello(Role::Robot, 1, 1);
            told.needs_token = needs_token;
            console.greet(told);
            let _ = console.hear();
            let state = vec![plan(7, Plan::split(28))];
            console.say(&ToConsole::Telemetry(batch(1, state)));
            console.frames(7, 1..4);
            console.wait();
        })
    };
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&token, "wrong, perhaps").unwrap();
    let token = token.path().to_str().unwrap();
    let said = |needs_token, more: &[&str]| {
        let options = [&["--json", "--frames", "2"], more].concat();
        let output = run(&robot(needs_token), &options);
        assert!(output.status.success(), "{}", errors(&output));
        errors(&output)
    };
    let with_token = ["--token-file", token];
    assert!(said(true, &[]).contains("only watched: for control it wants a token"));
    assert!(said(true, &with_token).contains("the token of --token-file was not tried"));
    assert!(said(false, &with_token).contains("it wants no token"));
    let nothing = said(false, &[]);
    assert!(!nothing.contains("only watched"), "{nothing}");
}

#[test]
fn another_protocol_is_refused_by_name_and_the_exit_code_says_so() {
    let address = worker(|listener| {
        let mut console = Console::accept(&listener);
        let mut other = hello(Role::Robot, 1, 1);
        other.protocol = 9;
        other.version = "3.0.0".to_owned();
        console.greet(other);
        console.wait();
    });
    let output = run(&address, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let errors = errors(&output);
    assert!(
        errors.contains("it speaks protocol 9 (splitscope 3.0.0)"),
        "{errors}"
    );
}

#[test]
fn a_worker_that_says_no_is_quoted() {
    let address = worker(|listener| {
        let mut console = Console::accept(&listener);
        console.say(&ToConsole::Refused {
            reason: "32 consoles are attached; no more fit".to_owned(),
        });
        console.wait();
    });
    let output = run(&address, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors(&output).contains("32 consoles are attached"),
        "{}",
        errors(&output)
    );
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    let address = worker(|listener| {
        let mut console = Console::accept(&listener);
        console.0.send(Message::binary(vec![7_u8; 300])).unwrap();
        console.wait();
    });
    let output = run(&address, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors(&output).contains("cannot be read"),
        "{}",
        errors(&output)
    );
}

#[test]
fn telemetry_before_a_hello_is_refused() {
    let address = worker(|listener| {
        let mut console = Console::accept(&listener);
        console.frames(7, 1..3);
        console.wait();
    });
    let output = run(&address, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors(&output).contains("does not begin with a hello"),
        "{}",
        errors(&output)
    );
}

#[test]
fn a_web_server_is_no_worker() {
    let address = worker(|listener| {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).unwrap();
        let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).unwrap();
        // Closing with unread bytes would reset the connection before the answer is read.
        let _ = stream.read(&mut request);
    });
    let output = run(&address, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = errors(&output);
    assert!(
        errors.contains("no splitscope worker answers there: HTTP 404"),
        "{errors}"
    );
}

#[test]
fn a_worker_that_dies_and_comes_back_as_another_process_is_followed() {
    let address = worker(|listener| {
        let mut console = Console::accept(&listener);
        console.greet(hello(Role::Robot, 1, 1));
        console.frames(7, 100..102);
        console.hear();
        // It dies without a word, and for a while nobody answers properly.
        drop(console);
        let (stream, _) = listener.accept().unwrap();
        drop(stream);
        let mut console = Console::accept(&listener);
        let mut reborn = hello(Role::Robot, 2, 1);
        reborn.boot = BootId(2);
        console.greet(reborn);
        // Numbers start anew: they are other frames.
        console.frames(1, 1..3);
        console.wait();
    });
    let output = run(&address, &["--json", "--frames", "4", "--seconds", "60"]);
    assert!(output.status.success(), "{}", errors(&output));
    let numbers: Vec<_> = lines(&output)
        .iter()
        .map(|f| (f["frame"].as_u64().unwrap(), f["epoch"].as_u64().unwrap()))
        .collect();
    assert_eq!(numbers, [(100, 7), (101, 7), (1, 1), (2, 1)]);
    let errors = errors(&output);
    assert!(errors.contains("was restarted"), "{errors}");
}

#[test]
fn a_worker_that_never_says_hello_holds_up_nobody() {
    let silent = worker(|listener| {
        let _console = Console::accept(&listener);
        std::thread::sleep(PATIENCE);
    });
    let address = worker(|listener| {
        let mut console = Console::accept(&listener);
        console.greet(hello(Role::Robot, 1, 1));
        console.frames(7, 1..4);
        console.wait();
    });
    let output = run(&silent, &[&address, "--json", "--frames", "3"]);
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(lines(&output).len(), 3);
}

#[test]
fn nobody_reached_within_the_time_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let output = run(&address, &["--json", "--seconds", "0.3"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(
        errors(&output).contains("no worker answered at ws://"),
        "{}",
        errors(&output)
    );
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let address = worker(|listener| {
        let mut console = Console::accept(&listener);
        console.greet(hello(Role::Robot, 1, 1));
        for number in 1.. {
            console.frames(7, number..number + 1);
            if !console.0.can_write() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let mut child = attach(&address, &["--json"]).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(line.starts_with("{\"frame\":1,"), "{line}");
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert!(!errors(&output).contains("panicked"), "{}", errors(&output));
}

#[test]
fn sigint_and_sigterm_are_a_normal_end() {
    for signal in ["INT", "TERM"] {
        let address = worker(|listener| {
            let mut console = Console::accept(&listener);
            console.greet(hello(Role::Robot, 1, 1));
            console.frames(7, 1..2);
            console.wait();
        });
        let mut child = attach(&address, &["--json"]).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        send(&child, signal);
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

fn send(child: &Child, signal: &str) {
    let status = Process::new("kill")
        .args([format!("-{signal}"), child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn a_bad_address_is_a_usage_error() {
    let output = run("http://x:1", &["--json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        errors(&output).contains("http:// is not a WebSocket"),
        "{}",
        errors(&output)
    );
}
