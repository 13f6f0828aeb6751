//! Bytes per interval. Pure.

use crate::units::Nanos;

/// Bytes that came in each interval since a start.
#[derive(Debug, Clone)]
pub struct Counts {
    start: Nanos,
    interval_ns: i64,
    bytes: Vec<u64>,
    told: usize,
}

impl Counts {
    /// So many intervals, all empty.
    pub fn new(start: Nanos, interval_ns: i64, intervals: usize) -> Self {
        Self {
            start,
            interval_ns: interval_ns.max(1),
            bytes: vec![0; intervals],
            told: 0,
        }
    }

    /// Bytes came; outside of the intervals they do not count.
    pub fn add(&mut self, at: Nanos, bytes: u64) {
        let index = at.since(self.start).div_euclid(self.interval_ns);
        if let Some(count) = usize::try_from(index)
            .ok()
            .and_then(|i| self.bytes.get_mut(i))
        {
            *count += bytes;
        }
    }

    /// The next interval that is over and was not given yet: its number and bytes.
    pub fn next_over(&mut self, now: Nanos) -> Option<(usize, u64)> {
        let i = self.told;
        let end = self.start.shifted((i as i64 + 1) * self.interval_ns);
        let bytes = *self.bytes.get(i).filter(|_| now >= end)?;
        self.told += 1;
        Some((i, bytes))
    }

    /// When the last interval is over.
    pub const fn end(&self) -> Nanos {
        self.start
            .shifted(self.bytes.len() as i64 * self.interval_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_where_they_came_and_an_interval_is_told_once_when_it_is_over() {
        let mut counts = Counts::new(Nanos(1000), 100, 3);
        for (at, bytes) in [
            (999, 1),
            (1000, 2),
            (1099, 4),
            (1100, 8),
            (1299, 16),
            (1300, 32),
        ] {
            counts.add(Nanos(at), bytes);
        }
        assert_eq!(counts.next_over(Nanos(1099)), None);
        assert_eq!(counts.next_over(Nanos(1100)), Some((0, 6)));
        assert_eq!(counts.next_over(Nanos(1150)), None);
        assert_eq!(counts.next_over(Nanos(9999)), Some((1, 8)));
        assert_eq!(counts.next_over(Nanos(9999)), Some((2, 16)));
        assert_eq!(counts.next_over(Nanos(9999)), None);
        assert_eq!(counts.end(), Nanos(1300));
    }
}
