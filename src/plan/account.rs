//! Where a frame's latency went: every instant in exactly one part. Pure.

use super::{
    Completed, Linked, Parts, Step, StepKind, StepTime, Steps, Timing, TimingOf, Value, ValueCodec,
};
use crate::clock::Offset;
use crate::units::{DeviceId, Nanos};

/// One device's times of a frame with the program that they belong to, already on the robot's clock.
#[derive(Debug)]
pub struct Measured<'a> {
    /// The program that ran.
    pub program: &'a Linked,
    /// Its times.
    pub timings: Vec<Timing>,
}

impl<'a> Measured<'a> {
    /// The robot's own.
    pub fn own<P>(completed: &'a Completed<P>) -> Self {
        Self {
            program: &completed.program,
            timings: completed.timings.clone(),
        }
    }

    /// A server's, mapped to the robot's clock.
    pub fn mapped(program: &'a Linked, timings: &[Timing], offset: Offset) -> Self {
        let on_ours = |t: &Timing| Timing {
            of: t.of,
            start: offset.to_ours(t.start),
            end: offset.to_ours(t.end),
            packed: t.packed,
        };
        Self {
            program,
            timings: timings.iter().map(on_ours).collect(),
        }
    }

    /// Whose times they are.
    pub fn device(&self) -> DeviceId {
        self.program.program.device
    }

    fn bytes(&self, of: TimingOf) -> u64 {
        match of {
            TimingOf::Step(i) => self.program.step_bytes().nth(i as usize).unwrap_or(0),
            TimingOf::Assembly(_) => 0,
        }
    }

    fn step(&self, of: TimingOf) -> Option<&Step> {
        match of {
            TimingOf::Step(i) => self.program.program.steps.get(i as usize),
            TimingOf::Assembly(_) => None,
        }
    }
}

/// What a frame's times say.
#[derive(Debug, PartialEq, Eq)]
pub struct Account {
    /// From admission to the result.
    pub latency_ns: i64,
    /// Where it went.
    pub parts: Parts,
    /// Every step since admission.
    pub steps: Steps,
}

/// When the robot had its result: the last of its own computing, and of receiving and unpacking.
pub fn result_at(robot: &Measured<'_>, admitted: Nanos) -> Nanos {
    robot
        .timings
        .iter()
        .filter(|t| !matches!(robot.step(t.of), Some(Step::Send { .. })))
        .map(|t| t.end.shifted(t.packed.map_or(0, |p| p.took_ns)))
        .max()
        .unwrap_or(admitted)
        .max(admitted)
}

