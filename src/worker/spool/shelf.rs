//! The files of a spool: a folder per start of a worker, segments in it, the oldest removed to keep a bound.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::segment::{self, Reader, Writer};
use crate::units::BootId;

/// A segment is closed at this length, or at an eighth of the bound if that is less.
const SEGMENT_BYTES: u64 = 1 << 20;
/// Held by a living worker in its folder.
const LOCK: &str = "lock";
const SUFFIX: &str = "spool";

#[derive(Debug)]
struct Segment {
    boot: BootId,
    first_seq: u64,
    bytes: u64,
    path: PathBuf,
}

/// All segments that this worker may read and remove, oldest first; the last one is being written.
#[derive(Debug)]
pub(super) struct Shelf {
    boot: BootId,
    own: PathBuf,
    limit_bytes: u64,
    segments: VecDeque<Segment>,
    bytes: u64,
    writer: Option<Writer>,
    // Tells other workers on this machine to leave the folder alone.
    _lock: File,
}

/// Batches read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Number and payload of each, in order.
    pub(crate) batches: Vec<(u64, Vec<u8>)>,
    /// There are no later ones.
    pub(crate) ended: bool,
    /// There is nothing of that start, and nobody knows how much there was.
    pub(crate) unknown: bool,
}

impl Shelf {
    /// Makes this start's folder under `root`, and adopts what workers that have ended left there.
    ///
    /// # Errors
    /// The folder cannot be made or locked.
    pub(super) fn open(root: &Path, boot: BootId, limit_bytes: u64) -> io::Result<Self> {
        let own = root.join(boot.to_string());
        fs::create_dir_all(&own)?;
        let lock = File::create(own.join(LOCK))?;
        lock.try_lock().map_err(io::Error::from)?;
        let segments = left_behind(root, boot);
        let mut shelf = Self {
            boot,
            own,
            limit_bytes,
            bytes: segments.iter().map(|s| s.bytes).sum(),
            segments,
            writer: None,
            _lock: lock,
        };
        shelf.make_room(0);
        Ok(shelf)
    }

