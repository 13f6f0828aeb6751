//! Whether two compute lanes on one machine slow each other.
//!
//! Before the first round the robot and its first server each compute the whole model alone, then both at once, as
//! halves of a pipeline. An operator counts as computed together where the other device was at its half of a frame during
//! nearly all of it: what the link lets overlap is not to matter.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Header, PlanLine, Rule};
use crate::plan::{Mode, Plan};
use crate::statistics::median;
use crate::units::{DeviceId, NodeId};
use crate::wire::{FrameRecord, StepKind};

/// Slower than alone by more than this, a time is no result: of the order of the differences that plans are compared for.
const MOST_FACTOR: f64 = 1.15;
/// Frames of each of the three visits.
pub(super) const FRAMES: u32 = 8;
/// Frames in flight while both compute.
const WINDOW: u16 = 3;
/// The share of an operator's time during which the other device was at work, from which on it counts as together.
const OVERLAP: f64 = 0.9;
/// The share of a device's part of the model that must have been seen together.
const LEAST_SEEN: f64 = 0.2;
/// Steps kept: more than the frames of a large model have.
const MOST_STEPS: usize = 50_000;

/// What a device's operators took alone, and what the same ones took while the other device computed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slowdown {
    /// Operators that were seen both ways.
    pub operators: u32,
    /// The sum of their medians, alone, in milliseconds.
    pub alone_ms: f64,
    /// The sum of their medians while the other device computed, in milliseconds.
    pub together_ms: f64,
}

impl Slowdown {
    /// How many times as long as alone.
    pub fn factor(&self) -> f64 {
        self.together_ms / self.alone_ms.max(f64::MIN_POSITIVE)
    }
}

/// What the check found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SoloRow {
    /// The cut of the pipeline that both computed in.
    pub cut: u32,
    /// The robot.
    pub robot: Slowdown,
    /// Its first server.
    pub server: Slowdown,
}

impl SoloRow {
    /// Whether one of them does not keep its solo speed: times of plans under which both compute are no results then.
    pub fn is_contended(&self) -> bool {
        self.robot.factor().max(self.server.factor()) > MOST_FACTOR
    }

    /// A sentence for people.
    pub fn words(&self) -> String {
        let factors = format!(
            "while both compute, operators take {:.2} times as long as alone on the robot, {:.2} times on the server",
            self.robot.factor(),
            self.server.factor()
        );
        let verdict = if self.is_contended() {
            "CONTENDED: robot and server share a machine and slow each other; times of plans under which both compute \
             are no results"
        } else {
            "robot and server share a machine and keep their solo speed within 15 %"
        };
        format!("{verdict} ({factors})")
    }
}

impl Header {
    /// Whether a plan, by its place, has two lanes at once compute for real on one machine.
    pub(super) fn is_on_one_host(&self, line: &PlanLine) -> bool {
        let mode = line.mode.as_str();
        let plan = line.rule.plan();
        let streamed =
            plan.is_some_and(|p| matches!(p.mode, Mode::Split { tiles, .. } if tiles > 1));
        let both = matches!(mode, "tensor" | "data" | "tile" | "pipeline")
            || streamed
            || line.rule.policy().is_some();
        let own = &self.robot;
        both && !own.emulated && (self.servers.iter()).any(|s| s.host == own.host && !s.emulated)
    }

    /// Whether the sweep has to see first if lanes slow each other.
    pub fn needs_solo_check(&self) -> bool {
        self.plans.iter().any(|line| self.is_on_one_host(line))
    }
}

/// One operator's computation, on the robot's clock.
#[derive(Debug, Clone, Copy)]
struct Computed {
    lane: usize,
    node: NodeId,
    from: i64,
    to: i64,
}

/// What was computed in the pipeline.
#[derive(Debug, Clone, Default)]
struct Together {
    cut: u32,
    steps: Vec<Computed>,
    /// From the first to the last operator of a frame, of the robot and of its server: between two operators of its half
    /// a device is at work as well.
    halves: [Vec<(i64, i64)>; 2],
}

impl Together {
    fn add(&mut self, computed: Computed) {
        if self.steps.len() < MOST_STEPS {
            self.steps.push(computed);
        }
    }

