//! A proposed plan beside what frames cost now: what Enter would bring, and when Enter does nothing.

use splitscope::console::app::Key;
use splitscope::plan::{Codec, Plan};
use splitscope::units::Epoch;
use splitscope::wire::console::Command;
use splitscope::wire::{PlanRecord, Record};

use crate::console::{Console, ROBOT, SIZES};
use crate::predictions::predicted;
use crate::snapshots;

/// The lines that have a word in them.
fn lines(console: &Console, size: (u16, u16), word: &str) -> Vec<String> {
    let screen = console.screen(size);
    let with = screen.lines().filter(|line| line.contains(word));
    with.map(|line| line.trim().to_owned()).collect()
}

#[test]
fn a_moved_cut_is_shown_predicted_beside_measured_at_every_size() {
    let mut console = predicted();
    for size in SIZES {
        assert!(lines(&console, size, "PRED ").is_empty());
    }
    console.keys(Key::Right, 3);
    snapshots("outlook", &console);
    // Cut 31 is predicted to take 45 ms; the script's frames take longer.
    let normal = lines(&console, (80, 24), "PREDICTED");
    assert!(normal[0].contains("split 31"), "{normal:?}");
    assert!(normal[0].contains("45.0 ms"), "{normal:?}");
    let glance = lines(&console, (40, 12), "PRED");
    assert!(glance[0].contains("45.0 ms"), "{glance:?}");
    console.key(Key::Esc);
    for size in SIZES {
        assert!(lines(&console, size, "45.0 ms").is_empty());
    }
}

#[test]
fn of_a_plan_that_the_robot_prices_not_only_the_bytes_are_said() {
    let mut console = predicted();
    console.records(
        ROBOT,
        vec![Record::Plan(PlanRecord {
            epoch: Epoch(8),
            plan: Plan::split(28).with_tiles(4),
            local_because: None,
            policy: None,
        })],
    );
    console.key(Key::Right);
    for size in SIZES {
        let unknown = lines(&console, size, "no prediction");
        let wide = lines(&console, size, "predicts nothing for it");
        assert!(unknown.len() + wide.len() >= 1, "{size:?}");
        assert!(unknown[0].contains('↑'), "{unknown:?}");
    }
}

#[test]
fn a_codec_that_plans_were_not_priced_with_is_said_beside_the_prediction() {
    let mut console = predicted();
    console.records(
        ROBOT,
        vec![Record::Plan(PlanRecord {
            epoch: Epoch(8),
            plan: Plan::split(28).with_codec(Codec::Auto),
            local_because: None,
            policy: None,
        })],
    );
    console.key(Key::Right);
    let title = lines(&console, (160, 48), "predicted against now");
    assert!(title[0].contains("without packing"), "{title:?}");
}

#[test]
fn the_picker_says_what_the_robot_predicts_of_what_it_has_made() {
    let mut console = predicted();
    console.key(Key::Char('m'));
    console.key(Key::Up);
    let said = lines(&console, (80, 24), "PREDICTED");
    assert!(said[0].contains("60.5 ms 0.38 J"), "{said:?}");
    console.keys(Key::Down, 3);
    let said = lines(&console, (80, 24), "no prediction of this plan");
    assert_eq!(said.len(), 1, "{}", console.screen((80, 24)));
}

#[test]
fn on_a_silent_robot_and_a_paused_display_enter_does_nothing_and_the_preview_says_so() {
    let mut console = predicted();
    console.keys(Key::Right, 3);
    console.sent();
    console.wait(3_000);
    for size in [(80, 24), (160, 48)] {
        let why = lines(&console, size, "has been silent for 3 s");
        assert!(!why.is_empty(), "{}", console.screen(size));
    }
    console.key(Key::Enter);
    assert!(console.sent().is_empty());
    let mut console = predicted();
    console.keys(Key::Right, 3);
    console.sent();
    console.key(Key::Char('p'));
    let why = lines(&console, (80, 24), "the display stands still");
    assert!(!why.is_empty(), "{}", console.screen((80, 24)));
    console.key(Key::Enter);
    assert!(console.sent().is_empty());
    // Going on, it is applied.
    console.key(Key::Char('p'));
    console.key(Key::Enter);
    let first = console.sent().into_iter().next().map(|m| m.command);
    assert!(
        matches!(first, Some(Command::TakeControl { .. })),
        "{first:?}"
    );
}
