//! Reads every source at its own rate on one thread and hands out records.
//!
//! The queue out is bounded and nobody waits for its reader: a record that does not fit is dropped and counted. What
//! must not be lost, events and the list of sources, waits for room instead. A source that fails is named once, tried
//! again after 1 s, 2 s, up to a minute, and named once more when it is back.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::thin::Thinner;
use super::{
    Discovered, PowerError, PowerRecord, PowerSource, PowerSourcesRecord, RailSample, SourceRecord,
};
use crate::clock::{Clock, SystemClock};
use crate::sysfs::Absent;
use crate::units::Nanos;

/// Reports that may wait for their reader: 12 s of two sources.
const QUEUE: usize = 256;
/// Events that may wait for room.
const MAX_UNSENT: usize = 64;
/// Samples are put together for so long.
const BATCH_NS: i64 = 100_000_000;
/// Samples of one source in a record at most.
const MAX_BATCH: usize = 4096;
/// First wait after an error.
const FIRST_RETRY_NS: i64 = 1_000_000_000;
/// Longest wait after an error.
const LAST_RETRY_NS: i64 = 60_000_000_000;
/// A source that ran so long has shown that it works: its next wait is the first again.
const PROVEN_NS: i64 = 10_000_000_000;
/// The thread looks at least so often whether it is to end.
const MAX_NAP_NS: i64 = 1_000_000_000;

/// What the sampler tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// What power is measured with, at first and whenever it changes.
    Sources(PowerSourcesRecord),
    /// A source's samples.
    Power(PowerRecord),
    /// A source failed, in a sentence for people.
    Failed(String),
    /// A source that had failed is back, in a sentence for people.
    Back(String),
}

/// The sampling thread; it ends when this is dropped.
///
/// ```no_run
/// use std::path::Path;
/// use splitscope::power::{Meter, Report, Sampler, discover};
///
/// let mut found = discover(Path::new("/"));
/// found.sources.push(Box::new(Meter::start("my-meter --csv")?));
/// let (_sampler, reports) = Sampler::start(found)?; // kept as long as sampling is to go on
/// for report in reports {
///     match report {
///         Report::Sources(list) => println!("{} sources, absent: {:?}", list.sources.len(), list.absent),
///         Report::Power(record) => println!("{}: {} samples", record.source, record.samples.len()),
///         Report::Failed(text) | Report::Back(text) => println!("{text}"),
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sampler {
    stop: Arc<AtomicBool>,
    dropped: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    /// Starts sampling what was found; reports come out of the other end.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn start(found: Discovered) -> io::Result<(Self, Receiver<Report>)> {
        let (sender, receiver) = sync_channel(QUEUE);
        let stop = Arc::new(AtomicBool::new(false));
        let dropped = Arc::new(AtomicU64::new(0));
        let mut outlet = Outlet::new(sender, Arc::clone(&dropped));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("power".to_owned())
            .spawn(move || {
                let clock = SystemClock;
                let mut rounds = Rounds::new(found, clock.now());
                while !stopped.load(Ordering::Acquire) {
                    if !outlet.send(rounds.step(&clock)) {
                        return;
                    }
                    let nap = rounds.next_due().since(clock.now()).clamp(0, MAX_NAP_NS);
                    thread::park_timeout(Duration::from_nanos(nap.unsigned_abs()));
                }
            })?;
        let sampler = Self {
            stop,
            dropped,
            thread: Some(thread),
        };
        Ok((sampler, receiver))
    }

    /// Records dropped so far because nobody took them in time.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// The queue's sending end.
struct Outlet {
    sender: SyncSender<Report>,
    dropped: Arc<AtomicU64>,
    unsent: VecDeque<Report>,
}

impl Outlet {
    const fn new(sender: SyncSender<Report>, dropped: Arc<AtomicU64>) -> Self {
        Self {
            sender,
            dropped,
            unsent: VecDeque::new(),
        }
    }

    /// Sends what fits; false when nobody listens any more.
    fn send(&mut self, reports: Vec<Report>) -> bool {
        for report in reports {
            match report {
                // Behind an event that waits, so that a reader sees things in order.
                Report::Power(_) if self.unsent.is_empty() => match self.sender.try_send(report) {
                    Ok(()) => {}
                    Err(TrySendError::Full(_)) => self.count(),
                    Err(TrySendError::Disconnected(_)) => return false,
                },
                Report::Power(_) => self.count(),
                other => self.keep(other),
            }
            if !self.flush() {
                return false;
            }
        }
        self.flush()
    }

    fn keep(&mut self, report: Report) {
        if matches!(report, Report::Sources(_)) {
            // Only the newest list counts.
            self.unsent.retain(|r| !matches!(r, Report::Sources(_)));
        } else if self.unsent.len() >= MAX_UNSENT {
            self.count();
            return;
        }
        self.unsent.push_back(report);
    }

    fn flush(&mut self) -> bool {
        while let Some(report) = self.unsent.pop_front() {
            match self.sender.try_send(report) {
                Ok(()) => {}
                Err(TrySendError::Full(report)) => {
                    self.unsent.push_front(report);
                    return true;
                }
                Err(TrySendError::Disconnected(_)) => return false,
            }
        }
        true
    }

