//! `splitscope trace`, as somebody types it.

#![expect(clippy::unwrap_used, reason = "tests' helpers stop as tests do")]

use assert_cmd::Command;
use splitscope::link::trace::{SHIPPED, Trace};

fn splitscope(words: &[&str]) -> Command {
    let mut command = Command::cargo_bin("splitscope").unwrap();
    command.args(words);
    command
}

#[test]
fn the_command_that_a_shipped_trace_names_makes_it_again() {
    for (name, stored) in SHIPPED {
        let command = Trace::parse(stored.as_bytes()).unwrap().comments()[0].clone();
        let words: Vec<_> = command.split(' ').skip(1).collect();
        let made = splitscope(&words)
            .assert()
            .success()
            .get_output()
            .stdout
            .clone();
        assert!(
            made == stored.as_bytes(),
            "{name}: `{command}` makes another trace"
        );
    }
}

#[test]
fn a_trace_is_written_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("made.csv");
    let path = file.to_str().unwrap();
    let words = [
        "trace",
        "--model",
        "outdoors",
        "--seconds",
        "20",
        "--seed",
        "7",
        "--out",
        path,
    ];
    splitscope(&words).assert().success();
    let shown = splitscope(&["trace", "--show", path, "--json"])
        .assert()
        .success();
    let shown: serde_json::Value = serde_json::from_slice(&shown.get_output().stdout).unwrap();
    assert_eq!(shown["length_s"], 20.0);
    let mean = shown["up"]["mean_mbps"].as_f64().unwrap();
    assert!((mean - 73.0).abs() < 0.05, "{shown}");

    std::fs::write(
        &file,
        "# splitscope link trace v1\ntime_s,shared_mbps,delay_ms\n0,-1,0\n",
    )
    .unwrap();
    let refused = splitscope(&["trace", "--show", path]).assert().code(1);
    let told = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(told.contains("line 3") && told.contains("\"-1\""), "{told}");
    splitscope(&["trace"]).assert().code(2);
    splitscope(&["trace", "--model", "indoors", "--seconds", "0"])
        .assert()
        .code(2);
}
