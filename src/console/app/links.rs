//! What connections do to the state.

use super::{App, Effect, Moment, Pending, Redraw, Said, Screen, Turn};
use crate::console::backlog::Gap;
use crate::console::connection::{Order, Phase, Refusal, Signal};
use crate::store::{Change, Greeting, clean};
use crate::units::BootId;
use crate::wire::console::{Backfill, BackfillPart, Batch, Command, Reply, WorkerHello};
use crate::wire::{Level, PROTOCOL};

impl App {
    pub(super) fn hear(
        &mut self,
        index: usize,
        dial: u64,
        said: Said,
        at: Moment,
        turn: &mut Turn,
    ) {
        let Some(target) = self.targets.get_mut(index) else {
            return;
        };
        if !target.connection.is_current(dial) {
            return;
        }
        let before = target.connection.phase().clone();
        match said {
            Said::Hello(hello) => self.greet(index, &hello, at, turn),
            Said::Batch(batch) => {
                target.connection.signal(Signal::Message, at.now);
                self.ingest(index, batch, at, turn);
            }
            Said::Backfill(backfill) => {
                target.connection.signal(Signal::Message, at.now);
                self.fill(index, backfill, at, turn);
            }
            Said::Reply(reply) => {
                target.connection.signal(Signal::Message, at.now);
                self.answer(index, &reply, at, turn);
            }
            Said::RoundTrip(rtt_ns) => {
                target.reach.trip(rtt_ns);
                if self.screens.shown == Screen::Workers {
                    turn.redraw(Redraw::Soon);
                }
            }
            Said::Lost(reason) => {
                let reason = clean(&reason, 200);
                target
                    .connection
                    .signal(Signal::Lost(reason.clone()), at.now);
                self.lost(index, &reason, &before, at);
            }
            Said::Refused(why) => {
                self.refused(index, why, &before, at);
            }
        }
        let after = self.targets[index].connection.phase();
        if matches!(after, Phase::Refused { .. }) {
            turn.effects.push(Effect::Link {
                target: index,
                order: Order::HangUp,
            });
        }
        if std::mem::discriminant(after) != std::mem::discriminant(&before) {
            turn.redraw(Redraw::Soon);
        }
    }

    fn greet(&mut self, index: usize, hello: &WorkerHello, at: Moment, turn: &mut Turn) {
        let target = &mut self.targets[index];
        if hello.protocol != PROTOCOL {
            let before = target.connection.phase().clone();
            let why = Refusal::Protocol {
                theirs: hello.protocol,
                version: clean(&hello.version, 32),
            };
            return self.refused(index, why, &before, at);
        }
        let dialled = match target.connection.phase() {
            Phase::Connecting { since } => Some(*since),
            _ => None,
        };
        target.connection.signal(Signal::Hello, at.now);
        let greeting = target.store.hello(hello);
        target.reach.greeted(hello, dialled, at);
        let lost = target.backlog.greeted(hello);
        let name = target.name();
        match greeting {
            Greeting::First => {}
            Greeting::Again => self.say(Level::Info, format!("{name} is back"), at),
            Greeting::Restarted => {
                let text = format!("{name} was restarted: its measurements start anew");
                self.say(Level::Warning, text, at);
            }
        }
        for pending in self.orders.unanswered(index) {
            self.ask_again(pending, hello.boot, at, turn);
        }
        self.lose(index, lost, at, turn);
        self.sweep_back(index, hello.boot, at, turn);
        turn.redraw(Redraw::Soon);
    }

    /// A worker is back and owes an answer.
    fn ask_again(&mut self, pending: Pending, boot: BootId, at: Moment, turn: &mut Turn) {
        let index = pending.target;
        if pending.boot != boot {
            let what = describe(&pending);
            let text =
                format!("{what}: the robot was restarted before it answered; look at its plan");
            self.orders
                .give_up(&pending, "the robot was restarted before it answered");
            return self.say(Level::Warning, text, at);
        }
        match pending.message.command {
            // The lease is a connection's: the old one ended with it.
            // And what ends with it, the robot does by itself.
            Command::ReleaseControl
            | Command::BeginSweep { .. }
            | Command::EndSweep
            | Command::Idle { .. } => {}
            Command::TakeControl { force, .. } => {
                self.take_control(index, force, pending.then, turn);
            }
            Command::SetPlan { .. } | Command::SetPolicy { .. } => {
                self.take_control(index, false, None, turn);
                let message = self.orders.send_again(pending);
                turn.effects.push(Effect::Send {
                    target: index,
                    message,
                });
            }
        }
    }

    fn ingest(&mut self, index: usize, batch: Batch, at: Moment, turn: &mut Turn) {
        let target = &mut self.targets[index];
        let lost = target.backlog.live(batch.id);
        target.newest = Some((batch.sent, at.now));
        target.reach.heard(batch.sent, at);
        if !target.backlog.is_able() {
            target.store.set_lost_batches(batch.lost_batches);
        }
        self.lose(index, lost, at, turn);
        self.ask_for_missed(index, at, turn);
        for record in batch.records {
            self.sweep_hears(index, &record, at, turn);
            let store = &mut self.targets[index].store;
            if store.record(record, at.now) != Change::Nothing {
                turn.redraw(Redraw::Soon);
            }
        }
        // A proposal that came into effect is none any more.
        if self.focus() == Some(index) {
            let effective = self.targets[index].store.plan().map(|p| &p.plan);
            self.proposal.take_if(|p| Some(&p.plan) == effective);
        }
    }

