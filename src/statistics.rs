//! What a list of measurements says: quantiles, means, bootstrap intervals, a histogram. Pure, and the only such place.
//!
//! Intervals are percentile bootstraps (Efron 1979) with a fixed seed: the same values give the same interval on every
//! machine. Fewer than [`LEAST_VALUES`] values have no interval: the extremes of five values miss the median of what
//! they come from more often than once in twenty.

/// Fewest values that carry a 95 % interval of their median: `1 - 2 / 2^6` is the first above 0.95.
pub const LEAST_VALUES: usize = 6;
/// Resamples behind an interval.
const RESAMPLES: usize = 2000;
/// Where every bootstrap begins.
const SEED: u64 = 0x5eed;

/// A small deterministic generator (`SplitMix64`, Steele et al. 2014). Not for secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Random(u64);

impl Random {
    /// The same seed gives the same numbers on every machine.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next number from 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The next number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        // Multiply and shift: the bias is below 2^-32 for lists that fit memory.
        ((u128::from(self.bits()) * end as u128) >> 64) as usize
    }

    /// Puts a list in random order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (2..=list.len()).rev() {
            let other = self.below(end);
            list.swap(end - 1, other);
        }
    }
}

/// The mean; none of no values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The middle value, or the middle between the middle two; none of no values.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The value that a share `q` (0 to 1) of the values does not exceed, linear between neighbours (Hyndman and Fan's
/// type 7, the default of R and `NumPy`); none of no values.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_of_sorted(&sorted, q)
}

/// [`quantile`] of values that are in ascending order already.
pub fn quantile_of_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * last as f64;
    let low = sorted[place.floor() as usize];
    let high = sorted[place.ceil() as usize];
    Some(low + (high - low) * place.fract())
}

/// From low to high.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// The interval's length.
    pub fn width(self) -> f64 {
        self.high - self.low
    }

    /// Whether two intervals share a point.
    pub fn overlaps(self, other: Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

/// A number worked out from measurements, in their unit, with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Estimate {
    /// The median or mean of the measurements.
    pub value: f64,
    /// 95 %; none for fewer than [`LEAST_VALUES`] measurements.
    pub interval: Option<Interval>,
    /// How many measurements.
    pub count: usize,
}

impl Estimate {
    /// The median with its bootstrap interval; none of no values.
    pub fn of_median(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let value = quantile_of_sorted(&sorted, 0.5)?;
        let mut random = Random::new(SEED);
        let mut counts = vec![0_u32; sorted.len()];
        let interval = bootstrap(sorted.len(), || {
            resampled_median(&sorted, &mut counts, &mut random)
        });
        Some(Self {
            value,
            interval,
            count: sorted.len(),
        })
    }

    /// The mean with its bootstrap interval; none of no values.
    pub fn of_mean(values: &[f64]) -> Option<Self> {
        let value = mean(values)?;
        let mut random = Random::new(SEED);
        let n = values.len();
        let interval = bootstrap(n, || {
            let sum: f64 = (0..n).map(|_| values[random.below(n)]).sum();
            sum / n as f64
        });
        Some(Self {
            value,
            interval,
            count: n,
        })
    }

    /// The median of `values` less the median of `base`, resampled apart; none if either is empty.
    pub fn of_difference(values: &[f64], base: &[f64]) -> Option<Self> {
        let sorted = |values: &[f64]| {
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            sorted
        };
        let (values, base) = (sorted(values), sorted(base));
        let value = quantile_of_sorted(&values, 0.5)? - quantile_of_sorted(&base, 0.5)?;
        let count = values.len().min(base.len());
        let mut random = Random::new(SEED);
        let mut counts = vec![0_u32; values.len()];
        let mut base_counts = vec![0_u32; base.len()];
        let interval = bootstrap(count, || {
            resampled_median(&values, &mut counts, &mut random)
                - resampled_median(&base, &mut base_counts, &mut random)
        });
        Some(Self {
            value,
            interval,
            count,
        })
    }

