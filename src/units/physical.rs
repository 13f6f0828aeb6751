//! Physical quantities, as sensors give them. A value that no sensor gave is an `Option`, never a zero.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A newtype over `f64` in one unit, written as the bare number in records.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:literal, $decimals:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub f64);

        impl fmt::Display for $name {
            /// A precision (`{:.1}`) replaces the quantity's usual number of decimals.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let decimals = f.precision().unwrap_or($decimals);
                let text = format!(concat!("{:.*} ", $unit), decimals, self.0);
                padded(f, &text)
            }
        }
    };
}

/// [`fmt::Formatter::pad`] cuts a text at the precision, which here means decimals: only the width is kept.
fn padded(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let missing = f.width().unwrap_or(0).saturating_sub(text.chars().count());
    let before = match f.align() {
        Some(fmt::Alignment::Right) => missing,
        Some(fmt::Alignment::Center) => missing / 2,
        _ => 0,
    };
    write!(f, "{:before$}{text}{:2$}", "", "", missing - before)
}

quantity!(
    /// Electrical power.
    Watts, "W", 2
);
quantity!(
    /// Energy.
    Joules, "J", 2
);
quantity!(
    /// Voltage.
    Volts, "V", 2
);
quantity!(
    /// Current.
    Amps, "A", 2
);
quantity!(
    /// Temperature in degrees Celsius.
    Celsius, "°C", 1
);

/// A frequency or a rate of events.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Hertz(pub f64);

impl fmt::Display for Hertz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            hz if hz >= 1e9 => format!("{:.2} GHz", hz / 1e9),
            hz if hz >= 1e6 => format!("{:.0} MHz", hz / 1e6),
            hz if hz >= 1e3 => format!("{:.1} kHz", hz / 1e3),
            hz => format!("{hz:.1} Hz"),
        };
        padded(f, &text)
    }
}

impl Volts {
    /// The power of a current at this voltage.
    pub const fn times(self, amps: Amps) -> Watts {
        Watts(self.0 * amps.0)
    }
}

impl Watts {
    /// From milliwatts, the unit of Linux's sensors.
    pub const fn from_mw(mw: f64) -> Self {
        Self(mw / 1e3)
    }

    /// The energy of this power held for some nanoseconds.
    pub const fn over_ns(self, ns: i64) -> Joules {
        Joules(self.0 * (ns as f64 / 1e9))
    }
}

impl Joules {
    /// The mean power that gives this energy in some nanoseconds; none for no time.
    pub fn mean_over_ns(self, ns: i64) -> Option<Watts> {
        (ns > 0).then(|| Watts(self.0 / (ns as f64 / 1e9)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_shown_with_their_unit() {
        assert_eq!(Watts(4.568).to_string(), "4.57 W");
        assert_eq!(format!("{:.1}", Joules(1.26)), "1.3 J");
        assert_eq!(format!("[{:>8}]", Celsius(52.5)), "[ 52.5 °C]");
        assert_eq!(format!("[{:<8}]", Volts(5.0)), "[5.00 V  ]");
        assert_eq!(Hertz(1.109e9).to_string(), "1.11 GHz");
        assert_eq!(Hertz(204e6).to_string(), "204 MHz");
        assert_eq!(Hertz(49.96).to_string(), "50.0 Hz");
    }

    #[test]
    fn power_and_energy_convert_both_ways() {
        assert_eq!(Volts(5.0).times(Amps(0.9)), Watts(4.5));
        assert_eq!(Watts(14.0).over_ns(500_000_000), Joules(7.0));
        assert_eq!(Joules(7.0).mean_over_ns(500_000_000), Some(Watts(14.0)));
        assert_eq!(Joules(7.0).mean_over_ns(0), None);
    }

    #[test]
    fn a_quantity_is_a_bare_number_in_records() {
        assert_eq!(serde_json::to_string(&Watts(4.5)).unwrap(), "4.5");
        assert_eq!(serde_json::from_str::<Hertz>("50").unwrap(), Hertz(50.0));
    }
}
