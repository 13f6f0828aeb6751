//! splitscope
pub mod clock;
pub mod model;
pub mod plan;
pub mod units;
pub mod wire;
