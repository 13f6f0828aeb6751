//! What the robot expects of a frame, and how it learns from what came of it. Pure.
//!
//! A frame is run on the virtual clock with the devices as they were measured so far and the link as it is believed at
//! the frame's admission; nothing of a later moment goes in. What neither computes nor carries a large value (waking
//! a lane, packing, the result's way back) is learned as one length per mode.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::link::{Belief, Believed, Passage};
use crate::model::Graph;
use crate::plan::Plan;
use crate::plan::{
    Measured, Parts, PlanError, Schedule, Step, StepKind, StepTime, TimingOf, compile,
};
use crate::power::Levels;
use crate::profile::{Calibrated, Observed};
use crate::simulate::{self, Costs, Link, Rate, Run, World};
use crate::units::{BitsPerSecond, DeviceId, Epoch, FrameId, Nanos};

/// Plans remembered: frames in flight may be of one before.
const MAX_SCHEDULES: usize = 4;
/// Expectations remembered; those of frames that never end are forgotten.
const MAX_OPEN: usize = 64;
/// Weight of a frame in the length that is learned per mode.
const REST_WEIGHT: f64 = 0.2;
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
    /// Its transfers.
    pub transfers: Vec<StepTime>,
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
    open: BTreeMap<FrameId, (String, i64)>,
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
            open: BTreeMap::new(),
        })
    }

    /// A server told what computing costs there: it is new, or another one.
    pub fn server(&mut self, device: DeviceId, costs: Calibrated) {
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

    /// Heartbeats say how long one way to the robot's servers takes, in nanoseconds.
    pub fn set_latency(&mut self, one_way_ns: i64) {
        self.link.set_latency(one_way_ns);
        self.between.set_latency(one_way_ns);
    }

    /// What is believed of the link; none before the first transfer.
    pub fn link(&self, now: Nanos) -> Option<Believed> {
        self.link.now(now)
    }

    /// A sounding went over the link.
    pub fn sounded(&mut self, passage: Passage) {
        self.link.frame(vec![passage]);
    }

    /// Transfers were given up: so much had come in so long a time.
    pub fn stalled(&mut self, passages: &[Passage]) {
        for &passage in passages {
            self.link.stalled(passage);
        }
    }

    /// The devices as they are believed now, and a link. Without a rate nothing passes it.
    pub fn world(&self, believed: Option<Believed>, now: Nanos) -> World {
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

    /// A frame is admitted under a plan, or runs locally. None if nothing can be said: the plan is not known, nothing
    /// passed the link yet, a server has not told its costs.
    pub fn admitted(
        &mut self,
        frame: FrameId,
        under: Option<Epoch>,
        now: Nanos,
    ) -> Option<Expected> {
        let schedule = match under {
            None => &self.local,
            Some(epoch) => self.schedules.iter().find(|s| s.epoch == epoch)?,
        };
        let expected = self.expect(schedule, now)?;
        let mode = schedule.plan.mode_name().to_owned();
        if self.open.len() == MAX_OPEN {
            self.open.pop_first();
        }
        self.open
            .insert(frame, (mode, quiet_ns(&expected.frame.parts)));
        Some(expected)
    }

    /// A plan's frame, once the frames before it fill the plan's window.
    pub fn expect(&self, schedule: &Schedule, now: Nanos) -> Option<Expected> {
        let frames = match schedule.plan.window {
            1 => 1,
            window => FILLING * u32::from(window),
        };
        let mut world = self.world(self.link.now(now), now);
        // The length learned for the mode has it.
        world.link.message_ns = 0;
        let outcome = simulate::run(&self.graph, schedule, &world, &Run::of(frames, now)).ok()?;
        let frame = outcome.frames.into_iter().next_back()?;
        let rest_ns = self.rest_ns(schedule.plan.mode_name());
        Some(Expected {
            latency_ns: (frame.latency_ns + rest_ns).max(0),
            frame,
        })
    }

    /// Learns from a frame.
    pub fn finished(&mut self, finished: &Finished) {
        let expected = self.open.remove(&finished.frame);
        self.learn_link(finished);
        if finished.warmup {
            return;
        }
        for (device, steps) in &finished.computed {
            if let Some(Some(costs)) = self.devices.get_mut(usize::from(device.0)) {
                costs.frame(&self.graph, steps);
            }
        }
        if let Some((mode, expected_ns)) = expected.filter(|(mode, _)| *mode == finished.mode) {
            let more = (quiet_ns(&finished.parts) - expected_ns) as f64;
            let rest = self.rest.entry(mode).or_insert(more);
            *rest += REST_WEIGHT * (more - *rest);
            if !finished.transfers.is_empty() {
                self.remote_rest = *rest;
            }
        }
    }

    fn learn_link(&mut self, finished: &Finished) {
        let (mut robots, mut between) = (Vec::new(), Vec::new());
        for transfer in &finished.transfers {
            let start = finished.admitted.shifted(transfer.start_ns);
            let passage = Passage {
                start,
                end: start.shifted(transfer.duration_ns),
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

/// Time in which nothing computes and nothing goes up: where the unmodelled shows.
const fn quiet_ns(parts: &Parts) -> i64 {
    parts.wait_ns + parts.downlink_ns
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

/// The transfers among a frame's steps.
pub fn transfers(steps: impl Iterator<Item = StepTime>) -> Vec<StepTime> {
    steps.filter(|s| s.kind == StepKind::Transfer).collect()
}

#[cfg(test)]
mod tests;
