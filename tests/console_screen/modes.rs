//! The mode picker, the timeline, syncs, and several servers.

use splitscope::console::app::{Key, Keymap, Screen};
use splitscope::model::zoo;
use splitscope::plan::{Join, Plan, shard_all};
use splitscope::units::{DeviceId, Epoch, FrameId};
use splitscope::wire::console::{Command, Role};
use splitscope::wire::{
    InputRecord, LinkSample, Outcome, PeerRecord, PeerState, Record, StepKind, SwitchRecord,
    SwitchStage,
};

use crate::script::{frame, hello, model, plan};
use crate::simulate::simulated;
use crate::{
    Console, MS, ROBOT, Said, event, lease, live, peer_ready, snapshots, ten_seconds_of_link,
};
use splitscope::units::Nanos;
use splitscope::wire::Level;

const M: Key = Key::Char('m');
const T: Key = Key::Char('t');

fn tensor() -> Plan {
    let graph = zoo::build("mobilenet_v2", 1, 224, 224).unwrap();
    shard_all(&graph, &[0.3, 0.7], Join::Gather).unwrap()
}

/// A robot at work under a plan, with frames that its programs make.
fn running(of: &Plan) -> Console {
    let mut console = Console::new();
    console.wait(20);
    console.hear(ROBOT, Said::Hello(Box::new(hello(Role::Robot, 1, 5))));
    let mut records = vec![plan(7, of.clone()), lease(None), peer_ready()];
    records.extend(ten_seconds_of_link());
    let frames = (1038..=1041).map(|n| Record::Frame(Box::new(simulated(n, 7, of))));
    records.extend(frames);
    console.records(ROBOT, records);
    console
}

/// What an overlay says, in one line.
fn words(console: &Console) -> String {
    let screen = console.screen((160, 48));
    let words: Vec<&str> = screen.split_whitespace().filter(|w| *w != "│").collect();
    words.join(" ")
}

#[test]
fn picker_of_a_split() {
    let mut console = live();
    console.key(M);
    console.keys(Key::Right, 1);
    console.key(Key::Down);
    console.keys(Key::Char('+'), 3);
    snapshots("picker_split", &console);
}

#[test]
fn picker_of_tensor() {
    let mut console = live();
    console.key(M);
    console.keys(Key::Down, 2);
    console.key(Key::Tab);
    console.keys(Key::PageDown, 2);
    snapshots("picker_tensor", &console);
}

#[test]
fn picker_refuses_data_at_batch_one_before_enter() {
    let mut console = live();
    console.key(M);
    console.keys(Key::Down, 3);
    snapshots("picker_data_refused", &console);
    console.sent();
    console.key(Key::Enter);
    assert!(console.sent().is_empty());
    assert!(console.app.picker().is_some());
}

#[test]
fn the_picker_asks_for_its_plan_as_the_cut_keys_do() {
    let mut console = live();
    console.records(ROBOT, vec![lease(Some((5, "me@laptop")))]);
    console.key(M);
    console.key(Key::Down);
    assert!(
        words(&console).contains("pipeline 28, window 3: up 1.8 MB"),
        "{}",
        words(&console)
    );
    console.key(Key::Enter);
    assert!(console.app.picker().is_none());
    let set = console.sent().remove(0);
    let asked = Plan::split(28).with_window(3);
    let command = Command::SetPlan {
        plan: asked.clone(),
    };
    assert_eq!((set.command, set.expect_epoch), (command, Some(Epoch(7))));
    assert_eq!(console.status(), "pipeline 28, window 3: sent");
    console.reply(set.id, Ok(()));
    let stage = |stage| {
        Record::Switch(SwitchRecord {
            at: Nanos(0),
            command: set.id,
            plan: asked.clone(),
            stage,
        })
    };
    let (epoch, frame) = (Epoch(8), FrameId(1050));
    let stages = [
        SwitchStage::Requested,
        SwitchStage::Prepared { epoch },
        SwitchStage::Applied { epoch, frame },
    ];
    console.records(ROBOT, stages.map(stage).into());
    console.records(ROBOT, vec![plan(8, asked.clone())]);
    assert!(console.status().ends_with("applied at frame 1050"));
    assert_eq!(console.app.proposal(), None);
    assert!(console.row(0).contains("pipeline 28/153, window 3"));
    // The cut keys keep the window.
    console.key(Key::Right);
    assert!(
        console
            .status()
            .starts_with("proposed: pipeline 29, window 3")
    );
}

