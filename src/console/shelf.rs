//! Errands to the folder of recordings, on a thread of their own: the screen never waits for a disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokio::sync::mpsc;

use super::app::screens::sessions::{Errand, Fetched, Row};
use crate::clock;
use crate::compare::{Choice, Sample, compare};
use crate::session::{Meta, Reader, Remembered, SessionError, folder};

/// Errands that may wait.
const QUEUE: usize = 16;

/// What an errand brings back.
pub(super) enum Back {
    /// For the screen.
    Fetched(Fetched),
    /// A recording to be shown in place of everything else.
    Open(Reader),
}

/// The thread's handle; it ends when this is dropped.
pub(super) struct Shelf {
    errands: SyncSender<Errand>,
    back: mpsc::Receiver<Back>,
}

impl Shelf {
    /// Starts the thread. Nothing is read before it is asked for.
    pub(super) fn start() -> io::Result<Self> {
        let (errands, asked) = sync_channel(QUEUE);
        let (bring, back) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("sessions".to_owned())
            .spawn(move || run(&folder::default_folder(), &asked, &bring))?;
        Ok(Self { errands, back })
    }

    /// Sends on an errand. Never waits; false where too many are under way.
    pub(super) fn send(&self, errand: Errand) -> bool {
        self.errands.try_send(errand).is_ok()
    }

    /// What comes back next.
    pub(super) async fn next(&mut self) -> Option<Back> {
        self.back.recv().await
    }
}

fn run(folder: &Path, asked: &Receiver<Errand>, bring: &mpsc::Sender<Back>) {
    while let Ok(errand) = asked.recv() {
        let changes = matches!(
            errand,
            Errand::Delete(_) | Errand::Rename(..) | Errand::Describe(..)
        );
        let done = perform(folder, errand);
        let back = done.unwrap_or_else(|error| Back::Fetched(Fetched::Said(error.to_string())));
        if bring.blocking_send(back).is_err() {
            return;
        }
        if changes && let Ok(rows) = list(folder) {
            let rows = Back::Fetched(Fetched::Rows(rows));
            if bring.blocking_send(rows).is_err() {
                return;
            }
        }
    }
}

fn perform(at: &Path, errand: Errand) -> Result<Back, SessionError> {
    let said = |words: String| Back::Fetched(Fetched::Said(words));
    Ok(match errand {
        Errand::List => Back::Fetched(Fetched::Rows(list(at)?)),
        Errand::Open(file) => Back::Open(Reader::open(&file)?),
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
        Errand::Compare(a, b) => {
            let comparison = compare(&sample(a)?, &sample(b)?);
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

fn sample(file: PathBuf) -> Result<Sample, SessionError> {
    Sample::read(&Choice { file, epoch: None })
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
