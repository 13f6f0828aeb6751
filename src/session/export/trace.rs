//! The Chrome trace format, which Perfetto (<https://ui.perfetto.dev>) opens: a lane for frames, one for each device's
//! compute, one for each direction of each link, goodput as a counter, markers and switches as instants.
//!
//! Times are microseconds on the console's clock from the session's start on. A worker's clock is put there by the batch
//! that took the shortest way.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write};

use serde_json::{Value, json};

use super::names::Names;
use super::table::step_kind;
use super::{ExportError, Exported};
use crate::session::entry::{Entry, Told, What};
use crate::session::error::SessionError;
use crate::session::reader::Reader;
use crate::units::{BootId, DeviceId, Nanos};
use crate::wire::{FrameRecord, LinkSample, Record, StepKind, SwitchStage};

/// Lanes of a robot's process, by their number in the file.
const FRAMES: u32 = 1;
const COMPUTE: u32 = 10;
const UP: u32 = 300;
const DOWN: u32 = 600;

/// Writes a session's timeline.
///
/// # Errors
/// The session cannot be read, or `out` not be written.
pub fn chrome_trace(reader: &Reader, out: impl Write) -> Result<Exported, ExportError> {
    let mut trace = Trace {
        out: BufWriter::new(out),
        done: Exported::default(),
        names: Names::default(),
        began: reader.summary().began,
        clocks: clocks(reader)?,
        lanes: BTreeSet::new(),
    };
    trace
        .out
        .write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n")?;
    let wanted = |kind: &str| {
        matches!(
            kind,
            "hello" | "model" | "frame" | "link" | "marker" | "switch" | "event"
        )
    };
    for entry in reader.entries_of_kinds(.., wanted) {
        match entry {
            Ok(entry) => trace.entry(&entry)?,
            Err(SessionError::Damaged { .. }) => trace.done.damaged += 1,
            Err(error) => return Err(error.into()),
        }
    }
    trace.out.write_all(b"\n]}\n")?;
    trace.out.flush()?;
    Ok(trace.done)
}

/// By target and boot: the worker's clock less the console's, in nanoseconds.
type Clocks = BTreeMap<(u16, BootId), i64>;

