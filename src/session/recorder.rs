//! Records a session from a thread of its own, so that no disk ever holds up the experiment or the screen.
//!
//! Whoever has entries hands them over without waiting. Every half second what has come is one chunk, written and synced:
//! that much is lost at most when the machine dies. A disk that takes nothing (full, gone, read-only) is tried again
//! every half second; meanwhile bulk telemetry is left out and counted, and the file says so itself once it goes on.
//! Commands, markers, hellos and whatever else is rare are kept.

use std::collections::VecDeque;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::entry::{Entry, Left, Meta, Start, What};
use super::error::SessionError;
use super::folder;
use super::writer::{Origin, Writer};
use super::written::Written;
use crate::clock;
use crate::units::{Bytes, Nanos};
use crate::wire::Record;

/// Between two chunks.
const TICK: Duration = Duration::from_millis(500);
/// Entries that wait for the recorder: three seconds at 5,000 a second.
const WAITING: usize = 16_384;
/// Rare entries that are kept while the recorder or the disk takes nothing.
const KEPT: usize = 4_096;
/// How long the end of a recording may take where nobody says otherwise.
const LAST_WRITE: Duration = Duration::from_secs(2);
/// The share of the limit at which a warning is due.
const NEARLY: f64 = 0.9;

/// Where to record, and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The file, which must not exist yet.
    pub file: PathBuf,
    /// Whether a person named it; else another name is taken where another console has this one.
    pub named: bool,
    /// The most bytes that it may have.
    pub limit: Bytes,
    /// What is known of the session beforehand.
    pub meta: Meta,
}

/// How a recording stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The file.
    pub file: PathBuf,
    /// When it began, on the console's clock.
    pub began: Nanos,
    /// Its length so far.
    pub bytes: Bytes,
    /// Whether it goes on.
    pub state: State,
    /// Entries left out so far.
    pub left_out: u64,
    /// It has less than a tenth of its limit left.
    pub nearly_full: bool,
}

impl Status {
    /// What is wrong with it, in a sentence; none while it goes on.
    pub fn trouble(&self) -> Option<String> {
        match &self.state {
            State::Recording | State::Finished | State::Empty => None,
            State::Waiting(why) => Some(format!(
                "not recording: {why}; the experiment goes on, and so does the recording once it can"
            )),
            State::Ended(why) => Some(format!("not recording any more: {why}")),
        }
    }

    /// What is to be said of it at the very end.
    pub fn last_words(&self) -> String {
        let file = self.file.display();
        let left = match self.left_out {
            0 => String::new(),
            n => format!("; {n} entries were left out"),
        };
        match &self.state {
            State::Finished => format!("session {file}, {}{left}", self.bytes),
            State::Empty => "no session: no worker was attached".to_owned(),
            State::Ended(why) => format!("session {file}, {}: {why}{left}", self.bytes),
            State::Recording => format!(
                "session {file}: the disk was too slow for the last of it; `splitscope repair` writes its index{left}"
            ),
            State::Waiting(why) => format!("nothing more could be recorded: {why}{left}"),
        }
    }
}

/// Whether a recording goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It does.
    Recording,
    /// The disk takes nothing at present, and why; it is tried again.
    Waiting(String),
    /// It has ended before the console did, and why.
    Ended(String),
    /// It has ended with the console; the file has its index.
    Finished,
    /// It has ended with the console; no worker was ever attached and nobody said anything, so that no file is left.
    Empty,
}

/// A recording under way.
#[derive(Debug)]
pub struct Recorder {
    sender: Option<SyncSender<Entry>>,
    /// Rare entries for which the channel had no room.
    kept: VecDeque<Entry>,
    left: LeftOut,
    status: Arc<Mutex<Status>>,
    written: Written,
    thread: Option<JoinHandle<()>>,
}

/// What was left out and not yet said in the file.
#[derive(Debug, Default)]
struct LeftOut {
    span: Option<(Nanos, Nanos)>,
    entries: u64,
}

impl LeftOut {
    fn count(&mut self, at: Nanos) {
        let (from, to) = self.span.unwrap_or((at, at));
        self.span = Some((from.min(at), to.max(at)));
        self.entries += 1;
    }

    /// The entry that says so, if there is something to say.
    fn take(&mut self, reason: &str) -> Option<Entry> {
        let (from, to) = self.span.take()?;
        let entries = std::mem::take(&mut self.entries);
        Some(Entry {
            at: to,
            unix_ms: 0,
            what: What::Left(Left {
                from,
                to,
                entries,
                reason: reason.to_owned(),
            }),
        })
    }
}

