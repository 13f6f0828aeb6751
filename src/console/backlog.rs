//! Which batches of a worker this console has not got, and what it does about that: a pure state machine.
//!
//! Batches are numbered from a worker's start. A jump in the numbers, or the time between a lost connection and the
//! next one, is a hole; holes are asked for one after another, and what the worker no longer has is a loss for good.

use std::collections::VecDeque;

use crate::progress::Progress;
use crate::units::{BootId, Nanos};
use crate::wire::BatchId;
use crate::wire::console::{BACKFILL, Backfill, BackfillPart, Missed, WorkerHello};

/// Holes remembered; with more, the oldest is given up.
const MOST_HOLES: usize = 64;

/// Batches that can no longer be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The worker's start.
    pub boot: BootId,
    /// The first of them.
    pub from_seq: u64,
    /// The last of them; none where nobody knows how many there were.
    pub to_seq: Option<u64>,
}

impl Gap {
    /// How many batches that are, if it is known.
    pub fn batches(&self) -> Option<u64> {
        let to = self.to_seq?;
        Some(to.saturating_add(1).saturating_sub(self.from_seq))
    }
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    since: Nanos,
    done: u64,
}

/// One worker's batches that are missing here.
#[derive(Debug, Clone, Default)]
pub struct Backlog {
    /// Whether the worker keeps what it told.
    able: bool,
    /// Of a recording there is nobody to ask, and what was lost stands in it.
    only_watches: bool,
    /// The newest live batch.
    newest: Option<BatchId>,
    /// A connection's first batch tells the present state under the newest batch's number, without its records.
    welcomed: bool,
    holes: VecDeque<Missed>,
    asked: Option<Asked>,
}

impl Backlog {
    /// Finds no holes from now on: for what was recorded.
    pub const fn only_watch(&mut self) {
        self.only_watches = true;
    }

    /// A worker's first words on a connection.
    pub fn greeted(&mut self, hello: &WorkerHello) -> Option<Gap> {
        let able = hello.capabilities.iter().any(|c| c == BACKFILL);
        self.hello(hello.boot, able)
    }

    /// A connection stands. What an earlier one did not bring is asked for again.
    pub fn hello(&mut self, boot: BootId, able: bool) -> Option<Gap> {
        self.able = able;
        self.asked = None;
        self.welcomed = false;
        match self.newest {
            Some(newest) if newest.boot != boot => {
                self.newest = Some(BatchId { boot, seq: 0 });
                self.miss(Missed {
                    boot: newest.boot,
                    from_seq: newest.seq.saturating_add(1),
                    to_seq: None,
                })
            }
            _ => None,
        }
    }

    /// A live batch came. Says what is lost for good because of it.
    pub fn live(&mut self, id: BatchId) -> Option<Gap> {
        let welcome = !std::mem::replace(&mut self.welcomed, true);
        let before = self.newest.replace(id)?;
        if before.boot != id.boot {
            return None;
        }
        let to = if welcome {
            id.seq
        } else {
            id.seq.saturating_sub(1)
        };
        (to > before.seq)
            .then(|| {
                self.miss(Missed {
                    boot: id.boot,
                    from_seq: before.seq.saturating_add(1),
                    to_seq: Some(to),
                })
            })
            .flatten()
    }

    fn miss(&mut self, hole: Missed) -> Option<Gap> {
        if self.only_watches {
            return None;
        }
        if !self.able {
            return Some(gap(hole));
        }
        self.holes.push_back(hole);
        if self.holes.len() <= MOST_HOLES {
            return None;
        }
        // The first one may be under way.
        self.holes.remove(1).map(gap)
    }

    /// Whether the worker keeps what it told.
    pub const fn is_able(&self) -> bool {
        self.able
    }

    /// A part of an answer came. Says what is lost for good because of it; `Err` for what was not asked for.
    ///
    /// # Errors
    /// A part that belongs to no hole: it must not count.
    pub fn filled(&mut self, backfill: &Backfill) -> Result<Option<Gap>, NotAsked> {
        let (Some(asked), Some(hole)) = (&mut self.asked, self.holes.front_mut()) else {
            return Err(NotAsked);
        };
        if backfill.boot != hole.boot {
            return Err(NotAsked);
        }
        match &backfill.part {
            BackfillPart::Batch(batch) => {
                let within = hole.to_seq.is_none_or(|to| batch.id.seq <= to);
                if batch.id.boot != hole.boot || batch.id.seq < hole.from_seq || !within {
                    return Err(NotAsked);
                }
                hole.from_seq = batch.id.seq.saturating_add(1);
                asked.done += 1;
                Ok(None)
            }
            BackfillPart::Gap { from_seq, to_seq } => {
                let lost = Gap {
                    boot: hole.boot,
                    from_seq: *from_seq,
                    to_seq: *to_seq,
                };
                hole.from_seq = to_seq.map_or(u64::MAX, |to| to.saturating_add(1));
                asked.done += lost.batches().unwrap_or(0);
                Ok(Some(lost))
            }
            BackfillPart::Done => {
                self.holes.pop_front();
                self.asked = None;
                Ok(None)
            }
        }
    }

    /// What to ask for now.
    pub fn ask(&mut self, now: Nanos) -> Option<Missed> {
        if self.asked.is_some() || !self.able || !self.welcomed {
            return None;
        }
        // One that an answer filled before the connection was lost.
        while self.holes.front().is_some_and(is_empty) {
            self.holes.pop_front();
        }
        let hole = *self.holes.front()?;
        self.asked = Some(Asked {
            since: now,
            done: 0,
        });
        Some(hole)
    }

