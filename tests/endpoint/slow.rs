//! Consoles that read too slowly, or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use splitscope::units::Hash32;
use splitscope::wire::console::{Command, Encoding, Role};
use splitscope::wire::{Level, Record};
use splitscope::worker::endpoint::Limits;
use splitscope::worker::telemetry::Hub;
use tokio::net::TcpSocket;

use crate::support::{Client, LONG, Worker, a_plan, event_text, quick};

/// Text that zstd cannot shrink much.
fn noise(seed: u64, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 64);
    let mut hash = Hash32::of(&seed.to_le_bytes());
    while text.len() < bytes {
        text.push_str(&hash.to_string());
        hash = Hash32::of(&hash.0);
    }
    text
}

/// A console whose kernel holds next to nothing for it, so that not reading shows at the worker.
async fn narrow(worker: &Worker) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(worker.endpoint.local_addr()).await.unwrap();
    let mut client = Client::over(stream, Encoding::Binary).await;
    client.greet("sleeper@s").await;
    client
}

/// Records much, until told to stop: about 64 KiB of telemetry every few milliseconds.
fn flood(hub: &Hub, stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let (hub, stop) = (hub.clone(), stop.clone());
    std::thread::spawn(move || {
        let mut n = 0;
        while !stop.load(Ordering::Relaxed) {
            hub.event(Level::Info, noise(n, 64 << 10));
            n += 1;
            std::thread::sleep(Duration::from_millis(4));
        }
    })
}

#[tokio::test]
async fn a_console_that_never_reads_is_disconnected_and_nobody_else_loses_a_batch() {
    let limits = Limits {
        stalled_write: Duration::from_secs(1),
        ..quick()
    };
    let worker = Worker::start(Role::Robot, None, limits);
    let mut sleeper = narrow(&worker).await;
    sleeper
        .send(
            1,
            Command::TakeControl {
                force: false,
                proof: None,
            },
        )
        .await;
    let (mut reader, first) = worker.attach("reader@r").await;
    let stop = Arc::new(AtomicBool::new(false));
    let producer = flood(&worker.hub, &stop);
    let mut seq = first.id.seq;
    loop {
        let batch = reader.batch().await;
        assert_eq!((batch.id.seq, batch.lost_batches), (seq + 1, 0));
        seq += 1;
        let gone = |t: String| t.starts_with("sleeper@s stopped reading");
        if batch.records.iter().filter_map(event_text).any(gone) {
            break;
        }
    }
    stop.store(true, Ordering::Relaxed);
    producer.join().unwrap();
    // The sleeper's lease went with it.
    assert_eq!(reader.take(false).await, Ok(()));
}

#[tokio::test]
async fn a_console_that_reads_too_slowly_is_told_how_many_batches_it_lost() {
    let limits = Limits {
        queue: 4,
        stalled_write: LONG,
        ..quick()
    };
    let worker = Worker::start(Role::Robot, None, limits);
    worker.hub.record(a_plan(1));
    let mut sleeper = narrow(&worker).await;
    let mut seq = sleeper.batch().await.id.seq;
    let stop = Arc::new(AtomicBool::new(false));
    let producer = flood(&worker.hub, &stop);
    // Someone has to see that much was sent; whether anybody reads is nothing to the collector.
    let (mut reader, first) = worker.attach("reader@r").await;
    while reader.batch().await.id.seq < first.id.seq + 60 {}
    drop(reader);
    worker.hub.record(a_plan(2));
    stop.store(true, Ordering::Relaxed);
    producer.join().unwrap();
    let (mut missed, mut plans) = (0, Vec::new());
    loop {
        let batch = sleeper.batch().await;
        missed += batch.id.seq - seq - 1;
        seq = batch.id.seq;
        assert_eq!(batch.lost_batches, missed);
        plans.extend(
            batch
                .records
                .into_iter()
                .filter(|r| matches!(r, Record::Plan(_))),
        );
        if missed > 0 && plans.last() == Some(&a_plan(2)) {
            break;
        }
    }
}
