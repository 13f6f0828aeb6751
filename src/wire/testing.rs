//! Made-up records for tests of all rooms.

use super::{FrameRecord, Outcome, Parts, StepKind, StepTime};
use crate::plan::ValueCodec;
use crate::units::{DeviceId, Epoch, FrameId, Nanos, NodeId};

/// Frame 1 of epoch 1 under a mode, admitted at 0: it took no time, sent nothing and has no steps.
pub(crate) fn bare_frame(mode: &str) -> FrameRecord {
    FrameRecord {
        frame: FrameId(1),
        attempt: 0,
        epoch: Epoch(1),
        mode: mode.to_owned(),
        cut: None,
        admitted: Nanos(0),
        latency_ns: 0,
        parts: Parts::default(),
        bytes_up: 0,
        bytes_down: 0,
        outcome: Outcome::Ok,
        warmup: false,
        preparing: false,
        skipped: 0,
        clock_error_ns: None,
        picture: String::new(),
        top: Vec::new(),
        other_tops: Vec::new(),
        steps: std::iter::empty().collect(),
        emulated: false,
        predicted_ns: None,
    }
}

/// A computation of a device, of one operator, in nanoseconds.
pub(crate) const fn computed(device: u8, node: u32, start_ns: i64, duration_ns: i64) -> StepTime {
    StepTime {
        device: DeviceId(device),
        kind: StepKind::Compute,
        node: NodeId(node),
        start_ns,
        duration_ns,
        bytes: 0,
        to: DeviceId(device),
        wire_bytes: 0,
        codec: ValueCodec::None,
        error_ppb: 0,
    }
}