    /// Late batches: into the recording and, if they are of the worker's present start, among what it told then.
    fn fill(&mut self, index: usize, backfill: Backfill, at: Moment, turn: &mut Turn) {
        let target = &mut self.targets[index];
        // What nobody asked for must not count twice.
        let Ok(lost) = target.backlog.filled(&backfill) else {
            return;
        };
        let present = target.store.worker().map(|w| w.boot) == Some(backfill.boot);
        if let (BackfillPart::Batch(batch), true) = (backfill.part, present) {
            // When it would have come.
            let came = target.newest.map_or(at.now, |(sent, came)| {
                came.shifted(batch.sent.0.saturating_sub(sent.0).min(0))
            });
            for record in batch.records {
                target.store.late(record, came);
            }
        }
        self.lose(index, lost, at, turn);
        self.ask_for_missed(index, at, turn);
        turn.redraw(Redraw::Soon);
    }

    fn ask_for_missed(&mut self, index: usize, at: Moment, turn: &mut Turn) {
        if let Some(missed) = self.targets[index].backlog.ask(at.now) {
            turn.effects.push(Effect::Ask {
                target: index,
                missed,
            });
        }
    }

    /// Says what can no longer be had.
    pub(super) fn lose(&mut self, index: usize, lost: Option<Gap>, at: Moment, turn: &mut Turn) {
        let Some(gap) = lost else {
            return;
        };
        let target = &mut self.targets[index];
        let name = target.name();
        let text = match gap.batches() {
            Some(batches) => {
                // One without a spool counts by itself.
                if target.backlog.is_able() {
                    target.store.lose_batches(batches);
                }
                {
                    let what = if batches == 1 { "batch" } else { "batches" };
                    format!("{name}: {batches} {what} of telemetry can no longer be had")
                }
            }
            None => format!("{name}: what it told before its restart can no longer be had"),
        };
        self.say(Level::Warning, text, at);
        turn.redraw(Redraw::Soon);
    }

    fn answer(&mut self, index: usize, reply: &Reply, at: Moment, turn: &mut Turn) {
        let result = reply.result.clone().map_err(|why| clean(&why, 300));
        let Some(pending) = self.orders.answered(index, reply.command, &result) else {
            return;
        };
        if self.sweep_answer(index, reply.command, &result, at, turn) {
            return;
        }
        turn.redraw(Redraw::AtOnce);
        match result {
            Ok(()) => {
                if let Some(request) = pending.then {
                    self.set_plan(index, request, turn);
                }
            }
            Err(why) => {
                let text = format!("{} refused: {why}", describe(&pending));
                self.say(Level::Warning, text.clone(), at);
                if !matches!(pending.message.command, Command::SetPlan { .. }) {
                    self.notice = Some(text);
                }
            }
        }
    }

    pub(super) fn lost(&mut self, index: usize, reason: &str, before: &Phase, at: Moment) {
        let name = self.targets[index].name();
        self.sweep_lost(index, at);
        let waits = self.orders.interrupt(index);
        if matches!(before, Phase::Live { .. } | Phase::Stale { .. }) {
            let owed = if waits {
                "; a command has no answer yet and is asked again when it is back"
            } else {
                ""
            };
            self.say(Level::Warning, format!("lost {name}: {reason}{owed}"), at);
        }
        if self.take_over.as_ref().is_some_and(|q| q.target == index) {
            self.take_over = None;
        }
        if self.focus() == Some(index) {
            self.doubt = None;
        }
    }

    fn refused(&mut self, index: usize, why: Refusal, before: &Phase, at: Moment) {
        let text = why.to_string();
        let connection = &mut self.targets[index].connection;
        connection.signal(Signal::Refused(why), at.now);
        let up = matches!(before, Phase::Live { .. } | Phase::Stale { .. });
        if up {
            self.lost(index, &text, before, at);
        }
    }
}

fn describe(pending: &Pending) -> String {
    match (&pending.message.command, &pending.then) {
        (Command::SetPlan { plan }, _) => plan.label(),
        (Command::TakeControl { .. }, Some(then)) => format!("control for {}", then.plan.label()),
        (Command::TakeControl { .. }, None) => "control".to_owned(),
        (Command::ReleaseControl, _) => "releasing control".to_owned(),
        (Command::BeginSweep { .. }, _) => "the sweep".to_owned(),
        (Command::EndSweep, _) => "the end of the sweep".to_owned(),
        (
            Command::SetPolicy {
                policy: Some(policy),
            },
            _,
        ) => format!("policy {policy}"),
        (Command::SetPolicy { policy: None }, _) => "taking the plan back".to_owned(),
        (Command::Idle { .. }, _) => "idling".to_owned(),
    }
}
