//! All connections of a console: starts their tasks, hands them the reducer's effects, collects what they hear.

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;

use super::app::{App, Effect, Said, Update};
use super::transport::{Line, Told};
use crate::console::address::Address;

/// Messages of all workers that wait for the console. When it is full, workers wait, and count what they drop.
const HEARD: usize = 256;
/// Orders that wait for a connection's task, which does nothing but wait for them and for its socket.
const ORDERS: usize = 64;

/// The connections.
#[derive(Debug)]
pub(super) struct Links {
    told: Vec<Sender<Told>>,
    heard: Receiver<Update>,
    // Ends the tasks when the console ends.
    _tasks: JoinSet<()>,
}

impl Links {
    /// Starts a task for each address; none dials before it is told to. Needs a tokio runtime.
    pub(super) fn start(addresses: &[Address], name: &str) -> Self {
        let (updates, heard) = mpsc::channel(HEARD);
        let mut tasks = JoinSet::new();
        let mut told = Vec::new();
        for (target, address) in addresses.iter().enumerate() {
            let (sender, receiver) = mpsc::channel(ORDERS);
            told.push(sender);
            let line = Line {
                target,
                address: address.clone(),
                name: name.to_owned(),
                told: receiver,
                updates: updates.clone(),
            };
            tasks.spawn(line.serve());
        }
        Self {
            told,
            heard,
            _tasks: tasks,
        }
    }

    /// The next thing that any connection brings. Never ends while the console runs.
    pub(super) async fn next(&mut self) -> Option<Update> {
        self.heard.recv().await
    }

    /// Something that is there already.
    pub(super) fn ready(&mut self) -> Option<Update> {
        self.heard.try_recv().ok()
    }

    /// Hands an effect to its connection without waiting. When its task does not take it, that is a lost connection:
    /// the reducer knows what that means for a command.
    pub(super) fn perform(&self, effect: Effect, app: &App) -> Option<Update> {
        let (target, told) = match effect {
            Effect::Link { target, order } => (target, Told::Link(order)),
            Effect::Send { target, message } => (target, Told::Send(message)),
            Effect::Ask { target, missed } => (target, Told::Ask(missed)),
            Effect::Note(_)
            | Effect::Show(_)
            | Effect::Errand(_)
            | Effect::Keep(_)
            | Effect::Suspend
            | Effect::Quit => return None,
        };
        let taken = self.told.get(target).map(|sender| sender.try_send(told));
        match taken {
            Some(Ok(())) => None,
            _ => Some(Update::Link {
                target,
                dial: app.targets().get(target)?.connection.dial(),
                said: Said::Lost("its connection takes no orders".to_owned()),
            }),
        }
    }
}
