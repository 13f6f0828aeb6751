//! One worker as the console sees it: its address, its connection, what it told.

use super::Reach;
use crate::console::address::Address;
use crate::console::backlog::Backlog;
use crate::console::connection::{Connection, Order};
use crate::store::Store;
use crate::units::Nanos;
use crate::wire::console::Role;

/// A worker.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it listens.
    pub address: Address,
    /// How the connection stands.
    pub connection: Connection,
    /// What it told.
    pub store: Store,
    /// What it told while nobody heard.
    pub backlog: Backlog,
    /// How far away it is.
    pub reach: Reach,
    /// When the newest live batch was sent on its clock, and came on ours.
    pub(super) newest: Option<(Nanos, Nanos)>,
}

impl Target {
    /// A worker that shall be dialled; the caller obeys the order.
    pub fn new(address: Address, now: Nanos) -> (Self, Order) {
        let (connection, order) = Connection::new(now);
        let target = Self {
            address,
            connection,
            store: Store::default(),
            backlog: Backlog::default(),
            reach: Reach::default(),
            newest: None,
        };
        (target, order)
    }

    /// What people call it: its role, or its address until that is known.
    pub fn name(&self) -> String {
        match self.store.worker() {
            Some(worker) => format!("{} {}", worker.role.name(), worker.host),
            None => self.address.short().to_owned(),
        }
    }

    /// When the newest live batch was sent on its clock, and came on ours.
    pub const fn newest(&self) -> Option<(Nanos, Nanos)> {
        self.newest
    }

    /// Whether it is a robot.
    pub fn is_robot(&self) -> bool {
        self.store.role() == Some(Role::Robot)
    }
}