/// What comes many times a second and can be spared; everything else is kept.
const fn is_bulk(what: &What) -> bool {
    match what {
        What::Record(told) => matches!(
            told.record,
            Record::Frame(_)
                | Record::ServerFrame(_)
                | Record::Link(_)
                | Record::LinkState(_)
                | Record::TelemetryShare(_)
                | Record::Power(_)
                | Record::Host(_)
                | Record::Input(_)
        ),
        _ => false,
    }
}

impl Recorder {
    /// Begins to record. A file that cannot be made is tried again like a full disk, and the status says why.
    ///
    /// # Errors
    /// No thread.
    pub fn start(settings: Settings, start: &Start) -> std::io::Result<Self> {
        let (sender, entries) = sync_channel(WAITING);
        let status = Arc::new(Mutex::new(Status {
            file: settings.file.clone(),
            began: start.at,
            bytes: Bytes(0),
            state: State::Recording,
            left_out: 0,
            nearly_full: false,
        }));
        let written = Written::new(&settings.file, Origin::new(start.at, start.unix_ms));
        let desk = Desk {
            writer: None,
            written: written.clone(),
            start: start.clone(),
            limit: settings.limit,
            file: settings.file,
            named: settings.named,
            kept: VecDeque::new(),
            left: LeftOut::default(),
            status: Arc::clone(&status),
        };
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || desk.serve(&entries))?;
        let mut recorder = Self {
            sender: Some(sender),
            kept: VecDeque::new(),
            left: LeftOut::default(),
            status,
            written,
            thread: Some(thread),
        };
        if settings.meta != Meta::default() {
            recorder.put(Entry {
                at: start.at,
                unix_ms: start.unix_ms,
                what: What::Meta(Box::new(settings.meta)),
            });
        }
        Ok(recorder)
    }

    /// Hands an entry over, without waiting.
    pub fn put(&mut self, entry: Entry) {
        self.hand_over();
        let refused = if self.kept.is_empty() {
            self.try_send(entry)
        } else {
            Some(entry)
        };
        if let Some(entry) = refused {
            self.spare(entry);
        }
    }

    /// What is in the file so far, for whoever reads along.
    pub fn written(&self) -> Written {
        self.written.clone()
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        let mut status = lock(&self.status).clone();
        status.left_out += self.left.entries;
        status
    }

    /// Ends the recording: the file gets its index. Waits two seconds at most; what a slow disk has not taken by then is
    /// lost, and the file is sound nevertheless.
    pub fn stop(self) -> Status {
        self.stop_while(|waited| waited < LAST_WRITE)
    }

    /// The same with another patience: it is asked again and again whether to wait on, after so long a wait.
    pub fn stop_while(mut self, patience: impl FnMut(Duration) -> bool) -> Status {
        self.end(patience);
        self.status()
    }

    fn end(&mut self, mut patience: impl FnMut(Duration) -> bool) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        self.hand_over();
        self.sender = None;
        let began = clock::now();
        let waited = || Duration::from_nanos(clock::now().since(began).max(0) as u64);
        while !thread.is_finished() && patience(waited()) {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// What waits here goes first, and then the word of what was left out.
    fn hand_over(&mut self) {
        while let Some(entry) = self.kept.pop_front() {
            if let Some(entry) = self.try_send(entry) {
                self.kept.push_front(entry);
                return;
            }
        }
        let entries = self.left.entries;
        if let Some(left) = self.left.take("the recorder was too slow") {
            lock(&self.status).left_out += entries;
            self.kept.extend(self.try_send(left));
        }
    }

    /// Gives the entry back where there is no room for it.
    fn try_send(&self, entry: Entry) -> Option<Entry> {
        match self.sender.as_ref()?.try_send(entry) {
            Err(TrySendError::Full(entry)) => Some(entry),
            // The thread has ended and its status says why.
            Err(TrySendError::Disconnected(_)) | Ok(()) => None,
        }
    }

    fn spare(&mut self, entry: Entry) {
        if is_bulk(&entry.what) || self.kept.len() >= KEPT {
            self.left.count(entry.at);
        } else {
            self.kept.push_back(entry);
        }
    }
}

