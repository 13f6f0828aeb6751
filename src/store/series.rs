//! A quantity over time as a pyramid: buckets of 0.1 s, 0.5 s, 5 s and 60 s, each with what was least, most and in the
//! middle in it. A picture of any stretch costs as many buckets as it has dots, however long the history is, and no spike
//! is lost on the way up. The newest 3 minutes are there in tenths of a second, the last day in minutes.
//!
//! Buckets stand in blocks that clones share: a state kept for rewinding costs what has changed since.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::units::{FrameId, Nanos};

/// Buckets of a block.
const BLOCK: usize = 128;
/// Length of a bucket in nanoseconds and blocks kept, level by level: 3.4 min, 17 min, 2.3 h, 34 h.
const LEVELS: [(i64, usize); 4] = [
    (100_000_000, 16),
    (500_000_000, 16),
    (5_000_000_000, 13),
    (60_000_000_000, 16),
];

/// Why there is no value at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// Connected, but nothing was under way.
    Idle,
    /// Not connected.
    Down,
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// In the series' unit.
    pub value: f64,
    /// How far it may be off either way; 0 for what was measured.
    pub spread: f64,
    /// What it counts in a mean: busy time for a rate, 1 for a reading.
    pub weight: f64,
    /// The frame that it was taken of.
    pub frame: Option<FrameId>,
}

impl Measured {
    /// A reading that counts as much as any other.
    pub const fn reading(value: f64) -> Self {
        Self {
            value,
            spread: 0.0,
            weight: 1.0,
            frame: None,
        }
    }
}

/// What was measured within one stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bucket {
    min: f32,
    max: f32,
    mean: f32,
    weight: f32,
    /// The frame of `max`; 0 for none, else one more.
    frame: u32,
    count: u16,
    gaps: u8,
}

impl Bucket {
    /// The least value, if there was any.
    pub fn min(&self) -> Option<f64> {
        (self.count > 0).then(|| self.min.into())
    }

    /// The greatest value.
    pub fn max(&self) -> Option<f64> {
        (self.count > 0).then(|| self.max.into())
    }

    /// The mean by weight.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.mean.into())
    }

    /// How many measurements, at most 65535.
    pub const fn count(&self) -> u16 {
        self.count
    }

    /// The frame of the greatest value.
    pub fn frame(&self) -> Option<FrameId> {
        Some(FrameId(self.frame.checked_sub(1)?.into()))
    }

    /// Why there was no value at least some of the time; that the link was down counts before that it was idle.
    pub const fn gap(&self) -> Option<Gap> {
        match self.gaps {
            0 => None,
            gaps if gaps & Gap::Down.bit() > 0 => Some(Gap::Down),
            _ => Some(Gap::Idle),
        }
    }

    fn add(&mut self, measured: Measured) {
        let frame = |f: FrameId| u32::try_from(f.0).ok()?.checked_add(1);
        self.join(&Self {
            min: (measured.value - measured.spread) as f32,
            max: (measured.value + measured.spread) as f32,
            mean: measured.value as f32,
            weight: measured.weight.max(f64::from(f32::MIN_POSITIVE)) as f32,
            frame: measured.frame.and_then(frame).unwrap_or(0),
            count: 1,
            gaps: 0,
        });
    }

    /// Takes another stretch in.
    pub fn join(&mut self, other: &Self) {
        let gaps = self.gaps | other.gaps;
        if self.count == 0 {
            *self = *other;
        } else if other.count > 0 {
            // In f64: between the least and the greatest f32 there is more than an f32 can hold.
            let [own, others] = [self, other].map(|b| (f64::from(b.mean), f64::from(b.weight)));
            let weight = own.1 + others.1;
            self.mean = ((others.0 - own.0) * (others.1 / weight) + own.0) as f32;
            self.weight = weight.min(f32::MAX.into()) as f32;
            self.min = self.min.min(other.min);
            if other.max > self.max {
                (self.max, self.frame) = (other.max, other.frame);
            }
            self.count = self.count.saturating_add(other.count);
        }
        self.gaps = gaps;
    }
}

