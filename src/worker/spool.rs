//! What a worker told, kept on its own disk: batches by `(boot, seq)` under a bound, so that a console that was away
//! can have what it missed.
//!
//! One thread owns the files. Nobody waits for it: a batch that it has no room for is counted and becomes a gap, and so
//! is one that the disk does not take. The experiment goes on either way.
//!
//! ```text
//! pace     how fast missed batches go out
//! segment  one file: batches one after another, each checked
//! shelf    the files, by start of a worker; the oldest go
//! ```

mod pace;
mod segment;
mod shelf;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::clock;
use crate::units::Nanos;
use crate::wire::Level;
use crate::wire::console::Missed;
use crate::worker::telemetry::Hub;

pub use pace::{Pace, SHARE, rate};
use shelf::Shelf;
pub(crate) use shelf::Taken;

/// Bytes kept unless said otherwise: some four hours of VGG19 at 16 frames a second.
pub const DEFAULT_LIMIT_BYTES: u64 = 256_000_000;
/// The least bound that makes sense.
pub const LEAST_LIMIT_BYTES: u64 = 1_000_000;
/// Batches that may wait for the disk: 25 s of them.
const QUEUE: usize = 256;
/// Bytes read at once for a console.
const READ_BYTES: u64 = 64 << 10;
/// A power cut takes what came after the last of these.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Where to spool, and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolOptions {
    /// The folder; workers on one machine may share it.
    pub dir: PathBuf,
    /// Bytes of files under it that this worker adds or finds left behind.
    pub limit_bytes: u64,
}

enum Order {
    Append {
        seq: u64,
        packed: Bytes,
    },
    Find {
        missed: Missed,
        reply: oneshot::Sender<Taken>,
    },
}

/// A running spool. Clones share it; its thread ends after the last one.
#[derive(Clone)]
pub struct Spool(Arc<Inner>);

struct Inner {
    orders: Mutex<Option<SyncSender<Order>>>,
    refused: Arc<AtomicU64>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Spool {
    /// Opens the folder and starts the thread, which tells the hub what a person should know.
    ///
    /// # Errors
    /// The folder cannot be used, or there is no thread.
    pub fn start(options: &SpoolOptions, hub: &Hub) -> io::Result<Self> {
        let shelf = Shelf::open(&options.dir, hub.boot(), options.limit_bytes)?;
        let (sender, orders) = sync_channel(QUEUE);
        let refused = Arc::new(AtomicU64::new(0));
        let keeper = Keeper {
            shelf,
            hub: hub.clone(),
            dir: options.dir.clone(),
            refused: Arc::clone(&refused),
            refused_told: 0,
            failed: 0,
        };
        let thread = std::thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || keeper.run(&orders))?;
        Ok(Self(Arc::new(Inner {
            refused,
            orders: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
        })))
    }

    /// [`Spool::start`], or a warning to whoever watches: a worker without a spool works.
    pub fn start_or_say(options: Option<&SpoolOptions>, hub: &Hub) -> Option<Self> {
        let options = options?;
        match Self::start(options, hub) {
            Ok(spool) => Some(spool),
            Err(error) => {
                let text = format!(
                    "no spool in {}: {error}; what a console misses is lost (choose another folder with --spool-dir)",
                    options.dir.display()
                );
                hub.event(Level::Warning, text);
                None
            }
        }
    }

