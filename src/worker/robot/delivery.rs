//! Results in the order of their frames, whichever way each of them went.

use std::collections::BTreeMap;

use crate::units::FrameId;
use crate::wire::FrameRecord;

/// Holds records back until those of all older frames are told. Every admitted frame gets exactly one record, so
/// nothing waits for ever.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    next: FrameId,
    early: BTreeMap<FrameId, FrameRecord>,
}

impl Delivery {
    /// Takes a record and gives those whose turn it is, in order.
    pub(super) fn ready(&mut self, record: FrameRecord) -> Vec<FrameRecord> {
        self.early.insert(record.frame, record);
        let mut ready = Vec::new();
        while let Some(record) = self.early.remove(&self.next) {
            self.next = FrameId(self.next.0 + 1);
            ready.push(record);
        }
        ready
    }
}
