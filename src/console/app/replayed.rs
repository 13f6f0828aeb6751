//! Recorded entries as things that happen: they go through the same reducer as what workers tell live, so that the same
//! screens come of them.

use super::{App, Moment, Said, Target, Turn};
use crate::console::address::Address;
use crate::console::connection::Phase;
use crate::playback::Scene;
use crate::session::{Entry, Gap, What};
use crate::units::Nanos;
use crate::wire::console::Batch;
use crate::wire::{BatchId, PROTOCOL};

/// Workers of one recording; more would be a faulty file.
const MOST_TARGETS: usize = 64;
/// Deadlines that pass between two entries; a gap of days needs no more to end up where it ends.
const MOST_DEADLINES: usize = 10_000;

impl Scene for App {
    fn feed(&mut self, entry: &Entry) {
        let at = Moment {
            now: entry.at,
            unix_ms: entry.unix_ms,
        };
        self.pass_deadlines(entry.at);
        self.replayed = at;
        match &entry.what {
            What::Target(target) => self.recorded_target(target.target.into(), &target.address, at),
            What::Hello(greeting) => {
                // Whether the recording console could speak with it was settled then; what can be read is the file's
                // format's business.
                let mut hello = greeting.hello.clone();
                hello.protocol = PROTOCOL;
                self.recorded(greeting.target, Said::Hello(hello), at);
            }
            What::Record(told) => {
                let target = self.targets.get(usize::from(told.target));
                let batch = Batch {
                    id: BatchId {
                        boot: told.boot,
                        seq: told.seq,
                    },
                    sent: told.sent,
                    lost_batches: target.map_or(0, |t| t.store.lost_batches()),
                    records: vec![told.record.clone()],
                };
                self.recorded(told.target, Said::Batch(batch), at);
            }
            What::Missed(missed) => {
                if let Some(target) = self.targets.get_mut(usize::from(missed.target)) {
                    target.store.set_lost_batches(missed.batches);
                }
            }
            What::Reply(answer) => {
                self.recorded(answer.target, Said::Reply(answer.reply.clone()), at);
            }
            What::Command(order) => {
                let index = usize::from(order.target);
                let worker = self.targets.get(index).and_then(|t| t.store.worker());
                if let Some(boot) = worker.map(|w| w.boot) {
                    self.orders.sent(index, boot, order.message.clone());
                }
            }
            What::Lost(lost) => {
                // What the console gave up by itself has been given up by its deadline already.
                let target = self.targets.get(usize::from(lost.target));
                let lasts = |t: &Target| {
                    !matches!(
                        t.connection.phase(),
                        Phase::Retry { .. } | Phase::Refused { .. }
                    )
                };
                if target.is_some_and(lasts) {
                    self.recorded(lost.target, Said::Lost(lost.reason.clone()), at);
                }
            }
            What::Gap(gap) => self.recorded_gap(gap, at),
            What::Notice(notice) => self.say(notice.level, notice.text.clone(), at),
            What::Marker(marker) => self.mark_charts(&marker.text, &[]),
            What::Start(_) | What::Meta(_) | What::Left(_) | What::Summary(_) => {}
        }
    }

    fn pass(&mut self, to: Nanos) {
        self.pass_deadlines(to);
        let ms = to.since(self.replayed.now).max(0) as u64 / 1_000_000;
        self.replayed = Moment {
            now: to,
            unix_ms: self.replayed.unix_ms.saturating_add(ms),
        };
    }
}

impl App {
    /// The moment that a replayed state is of.
    pub const fn replayed(&self) -> Moment {
        self.replayed
    }

    fn recorded_target(&mut self, index: usize, address: &str, at: Moment) {
        let Ok(address) = address.parse::<Address>() else {
            return;
        };
        if index != self.targets.len() || index >= MOST_TARGETS {
            return;
        }
        let (mut target, _) = Target::new(address, at.now);
        target.backlog.only_watch();
        self.targets.push(target);
    }

    fn recorded(&mut self, target: u16, said: Said, at: Moment) {
        let index = usize::from(target);
        let Some(dial) = self.targets.get(index).map(|t| t.connection.dial()) else {
            return;
        };
        // What the reducer would have done about it was done when it was recorded.
        let mut turn = Turn::default();
        self.hear(index, dial, said, at, &mut turn);
    }

    fn recorded_gap(&mut self, gap: &Gap, at: Moment) {
        let index = usize::from(gap.target);
        if index < self.targets.len() {
            let lost = crate::console::backlog::Gap {
                boot: gap.boot,
                from_seq: gap.from_seq,
                to_seq: gap.to_seq,
            };
            self.lose(index, Some(lost), at, &mut Turn::default());
        }
    }

    /// Lets the deadlines of connections pass, each at its time.
    fn pass_deadlines(&mut self, to: Nanos) {
        for _ in 0..MOST_DEADLINES {
            let deadlines = self.targets.iter().filter_map(|t| t.connection.deadline());
            let Some(next) = deadlines.min().filter(|&next| next <= to) else {
                return;
            };
            let ms = next.since(self.replayed.now).max(0) as u64 / 1_000_000;
            let at = Moment {
                now: next,
                unix_ms: self.replayed.unix_ms.saturating_add(ms),
            };
            self.pass(at, &mut Turn::default());
        }
    }
}
