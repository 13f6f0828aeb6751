//! Batteries from the kernel's folder of power supplies.

use std::path::Path;

use super::{Battery, HostError};
use crate::sysfs;

const FOLDER: &str = "sys/class/power_supply";
/// Batteries told of at most.
const MAX: usize = 8;

/// Every battery that powers the machine; a mouse's or a headset's (scope `Device`) is none of it.
pub(super) fn read(root: &Path) -> Result<Vec<Battery>, HostError> {
    let mut found = Vec::new();
    for supply in sysfs::entries_named(&root.join(FOLDER), "")? {
        let text = |file: &str| sysfs::text(&supply.join(file)).ok();
        let is_battery = text("type").as_deref() == Some("Battery");
        if !is_battery || text("scope").as_deref() == Some("Device") || found.len() >= MAX {
            continue;
        }
        let charge = sysfs::number(&supply.join("capacity")).ok();
        let charge = charge.filter(|percent| (0..=100).contains(percent));
        found.push(Battery {
            name: sysfs::file_name(&supply),
            charge_percent: charge.map(|percent| percent as f64),
            status: text("status").map(|s| s.chars().take(32).collect()),
        });
    }
    if found.is_empty() {
        return Err(HostError::None("no power supply of type Battery"));
    }
    Ok(found)
}
