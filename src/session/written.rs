//! What a recording has written so far, to be read while it goes on: the recorder keeps the index at hand, so that nobody
//! has to walk through the file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::container::Index;
use super::error::SessionError;
use super::reader::Reader;
use super::writer::Origin;

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
}

impl Written {
    pub(super) fn new(path: &Path, origin: Origin) -> Self {
        let shared = Shared {
            path: path.to_owned(),
            index: Index::default(),
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
        let index = &mut self.shared().index;
        let known = index.chunks.len();
        index
            .chunks
            .extend(newer.chunks.iter().skip(known).cloned());
        if index.channels.len() != newer.channels.len() {
            index.channels.clone_from(&newer.channels);
        }
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
