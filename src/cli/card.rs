//! A session's catalogue card for people and for programs; shared by `info` and `sessions`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::session::{Card, folder};
use crate::units::Bytes;
use crate::wire::console::Role;

/// A card as `--json` writes it; units are in the names.
#[derive(Debug, Serialize)]
pub(super) struct CardLine<'a> {
    file: String,
    bytes: u64,
    began_unix_ms: Option<u64>,
    duration_s: f64,
    recorded_by: Option<&'a str>,
    splitscope: Option<&'a str>,
    format: Option<u32>,
    meta: BTreeMap<&'static str, &'a str>,
    meta_read_from: &'a BTreeMap<String, String>,
    is_empty: bool,
    workers: Vec<WorkerLine<'a>>,
    models: &'a [String],
    modes: &'a [String],
    frames: u64,
    finished_locally: u64,
    failed: u64,
    mean_latency_ms: Option<f64>,
    switches: u64,
    markers: Vec<MarkerLine<'a>>,
    gap_batches: u64,
    left_out: u64,
    access_points: &'a [String],
    emulated: bool,
    entries: &'a BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
struct WorkerLine<'a> {
    target: u16,
    address: &'a str,
    role: Option<Role>,
    host: Option<&'a str>,
    engine: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct MarkerLine<'a> {
    at_s: f64,
    text: &'a str,
}

impl<'a> CardLine<'a> {
    pub(super) fn new(file: &Path, bytes: u64, card: &'a Card) -> Self {
        let workers = card.workers.iter().map(|w| WorkerLine {
            target: w.target,
            address: &w.address,
            role: w.role,
            host: w.host.as_deref(),
            engine: w.engine.as_deref(),
        });
        let markers = card.markers.iter().map(|m| MarkerLine {
            at_s: m.at.since(card.began) as f64 / 1e9,
            text: &m.text,
        });
        let meta = card.meta.fields().into_iter();
        Self {
            file: file.display().to_string(),
            bytes,
            began_unix_ms: card.began_unix_ms(),
            duration_s: card.duration_ns() as f64 / 1e9,
            recorded_by: card.start.as_ref().map(|s| s.console.as_str()),
            splitscope: card.start.as_ref().map(|s| s.version.as_str()),
            format: card.start.as_ref().map(|s| s.format),
            meta: meta.filter_map(|(k, v)| Some((k, v?))).collect(),
            meta_read_from: &card.meta.read_from,
            is_empty: card.is_empty(),
            workers: workers.collect(),
            models: &card.models,
            modes: &card.modes,
            frames: card.frames,
            finished_locally: card.finished_locally,
            failed: card.failed,
            mean_latency_ms: card.mean_latency_ms(),
            switches: card.switches,
            markers: markers.collect(),
            gap_batches: card.gap_batches,
            left_out: card.left_out,
            access_points: &card.bssids,
            emulated: card.emulated,
            entries: &card.counts,
        }
    }

    pub(super) fn json(&self) -> String {
        // Plain fields with text keys always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// `1:02:03` or `2:03`.
pub(super) fn duration(ns: i64) -> String {
    let s = ns.max(0) / 1_000_000_000;
    if s >= 3600 {
        format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    } else {
        format!("{}:{:02}", s / 60, s % 60)
    }
}

/// When it began, for people.
pub(super) fn began(card: &Card) -> String {
    let unix_ms = card.began_unix_ms();
    unix_ms.map_or_else(|| "unknown".to_owned(), folder::date_and_time_utc)
}

/// Everything on a card, line by line.
pub(super) fn human(file: &Path, bytes: u64, card: &Card) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{name:<14}{value}");
        }
    };
    line("file", format!("{} ({})", file.display(), Bytes(bytes)));
    line("began", began(card));
    line("duration", duration(card.duration_ns()));
    if let Some(start) = &card.start {
        let by = format!("{}, splitscope {}", start.console, start.version);
        line("recorded by", by);
    }
    for (name, value) in card.meta.told() {
        line(name, value);
    }
    if card.is_empty() {
        line("empty", "no worker was attached".to_owned());
    }
    for worker in &card.workers {
        let role = worker.role.map_or("not reached", Role::name);
        let host = worker.host.as_deref().unwrap_or_default();
        let engine = worker.engine.as_deref().unwrap_or_default();
        let words = [role, host, &worker.address, engine];
        let words: Vec<_> = words.into_iter().filter(|w| !w.is_empty()).collect();
        line(&format!("worker {}", worker.target), words.join("  "));
    }
    line("models", card.models.join(", "));
    line("modes", card.modes.join(", "));
    line("access points", card.bssids.join(", "));
    let mut frames = format!("{}", card.frames);
    for (count, word) in [
        (card.finished_locally, "finished locally"),
        (card.failed, "failed"),
    ] {
        if count > 0 {
            let _ = write!(frames, ", {count} {word}");
        }
    }
    line("frames", frames);
    let mark = if card.emulated { " (emulated)" } else { "" };
    let latency = card.mean_latency_ms();
    let latency = latency.map(|ms| format!("{ms:.1} ms on average, warm-up left out{mark}"));
    line("latency", latency.unwrap_or_default());
    line("switches", card.switches.to_string());
    for marker in &card.markers {
        let at = duration(marker.at.since(card.began));
        line("marker", format!("{at}  {}", marker.text));
    }
    if card.gap_batches > 0 {
        let batches = card.gap_batches;
        line(
            "gaps",
            format!("{batches} batches of telemetry are missing"),
        );
    }
    if card.left_out > 0 {
        let entries = card.left_out;
        line("left out", format!("{entries} entries, by the recorder"));
    }
    let kinds: Vec<_> = card
        .counts
        .iter()
        .map(|(k, n)| format!("{k} {n}"))
        .collect();
    line("entries", kinds.join(", "));
    text
}
