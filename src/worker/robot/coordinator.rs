//! The robot's decisions: what to admit, under which plan, and what to do when something dies.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use super::dialer::LinkEvent;
use super::frames::{Admitted, Frames, failed};
use super::{RobotEvent, Taken};
use crate::clock;
use crate::engine::Engine;
use crate::link::Outbox;
use crate::plan::{Admit, Completed, Linked, Schedule, Value, resume};
use crate::units::{DeviceId, Epoch, FrameId, FrameKey, Nanos, NodeId};
use crate::wire::data::Control;
use crate::wire::{
    ClassScore, Compressed, FrameRecord, InputRecord, Level, Outcome, PeerRecord, PeerState,
    PlanRecord, Record, SwitchRecord, SwitchStage,
};
use crate::worker::account::top_five;
use crate::worker::endpoint::CommandRequest;
use crate::worker::peer::PeerLink;
use crate::worker::runtime::{Runtime, RuntimeEvent};
use crate::worker::switch::{Ended, Switch};
use crate::worker::telemetry::Hub;

/// How often heartbeats are sent, link windows closed and timeouts looked at.
const TICK_NS: i64 = 100_000_000;
/// How often the picture source is reported.
const INPUT_EVERY_NS: i64 = 1_000_000_000;

/// The server as far as admission cares.
enum Server {
    /// None was asked for.
    None,
    /// Not there, and why.
    Absent(String),
    /// Connected; it loads the model or prepares the plan.
    NotReady(Arc<Outbox>, String),
    /// It has the model; the epoch it has prepared, if any.
    Ready(Arc<Outbox>, Option<Epoch>),
}

pub(super) struct Coordinator<E: Engine> {
    runtime: Arc<Runtime<E>>,
    link: Arc<PeerLink>,
    hub: Hub,
    switch: Switch,
    /// One token asks for one picture.
    tokens: SyncSender<()>,
    token_out: bool,
    address: String,
    source_name: String,
    server: Server,
    server_program: Option<Arc<Linked>>,
    local: Arc<Linked>,
    frames: Frames<E::Payload>,
    next_frame: FrameId,
    /// The next frame is the first since the start, a switch, a fallback or a return.
    warmup: bool,
    running_locally: bool,
    admitted: u64,
    skipped: u64,
    next_tick: Nanos,
    next_input: Nanos,
}

impl<E: Engine> Coordinator<E> {
    pub(super) fn new(
        runtime: Arc<Runtime<E>>,
        link: Arc<PeerLink>,
        hub: Hub,
        switch: Switch,
        tokens: SyncSender<()>,
        server: Option<String>,
        source_name: String,
    ) -> Self {
        let graph = runtime.graph();
        let image = Value::whole(graph, NodeId::INPUT);
        let output = Value::whole(graph, graph.output());
        let local = Linked::new(graph, resume(graph, &[image]), Some(output));
        let now = clock::now();
        let mut coordinator = Self {
            local,
            link,
            hub,
            switch,
            tokens,
            token_out: false,
            server: match &server {
                None => Server::None,
                Some(_) => Server::Absent("it has not answered yet".to_owned()),
            },
            address: server.unwrap_or_default(),
            source_name,
            server_program: None,
            frames: Frames::new(),
            next_frame: FrameId(0),
            warmup: true,
            running_locally: false,
            admitted: 0,
            skipped: 0,
            next_tick: now,
            next_input: now,
            runtime,
        };
        let schedule = coordinator.switch.effective().schedule.clone();
        coordinator.install(&schedule);
        coordinator
    }

