//! The robot's decisions: what to admit, under which plan, and what to do when something dies.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

mod expectations;
mod links;
mod pauses;
mod policies;
mod switches;

use super::deadline::Patience;
use super::delivery::Delivery;
use pauses::Pausing;
use policies::Reign;

use super::foresight::{Foresight, Tell};
use super::frames::{Admitted, Attempt, Frames, Told, failed};
use super::servers::{Remote, Servers};
use super::{RobotEvent, Taken};
use crate::clock;
use crate::engine::Engine;
use crate::plan::{Admit, Completed, Linked, Value, resume};
use crate::policy::Spec;
use crate::units::{DeviceId, FrameId, FrameKey, Nanos, NodeId};
use crate::wire::data::Control;
use crate::wire::{
    ClassScore, InputRecord, Level, Outcome, PeerRecord, PeerState, PlanRecord, Record, SwitchStage,
};
use crate::worker::classes::top_five;
use crate::worker::runtime::{Runtime, RuntimeEvent};
use crate::worker::switch::Switch;
use crate::worker::telemetry::Hub;

/// How often heartbeats are sent, link windows closed and timeouts looked at.
const TICK_NS: i64 = 100_000_000;
/// How long a result takes at most from a lane to here.
const TOLD_WITHIN_NS: i64 = 1_000_000_000;
/// How often the kernel is asked about the links.
const LINK_STATE_EVERY_NS: i64 = 500_000_000;
/// How often the picture source is reported.
const INPUT_EVERY_NS: i64 = 1_000_000_000;

pub(super) struct Coordinator<E: Engine> {
    runtime: Arc<Runtime<E>>,
    hub: Hub,
    switch: Switch,
    /// One token asks for one picture.
    tokens: SyncSender<()>,
    token_out: bool,
    source_name: String,
    servers: Servers,
    /// The servers' programs of the plan in effect.
    server_programs: Vec<Arc<Linked>>,
    local: Arc<Linked>,
    frames: Frames<E::Payload>,
    delivery: Delivery,
    patience: Patience,
    foresight: Foresight,
    reign: Reign,
    pausing: Option<Pausing>,
    /// Pictures that came in a pause: the next frame tells them as skipped.
    passed_over: u32,
    next_frame: FrameId,
    /// The next frame is the first since the start, a switch, a fallback or a return.
    warmup: bool,
    running_locally: bool,
    admitted: u64,
    skipped: u64,
    next_tick: Nanos,
    next_input: Nanos,
    next_link_state: Nanos,
}

impl<E: Engine> Coordinator<E> {
    pub(super) fn new(
        runtime: Arc<Runtime<E>>,
        hub: Hub,
        switch: Switch,
        feeder: (SyncSender<()>, String),
        servers: Vec<Remote>,
        patience: Patience,
        (foresight, policy): (Foresight, Option<Spec>),
    ) -> Self {
        let (tokens, source_name) = feeder;
        let graph = runtime.graph();
        let image = Value::whole(graph, NodeId::INPUT);
        let output = Value::whole(graph, graph.output());
        let local = Linked::new(graph, resume(graph, &[image]), Some(output));
        let now = clock::now();
        let mut coordinator = Self {
            local,
            hub,
            switch,
            tokens,
            token_out: false,
            servers: Servers::new(servers),
            source_name,
            server_programs: Vec::new(),
            frames: Frames::new(),
            delivery: Delivery::default(),
            patience,
            foresight,
            reign: Reign::new(policy),
            pausing: None,
            passed_over: 0,
            next_frame: FrameId(0),
            warmup: true,
            running_locally: false,
            admitted: 0,
            skipped: 0,
            next_tick: now,
            next_input: now,
            next_link_state: now,
            runtime,
        };
        let schedule = coordinator.switch.effective().schedule.clone();
        coordinator.install(&schedule);
        coordinator
    }

