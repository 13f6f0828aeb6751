//! The collector: empties the hub, numbers batches, packs each once per encoding in use, and hands it to every session.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::tungstenite::Message;

use super::Limits;
use crate::clock;
use crate::units::Nanos;
use crate::wire::console::{Batch, Encoding, Packed, ToConsole};
use crate::wire::{BatchId, Record};
use crate::worker::spool::Spool;
use crate::worker::telemetry::Hub;

/// Records and steps in one batch, so that it stays well under `MAX_MESSAGE_BYTES` also as JSON.
const MAX_WEIGHT: usize = 50_000;
/// How long what people wait for is collected.
const URGENT_PAUSE: Duration = Duration::from_millis(5);
/// Batches of one tick: with what comes in meanwhile, the collector still ends.
const MAX_BATCHES_PER_TICK: usize = 16;

/// A session that wants telemetry from now on.
pub(super) struct Join {
    /// How its messages are packed.
    pub(super) encoding: Encoding,
    /// Its queue; what does not fit is lost to it, and counted.
    pub(super) queue: mpsc::Sender<Message>,
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
        collector.tick();
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
}

impl Collector {
    /// Sends what came in since the last tick; nothing if that is nothing and a batch went out lately.
    fn tick(&mut self) {
        for _ in 0..MAX_BATCHES_PER_TICK {
            let mut records = self.take();
            let full = weight(&records) >= MAX_WEIGHT;
            if !full && self.hub.take_state_dropped() {
                records.extend(self.hub.state());
            }
            let quiet_ns = self.last.map_or(i64::MAX, |last| clock::now().since(last));
            if records.is_empty() && quiet_ns < self.limits.sign_of_life_every.as_nanos() as i64 {
                return;
            }
            self.hub.remember(&records);
            self.send(records);
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

    fn send(&mut self, records: Vec<Record>) {
        self.seq += 1;
        self.last = Some(clock::now());
        if self.listeners.is_empty() && self.spool.is_none() {
            return;
        }
        let mut packer = Packer::new(self.batch(records));
        if let Some(spool) = &self.spool {
            spool.append(self.seq, packer.pack(Encoding::Binary, 0).into_data());
        }
        let hub = &self.hub;
        self.listeners.retain_mut(|listener| {
            match listener.join.queue.try_reserve() {
                Ok(place) if listener.behind => {
                    let message =
                        packer.pack_after_state(listener.join.encoding, listener.lost, hub);
                    place.send(message);
                    listener.behind = false;
                }
                Ok(place) => place.send(packer.pack(listener.join.encoding, listener.lost)),
                Err(mpsc::error::TrySendError::Full(())) => {
                    listener.lost += 1;
                    listener.behind = true;
                }
                Err(mpsc::error::TrySendError::Closed(())) => return false,
            }
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

    fn collector(hub: &Hub) -> Collector {
        Collector {
            hub: hub.clone(),
            spool: None,
            records: hub.take_queue().unwrap(),
            limits: Limits::default(),
            listeners: Vec::new(),
            seq: 0,
            last: None,
        }
    }

    fn join(places: usize) -> (Join, mpsc::Receiver<Message>) {
        let (queue, received) = mpsc::channel(places);
        let encoding = Encoding::Binary;
        (Join { encoding, queue }, received)
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
        collector.tick();
        let (slow, mut slow_gets) = join(1);
        let (fast, mut fast_gets) = join(99);
        collector.welcome(slow);
        collector.welcome(fast);
        let lease = Record::Lease(LeaseRecord {
            session: Some(1),
            name: None,
        });
        hub.record(lease.clone());
        collector.tick();
        hub.event(Level::Info, "two");
        collector.tick();
        assert_eq!(next(&mut slow_gets).id.seq, 1);
        hub.event(Level::Info, "three");
        collector.tick();
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
        collector.tick();
        next(&mut gets);
        assert_eq!(next(&mut gets).records.last(), Some(&lease));
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
