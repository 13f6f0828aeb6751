//! A policy drives an emulated robot and server over a garden's link, as real processes, without libtorch.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail like tests"
)]

#[path = "support/console.rs"]
mod console;
#[path = "support/emulated.rs"]
mod emulated;

use console::{Console, Heard};
use emulated::Worker;
use splitscope::model::zoo;
use splitscope::plan::Plan;
use splitscope::policy::Spec;
use splitscope::wire::Outcome;
use splitscope::wire::console::Command;

const MODEL: &str = "vgg19_bn";

/// A robot under `auto` and its server, over a link.
async fn under_auto(link: &str) -> (Worker, Worker, Console) {
    let server = Worker::start(&["server", "--device", "gpu-server"]);
    let robot = Worker::robot(
        MODEL,
        &[&server.address],
        &["--link", link, "--policy", "auto"],
    );
    let console = Console::attach(&robot.address).await;
    (robot, server, console)
}

fn reigns(heard: &Heard) -> Option<Spec> {
    heard.reigns.last().copied().flatten()
}

/// Over a link that is too slow for every plan but `local`, no value passes: without soundings nothing would tell the rate.
#[tokio::test(flavor = "current_thread")]
async fn a_policy_that_keeps_everything_local_sounds_the_link_and_knows_its_rate() {
    let (_robot, _server, mut console) = under_auto("4").await;
    let told = |h: &Heard| {
        let local = h.frames.iter().rev().take(5).all(|f| f.mode == "local");
        let sounded = h.soundings.is_some_and(|s| s.count >= 10);
        let known = h
            .predictions
            .last()
            .is_some_and(|p| p.assumed.is_none() && (3.0..5.0).contains(&p.mbps));
        local && sounded && known
    };
    console
        .until("the rate is known from soundings", told)
        .await;
    let heard = &console.heard;
    let said = |event: &&String| event.contains("auto sounds the link");
    assert_eq!(heard.events.iter().filter(said).count(), 1, "said once");
    let cost = heard.soundings.unwrap();
    assert!(
        cost.bytes >= 4096 * cost.count / 2 && cost.busy_ns > 0,
        "{cost:?}"
    );

    // By hand: nobody needs the rate, and nothing is sounded.
    console.order(Command::SetPolicy { policy: None }).await;
    console
        .until("some frames", |h: &Heard| h.frames.len() >= 10)
        .await;
    let before = console.heard.soundings.unwrap().count;
    console
        .until("more frames", |h: &Heard| h.frames.len() >= 20)
        .await;
    let after = console.heard.soundings.unwrap().count;
    assert!(after <= before + 2, "{before} {after}");
}

/// Frames lost, told twice or out of order, and parts that do not sum up, fail in [`Heard`] as they come.
#[tokio::test(flavor = "current_thread")]
async fn auto_follows_the_link_by_itself_until_a_change_by_hand_takes_over() {
    let (_robot, _server, mut console) = under_auto("outdoors").await;
    console
        .until("the server is ready", |h: &Heard| h.is_ready(1))
        .await;
    console
        .until("three decisions", |h: &Heard| h.decisions.len() >= 3)
        .await;
    assert_eq!(reigns(&console.heard), Some(Spec::AUTO));
    for decision in &console.heard.decisions {
        assert_eq!(decision.policy, Spec::AUTO);
        assert_ne!(decision.from, decision.to.plan);
        assert!(!decision.compared.is_empty() && !decision.reasons.is_empty());
        assert!(
            decision.to.energy_j.is_some(),
            "the profile has power levels"
        );
    }
    let n = zoo::build(MODEL, 1, 224, 224).unwrap().operator_count() as usize;
    let prediction = console
        .heard
        .predictions
        .last()
        .expect("about one a second");
    assert_eq!(prediction.cuts.latency_us.len(), n + 1);
    assert!(prediction.emulated && prediction.plans.iter().any(|p| p.on_front));
    let frames = &console.heard.frames;
    let known = frames
        .iter()
        .filter(|f| f.outcome == Outcome::Ok && f.predicted_ns.is_some());
    assert!(known.count() > 0, "frames carry what was expected");

    // By hand: a switch of the policy that may be under way gives way.
    console.try_switch(&Plan::LOCAL).await.unwrap();
    assert_eq!(reigns(&console.heard), None);
    let decisions = console.heard.decisions.len();
    console
        .until("frames by hand", |h: &Heard| h.frames.len() >= 40)
        .await;
    assert_eq!(console.heard.decisions.len(), decisions);
    assert!(
        console
            .heard
            .frames
            .iter()
            .skip(1)
            .all(|f| f.mode == "local")
    );

    let policy = Some(Spec::AUTO);
    console.order(Command::SetPolicy { policy }).await;
    console
        .until("the policy has it again", |h: &Heard| reigns(h).is_some())
        .await;
    console
        .until("it decides again", |h: &Heard| {
            h.decisions.len() > decisions
        })
        .await;
    // Taken back as it is.
    console.order(Command::SetPolicy { policy: None }).await;
    console
        .until("nobody but operators", |h: &Heard| reigns(h).is_none())
        .await;
    // A switch that it had begun comes to its end; then a plan by hand is like any other.
    console
        .until("some frames", |h: &Heard| h.frames.len() >= 10)
        .await;
    console.switch(&Plan::LOCAL).await;
}
