//! How far the opening or the repair of a long session is, for who looks on from another thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::container::Source;

/// Bytes read, of those that are to be read. Clones tell the same.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    done: Arc<AtomicU64>,
    total: Arc<AtomicU64>,
}

impl Watch {
    /// So much is done, of so much as is known of.
    pub fn place(&self) -> (u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.done), of(&self.total))
    }

    /// There is so much more to be read.
    pub(super) fn expect(&self, bytes: u64) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// A source whose reading is counted.
pub(super) struct Watched<'a, S: ?Sized> {
    pub(super) source: &'a S,
    pub(super) watch: &'a Watch,
}

impl<S: Source + ?Sized> Source for Watched<'_, S> {
    fn length(&self) -> io::Result<u64> {
        self.source.length()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.source.read_at(buffer, offset)?;
        let read = buffer.len() as u64;
        self.watch.done.fetch_add(read, Ordering::Relaxed);
        Ok(())
    }
}
