//! Who may command, and what becomes of a command.

use std::time::Duration;

use splitscope::plan::Plan;
use splitscope::units::Epoch;
use splitscope::wire::Record;
use splitscope::wire::console::{Command, Role, proof};
use splitscope::worker::endpoint::{Limits, Order};

use crate::support::{Worker, command, event_text, quick, set_plan};

#[tokio::test]
async fn one_console_controls_until_it_is_forced_out_or_leaves() {
    let worker = Worker::robot();
    let (mut ann, _) = worker.attach("ann@a").await;
    let (mut bob, _) = worker.attach("bob@b").await;
    let refused = bob.order(set_plan()).await.unwrap_err();
    assert_eq!(refused, "nobody controls this robot; take control first");
    assert_eq!(ann.take(false).await, Ok(()));
    let refused = bob.order(set_plan()).await.unwrap_err();
    assert_eq!(refused, "ann@a controls this robot; take control first");
    assert!(
        bob.take(false)
            .await
            .unwrap_err()
            .starts_with("ann@a controls")
    );
    assert!(
        bob.order(Command::ReleaseControl)
            .await
            .unwrap_err()
            .starts_with("ann@a controls")
    );
    assert_eq!(bob.take(true).await, Ok(()));
    assert!(
        ann.order(set_plan())
            .await
            .unwrap_err()
            .starts_with("bob@b controls")
    );
    let bobs = bob.hello.session;
    let held = |r: &Record| match r {
        Record::Lease(lease) if lease.session == Some(bobs) => lease.name.clone(),
        _ => None,
    };
    // A console that attaches now is told who holds the lease.
    let (mut eve, first) = worker.attach("eve@e").await;
    assert_eq!(
        first.records.iter().find_map(held).as_deref(),
        Some("bob@b")
    );
    drop(bob);
    let gone = |r: &Record| event_text(r).filter(|t| t.starts_with("bob@b is gone"));
    eve.until(gone).await;
    assert_eq!(eve.take(false).await, Ok(()));
    assert_eq!(eve.order(Command::ReleaseControl).await, Ok(()));
    assert_eq!(ann.take(false).await, Ok(()));
    let again = |r: &Record| event_text(r).filter(|t| t == "ann@a took control");
    ann.until(again).await;
    // A console that comes back is another session: it must take control again.
    drop(ann);
    let (mut ann, _) = worker.attach("ann@a").await;
    assert!(
        ann.order(set_plan())
            .await
            .unwrap_err()
            .ends_with("take control first")
    );
}

#[tokio::test]
async fn with_a_token_only_its_proof_on_this_connection_gives_control() {
    let worker = Worker::start(Role::Robot, Some("sesame\n"), quick());
    let (mut ann, _) = worker.attach("ann@a").await;
    let (mut bob, _) = worker.attach("bob@b").await;
    let take = |proof| Command::TakeControl { force: true, proof };
    let right = proof("sesame", &ann.hello.nonce);
    assert!(
        bob.order(take(None))
            .await
            .unwrap_err()
            .contains("needs its token")
    );
    let wrong = proof("guess", &bob.hello.nonce);
    assert!(
        bob.order(take(Some(wrong)))
            .await
            .unwrap_err()
            .contains("not this worker's")
    );
    let overheard = bob.order(take(Some(right))).await;
    assert!(overheard.unwrap_err().contains("not this worker's"));
    assert_eq!(ann.order(take(Some(right))).await, Ok(()));
}

#[tokio::test]
async fn a_command_reaches_the_coordinator_once_and_its_refusal_comes_back() {
    let worker = Worker::robot();
    let (mut ann, _) = worker.attach("ann@a").await;
    ann.take(false).await.unwrap();
    ann.send(77, set_plan()).await;
    let request = command(&worker.commands).await;
    assert_eq!((request.id, request.session_name.as_str()), (77, "ann@a"));
    assert_eq!(
        (request.expect_epoch, request.order),
        (Some(Epoch(3)), Order::Plan(Plan::LOCAL))
    );
    // Twice while it is under way, once after: always the one answer.
    ann.send(77, set_plan()).await;
    ann.send(77, set_plan()).await;
    // Answered by the endpoint itself and in order: when it comes, the two before it have been heard.
    ann.order(Command::TakeControl {
        force: false,
        proof: None,
    })
    .await
    .unwrap();
    request
        .reply
        .send(Err("the server is not there".to_owned()))
        .unwrap();
    for _ in 0..3 {
        let reply = ann.reply().await;
        assert_eq!(reply.command, 77);
        assert_eq!(reply.result, Err("the server is not there".to_owned()));
    }
    ann.send(77, set_plan()).await;
    assert_eq!(
        ann.reply().await.result,
        Err("the server is not there".to_owned())
    );
    assert!(worker.commands.try_recv().is_err(), "it was done again");
    // Another number is another command.
    ann.send(78, set_plan()).await;
    command(&worker.commands).await.reply.send(Ok(())).unwrap();
    assert_eq!(ann.reply().await.result, Ok(()));
}

#[tokio::test]
async fn a_coordinator_that_is_busy_slow_or_gone_gives_a_sentence() {
    let limits = Limits {
        reply: Duration::from_millis(300),
        ..quick()
    };
    let worker = Worker::start(Role::Robot, None, limits);
    let (mut ann, _) = worker.attach("ann@a").await;
    ann.take(false).await.unwrap();
    for id in [10, 11, 12] {
        ann.send(id, set_plan()).await;
    }
    let full = ann.reply().await;
    assert_eq!(full.command, 12);
    assert!(
        full.result
            .unwrap_err()
            .contains("too many commands waiting")
    );
    for _ in [10, 11] {
        let late = ann.reply().await.result.unwrap_err();
        assert!(late.contains("did not answer within 0.3 s"), "{late}");
    }
    let Worker {
        endpoint: _kept,
        commands,
        ..
    } = worker;
    drop(commands);
    assert!(
        ann.order(set_plan())
            .await
            .unwrap_err()
            .contains("shutting down")
    );
}

#[tokio::test]
async fn a_server_sends_plans_to_the_robot() {
    let worker = Worker::start(Role::Server, None, quick());
    let (mut ann, _) = worker.attach("ann@a").await;
    ann.take(false).await.unwrap();
    let refused = ann.order(set_plan()).await.unwrap_err();
    assert_eq!(
        refused,
        "the robot coordinates plans; send this to the robot"
    );
}
