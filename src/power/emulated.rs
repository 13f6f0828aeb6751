//! Emulated power: levels that somebody gave, chosen by what the robot does. Labelled wherever it goes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Counts, PowerError, PowerSource, Rail, RailId, RailSample};
use crate::clock::Clock;
use crate::units::{Joules, Nanos, Watts};

/// How often a mean is given out.
const PERIOD: Duration = Duration::from_millis(20);

/// What a robot takes while it does one thing and nothing else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// Nothing.
    pub idle: Watts,
    /// It computes.
    pub compute: Watts,
    /// It sends.
    pub transmit: Watts,
    /// It receives.
    pub receive: Watts,
}

/// Something a robot does that takes power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activity {
    /// An operator runs.
    Compute,
    /// Bytes go out.
    Transmit,
    /// Bytes come in.
    Receive,
}

/// A source whose numbers are made up.
#[derive(Debug)]
pub struct Emulated {
    rails: [Rail; 1],
    state: EmulatedState,
    last: Option<Nanos>,
}

/// The handle that says what the robot does. Clones share it.
#[derive(Clone)]
pub struct EmulatedState(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    levels: Levels,
    now: Mutex<Now>,
}

struct Now {
    since: Nanos,
    busy: [bool; 3],
    /// Spent since the last sample.
    spent: Joules,
}

impl std::fmt::Debug for EmulatedState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmulatedState").finish_non_exhaustive()
    }
}

impl Emulated {
    /// A source with these levels, and the handle that sets its state.
    pub fn new(levels: Levels, clock: Arc<dyn Clock>) -> (Self, EmulatedState) {
        let since = clock.now();
        let state = EmulatedState(Arc::new(Inner {
            clock,
            levels,
            now: Mutex::new(Now {
                since,
                busy: [false; 3],
                spent: Joules(0.0),
            }),
        }));
        let what = "emulated: levels given for idle, compute, send and receive; no sensor was read";
        let source = Self {
            rails: [Rail::new("emulated", Counts::Total, what)],
            state: state.clone(),
            last: None,
        };
        (source, state)
    }
}

impl EmulatedState {
    /// The robot begins or ends doing something, now. Takes one short lock.
    pub fn set(&self, activity: Activity, busy: bool) {
        let mut now = self.settled();
        if let Some(slot) = now.busy.get_mut(activity as usize) {
            *slot = busy;
        }
    }

    /// What the levels give at present.
    pub fn watts(&self) -> Watts {
        self.0.levels.watts(self.lock().busy)
    }

    /// The state with the energy up to now added.
    fn settled(&self) -> MutexGuard<'_, Now> {
        let mut state = self.lock();
        let at = self.0.clock.now();
        let ns = at.since(state.since).max(0);
        state.spent.0 += self.0.levels.watts(state.busy).over_ns(ns).0;
        state.since = at;
        state
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Levels {
    /// Idle, and what each activity takes above it: two at once take both.
    fn watts(&self, busy: [bool; 3]) -> Watts {
        let above = [self.compute, self.transmit, self.receive];
        let above = above.iter().zip(busy).filter(|&(_, busy)| busy);
        Watts(self.idle.0 + above.map(|(level, _)| level.0 - self.idle.0).sum::<f64>())
    }
}

impl PowerSource for Emulated {
    fn name(&self) -> &'static str {
        "emulated"
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    /// The mean since the last sample, at that interval's middle: states shorter than the period lose no energy.
    fn sample(&mut self) -> Result<Vec<RailSample>, PowerError> {
        let (now, spent) = {
            let mut state = self.state.settled();
            (state.since, std::mem::take(&mut state.spent))
        };
        let Some(last) = self.last.replace(now) else {
            return Ok(Vec::new());
        };
        let ns = now.since(last);
        let sample = spent.mean_over_ns(ns).map(|watts| RailSample {
            rail: RailId(0),
            at: last.shifted(ns / 2),
            volts: None,
            amps: None,
            watts,
        });
        Ok(sample.into_iter().collect())
    }

    fn emulated(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const LEVELS: Levels = Levels {
        idle: Watts(4.5),
        compute: Watts(14.5),
        transmit: Watts(5.5),
        receive: Watts(5.0),
    };

    #[test]
    fn the_state_chooses_the_level_and_two_at_once_add_up() {
        let (source, state) = Emulated::new(LEVELS, Arc::new(ManualClock::default()));
        assert!(source.emulated() && source.rails()[0].what.starts_with("emulated"));
        assert_eq!(state.watts(), Watts(4.5));
        state.set(Activity::Compute, true);
        assert_eq!(state.watts(), Watts(14.5));
        state.set(Activity::Transmit, true);
        assert_eq!(state.watts(), Watts(15.5));
        state.set(Activity::Compute, false);
        assert_eq!(state.watts(), Watts(5.5));
    }

    #[test]
    fn a_state_shorter_than_a_sample_keeps_its_energy() {
        let clock = Arc::new(ManualClock::default());
        let (mut source, state) = Emulated::new(LEVELS, clock.clone());
        assert_eq!(source.sample().unwrap(), []);
        clock.advance_ms(4);
        state.set(Activity::Compute, true);
        clock.advance_ms(5);
        state.set(Activity::Compute, false);
        clock.advance_ms(11);
        let samples = source.sample().unwrap();
        // 15 ms at 4.5 W and 5 ms at 14.5 W.
        assert!((samples[0].watts.0 - 7.0).abs() < 1e-9, "{samples:?}");
        assert_eq!(samples[0].at, Nanos(10_000_000));
    }
}
