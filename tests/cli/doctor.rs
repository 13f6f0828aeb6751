//! `splitscope doctor`: what it says of this machine and of a worker, and its exit code.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Ended, run, splitscope};

/// The findings of a check, as `--json` tells them.
fn findings(ended: &Ended, check: &str) -> Vec<Value> {
    let lines = ended.stdout.lines();
    let all = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|finding| finding["check"] == check).collect()
}

#[test]
fn every_part_of_this_machine_is_looked_at_and_every_complaint_has_its_advice() {
    let ended = run(&["doctor", "--json"]);
    for check in [
        "version", "port", "clock", "time", "power", "host", "libtorch", "CUDA", "disk", "terminal",
    ] {
        let found = findings(&ended, check);
        assert!(!found.is_empty(), "{check}: {ended:?}");
        for finding in found {
            let complains = finding["state"] != "ok";
            assert_eq!(finding["advice"].is_string(), complains, "{finding}");
        }
    }
    let failed = ended.stdout.contains("\"failure\"");
    assert_eq!(ended.code, Some(i32::from(failed)), "{ended:?}");
}

#[test]
fn a_worker_elsewhere_is_visited_and_one_that_is_not_there_is_a_failure() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let gone = run(&["doctor", "--json", "--to", &free.to_string()]);
    assert_eq!(gone.code, Some(1), "{gone:?}");
    let reach = &findings(&gone, "reach")[0];
    assert_eq!(reach["state"], "failure");
    assert!(
        reach["found"].as_str().unwrap().contains("refused"),
        "{reach}"
    );

    let mut server = splitscope(&["server", "--engine", "emulated", "--until-stdin-ends"])
        .args(["--device", "gpu-server", "--listen", "127.0.0.1:0"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut ready)
        .unwrap();
    let address = ready.trim().rsplit_once("ws://").unwrap().1.to_owned();
    let met = run(&["doctor", "--json", "--to", &address]);
    drop(server.stdin.take());
    server.wait().unwrap();
    let reach = &findings(&met, "reach")[0];
    assert!(
        reach["found"].as_str().unwrap().contains("round trip"),
        "{reach}"
    );
    let versions = findings(&met, "version");
    assert!(versions.iter().all(|v| v["state"] == "ok"), "{versions:?}");
    // The same machine: its clock is within the bound, a hundred milliseconds at the very most.
    let clock = findings(&met, "clock");
    assert!(
        clock
            .iter()
            .any(|c| c["found"].as_str().unwrap().contains("time of day")),
        "{clock:?}"
    );
}
