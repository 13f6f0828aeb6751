//! Errands to the folder of recordings, on a thread of their own: the screen never waits for a disk, and is told how far
//! an errand is that takes more than a second.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use super::app::screens::sessions::{Errand, Fetched, Row};
use super::aside::{Aside, Ask, Bring, Inbox};
use crate::clock;
use crate::compare::{Choice, Sample, compare, epochs};
use crate::progress::Progress;
use crate::session::{Meta, Reader, Remembered, SessionError, Watch, folder};

/// Errands that may wait.
const QUEUE: usize = 16;
/// Of what takes no longer nobody asks how far it is.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two words of it.
const TICK: Duration = Duration::from_millis(250);

/// What an errand brings back.
pub(super) enum Back {
    /// For the screen.
    Fetched(Fetched),
    /// A recording to be shown in place of everything else.
    Open(Reader),
}

impl Ask for Errand {
    fn writes(&self) -> bool {
        match self {
            Self::Delete(_) | Self::Rename(..) | Self::Describe(..) | Self::Remember(_) => true,
            Self::List | Self::Open(_) | Self::Epochs(_) | Self::Compare(..) => false,
        }
    }
}

/// The thread's handle; it ends when this is dropped.
pub(super) struct Shelf(Aside<Errand, Back>);

impl Shelf {
    /// Starts the thread. Nothing is read before it is asked for.
    pub(super) fn start() -> io::Result<Self> {
        Aside::start("sessions", (QUEUE, QUEUE), |asked, bring| {
            run(&folder::default_folder(), asked, bring);
        })
        .map(Self)
    }

    /// Sends on an errand. Never waits; false where too many are under way.
    pub(super) fn send(&self, errand: Errand) -> bool {
        self.0.ask(errand).is_ok()
    }

    /// What comes back next.
    pub(super) async fn next(&mut self) -> Option<Back> {
        self.0.next().await
    }

    /// Waits until what was to be changed is changed, for a second at most.
    pub(super) fn finish(self) {
        self.0.finish();
    }
}

fn run(folder: &Path, asked: &mut Inbox<Errand>, bring: &Bring<Back>) {
    while let Ok(errand) = asked.recv() {
        let changes = matches!(
            errand,
            Errand::Delete(_) | Errand::Rename(..) | Errand::Describe(..)
        );
        let told = Told {
            patience: PATIENCE,
            say: &|words| {
                bring.try_bring(Back::Fetched(Fetched::Said(words)));
            },
        };
        let done = perform(folder, errand, &told);
        let back = done.unwrap_or_else(|error| Back::Fetched(Fetched::Said(error.to_string())));
        if bring.bring(back)
            && changes
            && let Ok(rows) = list(folder)
        {
            bring.bring(Back::Fetched(Fetched::Rows(rows)));
        }
    }
}

/// Who is told how far something is, and when first.
struct Told<'a> {
    patience: Duration,
    say: &'a (dyn Fn(String) + Sync),
}

impl Told<'_> {
    /// Does some work; `place` says how much of it is done, and of how much.
    fn during<T>(
        &self,
        what: &str,
        place: impl Fn() -> (u64, u64) + Sync,
        work: impl FnOnce() -> T,
    ) -> T {
        let began = clock::now();
        let (working, ended) = sync_channel::<()>(0);
        std::thread::scope(|scope| {
            let look = || {
                let ended = ended;
                let mut wait = self.patience;
                while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                    let (done, total) = place();
                    let progress = Progress::begun(0, Some(total), began);
                    let words = progress.reached(done, clock::now()).words();
                    (self.say)(format!("{what} {words}"));
                    wait = TICK;
                }
            };
            // Without a thread nobody is told; the work is done.
            let _ = std::thread::Builder::new().spawn_scoped(scope, look);
            let made = work();
            drop(working);
            made
        })
    }

    fn open(&self, file: &Path) -> Result<Reader, SessionError> {
        let watch = Watch::default();
        let work = || Reader::open_watched(file, &watch);
        self.during(&format!("opening {}", name(file)), || watch.place(), work)
    }

    fn sample(&self, choice: &Choice) -> Result<Sample, SessionError> {
        let reader = self.open(&folder::find(&choice.file)?)?;
        self.reading(&choice.label(), &reader, || Sample::of(&reader, choice))
    }

    /// A session's entries are gone through, from the first to the last.
    fn reading<T>(&self, what: &str, reader: &Reader, work: impl FnOnce() -> T) -> T {
        let watched = reader.clone();
        let place = || {
            let (done, all) = watched.place();
            (done as u64, all as u64)
        };
        self.during(&format!("reading {what}"), place, work)
    }
}

