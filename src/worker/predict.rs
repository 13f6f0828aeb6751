//! What the robot expects of a frame, and how it learns from what came of it. Pure.
//!
//! A frame is run on the virtual clock with the devices as they were measured so far and the link as it is believed at
//! the frame's admission, behind the frames that are under way by then; nothing of a later moment goes in. What neither
//! computes nor carries a large value (waking a lane, the result's way back) is learned as one length per mode, what
//! codecs do to values as bytes and times per edge.

mod packed;
mod under_way;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::link::{Belief, Believed, Passage};
use crate::model::Graph;
use crate::plan::Plan;
use crate::plan::{
    Codec, Measured, Parts, PlanError, Schedule, Step, StepKind, StepTime, Steps, TimingOf, compile,
};
use crate::power::Levels;
use crate::profile::{Calibrated, Observed};
use crate::simulate::{self, Costs, Link, Prepared, Rate, Run, Traffic, Wired, World};
use crate::units::{BitsPerSecond, DeviceId, Epoch, FrameId, Nanos};
use packed::Packed;
use under_way::UnderWay;

/// Plans remembered: frames in flight may be of one before.
const MAX_SCHEDULES: usize = 4;
/// Expectations remembered; those of frames that never end are forgotten.
const MAX_OPEN: usize = 64;
/// Weight of a frame in the length that is learned per mode.
const REST_WEIGHT: f64 = 0.2;
/// More than a result comes down of such a plan: how long that takes is the link's more than the mode's.
const SMALL_BYTES: u64 = 64 << 10;
/// The length that is learned of such a mode is at most this share of a frame.
const MOST_OF_LARGE: f64 = 0.2;
/// Frames simulated for each place of the window, so that a pipeline is full.
const FILLING: u32 = 3;

/// A frame that came to its end as planned, in what can be learned from it.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Which.
    pub frame: FrameId,
    /// The mode that it ran in.
    pub mode: String,
    /// The first frame, or the first of an epoch: it pays for what the others do not.
    pub warmup: bool,
    /// When it was admitted, on the robot's clock.
    pub admitted: Nanos,
    /// Where its latency went.
    pub parts: Parts,
    /// Its transfers, and the packing around them.
    pub transfers: Vec<StepTime>,
    /// The end of the robot's computing, since its admission, in nanoseconds.
    pub robot_ns: i64,
    /// What each device computed.
    pub computed: Vec<(DeviceId, Vec<Observed>)>,
}

/// What is expected of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// From admission to the result, in nanoseconds.
    pub latency_ns: i64,
    /// The frame on the virtual clock, without the length learned for its mode.
    pub frame: simulate::Frame,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Predictor {
    graph: Arc<Graph>,
    /// By number; none of a server that has not told its costs.
    devices: Vec<Option<Calibrated>>,
    power: Option<Levels>,
    link: Belief,
    between: Belief,
    schedules: VecDeque<Arc<Schedule>>,
    local: Schedule,
    /// By mode, in nanoseconds.
    rest: BTreeMap<String, f64>,
    /// Of the mode that last used the link.
    remote_rest: f64,
    packed: Packed,
    under_way: UnderWay,
    /// When the last byte that is known to have gone up had left: values that were handed to the socket before waited for
    /// those before them.
    known_up: Nanos,
    /// One way over the link; `i64::MAX` until heartbeats tell.
    latency_ns: i64,
    open: BTreeMap<FrameId, Open>,
}

/// What was expected of a frame that has not ended.
#[derive(Debug)]
struct Open {
    mode: String,
    codec: Codec,
    quiet: Quiet,
    quiet_ns: i64,
    latency_ns: i64,
}

/// Which part of a frame shows what is not modelled.
#[derive(Debug, Clone, Copy)]
enum Quiet {
    /// Nothing computes and nothing goes up.
    NotUp,
    /// The same where large values come down: it shows the link as well, so it corrects within [`MOST_OF_LARGE`].
    Large,
    /// Since the last byte was with the servers: before, a frame of a pipeline waits for others.
    Tail,
}

impl Quiet {
    fn of(plan: &Plan, frame: &simulate::Frame) -> Self {
        match plan.window {
            2.. => Self::Tail,
            _ if frame.bytes_down > SMALL_BYTES => Self::Large,
            _ => Self::NotUp,
        }
    }

    fn ns(self, parts: &Parts, last_up_ns: Option<i64>) -> i64 {
        match self {
            Self::NotUp | Self::Large => parts.wait_ns.saturating_add(parts.downlink_ns),
            Self::Tail => parts.sum_ns() - last_up_ns.unwrap_or(0),
        }
    }
}

