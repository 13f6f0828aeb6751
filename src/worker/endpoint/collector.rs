//! The collector: empties the hub, numbers batches, packs each once per encoding in use, and hands it to every session.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::tungstenite::Message;

use super::Limits;
use super::budget::{Purse, Way};
use super::observer::Observer;
use crate::clock;
use crate::units::Nanos;
use crate::wire::console::{Batch, Encoding, Packed, ToConsole};
use crate::wire::{BatchId, Record, Steps, TelemetryShare};
use crate::worker::spool::Spool;
use crate::worker::telemetry::Hub;

/// Records and steps in one batch, so that it stays well under `MAX_MESSAGE_BYTES` also as JSON.
const MAX_WEIGHT: usize = 50_000;
/// How long what people wait for is collected.
const URGENT_PAUSE: Duration = Duration::from_millis(5);
/// How often telemetry's own share of the link is told.
const SHARE_EVERY_NS: i64 = 1_000_000_000;
/// Batches of one tick: with what comes in meanwhile, the collector still ends.
const MAX_BATCHES_PER_TICK: usize = 16;

/// A session that wants telemetry from now on.
pub(super) struct Join {
    /// How its messages are packed.
    pub(super) encoding: Encoding,
    /// Its queue; what does not fit is lost to it, and counted.
    pub(super) queue: mpsc::Sender<Message>,
    /// On this machine: what goes there does not use the radio.
    pub(super) is_local: bool,
}

struct Listener {
    join: Join,
    lost: u64,
    /// It missed the batch before: the next one repeats the present state.
    behind: bool,
}

/// Runs until `stop` changes or its sender is dropped; then sends what is left and drops every session's queue.
pub(super) async fn run(
    (hub, spool): (Hub, Option<Spool>),
    records: Receiver<Record>,
    mut joins: mpsc::Receiver<Join>,
    limits: Limits,
    purse: Option<Purse>,
    mut stop: watch::Receiver<()>,
) {
    let mut collector = Collector {
        hub,
        spool,
        records,
        limits,
        listeners: Vec::new(),
        seq: 0,
        last: None,
        purse,
        observer: Observer::new(clock::now()),
        share_told: clock::now(),
    };
    let mut ticks = tokio::time::interval(limits.batch_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let urgent = collector.hub.clone();
        let stopping = tokio::select! {
            _ = ticks.tick() => false,
            () = urgent.urgent() => {
                // What belongs together comes in together; and a flood of events is no flood of batches.
                tokio::time::sleep(URGENT_PAUSE).await;
                false
            }
            _ = stop.changed() => true,
        };
        collector.tick(clock::now());
        if stopping {
            return;
        }
        while let Ok(join) = joins.try_recv() {
            collector.welcome(join);
        }
    }
}

struct Collector {
    hub: Hub,
    /// Gets every batch, also the empty ones: a number that is missing there is a loss.
    spool: Option<Spool>,
    records: Receiver<Record>,
    limits: Limits,
    listeners: Vec<Listener>,
    /// Of the newest batch; 1 after the first tick.
    seq: u64,
    last: Option<Nanos>,
    purse: Option<Purse>,
    observer: Observer,
    share_told: Nanos,
}

impl Collector {
    /// Sends what came in until `now`; nothing if that is nothing and a batch went out lately.
    fn tick(&mut self, now: Nanos) {
        let attached = !self.listeners.is_empty();
        self.observer.attached(now, attached);
        for _ in 0..MAX_BATCHES_PER_TICK {
            let mut records = self.take();
            for record in &records {
                if let Record::Frame(frame) = record {
                    self.observer.frame(frame);
                }
            }
            let full = weight(&records) >= MAX_WEIGHT;
            if !full && self.hub.take_state_dropped() {
                records.extend(self.hub.state());
            }
            records.extend(self.share(now));
            let quiet_ns = self.last.map_or(i64::MAX, |last| now.since(last));
            if records.is_empty() && quiet_ns < self.limits.sign_of_life_every.as_nanos() as i64 {
                return;
            }
            self.hub.remember(&records);
            self.send(records, now);
            if !full {
                return;
            }
        }
    }

    /// The queue's records up to a batch's weight.
    fn take(&self) -> Vec<Record> {
        let mut records = Vec::new();
        let mut weight = 0;
        while weight < MAX_WEIGHT
            && let Ok(record) = self.records.try_recv()
        {
            weight += weight_of(&record);
            records.push(record);
        }
        records
    }

    /// What telemetry takes of the link, every second while somebody listens.
    fn share(&mut self, now: Nanos) -> Option<Record> {
        let purse = self.purse.as_ref()?;
        if self.listeners.is_empty() || now.since(self.share_told) < SHARE_EVERY_NS {
            return None;
        }
        self.share_told = now;
        Some(Record::TelemetryShare(TelemetryShare {
            observer: self.observer.effect(),
            is_shaped: self.hub.is_shaped(),
            ..purse.open().share(now, self.hub.link().bps())
        }))
    }