    /// How far the hole under way is filled.
    pub fn catching(&self, now: Nanos) -> Option<Progress> {
        let (asked, hole) = (self.asked.as_ref()?, self.holes.front()?);
        let total = gap(*hole).batches().map(|left| asked.done + left);
        Some(Progress::begun(0, total, asked.since).reached(asked.done, now))
    }
}

/// A worker sent late batches that nobody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAsked;

const fn gap(hole: Missed) -> Gap {
    Gap {
        boot: hole.boot,
        from_seq: hole.from_seq,
        to_seq: hole.to_seq,
    }
}

fn is_empty(hole: &Missed) -> bool {
    hole.to_seq.is_some_and(|to| hole.from_seq > to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::console::Batch;

    const A: BootId = BootId(1);
    const B: BootId = BootId(2);

    const fn id(boot: BootId, seq: u64) -> BatchId {
        BatchId { boot, seq }
    }

    fn late(boot: BootId, seq: u64) -> Backfill {
        let batch = Batch {
            id: id(boot, seq),
            sent: Nanos(0),
            lost_batches: 0,
            records: Vec::new(),
        };
        Backfill {
            boot,
            part: BackfillPart::Batch(batch),
        }
    }

    const fn missed(boot: BootId, from_seq: u64, to_seq: Option<u64>) -> Missed {
        Missed {
            boot,
            from_seq,
            to_seq,
        }
    }

    /// A backlog that has heard the first five batches.
    fn began() -> Backlog {
        let mut backlog = Backlog::default();
        assert_eq!(backlog.hello(A, true), None);
        for seq in 3..=5 {
            assert_eq!(backlog.live(id(A, seq)), None);
        }
        assert_eq!(backlog.ask(Nanos(0)), None);
        backlog
    }

    #[test]
    fn after_an_outage_everything_is_asked_for_up_to_the_welcome_whose_records_did_not_come_either()
    {
        let mut backlog = began();
        backlog.hello(A, true);
        // Not before the worker has said how far it is.
        assert_eq!(backlog.ask(Nanos(0)), None);
        backlog.live(id(A, 9));
        assert_eq!(backlog.ask(Nanos(0)), Some(missed(A, 6, Some(9))));
        assert_eq!(backlog.ask(Nanos(0)), None);
        assert_eq!(backlog.filled(&late(A, 6)), Ok(None));
        let half = backlog.catching(Nanos(1_000)).unwrap();
        assert_eq!(
            (half.done(), half.total(), half.left_ns()),
            (1, Some(4), Some(3_000))
        );
        // Cut again: the rest is asked for again, and so is what comes on top.
        backlog.hello(A, true);
        backlog.live(id(A, 12));
        assert_eq!(backlog.ask(Nanos(0)), Some(missed(A, 7, Some(9))));
        for seq in 7..=9 {
            assert_eq!(backlog.filled(&late(A, seq)), Ok(None));
        }
        assert_eq!(backlog.filled(&late(A, 9)), Err(NotAsked));
        let done = Backfill {
            boot: A,
            part: BackfillPart::Done,
        };
        assert_eq!(backlog.filled(&done), Ok(None));
        assert_eq!(backlog.ask(Nanos(0)), Some(missed(A, 10, Some(12))));
    }

    #[test]
    fn a_jump_in_the_numbers_is_a_hole_too() {
        let mut backlog = began();
        backlog.live(id(A, 8));
        assert_eq!(backlog.ask(Nanos(0)), Some(missed(A, 6, Some(7))));
    }

    #[test]
    fn after_a_restart_the_end_of_the_old_start_and_the_beginning_of_the_new_one_are_missing() {
        let mut backlog = began();
        backlog.hello(B, true);
        backlog.live(id(B, 4));
        assert_eq!(backlog.ask(Nanos(0)), Some(missed(A, 6, None)));
        assert_eq!(backlog.filled(&late(B, 1)), Err(NotAsked));
        assert_eq!(backlog.filled(&late(A, 6)), Ok(None));
        assert_eq!(backlog.catching(Nanos(5)).unwrap().total(), None);
        let gap = Backfill {
            boot: A,
            part: BackfillPart::Gap {
                from_seq: 7,
                to_seq: None,
            },
        };
        let lost = backlog.filled(&gap).unwrap().unwrap();
        assert_eq!((lost.from_seq, lost.batches()), (7, None));
        let done = Backfill {
            boot: A,
            part: BackfillPart::Done,
        };
        backlog.filled(&done).unwrap();
        assert_eq!(backlog.ask(Nanos(0)), Some(missed(B, 1, Some(4))));
    }

    #[test]
    fn of_a_worker_that_keeps_nothing_a_hole_is_a_loss_at_once() {
        let mut backlog = Backlog::default();
        backlog.hello(A, false);
        backlog.live(id(A, 1));
        let lost = backlog.live(id(A, 5)).unwrap();
        assert_eq!((lost.from_seq, lost.batches()), (2, Some(3)));
        assert_eq!(backlog.ask(Nanos(0)), None);
    }

    #[test]
    fn holes_without_end_fill_no_memory() {
        let mut backlog = began();
        let mut lost = 0;
        for n in 1..=200 {
            lost += usize::from(backlog.live(id(A, 5 + 2 * n)).is_some());
        }
        assert_eq!((backlog.holes.len(), lost), (MOST_HOLES, 200 - MOST_HOLES));
    }
}
