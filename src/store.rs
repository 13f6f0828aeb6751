//! The console's memory of one worker, under a fixed bound: what the screen and `--headless` show comes from here.
//!
//! Records go in one by one ([`Store::record`]) and are checked as they come: text loses control characters and its
//! excess, rings forget their oldest, a frame told twice counts once. Every statistic is of one epoch.
//! No socket, no terminal, no clock.

mod activity;
mod events;
mod frames;
mod intervals;
mod labels;
mod lanes;
mod limits;
mod link;
mod links;
mod model;
mod operators;
mod packings;
mod power;
mod prediction;
mod predictions;
mod rules;
mod series;
mod switch;
mod sync;
#[cfg(test)]
pub(crate) mod testing;
mod text;
mod trends;

use crate::plan::Plan;
use crate::units::{BootId, Epoch, Nanos};
use crate::wire::console::{Role, WorkerHello};
use crate::wire::{
    FrameRecord, InputRecord, LeaseRecord, Pause, PauseRecord, PlanRecord, Record, SwitchRecord,
    SwitchStage, TelemetryShare,
};

pub use activity::EnergyShares;
pub use events::{EventRow, Events};
pub use frames::{Frames, LatencyFigures, ServerFrames};
pub use labels::{class_name, label};
pub use lanes::{FrameLane, LaneKind, lanes, lanes_of};
pub use limits::{Limit, Limits};
pub use link::{Goodput, LinkSeries, Reading};
pub use links::{Links, Peers};
pub use model::ModelView;
pub use operators::{Median, OperatorTimes};
pub use packings::Packings;
pub use power::{Power, SourceNow};
pub use prediction::{PredictionError, relative_error};
pub use predictions::{CutCost, Predictions};
pub use rules::{Rule, RuleKind, Rules};
pub use series::{Bucket, Gap, Measured, Series, Window};
pub use switch::Switch;
pub use sync::{FrameSync, SyncTime, SyncTimes};
pub use text::clean;
pub use trends::{Trend, Trends};

/// How far back a rail's mean looks.
const RECENT_NS: i64 = 5_000_000_000;

/// What a worker said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Robot or server.
    pub role: Role,
    /// Its host's name.
    pub host: String,
    /// Its start.
    pub boot: BootId,
    /// Version of its program.
    pub version: String,
    /// What computes.
    pub engine: String,
    /// Whether its numbers are emulated.
    pub emulated: bool,
    /// This console's session number there.
    pub session: u64,
    /// Whether control needs the token.
    pub needs_token: bool,
    /// To be hashed with the token.
    pub nonce: crate::units::Hash32,
}

/// What a hello changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// The first hello.
    First,
    /// The same process as before: what was measured still holds.
    Again,
    /// Another process: measurements start anew.
    Restarted,
}

/// What a record changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing that shows.
    Nothing,
    /// Something that shows.
    State,
    /// A frame was added; it is the newest of [`Store::frames`].
    Frame,
    /// An event was added; it is the newest of [`Store::events`].
    Event,
}

/// One worker's telemetry, bounded.
#[derive(Debug, Clone, Default)]
pub struct Store {
    worker: Option<Worker>,
    model: Option<ModelView>,
    plan: Option<PlanRecord>,
    plan_before: Option<Plan>,
    peers: Peers,
    lease: Option<LeaseRecord>,
    input: Option<InputRecord>,
    switch: Option<Switch>,
    pause: Option<PauseRecord>,
    /// The worker's clock as of the newest record that tells it.
    told: Option<Nanos>,
    epoch: Option<Epoch>,
    emulated_frames: bool,
    lost_batches: u64,
    frames: Frames,
    server_frames: ServerFrames,
    links: Links,
    telemetry: Option<TelemetryShare>,
    operators: OperatorTimes,
    syncs: SyncTimes,
    packings: Packings,
    power: Power,
    predictions: Predictions,
    events: Events,
    trends: Trends,
    rules: Rules,
}

