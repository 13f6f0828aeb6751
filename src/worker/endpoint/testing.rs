//! Made-up frames for this room's tests.

use crate::plan::ValueCodec;
use crate::units::{DeviceId, Epoch, FrameId, Nanos, NodeId};
use crate::wire::{FrameRecord, Outcome, Parts, StepKind, StepTime};

/// A frame with so many steps of random lengths.
pub(super) fn long_frame(steps: u32) -> FrameRecord {
    let step = |i: u32| StepTime {
        device: DeviceId::ROBOT,
        kind: StepKind::Compute,
        node: NodeId(i),
        start_ns: i64::from(i.wrapping_mul(2_654_435_761)),
        duration_ns: i64::from(i.wrapping_mul(2_246_822_519)),
        bytes: 0,
        to: DeviceId::ROBOT,
        wire_bytes: 0,
        codec: ValueCodec::None,
        error_ppb: 0,
    };
    FrameRecord {
        frame: FrameId(1),
        attempt: 0,
        epoch: Epoch(1),
        mode: "local".to_owned(),
        cut: None,
        admitted: Nanos(0),
        latency_ns: 1,
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
        steps: (0..steps).map(step).collect(),
        emulated: true,
        predicted_ns: None,
    }
}
