//! One file of a spool: batches one after another, each checked, so that a file torn at any byte gives what is whole.
//!
//! ```text
//! "SPLSPOOL"  version u32
//! length u32  seq u64  check u32  payload      again and again; integers little endian
//! ```
//!
//! `check` is the first four bytes of BLAKE3 over `seq` and the payload.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::wire::console::MAX_MESSAGE_BYTES;

const MAGIC: &[u8; 8] = b"SPLSPOOL";
const VERSION: u32 = 1;
/// Bytes before the first batch.
const PREFACE_BYTES: u64 = 12;
/// Bytes before each payload.
const HEAD_BYTES: usize = 16;

/// Bytes of a payload with its head.
pub(super) const fn bytes_of(payload: &[u8]) -> u64 {
    (HEAD_BYTES + payload.len()) as u64
}

fn check(seq: u64, payload: &[u8]) -> [u8; 4] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seq.to_le_bytes());
    hasher.update(payload);
    let hash = hasher.finalize();
    let [a, b, c, d, ..] = *hash.as_bytes();
    [a, b, c, d]
}

/// A segment being written. After an error it holds what it held before.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
    bytes: u64,
}

impl Writer {
    /// Begins a file; an older one of that name is replaced.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut file = File::create(path)?;
        let mut preface = MAGIC.to_vec();
        preface.extend(VERSION.to_le_bytes());
        file.write_all(&preface)?;
        Ok(Self {
            file,
            bytes: PREFACE_BYTES,
        })
    }

    /// The file's length.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a batch: one write to the system, so that the end of this process cannot undo it.
    pub(super) fn append(&mut self, seq: u64, payload: &[u8]) -> io::Result<()> {
        let mut record = Vec::with_capacity(HEAD_BYTES + payload.len());
        record.extend((payload.len() as u32).to_le_bytes());
        record.extend(seq.to_le_bytes());
        record.extend(check(seq, payload));
        record.extend(payload);
        match self.file.write_all(&record) {
            Ok(()) => {
                self.bytes += record.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A torn record would hide every later one from readers.
                self.file.set_len(self.bytes)?;
                self.file.seek(SeekFrom::Start(self.bytes))?;
                Err(error)
            }
        }
    }

    /// Waits until the disk has it.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// A segment being read.
#[derive(Debug)]
pub(super) struct Reader {
    file: BufReader<File>,
}

impl Reader {
    /// Opens a file.
    ///
    /// # Errors
    /// None there, or none of ours.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = BufReader::new(File::open(path)?);
        let mut preface = [0; PREFACE_BYTES as usize];
        file.read_exact(&mut preface)?;
        let (magic, version) = preface.split_at(MAGIC.len());
        if magic != MAGIC || version != VERSION.to_le_bytes() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{} is no spool segment of version {VERSION}",
                    path.display()
                ),
            ));
        }
        Ok(Self { file })
    }

    /// The next batch from `from` on; none at the file's end, or where it is torn or spoilt.
    pub(super) fn next(&mut self, from: u64) -> Option<(u64, Vec<u8>)> {
        loop {
            let mut head = [0; HEAD_BYTES];
            self.file.read_exact(&mut head).ok()?;
            let (length, rest) = head.split_at(4);
            let (seq, sum) = rest.split_at(8);
            let length = u64::from(u32::from_le_bytes(length.try_into().ok()?));
            let seq = u64::from_le_bytes(seq.try_into().ok()?);
            if length > MAX_MESSAGE_BYTES {
                return None;
            }
            if seq < from {
                self.file.seek_relative(length as i64).ok()?;
                continue;
            }
            let mut payload = vec![0; length as usize];
            self.file.read_exact(&mut payload).ok()?;
            return (sum == check(seq, &payload)).then_some((seq, payload));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(path: &Path) -> Vec<(u64, Vec<u8>)> {
        let Ok(mut reader) = Reader::open(path) else {
            return Vec::new();
        };
        std::iter::from_fn(|| reader.next(0)).collect()
    }

    #[test]
    fn a_file_torn_at_any_byte_or_spoilt_anywhere_gives_what_is_whole_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let mut writer = Writer::create(&path).unwrap();
        let wrote: Vec<_> = (1..=3_u64).map(|n| (n, vec![n as u8; 5])).collect();
        for (seq, payload) in &wrote {
            writer.append(*seq, payload).unwrap();
        }
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len() as u64, writer.bytes());
        assert_eq!(all(&path), wrote);
        for end in 0..bytes.len() {
            std::fs::write(&path, &bytes[..end]).unwrap();
            let whole = end.saturating_sub(PREFACE_BYTES as usize) / (HEAD_BYTES + 5);
            assert_eq!(all(&path), wrote[..whole], "torn at {end}");
            let mut spoilt = bytes.clone();
            spoilt[end] ^= 0x40;
            std::fs::write(&path, &spoilt).unwrap();
            let read = all(&path);
            assert!(read.iter().all(|r| wrote.contains(r)), "spoilt at {end}");
        }
    }

    #[test]
    fn the_format_is_what_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        Writer::create(&path).unwrap().append(7, b"hi").unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let golden = b"SPLSPOOL\x01\0\0\0\x02\0\0\0\x07\0\0\0\0\0\0\0";
        assert_eq!(&bytes[..24], golden);
        assert_eq!(&bytes[24..28], check(7, b"hi"));
        assert_eq!(&bytes[28..], b"hi");
    }
}