#[test]
fn a_plan_from_the_picker_needs_control_and_the_plan_in_effect_is_not_asked_for() {
    let mut console = live();
    console.records(ROBOT, vec![lease(Some((9, "ann@desk")))]);
    console.sent();
    for key in [M, Key::Down, Key::Enter] {
        console.key(key);
    }
    assert!(console.status().contains("press Enter again to take over"));
    assert!(console.sent().is_empty());
    let mut console = live();
    console.sent();
    console.key(M);
    console.key(Key::Enter);
    assert_eq!(console.status(), "split 28 is in effect already");
    assert!(console.sent().is_empty());
    // Esc leaves everything as it is.
    console.key(M);
    console.keys(Key::Down, 2);
    console.key(Key::Esc);
    assert!(console.app.picker().is_none() && console.app.proposal().is_none());
}

#[test]
fn the_picker_reaches_as_many_servers_as_there_are() {
    let mut console = live();
    let second = PeerRecord {
        device: DeviceId(2),
        address: "10.0.0.4:7402".to_owned(),
        state: PeerState::Ready,
        clock: None,
        link: None,
    };
    console.records(ROBOT, vec![Record::Peer(second)]);
    console.key(M);
    console.keys(Key::Right, 2);
    assert!(
        words(&console).contains("split 28+90: up 1.8 MB"),
        "{}",
        words(&console)
    );
    assert!(words(&console).contains("between servers"));
}

#[test]
fn every_key_does_something_sensible_in_every_state() {
    let keys = [
        M,
        T,
        Key::Left,
        Key::Right,
        Key::Up,
        Key::Down,
        Key::PageUp,
        Key::PageDown,
        Key::Home,
        Key::End,
        Key::Tab,
        Key::Backspace,
        Key::Char('+'),
        Key::Char('-'),
        Key::Char('['),
        Key::Char(']'),
        Key::Char('9'),
        Key::Char('?'),
        Key::Esc,
        Key::Char('b'),
        Key::Char('z'),
        Key::Char('p'),
        Key::Enter,
    ];
    // A walk that comes through many states; nothing panics at any size.
    let mut console = running(&tensor());
    let mut seed = 7_u32;
    for _ in 0..400 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        console.key(keys[(seed >> 16) as usize % keys.len()]);
        let size = [(40, 12), (80, 24), (160, 48), (41, 13), (119, 29)][(seed >> 8) as usize % 5];
        console.screen(size);
    }
}

#[test]
fn timeline_of_a_split_streamed_in_tiles() {
    let mut console = running(&Plan::split(28).with_tiles(4));
    console.key(T);
    snapshots("timeline_tiles", &console);
}

#[test]
fn timeline_of_tensor() {
    let mut console = running(&tensor());
    console.key(T);
    // Into the frame, to the join of some layer.
    console.keys(Key::Up, 3);
    console.keys(Key::Char('+'), 3);
    for _ in 0..40 {
        console.key(Key::Right);
    }
    snapshots("timeline_tensor", &console);
}

#[test]
fn the_timeline_holds_a_frame_while_others_come() {
    let mut console = running(&Plan::split(28));
    let frames = |numbers: std::ops::Range<u64>| -> Vec<Record> {
        numbers
            .map(|n| Record::Frame(Box::new(frame(n, 7, 28))))
            .collect()
    };
    let title = |console: &Console| console.row(4);
    console.key(T);
    assert!(
        title(&console).contains("newest frame 1041"),
        "{}",
        title(&console)
    );
    console.records(ROBOT, frames(1042..1044));
    assert!(title(&console).contains("newest frame 1043"));
    console.key(Key::Char('['));
    assert!(
        title(&console).contains("┌ frame 1042"),
        "{}",
        title(&console)
    );
    // Longer than the store keeps steps.
    console.records(ROBOT, frames(1044..1400));
    assert!(title(&console).contains("┌ frame 1042"));
    console.key(Key::Char('['));
    assert!(
        title(&console).contains("┌ frame 1042"),
        "there is no older one"
    );
    console.key(Key::Char(']'));
    assert!(
        title(&console).contains("┌ frame 1272"),
        "{}",
        title(&console)
    );
    console.key(Key::End);
    assert!(title(&console).contains("newest frame 1399"));
    console.key(Key::Home);
    assert!(title(&console).contains("┌ frame 1272"));
    console.key(Key::Esc);
    assert_eq!(console.app.screen(), Screen::Live);
}

