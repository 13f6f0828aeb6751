//! The board's GPU and its memory controller, from devfreq and, where root lets it, the kernel's debug files.

use std::path::{Path, PathBuf};

use super::{HostError, UnitLoad};
use crate::sysfs::{self, ReadError};
use crate::units::Hertz;

/// Jetson's GPUs in devfreq: by the end of the device's name. Xavier, TX2, Orin, Nano and whatever is called a GPU.
const GPUS: [&str; 5] = ["gv11b", "gp10b", "ga10b", "gm20b", "gpu"];
/// Where the memory controller's clock is, in Hz.
const EMC_RATES: [&str; 2] = [
    "sys/kernel/debug/bpmp/debug/clk/emc/rate",
    "sys/kernel/debug/clk/emc/clk_rate",
];
/// Where its activity is, as a clock in kHz.
const EMC_ACTIVITIES: [&str; 3] = [
    "sys/kernel/debug/cactmon/mc_all",
    "sys/kernel/debug/bpmp/debug/actmon/mc_all_avg_activity",
    "sys/kernel/actmon_avg_activity/mc_all",
];

/// Where the units' files are.
#[derive(Debug)]
pub(super) struct Engines {
    gpu: Option<PathBuf>,
    emc_rate: Vec<PathBuf>,
    emc_activity: Vec<PathBuf>,
}

impl Engines {
    pub(super) fn find(root: &Path) -> Self {
        let folders = sysfs::entries(&root.join("sys/class/devfreq")).unwrap_or_default();
        let is_gpu = |folder: &PathBuf| {
            let name = sysfs::file_name(folder);
            let node = sysfs::text(&folder.join("device/of_node/name")).unwrap_or_default();
            GPUS.iter().any(|gpu| {
                name.ends_with(gpu) || name.starts_with(&format!("{gpu}.")) || node == *gpu
            })
        };
        let under = |paths: &[&str]| paths.iter().map(|p| root.join(p)).collect();
        Self {
            gpu: folders.into_iter().find(is_gpu),
            emc_rate: under(&EMC_RATES),
            emc_activity: under(&EMC_ACTIVITIES),
        }
    }

    pub(super) fn gpu(&self) -> Result<UnitLoad, HostError> {
        let folder = self
            .gpu
            .as_ref()
            .ok_or(HostError::None("devfreq names no GPU of the board"))?;
        let hertz = |file: &str| number(&folder.join(file)).map(|hz| Hertz(hz as f64));
        // Per mille. `device` is the GPU itself.
        let load = number(&folder.join("device/load")).map(|l| l.min(1000) as f64 / 1e3);
        // The clock is what every devfreq device has; without the load alone the GPU is still there.
        let clock = hertz("cur_freq")?;
        Ok(UnitLoad {
            load: load.ok(),
            clock: Some(clock),
            max_clock: hertz("max_freq").ok(),
        })
    }

    pub(super) fn emc(&self) -> Result<UnitLoad, HostError> {
        let hz = first(&self.emc_rate)? as f64;
        let khz = first(&self.emc_activity).ok().filter(|_| hz > 0.0);
        Ok(UnitLoad {
            load: khz.map(|khz| (khz as f64 * 1e3 / hz).min(1.0)),
            clock: Some(Hertz(hz)),
            max_clock: None,
        })
    }
}

/// A number that is not negative.
fn number(path: &Path) -> Result<u64, ReadError> {
    sysfs::number(path).map(|n| u64::try_from(n).unwrap_or_default())
}

/// The first of several places that can be read; the first place's reason if none can.
fn first(paths: &[PathBuf]) -> Result<u64, ReadError> {
    let mut reason = None;
    for path in paths {
        match number(path) {
            Ok(n) => return Ok(n),
            // "Not there" says less than "not allowed".
            Err(e) if reason.as_ref().is_none_or(ReadError::is_not_found) => reason = Some(e),
            Err(_) => {}
        }
    }
    Err(reason.unwrap_or(ReadError::Io {
        path: PathBuf::new(),
        source: std::io::ErrorKind::NotFound.into(),
    }))
}