impl Store {
    /// Takes a worker's first words in. Another boot than before forgets all measurements (its clock and its epochs
    /// start anew) and keeps the events.
    pub fn hello(&mut self, hello: &WorkerHello) -> Greeting {
        let greeting = match &self.worker {
            None => Greeting::First,
            Some(known) if known.boot == hello.boot => Greeting::Again,
            Some(_) => Greeting::Restarted,
        };
        if greeting == Greeting::Restarted {
            *self = Self {
                events: std::mem::take(&mut self.events),
                ..Self::default()
            };
        }
        // Who holds the lease is told anew at every attach; the old answer names old sessions.
        self.lease = None;
        self.worker = Some(Worker {
            role: hello.role,
            host: clean(&hello.host, 64),
            boot: hello.boot,
            version: clean(&hello.version, 32),
            engine: clean(&hello.engine, 120),
            emulated: hello.emulated,
            session: hello.session,
            needs_token: hello.needs_token,
            nonce: hello.nonce,
        });
        if let Some(model) = &hello.model {
            self.take_model(model, Nanos(0));
        }
        greeting
    }

    /// What the robot expects of plans, and what a policy decided.
    pub const fn predictions(&self) -> &Predictions {
        &self.predictions
    }

    /// What telemetry takes of the robot's link, as told last.
    pub const fn telemetry(&self) -> Option<&TelemetryShare> {
        self.telemetry.as_ref()
    }

    /// Power and host readings.
    pub const fn power(&self) -> &Power {
        &self.power
    }

    /// Batches that this console missed because it read too slowly, as a worker without a spool counts them.
    pub const fn set_lost_batches(&mut self, lost: u64) {
        self.lost_batches = lost;
    }

    /// So many batches more can no longer be had.
    pub const fn lose_batches(&mut self, lost: u64) {
        self.lost_batches = self.lost_batches.saturating_add(lost);
    }

    /// Takes one record in that was missed and came late; `came` is when it would have come. It takes its place among
    /// frames, samples and events. What is so now, and what looks at the newest alone (medians of operators and joins,
    /// estimates of power), does not hear of it.
    pub fn late(&mut self, record: Record, came: Nanos) -> Change {
        match record {
            Record::Frame(frame) => {
                if !self.frames.lacks(frame.frame) {
                    return Change::Nothing;
                }
                self.trends.frame(&frame);
                self.rules.plan(frame.epoch, frame.admitted);
                self.frames.insert(*frame);
                Change::State
            }
            Record::ServerFrame(frame) => {
                self.trends.server_frame(&frame);
                self.server_frames.insert(*frame);
                Change::State
            }
            Record::Link(sample) => {
                let is_new = self.links.insert(sample);
                if is_new {
                    self.trends.link(&sample);
                }
                changed(is_new)
            }
            Record::LinkState(state) => {
                self.trends.link_state(&state);
                Change::State
            }
            Record::Power(power) => {
                self.power.late(&power, &mut self.trends);
                Change::State
            }
            Record::Host(host) => {
                self.trends.host(&host);
                Change::State
            }
            Record::Switch(switch) => {
                self.switched(&switch);
                Change::State
            }
            Record::Event(event) => changed(self.events.insert(&event, came)),
            _ => Change::Nothing,
        }
    }

    /// Takes one record in; `arrived` is this console's time.
    pub fn record(&mut self, record: Record, arrived: Nanos) -> Change {
        self.told = self.told.max(told_at(&record));
        match record {
            Record::Frame(frame) => self.take_frame(*frame),
            Record::ServerFrame(frame) => {
                self.saw_epoch(frame.epoch, Some(frame.began));
                self.trends.server_frame(&frame);
                self.server_frames.push(*frame);
                Change::State
            }
            Record::Link(sample) => {
                let is_new = self.links.push(sample);
                if is_new {
                    self.trends.link(&sample);
                }
                changed(is_new)
            }
            Record::LinkState(state) => {
                self.trends.link_state(&state);
                changed(self.links.set_state(*state))
            }
            Record::TelemetryShare(share) => {
                self.telemetry = Some(share);
                Change::State
            }
            Record::Event(event) => {
                if self.events.push(&event, arrived) {
                    Change::Event
                } else {
                    Change::Nothing
                }
            }
            Record::Plan(plan) => self.take_plan(plan),
            Record::Switch(switch) => {
                self.switched(&switch);
                Switch::take(&mut self.switch, switch);
                Change::State
            }
            Record::Peer(peer) => changed(self.peers.set(peer, arrived)),
            Record::Lease(lease) => {
                let lease = LeaseRecord {
                    name: lease.name.map(|name| clean(&name, 64)),
                    ..lease
                };
                replace(&mut self.lease, lease)
            }
            Record::Input(input) => {
                let input = InputRecord {
                    source: clean(&input.source, 200),
                    ..input
                };
                replace(&mut self.input, input)
            }
            Record::Model(model) => {
                self.take_model(&model, arrived);
                Change::State
            }
            Record::PowerSources(sources) => {
                if self.power.set_sources(*sources) {
                    self.trends.other_sources();
                }
                Change::State
            }
            Record::Power(power) => {
                self.power.add(&power, &mut self.trends);
                Change::State
            }
            Record::Prediction(prediction) => {
                let model = self.model.as_ref().map(|m| &*m.graph);
                changed(self.predictions.push(*prediction, model))
            }
            Record::Decision(decision) => {
                self.predictions.decided(*decision);
                Change::State
            }
            Record::Host(host) => {
                self.trends.host(&host);
                self.power.set_host(host);
                Change::State
            }
            Record::Pause(record) => {
                let pause = record.pause.map(|pause| Pause {
                    by: clean(&pause.by, 64),
                    ..pause
                });
                replace(&mut self.pause, PauseRecord { pause, ..record })
            }
            Record::IdleLevel(level) => {
                self.power.set_idle_level(level);
                Change::State
            }
        }
    }

