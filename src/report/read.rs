//! Files become [`Evidence`]. What a file is, its first bytes tell, never its name. Reading is bounded.

mod lines;
mod prediction;
mod session;
mod sweep;
mod tally;
mod trace;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::evidence::Evidence;

/// Bytes of a text at most; sessions are read piece by piece.
const MAX_TEXT_BYTES: u64 = 256 << 20;
/// How an MCAP file begins.
const MCAP: &[u8] = b"\x89MCAP0\r\n";

/// A file that no figure can be made of.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system does not give it.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
    /// More than is read.
    #[error("{} is larger than the {} MiB that are read of a text", .0.display(), MAX_TEXT_BYTES >> 20)]
    TooLong(PathBuf),
    /// None of the kinds.
    #[error(
        "{} is none of what figures are made of: a session (.mcap), a sweep, a link trace, the lines of --headless --json, or \
         of plan --json",
        .0.display()
    )]
    Unknown(PathBuf),
    /// A file without a byte.
    #[error("{} is empty", .0.display())]
    Empty(PathBuf),
    /// A line of JSON that is no frame.
    #[error("{name}, line {line}: {reason}")]
    Line {
        /// The file.
        name: String,
        /// From 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing that counts in it.
    #[error("{0} has no frame: there is nothing to draw")]
    NoFrames(String),
    /// The frame asked for is not there.
    #[error("{file} has no frame {frame} with its steps; it has frames {first} to {last}")]
    NoSuchFrame {
        /// The file.
        file: String,
        /// What was asked for.
        frame: u64,
        /// The first there is.
        first: u64,
        /// The last there is.
        last: u64,
    },
    /// The sweep's reader.
    #[error(transparent)]
    Sweep(#[from] crate::sweep::SweepFileError),
    /// The session's reader.
    #[error(transparent)]
    Session(#[from] crate::session::SessionError),
    /// The trace's reader.
    #[error("{name}: {source}")]
    Trace {
        /// The file.
        name: String,
        /// What is wrong with it.
        source: crate::link::trace::TraceError,
    },
}

/// Reads a file; `frame` is the one whose timeline is wanted, else one near the median latency is taken.
///
/// # Errors
/// The file cannot be read, is of no known kind, or has nothing to draw.
pub fn read(path: &Path, frame: Option<u64>) -> Result<Evidence, ReadError> {
    let failed = |source| ReadError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    let mut bytes = vec![0; MCAP.len()];
    let begun = read_up_to(&mut file, &mut bytes).map_err(failed)?;
    bytes.truncate(begun);
    let name = path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    );
    if bytes.is_empty() {
        return Err(ReadError::Empty(path.to_owned()));
    }
    if bytes == MCAP {
        return session::read(path, &name, frame);
    }
    let rest = file.take(MAX_TEXT_BYTES).read_to_end(&mut bytes);
    if rest.map_err(failed)? as u64 == MAX_TEXT_BYTES {
        return Err(ReadError::TooLong(path.to_owned()));
    }
    text(path, &name, &bytes)
}

fn text(path: &Path, name: &str, bytes: &[u8]) -> Result<Evidence, ReadError> {
    if bytes.starts_with(crate::link::trace::MAGIC_LINE.as_bytes()) {
        return trace::read(name, bytes);
    }
    let text = String::from_utf8_lossy(bytes);
    if crate::sweep::is_sweep(&text) {
        let sweep = crate::sweep::SweepFile::parse(name, &text)?;
        return sweep::evidence(name, &sweep);
    }
    let start = text.trim_start();
    if !start.starts_with('{') {
        return Err(ReadError::Unknown(path.to_owned()));
    }
    match prediction::read(name, start) {
        Some(evidence) => Ok(evidence),
        None => lines::read(name, &text),
    }
}

/// What `plan --json` says; none if the text is no such thing.
pub fn prediction(name: &str, text: &str) -> Option<Evidence> {
    prediction::read(name, text)
}

/// A model as captions name it: what makes latencies comparable.
fn model_name(name: &str, (rows, columns): (u32, u32), batch: u32) -> String {
    let batch = match batch {
        1 => String::new(),
        n => format!(", batch {n}"),
    };
    format!("{name} at {rows}x{columns}{batch}")
}

/// A link as captions name it; a bare rate is told without its unit.
fn link_name(link: &str, is_emulated: bool) -> String {
    let unit = if link.parse::<f64>().is_ok() {
        " Mbps"
    } else {
        ""
    };
    let emulated = if is_emulated { ", emulated" } else { "" };
    format!("{link}{unit}{emulated}")
}

/// A device as captions name it.
fn device_name(host: &str, engine: &str, is_emulated: bool) -> String {
    let emulated = if is_emulated && !engine.contains("emulated") {
        ", emulated"
    } else {
        ""
    };
    format!("{host} ({engine}{emulated})")
}

/// Fills as much of `buffer` as the file has.
fn read_up_to(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn of(bytes: &[u8]) -> Result<Evidence, ReadError> {
        let mut file = tempfile::Builder::new()
            .prefix("some")
            .suffix(".dat")
            .tempfile()
            .unwrap();
        file.write_all(bytes).unwrap();
        read(file.path(), None)
    }

    #[test]
    fn what_is_no_evidence_is_said_in_a_sentence() {
        assert!(of(b"").unwrap_err().to_string().ends_with("is empty"));
        for unknown in [b"hello".as_slice(), b"\x89PNG\r\n\x1a\n....", b"a,b\n1,2\n"] {
            let error = of(unknown).unwrap_err().to_string();
            assert!(
                error.contains("none of what figures are made of"),
                "{error}"
            );
        }
        let error = of(b"{\"frame\":1}\n").unwrap_err().to_string();
        assert!(error.contains(", line 1: "), "{error}");
        let error = of(b"\x89MCAP0\r\nnot much more").unwrap_err().to_string();
        assert!(error.contains("some"), "{error}");
        let error = read(Path::new("/nowhere/at all"), None)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("cannot read /nowhere/at all: "),
            "{error}"
        );
    }

    #[test]
    fn a_shipped_trace_is_evidence_by_its_first_line() {
        let (_, csv) = crate::link::trace::SHIPPED[0];
        let evidence = of(csv.as_bytes()).unwrap();
        assert_eq!(evidence.kind, super::super::evidence::Kind::Trace);
        assert!(!evidence.rates.is_empty());
    }

    #[test]
    fn a_trace_of_a_model_is_told_from_a_recorded_one() {
        let model = crate::link::trace::Model::Outdoors
            .generate(2.0, 1)
            .unwrap();
        let made = of(model.to_csv().as_bytes()).unwrap();
        assert_eq!(
            crate::report::caption::Origin::of(&[made]).badges(),
            ["MODELLED"]
        );
        let recorded = crate::link::trace::Trace::constant(93.0, 0.0).unwrap();
        let recorded = of(recorded.with_comment("probe").to_csv().as_bytes()).unwrap();
        assert!(!recorded.is_modelled);
        // One that a probe measured over a relay says so.
        let probed = crate::link::trace::Trace::constant(93.0, 0.0).unwrap();
        let comment = format!("{}: a relay played indoors", crate::link::trace::EMULATED);
        let probed = of(probed.with_comment(&comment).to_csv().as_bytes()).unwrap();
        let kind = crate::report::figure::FigureKind::Bandwidth;
        let figure = crate::report::figure::make(kind, &[probed]).unwrap();
        assert_eq!(figure.origin.badges(), ["EMULATED LINK"]);
    }
}
