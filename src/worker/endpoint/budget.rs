//! What telemetry takes of the robot's link, and the limit that it keeps: one hundredth of a link of 93 Mbps, for all
//! consoles on other machines together. Pure; time is an argument.
//!
//! A bucket fills at the limit and holds two seconds of it. While it is empty, frames go out without their steps, which
//! are most of their bytes; what people wait for is never held back. What consoles missed takes what live telemetry
//! leaves of the limit, and a quarter of it where that leaves less.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::units::Nanos;
use crate::wire::TelemetryShare;

/// The link that the limit is a hundredth of, and what stands for one that is not known.
const NOMINAL_BPS: u64 = 93_000_000;
/// Bits a second.
const LIMIT_BPS: f64 = NOMINAL_BPS as f64 / 100.0;
/// Of the limit, for what consoles missed, however much is told live.
const LEAST_BACKFILL: f64 = 0.25;
/// How long the limit may be saved up.
const BURST_S: f64 = 2.0;
/// How long the rate told looks back.
const WINDOW_NS: i64 = 5_000_000_000;
/// Headers of IP and TCP with their usual options, of every segment, and its payload.
const SEGMENT: (u64, u64) = (52, 1448);
/// Head of a WebSocket frame.
const FRAME: u64 = 4;

/// A worker's budget, shared by all that sends to consoles.
#[derive(Debug, Clone)]
pub(super) struct Purse(Arc<Mutex<Budget>>);

impl Purse {
    pub(super) fn new(now: Nanos) -> Self {
        Self(Arc::new(Mutex::new(Budget::new(now))))
    }

    /// The budget, for a moment.
    pub(super) fn open(&self) -> MutexGuard<'_, Budget> {
        // A budget is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a message is and where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To a console on this machine.
    Local,
    /// Live, to another machine.
    Live,
    /// What a console on another machine missed.
    Missed,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Budget {
    began: Nanos,
    refilled: Nanos,
    /// Bits that may go out now; negative after a message that was larger.
    bits: f64,
    /// When, how many bits, which way.
    sent: VecDeque<(Nanos, u64, Way)>,
    thinned_frames: u64,
}

impl Budget {
    pub(super) fn new(now: Nanos) -> Self {
        Self {
            began: now,
            refilled: now,
            bits: LIMIT_BPS * BURST_S,
            sent: VecDeque::new(),
            thinned_frames: 0,
        }
    }

    /// A message of so many bytes goes to a console.
    pub(super) fn charge(&mut self, now: Nanos, bytes: usize, way: Way) {
        let bytes = bytes as u64 + FRAME;
        let bits = 8 * (bytes + bytes.div_ceil(SEGMENT.1) * SEGMENT.0);
        if way != Way::Local {
            self.bits -= bits as f64;
        }
        self.sent.push_back((now, bits, way));
        self.forget(now);
    }

    /// Bits a second that missed batches may take on their way to other machines.
    pub(super) fn for_missed_bps(&mut self, now: Nanos) -> f64 {
        self.forget(now);
        let live = self.bps(now, |way| way == Way::Live) as f64;
        (LIMIT_BPS - live).max(LIMIT_BPS * LEAST_BACKFILL)
    }

    /// Bits a second of the last seconds, of what fits.
    fn bps(&self, now: Nanos, fits: impl Fn(Way) -> bool) -> u64 {
        let window_ns = now.since(self.began).clamp(1_000_000_000, WINDOW_NS);
        let sent = self.sent.iter().filter(|(.., way)| fits(*way));
        let bits: u64 = sent.map(|(_, bits, _)| bits).sum();
        (bits as f64 * 1e9 / window_ns as f64) as u64
    }

    /// Whether frames are to go without their steps now.
    pub(super) fn is_spent(&mut self, now: Nanos) -> bool {
        let seconds = now.since(self.refilled).max(0) as f64 / 1e9;
        self.refilled = now;
        self.bits = (self.bits + seconds * LIMIT_BPS).min(LIMIT_BPS * BURST_S);
        self.bits < 0.0
    }

    /// So many frames went to a console without their steps.
    pub(super) const fn thinned(&mut self, frames: u64) {
        self.thinned_frames += frames;
    }

