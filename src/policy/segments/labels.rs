//! The search itself: from boundary to boundary, keeping of every state the labels that no other one is better than in
//! everything.

use super::times::{Carried, Part, ROBOT, SERVER, Segment, Times};
use crate::profile::trace::Direction;
use crate::simulate::Link;
use crate::units::Nanos;

/// Bits with which a trace is asked for its rate.
const ASKED_BITS: f64 = 1e6;
/// No label came before.
const NONE: u32 = u32::MAX;

/// A link as labels see it: one rate each way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lanes {
    /// Nanoseconds per byte on the wire, up and down.
    byte_ns: [f64; 2],
    delay_ns: [i64; 2],
    message_ns: i64,
    is_shared: bool,
}

impl Lanes {
    /// The mean over these times; none if nothing ever passes.
    pub(super) fn new(link: &Link, starts: &[Nanos]) -> Option<Self> {
        let byte_ns = |direction| {
            let asked = |start: &Nanos| link.rate(direction).ns_for(*start, ASKED_BITS);
            let all: Option<Vec<i64>> = starts.iter().map(asked).collect();
            let all = all?;
            Some(all.iter().sum::<i64>() as f64 / all.len().max(1) as f64 / ASKED_BITS * 8.0)
        };
        let start = starts.first().copied().unwrap_or(Nanos(0));
        let both = [Direction::Up, Direction::Down];
        Some(Self {
            byte_ns: [byte_ns(Direction::Up)?, byte_ns(Direction::Down)?],
            delay_ns: both.map(|direction| link.delay_ns(direction, start)),
            message_ns: link.message_ns,
            is_shared: !link.duplex,
        })
    }

    /// How many times as long a byte takes as on other lanes.
    pub(super) fn slower_than(&self, other: &Self) -> f64 {
        let sum = |lanes: &Self| lanes.byte_ns[0] + lanes.byte_ns[1];
        if sum(other) > 0.0 {
            (sum(self) / sum(other)).max(1.0)
        } else {
            1.0
        }
    }

    /// What keeps the medium busy of a frame that takes the lanes so long.
    pub(super) fn busy_ns(&self, [up, down]: [i64; 2]) -> i64 {
        if self.is_shared {
            up + down
        } else {
            up.max(down)
        }
    }
}

/// How far a plan is at a boundary, in nanoseconds since the frame's admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    /// By device: when its rows are all there.
    done: [i64; 2],
    /// When the row next to the other device's is there, if such rows are made first.
    edge: [i64; 2],
    /// By how much making it first delays the rest.
    split: [i64; 2],
    /// By direction: when the lane is free.
    free: [i64; 2],
    /// How long robot, lane up, lane down and server were at work.
    pub(super) busy: [i64; 4],
    /// Whether rows were divided so far, or everything went back from the server to the robot: no division does.
    is_beyond: bool,
    before: u32,
    boundary: u16,
    segment: u16,
}

impl Label {
    pub(super) const FIRST: Self = Self {
        done: [0; 2],
        edge: [0; 2],
        split: [0; 2],
        free: [0; 2],
        busy: [0; 4],
        is_beyond: false,
        before: NONE,
        boundary: 0,
        segment: 0,
    };

    #[cfg(test)]
    pub(super) const fn is_beyond(&self) -> bool {
        self.is_beyond
    }

    /// When a frame is done at the least, with so much left.
    pub(super) fn end_ns(&self, rest: &Rest) -> i64 {
        rest.after(self.done)
    }

    /// How long robot or server work at the least, with so much left.
    pub(super) fn stage_ns(&self, rest: &Rest) -> i64 {
        rest.after([self.busy[0], self.busy[3]])
    }
}

/// What is left to compute, bounded from below: of every block the robot has a share `x` and the server the rest, and a
/// weighted mean of both devices' times is no less than with the better of none and all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest {
    /// The robot's weight in the mean: the server's part of both devices' times of the whole model, so that a server
    /// that is faster by the same at everything makes the bound exact.
    pub(super) weight: f64,
    /// The least mean of all blocks that are left.
    pub(super) mean_ns: f64,
}

impl Rest {
    pub(super) const NONE: Self = Self {
        weight: 0.5,
        mean_ns: 0.0,
    };

    /// When both devices are done at the earliest who are free then.
    fn after(&self, [robot, server]: [i64; 2]) -> i64 {
        let mean = self.weight * robot as f64 + (1.0 - self.weight) * server as f64;
        let sooner = robot.max(server);
        sooner.max((mean + self.mean_ns) as i64)
    }
}

/// Keeps no more than `most`, those with the least scores.
fn keep_best(kept: &mut Vec<(f64, Label)>, (scored, label): (f64, Label), most: usize) {
    if kept.len() < most {
        kept.push((scored, label));
        return;
    }
    let worst = (0..kept.len()).max_by(|&i, &j| kept[i].0.total_cmp(&kept[j].0));
    if let Some(worst) = worst.filter(|&worst| kept[worst].0 > scored) {
        kept[worst] = (scored, label);
    }
}

