//! The Sweep screen: a sweep from the first key to the plan from before.

use splitscope::console::app::sweeping::{Kept, Stage, Stored};
use splitscope::console::app::{Key, Moment, Screen, Update};
use splitscope::plan::Plan;
use splitscope::units::{Epoch, FrameId, Nanos};
use splitscope::wire::console::Command;
use splitscope::wire::{Record, SwitchRecord, SwitchStage};

use crate::script::{frame, plan};
use crate::{Console, ROBOT, lease, live, snapshots};

const S: Key = Key::Char('s');

/// The newest command sent, answered with yes.
fn granted(console: &mut Console) -> Command {
    let message = console.sent().pop().unwrap();
    console.reply(message.id, Ok(()));
    message.command
}

/// The robot runs the plan that was ordered last: three frames and one to warm up, 5 ms faster at every 10th cut.
fn measure(console: &mut Console, epoch: u32) -> Plan {
    let Command::SetPlan { plan } = granted(console) else {
        panic!("no plan was ordered");
    };
    run_frames(console, plan, epoch)
}

fn run_frames(console: &mut Console, plan: Plan, epoch: u32) -> Plan {
    let cut = match &plan.mode {
        splitscope::plan::Mode::Split { cuts, .. } => match cuts[0].0 {
            splitscope::plan::Cut::Prefix(k) => k,
            splitscope::plan::Cut::Set(_) => 0,
        },
        _ => 153,
    };
    let first = u64::from(epoch) * 10_000;
    let applied = SwitchRecord {
        at: Nanos(0),
        command: 0,
        plan: plan.clone(),
        stage: SwitchStage::Applied {
            epoch: Epoch(epoch),
            frame: FrameId(first),
        },
    };
    let mut records = vec![Record::Switch(applied)];
    for number in first..first + 4 {
        let mut record = frame(number, epoch, cut);
        if cut == 153 {
            // All on the robot is the fastest; nothing can be streamed there.
            record.latency_ns /= 2;
        }
        record.warmup = number == first;
        record.predicted_ns = Some(record.latency_ns * 9 / 10);
        records.push(Record::Frame(Box::new(record)));
    }
    console.wait(300);
    console.records(ROBOT, records);
    plan
}

/// A sweep of all cuts, with this many measured.
pub(crate) fn sweeping(measured: u32) -> Console {
    let mut console = live();
    console.key(S);
    assert_eq!(console.app.screen(), Screen::Sweep);
    console.key(S);
    let control = granted(&mut console);
    assert!(matches!(control, Command::TakeControl { force: false, .. }));
    console.records(ROBOT, vec![lease(Some((5, "ann@laptop")))]);
    let begin = granted(&mut console);
    assert_eq!(
        begin,
        Command::BeginSweep {
            restore: Plan::split(28)
        }
    );
    for epoch in 8..8 + measured {
        measure(&mut console, epoch);
    }
    console
}

#[test]
fn a_sweep_by_keys() {
    let mut idle = live();
    idle.key(S);
    snapshots("sweep_idle", &idle);
    let mut console = sweeping(40);
    console.keys(Key::Down, 70);
    snapshots("sweep_running", &console);
}

#[test]
fn a_sweep_is_set_up_by_keys_and_stored_as_it_grows() {
    let mut console = live();
    console.key(S);
    // Cuts that one tensor crosses; tile parallelism at 45 % on the robot; auto; until 5 %; idle time for net energy.
    console.key(Key::Right);
    console.keys(Key::Down, 6);
    console.key(Key::Right);
    console.keys(Key::Left, 5);
    console.key(Key::Down);
    console.key(Key::Char('+'));
    console.key(Key::Down);
    console.keys(Key::Char('+'), 2);
    console.keys(Key::Down, 4);
    console.key(Key::PageDown);
    let screen = console.screen((160, 48));
    for words in [
        "those that one tensor crosses",
        "45 % of the rows on the robot",
        "auto       yes",
        "under 5 % wide",
        "10 s before and after",
        "plans, at most 200 rounds",
    ] {
        assert!(screen.contains(words), "{words}: {screen}");
    }
    snapshots("sweep_form", &console);
    console.key(S);
    granted(&mut console);
    granted(&mut console);
    let sweeping = console.app.sweeping().unwrap();
    let sweep = sweeping.sweep().unwrap();
    assert!(sweep.plans().len() < 100, "{}", sweep.plans().len());
    assert_eq!(sweep.plans().last().unwrap().label, "auto");
    assert_eq!(sweep.settings().idle_ms, 10_000);
    console.app.update(
        Update::Stored(Stored::In("/data/sweeps/2026-11-25T14-35-12Z.csv".into())),
        Moment::default(),
    );
    let screen = console.screen((160, 48));
    assert!(
        screen.contains("stored in /data/sweeps/2026-11-25T14-35-12Z.csv"),
        "{screen}"
    );
    assert!(
        console.screen((80, 24)).contains("in 2026-11-25T14"),
        "short of room, its name"
    );
}

