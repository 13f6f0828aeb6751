//! What this program says of itself: `tracing`'s events go to the Log screen and to a file, never to the screen's cells.
//!
//! Whoever says something never waits: two bounded queues take it, one for the console and one for the thread that
//! writes the file. What a full queue does not take is counted, and both the screen and the file say how much that is.
//! The file is bounded too ([`file`]). Secrets that the journal knows of never get into either.

mod file;

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::clock;
use crate::store::clean;
use crate::units::Nanos;

use file::LogFile;
pub use file::{KEPT_BYTES, MOST_BYTES};

/// Lines that wait for the console.
pub const WAITING: usize = 1_024;
/// Characters of a line.
const LONGEST: usize = 400;
/// What stands for a secret.
const HIDDEN: &str = "[hidden]";

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// For who looks for a fault in this program.
    Trace,
    /// For who wonders why something happens.
    Debug,
    /// What happens.
    Info,
    /// What is not as it should be.
    Warning,
    /// What does not work.
    Error,
}

impl Severity {
    /// All, the least first.
    pub const ALL: [Self; 5] = [
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warning,
        Self::Error,
    ];

    /// Its word in the file and on the screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl From<tracing::Level> for Severity {
    fn from(level: tracing::Level) -> Self {
        match level {
            tracing::Level::ERROR => Self::Error,
            tracing::Level::WARN => Self::Warning,
            tracing::Level::INFO => Self::Info,
            tracing::Level::DEBUG => Self::Debug,
            tracing::Level::TRACE => Self::Trace,
        }
    }
}

impl From<crate::wire::Level> for Severity {
    fn from(level: crate::wire::Level) -> Self {
        match level {
            crate::wire::Level::Info => Self::Info,
            crate::wire::Level::Warning => Self::Warning,
            crate::wire::Level::Error => Self::Error,
        }
    }
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When, on this process's clock.
    pub at: Nanos,
    /// When, for people.
    pub unix_ms: u64,
    /// How much it matters.
    pub severity: Severity,
    /// The room of the program that says it: `link::shaper`.
    pub room: String,
    /// The sentence, with its fields behind it.
    pub text: String,
}

/// What came since the console looked last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// In the order in which it was said.
    pub lines: Vec<LogLine>,
    /// What the full queue did not take, in all.
    pub left_out: u64,
}

/// A file with a log: whose, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPlace {
    /// Whose.
    pub of: String,
    /// Where it is, or why there is none.
    pub file: Result<PathBuf, String>,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<LogLine>,
    left_out: u64,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    news: Notify,
    file: Option<LogFile>,
    secrets: Vec<String>,
}

/// See the [module](self). Clones are the same journal; the default one hears nothing.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    shared: Arc<Shared>,
    places: Vec<LogPlace>,
}

impl Journal {
    /// A journal with its file in `dir`, which is made if it is not there. `secrets` never appear in it. Where the file
    /// cannot be written, the journal goes without and says why in its [`places`](Self::places).
    pub fn new(dir: &Path, secrets: Vec<String>) -> Self {
        let path = dir.join("console.log");
        let (file, place) = match LogFile::open(&path) {
            Ok(file) => (Some(file), Ok(path)),
            Err(why) => (None, Err(why)),
        };
        let shared = Shared {
            file,
            // An empty one would be found everywhere.
            secrets: secrets.into_iter().filter(|s| !s.is_empty()).collect(),
            ..Shared::default()
        };
        Self {
            shared: Arc::new(shared),
            places: vec![LogPlace {
                of: "console".to_owned(),
                file: place,
            }],
        }
    }

    /// Makes this journal hear what the whole process says from now on. `filter` is of `tracing`'s syntax; one that is
    /// none is told and taken for `info`. A second call in a process is not heard.
    #[must_use]
    pub fn listening(self, filter: Option<&str>) -> Self {
        let wanted = EnvFilter::try_new(filter.unwrap_or("info"));
        let refused = wanted.as_ref().err().map(ToString::to_string);
        let wanted = wanted.unwrap_or_else(|_| "info".into());
        let _ = tracing_subscriber::registry()
            .with(wanted)
            .with(self.clone())
            .try_init();
        if let Some(why) = refused {
            tracing::warn!(
                "SPLITSCOPE_LOG={:?} is no filter ({why}); logging at info, say warn or splitscope=debug",
                filter.unwrap_or_default()
            );
        }
        self
    }

