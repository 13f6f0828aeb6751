//! The journal's file: written by a thread of its own, and never longer than [`MOST_BYTES`]; the one before is kept
//! beside it as `.1`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use super::LogLine;
use crate::clock::{date_time_utc, time_of_day_utc};

/// Bytes of a log, after which another one is begun.
pub const MOST_BYTES: u64 = 1 << 20;
/// Bytes of both.
pub const KEPT_BYTES: u64 = 2 * (MOST_BYTES + 1_024);
/// Lines that wait for the thread.
const WAITING: usize = 1_024;
/// How long the end may take.
const LAST_WRITE: Duration = Duration::from_secs(1);

enum Told {
    Line(Box<LogLine>),
    /// Answer once all before it is written.
    Flush(SyncSender<()>),
}

/// The thread's other end.
#[derive(Debug)]
pub(super) struct LogFile {
    told: SyncSender<Told>,
    left_out: Arc<AtomicU64>,
}

impl LogFile {
    /// Opens the file, behind what it holds already, and starts its thread.
    ///
    /// # Errors
    /// The folder or the file cannot be made, or there is no thread; in a sentence.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let say = |error: io::Error| format!("cannot write the log {}: {error}", path.display());
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).map_err(say)?;
        }
        let file = append(path).map_err(say)?;
        let bytes = file.metadata().map_err(say)?.len();
        let (told, lines) = sync_channel(WAITING);
        let left_out = Arc::new(AtomicU64::new(0));
        let mut writer = Rotating {
            path: path.to_owned(),
            file,
            bytes,
        };
        let missing = Arc::clone(&left_out);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.serve(&lines, &missing))
            .map_err(say)?;
        Ok(Self { told, left_out })
    }

    /// Hands a line over without waiting; one that finds no room is counted, and the file says so.
    pub(super) fn add(&self, line: &LogLine) {
        if self
            .told
            .try_send(Told::Line(Box::new(line.clone())))
            .is_err()
        {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was handed over is written, for [`LAST_WRITE`] at most.
    pub(super) fn finish(&self) {
        const STEP: Duration = Duration::from_millis(5);
        let (done, written) = sync_channel(1);
        let mut told = Told::Flush(done);
        // A thread that is behind has room before long; a disk that hangs must not hold the end up.
        for _ in 0..LAST_WRITE.as_millis() / STEP.as_millis() {
            told = match self.told.try_send(told) {
                Ok(()) => {
                    let _ = written.recv_timeout(LAST_WRITE);
                    return;
                }
                Err(TrySendError::Full(back)) => back,
                Err(TrySendError::Disconnected(_)) => return,
            };
            std::thread::sleep(STEP);
        }
    }
}

/// `2026-11-25 14:32:10.041`, UTC.
fn stamp(unix_ms: u64) -> String {
    let day = date_time_utc(unix_ms);
    let day = day.split(' ').next().unwrap_or_default();
    format!("{day} {}.{:03}", time_of_day_utc(unix_ms), unix_ms % 1_000)
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

struct Rotating {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Rotating {
    /// Until nobody is left who could say something. A disk that takes nothing loses lines and stops nobody.
    fn serve(&mut self, lines: &Receiver<Told>, left_out: &AtomicU64) {
        for told in lines {
            match told {
                Told::Line(line) => {
                    self.own_up(left_out);
                    let when = stamp(line.unix_ms);
                    let (severity, room) = (line.severity.word(), &line.room);
                    self.write(&format!("{when} {severity} {room} {}\n", line.text));
                }
                Told::Flush(done) => {
                    self.own_up(left_out);
                    let _ = done.try_send(());
                }
            }
        }
        self.own_up(left_out);
    }

    /// Says what found no room since the last time, if anything did.
    fn own_up(&mut self, left_out: &AtomicU64) {
        match left_out.swap(0, Ordering::Relaxed) {
            0 => {}
            1 => self.write("1 line was left out: too many at once\n"),
            n => self.write(&format!("{n} lines were left out: too many at once\n")),
        }
    }

    fn write(&mut self, text: &str) {
        if self.bytes + text.len() as u64 > MOST_BYTES {
            self.rotate();
        }
        // A line is one write, so that two consoles may share a file.
        if self.file.write_all(text.as_bytes()).is_ok() {
            self.bytes += text.len() as u64;
        }
    }

    fn rotate(&mut self) {
        let mut older = self.path.clone().into_os_string();
        older.push(".1");
        let renamed = fs::rename(&self.path, older).and_then(|()| append(&self.path));
        match renamed {
            Ok(file) => (self.file, self.bytes) = (file, 0),
            // Where the folder takes no second file, the one that there is begins anew.
            Err(_) => {
                if self.file.set_len(0).is_ok() {
                    self.bytes = 0;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_found_no_room_is_said_before_the_next_line_at_a_flush_and_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("console.log");
        let mut writer = Rotating {
            file: append(&path).unwrap(),
            path: path.clone(),
            bytes: 0,
        };
        let left_out = AtomicU64::new(0);
        let (told, lines) = sync_channel(2);
        let line = LogLine {
            at: crate::units::Nanos(0),
            unix_ms: 0,
            severity: super::super::Severity::Info,
            room: "x".to_owned(),
            text: "said".to_owned(),
        };
        let missing = &left_out;
        std::thread::scope(|scope| {
            scope.spawn(move || writer.serve(&lines, missing));
            let flush = || {
                let (done, written) = sync_channel(1);
                told.send(Told::Flush(done)).unwrap();
                written.recv().unwrap();
                fs::read_to_string(&path).unwrap()
            };
            left_out.store(7, Ordering::Relaxed);
            assert_eq!(flush(), "7 lines were left out: too many at once\n");
            left_out.store(1, Ordering::Relaxed);
            told.send(Told::Line(Box::new(line.clone()))).unwrap();
            let text = flush();
            let rows: Vec<_> = text.lines().skip(1).collect();
            assert_eq!(rows[0], "1 line was left out: too many at once");
            assert!(
                rows[1].ends_with("info x said") && rows.len() == 2,
                "{rows:?}"
            );
            left_out.store(3, Ordering::Relaxed);
            drop(told);
        });
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.ends_with("3 lines were left out: too many at once\n"),
            "{text}"
        );
    }
}
