//! A server is probed from another host while a robot's frames pass between servers.

use std::process::{Command, Output};

use splitscope::link::read_trace;
use splitscope::model::zoo;
use splitscope::plan::Plan;

use crate::console::{Console, Heard};
use crate::emulated::Worker;

fn probe(address: &str, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_splitscope"))
        .args(["probe", address, "--seconds", "0.5", "--direction", "both"])
        .args(more)
        .output()
        .unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn frames_that_come_from_another_server_are_not_disturbed_unless_told() {
    let servers = [(); 2].map(|()| Worker::start(&["server", "--device", "gpu-server"]));
    let both = servers.each_ref().map(|s| s.address.as_str());
    let robot = Worker::robot("mobilenet_v2", &both, &["--size", "96"]);
    let graph = zoo::build("mobilenet_v2", 1, 96, 96).unwrap();
    let third = graph.operator_count() / 3;
    let chain = Plan::chain(&[third, 2 * third]);
    let mut console = Console::attach(&robot.address).await;
    let ready = |h: &Heard| h.is_ready(2);
    console.until("both servers are ready", ready).await;
    while let Err(why) = console.try_switch(&chain).await {
        assert!(
            why.contains("connecting to") || why.contains("cannot reach"),
            "{why}"
        );
    }
    let runs = |h: &Heard| h.ok_in_a_row >= 10;
    console.until("frames over both servers", runs).await;

    // What reaches the second server comes from the first.
    let refused = probe(&servers[1].address, &[]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(
        told.contains("frames of the robot") && told.contains("--disturb"),
        "{told}"
    );

    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("between.csv");
    let out = out.to_str().unwrap();
    let told = probe(&servers[1].address, &["--disturb", "--out", out]);
    assert!(
        told.status.success(),
        "{}",
        String::from_utf8_lossy(&told.stderr)
    );
    // On a busy machine the last interval may not be whole.
    let trace = read_trace(out.as_ref()).unwrap();
    assert!(!trace.is_shared() && trace.rows().len() >= 3, "{trace:?}");
    let all = |mbps: fn(&splitscope::link::trace::Row) -> f64| trace.rows().iter().map(mbps);
    let (up, down): (f64, f64) = (all(|r| r.up_mbps).sum(), all(|r| r.down_mbps).sum());
    assert!(up > 0.0 && down > 0.0, "{up} and {down}");
    // The experiment goes on, and nothing of it was lost.
    console.heard.ok_in_a_row = 0;
    console.until("frames afterwards", runs).await;
}
