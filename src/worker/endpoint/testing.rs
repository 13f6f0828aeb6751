//! Made-up frames for this room's tests.

use crate::wire::FrameRecord;
use crate::wire::testing::{bare_frame, computed};

/// A frame with so many steps of random lengths.
pub(super) fn long_frame(steps: u32) -> FrameRecord {
    let step = |i: u32| {
        let start_ns = i64::from(i.wrapping_mul(2_654_435_761));
        computed(0, i, start_ns, i64::from(i.wrapping_mul(2_246_822_519)))
    };
    FrameRecord {
        latency_ns: 1,
        steps: (0..steps).map(step).collect(),
        emulated: true,
        ..bare_frame("local")
    }
}
