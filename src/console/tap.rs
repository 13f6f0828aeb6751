//! What happens as entries: for the recording, and for the film that live is rewound with.

use super::app::{App, Effect, Moment, Note, Said, Update};
use super::backlog::Gap as Hole;
use crate::session::{Answer, Entry, Gap, Greeting, Lost, Marker, Order, Target, Told, What};
use crate::units::Nanos;
use crate::wire::console::{Backfill, BackfillPart, Batch, CommandMessage};

/// The workers that a console attaches to, in its order.
pub fn targets(app: &App, at: Moment) -> Vec<Entry> {
    let targets = app.targets().iter().enumerate();
    let whats = targets.map(|(target, worker)| {
        What::Target(Target {
            target: target as u16,
            address: worker.address.url().to_owned(),
        })
    });
    whats.map(|what| entry(at, what)).collect()
}

/// What a connection brings, before the reducer takes it in; an old dial's words are not heard.
pub fn heard(app: &App, update: &Update, at: Moment) -> Vec<Entry> {
    let Update::Link { target, dial, said } = update else {
        return Vec::new();
    };
    let Some(worker) = app.present_targets().get(*target) else {
        return Vec::new();
    };
    if !worker.connection.is_current(*dial) {
        return Vec::new();
    }
    let index = *target as u16;
    let what = match said {
        Said::Batch(batch) => {
            // A hole that the console will find, and cannot have filled.
            let lost = worker.backlog.clone().live(batch.id);
            let mut all: Vec<Entry> = lost
                .map(|hole| entry(at, gap(index, hole)))
                .into_iter()
                .collect();
            all.extend(records(index, batch, at));
            return all;
        }
        Said::Backfill(Backfill {
            part: BackfillPart::Batch(batch),
            ..
        }) => return records(index, batch, came(worker.newest(), batch, at)),
        Said::Backfill(Backfill {
            boot,
            part: BackfillPart::Gap { from_seq, to_seq },
        }) => gap(
            index,
            Hole {
                boot: *boot,
                from_seq: *from_seq,
                to_seq: *to_seq,
            },
        ),
        Said::Backfill(_) | Said::RoundTrip(_) => return Vec::new(),
        Said::Hello(hello) => {
            let lost = worker.backlog.clone().greeted(hello);
            let hello = What::Hello(Greeting {
                target: index,
                hello: hello.clone(),
            });
            let lost = lost.map(|hole| gap(index, hole));
            return [hello]
                .into_iter()
                .chain(lost)
                .map(|what| entry(at, what))
                .collect();
        }
        Said::Reply(reply) => What::Reply(Answer {
            target: index,
            reply: reply.clone(),
        }),
        Said::Lost(reason) => lost(index, reason.clone()),
        Said::Refused(why) => lost(index, why.to_string()),
    };
    vec![entry(at, what)]
}

/// A command that this console sends.
pub fn sent(target: usize, message: &CommandMessage, at: Moment) -> Entry {
    entry(
        at,
        What::Command(Order::new(target as u16, message.clone())),
    )
}

/// A connection that the console itself gave up.
pub fn given_up(target: usize, reason: &str, at: Moment) -> Entry {
    entry(at, lost(target as u16, reason.to_owned()))
}

const fn lost(target: u16, reason: String) -> What {
    What::Lost(Lost { target, reason })
}

/// What the console does that belongs to the experiment.
pub fn done(effect: &Effect, at: Moment) -> Option<Entry> {
    match effect {
        Effect::Send { target, message } => Some(sent(*target, message, at)),
        Effect::Note(Note::Marker { text, at }) => {
            let text = text.clone();
            Some(entry(*at, What::Marker(Marker { text })))
        }
        _ => None,
    }
}

/// Whether an update brings what was missed: it belongs to an earlier time.
pub const fn is_late(update: &Update) -> bool {
    matches!(
        update,
        Update::Link {
            said: Said::Backfill(_),
            ..
        }
    )
}

/// When a late batch would have come.
fn came(newest: Option<(Nanos, Nanos)>, batch: &Batch, at: Moment) -> Moment {
    let Some((sent, came)) = newest else {
        return at;
    };
    let now = came.shifted(batch.sent.0.saturating_sub(sent.0).min(0));
    let ago_ms = at.now.since(now).max(0) as u64 / 1_000_000;
    Moment {
        now,
        unix_ms: at.unix_ms.saturating_sub(ago_ms),
    }
}

fn records(target: u16, batch: &Batch, at: Moment) -> Vec<Entry> {
    let told = batch.records.iter().map(|record| {
        What::Record(Told {
            target,
            boot: batch.id.boot,
            seq: batch.id.seq,
            sent: batch.sent,
            record: record.clone(),
        })
    });
    told.map(|what| entry(at, what)).collect()
}

/// Batches that can no longer be had.
fn gap(target: u16, hole: Hole) -> What {
    What::Gap(Gap {
        target,
        boot: hole.boot,
        from_seq: hole.from_seq,
        to_seq: hole.to_seq,
    })
}

/// Something that happened at a moment.
pub const fn entry(at: Moment, what: What) -> Entry {
    Entry {
        at: at.now,
        unix_ms: at.unix_ms,
        what,
    }
}