    /// The same journal, which knows of other logs: those of workers.
    #[must_use]
    pub fn beside<'a>(mut self, logs: impl IntoIterator<Item = (&'a str, PathBuf)>) -> Self {
        let places = logs.into_iter().map(|(of, file)| LogPlace {
            of: of.to_owned(),
            file: Ok(file),
        });
        self.places.extend(places);
        self
    }

    /// The files of this console's log and of others that it knows of.
    pub fn places(&self) -> &[LogPlace] {
        &self.places
    }

    /// Takes a sentence in, for the screen and the file.
    pub fn say(&self, severity: Severity, room: &str, text: &str) {
        let line = self.line(severity, room, text);
        self.write(&line);
        {
            let mut queue = self.queue();
            if queue.lines.len() < WAITING {
                queue.lines.push_back(line);
            } else {
                queue.left_out += 1;
            }
        }
        self.shared.news.notify_one();
    }

    /// Takes a sentence in for the file alone: the screen has it already.
    pub fn note(&self, severity: Severity, room: &str, text: &str) {
        self.write(&self.line(severity, room, text));
    }

    /// Waits until something was said since the last [`news`](Self::news).
    pub async fn said(&self) {
        self.shared.news.notified().await;
    }

    /// What was said since the last look.
    pub fn news(&self) -> News {
        let mut queue = self.queue();
        News {
            lines: queue.lines.drain(..).collect(),
            left_out: queue.left_out,
        }
    }

    /// Waits for the file to have all that was said, for a second at most.
    pub fn finish(&self) {
        if let Some(file) = &self.shared.file {
            file.finish();
        }
    }

    fn line(&self, severity: Severity, room: &str, text: &str) -> LogLine {
        let mut text = text.to_owned();
        for secret in &self.shared.secrets {
            if text.contains(secret) {
                text = text.replace(secret, HIDDEN);
            }
        }
        LogLine {
            at: clock::now(),
            unix_ms: clock::unix_ms(),
            severity,
            room: room.strip_prefix("splitscope::").unwrap_or(room).to_owned(),
            text: clean(&text, LONGEST),
        }
    }

    fn write(&self, line: &LogLine) {
        if let Some(file) = &self.shared.file {
            file.add(line);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing in here can panic halfway.
        self.shared
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        let meta = event.metadata();
        let text = words.message + &words.fields;
        self.say((*meta.level()).into(), meta.target(), &text);
    }
}

/// An event's sentence, and its fields as ` name=value`.
#[derive(Debug, Default)]
struct Words {
    message: String,
    fields: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            let _ = write!(self.fields, " {}={value:?}", field.name());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(dir: &Path) -> String {
        std::fs::read_to_string(dir.join("console.log")).unwrap()
    }

    #[test]
    fn a_tracing_event_is_news_and_stands_in_the_file_with_its_fields() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::new(dir.path(), Vec::new());
        let subscriber = tracing_subscriber::registry().with(journal.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(upstream = 7402, "the shaped link could not connect");
        });
        let news = journal.news();
        assert_eq!(news.lines.len(), 1);
        let line = &news.lines[0];
        assert_eq!(line.severity, Severity::Warning);
        assert_eq!(line.text, "the shaped link could not connect upstream=7402");
        assert_eq!(line.room, "console::journal::tests");
        journal.finish();
        let file = written(dir.path());
        assert!(file.contains("warning console::journal::tests the shaped link"));
        assert!(journal.news().lines.is_empty());
    }

    #[test]
    fn a_secret_is_in_neither_and_control_characters_do_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::new(dir.path(), vec!["hunter2".to_owned(), String::new()]);
        journal.say(Severity::Info, "x", "token hunter2\x1b[2J given");
        journal.note(Severity::Info, "x", "again hunter2");
        journal.finish();
        let text = &journal.news().lines[0].text;
        assert!(text.contains(HIDDEN) && !text.contains('\x1b'), "{text:?}");
        let file = written(dir.path());
        assert_eq!(file.matches(HIDDEN).count(), 2, "{file}");
        assert!(
            !file.contains("hunter2") && !file.contains('\x1b'),
            "{file}"
        );
    }

    #[test]
    fn a_flood_keeps_its_bounds_and_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::new(dir.path(), Vec::new());
        let flood = 20_000;
        let text = "x".repeat(300);
        for _ in 0..flood {
            journal.say(Severity::Debug, "flood", &text);
        }
        let news = journal.news();
        assert_eq!(news.lines.len(), WAITING);
        assert_eq!(news.left_out as usize, flood - WAITING);
        journal.finish();
        let mut bytes = 0;
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            bytes += entry.unwrap().metadata().unwrap().len();
        }
        assert!(bytes <= KEPT_BYTES, "{bytes}");
    }

    #[test]
    fn without_a_place_for_the_file_there_is_a_journal_and_it_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let taken = dir.path().join("taken");
        std::fs::write(&taken, "no folder").unwrap();
        let journal = Journal::new(&taken, Vec::new());
        assert!(journal.places()[0].file.is_err());
        journal.say(Severity::Info, "x", "still heard");
        assert_eq!(journal.news().lines.len(), 1);
        journal.finish();
    }
}
