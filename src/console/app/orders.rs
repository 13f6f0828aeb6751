//! Commands under way. None is dropped silently: each ends in an answer, or in a sentence that says there is none.

use crate::plan::Plan;
use crate::units::{BootId, Epoch};
use crate::wire::console::{Command, CommandMessage};

/// A command that waits for its answer.
#[derive(Debug, Clone)]
pub struct Pending {
    /// The worker that it went to, by its place in the list of targets.
    pub target: usize,
    /// That worker's start: another process cannot answer for it.
    pub boot: BootId,
    /// What was sent.
    pub message: CommandMessage,
    /// The plan to set once control is held.
    pub then: Option<PlanRequest>,
}

/// A plan that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRequest {
    /// The plan.
    pub plan: Plan,
    /// The epoch that it shall replace.
    pub expect: Option<Epoch>,
}

/// How far the newest asked plan is, as far as this console knows; the robot's own stages follow an accepted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Control is asked for first.
    TakingControl,
    /// Sent; no answer yet.
    Sent,
    /// The connection was lost before the answer; asked again when it is back.
    Interrupted,
    /// The robot is on it.
    Accepted,
    /// The robot will not.
    Refused(String),
    /// Nobody knows what became of it.
    Unknown(String),
}

/// The newest plan that this console asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The robot.
    pub target: usize,
    /// The plan.
    pub plan: Plan,
    /// Its command's number, once it was sent.
    pub command: Option<u64>,
    /// How far it is.
    pub progress: Progress,
    /// It was sent again after a lost connection: a robot that did it the first time may refuse the second.
    pub again: bool,
}

/// Everything asked and not yet answered.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    next_id: u64,
    pending: Vec<Pending>,
    asked: Option<Asked>,
}

impl Orders {
    /// Numbers start at `first_id`, so that two consoles, or one console twice, do not use the same.
    pub const fn new(first_id: u64) -> Self {
        Self {
            next_id: first_id,
            pending: Vec::new(),
            asked: None,
        }
    }

    /// The newest plan asked for.
    pub const fn asked(&self) -> Option<&Asked> {
        self.asked.as_ref()
    }

    /// How many commands wait for an answer.
    pub const fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// A message for a new command, remembered until it is answered.
    pub fn send(
        &mut self,
        target: usize,
        boot: BootId,
        command: Command,
        expect: Option<Epoch>,
        then: Option<PlanRequest>,
    ) -> CommandMessage {
        let message = CommandMessage {
            id: self.next_id,
            expect_epoch: expect,
            command,
        };
        self.next_id += 1;
        self.note(target, &message, then.as_ref());
        self.pending.push(Pending {
            target,
            boot,
            message: message.clone(),
            then,
        });
        message
    }

    fn note(&mut self, target: usize, message: &CommandMessage, then: Option<&PlanRequest>) {
        let (plan, command, progress) = match (&message.command, then) {
            (Command::SetPlan { plan }, _) => (plan.clone(), Some(message.id), Progress::Sent),
            (_, Some(then)) => (then.plan.clone(), None, Progress::TakingControl),
            _ => return,
        };
        self.asked = Some(Asked {
            target,
            plan,
            command,
            progress,
            again: false,
        });
    }

    /// Takes an answer in; returns the command that it answers, unless it answers none of this console's.
    pub fn answered(
        &mut self,
        target: usize,
        id: u64,
        result: &Result<(), String>,
    ) -> Option<Pending> {
        let of = |p: &Pending| p.target == target && p.message.id == id;
        let at = self.pending.iter().position(of)?;
        let pending = self.pending.remove(at);
        let sets_plan = matches!(pending.message.command, Command::SetPlan { .. });
        match result {
            Ok(()) if sets_plan => self.progress(Some(id), Progress::Accepted),
            Err(why) if sets_plan => self.progress(Some(id), Progress::Refused(why.clone())),
            Err(why) if pending.then.is_some() => {
                self.progress(None, Progress::Refused(why.clone()));
            }
            Ok(()) | Err(_) => {}
        }
        Some(pending)
    }

    /// A command needs no answer any more: who sent it asks anew when the worker is back.
    pub fn forget(&mut self, target: usize, id: u64) {
        self.pending
            .retain(|p| p.target != target || p.message.id != id);
    }

    fn progress(&mut self, command: Option<u64>, progress: Progress) {
        if let Some(asked) = &mut self.asked
            && asked.command == command
        {
            asked.progress = progress;
        }
    }

    /// A connection ended: what it did not answer waits for the worker to come back. Says whether something does.
    pub fn interrupt(&mut self, target: usize) -> bool {
        if let Some(asked) = &mut self.asked
            && asked.target == target
            && matches!(asked.progress, Progress::Sent | Progress::TakingControl)
        {
            asked.progress = Progress::Interrupted;
        }
        self.pending.iter().any(|p| p.target == target)
    }

    /// A worker is back: the commands that its connection did not answer, removed from here. The caller sends again
    /// what the same process can still answer.
    pub fn unanswered(&mut self, target: usize) -> Vec<Pending> {
        let (back, rest) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|p| p.target == target);
        self.pending = rest;
        back
    }

    /// Sends a plan again under its old number: a worker that did it already only answers again.
    pub fn send_again(&mut self, pending: Pending) -> CommandMessage {
        let message = pending.message.clone();
        self.note(pending.target, &message, None);
        if let Some(asked) = &mut self.asked {
            asked.again = true;
        }
        self.pending.push(pending);
        message
    }

    /// What became of a command cannot be known.
    pub fn give_up(&mut self, pending: &Pending, why: &str) {
        let command = match pending.message.command {
            Command::SetPlan { .. } => Some(pending.message.id),
            _ => None,
        };
        if command.is_some() || pending.then.is_some() {
            self.progress(command, Progress::Unknown(why.to_owned()));
        }
    }
}
