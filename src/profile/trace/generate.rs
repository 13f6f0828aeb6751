//! Makes traces: a seeded stochastic model of a robot's Wi-Fi, indoors and among obstacles outdoors.
//!
//! The link is in one of two states, clear and blocked; each step of 0.1 s it leaves its state with probability
//! `step / mean stay`, so that stays are geometric. Within the states two AR(1) processes go on, `x <- r x +
//! sqrt(1 - r^2) e` with `r = 1 - step / time constant` and `e` standard normal: `slow` and `fast`. With `z = sqrt(s)
//! slow + sqrt(1 - s) fast`,
//!
//! - clear: `rate = max(floor, mean + spread z)`;
//! - blocked: `rate = median (1 + w z / 4)^4`, close to the log-normal `median exp(w z)`, and 0 below `dead`.
//!
//! At last all rates are scaled by one factor, so that the trace's mean is the model's. Everything is made of integer
//! arithmetic, `+ - * /` and `sqrt`, which IEEE 754 fixes to the bit: the same seed gives the same file on every
//! machine. A normal number is the sum of twelve uniform ones, less 6.
//!
//! The parameters are fitted by eye to recorded links, of which only these figures are used (sources: `LOPInfer`,
//! hku-systems/LOPInfer at 53f1cda, and ROG, hku-systems/ROG at 4667e24):
//!
//! | Mbps | mean | p5 | p50 | p95 | share under 5 | autocorrelation at 1 s, 5 s |
//! |---|---|---|---|---|---|---|
//! | recorded indoors, `LOPInfer`, scaled from a mean of 81 to 93 | 93 | 18 | 92 | 166 | 0 | 0.84, 0.79 |
//! | `profiles/links/indoors.csv` | 93.0 | 15.0 | 91.7 | 164 | 0 | 0.69, 0.53 |
//! | recorded outdoors, ROG's four robots | 73.4 | 0.83 | 43 | 213 | 0.31 | 0.87, 0.45 |
//! | `profiles/links/outdoors.csv` | 73.0 | 0.73 | 45.3 | 212 | 0.28 | 0.74, 0.27 |
//!
//! The delays are assumed, not measured.

use super::{MAX_ROWS, Row, Trace, TraceError};

/// What the file of a made trace says of itself.
pub(super) const MODELLED: &str = "made by a stochastic model, not recorded; the delay is assumed";

/// Length of a step, in nanoseconds.
const STEP_NS: i64 = 100_000_000;
/// The same in seconds.
const STEP_S: f64 = 0.1;

/// A kind of link that traces are made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Model {
    /// Wi-Fi in a building: mean 93 Mbps, slow swings, short dips.
    Indoors,
    /// Wi-Fi in a garden: mean 73 Mbps, blocked by obstacles for seconds, at times to nothing.
    Outdoors,
    /// The same rate for ever, in megabits per second.
    Constant(f64),
}

/// A trace that cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// A length that makes no trace.
    #[error("a trace of {seconds} s: expected from 1 to {}", MAX_ROWS as i64 * STEP_NS / 1_000_000_000)]
    Length {
        /// What was asked for.
        seconds: f64,
    },
    /// A rate that no trace has.
    #[error("a constant link of {mbps} Mbps: {source}")]
    Rate {
        /// What was asked for.
        mbps: f64,
        /// What is wrong with it.
        source: TraceError,
    },
}

/// The parameters of a model; rates in megabits per second before the last scaling, times in seconds.
struct Parameters {
    mean_mbps: f64,
    clear_s: f64,
    blocked_s: f64,
    slow_s: f64,
    fast_s: f64,
    slow_share: f64,
    clear_mean: f64,
    clear_spread: f64,
    clear_floor: f64,
    blocked_median: f64,
    blocked_spread: f64,
    dead: f64,
    delay_ms: f64,
}

const INDOORS: Parameters = Parameters {
    mean_mbps: 93.0,
    clear_s: 19.0,
    blocked_s: 0.9,
    slow_s: 45.0,
    fast_s: 0.4,
    slow_share: 0.85,
    clear_mean: 97.0,
    clear_spread: 43.0,
    clear_floor: 15.0,
    blocked_median: 14.0,
    blocked_spread: 0.25,
    dead: 0.0,
    delay_ms: 1.0,
};

