//! The small files of `/proc` and `/sys`, read within bounds, and the words for what is not there.
//!
//! Every reader takes the root it reads under, so that tests make their own trees. An error says which file, what was
//! read and what was expected.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bytes read of one file at most. `/proc/stat` of a server with hundreds of cores is the longest.
const MAX_TEXT: usize = 256 * 1024;
/// Bytes of a file that holds one number.
const MAX_NUMBER: usize = 64;
/// Entries of a folder looked at.
const MAX_ENTRIES: usize = 4096;
/// Characters of foreign text quoted in a message.
const MAX_QUOTED: usize = 48;

/// A sensor or tool that is not there, and why: absent is not zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Absent {
    /// What was looked for.
    pub name: String,
    /// Why there is none.
    pub reason: String,
}

impl Absent {
    /// What was looked for, and why there is none.
    pub fn new(name: impl Into<String>, reason: &(impl ToString + ?Sized)) -> Self {
        Self {
            name: name.into(),
            reason: reason.to_string(),
        }
    }
}

/// A file could not be read, or does not hold what it should.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// More than a file of its kind has.
    #[error("{}: longer than {limit} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// What is read at most.
        limit: usize,
    },
    /// Something else than expected.
    #[error("{}: expected {expected}, read {read}", path.display())]
    Unexpected {
        /// The file.
        path: PathBuf,
        /// What it holds, quoted and cut.
        read: String,
        /// What it should hold.
        expected: &'static str,
    },
}

impl ReadError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    fn unexpected(path: &Path, read: &[u8], expected: &'static str) -> Self {
        Self::Unexpected {
            path: path.to_owned(),
            read: quoted(read),
            expected,
        }
    }

    /// Whether there is simply no such file.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// A file kept open and read anew from its start, as the kernel allows for its own files: no path walk per sample.
#[derive(Debug)]
pub struct Held {
    path: PathBuf,
    file: File,
}

impl Held {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// If the system does not open it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ReadError> {
        let path = path.into();
        match File::open(&path) {
            Ok(file) => Ok(Self { path, file }),
            Err(e) => Err(ReadError::io(&path, e)),
        }
    }

    /// The integer that the file holds now.
    ///
    /// # Errors
    ///
    /// If it cannot be read or holds something else.
    pub fn number(&self) -> Result<i64, ReadError> {
        let mut buffer = [0; MAX_NUMBER];
        let length = self.read_at_start(&mut buffer)?;
        let read = buffer.get(..length).unwrap_or_default();
        integer(read).ok_or_else(|| ReadError::unexpected(&self.path, read, "an integer"))
    }

    fn read_at_start(&self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        // An I2C sensor that is just converting answers "try again"; a signal may cut a read short.
        let mut tries = 3;
        loop {
            tries -= 1;
            match self.file.read_at(buffer, 0) {
                Ok(length) => return Ok(length),
                Err(e)
                    if tries > 0
                        && matches!(
                            e.kind(),
                            io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
                        ) => {}
                Err(e) => return Err(ReadError::io(&self.path, e)),
            }
        }
    }
}

/// A file's bytes, not more than a bound.
///
/// # Errors
///
/// If it cannot be read or is longer.
pub fn bytes(path: &Path) -> Result<Vec<u8>, ReadError> {
    use io::Read as _;

    let io_error = |e| ReadError::io(path, e);
    let file = File::open(path).map_err(io_error)?;
    let mut read = Vec::new();
    file.take(MAX_TEXT as u64 + 1)
        .read_to_end(&mut read)
        .map_err(io_error)?;
    if read.len() > MAX_TEXT {
        return Err(ReadError::TooLong {
            path: path.to_owned(),
            limit: MAX_TEXT,
        });
    }
    Ok(read)
}

/// A file's text without the white space around it.
///
/// # Errors
///
/// If it cannot be read, is too long or is no UTF-8.
pub fn text(path: &Path) -> Result<String, ReadError> {
    let read = bytes(path)?;
    match str::from_utf8(&read) {
        Ok(text) => Ok(text.trim_matches(['\0', ' ', '\t', '\r', '\n']).to_owned()),
        Err(_) => Err(ReadError::unexpected(path, &read, "text")),
    }
}

