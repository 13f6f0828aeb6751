//! From values to a share of the height, on round numbers.

/// Decades that a logarithmic axis shows at most.
const MOST_DECADES: i32 = 5;

/// How values stand on the height of a chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::console::view) enum Scale {
    /// From zero to the top.
    Linear {
        /// The value at the top.
        top: f64,
    },
    /// From one power of ten to another.
    Log {
        /// The value at the bottom.
        low: f64,
        /// The value at the top.
        high: f64,
    },
}

impl Scale {
    /// A scale for the least positive and the greatest value, or for a value that shall stay its greatest.
    pub(in crate::console::view) fn auto(
        (least, most): (f64, f64),
        pinned: Option<f64>,
        log: bool,
    ) -> Self {
        let most = pinned.unwrap_or(most);
        if !log {
            return Self::Linear { top: top(most) };
        }
        let power = |value: f64| 10_f64.powi(value as i32);
        let high = most.max(1e-6).log10().ceil().clamp(-6.0, 12.0);
        let least = if least.is_finite() && least > 0.0 {
            least.min(most.max(1e-6))
        } else {
            most.max(1e-6)
        };
        let low = least.log10().floor().clamp(-7.0, high - 1.0);
        let low = low.max(high - f64::from(MOST_DECADES));
        Self::Log {
            low: power(low),
            high: power(high),
        }
    }

    /// Where a value stands, 0 at the bottom and 1 at the top; beyond 1 it does not fit.
    pub(in crate::console::view) fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear { top } => (value / top).max(0.0),
            Self::Log { low, high } => {
                let above = (value.max(low) / low).ln();
                above / (high / low).ln()
            }
        }
    }

    /// The value at a place.
    pub(in crate::console::view) fn value(self, place: f64) -> f64 {
        match self {
            Self::Linear { top } => top * place,
            Self::Log { low, high } => low * (high / low).powf(place),
        }
    }
}

/// The least of 1, 2, 5, 10, 20, ... (or their tenths) that is not below a value: an axis that does not tremble.
fn top(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.1 {
        return 0.1;
    }
    let decade = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * decade)
        .find(|&top| top >= value * 0.999)
        .unwrap_or(value)
}

/// A value beside an axis, in at most four characters: `0.05`, `2.5`, `100`, `20k`.
pub(super) fn label(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        a if a < 0.0095 => format!("{value:.0e}"),
        a if a < 0.095 => format!("{value:.2}"),
        a if a < 9.95 && a.fract() > 0.04 => format!("{value:.1}"),
        a if a < 9_999.5 => format!("{value:.0}"),
        a if a < 999_500.0 => format!("{:.0}k", value / 1e3),
        _ => format!("{value:.0e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_on_round_numbers() {
        for (value, end) in [
            (0.0, 0.1),
            (71.8, 100.0),
            (100.0, 100.0),
            (101.0, 200.0),
            (4.2, 5.0),
        ] {
            assert!((top(value) - end).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn a_pinned_axis_stays_and_what_is_higher_does_not_fit() {
        let scale = Scale::auto((1.0, 900.0), Some(80.0), false);
        assert_eq!(scale, Scale::Linear { top: 100.0 });
        assert!(scale.place(900.0) > 1.0);
    }

    #[test]
    fn decades_are_equally_high_and_nothing_below_the_axis_gets_lost() {
        let scale = Scale::auto((0.4, 71.8), None, true);
        let places = [0.0, 0.1, 1.0, 10.0, 100.0].map(|v| (scale.place(v) * 3.0).round() as u8);
        assert_eq!(places, [0, 0, 1, 2, 3]);
        for faulty in [(f64::INFINITY, 0.0), (0.0, 0.0), (1e-30, 1e30)] {
            let Scale::Log { low, high } = Scale::auto(faulty, None, true) else {
                panic!("not logarithmic");
            };
            assert!(low > 0.0 && low < high && high.is_finite(), "{low} {high}");
        }
    }

    #[test]
    fn labels_fit_their_four_columns() {
        let labels = [0.0, 0.05, 0.5, 2.5, 5.0, 100.0, 2_000.0, 20_000.0, 5e8].map(label);
        let expected = ["0", "0.05", "0.5", "2.5", "5", "100", "2000", "20k", "5e8"];
        assert_eq!(labels, expected);
    }
}
