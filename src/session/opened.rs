//! A file as it is found: its index, read or worked out anew, its card, and where its data end.

use std::path::Path;

use mcap::records::ChunkIndex;

use super::card::Card;
use super::container::{ChunkFault, Index, Piece, Source, pieces, read_chunk, read_index, scan};
use super::entry::{Entry, FORMAT, Start, What};
use super::error::SessionError;
use super::watch::{Watch, Watched};
use super::writer::{Origin, kind_of};
use crate::units::Nanos;

/// What a file holds.
pub(super) struct Opened {
    pub(super) index: Index,
    pub(super) card: Card,
    /// Where what is recorded ends and the index begins, or should.
    pub(super) data_end: u64,
    /// Whether the index was there.
    pub(super) whole: bool,
    /// Chunks that are there but damaged, as far as they were looked at.
    pub(super) damaged: u64,
    /// Bytes behind `data_end` that are of no use.
    pub(super) cut_off: u64,
}

impl Opened {
    /// Reads the index and the card, or walks through the whole file where there are none; tells how far it is.
    ///
    /// # Errors
    /// The file cannot be read, is no session, or is of a later format.
    pub(super) fn read(
        path: &Path,
        source: &dyn Source,
        watch: &Watch,
    ) -> Result<Self, SessionError> {
        let source: &dyn Source = &Watched { source, watch };
        let io = |error| SessionError::io("read", path)(error);
        let not = |reason| SessionError::NotASession {
            path: path.to_owned(),
            reason,
        };
        let opened = match read_index(source).map_err(io)? {
            Some((index, data_end)) => {
                let mut opened = Self {
                    index,
                    card: Card::default(),
                    data_end,
                    whole: true,
                    damaged: 0,
                    cut_off: 0,
                };
                opened.find_card(source).map_err(io)?;
                opened
            }
            None => {
                let mut card = Card::default();
                let mut origin = None;
                let look = |index: &Index, chunk: &[u8]| {
                    let entries = entries_of(index, chunk, &mut origin);
                    entries.for_each(|entry| card.add(&entry));
                };
                watch.expect(source.length().map_err(io)?);
                let scan = scan(source, look).map_err(io)?;
                let scan = scan.ok_or_else(|| not("it does not begin like an MCAP file"))?;
                Self {
                    index: scan.index,
                    card,
                    data_end: scan.data_end,
                    whole: false,
                    damaged: scan.damaged,
                    cut_off: scan.cut_off,
                }
            }
        };
        if opened.index.messages() == 0 {
            return Err(not("nothing in it can be read"));
        }
        if let Some(start) = &opened.card.start
            && start.format > FORMAT
        {
            return Err(SessionError::Newer {
                path: path.to_owned(),
                found: start.format,
                version: start.version.clone(),
            });
        }
        Ok(opened)
    }

    /// How it began.
    ///
    /// # Errors
    /// It does not say: another program's file, or one whose first chunk is damaged.
    pub(super) fn start(&self, path: &Path) -> Result<Start, SessionError> {
        self.card
            .start
            .clone()
            .ok_or_else(|| SessionError::NotASession {
                path: path.to_owned(),
                reason: "it does not say when it began",
            })
    }

    /// The newest card, with what was said of the session after it. Where there is none that can be read, one is worked
    /// out from the whole file.
    fn find_card(&mut self, source: &dyn Source) -> std::io::Result<()> {
        let kinds = |topic: &str| matches!(kind_of(topic), "summary" | "meta");
        let mut found = None;
        let mut origin = None;
        for chunk in self.index.chunks_with(kinds) {
            let Some(chunk) = sound(source, chunk)? else {
                continue;
            };
            for entry in entries_of(&self.index, &chunk, &mut origin) {
                match (entry.what, &mut found) {
                    (What::Summary(card), found) => *found = Some(*card),
                    (What::Meta(meta), Some(card)) => card.meta = *meta,
                    _ => {}
                }
            }
        }
        if let Some(card) = found {
            self.card = card;
            return Ok(());
        }
        for chunk in &self.index.chunks {
            match sound(source, chunk)? {
                Some(chunk) => {
                    for entry in entries_of(&self.index, &chunk, &mut origin) {
                        self.card.add(&entry);
                    }
                }
                None => self.damaged += 1,
            }
        }
        Ok(())
    }
}

/// A chunk's content; none where it is damaged.
fn sound(source: &dyn Source, index: &ChunkIndex) -> std::io::Result<Option<Vec<u8>>> {
    match read_chunk(source, index) {
        Ok(chunk) => Ok(Some(chunk)),
        Err(ChunkFault::Damaged(_)) => Ok(None),
        Err(ChunkFault::Io(error)) => Err(error),
    }
}

/// The entries of one chunk, in its order; what cannot be read is left out.
fn entries_of<'a>(
    index: &'a Index,
    chunk: &'a [u8],
    origin: &'a mut Option<Origin>,
) -> impl Iterator<Item = Entry> + 'a {
    pieces(chunk).filter_map(move |piece| match piece {
        Piece::Message {
            channel,
            log_time,
            data,
            ..
        } => {
            let topic = &index.channels.get(&channel)?.topic;
            let what = What::from_json(kind_of(topic), data).ok()?;
            if let What::Start(start) = &what {
                *origin = Some(Origin::new(start.at, start.unix_ms));
            }
            let origin = origin.get_or_insert(Origin::new(Nanos(0), log_time / 1_000_000));
            Some(Entry {
                at: origin.at(log_time),
                unix_ms: log_time / 1_000_000,
                what,
            })
        }
        Piece::Schema(_) | Piece::Channel(_) => None,
    })
}
