//! How busy the robot's machine was: times taken on a machine that does other things too are no results.

use std::collections::VecDeque;
use std::ops::Range;

use super::Header;
use crate::host::HostRecord;
use crate::units::Nanos;

/// A record is about the second before it.
const SECOND_NS: i64 = 1_000_000_000;
/// Records kept: longer than any visit should be.
const MOST: usize = 1_200;
/// The mean load of all cores from which on a machine is called busy. An emulated device computes nothing, so that what
/// its machine does is others' work; a real one may use every core that it was given, but not all that there are.
const BUSY_EMULATED: f64 = 0.5;
const BUSY_REAL: f64 = 0.95;

/// The load from which on a sweep's robot is called busy, 0 to 1.
pub(super) const fn busy_from(header: &Header) -> f64 {
    if header.robot.emulated {
        BUSY_EMULATED
    } else {
        BUSY_REAL
    }
}

/// The load of late.
#[derive(Debug, Clone, Default)]
pub(super) struct Loads(VecDeque<(Nanos, f64)>);

impl Loads {
    pub(super) fn add(&mut self, host: &HostRecord) {
        let loads: Vec<f64> = host.cores.iter().filter_map(|c| c.load).collect();
        if let Some(mean) = crate::statistics::mean(&loads) {
            self.0.push_back((host.at, mean));
        }
        if self.0.len() > MOST {
            self.0.pop_front();
        }
    }

    pub(super) fn restart(&mut self) {
        self.0.clear();
    }

    /// The mean over a window, 0 to 1; none where nothing was told of it.
    pub(super) fn over(&self, window: &Range<Nanos>) -> Option<f64> {
        let near = window.start.shifted(-SECOND_NS)..window.end.shifted(SECOND_NS);
        let within = self.0.iter().filter(|(at, _)| near.contains(at));
        crate::statistics::mean(&within.map(|(_, load)| *load).collect::<Vec<_>>())
    }
}
