//! Which power sensors a machine has.

use std::path::Path;

use super::{Ina3221, PowerSource, Rapl, Tegrastats};
use crate::sysfs::Absent;

/// What a machine has to measure power with, and what it does not have.
#[derive(Default)]
pub struct Discovered {
    /// What can be read.
    pub sources: Vec<Box<dyn PowerSource>>,
    /// What cannot, each with its reason.
    pub absent: Vec<Absent>,
}

/// Looks for every kind of sensor under a root, `/` on a real machine. What fails is listed and stops nothing.
///
/// `tegrastats` reads the INA3221 too and costs a process: it is started only where the chip itself gave no rail.
pub fn discover(root: &Path) -> Discovered {
    let mut found = Discovered::default();
    let (ina3221, absent) = Ina3221::find(root);
    found.absent.extend(absent);
    if let Some(source) = ina3221 {
        found.sources.push(Box::new(source));
        let reason = "not needed: the INA3221 is read itself";
        found.absent.push(Absent::new("tegrastats", reason));
    } else {
        match Tegrastats::find(root) {
            Ok(source) => found.sources.push(Box::new(source)),
            Err(absent) => found.absent.push(absent),
        }
    }
    let (rapl, absent) = Rapl::find(root);
    found.absent.extend(absent);
    if let Some(source) = rapl {
        found.sources.push(Box::new(source));
    }
    add_nvml(root, &mut found);
    found
}

#[cfg(feature = "nvml")]
fn add_nvml(root: &Path, found: &mut Discovered) {
    // The library speaks to this machine's driver, whatever the root.
    if root != Path::new("/") {
        let reason = "it measures this machine only, not another root";
        found.absent.push(Absent::new("nvml", reason));
        return;
    }
    match super::NvmlGpus::find() {
        Ok(source) => found.sources.push(Box::new(source)),
        Err(e) => found.absent.push(Absent::new("nvml", &e)),
    }
}

#[cfg(not(feature = "nvml"))]
fn add_nvml(_root: &Path, found: &mut Discovered) {
    let reason = "this program was built without the feature `nvml`";
    found.absent.push(Absent::new("nvml", reason));
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_machine_has_nothing_and_says_why_for_each() {
        let root = tempfile::tempdir().unwrap();
        let found = discover(root.path());
        assert_eq!(found.sources.len(), 0);
        let names: Vec<_> = found.absent.iter().map(|a| a.name.as_str()).collect();
        assert_eq!(names, ["ina3221", "tegrastats", "rapl", "nvml"]);
        assert!(found.absent.iter().all(|a| !a.reason.is_empty()));
    }

    #[test]
    fn one_broken_sensor_stops_no_other() {
        let root = tempfile::tempdir().unwrap();
        let chip = root
            .path()
            .join("sys/bus/i2c/drivers/ina3221/7-0040/hwmon/hwmon0");
        fs::create_dir_all(&chip).unwrap();
        fs::write(chip.join("in1_label"), "VDD_IN").unwrap();
        fs::write(chip.join("in1_input"), "garbage").unwrap();
        fs::write(chip.join("curr1_input"), "900").unwrap();
        let zone = root.path().join("sys/class/powercap/intel-rapl:0");
        fs::create_dir_all(&zone).unwrap();
        for (file, text) in [
            ("name", "package-0"),
            ("energy_uj", "1"),
            ("max_energy_range_uj", "100"),
        ] {
            fs::write(zone.join(file), text).unwrap();
        }
        let found = discover(root.path());
        let names: Vec<_> = found.sources.iter().map(|s| s.name()).collect();
        assert_eq!(names, ["rapl"]);
        assert_eq!(found.absent[0].name, "ina3221 7-0040 in1_label");
        assert!(found.absent[0].reason.contains("garbage"));
    }

    /// The files of a chip in either layout and of an energy counter.
    const SENSOR_FILES: [&str; 11] = [
        "sys/bus/i2c/drivers/ina3221x/7-0040/iio:device0/rail_name_0",
        "sys/bus/i2c/drivers/ina3221x/7-0040/iio:device0/in_voltage0_input",
        "sys/bus/i2c/drivers/ina3221x/7-0040/iio:device0/in_current0_input",
        "sys/bus/i2c/drivers/ina3221x/7-0040/iio:device0/in_power0_input",
        "sys/bus/i2c/drivers/ina3221/1-0041/hwmon/hwmon3/in1_label",
        "sys/bus/i2c/drivers/ina3221/1-0041/hwmon/hwmon3/in1_input",
        "sys/bus/i2c/drivers/ina3221/1-0041/hwmon/hwmon3/curr1_input",
        "sys/class/powercap/intel-rapl:0/name",
        "sys/class/powercap/intel-rapl:0/energy_uj",
        "sys/class/powercap/intel-rapl:0/max_energy_range_uj",
        "sys/class/powercap/intel-rapl:0:0/name",
    ];

    /// What such a file may hold: a number of any size, or anything.
    fn content() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            3 => any::<i64>().prop_map(|n| format!("{n}\n").into_bytes()),
            1 => Just(b"VDD_IN\n".to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..100),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn nothing_that_sensors_files_hold_stops_it_or_becomes_no_number(
            first in prop::collection::vec(content(), SENSOR_FILES.len()),
            then in prop::collection::vec(content(), SENSOR_FILES.len()),
        ) {
            let root = tempfile::tempdir().unwrap();
            let write = |contents: &[Vec<u8>]| {
                for (file, content) in SENSOR_FILES.iter().zip(contents) {
                    let file = root.path().join(file);
                    fs::create_dir_all(file.parent().unwrap()).unwrap();
                    fs::write(file, content).unwrap();
                }
            };
            write(&first);
            let mut found = discover(root.path());
            for contents in [&first, &then] {
                write(contents);
                for source in &mut found.sources {
                    for sample in source.sample().unwrap_or_default() {
                        prop_assert!(sample.watts.0.is_finite(), "{}: {sample:?}", source.name());
                    }
                    let _ = source.reopen();
                }
            }
        }
    }
}
