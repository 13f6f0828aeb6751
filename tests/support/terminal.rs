//! A program on a terminal of its own, with a terminal emulator in place of the person's eyes.

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use splitscope::clock;

/// So long that only a fault makes it pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Wide and high enough for everything.
pub(crate) const WIDE: (u16, u16) = (160, 48);
pub(crate) const NORMAL: (u16, u16) = (80, 24);

/// How a program is started.
pub(crate) struct Start<'a> {
    program: &'a str,
    args: Vec<&'a str>,
    size: (u16, u16),
    vars: Vec<(&'a str, &'a Path)>,
}

impl<'a> Start<'a> {
    pub(crate) fn new(program: &'a str, args: &[&'a str]) -> Self {
        Self {
            program,
            args: args.to_vec(),
            size: NORMAL,
            vars: Vec::new(),
        }
    }

    /// Columns and rows.
    pub(crate) fn size(mut self, size: (u16, u16)) -> Self {
        self.size = size;
        self
    }

    pub(crate) fn var(mut self, name: &'a str, value: &'a Path) -> Self {
        self.vars.push((name, value));
        self
    }

    pub(crate) fn run(self) -> Terminal {
        let pair = native_pty_system().openpty(cells(self.size)).unwrap();
        let before = settings(pair.master.as_ref());
        let mut command = CommandBuilder::new(self.program);
        command.args(self.args);
        command.env("TERM", "xterm-256color");
        // What this machine's user has said of sessions is no test's business.
        command.env("SPLITSCOPE_PROMPT", "false");
        let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/cache");
        command.env("SPLITSCOPE_CACHE", cache);
        for (name, value) in self.vars {
            command.env(name, value);
        }
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
        let (width, height) = self.size;
        Terminal {
            child,
            keys: pair.master.take_writer().unwrap(),
            output,
            screen: vt100::Parser::new(lines(height), lines(width), 0),
            before,
            master: pair.master,
            bytes: 0,
        }
    }
}

/// A program and what it shows.
pub(crate) struct Terminal {
    pub(crate) child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    master: Box<dyn MasterPty + Send>,
    before: String,
    /// Written to the terminal so far.
    pub(crate) bytes: usize,
}

impl Terminal {
    pub(crate) fn read_until(&mut self, what: &str, seen: impl Fn(&vt100::Screen) -> bool) {
        let until = clock::now().shifted(PATIENCE.as_nanos() as i64);
        while !seen(self.screen.screen()) {
            let left = until.since(clock::now()).max(0) as u64;
            match self.output.recv_timeout(Duration::from_nanos(left)) {
                Ok(bytes) => self.take(&bytes),
                Err(error) => panic!("no {what}: {error}\n{}", self.text()),
            }
        }
    }

    /// Waits until all these words are on the screen.
    pub(crate) fn shows(&mut self, words: &[&str]) {
        self.read_until(&words.join(", "), |screen| {
            let text = screen.contents();
            words.iter().all(|word| text.contains(word))
        });
    }

    fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.screen.process(bytes);
    }

    /// Takes in what comes until nothing has come for so long, and gives it.
    pub(crate) fn settle(&mut self, quiet: Duration) -> Vec<u8> {
        let until = clock::now().shifted(PATIENCE.as_nanos() as i64);
        let mut all = Vec::new();
        while let Ok(bytes) = self.output.recv_timeout(quiet) {
            self.take(&bytes);
            all.extend(bytes);
            assert!(clock::now() < until, "it is never quiet:\n{}", self.text());
        }
        all
    }

    /// What is on the screen.
    pub(crate) fn text(&self) -> String {
        self.screen.screen().contents()
    }

    pub(crate) fn screen(&self) -> &vt100::Screen {
        self.screen.screen()
    }

    pub(crate) fn first_picture(&mut self) {
        self.read_until("first picture", |screen| {
            let text = screen.contents();
            screen.alternate_screen() && text.contains("splitscope") && text.contains("q quit")
        });
    }

    pub(crate) fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
        self.keys.flush().unwrap();
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&mut self, size: (u16, u16)) {
        self.screen
            .screen_mut()
            .set_size(lines(size.1), lines(size.0));
        self.master.resize(cells(size)).unwrap();
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.process_id().unwrap(), name);
    }

    /// The most memory that it had so far, in bytes (`VmHWM`).
    pub(crate) fn most_memory(&self) -> u64 {
        let id = self.child.process_id().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kib = line.unwrap().trim().trim_end_matches(" kB");
        kib.parse::<u64>().unwrap() << 10
    }

    /// Waits for the end of the program; somebody has to read its last words meanwhile.
    fn wait(&mut self) -> ExitStatus {
        let until = clock::now().shifted(PATIENCE.as_nanos() as i64);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(clock::now() < until, "it does not end:\n{}", self.text());
            self.settle(Duration::from_millis(5));
        }
    }

    /// Waits for the end and checks that nothing of the console is left but its last words, which come back.
    pub(crate) fn ends_and_gives_the_terminal_back(&mut self) -> String {
        let (status, words) = self.ends();
        assert!(status.success(), "{status:?}\n{}", self.text());
        words
    }

    /// The same for an end of another kind, which comes back too.
    pub(crate) fn ends(&mut self) -> (ExitStatus, String) {
        let status = self.wait();
        self.read_until("end of the alternate screen", |s| !s.alternate_screen());
        self.settle(Duration::from_millis(200));
        assert!(!self.screen().hide_cursor(), "the cursor is hidden");
        assert_eq!(settings(self.master.as_ref()), self.before);
        (status, self.text().replace('\n', ""))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Sends a process a signal.
pub(crate) fn signal(process: u32, name: &str) {
    let kill = std::process::Command::new("kill")
        .args([name, &process.to_string()])
        .status();
    assert!(kill.unwrap().success());
}

fn cells((cols, rows): (u16, u16)) -> PtySize {
    PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn lines(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

/// What `stty` would say: echo, line editing and all.
fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().unwrap())
}
