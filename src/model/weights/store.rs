//! The cache of weights on disk, by content: `HEX.safetensors` when whole and verified, `HEX.part` while it arrives.
//!
//! A set is believed only after its values have been hashed, when it arrives and each time it is loaded.
//! Two processes may share a directory: whole files appear by renaming, and a partial file that both
//! wrote to fails its hash and is fetched again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{ParamSpec, Source, Weights, WeightsError, elements, safetensors};
use crate::units::Hash32;

/// Why the cache could not do what was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused.
    #[error("could not {doing} {}: {cause}", path.display())]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The weights could not be read or written for another reason than their content.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Neither the whole set nor a part of it is here.
    #[error("looked for {}: expected cached weights, found none; fetch them from a worker that has them", path.display())]
    Missing {
        /// Where the whole set would be.
        path: PathBuf,
    },
    /// A piece does not continue what has arrived.
    #[error("got a piece at byte {offset} for {}: expected byte {expected}; ask for the rest from there", path.display())]
    Offset {
        /// The partial file.
        path: PathBuf,
        /// How much has arrived.
        expected: u64,
        /// Where the piece belongs.
        offset: u64,
    },
    /// The sender sends more than the graph's parameters can take.
    #[error("got {bytes} bytes for {}: expected at most {limit} for this graph; the sender has other weights, ask it for its model", path.display())]
    TooLong {
        /// The partial file.
        path: PathBuf,
        /// How long it would become.
        bytes: u64,
        /// The most that the graph's weights take.
        limit: u64,
    },
    /// The file's content is not what its name says. It has been deleted.
    #[error("{} does not hold weights {expected}: {reason}; deleted it, fetch them again", path.display())]
    Corrupt {
        /// The file that was there.
        path: PathBuf,
        /// The hash that it should have.
        expected: Hash32,
        /// What is wrong.
        reason: String,
    },
    /// The file is what its name says, and of another model. It stays.
    #[error("{} holds weights {hash} of another model: {reason}; check which model each worker runs", path.display())]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// Its hash.
        hash: Hash32,
        /// What does not fit.
        reason: String,
    },
}

/// A directory of weights by content.
#[derive(Clone, Debug)]
pub struct WeightStore {
    dir: PathBuf,
}

impl WeightStore {
    /// Opens the cache in `dir`, which is made if it is missing.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let dir = dir.into();
        fs::create_dir_all(&dir).map_err(io_error("make", &dir))?;
        Ok(Self { dir })
    }

    /// The file of a whole set, if it is here. Its content is verified by [`WeightStore::load`].
    pub fn find(&self, hash: &Hash32) -> Option<PathBuf> {
        Some(self.whole(hash)).filter(|path| path.is_file())
    }

    /// Reads a cached set and verifies it.
    ///
    /// # Errors
    /// When it is not here, is corrupt (then it is deleted) or belongs to another model.
    pub fn load(&self, hash: &Hash32, wanted: &[ParamSpec]) -> Result<Weights, StoreError> {
        let path = self.whole(hash);
        if !path.is_file() {
            return Err(StoreError::Missing { path });
        }
        verified(&path, hash, wanted)
    }

    /// Caches a set and returns its hash.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn insert(&self, weights: &Weights) -> Result<Hash32, StoreError> {
        let hash = weights.hash();
        let path = self.whole(&hash);
        if !path.is_file() {
            let new = self.dir.join(format!("{hash}.{}.new", std::process::id()));
            let written = write(weights, &new).and_then(|()| rename(&new, &path));
            written.inspect_err(|_| drop(fs::remove_file(&new)))?;
        }
        Ok(hash)
    }

    /// How many bytes of a set have arrived: where to ask a sender to go on.
    ///
    /// # Errors
    /// When the partial file is there and cannot be asked.
    pub fn partial_len(&self, hash: &Hash32) -> Result<u64, StoreError> {
        let path = self.part(hash);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(metadata.len()),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(cause) => Err(StoreError::Io {
                doing: "ask the length of",
                path,
                cause,
            }),
        }
    }

    /// Adds a piece of a set's `.safetensors` bytes and returns how many have arrived.
    ///
    /// `limit_bytes` comes from [`transfer_limit_bytes`] of the graph: a sender cannot fill the disk.
    ///
    /// # Errors
    /// When the piece does not start where the last one ended, passes the limit or cannot be written.
    pub fn append(
        &self,
        hash: &Hash32,
        offset: u64,
        bytes: &[u8],
        limit_bytes: u64,
    ) -> Result<u64, StoreError> {
        let path = self.part(hash);
        let expected = self.partial_len(hash)?;
        if offset != expected {
            return Err(StoreError::Offset {
                path,
                expected,
                offset,
            });
        }
        let length = expected.saturating_add(bytes.len() as u64);
        if length > limit_bytes {
            return Err(StoreError::TooLong {
                path,
                bytes: length,
                limit: limit_bytes,
            });
        }
        let file = OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(bytes))
            .map_err(io_error("append to", &path))?;
        Ok(length)
    }

    /// Verifies a set that has arrived in full, keeps it and returns it.
    ///
    /// # Errors
    /// When nothing has arrived, it is not what its hash says (then it is deleted) or belongs to another model.
    pub fn finish(&self, hash: &Hash32, wanted: &[ParamSpec]) -> Result<Weights, StoreError> {
        let part = self.part(hash);
        if !part.is_file() {
            // Another process that shares this directory may have finished first.
            return self.load(hash, wanted);
        }
        let weights = verified(&part, hash, wanted)?;
        rename(&part, &self.whole(hash))?;
        Ok(weights)
    }

    fn whole(&self, hash: &Hash32) -> PathBuf {
        self.dir.join(format!("{hash}.safetensors"))
    }

    fn part(&self, hash: &Hash32) -> PathBuf {
        self.dir.join(format!("{hash}.part"))
    }
}

