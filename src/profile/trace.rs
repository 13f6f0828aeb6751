//! A link's bandwidth over time: the trace, its file format, its statistics, and the model that makes one.
//!
//! ```text
//! # splitscope link trace v1
//! # any number of comments
//! time_s,shared_mbps,delay_ms          one medium for both directions, as on Wi-Fi; or
//! time_s,up_mbps,down_mbps,delay_ms    each direction has its own
//! 0,93.5,1
//! 0.1,88.25,1
//! ```
//!
//! A row holds from its time until the next row's; the last one for as long as the one before it. So rows every 0.1 s
//! from 0 to 299.9 make a trace of 300 s. A single row holds for ever. Rates are megabits (10^6 bits) of payload per
//! second, and 0 is an outage. `delay_ms` is added to each direction, after the time on the medium.

mod generate;
mod parse;
mod schedule;
mod shipped;
mod stats;

use std::fmt::Write;

pub use generate::{Model, ModelError};
pub use parse::{TraceError, TraceErrorKind};
pub use schedule::{AfterEnd, Schedule};
pub use shipped::{SHIPPED, shipped};
pub use stats::{Direction, POOR_MBPS, TraceStats};

/// The first line of a trace file: name and version of the format.
pub const MAGIC_LINE: &str = "# splitscope link trace v1";
/// How a comment begins that says that the rates were measured over an emulated link.
pub const EMULATED: &str = "an emulated link";
/// The longest file that is read, in bytes.
pub const MAX_FILE_BYTES: usize = 64 << 20;
/// Most rows of a trace: more than a day of 0.1 s.
pub const MAX_ROWS: usize = 1_000_000;
/// The latest time of a row: 11 days, which seconds as `f64` still hold to the nanosecond.
pub const MAX_TIME_S: f64 = 1e6;
/// The highest rate: a terabit per second.
pub const MAX_MBPS: f64 = 1e6;
/// The longest delay: a minute.
pub const MAX_DELAY_MS: f64 = 6e4;

/// What the link is from a time on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// From when, in nanoseconds since the trace began.
    pub at_ns: i64,
    /// Megabits per second to the server; on a shared medium, of both directions together.
    pub up_mbps: f64,
    /// Megabits per second to the robot; on a shared medium the same number.
    pub down_mbps: f64,
    /// Added to each direction, in milliseconds.
    pub delay_ms: f64,
}

/// A link's bandwidth over time; always at least one row, the first at time 0, times growing, rates in range.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    is_shared: bool,
    rows: Vec<Row>,
    comments: Vec<String>,
}

impl Trace {
    /// A trace of rows, checked; on a shared medium `up_mbps` is the medium's rate.
    ///
    /// # Errors
    /// No rows or too many, a first one not at 0, times that do not grow, a rate or a delay out of range.
    pub fn new(is_shared: bool, mut rows: Vec<Row>) -> Result<Self, TraceError> {
        parse::check(&rows)?;
        if is_shared {
            for row in &mut rows {
                row.down_mbps = row.up_mbps;
            }
        }
        Ok(Self {
            is_shared,
            rows,
            comments: Vec::new(),
        })
    }

    /// A shared medium whose rate never changes.
    ///
    /// # Errors
    /// A rate or a delay out of range.
    pub fn constant(mbps: f64, delay_ms: f64) -> Result<Self, TraceError> {
        Self::new(
            true,
            vec![Row {
                at_ns: 0,
                up_mbps: mbps,
                down_mbps: mbps,
                delay_ms,
            }],
        )
    }