impl Predictor {
    /// A robot without servers; `power` is what it draws, where that is known.
    ///
    /// # Errors
    /// A model that does not run locally, which the robot would not have started with.
    pub fn new(
        graph: Arc<Graph>,
        robot: Calibrated,
        power: Option<Levels>,
    ) -> Result<Self, PlanError> {
        Ok(Self {
            local: compile(&graph, &Plan::LOCAL, Epoch(0))?,
            graph,
            devices: vec![Some(robot)],
            power,
            link: Belief::default(),
            between: Belief::default(),
            schedules: VecDeque::new(),
            rest: BTreeMap::new(),
            remote_rest: 0.0,
            packed: Packed::default(),
            under_way: UnderWay::default(),
            known_up: Nanos(i64::MIN),
            latency_ns: i64::MAX,
            open: BTreeMap::new(),
        })
    }

    /// A server told what computing costs there: it is new, or another one.
    pub fn server(&mut self, device: DeviceId, costs: Calibrated) {
        self.latency_ns = i64::MAX;
        let at = usize::from(device.0);
        if self.devices.len() <= at {
            self.devices.resize(at + 1, None);
        }
        self.devices[at] = Some(costs);
    }

    /// A plan is in effect from now on.
    pub fn plan(&mut self, schedule: Arc<Schedule>) {
        self.schedules.retain(|s| s.epoch != schedule.epoch);
        if self.schedules.len() == MAX_SCHEDULES {
            self.schedules.pop_front();
        }
        self.schedules.push_back(schedule);
    }

    /// The plan in effect.
    pub fn schedule(&self) -> Option<&Arc<Schedule>> {
        self.schedules.back()
    }

    /// Heartbeats say how long one way to the robot's servers takes, in nanoseconds. The least since a server came counts:
    /// on a link that is full of values heartbeats wait behind those, which is no latency.
    pub fn set_latency(&mut self, one_way_ns: i64) {
        self.latency_ns = self.latency_ns.min(one_way_ns.max(0));
        self.link.set_latency(self.latency_ns);
        self.between.set_latency(self.latency_ns);
    }

    /// What is believed of the link; none before the first transfer.
    pub fn link(&self, now: Nanos) -> Option<Believed> {
        self.link.now(now)
    }

    /// A sounding went over the link.
    pub fn sounded(&mut self, passage: Passage) {
        self.link.frame(vec![passage]);
    }

    /// A sounding does not come: so little had come in so long a time.
    pub fn stalled(&mut self, passage: Passage) {
        self.link.stalled(passage);
    }

    /// The devices as they are believed now, a link, and what a codec does to values. Without a rate nothing passes it.
    pub fn world(&self, believed: Option<Believed>, codec: Codec, now: Nanos) -> World {
        let known = self.devices.iter().map_while(Option::as_ref);
        let device = |costs: &Calibrated| Arc::new(costs.clone()) as Arc<dyn Costs>;
        let link = Link {
            message_ns: self.message_ns(),
            ..link(believed)
        };
        World {
            devices: known.map(device).collect(),
            between: self
                .between
                .now(now)
                .map_or_else(|| link.clone(), |b| self::link(Some(b))),
            link,
            packings: self.packed.under(codec),
            power: self.power,
        }
    }

    /// What a value on its way costs besides its bits, in nanoseconds: of plans that have not run, half of what a frame
    /// over the link cost of late.
    fn message_ns(&self) -> i64 {
        (self.remote_rest / 2.0).max(0.0) as i64
    }

    /// What a plan's frame costs besides computing and large values, as learned, in nanoseconds.
    pub fn rest_ns(&self, mode: &str) -> i64 {
        self.rest.get(mode).map_or(0, |ns| ns.round() as i64)
    }

    /// Whether a frame that is admitted now under a plan takes the place of one that has its result, but whose times over
    /// the link are not here yet.
    pub fn lacks_times(&self, under: Epoch) -> bool {
        let mut schedules = self.schedules.iter();
        let window = schedules.find(|s| s.epoch == under).map(|s| s.plan.window);
        window.is_some_and(|window| self.under_way.lacks_times(window))
    }