/// Accounts for one frame from the times of every device that took part, the robot's first.
pub fn account(admitted: Nanos, devices: &[Measured<'_>]) -> Account {
    let end = devices
        .first()
        .map_or(admitted, |robot| result_at(robot, admitted));
    let mut classes: [Vec<(i64, i64)>; 4] = Default::default();
    let mut steps = Vec::new();
    let mut add = |class: usize, step: StepTime| {
        let last = end.since(admitted);
        let clamp = |ns: i64| ns.clamp(0, last);
        let stop_ns = step.start_ns + step.duration_ns;
        classes[class].push((clamp(step.start_ns), clamp(stop_ns)));
        steps.push(step);
    };
    for measured in devices {
        let device = measured.device();
        for timing in &measured.timings {
            let step = |kind, node, start: Nanos, stop: Nanos| StepTime {
                device,
                kind,
                node,
                start_ns: start.since(admitted),
                duration_ns: stop.since(start),
                bytes: 0,
                to: device,
                wire_bytes: 0,
                codec: ValueCodec::None,
                error_ppb: 0,
            };
            let class = usize::from(device != DeviceId::ROBOT);
            let (start, stop) = (timing.start, timing.end);
            match (measured.step(timing.of), timing.of) {
                (Some(Step::Compute { node, .. }), _) => {
                    add(class, step(StepKind::Compute, *node, start, stop));
                }
                (Some(Step::Reduce { node, .. }), _) => {
                    add(class, step(StepKind::Reduce, *node, start, stop));
                }
                (_, TimingOf::Assembly(node)) => {
                    add(class, step(StepKind::Assemble, node, start, stop));
                }
                (Some(Step::Send { value, to }), _) => {
                    let class = if *to == DeviceId::ROBOT { 3 } else { 2 };
                    let bytes = measured.bytes(timing.of);
                    let packed = timing.packed;
                    let transport = |kind, start, stop| StepTime {
                        bytes,
                        to: *to,
                        wire_bytes: packed.map_or(bytes, |p| p.wire_bytes),
                        codec: packed.map_or(ValueCodec::None, |p| p.codec),
                        error_ppb: packed.map_or(0, |p| p.error_ppb),
                        ..step(kind, value.node, start, stop)
                    };
                    if let Some(packed) = packed {
                        let began = start.shifted(-packed.took_ns);
                        add(class, transport(StepKind::Encode, began, start));
                    }
                    // A transfer ends when the receiver has its last byte, where the receiver tells.
                    let received = received(devices, device, *to, value);
                    let stop = received.map_or(stop, |r| r.end).max(start);
                    add(class, transport(StepKind::Transfer, start, stop));
                    if let Some(unpacked) = received.and_then(|r| r.packed) {
                        let usable = stop.shifted(unpacked.took_ns);
                        add(class, transport(StepKind::Decode, stop, usable));
                    }
                }
                (Some(Step::Receive { .. }) | None, _) => {}
            }
        }
    }
    steps.sort_by_key(|s| s.start_ns);
    let latency_ns = end.since(admitted);
    Account {
        latency_ns,
        parts: divide(latency_ns, classes),
        steps: steps.into_iter().collect(),
    }
}

fn received(
    devices: &[Measured<'_>],
    sender: DeviceId,
    to: DeviceId,
    value: &Value,
) -> Option<Timing> {
    let receiver = devices.iter().find(|m| m.device() == to)?;
    let step = receiver.program.receive_step(value, sender)?;
    let mut timings = receiver.timings.iter();
    timings.find(|t| t.of == TimingOf::Step(step)).copied()
}

/// The length of the union of intervals; those that end before they start count for nothing.
pub fn covered_ns(intervals: Vec<(i64, i64)>) -> i64 {
    length(&merge(intervals))
}

/// Gives every instant of `[0, latency)` to the first class that covers it; the rest is wait.
fn divide(latency_ns: i64, classes: [Vec<(i64, i64)>; 4]) -> Parts {
    let mut taken: Vec<(i64, i64)> = Vec::new();
    let mut own = [0; 4];
    let mut lengths = 0;
    for (class, intervals) in classes.into_iter().enumerate() {
        let before = length(&taken);
        let merged = merge(intervals);
        // A simulated transfer over a dead link never ends, and two such together are longer than a clock goes.
        lengths = i64::saturating_add(lengths, length(&merged));
        taken.extend(merged);
        taken = merge(taken);
        own[class] = length(&taken) - before;
    }
    let [robot_compute_ns, server_compute_ns, uplink_ns, downlink_ns] = own;
    let covered = length(&taken);
    Parts {
        robot_compute_ns,
        server_compute_ns,
        uplink_ns,
        downlink_ns,
        wait_ns: latency_ns.saturating_sub(covered),
        overlap_ns: lengths.saturating_sub(covered),
    }
}

fn merge(mut intervals: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    intervals.retain(|(start, end)| end > start);
    intervals.sort_unstable();
    let mut merged: Vec<(i64, i64)> = Vec::with_capacity(intervals.len());
    for (start, end) in intervals {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

fn length(merged: &[(i64, i64)]) -> i64 {
    let each = merged.iter().map(|(start, end)| end.saturating_sub(*start));
    each.fold(0, i64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn transfers_that_never_end_are_divided_without_an_overflow() {
        let endless = || vec![(5, i64::MAX)];
        let classes = [vec![(0, 5)], vec![], endless(), endless()];
        let parts = divide(i64::MAX, classes);
        assert_eq!(parts.sum_ns(), i64::MAX);
        assert_eq!((parts.robot_compute_ns, parts.uplink_ns), (5, i64::MAX - 5));
    }

    proptest! {
        #[test]
        fn the_five_parts_sum_to_the_latency_and_overlap_is_what_was_saved(
            latency in 1_i64..1000,
            raw in proptest::collection::vec((0_usize..4, 0_i64..1000, 0_i64..1000), 0..30),
        ) {
            let mut classes: [Vec<(i64, i64)>; 4] = Default::default();
            let mut painted = vec![None; latency as usize];
            let mut lengths = 0;
            for (class, intervals) in classes.iter_mut().enumerate() {
                let mut mine = vec![false; latency as usize];
                for &(_, a, b) in raw.iter().filter(|r| r.0 == class) {
                    let (a, b) = (a.min(b).min(latency), a.max(b).min(latency));
                    intervals.push((a, b));
                    for t in a..b {
                        painted[t as usize].get_or_insert(class);
                        mine[t as usize] = true;
                    }
                }
                lengths += mine.iter().filter(|&&m| m).count() as i64;
            }
            let count = |c| painted.iter().filter(|&&p| p == c).count() as i64;
            let parts = divide(latency, classes);
            prop_assert_eq!(parts.sum_ns(), latency);
            prop_assert_eq!(parts.robot_compute_ns, count(Some(0)));
            prop_assert_eq!(parts.server_compute_ns, count(Some(1)));
            prop_assert_eq!(parts.uplink_ns, count(Some(2)));
            prop_assert_eq!(parts.downlink_ns, count(Some(3)));
            prop_assert_eq!(parts.wait_ns, count(None));
            prop_assert_eq!(parts.overlap_ns, lengths - (latency - count(None)));
        }
    }
}