    pub(super) fn run(mut self, inbox: &Receiver<RobotEvent<E::Payload>>) {
        self.tell_plan();
        self.tell_peer(PeerState::None);
        loop {
            self.ask_for_picture();
            let wait = self.next_tick.since(clock::now()).max(0) as u64;
            match inbox.recv_timeout(Duration::from_nanos(wait)) {
                Ok(RobotEvent::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(RobotEvent::Runtime(event)) => self.runtime_event(event),
                Ok(RobotEvent::Link(event)) => self.link_event(event),
                Ok(RobotEvent::Picture(taken)) => self.picture(taken),
                Ok(RobotEvent::Command(request)) => self.command(request),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = clock::now();
            if now >= self.next_tick {
                self.tick(now);
            }
        }
    }

    // Admission.

    fn ask_for_picture(&mut self) {
        let window = usize::from(self.switch.effective().schedule.plan.window);
        if !self.token_out && self.frames.len() < window && self.tokens.try_send(()).is_ok() {
            self.token_out = true;
        }
    }

    /// Why the plan in effect cannot use the server now.
    fn server_missing(&self) -> Option<String> {
        match &self.server {
            Server::None => Some("no server was given (--server)".to_owned()),
            Server::Absent(reason) => Some(reason.clone()),
            Server::NotReady(_, what) => Some(what.clone()),
            Server::Ready(_, prepared) if *prepared == Some(self.switch.effective().epoch()) => {
                None
            }
            Server::Ready(..) => Some("it is preparing the plan".to_owned()),
        }
    }

    fn picture(&mut self, taken: Taken) {
        self.token_out = false;
        let admitted = clock::now();
        let graph = Arc::clone(self.runtime.graph());
        let effective = self.switch.effective();
        let plan = effective.schedule.plan.clone();
        let epoch = effective.epoch();
        let missing = effective.needs_server().then(|| self.server_missing());
        let missing = missing.flatten();
        self.note_fallback(missing.as_deref());
        let key = FrameKey {
            frame: self.next_frame,
            attempt: 0,
            epoch,
        };
        let local = missing.is_some();
        let uses_server = !local && self.switch.effective().needs_server();
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
            skipped: taken.skipped,
            picture: taken.picture.name,
            server: self.server_program.clone().filter(|_| uses_server),
        };
        self.admitted += 1;
        self.skipped += u64::from(taken.skipped);
        self.next_frame = FrameId(key.frame.0 + 1);
        self.frames.admit(frame);
        if !local {
            self.announce_applied(key.frame);
        }
        let image = Value::whole(&graph, NodeId::INPUT);
        let program = local.then(|| Arc::clone(&self.local));
        match E::import(&graph, &image, &taken.picture.pixels) {
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
        let top = self.top(&completed);
        let record = self.frames.completed(completed, top, clock::now());
        self.tell_frame(record);
    }

    fn top(&self, completed: &Completed<E::Payload>) -> Vec<ClassScore> {
        let graph = self.runtime.graph();
        let value = Value::whole(graph, graph.output());
        let Some(output) = &completed.output else {
            return Vec::new();
        };
        let piece = crate::plan::Piece {
            region: value.region,
            term: value.term,
            payload: output.clone(),
        };
        let classes = graph.node(graph.output()).shape.channels as usize;
        E::export(graph, &value, &[piece]).map_or_else(|_| Vec::new(), |b| top_five(&b, classes))
    }

    fn frame_failed(&mut self, frame: FrameId, reason: &str) {
        let Some(admitted) = self.frames.retry(frame) else {
            return;
        };
        self.hub
            .event(Level::Error, format!("frame {frame} failed: {reason}"));
        self.tell_frame(Some(failed(&admitted, clock::now())));
    }

    fn tell_frame(&self, record: Option<FrameRecord>) {
        if let Some(record) = record {
            self.hub.record(Record::Frame(Box::new(record)));
        }
    }

    // The link.

    fn link_event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Connecting => self.tell_peer(PeerState::Connecting),
            LinkEvent::Up(outbox) => {
                self.server = Server::NotReady(outbox, "it is being greeted".to_owned());
            }
            LinkEvent::Loading {
                what,
                done_bytes,
                total_bytes,
            } => {
                if let Server::NotReady(_, state) = &mut self.server {
                    state.clone_from(&what);
                }
                self.tell_peer(PeerState::Loading {
                    what,
                    done_bytes,
                    total_bytes,
                });
            }
            LinkEvent::Ready { engine } => {
                if let Server::NotReady(outbox, _) = &self.server {
                    let outbox = Arc::clone(outbox);
                    let schedule = self.switch.effective().schedule.clone();
                    let prepared = send_program(&outbox, &schedule);
                    self.server = Server::Ready(outbox, (!prepared).then_some(schedule.epoch));
                    let address = &self.address;
                    self.hub.event(
                        Level::Info,
                        format!("the server at {address} is ready ({engine})"),
                    );
                    self.tell_peer(PeerState::Ready);
                }
            }
            LinkEvent::Prepared { epoch, result } => self.server_prepared(epoch, result),
            LinkEvent::Report(report) => self.reported(&report),
            LinkEvent::Failed { key, reason } => self.server_failed(key, &reason),
            LinkEvent::Down {
                reason,
                retry_in_ms,
            } => self.link_down(reason, retry_in_ms),
        }
    }

