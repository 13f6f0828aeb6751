//! What the paired benches share: a small generator, medians, and bootstrap intervals of a median.

/// A small deterministic generator (`SplitMix64`).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    /// Puts a list in random order.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (2..=list.len()).rev() {
            let other = self.below(end);
            list.swap(end - 1, other);
        }
    }
}

/// The middle value; `NaN` of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// A median with its 95 % bootstrap interval.
#[derive(Clone, Copy)]
pub(crate) struct Estimate {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Estimate {
    /// Resamples `values` 4000 times.
    pub(crate) fn of(values: &[f64], random: &mut Random) -> Self {
        const RESAMPLES: usize = 4000;
        if values.is_empty() {
            return Self {
                median: f64::NAN,
                low: f64::NAN,
                high: f64::NAN,
            };
        }
        let mut medians: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                let sample: Vec<f64> = (0..values.len())
                    .map(|_| values[random.below(values.len())])
                    .collect();
                median(&sample)
            })
            .collect();
        medians.sort_by(f64::total_cmp);
        Self {
            median: median(values),
            low: medians[RESAMPLES / 40],
            high: medians[RESAMPLES - 1 - RESAMPLES / 40],
        }
    }

    /// Whether the interval's upper end is within the target.
    pub(crate) fn verdict(&self, target: f64) -> String {
        let word = if self.high <= target {
            "met"
        } else {
            "NOT met"
        };
        format!("target <= {target:.2}x {word} at the interval's upper end")
    }
}

impl std::fmt::Display for Estimate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.4}x [{:.4}, {:.4}]", self.median, self.low, self.high)
    }
}

/// The number after `--name` on the command line; other arguments (cargo's `--bench`) are ignored.
pub(crate) fn number_argument(name: &str) -> Option<usize> {
    let mut args = std::env::args().skip_while(|arg| arg != name);
    args.nth(1)?.parse().ok()
}
