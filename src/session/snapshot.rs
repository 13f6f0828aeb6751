//! A stretch of a session as a session of its own.

use std::collections::BTreeMap;
use std::path::Path;

use super::entry::{Entry, Start, What};
use super::error::SessionError;
use super::reader::Reader;
use super::writer::Writer;
use crate::units::{Bytes, Nanos};
use crate::wire::Record;

/// What must be known of the time before a stretch to understand it: the newest of each of these holds.
fn is_state(kind: &str) -> bool {
    matches!(
        kind,
        "target" | "hello" | "model" | "plan" | "peer" | "lease" | "input" | "power_sources"
    )
}

/// Tells entries apart of which only the newest holds.
fn slot(what: &What) -> (&'static str, Option<u16>, Option<u8>) {
    let peer = match what {
        What::Record(told) => match &told.record {
            Record::Peer(peer) => Some(peer.device.0),
            _ => None,
        },
        _ => None,
    };
    (what.kind(), what.target(), peer)
}

/// Writes what happened from `from` until before `to` into a new file, with what was known at its beginning. Damaged
/// stretches are left out.
///
/// # Errors
/// The session cannot be read, `out` exists or cannot be written, or there is nothing in the stretch.
pub fn snapshot(
    reader: &Reader,
    from: Nanos,
    to: Nanos,
    out: &Path,
) -> Result<Bytes, SessionError> {
    let card = reader.summary();
    let from = from.max(card.began);
    let source = card.start.as_ref();
    let since = from.since(source.map_or(card.began, |s| s.at)) / 1_000_000;
    let start = Start {
        format: super::entry::FORMAT,
        version: crate::wire::VERSION.to_owned(),
        at: from,
        unix_ms: source.map_or(0, |s| s.unix_ms).saturating_add_signed(since),
        console: source.map_or_else(String::new, |s| s.console.clone()),
    };
    let unix_ms = start.unix_ms;
    // Held in memory: a few entries per worker.
    let mut state: BTreeMap<_, (usize, Entry)> = BTreeMap::new();
    let before = reader.entries_of_kinds(card.began..from, is_state);
    for (order, entry) in before.enumerate() {
        match entry {
            Ok(entry) => {
                state.insert(slot(&entry.what), (order, entry));
            }
            Err(SessionError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let mut state: Vec<_> = state.into_values().collect();
    // A hello comes before what is told after it.
    state.sort_by_key(|(order, entry)| {
        (
            !matches!(entry.what, What::Target(_) | What::Hello(_)),
            *order,
        )
    });
    let mut writer = Writer::create(out, start)?;
    let cannot = |error| SessionError::io("write to", out)(error);
    // What was said of the whole, however late, holds for a part of it.
    writer.add(&Entry {
        at: from,
        unix_ms,
        what: What::Meta(Box::new(card.meta.clone())),
    })?;
    for (_, entry) in state {
        writer.add(&Entry {
            at: from,
            unix_ms,
            ..entry
        })?;
    }
    for entry in reader.entries(from..to) {
        match entry {
            Ok(entry)
                if matches!(
                    entry.what,
                    What::Start(_) | What::Meta(_) | What::Summary(_)
                ) => {}
            Ok(entry) => {
                writer.add(&entry)?;
                if writer.is_stuck() {
                    writer.flush().map_err(cannot)?;
                }
            }
            Err(SessionError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    writer.finish()
}
