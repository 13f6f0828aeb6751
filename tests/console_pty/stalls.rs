//! Keys are handled and drawn while something that the console needs stands still: a worker, a name server, a disk, a
//! recording that is read. Each test sees a key's effect on the screen while the stall lasts, and then ends the stall.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use splitscope::session::Reader;
use tempfile::TempDir;

use crate::emulated::Worker;
use crate::player::Player;
use crate::scenario::{Hello, Scenario, Step, Telemetry};
use crate::terminal::{PATIENCE, Start, Terminal, signal};
use crate::{PROGRAM, nobody};

const HELP: &str = "leave; the workers go on";

/// A disk and a name server that can be made to hang, under one program; see `tests/support/stall.c`.
struct Stall {
    folder: TempDir,
    library: PathBuf,
}

impl Stall {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("stall.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/stall.c");
        // Rust links with it, so it is there.
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .status();
        assert!(built.unwrap().success());
        Self { folder, library }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the console under it.
    fn run(&self, args: &[&str]) -> Terminal {
        let (gate, seen) = (self.path("on"), self.path("seen"));
        Start::new(PROGRAM, args)
            .var("LD_PRELOAD", &self.library)
            .var("STALL_WHILE", &gate)
            .var("STALL_SEEN", &seen)
            .var("SPLITSCOPE_DATA", self.folder.path())
            .run()
    }

    fn begin(&self) {
        std::fs::write(self.path("on"), "").unwrap();
    }

