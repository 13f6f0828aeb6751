//! The thread that predicts: off the compute lane and off the coordinator, in the order in which things happened.
//!
//! The coordinator tells what happens and goes on; what does not fit into the queue is not told, and its frame has no
//! prediction. Since a frame's admission stands behind the frames before it in one queue, nothing of later goes into
//! what is expected of it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::model::Graph;
use crate::plan::Schedule;
use crate::profile::{Calibrated, Profile};
use crate::units::{DeviceId, Epoch, FrameId, Nanos};
use crate::wire::data::DeviceCosts;
use crate::worker::predict::{Finished, Predictor};

/// Messages that may wait.
const QUEUE: usize = 256;

/// What the coordinator tells.
pub(super) enum Tell {
    /// A server is ready.
    Server(DeviceId, Option<DeviceCosts>),
    /// A plan is in effect.
    Plan(Arc<Schedule>),
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
}

/// What is expected of a frame.
pub(super) struct Foreseen {
    pub(super) frame: FrameId,
    pub(super) latency_ns: i64,
}

/// The coordinator's end.
pub(super) struct Foresight(SyncSender<Tell>);

impl Foresight {
    /// The coordinator's end, and what the thread reads.
    pub(super) fn new() -> (Self, Receiver<Tell>) {
        let (sender, receiver) = sync_channel(QUEUE);
        (Self(sender), receiver)
    }

    /// Tells without waiting.
    pub(super) fn tell(&self, what: Tell) {
        // Full: a prediction is missed, no frame is held up.
        let _ = self.0.try_send(what);
    }
}

/// The thread's loop, until the coordinator is gone.
pub(super) fn run(
    mut predictor: Predictor,
    graph: &Graph,
    inbox: &Receiver<Tell>,
    mut say: impl FnMut(Foreseen),
) {
    for told in inbox {
        match told {
            Tell::Server(device, costs) => {
                if let Some(costs) = costs.and_then(|costs| calibrated(graph, costs)) {
                    predictor.server(device, costs);
                }
            }
            Tell::Plan(schedule) => predictor.plan(schedule),
            Tell::Admitted {
                frame,
                under,
                now,
                latency_ns,
            } => {
                if let Some(latency_ns) = latency_ns {
                    predictor.set_latency(latency_ns);
                }
                if let Some(expected) = predictor.admitted(frame, under, now) {
                    say(Foreseen {
                        frame,
                        latency_ns: expected.latency_ns,
                    });
                }
            }
            Tell::Finished(finished) => predictor.finished(&finished),
        }
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
