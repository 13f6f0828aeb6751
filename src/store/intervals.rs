//! Sets of instants as sorted intervals that do not touch: what a frame's times are added and subtracted with.

/// From (included) to (excluded), in nanoseconds.
pub(super) type Interval = (i64, i64);

/// Intervals in order, sorted, apart and not empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Intervals(Vec<Interval>);

impl Intervals {
    /// The union of any intervals; empty and backward ones are left out.
    pub(super) fn union(mut all: Vec<Interval>) -> Self {
        all.retain(|(start, end)| end > start);
        all.sort_unstable();
        let mut merged: Vec<Interval> = Vec::with_capacity(all.len());
        for (start, end) in all {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        Self(merged)
    }

    /// The instants that are also inside `window`.
    pub(super) fn within(&self, window: Interval) -> Self {
        let first = self.0.partition_point(|&(_, end)| end <= window.0);
        let inside = self.0[first..]
            .iter()
            .take_while(|&&(start, _)| start < window.1);
        Self::union(
            inside
                .map(|&(start, end)| (start.max(window.0), end.min(window.1)))
                .collect(),
        )
    }

    /// The instants that are not in `other`.
    pub(super) fn without(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        for &(mut start, end) in &self.0 {
            let first = other.0.partition_point(|&(_, stop)| stop <= start);
            for &(from, to) in other.0[first..].iter().take_while(|&&(from, _)| from < end) {
                left.push((start, from));
                start = to;
            }
            left.push((start, end));
        }
        Self::union(left)
    }

    /// How long they are together.
    pub(super) fn length(&self) -> i64 {
        self.0.iter().fold(0, |sum, (start, end)| {
            sum.saturating_add(end.saturating_sub(*start))
        })
    }

    /// The intervals.
    pub(super) fn into_vec(self) -> Vec<Interval> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn painted(all: &Intervals) -> Vec<bool> {
        let mut paint = vec![false; 60];
        for &(start, end) in &all.0 {
            paint[start as usize..end as usize].fill(true);
        }
        paint
    }

    fn set() -> impl Strategy<Value = Intervals> {
        proptest::collection::vec((0_i64..60, 0_i64..60), 0..8).prop_map(Intervals::union)
    }

    proptest! {
        #[test]
        fn sets_of_intervals_are_sets_of_instants(a in set(), b in set(), from in 0_i64..60, to in 0_i64..60) {
            let (pa, pb) = (painted(&a), painted(&b));
            let less: Vec<bool> = pa.iter().zip(&pb).map(|(a, b)| *a && !b).collect();
            prop_assert_eq!(painted(&a.without(&b)), less);
            let inside: Vec<bool> = (0..60).map(|i| pa[i as usize] && (from..to).contains(&i)).collect();
            prop_assert_eq!(painted(&a.within((from, to))), inside);
            prop_assert_eq!(a.length(), pa.iter().filter(|&&p| p).count() as i64);
        }
    }
}