    /// Waits until something hangs.
    fn wait_until_it_is_felt(&self) {
        let patience = PATIENCE.as_millis() / 10;
        for _ in 0..patience {
            if self.path("seen").exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("nothing hangs");
    }

    fn end(&self) {
        std::fs::remove_file(self.path("on")).unwrap();
    }
}

/// Opens the help and closes it again, on a screen whose console hangs somewhere.
fn keys_work(terminal: &mut Terminal) {
    terminal.press(b"?");
    terminal.shows(&[HELP]);
    terminal.press(b"?");
    terminal.read_until("the screen below the help", |s| {
        !s.contents().contains(HELP)
    });
}

fn quits(terminal: &mut Terminal) -> String {
    terminal.press(b"q");
    terminal.ends_and_gives_the_terminal_back()
}

/// A robot that has said hello, and some frames.
fn robot() -> Player {
    Player::new(&Scenario::parse("about = \"a robot\"\nsteps = []\n").unwrap())
}

const HELLO: Step = Step::Hello(Hello {
    protocol: None,
    version: None,
});

fn frames(batches: u32) -> Step {
    Step::Send(Telemetry {
        batches,
        every_ms: 20,
        ..Telemetry::default()
    })
}

#[test]
fn a_worker_that_takes_the_call_and_says_nothing() {
    // The system takes the call; nobody ever reads what is said.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("ws://{}", silent.local_addr().unwrap());
    let mut terminal = crate::attach(&[&address, &nobody()]);
    terminal.first_picture();
    terminal.shows(&["CONNECTING"]);
    keys_work(&mut terminal);
    assert!(
        terminal.text().contains("CONNECTING"),
        "{}",
        terminal.text()
    );
    quits(&mut terminal);
}

#[test]
fn a_robot_whose_process_stands_still_in_the_middle_of_its_tensors() {
    let nobody = nobody();
    let server = nobody.trim_start_matches("ws://");
    let worker = Worker::robot("mobilenet_v2", &[server], &["--mode", "local"]);
    let address = format!("ws://{}", worker.address);
    let mut terminal = crate::attach(&[&address]);
    terminal.shows(&["LIVE", "frame "]);
    let process = worker.child.id();
    signal(process, "-STOP");
    terminal.shows(&["STALE"]);
    keys_work(&mut terminal);
    assert!(terminal.text().contains("STALE"), "{}", terminal.text());
    signal(process, "-CONT");
    terminal.shows(&["LIVE"]);
    quits(&mut terminal);
}

#[test]
fn a_name_server_that_does_not_answer() {
    let stall = Stall::new();
    stall.begin();
    let mut terminal = stall.run(&["attach", "ws://robot.example:7401", "--no-record"]);
    terminal.first_picture();
    stall.wait_until_it_is_felt();
    keys_work(&mut terminal);
    // Nor does leaving wait for it.
    quits(&mut terminal);
}

/// A console that records ten frames, and then its disk hangs.
fn hanging_disk() -> (Stall, Player, Terminal) {
    let stall = Stall::new();
    let mut player = robot();
    let mut terminal = stall.run(&["attach", &player.address()]);
    player.play(&HELLO);
    player.play(&frames(5));
    terminal.shows(&["LIVE", "frame 10"]);
    stall.begin();
    player.play(&frames(5));
    stall.wait_until_it_is_felt();
    (stall, player, terminal)
}

/// The recording, once the console is gone.
fn recorded(stall: &Stall) -> Reader {
    let sessions = std::fs::read_dir(stall.path("sessions")).unwrap();
    let file = sessions.map(|f| f.unwrap().path()).next().unwrap();
    Reader::open(&file).unwrap()
}

#[test]
fn a_disk_that_takes_no_recording() {
    let (stall, mut player, mut terminal) = hanging_disk();
    keys_work(&mut terminal);
    player.play(&frames(5));
    terminal.shows(&["LIVE", "frame 30"]);
    stall.end();
    let left = quits(&mut terminal);
    assert!(left.ends_with('B') && !left.contains("left out"), "{left}");
    assert_eq!(recorded(&stall).summary().frames, 30);
}

/// The terminal is the person's again at once, and says what goes on; the recording gets its end as soon as the disk
/// takes it.
#[test]
fn leaving_while_the_disk_hangs_gives_the_terminal_back_and_writes_the_rest() {
    let (stall, _player, mut terminal) = hanging_disk();
    terminal.press(b"q");
    terminal.read_until("the shell's screen, with a word", |s| {
        !s.alternate_screen() && s.contents().contains("still writing")
    });
    let ended = terminal.child.try_wait().unwrap();
    assert!(ended.is_none(), "it still writes");
    stall.end();
    let left = terminal.ends_and_gives_the_terminal_back();
    assert!(left.ends_with('B') && !left.contains("left out"), "{left}");
    let session = recorded(&stall);
    assert!(session.is_whole());
    assert_eq!(session.summary().frames, 20);
}

/// Who does not want to wait for the disk need not.
#[test]
fn ctrl_c_leaves_a_hanging_disk_behind() {
    let (_stall, _player, mut terminal) = hanging_disk();
    terminal.press(b"q");
    terminal.shows(&["Ctrl-C leaves it unfinished"]);
    terminal.press(b"\x03");
    let left = terminal.ends_and_gives_the_terminal_back();
    assert!(
        left.contains("the disk was too slow for the last of it"),
        "{left}"
    );
}

#[test]
fn a_recording_that_cannot_be_read_on() {
    let stall = Stall::new();
    let file = stall.path("garden.mcap");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/garden.mcap");
    std::fs::copy(sample, &file).unwrap();
    let mut terminal = stall.run(&["replay", &file.to_string_lossy()]);
    terminal.shows(&["REPLAY", "of 0:"]);
    // Whatever there is to read ahead has been read.
    terminal.settle(Duration::from_millis(500));
    stall.begin();
    terminal.press(b"g3\r");
    stall.wait_until_it_is_felt();
    keys_work(&mut terminal);
    stall.end();
    terminal.shows(&["0:03.0 of 0:"]);
    quits(&mut terminal);
}

#[test]
fn a_folder_of_recordings_that_does_not_open() {
    let stall = Stall::new();
    std::fs::create_dir(stall.path("sessions")).unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/garden.mcap");
    std::fs::copy(sample, stall.path("sessions/garden.mcap")).unwrap();
    let mut terminal = stall.run(&["attach", &nobody(), "--no-record"]);
    terminal.first_picture();
    stall.begin();
    terminal.press(b"7");
    stall.wait_until_it_is_felt();
    keys_work(&mut terminal);
    stall.end();
    terminal.shows(&["the garden"]);
    quits(&mut terminal);
}
