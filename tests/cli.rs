//! The program with bad input: a clear sentence, the right exit code, and nobody else disturbed.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

#[cfg(feature = "torch")]
#[path = "cli/live.rs"]
mod live;
#[path = "cli/support.rs"]
mod support;

#[path = "cli/doctor.rs"]
mod doctor;
#[cfg(feature = "torch")]
#[path = "cli/input.rs"]
mod input;
#[cfg(feature = "torch")]
#[path = "cli/killed.rs"]
mod killed;
#[cfg(feature = "torch")]
#[path = "cli/ports.rs"]
mod ports;
#[path = "cli/shell.rs"]
mod shell;
#[cfg(feature = "torch")]
#[path = "cli/strangers.rs"]
mod strangers;
#[path = "cli/usage.rs"]
mod usage;
#[cfg(feature = "torch")]
#[path = "cli/weights.rs"]
mod weights;
