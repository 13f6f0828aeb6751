//! The robot tells what attached consoles cost its frames.

use std::time::Duration;

use splitscope::plan::Plan;

use crate::console::{Console, Heard};
use crate::emulated::Worker;

#[tokio::test(flavor = "current_thread")]
async fn frames_with_a_console_are_set_against_those_before_it_came() {
    let robot = Worker::start(&[
        "robot",
        "--device",
        "gpu-server",
        "--model",
        "mobilenet_v2",
        "--size",
        "96",
    ]);
    // The robot alone; its first two seconds do not count.
    tokio::time::sleep(Duration::from_millis(2_600)).await;
    let mut console = Console::attach(&robot.address).await;
    let known = |h: &Heard| h.shares.iter().any(|s| s.observer.is_some());
    console.until("the first word of it", known).await;
    let first = console.heard.shares[0].observer.unwrap();
    assert!(
        first.alone.frames >= 6 && first.alone.median_ns.is_some(),
        "{first:?}"
    );
    assert_eq!(
        (first.watched.frames, first.change),
        (0, None),
        "it settles: {first:?}"
    );
    let both = |h: &Heard| {
        h.shares
            .iter()
            .any(|s| s.observer.is_some_and(|o| o.change.is_some()))
    };
    console.until("a figure", both).await;
    let effect = console.heard.shares.last().unwrap().observer.unwrap();
    let change = effect.change.unwrap();
    assert!(effect.emulated && effect.watched.frames >= 6, "{effect:?}");
    // While a console is attached, nothing is added to what ran without.
    assert_eq!(effect.alone, first.alone);
    assert!(
        change.low_ppm <= change.ppm && change.ppm <= change.high_ppm,
        "{change:?}"
    );
    // Under another plan nothing is known yet.
    let epoch = effect.epoch;
    let longer = Plan {
        window: 2,
        ..Plan::LOCAL
    };
    console.switch(&longer).await;
    let newest = |h: &Heard| h.shares.last().and_then(|s| s.observer).map(|o| o.epoch);
    console
        .until("the other plan", |h: &Heard| newest(h) > Some(epoch))
        .await;
    let other = console.heard.shares.last().unwrap().observer.unwrap();
    assert_eq!((other.alone.frames, other.change), (0, None));
}
