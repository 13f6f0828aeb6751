//! When pictures appear and which of them is handed out. Pure; time is an argument.

use crate::units::Nanos;

/// When pictures appear: at a rate on an absolute schedule, or whenever one is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// Nanoseconds between pictures; none: whenever asked.
    period_ns: Option<f64>,
    start: Nanos,
    appeared: u64,
}

impl Schedule {
    /// A camera whose first picture appears at `start`. `fps` must be above 0.
    pub fn new(fps: Option<f64>, start: Nanos) -> Self {
        Self {
            period_ns: fps.map(|fps| 1e9 / fps),
            start,
            appeared: 0,
        }
    }

    /// When the next picture appears; none if it does so when asked for.
    pub fn due(&self) -> Option<Nanos> {
        let period_ns = self.period_ns?;
        Some(
            self.start
                .shifted((self.appeared as f64 * period_ns).ceil() as i64),
        )
    }

    /// How many pictures have appeared up to `now` since the last call. Without a rate one has.
    pub fn appeared(&mut self, now: Nanos) -> u64 {
        let before = self.appeared;
        self.appeared = match self.period_ns {
            None => before + 1,
            Some(period_ns) => match now.since(self.start) {
                ..0 => before,
                passed => before.max((passed as f64 / period_ns) as u64 + 1),
            },
        };
        self.appeared - before
    }
}

/// A place for one thing: a newer one replaces it, and what was replaced before being taken is counted.
#[derive(Debug)]
pub struct Newest<T> {
    held: Option<T>,
    skipped: u32,
    total_skipped: u64,
    total_taken: u64,
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self {
            held: None,
            skipped: 0,
            total_skipped: 0,
            total_taken: 0,
        }
    }
}

impl<T> Newest<T> {
    /// Puts the newest one here; `missed` others appeared and went before anybody could have taken them.
    pub fn put(&mut self, newest: T, missed: u64) {
        let lost = missed + u64::from(self.held.replace(newest).is_some());
        self.total_skipped += lost;
        self.skipped = self
            .skipped
            .saturating_add(u32::try_from(lost).unwrap_or(u32::MAX));
    }

    /// Takes it, with the number of those skipped since the last was taken.
    pub fn take(&mut self) -> Option<(T, u32)> {
        let newest = self.held.take()?;
        self.total_taken += 1;
        Some((newest, std::mem::take(&mut self.skipped)))
    }

    /// True if there is nothing to take.
    pub const fn is_empty(&self) -> bool {
        self.held.is_none()
    }

    /// All that were never taken, except the one that still can be.
    pub const fn total_skipped(&self) -> u64 {
        self.total_skipped
    }

    /// All that were taken.
    pub const fn total_taken(&self) -> u64 {
        self.total_taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};

    /// Shows the pictures that have appeared, numbered, as the source thread does.
    fn show(schedule: &mut Schedule, shelf: &mut Newest<u64>, number: &mut u64, now: Nanos) {
        let appeared = schedule.appeared(now);
        if appeared > 0 {
            *number += appeared;
            shelf.put(*number, appeared - 1);
        }
    }

    #[test]
    fn at_a_rate_only_the_newest_is_taken_and_the_others_are_counted() {
        let clock = ManualClock::default();
        let (mut schedule, mut shelf, mut number) =
            (Schedule::new(Some(10.0), clock.now()), Newest::default(), 0);
        let mut at = |ms: i64, shelf: &mut Newest<u64>| {
            clock.advance_ms(ms);
            show(&mut schedule, shelf, &mut number, clock.now());
        };
        at(0, &mut shelf);
        assert_eq!(shelf.take(), Some((1, 0)), "the first appears at once");
        at(99, &mut shelf);
        assert_eq!(shelf.take(), None, "none is taken twice");
        at(1, &mut shelf);
        at(100, &mut shelf);
        at(100, &mut shelf);
        assert_eq!(shelf.take(), Some((4, 2)));
        // The decoder itself was away for 350 ms: nothing is caught up, all is counted.
        at(350, &mut shelf);
        assert_eq!(shelf.take(), Some((7, 2)));
        at(50, &mut shelf);
        assert_eq!(shelf.take(), Some((8, 0)), "the schedule is absolute");
        assert_eq!((shelf.total_taken(), shelf.total_skipped()), (4, 4));
    }

    #[test]
    fn the_schedule_does_not_drift() {
        let mut schedule = Schedule::new(Some(30.0), Nanos(5));
        let mut count = 0;
        while let Some(due) = schedule.due().filter(|due| due.0 < 5 + 60_000_000_000) {
            assert_eq!(
                schedule.appeared(due.shifted(-1)),
                0,
                "not before it is due"
            );
            assert_eq!(schedule.appeared(due), 1, "when it is due, after {count}");
            count += 1;
        }
        assert_eq!(count, 30 * 60);
    }

    #[test]
    fn without_a_rate_one_is_ready_whenever_asked_and_none_is_skipped() {
        let mut schedule = Schedule::new(None, Nanos(0));
        let mut shelf = Newest::default();
        assert_eq!(schedule.due(), None);
        for number in 0..5 {
            assert!(shelf.is_empty());
            shelf.put(number, schedule.appeared(Nanos(9)) - 1);
            assert_eq!(shelf.take(), Some((number, 0)));
        }
        assert_eq!(shelf.total_skipped(), 0);
    }
}