#[test]
fn the_cursor_says_what_a_step_is_and_finds_it_in_other_frames() {
    let mut console = running(&Plan::split(28));
    console.key(T);
    // The longest step of a split at 93 Mbps is its transfer.
    let said = words(&console);
    assert!(
        said.contains("robot to server: sends 27 features.4.conv.0.1"),
        "{said}"
    );
    assert!(said.contains("1.8 MB"), "{said}");
    assert!(said.contains("Mbps"), "{said}");
    console.key(Key::Up);
    console.key(Key::Left);
    let said = words(&console);
    assert!(
        said.contains("robot computes 26 features.4.conv.0.0 conv2d"),
        "{said}"
    );
    console.key(Key::Char('['));
    let said = words(&console);
    assert!(
        said.contains("frame 1040") && said.contains("robot computes 26"),
        "{said}"
    );
    console.keys(Key::Down, 2);
    // A server's time is as exact as its clock is known.
    let said = words(&console);
    assert!(
        said.contains("server computes") && said.contains("±0.31"),
        "{said}"
    );
}

#[test]
fn a_frame_that_the_robot_finished_says_so() {
    let mut console = running(&Plan::split(28));
    let mut fallen = simulated(1042, 7, &Plan::split(28));
    fallen.outcome = Outcome::FinishedLocally;
    console.records(ROBOT, vec![Record::Frame(Box::new(fallen))]);
    assert!(
        console
            .screen((80, 24))
            .lines()
            .any(|l| l.contains("1042") && l.contains(" L"))
    );
    console.key(T);
    for size in [(160, 48), (80, 24)] {
        assert!(console.screen(size).contains("FINISHED LOCALLY"));
    }
}

#[test]
fn frames_without_steps_leave_the_timeline_empty() {
    let mut console = Console::new();
    console.key(T);
    for size in crate::SIZES {
        assert!(console.screen(size).contains("no frame with steps yet"));
    }
}

#[test]
fn layers_with_syncs() {
    let mut console = running(&tensor());
    snapshots("layers_sync", &console);
    // There is no cut to move: the arrows move a mark.
    console.keys(Key::Down, 3);
    assert!(console.app.proposal().is_none());
    let screen = console.screen((80, 24));
    assert!(screen.contains("│▸  15-16 features.2.conv.3"), "{screen}");
    console.keys(Key::End, 2);
    assert!(console.screen((80, 24)).contains("│▸ "));
    console.key(Key::Home);
    assert!(console.screen((80, 24)).contains("│▸    0-6 …tures.1"));
}

#[test]
fn the_split_plan_has_no_sync_column() {
    let console = running(&Plan::split(28));
    assert!(!console.screen((160, 48)).contains("TP.sync"));
}

#[test]
fn two_servers_have_a_link_and_a_state_each() {
    let mut console = running(&Plan::chain(&[28, 90]));
    let of = |at: i64, peer: u8, bytes: u64| {
        let Some(Record::Link(sample)) = ten_seconds_of_link().pop() else {
            panic!("no sample");
        };
        let mut sample = LinkSample {
            at: Nanos((54_590 + at) * MS),
            peer: DeviceId(peer),
            ..sample
        };
        sample.up.bytes = bytes;
        Record::Link(sample)
    };
    let away = PeerRecord {
        device: DeviceId(2),
        address: "10.0.0.4:7402".to_owned(),
        state: PeerState::Retrying {
            reason: "connection refused".to_owned(),
            in_ms: 500,
        },
        clock: None,
        link: None,
    };
    let mut records = vec![Record::Peer(away)];
    for at in 101..120 {
        records.push(of(at * 100, 1, 800_000));
        records.push(of(at * 100, 2, 100_000));
    }
    records.push(Record::Input(InputRecord {
        source: "pictures".to_owned(),
        admitted: 1041,
        skipped: 3,
        records_dropped: 0,
        late_values: 2,
    }));
    console.records(ROBOT, records);
    snapshots("two_servers", &console);
    let screen = console.screen((160, 48));
    assert!(screen.contains("server  Mbps  up 91.4"), "{screen}");
    assert!(
        screen.contains("server 2 away: connection refused"),
        "{screen}"
    );
    assert!(screen.contains("3 skipped  2 values too late"), "{screen}");
    console.key(Key::Char('b'));
    let screen = console.screen((160, 48));
    assert!(screen.contains("server 2  Mbps  up 11.4"), "{screen}");
    console.key(Key::Char('b'));
    assert!(console.screen((160, 48)).contains("server  Mbps  up 91.4"));
}

