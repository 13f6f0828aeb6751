//! The thread that looks at all plans: beside the one that predicts frames, so that those are not held up.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::foresight::Tell;
use crate::clock;
use crate::units::Nanos;
use crate::worker::planning::{Moment, Planned, Planning};

/// Planning takes at most one part in this many of a core.
const SHARE: i64 = 4;
/// Plans that were not compiled when they were wanted are compiled after a decision, for the next one; a decision with
/// that takes no longer than about this.
const PREPARING_NS: i64 = 20_000_000;
/// The costs of all plans are told about this often.
const TABLE_EVERY_NS: i64 = 1_000_000_000;

/// The predicting thread's end: hands over a moment when the planner has time for it.
pub(super) struct Planner {
    moments: SyncSender<Box<Moment>>,
    is_busy: bool,
    /// Not before, so that planning keeps to its share.
    next: Nanos,
    next_table: Nanos,
}

impl Planner {
    /// The predicting thread's end, and what the planner reads.
    pub(super) fn new() -> (Self, Receiver<Box<Moment>>) {
        let (moments, inbox) = sync_channel(1);
        let planner = Self {
            moments,
            is_busy: false,
            next: Nanos(0),
            next_table: Nanos(0),
        };
        (planner, inbox)
    }

    /// Whether a moment is due: with a policy whenever the planner may, else once in a while for the table. The answer
    /// says whether the table is due, too.
    pub(super) fn is_due(&self, has_policy: bool, now: Nanos) -> Option<bool> {
        let wants_table = now >= self.next_table;
        (!self.is_busy && now >= self.next && (has_policy || wants_table)).then_some(wants_table)
    }

    /// Hands a moment over.
    pub(super) fn plan(&mut self, moment: Moment) {
        if moment.wants_table {
            self.next_table = moment.at.shifted(TABLE_EVERY_NS);
        }
        self.is_busy = self.moments.try_send(Box::new(moment)).is_ok();
    }

    /// The planner is done after so long.
    pub(super) fn done(&mut self, took_ns: i64, now: Nanos) {
        self.is_busy = false;
        self.next = now.shifted(took_ns * (SHARE - 1));
    }
}

/// The thread's loop, until the predicting thread is gone.
pub(super) fn run(
    mut planning: Planning,
    moments: &Receiver<Box<Moment>>,
    told: &SyncSender<Tell>,
    mut say: impl FnMut(Planned),
) {
    for moment in moments {
        let began = clock::now();
        match planning.plan(&moment) {
            Ok(planned) => say(planned),
            // No server yet, most often.
            Err(why) => tracing::debug!("no plans are compared: {why}"),
        }
        while clock::now().since(began) < PREPARING_NS && planning.prepare() {}
        let took_ns = clock::now().since(began);
        if told.send(Tell::Planned { took_ns }).is_err() {
            return;
        }
    }
}
