//! Jetson's own power monitor, the INA3221, through the kernel's two drivers.
//!
//! JetPack 4 shows a chip as an IIO device with `rail_name_N` and `in_powerN_input` (mW), JetPack 5 and later as a
//! hwmon device with `inN_label`, `inN_input` (mV) and `currN_input` (mA). Boards differ in the I2C bus, the number of
//! chips and the labels, so chips are found by their driver and rails by their labels.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::rail::{is_unconnected, jetson_rails};
use super::{MAX_RAILS, PowerError, PowerSource, Rail, RailId, RailSample};
use crate::clock;
use crate::sysfs::{self, Absent, Held, ReadError};
use crate::units::{Amps, Nanos, Volts, Watts};

/// Where both drivers list their chips.
const DRIVERS: &str = "sys/bus/i2c/drivers";
/// The sensor refreshes in about 7 ms or slower, and each reading costs I2C traffic: 50 Hz.
const PERIOD: Duration = Duration::from_millis(20);

/// All INA3221 chips of a board, read together so that their rails have one time and can be added.
#[derive(Debug)]
pub struct Ina3221 {
    root: PathBuf,
    name: String,
    rails: Vec<Rail>,
    channels: Vec<Channel>,
}

/// One rail's files, kept open.
#[derive(Debug)]
struct Channel {
    label: String,
    /// mV.
    voltage: Held,
    /// mA.
    current: Held,
    /// mW, where the driver multiplies by itself.
    power: Option<Held>,
}

/// What a scan found.
struct Scan {
    chips: Vec<String>,
    channels: Vec<Channel>,
    absent: Vec<Absent>,
}

impl Ina3221 {
    /// The board's chips under a root, if there are any, and what of them cannot be read.
    pub fn find(root: &Path) -> (Option<Self>, Vec<Absent>) {
        let scan = match scan(root) {
            Ok(scan) => scan,
            Err(e) => return (None, vec![Absent::new("ina3221", &e)]),
        };
        let mut absent = scan.absent;
        if scan.channels.is_empty() {
            if absent.is_empty() {
                let where_ = root.join(DRIVERS);
                let reason = format!("no chip with labelled rails under {}", where_.display());
                absent.push(Absent::new("ina3221", &reason));
            }
            return (None, absent);
        }
        let labels: Vec<_> = scan.channels.iter().map(|c| c.label.clone()).collect();
        let found = Self {
            root: root.to_owned(),
            name: format!("ina3221 {}", scan.chips.join(" ")),
            rails: jetson_rails(&labels, absent.is_empty()),
            channels: scan.channels,
        };
        (Some(found), absent)
    }
}

impl PowerSource for Ina3221 {
    fn name(&self) -> &str {
        &self.name
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    /// Every rail, or an error: a total that lacks an addend would be wrong.
    fn sample(&mut self) -> Result<Vec<RailSample>, PowerError> {
        let before = clock::now();
        let read: Result<Vec<_>, _> = self.channels.iter().map(Channel::read).collect();
        let at = before.shifted(clock::now().since(before) / 2);
        let samples = read?.into_iter().zip(0..);
        Ok(samples.map(|(r, rail)| r.at(RailId(rail), at)).collect())
    }

    /// Looks for the files again: a driver that was bound anew has another hwmon number.
    fn reopen(&mut self) -> Result<(), PowerError> {
        let scan = scan(&self.root)?;
        let names = |channels: &[Channel]| {
            let labels: Vec<_> = channels.iter().map(|c| c.label.as_str()).collect();
            labels.join(" ")
        };
        let (expected, found) = (names(&self.channels), names(&scan.channels));
        if found != expected {
            return Err(PowerError::OtherRails {
                sensor: self.name.clone(),
                expected,
                found,
            });
        }
        self.channels = scan.channels;
        Ok(())
    }
}

struct Reading {
    volts: Volts,
    amps: Amps,
    watts: Watts,
}

impl Reading {
    const fn at(self, rail: RailId, at: Nanos) -> RailSample {
        RailSample {
            rail,
            at,
            volts: Some(self.volts),
            amps: Some(self.amps),
            watts: self.watts,
        }
    }
}

impl Channel {
    fn read(&self) -> Result<Reading, ReadError> {
        let volts = Volts(self.voltage.number()? as f64 / 1e3);
        let amps = Amps(self.current.number()? as f64 / 1e3);
        let watts = match &self.power {
            Some(power) => Watts::from_mw(power.number()? as f64),
            None => volts.times(amps),
        };
        Ok(Reading { volts, amps, watts })
    }