    /// The frame is over; so many steps were there before.
    fn close(&mut self, before: usize) {
        for (lane, halves) in self.halves.iter_mut().enumerate() {
            let own = self.steps[before..].iter().filter(|s| s.lane == lane);
            let half = own.fold(None, |half: Option<(i64, i64)>, s| {
                let (from, to) = half.unwrap_or((s.from, s.to));
                Some((from.min(s.from), to.max(s.to)))
            });
            halves.extend(half);
        }
    }
}

/// The check under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Solo {
    /// Durations of every operator alone, of the robot and of its server.
    alone: [BTreeMap<NodeId, Vec<f64>>; 2],
    /// The pipeline, once it is chosen.
    together: Option<Together>,
}

impl Solo {
    /// What is visited first: each device alone.
    pub(super) fn alone() -> [PlanLine; 2] {
        [reference(Plan::LOCAL), reference(Plan::REMOTE)]
    }

    /// The pipeline in which both have as much to do, once both were seen alone; given once.
    pub(super) fn next(&mut self) -> Option<PlanLine> {
        if self.together.is_some() {
            return None;
        }
        let [robot, server] = &self.medians();
        let last = robot.keys().chain(server.keys()).max()?.0;
        let sum = |of: &BTreeMap<NodeId, f64>, nodes: std::ops::RangeInclusive<u32>| -> f64 {
            of.range(NodeId(*nodes.start())..=NodeId(*nodes.end()))
                .map(|(_, ms)| ms)
                .sum()
        };
        if robot.is_empty() || server.is_empty() {
            return None;
        }
        let slower = |k: u32| sum(robot, 1..=k).max(sum(server, k + 1..=last));
        let cut = (1..last).min_by(|a, b| slower(*a).total_cmp(&slower(*b)))?;
        self.together = Some(Together {
            cut,
            ..Together::default()
        });
        Some(reference(Plan::split(cut).with_window(WINDOW)))
    }

    /// Takes a frame of one of the three visits in.
    pub(super) fn add(&mut self, frame: &FrameRecord) {
        let computed = frame.steps.iter().filter(|s| s.kind == StepKind::Compute);
        let lanes = [DeviceId::ROBOT, DeviceId::SERVER];
        let before = self.together.as_ref().map_or(0, |t| t.steps.len());
        for step in computed {
            let Some(lane) = lanes.iter().position(|d| *d == step.device) else {
                continue;
            };
            let from = frame.admitted.0.saturating_add(step.start_ns);
            match &mut self.together {
                None => {
                    let all = self.alone[lane].entry(step.node).or_default();
                    all.push(step.duration_ns as f64 / 1e6);
                }
                Some(together) => together.add(Computed {
                    lane,
                    node: step.node,
                    from,
                    to: from.saturating_add(step.duration_ns),
                }),
            }
        }
        if let Some(together) = &mut self.together {
            together.close(before);
        }
    }

    fn medians(&self) -> [BTreeMap<NodeId, f64>; 2] {
        self.alone.each_ref().map(medians)
    }

    /// What was found; none where too little was computed together.
    pub(super) fn conclude(&self) -> Option<SoloRow> {
        let Together { cut, steps, halves } = self.together.as_ref()?;
        let alone = self.medians();
        let slowdown = |lane: usize| {
            let mut others = halves[1 - lane].clone();
            others.sort_unstable();
            let mut together: BTreeMap<NodeId, Vec<f64>> = BTreeMap::new();
            for step in steps.iter().filter(|s| s.lane == lane) {
                let length = (step.to - step.from) as f64;
                if overlap(&others, step.from, step.to) as f64 >= OVERLAP * length {
                    let all = together.entry(step.node).or_default();
                    all.push(length / 1e6);
                }
            }
            let own = &alone[lane];
            let both = medians(&together);
            let pairs = both
                .iter()
                .filter_map(|(node, ms)| Some((*own.get(node)?, *ms)));
            let found = pairs.fold((0, 0.0, 0.0), |(n, a, t), (alone, ms)| {
                (n + 1, a + alone, t + ms)
            });
            let part: f64 = (own.iter())
                .filter(|(node, _)| (node.0 <= *cut) == (lane == 0))
                .map(|(_, ms)| ms)
                .sum();
            (found.0 > 0 && found.1 >= LEAST_SEEN * part).then_some(Slowdown {
                operators: found.0,
                alone_ms: found.1,
                together_ms: found.2,
            })
        };
        Some(SoloRow {
            cut: *cut,
            robot: slowdown(0)?,
            server: slowdown(1)?,
        })
    }
}

