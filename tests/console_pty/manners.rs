//! A good guest: the terminal is given back in every way that the console can end, sizes and signals are obeyed.

use std::path::Path;

use splitscope::plan::Plan;
use splitscope::units::{Epoch, FrameId, Nanos};
use splitscope::wire::console::{Command, CommandMessage, Reply, Role, ToConsole, ToWorker};
use splitscope::wire::{Record, SwitchRecord, SwitchStage};

use crate::fake::{Console, worker};
use crate::player::Player;
use crate::scenario::{Hello, Scenario, Step, Telemetry};
use crate::script::{batch, hello, plan};
use crate::terminal::{Start, Terminal, WIDE};
use crate::{PROGRAM, attach, leave, nobody};

/// A console with two addresses that nobody listens on.
fn start() -> Terminal {
    attach(&[&nobody(), &nobody()])
}

/// A shell with job control, as a person has one.
fn shell(script: &str) -> Terminal {
    let data = Path::new(env!("CARGO_TARGET_TMPDIR"));
    Start::new("bash", &["--norc", "-ic", script])
        .var("SPLITSCOPE_DATA", data)
        .run()
}

#[test]
fn the_first_picture_needs_no_worker_and_q_leaves_the_terminal_as_it_was() {
    let mut terminal = start();
    terminal.first_picture();
    terminal.press(b"q");
    leave(terminal);
}

#[test]
fn ctrl_c_quits_from_the_help_too() {
    let mut terminal = start();
    terminal.first_picture();
    terminal.press(b"?");
    terminal.read_until("help", |s| {
        s.contents().contains("leave; the workers go on")
    });
    terminal.press(b"\x03");
    leave(terminal);
}

#[test]
fn sigterm_and_sighup_give_the_terminal_back() {
    for signal in ["-TERM", "-HUP"] {
        let mut terminal = start();
        terminal.first_picture();
        terminal.signal(signal);
        leave(terminal);
    }
}

#[test]
fn another_size_is_another_layout() {
    let mut terminal = start();
    terminal.first_picture();
    terminal.resize((40, 12));
    terminal.read_until("small picture", |s| {
        let text = s.contents();
        text.contains("? help  q quit") && !text.contains("Layers")
    });
    terminal.press(b"q");
    leave(terminal);
}

/// `fg` follows at once: the screen is back, whole; and `q` leaves the shell's own settings.
fn comes_back_and_ends(terminal: &mut Terminal) {
    terminal.read_until("the screen after fg", |s| {
        s.alternate_screen() && s.contents().contains("splitscope") && s.contents().contains("quit")
    });
    terminal.press(b"q");
    terminal.read_until("the end", |s| {
        let text = s.contents();
        !s.alternate_screen() && text.contains("IS-STOPPED") && text.contains("IS-OVER")
    });
    assert!(terminal.text().contains("icanon"));
}

/// A shell with job control, as a person has one: Ctrl-Z stops the console, `fg` brings it back.
#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_brings_the_screen_back() {
    let program = PROGRAM;
    let script = format!(
        "{program} attach {} {}; stty -a | grep -o ' icanon'; echo IS-STOPPED; fg; echo IS-OVER",
        nobody(),
        nobody()
    );
    let mut terminal = shell(&script);
    terminal.first_picture();
    terminal.press(b"\x1a");
    terminal.read_until("the shell after Ctrl-Z", |s| {
        let text = s.contents();
        text.contains("IS-STOPPED") && text.contains("icanon") && !s.alternate_screen()
            || s.alternate_screen() && text.contains("splitscope")
    });
    comes_back_and_ends(&mut terminal);
}

/// The same when something else stops it: `kill -TSTP`.
#[test]
fn a_stop_from_outside_gives_the_terminal_back_and_fg_brings_the_screen_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = format!(
        "sh -c 'echo $$ > {}; exec {PROGRAM} attach {} {}'; stty -a | grep -o ' icanon'; echo IS-STOPPED; fg; echo IS-OVER",
        file.display(),
        nobody(),
        nobody()
    );
    let mut terminal = shell(&script);
    terminal.first_picture();
    let pid = std::fs::read_to_string(&file).unwrap().trim().parse();
    let pid = rustix::process::Pid::from_raw(pid.unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TSTP).unwrap();
    terminal.read_until("the end of the screen", |s| {
        !s.alternate_screen() || s.contents().contains("IS-STOPPED")
    });
    comes_back_and_ends(&mut terminal);
}

#[test]
fn a_storm_of_sizes_ends_with_the_last_one() {
    let mut terminal = start();
    terminal.first_picture();
    for i in 0..60_u16 {
        terminal.resize((30 + i * 7 % 150, 5 + i % 40));
        terminal.press(b"?");
    }
    terminal.resize((160, 48));
    // A key that met a size too small for the help was in vain: it may be open now.
    terminal.read_until("a picture of 160x48", |s| {
        let text = s.contents();
        let is_known = text.contains("? or Esc closes") || text.contains("Events  UTC");
        is_known && text.lines().count() == 48
    });
    if terminal.text().contains("? or Esc closes") {
        terminal.press(b"\x1b");
    }
    terminal.read_until("the layout of 160x48", |s| {
        s.contents().contains("8 Log") && s.contents().contains("Events  UTC")
    });
    terminal.press(b"q");
    leave(terminal);
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let output = std::process::Command::new(PROGRAM)
        .args(["attach", &nobody()])
        .env("SPLITSCOPE_DATA", env!("CARGO_TARGET_TMPDIR"))
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("--headless"), "{errors}");
}

