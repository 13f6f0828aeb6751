//! Temperatures and throttling from the kernel's thermal folder.

use std::path::Path;

use super::{HostError, Temperature, Throttle};
use crate::sysfs;
use crate::units::Celsius;

const FOLDER: &str = "sys/class/thermal";
/// Sensors and coolers told of at most.
const MAX: usize = 256;
/// Jetsons name a sensor that is switched off with -256 °C, in millidegrees here.
const OFF_MILLI: i64 = -200_000;

/// Every zone that gives a temperature; a sensor of a unit that is switched off gives none.
pub(super) fn temperatures(root: &Path) -> Result<Vec<Temperature>, HostError> {
    let mut found = Vec::new();
    for zone in sysfs::entries_named(&root.join(FOLDER), "thermal_zone")? {
        if let (Ok(name), Ok(milli)) = (
            sysfs::text(&zone.join("type")),
            sysfs::number(&zone.join("temp")),
        ) && milli > OFF_MILLI
            && found.len() < MAX
        {
            found.push(Temperature {
                zone: name,
                celsius: Celsius(milli as f64 / 1e3),
            });
        }
    }
    if found.is_empty() {
        return Err(HostError::None("no thermal zone gives a temperature"));
    }
    Ok(found)
}

/// What slows the machine down now. A fan cools without slowing anything.
pub(super) fn throttling(root: &Path) -> Result<Vec<Throttle>, HostError> {
    let (mut active, mut devices) = (Vec::new(), 0);
    for device in sysfs::entries_named(&root.join(FOLDER), "cooling_device")? {
        let read = |file: &str| sysfs::number(&device.join(file)).ok();
        let (Ok(what), Some(state), Some(of)) = (
            sysfs::text(&device.join("type")),
            read("cur_state"),
            read("max_state"),
        ) else {
            continue;
        };
        if what.to_ascii_lowercase().contains("fan") {
            continue;
        }
        devices += 1;
        // Some drivers say -1 for "off".
        if let (Ok(state @ 1..), Ok(of)) = (u32::try_from(state), u32::try_from(of))
            && active.len() < MAX
        {
            active.push(Throttle { what, state, of });
        }
    }
    if devices == 0 {
        return Err(HostError::None("the kernel names nothing that throttles"));
    }
    Ok(active)
}
