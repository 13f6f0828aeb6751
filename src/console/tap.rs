//! What happens as entries of a session.

use super::app::{App, Moment, Said, Update};
use crate::session::{Answer, Entry, Greeting, Lost, Order, Target, Told, What};
use crate::wire::console::{Batch, CommandMessage};

/// The workers that a console attaches to, in its order.
pub(super) fn targets(app: &App, at: Moment) -> Vec<Entry> {
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
pub(super) fn heard(app: &App, update: &Update, at: Moment) -> Vec<Entry> {
    let Update::Link { target, dial, said } = update else {
        return Vec::new();
    };
    let worker = app.targets().get(*target);
    if worker.is_none_or(|w| w.connection.dial() != *dial) {
        return Vec::new();
    }
    let index = *target as u16;
    let what = match said {
        Said::Batch(batch) => return records(index, batch, at),
        Said::Hello(hello) => What::Hello(Greeting {
            target: index,
            hello: hello.clone(),
        }),
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
pub(super) fn sent(target: usize, message: &CommandMessage, at: Moment) -> Entry {
    entry(
        at,
        What::Command(Order::new(target as u16, message.clone())),
    )
}

/// A connection that the console itself gave up.
pub(super) fn given_up(target: usize, reason: &str, at: Moment) -> Entry {
    entry(at, lost(target as u16, reason.to_owned()))
}

const fn lost(target: u16, reason: String) -> What {
    What::Lost(Lost { target, reason })
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

pub(super) const fn entry(at: Moment, what: What) -> Entry {
    Entry {
        at: at.now,
        unix_ms: at.unix_ms,
        what,
    }
}
