//! Reads a session file: the whole index at once, entries as they are asked for.

use std::collections::VecDeque;
use std::fs::File;
use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::card::Card;
use super::container::{ChunkFault, Index, Piece, Source, pieces, read_chunk};
use super::entry::{Entry, What};
use super::error::SessionError;
use super::opened::Opened;
use super::watch::Watch;
use super::writer::{Origin, Writer, kind_of};
use crate::units::Nanos;

/// Chunks that are held at once so that entries come in order; a file written by one clock needs one or two.
const MOST_OPEN: usize = 32;

/// A session file, open for reading. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    source: Box<dyn Source>,
    index: Index,
    /// Chunks by the time of their first message.
    by_time: Vec<usize>,
    origin: Origin,
    card: Card,
    whole: bool,
    damaged: u64,
    /// The place of the stretch that was read last.
    last_read: AtomicUsize,
}

impl Reader {
    /// Opens a session. A file without its index (the recorder was killed) is read through once, and its index is
    /// written anew if the file can be written; one that is being recorded is read up to here.
    ///
    /// # Errors
    /// The file cannot be read, is no session, or is of a later format.
    pub fn open(path: &Path) -> Result<Self, SessionError> {
        Self::open_watched(path, &Watch::default())
    }

    /// The same, and tells how far it is: a file without its index is walked through, twice.
    ///
    /// # Errors
    /// The same.
    pub fn open_watched(path: &Path, watch: &Watch) -> Result<Self, SessionError> {
        let open = || File::open(path).map_err(SessionError::io("open", path));
        let reader = Self::watched(path, Box::new(open()?), watch)?;
        if reader.is_whole() {
            return Ok(reader);
        }
        // A file that cannot be written, or is being recorded, is read as it is.
        match Writer::append_watched(path, watch).and_then(Writer::finish) {
            Ok(_) => Self::from_source(path, Box::new(open()?)),
            Err(_) => Ok(reader),
        }
    }

    /// A session in memory, or anywhere; `path` is for messages.
    pub(super) fn from_source(path: &Path, source: Box<dyn Source>) -> Result<Self, SessionError> {
        Self::watched(path, source, &Watch::default())
    }

    fn watched(path: &Path, source: Box<dyn Source>, watch: &Watch) -> Result<Self, SessionError> {
        let opened = Opened::read(path, source.as_ref(), watch)?;
        let origin = match &opened.card.start {
            Some(start) => Origin::new(start.at, start.unix_ms),
            None => Origin::new(
                Nanos(0),
                opened.index.bounds().map_or(0, |b| b.0 / 1_000_000),
            ),
        };
        let inner = Inner {
            path: path.to_owned(),
            source,
            by_time: by_time(&opened.index),
            origin,
            index: opened.index,
            card: opened.card,
            whole: opened.whole,
            damaged: opened.damaged,
            last_read: AtomicUsize::new(0),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// A session whose index is known, with no card.
    pub(super) fn of_index(
        path: &Path,
        source: Box<dyn Source>,
        index: Index,
        origin: Origin,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                source,
                by_time: by_time(&index),
                origin,
                index,
                card: Card::default(),
                whole: false,
                damaged: 0,
                last_read: AtomicUsize::new(0),
            }),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// What is known of the session as a whole.
    pub fn summary(&self) -> &Card {
        &self.inner.card
    }

    /// Whether the file had its index: it was finished, or repaired.
    pub fn is_whole(&self) -> bool {
        self.inner.whole
    }

    /// Damaged stretches found so far by reading the file through; 0 where its index was there.
    pub fn damaged(&self) -> u64 {
        self.inner.damaged
    }

    /// The file's length in bytes.
    ///
    /// # Errors
    /// The system's.
    pub fn bytes(&self) -> Result<u64, SessionError> {
        let length = self.inner.source.length();
        length.map_err(SessionError::io("read", &self.inner.path))
    }

    /// At which stretch whoever reads the file is, and how many there are: for a word on how far that is. Clones share it.
    pub fn place(&self) -> (usize, usize) {
        let at = self.inner.last_read.load(Ordering::Relaxed);
        (at, self.inner.index.chunks.len())
    }

    /// Entries in the order of time, from a range of the console's clock. A damaged stretch is one error, and what comes
    /// after it follows; an error of the system is the last item.
    pub fn entries(&self, range: impl RangeBounds<Nanos>) -> Entries {
        self.entries_of_kinds(range, |_| true)
    }

    /// The same, of some kinds only ([`What::kind`]); stretches without them are not read.
    pub fn entries_of_kinds(
        &self,
        range: impl RangeBounds<Nanos>,
        wanted: impl Fn(&str) -> bool,
    ) -> Entries {
        let inner = &self.inner;
        let from = match range.start_bound() {
            Bound::Included(&at) => inner.origin.log_time(at),
            Bound::Excluded(&at) => inner.origin.log_time(at).saturating_add(1),
            Bound::Unbounded => 0,
        };
        let to = match range.end_bound() {
            Bound::Included(&at) => inner.origin.log_time(at),
            Bound::Excluded(&at) => inner.origin.log_time(at).saturating_sub(1),
            Bound::Unbounded => u64::MAX,
        };
        let channels = inner.index.channels.values();
        let channels: Vec<u16> = channels
            .filter(|c| wanted(kind_of(&c.topic)))
            .map(|c| c.id)
            .collect();
        let chunks = inner
            .by_time
            .iter()
            .copied()
            .filter(|&i| {
                let chunk = &inner.index.chunks[i];
                let offsets = &chunk.message_index_offsets;
                chunk.message_start_time <= to
                    && chunk.message_end_time >= from
                    && (offsets.is_empty() || channels.iter().any(|id| offsets.contains_key(id)))
            })
            .collect();
        Entries {
            inner: Arc::clone(inner),
            from,
            to,
            channels,
            chunks,
            open: Vec::new(),
            failed: false,
        }
    }
}

fn by_time(index: &Index) -> Vec<usize> {
    let mut order: Vec<usize> = (0..index.chunks.len()).collect();
    order.sort_by_key(|&i| {
        let chunk = &index.chunks[i];
        (chunk.message_start_time, chunk.chunk_start_offset)
    });
    order
}

/// Entries of a session in the order of time.
pub struct Entries {
    inner: Arc<Inner>,
    from: u64,
    to: u64,
    channels: Vec<u16>,
    /// Not read yet, by the time of their first message.
    chunks: VecDeque<usize>,
    open: Vec<Open>,
    failed: bool,
}

/// A message that this version cannot read: what a later one wrote is passed over.
struct Unknown;

/// A chunk that is being read.
struct Open {
    content: Vec<u8>,
    /// Its messages that are wanted, by time: time, channel, place, length.
    messages: VecDeque<(u64, u16, usize, usize)>,
}

impl Entries {
    /// Reads the chunks that may hold the next entry.
    fn fill(&mut self) -> Result<(), SessionError> {
        while let Some(&next) = self.chunks.front() {
            let starts = self.inner.index.chunks[next].message_start_time;
            let first = self.open.iter().filter_map(|o| o.messages.front());
            let first = first.map(|m| m.0).min();
            if first.is_some_and(|first| first < starts) || self.open.len() >= MOST_OPEN {
                break;
            }
            self.chunks.pop_front();
            self.read(next)?;
        }
        Ok(())
    }

