//! What a console leaves behind when its screen is taken away.

use std::io::Read;

use portable_pty::{PtySize, native_pty_system};

use crate::player::Player;
use crate::scenario::{Hello, Scenario, Step, Telemetry};
use crate::terminal::Start;
use crate::{PROGRAM, only_session};

/// Standard output is another terminal than the keyboard's, and goes away: drawing fails, and nobody hangs up.
#[test]
fn a_screen_that_can_no_longer_be_drawn_leaves_a_whole_recording() {
    let data = tempfile::tempdir().unwrap();
    let script = Scenario::parse("about = \"a robot\"\n[[steps]]\nhello = {}\n").unwrap();
    let mut player = Player::new(&script);
    let screen = native_pty_system().openpty(PtySize::default()).unwrap();
    let name = screen.master.tty_name().unwrap();
    let command = format!(
        "exec {PROGRAM} attach {} > {}",
        player.address(),
        name.display()
    );
    let mut terminal = Start::new("bash", &["--norc", "-c", &command])
        .var("SPLITSCOPE_DATA", data.path())
        .run();
    let mut shown = screen.master.try_clone_reader().unwrap();
    player.play(&Step::Hello(Hello {
        protocol: None,
        version: None,
    }));
    player.play(&Step::Send(Telemetry::default()));
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("LIVE") {
        let mut bytes = [0; 4096];
        let read = shown.read(&mut bytes).unwrap();
        seen.extend_from_slice(&bytes[..read]);
    }
    drop((shown, screen));
    // Something to draw.
    player.play(&Step::Send(Telemetry::default()));
    terminal.shows(&["session ", ".mcap", "cannot use the terminal"]);
    let reader = only_session(data.path());
    assert!(reader.is_whole(), "it has its index");
    assert_eq!(reader.summary().counts.get("hello"), Some(&1));
}
