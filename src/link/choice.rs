//! What `--link` takes: a rate, a shipped trace, a trace file, or nothing.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::shaper::{Rates, ShaperProfile};
use super::trace::{AfterEnd, MAX_FILE_BYTES, SHIPPED, Trace, TraceError, shipped};
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

impl LinkChoice {
    /// Reads a link's description: `93`, `93mbps` or `1gbps` is a constant rate, `none` or `unshaped` no shaping,
    /// `outdoors` a shipped trace, everything else a file.
    ///
    /// # Errors
    /// Any other text, rates that are not above 0, and files that are no traces.
    pub fn open(text: &str) -> Result<Self, LinkChoiceError> {
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        if matches!(lower.as_str(), "none" | "unshaped") {
            return Ok(Self::Unshaped);
        }
        let (number, factor) = match (lower.strip_suffix("mbps"), lower.strip_suffix("gbps")) {
            (Some(number), _) => (number, 1.0),
            (_, Some(number)) => (number, 1e3),
            _ => (lower.as_str(), 1.0),
        };
        let unknown = || LinkChoiceError::Unknown {
            read: text.to_owned(),
        };
        if let Ok(number) = number.trim_end().parse::<f64>() {
            let mbps = number * factor;
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