    pub(super) fn run(mut self, inbox: &Receiver<RobotEvent<E::Payload>>) {
        self.say_who_reigns();
        if self.servers.iter().next().is_none() {
            self.tell_peer(DeviceId::SERVER, PeerState::None);
        }
        loop {
            self.tend_pause(clock::now());
            self.ask_for_picture();
            let others = [self.frames.next_give_up(), self.pause_ends()];
            let next = others
                .into_iter()
                .flatten()
                .fold(self.next_tick, Nanos::min);
            let wait = next.since(clock::now()).max(0) as u64;
            match inbox.recv_timeout(Duration::from_nanos(wait)) {
                Ok(RobotEvent::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(RobotEvent::Runtime(event)) => self.runtime_event(event),
                Ok(RobotEvent::Link(device, event)) => self.link_event(device, event),
                Ok(RobotEvent::Picture(taken)) => self.picture(taken),
                Ok(RobotEvent::Command(request)) => self.command(request),
                Ok(RobotEvent::Foreseen(foreseen)) => self.foreseen(&foreseen),
                Ok(RobotEvent::Decided(decision)) => self.decided(*decision),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = clock::now();
            self.finish_overdue(now);
            if now >= self.next_tick {
                self.tick(now);
            }
        }
    }

    // Admission.

    fn ask_for_picture(&mut self) {
        let window = usize::from(self.switch.effective().schedule.plan.window);
        let wants = !self.token_out && self.frames.len() < window;
        if wants && self.pausing.is_none() && self.tokens.try_send(()).is_ok() {
            self.token_out = true;
        }
    }

    /// Why the plan in effect cannot use its servers now.
    fn server_missing(&self) -> Option<String> {
        let schedule = &self.switch.effective().schedule;
        self.servers.missing(schedule, true)
    }

    fn picture(&mut self, taken: Taken) {
        self.token_out = false;
        if self.pausing.is_some() {
            // It was asked for before the pause.
            self.passed_over = self
                .passed_over
                .saturating_add(taken.skipped)
                .saturating_add(1);
            return;
        }
        let skipped = taken
            .skipped
            .saturating_add(std::mem::take(&mut self.passed_over));
        let admitted = clock::now();
        let graph = Arc::clone(self.runtime.graph());
        let effective = self.switch.effective();
        let plan = effective.schedule.plan.clone();
        let epoch = effective.epoch();
        let missing = self.server_missing();
        self.note_fallback(missing.as_deref());
        let key = FrameKey {
            frame: self.next_frame,
            attempt: 0,
            epoch,
        };
        let local = missing.is_some();
        let servers = if local {
            Vec::new()
        } else {
            self.server_programs.clone()
        };
        let frame = Admitted {
            key,
            at: admitted,
            mode: if local { "local" } else { plan.mode_name() }.to_owned(),
            cut: if local {
                Some(graph.operator_count())
            } else {
                plan.cut(&graph)
            },
            outcome: if local {
                Outcome::FinishedLocally
            } else {
                Outcome::Ok
            },
            warmup: std::mem::take(&mut self.warmup),
            preparing: self.switch.is_preparing(),
            skipped,
            picture: taken.picture.name,
            emulated: E::EMULATED || self.servers.any_emulated(&servers),
            predicted_ns: None,
            give_up_at: self.patience.give_up_at(admitted),
            servers,
            reports: Vec::new(),
            before: Vec::new(),
        };
        self.admitted += 1;
        self.skipped += u64::from(skipped);
        self.next_frame = FrameId(key.frame.0 + 1);
        self.foresee(&frame, (!local).then_some(epoch));
        self.frames.admit(frame);
        if !local {
            self.announce_applied(key.frame);
        }
        let image = Value::whole(&graph, NodeId::INPUT);
        let program = local.then(|| Arc::clone(&self.local));
        match self.runtime.import(&image, &taken.picture.pixels) {
            Ok(pixels) => self.start(key, program, vec![(image, pixels)]),
            Err(error) => self.frame_failed(key.frame, &error.to_string()),
        }
    }

    fn start(
        &mut self,
        key: FrameKey,
        program: Option<Arc<Linked>>,
        values: Vec<(Value, E::Payload)>,
    ) {
        let admitted = self.runtime.admit(Admit {
            key,
            program,
            values,
        });
        match admitted {
            Ok(Some(completed)) => self.completed(completed),
            Ok(None) => {}
            Err(error) => self.frame_failed(key.frame, &error.to_string()),
        }
    }

    /// Says when frames begin to run locally instead of under the plan, and when they return.
    fn note_fallback(&mut self, missing: Option<&str>) {
        let label = self.switch.effective().schedule.plan.label();
        match missing {
            Some(why) if !self.running_locally => {
                let frame = self.next_frame;
                self.hub.event(
                    Level::Warning,
                    format!(
                        "{label} waits for the server ({why}); running locally from frame {frame}"
                    ),
                );
            }
            None if self.running_locally => {
                let frame = self.next_frame;
                self.hub
                    .event(Level::Info, format!("back to {label} at frame {frame}"));
            }
            _ => return,
        }
        self.running_locally = missing.is_some();
        self.warmup = true;
        self.tell_plan();
    }

    fn announce_applied(&mut self, frame: FrameId) {
        let Some((command, epoch, frame)) = self.switch.admitted(frame) else {
            return;
        };
        let label = self.switch.effective().schedule.plan.label();
        self.tell_switch(command, SwitchStage::Applied { epoch, frame });
        self.hub
            .event(Level::Info, format!("{label} applied at frame {frame}"));
        self.tell_plan();
    }

    // Results.

    fn runtime_event(&mut self, event: RuntimeEvent<E::Payload>) {
        match event {
            RuntimeEvent::Completed(completed) => self.completed(completed),
            RuntimeEvent::Failed { key, error } => self.frame_failed(key.frame, &error.to_string()),
        }
    }

    fn completed(&mut self, completed: Completed<E::Payload>) {
        let tops = self.tops(&completed);
        let record = self.frames.completed(completed, tops, clock::now());
        self.tell_frame(record);
    }

    /// The best classes of every image of the batch.
    fn tops(&self, completed: &Completed<E::Payload>) -> Vec<Vec<ClassScore>> {
        let graph = self.runtime.graph();
        let value = Value::whole(graph, graph.output());
        let Some(output) = &completed.output else {
            return Vec::new();
        };
        if self.frames.is_emulated(completed.key.frame) {
            return Vec::new();
        }
        let piece = crate::plan::Piece {
            region: value.region,
            term: value.term,
            payload: output.clone(),
        };
        let classes = graph.node(graph.output()).shape.channels as usize;
        let Ok(bytes) = E::export(graph, &value, &[piece]) else {
            return Vec::new();
        };
        let images = bytes.chunks_exact(4 * classes);
        images.map(|logits| top_five(logits, classes)).collect()
    }

    fn frame_failed(&mut self, frame: FrameId, reason: &str) {
        let Some(admitted) = self.frames.retry(frame) else {
            return;
        };
        self.hub
            .event(Level::Error, format!("frame {frame} failed: {reason}"));
        self.tell_frame(Some(failed(&admitted, clock::now())));
    }

    /// Tells a frame's record in its turn: frames are told in order, whichever way they went.
    fn tell_frame(&mut self, told: Option<Told>) {
        let Some(Told { record, computed }) = told else {
            return;
        };
        self.learn_from(&record, computed);
        if record.outcome == Outcome::Ok && record.bytes_up > 0 {
            self.servers.frame_ok();
            if !record.warmup {
                self.patience.frame(record.epoch, record.latency_ns);
            }
        }
        for record in self.delivery.ready(record) {
            self.hub.record(Record::Frame(Box::new(record)));
        }
    }

    /// Finishes frames that have waited for their servers long enough, oldest first.
    fn finish_overdue(&mut self, now: Nanos) {
        for (key, admitted, devices) in self.frames.overdue(now) {
            if self.finish_locally(key) {
                self.servers.stalled(&devices, now.since(admitted), now);
            }
        }
    }

    /// Finishes a frame from what the robot still holds: its image and what it computed itself.
    /// False if there was nothing to finish: it has its result, or failed, and that is being told.
    fn finish_locally(&mut self, key: FrameKey) -> bool {
        let Some(mut frame) = self.frames.retry(key.frame) else {
            return false;
        };
        let held = match self.runtime.withdraw(key) {
            Some(withdrawn) => {
                frame.before.push(Attempt {
                    program: withdrawn.program,
                    timings: withdrawn.timings,
                });
                withdrawn.values
            }
            None => {
                frame.give_up_at = clock::now().shifted(TOLD_WITHIN_NS);
                self.frames.admit(frame);
                return false;
            }
        };
        let now = clock::now();
        let mut passages = Vec::new();
        for device in frame.devices() {
            let Some(remote) = self.servers.get(device) else {
                continue;
            };
            passages.extend(remote.link.uploads_abandoned(key, now));
            if let Some(outbox) = self.servers.ready(device) {
                outbox.control(&Control::Cancel { key });
            }
        }
        let graph = self.runtime.graph();
        let values: Vec<Value> = held.iter().map(|(value, _)| *value).collect();
        let output = Value::whole(graph, graph.output());
        let program = resume(graph, &values);
        self.foresight.tell(Tell::GivenUp {
            frame: key.frame,
            now,
            robot_ns: self.patience.cost_ns(graph, &program),
            passages,
        });
        let program = Linked::new(graph, program, Some(output));
        frame.key.attempt += 1;
        frame.outcome = Outcome::FinishedLocally;
        frame.servers.clear();
        frame.reports.clear();
        let key = frame.key;
        self.frames.admit(frame);
        self.start(key, Some(program), held);
        true
    }

    // Telling.

    fn tick(&mut self, now: Nanos) {
        self.next_tick = now.shifted(TICK_NS);
        self.servers.tick();
        for remote in self.servers.iter() {
            if let Some(outbox) = remote.outbox() {
                let [_, down] = remote.link.estimates(now);
                outbox.control(&Control::Ping {
                    sent: now,
                    goodput_bps: down.map(|e| e.bps()),
                });
            }
            for sample in remote.link.samples(now) {
                self.hub.record(Record::Link(sample));
            }
        }
        self.sound(now);
        if now >= self.next_link_state {
            self.next_link_state = now.shifted(LINK_STATE_EVERY_NS);
            self.tell_links(now);
        }
        if let Some(ended) = self.switch.tick(now) {
            self.switch_ended(ended);
        }
        for record in self.frames.give_up(now, None) {
            self.tell_frame(Some(record));
        }
        if now >= self.next_input {
            self.next_input = now.shifted(INPUT_EVERY_NS);
            self.hub.record(Record::Input(InputRecord {
                source: self.source_name.clone(),
                admitted: self.admitted,
                skipped: self.skipped,
                records_dropped: self.hub.dropped(),
                late_values: self.runtime.late(),
            }));
            let devices: Vec<DeviceId> = self.servers.iter().map(|r| r.device).collect();
            for device in devices {
                if self.servers.ready(device).is_some() {
                    self.tell_peer(device, PeerState::Ready);
                }
            }
        }
    }

    /// The links beyond their goodput; telemetry shares the radio with the slowest of them.
    fn tell_links(&self, now: Nanos) {
        let mut slowest: Option<u64> = None;
        for remote in self.servers.iter() {
            let values = self.runtime.values_waiting(remote.device);
            let control = remote.outbox().map_or(0, |o| o.waiting());
            let state = remote.link.state(now, values, control);
            let bps = state.up.map(|e| e.bps);
            slowest = slowest.into_iter().chain(bps).min();
            self.hub.record(Record::LinkState(Box::new(state)));
        }
        self.hub.link().set(slowest);
    }

    fn tell_plan(&self) {
        let effective = self.switch.effective();
        self.hub.record(Record::Plan(PlanRecord {
            epoch: effective.epoch(),
            plan: effective.schedule.plan.clone(),
            local_because: self.server_missing(),
            policy: self.reign.spec,
        }));
    }

    fn tell_peer(&self, device: DeviceId, state: PeerState) {
        let remote = self.servers.get(device);
        self.hub.record(Record::Peer(PeerRecord {
            device,
            address: remote.map(|r| r.address.clone()).unwrap_or_default(),
            state,
            clock: remote.and_then(|r| r.link.offset()),
            link: self.hub.emulated_link().map(str::to_owned),
        }));
    }
}
