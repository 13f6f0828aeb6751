//! What the endpoint hands to the worker's coordinator.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use tokio::sync::oneshot;

use crate::plan::Plan;
use crate::policy::Spec;
use crate::units::Epoch;

/// What a console with control wants of the robot.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// This plan, which takes it from a policy.
    Plan(Plan),
    /// That a policy has the say, or none.
    Policy(Option<Spec>),
    /// That no frame is admitted for so many milliseconds from now; 0 ends a pause.
    Idle(u32),
}

/// An order of a console with control. Whoever gets this must answer on `reply`.
#[derive(Debug)]
pub struct CommandRequest {
    /// The command's number in its session.
    pub id: u64,
    /// Who asks, `user@host`.
    pub session_name: String,
    /// The epoch the console believes in effect; another one is a refusal.
    pub expect_epoch: Option<Epoch>,
    /// What is wanted.
    pub order: Order,
    /// Done or under way, or the sentence why not.
    pub reply: oneshot::Sender<Result<(), String>>,
}

type Deliver = dyn Fn(CommandRequest) -> Result<(), String> + Send + Sync;

/// Where commands go: must not wait, and gives a sentence when it cannot take one.
#[derive(Clone)]
pub struct CommandSink(Arc<Deliver>);

impl CommandSink {
    /// A sink that calls a function on the telemetry thread; the function must not block.
    pub fn new(
        deliver: impl Fn(CommandRequest) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(deliver))
    }

    /// A bounded queue and its other end; when it is full, commands are refused with a sentence.
    pub fn queue(capacity: usize) -> (Self, Receiver<CommandRequest>) {
        let (sender, receiver) = sync_channel(capacity);
        (sender.into(), receiver)
    }

    pub(super) fn send(&self, request: CommandRequest) -> Result<(), String> {
        (self.0)(request)
    }
}

impl From<SyncSender<CommandRequest>> for CommandSink {
    fn from(sender: SyncSender<CommandRequest>) -> Self {
        Self::new(move |request| {
            sender.try_send(request).map_err(|e| match e {
                TrySendError::Full(_) => {
                    "the robot has too many commands waiting; try again in a moment".to_owned()
                }
                TrySendError::Disconnected(_) => {
                    "the robot no longer takes commands; it is shutting down".to_owned()
                }
            })
        })
    }
}
