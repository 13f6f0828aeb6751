//! The Layers and Workers screens, and what may not be changed when what is seen does not hold.

use splitscope::console::app::{Key, Said, Screen};
use splitscope::console::line::FrameLine;
use splitscope::console::view::Theme;
use splitscope::plan::{Codec, Plan, StepKind, StepTime, ValueCodec};
use splitscope::units::{DeviceId, NodeId};
use splitscope::wire::console::{Command, Role};
use splitscope::wire::{FrameRecord, Record};

use crate::console::UNIX_MS;
use crate::predictions::predicted;
use crate::script::{frame, hello};
use crate::{MS, ROBOT, SERVER, lease, live, snapshots, text};

fn letters(console: &mut crate::Console, typed: &str) {
    for letter in typed.chars() {
        console.key(Key::Char(letter));
    }
}

#[test]
fn layers_table() {
    let mut console = live();
    console.key(Key::Char('2'));
    snapshots("layers_table", &console);
}

#[test]
fn the_table_is_sorted_filtered_and_searched() {
    let mut console = live();
    let indices = |console: &crate::Console| -> Vec<u32> {
        let store = console.app.shown(ROBOT).unwrap();
        let graph = &store.model().unwrap().graph;
        let rows = console.app.screens().layers.rows(store, graph);
        rows.iter().map(|row| row.index).collect()
    };
    console.key(Key::Char('2'));
    let all = indices(&console);
    assert!(all.is_sorted() && all.len() == 153);
    console.key(Key::Char('o'));
    let store = console.app.shown(ROBOT).unwrap();
    let graph = &store.model().unwrap().graph;
    let rows = console.app.screens().layers.rows(store, graph);
    assert!(rows.is_sorted_by_key(|row| std::cmp::Reverse(row.p50_ns)));
    assert!(rows[0].p95_ns >= rows[0].p50_ns);
    let shares: f64 = rows.iter().filter_map(|row| row.share).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
    console.key(Key::Char('d'));
    assert_eq!(console.app.screens().layers.device(), Some(DeviceId::ROBOT));
    assert_eq!(indices(&console).len(), 28);
    // Letters that are keys go into the search, q too.
    letters(&mut console, "/conv2dq");
    console.key(Key::Backspace);
    console.key(Key::Enter);
    let screen = console.screen((160, 48));
    assert!(screen.contains("by p50  on robot  /conv2d"), "{screen}");
    assert!(
        console
            .effects
            .iter()
            .all(|e| *e != splitscope::console::app::Effect::Quit)
    );
    letters(&mut console, "x");
    assert_eq!(indices(&console).len(), 153);
}

#[test]
fn what_a_codec_makes_of_a_value_stands_in_its_row() {
    let mut console = live();
    let coded = Plan::split(28).with_codec(Codec::Auto);
    let mut newest = frame(2_000, 8, 28);
    let step = |kind, start_ns, duration_ns| StepTime {
        device: DeviceId::ROBOT,
        to: DeviceId::SERVER,
        kind,
        node: NodeId(28),
        start_ns,
        duration_ns,
        bytes: 1_806_336,
        wire_bytes: 903_168,
        codec: ValueCodec::ZeroBitmap,
        error_ppb: 0,
    };
    newest.steps.push(step(StepKind::Encode, 0, 410_000));
    newest
        .steps
        .push(step(StepKind::Transfer, 410_000, 17_000_000));
    newest
        .steps
        .push(step(StepKind::Decode, 17_410_000, 300_000));
    let records = vec![crate::plan(8, coded), Record::Frame(Box::new(newest))];
    console.records(ROBOT, records);
    console.key(Key::Char('2'));
    for (size, has) in [((160, 48), true), ((80, 24), true), ((40, 12), false)] {
        let screen = console.screen(size);
        assert_eq!(screen.contains("codec"), has, "{screen}");
        assert_eq!(screen.contains("x2.00  0.71 ms"), has, "{screen}");
    }
}

#[test]
fn the_table_is_ordered_by_what_a_cut_behind_the_row_is_predicted_to_take() {
    let mut console = predicted();
    console.key(Key::Char('2'));
    console.keys(Key::Char('o'), 4);
    let screen = console.screen((160, 48));
    assert!(screen.contains("by predicted if cut"), "{screen}");
    // Cut 41 is the cheapest of the script; it lies behind operator 40.
    let first = screen
        .lines()
        .find(|l| l.contains('▸') && l.contains("◀ best"));
    assert!(first.is_some_and(|l| l.contains(" 40 ")), "{screen}");
}

#[test]
fn a_cut_is_proposed_behind_the_row_looked_at() {
    let mut console = live();
    console.records(ROBOT, vec![lease(Some((5, "me@laptop")))]);
    console.key(Key::Char('2'));
    console.key(Key::Home);
    console.keys(Key::Down, 30);
    console.key(Key::Char('g'));
    console.key(Key::Enter);
    let plan = Plan::split(31);
    assert_eq!(console.sent()[0].command, Command::SetPlan { plan });
}

#[test]
fn workers_table() {
    let mut console = live();
    console.key(Key::Char('6'));
    snapshots("workers_table", &console);
    console.key(Key::Down);
    let screen = console.screen((80, 24));
    assert!(screen.contains("▸ server gpu-box"), "{screen}");
    console.key(Key::Char('5'));
    assert_eq!(console.app.screen(), Screen::Power);
    assert!(console.screen((80, 24)).contains("server gpu-box"));
}

