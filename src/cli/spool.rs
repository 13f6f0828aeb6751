//! Where a worker keeps its telemetry for consoles that were away; shared by `robot` and `server`.

use std::path::PathBuf;

use clap::Args;

use super::cache;
use crate::worker::spool::{DEFAULT_LIMIT_BYTES, LEAST_LIMIT_BYTES, SpoolOptions};

const MB: u64 = 1_000_000;

/// Telemetry kept on the worker's own disk.
#[derive(Debug, Clone, Args)]
pub(super) struct SpoolArgs {
    /// Folder where telemetry is kept for consoles that were away [default: the user's cache]
    #[arg(long, value_name = "DIR")]
    spool_dir: Option<PathBuf>,

    /// Megabytes of telemetry to keep there; the oldest goes first
    #[arg(long, value_name = "MB|none", default_value = "256", value_parser = limit)]
    spool_limit: Limit,
}

/// Bytes, or no spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limit(Option<u64>);

impl SpoolArgs {
    /// The spool asked for, if any.
    pub(super) fn options(&self) -> Option<SpoolOptions> {
        let dir = || cache::dir().join("spool");
        Some(SpoolOptions {
            limit_bytes: self.spool_limit.0?,
            dir: self.spool_dir.clone().unwrap_or_else(dir),
        })
    }
}

fn limit(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit(None));
    }
    let least = LEAST_LIMIT_BYTES / MB;
    match text.parse::<u64>() {
        Ok(mb) if (least..=DEFAULT_LIMIT_BYTES / MB * 1_000).contains(&mb) => {
            Ok(Limit(Some(mb * MB)))
        }
        _ => Err(format!(
            "expected megabytes from {least} to {}, or none",
            DEFAULT_LIMIT_BYTES / MB * 1_000
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_has_a_bound_or_is_not_there() {
        assert_eq!(limit("none"), Ok(Limit(None)));
        assert_eq!(limit("64"), Ok(Limit(Some(64_000_000))));
        for wrong in ["0", "-1", "much", "1e9", ""] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
    }
}
