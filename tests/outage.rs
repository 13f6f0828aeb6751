//! The link dies while frames flow, for real: network namespaces with a router between robot and server. Whatever
//! happens and under whatever mode, every frame ends exactly once and in order with the answer of `local`, and the plan
//! comes back with the link.
//!
//! Needs root and `ip`, `tc`, `sysctl`; where a system refuses namespaces, the tests say so and are skipped.
#![cfg(all(feature = "torch", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "helpers of tests fail like tests"
)]

#[path = "support/console.rs"]
mod console;
#[path = "outage/field.rs"]
mod field;

use console::{Console, Heard};
use field::{Field, Net};
use splitscope::model::zoo;
use splitscope::plan::{Choice, ModeKind, Plan, compile};
use splitscope::units::Epoch;
use splitscope::wire::{Outcome, StepKind};

/// One experiment at a time, also where the test runner starts several tests at once.
static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const SIZE: u32 = 64;
const BATCH: u32 = 2;

/// One plan of every mode that needs a server.
fn plans() -> Vec<Plan> {
    let graph = zoo::build("mobilenet_v2", BATCH, SIZE, SIZE).unwrap();
    let mut plans: Vec<Plan> = ModeKind::ALL
        .into_iter()
        .filter(|m| *m != ModeKind::Local)
        .map(|mode| Choice::usual(&graph, mode).plan(&graph).unwrap())
        .collect();
    plans.push(Plan::split(51).with_tiles(4));
    for plan in &plans {
        compile(&graph, plan, Epoch(0)).unwrap();
    }
    plans
}

/// Runs every mode through an outage that `cut` begins and `mend` ends.
async fn every_mode_survives(
    what: &str,
    cut: impl Fn(&mut Field),
    mend: impl Fn(&mut Field),
    seen: impl Fn(&Heard) -> bool,
) {
    let _one = ONE.lock().await;
    let Some(net) = Net::new() else { return };
    let mut field = Field::start(net, SIZE, BATCH);
    let mut console = Console::attach(&field.robot.address).await;
    console
        .until("the server is ready", |h| h.is_ready(1))
        .await;
    for plan in plans() {
        let label = plan.label();
        console.switch(&plan).await;
        console
            .until(&format!("{label} runs"), |h| h.ok_in_a_row >= 5)
            .await;
        let before = console.heard.finished_locally;
        cut(&mut field);
        console
            .until(&format!("{label} falls back ({what})"), |h| {
                h.finished_locally >= before + 5
            })
            .await;
        assert!(
            seen(&console.heard),
            "{label}, {what}: {:?}",
            console.heard.why
        );
        mend(&mut field);
        console
            .until(&format!("{label} comes back ({what})"), |h| {
                h.ok_in_a_row >= 5
            })
            .await;
        println!(
            "{what}, {label}: {} frames finished locally, the longest in {} ms",
            console.heard.finished_locally - before,
            console.heard.longest_ms
        );
        console.heard.longest_ms = 0;
    }
}

fn whatever(_: &Heard) -> bool {
    true
}

#[tokio::test(flavor = "current_thread")]
async fn every_mode_survives_a_pulled_cable() {
    every_mode_survives(
        "cable pulled",
        Field::pull_cable,
        Field::plug_cable,
        whatever,
    )
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn every_mode_survives_a_router_that_stops_forwarding() {
    every_mode_survives(
        "router silent",
        |f| f.forwarding(false),
        |f| f.forwarding(true),
        whatever,
    )
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn every_mode_survives_a_killed_server() {
    every_mode_survives(
        "server killed",
        Field::kill_server,
        Field::start_server,
        whatever,
    )
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn every_mode_survives_a_stopped_server() {
    every_mode_survives(
        "server stopped",
        |f| f.signal_server("STOP"),
        |f| f.signal_server("CONT"),
        whatever,
    )
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn every_mode_survives_a_trickle() {
    // The link is alive, heartbeats come back, but a frame's bytes do not: only the deadline notices.
    every_mode_survives(
        "trickle",
        |f| f.shape("60kbit"),
        Field::unshape,
        |h| h.reasons.iter().any(|r| r.contains("in vain")),
    )
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn an_interrupted_frame_goes_on_from_what_the_robot_computed() {
    let _one = ONE.lock().await;
    let Some(net) = Net::new() else { return };
    let mut field = Field::start(net, SIZE, BATCH);
    let graph = zoo::build("mobilenet_v2", BATCH, SIZE, SIZE).unwrap();
    let mut console = Console::attach(&field.robot.address).await;
    console
        .until("the server is ready", |h| h.is_ready(1))
        .await;
    let cut = 90;
    console.switch(&Plan::split(cut)).await;
    console
        .until("the split runs", |h| h.ok_in_a_row >= 5)
        .await;
    field.forwarding(false);
    let interrupted = |h: &Heard| h.frames.iter().any(|f| f.attempt > 0);
    console.until("a frame is interrupted", interrupted).await;
    let frame = console.heard.frames.iter().find(|f| f.attempt > 0).unwrap();
    assert_eq!(frame.outcome, Outcome::FinishedLocally);
    assert_eq!(frame.parts.sum_ns(), frame.latency_ns);
    // Every operator once: those before the cut by the first attempt, the rest by the second.
    for node in graph.operators() {
        let times = frame
            .steps
            .iter()
            .filter(|s| s.kind == StepKind::Compute && s.node == node.id);
        let devices: Vec<u8> = times.map(|s| s.device.0).collect();
        assert_eq!(devices, [0], "{} of a frame cut at {cut}", node.name);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_result_that_comes_too_late_is_thrown_away_and_counted() {
    let _one = ONE.lock().await;
    let Some(net) = Net::new() else { return };
    let mut field = Field::start(net, SIZE, BATCH);
    let mut console = Console::attach(&field.robot.address).await;
    console
        .until("the server is ready", |h| h.is_ready(1))
        .await;
    console.switch(&Plan::REMOTE).await;
    console.until("it runs", |h| h.ok_in_a_row >= 5).await;
    let before = console.heard.finished_locally;
    // The image gets there, and the result comes back, but seconds later.
    field.shape_down("40kbit");
    let falls_back = |h: &Heard| h.finished_locally > before;
    console.until("it falls back", falls_back).await;
    console
        .until("the late result is counted", |h| h.late_values > 0)
        .await;
}
