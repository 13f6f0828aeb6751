//! Gives a session its index anew, after a crash or a power cut.

use std::fs::File;
use std::path::Path;

use super::container::read_chunk;
use super::error::SessionError;
use super::opened::Opened;
use super::watch::{Watch, Watched};
use super::writer::Writer;

/// What a repair found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repaired {
    /// The index was there and sound: nothing was written.
    pub was_whole: bool,
    /// Entries that can be read.
    pub entries: u64,
    /// Stretches that cannot.
    pub damaged: u64,
    /// Bytes of a half-written stretch that were cut off at the end.
    pub cut_off_bytes: u64,
}

/// Checks every stretch of a session, and writes its index where that is missing or damaged. Nothing that can be read
/// is taken away.
///
/// # Errors
/// It cannot be read or written, is no session, or is being recorded.
pub fn repair(path: &Path) -> Result<Repaired, SessionError> {
    repair_watched(path, &Watch::default())
}

/// The same, and tells how far it is.
///
/// # Errors
/// The same.
pub fn repair_watched(path: &Path, watch: &Watch) -> Result<Repaired, SessionError> {
    let file = File::open(path).map_err(SessionError::io("open", path))?;
    let opened = Opened::read(path, &file, watch)?;
    let mut repaired = Repaired {
        was_whole: opened.whole,
        entries: opened.index.messages(),
        damaged: opened.damaged,
        cut_off_bytes: opened.cut_off,
    };
    if opened.whole {
        let chunks = opened.index.chunks.iter();
        watch.expect(opened.data_end);
        let source = Watched {
            source: &file,
            watch,
        };
        let damaged = chunks.filter(|chunk| read_chunk(&source, chunk).is_err());
        repaired.damaged = damaged.count() as u64;
    } else {
        drop(file);
        Writer::append_watched(path, watch)?.finish()?;
    }
    Ok(repaired)
}