    /// A frame is admitted under a plan, or runs locally. None if nothing can be said: the plan is not known, nothing
    /// passed the link yet, a server has not told its costs.
    pub fn admitted(
        &mut self,
        frame: FrameId,
        under: Option<Epoch>,
        now: Nanos,
    ) -> Option<Expected> {
        let Some(epoch) = under else {
            let traffic = self.under_way.alone(now);
            let expected = self.expect_in(&self.local, now, Some(&traffic))?;
            let [robot_ns, ..] = expected.frame.robot_ns;
            self.under_way.local(frame, robot_ns, now);
            self.open(frame, &expected, &Plan::LOCAL);
            return Some(expected);
        };
        if self.under_way.uses_link() {
            self.link.in_use(now);
            self.between.in_use(now);
        }
        let schedules = self.schedules.iter();
        let schedule = Arc::clone(schedules.rev().find(|s| s.epoch == epoch)?);
        let traffic = self.under_way.traffic(epoch, schedule.plan.window, now);
        let expected = self.expect_in(&schedule, now, Some(&traffic));
        let tail_ns = expected.as_ref().map_or(0, |e| tail_ns(&e.frame));
        self.under_way.planned(frame, &schedule, tail_ns, now);
        let expected = expected?;
        self.open(frame, &expected, &schedule.plan);
        Some(expected)
    }

    fn open(&mut self, frame: FrameId, expected: &Expected, plan: &Plan) {
        if self.open.len() == MAX_OPEN {
            self.open.pop_first();
        }
        let quiet = Quiet::of(plan, &expected.frame);
        let steps: Vec<StepTime> = expected.frame.steps.iter().collect();
        let open = Open {
            mode: plan.mode_name().to_owned(),
            codec: plan.codec,
            quiet,
            quiet_ns: quiet.ns(&expected.frame.parts, last_up_ns(&steps)),
            latency_ns: expected.frame.latency_ns,
        };
        self.open.insert(frame, open);
    }

    /// A plan's frame, once the frames before it fill the plan's window.
    pub fn expect(&self, schedule: &Schedule, now: Nanos) -> Option<Expected> {
        self.expect_in(schedule, now, None)
    }

    /// A plan's frame behind what is under way; without that, once the plan's window is full.
    fn expect_in(
        &self,
        schedule: &Schedule,
        now: Nanos,
        traffic: Option<&Traffic>,
    ) -> Option<Expected> {
        let graph = &self.graph;
        let mut world = self.world(self.link.now(now), schedule.plan.codec, now);
        // The length learned for the mode has it.
        world.link.message_ns = 0;
        let wired = Arc::new(Wired::new(graph, schedule.clone()));
        let prepared = Prepared::timed(graph, wired, &world.devices).ok()?;
        let outcome = match (traffic, schedule.plan.window) {
            (Some(traffic), _) => prepared.run_in(graph, &world, traffic),
            (None, 1) => prepared.run(graph, &world, &Run::one(now)),
            (None, window) => {
                let frames = FILLING * u32::from(window);
                prepared.run(graph, &world, &Run::of(frames, now))
            }
        };
        let frame = outcome.ok()?.frames.into_iter().next_back()?;
        let rest_ns = self.rest_ns(schedule.plan.mode_name());
        Some(Expected {
            latency_ns: (frame.latency_ns + rest_ns).max(0),
            frame,
        })
    }

    /// A frame stops waiting for its servers: what is left of it takes the robot `robot_ns`. What had come of its
    /// transfers until then is news of the link.
    pub fn given_up(&mut self, frame: FrameId, robot_ns: i64, passages: &[Passage], now: Nanos) {
        self.under_way.given_up(frame, robot_ns, now);
        for &passage in passages {
            let start = passage.start.max(self.known_up);
            self.link.stalled(Passage { start, ..passage });
        }
        self.known_up = self.known_up.max(now);
    }

    /// A frame is over in a way that no prediction is about.
    pub fn ended(&mut self, frame: FrameId, now: Nanos) {
        self.open.remove(&frame);
        self.under_way.ended(frame, None, Some(now));
    }