    fn batch(&self, records: Vec<Record>) -> Batch {
        Batch {
            id: BatchId {
                boot: self.hub.boot(),
                seq: self.seq,
            },
            sent: clock::now(),
            lost_batches: 0,
            records,
        }
    }

    fn send(&mut self, records: Vec<Record>, now: Nanos) {
        self.seq += 1;
        self.last = Some(now);
        if self.listeners.is_empty() && self.spool.is_none() {
            return;
        }
        let mut full = Packer::new(self.batch(records));
        if let Some(spool) = &self.spool {
            spool.append(self.seq, full.pack(Encoding::Binary, 0).into_data());
        }
        let is_spent = self.purse.as_ref().is_some_and(|p| p.open().is_spent(now));
        let (mut thin, thinned) = if is_spent {
            let (packer, frames) = full.without_steps();
            (Some(packer), frames)
        } else {
            (None, 0)
        };
        let (hub, purse) = (&self.hub, &self.purse);
        self.listeners.retain_mut(|listener| {
            let Join {
                encoding,
                ref queue,
                is_local,
            } = listener.join;
            let is_thin = thin.is_some() && !is_local;
            let packer = match &mut thin {
                Some(thin) if is_thin => thin,
                _ => &mut full,
            };
            let place = match queue.try_reserve() {
                Ok(place) => place,
                Err(mpsc::error::TrySendError::Full(())) => {
                    listener.lost += 1;
                    listener.behind = true;
                    return true;
                }
                Err(mpsc::error::TrySendError::Closed(())) => return false,
            };
            let message = if std::mem::take(&mut listener.behind) {
                packer.pack_after_state(encoding, listener.lost, hub)
            } else {
                packer.pack(encoding, listener.lost)
            };
            if let Some(purse) = purse {
                let way = if is_local { Way::Local } else { Way::Live };
                let mut budget = purse.open();
                budget.charge(now, message.len(), way);
                budget.thinned(if is_thin { thinned } else { 0 });
            }
            place.send(message);
            true
        });
    }

    /// Tells a new session the state as of the newest batch, under that batch's number: the next one follows it.
    fn welcome(&mut self, join: Join) {
        let first = Packer::new(self.batch(self.hub.snapshot())).pack(join.encoding, 0);
        if join.queue.try_send(first).is_ok() {
            self.listeners.push(Listener {
                join,
                lost: 0,
                behind: false,
            });
            self.observer.attached(clock::now(), true);
        }
    }
}

/// A batch, packed at most once per encoding and count of losses; nearly always that count is zero.
struct Packer {
    batch: ToConsole,
    packed: Vec<(Encoding, u64, Message)>,
}

impl Packer {
    const fn new(batch: Batch) -> Self {
        Self {
            batch: ToConsole::Telemetry(batch),
            packed: Vec::new(),
        }
    }

    /// The same batch with frames that have no steps, and how many lost theirs.
    fn without_steps(&self) -> (Self, u64) {
        let mut batch = self.batch.clone();
        let mut frames = 0;
        if let ToConsole::Telemetry(batch) = &mut batch {
            for record in &mut batch.records {
                if let Record::Frame(frame) = record
                    && !frame.steps.is_empty()
                {
                    frame.steps = Steps::default();
                    frames += 1;
                }
            }
        }
        let packed = Vec::new();
        (Self { batch, packed }, frames)
    }

    fn pack(&mut self, encoding: Encoding, lost: u64) -> Message {
        let known = |(e, l, _): &&(Encoding, u64, Message)| *e == encoding && *l == lost;
        if let Some((_, _, message)) = self.packed.iter().find(known) {
            return message.clone();
        }
        if let ToConsole::Telemetry(batch) = &mut self.batch {
            batch.lost_batches = lost;
        }
        let message = to_message(encoding.pack(&self.batch));
        self.packed.push((encoding, lost, message.clone()));
        message
    }

    /// The batch behind the present state, for a session that missed the changes in batches before.
    fn pack_after_state(&self, encoding: Encoding, lost: u64, hub: &Hub) -> Message {
        let mut message = self.batch.clone();
        if let ToConsole::Telemetry(batch) = &mut message {
            batch.lost_batches = lost;
            batch.records.splice(0..0, hub.state());
        }
        to_message(encoding.pack(&message))
    }
}

/// A packed message as a WebSocket message; cloning it shares the bytes.
pub(super) fn to_message(packed: Packed) -> Message {
    match packed {
        Packed::Binary(bytes) => Message::Binary(bytes.into()),
        Packed::Text(text) => Message::Text(text.into()),
    }
}

fn weight_of(record: &Record) -> usize {
    match record {
        Record::Frame(frame) => 4 + frame.steps.len(),
        _ => 1,
    }
}