/// The next command, answered with yes.
fn obey(console: &mut Console) -> CommandMessage {
    loop {
        if let ToWorker::Command(message) = console.hear() {
            console.say(&ToConsole::Reply(Reply {
                command: message.id,
                result: Ok(()),
            }));
            return message;
        }
    }
}

#[test]
fn moving_the_cut_and_enter_reach_the_robot_and_its_stages_reach_the_screen() {
    let robot = worker(|listener| {
        let mut console = Console::accept(&listener);
        console.greet(hello(Role::Robot, 1, 5));
        let state = vec![plan(7, Plan::split(28))];
        console.say(&ToConsole::Telemetry(batch(1, state)));
        console.frames(7, 1..9);
        let take = obey(&mut console);
        assert!(matches!(
            take.command,
            Command::TakeControl { force: false, .. }
        ));
        let set = obey(&mut console);
        let asked = Plan::split(30);
        assert_eq!(set.expect_epoch, Some(Epoch(7)));
        assert_eq!(
            set.command,
            Command::SetPlan {
                plan: asked.clone()
            }
        );
        let switched = Record::Switch(SwitchRecord {
            at: Nanos(0),
            command: set.id,
            plan: asked.clone(),
            stage: SwitchStage::Applied {
                epoch: Epoch(8),
                frame: FrameId(9),
            },
        });
        let records = vec![switched, plan(8, asked)];
        console.say(&ToConsole::Telemetry(batch(2, records)));
        console.wait();
    });
    let mut terminal = attach(&[&robot, &nobody()]);
    terminal.read_until("live robot", |s| s.contents().contains("split 28/153"));
    terminal.press(b"\x1b[C\x1b[B");
    terminal.read_until("proposal", |s| s.contents().contains("proposed: split 30"));
    terminal.press(b"\r");
    terminal.read_until("end of the switch", |s| {
        let text = s.contents();
        text.contains("applied at frame 9") && text.contains("cut 30")
    });
    terminal.press(b"q");
    leave(terminal);
}

/// The program makes a fault where the environment asks for it (in builds with debug assertions, as tests are).
#[test]
fn a_fault_gives_the_terminal_back_says_where_and_what_to_do_and_leaves_the_recording_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.mcap");
    let mut player = Player::new(&Scenario::parse("about = \"a robot\"\nsteps = []\n").unwrap());
    let args = [
        "attach",
        &player.address(),
        "--record",
        file.to_str().unwrap(),
    ];
    let mut terminal = Start::new(PROGRAM, &args)
        .size(WIDE)
        .var("SPLITSCOPE_DATA", folder.path())
        .var("SPLITSCOPE_TEST_FAULT", Path::new("1"))
        // A long list of calls would push the words off the screen.
        .var("RUST_BACKTRACE", Path::new("0"))
        .run();
    player.play(&Step::Hello(Hello {
        protocol: None,
        version: None,
    }));
    player.play(&Step::Send(Telemetry {
        batches: 5,
        every_ms: 20,
        ..Telemetry::default()
    }));
    terminal.shows(&["LIVE", "frame 10"]);
    terminal.press(b"\x1b[24~");
    let (status, left) = terminal.ends();
    assert_eq!(status.exit_code(), 101, "{left}");
    for words in [
        "src/console/input.rs",
        "a fault on purpose",
        "robot and server go on without it",
        "splitscope repair",
    ] {
        assert!(left.contains(words), "{words}: {left}");
    }
    let session = splitscope::session::Reader::open(&file).unwrap();
    assert!(session.is_whole());
    assert_eq!(session.summary().frames, 10);
}

/// The wheel zooms, a drag pans, a click puts the crosshair there.
#[test]
fn the_mouse_reads_charts() {
    let data = tempfile::tempdir().unwrap();
    let mut player = Player::new(&Scenario::parse("about = \"a robot\"\nsteps = []\n").unwrap());
    let mut terminal = Start::new(PROGRAM, &["attach", &player.address()])
        .size(WIDE)
        .var("SPLITSCOPE_DATA", data.path())
        .run();
    player.play(&Step::Hello(Hello {
        protocol: None,
        version: None,
    }));
    player.play(&Step::Send(Telemetry {
        batches: 40,
        every_ms: 20,
        ..Telemetry::default()
    }));
    terminal.shows(&["LIVE", "frame 80", "0.1 s a dot", " now"]);
    // Column 30, row 8: in the chart of the link. Buttons 64 and 65 are the wheel, 32 is a move with the left one.
    terminal.press(b"\x1b[<65;30;8M");
    terminal.shows(&["0.2 s a dot"]);
    terminal.press(b"\x1b[<64;30;8M");
    terminal.shows(&["0.1 s a dot"]);
    terminal.press(b"\x1b[<0;30;8M\x1b[<0;30;8m");
    terminal.shows(&["crosshair", "Esc leave"]);
    terminal.press(b"\x1b[<0;30;8M\x1b[<32;50;8M\x1b[<0;50;8m");
    terminal.read_until("charts that stand elsewhere than at now", |s| {
        !s.contents().contains(" now│")
    });
    terminal.press(b"q");
    leave(terminal);
}