#[test]
fn the_console_measures_how_far_workers_are_and_marks_versions_and_clocks_that_differ() {
    let mut console = crate::Console::new();
    console.wait(20);
    let mut robot = hello(Role::Robot, 1, 5);
    robot.unix_ms = Some(UNIX_MS + 20);
    console.hear(ROBOT, Said::Hello(Box::new(robot)));
    let mut server = hello(Role::Server, 2, 3);
    server.version = "0.2.0".to_owned();
    server.unix_ms = Some(UNIX_MS + 20 + 3_600_000);
    console.hear(SERVER, Said::Hello(Box::new(server)));
    console.key(Key::Char('6'));
    // Dialled 20 ms before the hello came: the clock is known to half of that, and what milliseconds leave open.
    for rtt_ns in [4_000_000, 4_100_000, 90_000_000] {
        console.hear(ROBOT, Said::RoundTrip(rtt_ns));
        console.hear(SERVER, Said::RoundTrip(rtt_ns / 2));
    }
    snapshots("workers_apart", &console);
    for size in [(80, 24), (160, 48)] {
        let screen = console.screen(size);
        let line = |word: &str| screen.lines().find(|l| l.contains(word)).unwrap();
        assert!(
            line("robot jetson-nx").contains("4.10 +10.0 ±11.0"),
            "{screen}"
        );
        assert!(
            line("server gpu-box").contains("+3600010 ±11.0"),
            "{screen}"
        );
        assert!(screen.contains("0.2.0 ≠ 0.1.0"), "{screen}");
    }
}

#[test]
fn the_foot_offers_no_order_to_a_silent_robot() {
    let mut console = live();
    let foot = |console: &crate::Console| console.row(47);
    assert!(foot(&console).contains("apply") && foot(&console).contains("control"));
    console.wait(2_500);
    let silent = foot(&console);
    for word in ["apply", "undo", "control"] {
        assert!(!silent.contains(word), "{silent}");
    }
    assert!(
        silent.contains("screens") && silent.contains("quit"),
        "{silent}"
    );
}

#[test]
fn nothing_is_sent_to_a_silent_robot_or_from_a_display_that_stands_still() {
    for still in [false, true] {
        let mut console = live();
        console.records(ROBOT, vec![lease(Some((5, "me@laptop")))]);
        console.key(Key::Right);
        let why = if still {
            console.key(Key::Char('p'));
            "the display stands still"
        } else {
            console.wait(2_500);
            "has been silent for 2 s"
        };
        for key in [Key::Enter, Key::Char('c'), Key::Char('u')] {
            console.sent();
            console.key(key);
            assert!(console.sent().is_empty(), "{key}");
            assert!(
                console.status().contains(why),
                "{key}: {}",
                console.status()
            );
        }
        // It holds again: the proposal is still there.
        if still {
            console.key(Key::Char('p'));
        } else {
            console.records(ROBOT, Vec::new());
        }
        console.key(Key::Enter);
        assert_eq!(console.sent().len(), 1);
    }
}

#[test]
fn u_asks_for_the_plan_before_and_says_when_there_is_none() {
    let mut console = live();
    console.records(ROBOT, vec![lease(Some((5, "me@laptop")))]);
    console.key(Key::Char('u'));
    assert!(
        console.status().contains("nothing to go back to"),
        "{}",
        console.status()
    );
    console.records(ROBOT, vec![crate::plan(8, Plan::split(40))]);
    console.key(Key::Char('u'));
    let plan = Plan::split(28);
    assert_eq!(console.sent()[0].command, Command::SetPlan { plan });
}

#[test]
fn every_theme_writes_the_same_words() {
    use splitscope::console::view::{Depth, Palette};
    let console = live();
    let plain = text(&console.buffer((160, 48), Theme::PLAIN));
    for palette in Palette::ALL {
        for depth in [Depth::None, Depth::Sixteen, Depth::Indexed, Depth::True] {
            let buffer = console.buffer((160, 48), Theme::new(palette, depth));
            assert_eq!(text(&buffer), plain, "{palette} {depth:?}");
        }
    }
}

/// A frame whose value at the cut went as half precision.
fn frame_in_half_precision(number: u64) -> FrameRecord {
    use StepKind::{Decode, Encode, Transfer};
    let mut frame = frame(number, 7, 28);
    for (device, kind, start_ns, duration_ns) in [
        (0, Encode, 30 * MS, 300_000),
        (0, Transfer, 31 * MS, 13 * MS),
        (1, Decode, 44 * MS, 200_000),
    ] {
        frame.steps.push(StepTime {
            device: DeviceId(device),
            kind,
            node: NodeId(28),
            start_ns,
            duration_ns,
            bytes: 301_056,
            to: DeviceId(1),
            wire_bytes: 150_528,
            codec: ValueCodec::F16,
            error_ppb: 480_000,
        });
    }
    frame
}

#[test]
fn a_codec_shows_its_ratio_and_times_at_the_cut_and_a_lossy_one_is_marked_with_its_error() {
    let mut console = live();
    let frame = frame_in_half_precision(2_000);
    console.records(ROBOT, vec![Record::Frame(Box::new(frame.clone()))]);
    let at_the_cut = "f16 x2.00, packs 0.30, unpacks 0.20 ms, LOSSY: error up to 0.048 %";
    let screen = console.screen((200, 48));
    assert!(screen.contains(at_the_cut), "{screen}");
    console.key(Key::Char('2'));
    let screen = console.screen((160, 48));
    assert!(screen.contains("! LOSSY codec"), "{screen}");
    // The line of a headless console, for people and for programs.
    let line = FrameLine::new(&frame, None);
    assert!(line.human().contains("as f16 x2.00"), "{}", line.human());
    assert!(line.human().contains("LOSSY: error up to 0.048 %"));
    let json: serde_json::Value = serde_json::from_str(&line.json()).unwrap();
    assert_eq!(json["codec_error"], 0.00048, "{json}");
}