    /// The median of `values` over the median of `base`, resampled apart; none if either is empty or the base is 0.
    pub fn of_ratio(values: &[f64], base: &[f64]) -> Option<Self> {
        let sorted = |values: &[f64]| {
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            sorted
        };
        let (values, base) = (sorted(values), sorted(base));
        let value = quantile_of_sorted(&values, 0.5)? / quantile_of_sorted(&base, 0.5)?;
        let count = values.len().min(base.len());
        let mut random = Random::new(SEED);
        let mut counts = vec![0_u32; values.len()];
        let mut base_counts = vec![0_u32; base.len()];
        let interval = bootstrap(count, || {
            resampled_median(&values, &mut counts, &mut random)
                / resampled_median(&base, &mut base_counts, &mut random)
        });
        value.is_finite().then_some(Self {
            value,
            interval,
            count,
        })
    }

    /// The median with an interval from order statistics: the ranks that a binomial of one half gives. Exact for any
    /// distribution, a little wide for few values, and cheap enough for every second on a robot. None of no values.
    pub fn of_median_by_ranks(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let interval = rank_below_median(n).map(|rank| Interval {
            low: sorted[rank],
            high: sorted[n - 1 - rank],
        });
        Some(Self {
            value: quantile_of_sorted(&sorted, 0.5)?,
            interval,
            count: n,
        })
    }

    /// The median of `values` over the median of `base`, both above 0. The interval is put together from those of the two
    /// medians ([`Estimate::of_median_by_ranks`]) on a logarithmic scale, by the method of variance estimates recovery
    /// (Zou and Donner 2008). None if either is empty or a median is not above 0.
    pub fn of_ratio_by_ranks(values: &[f64], base: &[f64]) -> Option<Self> {
        let (top, bottom) = (
            Self::of_median_by_ranks(values)?,
            Self::of_median_by_ranks(base)?,
        );
        let value = top.value / bottom.value;
        if !(top.value > 0.0 && bottom.value > 0.0 && value.is_finite()) {
            return None;
        }
        let interval = top.interval.zip(bottom.interval).map(|(a, b)| {
            let down = (top.value / a.low).ln().hypot((b.high / bottom.value).ln());
            let up = (a.high / top.value).ln().hypot((bottom.value / b.low).ln());
            Interval {
                low: value * (-down).exp(),
                high: value * up.exp(),
            }
        });
        Some(Self {
            value,
            interval,
            count: top.count.min(bottom.count),
        })
    }

    /// Half the interval's length as a share of the value; none without an interval or for a value of 0.
    pub fn relative_half_width(&self) -> Option<f64> {
        let share = self.interval?.width() / 2.0 / self.value.abs();
        share.is_finite().then_some(share)
    }
}

/// The place, from 0, of the order statistic that is below the median of what `count` values come from 39 times of 40;
/// none for too few. With as many above, both ends together hold it 19 times of 20.
fn rank_below_median(count: usize) -> Option<usize> {
    if count < LEAST_VALUES {
        return None;
    }
    if count > 1000 {
        // 2^-count would be no number any more; the normal distribution is as good here.
        let n = count as f64;
        return Some((n / 2.0 - 0.98 * n.sqrt()) as usize - 1);
    }
    let mut term = 0.5_f64.powi(count as i32);
    let mut below = 0.0;
    for k in 0..count {
        below += term;
        if below > 0.025 {
            return k.checked_sub(1);
        }
        term *= (count - k) as f64 / (k + 1) as f64;
    }
    None
}

/// The middle 95 % of what `resample` gives; none for too few values.
fn bootstrap(count: usize, mut resample: impl FnMut() -> f64) -> Option<Interval> {
    if count < LEAST_VALUES {
        return None;
    }
    let mut found: Vec<f64> = (0..RESAMPLES).map(|_| resample()).collect();
    found.sort_by(f64::total_cmp);
    Some(Interval {
        low: quantile_of_sorted(&found, 0.025)?,
        high: quantile_of_sorted(&found, 0.975)?,
    })
}