/// Of all batches the one that was under way for the shortest time tells best how the clocks differ.
fn clocks(reader: &Reader) -> Result<Clocks, ExportError> {
    let mut clocks = Clocks::new();
    let often = |kind: &str| matches!(kind, "link" | "host" | "frame" | "server_frame");
    for entry in reader.entries_of_kinds(.., often) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(SessionError::Damaged { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        if let What::Record(told) = &entry.what {
            let offset = told.sent.since(entry.at);
            let best = clocks.entry((told.target, told.boot)).or_insert(offset);
            *best = offset.max(*best);
        }
    }
    Ok(clocks)
}

struct Trace<W: Write> {
    out: BufWriter<W>,
    done: Exported,
    names: Names,
    began: Nanos,
    clocks: Clocks,
    /// Lanes that have their name.
    lanes: BTreeSet<(u16, u32)>,
}

impl<W: Write> Trace<W> {
    /// A worker's time in microseconds of the trace.
    fn ts(&self, told: &Told, at: Nanos) -> f64 {
        let offset = self.clocks.get(&(told.target, told.boot)).copied();
        at.shifted(-offset.unwrap_or(0)).since(self.began) as f64 / 1e3
    }

    fn event(&mut self, event: &Value) -> Result<(), ExportError> {
        if self.done.rows > 0 {
            self.out.write_all(b",\n")?;
        }
        serde_json::to_writer(&mut self.out, event).map_err(std::io::Error::from)?;
        self.done.rows += 1;
        Ok(())
    }

    /// Names a lane, once.
    fn lane(&mut self, target: u16, lane: u32, name: &str) -> Result<(), ExportError> {
        if !self.lanes.insert((target, lane)) {
            return Ok(());
        }
        self.event(&json!({
            "ph": "M", "name": "thread_name", "pid": target, "tid": lane, "args": { "name": name }
        }))?;
        self.event(&json!({
            "ph": "M", "name": "thread_sort_index", "pid": target, "tid": lane, "args": { "sort_index": lane }
        }))
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), ExportError> {
        self.names.learn(entry);
        match &entry.what {
            What::Hello(greeting) => {
                let hello = &greeting.hello;
                let mark = if hello.emulated { " (emulated)" } else { "" };
                let name = format!("{} {}{mark}", hello.role.name(), hello.host);
                self.event(&json!({
                    "ph": "M", "name": "process_name", "pid": greeting.target, "args": { "name": name }
                }))
            }
            What::Record(told) => self.told(told),
            What::Marker(marker) => {
                let text = if marker.text.is_empty() {
                    "marker"
                } else {
                    &marker.text
                };
                self.event(&json!({
                    "ph": "i", "s": "g", "name": text, "cat": "marker", "pid": 0, "tid": FRAMES,
                    "ts": entry.at.since(self.began) as f64 / 1e3
                }))
            }
            _ => Ok(()),
        }
    }

    fn told(&mut self, told: &Told) -> Result<(), ExportError> {
        let target = told.target;
        match &told.record {
            Record::Frame(frame) => self.frame(told, frame),
            Record::Link(link) => self.link(told, link),
            Record::Switch(switch) => {
                let name = match &switch.stage {
                    SwitchStage::Requested => format!("asked: {}", switch.plan.label()),
                    SwitchStage::Prepared { epoch } => format!("prepared: epoch {epoch}"),
                    SwitchStage::Applied { epoch, .. } => {
                        format!("epoch {epoch}: {}", switch.plan.label())
                    }
                    SwitchStage::Refused { reason } => format!("refused: {reason}"),
                };
                self.event(&json!({
                    "ph": "i", "s": "p", "name": name, "cat": "switch", "pid": target, "tid": FRAMES,
                    "ts": self.ts(told, switch.at)
                }))
            }
            Record::Event(event) => self.event(&json!({
                "ph": "i", "s": "p", "name": event.text, "cat": "event", "pid": target, "tid": FRAMES,
                "ts": self.ts(told, event.at)
            })),
            _ => Ok(()),
        }
    }

    fn frame(&mut self, told: &Told, frame: &FrameRecord) -> Result<(), ExportError> {
        let target = told.target;
        self.lane(target, FRAMES, "frames")?;
        let id = format!("{target}/{}", frame.frame);
        let name = format!("frame {} {}", frame.frame, frame.mode);
        let end = frame.admitted.shifted(frame.latency_ns);
        self.event(&json!({
            "ph": "b", "cat": "frame", "id": id, "name": name, "pid": target, "tid": FRAMES,
            "ts": self.ts(told, frame.admitted),
            "args": { "epoch": frame.epoch, "outcome": frame.outcome.name(), "emulated": frame.emulated,
                      "latency_ms": frame.latency_ns as f64 / 1e6 }
        }))?;
        self.event(&json!({
            "ph": "e", "cat": "frame", "id": id, "name": name, "pid": target, "tid": FRAMES, "ts": self.ts(told, end)
        }))?;
        for step in frame.steps.iter() {
            let of = |device: DeviceId| u32::from(device.0);
            let (lane, lane_name) = if step.kind != StepKind::Transfer {
                (
                    COMPUTE + of(step.device),
                    format!("{} compute", step.device),
                )
            } else if step.to == DeviceId::ROBOT {
                (DOWN + of(step.device), format!("link from {}", step.device))
            } else {
                (UP + of(step.to), format!("link to {}", step.to))
            };
            self.lane(target, lane, &lane_name)?;
            let operator = self.names.operator(target, step.node.0);
            let operator = match (operator, step.node.0) {
                (Some(name), _) => name.to_owned(),
                (None, 0) => "camera image".to_owned(),
                (None, node) => format!("#{node}"),
            };
            let mut args = json!({ "frame": frame.frame, "kind": step_kind(step.kind) });
            if step.bytes > 0 {
                args["bytes"] = json!(step.bytes);
            }
            self.event(&json!({
                "ph": "X", "name": operator, "cat": step_kind(step.kind), "pid": target, "tid": lane,
                "ts": self.ts(told, frame.admitted.shifted(step.start_ns)), "dur": step.duration_ns as f64 / 1e3,
                "args": args
            }))?;
        }
        Ok(())
    }

    fn link(&mut self, told: &Told, link: &LinkSample) -> Result<(), ExportError> {
        let mut mbps = json!({});
        for (name, flow) in [("up", &link.up), ("down", &link.down)] {
            if let Some(rate) = flow.mbps() {
                mbps[name] = json!(rate);
            }
        }
        self.event(&json!({
            "ph": "C", "name": format!("goodput to {} (Mbps)", link.peer), "pid": told.target, "ts": self.ts(told, link.at),
            "args": mbps
        }))
    }
}
