//! Writing the container: bytes in memory, which somebody else puts into a file.

use std::collections::BTreeMap;

use mcap::MAGIC;
use mcap::records::{Channel, ChunkIndex, op};

use super::index::{Index, Schema};

/// The name of the compression, as the format has it.
pub(super) const ZSTD: &str = "zstd";

fn u16_le(out: &mut Vec<u8>, n: u16) {
    out.extend_from_slice(&n.to_le_bytes());
}

fn u32_le(out: &mut Vec<u8>, n: u32) {
    out.extend_from_slice(&n.to_le_bytes());
}

fn u64_le(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(&n.to_le_bytes());
}

fn text(out: &mut Vec<u8>, text: &str) {
    u32_le(out, text.len() as u32);
    out.extend_from_slice(text.as_bytes());
}

/// A map or list: its length in bytes, then what it holds.
fn counted(out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let place = out.len();
    u32_le(out, 0);
    content(out);
    let length = (out.len() - place - 4) as u32;
    out[place..place + 4].copy_from_slice(&length.to_le_bytes());
}

/// A record: its kind, its length, its content.
fn record(out: &mut Vec<u8>, kind: u8, content: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    let place = out.len();
    u64_le(out, 0);
    content(out);
    let length = (out.len() - place - 8) as u64;
    out[place..place + 8].copy_from_slice(&length.to_le_bytes());
}

fn schema(out: &mut Vec<u8>, schema: &Schema) {
    record(out, op::SCHEMA, |out| {
        u16_le(out, schema.id);
        text(out, &schema.name);
        text(out, "jsonschema");
        text(out, &schema.text);
    });
}

fn channel(out: &mut Vec<u8>, channel: &Channel) {
    record(out, op::CHANNEL, |out| {
        u16_le(out, channel.id);
        u16_le(out, channel.schema_id);
        text(out, &channel.topic);
        text(out, &channel.message_encoding);
        counted(out, |out| {
            for (key, value) in &channel.metadata {
                text(out, key);
                text(out, value);
            }
        });
    });
}

fn chunk_index(out: &mut Vec<u8>, index: &ChunkIndex) {
    record(out, op::CHUNK_INDEX, |out| {
        u64_le(out, index.message_start_time);
        u64_le(out, index.message_end_time);
        u64_le(out, index.chunk_start_offset);
        u64_le(out, index.chunk_length);
        counted(out, |out| {
            for (&id, &offset) in &index.message_index_offsets {
                u16_le(out, id);
                u64_le(out, offset);
            }
        });
        u64_le(out, index.message_index_length);
        text(out, &index.compression);
        u64_le(out, index.compressed_size);
        u64_le(out, index.uncompressed_size);
    });
}

/// How a file begins.
pub(in crate::session) fn head(library: &str) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    record(&mut out, op::HEADER, |out| {
        text(out, "");
        text(out, library);
    });
    out
}

/// Messages that will be one chunk.
#[derive(Debug, Default)]
pub(in crate::session) struct ChunkBuilder {
    records: Vec<u8>,
    /// Per channel: each message's time and its place in `records`.
    places: BTreeMap<u16, Vec<(u64, u64)>>,
    bounds: Option<(u64, u64)>,
}

impl ChunkBuilder {
    /// Bytes before compression.
    pub(in crate::session) const fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing was added.
    pub(in crate::session) const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Adds a channel, before its first message, with the form of its messages if that is new too.
    pub(in crate::session) fn channel(&mut self, new: Option<&Schema>, of: &Channel) {
        if let Some(new) = new {
            schema(&mut self.records, new);
        }
        channel(&mut self.records, of);
    }

    /// Adds a message; `log_time` in nanoseconds since 1970.
    pub(in crate::session) fn message(
        &mut self,
        channel: u16,
        sequence: u32,
        log_time: u64,
        data: &[u8],
    ) {
        let place = self.records.len() as u64;
        self.places
            .entry(channel)
            .or_default()
            .push((log_time, place));
        let (first, last) = self.bounds.unwrap_or((log_time, log_time));
        self.bounds = Some((first.min(log_time), last.max(log_time)));
        record(&mut self.records, op::MESSAGE, |out| {
            u16_le(out, channel);
            u32_le(out, sequence);
            u64_le(out, log_time);
            u64_le(out, log_time);
            out.extend_from_slice(data);
        });
    }

