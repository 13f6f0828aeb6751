//! Energy from power samples: arithmetic, no I/O.
//!
//! The integral over a window ([`integrate`]), a live estimate for the screen ([`Live`]), and the block method that
//! results are made with ([`measure`]). The energy of one 60 ms frame from a few samples is noise and is not
//! offered. [`IdleMeter`] measures a machine that is left alone. What the data do not carry is said in words instead of a number.

mod blocks;
mod idle;
mod integral;
mod live;
mod series;
mod student;

pub use blocks::{
    Block, BlockEnergy, Conclusion, Interval, Missing, NotEnough, PlanEnergy, Protocol, conclude,
    idle_pieces, interleave, measure,
};
pub use idle::{IdleMeter, Quiet, SETTLE_NS, TooShort};
pub use integral::{Integral, Sample, integrate, integrate_covered};
pub use live::{Estimate, Live};
pub use series::{Gatherer, total};

/// Between two samples farther apart than this nothing is assumed: five times what the sampler lets pass on a steady
/// level. A meter that is slower than this takes a longer one.
pub const MAX_GAP_NS: i64 = 1_000_000_000;
