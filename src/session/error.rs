//! What can go wrong with a session file, with what was tried on which.

use std::io;
use std::path::{Path, PathBuf};

use super::entry::FORMAT;
use crate::units::Nanos;

/// A session file cannot be used as asked.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The system refused.
    #[error("cannot {what} {path}: {error}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What came back.
        error: io::Error,
    },
    /// Nothing is called that.
    #[error("there is no session {}: neither a file, nor a name that `splitscope sessions` lists", .0.display())]
    Absent(PathBuf),
    /// More than one session bears the name.
    #[error("several sessions are called {}: {}; say which file", .name.display(), listed(.files))]
    Several {
        /// The name.
        name: PathBuf,
        /// Their files.
        files: Vec<PathBuf>,
    },
    /// Something else.
    #[error("{path} is no splitscope session: {reason}")]
    NotASession {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        reason: &'static str,
    },
    /// Of a later version.
    #[error(
        "{path} is of format {found}, written by splitscope {version}; this splitscope reads formats up to {FORMAT}"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// Who wrote it.
        version: String,
    },
    /// A stretch of it was changed or lost on the disk.
    #[error("{path}: {} s of the recording from second {:.1} on cannot be read: {reason}", seconds(*.from, *.to), .from.0 as f64 / 1e9)]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the stretch begins, since the session's start.
        from: Nanos,
        /// Where it ends.
        to: Nanos,
        /// What is wrong.
        reason: &'static str,
    },
    /// Being written.
    #[error("{0} is being recorded at this moment; try again when that has ended")]
    Busy(PathBuf),
    /// An entry that cannot be stored.
    #[error("cannot store a {kind} of {bytes} bytes in {path}: {reason}")]
    Entry {
        /// The file.
        path: PathBuf,
        /// The entry's kind.
        kind: &'static str,
        /// Its length.
        bytes: usize,
        /// Why.
        reason: String,
    },
}

fn seconds(from: Nanos, to: Nanos) -> String {
    format!("{:.1}", to.since(from) as f64 / 1e9)
}

fn listed(files: &[PathBuf]) -> String {
    let names: Vec<_> = files.iter().map(|f| f.display().to_string()).collect();
    names.join(", ")
}

impl SessionError {
    /// For `map_err`.
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { what, path, error }
    }
}
