//! What joining costs when operators are divided over devices (`TP.sync`): derived from one frame's steps. Pure.
//!
//! ```text
//! robot     ▓▓▓ conv, its half        ##▓▓▓ next conv
//! up               ╱╱╱╱╱
//! down                   ╲╲╲╲╲╲
//!              |----- sync -----|
//!              ··╱╱╱╱╱···╲╲╲╲╲##     wait, wire, concat
//! ```
//!
//! A node's sync begins when the robot has finished its own part of it (if it has none: its last step before) and ends
//! when the node can be used on the robot: its pieces are joined or its addends summed, or, where neither is needed, the
//! last piece is there. Instants at which the robot computes another operator are no part of it. Of the rest, joining
//! and summing is concat, what a transfer of that node covers is wire, the remainder is wait.

use std::collections::{BTreeMap, VecDeque};

use super::intervals::{Interval, Intervals};
use crate::units::{DeviceId, Epoch, NodeId};
use crate::wire::{FrameRecord, Outcome, StepKind, StepTime};

/// Steps of a frame that are looked at; a frame with more (a faulty peer's) has no sync.
const MOST_STEPS: usize = 50_000;
/// Frames that a median looks at.
const WINDOW: usize = 32;
/// Nodes that are remembered.
const MOST_NODES: usize = 4_096;

/// A sync's time and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SyncTime {
    /// Nothing of it went on: the other side was not ready, or the link was busy with something else.
    pub wait_ns: i64,
    /// A piece was on its way.
    pub wire_ns: i64,
    /// The robot joined pieces or summed addends.
    pub concat_ns: i64,
    /// Payload of all its pieces, both ways.
    pub bytes: u64,
}

impl SyncTime {
    /// How long it took.
    pub const fn total_ns(&self) -> i64 {
        self.wait_ns
            .saturating_add(self.wire_ns)
            .saturating_add(self.concat_ns)
    }
}

/// The syncs of one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameSync {
    /// By node, in the graph's order.
    pub nodes: Vec<(NodeId, SyncTime)>,
    /// All together; an instant at which two nodes are joined counts once.
    pub total: SyncTime,
    /// The frame's latency.
    pub latency_ns: i64,
}

impl FrameSync {
    /// The syncs of a frame that divided operators (`tensor`, `tile`) and ended under its plan; none of others.
    pub fn of(frame: &FrameRecord) -> Option<Self> {
        let divides = matches!(frame.mode.as_str(), "tensor" | "tile");
        if !divides || frame.outcome != Outcome::Ok || frame.steps.len() > MOST_STEPS {
            return None;
        }
        let steps: Vec<StepTime> = frame.steps.iter().collect();
        let all = (0, frame.latency_ns.max(0));
        let computes = steps
            .iter()
            .filter(|s| s.device == DeviceId::ROBOT && s.kind == StepKind::Compute);
        let computes = Intervals::union(computes.map(interval).collect());
        let mut nodes = Vec::new();
        let mut together = Together::default();
        for (node, joined) in joins(&steps) {
            let Some(window) = joined.window(&steps) else {
                continue;
            };
            let open = Intervals::union(vec![window]).within(all);
            let open = open.without(&computes.within(window));
            let concat = inside(&joined.joins, &open);
            let wire = inside(&joined.transfers, &open).without(&concat);
            let time = SyncTime {
                wait_ns: open.length() - wire.length() - concat.length(),
                wire_ns: wire.length(),
                concat_ns: concat.length(),
                bytes: joined.bytes,
            };
            nodes.push((node, time));
            together.bytes = together.bytes.saturating_add(joined.bytes);
            together.open.extend(open.into_vec());
            together.concat.extend(concat.into_vec());
            together.wire.extend(wire.into_vec());
        }
        (!nodes.is_empty()).then(|| Self {
            nodes,
            total: together.time(),
            latency_ns: all.1,
        })
    }

    /// The share of the latency that went into syncs, 0 to 1.
    pub fn share(&self) -> f64 {
        if self.latency_ns == 0 {
            return 0.0;
        }
        self.total.total_ns() as f64 / self.latency_ns as f64
    }
}

