//! The robot is left alone for a while, so that its idle power can be measured.

use splitscope::plan::Plan;
use splitscope::units::Nanos;
use splitscope::wire::FrameRecord;
use splitscope::wire::console::Command as Order;

use crate::console::{Console, Heard};
use crate::emulated::Worker;

const IDLE_W: f64 = 4.7;

async fn robot_and_console(more: &[&str]) -> (Worker, Worker, Console) {
    let server = Worker::start(&["server", "--device", "gpu-server"]);
    let given = ["--size", "96", "--cut", "20"];
    let more = [&given, more].concat();
    let robot = Worker::robot("mobilenet_v2", &[&server.address], &more);
    let mut console = Console::attach(&robot.address).await;
    let runs = |h: &Heard| h.is_ready(1) && h.ok_in_a_row >= 5;
    console.until("frames of the plan", runs).await;
    (server, robot, console)
}

fn says<'a>(heard: &'a Heard, words: &str) -> Option<&'a String> {
    heard.events.iter().find(|text| text.contains(words))
}

/// Frames that were admitted while nothing was to be.
fn within(frames: &[FrameRecord], from: Nanos, until: Nanos) -> usize {
    let inside = |f: &&FrameRecord| (from.0..until.0).contains(&f.admitted.0);
    frames.iter().filter(inside).count()
}

#[tokio::test(flavor = "current_thread")]
async fn a_pause_measures_idle_power_and_loses_no_frame() {
    let (_server, _robot, mut console) = robot_and_console(&[]).await;
    console.order(Order::Idle { for_ms: 60_000 }).await;
    let quiet = |h: &Heard| h.pauses.iter().flatten().any(|p| p.quiet_since.is_some());
    console.until("the robot is quiet", quiet).await;
    let pause = console.heard.pauses.iter().flatten().next_back();
    let (by, began) = pause.map(|p| (p.by.clone(), p.began)).unwrap();
    assert_eq!(by, "test");

    // A second pause takes the place of the first; a plan that is set meanwhile waits for its end.
    console.order(Order::Idle { for_ms: 3_600 }).await;
    let local = Plan::LOCAL;
    console
        .order(Order::SetPlan {
            plan: local.clone(),
        })
        .await;
    let told = |h: &Heard| says(h, "is prepared and runs after the pause").is_some();
    console.until("the plan waits", told).await;
    assert!(says(&console.heard, "instead of the").is_some());

    console
        .until("the level", |h: &Heard| !h.idle.is_empty())
        .await;
    let level = console.heard.idle[0].clone();
    // Computing takes twice as much. On a crowded machine a late sensor thread counts a little of it.
    assert!((level.watts.0 - IDLE_W).abs() < 0.2, "{level:?}");
    assert!(
        level.emulated && level.covered_ns >= 2_000_000_000,
        "{level:?}"
    );
    let on = |h: &Heard| h.ok_in_a_row >= 5 && h.frames.iter().any(|f| f.mode == "local");
    let mut frames = std::mem::take(&mut console.heard.frames);
    console.until("frames go on", on).await;
    frames.append(&mut console.heard.frames);
    assert_eq!(within(&frames, began, level.until), 0);
    // Its number follows the last one's: `Heard` saw to that.
    let first = frames.iter().find(|f| f.admitted >= level.until).unwrap();
    assert!(first.warmup && first.mode == "local", "{first:?}");
    assert_eq!(console.heard.pauses.last(), Some(&None));
}

#[tokio::test(flavor = "current_thread")]
async fn a_pause_ends_when_asked_and_when_nobody_is_there_any_more() {
    let (_server, robot, mut console) = robot_and_console(&[]).await;
    let too_long = console.order(Order::Idle { for_ms: 120_001 }).await;
    let refused = |h: &Heard| h.refused.contains_key(&too_long);
    console.until("a refusal", refused).await;
    let why = &console.heard.refused[&too_long];
    assert!(why.contains("120 s at most at a time, not 120.0"), "{why}");
    assert!(console.heard.pauses.is_empty());

    console.order(Order::Idle { for_ms: 0 }).await;
    console.order(Order::Idle { for_ms: 60_000 }).await;
    let quiet = |h: &Heard| h.pauses.iter().flatten().any(|p| p.quiet_since.is_some());
    console.until("the robot is quiet", quiet).await;
    console.order(Order::Idle { for_ms: 0 }).await;
    console.heard.ok_in_a_row = 0;
    console
        .until("frames go on", |h: &Heard| h.ok_in_a_row >= 3)
        .await;
    // Too short for a number: that is said instead.
    let told = |h: &Heard| says(h, "idle power was not measured").is_some();
    console.until("why there is no level", told).await;
    assert!(says(&console.heard, "test ends the pause").is_some());
    assert!(console.heard.idle.is_empty());

    console.order(Order::Idle { for_ms: 1_500 }).await;
    let paused = |h: &Heard| h.pauses.last().is_some_and(Option::is_some);
    console.until("another pause", paused).await;
    drop(console);
    let mut other = Console::attach(&robot.address).await;
    other.until("frames", |h: &Heard| h.ok_in_a_row >= 3).await;
    assert_eq!(other.heard.pauses.last(), Some(&None));
}

#[tokio::test(flavor = "current_thread")]
async fn a_pause_is_free_of_the_soundings_of_a_policy() {
    let slow = ["--policy", "auto", "--link", "2"];
    let (_server, _robot, mut console) = robot_and_console(&slow).await;
    let sounds = |h: &Heard| h.soundings.is_some_and(|s| s.count > 3);
    console.until("the policy sounds the link", sounds).await;
    console.order(Order::Idle { for_ms: 3_600 }).await;
    let quiet = |h: &Heard| h.pauses.iter().flatten().any(|p| p.quiet_since.is_some());
    console.until("the robot is quiet", quiet).await;
    let count = |h: &Heard| h.soundings.map_or(0, |s| s.count);
    let before = count(&console.heard);
    console
        .until("the level", |h: &Heard| !h.idle.is_empty())
        .await;
    // One may have been on its way and not been told yet; at ten a second there would be thirty.
    let within = count(&console.heard) - before;
    assert!(within <= 2, "{within} soundings in the pause");
}