impl Gap {
    const fn bit(self) -> u8 {
        match self {
            Self::Idle => 1,
            Self::Down => 2,
        }
    }
}

/// A stretch of time as a picture divides it: `dots` of `dot_ns` each, up to and without `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The end.
    pub end: Nanos,
    /// Length of a dot in nanoseconds.
    pub dot_ns: i64,
    /// How many dots.
    pub dots: usize,
}

impl Window {
    /// The window whose last dot holds `newest`; dots begin at multiples of their length, so that a picture moves by
    /// whole dots.
    pub const fn ending(newest: Nanos, dot_ns: i64, dots: usize) -> Self {
        let last = newest.0.div_euclid(dot_ns);
        Self {
            end: Nanos((last.saturating_add(1)).saturating_mul(dot_ns)),
            dot_ns,
            dots,
        }
    }

    /// The beginning.
    pub const fn start(&self) -> Nanos {
        let length = self.dot_ns.saturating_mul(self.dots as i64);
        Nanos(self.end.0.saturating_sub(length))
    }

    /// The dot that an instant lies in, if it is in sight.
    pub const fn dot(&self, at: Nanos) -> Option<usize> {
        let since = at.0.saturating_sub(self.start().0);
        if since < 0 || at.0 >= self.end.0 {
            return None;
        }
        Some((since / self.dot_ns) as usize)
    }

    /// Where a dot begins.
    pub const fn at(&self, dot: usize) -> Nanos {
        let since = self.dot_ns.saturating_mul(dot as i64);
        Nanos(self.start().0.saturating_add(since))
    }
}

/// One length of buckets.
#[derive(Debug, Clone, Default)]
struct Level {
    /// The first block, counted from the beginning of time.
    first: i64,
    blocks: VecDeque<Arc<[Bucket; BLOCK]>>,
}

impl Level {
    fn get(&self, bucket: i64) -> Option<&Bucket> {
        let block = bucket.div_euclid(BLOCK as i64).checked_sub(self.first)?;
        let block = self.blocks.get(usize::try_from(block).ok()?)?;
        block.get(bucket.rem_euclid(BLOCK as i64) as usize)
    }

    /// The bucket to write to; none where it is too old to be kept.
    fn get_mut(&mut self, bucket: i64, most: usize) -> Option<&mut Bucket> {
        let block = bucket.div_euclid(BLOCK as i64);
        let empty = || Arc::new([Bucket::default(); BLOCK]);
        let last = self.first.saturating_add(self.blocks.len() as i64);
        if self.blocks.is_empty() || block >= last.saturating_add(most as i64) {
            self.first = block;
            self.blocks.clear();
            self.blocks.push_back(empty());
        } else if block < last.saturating_sub(most as i64) {
            return None;
        }
        while block < self.first {
            self.blocks.push_front(empty());
            self.first -= 1;
        }
        while block >= self.first + self.blocks.len() as i64 {
            self.blocks.push_back(empty());
        }
        while self.blocks.len() > most {
            self.blocks.pop_front();
            self.first += 1;
        }
        let block = usize::try_from(block - self.first).ok()?;
        let block = Arc::make_mut(self.blocks.get_mut(block)?);
        block.get_mut(bucket.rem_euclid(BLOCK as i64) as usize)
    }
}

/// A quantity over time, on its worker's clock; see the text of this module.
#[derive(Debug, Clone, Default)]
pub struct Series {
    levels: [Level; 4],
    /// The earliest that is known: coarse buckets say nothing of before.
    first: Option<Nanos>,
    last: Option<(Nanos, Measured)>,
}

impl Series {
    /// Adds a measurement, in any order; one that is no number is passed over.
    pub fn add(&mut self, at: Nanos, measured: Measured) {
        let Measured {
            value,
            spread,
            weight,
            ..
        } = measured;
        let stored = [value, value - spread, value + spread, weight];
        if !stored.iter().all(|n| (*n as f32).is_finite()) {
            return;
        }
        self.each(at, |bucket| bucket.add(measured));
        if self.last.is_none_or(|(last, _)| at >= last) {
            self.last = Some((at, measured));
        }
    }

