//! Sweeps: many plans measured on a running robot so that they can be compared, although its link drifts meanwhile.
//!
//! ```text
//! choice     which plans: cuts, modes with parameters, in words
//! settings   how often, how long, in which order
//! machine    the sweep itself: told records and the time, it orders plans; no socket, no clock
//! parts      a latency's five parts in milliseconds
//! visit      one stay at one plan: its frames, and what it took of power
//! idle       the robot left alone, for net energy
//! solo       whether robot and server slow each other on one machine
//! load       how busy the robot's machine was
//! forecast   how long it will take, before it has begun
//! rows file  what is stored: a table of frames, written as it grows
//! experiment a file that says everything a figure needs to be made again
//! summary    what the frames say: medians with intervals, energy by the block method, the best
//! ```
//!
//! Rounds visit every plan once, in an order drawn anew for each round: a drift of the link
//! falls on all plans alike. The frames right after a switch are kept, marked, and left out of every figure.
//! Both the console's Sweep screen and `splitscope sweep` drive the same [`Sweep`].

mod choice;
mod experiment;
mod file;
mod forecast;
mod idle;
mod load;
mod machine;
#[cfg(test)]
mod machine_tests;
mod meter;
mod parts;
mod rows;
mod settings;
mod solo;
mod summary;
mod visit;

pub use choice::{
    Best, ChoiceError, Cuts, Given, MAX_PLANS, Method, PlanLine, Rule, Wanted, WantedCut,
    single_tensor_cuts,
};
pub use experiment::{
    Experiment, ExperimentError, Goal, ModelSpec, ProbeSpec, SweepSpec, WorkerSpec,
};
pub use file::{MAX_FILE_BYTES, SweepFile, SweepFileError, Writer, is_sweep};
pub use forecast::{Expected, Forecast, duration_words};
pub(crate) use idle::Pauses;
pub use idle::{IdlePiece, IdleRow};
pub use machine::{Bar, Event, How, News, Order, Pause, Progress, Seen, Sweep};
pub(crate) use meter::Meter;
pub use parts::PartsMs;
pub use rows::{
    Chosen, DeviceLine, EndRow, FrameRow, Header, LeftOut, ModelLine, RefusedRow, VisitPower,
    VisitRow,
};
pub use settings::{Schedule, Settings, Until};
pub use solo::{Slowdown, SoloRow};
pub(crate) use summary::energies;
pub use summary::{EnergySummary, IdleSummary, NetSummary, PlanSummary, Summary};
