//! The thread that predicts: off the compute lane and off the coordinator, in the order in which things happened.
//!
//! The coordinator tells what happens and goes on; what does not fit into the queue is not told, and its frame has no
//! prediction. Since a frame's admission stands behind the frames before it in one queue, nothing of later goes into
//! what is expected of it, but for one thing: a frame is admitted the moment the one before it has its result, and what
//! the servers say of that one's times follows right behind. An admission waits a few milliseconds for them; of its own
//! frame nothing is known then. Whenever the planner has time, it gets the moment as it is believed here.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

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
/// How long an admission waits for the times of the frame whose place it takes.
const TIMES_WITHIN_NS: i64 = 5_000_000;
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
    Admitted(Admission),
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

/// A frame's beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Admission {
    pub(super) frame: FrameId,
    /// The plan that it runs under; locally if none.
    pub(super) under: Option<Epoch>,
    pub(super) at: Nanos,
    /// One way over the link, where heartbeats tell.
    pub(super) latency_ns: Option<i64>,
}

/// What is expected of a frame.
#[derive(Debug, Clone, Copy)]
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
    /// Who has the say over the plan; none: an operator.
    pub(super) policy: Option<Spec>,
}

/// The thread's loop, until the coordinator is gone.
pub(super) fn run(mut believer: Believer, inbox: &Receiver<Tell>, mut say: impl FnMut(Foreseen)) {
    let mut waiting: Option<Admission> = None;
    loop {
        let told = match waiting {
            None => inbox.recv().map_err(RecvTimeoutError::from),
            Some(admission) => inbox.recv_timeout(time_left(&admission)),
        };
        if let Some(admission) = waiting.take() {
            match &told {
                Ok(Tell::Planned { .. }) => waiting = Some(admission),
                Ok(Tell::Finished(other)) if other.frame < admission.frame => {
                    waiting = Some(admission);
                }
                // It waited long enough, or something happens that it must not know of.
                _ => believer.admit(admission).into_iter().for_each(&mut say),
            }
        }
        match told {
            Ok(Tell::Admitted(admission)) => waiting = Some(admission),
            Ok(Tell::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(told) => believer.take(told),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(admission) = waiting.take_if(|a| !believer.lacks_times(a)) {
            believer.admit(admission).into_iter().for_each(&mut say);
        }
    }
}

/// How long an admission may still wait.
fn time_left(admission: &Admission) -> Duration {
    let waited_ns = clock::now().since(admission.at).max(0);
    Duration::from_nanos((TIMES_WITHIN_NS - waited_ns).max(0) as u64)
}

impl Believer {
    fn lacks_times(&self, admission: &Admission) -> bool {
        let lacks = |epoch| self.predictor.lacks_times(epoch);
        admission.under.is_some_and(lacks)
    }

    fn admit(&mut self, admission: Admission) -> Option<Foreseen> {
        let Admission {
            frame,
            under,
            at,
            latency_ns,
        } = admission;
        if let Some(latency_ns) = latency_ns {
            self.predictor.set_latency(latency_ns);
        }
        let expected = self.predictor.admitted(frame, under, at)?;
        Some(Foreseen {
            frame,
            latency_ns: expected.latency_ns,
        })
    }

    /// Takes in what is neither an admission nor the end.
    fn take(&mut self, told: Tell) {
        let now = clock::now();
        match told {
            Tell::Server(device, costs) => self.server(device, costs),
            Tell::Plan(schedule) => self.predictor.plan(schedule),
            Tell::Policy(spec) => self.policy = spec,
            Tell::Planned { took_ns } => self.planner.done(took_ns, now),
            Tell::Ended { frame, now } => self.predictor.ended(frame, now),
            Tell::Finished(finished) => {
                self.predictor.finished(&finished);
                self.consider(now);
            }
            Tell::Stalled(passage) => {
                self.predictor.stalled(passage);
                self.consider(now);
            }
            Tell::GivenUp {
                frame,
                now: at,
                robot_ns,
                passages,
            } => {
                self.predictor.given_up(frame, robot_ns, &passages, at);
                self.consider(now);
            }
            Tell::Sounded(passage) => {
                self.predictor.sounded(passage);
                self.consider(now);
            }
            Tell::Admitted(_) | Tell::Stop => {}
        }
    }

    fn server(&mut self, device: DeviceId, costs: Option<DeviceCosts>) {
        let Some(costs) = costs else { return };
        self.emulated |= costs.profile.is_some();
        if let Some(costs) = calibrated(&self.graph, costs) {
            self.predictor.server(device, costs);
        }
    }

    /// Hands the moment to the planner, if it is time.
    fn consider(&mut self, now: Nanos) {
        let Some(wants_table) = self.planner.is_due(self.policy.is_some(), now) else {
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
            policy: self.policy,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;
    use crate::plan::{Parts, Plan, StepKind, StepTime, ValueCodec, compile};
    use crate::units::NodeId;

    const MS: i64 = 1_000_000;
    const EPOCH: Epoch = Epoch(1);

    /// What is foreseen of frames 1 and 2 if this is told behind their admissions.
    fn foreseen(news: Vec<Tell>) -> Vec<(u64, i64)> {
        let (believer, ours, inbox) = with_two_frames();
        for news in news {
            ours.tell(news);
        }
        drop(ours);
        let mut said = Vec::new();
        run(believer, &inbox, |f| said.push((f.frame.0, f.latency_ns)));
        said
    }

    /// Frames 1 and 2 are admitted, one after the other.
    fn with_two_frames() -> (Believer, Foresight, Receiver<Tell>) {
        let graph = Arc::new(zoo::build("mobilenet_v2", 1, 224, 224).unwrap());
        let profile = |name| Calibrated::new(Profile::open(name).unwrap(), Vec::new());
        let robot = profile("jetson-xavier-nx");
        let mut predictor = Predictor::new(Arc::clone(&graph), robot, None).unwrap();
        predictor.server(DeviceId::SERVER, profile("gpu-server"));
        // 1 MB at 100 Mbps.
        predictor.sounded(passage(0, 80, 1_000_000));
        let (planner, _moments) = Planner::new();
        let believer = Believer {
            predictor,
            planner,
            graph: Arc::clone(&graph),
            emulated: true,
            policy: None,
        };
        let (ours, inbox) = Foresight::new();
        ours.tell(Tell::Plan(Arc::new(
            compile(&graph, &Plan::split(3), EPOCH).unwrap(),
        )));
        for (frame, ms) in [(1, 100), (2, 1000)] {
            ours.tell(Tell::Admitted(Admission {
                frame: FrameId(frame),
                under: Some(EPOCH),
                // So nobody is late, however slow the machine is.
                at: Nanos(i64::MAX / 2 + ms * MS),
                latency_ns: None,
            }));
        }
        (believer, ours, inbox)
    }

    fn passage(start_ms: i64, ms: i64, bytes: u64) -> Passage {
        let start = Nanos(i64::MAX / 2 + start_ms * MS);
        Passage {
            start,
            end: start.shifted(ms * MS),
            bytes,
        }
    }

    /// A frame's times: the link carries 10 Mbps by now.
    fn slow(frame: u64) -> Tell {
        let up = StepTime {
            device: DeviceId::ROBOT,
            kind: StepKind::Transfer,
            node: NodeId(3),
            start_ns: 0,
            duration_ns: 800 * MS,
            bytes: 1_000_000,
            to: DeviceId::SERVER,
            wire_bytes: 1_000_000,
            codec: ValueCodec::None,
            error_ppb: 0,
        };
        Tell::Finished(Box::new(Finished {
            frame: FrameId(frame),
            mode: "split".to_owned(),
            warmup: true,
            admitted: Nanos(i64::MAX / 2 + 100 * MS),
            parts: Parts::default(),
            transfers: vec![up],
            robot_ns: 0,
            computed: Vec::new(),
        }))
    }

    #[test]
    fn what_is_said_of_the_frame_before_goes_into_what_is_expected_of_the_next() {
        let without = foreseen(Vec::new());
        let [(1, first), (2, second)] = without[..] else {
            panic!("{without:?}");
        };
        assert!(
            (second as f64 / first as f64 - 1.0).abs() < 0.01,
            "{without:?}"
        );
        let with = foreseen(vec![Tell::Planned { took_ns: 0 }, slow(1)]);
        assert_eq!(with[0], (1, first));
        assert!(with[1].1 > 3 * first, "{with:?}");
    }

    #[test]
    fn what_happens_to_a_frame_itself_goes_into_nothing_that_is_expected_of_it() {
        let without = foreseen(Vec::new());
        assert_eq!(foreseen(vec![slow(2)]), without);
        let sounding = || Tell::Sounded(passage(1001, 800, 1_000_000));
        assert_eq!(foreseen(vec![sounding(), slow(1)]), without);
    }

    #[test]
    fn an_admission_whose_times_never_come_has_its_prediction_all_the_same() {
        let (believer, ours, inbox) = with_two_frames();
        let (say, said) = sync_channel(2);
        let running = std::thread::spawn(move || {
            run(believer, &inbox, |f| say.try_send(f.frame.0).unwrap());
        });
        // Nothing more is told, and the coordinator is still there.
        let next = || said.recv_timeout(Duration::from_mins(1)).unwrap();
        assert_eq!([next(), next()], [1, 2]);
        ours.tell(Tell::Stop);
        running.join().unwrap();
    }
}
