//! Which numbers of a sequence have been seen, as ranges: a sequence with few holes takes little room.

use std::collections::BTreeMap;

/// A set of numbers; each range's first with its last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Adds a number; false if it was there.
    pub fn insert(&mut self, n: u64) -> bool {
        if self.contains(n) {
            return false;
        }
        let mut first = n;
        let mut last = n;
        if let Some(before) = n.checked_sub(1)
            && let Some((&start, &end)) = self.0.range(..n).next_back()
            && end == before
        {
            first = start;
        }
        if let Some(after) = n.checked_add(1)
            && let Some(end) = self.0.remove(&after)
        {
            last = end;
        }
        self.0.insert(first, last);
        true
    }

    /// Whether a number is there.
    pub fn contains(&self, n: u64) -> bool {
        let range = self.0.range(..=n).next_back();
        range.is_some_and(|(_, &last)| last >= n)
    }

    /// The ranges between the least and the greatest number that are missing, as first and last.
    pub fn holes(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let ends = self.0.values();
        let next_starts = self.0.keys().skip(1);
        ends.zip(next_starts)
            .map(|(&end, &start)| (end + 1, start - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_any_order_make_the_fewest_ranges() {
        let mut ranges = Ranges::default();
        for n in [5, 1, 2, 9, 3, 0, u64::MAX] {
            assert!(ranges.insert(n), "{n}");
            assert!(!ranges.insert(n), "{n} again");
        }
        let holes: Vec<_> = ranges.holes().collect();
        assert_eq!(holes, [(4, 4), (6, 8), (10, u64::MAX - 1)]);
        assert!(ranges.insert(4));
        assert_eq!(ranges.holes().count(), 2);
        assert!(ranges.contains(3) && !ranges.contains(7));
    }
}