    fn read(&mut self, chunk: usize) -> Result<(), SessionError> {
        let inner = &self.inner;
        let index = &inner.index.chunks[chunk];
        inner.last_read.store(chunk, Ordering::Relaxed);
        let content = match read_chunk(inner.source.as_ref(), index) {
            Ok(content) => content,
            Err(ChunkFault::Io(error)) => {
                self.failed = true;
                return Err(SessionError::io("read", &inner.path)(error));
            }
            Err(ChunkFault::Damaged(reason)) => {
                let began = inner.card.began.0;
                let since = |time| inner.origin.at(time).shifted(-began);
                return Err(SessionError::Damaged {
                    path: inner.path.clone(),
                    from: since(index.message_start_time),
                    to: since(index.message_end_time),
                    reason,
                });
            }
        };
        let mut messages: Vec<_> = pieces(&content)
            .filter_map(|piece| match piece {
                Piece::Message {
                    channel,
                    log_time,
                    place,
                    data,
                } => Some((log_time, channel, place, data.len())),
                _ => None,
            })
            .filter(|m| (self.from..=self.to).contains(&m.0) && self.channels.contains(&m.1))
            .collect();
        // Stable: what came at one moment stays in its order.
        messages.sort_by_key(|m| m.0);
        if !messages.is_empty() {
            self.open.push(Open {
                content,
                messages: messages.into(),
            });
        }
        Ok(())
    }

    /// The next message; none where there is none at hand.
    fn pop(&mut self) -> Option<Result<Entry, Unknown>> {
        let times = self
            .open
            .iter()
            .enumerate()
            .filter_map(|(i, open)| Some((i, open.messages.front()?.0)));
        let (place, _) = times.min_by_key(|&(_, time)| time)?;
        let open = &mut self.open[place];
        let (log_time, channel, start, length) = open.messages.pop_front()?;
        let channel = self.inner.index.channels.get(&channel);
        let json = open.content.get(start..start + length).unwrap_or_default();
        let what = channel.and_then(|c| What::from_json(kind_of(&c.topic), json).ok());
        if open.messages.is_empty() {
            self.open.remove(place);
        }
        Some(what.ok_or(Unknown).map(|what| Entry {
            at: self.inner.origin.at(log_time),
            unix_ms: log_time / 1_000_000,
            what,
        }))
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, SessionError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.failed {
            if let Err(error) = self.fill() {
                return Some(Err(error));
            }
            match self.pop() {
                Some(Ok(entry)) => return Some(Ok(entry)),
                Some(Err(Unknown)) => {}
                None if self.chunks.is_empty() => return None,
                None => {}
            }
        }
        None
    }
}
