//! Frames in flight on the robot, and the record that each becomes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Offset;
use crate::plan::{Completed, Linked, Step};
use crate::units::{DeviceId, Epoch, FrameId, FrameKey, Nanos};
use crate::wire::data::Report;
use crate::wire::{ClassScore, FrameRecord, Outcome};
use crate::worker::account::{Measured, account};

/// How long a result waits for the server's times, in nanoseconds.
const REPORT_TIMEOUT_NS: i64 = 2_000_000_000;

/// What is known of a frame from its admission on.
#[derive(Debug, Clone)]
pub(super) struct Admitted {
    pub(super) key: FrameKey,
    pub(super) at: Nanos,
    pub(super) mode: String,
    pub(super) cut: Option<u32>,
    pub(super) outcome: Outcome,
    pub(super) warmup: bool,
    pub(super) preparing: bool,
    pub(super) skipped: u32,
    pub(super) picture: String,
    /// The server's program, if it takes part.
    pub(super) server: Option<Arc<Linked>>,
}

/// A frame with its result that waits for the server's times.
struct Waiting<P> {
    frame: Admitted,
    completed: Completed<P>,
    top: Vec<ClassScore>,
    since: Nanos,
}

/// See the [module](self).
pub(super) struct Frames<P> {
    in_flight: BTreeMap<FrameId, Admitted>,
    waiting: BTreeMap<FrameKey, Waiting<P>>,
}

impl<P> Frames<P> {
    pub(super) const fn new() -> Self {
        Self {
            in_flight: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// The oldest epoch of a frame in flight.
    pub(super) fn oldest_epoch(&self) -> Option<Epoch> {
        self.in_flight.values().map(|f| f.key.epoch).min()
    }

    pub(super) fn admit(&mut self, frame: Admitted) {
        self.in_flight.insert(frame.key.frame, frame);
    }

    /// Takes a frame out for another try.
    pub(super) fn retry(&mut self, frame: FrameId) -> Option<Admitted> {
        self.in_flight.remove(&frame)
    }

    /// Frames in flight that a server takes part in, oldest first.
    pub(super) fn on_server(&self) -> Vec<FrameKey> {
        let frames = self.in_flight.values();
        frames
            .filter(|f| f.server.is_some())
            .map(|f| f.key)
            .collect()
    }

    /// A frame has its result. Gives its record at once unless the server's times are still to come.
    pub(super) fn completed(
        &mut self,
        completed: Completed<P>,
        top: Vec<ClassScore>,
        now: Nanos,
    ) -> Option<FrameRecord> {
        let frame = self.in_flight.remove(&completed.key.frame)?;
        if frame.server.is_some() {
            let waiting = Waiting {
                frame,
                completed,
                top,
                since: now,
            };
            self.waiting.insert(waiting.completed.key, waiting);
            return None;
        }
        Some(record(&frame, &completed, top, None))
    }

    /// The server's program of a frame that waits for the server's times.
    pub(super) fn server_program(&self, key: FrameKey) -> Option<&Linked> {
        let waiting = self.waiting.get(&key).map(|w| &w.frame);
        let frame = waiting.or_else(|| self.in_flight.get(&key.frame))?;
        frame.server.as_deref()
    }

    /// The server's times of a frame came.
    pub(super) fn reported(
        &mut self,
        report: &Report,
        offset: Option<Offset>,
    ) -> Option<FrameRecord> {
        let waiting = self.waiting.remove(&report.key)?;
        let server = offset.map(|offset| (report, offset));
        Some(record(
            &waiting.frame,
            &waiting.completed,
            waiting.top,
            server,
        ))
    }

    /// Records of results whose server times do not come: the link died, or it took too long.
    pub(super) fn give_up(&mut self, now: Nanos, link_lost: bool) -> Vec<FrameRecord> {
        let late = |w: &Waiting<P>| link_lost || now.since(w.since) > REPORT_TIMEOUT_NS;
        let keys: Vec<_> = self
            .waiting
            .iter()
            .filter(|(_, w)| late(w))
            .map(|(key, _)| *key)
            .collect();
        keys.iter()
            .filter_map(|key| self.waiting.remove(key))
            .map(|w| record(&w.frame, &w.completed, w.top, None))
            .collect()
    }
}

/// A frame that came to nothing.
pub(super) fn failed(frame: &Admitted, now: Nanos) -> FrameRecord {
    let latency_ns = now.since(frame.at);
    let mut record = empty(frame);
    record.outcome = Outcome::Failed;
    record.latency_ns = latency_ns;
    record.parts.wait_ns = latency_ns;
    record
}

fn empty(frame: &Admitted) -> FrameRecord {
    FrameRecord {
        frame: frame.key.frame,
        attempt: frame.key.attempt,
        epoch: frame.key.epoch,
        mode: frame.mode.clone(),
        cut: frame.cut,
        admitted: frame.at,
        latency_ns: 0,
        parts: crate::wire::Parts::default(),
        bytes_up: 0,
        bytes_down: 0,
        outcome: frame.outcome,
        warmup: frame.warmup,
        preparing: frame.preparing,
        skipped: frame.skipped,
        clock_error_ns: None,
        picture: frame.picture.clone(),
        top: Vec::new(),
        steps: crate::wire::Steps::default(),
        emulated: false,
    }
}

fn record<P>(
    frame: &Admitted,
    completed: &Completed<P>,
    top: Vec<ClassScore>,
    server: Option<(&Report, Offset)>,
) -> FrameRecord {
    let mut devices = vec![Measured::own(completed)];
    if let (Some(program), Some((report, offset))) = (&frame.server, server) {
        devices.push(Measured::mapped(program, &report.timings, offset));
    }
    let account = account(frame.at, &devices);
    FrameRecord {
        latency_ns: account.latency_ns,
        parts: account.parts,
        steps: account.steps,
        bytes_up: sent_bytes(&completed.program, false),
        bytes_down: sent_bytes(&completed.program, true),
        clock_error_ns: server.map(|(_, offset)| offset.error_ns),
        top,
        ..empty(frame)
    }
}

/// Payload bytes that a completed program sent to, or received from, the server.
fn sent_bytes(program: &Linked, received: bool) -> u64 {
    let steps = program.program.steps.iter().zip(program.step_bytes());
    steps
        .filter(|(step, _)| match step {
            Step::Send { to, .. } => !received && *to != DeviceId::ROBOT,
            Step::Receive { .. } => received,
            Step::Compute { .. } | Step::Reduce { .. } => false,
        })
        .map(|(_, bytes)| bytes)
        .sum()
}
