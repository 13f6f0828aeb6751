//! Workers that stay and consoles that write lines, as real processes.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::sleep;

use crate::support::{PATIENCE, STEP, splitscope};

/// Text that grows while a process writes.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<String>>);

impl Heard {
    fn listen(from: impl Read + Send + 'static) -> Self {
        let heard = Self::default();
        let here = heard.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                *here.0.lock().unwrap() += &(line + "\n");
            }
        });
        heard
    }

    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn wait_for(&self, part: &str) {
        for _ in 0..PATIENCE.as_millis() / STEP.as_millis() {
            if self.text().contains(part) {
                return;
            }
            sleep(STEP);
        }
        panic!("no {part:?} in\n{}", self.text());
    }
}

/// A worker that goes on until it is dropped.
pub(crate) struct Worker {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Heard,
}

impl Worker {
    /// A worker on a port of its own.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::listening(args, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    pub(crate) fn listening(args: &[&str], listen: SocketAddr) -> Self {
        let mut child = splitscope(args)
            .args(["--listen", &listen.to_string(), "--until-stdin-ends"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Heard::listen(child.stderr.take().unwrap());
        let (sender, first) = sync_channel(1);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            sender.send(line).unwrap();
        });
        let first = first
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|e| panic!("{args:?} said nothing: {e}\n{}", log.text()));
        let Some((_, address)) = first.trim().rsplit_once("ws://") else {
            panic!("{args:?} said {first:?}\n{}", log.text());
        };
        Self {
            child,
            address: address.parse().unwrap(),
            log,
        }
    }

    /// SIGKILL: it cannot say goodbye.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn logs(&self, part: &str) {
        self.log.wait_for(part);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What these tests look at of a frame's line.
#[derive(Debug, Clone, serde::Deserialize)]
pub(crate) struct Frame {
    #[serde(rename = "frame")]
    pub(crate) number: u64,
    pub(crate) mode: String,
    pub(crate) cut: Option<u32>,
    pub(crate) outcome: String,
}

/// `attach --headless --json` on one worker.
pub(crate) struct Console {
    child: Child,
    lines: Receiver<String>,
    notices: Heard,
    pub(crate) frames: Vec<Frame>,
}

impl Console {
    pub(crate) fn attach(worker: SocketAddr) -> Self {
        let mut child = splitscope(&["attach", "--headless", "--json", &worker.to_string()])
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = sync_channel(100_000);
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            notices: Heard::listen(child.stderr.take().unwrap()),
            child,
            lines,
            frames: Vec::new(),
        }
    }

    /// Reads until `count` frames in a row are as wanted; frames that are not start the count again.
    pub(crate) fn until_in_a_row(&mut self, count: usize, wanted: impl Fn(&Frame) -> bool) {
        let mut row = 0;
        // At 50 frames a second this is more than a minute.
        for _ in 0..6_000 {
            row = if wanted(&self.next()) { row + 1 } else { 0 };
            if row == count {
                return;
            }
        }
        panic!("never {count} in a row: {}", self.seen());
    }

    /// The next `count` frames must be as wanted, those that wait already too.
    pub(crate) fn all(&mut self, count: usize, wanted: impl Fn(&Frame) -> bool) {
        for _ in 0..count {
            let frame = self.next();
            assert!(wanted(&frame), "{frame:?} after {}", self.seen());
        }
    }

    /// Every frame that waits already must be as wanted.
    pub(crate) fn all_so_far(&mut self, wanted: impl Fn(&Frame) -> bool) {
        while let Ok(line) = self.lines.try_recv() {
            let frame = self.take(&line);
            assert!(wanted(&frame), "{frame:?} after {}", self.seen());
        }
    }

    pub(crate) fn next(&mut self) -> Frame {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => self.take(&line),
            Err(e) => panic!("no frame ({e}): {}", self.seen()),
        }
    }

    fn take(&mut self, line: &str) -> Frame {
        let frame: Frame = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line:?}"));
        self.frames.push(frame.clone());
        frame
    }

    /// Waits for a sentence on standard error.
    pub(crate) fn notice(&self, part: &str) {
        self.notices.wait_for(part);
    }

    /// Every number from the first that was seen to the newest comes once. They need not come in order: a result waits
    /// for the server's times of it, so a frame may be told after later ones, and is read on for here.
    pub(crate) fn none_is_missing_or_twice(&mut self) {
        let (first, newest) = (self.frames[0].number, self.frames.iter().map(|f| f.number));
        let newest = newest.max().unwrap_or(first);
        let mut missing: BTreeSet<u64> = (first..=newest).collect();
        for frame in &self.frames {
            missing.remove(&frame.number);
        }
        // Ten seconds at 50 frames a second; a result waits two.
        for _ in 0..500 {
            if missing.is_empty() {
                break;
            }
            missing.remove(&self.next().number);
        }
        assert!(missing.is_empty(), "{missing:?} missing: {}", self.seen());
        let mut once = BTreeSet::new();
        for frame in &self.frames {
            assert!(
                once.insert(frame.number),
                "{frame:?} twice: {}",
                self.seen()
            );
        }
    }

    fn seen(&self) -> String {
        let last = self.frames.iter().rev().take(30).rev();
        let last: Vec<String> = last.map(|f| format!("{f:?}")).collect();
        format!(
            "{} frames, the last:\n{}\n{}",
            self.frames.len(),
            last.join("\n"),
            self.notices.text()
        )
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
