//! What telemetry carries of a machine. What it does not tell is none or empty, never zero.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{BitsPerSecond, Bytes, Celsius, Hertz, Nanos};

/// A machine at one instant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HostRecord {
    /// When, on the worker's clock.
    pub at: Nanos,
    /// Each core that is switched on.
    pub cores: Vec<CoreLoad>,
    /// Memory and swap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Every sensor that gives a temperature.
    pub temperatures: Vec<Temperature>,
    /// What slows the machine down at present; empty if nothing does, none if it does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttling: Option<Vec<Throttle>>,
    /// The board's own GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<UnitLoad>,
    /// The memory controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emc: Option<UnitLoad>,
    /// The power mode chosen with `nvpmodel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_mode: Option<String>,
    /// Each wireless interface.
    pub wifi: Vec<Wifi>,
    /// Each battery that powers the machine itself.
    pub batteries: Vec<Battery>,
}

/// One CPU core.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CoreLoad {
    /// Its number.
    pub core: u32,
    /// Share of the time busy since the record before, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// Its clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Hertz>,
}

/// Load and clock of the GPU or the memory controller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct UnitLoad {
    /// Share of the time busy, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// Its clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Hertz>,
    /// The highest clock it may have at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_clock: Option<Hertz>,
}

/// Memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Memory {
    /// In all.
    pub total: Bytes,
    /// What programs can still get without swapping.
    pub available: Bytes,
    /// Swap in all.
    pub swap_total: Bytes,
    /// Swap not taken.
    pub swap_free: Bytes,
}

/// A temperature sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Temperature {
    /// The system's name of it.
    pub zone: String,
    /// What it reads.
    pub celsius: Celsius,
}

/// Something that slows the machine down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Throttle {
    /// The system's name of it.
    pub what: String,
    /// How far it went.
    pub state: u32,
    /// How far it can go.
    pub of: u32,
}

/// A wireless interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Wifi {
    /// Its name.
    pub interface: String,
    /// Strength of what it hears from the access point, in dBm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal_dbm: Option<f64>,
    /// The radio's own rate towards the access point; goodput is well below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_rate: Option<BitsPerSecond>,
    /// The radio's own rate from the access point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rx_rate: Option<BitsPerSecond>,
    /// The access point; it changes when the robot roams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bssid: Option<String>,
    /// The centre of the access point's channel, in MHz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency_mhz: Option<f64>,
}

impl Wifi {
    /// The channel's number (IEEE 802.11-2020, 17.3.8.4.2 and annex E; 6 GHz counts from 5,950 MHz); none for a frequency
    /// of no known band.
    pub fn channel(&self) -> Option<u32> {
        let mhz = self.frequency_mhz?.round() as u32;
        match mhz {
            2484 => Some(14),
            2412..=2472 => Some((mhz - 2407) / 5),
            5935 => Some(2),
            5160..=5885 => Some((mhz - 5000) / 5),
            5955..=7115 => Some((mhz - 5950) / 5),
            _ => None,
        }
    }
}

/// A battery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Battery {
    /// The system's name of it.
    pub name: String,
    /// How full, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_percent: Option<f64>,
    /// `Charging`, `Discharging`, `Full`, as the system says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}