#[test]
fn the_best_cut_is_sought_first_and_then_comes_the_sweep() {
    let mut console = live();
    console.key(S);
    // No cuts of its own; a streamed split.
    console.key(Key::Left);
    console.keys(Key::Down, 3);
    console.key(Key::Right);
    let screen = console.screen((160, 48));
    assert!(screen.contains("at the best cut, found first"), "{screen}");
    console.key(S);
    granted(&mut console);
    granted(&mut console);
    assert!(console.screen((160, 48)).contains("best cut: round 1 of 3"));
    for epoch in 8.. {
        match granted(&mut console) {
            Command::SetPlan { plan } => run_frames(&mut console, plan, epoch),
            Command::EndSweep => break,
            other => panic!("{other:?}"),
        };
    }
    assert!(console.kept().is_empty(), "the search is not kept");
    console.records(ROBOT, vec![plan(9_999, Plan::split(28))]);
    let sweeping = console.app.sweeping().unwrap();
    let plans = &sweeping.header().plans;
    assert_eq!(plans.len(), 1, "{plans:?}");
    assert!(plans[0].label.ends_with(" in 4 tiles"), "{plans:?}");
    assert_eq!(plans[0].cut.unwrap() % 10, 0, "the fastest ones");
    let control = granted(&mut console);
    assert!(matches!(control, Command::TakeControl { .. }));
    assert!(matches!(console.kept()[0], Kept::Begin(_)));
}

#[test]
fn a_search_for_the_best_cut_that_is_stopped_begins_nothing() {
    let mut console = live();
    console.key(S);
    console.key(Key::Left);
    console.keys(Key::Down, 3);
    console.key(Key::Right);
    console.key(S);
    granted(&mut console);
    granted(&mut console);
    measure(&mut console, 8);
    console.key(Key::Char('x'));
    console.key(Key::Enter);
    assert_eq!(granted(&mut console), Command::EndSweep);
    console.records(ROBOT, vec![plan(99, Plan::split(28))]);
    assert!(console.app.sweeping().unwrap().is_over());
    assert!(console.sent().is_empty());
    let screen = console.screen((160, 48));
    assert!(screen.contains("did not come to its end"), "{screen}");
}

#[test]
fn what_is_measured_is_handed_on_to_be_stored() {
    let mut console = sweeping(2);
    let rows = |kept: &[Kept]| -> usize {
        let frames = kept.iter().map(|k| match k {
            Kept::News(news) => news.frames.len(),
            Kept::Begin(_) | Kept::End(_) => 0,
        });
        frames.sum()
    };
    let kept = console.kept();
    assert!(matches!(&kept[0], Kept::Begin(header) if header.plans.len() == 154));
    measure(&mut console, 10);
    console.key(Key::Char('x'));
    assert!(
        console.status().starts_with("end the sweep?"),
        "it asks first"
    );
    console.key(Key::Enter);
    granted(&mut console);
    console.records(ROBOT, vec![plan(99, Plan::split(28))]);
    let later = console.kept();
    assert_eq!(rows(&kept) + rows(&later), 3 * 4, "frames of three visits");
    assert!(matches!(later.last(), Some(Kept::End(end)) if end.how == "aborted"));
    assert!(console.kept().is_empty(), "once");
}

#[test]
fn stopping_keeps_what_is_there_and_the_plan_comes_back() {
    let mut console = sweeping(5);
    console.key(Key::Char('f'));
    let skipped = console.sent().pop();
    assert!(
        matches!(skipped.unwrap().command, Command::SetPlan { .. }),
        "the next plan"
    );
    console.key(Key::Char('x'));
    assert!(
        console.status().starts_with("end the sweep?"),
        "it asks first"
    );
    console.key(Key::Enter);
    assert_eq!(granted(&mut console), Command::EndSweep);
    assert!(matches!(
        console.app.sweeping().unwrap().stage(),
        Stage::Restoring { .. }
    ));
    console.records(ROBOT, vec![plan(99, Plan::split(28))]);
    assert!(console.app.sweeping().unwrap().is_restored());
    let screen = console.screen((160, 48));
    assert!(
        screen.contains("stopped, 5 visits; split 28 is back"),
        "{screen}"
    );
    assert!(screen.contains("fastest split "), "{screen}");
}

#[test]
fn enter_goes_to_the_layer_with_its_cut_proposed() {
    let mut console = sweeping(2);
    console.keys(Key::Down, 30);
    console.key(Key::Enter);
    assert_eq!(console.app.screen(), Screen::Layers);
    assert_eq!(
        console.app.proposal().map(|p| p.plan.clone()),
        Some(Plan::split(30))
    );
}

#[test]
fn another_console_that_takes_control_ends_the_sweep_and_chooses_the_plan() {
    let mut console = sweeping(2);
    console.sent();
    console.records(ROBOT, vec![lease(Some((9, "eve@desk")))]);
    assert!(console.app.sweeping().unwrap().is_over());
    assert!(console.sent().is_empty(), "nothing more is ordered");
    let screen = console.screen((160, 48));
    assert!(
        screen.contains("eve@desk took control, 2 visits"),
        "{screen}"
    );
}
