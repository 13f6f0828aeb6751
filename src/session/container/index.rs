//! What a file's end says of the file: which channels there are and where which stretch of time lies.

use std::collections::BTreeMap;

use mcap::records::{Channel, ChunkIndex};

/// The form of a channel's messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::session) struct Schema {
    /// Its number in the file; never 0.
    pub(in crate::session) id: u16,
    /// Its name.
    pub(in crate::session) name: String,
    /// A JSON Schema.
    pub(in crate::session) text: String,
}

/// Where everything is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::session) struct Index {
    /// By number.
    pub(in crate::session) schemas: BTreeMap<u16, Schema>,
    /// By number.
    pub(in crate::session) channels: BTreeMap<u16, Channel>,
    /// In the order of the file.
    pub(in crate::session) chunks: Vec<ChunkIndex>,
    /// Messages per channel.
    pub(in crate::session) counts: BTreeMap<u16, u64>,
}

impl Index {
    /// Messages in all.
    pub(in crate::session) fn messages(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The first and the last message's time, in nanoseconds; none where there is no message.
    pub(in crate::session) fn bounds(&self) -> Option<(u64, u64)> {
        let first = self.chunks.iter().map(|c| c.message_start_time).min()?;
        let last = self.chunks.iter().map(|c| c.message_end_time).max()?;
        Some((first, last))
    }

    /// The chunks that have, or may have, messages of a channel whose topic fits, in the order of the file.
    pub(in crate::session) fn chunks_with<'a>(
        &'a self,
        fits: impl Fn(&str) -> bool + 'a,
    ) -> impl Iterator<Item = &'a ChunkIndex> + 'a {
        let channels: Vec<u16> = self
            .channels
            .values()
            .filter(|c| fits(&c.topic))
            .map(|c| c.id)
            .collect();
        self.chunks.iter().filter(move |chunk| {
            chunk.message_index_offsets.is_empty()
                || channels
                    .iter()
                    .any(|id| chunk.message_index_offsets.contains_key(id))
        })
    }
}