/// The median of as many values drawn with replacement. Counting how often each was drawn saves the sort.
fn resampled_median(sorted: &[f64], counts: &mut [u32], random: &mut Random) -> f64 {
    let n = sorted.len();
    counts.fill(0);
    for _ in 0..n {
        counts[random.below(n)] += 1;
    }
    let (lower, upper) = ((n - 1) / 2, n / 2);
    let mut passed = 0;
    let mut low = None;
    for (value, &count) in sorted.iter().zip(counts.iter()) {
        passed += count as usize;
        if low.is_none() && passed > lower {
            low = Some(*value);
        }
        if passed > upper {
            return f64::midpoint(low.unwrap_or(*value), *value);
        }
    }
    f64::NAN
}

/// How many values fall into each of `bins` equal parts of `0..=end`; what is above goes into the last one.
pub fn histogram(values: impl IntoIterator<Item = (f64, f64)>, end: f64, bins: usize) -> Vec<f64> {
    let mut weights = vec![0.0; bins];
    for (value, weight) in values {
        let bin = (value / end * bins as f64).max(0.0) as usize;
        if let Some(bin) = weights.get_mut(bin.min(bins.saturating_sub(1))) {
            *bin += weight;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_are_those_of_the_textbook() {
        let values = [9.0, 1.0, 3.0, 7.0, 5.0];
        assert_eq!(median(&values), Some(5.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(quantile(&values, 0.25), Some(3.0));
        assert_eq!(quantile(&values, 0.9), Some(8.2));
        assert_eq!(
            (quantile(&values, 0.0), quantile(&values, 1.0)),
            (Some(1.0), Some(9.0))
        );
        assert_eq!((median(&[]), mean(&[])), (None, None));
        assert_eq!(mean(&values), Some(5.0));
    }

    #[test]
    fn an_interval_of_the_median_holds_the_true_median_19_times_of_20() {
        // Skewed values whose median is known: -ln(u) has the median ln 2.
        let mut random = Random::new(7);
        let tries = 500;
        let held = (0..tries)
            .filter(|_| {
                let values: Vec<f64> = (0..40).map(|_| -(1.0 - random.unit()).ln()).collect();
                let interval = Estimate::of_median(&values).unwrap().interval.unwrap();
                (interval.low..=interval.high).contains(&2_f64.ln())
            })
            .count();
        let share = held as f64 / f64::from(tries);
        assert!((0.92..=0.98).contains(&share), "{share}");
    }

    #[test]
    fn an_interval_of_the_mean_agrees_with_the_normal_one() {
        let mut random = Random::new(3);
        let values: Vec<f64> = (0..400).map(|_| random.unit()).collect();
        let estimate = Estimate::of_mean(&values).unwrap();
        let half = 1.96 * (1.0 / 12.0_f64).sqrt() / 20.0;
        let got = estimate.interval.unwrap().width() / 2.0;
        assert!((got / half - 1.0).abs() < 0.1, "{got} against {half}");
    }

    #[test]
    fn a_ratio_of_medians_tells_a_tenth_from_none() {
        let mut random = Random::new(11);
        let base: Vec<f64> = (0..200).map(|_| 100.0 + 10.0 * random.unit()).collect();
        let slower: Vec<f64> = (0..200).map(|_| 110.0 + 11.0 * random.unit()).collect();
        let ratio = Estimate::of_ratio(&slower, &base).unwrap();
        assert!((ratio.value - 1.1).abs() < 0.01, "{ratio:?}");
        assert!(ratio.interval.unwrap().low > 1.05, "{ratio:?}");
        let same = Estimate::of_ratio(&base, &base).unwrap().interval.unwrap();
        assert!(same.low <= 1.0 && 1.0 <= same.high, "{same:?}");
        assert_eq!(Estimate::of_ratio(&base, &[]), None);
        assert_eq!(Estimate::of_ratio(&base, &[0.0]), None);
    }

    #[test]
    fn ranks_are_those_of_the_tables_and_agree_with_the_bootstrap() {
        // The sign test's critical values for 5 %, two sides: 0 of 6, 1 of 10, 5 of 20, 39 of 100.
        let places = [6, 10, 20, 100].map(|n| rank_below_median(n).unwrap());
        assert_eq!(places, [0, 1, 5, 39]);
        assert_eq!(rank_below_median(5), None);
        assert!(
            rank_below_median(1001)
                .unwrap()
                .abs_diff(rank_below_median(1000).unwrap())
                <= 1
        );
        let mut random = Random::new(4);
        let mut list = |n: usize| -> Vec<f64> { (0..n).map(|_| 40.0 + random.unit()).collect() };
        let (values, base) = (list(200), list(150));
        let ranks = Estimate::of_ratio_by_ranks(&values, &base).unwrap();
        let bootstrap = Estimate::of_ratio(&values, &base).unwrap();
        assert!((ranks.value - bootstrap.value).abs() < 1e-12);
        let share = ranks.interval.unwrap().width() / bootstrap.interval.unwrap().width();
        assert!((0.7..1.5).contains(&share), "{share}");
    }

    #[test]
    fn an_interval_of_a_ratio_by_ranks_holds_the_true_one_19_times_of_20() {
        let mut random = Random::new(17);
        let tries = 500;
        let held = (0..tries)
            .filter(|_| {
                let mut list = |n: usize| -> Vec<f64> {
                    (0..n).map(|_| 1.0 - (1.0 - random.unit()).ln()).collect()
                };
                let (values, base) = (list(80), list(40));
                let ratio = Estimate::of_ratio_by_ranks(&values, &base).unwrap();
                let interval = ratio.interval.unwrap();
                interval.low <= 1.0 && 1.0 <= interval.high
            })
            .count();
        let share = held as f64 / f64::from(tries);
        assert!((0.93..=0.99).contains(&share), "{share}");
        assert_eq!(Estimate::of_ratio_by_ranks(&[1.0], &[]), None);
        assert_eq!(Estimate::of_ratio_by_ranks(&[1.0], &[0.0]), None);
        let few = Estimate::of_ratio_by_ranks(&[2.0; 5], &[1.0; 9]).unwrap();
        assert_eq!((few.value, few.interval), (2.0, None));
    }

    #[test]
    fn few_values_have_no_interval() {
        let five = Estimate::of_median(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!((five.value, five.interval), (3.0, None));
        let six = Estimate::of_median(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        assert!(six.interval.is_some());
        assert_eq!(Estimate::of_median(&[]), None);
        let alike = Estimate::of_median(&[2.0; 9]).unwrap();
        assert_eq!(
            alike.interval,
            Some(Interval {
                low: 2.0,
                high: 2.0
            })
        );
        assert_eq!(alike.relative_half_width(), Some(0.0));
    }

    #[test]
    fn a_histogram_counts_every_value_once() {
        let values = [0.0, 9.9, 10.0, 55.0, 1e9, -1.0].map(|v| (v, 1.0));
        assert_eq!(
            histogram(values, 100.0, 10),
            [3.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        );
        assert!(histogram(values, 100.0, 0).is_empty());
    }

    proptest! {
        #[test]
        fn a_resampled_median_is_what_sorting_gives(values in prop::collection::vec(0.0..1e3, 1..30), seed: u64) {
            let mut sorted = values;
            sorted.sort_by(f64::total_cmp);
            let n = sorted.len();
            let mut draws = Random::new(seed);
            let drawn: Vec<f64> = (0..n).map(|_| sorted[draws.below(n)]).collect();
            let mut counts = vec![0; n];
            let got = resampled_median(&sorted, &mut counts, &mut Random::new(seed));
            prop_assert!((got - median(&drawn).unwrap()).abs() < 1e-9);
        }

        #[test]
        fn shuffling_keeps_every_item(mut list in prop::collection::vec(0..100_u32, 0..50), seed: u64) {
            let mut before = list.clone();
            Random::new(seed).shuffle(&mut list);
            before.sort_unstable();
            list.sort_unstable();
            prop_assert_eq!(before, list);
        }
    }
}