const OUTDOORS: Parameters = Parameters {
    mean_mbps: 73.0,
    clear_s: 7.6,
    blocked_s: 4.6,
    slow_s: 6.0,
    fast_s: 0.4,
    slow_share: 0.95,
    clear_mean: 108.0,
    clear_spread: 76.0,
    clear_floor: 6.0,
    blocked_median: 2.5,
    blocked_spread: 0.95,
    dead: 0.35,
    delay_ms: 2.0,
};

impl Model {
    /// The model of a name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "indoors" => Some(Self::Indoors),
            "outdoors" => Some(Self::Outdoors),
            _ => None,
        }
    }

    /// A trace of so many seconds; the same seed gives the same trace. A constant link is one row, whatever the
    /// length.
    ///
    /// # Errors
    /// A length or a rate out of range.
    pub fn generate(self, seconds: f64, seed: u64) -> Result<Trace, ModelError> {
        let (name, parameters) = match self {
            Self::Indoors => ("indoors", INDOORS),
            Self::Outdoors => ("outdoors", OUTDOORS),
            Self::Constant(mbps) => {
                let trace = Trace::constant(mbps, 0.0)
                    .map_err(|source| ModelError::Rate { mbps, source })?;
                return Ok(
                    trace.with_comment(&format!("splitscope trace --model constant --mbps {mbps}"))
                );
            }
        };
        let steps = (seconds / STEP_S).round();
        if !(10.0..=MAX_ROWS as f64).contains(&steps) {
            return Err(ModelError::Length { seconds });
        }
        let trace = parameters.run(steps as usize, seed);
        // The rates are finite, not negative and far below the limit by construction.
        trace
            .map(|t| {
                t.with_comment(&format!(
                    "splitscope trace --model {name} --seconds {seconds} --seed {seed}"
                ))
                .with_comment(MODELLED)
            })
            .map_err(|source| ModelError::Rate {
                mbps: parameters.mean_mbps,
                source,
            })
    }
}

impl Parameters {
    fn run(&self, steps: usize, seed: u64) -> Result<Trace, TraceError> {
        let mut noise = Noise(seed);
        let mut slow = Ar1::new(self.slow_s, &mut noise);
        let mut fast = Ar1::new(self.fast_s, &mut noise);
        let mut is_blocked = noise.uniform() < self.blocked_s / (self.blocked_s + self.clear_s);
        let mut rates: Vec<f64> = (0..steps)
            .map(|_| {
                let stay_s = if is_blocked {
                    self.blocked_s
                } else {
                    self.clear_s
                };
                if noise.uniform() < STEP_S / stay_s {
                    is_blocked = !is_blocked;
                }
                let z = self.slow_share.sqrt() * slow.step(&mut noise)
                    + (1.0 - self.slow_share).sqrt() * fast.step(&mut noise);
                self.rate(is_blocked, z)
            })
            .collect();
        let factor = self.mean_mbps * steps as f64 / rates.iter().sum::<f64>();
        for rate in &mut rates {
            // Hundredths of a megabit: short lines, and no digit that nobody measures.
            *rate = (*rate * factor * 100.0).round() / 100.0;
        }
        let rows = (0..).zip(rates).map(|(i, rate)| Row {
            at_ns: i * STEP_NS,
            up_mbps: rate,
            down_mbps: rate,
            delay_ms: self.delay_ms,
        });
        Trace::new(true, rows.collect())
    }

    fn rate(&self, is_blocked: bool, z: f64) -> f64 {
        if !is_blocked {
            return (self.clear_mean + self.clear_spread * z).max(self.clear_floor);
        }
        let root = (1.0 + self.blocked_spread * z / 4.0).max(0.0);
        let rate = self.blocked_median * root * root * root * root;
        if rate < self.dead { 0.0 } else { rate }
    }
}