fn weight(records: &[Record]) -> usize {
    records.iter().map(weight_of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::BootId;
    use crate::wire::console::unpack_binary;
    use crate::wire::{LeaseRecord, Level};
    use crate::worker::endpoint::testing::long_frame;

    fn collector(hub: &Hub) -> Collector {
        Collector {
            hub: hub.clone(),
            spool: None,
            records: hub.take_queue().unwrap(),
            limits: Limits::default(),
            listeners: Vec::new(),
            seq: 0,
            last: None,
            purse: Some(Purse::new(Nanos(0))),
            observer: Observer::new(Nanos(0)),
            share_told: clock::now(),
        }
    }

    fn join(places: usize) -> (Join, mpsc::Receiver<Message>) {
        let (queue, received) = mpsc::channel(places);
        let encoding = Encoding::Binary;
        let is_local = false;
        let join = Join {
            encoding,
            queue,
            is_local,
        };
        (join, received)
    }

    fn next(received: &mut mpsc::Receiver<Message>) -> Batch {
        let message = received.try_recv().unwrap();
        match unpack_binary("a message", &message.into_data()).unwrap() {
            ToConsole::Telemetry(batch) => batch,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_session_that_fell_behind_is_told_how_many_batches_it_lost_and_the_present_state() {
        let hub = Hub::new(BootId(9));
        let mut collector = collector(&hub);
        collector.tick(clock::now());
        let (slow, mut slow_gets) = join(1);
        let (fast, mut fast_gets) = join(99);
        collector.welcome(slow);
        collector.welcome(fast);
        let lease = Record::Lease(LeaseRecord {
            session: Some(1),
            name: None,
        });
        hub.record(lease.clone());
        collector.tick(clock::now());
        hub.event(Level::Info, "two");
        collector.tick(clock::now());
        assert_eq!(next(&mut slow_gets).id.seq, 1);
        hub.event(Level::Info, "three");
        collector.tick(clock::now());
        let after = next(&mut slow_gets);
        assert_eq!(
            (after.id.seq, after.lost_batches, after.records.len()),
            (4, 2, 2)
        );
        assert_eq!(after.records[0], lease);
        for seq in 1..=4 {
            let batch = next(&mut fast_gets);
            assert_eq!((batch.id.seq, batch.lost_batches), (seq, 0));
        }
    }

    #[test]
    fn a_state_record_that_the_full_queue_dropped_is_told_all_the_same() {
        let hub = Hub::new(BootId(9));
        let mut collector = collector(&hub);
        let (fast, mut gets) = join(99);
        collector.welcome(fast);
        for _ in 0..5_000 {
            hub.event(Level::Info, "full");
        }
        let lease = Record::Lease(LeaseRecord {
            session: Some(1),
            name: None,
        });
        hub.record(lease.clone());
        collector.tick(clock::now());
        next(&mut gets);
        assert_eq!(next(&mut gets).records.last(), Some(&lease));
    }

    #[test]
    fn beyond_the_limit_frames_go_without_steps_but_not_to_this_machine() {
        let hub = Hub::new(BootId(9));
        let mut collector = collector(&hub);
        let (far, mut far_gets) = join(99);
        let (mut near, mut near_gets) = join(99);
        near.is_local = true;
        for joined in [far, near] {
            collector.welcome(joined);
        }
        let (mut thinned, mut whole) = (0, 0);
        // About 25 kB a batch, which no compressor shrinks, and no time between them, however long packing takes.
        let now = clock::now();
        for _ in 0..40 {
            for _ in 0..4 {
                hub.record(Record::Frame(Box::new(long_frame(2_000))));
            }
            collector.tick(now);
            let steps = |batch: &Batch| match batch.records.first() {
                Some(Record::Frame(frame)) => Some(frame.steps.len()),
                _ => None,
            };
            while let Ok(message) = far_gets.try_recv() {
                let (sender, mut again) = mpsc::channel(1);
                sender.try_send(message).unwrap();
                match steps(&next(&mut again)) {
                    Some(0) => thinned += 1,
                    Some(_) => whole += 1,
                    None => {}
                }
            }
        }
        assert!(thinned > 0 && whole > 0, "{thinned} thinned, {whole} whole");
        let mut near = std::iter::from_fn(|| near_gets.try_recv().ok());
        let all_whole = near.all(|message| {
            let (sender, mut again) = mpsc::channel(1);
            sender.try_send(message).unwrap();
            let batch = next(&mut again);
            let mut frames = batch.records.iter();
            frames.all(|r| !matches!(r, Record::Frame(f) if f.steps.is_empty()))
        });
        assert!(all_whole);
    }

    #[test]
    fn a_batch_is_packed_once_for_all_sessions_that_read() {
        let batch = collector(&Hub::new(BootId(9))).batch(Vec::new());
        let mut packer = Packer::new(batch);
        let first = packer.pack(Encoding::Binary, 0);
        let second = packer.pack(Encoding::Binary, 0);
        packer.pack(Encoding::Json, 0);
        packer.pack(Encoding::Binary, 3);
        assert_eq!(packer.packed.len(), 3);
        assert_eq!(first.into_data().as_ptr(), second.into_data().as_ptr());
    }
}