fn lock(status: &Mutex<Status>) -> MutexGuard<'_, Status> {
    // A status is whole at any time.
    status.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Recorder {
    /// What was recorded gets its end even where the console goes because of a fault.
    fn drop(&mut self) {
        self.end(|waited| waited < LAST_WRITE);
    }
}

/// The recorder's own thread.
struct Desk {
    writer: Option<Writer>,
    written: Written,
    start: Start,
    file: PathBuf,
    named: bool,
    limit: Bytes,
    kept: VecDeque<Entry>,
    left: LeftOut,
    status: Arc<Mutex<Status>>,
}

impl Desk {
    fn serve(mut self, entries: &Receiver<Entry>) {
        self.tick();
        let mut due = clock::now().shifted(TICK.as_nanos() as i64);
        loop {
            let wait = due.since(clock::now()).max(0);
            match entries.recv_timeout(Duration::from_nanos(wait as u64)) {
                Ok(entry) => self.take(entry),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.finish(),
            }
            if clock::now() >= due {
                self.tick();
                due = clock::now().shifted(TICK.as_nanos() as i64);
                if self.is_over_limit() {
                    let why = format!(
                        "the recording has reached its limit of {}; --record-limit sets another one",
                        self.limit
                    );
                    self.finish();
                    lock(&self.status).state = State::Ended(why);
                    return;
                }
            }
        }
    }

    fn is_over_limit(&self) -> bool {
        self.writer
            .as_ref()
            .is_some_and(|w| w.bytes() >= self.limit.0)
    }

    fn take(&mut self, entry: Entry) {
        match &mut self.writer {
            Some(writer) if !writer.is_stuck() => {
                if let Err(error) = writer.add(&entry) {
                    tracing::warn!("{error}");
                    self.left.count(entry.at);
                }
            }
            _ if is_bulk(&entry.what) || self.kept.len() >= KEPT => {
                self.left.count(entry.at);
                lock(&self.status).left_out += 1;
            }
            _ => self.kept.push_back(entry),
        }
    }

    /// Writes what has come, or tries again what could not be written.
    fn tick(&mut self) {
        let result = self.write();
        let mut status = lock(&self.status);
        match result {
            Ok(bytes) => {
                status.bytes = bytes;
                status.state = State::Recording;
                status.nearly_full = bytes.0 as f64 >= NEARLY * self.limit.0 as f64;
            }
            Err(why) => status.state = State::Waiting(why),
        }
    }

    fn write(&mut self) -> Result<Bytes, String> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let writer = begin(&self.file, self.named, &self.start);
                let writer = writer.map_err(|e| e.to_string())?;
                writer.path().clone_into(&mut self.file);
                self.written.is_at(&self.file);
                lock(&self.status).file.clone_from(&self.file);
                none.insert(writer)
            }
        };
        let file = &self.file;
        let words = |error| SessionError::io("record to", file)(error).to_string();
        writer.flush().map_err(words)?;
        // Now there is room for what was kept.
        let left = self.left.take("the disk took nothing");
        for entry in self.kept.drain(..).chain(left) {
            if let Err(error) = writer.add(&entry) {
                tracing::warn!("{error}");
            }
        }
        let written = writer.flush().and_then(|()| writer.sync());
        written.map_err(words)?;
        writer.publish(&self.written);
        Ok(Bytes(writer.bytes()))
    }

    fn finish(&mut self) {
        self.tick();
        let Some(writer) = self.writer.take() else {
            return;
        };
        // A file that a person named stays: somebody waits for it.
        let is_kept = self.named || !writer.card().is_empty();
        let finished = writer.finish();
        if !is_kept && fs::remove_file(&self.file).is_ok() {
            lock(&self.status).state = State::Empty;
            return;
        }
        let mut status = lock(&self.status);
        match finished {
            Ok(bytes) => {
                status.bytes = bytes;
                status.state = State::Finished;
            }
            Err(error) => status.state = State::Ended(error.to_string()),
        }
    }
}

/// Makes the file, and its folder. Where nobody named it and another console was a moment faster, it gets a number.
fn begin(file: &Path, named: bool, start: &Start) -> Result<Writer, SessionError> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(SessionError::io("make the folder", folder))?;
    }
    let mut created = Writer::create(file, start.clone());
    let mut others = folder::numbered(file);
    while !named
        && let Err(SessionError::Io { error, .. }) = &created
        && error.kind() == ErrorKind::AlreadyExists
        && let Some(other) = others.next()
    {
        created = Writer::create(&other, start.clone());
    }
    created
}
