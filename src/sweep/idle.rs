//! Stretches in which the robot was left alone: what it takes then is taken off for net energy.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Meter;
use crate::power::energy::SETTLE_NS;
use crate::units::Nanos;
use crate::wire::PauseRecord;

/// Pauses that wait for their samples of power, at most.
const MOST_OPEN: usize = 64;

/// A stretch in which the robot did nothing, cut into pieces that are taken as independent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdleRow {
    /// Its beginning on the robot's clock, the time to come to rest left out.
    pub from_ns: i64,
    /// Its end.
    pub to_ns: i64,
    /// Which sensor.
    pub source: String,
    /// Whether its numbers are made up from given levels.
    pub emulated: bool,
    /// In the order of time.
    pub pieces: Vec<IdlePiece>,
}

/// A few seconds of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct IdlePiece {
    /// Energy over what samples cover.
    pub joules: f64,
    /// How much of it they cover.
    pub covered_ns: i64,
    /// How long it is.
    pub window_ns: i64,
}

/// Follows the robot's pauses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pauses {
    quiet_since: Option<Nanos>,
    over: Vec<Range<Nanos>>,
}

impl Pauses {
    /// The robot tells whether it admits frames.
    pub(crate) fn told(&mut self, told: &PauseRecord) {
        let Some(pause) = &told.pause else {
            let from = self.quiet_since.take().map(|q| q.shifted(SETTLE_NS));
            let room = self.over.len() < MOST_OPEN;
            self.over
                .extend(from.filter(|f| room && *f < told.at).map(|f| f..told.at));
            return;
        };
        self.quiet_since = pause.quiet_since;
    }

    /// The pauses that are over and whose power is known as far as it will be: those that samples passed, or all.
    pub(crate) fn measured(&mut self, meter: &mut Meter, all: bool) -> Vec<IdleRow> {
        let mut rows = Vec::new();
        self.over.retain(|window| {
            let is_open = !all && !meter.has_passed(window.end);
            if !is_open {
                rows.extend(meter.idle(window));
            }
            is_open
        });
        rows
    }
}
