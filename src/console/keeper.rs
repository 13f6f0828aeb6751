//! Writes the sweeps of the Sweep screen to files, on a thread of its own: the screen never waits for a disk.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::app::sweeping::{Kept, Stored};
use super::aside::{Aside, Ask, Bring, Inbox, Refused};
use crate::session::folder;
use crate::sweep::Writer;

/// What may wait for the disk: visits of many seconds.
const QUEUE: usize = 256;
/// Answers that may wait; there is one at the beginning and one at the end.
const ANSWERS: usize = 8;
/// Sweeps that begin within one second.
const MOST_ALIKE: u32 = 100;

impl Ask for Kept {
    fn writes(&self) -> bool {
        true
    }
}

/// The thread's handle; it ends when this is dropped.
pub(super) struct Keeper(Aside<Kept, Stored>);

impl Keeper {
    /// Starts the thread. Nothing is written before a sweep begins.
    pub(super) fn start() -> io::Result<Self> {
        Self::into(default_folder())
    }

    fn into(folder: PathBuf) -> io::Result<Self> {
        Aside::start("sweep file", (QUEUE, ANSWERS), move |asked, tell| {
            run(&folder, asked, tell);
        })
        .map(Self)
    }

    /// Waits until everything handed on is written, for a second at most.
    pub(super) fn finish(self) {
        self.0.finish();
    }

    /// Hands on what is new of a sweep. Never waits.
    ///
    /// # Errors
    /// A sentence: the disk is too slow, or the thread is gone.
    pub(super) fn keep(&self, kept: Kept) -> Result<(), String> {
        self.0.ask(kept).map_err(|why| match why {
            Refused::Busy => "the disk is too slow for it".to_owned(),
            Refused::Ended => why.to_string(),
        })
    }

    /// How storing goes, when there is something to say.
    pub(super) async fn next(&mut self) -> Option<Stored> {
        self.0.next().await
    }
}

/// Where sweeps of the screen land: beside the recordings.
fn default_folder() -> PathBuf {
    folder::default_folder().with_file_name("sweeps")
}

fn run(folder: &Path, asked: &mut Inbox<Kept>, tell: &Bring<Stored>) {
    let mut writer: Option<(PathBuf, Writer<File>)> = None;
    while let Ok(kept) = asked.recv() {
        let done = match (kept, &mut writer) {
            (Kept::Begin(header), writer) => {
                let begun = begin(folder, header.began_unix_ms)
                    .and_then(|(path, file)| Ok((path, Writer::begin(file, &header)?)));
                begun.map(|(path, file)| {
                    *writer = Some((path.clone(), file));
                    Some(path)
                })
            }
            (Kept::News(news), Some((_, writer))) => writer.add(&news).map(|()| None),
            (Kept::End(end), writer) => {
                let ended = writer.take().map(|(_, writer)| writer.end(&end));
                ended.unwrap_or(Ok(())).map(|()| None)
            }
            // It could not be begun, or a write failed: that was told.
            (Kept::News(_), None) => Ok(None),
        };
        let told = match done {
            Ok(None) => continue,
            Ok(Some(path)) => Stored::In(path),
            Err(error) => {
                let path = writer
                    .take()
                    .map_or_else(|| folder.to_owned(), |(path, _)| path);
                Stored::Not(format!("cannot write {}: {error}", path.display()))
            }
        };
        tell.bring(told);
    }
}

/// A new file after the date and time (UTC) of a beginning.
fn begin(folder: &Path, unix_ms: u64) -> io::Result<(PathBuf, File)> {
    std::fs::create_dir_all(folder)?;
    let stem = folder::file_stem(unix_ms);
    let mut number = 1;
    loop {
        let again = if number > 1 {
            format!("-{number}")
        } else {
            String::new()
        };
        let path = folder.join(format!("{stem}{again}.csv"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MOST_ALIKE => {
                number += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sweeps_of_one_second_have_files_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("new/sweeps");
        let (first, _) = begin(&inside, 1_795_617_312_000).unwrap();
        let (second, _) = begin(&inside, 1_795_617_312_900).unwrap();
        assert!(
            first.ends_with("2026-11-25T14-35-12Z.csv"),
            "{}",
            first.display()
        );
        assert!(
            second.ends_with("2026-11-25T14-35-12Z-2.csv"),
            "{}",
            second.display()
        );
    }
}
