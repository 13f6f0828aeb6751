//! Says on standard error how far a command is, where a person looks on: on a terminal, and only of what takes more than
//! a second.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock;
use crate::progress::Progress;

/// Shorter than this, nobody asks.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks.
const TICK: Duration = Duration::from_millis(250);

/// The line, until it is dropped: then it is gone.
pub(super) struct Ticker {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Begins to look: `done` says how much of `total` is done. Does nothing where standard error is no terminal.
    pub(super) fn start(what: &str, total: u64, done: impl Fn() -> u64 + Send + 'static) -> Self {
        if !io::stderr().is_terminal() {
            return Self {
                stop: None,
                thread: None,
            };
        }
        let (stop, stopped) = sync_channel::<()>(0);
        let what = what.to_owned();
        let thread = std::thread::spawn(move || {
            let progress = Progress::begun(0, Some(total), clock::now());
            let mut wait = PATIENCE;
            let mut said = false;
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                let words = progress.reached(done(), clock::now()).words();
                // The line is written over: it begins at the left and what was longer is wiped.
                write!(io::stderr(), "\r{what} {words}\x1b[K").ok();
                (wait, said) = (TICK, true);
            }
            if said {
                write!(io::stderr(), "\r\x1b[K").ok();
            }
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