/// A first-order autoregressive process of variance 1.
struct Ar1 {
    keep: f64,
    x: f64,
}

impl Ar1 {
    fn new(time_constant_s: f64, noise: &mut Noise) -> Self {
        Self {
            keep: 1.0 - STEP_S / time_constant_s,
            x: noise.normal(),
        }
    }

    fn step(&mut self, noise: &mut Noise) -> f64 {
        self.x = self.keep * self.x + (1.0 - self.keep * self.keep).sqrt() * noise.normal();
        self.x
    }
}

/// `SplitMix64` (Steele, Lea, Flood 2014): a counter and a mixer.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Direction, shipped};
    use super::*;

    /// Correlation of the rate with itself `steps` later.
    fn autocorrelation(trace: &Trace, steps: usize) -> f64 {
        let rates: Vec<f64> = trace.rows().iter().map(|r| r.up_mbps).collect();
        let mean = rates.iter().sum::<f64>() / rates.len() as f64;
        let product = |lag: usize| -> f64 {
            let later = rates.iter().skip(lag);
            later
                .zip(&rates)
                .map(|(a, b)| (a - mean) * (b - mean))
                .sum()
        };
        product(steps) / product(0)
    }

    /// Recorded figures; their sources stand in this file's head.
    #[test]
    fn shipped_links_are_like_the_recorded_ones() {
        // mean, p5, p50, p95, share under 5 Mbps, autocorrelation at 1 s
        let recorded = [
            ("indoors", [93.0, 18.4, 92.1, 165.8, 0.0, 0.84]),
            ("outdoors", [73.4, 0.83, 43.0, 213.0, 0.314, 0.87]),
        ];
        println!("Mbps      mean    p5    p50    p95   under 5   r(1 s)");
        for (name, figures) in recorded {
            let trace = shipped(name).unwrap().unwrap();
            let s = trace.stats(Direction::Up);
            let made = [
                s.mean_mbps,
                s.p5_mbps,
                s.p50_mbps,
                s.p95_mbps,
                s.under_5_mbps,
                autocorrelation(&trace, 10),
            ];
            println!("{name}: recorded {figures:.3?}");
            println!(
                "{name}: shipped  {made:.3?} r(5 s) {:.2}",
                autocorrelation(&trace, 50)
            );
            let allowed = [0.5, 5.0, 8.0, 16.0, 0.05, 0.2];
            for ((made, recorded), allowed) in made.iter().zip(figures).zip(allowed) {
                assert!(
                    (made - recorded).abs() <= allowed,
                    "{name}: {made} for {recorded}"
                );
            }
        }
    }

    #[test]
    fn shipped_links_come_from_the_command_that_they_name() {
        for (name, model, seconds, seed) in [
            ("indoors", Model::Indoors, 300.0, 9),
            ("outdoors", Model::Outdoors, 300.0, 1),
        ] {
            let made = model.generate(seconds, seed).unwrap();
            let stored = shipped(name).unwrap().unwrap();
            assert!(made == stored, "profiles/links/{name}.csv is another trace");
            let command = format!("--model {name} --seconds {seconds} --seed {seed}");
            assert!(
                stored.comments()[0].contains(&command),
                "{:?}",
                stored.comments()
            );
        }
    }

    #[test]
    fn another_seed_is_another_trace_of_the_same_mean() {
        let [a, b] = [1, 2].map(|seed| Model::Outdoors.generate(60.0, seed).unwrap());
        assert_ne!(a, b);
        for trace in [a, b] {
            assert_eq!(trace.length_ns(), Some(60_000_000_000));
            assert!((trace.stats(Direction::Up).mean_mbps - 73.0).abs() < 0.01);
        }
    }

    #[test]
    fn what_cannot_be_made_is_refused() {
        for seconds in [f64::NAN, -1.0, 0.5, 1e9] {
            assert!(Model::Indoors.generate(seconds, 1).is_err(), "{seconds}");
        }
        let told = Model::Constant(-3.0)
            .generate(1.0, 1)
            .unwrap_err()
            .to_string();
        assert!(told.contains("-3"), "{told}");
    }
}
