//! Says on standard error how far a command is, where a person looks on: on a terminal, and only of what takes more than
//! a second.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock;
use crate::progress::Progress;
use crate::session::{Reader, Repaired, SessionError, Watch, repair_watched};

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
    /// Begins to look: `place` says how much is done, and of how much. Does nothing where standard error is no terminal.
    pub(super) fn start(what: &str, place: impl Fn() -> (u64, u64) + Send + 'static) -> Self {
        if !io::stderr().is_terminal() {
            return Self {
                stop: None,
                thread: None,
            };
        }
        let (stop, stopped) = sync_channel::<()>(0);
        let what = what.to_owned();
        let thread = std::thread::spawn(move || {
            let began = clock::now();
            let mut wait = PATIENCE;
            let mut said = false;
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                let (done, total) = place();
                let progress = Progress::begun(0, Some(total), began);
                let words = progress.reached(done, clock::now()).words();
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

/// Opens a session, for who waits while a long one without its index is walked through.
pub(super) fn open(file: &Path) -> Result<Reader, SessionError> {
    let (watch, _ticker) = walking("opening", file);
    Reader::open_watched(file, &watch)
}

/// Checks and mends a session, for who waits.
pub(super) fn repair(file: &Path) -> Result<Repaired, SessionError> {
    let (watch, _ticker) = walking("checking", file);
    repair_watched(file, &watch)
}

fn walking(what: &str, file: &Path) -> (Watch, Ticker) {
    let watch = Watch::default();
    let watched = watch.clone();
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let ticker = Ticker::start(&format!("{what} {name}"), move || watched.place());
    (watch, ticker)
}

/// For who waits while a session is read from its beginning to its end.
pub(super) fn reading(what: &str, reader: &Reader) -> Ticker {
    let watched = reader.clone();
    Ticker::start(what, move || {
        let (done, all) = watched.place();
        (done as u64, all as u64)
    })
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