/// What labels are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    /// When things are done.
    Times,
    /// That, and how long the robot is at work.
    TimesAndWork,
    /// How long everything is at work, with many frames in flight.
    Stages,
}

impl Compared {
    /// Whether nothing that follows from `b` is better than the same from `a`.
    fn is_no_worse(self, a: &Label, b: &Label) -> bool {
        let times = |a: &Label, b: &Label| {
            (0..2).all(|i| {
                a.done[i] <= b.done[i]
                    && a.edge[i] <= b.edge[i]
                    && a.split[i] <= b.split[i]
                    && a.free[i] <= b.free[i]
            })
        };
        let work = |a: &Label, b: &Label, most: usize| (0..most).all(|i| a.busy[i] <= b.busy[i]);
        let split = |a: &Label, b: &Label| (0..2).all(|i| a.split[i] <= b.split[i]);
        // Divisions are priced elsewhere, and must not hide others here.
        a.is_beyond == b.is_beyond
            && match self {
                Self::Times => times(a, b),
                Self::TimesAndWork => times(a, b) && work(a, b, 3),
                Self::Stages => split(a, b) && work(a, b, 4),
            }
    }
}

/// Says of a label what its plan costs at the least, given what is left to compute: less is better; none if it need not
/// be looked at further.
pub(super) type Score<'a> = dyn Fn(&Label, &Rest) -> Option<f64> + 'a;

/// What is searched.
pub(super) struct Search<'a> {
    pub(super) times: &'a Times,
    pub(super) lanes: Lanes,
    pub(super) compared: Compared,
    /// Labels that a state keeps.
    pub(super) most: usize,
    /// Plans that are wanted.
    pub(super) plans: usize,
}

/// A plan found: its last label, and the rows of the robot by boundary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) label: Label,
    /// Ends of segments: a boundary's place, the robot's rows.
    pub(super) ends: Vec<(usize, u32)>,
}

/// What moves between one segment and the next.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moved {
    /// By direction, which is also the sender's side: rows.
    rows: [u32; 2],
    /// On the wire.
    ns: [i64; 2],
    packing_ns: [[i64; 2]; 2],
    /// By how much they slow each other.
    shared_ns: i64,
}

