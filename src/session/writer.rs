//! Writes a session file, at its end only and whole chunks at a time.
//!
//! What the disk does not take stays in memory, in the order of the file: a full disk leaves a sound file behind, and
//! writing goes on where it stopped when there is room again. Nothing here waits or decides when to write: the
//! [`recorder`](super::recorder)'s thread does.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use mcap::records::Channel;

use super::card::Card;
use super::container::{CHUNK_BYTES, ChunkBuilder, Index, MAX_MESSAGE_BYTES, Schema, head, tail};
use super::entry::{Entry, Meta, Start, What};
use super::error::SessionError;
use super::opened::Opened;
use super::schema;
use super::watch::Watch;
use super::written::Written;
use crate::units::{Bytes, Nanos};

/// What the file's header says of its writer.
const LIBRARY: &str = concat!("splitscope ", env!("CARGO_PKG_VERSION"));
/// More than this in memory, not taken by the disk, and the writer takes no more entries.
const MOST_WAITING: usize = 4 << 20;

/// A session file that is being written.
pub struct Writer {
    path: PathBuf,
    file: File,
    /// Where in the file `waiting` belongs.
    offset: u64,
    /// Encoded, not on the disk yet.
    waiting: Vec<u8>,
    chunk: ChunkBuilder,
    index: Index,
    channels: BTreeMap<(Option<u16>, &'static str), u16>,
    origin: Origin,
    card: Card,
    finished: bool,
}

/// How the console's clock becomes the file's: nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    at: Nanos,
    unix_ns: u64,
}

impl Origin {
    pub(super) const fn new(at: Nanos, unix_ms: u64) -> Self {
        Self {
            at,
            unix_ns: unix_ms.saturating_mul(1_000_000),
        }
    }

    pub(super) const fn log_time(self, at: Nanos) -> u64 {
        self.unix_ns
            .saturating_add_signed(at.0.saturating_sub(self.at.0))
    }

    pub(super) const fn at(self, log_time: u64) -> Nanos {
        let since = log_time.wrapping_sub(self.unix_ns) as i64;
        Nanos(self.at.0.saturating_add(since))
    }
}

impl Writer {
    /// A new file. Nobody else can write or repair it until this is dropped.
    ///
    /// # Errors
    /// It exists, or cannot be made; the disk is full.
    pub fn create(path: &Path, start: Start) -> Result<Self, SessionError> {
        let io = |error| SessionError::io("record to", path)(error);
        let file = OpenOptions::new()
            .write(true)
            .read(true)
            .create_new(true)
            .open(path)
            .map_err(io)?;
        // Some file systems know no locks; a recording without one is better than none. The same holds for a folder that
        // cannot be synced: after a power cut the file may not be in it.
        file.try_lock().ok();
        if let Some(folder) = path.parent().and_then(|p| File::open(p).ok()) {
            folder.sync_all().ok();
        }
        let mut writer = Self {
            path: path.to_owned(),
            file,
            offset: 0,
            waiting: head(LIBRARY),
            chunk: ChunkBuilder::default(),
            index: Index::default(),
            channels: BTreeMap::new(),
            origin: Origin::new(start.at, start.unix_ms),
            card: Card::default(),
            finished: false,
        };
        let first = Entry {
            at: start.at,
            unix_ms: start.unix_ms,
            what: What::Start(Box::new(start)),
        };
        writer.add(&first)?;
        // In a small chunk of its own: without it the others have no date.
        if let Err(error) = writer.flush() {
            // Of a file without a beginning nothing comes, and its name would be taken when there is room.
            std::fs::remove_file(path).ok();
            return Err(io(error));
        }
        Ok(writer)
    }

    /// An existing session, to add to its end or to give it its index anew. What lies behind its last sound record is cut
    /// off; until [`Self::finish`] the file is one without an index.
    ///
    /// # Errors
    /// It cannot be read and written, is no session of this format, or is being recorded.
    pub fn append(path: &Path) -> Result<Self, SessionError> {
        Self::append_watched(path, &Watch::default())
    }

