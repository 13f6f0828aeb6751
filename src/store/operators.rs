//! What each operator takes: medians over the last frames of one epoch, per device.

use std::collections::{BTreeMap, VecDeque};

use crate::units::{DeviceId, Epoch, NodeId};
use crate::wire::{FrameRecord, Outcome, StepKind};

/// Frames that a median looks at.
const WINDOW: usize = 64;
/// Operators kept, as many as a graph may have.
const MOST_NODES: u32 = 20_000;
/// Devices kept per operator.
const MOST_DEVICES: usize = 4;

/// The middle of the last times of an operator on one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Median {
    /// Where.
    pub device: DeviceId,
    /// How long.
    pub ns: i64,
    /// Frames that it was measured in.
    pub count: usize,
}

/// Times per operator and device within one epoch.
#[derive(Debug, Clone, Default)]
pub struct OperatorTimes {
    epoch: Option<Epoch>,
    times: BTreeMap<NodeId, Vec<(DeviceId, VecDeque<i64>)>>,
}

impl OperatorTimes {
    /// Forgets the epoch before.
    pub fn begin(&mut self, epoch: Epoch) {
        *self = Self {
            epoch: Some(epoch),
            times: BTreeMap::new(),
        };
    }

    /// Takes a frame's steps in, if it is of this epoch, no warm-up and no failure. Several steps of one operator (row
    /// tiles) are added up.
    pub fn add(&mut self, frame: &FrameRecord) {
        let counts =
            self.epoch == Some(frame.epoch) && !frame.warmup && frame.outcome != Outcome::Failed;
        if !counts {
            return;
        }
        let mut sums: BTreeMap<(NodeId, DeviceId), i64> = BTreeMap::new();
        for step in frame.steps.iter() {
            if step.kind == StepKind::Compute && step.node.0 <= MOST_NODES {
                let sum = sums.entry((step.node, step.device)).or_default();
                *sum = sum.saturating_add(step.duration_ns);
            }
        }
        for ((node, device), ns) in sums {
            let slots = self.times.entry(node).or_default();
            let at = slots.iter().position(|(d, _)| *d == device);
            let slot = match at {
                Some(at) => &mut slots[at].1,
                None if slots.len() < MOST_DEVICES => {
                    slots.push((device, VecDeque::new()));
                    let last = slots.len() - 1;
                    &mut slots[last].1
                }
                None => continue,
            };
            slot.push_back(ns);
            if slot.len() > WINDOW {
                slot.pop_front();
            }
        }
    }

    /// An operator's medians, one per device that computed it.
    pub fn medians(&self, node: NodeId) -> Vec<Median> {
        let slots = self.times.get(&node).map_or(&[][..], Vec::as_slice);
        slots
            .iter()
            .filter_map(|(device, times)| {
                let mut times: Vec<i64> = times.iter().copied().collect();
                let count = times.len();
                let middle = count.checked_sub(1)? / 2;
                let (_, ns, _) = times.select_nth_unstable(middle);
                Some(Median {
                    device: *device,
                    ns: *ns,
                    count,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{FrameId, Nanos};
    use crate::wire::{Parts, StepTime, Steps};

    fn frame(number: u64, epoch: u32, warmup: bool, steps: &[(u8, u32, i64)]) -> FrameRecord {
        FrameRecord {
            frame: FrameId(number),
            attempt: 0,
            epoch: Epoch(epoch),
            mode: "split".into(),
            cut: Some(1),
            admitted: Nanos(0),
            latency_ns: 0,
            parts: Parts::default(),
            bytes_up: 0,
            bytes_down: 0,
            outcome: Outcome::Ok,
            warmup,
            preparing: false,
            skipped: 0,
            clock_error_ns: None,
            picture: String::new(),
            top: Vec::new(),
            steps: steps
                .iter()
                .map(|&(device, node, duration_ns)| StepTime {
                    device: DeviceId(device),
                    kind: StepKind::Compute,
                    node: NodeId(node),
                    start_ns: 0,
                    duration_ns,
                })
                .collect::<Steps>(),
            emulated: false,
        }
    }

    #[test]
    fn medians_are_of_this_epoch_without_its_warm_up() {
        let mut times = OperatorTimes::default();
        times.begin(Epoch(2));
        times.add(&frame(1, 2, true, &[(0, 1, 9_000)]));
        times.add(&frame(2, 1, false, &[(0, 1, 8_000)]));
        times.add(&frame(3, 2, false, &[(0, 1, 10)]));
        times.add(&frame(4, 2, false, &[(0, 1, 20)]));
        times.add(&frame(5, 2, false, &[(0, 1, 500)]));
        let medians = times.medians(NodeId(1));
        assert_eq!(medians.len(), 1);
        assert_eq!((medians[0].ns, medians[0].count), (20, 3));
        times.begin(Epoch(3));
        assert!(times.medians(NodeId(1)).is_empty());
    }

    #[test]
    fn tiles_of_one_operator_add_up_and_devices_stay_apart() {
        let mut times = OperatorTimes::default();
        times.begin(Epoch(1));
        times.add(&frame(1, 1, false, &[(0, 1, 10), (0, 1, 15), (1, 1, 4)]));
        let medians: Vec<_> = times.medians(NodeId(1)).iter().map(|m| m.ns).collect();
        assert_eq!(medians, [25, 4]);
    }

    #[test]
    fn a_peer_that_names_nodes_without_end_fills_no_memory() {
        let mut times = OperatorTimes::default();
        times.begin(Epoch(1));
        for round in 0..100 {
            times.add(&frame(
                round,
                1,
                false,
                &[(round as u8, 1, 1), (0, u32::MAX, 1)],
            ));
        }
        assert_eq!(times.medians(NodeId(1)).len(), MOST_DEVICES);
        assert!(times.medians(NodeId(u32::MAX)).is_empty());
    }
}
