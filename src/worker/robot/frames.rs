//! Frames in flight on the robot, and the record that each becomes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Offset;
use crate::plan::{Completed, Linked, Measured, Step, Timing, TimingOf, account};
use crate::profile::Observed;
use crate::units::{DeviceId, Epoch, FrameId, FrameKey, Nanos};
use crate::wire::data::Report;
use crate::wire::{ClassScore, FrameRecord, Outcome};
use crate::worker::predict::observed;

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
    /// Whether the robot or a server that takes part is emulated: times are made up, classes mean nothing.
    pub(super) emulated: bool,
    /// The latency that was expected, once that is told.
    pub(super) predicted_ns: Option<i64>,
    /// When it stops waiting for its servers.
    pub(super) give_up_at: Nanos,
    /// The programs of the servers that take part.
    pub(super) servers: Vec<Arc<Linked>>,
    /// Their times, on the robot's clock, as far as they are here.
    pub(super) reports: Vec<MappedReport>,
    /// What the robot did for the frame before it finished it alone.
    pub(super) before: Vec<Attempt>,
}

/// What the robot did for a frame under a program that was given up.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) program: Arc<Linked>,
    pub(super) timings: Vec<Timing>,
}

/// A server's times of a frame.
#[derive(Debug, Clone)]
pub(super) struct MappedReport {
    device: DeviceId,
    report: Report,
    /// None: the server's clock is not known; its times cannot be used.
    offset: Option<Offset>,
}

impl Admitted {
    fn is_reported(&self) -> bool {
        self.reports.len() >= self.servers.len()
    }

    /// The servers that take part.
    pub(super) fn devices(&self) -> Vec<DeviceId> {
        self.servers.iter().map(|s| s.program.device).collect()
    }
}

/// A frame with its result that waits for its servers' times.
struct Waiting<P> {
    frame: Admitted,
    completed: Completed<P>,
    tops: Vec<Vec<ClassScore>>,
    since: Nanos,
}

