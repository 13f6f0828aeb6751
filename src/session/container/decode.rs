//! Reading the container. Nothing is believed: a length is checked against what is there, a chunk against its CRC, an
//! index against its own. What fails is an error or is left out, never wrong data.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use mcap::MAGIC;
use mcap::records::{ChunkIndex, Record, op};

use super::encode::ZSTD;
use super::index::{Index, Schema};
use super::{MAX_CHUNK_BYTES, Source};

/// A record's kind and length.
const RECORD_HEAD: u64 = 9;
/// The footer and the closing magic.
const FOOTER_BYTES: u64 = RECORD_HEAD + 20 + MAGIC.len() as u64;
/// The summary of a day's session has a few megabytes.
const MAX_SUMMARY_BYTES: u64 = 1 << 30;

/// A chunk cannot be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::session) enum ChunkFault {
    /// It cannot be read at all.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not what was written.
    #[error("{0}")]
    Damaged(&'static str),
}

/// What a chunk holds.
#[derive(Debug)]
pub(in crate::session) enum Piece<'a> {
    /// The form of a channel's messages.
    Schema(Schema),
    /// A channel.
    Channel(mcap::records::Channel),
    /// A message.
    Message {
        /// Its channel.
        channel: u16,
        /// Nanoseconds since 1970.
        log_time: u64,
        /// Where its content begins in the chunk.
        place: usize,
        /// Its content.
        data: &'a [u8],
    },
}

