//! A link trace: the rates it says, as long as each holds.

use super::ReadError;
use crate::link::trace::{Direction, Trace};
use crate::report::evidence::{Evidence, Held, Kind, Rates};

/// Comments that captions repeat.
const MOST_COMMENTS: usize = 3;

pub(super) fn read(name: &str, bytes: &[u8]) -> Result<Evidence, ReadError> {
    let trace = Trace::parse(bytes).map_err(|source| ReadError::Trace {
        name: name.to_owned(),
        source,
    })?;
    let mut evidence = Evidence::new(name, Kind::Trace);
    let rates = |direction, word| {
        let mut from_s = 0.0;
        let held = trace.pieces(direction).map(|(mbps, ns)| {
            let for_s = ns as f64 / 1e9;
            let held = Held {
                from_s,
                for_s,
                mbps,
            };
            from_s += for_s;
            held
        });
        Rates {
            direction: word,
            held: held.collect(),
        }
    };
    evidence.rates = if trace.is_shared() {
        vec![rates(Direction::Up, "both")]
    } else {
        vec![rates(Direction::Up, "up"), rates(Direction::Down, "down")]
    };
    evidence.is_modelled = trace.is_modelled();
    evidence.is_link_emulated = trace.is_emulated();
    evidence.remarks = trace
        .comments()
        .iter()
        .take(MOST_COMMENTS)
        .cloned()
        .collect();
    Ok(evidence)
}
