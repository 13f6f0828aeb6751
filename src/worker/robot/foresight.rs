//! The thread that predicts: off the compute lane and off the coordinator, in the order in which things happened.
//!
//! The coordinator tells what happens and goes on; what does not fit into the queue is not told, and its frame has no
//! prediction. Since a frame's admission stands behind the frames before it in one queue, nothing of later goes into
//! what is expected of it. Whenever the planner has time, it gets the moment as it is believed here.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::planner::Planner;
use crate::clock;
use crate::link::{Believed, Estimate, Passage};
use crate::model::Graph;
use crate::plan::Schedule;
use crate::policy::Spec;
use crate::profile::{Calibrated, Profile};
use crate::units::{DeviceId, Epoch, FrameId, Nanos};
use crate::wire::data::DeviceCosts;
use crate::worker::planning::Moment;
use crate::worker::predict::{Finished, Predictor};

/// Messages that may wait.
const QUEUE: usize = 256;
/// The rate that plans are compared at before anything has passed the link, in megabits per second.
const ASSUMED_MBPS: f64 = 20.0;
/// A belief that was raised by more than this for lack of traffic is said to be assumed.
const SAID_FROM: f64 = 1.05;

/// What the coordinator and the planner tell.
pub(super) enum Tell {
    /// A server is ready.
    Server(DeviceId, Option<DeviceCosts>),
    /// A plan is in effect.
    Plan(Arc<Schedule>),
    /// Who has the say over it; none: an operator.
    Policy(Option<Spec>),
    /// A frame is admitted under a plan, or runs locally.
    Admitted {
        frame: FrameId,
        under: Option<Epoch>,
        now: Nanos,
        /// One way over the link, where heartbeats tell.
        latency_ns: Option<i64>,
    },
    /// A frame came to its end.
    Finished(Box<Finished>),
    /// A sounding went over the link.
    Sounded(Passage),
    /// A sounding does not come: nothing came in so long a time.
    Stalled(Passage),
    /// A frame stops waiting for its servers.
    GivenUp {
        frame: FrameId,
        now: Nanos,
        /// What is left of it takes the robot so long.
        robot_ns: i64,
        /// Its transfers under way: so much came in so long a time.
        passages: Vec<Passage>,
    },
    /// A frame is over that no prediction is about: finished anew, or failed.
    Ended { frame: FrameId, now: Nanos },
    /// The planner has looked at a moment.
    Planned { took_ns: i64 },
    /// The coordinator ends.
    Stop,
}

/// What is expected of a frame.
pub(super) struct Foreseen {
    pub(super) frame: FrameId,
    pub(super) latency_ns: i64,
}

/// The coordinator's end. Dropping it ends the threads.
pub(super) struct Foresight(SyncSender<Tell>);

impl Foresight {
    /// The coordinator's end, and what the thread reads.
    pub(super) fn new() -> (Self, Receiver<Tell>) {
        let (sender, receiver) = sync_channel(QUEUE);
        (Self(sender), receiver)
    }

    /// Another end, for the planner.
    pub(super) fn teller(&self) -> SyncSender<Tell> {
        self.0.clone()
    }

    /// Tells without waiting.
    pub(super) fn tell(&self, what: Tell) {
        // Full: a prediction is missed, no frame is held up.
        let _ = self.0.try_send(what);
    }
}

impl Drop for Foresight {
    fn drop(&mut self) {
        // This one may wait: the thread always reads on.
        let _ = self.0.send(Tell::Stop);
    }
}

/// What the thread knows.
pub(super) struct Believer {
    pub(super) predictor: Predictor,
    pub(super) planner: Planner,
    pub(super) graph: Arc<Graph>,
    /// A device is emulated.
    pub(super) emulated: bool,
}