    /// Hands a packed batch over. Never waits; says whether it was taken, and counts it if not.
    pub(super) fn append(&self, seq: u64, packed: Bytes) -> bool {
        let taken = self.order(Order::Append { seq, packed });
        if !taken {
            self.0.refused.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// Asks for missed batches; none where the thread is busy: ask again a little later.
    pub(super) fn find(&self, missed: Missed) -> Option<oneshot::Receiver<Taken>> {
        let (reply, found) = oneshot::channel();
        self.order(Order::Find { missed, reply }).then_some(found)
    }

    fn order(&self, order: Order) -> bool {
        let orders = self.0.orders.lock().unwrap_or_else(PoisonError::into_inner);
        match orders.as_ref().map(|orders| orders.try_send(order)) {
            Some(Ok(())) => true,
            Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) | None => false,
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let orders = self.orders.get_mut();
        orders.unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.get_mut();
        if let Some(thread) = thread.unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

/// The thread's side.
struct Keeper {
    shelf: Shelf,
    hub: Hub,
    dir: PathBuf,
    /// Batches that came while the queue was full; the other side counts them.
    refused: Arc<AtomicU64>,
    /// Of those, how many were told.
    refused_told: u64,
    /// Batches that the disk did not take since it last took one.
    failed: u64,
}

impl Keeper {
    fn run(mut self, orders: &Receiver<Order>) {
        let mut unsynced: Option<Nanos> = None;
        loop {
            match orders.recv_timeout(SYNC_EVERY) {
                Ok(Order::Append { seq, packed }) => {
                    let outcome = self.shelf.append(seq, &packed);
                    self.tell(outcome.as_ref());
                    unsynced = unsynced.or_else(|| Some(clock::now()));
                }
                Ok(Order::Find { missed, reply }) => {
                    let to = missed.to_seq.unwrap_or(u64::MAX);
                    let found = self
                        .shelf
                        .take(missed.boot, missed.from_seq, to, READ_BYTES);
                    // A console that is gone needs no answer.
                    let _ = reply.send(found);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let _ = self.shelf.sync();
                    return;
                }
            }
            let due = SYNC_EVERY.as_nanos() as i64;
            if unsynced.is_some_and(|since| clock::now().since(since) >= due) {
                // A disk that cannot sync fails to append too, and that is told.
                let _ = self.shelf.sync();
                unsynced = None;
            }
        }
    }

    /// Says once that the disk takes nothing, and once how many batches that cost.
    fn tell(&mut self, outcome: Result<&(), &io::Error>) {
        let dir = self.dir.display();
        match outcome {
            Err(error) => {
                if self.failed == 0 {
                    let text = format!(
                        "the spool in {dir} takes nothing more: {error}; frames go on, but a console that is away \
                         misses what comes now (free some space, or choose another folder with --spool-dir)"
                    );
                    self.hub.event(Level::Warning, text);
                }
                self.failed += 1;
            }
            Ok(()) => {
                if self.failed > 0 {
                    let lost = std::mem::take(&mut self.failed);
                    let text =
                        format!("the spool in {dir} works again; {lost} batches are not in it");
                    self.hub.event(Level::Warning, text);
                }
                let refused = self.refused.load(Ordering::Relaxed);
                if refused > self.refused_told {
                    let lost = refused - self.refused_told;
                    self.refused_told = refused;
                    let text = format!(
                        "the disk of the spool in {dir} was too slow: {lost} batches are not in it"
                    );
                    self.hub.event(Level::Warning, text);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::BootId;
    use crate::wire::Record;

    fn options(dir: &std::path::Path) -> SpoolOptions {
        SpoolOptions {
            dir: dir.to_owned(),
            limit_bytes: LEAST_LIMIT_BYTES,
        }
    }

    fn events(hub: &Hub) -> Vec<String> {
        let queue = hub.take_queue().unwrap();
        let texts = queue.try_iter().map(|record| match record {
            Record::Event(event) => event.text,
            other => panic!("{other:?}"),
        });
        texts.collect()
    }

    #[test]
    fn a_disk_that_takes_nothing_is_told_once_and_so_is_what_it_cost() {
        let dir = tempfile::tempdir().unwrap();
        let hub = Hub::new(BootId(1));
        let mut keeper = Keeper {
            shelf: Shelf::open(dir.path(), BootId(1), LEAST_LIMIT_BYTES).unwrap(),
            hub: hub.clone(),
            dir: dir.path().to_owned(),
            refused: Arc::default(),
            refused_told: 0,
            failed: 0,
        };
        let full = io::Error::from(io::ErrorKind::StorageFull);
        for _ in 0..3 {
            keeper.tell(Err(&full));
        }
        for _ in 0..3 {
            keeper.tell(Ok(&()));
        }
        let told = events(&hub);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("takes nothing more") && told[0].contains("frames go on"));
        assert!(told[1].contains("3 batches are not in it"));
    }

    #[test]
    fn a_worker_without_a_place_for_its_spool_says_so_and_works() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let hub = Hub::new(BootId(1));
        assert!(Spool::start_or_say(Some(&options(&file)), &hub).is_none());
        assert!(events(&hub)[0].starts_with("no spool in "));
    }

    #[test]
    fn what_was_handed_over_is_there_for_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::start(&options(dir.path()), &Hub::new(BootId(1))).unwrap();
        assert!((1..=50).all(|seq| spool.append(seq, Bytes::from_static(b"batch"))));
        drop(spool);
        let spool = Spool::start(&options(dir.path()), &Hub::new(BootId(2))).unwrap();
        let missed = Missed {
            boot: BootId(1),
            from_seq: 48,
            to_seq: None,
        };
        let found = spool.find(missed).unwrap().blocking_recv().unwrap();
        let numbers: Vec<_> = found.batches.iter().map(|b| b.0).collect();
        assert_eq!((numbers, found.ended), (vec![48, 49, 50], true));
    }
}
