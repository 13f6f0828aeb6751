//! What a console's command does: the lease is decided here, a plan goes to the worker's coordinator.

use std::sync::{MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::answers::Answer;
use super::{CommandRequest, Order, Shared};
use crate::units::Hash32;
use crate::wire::console::{Command, CommandMessage, Role, proof};
use crate::wire::{Level, Record};
use crate::worker::lease::{Lease, Taken, TokenProof};

/// The longest that the robot admits nothing at a time.
const MAX_IDLE_MS: u32 = 120_000;

/// A console that said hello.
pub(super) struct Console {
    pub(super) session: u64,
    pub(super) name: String,
    pub(super) nonce: Hash32,
}

/// What a command came to.
pub(super) enum Performed {
    /// It is answered.
    Now(Answer),
    /// The coordinator will answer.
    Later(oneshot::Receiver<Answer>),
}

impl Shared {
    /// Does what a console asks for, or says why not.
    pub(super) fn perform(&self, console: &Console, message: CommandMessage) -> Performed {
        let CommandMessage {
            id,
            expect_epoch,
            command,
        } = message;
        let order = match command {
            Command::TakeControl { force, proof } => {
                return Performed::Now(self.take_control(console, force, proof));
            }
            Command::ReleaseControl => return Performed::Now(self.release_control(console)),
            Command::SetPlan { plan } => {
                if let Err(reason) = self.may_command(console) {
                    return Performed::Now(Err(reason));
                }
                self.sweeping().plan_set(console.session);
                Order::Plan(plan)
            }
            Command::SetPolicy { policy } => {
                if let Err(reason) = self.may_command(console) {
                    return Performed::Now(Err(reason));
                }
                self.sweeping().plan_set(console.session);
                Order::Policy(policy)
            }
            Command::BeginSweep { restore } => {
                return Performed::Now(self.begin_sweep(console, restore));
            }
            Command::EndSweep => return Performed::Now(self.end_sweep(console)),
            Command::Idle { for_ms } => {
                let allowed = self
                    .may_command(console)
                    .and_then(|()| short_enough(for_ms));
                if let Err(reason) = allowed {
                    return Performed::Now(Err(reason));
                }
                Order::Idle(for_ms)
            }
        };
        let (reply, answer) = oneshot::channel();
        let request = CommandRequest {
            id,
            session_name: console.name.clone(),
            expect_epoch,
            order,
            reply,
        };
        match self.commands.send(request) {
            Ok(()) => Performed::Later(answer),
            Err(reason) => Performed::Now(Err(reason)),
        }
    }

    pub(super) fn may_command(&self, console: &Console) -> Answer {
        if self.role == Role::Server {
            return Err("the robot coordinates plans; send this to the robot".to_owned());
        }
        let checked = self.lease().check(console.session, self.role.name());
        checked.map_err(|e| e.to_string())
    }

    /// A console has gone: control is free again if it held it.
    pub(super) fn console_gone(&self, session: u64, name: &str) {
        self.sweeping_console_gone(session, name);
        let mut lease = self.lease();
        if lease.gone(session) {
            self.tell(
                &lease,
                Level::Warning,
                format!("{name} is gone; control is free"),
            );
        }
    }

    fn take_control(&self, console: &Console, force: bool, proof: Option<Hash32>) -> Answer {
        let checked = check_proof(self.token.as_deref(), proof, &console.nonce);
        let name = &console.name;
        let mut lease = self.lease();
        let text = match lease.take(console.session, name, force, checked) {
            Ok(Taken::Already) => return Ok(()),
            Ok(Taken::Free) => format!("{name} took control"),
            Ok(Taken::From(other)) => format!("{name} took control from {other}"),
            Err(e) => return Err(e.to_string()),
        };
        self.tell(&lease, Level::Info, text);
        Ok(())
    }

    fn release_control(&self, console: &Console) -> Answer {
        let mut lease = self.lease();
        match lease.release(console.session) {
            Ok(false) => Ok(()),
            Ok(true) => {
                self.sweeping_console_gone(console.session, &console.name);
                let text = format!("{} gave control back", console.name);
                self.tell(&lease, Level::Info, text);
                Ok(())
            }
            Err(e) => Err(e.to_string()),
        }
    }

    /// Records a change while the lease is locked, so that records have the order of the changes.
    fn tell(&self, lease: &Lease, level: Level, text: String) {
        self.hub.record(Record::Lease(lease.record()));
        self.hub.event(level, text);
    }

    fn lease(&self) -> MutexGuard<'_, Lease> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn short_enough(for_ms: u32) -> Answer {
    if for_ms <= MAX_IDLE_MS {
        return Ok(());
    }
    Err(format!(
        "the robot is idle for {} s at most at a time, not {:.1} s",
        MAX_IDLE_MS / 1000,
        f64::from(for_ms) / 1e3
    ))
}

fn check_proof(token: Option<&str>, brought: Option<Hash32>, nonce: &Hash32) -> TokenProof {
    let Some(token) = token else {
        return TokenProof::NotNeeded;
    };
    let Some(brought) = brought else {
        return TokenProof::Missing;
    };
    // `blake3::Hash` compares in constant time: how long a refusal takes tells nothing.
    let right = blake3::Hash::from_bytes(proof(token, nonce).0);
    if blake3::Hash::from_bytes(brought.0) == right {
        TokenProof::Right
    } else {
        TokenProof::Wrong
    }
}
