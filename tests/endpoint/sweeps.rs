//! A sweep that ends, or is left in its middle: the plan from before comes back, unless somebody chose another.

use std::time::Duration;

use splitscope::plan::Plan;
use splitscope::policy::Spec;
use splitscope::units::Epoch;
use splitscope::wire::console::{Command, Role};
use splitscope::wire::{PlanRecord, Record};
use splitscope::worker::endpoint::{Limits, Order};

use crate::support::{Worker, command, event_text, quick};

fn begin() -> Command {
    Command::BeginSweep {
        restore: Plan::split(7),
    }
}

fn robot(patience: Duration) -> Worker {
    let limits = Limits {
        sweep: patience,
        ..quick()
    };
    Worker::start(Role::Robot, None, limits)
}

#[tokio::test]
async fn the_end_of_a_sweep_brings_the_plan_from_before_back() {
    let worker = robot(Duration::from_hours(1));
    let (mut ann, _) = worker.attach("ann@a").await;
    let refused = ann.order(begin()).await.unwrap_err();
    assert_eq!(refused, "nobody controls this robot; take control first");
    ann.take(false).await.unwrap();
    assert_eq!(
        ann.order(Command::EndSweep).await.unwrap_err(),
        "no sweep is on"
    );
    ann.order(begin()).await.unwrap();
    ann.order(Command::EndSweep).await.unwrap();
    let request = command(&worker.commands).await;
    assert_eq!(request.order, Order::Plan(Plan::split(7)));
    // The server is not there at this moment: the robot goes on trying without the console.
    request.reply.send(Err("no server".to_owned())).unwrap();
    drop(ann);
    let request = command(&worker.commands).await;
    assert_eq!(request.order, Order::Plan(Plan::split(7)));
    let (mut eve, _) = worker.attach("eve@e").await;
    request.reply.send(Ok(())).unwrap();
    let over = |r: &Record| {
        event_text(r).filter(|t| t.starts_with("the sweep is over, split 7 comes back"))
    };
    eve.until(over).await;
    eve.take(false).await.unwrap();
    assert_eq!(
        eve.order(Command::EndSweep).await.unwrap_err(),
        "no sweep is on"
    );
}

#[tokio::test]
async fn the_policy_from_before_gets_the_say_again_after_its_plan_is_back() {
    let worker = robot(Duration::from_millis(300));
    worker.hub.record(Record::Plan(PlanRecord {
        epoch: Epoch(3),
        plan: Plan::split(7),
        local_because: None,
        policy: Some(Spec::AUTO),
    }));
    let (mut ann, _) = worker.attach("ann@a").await;
    let is_known = || {
        worker
            .hub
            .state()
            .iter()
            .any(|r| matches!(r, Record::Plan(_)))
    };
    while !is_known() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    ann.take(false).await.unwrap();
    ann.order(begin()).await.unwrap();
    // The console dies in the middle.
    drop(ann);
    let request = command(&worker.commands).await;
    assert_eq!(request.order, Order::Plan(Plan::split(7)));
    request.reply.send(Ok(())).unwrap();
    let request = command(&worker.commands).await;
    assert_eq!(request.order, Order::Policy(Some(Spec::AUTO)));
}

#[tokio::test]
async fn a_console_that_vanishes_in_the_middle_leaves_the_plan_from_before() {
    let worker = robot(Duration::from_millis(300));
    let (mut ann, _) = worker.attach("ann@a").await;
    let (mut eve, _) = worker.attach("eve@e").await;
    ann.take(false).await.unwrap();
    ann.order(begin()).await.unwrap();
    drop(ann);
    let left =
        |r: &Record| event_text(r).filter(|t| t.starts_with("ann@a left in the middle of a sweep"));
    eve.until(left).await;
    assert_eq!(
        command(&worker.commands).await.order,
        Order::Plan(Plan::split(7))
    );
}

#[tokio::test]
async fn a_console_that_returns_goes_on_with_its_sweep() {
    let worker = robot(Duration::from_secs(2));
    let (mut ann, _) = worker.attach("ann@a").await;
    ann.take(false).await.unwrap();
    ann.order(begin()).await.unwrap();
    drop(ann);
    let (mut ann, _) = worker.attach("ann@a").await;
    while ann.take(false).await.is_err() {}
    ann.order(begin()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(worker.commands.try_recv().is_err(), "it came back too soon");
}

#[tokio::test]
async fn what_another_console_chose_meanwhile_stays() {
    let worker = robot(Duration::from_millis(300));
    let (mut ann, _) = worker.attach("ann@a").await;
    ann.take(false).await.unwrap();
    ann.order(begin()).await.unwrap();
    let (mut eve, _) = worker.attach("eve@e").await;
    eve.take(true).await.unwrap();
    let plan = Plan::split(3);
    eve.send(1_000, Command::SetPlan { plan }).await;
    let request = command(&worker.commands).await;
    assert_eq!(request.order, Order::Plan(Plan::split(3)));
    request.reply.send(Ok(())).unwrap();
    drop(ann);
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert!(
        worker.commands.try_recv().is_err(),
        "the sweep's plan came back"
    );
}
