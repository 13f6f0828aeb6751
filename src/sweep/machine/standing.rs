//! What became of one plan so far.

use super::super::{FrameRow, VisitPower, VisitRow};
use crate::statistics::Estimate;
use crate::units::ns_to_ms;
use crate::wire::Parts;

/// Sums over the frames that count.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    frames: u32,
    parts: Parts,
    predicted_ns: i64,
    predicted: u32,
    joules: f64,
    with_joules: u64,
    power_emulated: bool,
    emulated: bool,
}

impl Sums {
    fn add(&mut self, row: &FrameRow) {
        self.frames += 1;
        self.emulated |= row.emulated;
        for (sum, part) in [
            (&mut self.parts.robot_compute_ns, row.parts.robot_compute_ns),
            (
                &mut self.parts.server_compute_ns,
                row.parts.server_compute_ns,
            ),
            (&mut self.parts.uplink_ns, row.parts.uplink_ns),
            (&mut self.parts.downlink_ns, row.parts.downlink_ns),
            (&mut self.parts.wait_ns, row.parts.wait_ns),
        ] {
            *sum = sum.saturating_add(part);
        }
        if let Some(ns) = row.predicted_ns {
            self.predicted_ns = self.predicted_ns.saturating_add(ns);
            self.predicted += 1;
        }
    }

    fn means(&self) -> Parts {
        let n = i64::from(self.frames.max(1));
        Parts {
            robot_compute_ns: self.parts.robot_compute_ns / n,
            server_compute_ns: self.parts.server_compute_ns / n,
            uplink_ns: self.parts.uplink_ns / n,
            downlink_ns: self.parts.downlink_ns / n,
            wait_ns: self.parts.wait_ns / n,
            overlap_ns: 0,
        }
    }
}

/// What became of one plan so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    latencies_ms: Vec<f64>,
    pub(super) median: Option<Estimate>,
    sums: Sums,
    pub(super) visits: u32,
    pub(super) tries: u32,
    /// It is visited no more.
    pub(super) out: bool,
}

impl Standing {
    /// The energy of a visit; where samples do not cover all of it, it would look small.
    pub(super) fn add_energy(&mut self, visit: &VisitRow) {
        let window_ns = visit.to_ns - visit.from_ns;
        let covered = |p: &&VisitPower| p.covered_ns >= window_ns / 100 * 95;
        if let Some(power) = visit.power.as_ref().filter(covered) {
            let scale = window_ns as f64 / power.covered_ns.max(1) as f64;
            self.sums.joules += power.joules * scale;
            self.sums.with_joules += visit.frames;
            self.sums.power_emulated |= power.emulated;
        }
    }

    /// The frames of a visit; those that are left out are passed over.
    pub(super) fn add_frames(&mut self, rows: &[FrameRow]) {
        for row in rows.iter().filter(|r| r.left_out.is_none()) {
            self.sums.add(row);
            self.latencies_ms.push(ns_to_ms(row.latency_ns));
        }
        self.median = Estimate::of_median(&self.latencies_ms);
    }

    /// The width of the median's interval, as a percentage of the median.
    pub(super) fn width_percent(&self) -> Option<f64> {
        Some(self.median?.relative_half_width()? * 200.0)
    }

    /// The figures so far; none before the first frame.
    pub(super) fn bar(&self) -> Option<Bar> {
        let sums = &self.sums;
        Some(Bar {
            frames: sums.frames,
            median_ms: self.median?,
            parts: sums.means(),
            joules: (sums.with_joules > 0).then(|| sums.joules / sums.with_joules as f64),
            power_emulated: sums.power_emulated,
            predicted_ns: (sums.predicted > 0)
                .then(|| sums.predicted_ns / i64::from(sums.predicted)),
            emulated: sums.emulated,
        })
    }
}

/// A plan's figures so far, for a screen; results come from [`Summary`](crate::sweep::Summary).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Frames that count.
    pub frames: u32,
    /// The median latency in milliseconds, with its interval.
    pub median_ms: Estimate,
    /// Mean parts.
    pub parts: Parts,
    /// Energy per inference over the visits so far, in joules: no result yet.
    pub joules: Option<f64>,
    /// Whether that energy is emulated.
    pub power_emulated: bool,
    /// The mean of what was predicted, in nanoseconds.
    pub predicted_ns: Option<i64>,
    /// Whether a number in it is emulated.
    pub emulated: bool,
}
