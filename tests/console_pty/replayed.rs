//! A recording on a real terminal.

use crate::PROGRAM;
use crate::terminal::Start;

/// The time shown, of `▶ REPLAY  paused (1x)  0:01.3 of 0:25.7`.
fn time(screen: &vt100::Screen) -> Option<String> {
    let text = screen.contents();
    let mut lines = text.lines().filter(|line| line.contains("REPLAY"));
    let before = lines.find_map(|line| line.split_once(" of "))?.0;
    before.rsplit(' ').next().map(str::to_owned)
}

/// A recording is opened, played, gone through by keys, and left; the terminal is as before.
#[test]
fn a_recording_is_replayed_and_the_terminal_is_given_back() {
    let garden = concat!(env!("CARGO_MANIFEST_DIR"), "/recordings/garden.mcap");
    let mut terminal = Start::new(PROGRAM, &["replay", garden]).run();
    // It opens at the first frame, not at a console that waits for its workers.
    terminal.shows(&["REPLAY", "LIVE vm", " frames "]);
    let seen = terminal.text();
    assert!(!seen.contains("CONNECTING"), "{seen}");
    // Keys that would command a worker are not offered.
    let hints = seen.lines().last().unwrap_or_default();
    assert!(hints.contains("quit"), "{hints}");
    assert!(
        !hints.contains("mode") && !hints.contains("apply"),
        "{hints}"
    );
    let first = time(terminal.screen());
    assert!(first.is_some(), "{seen}");
    terminal.press(b" ");
    terminal.read_until("time that goes on", |s| {
        time(s).is_some_and(|now| Some(now) != first)
    });
    terminal.press(b" ");
    terminal.shows(&["paused"]);
    let before = time(terminal.screen());
    terminal.press(b")");
    terminal.read_until("next switch", |s| {
        time(s).is_some_and(|now| Some(now) != before)
    });
    terminal.press(b"q");
    let left = terminal.ends_and_gives_the_terminal_back();
    assert_eq!(left, "");
}
