//! One console's missed batches on their way to it: read from the spool in pieces, sent between live batches at their
//! own pace.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;

use super::budget::{Purse, Way};
use crate::clock;
use crate::wire::console::{Backfill, BackfillPart, Missed, ToConsole, unpack_binary};
use crate::worker::spool::{Pace, Spool, Taken, rate};
use crate::worker::telemetry::Hub;

/// Wishes of one console that may wait.
const MOST_WISHES: usize = 16;
/// Until the spool is asked again when it had no time.
const PATIENCE: Duration = Duration::from_millis(50);

/// What one console still gets. [`Backfiller::next`] may be dropped while it waits; nothing is lost then.
pub(super) struct Backfiller {
    spool: Option<Spool>,
    hub: Hub,
    /// What it is charged to; none for a console on this machine, which takes nothing of the link.
    purse: Option<Purse>,
    wishes: VecDeque<Missed>,
    reading: Option<oneshot::Receiver<Taken>>,
    /// Read and not yet sent.
    batches: VecDeque<(u64, Vec<u8>)>,
    /// The spool has no more for the first wish.
    ended: bool,
    /// It has nothing of that start at all.
    unknown: bool,
    pace: Pace,
}

impl Backfiller {
    pub(super) fn new(spool: Option<Spool>, hub: Hub, purse: Option<Purse>) -> Self {
        Self {
            spool,
            hub,
            purse,
            wishes: VecDeque::new(),
            reading: None,
            batches: VecDeque::new(),
            ended: false,
            unknown: false,
            pace: Pace::default(),
        }
    }

    /// Takes a wish; a sentence if it cannot.
    pub(super) fn wish(&mut self, missed: Missed) -> Result<(), String> {
        if self.wishes.len() == MOST_WISHES {
            return Err(format!(
                "the console asked for missed batches {MOST_WISHES} times and did not wait for an answer"
            ));
        }
        self.wishes.push_back(missed);
        Ok(())
    }

    pub(super) fn is_idle(&self) -> bool {
        self.wishes.is_empty()
    }

    /// Charges what was sent.
    pub(super) fn sent(&mut self, bytes: usize) {
        let now = clock::now();
        let mut rate = rate(self.hub.link().bps().map(|bps| bps as f64));
        if let Some(purse) = &self.purse {
            let mut budget = purse.open();
            rate = rate.min(budget.for_missed_bps(now));
            budget.charge(now, bytes, Way::Missed);
        }
        self.pace.sent(bytes, rate, now);
    }

    /// Waits until the next part may go, and gives it; for ever where nothing is wished for.
    pub(super) async fn next(&mut self) -> ToConsole {
        let wait = self.pace.wait_ns(clock::now());
        if wait > 0 {
            tokio::time::sleep(Duration::from_nanos(wait as u64)).await;
        }
        loop {
            if let Some(part) = self.ready() {
                return part;
            }
            let Some(missed) = self.wishes.front().copied() else {
                return std::future::pending().await;
            };
            self.read(missed).await;
        }
    }

    /// The next part of what was read.
    fn ready(&mut self) -> Option<ToConsole> {
        let missed = self.wishes.front_mut()?;
        let boot = missed.boot;
        let say = |part| ToConsole::Backfill(Backfill { boot, part });
        let gap = |from_seq, to_seq| say(BackfillPart::Gap { from_seq, to_seq });
        while let Some((seq, packed)) = self.batches.front() {
            let (from, seq) = (missed.from_seq, *seq);
            if seq > from {
                missed.from_seq = seq;
                return Some(gap(from, Some(seq - 1)));
            }
            // What cannot be unpacked (another version's) is as good as not there, and told by the next one.
            let message = unpack_binary::<ToConsole>("a spooled batch", packed);
            self.batches.pop_front();
            if let Ok(ToConsole::Telemetry(batch)) = message {
                missed.from_seq = seq.saturating_add(1);
                return Some(say(BackfillPart::Batch(batch)));
            }
        }
        if !self.ended {
            return None;
        }
        // The rest is lost: as far as it was named, or nobody knows how much.
        let (from, to) = (missed.from_seq, missed.to_seq.take());
        if to.is_some_and(|to| from <= to) || (to.is_none() && self.unknown) {
            self.unknown = false;
            return Some(gap(from, to));
        }
        self.ended = false;
        self.wishes.pop_front();
        Some(say(BackfillPart::Done))
    }

    async fn read(&mut self, missed: Missed) {
        if self.reading.is_none() {
            self.reading = self.spool.as_ref().and_then(|spool| spool.find(missed));
        }
        let found = match &mut self.reading {
            Some(reading) => reading.await.ok(),
            None if self.spool.is_some() => return tokio::time::sleep(PATIENCE).await,
            None => None,
        };
        self.reading = None;
        match found {
            Some(found) => {
                self.batches = found.batches.into();
                self.ended = found.ended;
                self.unknown = found.unknown;
            }
            None => {
                self.ended = true;
                self.unknown = true;
            }
        }
    }
}