/// The syncs of all nodes of a frame.
#[derive(Default)]
struct Together {
    open: Vec<Interval>,
    concat: Vec<Interval>,
    wire: Vec<Interval>,
    bytes: u64,
}

impl Together {
    fn time(self) -> SyncTime {
        let open = Intervals::union(self.open);
        let concat = Intervals::union(self.concat);
        let wire = Intervals::union(self.wire).without(&concat);
        SyncTime {
            wait_ns: open.length() - wire.length() - concat.length(),
            wire_ns: wire.length(),
            concat_ns: concat.length(),
            bytes: self.bytes,
        }
    }
}

/// What a node that came to the robot has to do with its sync.
#[derive(Default)]
struct Joined {
    /// The robot's own part was finished.
    own_end: Option<i64>,
    /// Its pieces on their way, in every direction.
    transfers: Vec<Interval>,
    /// The last piece was there.
    arrived: Option<i64>,
    /// Joining and summing on the robot.
    joins: Vec<Interval>,
    bytes: u64,
}

impl Joined {
    fn window(&self, steps: &[StepTime]) -> Option<Interval> {
        let arrived = self.arrived?;
        let after = self.joins.iter().filter(|(start, _)| *start >= arrived);
        let join = after.min().copied();
        let end = join.map_or(arrived, |(_, end)| end);
        let ready = join.map_or(arrived, |(start, _)| start);
        let start = self.own_end.unwrap_or_else(|| {
            let before = steps
                .iter()
                .filter(|s| s.device == DeviceId::ROBOT && !s.kind.is_transport())
                .map(|s| interval(s).1)
                .filter(|&stop| stop <= ready);
            before.max().unwrap_or(0)
        });
        Some((start.min(end), end))
    }
}

/// By node: everything about those of which a piece came to the robot.
fn joins(steps: &[StepTime]) -> BTreeMap<NodeId, Joined> {
    let mut nodes: BTreeMap<NodeId, Joined> = BTreeMap::new();
    for step in steps.iter().filter(|s| s.kind.is_transport()) {
        let joined = nodes.entry(step.node).or_default();
        let (start, end) = interval(step);
        joined.transfers.push((start, end));
        if step.kind == StepKind::Transfer {
            joined.bytes = joined.bytes.saturating_add(step.bytes);
        }
        if step.to == DeviceId::ROBOT {
            joined.arrived = Some(joined.arrived.map_or(end, |known| known.max(end)));
        }
    }
    nodes.retain(|_, joined| joined.arrived.is_some());
    for step in steps.iter().filter(|s| s.device == DeviceId::ROBOT) {
        let Some(joined) = nodes.get_mut(&step.node) else {
            continue;
        };
        let (start, end) = interval(step);
        match step.kind {
            StepKind::Compute => joined.own_end = joined.own_end.max(Some(end)),
            StepKind::Assemble | StepKind::Reduce => joined.joins.push((start, end)),
            StepKind::Transfer | StepKind::Encode | StepKind::Decode => {}
        }
    }
    nodes
}

const fn interval(step: &StepTime) -> Interval {
    let length = if step.duration_ns > 0 {
        step.duration_ns
    } else {
        0
    };
    (step.start_ns, step.start_ns.saturating_add(length))
}

/// The part of some intervals that lies in others.
fn inside(some: &[Interval], open: &Intervals) -> Intervals {
    let some = Intervals::union(some.to_vec());
    let outside = some.without(open);
    some.without(&outside)
}

/// Syncs over the last frames of one epoch.
#[derive(Debug, Clone, Default)]
pub struct SyncTimes {
    epoch: Option<Epoch>,
    nodes: BTreeMap<NodeId, VecDeque<SyncTime>>,
    frames: VecDeque<(SyncTime, i64)>,
}

impl SyncTimes {
    /// Forgets the epoch before.
    pub fn begin(&mut self, epoch: Epoch) {
        *self = Self {
            epoch: Some(epoch),
            ..Self::default()
        };
    }

    /// Takes a frame in, if it is of this epoch, no warm-up, and has a sync.
    pub fn add(&mut self, frame: &FrameRecord) {
        if self.epoch != Some(frame.epoch) || frame.warmup {
            return;
        }
        let Some(sync) = FrameSync::of(frame) else {
            return;
        };
        push(&mut self.frames, (sync.total, sync.latency_ns));
        for (node, time) in sync.nodes {
            if self.nodes.len() < MOST_NODES || self.nodes.contains_key(&node) {
                push(self.nodes.entry(node).or_default(), time);
            }
        }
    }

