//! The MCAP container (<https://mcap.dev/spec>), as far as a session needs it: chunks of messages under zstd, each with
//! its own CRC, and an index at the end that can be written anew at any time from the chunks alone.
//!
//! ```text
//! magic  Header  (Chunk MessageIndex*)*  DataEnd  summary: Schema* Channel* Statistics ChunkIndex* SummaryOffset*  Footer  magic
//! ```
//!
//! Files grow at their end only, whole chunks at a time: whatever is cut off, what is before it stays readable. No other
//! room sees this; it knows nothing of workers or frames.

mod decode;
mod encode;
mod index;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

pub(super) use decode::{ChunkFault, Piece, pieces, read_chunk, read_index, scan};
pub(super) use encode::{ChunkBuilder, head, tail};
pub(super) use index::{Index, Schema};

/// Most bytes of a chunk before compression; an honest one has a little over [`CHUNK_BYTES`] or one long message.
pub(super) const MAX_CHUNK_BYTES: u64 = 64 << 20;
/// A chunk that has grown to this is closed.
pub(super) const CHUNK_BYTES: usize = 1 << 20;
/// Most bytes of one message.
pub(super) const MAX_MESSAGE_BYTES: usize = 48 << 20;

/// Bytes that can be read anywhere.
pub(super) trait Source: Send + Sync {
    /// How many there are.
    ///
    /// # Errors
    /// The system's.
    fn length(&self) -> io::Result<u64>;

    /// Fills the buffer from there on.
    ///
    /// # Errors
    /// The system's, or fewer bytes than asked for.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl Source for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }
}

impl Source for Vec<u8> {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(buffer.len());
        let bytes = self.get(start..end);
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
