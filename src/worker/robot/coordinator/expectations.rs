//! What is expected of frames: the coordinator tells the predictor what happens, and takes what it says.

use super::super::foresight::{Admission, Foreseen, Tell};
use super::super::frames::Admitted;
use super::Coordinator;
use crate::engine::Engine;
use crate::profile::Observed;
use crate::units::{DeviceId, Epoch};
use crate::wire::{FrameRecord, Outcome};
use crate::worker::predict::{Finished, robot_ns, transfers};

impl<E: Engine> Coordinator<E> {
    /// A frame is about to start, under a plan or locally.
    pub(super) fn foresee(&self, frame: &Admitted, under: Option<Epoch>) {
        let latencies = self.servers.iter().filter_map(|r| r.link.latency_ns());
        self.foresight.tell(Tell::Admitted(Admission {
            frame: frame.key.frame,
            under,
            at: frame.at,
            latency_ns: latencies.min(),
        }));
    }

    pub(super) fn foreseen(&mut self, foreseen: &Foreseen) {
        let patience = &self.patience;
        self.frames
            .foreseen(foreseen.frame, foreseen.latency_ns, |admitted| {
                patience.expecting(admitted, foreseen.latency_ns)
            });
    }

    /// A frame came to its end. What was finished anew, or failed, went no way that a prediction is about.
    pub(super) fn learn_from(
        &self,
        record: &FrameRecord,
        computed: Vec<(DeviceId, Vec<Observed>)>,
    ) {
        if record.outcome == Outcome::Failed || record.attempt > 0 {
            self.foresight.tell(Tell::Ended {
                frame: record.frame,
                now: record.admitted.shifted(record.latency_ns),
            });
            return;
        }
        self.foresight.tell(Tell::Finished(Box::new(Finished {
            frame: record.frame,
            mode: record.mode.clone(),
            warmup: record.warmup,
            admitted: record.admitted,
            parts: record.parts,
            transfers: transfers(record.steps.iter()),
            robot_ns: robot_ns(&record.steps),
            computed,
        })));
    }
}