    fn server_prepared(&mut self, epoch: Epoch, result: Result<(), String>) {
        if result.is_ok() {
            let is_effective = epoch == self.switch.effective().epoch();
            let pending = self.switch.is_preparing();
            if let Server::Ready(_, prepared) = &mut self.server
                && (is_effective || pending)
            {
                *prepared = Some(epoch);
            }
        } else if epoch == self.switch.effective().epoch() {
            let why = result.clone().err().unwrap_or_default();
            self.hub.event(
                Level::Error,
                format!("the server cannot prepare the plan in effect: {why}"),
            );
        }
        if let Some(ended) = self.switch.prepared(epoch, result) {
            self.switch_ended(ended);
        }
    }

    fn reported(&mut self, report: &crate::wire::data::Report) {
        let offset = self.link.offset();
        // The frame's own program: the plan in effect may be another by now.
        if let (Some(offset), Some(program)) = (offset, self.frames.server_program(report.key)) {
            for timing in &report.timings {
                if let Some(value) = program.received_value(timing.of) {
                    let at = offset.to_ours(timing.end);
                    self.link.upload_ended(report.key, &value, at);
                }
            }
        }
        let record = self.frames.reported(report, offset);
        self.tell_frame(record);
    }

    fn server_failed(&mut self, key: FrameKey, reason: &str) {
        self.hub.event(
            Level::Error,
            format!("frame {} failed on the server: {reason}", key.frame),
        );
        self.finish_locally(key);
    }

    fn link_down(&mut self, reason: String, retry_in_ms: u64) {
        let was_up = matches!(self.server, Server::Ready(..) | Server::NotReady(..));
        let address = &self.address;
        if was_up {
            self.hub.event(
                Level::Warning,
                format!("lost the server at {address}: {reason}"),
            );
        }
        self.server = Server::Absent(format!("{address}: {reason}"));
        if let Some(ended) = self.switch.link_lost(&reason) {
            self.switch_ended(ended);
        }
        for record in self.frames.give_up(clock::now(), true) {
            self.tell_frame(Some(record));
        }
        for key in self.frames.on_server() {
            self.finish_locally(key);
        }
        self.tell_peer(PeerState::Retrying {
            reason,
            in_ms: retry_in_ms,
        });
    }

    /// Finishes a frame from what the robot still holds: its image and what it computed itself.
    fn finish_locally(&mut self, key: FrameKey) {
        let Some(mut frame) = self.frames.retry(key.frame) else {
            return;
        };
        let held = self.runtime.withdraw(key);
        self.link.uploads_abandoned(key, clock::now());
        if let Server::Ready(outbox, _) = &self.server {
            outbox.control(&Control::Cancel { key });
        }
        let graph = self.runtime.graph();
        let values: Vec<Value> = held.iter().map(|(value, _)| *value).collect();
        let output = Value::whole(graph, graph.output());
        let program = Linked::new(graph, resume(graph, &values), Some(output));
        frame.key.attempt += 1;
        frame.outcome = Outcome::FinishedLocally;
        frame.server = None;
        let key = frame.key;
        self.frames.admit(frame);
        self.start(key, Some(program), held);
    }

    // Switches.

    fn command(&mut self, request: CommandRequest) {
        let graph = Arc::clone(self.runtime.graph());
        let server = match &self.server {
            Server::Ready(..) => Ok(()),
            _ => Err(self.server_missing().unwrap_or_default()),
        };
        let now = clock::now();
        let CommandRequest {
            id,
            expect_epoch,
            plan,
            ..
        } = &request;
        let schedule = self
            .switch
            .request(&graph, *id, plan, *expect_epoch, server, now)
            .cloned();
        match schedule {
            Ok(schedule) => {
                let _ = request.reply.send(Ok(()));
                self.hub.record(Record::Switch(SwitchRecord {
                    at: now,
                    command: request.id,
                    plan: request.plan,
                    stage: SwitchStage::Requested,
                }));
                self.prepare(&schedule);
            }
            Err(reason) => {
                let _ = request.reply.send(Err(reason.clone()));
                self.hub.record(Record::Switch(SwitchRecord {
                    at: now,
                    command: request.id,
                    plan: request.plan,
                    stage: SwitchStage::Refused { reason },
                }));
            }
        }
    }