    /// A channel whose files open and hold numbers; none for what is not connected.
    fn open(files: &ChannelFiles) -> Result<Option<Self>, ReadError> {
        let label = sysfs::text(&files.label)?;
        if is_unconnected(&label) {
            return Ok(None);
        }
        let channel = Self {
            label,
            voltage: Held::open(&files.voltage)?,
            current: Held::open(&files.current)?,
            power: files.power.as_ref().map(Held::open).transpose()?,
        };
        channel.read()?;
        Ok(Some(channel))
    }
}

struct ChannelFiles {
    label: PathBuf,
    voltage: PathBuf,
    current: PathBuf,
    power: Option<PathBuf>,
}

fn scan(root: &Path) -> Result<Scan, ReadError> {
    let mut found = Scan {
        chips: Vec::new(),
        channels: Vec::new(),
        absent: Vec::new(),
    };
    for driver in sysfs::entries_named(&root.join(DRIVERS), "ina3221")? {
        for chip in sysfs::entries(&driver)? {
            let name = sysfs::file_name(&chip);
            if is_i2c_device(&name) {
                match channel_files(&chip) {
                    Ok(files) => found.add(&name, &files),
                    Err(e) => found
                        .absent
                        .push(Absent::new(format!("ina3221 {name}"), &e)),
                }
            }
        }
    }
    Ok(found)
}

impl Scan {
    fn add(&mut self, chip: &str, files: &[ChannelFiles]) {
        let before = self.channels.len();
        for files in files {
            match Channel::open(files) {
                Ok(Some(channel)) if self.channels.len() < MAX_RAILS => self.channels.push(channel),
                Ok(_) => {}
                Err(e) => {
                    let name = format!("ina3221 {chip} {}", sysfs::file_name(&files.label));
                    self.absent.push(Absent::new(name, &e));
                }
            }
        }
        if self.channels.len() > before {
            self.chips.push(chip.to_owned());
        }
    }
}

/// Whether a name is an I2C device's, `BUS-ADDRESS`, and not one of the driver's own files.
fn is_i2c_device(name: &str) -> bool {
    name.split_once('-').is_some_and(|(bus, address)| {
        !bus.is_empty()
            && bus.bytes().all(|b| b.is_ascii_digit())
            && address.len() == 4
            && address.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

/// The labelled channels of a chip, in either driver's layout.
fn channel_files(chip: &Path) -> Result<Vec<ChannelFiles>, ReadError> {
    let mut found = Vec::new();
    for device in sysfs::entries_named(chip, "iio:device")? {
        for label in sysfs::entries_named(&device, "rail_name_")? {
            let name = sysfs::file_name(&label);
            let n = name.trim_start_matches("rail_name_");
            let power = device.join(format!("in_power{n}_input"));
            found.push(ChannelFiles {
                voltage: device.join(format!("in_voltage{n}_input")),
                current: device.join(format!("in_current{n}_input")),
                power: power.exists().then_some(power),
                label,
            });
        }
    }
    for device in sysfs::entries_named(&chip.join("hwmon"), "hwmon")? {
        for label in sysfs::entries_named(&device, "in")? {
            let name = sysfs::file_name(&label);
            let Some(n) = name
                .strip_prefix("in")
                .and_then(|n| n.strip_suffix("_label"))
            else {
                continue;
            };
            let current = device.join(format!("curr{n}_input"));
            // `in7` is labelled too: the sum of shunt voltages, without a current of its own.
            if current.exists() {
                found.push(ChannelFiles {
                    voltage: device.join(format!("in{n}_input")),
                    current,
                    power: None,
                    label,
                });
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
#[path = "ina3221_tests.rs"]
mod tests;
