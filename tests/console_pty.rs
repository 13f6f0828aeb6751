//! The console on a real terminal: the first picture without any worker, quitting, and a terminal that is as before.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "console_screen/fake.rs"]
mod fake;
#[path = "console_screen/script.rs"]
mod script;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use fake::{Console, worker};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use script::{batch, hello, plan};
use splitscope::clock;
use splitscope::plan::Plan;
use splitscope::units::{Epoch, FrameId, Nanos};
use splitscope::wire::console::{Command, CommandMessage, Reply, Role, ToConsole, ToWorker};
use splitscope::wire::{Record, SwitchRecord, SwitchStage};

/// So long that only a fault makes it pass.
const PATIENCE: Duration = Duration::from_secs(30);

struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    master: Box<dyn MasterPty + Send>,
    before: String,
}

impl Terminal {
    /// Starts the console on a fresh 80x24 terminal, with two addresses that nobody listens on.
    fn start() -> Self {
        Self::attach(&nobody(), &nobody())
    }

    fn attach(robot: &str, server: &str) -> Self {
        let program = env!("CARGO_BIN_EXE_splitscope");
        Self::run(program, &["attach", robot, server])
    }

    fn run(program: &str, args: &[&str]) -> Self {
        let size = PtySize {
            rows: 24,
            cols: 80,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let before = settings(pair.master.as_ref());
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env("TERM", "xterm-256color");
        command.env("SPLITSCOPE_DATA", env!("CARGO_TARGET_TMPDIR"));
        // What this machine's user has said of sessions is no test's business.
        command.env("SPLITSCOPE_PROMPT", "false");
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = sync_channel(1024);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        // The slave stays open here, so that the terminal's settings can still be read at the end.
        std::mem::forget(pair.slave);
        Self {
            child,
            keys: pair.master.take_writer().unwrap(),
            output,
            screen: vt100::Parser::new(lines(24), lines(80), 0),
            before,
            master: pair.master,
        }
    }

    fn read_until(&mut self, what: &str, seen: impl Fn(&vt100::Screen) -> bool) {
        // A console that draws on and on without ever showing it is a fault too.
        let began = clock::now();
        while !seen(self.screen.screen()) {
            let passed = Duration::from_nanos(clock::now().since(began) as u64);
            let left = PATIENCE.saturating_sub(passed);
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(error) => panic!("no {what}: {error}\n{}", self.screen.screen().contents()),
            }
        }
    }

    fn first_picture(&mut self) {
        self.read_until("first picture", |screen| {
            let text = screen.contents();
            screen.alternate_screen() && text.contains("splitscope") && text.contains("q quit")
        });
    }

    fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits for the end and checks that nothing of the console is left.
    fn ends_and_gives_the_terminal_back(mut self) {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status:?}");
        self.read_until("end of the alternate screen", |s| !s.alternate_screen());
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(200)) {
            self.screen.process(&bytes);
        }
        let screen = self.screen.screen();
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        // What is left says where the session is, and nothing else.
        let left = screen.contents().replace('\n', "");
        let one = left.starts_with("session ") && left.contains(".mcap, ") && left.ends_with('B');
        assert!(one, "{left:?}");
        assert_eq!(settings(self.master.as_ref()), self.before);
    }
}

fn lines(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

/// What `stty` would say: echo, line editing and all.
fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().unwrap())
}

/// An address that nobody listens on.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("ws://{}", listener.local_addr().unwrap())
}

#[test]
fn the_first_picture_needs_no_worker_and_q_leaves_the_terminal_as_it_was() {
    let mut terminal = Terminal::start();
    terminal.first_picture();
    terminal.press(b"q");
    terminal.ends_and_gives_the_terminal_back();
}

#[test]
fn ctrl_c_quits_from_the_help_too() {
    let mut terminal = Terminal::start();
    terminal.first_picture();
    terminal.press(b"?");
    terminal.read_until("help", |s| {
        s.contents().contains("leave; the workers go on")
    });
    terminal.press(b"\x03");
    terminal.ends_and_gives_the_terminal_back();
}

#[test]
fn sigterm_and_sighup_give_the_terminal_back() {
    for signal in ["-TERM", "-HUP"] {
        let mut terminal = Terminal::start();
        terminal.first_picture();
        let id = terminal.child.process_id().unwrap().to_string();
        let kill = std::process::Command::new("kill")
            .args([signal, &id])
            .status();
        assert!(kill.unwrap().success());
        terminal.ends_and_gives_the_terminal_back();
    }
}

#[test]
fn another_size_is_another_layout() {
    let mut terminal = Terminal::start();
    terminal.first_picture();
    let size = PtySize {
        rows: 12,
        cols: 40,
        pixel_width: 0,
        pixel_height: 0,
    };
    terminal.screen.screen_mut().set_size(lines(12), lines(40));
    terminal.master.resize(size).unwrap();
    terminal.read_until("small picture", |s| {
        let text = s.contents();
        text.contains("? help  q quit") && !text.contains("Layers")
    });
    terminal.press(b"q");
    terminal.ends_and_gives_the_terminal_back();
}