#[test]
fn a_batch_says_that_one_of_its_images_is_shown() {
    let mut console = Console::new();
    let mut robot = hello(Role::Robot, 1, 5);
    robot.model = Some(Box::new(model(true)));
    console.hear(ROBOT, Said::Hello(Box::new(robot)));
    let mut record = frame(1, 1, 28);
    record.other_tops = vec![Vec::new(); 3];
    console.records(ROBOT, vec![Record::Frame(Box::new(record))]);
    assert!(console.screen((160, 48)).contains("image 1 of 4"));
}

#[test]
fn hostile_steps_draw_a_screen() {
    let mut console = running(&Plan::split(28));
    let mut record = simulated(1042, 7, &Plan::split(28));
    let mut steps: Vec<_> = record.steps.iter().collect();
    for (i, step) in steps.iter_mut().enumerate() {
        match i % 4 {
            0 => (step.start_ns, step.duration_ns) = (i64::MIN, i64::MAX),
            1 => (step.start_ns, step.duration_ns) = (i64::MAX, i64::MAX),
            2 => step.duration_ns = -5,
            _ => step.node.0 = u32::MAX,
        }
        if i % 7 == 0 {
            step.kind = StepKind::Transfer;
            step.bytes = u64::MAX;
        }
    }
    record.steps = steps.into_iter().collect();
    record.mode = "tensor".to_owned();
    record.latency_ns = i64::MAX;
    console.records(
        ROBOT,
        vec![Record::Frame(Box::new(record)), event(Level::Info, "x")],
    );
    console.key(T);
    for key in [
        Key::Char('+'),
        Key::Right,
        Key::Down,
        Key::PageDown,
        Key::PageUp,
        Key::Up,
    ] {
        console.key(key);
        for size in crate::SIZES {
            console.screen(size);
        }
    }
}

#[test]
fn enter_applies_a_proposal_on_the_timeline_and_every_screen_has_its_help() {
    let mut console = live();
    console.records(ROBOT, vec![lease(Some((5, "me@laptop")))]);
    console.key(Key::Right);
    console.key(T);
    console.sent();
    console.key(Key::Enter);
    let plan = Plan::split(29);
    assert_eq!(console.sent()[0].command, Command::SetPlan { plan });
    console.key(Key::Char('?'));
    let help = console.screen((80, 24));
    assert!(help.contains("Help: Timeline") && help.contains("PgUp      half a screen earlier"));
    console.key(Key::Esc);
    assert_eq!(
        console.app.screen(),
        Screen::Timeline,
        "Esc closed only the help"
    );
    console.key(M);
    console.key(Key::Char('?'));
    let help = console.screen((80, 24));
    assert!(help.contains("Help: choosing a mode") && help.contains("the digits type the value"));
}

/// With `SPLITSCOPE_WRITE_README=1` the table is written instead of compared.
#[test]
fn the_documents_have_the_table_of_keys() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/screens.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (before, rest) = readme.split_once("<!-- keys -->\n").unwrap();
    let (table, after) = rest.split_once("<!-- end of keys -->").unwrap();
    let keys = Keymap::default().markdown();
    if std::env::var_os("SPLITSCOPE_WRITE_README").is_some() {
        let new = format!("{before}<!-- keys -->\n{keys}<!-- end of keys -->{after}");
        std::fs::write(path, new).unwrap();
        return;
    }
    assert_eq!(table, keys, "run this test with SPLITSCOPE_WRITE_README=1");
}
