//! Made-up frames for this room's tests.

use crate::units::DeviceId;
use crate::wire::testing::{bare_frame, computed};
use crate::wire::{FrameRecord, StepKind, StepTime};

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
        kind,
        bytes,
        to: DeviceId(to),
        wire_bytes: bytes,
        ..computed(device, node, start_ns, duration_ns)
    }
}

/// Frame 1 of epoch 1 with these steps.
pub(crate) fn frame_of(mode: &str, latency_ns: i64, steps: &[StepTime]) -> FrameRecord {
    FrameRecord {
        latency_ns,
        steps: steps.iter().copied().collect(),
        ..bare_frame(mode)
    }
}
