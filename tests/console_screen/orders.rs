//! Orders to a robot: asked, granted, refused, unanswered.

use splitscope::console::app::{Key, Said};
use splitscope::plan::Plan;
use splitscope::units::{Epoch, FrameId, Nanos};
use splitscope::wire::console::{Command, Role};
use splitscope::wire::{Outcome, PlanRecord, Record, SwitchRecord, SwitchStage};

use crate::script::{frame, hello, plan};
use crate::{ROBOT, lease, live};

#[test]
fn enter_takes_free_control_then_sets_the_plan_and_every_stage_is_seen() {
    let mut console = live();
    console.keys(Key::Down, 2);
    assert!(
        console.status().contains("proposed: split 30"),
        "{}",
        console.status()
    );
    console.key(Key::Enter);
    assert_eq!(console.status(), "split 30: taking control first");
    let take = &console.sent()[0];
    let free = Command::TakeControl {
        force: false,
        proof: None,
    };
    assert_eq!((take.id, &take.command), (100, &free));
    console.reply(100, Ok(()));
    console.records(ROBOT, vec![lease(Some((5, "me@laptop")))]);
    assert!(console.row(0).contains("you control"), "{}", console.row(0));
    let set = console.sent().remove(0);
    assert_eq!((set.id, set.expect_epoch), (101, Some(Epoch(7))));
    let asked = Plan::split(30);
    assert_eq!(
        set.command,
        Command::SetPlan {
            plan: asked.clone()
        }
    );
    assert_eq!(console.status(), "split 30: sent");
    console.reply(101, Ok(()));
    assert_eq!(console.status(), "split 30: requested");
    let stage = |stage| {
        Record::Switch(SwitchRecord {
            at: Nanos(0),
            command: 101,
            plan: Plan::split(30),
            stage,
        })
    };
    let epoch = Epoch(8);
    console.records(ROBOT, vec![stage(SwitchStage::Requested)]);
    console.records(ROBOT, vec![stage(SwitchStage::Prepared { epoch })]);
    assert_eq!(console.status(), "split 30: requested · prepared (epoch 8)");
    let frame = FrameId(1060);
    let applied = stage(SwitchStage::Applied { epoch, frame });
    console.records(ROBOT, vec![applied, plan(8, asked)]);
    let status = "split 30: requested · prepared (epoch 8) · applied at frame 1060";
    assert_eq!(console.status(), status);
    assert_eq!(console.app.proposal(), None);
    assert!(console.row(0).contains("split 30/"), "{}", console.row(0));
    // What is done gives way to what is the matter now.
    let away = PlanRecord {
        epoch,
        plan: Plan::split(30),
        local_because: Some("the server is away".to_owned()),
        policy: None,
    };
    console.records(ROBOT, vec![Record::Plan(away)]);
    assert_eq!(console.status(), "frames run locally: the server is away");
}

#[test]
fn another_consoles_control_is_taken_only_after_a_second_enter() {
    let mut console = live();
    console.records(ROBOT, vec![lease(Some((9, "ann@desk")))]);
    assert!(console.row(0).contains("ann@desk controls"));
    console.key(Key::Right);
    console.key(Key::Enter);
    let question = "ann@desk controls; press Enter again to take over, Esc to leave";
    assert_eq!(console.status(), question);
    assert!(console.sent().is_empty());
    console.key(Key::Esc);
    assert!(console.status().starts_with("proposed: split 29"));
    console.keys(Key::Enter, 2);
    let force = Command::TakeControl {
        force: true,
        proof: None,
    };
    assert_eq!(console.sent()[0].command, force);
}

#[test]
fn a_refused_plan_stays_proposed_and_says_why() {
    let mut console = live();
    console.records(ROBOT, vec![lease(Some((5, "me@laptop")))]);
    console.key(Key::Right);
    console.key(Key::Enter);
    let id = console.sent()[0].id;
    console.reply(id, Err("another plan is being prepared".to_owned()));
    let status = console.status();
    assert_eq!(status, "split 29: refused: another plan is being prepared");
    assert!(console.app.proposal().is_some());
    console.key(Key::Right);
    assert!(console.status().starts_with("proposed: split 30"));
}