fn u64_at(bytes: &[u8], place: usize) -> Option<u64> {
    let bytes = bytes.get(place..place.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

fn u32_at(bytes: &[u8], place: usize) -> Option<u32> {
    let bytes = bytes.get(place..place.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// Splits bytes into records: kind, content and the content's place. Ends at the first that is not whole.
fn records(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8], usize)> {
    let mut place = 0;
    std::iter::from_fn(move || {
        let kind = *bytes.get(place)?;
        let length = usize::try_from(u64_at(bytes, place + 1)?).ok()?;
        let start = place + RECORD_HEAD as usize;
        let content = bytes.get(start..start.checked_add(length)?)?;
        place = start + length;
        Some((kind, content, start))
    })
}

/// What a chunk's bytes hold, in their order. Records of other kinds are passed over.
pub(in crate::session) fn pieces(chunk: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    records(chunk).filter_map(|(kind, content, start)| match kind {
        op::MESSAGE => {
            // Channel, sequence, log time, publish time; then the content.
            const HEAD: usize = 2 + 4 + 8 + 8;
            let channel = u16::from_le_bytes(content.get(..2)?.try_into().ok()?);
            Some(Piece::Message {
                channel,
                log_time: u64_at(content, 6)?,
                place: start + HEAD,
                data: content.get(HEAD..)?,
            })
        }
        op::SCHEMA | op::CHANNEL => match mcap::parse_record(kind, content).ok()? {
            Record::Schema { header, data } => Some(Piece::Schema(Schema {
                id: header.id,
                name: header.name,
                text: String::from_utf8_lossy(&data).into_owned(),
            })),
            Record::Channel(channel) => Some(Piece::Channel(channel)),
            _ => None,
        },
        _ => None,
    })
}

/// A chunk's content, checked against its CRC.
///
/// # Errors
/// It cannot be read, or is not what was written.
pub(in crate::session) fn read_chunk(
    source: &dyn Source,
    index: &ChunkIndex,
) -> Result<Vec<u8>, ChunkFault> {
    if index.chunk_length > MAX_CHUNK_BYTES + 1024 {
        return Err(ChunkFault::Damaged("it is longer than any honest chunk"));
    }
    let end = index.chunk_start_offset.checked_add(index.chunk_length);
    if end.is_none_or(|end| source.length().is_ok_and(|length| end > length)) {
        return Err(ChunkFault::Damaged("it ends behind the file's end"));
    }
    let mut bytes = vec![0; index.chunk_length as usize];
    source.read_at(&mut bytes, index.chunk_start_offset)?;
    let Some((op::CHUNK, content, _)) = records(&bytes).next() else {
        return Err(ChunkFault::Damaged("there is no chunk"));
    };
    let head = ChunkHead::parse(content).ok_or(ChunkFault::Damaged("its head is damaged"))?;
    head.unpack(content)
}

/// What stands before a chunk's packed bytes.
struct ChunkHead {
    start: u64,
    end: u64,
    uncompressed: u64,
    crc: u32,
    zstd: bool,
    packed_at: usize,
    packed: u64,
}

impl ChunkHead {
    /// The most that it takes: numbers and the compression's name.
    const MOST: u64 = 64;

    fn parse(content: &[u8]) -> Option<Self> {
        let name_length = u32_at(content, 28)? as usize;
        let name = content.get(32..32_usize.checked_add(name_length)?)?;
        let zstd = match name {
            b"" => false,
            name if name == ZSTD.as_bytes() => true,
            _ => return None,
        };
        let uncompressed = u64_at(content, 16)?;
        Some(Self {
            start: u64_at(content, 0)?,
            end: u64_at(content, 8)?,
            uncompressed,
            crc: u32_at(content, 24)?,
            zstd,
            packed: u64_at(content, 32 + name_length)?,
            packed_at: 40 + name_length,
        })
    }

    fn unpack(&self, content: &[u8]) -> Result<Vec<u8>, ChunkFault> {
        if self.uncompressed > MAX_CHUNK_BYTES {
            return Err(ChunkFault::Damaged("it is longer than any honest chunk"));
        }
        let packed = usize::try_from(self.packed)
            .ok()
            .and_then(|n| content.get(self.packed_at..self.packed_at.checked_add(n)?))
            .ok_or(ChunkFault::Damaged("it is cut off"))?;
        let plain = if self.zstd {
            zstd::bulk::decompress(packed, self.uncompressed as usize)
                .map_err(|_| ChunkFault::Damaged("it cannot be unpacked"))?
        } else {
            packed.to_vec()
        };
        if plain.len() as u64 != self.uncompressed || crc32fast::hash(&plain) != self.crc {
            return Err(ChunkFault::Damaged("its checksum is wrong"));
        }
        Ok(plain)
    }
}

/// The index at a file's end with the place where it begins; none where there is no whole and undamaged one.
///
/// # Errors
/// The file cannot be read.
pub(in crate::session) fn read_index(source: &dyn Source) -> io::Result<Option<(Index, u64)>> {
    let length = source.length()?;
    let Some(footer_at) = length.checked_sub(FOOTER_BYTES) else {
        return Ok(None);
    };
    let mut footer = [0; FOOTER_BYTES as usize];
    source.read_at(&mut footer, footer_at)?;
    if footer[0] != op::FOOTER || !footer.ends_with(MAGIC) {
        return Ok(None);
    }
    let (Some(start), Some(crc)) = (u64_at(&footer, 9), u32_at(&footer, 25)) else {
        return Ok(None);
    };
    let Some(size) = footer_at
        .checked_sub(start)
        .filter(|&size| size > 0 && size <= MAX_SUMMARY_BYTES)
    else {
        return Ok(None);
    };
    let mut summary = vec![0; size as usize];
    source.read_at(&mut summary, start)?;
    let mut sum = crc32fast::Hasher::new();
    sum.update(&summary);
    sum.update(&footer[..25]);
    if sum.finalize() != crc {
        return Ok(None);
    }
    let mut index = Index::default();
    for (kind, content, _) in records(&summary) {
        let Ok(record) = mcap::parse_record(kind, content) else {
            return Ok(None);
        };
        match record {
            Record::Schema { header, data } => {
                let schema = Schema {
                    id: header.id,
                    name: header.name,
                    text: String::from_utf8_lossy(&data).into_owned(),
                };
                index.schemas.insert(schema.id, schema);
            }
            Record::Channel(channel) => {
                index.channels.insert(channel.id, channel);
            }
            Record::ChunkIndex(chunk) => index.chunks.push(chunk),
            Record::Statistics(stats) => index.counts = stats.channel_message_counts,
            _ => {}
        }
    }
    // What lies between the last chunk and the summary is the end of data, if this is our own work.
    let data_end = start.saturating_sub(RECORD_HEAD + 4);
    Ok(Some((index, data_end)))
}

/// What a walk through a file's chunks found.
#[derive(Debug, Default)]
pub(in crate::session) struct Scan {
    /// The index, worked out anew from the sound chunks.
    pub(in crate::session) index: Index,
    /// Where the last whole record before the end of data ends.
    pub(in crate::session) data_end: u64,
    /// Chunks that are there but damaged.
    pub(in crate::session) damaged: u64,
    /// Bytes after `data_end` that are neither chunk nor end of data.
    pub(in crate::session) cut_off: u64,
    /// The channels of the newest chunk, each of which should have a message index after it.
    expected: BTreeSet<u16>,
}

/// Walks through the whole file and checks every chunk; `look` sees each sound one.
///
/// # Errors
/// The file cannot be read, or does not begin like an MCAP file: none then.
pub(in crate::session) fn scan(
    source: &dyn Source,
    mut look: impl FnMut(&Index, &[u8]),
) -> io::Result<Option<Scan>> {
    let length = source.length()?;
    let mut magic = [0; MAGIC.len()];
    if length < magic.len() as u64 {
        return Ok(None);
    }
    source.read_at(&mut magic, 0)?;
    if magic != MAGIC {
        return Ok(None);
    }
    let mut scan = Scan {
        data_end: MAGIC.len() as u64,
        ..Scan::default()
    };
    let mut place = scan.data_end;
    while let Some((kind, size)) = record_head(source, place, length)? {
        let next = place + RECORD_HEAD + size;
        match kind {
            op::DATA_END => {
                scan.settle();
                return Ok(Some(scan));
            }
            op::CHUNK => {
                scan.settle();
                match sound_chunk(source, place, size)? {
                    Some((chunk, plain)) => scan.take(chunk, &plain, &mut look),
                    None => scan.damaged += 1,
                }
            }
            op::MESSAGE_INDEX => scan.message_index(source, place, size)?,
            _ => {}
        }
        place = next;
        scan.data_end = place;
    }
    scan.settle();
    scan.cut_off = length - scan.data_end;
    Ok(Some(scan))
}

/// The kind and length of the record at `place`, if it lies whole within the file.
fn record_head(source: &dyn Source, place: u64, length: u64) -> io::Result<Option<(u8, u64)>> {
    if length.saturating_sub(place) < RECORD_HEAD {
        return Ok(None);
    }
    let mut head = [0; RECORD_HEAD as usize];
    source.read_at(&mut head, place)?;
    let size = u64_at(&head, 1).unwrap_or(u64::MAX);
    let end = (place + RECORD_HEAD).checked_add(size);
    Ok(end
        .is_some_and(|end| end <= length)
        .then_some((head[0], size)))
}

/// The chunk at `place` with its content, if it is sound.
fn sound_chunk(
    source: &dyn Source,
    place: u64,
    size: u64,
) -> io::Result<Option<(ChunkIndex, Vec<u8>)>> {
    let mut head = vec![0; size.min(ChunkHead::MOST) as usize];
    source.read_at(&mut head, place + RECORD_HEAD)?;
    let Some(head) = ChunkHead::parse(&head) else {
        return Ok(None);
    };
    let chunk = ChunkIndex {
        message_start_time: head.start,
        message_end_time: head.end,
        chunk_start_offset: place,
        chunk_length: RECORD_HEAD + size,
        message_index_offsets: BTreeMap::new(),
        message_index_length: 0,
        compression: if head.zstd { ZSTD } else { "" }.to_owned(),
        compressed_size: head.packed,
        uncompressed_size: head.uncompressed,
    };
    match read_chunk(source, &chunk) {
        Ok(plain) => Ok(Some((chunk, plain))),
        Err(ChunkFault::Io(error)) => Err(error),
        Err(ChunkFault::Damaged(_)) => Ok(None),
    }
}

impl Scan {
    fn take(&mut self, mut chunk: ChunkIndex, plain: &[u8], look: &mut impl FnMut(&Index, &[u8])) {
        // The chunk's head is under no checksum: its bounds are taken from the messages.
        let mut bounds: Option<(u64, u64)> = None;
        self.expected.clear();
        for piece in pieces(plain) {
            match piece {
                Piece::Schema(schema) => {
                    self.index.schemas.insert(schema.id, schema);
                }
                Piece::Channel(channel) => {
                    self.index.channels.insert(channel.id, channel);
                }
                Piece::Message {
                    channel, log_time, ..
                } => {
                    self.expected.insert(channel);
                    *self.index.counts.entry(channel).or_default() += 1;
                    let (first, last) = bounds.unwrap_or((log_time, log_time));
                    bounds = Some((first.min(log_time), last.max(log_time)));
                }
            }
        }
        let (first, last) = bounds.unwrap_or((0, 0));
        chunk.message_start_time = first;
        chunk.message_end_time = last;
        look(&self.index, plain);
        self.index.chunks.push(chunk);
    }

    /// Message indexes follow their chunk.
    fn message_index(&mut self, source: &dyn Source, place: u64, size: u64) -> io::Result<()> {
        let Some(chunk) = self.index.chunks.last_mut() else {
            return Ok(());
        };
        let expected = chunk.chunk_start_offset + chunk.chunk_length + chunk.message_index_length;
        if expected == place && size >= 2 {
            let mut id = [0; 2];
            source.read_at(&mut id, place + RECORD_HEAD)?;
            chunk
                .message_index_offsets
                .insert(u16::from_le_bytes(id), place);
            chunk.message_index_length += RECORD_HEAD + size;
        }
        Ok(())
    }

    /// A chunk whose message indexes are not all there is listed without any: the format allows that, half of them
    /// would hide messages.
    fn settle(&mut self) {
        if let Some(chunk) = self.index.chunks.last_mut()
            && !chunk.message_index_offsets.keys().eq(&self.expected)
        {
            chunk.message_index_offsets.clear();
            chunk.message_index_length = 0;
        }
    }
}