    /// The chunk as bytes that will lie at `offset` of the file, and where to find it. The builder is empty afterwards.
    pub(in crate::session) fn finish(&mut self, offset: u64) -> (Vec<u8>, ChunkIndex) {
        let (start, end) = self.bounds.take().unwrap_or((0, 0));
        let crc = crc32fast::hash(&self.records);
        let uncompressed = self.records.len() as u64;
        // Into memory, with room for the worst case: this does not fail. If it did, the chunk would be stored plain.
        let (packed, compression) = match zstd::bulk::compress(&self.records, 1) {
            Ok(packed) => (packed, ZSTD),
            Err(_) => (self.records.clone(), ""),
        };
        let mut out = Vec::with_capacity(packed.len() + 1024);
        record(&mut out, op::CHUNK, |out| {
            u64_le(out, start);
            u64_le(out, end);
            u64_le(out, uncompressed);
            u32_le(out, crc);
            text(out, compression);
            u64_le(out, packed.len() as u64);
            out.extend_from_slice(&packed);
        });
        let chunk_length = out.len() as u64;
        let mut offsets = BTreeMap::new();
        for (&id, places) in &self.places {
            offsets.insert(id, offset + out.len() as u64);
            record(&mut out, op::MESSAGE_INDEX, |out| {
                u16_le(out, id);
                counted(out, |out| {
                    for &(time, place) in places {
                        u64_le(out, time);
                        u64_le(out, place);
                    }
                });
            });
        }
        self.records.clear();
        self.places.clear();
        let index = ChunkIndex {
            message_start_time: start,
            message_end_time: end,
            chunk_start_offset: offset,
            chunk_length,
            message_index_offsets: offsets,
            message_index_length: out.len() as u64 - chunk_length,
            compression: compression.to_owned(),
            compressed_size: packed.len() as u64,
            uncompressed_size: uncompressed,
        };
        (out, index)
    }
}

/// The end of a file whose chunks end at `offset`: end of data, summary, footer.
pub(in crate::session) fn tail(index: &Index, offset: u64) -> Vec<u8> {
    let mut out = Vec::new();
    record(&mut out, op::DATA_END, |out| u32_le(out, 0));
    let summary = out.len();
    let at = |out: &Vec<u8>| offset + out.len() as u64;
    let mut groups = Vec::new();
    let mut group = |kind: u8, out: &mut Vec<u8>, write: &dyn Fn(&mut Vec<u8>)| {
        let start = at(out);
        write(out);
        if at(out) > start {
            groups.push((kind, start, at(out) - start));
        }
    };
    group(op::SCHEMA, &mut out, &|out| {
        index.schemas.values().for_each(|s| schema(out, s));
    });
    group(op::CHANNEL, &mut out, &|out| {
        index.channels.values().for_each(|c| channel(out, c));
    });
    group(op::STATISTICS, &mut out, &|out| statistics(out, index));
    group(op::CHUNK_INDEX, &mut out, &|out| {
        index.chunks.iter().for_each(|c| chunk_index(out, c));
    });
    let offsets = at(&out);
    for (kind, start, length) in groups {
        record(&mut out, op::SUMMARY_OFFSET, |out| {
            out.push(kind);
            u64_le(out, start);
            u64_le(out, length);
        });
    }
    // The footer's CRC covers the summary and the footer up to the CRC itself.
    let start = offset + summary as u64;
    record(&mut out, op::FOOTER, |out| {
        u64_le(out, start);
        u64_le(out, offsets);
        u32_le(out, 0);
    });
    let place = out.len() - 4;
    let crc = crc32fast::hash(&out[summary..place]);
    out[place..].copy_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(MAGIC);
    out
}

fn statistics(out: &mut Vec<u8>, index: &Index) {
    let (start, end) = index.bounds().unwrap_or((0, 0));
    record(out, op::STATISTICS, |out| {
        u64_le(out, index.messages());
        u16_le(out, index.schemas.len() as u16);
        u32_le(out, index.channels.len() as u32);
        u32_le(out, 0);
        u32_le(out, 0);
        u32_le(out, index.chunks.len() as u32);
        u64_le(out, start);
        u64_le(out, end);
        counted(out, |out| {
            for (&id, &count) in &index.counts {
                u16_le(out, id);
                u64_le(out, count);
            }
        });
    });
}