    /// Notes why there is no value at a time.
    pub fn add_gap(&mut self, at: Nanos, gap: Gap) {
        self.each(at, |bucket| bucket.gaps |= gap.bit());
    }

    fn each(&mut self, at: Nanos, change: impl Fn(&mut Bucket)) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        for (level, (width, most)) in self.levels.iter_mut().zip(LEVELS) {
            if let Some(bucket) = level.get_mut(at.0.div_euclid(width), most) {
                change(bucket);
            }
        }
    }

    /// The newest measurement and its time.
    pub const fn last(&self) -> Option<(Nanos, Measured)> {
        self.last
    }

    /// What a window's dots show, oldest first. Each dot looks at the coarsest buckets that fit into it; where those are
    /// no longer kept, at the coarser one that it lies in.
    pub fn dots(&self, window: &Window) -> Vec<Bucket> {
        let fits = |&(width, _): &(i64, usize)| window.dot_ns % width == 0;
        let finest = LEVELS.iter().rposition(fits).unwrap_or(0);
        let dot = |place| {
            let (from, to) = (window.at(place), window.at(place + 1));
            self.stretch(from, to, finest)
        };
        (0..window.dots).map(dot).collect()
    }

    /// What was measured from one moment to another, by the buckets that begin between them.
    pub fn between(&self, from: Nanos, to: Nanos) -> Bucket {
        let width = LEVELS[0].0;
        let first = from.0.saturating_add(width - 1).div_euclid(width);
        self.stretch(Nanos(first.saturating_mul(width)), to, 0)
    }

    fn stretch(&self, from: Nanos, to: Nanos, finest: usize) -> Bucket {
        let mut sum = Bucket::default();
        if self.first.is_some_and(|first| to <= first) {
            return sum;
        }
        for (level, (width, _)) in self.levels.iter().zip(LEVELS).skip(finest) {
            let first = from.0.div_euclid(width);
            let kept = level.first.saturating_mul(BLOCK as i64);
            if first < kept && !level.blocks.is_empty() {
                continue;
            }
            let last = to.0.saturating_sub(1).div_euclid(width).max(first);
            (first..=last)
                .filter_map(|bucket| level.get(bucket))
                .for_each(|bucket| sum.join(bucket));
            break;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const TENTH: i64 = SECOND / 10;

    fn at(tenths: i64) -> Nanos {
        Nanos(tenths * TENTH)
    }

    fn of_hours(hours: i64) -> Series {
        let mut series = Series::default();
        for tenth in 0..hours * 36_000 {
            let value = if tenth == 17_777 { 900.0 } else { 50.0 };
            series.add(at(tenth), Measured::reading(value));
        }
        series
    }

    #[test]
    fn a_spike_of_a_tenth_of_a_second_is_seen_at_every_zoom_and_hours_later() {
        let series = of_hours(3);
        for dot_s in [60, 300, 600] {
            let window = Window::ending(at(3 * 36_000 - 1), dot_s * SECOND, 200);
            let dots = series.dots(&window);
            let spikes: Vec<_> = dots.iter().filter(|b| b.max() == Some(900.0)).collect();
            assert_eq!(spikes.len(), 1, "{dot_s}");
            assert_eq!(spikes[0].min(), Some(50.0));
            let mean = spikes[0].mean().unwrap();
            let expected = 50.0 + 850.0 / (dot_s * 10) as f64;
            assert!((mean - expected).abs() < 1e-2, "{mean} {expected}");
        }
    }

    #[test]
    fn where_tenths_are_no_longer_kept_the_coarser_bucket_stands_for_them() {
        let series = of_hours(1);
        let window = Window::ending(at(17_800), TENTH, 100);
        let dots = series.dots(&window);
        assert!(dots.iter().all(|b| b.max().is_some()));
        let spikes = dots.iter().filter(|b| b.max() == Some(900.0)).count();
        // Half an hour ago there are buckets of 5 s.
        assert_eq!(spikes, 50);
    }

    #[test]
    fn there_is_nothing_before_the_first_measurement() {
        let mut series = Series::default();
        // Within a block of the finest buckets, and in the middle of a minute.
        series.add(at(6_450), Measured::reading(1.0));
        let dots = series.dots(&Window::ending(at(6_450), TENTH, 500));
        assert_eq!(dots.iter().filter(|b| b.count() > 0).count(), 1);
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let mut series = of_hours(1);
        for far in [i64::MAX, i64::MIN, 0, i64::MAX / 2, -1] {
            series.add(Nanos(far), Measured::reading(1.0));
            series.add_gap(Nanos(far), Gap::Down);
        }
        for (level, (_, most)) in series.levels.iter().zip(LEVELS) {
            assert!(level.blocks.len() <= most);
        }
        series.dots(&Window::ending(Nanos(i64::MAX), SECOND, 10));
        series.dots(&Window::ending(Nanos(i64::MIN), SECOND, 10));
        let mut other = Series::default();
        other.add(at(1), Measured::reading(f64::NAN));
        other.add(at(1), Measured::reading(1e39));
        assert_eq!(other.last(), None);
    }

    #[test]
    fn a_clone_shares_what_is_old_and_knows_nothing_of_what_comes_later() {
        let mut series = of_hours(1);
        let before = series.clone();
        series.add(at(36_000), Measured::reading(7.0));
        let shared = |a: &Level, b: &Level| {
            let pairs = a.blocks.iter().zip(&b.blocks);
            pairs.filter(|(a, b)| Arc::ptr_eq(a, b)).count()
        };
        let level = &series.levels[3];
        assert_eq!(shared(level, &before.levels[3]), level.blocks.len() - 1);
        let window = Window::ending(at(36_000), TENTH, 1);
        assert_eq!(before.dots(&window)[0].count(), 0);
        assert_eq!(series.dots(&window)[0].max(), Some(7.0));
    }

    #[test]
    fn what_comes_late_takes_its_place() {
        let mut series = Series::default();
        series.add(at(100), Measured::reading(1.0));
        series.add(at(40), Measured::reading(2.0));
        let window = Window::ending(at(100), TENTH, 61);
        let dots = series.dots(&window);
        assert_eq!((dots[0].max(), dots[60].max()), (Some(2.0), Some(1.0)));
        assert_eq!(series.last().unwrap().0, at(100));
    }

    #[test]
    fn a_mean_is_by_weight_and_the_frame_is_that_of_the_greatest() {
        let mut bucket = Bucket::default();
        for (value, weight, frame) in [(80.0, 100.0, 7), (8.0, 1.0, 8), (79.0, 0.0, 9)] {
            bucket.add(Measured {
                value,
                spread: 0.0,
                weight,
                frame: Some(FrameId(frame)),
            });
        }
        let mean = bucket.mean().unwrap();
        assert!((mean - 8_008.0 / 101.0).abs() < 1e-4, "{mean}");
        assert_eq!((bucket.frame(), bucket.count()), (Some(FrameId(7)), 3));
    }

    #[test]
    fn the_mean_of_the_greatest_numbers_is_a_number_between_them() {
        for (values, weight) in [([3e38, -3e38], 1.0), ([3.4e38, 3.4e38], 3e38)] {
            let mut series = Series::default();
            for value in values.repeat(3) {
                let measured = Measured::reading(value);
                series.add(at(1), Measured { weight, ..measured });
            }
            let dot = series.dots(&Window::ending(at(1), 5 * SECOND, 1))[0];
            let (min, mean, max) = (dot.min().unwrap(), dot.mean().unwrap(), dot.max().unwrap());
            assert!((min..=max).contains(&mean), "{min} {mean} {max}");
        }
    }

    #[test]
    fn gaps_say_why() {
        let mut series = Series::default();
        series.add_gap(at(0), Gap::Idle);
        series.add_gap(at(1), Gap::Down);
        let dots = series.dots(&Window::ending(at(2), TENTH, 3));
        let gaps: Vec<_> = dots.iter().map(Bucket::gap).collect();
        assert_eq!(gaps, [Some(Gap::Idle), Some(Gap::Down), None]);
        let both = series.dots(&Window::ending(at(1), 2 * TENTH, 1));
        assert_eq!(both[0].gap(), Some(Gap::Down));
    }
}
