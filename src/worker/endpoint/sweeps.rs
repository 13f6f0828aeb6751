//! Sweeps of consoles: begun, ended, or left in the middle; the plan from before comes back in any case.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::answers::Answer;
use super::control::Console;
use super::{CommandRequest, Order, Shared};
use crate::clock;
use crate::plan::Plan;
use crate::wire::{Level, Record};
use crate::worker::sweeping::Sweeping;

/// How often the endpoint looks whether a plan is to come back.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The sweep that is on, and the answer that the plan from before waits for.
#[derive(Default)]
pub(super) struct Sweeps {
    state: Mutex<Sweeping>,
    answer: Mutex<Option<oneshot::Receiver<Answer>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn sweeping(&self) -> MutexGuard<'_, Sweeping> {
        locked(&self.sweeps.state)
    }

    pub(super) fn begin_sweep(&self, console: &Console, restore: Plan) -> Answer {
        self.may_command(console)?;
        let name = &console.name;
        let label = restore.label();
        let policy = self
            .hub
            .state()
            .into_iter()
            .find_map(|record| match record {
                Record::Plan(plan) => plan.policy,
                _ => None,
            });
        self.sweeping()
            .begin(console.session, name, restore, policy);
        let by = policy.map(|spec| format!(" by {spec}"));
        let by = by.unwrap_or_default();
        let text = format!("{name} sweeps plans; {label}{by} comes back afterwards");
        self.hub.event(Level::Info, text);
        Ok(())
    }

    pub(super) fn end_sweep(&self, console: &Console) -> Answer {
        self.may_command(console)?;
        self.sweeping()
            .end(console.session, clock::now())
            .map(drop)?;
        self.restore_overdue();
        Ok(())
    }

    /// A console with a sweep on is gone, or gave control back.
    pub(super) fn sweeping_console_gone(&self, session: u64, name: &str) {
        let patience = self.limits.sweep;
        let patience_ns = i64::try_from(patience.as_nanos()).unwrap_or(i64::MAX);
        let restore = self
            .sweeping()
            .gone(session, clock::now(), patience_ns)
            .map(Plan::label);
        if let Some(label) = restore {
            let text = format!(
                "{name} left in the middle of a sweep; {label} comes back in {} s unless the sweep goes on",
                patience.as_secs_f32()
            );
            self.hub.event(Level::Warning, text);
        }
    }

    /// Asks the coordinator for the plan from before once it is due, and hears its answer.
    pub(super) fn restore_overdue(&self) {
        let mut waiting = locked(&self.sweeps.answer);
        if let Some(receiver) = waiting.as_mut() {
            let answer = match receiver.try_recv() {
                Ok(answer) => answer,
                Err(oneshot::error::TryRecvError::Empty) => return,
                Err(oneshot::error::TryRecvError::Closed) => {
                    Err("the robot dropped the command without an answer".to_owned())
                }
            };
            *waiting = None;
            self.restored(&answer);
        }
        let Some(plan) = self.sweeping().overdue(clock::now()) else {
            return;
        };
        let (reply, answer) = oneshot::channel();
        let request = CommandRequest {
            id: 0,
            session_name: "the end of a sweep".to_owned(),
            expect_epoch: None,
            order: Order::Plan(plan),
            reply,
        };
        match self.commands.send(request) {
            Ok(()) => *waiting = Some(answer),
            Err(reason) => self.restored(&Err(reason)),
        }
    }

    fn restored(&self, answer: &Answer) {
        let level = match answer {
            Ok(()) => Level::Info,
            Err(_) => Level::Warning,
        };
        let (policy, news) = {
            let mut sweeping = self.sweeping();
            let policy = sweeping.policy();
            (policy, sweeping.answered(answer, clock::now()))
        };
        let Some(text) = news else { return };
        self.hub.event(level, text);
        if answer.is_ok() && policy.is_some() {
            // A plan takes the say from a policy, so the policy comes after it. Nobody waits for the answer.
            let (reply, _) = oneshot::channel();
            let sent = self.commands.send(CommandRequest {
                id: 0,
                session_name: "the end of a sweep".to_owned(),
                expect_epoch: None,
                order: Order::Policy(policy),
                reply,
            });
            if let Err(reason) = sent {
                let text = format!("the policy did not come back after the sweep: {reason}");
                self.hub.event(Level::Warning, text);
            }
        }
    }
}