    fn take_frame(&mut self, frame: FrameRecord) -> Change {
        self.saw_epoch(frame.epoch, Some(frame.admitted));
        self.emulated_frames = frame.emulated;
        if !self.frames.admits(&frame) {
            return Change::Nothing;
        }
        self.trends.frame(&frame);
        self.rules.frame(&frame);
        self.operators.add(&frame);
        self.syncs.add(&frame);
        self.packings.add(&frame);
        self.power.frame(&frame);
        self.frames.push(frame);
        Change::Frame
    }

    fn take_plan(&mut self, plan: PlanRecord) -> Change {
        self.rules.name(plan.epoch, &plan.plan.label());
        self.saw_epoch(plan.epoch, None);
        let plan = PlanRecord {
            local_because: plan.local_because.map(|why| clean(&why, 200)),
            ..plan
        };
        if let Some(old) = self.plan.as_ref().filter(|old| old.plan != plan.plan) {
            self.plan_before = Some(old.plan.clone());
        }
        replace(&mut self.plan, plan)
    }

    fn take_model(&mut self, record: &crate::wire::ModelRecord, arrived: Nanos) {
        if self.model.as_ref().is_some_and(|m| m.is(record)) {
            return;
        }
        match ModelView::new(record) {
            Ok(model) => {
                if self.model.as_ref().is_some_and(|m| m.hash != model.hash) {
                    self.operators = OperatorTimes::default();
                    self.syncs = SyncTimes::default();
                    self.packings = Packings::default();
                }
                self.power.set_images(model.graph.input_shape().batch);
                self.model = Some(model);
            }
            Err(error) => self.events.complain(
                format!("this worker's model cannot be read: {error}"),
                arrived,
            ),
        }
    }

    /// A switch that was carried out divides the time; other stages of it do not.
    fn switched(&mut self, switch: &SwitchRecord) {
        if let SwitchStage::Applied { epoch, .. } = switch.stage {
            self.rules.name(epoch, &switch.plan.label());
            self.rules.plan(epoch, switch.at);
            self.saw_epoch(epoch, Some(switch.at));
        }
    }

    /// Something of this epoch was told, which began at this moment of the worker's clock or before.
    fn saw_epoch(&mut self, epoch: Epoch, at: Option<Nanos>) {
        if let Some(at) = at {
            self.rules.plan(epoch, at);
        }
        if self.epoch.is_none_or(|known| epoch > known) {
            if let Some(at) = at.or(self.trends.newest()).filter(|_| self.epoch.is_some()) {
                self.power.begin(at);
                self.links.begin(at);
            }
            self.epoch = Some(epoch);
            self.operators.begin(epoch);
            self.syncs.begin(epoch);
            self.packings.begin(epoch);
        }
    }

    /// What the worker said of itself, once it has.
    pub const fn worker(&self) -> Option<&Worker> {
        self.worker.as_ref()
    }

    /// The worker's role, once known.
    pub fn role(&self) -> Option<Role> {
        self.worker.as_ref().map(|w| w.role)
    }