    fn count(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// All sources and when each is due. Knows no thread and no queue.
struct Rounds {
    slots: Vec<Slot>,
    absent: Vec<Absent>,
    /// Whether the sources were told at all.
    told: bool,
    flush_due: Nanos,
}

/// One source.
struct Slot {
    source: Box<dyn PowerSource>,
    due: Nanos,
    thinner: Thinner,
    batch: Vec<RailSample>,
    overflowed: u64,
    state: State,
    /// Its state is another one than was told.
    new_state: bool,
    /// Rails told of.
    told_rails: usize,
}

enum State {
    Running { since: Nanos, retry_ns: i64 },
    Failed { retry_ns: i64, reason: String },
}

impl Rounds {
    fn new(found: Discovered, now: Nanos) -> Self {
        let slot = |source| Slot {
            source,
            due: now,
            thinner: Thinner::default(),
            batch: Vec::new(),
            overflowed: 0,
            state: State::Running {
                since: now,
                retry_ns: FIRST_RETRY_NS,
            },
            new_state: false,
            told_rails: 0,
        };
        Self {
            slots: found.sources.into_iter().map(slot).collect(),
            absent: found.absent,
            told: false,
            flush_due: now.shifted(BATCH_NS),
        }
    }

    /// Reads what is due and says what there is to say.
    fn step(&mut self, clock: &dyn Clock) -> Vec<Report> {
        let mut reports = Vec::new();
        for slot in &mut self.slots {
            if clock.now() >= slot.due {
                reports.extend(slot.read(clock));
            }
        }
        // Before the samples that need it: a text source's rails come with its first line.
        if self.slots.iter().any(Slot::changed) || !self.told {
            self.told = true;
            reports.push(Report::Sources(self.sources()));
            self.slots.iter_mut().for_each(Slot::told);
        }
        let now = clock.now();
        if now >= self.flush_due {
            self.flush_due = now.shifted(BATCH_NS);
            reports.extend(self.slots.iter_mut().filter_map(|s| s.flush(now)));
        }
        reports
    }

    fn next_due(&self) -> Nanos {
        let dues = self.slots.iter().map(|s| s.due);
        dues.fold(self.flush_due, Ord::min)
    }

    fn sources(&self) -> PowerSourcesRecord {
        let source = |slot: &Slot| SourceRecord {
            name: slot.source.name().to_owned(),
            rails: slot.source.rails().to_vec(),
            emulated: slot.source.emulated(),
            trouble: match &slot.state {
                State::Running { .. } => None,
                State::Failed { reason, .. } => Some(reason.clone()),
            },
        };
        PowerSourcesRecord {
            sources: self.slots.iter().map(source).collect(),
            absent: self.absent.clone(),
        }
    }
}

impl Slot {
    fn changed(&self) -> bool {
        self.new_state || self.source.rails().len() != self.told_rails
    }

    fn told(&mut self) {
        self.new_state = false;
        self.told_rails = self.source.rails().len();
    }

    fn read(&mut self, clock: &dyn Clock) -> Option<Report> {
        let failed = matches!(self.state, State::Failed { .. });
        let read = if failed {
            self.source.reopen().and_then(|()| self.source.sample())
        } else {
            self.source.sample()
        };
        let now = clock.now();
        match read {
            Ok(samples) => {
                let left = self.thinner.thin(&samples);
                let room = MAX_BATCH.saturating_sub(self.batch.len());
                self.overflowed += left.len().saturating_sub(room) as u64;
                self.batch.extend(left.into_iter().take(room));
                let period = self.source.period().as_nanos() as i64;
                // After a delay the rhythm begins anew: a burst would read the same values.
                self.due = self.due.shifted(period);
                if self.due <= now {
                    self.due = now.shifted(period);
                }
                self.recovered(now)
            }
            Err(e) => self.failed(&e, now),
        }
    }

    fn recovered(&mut self, now: Nanos) -> Option<Report> {
        match self.state {
            State::Running { since, retry_ns } => {
                if retry_ns > FIRST_RETRY_NS && now.since(since) > PROVEN_NS {
                    self.state = State::Running {
                        since,
                        retry_ns: FIRST_RETRY_NS,
                    };
                }
                None
            }
            State::Failed { retry_ns, .. } => {
                self.state = State::Running {
                    since: now,
                    retry_ns,
                };
                self.new_state = true;
                Some(Report::Back(format!(
                    "power: {} is back",
                    self.source.name()
                )))
            }
        }
    }

    fn failed(&mut self, error: &PowerError, now: Nanos) -> Option<Report> {
        let reason_now = error.to_string();
        let (retry_ns, new, same) = match &self.state {
            State::Running { retry_ns, .. } => (*retry_ns, true, false),
            State::Failed { retry_ns, reason } => (*retry_ns, false, *reason == reason_now),
        };
        self.due = now.shifted(retry_ns);
        self.thinner.reset();
        self.new_state |= !same;
        let name = self.source.name();
        let said = format!("power: {name} gives nothing, it is tried again: {reason_now}");
        self.state = State::Failed {
            retry_ns: (retry_ns * 2).min(LAST_RETRY_NS),
            reason: reason_now,
        };
        new.then_some(Report::Failed(said))
    }

    fn flush(&mut self, now: Nanos) -> Option<Report> {
        if self.batch.is_empty() {
            return None;
        }
        Some(Report::Power(PowerRecord {
            source: self.source.name().to_owned(),
            samples: self.batch.drain(..).collect(),
            effective_hz: self.thinner.effective_rate(now),
            lost: self.source.lost() + self.overflowed,
            emulated: self.source.emulated(),
        }))
    }
}

#[cfg(test)]
#[path = "sampler_tests.rs"]
mod tests;