fn medians(all: &BTreeMap<NodeId, Vec<f64>>) -> BTreeMap<NodeId, f64> {
    let median = |(node, ms): (&NodeId, &Vec<f64>)| Some((*node, median(ms)?));
    all.iter().filter_map(median).collect()
}

/// How much of a stretch lies in others, which are in order and do not lie in each other.
fn overlap(others: &[(i64, i64)], from: i64, to: i64) -> i64 {
    let first = others.partition_point(|(_, end)| *end <= from);
    let near = others[first..].iter().take_while(|(begin, _)| *begin < to);
    near.map(|(begin, end)| (*end).min(to) - (*begin).max(from))
        .sum()
}

fn reference(plan: Plan) -> PlanLine {
    PlanLine {
        label: plan.label(),
        mode: plan.mode_name().to_owned(),
        cut: None,
        layer: None,
        ships_bytes: None,
        rule: Rule::Plan(plan),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Nanos;
    use crate::wire::testing::{bare_frame, computed};

    const MS: i64 = 1_000_000;
    const OPERATORS: u32 = 6;

    /// Frames admitted so far after each other, of steps by device, operator, start and duration in milliseconds.
    fn frames(solo: &mut Solo, every_ms: i64, steps: &[(u8, u32, i64, i64)]) {
        for n in 0..i64::from(FRAMES) {
            let steps = steps
                .iter()
                .map(|&(d, node, at, ms)| computed(d, node, at * MS, ms * MS));
            solo.add(&FrameRecord {
                admitted: Nanos(n * every_ms * MS),
                steps: steps.collect(),
                ..bare_frame("pipeline")
            });
        }
    }

    /// Each operator takes 20 ms on either device, in the pipeline so long, with 3 ms between operators.
    fn check(robot_ms: i64, server_ms: i64) -> Option<SoloRow> {
        let mut solo = Solo::default();
        for device in [0, 1] {
            let whole: Vec<_> = (1..=OPERATORS)
                .map(|n| (device, n, i64::from(n - 1) * 20, 20))
                .collect();
            frames(&mut solo, 200, &whole);
        }
        let line = solo.next().unwrap();
        assert_eq!(line.rule, Rule::Plan(Plan::split(3).with_window(WINDOW)));
        assert!(solo.next().is_none(), "once");
        let between = |ms: i64| ms + 3;
        let period = 3 * between(robot_ms.max(server_ms));
        let steps: Vec<_> = (1..=OPERATORS)
            .map(|n| match i64::from(n) {
                n @ 1..=3 => (0, n as u32, (n - 1) * between(robot_ms), robot_ms),
                // The server computes one frame while the robot computes the next.
                n => (
                    1,
                    n as u32,
                    period + (n - 4) * between(server_ms),
                    server_ms,
                ),
            })
            .collect();
        frames(&mut solo, period, &steps);
        solo.conclude()
    }

    #[test]
    fn two_lanes_at_their_solo_speed_are_told_from_two_that_slow_each_other() {
        let free = check(21, 22).unwrap();
        assert!(!free.is_contended(), "{free:?}");
        assert!((free.robot.factor() - 1.05).abs() < 1e-9, "{free:?}");
        assert!((free.server.factor() - 1.1).abs() < 1e-9, "{free:?}");
        assert!(free.words().contains("keep their solo speed"));
        for (robot, server) in [(24, 20), (20, 24), (40, 40)] {
            let slowed = check(robot, server).unwrap();
            assert!(slowed.is_contended(), "{slowed:?}");
            assert!(slowed.words().starts_with("CONTENDED"));
        }
    }

    #[test]
    fn what_was_not_computed_at_once_says_nothing() {
        // The link lets only one of them compute at a time.
        let mut solo = Solo::default();
        for device in [0, 1] {
            frames(&mut solo, 100, &[(device, 1, 0, 20), (device, 2, 20, 20)]);
        }
        solo.next().unwrap();
        frames(&mut solo, 100, &[(0, 1, 0, 20), (1, 2, 50, 20)]);
        assert_eq!(solo.conclude(), None);
        // Nor does one that was never seen alone.
        let mut solo = Solo::default();
        frames(&mut solo, 100, &[(0, 1, 0, 20)]);
        assert!(solo.next().is_none() && solo.conclude().is_none());
    }
}