    /// The model, once there is one.
    pub const fn model(&self) -> Option<&ModelView> {
        self.model.as_ref()
    }

    /// The plan in effect, once told.
    pub const fn plan(&self) -> Option<&PlanRecord> {
        self.plan.as_ref()
    }

    /// The plan that was in effect before the present one, if this console saw it.
    pub const fn plan_before(&self) -> Option<&Plan> {
        self.plan_before.as_ref()
    }

    /// The data links' other ends.
    pub const fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Who holds the control lease, as last told.
    pub const fn lease(&self) -> Option<&LeaseRecord> {
        self.lease.as_ref()
    }

    /// The picture source.
    pub const fn input(&self) -> Option<&InputRecord> {
        self.input.as_ref()
    }

    /// The newest switch of plan.
    pub const fn switch(&self) -> Option<&Switch> {
        self.switch.as_ref()
    }

    /// The pause that the robot is in.
    pub fn pause(&self) -> Option<&Pause> {
        self.pause.as_ref()?.pause.as_ref()
    }

    /// The worker's clock, as far as it was told; a tenth of a second behind at most while the worker is there.
    pub const fn told(&self) -> Option<Nanos> {
        self.told
    }

    /// How long ago a pause measured what the robot takes while it does nothing; none where none did.
    pub fn idle_age_ns(&self) -> Option<i64> {
        let level = self.power.idle_level()?;
        Some(self.told?.since(level.until).max(0))
    }

    /// The newest epoch seen; statistics are of it.
    pub const fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// The newest frames.
    pub const fn frames(&self) -> &Frames {
        &self.frames
    }

    /// The newest frames of a server.
    pub const fn server_frames(&self) -> &ServerFrames {
        &self.server_frames
    }

    /// The data links over time.
    pub const fn links(&self) -> &Links {
        &self.links
    }

    /// What each operator takes in this epoch.
    pub const fn operators(&self) -> &OperatorTimes {
        &self.operators
    }

    /// What joining divided operators takes in this epoch.
    pub const fn syncs(&self) -> &SyncTimes {
        &self.syncs
    }

    /// What codecs do to the values of the plan in effect.
    pub const fn packings(&self) -> &Packings {
        &self.packings
    }

    /// What is drawn over time.
    pub const fn trends(&self) -> &Trends {
        &self.trends
    }

    /// A rail's mean over the last five seconds, in watts, as far as the plan in effect ran in them.
    pub fn rail_mean(&self, source: usize, rail: usize) -> Option<f64> {
        let series = self.trends.of(Trend::Rail(source, rail))?;
        let (newest, _) = series.last()?;
        let from = newest.shifted(-RECENT_NS);
        let from = self.power.since().map_or(from, |since| since.max(from));
        series.between(from, newest.shifted(1)).mean()
    }

    /// What divides that time.
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// A person marked a moment, which was this one on the worker's clock; none is the newest.
    pub fn mark(&mut self, text: &str, at: Option<Nanos>) {
        if let Some(at) = at.or(self.trends.newest()) {
            self.rules.mark(text, at);
        }
    }

    /// What happened.
    pub const fn events(&self) -> &Events {
        &self.events
    }

    /// Batches that this console missed.
    pub const fn lost_batches(&self) -> u64 {
        self.lost_batches
    }

    /// Whether any number here is emulated.
    pub fn emulated(&self) -> bool {
        self.emulated_frames || self.worker.as_ref().is_some_and(|w| w.emulated)
    }
}

/// The worker's clock when it told this; none where a record tells something older, or no time.
fn told_at(record: &Record) -> Option<Nanos> {
    match record {
        Record::Link(sample) => Some(sample.at),
        Record::LinkState(state) => Some(state.at),
        Record::TelemetryShare(share) => Some(share.at),
        Record::Event(event) => Some(event.at),
        Record::Pause(pause) => Some(pause.at),
        Record::Power(power) => power.samples.iter().map(|s| s.at).max(),
        _ => None,
    }
}

const fn changed(yes: bool) -> Change {
    if yes { Change::State } else { Change::Nothing }
}

fn replace<T: PartialEq>(slot: &mut Option<T>, new: T) -> Change {
    if slot.as_ref() == Some(&new) {
        return Change::Nothing;
    }
    *slot = Some(new);
    Change::State
}