    /// Adds a line to what the file says about itself; line breaks become spaces.
    #[must_use]
    pub fn with_comment(mut self, comment: &str) -> Self {
        self.comments
            .push(comment.replace(['\n', '\r'], " ").trim().to_owned());
        self
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// The first line that is not as it should be, with what was read and what was expected.
    pub fn parse(bytes: &[u8]) -> Result<Self, TraceError> {
        parse::parse(bytes)
    }

    /// The file; parsed again, it gives an equal trace.
    pub fn to_csv(&self) -> String {
        let mut out = format!("{MAGIC_LINE}\n");
        for comment in &self.comments {
            out += "# ";
            out += comment;
            out.push('\n');
        }
        out += parse::header(self.is_shared);
        out.push('\n');
        for row in &self.rows {
            // Writing to a string cannot fail.
            let _ = write!(out, "{},{}", row.at_ns as f64 / 1e9, row.up_mbps);
            if !self.is_shared {
                let _ = write!(out, ",{}", row.down_mbps);
            }
            let _ = writeln!(out, ",{}", row.delay_ms);
        }
        out
    }

    /// Whether both directions share one medium.
    pub const fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// The rows, oldest first.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The file's comments behind its first line.
    pub fn comments(&self) -> &[String] {
        &self.comments
    }

    /// Whether the file says that a stochastic model made it: nobody measured these rates.
    pub fn is_modelled(&self) -> bool {
        self.comments.iter().any(|c| c == generate::MODELLED)
    }

    /// Whether the file says that its rates were measured over an emulated link.
    pub fn is_emulated(&self) -> bool {
        self.comments.iter().any(|c| c.starts_with(EMULATED))
    }

    /// How long the trace is, in nanoseconds; none if its single row holds for ever.
    pub fn length_ns(&self) -> Option<i64> {
        match self.rows.as_slice() {
            [.., before, last] => Some(last.at_ns + (last.at_ns - before.at_ns)),
            _ => None,
        }
    }

    /// Each row's rate in one direction with how long it holds, in nanoseconds; a single row counts for a second.
    pub fn pieces(&self, direction: Direction) -> impl Iterator<Item = (f64, i64)> + '_ {
        let end = self.length_ns().unwrap_or(1_000_000_000);
        let ends = self.rows.iter().skip(1).map(|r| r.at_ns).chain([end]);
        self.rows
            .iter()
            .zip(ends)
            .map(move |(row, end)| (direction.of(row), end - row.at_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the golden file holds.
    fn golden() -> Trace {
        let row = |at_ns, up_mbps, down_mbps, delay_ms| Row {
            at_ns,
            up_mbps,
            down_mbps,
            delay_ms,
        };
        Trace::new(
            false,
            vec![
                row(0, 93.0, 40.25, 1.5),
                row(100_000_000, 0.0, 0.0, 1.5),
                row(2_000_000_001, 0.1, 1e6, 0.0),
            ],
        )
        .unwrap()
        .with_comment("a golden file: a change of the format shows here")
    }

    #[test]
    fn the_stored_form_does_not_drift() {
        let stored = include_str!("../../tests/data/link_trace_v1.csv");
        assert_eq!(golden().to_csv(), stored);
        assert_eq!(Trace::parse(stored.as_bytes()).unwrap(), golden());
    }

    #[test]
    fn a_row_holds_until_the_next_and_the_last_as_long_as_the_one_before() {
        let trace = golden();
        assert_eq!(trace.length_ns(), Some(3_900_000_002));
        let held: Vec<_> = trace.pieces(Direction::Up).map(|(_, ns)| ns).collect();
        assert_eq!(held, [100_000_000, 1_900_000_001, 1_900_000_001]);
        assert_eq!(Trace::constant(93.0, 0.0).unwrap().length_ns(), None);
    }

    proptest! {
        #[test]
        fn a_trace_survives_its_file(
            is_shared: bool,
            first in (0.0..MAX_MBPS, 0.0..MAX_MBPS, 0.0..MAX_DELAY_MS),
            rest in prop::collection::vec(
                (1_i64..1_000_000_000_000, 0.0..MAX_MBPS, 0.0..MAX_MBPS, 0.0..MAX_DELAY_MS), 0..50),
        ) {
            let mut at_ns = 0;
            let (up_mbps, down_mbps, delay_ms) = first;
            let mut rows = vec![Row { at_ns, up_mbps, down_mbps, delay_ms }];
            for (gap_ns, up_mbps, down_mbps, delay_ms) in rest {
                at_ns += gap_ns;
                rows.push(Row { at_ns, up_mbps, down_mbps, delay_ms });
            }
            let trace = Trace::new(is_shared, rows).unwrap().with_comment("made by\na test");
            prop_assert_eq!(Trace::parse(trace.to_csv().as_bytes()).unwrap(), trace);
        }
    }
}
