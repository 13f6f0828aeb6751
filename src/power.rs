//! The robot's power: rails, the sensors that measure them, and the energy that follows.
//!
//! [`discover`] finds the sensors of this machine, one file per kind; what is not there is listed with its reason and
//! is never a zero. A [`Sampler`] reads them on its own thread and hands out [`PowerRecord`]s. [`energy`] is
//! arithmetic without I/O: integrals, a live estimate, and the block method that results are made with. Nothing here
//! knows frames, plans or sockets.

pub mod energy;
pub mod tegrastats;

mod discover;
mod emulated;
mod ina3221;
mod lines;
mod meter;
#[cfg(feature = "nvml")]
mod nvml;
mod rail;
mod rapl;
mod record;
mod sampler;
mod thin;

use std::io;
use std::time::Duration;

use crate::sysfs::ReadError;
use crate::units::{Amps, Nanos, Volts, Watts};

pub use discover::{Discovered, discover};
pub use emulated::{Activity, Emulated, EmulatedState, Levels};
pub use ina3221::Ina3221;
pub use meter::Meter;
#[cfg(feature = "nvml")]
pub use nvml::NvmlGpus;
pub use rail::{Counts, Rail, RailId};
pub use rapl::Rapl;
pub use record::{IdleLevel, PowerRecord, PowerSourcesRecord, RailColumns, SourceRecord};
pub use sampler::{Report, Sampler};
pub use tegrastats::Tegrastats;

/// Rails of one source at most; a text source that names more is cut there.
pub const MAX_RAILS: usize = 32;

/// Something that measures power. A new kind of sensor is one more of these.
pub trait PowerSource: Send {
    /// Which sensor this is, for people: one of a machine's sources by name.
    fn name(&self) -> &str;

    /// The rails it measures; a text source learns them from its first line, so they may grow.
    fn rails(&self) -> &[Rail];

    /// How often asking makes sense.
    fn period(&self) -> Duration;

    /// What was measured since the last call, oldest first; empty if nothing new has come.
    ///
    /// # Errors
    ///
    /// If the sensor cannot be read; [`PowerSource::reopen`] comes before the next call then.
    fn sample(&mut self) -> Result<Vec<RailSample>, PowerError>;

    /// Starts anew after an error.
    ///
    /// # Errors
    ///
    /// If the sensor is still not there.
    fn reopen(&mut self) -> Result<(), PowerError> {
        Ok(())
    }

    /// Whether the numbers are made up from levels somebody gave.
    fn emulated(&self) -> bool {
        false
    }

    /// Readings that came but were lost: unreadable lines, lines that found no room.
    fn lost(&self) -> u64 {
        0
    }
}

/// One rail at one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RailSample {
    /// Which of the source's rails.
    pub rail: RailId,
    /// When, on this process's clock. A mean over an interval carries the interval's middle.
    pub at: Nanos,
    /// The rail's voltage, where the sensor gives it.
    pub volts: Option<Volts>,
    /// The rail's current, where the sensor gives it.
    pub amps: Option<Amps>,
    /// The rail's power.
    pub watts: Watts,
}

/// A source gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum PowerError {
    /// A file of the sensor.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A command did not start.
    #[error("cannot start `{command}`: {source}")]
    Start {
        /// The command.
        command: String,
        /// What the system said.
        source: io::Error,
    },
    /// A command ended that should go on.
    #[error("`{command}` ended ({how})")]
    Ended {
        /// The command.
        command: String,
        /// Its exit status.
        how: String,
    },
    /// A command runs but says nothing.
    #[error("`{command}` has said nothing for {seconds:.0} s")]
    Silent {
        /// The command.
        command: String,
        /// For how long.
        seconds: f64,
    },
    /// A command says something else than it should.
    #[error("`{command}`: {problem}")]
    Line {
        /// The command.
        command: String,
        /// What was expected and what was read.
        problem: String,
    },
    /// The sensor came back as another one.
    #[error("{sensor}: expected the rails {expected}, found {found}")]
    OtherRails {
        /// The sensor.
        sensor: String,
        /// The rails it had.
        expected: String,
        /// The rails it has.
        found: String,
    },
    /// A library that speaks to the sensor.
    #[error("{library}: {problem}")]
    Library {
        /// The library.
        library: &'static str,
        /// What it said.
        problem: String,
    },
}