    /// Learns from a frame.
    pub fn finished(&mut self, finished: &Finished) {
        let expected = self.open.remove(&finished.frame);
        self.learn_link(finished);
        let at = |since_ns: i64| finished.admitted.shifted(since_ns);
        let robot_until = Some(at(finished.robot_ns));
        // Its last byte left a latency before it was there.
        let latency_ns = Some(self.latency_ns).filter(|ns| *ns < i64::MAX);
        let left = |ns: i64| at(ns.saturating_sub(latency_ns.unwrap_or(0)));
        let link_until = last_up_ns(&finished.transfers).map(left);
        self.under_way
            .ended(finished.frame, link_until, robot_until);
        self.known_up = self.known_up.max(link_until.unwrap_or(self.known_up));
        if finished.warmup {
            return;
        }
        for (device, steps) in &finished.computed {
            if let Some(Some(costs)) = self.devices.get_mut(usize::from(device.0)) {
                costs.frame(&self.graph, steps);
            }
        }
        if let Some(open) = expected.filter(|open| open.mode == finished.mode) {
            self.packed
                .frame(&self.graph, open.codec, &finished.transfers);
            let last_up_ns = last_up_ns(&finished.transfers);
            let came_ns = open.quiet.ns(&finished.parts, last_up_ns);
            let more = came_ns.saturating_sub(open.quiet_ns) as f64;
            let most = match open.quiet {
                // No more than either says: a link that was not what it was believed to be corrects nothing.
                Quiet::Large => {
                    MOST_OF_LARGE * open.latency_ns.min(finished.parts.sum_ns()).max(0) as f64
                }
                Quiet::NotUp | Quiet::Tail => f64::INFINITY,
            };
            let more = more.clamp(-most, most);
            let rest = self.rest.entry(open.mode).or_insert(more);
            *rest += REST_WEIGHT * (more - *rest);
            if !finished.transfers.is_empty() {
                self.remote_rest = *rest;
            }
        }
    }

    fn learn_link(&mut self, finished: &Finished) {
        let (mut robots, mut between) = (Vec::new(), Vec::new());
        let steps = finished.transfers.iter();
        for transfer in steps.filter(|s| s.kind == StepKind::Transfer) {
            let start = finished.admitted.shifted(transfer.start_ns);
            let end = start.shifted(transfer.duration_ns);
            let is_up = transfer.device == DeviceId::ROBOT;
            let passage = Passage {
                start: if is_up {
                    start.max(self.known_up)
                } else {
                    start
                },
                end,
                bytes: transfer.wire_bytes,
            };
            if transfer.device == DeviceId::ROBOT || transfer.to == DeviceId::ROBOT {
                robots.push(passage);
            } else {
                between.push(passage);
            }
        }
        self.link.frame(robots);
        self.between.frame(between);
    }
}

/// When a frame's last byte was with its servers, since its admission.
fn last_up_ns(steps: &[StepTime]) -> Option<i64> {
    let up = steps.iter().filter(|s| s.device == DeviceId::ROBOT);
    let transfers = up.filter(|s| s.kind == StepKind::Transfer);
    transfers.map(|s| s.start_ns + s.duration_ns).max()
}

/// What follows then, up to the result: where the unmodelled shows of a frame that waits for others before.
fn tail_ns(frame: &simulate::Frame) -> i64 {
    let steps: Vec<StepTime> = frame.steps.iter().collect();
    frame.latency_ns - last_up_ns(&steps).unwrap_or(0)
}

fn link(believed: Option<Believed>) -> Link {
    let mbps = believed.map_or(0.0, |b| b.rate.mbps);
    let rate = || Rate::Constant(BitsPerSecond::from_mbps(mbps));
    Link {
        up: rate(),
        down: rate(),
        duplex: false,
        latency_ns: believed.map_or(0, |b| b.latency_ns),
        message_ns: 0,
    }
}

/// What a device's times say of its operators. Assembly is left out: its times do not say of which region.
pub fn observed(measured: &Measured<'_>) -> Vec<Observed> {
    let steps = &measured.program.program.steps;
    let timed = measured.timings.iter().filter_map(|timing| {
        let TimingOf::Step(i) = timing.of else {
            return None;
        };
        Some((steps.get(i as usize)?, timing.end.since(timing.start)))
    });
    timed
        .filter_map(|(step, ns)| match *step {
            Step::Compute { node, out, over } => Some(Observed::Compute {
                node,
                out,
                over: over.map(|(span, _)| span),
                ns,
            }),
            Step::Reduce { node, out, of } => Some(Observed::Reduce { node, out, of, ns }),
            Step::Send { .. } | Step::Receive { .. } => None,
        })
        .collect()
}

/// The transfers among a frame's steps, and the packing around them.
pub fn transfers(steps: impl Iterator<Item = StepTime>) -> Vec<StepTime> {
    steps.filter(|s| s.kind.is_transport()).collect()
}

/// The end of the robot's computing among a frame's steps, in nanoseconds since its admission.
pub fn robot_ns(steps: &Steps) -> i64 {
    let mine = steps.iter().filter(|s| s.device == DeviceId::ROBOT);
    let computing = mine.filter(|s| !s.kind.is_transport());
    computing
        .map(|s| s.start_ns + s.duration_ns)
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
