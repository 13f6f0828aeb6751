//! The console on a real terminal: what a person sees of it, whatever workers, disks and shells do meanwhile.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[path = "support/emulated.rs"]
mod emulated;
#[path = "console_screen/fake.rs"]
mod fake;
#[path = "console_pty/first_session.rs"]
mod first_session;
#[path = "console_pty/manners.rs"]
mod manners;
#[path = "console_pty/pace.rs"]
mod pace;
#[path = "support/player.rs"]
mod player;
#[path = "console_pty/replayed.rs"]
mod replayed;
#[path = "support/scenario.rs"]
mod scenario;
#[path = "console_pty/scenarios.rs"]
mod scenarios;
#[path = "console_screen/script.rs"]
mod script;
#[path = "console_pty/stalls.rs"]
mod stalls;
#[path = "support/terminal.rs"]
mod terminal;

use std::net::TcpListener;
use std::path::Path;

use terminal::{Start, Terminal};

const PROGRAM: &str = env!("CARGO_BIN_EXE_splitscope");

/// An address that nobody listens on.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("ws://{}", listener.local_addr().unwrap())
}

/// Attaches to workers on a fresh 80x24 terminal.
fn attach(workers: &[&str]) -> Terminal {
    let args = [&["attach"], workers].concat();
    let data = Path::new(env!("CARGO_TARGET_TMPDIR"));
    Start::new(PROGRAM, &args)
        .var("SPLITSCOPE_DATA", data)
        .run()
}

/// The end of a console that has recorded: the terminal is as before, and what is left says where the session is.
fn leave(mut terminal: Terminal) {
    let left = terminal.ends_and_gives_the_terminal_back();
    // A slow disk has its word before.
    let one = left.contains("session ") && left.contains(".mcap, ") && left.ends_with('B');
    let none = left.ends_with("no session: no worker was attached");
    assert!(one || none, "{left:?}");
}