    /// The same, and tells how far it is.
    ///
    /// # Errors
    /// The same.
    pub(super) fn append_watched(path: &Path, watch: &Watch) -> Result<Self, SessionError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(SessionError::io("write to", path))?;
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(SessionError::Busy(path.to_owned()));
        }
        let again = file.try_clone().map_err(SessionError::io("read", path))?;
        let opened = Opened::read(path, &again, watch)?;
        let start = opened.start(path)?;
        file.set_len(opened.data_end)
            .map_err(SessionError::io("write to", path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            offset: opened.data_end,
            waiting: Vec::new(),
            chunk: ChunkBuilder::default(),
            index: opened.index,
            channels: BTreeMap::new(),
            origin: Origin::new(start.at, start.unix_ms),
            card: opened.card,
            finished: false,
        })
    }

    /// Takes an entry in, in memory. The entry's `unix_ms` is not stored: it follows from `at`.
    ///
    /// # Errors
    /// The entry is too long or has no JSON form; it is left out, and the file goes on.
    pub fn add(&mut self, entry: &Entry) -> Result<(), SessionError> {
        let kind = entry.what.kind();
        let refuse = |bytes, reason: String| SessionError::Entry {
            path: self.path.clone(),
            kind,
            bytes,
            reason,
        };
        let json = entry.what.to_json().map_err(|e| refuse(0, e.to_string()))?;
        if json.len() > MAX_MESSAGE_BYTES {
            let reason = format!("the limit is {MAX_MESSAGE_BYTES}");
            return Err(refuse(json.len(), reason));
        }
        if !self.chunk.is_empty() && self.chunk.len() + json.len() > CHUNK_BYTES {
            self.close_chunk();
        }
        let channel = self.channel(entry.what.target(), kind, &json);
        let sequence = self.index.counts.entry(channel).or_default();
        *sequence += 1;
        let log_time = self.origin.log_time(entry.at);
        self.chunk
            .message(channel, *sequence as u32, log_time, &json);
        self.card.add(entry);
        Ok(())
    }

    /// The channel for a kind of entry, made where there is none yet.
    fn channel(&mut self, target: Option<u16>, kind: &'static str, first: &[u8]) -> u16 {
        if let Some(&id) = self.channels.get(&(target, kind)) {
            return id;
        }
        let topic = topic(target, kind);
        // A file that is continued has some already.
        let mut known = self.index.channels.values();
        if let Some(id) = known.find(|c| c.topic == topic).map(|c| c.id) {
            self.channels.insert((target, kind), id);
            return id;
        }
        let name = format!("splitscope.{kind}");
        let mut known = self.index.schemas.values();
        let mut new_schema = None;
        let schema_id = match known.find(|s| s.name == name) {
            Some(schema) => schema.id,
            None => {
                let schema = Schema {
                    id: next_id(&self.index.schemas),
                    name,
                    text: schema::of(kind, first),
                };
                self.index.schemas.insert(schema.id, schema.clone());
                new_schema.insert(schema).id
            }
        };
        let channel = Channel {
            id: next_id(&self.index.channels),
            schema_id,
            topic,
            message_encoding: "json".to_owned(),
            metadata: target
                .map(|t| ("target".to_owned(), t.to_string()))
                .into_iter()
                .collect(),
        };
        let id = channel.id;
        self.chunk.channel(new_schema.as_ref(), &channel);
        self.index.channels.insert(id, channel);
        self.channels.insert((target, kind), id);
        id
    }

    fn close_chunk(&mut self) {
        if self.chunk.is_empty() {
            return;
        }
        let (bytes, index) = self.chunk.finish(self.offset + self.waiting.len() as u64);
        self.waiting.extend_from_slice(&bytes);
        self.index.chunks.push(index);
    }

    /// Closes the chunk and hands everything to the system.
    ///
    /// # Errors
    /// The system takes no more at present. What it did not take is kept, and the next call tries it again.
    pub fn flush(&mut self) -> io::Result<()> {
        self.close_chunk();
        let mut done = 0;
        let result = loop {
            let rest = &self.waiting[done..];
            if rest.is_empty() {
                break Ok(());
            }
            match self.file.write_at(rest, self.offset + done as u64) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.waiting.drain(..done);
        self.offset += done as u64;
        result
    }

    /// What whoever reads along shares with this; see [`Self::publish`].
    pub fn reads_along(&self) -> Written {
        Written::new(&self.path, self.origin)
    }

    /// Tells what the system has to whoever reads along; nothing where some of it still waits.
    pub fn publish(&self, written: &Written) {
        if self.waiting.is_empty() {
            written.take(&self.index);
        }
    }

    /// Waits until the disk itself has what the system has.
    ///
    /// # Errors
    /// The disk's.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Whether the disk takes too little for more entries.
    pub const fn is_stuck(&self) -> bool {
        self.waiting.len() > MOST_WAITING
    }

    /// The file's length once everything is on the disk, without its index.
    pub const fn bytes(&self) -> u64 {
        self.offset + self.waiting.len() as u64 + self.chunk.len() as u64
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was recorded so far.
    pub const fn card(&self) -> &Card {
        &self.card
    }

    /// Writes the catalogue card and the index, waits for the disk, and says how long the file is.
    ///
    /// # Errors
    /// The disk's. The file is sound nevertheless; whoever opens it writes the index.
    pub fn finish(mut self) -> Result<Bytes, SessionError> {
        self.finished = true;
        let card = self.card.clone();
        let last = Entry {
            // After everything, also where two chunks end at one moment.
            at: card.ended.shifted(1),
            unix_ms: 0,
            what: What::Summary(Box::new(card)),
        };
        self.add(&last)?;
        self.close_chunk();
        let end = self.offset + self.waiting.len() as u64;
        self.waiting.extend_from_slice(&tail(&self.index, end));
        let written = self.flush().and_then(|()| self.sync());
        written.map_err(SessionError::io("finish", &self.path))?;
        Ok(Bytes(self.offset))
    }

    /// What a person said last of the session.
    pub const fn meta(&self) -> &Meta {
        &self.card.meta
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.finished {
            // Who drops a writer has nobody to tell; what is lost is at most what was not flushed.
            self.flush().ok();
        }
    }
}

fn next_id<T>(taken: &BTreeMap<u16, T>) -> u16 {
    taken
        .last_key_value()
        .map_or(1, |(&last, _)| last.saturating_add(1))
}

/// A channel's name in the file.
pub(super) fn topic(target: Option<u16>, kind: &str) -> String {
    match target {
        Some(target) => format!("/target{target}/{kind}"),
        None => format!("/{kind}"),
    }
}

/// The kind in a channel's name.
pub(super) fn kind_of(topic: &str) -> &str {
    topic.rsplit('/').next().unwrap_or(topic)
}