/// The thread's loop, until the coordinator is gone.
pub(super) fn run(mut believer: Believer, inbox: &Receiver<Tell>, mut say: impl FnMut(Foreseen)) {
    let mut policy = None;
    for told in inbox {
        let now = clock::now();
        match told {
            Tell::Server(device, costs) => believer.server(device, costs),
            Tell::Plan(schedule) => believer.predictor.plan(schedule),
            Tell::Policy(spec) => policy = spec,
            Tell::Admitted {
                frame,
                under,
                now,
                latency_ns,
            } => {
                if let Some(latency_ns) = latency_ns {
                    believer.predictor.set_latency(latency_ns);
                }
                if let Some(expected) = believer.predictor.admitted(frame, under, now) {
                    say(Foreseen {
                        frame,
                        latency_ns: expected.latency_ns,
                    });
                }
            }
            Tell::Finished(finished) => {
                believer.predictor.finished(&finished);
                believer.consider(policy, now);
            }
            Tell::Stalled(passage) => {
                believer.predictor.stalled(passage);
                believer.consider(policy, now);
            }
            Tell::GivenUp {
                frame,
                now: at,
                robot_ns,
                passages,
            } => {
                believer.predictor.given_up(frame, robot_ns, &passages, at);
                believer.consider(policy, now);
            }
            Tell::Ended { frame, now } => believer.predictor.ended(frame, now),
            Tell::Sounded(passage) => {
                believer.predictor.sounded(passage);
                believer.consider(policy, now);
            }
            Tell::Planned { took_ns } => believer.planner.done(took_ns, now),
            Tell::Stop => return,
        }
    }
}

impl Believer {
    fn server(&mut self, device: DeviceId, costs: Option<DeviceCosts>) {
        let Some(costs) = costs else { return };
        self.emulated |= costs.profile.is_some();
        if let Some(costs) = calibrated(&self.graph, costs) {
            self.predictor.server(device, costs);
        }
    }

    /// Hands the moment to the planner, if it is time.
    fn consider(&mut self, policy: Option<Spec>, now: Nanos) {
        let Some(wants_table) = self.planner.is_due(policy.is_some(), now) else {
            return;
        };
        let Some(schedule) = self.predictor.schedule().cloned() else {
            return;
        };
        let measured = self.predictor.link(now);
        let link = measured.unwrap_or_else(nothing_passed_yet);
        let expected = if wants_table {
            self.predictor.expect(&schedule, now)
        } else {
            None
        };
        self.planner.plan(Moment {
            at: now,
            epoch: schedule.epoch,
            plan: schedule.plan.clone(),
            world: self.predictor.world(Some(link), schedule.plan.codec, now),
            link,
            assumed: assumed(measured),
            expected,
            policy,
            wants_table,
            emulated: self.emulated,
        });
    }
}

const fn nothing_passed_yet() -> Believed {
    Believed {
        rate: Estimate {
            mbps: ASSUMED_MBPS,
            std_mbps: 0.0,
            age_ns: 0,
        },
        latency_ns: 0,
        growth: 1.0,
    }
}

fn assumed(measured: Option<Believed>) -> Option<String> {
    match measured {
        None => Some(format!(
            "nothing has passed the link yet: {ASSUMED_MBPS} Mbps are assumed"
        )),
        Some(believed) if believed.growth > SAID_FROM => Some(format!(
            "nothing passed the link for {:.1} s: {:.1} Mbps are assumed",
            believed.rate.age_ns as f64 / 1e9,
            believed.rate.mbps,
        )),
        Some(_) => None,
    }
}

/// A server's costs as it told them; none of one that tells nonsense.
fn calibrated(graph: &Graph, costs: DeviceCosts) -> Option<Calibrated> {
    let DeviceCosts { profile, start_ns } = costs;
    let profile = match profile {
        None => Profile::generic("server"),
        Some(text) => Profile::parse("the server's profile", &text)
            .inspect_err(|e| tracing::warn!("no predictions for this server: {e}"))
            .ok()?,
    };
    Some(Calibrated::new(profile, start_times(graph, start_ns)))
}

/// Times at start, if there is one for every node and each can be.
pub(super) fn start_times(graph: &Graph, start_ns: Vec<i64>) -> Vec<i64> {
    /// No operator takes an hour.
    const MOST_NS: i64 = 3_600_000_000_000;
    let can_be = start_ns.len() == graph.nodes().len()
        && start_ns.iter().all(|ns| (0..=MOST_NS).contains(ns));
    if can_be { start_ns } else { Vec::new() }
}
