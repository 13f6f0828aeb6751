//! Made-up frames for this room's tests.

use crate::plan::ValueCodec;
use crate::units::{DeviceId, Epoch, FrameId, Nanos, NodeId};
use crate::wire::{FrameRecord, Outcome, Parts, StepKind, StepTime};

/// A step by its columns: device, kind, node, start, duration, receiver, bytes.
pub(crate) const fn step(
    device: u8,
    kind: StepKind,
    node: u32,
    start_ns: i64,
    duration_ns: i64,
    to: u8,
    bytes: u64,
) -> StepTime {
    StepTime {
        device: DeviceId(device),
        kind,
        node: NodeId(node),
        start_ns,
        duration_ns,
        bytes,
        to: DeviceId(to),
        wire_bytes: bytes,
        codec: ValueCodec::None,
        error_ppb: 0,
    }
}

/// Frame 1 of epoch 1 with these steps.
pub(crate) fn frame_of(mode: &str, latency_ns: i64, steps: &[StepTime]) -> FrameRecord {
    FrameRecord {
        frame: FrameId(1),
        attempt: 0,
        epoch: Epoch(1),
        mode: mode.to_owned(),
        cut: None,
        admitted: Nanos(0),
        latency_ns,
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
        steps: steps.iter().copied().collect(),
        emulated: false,
        predicted_ns: None,
    }
}