impl Search<'_> {
    /// The best plans that are no divisions, by the score, and how they got there.
    pub(super) fn run(&self, score: &Score<'_>) -> Vec<Path> {
        let times = self.times;
        let mut all = vec![Label::FIRST];
        // By boundary and share: labels by place.
        let mut states: Vec<Vec<Vec<(f64, u32)>>> = (times.shares.iter())
            .map(|shares| vec![Vec::new(); shares.len()])
            .collect();
        states[0][0].push((0.0, 0));
        let last = times.shares.len() - 1;
        for to in 1..=last {
            let mut kept: Vec<Vec<(f64, Label)>> = vec![Vec::new(); times.shares[to].len()];
            for (at, segment) in times.segments[to].iter().enumerate() {
                for (share, labels) in states[segment.from].iter().enumerate() {
                    if labels.is_empty() {
                        continue;
                    }
                    let rows = times.shares[segment.from][share];
                    let moved = self.moved(segment, rows);
                    for &(_, before) in labels {
                        let mut label = self.extended(&all[before as usize], segment, rows, &moved);
                        if to == last {
                            label = self.brought(&label, segment.parts[ROBOT].rows);
                        }
                        let Some(scored) = score(&label, &times.rest[to]) else {
                            continue;
                        };
                        let label = Label {
                            before,
                            boundary: to as u16,
                            segment: at as u16,
                            ..label
                        };
                        let kept = &mut kept[segment.share];
                        if to == last {
                            // Nothing follows: the best few are asked for, those that others are better than among them.
                            if !label.is_beyond {
                                continue;
                            }
                            keep_best(kept, (scored, label), self.plans);
                        } else {
                            self.keep(kept, (scored, label));
                        }
                    }
                }
            }
            for (state, kept) in states[to].iter_mut().zip(kept) {
                for (scored, label) in kept {
                    state.push((scored, all.len() as u32));
                    all.push(label);
                }
            }
        }
        self.finished(&all, &states)
    }

    /// The best of the last labels.
    fn finished(&self, all: &[Label], states: &[Vec<Vec<(f64, u32)>>]) -> Vec<Path> {
        let last = states.last().into_iter().flatten().flatten();
        let beyond = last.filter(|(_, at)| all[*at as usize].is_beyond);
        let mut found: Vec<(f64, u32)> = beyond.copied().collect();
        found.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        found.truncate(self.plans);
        let path = |(_, at): (f64, u32)| self.path(all, all[at as usize]);
        found.into_iter().map(path).collect()
    }

    fn keep(&self, kept: &mut Vec<(f64, Label)>, (scored, label): (f64, Label)) {
        if kept
            .iter()
            .any(|(_, k)| self.compared.is_no_worse(k, &label))
        {
            return;
        }
        kept.retain(|(_, k)| !self.compared.is_no_worse(&label, k));
        keep_best(kept, (scored, label), self.most);
    }

    /// What must move before a segment begins whose start the robot has so many rows of.
    pub(super) fn moved(&self, segment: &Segment, rows: u32) -> Moved {
        let all = self.times.shares[segment.from].last().copied().unwrap_or(0);
        let [robot, server] = &segment.parts;
        let missing = |part: &Part, has: u32| part.needs.saturating_sub(has);
        self.carried(
            segment.from,
            [missing(server, all - rows), missing(robot, rows)],
        )
    }

    fn carried(&self, boundary: usize, rows: [u32; 2]) -> Moved {
        let mut moved = Moved {
            rows,
            ..Moved::default()
        };
        for way in [ROBOT, SERVER] {
            if rows[way] == 0 {
                continue;
            }
            let Carried {
                wire_bytes,
                packing_ns,
            } = self.times.carried[boundary][way];
            let rows = f64::from(rows[way]);
            moved.ns[way] = (wire_bytes * rows * self.lanes.byte_ns[way]) as i64;
            moved.packing_ns[way] = packing_ns.map(|ns| (ns * rows) as i64);
        }
        if self.lanes.is_shared {
            moved.shared_ns = moved.ns[ROBOT].min(moved.ns[SERVER]);
        }
        moved
    }

    /// Sends what moves; gives when it is there, by direction.
    fn sent(&self, label: &mut Label, own: [u32; 2], moved: &Moved) -> [Option<i64>; 2] {
        let mut arrives = [None; 2];
        for way in [ROBOT, SERVER] {
            let rows = moved.rows[way];
            if rows == 0 {
                continue;
            }
            let mut ready = label.done[way];
            if rows < own[way] {
                // Rows that the other one waits for are made first, and everything takes longer for it.
                label.done[way] += label.split[way];
                label.busy[if way == ROBOT { 0 } else { 3 }] += label.split[way];
                let more = label.done[way] - label.edge[way];
                let inside = i64::from(rows - 1) * more.max(0) / i64::from((own[way] - 1).max(1));
                ready = (label.edge[way] + inside).min(label.done[way]);
            }
            let [encode, decode] = moved.packing_ns[way];
            let begins = label.free[way].max(ready) + encode;
            let takes = self.lanes.message_ns + moved.ns[way] + moved.shared_ns;
            label.free[way] = begins + takes;
            label.busy[1 + way] += takes;
            arrives[way] = Some(label.free[way] + self.lanes.delay_ns[way] + decode);
        }
        arrives
    }

    pub(super) fn extended(
        &self,
        before: &Label,
        segment: &Segment,
        rows: u32,
        moved: &Moved,
    ) -> Label {
        let mut label = *before;
        let all = self.times.shares[segment.from].last().copied().unwrap_or(0);
        let split = [ROBOT, SERVER].map(|side| {
            let own = [rows, all - rows][side];
            0 < moved.rows[side] && moved.rows[side] < own
        });
        let arrives = self.sent(&mut label, [rows, all - rows], moved);
        for side in [ROBOT, SERVER] {
            let part = &segment.parts[side];
            label.split[side] = part.split_ns;
            if part.rows == 0 {
                label.edge[side] = label.done[side];
                continue;
            }
            // What comes to this side was sent by the other one.
            let came = arrives[1 - side];
            let mut begins = label.done[side].max(came.unwrap_or(0));
            let mut works = part.own_ns;
            if came.is_some() && part.needs > moved.rows[1 - side] || split[side] {
                begins += part.join_ns;
                works += part.join_ns;
            }
            label.edge[side] = begins + part.edge_ns;
            label.done[side] = begins + part.own_ns;
            label.busy[if side == ROBOT { 0 } else { 3 }] += works;
        }
        let goes_back = rows == 0 && segment.parts[ROBOT].rows > 0;
        label.is_beyond |= goes_back || segment.parts.iter().all(|part| part.rows > 0);
        label
    }

    /// The result's rows that the server made, brought to the robot.
    pub(super) fn brought(&self, last: &Label, rows: u32) -> Label {
        let mut label = *last;
        let boundary = self.times.shares.len() - 1;
        let all = self.times.shares[boundary].last().copied().unwrap_or(0);
        let moved = self.carried(boundary, [0, all - rows]);
        let arrives = self.sent(&mut label, [rows, all - rows], &moved);
        if let Some(arrives) = arrives[SERVER] {
            label.done[ROBOT] = label.done[ROBOT].max(arrives);
            if rows > 0 {
                label.done[ROBOT] += self.times.result_join_ns;
                label.busy[0] += self.times.result_join_ns;
            }
        }
        label
    }

    fn path(&self, all: &[Label], last: Label) -> Path {
        let mut ends: Vec<(usize, u32)> = Vec::new();
        let mut label = &last;
        while label.before != NONE {
            let boundary = usize::from(label.boundary);
            let segment = &self.times.segments[boundary][usize::from(label.segment)];
            ends.push((boundary, segment.parts[ROBOT].rows));
            label = &all[label.before as usize];
        }
        ends.reverse();
        Path { label: last, ends }
    }
}
