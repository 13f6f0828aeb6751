//! Lines from a command that goes on: `tegrastats`, an external meter.
//!
//! A thread reads the command's output; lines are cut at a length, and wait in a bounded queue. The command and what
//! it started end with this.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread;

use rustix::process::{Pid, Signal, kill_process_group};

use super::PowerError;
use crate::clock;
use crate::units::Nanos;

/// Bytes of one line; `tegrastats` on an AGX Orin writes about 700.
pub(super) const MAX_LINE: usize = 4096;
/// Lines that may wait between two samples.
const QUEUE: usize = 512;

/// A line and when it came.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) at: Nanos,
    pub(super) text: Vec<u8>,
}

/// A running command's lines.
#[derive(Debug)]
pub(super) struct Lines {
    command: String,
    child: Child,
    receiver: Receiver<Line>,
    heard: Nanos,
    silence_ns: i64,
}

impl Lines {
    /// Starts a command; after `silence_ns` without a line it counts as stuck. Lines that are too long or find no room
    /// are counted in `lost`.
    pub(super) fn start(
        mut command: Command,
        shown: &str,
        silence_ns: i64,
        lost: Arc<AtomicU64>,
    ) -> Result<Self, PowerError> {
        let failed = |source| PowerError::Start {
            command: shown.to_owned(),
            source,
        };
        // A group of its own, so that what a shell starts ends with the shell.
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let (sender, receiver) = sync_channel(QUEUE);
        let started = match child.stdout.take() {
            Some(output) => thread::Builder::new()
                .name("meter lines".to_owned())
                .spawn(move || forward(output, &sender, &lost))
                .map(drop),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        let lines = Self {
            command: shown.to_owned(),
            child,
            receiver,
            heard: clock::now(),
            silence_ns,
        };
        started.map_err(failed)?;
        Ok(lines)
    }

    /// The lines that came since the last call.
    pub(super) fn take(&mut self) -> Result<Vec<Line>, PowerError> {
        let mut lines = Vec::new();
        while lines.len() < QUEUE {
            match self.receiver.try_recv() {
                Ok(line) => lines.push(line),
                Err(TryRecvError::Disconnected) if lines.is_empty() => return Err(self.ended()),
                Err(_) => break,
            }
        }
        match lines.last() {
            Some(line) => self.heard = line.at,
            None => {
                let silent = clock::now().since(self.heard);
                if silent > self.silence_ns {
                    return Err(PowerError::Silent {
                        command: self.command.clone(),
                        seconds: silent as f64 / 1e9,
                    });
                }
            }
        }
        Ok(lines)
    }

    fn ended(&mut self) -> PowerError {
        let how = match self.child.try_wait() {
            Ok(Some(status)) => status.to_string(),
            Ok(None) => "closed its output".to_owned(),
            Err(e) => e.to_string(),
        };
        PowerError::Ended {
            command: self.command.clone(),
            how,
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

fn forward(mut output: impl Read, sender: &SyncSender<Line>, lost: &AtomicU64) {
    let mut splitter = Splitter::default();
    let mut buffer = [0; 8192];
    let mut listened = true;
    while listened {
        let length = match output.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => length,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let at = clock::now();
        splitter.feed(buffer.get(..length).unwrap_or_default(), |line| {
            let Some(text) = line else {
                lost.fetch_add(1, Ordering::Relaxed);
                return;
            };
            let text = text.to_vec();
            match sender.try_send(Line { at, text }) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => {
                    lost.fetch_add(1, Ordering::Relaxed);
                }
                Err(TrySendError::Disconnected(_)) => listened = false,
            }
        });
    }
}

/// Cuts a stream into lines and never holds more than one.
#[derive(Debug, Default)]
struct Splitter {
    line: Vec<u8>,
    too_long: bool,
}

impl Splitter {
    /// Hands each complete line on; none for one that was too long.
    fn feed(&mut self, bytes: &[u8], mut line: impl FnMut(Option<&[u8]>)) {
        for part in bytes.split_inclusive(|&b| b == b'\n') {
            let (text, complete) = match part.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (part, false),
            };
            if self.line.len() + text.len() > MAX_LINE {
                self.too_long = true;
                self.line.clear();
            }
            if !self.too_long {
                self.line.extend_from_slice(text);
            }
            if complete {
                line((!self.too_long).then(|| self.line.trim_ascii_end()));
                self.line.clear();
                self.too_long = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn split(chunks: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        for chunk in chunks {
            splitter.feed(chunk, |line| lines.push(line.map(<[u8]>::to_vec)));
        }
        lines
    }

    #[test]
    fn lines_are_put_together_and_an_endless_one_is_skipped() {
        let long = vec![b'x'; MAX_LINE];
        let lines = split(&[b"one\r\ntw", b"o\n", &long, b"x", &long, b"\nthree\nfour"]);
        let text = |t: &[u8]| Some(t.to_vec());
        assert_eq!(lines, [text(b"one"), text(b"two"), None, text(b"three")]);
    }

    fn shell(script: &str, silence_ns: i64) -> Lines {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Lines::start(command, script, silence_ns, Arc::default()).unwrap()
    }

    /// Takes until there are lines or an error, for 20 s at most.
    fn wait(lines: &mut Lines) -> Result<Vec<Line>, PowerError> {
        for _ in 0..2000 {
            let taken = lines.take()?;
            if !taken.is_empty() {
                return Ok(taken);
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("nothing came");
    }

    #[test]
    fn a_command_gives_its_lines_and_then_says_how_it_ended() {
        let mut lines = shell("echo 4.5; exit 3", i64::MAX);
        assert_eq!(wait(&mut lines).unwrap()[0].text, b"4.5");
        let said = wait(&mut lines).unwrap_err().to_string();
        assert!(said.starts_with("`echo 4.5; exit 3` ended"), "{said}");
    }

    #[test]
    fn a_stuck_command_is_an_error_and_not_an_old_number() {
        let mut lines = shell("sleep 60", 1_000_000);
        let said = wait(&mut lines).unwrap_err().to_string();
        assert!(said.contains("has said nothing for"), "{said}");
    }

    #[test]
    fn a_command_ends_with_what_it_started() {
        let mut lines = shell("sleep 600 & echo $!; wait", i64::MAX);
        let text = wait(&mut lines).unwrap().remove(0).text;
        let pid: i32 = str::from_utf8(&text).unwrap().parse().unwrap();
        let stat = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(stat().contains("sleep"), "{}", stat());
        drop(lines);
        for _ in 0..500 {
            // Gone, or dead and waiting for whoever adopted it.
            if stat().is_empty() || stat().contains(") Z ") {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("still there: {}", stat());
    }

    proptest! {
        #[test]
        fn any_stream_is_cut_the_same_however_it_comes(
            bytes in proptest::collection::vec(prop_oneof![3 => any::<u8>(), 1 => Just(b'\n')], 0..600),
            at in 0_usize..600,
        ) {
            let (a, b) = bytes.split_at(at.min(bytes.len()));
            prop_assert_eq!(split(&[&bytes]), split(&[a, b]));
        }
    }
}
