//! What is written to the terminal, and what is not.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use splitscope::wire::PROTOCOL;

use crate::player::Player;
use crate::scenario::{Hello, Scenario, Step, Telemetry};
use crate::terminal::{Start, WIDE};
use crate::{PROGRAM, attach, leave};

const HELLO: Step = Step::Hello(Hello {
    protocol: Some(PROTOCOL),
    version: None,
});
/// So long without a byte, and a picture is over.
const QUIET: Duration = Duration::from_millis(400);

fn scenario() -> Scenario {
    Scenario::parse("about = \"a robot\"\nsteps = []\n").unwrap()
}

/// A second of batches with nothing in them: the worker is there, and nothing happens.
fn heartbeats() -> Step {
    Step::Send(Telemetry {
        batches: 10,
        frames: 0,
        samples: 0,
        ..Telemetry::default()
    })
}

fn frames(batches: u32) -> Step {
    Step::Send(Telemetry {
        batches,
        every_ms: 20,
        ..Telemetry::default()
    })
}

#[test]
fn nothing_is_written_while_nothing_happens() {
    let mut player = Player::new(&scenario());
    let address = player.address();
    for size in [(80, 24), WIDE] {
        let data = tempfile::tempdir().unwrap();
        let mut terminal = Start::new(PROGRAM, &["attach", &address])
            .size(size)
            .var("SPLITSCOPE_DATA", data.path())
            .run();
        player.play(&HELLO);
        player.play(&frames(5));
        terminal.shows(&["LIVE", "frame "]);
        // The last picture, and the recorder's word of what it has written.
        player.play(&heartbeats());
        terminal.settle(QUIET);
        let before = terminal.bytes;
        player.play(&heartbeats());
        let written = terminal.settle(QUIET);
        let text = String::from_utf8_lossy(&written);
        assert_eq!(terminal.bytes, before, "{size:?}: {text:?}");
        // It is not dead either.
        player.play(&Step::Event("the lights went on".to_owned()));
        terminal.shows(&["the lights went on"]);
        terminal.press(b"q");
        terminal.ends_and_gives_the_terminal_back();
    }
}

#[test]
fn nothing_is_written_while_a_recording_stands_and_every_key_is_heard() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/garden.mcap");
    let mut terminal = Start::new(PROGRAM, &["replay", &sample.to_string_lossy()]).run();
    terminal.shows(&["REPLAY", "of 0:"]);
    terminal.settle(QUIET);
    let before = terminal.bytes;
    terminal.settle(Duration::from_secs(1));
    assert_eq!(terminal.bytes, before, "{}", terminal.text());
    // Key after key is heard, though nothing but keys happens.
    terminal.press(b"?");
    terminal.shows(&["leave; the workers go on"]);
    terminal.press(b"?");
    terminal.read_until("the screen below", |s| !s.contents().contains("leave;"));
    terminal.press(b"g3\r");
    terminal.shows(&["0:03.0 of 0:"]);
    terminal.press(b"q");
    terminal.ends_and_gives_the_terminal_back();
}

/// A terminal that knows synchronized output shows no half picture: whatever is drawn stands between its two marks.
#[test]
fn every_picture_is_one_piece() {
    const BEGIN: &str = "\x1b[?2026h";
    const END: &str = "\x1b[?2026l";
    let mut player = Player::new(&scenario());
    let mut terminal = attach(&[&player.address()]);
    player.play(&HELLO);
    player.play(&frames(1));
    terminal.shows(&["LIVE", "frame 2"]);
    terminal.settle(QUIET);
    terminal.press(b"?");
    player.play(&frames(20));
    terminal.press(b"?");
    player.play(&frames(20));
    let written = terminal.settle(QUIET);
    let text = String::from_utf8(written).unwrap();
    let mut rest = text.as_str();
    let mut pictures = 0;
    while let Some(at) = rest.find(BEGIN) {
        assert_eq!(&rest[..at], "", "outside of a picture");
        let picture = &rest[at + BEGIN.len()..];
        let end = picture.find(END).expect("a picture ends");
        assert!(
            !picture[..end].contains(BEGIN),
            "a picture within a picture"
        );
        rest = &picture[end + END.len()..];
        pictures += 1;
    }
    assert_eq!(rest, "", "outside of a picture");
    assert!(pictures >= 4, "{pictures}");
    terminal.press(b"q");
    leave(terminal);
}

#[test]
fn a_worker_that_is_down_at_first_is_found_when_it_comes_up() {
    let reserved = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = reserved.local_addr().unwrap();
    drop(reserved);
    let mut terminal = attach(&[&format!("ws://{place}")]);
    terminal.shows(&["RETRY in", "connection refused"]);
    let mut player = Player::at(TcpListener::bind(place).unwrap(), &scenario());
    player.play(&HELLO);
    player.play(&frames(5));
    terminal.shows(&["LIVE", "frame 10"]);
    terminal.press(b"q");
    leave(terminal);
}
