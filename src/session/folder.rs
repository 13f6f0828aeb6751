//! The folder of sessions: where recordings land, how they are called, what is in it.

use std::fs;
use std::path::{Path, PathBuf};

use super::entry::{Entry, Meta, What};
use super::error::SessionError;
use super::reader::Reader;
use super::writer::Writer;

/// How a session's file name ends.
pub const EXTENSION: &str = "mcap";

/// Where recordings land: `$SPLITSCOPE_DATA/sessions`, or `splitscope/sessions` in the user's data folder.
pub fn default_folder() -> PathBuf {
    let data = std::env::var_os("SPLITSCOPE_DATA").filter(|d| !d.is_empty());
    data.map(PathBuf::from)
        .or_else(|| directories::BaseDirs::new().map(|b| b.data_dir().join("splitscope")))
        .unwrap_or_else(|| std::env::temp_dir().join("splitscope"))
        .join("sessions")
}

/// The file for a recording that begins now: `wanted` itself if it names a session file, else a new name in that folder,
/// after the date and time (UTC) of its start.
pub fn file_for(wanted: Option<&Path>, unix_ms: u64) -> PathBuf {
    match wanted {
        Some(file) if file.extension().is_some_and(|e| e == EXTENSION) => file.to_owned(),
        folder => {
            let folder = folder.map_or_else(default_folder, Path::to_owned);
            let name = file_stem(unix_ms);
            let first = folder.join(format!("{name}.{EXTENSION}"));
            let mut all = std::iter::once(first.clone()).chain(numbered(&first));
            all.find(|file| !file.exists()).unwrap_or(first)
        }
    }
}

/// Names beside that of a file, for consoles that start within a second: `NAME-2.mcap` and so on.
pub(super) fn numbered(file: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let stem = file.file_stem().unwrap_or_default().to_owned();
    let file = file.to_owned();
    (2..100).map(move |n| {
        let mut name = stem.clone();
        name.push(format!("-{n}.{EXTENSION}"));
        file.with_file_name(name)
    })
}

/// `2026-11-25T14-35-12Z`.
pub(crate) fn file_stem(unix_ms: u64) -> String {
    let (year, month, day) = date_utc(unix_ms);
    let time = crate::clock::time_of_day_utc(unix_ms).replace(':', "-");
    format!("{year:04}-{month:02}-{day:02}T{time}Z")
}

/// `2026-11-25 14:35:12 UTC`.
pub fn date_and_time_utc(unix_ms: u64) -> String {
    let (year, month, day) = date_utc(unix_ms);
    let time = crate::clock::time_of_day_utc(unix_ms);
    format!("{year:04}-{month:02}-{day:02} {time} UTC")
}

/// Year, month and day of a wall-clock time (Howard Hinnant, "chrono-compatible low-level date algorithms",
/// `civil_from_days`).
fn date_utc(unix_ms: u64) -> (u64, u64, u64) {
    // Days since 0000-03-01, in eras of 400 years.
    let days = unix_ms / 86_400_000 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

/// The file that is meant: a path, the name of a file in the folder of sessions with or without its ending, or the name
/// that somebody gave to a session there.
///
/// # Errors
/// There is none, or several bear that name.
pub fn find(named: &Path) -> Result<PathBuf, SessionError> {
    find_in(&default_folder(), named)
}

fn find_in(folder: &Path, named: &Path) -> Result<PathBuf, SessionError> {
    if named.exists() {
        return Ok(named.to_owned());
    }
    let none = || SessionError::Absent(named.to_owned());
    if named.components().count() > 1 {
        return Err(none());
    }
    let with_ending = format!("{}.{EXTENSION}", named.display());
    for file in [folder.join(named), folder.join(with_ending)] {
        if file.exists() {
            return Ok(file);
        }
    }
    let bears_it = |listed: &Listed| {
        let session = listed.session.as_ref().ok();
        let name = session.and_then(|s| s.summary().meta.name.as_deref());
        name.is_some_and(|name| Path::new(name) == named)
    };
    let mut found: Vec<PathBuf> = list(folder)?
        .into_iter()
        .filter(bears_it)
        .map(|l| l.file)
        .collect();
    match found.len() {
        0 => Err(none()),
        1 => Ok(found.remove(0)),
        _ => Err(SessionError::Several {
            name: named.to_owned(),
            files: found,
        }),
    }
}

/// One file of the folder.
pub struct Listed {
    /// The file.
    pub file: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// The session, or why it cannot be read.
    pub session: Result<Reader, SessionError>,
}

/// The sessions of a folder, newest first. A folder that does not exist is empty.
///
/// # Errors
/// The folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<Listed>, SessionError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(SessionError::io("list", folder)(error)),
    };
    let mut all: Vec<Listed> = entries
        .flatten()
        .filter(|e| e.path().extension().is_some_and(|x| x == EXTENSION))
        .map(|e| Listed {
            file: e.path(),
            bytes: e.metadata().map_or(0, |m| m.len()),
            session: Reader::open(&e.path()),
        })
        .collect();
    let began = |l: &Listed| {
        let session = l.session.as_ref().ok();
        session.and_then(|s| s.summary().began_unix_ms())
    };
    all.sort_by_key(|l| (std::cmp::Reverse(began(l)), l.file.clone()));
    Ok(all)
}

/// Says more of a session, or something else: what was said before stays in the file. Gives all that holds now.
///
/// # Errors
/// The file is no session, or cannot be written.
pub fn edit(file: &Path, meta: &Meta, unix_ms: u64) -> Result<Meta, SessionError> {
    let mut writer = Writer::append(file)?;
    let newest = writer.meta().clone().with(meta);
    writer.add(&Entry {
        // At the session's end: what was said first stays where it is.
        at: writer.card().ended,
        unix_ms,
        what: What::Meta(Box::new(newest.clone())),
    })?;
    writer.finish()?;
    Ok(newest)
}

/// Deletes a session.
///
/// # Errors
/// The system's.
pub fn delete(file: &Path) -> Result<(), SessionError> {
    fs::remove_file(file).map_err(SessionError::io("delete", file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_after_its_start() {
        let at = |unix_ms| date_and_time_utc(unix_ms);
        assert_eq!(at(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(at(951_782_399_000), "2000-02-28 23:59:59 UTC");
        assert_eq!(at(951_782_400_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(at(1_795_616_400_123), "2026-11-25 14:20:00 UTC");
        assert_eq!(at(4_107_542_400_000), "2100-03-01 00:00:00 UTC");
        let folder = tempfile::tempdir().unwrap();
        let first = file_for(Some(folder.path()), 1_795_616_400_123);
        assert!(first.ends_with("2026-11-25T14-20-00Z.mcap"), "{first:?}");
        fs::write(&first, "").unwrap();
        let second = file_for(Some(folder.path()), 1_795_616_400_999);
        assert!(second.ends_with("2026-11-25T14-20-00Z-2.mcap"));
        let named = Path::new("elsewhere/mine.mcap");
        assert_eq!(file_for(Some(named), 0), named);
    }
}
