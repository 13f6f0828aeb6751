//! What `--link` takes: a rate, a shipped trace, a trace file, or nothing.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::shaper::{Rates, ShaperProfile};
use super::trace::{AfterEnd, MAX_FILE_BYTES, Row, SHIPPED, Trace, TraceError, shipped};
use crate::units::BitsPerSecond;

/// The link that somebody chose.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkChoice {
    /// The network as it is.
    Unshaped,
    /// One rate for both directions together.
    Constant(BitsPerSecond),
    /// Bandwidth over time.
    Trace(Arc<Trace>),
}

/// Why a link's description was not understood.
#[derive(Debug, Error)]
pub enum LinkChoiceError {
    /// Neither a rate nor a name nor a file.
    #[error(
        "the link \"{read}\" is no rate and no trace: expected megabits per second above 0, as 93 or 93mbps, or a \
         trace: {} or a file that `splitscope trace` or `splitscope probe` wrote; or none (also unshaped) for the \
         network as it is",
        names()
    )]
    Unknown {
        /// What was read.
        read: String,
    },
    /// What stands behind the comma is no overhead.
    #[error(
        "the link \"{read}\" has something behind its comma that is no overhead: expected a rate or a trace and then \
         delay=MS (0 and up, in each direction), slope=X (above 0, times as long on the medium) or both, as \
         64,delay=7ms,slope=1.05"
    )]
    Overhead {
        /// What was read.
        read: String,
    },
    /// The file cannot be read.
    #[error("cannot read the link trace {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no trace.
    #[error("{name}: {source}")]
    Trace {
        /// Which.
        name: String,
        /// What is wrong.
        source: TraceError,
    },
}

fn names() -> String {
    SHIPPED.map(|(name, _)| name).join(", ")
}

/// Reads a trace file.
///
/// # Errors
/// A file that cannot be read, is too long, or is no trace.
pub fn read_trace(path: &Path) -> Result<Trace, LinkChoiceError> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|source| LinkChoiceError::File {
            path: path.to_owned(),
            source,
        })?;
    Trace::parse(&bytes).map_err(|source| LinkChoiceError::Trace {
        name: path.display().to_string(),
        source,
    })
}

/// A shipped trace by its name, else a trace file.
///
/// # Errors
/// As [`read_trace`].
pub fn open_trace(name_or_path: &str) -> Result<Trace, LinkChoiceError> {
    match shipped(name_or_path) {
        Some(trace) => trace.map_err(|source| LinkChoiceError::Trace {
            name: name_or_path.to_owned(),
            source,
        }),
        None => read_trace(Path::new(name_or_path)),
    }
}

/// Megabits per second, where the text says a rate at all: `93`, `93mbps` or `1gbps`. It may be none that can be.
fn read_mbps(text: &str) -> Option<f64> {
    let lower = text.trim().to_ascii_lowercase();
    let (number, factor) = match (lower.strip_suffix("mbps"), lower.strip_suffix("gbps")) {
        (Some(number), _) => (number, 1.0),
        (_, Some(number)) => (number, 1e3),
        _ => (lower.as_str(), 1.0),
    };
    Some(number.trim_end().parse::<f64>().ok()? * factor)
}

impl LinkChoice {
    /// What a link's results are called by: a rate or shipped trace as it was written, a trace file's name without its
    /// folder and ending; behind it the overhead.
    pub fn short_name(text: &str) -> String {
        let (base, overhead) = text.split_once(',').unwrap_or((text, ""));
        let base = base.trim();
        let base = match read_mbps(base) {
            Some(_) => base.into(),
            None => (Path::new(base).file_stem().unwrap_or_default()).to_string_lossy(),
        };
        match overhead.trim() {
            "" => base.into_owned(),
            overhead => format!("{base},{overhead}"),
        }
    }

    /// Reads a link's description: `93`, `93mbps` or `1gbps` is a constant rate, `none` or `unshaped` no shaping,
    /// `outdoors` a shipped trace, everything else a file. Behind a rate or a trace may stand what another system's
    /// transport costs on top: `,delay=7ms` in each direction, `,slope=1.05` times as long on the medium.
    ///
    /// # Errors
    /// Any other text, rates that are not above 0, and files that are no traces.
    pub fn open(text: &str) -> Result<Self, LinkChoiceError> {
        let text = text.trim();
        if let Some((base, overhead)) = text.split_once(',') {
            return Self::open(base)?.with_overhead(text, overhead);
        }
        if ["none", "unshaped"].map(|no| text.eq_ignore_ascii_case(no)) != [false; 2] {
            return Ok(Self::Unshaped);
        }
        let unknown = || LinkChoiceError::Unknown {
            read: text.to_owned(),
        };
        if let Some(mbps) = read_mbps(text) {
            return if mbps.is_finite() && mbps > 0.0 {
                Ok(Self::Constant(BitsPerSecond::from_mbps(mbps)))
            } else {
                Err(unknown())
            };
        }
        if shipped(text).is_none() && !Path::new(text).exists() {
            return Err(unknown());
        }
        Ok(Self::Trace(Arc::new(open_trace(text)?)))
    }

