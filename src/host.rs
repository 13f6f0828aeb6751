//! The machine a worker runs on: load, clocks, memory, temperatures, throttling, power mode, radio,
//! battery.
//!
//! Everything is optional and read under a root: what a machine does not tell is none or empty in the [`HostRecord`],
//! and [`HostReader::absent`] has the reason. Parsers are pure and bounded. Nothing here knows frames, plans or
//! sockets.

mod battery;
pub(crate) mod command;
mod cpu;
mod engines;
mod memory;
mod power_mode;
mod record;
mod thermal;
mod wifi;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::clock;
use crate::sysfs::{Absent, ReadError};

pub use record::{Battery, CoreLoad, HostRecord, Memory, Temperature, Throttle, UnitLoad, Wifi};

/// Reads a machine. It starts a command for the radio and reads some dozens of files: a few milliseconds, or a second
/// where the command hangs. Once or twice a second, never on a lane.
#[derive(Debug)]
pub struct HostReader {
    root: PathBuf,
    cpu: cpu::Cpu,
    engines: engines::Engines,
    power_mode: power_mode::PowerMode,
    wifi: wifi::Radios,
    absent: BTreeMap<&'static str, String>,
}

/// Why a part of a machine says nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{file}: expected {expected}, read {read}")]
    Parse {
        file: String,
        expected: &'static str,
        read: String,
    },
    #[error("`{command}`: {problem}")]
    Command { command: String, problem: String },
    #[error("{0}")]
    None(&'static str),
}

impl HostReader {
    /// A reader of the machine under a root, `/` on a real one.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            cpu: cpu::Cpu::default(),
            engines: engines::Engines::find(root),
            power_mode: power_mode::PowerMode::find(root),
            wifi: wifi::Radios::find(root),
            absent: BTreeMap::new(),
        }
    }

    /// The machine now; loads are since the call before, so the first has none.
    pub fn read(&mut self) -> HostRecord {
        let cores = self.cpu.read(&self.root);
        let memory = memory::read(&self.root);
        let temperatures = thermal::temperatures(&self.root);
        let throttling = thermal::throttling(&self.root);
        let gpu = self.engines.gpu();
        let emc = self.engines.emc();
        let power_mode = self.power_mode.read();
        let batteries = battery::read(&self.root);
        let (wifi, trouble) = match self.wifi.read() {
            Ok((wifi, trouble)) => (wifi, trouble.map_or(Ok(()), Err)),
            Err(e) => (Vec::new(), Err(e)),
        };
        self.note("wifi", trouble);
        HostRecord {
            at: clock::now(),
            cores: self.note("cpu", cores).unwrap_or_default(),
            memory: self.note("memory", memory),
            temperatures: self.note("temperatures", temperatures).unwrap_or_default(),
            throttling: self.note("throttling", throttling),
            gpu: self.note("gpu", gpu),
            emc: self.note("memory controller", emc),
            power_mode: self.note("power mode", power_mode),
            wifi,
            batteries: self.note("battery", batteries).unwrap_or_default(),
        }
    }

    /// What the last reading lacked, and why.
    pub fn absent(&self) -> Vec<Absent> {
        let absent = self.absent.iter();
        absent.map(|(&name, why)| Absent::new(name, why)).collect()
    }

    fn note<T>(&mut self, name: &'static str, read: Result<T, HostError>) -> Option<T> {
        match read {
            Ok(value) => {
                self.absent.remove(name);
                Some(value)
            }
            Err(e) => {
                self.absent.insert(name, e.to_string());
                None
            }
        }
    }
}

/// This machine's memory, by itself; none where the system does not say, or says it in another form.
pub fn memory(root: &Path) -> Option<Memory> {
    memory::read(root).ok()
}

#[cfg(test)]
#[path = "host/tests.rs"]
mod tests;
