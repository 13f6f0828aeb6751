//! Two stretches side by side: sessions or epochs, frame by frame and layer by layer, with what of the difference is
//! more than noise.
//!
//! ```text
//! epochs  what there is to choose from in a session
//! sample  what one side measured, under a bound
//! table   the comparison: medians, differences, their intervals
//! ```
//!
//! Frames are taken as independent of each other. On a link that drifts they are not, and intervals come out too
//! narrow: the report says so.

mod epochs;
mod sample;
mod table;

pub use epochs::{EpochSummary, epochs};
pub use sample::{Choice, ChoiceError, Sample};
pub use table::{Comparison, Row, Verdict, compare};
