//! What a recording has written so far, to be read while it goes on: the recorder keeps the index at hand, so that nobody
//! has to walk through the file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::container::Index;
use super::error::SessionError;
use super::reader::Reader;
use super::writer::Origin;
use crate::units::Nanos;

/// Stretches left out that nobody has asked for yet; more of them become one.
const MOST_LEFT: usize = 256;

/// Where everything is that a recording has written. Clones share it.
#[derive(Debug, Clone)]
pub struct Written {
    origin: Origin,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    index: Index,
    /// The last moment of all that is written.
    until: Option<Nanos>,
    /// Stretches that the recorder left out, not told yet.
    left: Vec<(Nanos, Nanos)>,
}

impl Written {
    pub(super) fn new(path: &Path, origin: Origin) -> Self {
        let shared = Shared {
            path: path.to_owned(),
            index: Index::default(),
            until: None,
            left: Vec::new(),
        };
        Self {
            origin,
            shared: Arc::new(Mutex::new(shared)),
        }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file has got another name.
    pub(super) fn is_at(&self, path: &Path) {
        path.clone_into(&mut self.shared().path);
    }

    /// Takes over what has been written since the last time. A chunk that is indexed is whole in the system.
    pub(super) fn take(&self, newer: &Index) {
        let mut shared = self.shared();
        let Shared { index, until, .. } = &mut *shared;
        let known = index.chunks.len();
        for chunk in newer.chunks.iter().skip(known) {
            *until = (*until).max(Some(self.origin.at(chunk.message_end_time)));
            index.chunks.push(chunk.clone());
        }
        if index.channels.len() != newer.channels.len() {
            index.channels.clone_from(&newer.channels);
        }
    }

    /// The recorder has left something out.
    pub(crate) fn leave(&self, from: Nanos, to: Nanos) {
        let left = &mut self.shared().left;
        let full = left.len() >= MOST_LEFT;
        match left.last_mut().filter(|_| full) {
            Some(last) => last.1 = to,
            None => left.push((from, to)),
        }
    }

    /// The last moment of what is written: whatever happened before it is in the file or will never be. None before
    /// anything is.
    pub fn until(&self) -> Option<Nanos> {
        self.shared().until
    }

    /// Stretches that the recorder has left out since this was asked last.
    pub fn left_out(&self) -> Vec<(Nanos, Nanos)> {
        std::mem::take(&mut self.shared().left)
    }

    /// Reads what has been written up to now; entries may lie half a second behind.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn reader(&self) -> Result<Reader, SessionError> {
        let (path, index) = {
            let shared = self.shared();
            (shared.path.clone(), shared.index.clone())
        };
        let file = File::open(&path).map_err(SessionError::io("read", &path))?;
        Ok(Reader::of_index(&path, Box::new(file), index, self.origin))
    }
}