    /// Adds a batch. The oldest segments go where the bound or the disk leaves no room.
    ///
    /// # Errors
    /// The disk takes nothing more; what was there stays.
    pub(super) fn append(&mut self, seq: u64, payload: &[u8]) -> io::Result<()> {
        let bytes = segment::bytes_of(payload);
        self.make_room(bytes);
        loop {
            match self.write(seq, payload) {
                Ok(()) => {
                    self.bytes += bytes;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                    if !self.remove_oldest() {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn write(&mut self, seq: u64, payload: &[u8]) -> io::Result<()> {
        let full = SEGMENT_BYTES.min(self.limit_bytes / 8);
        if self.writer.as_ref().is_none_or(|w| w.bytes() >= full) {
            let path = self.own.join(format!("{seq:020}.{SUFFIX}"));
            let writer = Writer::create(&path)?;
            self.segments.push_back(Segment {
                boot: self.boot,
                first_seq: seq,
                bytes: 0,
                path,
            });
            self.writer = Some(writer);
        }
        if let (Some(writer), Some(newest)) = (&mut self.writer, self.segments.back_mut()) {
            writer.append(seq, payload)?;
            newest.bytes += segment::bytes_of(payload);
        }
        Ok(())
    }

    /// Waits until the disk has what was written.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.writer.as_ref().map_or(Ok(()), Writer::sync)
    }

    fn make_room(&mut self, bytes: u64) {
        while self.bytes + bytes > self.limit_bytes && self.remove_oldest() {}
    }

    /// Removes the oldest segment that is not being written; says whether there was one.
    fn remove_oldest(&mut self) -> bool {
        let spare = self.segments.len() > usize::from(self.writer.is_some());
        let Some(oldest) = spare.then(|| self.segments.pop_front()).flatten() else {
            return false;
        };
        self.bytes = self.bytes.saturating_sub(oldest.bytes);
        // One that is gone already is as good as removed.
        let _ = fs::remove_file(&oldest.path);
        if oldest.boot != self.boot && self.segments.iter().all(|s| s.boot != oldest.boot) {
            let folder = self.own.with_file_name(oldest.boot.to_string());
            let _ = fs::remove_dir_all(folder);
        }
        true
    }

    /// Batches of a start from one number to another, about `most_bytes` of them.
    pub(super) fn take(&self, boot: BootId, from: u64, to: u64, most_bytes: u64) -> Taken {
        let of_boot = || self.segments.iter().filter(|s| s.boot == boot);
        let begin = of_boot()
            .filter(|s| s.first_seq <= from)
            .map(|s| s.first_seq);
        let begin = begin.max().unwrap_or(0);
        let mut taken = Taken {
            unknown: of_boot().next().is_none(),
            ..Taken::default()
        };
        let mut bytes = 0;
        for segment in of_boot().filter(|s| s.first_seq >= begin && s.first_seq <= to) {
            let Ok(mut reader) = Reader::open(&segment.path) else {
                continue;
            };
            while let Some((seq, payload)) = reader.next(from) {
                if seq > to {
                    taken.ended = true;
                    return taken;
                }
                bytes += segment::bytes_of(&payload);
                taken.batches.push((seq, payload));
                if bytes >= most_bytes {
                    return taken;
                }
            }
        }
        taken.ended = true;
        taken
    }
}

/// Segments of workers that have ended, the oldest worker first.
fn left_behind(root: &Path, boot: BootId) -> VecDeque<Segment> {
    let mut folders: Vec<(SystemTime, BootId, PathBuf)> = entries(root)
        .filter_map(|(name, path)| {
            let other = BootId(u64::from_str_radix(&name, 16).ok()?);
            let lock = File::open(path.join(LOCK)).ok()?;
            let ended = other != boot && lock.try_lock().is_ok();
            let changed = fs::metadata(&path).and_then(|m| m.modified()).ok()?;
            ended.then_some((changed, other, path))
        })
        .collect();
    folders.sort();
    let segments = folders.into_iter().flat_map(|(_, boot, folder)| {
        let mut segments: Vec<Segment> = entries(&folder)
            .filter_map(|(name, path)| {
                let first_seq = name.strip_suffix(SUFFIX)?.strip_suffix('.')?.parse().ok()?;
                let bytes = fs::metadata(&path).ok()?.len();
                Some(Segment {
                    boot,
                    first_seq,
                    bytes,
                    path,
                })
            })
            .collect();
        segments.sort_by_key(|s| s.first_seq);
        segments
    });
    segments.collect()
}

fn entries(folder: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|e| Some((e.file_name().into_string().ok()?, e.path())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: BootId = BootId(0xa);
    const B: BootId = BootId(0xb);

    fn numbers(taken: &Taken) -> Vec<u64> {
        taken.batches.iter().map(|b| b.0).collect()
    }

    #[test]
    fn another_start_reads_what_the_one_before_wrote_and_leaves_the_living_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = Shelf::open(dir.path(), A, 1 << 20).unwrap();
        for seq in 1..=10 {
            first.append(seq, &[seq as u8; 100]).unwrap();
        }
        assert_eq!(numbers(&first.take(A, 4, 6, 1 << 20)), [4, 5, 6]);
        let beside = Shelf::open(dir.path(), B, 1 << 20).unwrap();
        assert!(beside.take(A, 1, 10, 1 << 20).batches.is_empty());
        drop((first, beside));
        let second = Shelf::open(dir.path(), B, 1 << 20).unwrap();
        let taken = second.take(A, 8, u64::MAX, 1 << 20);
        assert_eq!((numbers(&taken), taken.ended), (vec![8, 9, 10], true));
        assert_eq!(taken.batches[0].1, [8; 100]);
    }

    #[test]
    fn the_bound_holds_over_all_starts_and_the_oldest_go_first() {
        let dir = tempfile::tempdir().unwrap();
        let limit = 16_000;
        let mut first = Shelf::open(dir.path(), A, limit).unwrap();
        for seq in 1..=1_000 {
            first.append(seq, &[0; 100]).unwrap();
            assert!(first.bytes <= limit);
        }
        let kept = numbers(&first.take(A, 1, u64::MAX, 1 << 20));
        assert_eq!(kept.last(), Some(&1_000));
        assert!(kept.len() > 80 && kept.windows(2).all(|w| w[1] == w[0] + 1));
        drop(first);
        let mut second = Shelf::open(dir.path(), B, limit).unwrap();
        for seq in 1..=1_000 {
            second.append(seq, &[0; 100]).unwrap();
        }
        assert!(second.take(A, 1, u64::MAX, 1 << 20).batches.is_empty());
        assert!(!dir.path().join(A.to_string()).exists());
    }

    #[test]
    fn what_is_read_at_once_is_bounded_and_goes_on_where_it_ended() {
        let dir = tempfile::tempdir().unwrap();
        let mut shelf = Shelf::open(dir.path(), A, 40_000).unwrap();
        for seq in 1..=100 {
            shelf.append(seq, &[0; 100]).unwrap();
        }
        let (mut from, mut all) = (1, Vec::new());
        loop {
            let taken = shelf.take(A, from, 100, 1_000);
            assert!(taken.batches.len() <= 9);
            all.extend(numbers(&taken));
            from = all.last().unwrap() + 1;
            if taken.ended {
                break;
            }
        }
        assert!(all.into_iter().eq(1..=100));
    }
}