fn name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn perform(at: &Path, errand: Errand, told: &Told<'_>) -> Result<Back, SessionError> {
    let said = |words: String| Back::Fetched(Fetched::Said(words));
    Ok(match errand {
        Errand::List => Back::Fetched(Fetched::Rows(list(at)?)),
        Errand::Open(file) => Back::Open(told.open(&file)?),
        Errand::Delete(file) => {
            folder::delete(&file)?;
            said(format!("deleted {}", file.display()))
        }
        Errand::Rename(file, name) => {
            let meta = Meta {
                name: Some(name),
                ..Meta::default()
            };
            folder::edit(&file, &meta, clock::unix_ms())?;
            said(format!("renamed {}", file.display()))
        }
        Errand::Describe(file, about) => {
            let newest = folder::edit(&file, &about, clock::unix_ms())?;
            Back::Fetched(Fetched::Described(file, Box::new(newest)))
        }
        Errand::Remember(about) => said(remember(&about)),
        Errand::Epochs(file) => {
            let reader = told.open(&file)?;
            let epochs = told.reading(&name(&file), &reader, || epochs(&reader))?;
            Back::Fetched(Fetched::Epochs(file, epochs))
        }
        Errand::Compare(a, b) => {
            let comparison = compare(&told.sample(&a)?, &told.sample(&b)?);
            Back::Fetched(Fetched::Compared(Arc::new(comparison)))
        }
    })
}

/// Keeps what was said for the sessions to come; says what became of it.
fn remember(about: &Meta) -> String {
    let Some(file) = Remembered::default_file() else {
        return "this system has no configuration folder: nothing is kept for the next session"
            .to_owned();
    };
    match Remembered::read(&file).with(about).asked().write(&file) {
        Ok(()) if *about == Meta::default() => "skipped; i says what the session is".to_owned(),
        Ok(()) => "kept: in this session, and place, robot, operator for the next".to_owned(),
        Err(error) => format!(
            "kept in this session, but not for the next: cannot write {}: {error}",
            file.display()
        ),
    }
}

fn list(at: &Path) -> Result<Vec<Row>, SessionError> {
    let rows = folder::list(at)?.into_iter().map(|listed| Row {
        file: listed.file,
        bytes: listed.bytes,
        card: match listed.session {
            Ok(reader) => Ok(Box::new(reader.summary().clone())),
            Err(error) => Err(error.to_string()),
        },
    });
    Ok(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_its_time_says_how_far_it_is() {
        let said = std::sync::Mutex::new(Vec::new());
        let told = Told {
            patience: Duration::ZERO,
            say: &|words| said.lock().unwrap().push(words),
        };
        let (begun, go) = sync_channel::<()>(0);
        let asked = || {
            let _ = begun.try_send(());
            (30, 120)
        };
        // The work is done once somebody was told of it.
        let made = told.during("opening garden.mcap", asked, || go.recv_timeout(TICK * 40));
        assert_eq!(made, Ok(()));
        let said = said.lock().unwrap();
        assert!(
            said.iter()
                .any(|s| s.starts_with("opening garden.mcap 25 %, ")),
            "{said:?}"
        );
        let quick = Told {
            patience: PATIENCE,
            say: &|words| panic!("{words}"),
        };
        let garden = concat!(env!("CARGO_MANIFEST_DIR"), "/recordings/garden.mcap");
        let choice: Choice = garden.parse().unwrap();
        assert!(quick.sample(&choice).is_ok());
    }

    /// The folder of a person who renames a session and leaves at once.
    #[test]
    fn who_leaves_has_done_what_was_to_be_changed() {
        let dir = tempfile::tempdir().unwrap();
        let garden = concat!(env!("CARGO_MANIFEST_DIR"), "/recordings/garden.mcap");
        let file = dir.path().join("garden.mcap");
        std::fs::copy(garden, &file).unwrap();
        let at = dir.path().to_owned();
        let aside = Aside::start("sessions", (QUEUE, 1), move |asked, bring| {
            run(&at, asked, bring);
        });
        let shelf = Shelf(aside.unwrap());
        assert!(shelf.send(Errand::List) && shelf.send(Errand::List));
        assert!(shelf.send(Errand::Rename(file.clone(), "behind the tree".to_owned())));
        shelf.finish();
        let renamed = Reader::open(&file).unwrap().summary().meta.name.clone();
        assert_eq!(renamed.as_deref(), Some("behind the tree"));
    }
}
