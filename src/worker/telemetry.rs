//! Where a worker's measurements go: a bounded queue that producers never wait for, and what is so right now.
//!
//! Lanes and links call [`Hub::record`] and go on. The endpoint's collector empties the queue ten times a second, and
//! sooner for what people wait for; a record that does not fit is dropped and counted. State records (plan, peer, lease, input, model) are also kept as
//! the present state, so that a console that attaches late is told, and so that a dropped one is told again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::clock;
use crate::link::Goodput;
use crate::power::energy::Quiet;
use crate::units::{BootId, DeviceId};
use crate::wire::{EventRecord, Level, ModelRecord, Record};

/// Records that may wait for the collector: 0.8 s at 5,000 a second.
const QUEUE: usize = 4096;
/// Events that a console gets when it attaches.
const RECENT_EVENTS: usize = 50;

/// The one place that a worker's parts tell what they measured. Clones share it.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    boot: BootId,
    sender: SyncSender<Record>,
    receiver: Mutex<Option<Receiver<Record>>>,
    dropped: AtomicU64,
    state_dropped: AtomicBool,
    urgent: tokio::sync::Notify,
    present: Mutex<Present>,
    /// What the robot's slowest link carries, which telemetry shares.
    link: Goodput,
    /// Consoles come over the shaped link, whatever their addresses say.
    shaped: AtomicBool,
    /// The emulated link before the servers.
    emulated_link: OnceLock<String>,
    /// When the robot was last left alone on purpose.
    quiet: Mutex<Option<Quiet>>,
    /// Who wants to know latencies without attaching.
    tap: Mutex<Option<SyncSender<i64>>>,
}

/// The latest state record of each kind, and the events of late.
#[derive(Default)]
struct Present {
    model: Option<Record>,
    /// One per peer.
    peers: BTreeMap<DeviceId, Option<Record>>,
    plan: Option<Record>,
    lease: Option<Record>,
    input: Option<Record>,
    power: Option<Record>,
    host: Option<Record>,
    prediction: Option<Record>,
    pause: Option<Record>,
    idle_level: Option<Record>,
    events: VecDeque<EventRecord>,
}

impl Present {
    /// Where a record of this kind is kept; none for what is no state.
    fn slot(&mut self, record: &Record) -> Option<&mut Option<Record>> {
        match record {
            Record::Model(_) => Some(&mut self.model),
            Record::Peer(peer) => Some(self.peers.entry(peer.device).or_default()),
            Record::Plan(_) => Some(&mut self.plan),
            Record::Lease(_) => Some(&mut self.lease),
            Record::Input(_) => Some(&mut self.input),
            Record::PowerSources(_) => Some(&mut self.power),
            Record::Host(_) => Some(&mut self.host),
            Record::Prediction(_) => Some(&mut self.prediction),
            Record::Pause(_) => Some(&mut self.pause),
            Record::IdleLevel(_) => Some(&mut self.idle_level),
            Record::Frame(_)
            | Record::ServerFrame(_)
            | Record::Link(_)
            | Record::Event(_)
            | Record::Power(_)
            | Record::Decision(_)
            | Record::LinkState(_)
            | Record::TelemetryShare(_)
            | Record::Switch(_) => None,
        }
    }

    fn states(&self) -> impl Iterator<Item = Record> {
        let others = [
            &self.plan,
            &self.lease,
            &self.input,
            &self.power,
            &self.host,
            &self.prediction,
            &self.pause,
            &self.idle_level,
        ];
        std::iter::once(&self.model)
            .chain(self.peers.values())
            .chain(others)
            .flatten()
            .cloned()
    }
}

const fn is_state(record: &Record) -> bool {
    matches!(
        record,
        Record::Model(_)
            | Record::Peer(_)
            | Record::Plan(_)
            | Record::Lease(_)
            | Record::Input(_)
            | Record::PowerSources(_)
            | Record::Host(_)
            | Record::Prediction(_)
            | Record::Pause(_)
            | Record::IdleLevel(_)
    )
}