#[test]
fn a_plan_without_an_answer_is_asked_again_of_the_same_process() {
    let mut console = live();
    console.records(ROBOT, vec![lease(Some((5, "me@laptop")))]);
    console.key(Key::Right);
    console.key(Key::Enter);
    let first = console.sent().remove(0);
    console.hear(ROBOT, Said::Lost("the connection broke off".to_owned()));
    assert!(console.status().contains("asked again when it is back"));
    console.wait(600);
    console.hear(ROBOT, Said::Hello(Box::new(hello(Role::Robot, 1, 6))));
    let again = console.sent();
    assert!(matches!(
        again[0].command,
        Command::TakeControl { force: false, .. }
    ));
    assert_eq!(again[1], first);
    // It was done the first time: its epoch is not the expected one any more.
    console.reply(first.id, Err("expected epoch 7, but it is 8".to_owned()));
    console.records(ROBOT, vec![plan(8, Plan::split(29))]);
    assert_eq!(console.status(), "split 29: in effect (epoch 8)");
}

#[test]
fn a_plan_without_an_answer_is_unknown_when_the_robot_was_restarted() {
    let mut console = live();
    console.records(ROBOT, vec![lease(Some((5, "me@laptop")))]);
    console.key(Key::Right);
    console.key(Key::Enter);
    console.sent();
    console.hear(ROBOT, Said::Lost("the connection broke off".to_owned()));
    console.wait(600);
    console.hear(ROBOT, Said::Hello(Box::new(hello(Role::Robot, 77, 1))));
    assert!(console.sent().is_empty());
    let status = console.status();
    assert!(
        status.contains("unknown: the robot was restarted"),
        "{status}"
    );
    let screen = console.screen((160, 48));
    assert!(screen.contains("was restarted"), "{screen}");
    assert!(screen.contains("no frame yet"), "{screen}");
}

#[test]
fn a_token_is_proved_and_its_absence_explained() {
    let mut console = live();
    let mut robot = hello(Role::Robot, 1, 5);
    robot.needs_token = true;
    console.hear(ROBOT, Said::Hello(Box::new(robot)));
    console.records(ROBOT, vec![lease(None)]);
    console.key(Key::Char('c'));
    assert!(console.sent().is_empty());
    assert!(
        console.status().contains("--token-file"),
        "{}",
        console.status()
    );
}

#[test]
fn c_takes_and_releases_control() {
    let mut console = live();
    console.key(Key::Char('c'));
    let id = console.sent()[0].id;
    console.reply(id, Ok(()));
    console.records(ROBOT, vec![lease(Some((5, "me@laptop")))]);
    console.key(Key::Char('c'));
    assert_eq!(console.sent()[0].command, Command::ReleaseControl);
}

#[test]
fn frames_that_run_locally_say_why() {
    let mut console = live();
    console.records(
        ROBOT,
        vec![Record::Plan(PlanRecord {
            epoch: Epoch(7),
            plan: Plan::split(28),
            local_because: Some("the server is away".to_owned()),
            policy: None,
        })],
    );
    assert_eq!(console.status(), "frames run locally: the server is away");
    assert!(console.screen((40, 12)).contains("LOCAL"));
    assert!(console.row(0).contains("LOCAL (fallback)"));
}

#[test]
fn a_long_picture_name_leaves_the_score_and_what_limits_whole() {
    let mut console = live();
    let mut newest = frame(1042, 7, 28);
    newest.outcome = Outcome::FinishedLocally;
    newest.picture = "motorcycle_left.png".to_owned();
    newest.top[0].score = 0.586;
    console.records(ROBOT, vec![Record::Frame(Box::new(newest))]);
    let screen = console.screen((80, 24));
    let line = screen.lines().find(|l| l.contains("finished locally"));
    let line = line.expect("the result's line");
    assert!(
        line.contains(" 0.59 ") && line.contains(" limited by "),
        "{line}"
    );
}
