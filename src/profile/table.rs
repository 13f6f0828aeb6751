//! Times between measured fractions.

use super::{FRACTIONS, OperatorTimes};

/// The value at a fraction: straight lines through what was measured at [`FRACTIONS`], and `at_zero` at nothing.
pub(super) fn at_fraction(fraction: f64, at_zero: f64, measured: [f64; 4]) -> f64 {
    let (mut x0, mut y0) = (0.0, at_zero);
    for (x1, y1) in FRACTIONS.into_iter().zip(measured) {
        if fraction <= x1 {
            return y0 + (y1 - y0) * (fraction - x0) / (x1 - x0);
        }
        (x0, y0) = (x1, y1);
    }
    y0
}

/// Below an eighth the line through an eighth and a quarter goes on: its end is what launching costs.
fn extended(fraction: f64, times: [i64; 4]) -> f64 {
    let times = times.map(|ns| ns as f64);
    let at_zero = (2.0 * times[0] - times[1]).clamp(0.0, times[0]);
    at_fraction(fraction, at_zero, times)
}

impl OperatorTimes {
    /// Nanoseconds for a share of the rows.
    pub fn at_rows(&self, share: f64) -> f64 {
        extended(share, self.rows_ns)
    }

    /// Nanoseconds for a share of the channels.
    pub fn at_channels(&self, share: f64) -> f64 {
        extended(share, self.channels_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_bound_operator_does_not_shrink_in_proportion() {
        let times = OperatorTimes {
            name: "conv".to_owned(),
            rows_ns: [60, 70, 90, 130],
            channels_ns: [130; 4],
        };
        for (share, ns) in [
            (1.0, 130.0),
            (0.75, 110.0),
            (0.25, 70.0),
            (0.125, 60.0),
            (0.0, 50.0),
        ] {
            assert!((times.at_rows(share) - ns).abs() < 1e-9, "{share}");
        }
        assert!((times.at_channels(0.3) - 130.0).abs() < 1e-9);
    }
}
