//! What the paired benches share beyond [`splitscope::statistics`]: ratios with a verdict, numbers on the command line.

use splitscope::statistics::{Estimate, LEAST_VALUES};

/// The middle value; `NaN` of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    splitscope::statistics::median(values).unwrap_or(f64::NAN)
}

/// A median of paired runs' values with its 95 % bootstrap interval; `NaN` where there are too few values.
#[derive(Clone, Copy)]
pub(crate) struct Paired {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    count: usize,
}

impl Paired {
    pub(crate) fn of(values: &[f64]) -> Self {
        let estimate = Estimate::of_median(values);
        let interval = estimate.and_then(|e| e.interval);
        Self {
            median: estimate.map_or(f64::NAN, |e| e.value),
            low: interval.map_or(f64::NAN, |i| i.low),
            high: interval.map_or(f64::NAN, |i| i.high),
            count: values.len(),
        }
    }

    /// Whether the whole interval is within the target, beyond it, or on both sides: then this run decides nothing.
    pub(crate) fn verdict(&self, target: f64) -> String {
        let word = if self.count < LEAST_VALUES {
            "not decidable: too few rounds"
        } else if self.high <= target {
            "met"
        } else if self.low > target {
            "NOT met"
        } else {
            "not decidable with this noise: more rounds, or a quieter machine"
        };
        format!("target <= {target:.2}x: {word}")
    }
}

impl std::fmt::Display for Paired {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.count < LEAST_VALUES {
            return write!(
                f,
                "{:.4}x [{} values: no interval]",
                self.median, self.count
            );
        }
        write!(f, "{:.4}x [{:.4}, {:.4}]", self.median, self.low, self.high)
    }
}

/// The number after `--name` on the command line; other arguments (cargo's `--bench`) are ignored.
pub(crate) fn number_argument(name: &str) -> Option<usize> {
    let mut args = std::env::args().skip_while(|arg| arg != name);
    args.nth(1)?.parse().ok()
}