/// A shell with job control, as a person has one: Ctrl-Z stops the console, `fg` brings it back.
#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_brings_the_screen_back() {
    let program = env!("CARGO_BIN_EXE_splitscope");
    let script = format!(
        "{program} attach {} {}; stty -a | grep -o ' icanon'; echo IS-STOPPED; fg; echo IS-OVER",
        nobody(),
        nobody()
    );
    let mut terminal = Terminal::run("bash", &["--norc", "-ic", &script]);
    terminal.first_picture();
    terminal.press(b"\x1a");
    terminal.read_until("the shell after Ctrl-Z", |s| {
        let text = s.contents();
        text.contains("IS-STOPPED") && text.contains("icanon") && !s.alternate_screen()
            || s.alternate_screen() && text.contains("splitscope")
    });
    // `fg` follows at once: the screen is back, whole.
    terminal.read_until("the screen after fg", |s| {
        s.alternate_screen() && s.contents().contains("splitscope") && s.contents().contains("quit")
    });
    terminal.press(b"q");
    terminal.read_until("the end", |s| {
        let text = s.contents();
        !s.alternate_screen() && text.contains("IS-STOPPED") && text.contains("IS-OVER")
    });
    assert!(terminal.screen.screen().contents().contains("icanon"));
}

/// The same when something else stops it: `kill -TSTP`.
#[test]
fn a_stop_from_outside_gives_the_terminal_back_and_fg_brings_the_screen_back() {
    let program = env!("CARGO_BIN_EXE_splitscope");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = format!(
        "sh -c 'echo $$ > {}; exec {program} attach {} {}'; stty -a | grep -o ' icanon'; echo IS-STOPPED; \
         fg; echo IS-OVER",
        file.display(),
        nobody(),
        nobody()
    );
    let mut terminal = Terminal::run("bash", &["--norc", "-ic", &script]);
    terminal.first_picture();
    let pid: i32 = std::fs::read_to_string(&file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TSTP).unwrap();
    terminal.read_until("the end of the screen", |s| {
        !s.alternate_screen() || s.contents().contains("IS-STOPPED")
    });
    terminal.read_until("the screen after fg", |s| {
        s.alternate_screen() && s.contents().contains("splitscope") && s.contents().contains("quit")
    });
    terminal.press(b"q");
    terminal.read_until("the end", |s| {
        let text = s.contents();
        !s.alternate_screen() && text.contains("IS-STOPPED") && text.contains("IS-OVER")
    });
    assert!(terminal.screen.screen().contents().contains("icanon"));
}

#[test]
fn a_storm_of_sizes_ends_with_the_last_one() {
    let mut terminal = Terminal::start();
    terminal.first_picture();
    for i in 0..60_u16 {
        let size = PtySize {
            rows: 5 + i % 40,
            cols: 30 + i * 7 % 150,
            pixel_width: 0,
            pixel_height: 0,
        };
        terminal.master.resize(size).unwrap();
        terminal.press(b"?");
    }
    let size = PtySize {
        rows: 48,
        cols: 160,
        pixel_width: 0,
        pixel_height: 0,
    };
    terminal.master.resize(size).unwrap();
    terminal.screen.screen_mut().set_size(lines(48), lines(160));
    terminal.read_until("the layout of 160x48", |s| {
        s.contents().contains("8 Log") && s.contents().contains("Events  UTC")
    });
    terminal.press(b"q");
    terminal.ends_and_gives_the_terminal_back();
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_splitscope"))
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
    let mut terminal = Terminal::attach(&robot, &nobody());
    terminal.read_until("live robot", |s| s.contents().contains("split 28/153"));
    terminal.press(b"\x1b[C\x1b[B");
    terminal.read_until("proposal", |s| s.contents().contains("proposed: split 30"));
    terminal.press(b"\r");
    terminal.read_until("end of the switch", |s| {
        let text = s.contents();
        text.contains("applied at frame 9") && text.contains("cut 30")
    });
    terminal.press(b"q");
    terminal.ends_and_gives_the_terminal_back();
}

/// A person records for the first time: the console asks once, what is typed is in the file, and it does not ask again.
#[test]
fn the_first_session_is_asked_about_once_and_the_answer_is_in_the_file() {
    let home = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_splitscope");
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
             exec {program} attach {robot} --record {home}/{name}.mcap"
        );
        Terminal::run("bash", &["--norc", "-c", &script])
    };
    let mut terminal = attach("first");
    terminal.read_until("form", |s| s.contents().contains("What this session is"));
    // The experiment stays in sight.
    let seen = terminal.screen.screen().contents();
    assert!(seen.contains("LIVE") && seen.contains("split 28"), "{seen}");
    // Letters are letters, `q` too.
    terminal.press(b"quad\x1b[B\x1b[BAda\r");
    terminal.read_until("end of the form", |s| {
        let text = s.contents();
        text.contains("kept: in this session") && !text.contains("What this session is")
    });
    terminal.press(b"q");
    terminal.ends_and_gives_the_terminal_back();
    let info = std::process::Command::new(program)
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
    terminal.ends_and_gives_the_terminal_back();
}