impl Hub {
    /// An empty hub of a worker's start.
    pub fn new(boot: BootId) -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        Self(Arc::new(Inner {
            boot,
            sender,
            receiver: Mutex::new(Some(receiver)),
            dropped: AtomicU64::new(0),
            state_dropped: AtomicBool::new(false),
            urgent: tokio::sync::Notify::new(),
            present: Mutex::default(),
            link: Goodput::default(),
            shaped: AtomicBool::new(false),
            emulated_link: OnceLock::new(),
            quiet: Mutex::default(),
            tap: Mutex::default(),
        }))
    }

    /// The worker's start.
    pub fn boot(&self) -> BootId {
        self.0.boot
    }

    /// Hands a record to whoever watches. Never waits: what does not fit is dropped and counted.
    pub fn record(&self, record: Record) {
        let state = is_state(&record);
        if state {
            // State changes are rare; frames and link samples never come to this lock.
            let mut present = self.present();
            if let Some(slot) = present.slot(&record) {
                *slot = Some(record.clone());
            }
        }
        if let Record::Frame(frame) = &record
            && let Some(tap) = self.tap().as_ref()
        {
            let _ = tap.try_send(frame.latency_ns);
        }
        // People wait for these; everything else waits for the next tick.
        let urgent = matches!(
            record,
            Record::Switch(_)
                | Record::Plan(_)
                | Record::Lease(_)
                | Record::Event(_)
                | Record::Decision(_)
                | Record::Pause(_)
        );
        if urgent {
            self.0.urgent.notify_one();
        }
        if self.0.sender.try_send(record).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            if state {
                self.0.state_dropped.store(true, Ordering::Release);
            }
        }
    }

    /// Tells people a sentence: consoles get it as an event, and the worker's own log has it too.
    pub fn event(&self, level: Level, text: impl Into<String>) {
        let text = text.into();
        match level {
            Level::Info => tracing::info!("{text}"),
            Level::Warning => tracing::warn!("{text}"),
            Level::Error => tracing::error!("{text}"),
        }
        self.record(Record::Event(EventRecord {
            at: clock::now(),
            unix_ms: clock::unix_ms(),
            level,
            text,
        }));
    }

    /// What the link carries that telemetry shares; kept up to date by who measures it.
    pub fn link(&self) -> &Goodput {
        &self.0.link
    }

    /// The latency of every frame from now on, in nanoseconds, for who must not attach to see it: what an attached console
    /// costs is measured so. What is not read in time is left out; a later tap takes the place of this one.
    pub fn latencies(&self) -> Receiver<i64> {
        let (sender, latencies) = sync_channel(QUEUE);
        *self.tap() = Some(sender);
        latencies
    }

    fn tap(&self) -> MutexGuard<'_, Option<SyncSender<i64>>> {
        self.0.tap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Servers are reached over this emulated link; said once.
    pub fn set_emulated_link(&self, link: String) {
        self.0.emulated_link.set(link).ok();
    }

    /// The emulated link that servers are reached over, if there is one.
    pub fn emulated_link(&self) -> Option<&str> {
        self.0.emulated_link.get().map(String::as_str)
    }

    /// Consoles from now on come over the shaped link: they share the radio with data although they are on this machine.
    pub fn set_shaped(&self) {
        self.0.shaped.store(true, Ordering::Relaxed);
    }

    /// Whether consoles come over the shaped link.
    pub fn is_shaped(&self) -> bool {
        self.0.shaped.load(Ordering::Relaxed)
    }

    /// The robot is left alone on purpose, or was: for who measures what it takes then.
    pub fn set_quiet(&self, quiet: Quiet) {
        *self.quiet_slot() = Some(quiet);
    }

    /// When the robot was last left alone on purpose.
    pub fn quiet(&self) -> Option<Quiet> {
        *self.quiet_slot()
    }

    fn quiet_slot(&self) -> MutexGuard<'_, Option<Quiet>> {
        self.0.quiet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records dropped so far because the queue was full.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// The latest model record.
    pub fn model(&self) -> Option<Box<ModelRecord>> {
        match &self.present().model {
            Some(Record::Model(model)) => Some(model.clone()),
            _ => None,
        }
    }

    /// The present state, one record of each kind that there is.
    pub fn state(&self) -> Vec<Record> {
        self.present().states().collect()
    }

    /// What a console that attaches now has to know: the present state, then the events of late.
    pub fn snapshot(&self) -> Vec<Record> {
        let present = self.present();
        let events = present.events.iter().cloned().map(Record::Event);
        present.states().chain(events).collect()
    }

    /// The queue's other end; none if it was taken before.
    pub(super) fn take_queue(&self) -> Option<Receiver<Record>> {
        self.0
            .receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Keeps the events among records that the collector took out, for consoles to come.
    pub(super) fn remember(&self, records: &[Record]) {
        let mut present = None;
        for record in records {
            if let Record::Event(event) = record {
                let present = present.get_or_insert_with(|| self.present());
                if present.events.len() == RECENT_EVENTS {
                    present.events.pop_front();
                }
                present.events.push_back(event.clone());
            }
        }
    }

    /// Waits until a record came that people wait for.
    pub(super) async fn urgent(&self) {
        self.0.urgent.notified().await;
    }

    /// Whether a state record was dropped since this was last asked: the present state is to be told again.
    pub(super) fn take_state_dropped(&self) -> bool {
        self.0.state_dropped.swap(false, Ordering::AcqRel)
    }

    fn present(&self) -> MutexGuard<'_, Present> {
        self.0
            .present
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Epoch;
    use crate::wire::{LeaseRecord, PlanRecord};

    fn lease(session: u64) -> Record {
        Record::Lease(LeaseRecord {
            session: Some(session),
            name: Some(format!("console {session}")),
        })
    }

    #[test]
    fn a_full_queue_drops_and_counts_and_never_waits() {
        let hub = Hub::new(BootId(1));
        for _ in 0..QUEUE + 7 {
            hub.event(Level::Info, "again");
        }
        assert_eq!(hub.dropped(), 7);
        assert!(!hub.take_state_dropped());
        hub.record(lease(3));
        assert_eq!(hub.dropped(), 8);
        assert!(hub.take_state_dropped());
        assert!(!hub.take_state_dropped());
        assert_eq!(hub.state(), [lease(3)]);
    }

    #[test]
    fn a_snapshot_has_the_latest_state_of_each_kind_and_the_last_events() {
        let hub = Hub::new(BootId(1));
        let plan = Record::Plan(PlanRecord {
            epoch: Epoch(4),
            plan: crate::plan::Plan::LOCAL,
            local_because: None,
            policy: None,
        });
        hub.record(lease(1));
        hub.record(plan.clone());
        hub.record(lease(2));
        for n in 0..60 {
            hub.event(Level::Info, format!("event {n}"));
        }
        let taken: Vec<_> = hub.take_queue().unwrap().try_iter().collect();
        hub.remember(&taken);
        let snapshot = hub.snapshot();
        assert_eq!(snapshot[..2], [plan, lease(2)]);
        let texts: Vec<_> = snapshot[2..]
            .iter()
            .map(|r| match r {
                Record::Event(e) => e.text.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(texts.len(), RECENT_EVENTS);
        assert_eq!(
            (texts[0].as_str(), texts[49].as_str()),
            ("event 10", "event 59")
        );
    }
}