/// The most bytes that the `.safetensors` form of these parameters can take, however its header is spaced.
pub fn transfer_limit_bytes(wanted: &[ParamSpec]) -> u64 {
    // Around names and sizes: quotes, keys, two 20-digit offsets, padding to 8 bytes.
    const HEADER: usize = 64;
    const ENTRY: usize = 128;
    // One byte of a name takes at most 6 in JSON (`\u001f`), a size at most 10 digits and a comma.
    let entry = |spec: &ParamSpec| ENTRY + 6 * spec.name.len() + 11 * spec.shape.len();
    let values = |spec: &ParamSpec| elements(&spec.shape).saturating_mul(size_of::<f32>());
    let sizes = wanted
        .iter()
        .map(|spec| entry(spec).saturating_add(values(spec)));
    sizes.fold(HEADER, usize::saturating_add) as u64
}

fn write(weights: &Weights, path: &Path) -> Result<(), StoreError> {
    let mut file = File::create(path).map_err(io_error("make", path))?;
    safetensors::write(weights, &mut file, &path.display().to_string())?;
    Ok(())
}

/// Gives a whole file its name, once it is on the disk: after a power cut the name must not stand for a hole.
fn rename(file: &Path, name: &Path) -> Result<(), StoreError> {
    let synced = OpenOptions::new()
        .append(true)
        .open(file)
        .and_then(|file| file.sync_all());
    synced.map_err(io_error("sync", file))?;
    fs::rename(file, name).map_err(io_error("rename", file))
}

/// Reads `path` and compares its values with `hash`; deletes it when the file itself is wrong.
fn verified(path: &Path, hash: &Hash32, wanted: &[ParamSpec]) -> Result<Weights, StoreError> {
    let reason = match Source::open(path).and_then(|source| safetensors::load(source, wanted)) {
        Ok(weights) => match weights.hash() {
            found if found == *hash => return Ok(weights),
            found => format!("the {} wanted tensors have hash {found}", wanted.len()),
        },
        Err(cause @ WeightsError::Io { .. }) => return Err(cause.into()),
        Err(cause) => cause.to_string(),
    };
    let path = path.to_owned();
    // A graph that wants other tensors than the set has is no fault of the file.
    let whole = Source::open(&path).and_then(safetensors::load_all);
    if whole.is_ok_and(|whole| whole.hash() == *hash) {
        return Err(StoreError::OtherModel {
            path,
            hash: *hash,
            reason,
        });
    }
    fs::remove_file(&path).map_err(io_error("delete corrupt", &path))?;
    Err(StoreError::Corrupt {
        path,
        expected: *hash,
        reason,
    })
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |cause| StoreError::Io {
        doing,
        path: path.to_owned(),
        cause,
    }
}