    /// A node's sync: the frame in the middle by its total, so that its three parts sum to it.
    pub fn node(&self, node: NodeId) -> Option<SyncTime> {
        let mut times: Vec<SyncTime> = self.nodes.get(&node)?.iter().copied().collect();
        let middle = times.len().checked_sub(1)? / 2;
        let (_, time, _) = times.select_nth_unstable_by_key(middle, SyncTime::total_ns);
        Some(*time)
    }

    /// How many nodes have one.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// All syncs of a frame and its latency: the frame in the middle by the sync's total.
    pub fn frame(&self) -> Option<(SyncTime, i64)> {
        let mut frames: Vec<_> = self.frames.iter().copied().collect();
        let middle = frames.len().checked_sub(1)? / 2;
        let (_, frame, _) = frames.select_nth_unstable_by_key(middle, |(t, _)| t.total_ns());
        Some(*frame)
    }
}

fn push<T>(ring: &mut VecDeque<T>, value: T) {
    ring.push_back(value);
    if ring.len() > WINDOW {
        ring.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{frame_of, step};

    const ROBOT: u8 = 0;
    const SERVER: u8 = 1;

    /// Wait, wire, concat.
    fn parts(time: SyncTime) -> (i64, i64, i64) {
        (time.wait_ns, time.wire_ns, time.concat_ns)
    }

    fn sync(latency: i64, steps: &[StepTime]) -> FrameSync {
        FrameSync::of(&frame_of("tensor", latency, steps)).unwrap()
    }

    #[test]
    fn a_gather_is_divided_into_wait_wire_and_concat() {
        use StepKind::{Assemble, Compute, Transfer};
        let steps = [
            step(ROBOT, Compute, 1, 0, 100, ROBOT, 0),
            step(SERVER, Compute, 1, 40, 130, SERVER, 0),
            step(ROBOT, Transfer, 1, 110, 50, SERVER, 600),
            step(SERVER, Transfer, 1, 180, 60, ROBOT, 400),
            step(ROBOT, Assemble, 1, 245, 10, ROBOT, 0),
            step(ROBOT, Compute, 2, 255, 45, ROBOT, 0),
        ];
        let sync = sync(300, &steps);
        // 100..255: 10 until the first byte, 20 between the two transfers, 5 before the join.
        let (node, time) = sync.nodes[0];
        assert_eq!((node, parts(time)), (NodeId(1), (35, 110, 10)));
        assert_eq!((time.bytes, sync.nodes.len()), (1_000, 1));
        assert_eq!(sync.total, time);
        assert!((sync.share() - 155.0 / 300.0).abs() < 1e-9);
    }

    #[test]
    fn known_answers() {
        use StepKind::{Assemble, Compute, Reduce, Transfer};
        type Row = (&'static str, Vec<StepTime>, (i64, i64, i64));
        let table: Vec<Row> = vec![
            (
                "an all-reduce ends with the sum",
                vec![
                    step(ROBOT, Compute, 3, 0, 50, ROBOT, 0),
                    step(SERVER, Transfer, 3, 60, 30, ROBOT, 8),
                    step(ROBOT, Reduce, 3, 90, 20, ROBOT, 0),
                ],
                (10, 30, 20),
            ),
            (
                "the other side was faster: only the join is left",
                vec![
                    step(SERVER, Transfer, 3, 10, 30, ROBOT, 8),
                    step(ROBOT, Compute, 3, 0, 50, ROBOT, 0),
                    step(ROBOT, Assemble, 3, 50, 7, ROBOT, 0),
                ],
                (0, 0, 7),
            ),
            (
                "no share on the robot: from its last step before",
                vec![
                    step(ROBOT, Compute, 2, 0, 40, ROBOT, 0),
                    step(SERVER, Transfer, 3, 55, 30, ROBOT, 8),
                    step(ROBOT, Compute, 4, 85, 15, ROBOT, 0),
                ],
                (15, 30, 0),
            ),
            (
                "what the robot computes meanwhile is no sync",
                vec![
                    step(ROBOT, Compute, 3, 0, 10, ROBOT, 0),
                    step(ROBOT, Compute, 9, 20, 40, ROBOT, 0),
                    step(SERVER, Transfer, 3, 50, 30, ROBOT, 8),
                    step(ROBOT, Assemble, 3, 80, 5, ROBOT, 0),
                ],
                (10, 20, 5),
            ),
            (
                "a second join of other rows is not waited for",
                vec![
                    step(ROBOT, Compute, 3, 0, 10, ROBOT, 0),
                    step(SERVER, Transfer, 3, 10, 20, ROBOT, 8),
                    step(ROBOT, Assemble, 3, 30, 5, ROBOT, 0),
                    step(ROBOT, Compute, 4, 35, 5, ROBOT, 0),
                    step(ROBOT, Assemble, 3, 40, 5, ROBOT, 0),
                ],
                (0, 20, 5),
            ),
            (
                "pieces of two servers at once are one wire",
                vec![
                    step(ROBOT, Compute, 3, 0, 10, ROBOT, 0),
                    step(SERVER, Transfer, 3, 10, 20, ROBOT, 8),
                    step(2, Transfer, 3, 20, 20, ROBOT, 8),
                    step(ROBOT, Assemble, 3, 45, 5, ROBOT, 0),
                ],
                (5, 30, 5),
            ),
        ];
        for (what, steps, answer) in table {
            let sync = sync(200, &steps);
            assert_eq!(parts(sync.nodes[0].1), answer, "{what}");
        }
    }

    #[test]
    fn two_syncs_at_once_count_once_in_the_total() {
        use StepKind::{Assemble, Compute, Transfer};
        let steps = [
            step(ROBOT, Compute, 1, 0, 10, ROBOT, 0),
            step(ROBOT, Compute, 2, 10, 10, ROBOT, 0),
            step(SERVER, Transfer, 1, 20, 20, ROBOT, 1),
            step(SERVER, Transfer, 2, 40, 20, ROBOT, 1),
            step(ROBOT, Assemble, 1, 60, 5, ROBOT, 0),
            step(ROBOT, Assemble, 2, 65, 5, ROBOT, 0),
        ];
        let sync = sync(80, &steps);
        let sum: i64 = sync.nodes.iter().map(|(_, t)| t.total_ns()).sum();
        assert_eq!((sum, sync.total.total_ns()), (45 + 50, 50));
        assert_eq!(parts(sync.total), (0, 40, 10));
    }

    #[test]
    fn only_frames_that_divide_operators_and_ended_under_their_plan_have_one() {
        use StepKind::{Compute, Transfer};
        let steps = [
            step(ROBOT, Compute, 1, 0, 10, ROBOT, 0),
            step(SERVER, Transfer, 1, 20, 20, ROBOT, 1),
        ];
        assert!(FrameSync::of(&frame_of("split", 50, &steps)).is_none());
        assert!(FrameSync::of(&frame_of("tile", 50, &steps)).is_some());
        let mut fallen = frame_of("tensor", 50, &steps);
        fallen.outcome = Outcome::FinishedLocally;
        assert!(FrameSync::of(&fallen).is_none());
        // What only goes up is nothing the robot waits for.
        let up = [step(ROBOT, Transfer, 0, 0, 20, SERVER, 1)];
        assert!(FrameSync::of(&frame_of("tensor", 50, &up)).is_none());
    }

    #[test]
    fn medians_are_of_this_epoch_and_their_parts_sum() {
        use StepKind::{Compute, Transfer};
        let mut times = SyncTimes::default();
        times.begin(Epoch(1));
        for wire in [10, 30, 90] {
            let steps = [
                step(ROBOT, Compute, 1, 0, 5, ROBOT, 0),
                step(SERVER, Transfer, 1, 5, wire, ROBOT, 1),
            ];
            times.add(&frame_of("tensor", 200, &steps));
        }
        assert_eq!(times.node(NodeId(1)).unwrap().wire_ns, 30);
        assert_eq!(times.frame().unwrap().0.total_ns(), 30);
        times.begin(Epoch(2));
        assert!(times.node(NodeId(1)).is_none() && times.frame().is_none());
    }
}
