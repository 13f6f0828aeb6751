//! A session's catalogue card: what a list of sessions and `splitscope info` say of it. It is worked out while the
//! entries go by, and stored at the end of the file so that a list need not read files whole.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::entry::{Entry, Meta, Start, What};
use super::ranges::Ranges;
use crate::units::Nanos;
use crate::wire::console::Role;
use crate::wire::{FrameRecord, ModelRecord, Outcome, Record, SwitchStage};

/// Markers that a card lists; the file has them all.
const MOST_MARKERS: usize = 200;
/// Names that a card lists of each sort.
const MOST_NAMES: usize = 64;

/// What is known of a session.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Card {
    /// How it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// The first entry, on the console's clock.
    pub began: Nanos,
    /// The last one.
    pub ended: Nanos,
    /// Entries of each kind.
    pub counts: BTreeMap<String, u64>,
    /// The workers.
    pub workers: Vec<CardWorker>,
    /// The models, in the order that they came.
    pub models: Vec<String>,
    /// The modes of frames, in the order that they came.
    pub modes: Vec<String>,
    /// Frames done.
    pub frames: u64,
    /// Of these, finished by the robot alone after the link died.
    pub finished_locally: u64,
    /// Of these, without a result.
    pub failed: u64,
    /// The sum of the latencies in the mean, nanoseconds: of frames with a result, warm-up left out.
    pub latency_sum_ns: i64,
    /// How many those are.
    pub latency_frames: u64,
    /// Changes of plan that were applied.
    pub switches: u64,
    /// Marked moments.
    pub markers: Vec<CardMarker>,
    /// Batches of telemetry that can no longer be had, as far as they could be counted.
    pub gap_batches: u64,
    /// Entries that the recorder left out.
    pub left_out: u64,
    /// Access points that a worker heard, by their address.
    pub bssids: Vec<String>,
    /// Whether any number in it is emulated.
    pub emulated: bool,
    /// What a person said of it.
    pub meta: Meta,
    /// Frames counted, by target and boot: a frame told twice counts once.
    #[serde(skip)]
    seen: BTreeMap<(u16, u64), Ranges>,
}

/// A worker on a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardWorker {
    /// Its number.
    pub target: u16,
    /// Where the console found it.
    pub address: String,
    /// Robot or server, once it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Its host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What computes there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
}

/// A marked moment on a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardMarker {
    /// When, on the console's clock.
    pub at: Nanos,
    /// What was typed.
    pub text: String,
}

impl Card {
    /// How long it is, in nanoseconds.
    pub const fn duration_ns(&self) -> i64 {
        self.ended.since(self.began)
    }

    /// Mean latency of the frames with a result, warm-up left out; none without such a frame.
    pub fn mean_latency_ms(&self) -> Option<f64> {
        (self.latency_frames > 0)
            .then(|| self.latency_sum_ns as f64 / self.latency_frames as f64 / 1e6)
    }

    /// When it began, milliseconds since 1970.
    pub fn began_unix_ms(&self) -> Option<u64> {
        self.start.as_ref().map(|s| s.unix_ms)
    }

    /// Entries in all.
    pub fn entries(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Whether nothing is worth keeping: no worker said hello, and no person said anything.
    pub fn is_empty(&self) -> bool {
        let said =
            self.meta.name.is_some() || self.meta.notes.is_some() || !self.markers.is_empty();
        let attached = self.counts.contains_key("hello") || self.counts.contains_key("frame");
        !said && !attached
    }

    /// Takes one entry in.
    pub fn add(&mut self, entry: &Entry) {
        if self.counts.is_empty() {
            self.began = entry.at;
            self.ended = entry.at;
        }
        self.ended = self.ended.max(entry.at);
        self.began = self.began.min(entry.at);
        *self.counts.entry(entry.what.kind().to_owned()).or_default() += 1;
        match &entry.what {
            What::Start(start) => self.start = Some((**start).clone()),
            What::Meta(meta) => self.meta = (**meta).clone(),
            What::Target(target) => {
                self.worker(target.target)
                    .address
                    .clone_from(&target.address);
            }
            What::Hello(greeting) => {
                let hello = &greeting.hello;
                self.emulated |= hello.emulated;
                if let Some(model) = &hello.model {
                    self.model(model);
                }
                let worker = self.worker(greeting.target);
                worker.role = Some(hello.role);
                worker.host = Some(hello.host.clone());
                worker.engine = Some(hello.engine.clone());
            }
            What::Record(told) => match &told.record {
                Record::Frame(frame) => self.frame((told.target, told.boot.0), frame),
                Record::Model(model) => self.model(model),
                Record::Switch(switch) => {
                    self.switches += u64::from(matches!(switch.stage, SwitchStage::Applied { .. }));
                }
                Record::Power(power) => self.emulated |= power.emulated,
                Record::Host(host) => {
                    for bssid in host.wifi.iter().filter_map(|w| w.bssid.as_ref()) {
                        remember(&mut self.bssids, bssid);
                    }
                }
                _ => {}
            },
            What::Marker(marker) if self.markers.len() < MOST_MARKERS => {
                self.markers.push(CardMarker {
                    at: entry.at,
                    text: marker.text.clone(),
                });
            }
            What::Gap(gap) => {
                let last = gap.to_seq.unwrap_or(gap.from_seq);
                let batches = last.saturating_sub(gap.from_seq).saturating_add(1);
                self.gap_batches = self.gap_batches.saturating_add(batches);
            }
            What::Left(left) => self.left_out = self.left_out.saturating_add(left.entries),
            What::Missed(_)
            | What::Reply(_)
            | What::Command(_)
            | What::Lost(_)
            | What::Marker(_)
            | What::Notice(_)
            | What::Summary(_) => {}
        }
    }

    fn worker(&mut self, target: u16) -> &mut CardWorker {
        let place = self.workers.iter().position(|w| w.target == target);
        let place = place.unwrap_or_else(|| {
            self.workers.push(CardWorker {
                target,
                address: String::new(),
                role: None,
                host: None,
                engine: None,
            });
            self.workers.len() - 1
        });
        &mut self.workers[place]
    }

    fn model(&mut self, model: &ModelRecord) {
        remember(&mut self.models, &model.graph.name);
    }

    fn frame(&mut self, from: (u16, u64), frame: &FrameRecord) {
        if !self.seen.entry(from).or_default().insert(frame.frame.0) {
            return;
        }
        self.frames += 1;
        self.emulated |= frame.emulated;
        remember(&mut self.modes, &frame.mode);
        match frame.outcome {
            Outcome::FinishedLocally => self.finished_locally += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Ok => {}
        }
        if frame.outcome != Outcome::Failed && !frame.warmup {
            self.latency_sum_ns = self.latency_sum_ns.saturating_add(frame.latency_ns);
            self.latency_frames += 1;
        }
    }
}

fn remember(names: &mut Vec<String>, name: &str) {
    if names.len() < MOST_NAMES && !names.iter().any(|n| n == name) {
        names.push(name.to_owned());
    }
}
