//! The Layers and Workers screens, and what may not be changed when what is seen does not hold.

use splitscope::console::app::{Key, Screen};
use splitscope::console::view::Theme;
use splitscope::plan::Plan;
use splitscope::units::DeviceId;
use splitscope::wire::console::Command;

use crate::{ROBOT, lease, live, snapshots, text};

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
