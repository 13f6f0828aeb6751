//! The Log screen: what this program, the console and the workers said, filtered, bounded, and where it is written.

use splitscope::console::app::screens::log::MOST;
use splitscope::console::app::{Key, Update};
use splitscope::console::journal::{LogLine, LogPlace, News, Severity};
use splitscope::units::Nanos;

use crate::console::{Console, SIZES, UNIX_MS, live};
use crate::script::MS;
use crate::snapshots;

fn line(at_ms: i64, severity: Severity, room: &str, text: &str) -> LogLine {
    LogLine {
        at: Nanos(at_ms * MS),
        unix_ms: UNIX_MS + at_ms as u64,
        severity,
        room: room.to_owned(),
        text: text.to_owned(),
    }
}

fn hear(console: &mut Console, lines: Vec<LogLine>, left_out: u64) {
    console.update(Update::Logged(News { lines, left_out }));
}

/// A console on its Log screen, after a few lines of every kind.
fn logged() -> Console {
    let mut console = live();
    console.update(Update::LogPlaces(vec![
        LogPlace {
            of: "console".to_owned(),
            file: Ok("/home/me/.cache/splitscope/logs/console.log".into()),
        },
        LogPlace {
            of: "robot".to_owned(),
            file: Ok("/home/me/.cache/splitscope/logs/demo-robot.log".into()),
        },
    ]));
    let relay = "link::shaper";
    hear(
        &mut console,
        vec![
            line(
                30,
                Severity::Debug,
                "console::transport",
                "dialling ws://10.0.0.2:7401",
            ),
            line(
                40,
                Severity::Info,
                "console::transport",
                "10.0.0.2:7401 answers",
            ),
            line(
                50,
                Severity::Warning,
                relay,
                "the shaped link could not connect upstream=127.0.0.1:7402 cause=connection refused",
            ),
            line(60, Severity::Error, relay, "the shaped link has no thread"),
        ],
        0,
    );
    console.key(Key::Char('8'));
    console
}

#[test]
fn the_log_has_what_program_and_workers_said_and_names_its_files() {
    let console = logged();
    snapshots("log", &console);
    for size in SIZES {
        let screen = console.screen(size);
        assert!(screen.contains("ERROR"), "{screen}");
        assert!(screen.contains("the shaped link has"), "{screen}");
        assert!(!screen.contains("dialling"), "{screen}");
        assert!(screen.contains("console.log"), "{screen}");
    }
    let screen = console.screen((160, 48));
    assert!(screen.contains("demo-robot.log"), "{screen}");
    // A worker's event and the program's own lines stand in one list.
    assert!(screen.contains("1 frame finished locally"), "{screen}");
}

#[test]
fn lines_are_chosen_by_level_and_by_letters() {
    let mut console = logged();
    let has = |console: &Console, words: &str| console.screen((160, 48)).contains(words);
    console.key(Key::Char('v'));
    assert!(has(&console, "dialling ws://10.0.0.2:7401"), "debug");
    // Trace, then errors only.
    console.keys(Key::Char('v'), 2);
    assert!(has(&console, "the shaped link has no thread"));
    assert!(!has(&console, "could not connect"));
    console.key(Key::Char('x'));
    console.key(Key::Char('/'));
    for letter in "shaper".chars() {
        console.key(Key::Char(letter));
    }
    console.key(Key::Enter);
    assert!(has(&console, "could not connect"), "found by its source");
    assert!(!has(&console, "10.0.0.2:7401 answers"));
    console.key(Key::Char('/'));
    console.key(Key::Esc);
    assert!(has(&console, "10.0.0.2:7401 answers"));
}

#[test]
fn a_flood_is_bounded_counted_and_does_not_run_away_under_who_reads() {
    let mut console = logged();
    console.keys(Key::Down, 2);
    let top = |console: &Console| console.screen((80, 24)).lines().nth(2).map(str::to_owned);
    let before = top(&console);
    let flood = (0..3 * MOST as i64).map(|i| line(100 + i, Severity::Info, "flood", "drop"));
    let flood: Vec<LogLine> = flood.collect();
    hear(&mut console, flood[..10].to_vec(), 0);
    assert_eq!(top(&console), before);
    hear(&mut console, flood, 17);
    let log = console.app.log();
    assert_eq!(log.lines().count(), MOST);
    assert_eq!(log.total(), 4 + 10 + 3 * MOST as u64);
    console.key(Key::Home);
    let screen = console.screen((160, 48));
    assert!(screen.contains("17 lines came too fast"), "{screen}");
}

#[test]
fn a_log_without_a_file_says_why() {
    let mut console = live();
    console.update(Update::LogPlaces(vec![LogPlace {
        of: "console".to_owned(),
        file: Err("cannot write the log /x/console.log: permission denied".to_owned()),
    }]));
    console.key(Key::Char('8'));
    assert!(console.screen((80, 24)).contains("permission denied"));
}