    /// What is told; `link_bps` is what the link carries, as far as is known.
    pub(super) fn share(&mut self, now: Nanos, link_bps: Option<u64>) -> TelemetryShare {
        self.forget(now);
        TelemetryShare {
            at: now,
            bps: self.bps(now, |way| way != Way::Local),
            missed_bps: self.bps(now, |way| way == Way::Missed),
            local_bps: self.bps(now, |way| way == Way::Local),
            link_bps: link_bps.unwrap_or(NOMINAL_BPS),
            is_estimate: link_bps.is_some(),
            thinned_frames: self.thinned_frames,
            observer: None,
            is_shaped: false,
        }
    }

    fn forget(&mut self, now: Nanos) {
        while self
            .sent
            .front()
            .is_some_and(|(at, ..)| now.since(*at) > WINDOW_NS)
        {
            self.sent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// Ten messages a second of so many bytes, for so long; how many went while the budget was spent.
    fn sent(budget: &mut Budget, bytes: usize, thin_bytes: usize, seconds: i64, way: Way) -> u64 {
        let mut spent = 0;
        for tenth in 0..seconds * 10 {
            let now = Nanos(tenth * SECOND / 10);
            let is_spent = budget.is_spent(now);
            spent += u64::from(is_spent);
            let bytes = if is_spent { thin_bytes } else { bytes };
            budget.charge(now, bytes, way);
        }
        spent
    }

    #[test]
    fn more_than_a_hundredth_of_the_link_is_thinned_until_it_fits() {
        let mut budget = Budget::new(Nanos(0));
        let end = Nanos(60 * SECOND);
        // 200 kB a second would be 1.7 %.
        assert!(sent(&mut budget, 20_000, 1_000, 60, Way::Live) > 200);
        let share = budget.share(end, Some(93_000_000));
        assert!(
            share.share() <= 0.0105 && share.share() > 0.007,
            "{share:?}"
        );
        assert!(share.is_estimate && share.local_bps == 0);
    }

    #[test]
    fn what_fits_and_what_stays_on_this_machine_is_never_thinned() {
        let mut budget = Budget::new(Nanos(0));
        assert_eq!(sent(&mut budget, 8_000, 0, 60, Way::Live), 0);
        assert_eq!(sent(&mut budget, 900_000, 0, 60, Way::Local), 0);
        let share = budget.share(Nanos(60 * SECOND), None);
        assert_eq!((share.link_bps, share.is_estimate), (93_000_000, false));
        assert!(share.local_bps > 70_000_000, "{share:?}");
        // Nobody is attached any more.
        assert_eq!(budget.share(Nanos(99 * SECOND), None).bps, 0);
    }

    #[test]
    fn what_consoles_missed_takes_what_is_left_and_all_together_stay_within_the_limit() {
        for (live, thin) in [(2_000, 500), (9_000, 2_000), (60_000, 4_000)] {
            let mut budget = Budget::new(Nanos(0));
            let mut missed = 0.0;
            let (mut pace, end) = (crate::worker::spool::Pace::default(), Nanos(60 * SECOND));
            for hundredth in 0..6_000 {
                let now = Nanos(hundredth * SECOND / 100);
                if hundredth % 10 == 0 {
                    let bytes = if budget.is_spent(now) { thin } else { live };
                    budget.charge(now, bytes, Way::Live);
                }
                if pace.wait_ns(now) == 0 {
                    let rate = budget.for_missed_bps(now);
                    budget.charge(now, 2_000, Way::Missed);
                    pace.sent(2_000, rate, now);
                    missed += 8.0 * 2_000.0;
                }
            }
            let told = budget.share(end, None);
            let share = told.share();
            assert!(share <= 0.0115, "{live}: {share}");
            // What is live is told apart from it.
            let late = told.missed_share().unwrap();
            assert!(
                late > 0.2 * 0.01 && late < share,
                "{live}: {late} of {share}"
            );
            let later = budget.share(Nanos(99 * SECOND), None);
            assert_eq!(later.missed_share(), None, "everybody has everything");
            assert!(missed / 60.0 > 0.2 * LIMIT_BPS, "{live}: {missed}");
        }
    }
}