    /// The same link with delay and slope from `overhead`, the part of `text` behind the first comma.
    fn with_overhead(&self, text: &str, overhead: &str) -> Result<Self, LinkChoiceError> {
        let bad = || LinkChoiceError::Overhead {
            read: text.to_owned(),
        };
        let (mut delay_ms, mut slope) = (0.0, 1.0);
        for part in overhead.split(',') {
            let (name, value) = part.split_once('=').ok_or_else(bad)?;
            let value = value.trim();
            let number = value.strip_suffix("ms").unwrap_or(value).parse::<f64>();
            let number = number.ok().filter(|x| x.is_finite()).ok_or_else(bad)?;
            match name.trim() {
                "delay" if number >= 0.0 => delay_ms = number,
                "slope" if number > 0.0 && !value.ends_with("ms") => slope = number,
                _ => return Err(bad()),
            }
        }
        let worse = |row: &Row| Row {
            up_mbps: row.up_mbps / slope,
            down_mbps: row.down_mbps / slope,
            delay_ms: row.delay_ms + delay_ms,
            ..*row
        };
        let made = match self {
            Self::Unshaped => return Err(bad()),
            Self::Constant(rate) => Trace::constant(rate.as_mbps() / slope, delay_ms),
            Self::Trace(trace) => {
                Trace::new(trace.is_shared(), trace.rows().iter().map(worse).collect())
            }
        };
        let trace = made.map_err(|source| LinkChoiceError::Trace {
            name: text.to_owned(),
            source,
        })?;
        Ok(Self::Trace(Arc::new(trace)))
    }

    /// What a shaper plays for it, if anything. A trace begins with the shaper and is played again and again.
    pub fn profile(&self) -> Option<ShaperProfile> {
        match self {
            Self::Unshaped => None,
            Self::Constant(rate) => Some(ShaperProfile::constant(*rate)),
            Self::Trace(trace) => Some(ShaperProfile {
                rates: Rates::Trace(Arc::clone(trace), AfterEnd::Loop),
                ..ShaperProfile::constant(BitsPerSecond(0.0))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_a_rate_a_trace_or_none() {
        let mbps = |x| LinkChoice::Constant(BitsPerSecond::from_mbps(x));
        let open = |text| LinkChoice::open(text).unwrap();
        assert_eq!(open("93"), mbps(93.0));
        assert_eq!(open("93mbps"), mbps(93.0));
        assert_eq!(open(" 73.5 Mbps "), mbps(73.5));
        assert_eq!(open("1gbps"), mbps(1000.0));
        assert_eq!(open("none"), LinkChoice::Unshaped);
        assert_eq!(open("unshaped"), LinkChoice::Unshaped);
        let LinkChoice::Trace(outdoors) = open("outdoors") else {
            panic!("outdoors is a trace");
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("my.csv");
        std::fs::write(&path, outdoors.to_csv()).unwrap();
        assert_eq!(open(path.to_str().unwrap()), LinkChoice::Trace(outdoors));
        assert!(open("outdoors").profile().is_some() && open("none").profile().is_none());
    }

    #[test]
    fn another_systems_transport_is_a_parameter_of_the_link() {
        let open = |text| LinkChoice::open(text).unwrap();
        let LinkChoice::Trace(trace) = open("63,delay=7ms,slope=1.05") else {
            panic!("a rate with a delay is a trace of one row");
        };
        let row = trace.rows()[0];
        assert!((row.up_mbps - 60.0).abs() < 1e-9 && (row.delay_ms - 7.0).abs() < 1e-9);
        assert!(trace.is_shared() && trace.rows().len() == 1);
        let (LinkChoice::Trace(plain), LinkChoice::Trace(worse)) =
            (open("outdoors"), open("outdoors,slope=2"))
        else {
            panic!("a trace stays one");
        };
        assert_eq!(plain.rows().len(), worse.rows().len());
        assert!((plain.rows()[9].up_mbps / worse.rows()[9].up_mbps - 2.0).abs() < 1e-9);
        for text in [
            "93,",
            "93,delay",
            "93,delay=-1",
            "93,slope=0",
            "none,delay=1",
            "93,slope=1ms",
        ] {
            let told = LinkChoice::open(text).unwrap_err().to_string();
            assert!(
                told.contains(text) && told.contains("64,delay=7ms"),
                "{told}"
            );
        }
    }

    #[test]
    fn another_link_is_refused_with_what_was_read_and_what_is_accepted() {
        for text in [
            "",
            "fast",
            "0",
            "-3",
            "nan",
            "inf",
            "93 kbps",
            "mbps",
            "no/such.csv",
        ] {
            let told = LinkChoice::open(text).unwrap_err().to_string();
            assert!(told.contains(&format!("\"{text}\"")), "{told}");
            for part in ["93mbps", "none", "outdoors"] {
                assert!(told.contains(part), "{told}");
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bad.csv");
        std::fs::write(&path, "t_s,mbps\n").unwrap();
        let told = LinkChoice::open(path.to_str().unwrap())
            .unwrap_err()
            .to_string();
        assert!(
            told.contains("bad.csv: line 1") && told.contains("t_s,mbps"),
            "{told}"
        );
    }
}