/// The integer that a file holds.
///
/// # Errors
///
/// If it cannot be read or holds something else.
pub fn number(path: &Path) -> Result<i64, ReadError> {
    Held::open(path)?.number()
}

/// What is in a folder, in natural order (`hwmon2` before `hwmon10`).
///
/// # Errors
///
/// If the folder cannot be read.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let io_error = |e| ReadError::io(folder, e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)
        .map_err(io_error)?
        .take(MAX_ENTRIES)
    {
        found.push(entry.map_err(io_error)?.path());
    }
    found.sort_by_key(|path| natural(&file_name(path)));
    Ok(found)
}

/// The entries of a folder whose names begin so; nothing if there is no such folder.
///
/// # Errors
///
/// If the folder is there but cannot be read.
pub fn entries_named(folder: &Path, prefix: &str) -> Result<Vec<PathBuf>, ReadError> {
    match entries(folder) {
        Ok(mut all) => {
            all.retain(|path| file_name(path).starts_with(prefix));
            Ok(all)
        }
        Err(e) if e.is_not_found() => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

/// A path's last part as text.
pub fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// A name without its first digits, those digits as a number, and the name itself.
fn natural(name: &str) -> (String, u64, String) {
    let start = name
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(name.len());
    let (stem, rest) = name.split_at(start);
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let number = rest
        .get(..end)
        .and_then(|d| d.parse().ok())
        .unwrap_or_default();
    (stem.to_owned(), number, name.to_owned())
}

/// An integer with white space around it and nothing else.
pub fn integer(text: &[u8]) -> Option<i64> {
    str::from_utf8(text)
        .ok()?
        .trim_matches(['\0', ' ', '\t', '\r', '\n'])
        .parse()
        .ok()
}

/// Foreign bytes for a message: quoted, control characters escaped, cut to a length that fits a line.
pub fn quoted(read: &[u8]) -> String {
    let head = read.get(..MAX_QUOTED * 4).unwrap_or(read);
    let text = String::from_utf8_lossy(head);
    let text = text.trim_end();
    let mut shown = String::from("\"");
    let mut characters = text.chars();
    for c in characters.by_ref().take(MAX_QUOTED) {
        if c.is_control() {
            let _ = write!(shown, "{}", c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown.push('"');
    if characters.next().is_some() || head.len() < read.len() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_held_file_is_read_anew_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in1_input");
        std::fs::write(&path, "5072\n").unwrap();
        let held = Held::open(&path).unwrap();
        assert_eq!(held.number().unwrap(), 5072);
        std::fs::write(&path, "4992\n").unwrap();
        assert_eq!(held.number().unwrap(), 4992);
    }

    #[test]
    fn an_error_says_what_was_read_and_what_was_expected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("load");
        std::fs::write(&path, "N/A\n").unwrap();
        let said = number(&path).unwrap_err().to_string();
        assert!(
            said.ends_with("load: expected an integer, read \"N/A\""),
            "{said}"
        );
        let missing = number(&folder.path().join("none")).unwrap_err();
        assert!(missing.is_not_found());
    }

    #[test]
    fn a_file_without_end_is_refused() {
        assert!(matches!(
            bytes(Path::new("/dev/zero")),
            Err(ReadError::TooLong { .. })
        ));
    }

    #[test]
    fn entries_come_in_natural_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["hwmon10", "hwmon2", "other"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let names = |paths: Vec<PathBuf>| paths.iter().map(|p| file_name(p)).collect::<Vec<_>>();
        let found = entries_named(folder.path(), "hwmon").unwrap();
        assert_eq!(names(found), ["hwmon2", "hwmon10"]);
        assert!(
            entries_named(&folder.path().join("gone"), "x")
                .unwrap()
                .is_empty()
        );
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_quoted_on_one_short_line(read in proptest::collection::vec(any::<u8>(), 0..400)) {
            let shown = quoted(&read);
            prop_assert!(!shown.contains('\n'));
            prop_assert!(shown.len() <= 2 + 3 + MAX_QUOTED * 10);
        }

        #[test]
        fn any_bytes_are_an_integer_or_not(read in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = integer(&read);
        }

        #[test]
        fn every_integer_is_read(n in any::<i64>()) {
            prop_assert_eq!(integer(format!(" {n}\n").as_bytes()), Some(n));
        }
    }
}
