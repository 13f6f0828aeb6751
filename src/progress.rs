//! How far something is that takes a while: the same type for the screen and for the command line. Pure.

use crate::units::Nanos;

/// So much of so much is done, at this speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    began: Nanos,
    at: Nanos,
    /// What was done before it was looked at: its speed is not known.
    before: u64,
    done: u64,
    total: Option<u64>,
}

impl Progress {
    /// Something begins, or is met when `done` of it is done.
    pub const fn begun(done: u64, total: Option<u64>, now: Nanos) -> Self {
        Self {
            began: now,
            at: now,
            before: done,
            done,
            total,
        }
    }

    /// So much is done now.
    #[must_use]
    pub const fn reached(mut self, done: u64, now: Nanos) -> Self {
        (self.done, self.at) = (done, now);
        self
    }

    /// What is done.
    pub const fn done(&self) -> u64 {
        self.done
    }

    /// What is to be done in all; none where nobody knows.
    pub const fn total(&self) -> Option<u64> {
        self.total
    }

    /// How much of it, 0 to 1.
    pub fn share(&self) -> Option<f64> {
        let total = self.total.filter(|total| *total > 0)?;
        Some((self.done as f64 / total as f64).min(1.0))
    }

    /// How much a second, since it was looked at first; none before there is some.
    pub fn per_second(&self) -> Option<f64> {
        let done = self
            .done
            .checked_sub(self.before)
            .filter(|done| *done > 0)?;
        let ns = self.at.since(self.began);
        (ns > 0).then(|| done as f64 * 1e9 / ns as f64)
    }

    /// Nanoseconds until the end, at the speed so far.
    pub fn left_ns(&self) -> Option<i64> {
        let left = self.total?.saturating_sub(self.done);
        Some((left as f64 / self.per_second()? * 1e9) as i64)
    }

    /// ` 40 %, 12 s left`, as far as that is known.
    pub fn words(&self) -> String {
        let Some(share) = self.share() else {
            return String::new();
        };
        let left = self.left_ns().map(time_left);
        let left = left.map(|left| format!(", {left} left"));
        format!(
            "{:.0} %{}",
            (share * 100.0).floor(),
            left.unwrap_or_default()
        )
    }
}

/// A time to come, rounded up: `12 s`, `3 min`.
pub fn time_left(ns: i64) -> String {
    let seconds = (ns.max(0) as u64).div_ceil(1_000_000_000);
    match seconds {
        0..=99 => format!("{seconds} s"),
        _ => format!("{} min", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn time_left_follows_from_the_speed_since_it_was_looked_at() {
        let begun = Progress::begun(20, Some(100), Nanos(0));
        assert_eq!((begun.left_ns(), begun.words()), (None, "20 %".to_owned()));
        let later = begun.reached(40, Nanos(10 * SECOND));
        assert_eq!(later.per_second(), Some(2.0));
        assert_eq!(later.left_ns(), Some(30 * SECOND));
        assert_eq!(later.words(), "40 %, 30 s left");
        let done = later.reached(100, Nanos(11 * SECOND));
        assert_eq!(done.words(), "100 %, 0 s left");
    }

    #[test]
    fn without_a_total_there_is_no_end_in_sight() {
        let endless = Progress::begun(0, None, Nanos(0)).reached(7, Nanos(SECOND));
        assert_eq!((endless.left_ns(), endless.share()), (None, None));
        assert_eq!(endless.per_second(), Some(7.0));
        let nothing = Progress::begun(0, Some(0), Nanos(0));
        assert_eq!(nothing.words(), "");
    }

    #[test]
    fn what_goes_backwards_and_what_is_more_than_all_does_no_harm() {
        let odd = Progress::begun(50, Some(10), Nanos(5)).reached(3, Nanos(1));
        assert_eq!((odd.per_second(), odd.left_ns()), (None, None));
        assert_eq!(odd.share(), Some(0.3));
        let over = Progress::begun(0, Some(10), Nanos(0)).reached(30, Nanos(SECOND));
        assert_eq!((over.share(), over.left_ns()), (Some(1.0), Some(0)));
    }

    #[test]
    fn a_long_time_is_told_in_minutes() {
        assert_eq!(time_left(1), "1 s");
        assert_eq!(time_left(99 * SECOND), "99 s");
        assert_eq!(time_left(100 * SECOND), "2 min");
    }
}
