//! What each operator takes: medians over the last frames of one epoch, per device.

use std::collections::{BTreeMap, VecDeque};

use super::frames::quantile;
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
    /// 95 of 100 are shorter.
    pub p95_ns: i64,
    /// Frames that it was measured in.
    pub count: usize,
}

/// Times per operator and device within one epoch.
#[derive(Debug, Clone, Default)]
pub struct OperatorTimes {
    epoch: Option<Epoch>,
    frames: u64,
    times: BTreeMap<NodeId, Vec<Times>>,
}

/// The last times of an operator on one device.
#[derive(Debug, Clone)]
struct Times {
    device: DeviceId,
    /// The last frame that it computed the operator for, counted from the epoch's first.
    frame: u64,
    ns: VecDeque<i64>,
}

impl OperatorTimes {
    /// Forgets the epoch before.
    pub fn begin(&mut self, epoch: Epoch) {
        *self = Self {
            epoch: Some(epoch),
            ..Self::default()
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
        let steps = frame.steps.iter();
        let steps = steps.filter(|s| s.kind == StepKind::Compute && s.node.0 <= MOST_NODES);
        // In the order that they ran in: nearly the operators' own, and so soon sorted.
        let mut steps: Vec<_> = steps
            .map(|step| ((step.node, step.device), step.duration_ns))
            .collect();
        steps.sort_unstable_by_key(|step| step.0);
        self.frames += 1;
        for tiles in steps.chunk_by(|a, b| a.0 == b.0) {
            let (node, device) = tiles[0].0;
            let ns = tiles
                .iter()
                .fold(0, |sum: i64, tile| sum.saturating_add(tile.1));
            let slots = self.times.entry(node).or_default();
            let known = slots.iter().position(|times| times.device == device);
            let at = known.unwrap_or(slots.len());
            if at == MOST_DEVICES {
                continue;
            }
            if known.is_none() {
                slots.push(Times {
                    device,
                    frame: 0,
                    ns: VecDeque::new(),
                });
            }
            let times = &mut slots[at];
            times.frame = self.frames;
            times.ns.push_back(ns);
            if times.ns.len() > WINDOW {
                times.ns.pop_front();
            }
        }
    }

    /// An operator's medians, one per device that computed it for the newest frame that it was computed for: where it
    /// ran before a fallback is not where it runs.
    pub fn medians(&self, node: NodeId) -> Vec<Median> {
        let slots = self.times.get(&node).map_or(&[][..], Vec::as_slice);
        let newest = slots.iter().map(|times| times.frame).max();
        slots
            .iter()
            .filter(|times| Some(times.frame) == newest)
            .filter_map(|times| {
                let mut ns: Vec<i64> = times.ns.iter().copied().collect();
                ns.sort_unstable();
                Some(Median {
                    device: times.device,
                    ns: quantile(&ns, 50)?,
                    p95_ns: quantile(&ns, 95)?,
                    count: ns.len(),
                })
            })
            .collect()
    }

    /// The greatest median of all, which the others are drawn beside; none before there is one.
    pub fn longest_ns(&self) -> Option<i64> {
        let mut ns: Vec<i64> = Vec::new();
        let medians = self.times.values().flat_map(|slots| {
            let newest = slots.iter().map(|times| times.frame).max();
            slots
                .iter()
                .filter(move |times| Some(times.frame) == newest)
        });
        let medians = medians.filter_map(|times| {
            ns.clear();
            ns.extend(&times.ns);
            // The place that `quantile` takes of sorted values.
            let middle = ns.len().div_ceil(2).checked_sub(1)?;
            Some(*ns.select_nth_unstable(middle).1)
        });
        medians.max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::FrameId;
    use crate::wire::testing::{bare_frame, computed};

    fn frame(number: u64, epoch: u32, warmup: bool, steps: &[(u8, u32, i64)]) -> FrameRecord {
        let computed = |&(device, node, ns): &(u8, u32, i64)| computed(device, node, 0, ns);
        FrameRecord {
            frame: FrameId(number),
            epoch: Epoch(epoch),
            cut: Some(1),
            warmup,
            steps: steps.iter().map(computed).collect(),
            ..bare_frame("split")
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
    fn the_longest_is_the_greatest_of_the_medians_where_operators_run_now() {
        let mut times = OperatorTimes::default();
        times.begin(Epoch(1));
        assert_eq!(times.longest_ns(), None);
        for number in 1..=6 {
            let late = i64::from(number == 3) * 5_000;
            let steps = [(0, 2, 40 + late), (0, 1, 10), (1, 3, number as i64)];
            times.add(&frame(number, 1, false, &steps));
        }
        let medians = (1..=3).flat_map(|node| times.medians(NodeId(node)));
        assert_eq!(times.longest_ns(), medians.map(|m| m.ns).max());
        assert_eq!(times.longest_ns(), Some(40));
        // It computes elsewhere now, and faster.
        times.add(&frame(7, 1, false, &[(1, 2, 5)]));
        assert_eq!(times.longest_ns(), Some(10));
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
    fn after_a_fallback_an_operator_is_where_it_runs_now() {
        let mut times = OperatorTimes::default();
        times.begin(Epoch(1));
        times.add(&frame(1, 1, false, &[(1, 1, 4)]));
        times.add(&frame(2, 1, false, &[(0, 1, 30)]));
        let medians = times.medians(NodeId(1));
        assert_eq!(
            (medians.len(), medians[0].device, medians[0].ns),
            (1, DeviceId::ROBOT, 30)
        );
        times.add(&frame(3, 1, false, &[(1, 1, 6)]));
        let medians = times.medians(NodeId(1));
        assert_eq!((medians[0].device, medians[0].count), (DeviceId::SERVER, 2));
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
        assert_eq!(times.times[&NodeId(1)].len(), MOST_DEVICES);
        assert!(times.medians(NodeId(u32::MAX)).is_empty());
    }
}