/// A frame's record, and what can be learned from it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) record: FrameRecord,
    /// What each device computed, if the frame went its way in one go.
    pub(super) computed: Vec<(DeviceId, Vec<Observed>)>,
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
    pub(super) fn on_server(&self, device: DeviceId) -> Vec<FrameKey> {
        let frames = self.in_flight.values();
        frames
            .filter(|f| f.devices().contains(&device))
            .map(|f| f.key)
            .collect()
    }

    /// Frames that have waited for their servers long enough, oldest first.
    pub(super) fn overdue(&self, now: Nanos) -> Vec<(FrameKey, Nanos, Vec<DeviceId>)> {
        let frames = self.in_flight.values();
        frames
            .filter(|f| !f.servers.is_empty() && now >= f.give_up_at)
            .map(|f| (f.key, f.at, f.devices()))
            .collect()
    }

    /// When the next frame will have waited long enough.
    pub(super) fn next_give_up(&self) -> Option<Nanos> {
        let frames = self.in_flight.values();
        let waiting = frames.filter(|f| !f.servers.is_empty());
        waiting.map(|f| f.give_up_at).min()
    }

    /// What was expected of a frame that has not been told yet; `give_up_at` says from its admission how long it waits for
    /// its servers at most, with that.
    pub(super) fn foreseen(
        &mut self,
        frame: FrameId,
        latency_ns: i64,
        give_up_at: impl FnOnce(Nanos) -> Nanos,
    ) {
        let mut waiting = self.waiting.values_mut().map(|w| &mut w.frame);
        let frame = match self.in_flight.get_mut(&frame) {
            Some(frame) => Some(frame),
            None => waiting.find(|f| f.key.frame == frame),
        };
        if let Some(frame) = frame {
            frame.predicted_ns = Some(latency_ns);
            frame.give_up_at = frame.give_up_at.min(give_up_at(frame.at));
        }
    }

    /// Whether a frame in flight has an emulated device in it.
    pub(super) fn is_emulated(&self, frame: FrameId) -> bool {
        self.in_flight.get(&frame).is_some_and(|f| f.emulated)
    }

    /// A frame has its result. Gives its record at once unless a server's times are still to come.
    pub(super) fn completed(
        &mut self,
        completed: Completed<P>,
        tops: Vec<Vec<ClassScore>>,
        now: Nanos,
    ) -> Option<Told> {
        let frame = self.in_flight.remove(&completed.key.frame)?;
        if frame.is_reported() {
            return Some(record(&frame, &completed, tops));
        }
        let waiting = Waiting {
            frame,
            completed,
            tops,
            since: now,
        };
        self.waiting.insert(waiting.completed.key, waiting);
        None
    }

    /// A server's program of a frame that is in flight or waits for times.
    pub(super) fn server_program(&self, key: FrameKey, device: DeviceId) -> Option<&Linked> {
        let waiting = self.waiting.get(&key).map(|w| &w.frame);
        let frame = waiting.or_else(|| self.in_flight.get(&key.frame))?;
        let mut programs = frame.servers.iter();
        programs
            .find(|p| p.program.device == device)
            .map(AsRef::as_ref)
    }

    /// A server's times of a frame came; they may come before the robot's own lane has told of its result.
    pub(super) fn reported(
        &mut self,
        device: DeviceId,
        report: Report,
        offset: Option<Offset>,
    ) -> Option<Told> {
        let key = report.key;
        let mapped = MappedReport {
            device,
            report,
            offset,
        };
        if let Some(waiting) = self.waiting.get_mut(&key) {
            waiting.frame.reports.push(mapped);
            if !waiting.frame.is_reported() {
                return None;
            }
            let waiting = self.waiting.remove(&key)?;
            return Some(record(&waiting.frame, &waiting.completed, waiting.tops));
        }
        let frame = self.in_flight.get_mut(&key.frame);
        if let Some(frame) = frame.filter(|f| f.key == key) {
            frame.reports.push(mapped);
        }
        None
    }

    /// Records of results whose server times do not come: the link to that server died, or it took too long.
    pub(super) fn give_up(&mut self, now: Nanos, lost: Option<DeviceId>) -> Vec<Told> {
        let late = |w: &Waiting<P>| {
            let is_lost = lost.is_some_and(|device| w.frame.devices().contains(&device));
            is_lost || now.since(w.since) > REPORT_TIMEOUT_NS
        };
        let keys: Vec<_> = self
            .waiting
            .iter()
            .filter(|(_, w)| late(w))
            .map(|(key, _)| *key)
            .collect();
        keys.iter()
            .filter_map(|key| self.waiting.remove(key))
            .map(|w| record(&w.frame, &w.completed, w.tops))
            .collect()
    }
}

/// A frame that came to nothing.
pub(super) fn failed(frame: &Admitted, now: Nanos) -> Told {
    let latency_ns = now.since(frame.at);
    let mut record = empty(frame);
    record.outcome = Outcome::Failed;
    record.latency_ns = latency_ns;
    record.parts.wait_ns = latency_ns;
    Told {
        record,
        computed: Vec::new(),
    }
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
        other_tops: Vec::new(),
        steps: crate::wire::Steps::default(),
        emulated: frame.emulated,
        predicted_ns: frame.predicted_ns,
    }
}

fn record<P>(frame: &Admitted, completed: &Completed<P>, tops: Vec<Vec<ClassScore>>) -> Told {
    let mut devices = vec![Measured::own(completed)];
    for attempt in &frame.before {
        devices.push(Measured {
            program: &attempt.program,
            timings: attempt.timings.clone(),
        });
    }
    let mut clock_error_ns = None;
    for program in &frame.servers {
        let mut reports = frame.reports.iter();
        let report = reports.find(|r| r.device == program.program.device);
        if let Some((report, offset)) = report.and_then(|r| Some((&r.report, r.offset?))) {
            devices.push(Measured::mapped(program, &report.timings, offset));
            clock_error_ns = clock_error_ns.max(Some(offset.error_ns));
        }
    }
    let account = account(frame.at, &devices);
    let computed = match frame.before.as_slice() {
        [] => devices.iter().map(|m| (m.device(), observed(m))).collect(),
        _ => Vec::new(),
    };
    let mut tops = tops.into_iter();
    let record = FrameRecord {
        latency_ns: account.latency_ns,
        parts: account.parts,
        steps: account.steps,
        bytes_up: sent_bytes(&completed.program, &completed.timings, false)
            + before(frame, |a| sent_bytes(&a.program, &a.timings, false)),
        bytes_down: sent_bytes(&completed.program, &completed.timings, true)
            + before(frame, |a| sent_bytes(&a.program, &a.timings, true)),
        clock_error_ns,
        top: tops.next().unwrap_or_default(),
        other_tops: tops.collect(),
        ..empty(frame)
    };
    Told { record, computed }
}