    fn prepare(&mut self, schedule: &Schedule) {
        self.install_program(schedule);
        let waits = match &self.server {
            Server::Ready(outbox, _) => send_program(outbox, schedule),
            _ => false,
        };
        if !waits && let Some(ended) = self.switch.prepared(schedule.epoch, Ok(())) {
            self.switch_ended(ended);
        }
    }

    fn switch_ended(&mut self, ended: Ended) {
        let label = ended.plan.label();
        let stage = match ended.result {
            Ok(epoch) => {
                self.warmup = true;
                let schedule = self.switch.effective().schedule.clone();
                self.install(&schedule);
                // A frame in flight may not have reached the server yet: its plan must stay there.
                let oldest = self.frames.oldest_epoch().unwrap_or(epoch);
                self.runtime.retire_before(oldest);
                if let Server::Ready(outbox, _) = &self.server {
                    outbox.control(&Control::Retire { oldest });
                }
                SwitchStage::Prepared { epoch }
            }
            Err(reason) => {
                self.hub
                    .event(Level::Warning, format!("{label} refused: {reason}"));
                SwitchStage::Refused { reason }
            }
        };
        let record = SwitchRecord {
            at: clock::now(),
            command: ended.command,
            plan: ended.plan,
            stage,
        };
        self.hub.record(Record::Switch(record));
        self.tell_plan();
    }

    /// Makes a schedule's own program known to the lanes.
    fn install_program(&self, schedule: &Schedule) {
        if let Some(program) = schedule.program(DeviceId::ROBOT) {
            let linked = Linked::new(self.runtime.graph(), program.clone(), Some(schedule.output));
            self.runtime.prepare(schedule.epoch, linked);
        }
    }

    /// Makes a schedule the one that frames are admitted under.
    fn install(&mut self, schedule: &Schedule) {
        self.install_program(schedule);
        let graph = self.runtime.graph();
        let server = schedule.program(DeviceId::SERVER);
        self.server_program = server.map(|p| Linked::new(graph, p.clone(), None));
    }

    // Telling.

    fn tick(&mut self, now: Nanos) {
        self.next_tick = now.shifted(TICK_NS);
        if let Server::Ready(outbox, _) | Server::NotReady(outbox, _) = &self.server {
            outbox.control(&Control::Ping { sent: now });
        }
        for sample in self.link.samples(now) {
            self.hub.record(Record::Link(sample));
        }
        if let Some(ended) = self.switch.tick(now) {
            self.switch_ended(ended);
        }
        for record in self.frames.give_up(now, false) {
            self.tell_frame(Some(record));
        }
        if now >= self.next_input {
            self.next_input = now.shifted(INPUT_EVERY_NS);
            self.hub.record(Record::Input(InputRecord {
                source: self.source_name.clone(),
                admitted: self.admitted,
                skipped: self.skipped,
                records_dropped: self.hub.dropped(),
            }));
            if matches!(self.server, Server::Ready(..)) {
                self.tell_peer(PeerState::Ready);
            }
        }
    }

    fn tell_plan(&self) {
        let effective = self.switch.effective();
        let needs = effective.needs_server();
        self.hub.record(Record::Plan(PlanRecord {
            epoch: effective.epoch(),
            plan: effective.schedule.plan.clone(),
            local_because: needs.then(|| self.server_missing()).flatten(),
        }));
    }

    fn tell_peer(&self, state: PeerState) {
        self.hub.record(Record::Peer(PeerRecord {
            address: self.address.clone(),
            state,
            clock: self.link.offset(),
        }));
    }

    fn tell_switch(&self, command: u64, stage: SwitchStage) {
        self.hub.record(Record::Switch(SwitchRecord {
            at: clock::now(),
            command,
            plan: self.switch.effective().schedule.plan.clone(),
            stage,
        }));
    }
}

/// Sends the server its program of a schedule; false if it has none.
fn send_program(outbox: &Outbox, schedule: &Schedule) -> bool {
    let Some(program) = schedule.program(DeviceId::SERVER) else {
        return false;
    };
    outbox.control(&Control::Prepare {
        epoch: schedule.epoch,
        program: Compressed::encode(program),
    });
    true
}
