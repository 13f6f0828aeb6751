//! The first session of a person: what the console asks, and what becomes of the answer.

use splitscope::plan::Plan;
use splitscope::wire::console::{Role, ToConsole};

use crate::fake::{Console, worker};
use crate::script::{batch, hello, plan};
use crate::terminal::Start;
use crate::{PROGRAM, leave};

/// A person records for the first time: the console asks once, what is typed is in the file, and it does not ask again.
#[test]
fn the_first_session_is_asked_about_once_and_the_answer_is_in_the_file() {
    let home = tempfile::tempdir().unwrap();
    let attach = |name: &str| {
        let robot = worker(|listener| {
            let mut console = Console::accept(&listener);
            console.greet(hello(Role::Robot, 1, 5));
            console.say(&ToConsole::Telemetry(batch(
                1,
                vec![plan(7, Plan::split(28))],
            )));
            console.wait();
        });
        let home = home.path().display();
        let script = format!(
            "export XDG_CONFIG_HOME={home} SPLITSCOPE_PROMPT=true
             exec {PROGRAM} attach {robot} --record {home}/{name}.mcap"
        );
        Start::new("bash", &["--norc", "-c", &script]).run()
    };
    let mut terminal = attach("first");
    terminal.read_until("form", |s| s.contents().contains("What this session is"));
    // The experiment stays in sight.
    let seen = terminal.text();
    assert!(seen.contains("LIVE") && seen.contains("split 28"), "{seen}");
    // Letters are letters, `q` too.
    terminal.press(b"quad\x1b[B\x1b[BAda\r");
    terminal.read_until("end of the form", |s| {
        let text = s.contents();
        text.contains("kept: in this session") && !text.contains("What this session is")
    });
    terminal.press(b"q");
    leave(terminal);
    let info = std::process::Command::new(PROGRAM)
        .args(["info", "--json"])
        .arg(home.path().join("first.mcap"))
        .output()
        .unwrap();
    let info: serde_json::Value = serde_json::from_slice(&info.stdout).unwrap();
    assert_eq!(info["meta"]["place"], "quad");
    assert_eq!(info["meta"]["operator"], "Ada");
    // The next session knows the place, and asks nothing.
    let mut terminal = attach("second");
    terminal.read_until("live robot", |s| s.contents().contains("split 28"));
    terminal.press(b"i");
    terminal.read_until("form by its key", |s| {
        let text = s.contents();
        text.contains("quad") && text.contains("(as said before)")
    });
    terminal.press(b"\r");
    terminal.read_until("end of the form", |s| {
        !s.contents().contains("What this session is")
    });
    terminal.press(b"q");
    leave(terminal);
}