fn before(frame: &Admitted, bytes: impl Fn(&Attempt) -> u64) -> u64 {
    frame.before.iter().map(bytes).sum()
}

/// Payload bytes that a program sent to servers, or received from them, in the steps that were done.
fn sent_bytes(program: &Linked, timings: &[Timing], received: bool) -> u64 {
    let bytes: Vec<u64> = program.step_bytes().collect();
    let done = timings.iter().filter_map(|t| match t.of {
        TimingOf::Step(i) => Some(i as usize),
        TimingOf::Assembly(_) => None,
    });
    done.filter(|&i| match program.program.steps.get(i) {
        Some(Step::Send { .. }) => !received,
        Some(Step::Receive { .. }) => received,
        _ => false,
    })
    .map(|i| bytes[i])
    .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;
    use crate::plan::{Plan, compile};
    use crate::wire::data::Progress;

    const KEY: FrameKey = FrameKey {
        frame: FrameId(7),
        attempt: 0,
        epoch: Epoch(1),
    };

    fn setup(plan: &Plan) -> (Frames<()>, Completed<()>) {
        let graph = zoo::build("mobilenet_v2", 1, 32, 32).unwrap();
        let schedule = compile(&graph, plan, Epoch(1)).unwrap();
        let link = |p: &crate::plan::Program| Linked::new(&graph, p.clone(), None);
        let mut frames = Frames::new();
        frames.admit(Admitted {
            key: KEY,
            at: Nanos(0),
            mode: "split".to_owned(),
            cut: None,
            outcome: Outcome::Ok,
            warmup: false,
            preparing: false,
            skipped: 0,
            picture: String::new(),
            emulated: false,
            predicted_ns: None,
            give_up_at: Nanos(50),
            servers: schedule.programs[1..].iter().map(link).collect(),
            reports: Vec::new(),
            before: Vec::new(),
        });
        let completed = Completed {
            key: KEY,
            output: Some(()),
            timings: Vec::new(),
            program: link(&schedule.programs[0]),
        };
        (frames, completed)
    }

    fn report() -> Report {
        Report {
            key: KEY,
            timings: Vec::new(),
            progress: Progress {
                received_bytes: 0,
                at: Nanos(0),
            },
        }
    }

    #[test]
    fn a_report_that_is_faster_than_the_robots_own_lane_is_kept() {
        let (mut frames, completed) = setup(&Plan::split(9));
        let early = frames.reported(DeviceId::SERVER, report(), None);
        assert!(early.is_none());
        let told = frames.completed(completed, Vec::new(), Nanos(9));
        assert_eq!(told.map(|t| t.record.frame), Some(FrameId(7)));
    }

    #[test]
    fn a_frame_over_two_servers_is_told_when_both_have_reported() {
        let (mut frames, completed) = setup(&Plan::chain(&[9, 30]));
        assert!(frames.completed(completed, Vec::new(), Nanos(9)).is_none());
        assert!(frames.reported(DeviceId(2), report(), None).is_none());
        assert!(frames.reported(DeviceId(1), report(), None).is_some());
    }

    #[test]
    fn only_frames_that_wait_for_a_server_become_overdue() {
        let (mut frames, _) = setup(&Plan::split(9));
        assert_eq!(frames.next_give_up(), Some(Nanos(50)));
        assert!(frames.overdue(Nanos(49)).is_empty());
        let overdue = frames.overdue(Nanos(50));
        assert_eq!(overdue, [(KEY, Nanos(0), vec![DeviceId::SERVER])]);
        let mut local = frames.retry(KEY.frame).unwrap();
        local.servers.clear();
        frames.admit(local);
        assert_eq!(frames.next_give_up(), None);
        assert!(frames.overdue(Nanos(99)).is_empty());
    }
}
