//! A made machine, whole and in parts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::units::{BitsPerSecond, Bytes, Celsius, Hertz};

struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn program(&self, path: &str, script: &str) {
        self.write("script", script);
        let source = self.0.path().join("script");
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Another process writes it: a file that this one has open for writing, even in a fork of another test's, is
        // "busy" and does not start.
        let copied = Command::new("cp").args([&source, &path]).status().unwrap();
        assert!(copied.success());
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn reader(&self) -> HostReader {
        HostReader::new(self.0.path())
    }

    /// A Xavier NX on JetPack 5, read as root.
    fn xavier_nx() -> Self {
        let m = Self::new();
        m.write(
            "proc/stat",
            "cpu  0 0 0 0\ncpu0 100 0 0 900\ncpu1 0 0 0 1000\n",
        );
        m.write("proc/meminfo", "MemTotal: 7000 kB\nMemAvailable: 3000 kB\n");
        let core = "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq";
        m.write(core, "1420800\n");
        m.write("sys/class/thermal/thermal_zone0/type", "CPU-therm\n");
        m.write("sys/class/thermal/thermal_zone0/temp", "53500\n");
        m.write("sys/class/thermal/thermal_zone1/type", "CV0-therm\n");
        m.write("sys/class/thermal/thermal_zone1/temp", "-256000\n");
        for (n, what, state, of) in [
            (0, "pwm-fan", 2, 4),
            (1, "thermal-cpufreq-0", 3, 12),
            (10, "thermal-devfreq", 0, 9),
            (11, "intel_powerclamp", -1, 100),
        ] {
            let folder = format!("sys/class/thermal/cooling_device{n}");
            m.write(&format!("{folder}/type"), what);
            m.write(&format!("{folder}/cur_state"), &format!("{state}\n"));
            m.write(&format!("{folder}/max_state"), &format!("{of}\n"));
        }
        let gpu = "sys/class/devfreq/17000000.gv11b";
        m.write("sys/class/devfreq/15340000.vic/cur_freq", "601600000\n");
        m.write(&format!("{gpu}/cur_freq"), "1109250000\n");
        m.write(&format!("{gpu}/max_freq"), "1109250000\n");
        m.write(&format!("{gpu}/device/load"), "991\n");
        m.write("sys/kernel/debug/bpmp/debug/clk/emc/rate", "1600000000\n");
        m.write("sys/kernel/debug/cactmon/mc_all", "400000\n");
        m.write("var/lib/nvpmodel/status", "pmode:0002\n");
        m.write(
            "etc/nvpmodel.conf",
            "< POWER_MODEL ID=2 NAME=MODE_15W_6CORE >\n",
        );
        for (name, scope) in [("BAT0", "System"), ("hidpp_battery_0", "Device")] {
            let folder = format!("sys/class/power_supply/{name}");
            m.write(&format!("{folder}/type"), "Battery\n");
            m.write(&format!("{folder}/scope"), &format!("{scope}\n"));
            m.write(&format!("{folder}/capacity"), "62\n");
            m.write(&format!("{folder}/status"), "Discharging\n");
        }
        m.write("sys/class/power_supply/AC/type", "Mains\n");
        m.write("sys/class/net/eth0/mtu", "1500\n");
        m.write("sys/class/net/wlan0/wireless/x", "");
        m.program(
            "usr/sbin/iw",
            "#!/bin/sh\n[ \"$*\" = 'dev wlan0 link' ] || exit 9\n\
             printf 'Connected to 04:f0:21:0a:bb:1c (on wlan0)\\n\\tfreq: 2437.0\\n\\tsignal: -61 dBm\\n\\ttx bitrate: 86.7 MBit/s\\n'\n",
        );
        m
    }
}

#[test]
fn a_whole_machine_is_read() {
    let machine = Machine::xavier_nx();
    let mut reader = machine.reader();
    let first = reader.read();
    assert_eq!(reader.absent(), []);
    assert!(first.cores.iter().all(|c| c.load.is_none()));
    machine.write("proc/stat", "cpu0 150 0 0 950\ncpu1 0 0 0 1100\n");
    let record = reader.read();
    let core = |core, load, clock| CoreLoad { core, load, clock };
    let cores = [
        core(0, Some(0.5), Some(Hertz(1_420_800_000.0))),
        core(1, Some(0.0), None),
    ];
    assert_eq!(record.cores, cores);
    assert_eq!(record.memory.unwrap().available, Bytes(3_072_000));
    let cpu = Temperature {
        zone: "CPU-therm".to_owned(),
        celsius: Celsius(53.5),
    };
    assert_eq!(record.temperatures, [cpu]);
    let slowed = Throttle {
        what: "thermal-cpufreq-0".to_owned(),
        state: 3,
        of: 12,
    };
    assert_eq!(record.throttling, Some(vec![slowed]));
    let gpu = UnitLoad {
        load: Some(0.991),
        clock: Some(Hertz(1_109_250_000.0)),
        max_clock: Some(Hertz(1_109_250_000.0)),
    };
    assert_eq!(record.gpu, Some(gpu));
    assert_eq!(record.emc.unwrap().load, Some(0.25));
    assert_eq!(record.power_mode.as_deref(), Some("MODE_15W_6CORE"));
    let wifi = Wifi {
        interface: "wlan0".to_owned(),
        signal_dbm: Some(-61.0),
        tx_rate: Some(BitsPerSecond(86.7e6)),
        rx_rate: None,
        bssid: Some("04:f0:21:0a:bb:1c".to_owned()),
        frequency_mhz: Some(2437.0),
    };
    assert_eq!(wifi.channel(), Some(6));
    assert_eq!(record.wifi, [wifi]);
    let battery = Battery {
        name: "BAT0".to_owned(),
        charge_percent: Some(62.0),
        status: Some("Discharging".to_owned()),
    };
    assert_eq!(record.batteries, [battery]);
}

#[test]
fn an_empty_machine_has_nothing_and_says_why() {
    let machine = Machine::new();
    let mut reader = machine.reader();
    let record = reader.read();
    let nothing = HostRecord {
        at: record.at,
        ..HostRecord::default()
    };
    assert_eq!(record, nothing);
    let names: Vec<_> = reader.absent().into_iter().map(|a| a.name).collect();
    let expected = [
        "battery",
        "cpu",
        "gpu",
        "memory",
        "memory controller",
        "power mode",
        "temperatures",
        "throttling",
        "wifi",
    ];
    assert_eq!(names, expected);
}

#[test]
fn one_broken_part_stops_no_other_and_comes_back() {
    let machine = Machine::xavier_nx();
    let mut reader = machine.reader();
    machine.write("proc/meminfo", "garbage");
    machine.program("usr/sbin/iw", "#!/bin/sh\nexit 237\n");
    let record = reader.read();
    assert_eq!(record.memory, None);
    // The interface is there; nothing is known of it.
    assert_eq!(record.wifi[0].signal_dbm, None);
    assert!(record.gpu.is_some());
    let absent = reader.absent();
    assert_eq!(absent.len(), 2);
    assert!(absent[0].reason.ends_with("read \"garbage\""), "{absent:?}");
    assert!(absent[1].reason.contains("237"), "{absent:?}");
    machine.write("proc/meminfo", "MemTotal: 7000 kB\nMemAvailable: 3000 kB\n");
    assert!(reader.read().memory.is_some());
    assert_eq!(reader.absent().len(), 1);
}

#[test]
fn a_stuck_command_is_killed() {
    let machine = Machine::xavier_nx();
    machine.program("usr/sbin/iw", "#!/bin/sh\nexec sleep 600\n");
    let mut reader = machine.reader();
    let signal = " wlan0: 0000   58.  -52.  -256  0 0 0 0 0 0\n";
    machine.write("proc/net/wireless", signal);
    // The kernel's own file still has the signal.
    let wifi = reader.read().wifi.remove(0);
    assert_eq!((wifi.signal_dbm, wifi.bssid), (Some(-52.0), None));
    let absent = reader.absent();
    assert!(
        absent[0].reason.ends_with("has not ended after 1 s"),
        "{absent:?}"
    );
}

#[test]
fn the_mode_comes_from_the_command_where_there_is_no_file() {
    let machine = Machine::xavier_nx();
    fs::remove_file(machine.0.path().join("var/lib/nvpmodel/status")).unwrap();
    machine.program(
        "usr/sbin/nvpmodel",
        "#!/bin/sh\n[ $1 = -q ] && echo 'NV Power Mode: 20W' && echo 8\n",
    );
    assert_eq!(machine.reader().read().power_mode.as_deref(), Some("20W"));
}

#[test]
fn an_orin_names_its_gpu_another_way() {
    let machine = Machine::new();
    machine.write("sys/class/devfreq/17000000.gpu/cur_freq", "306000000\n");
    let gpu = machine.reader().read().gpu.unwrap();
    assert_eq!((gpu.clock, gpu.load), (Some(Hertz(306e6)), None));
}

#[test]
fn a_record_survives_both_encodings_and_an_older_one_is_read() {
    let machine = Machine::xavier_nx();
    let record = machine.reader().read();
    let packed = rmp_serde::to_vec_named(&record).unwrap();
    assert_eq!(
        rmp_serde::from_slice::<HostRecord>(&packed).unwrap(),
        record
    );
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<HostRecord>(&text).unwrap(), record);
    let older: HostRecord = serde_json::from_str(r#"{"at":5}"#).unwrap();
    assert_eq!((older.at.0, older.memory), (5, None));
}

#[test]
fn this_machine_tells_its_cores_and_memory() {
    let mut reader = HostReader::new(Path::new("/"));
    let record = reader.read();
    assert!(!record.cores.is_empty(), "{:?}", reader.absent());
    let memory = record.memory.unwrap();
    assert!(memory.total.0 > 0 && memory.available <= memory.total);
}

/// Every file of a made machine; `iw` is left out, which would be a process a case.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_that_a_machines_files_hold_stops_it_or_becomes_no_number(
        broken in prop::collection::vec(
            (
                any::<prop::sample::Index>(),
                prop_oneof![
                    any::<i64>().prop_map(|n| format!("{n}\n").into_bytes()),
                    prop::collection::vec(any::<u8>(), 0..100),
                ],
            ),
            1..12,
        ),
    ) {
        let machine = Machine::xavier_nx();
        let root = machine.0.path();
        fs::remove_dir_all(root.join("usr")).unwrap();
        fs::remove_file(root.join("script")).unwrap();
        let mut reader = machine.reader();
        reader.read();
        let files = files(root);
        for (which, content) in broken {
            fs::write(&files[which.index(files.len())], content).unwrap();
        }
        let record = reader.read();
        let shares = record.cores.iter().filter_map(|c| c.load);
        let units = [record.gpu, record.emc].into_iter().flatten();
        for load in shares.chain(units.filter_map(|u| u.load)) {
            prop_assert!((0.0..=1.0).contains(&load), "{record:?}");
        }
        prop_assert!(record.temperatures.iter().all(|t| t.celsius.0.is_finite()));
        prop_assert!(record.wifi.iter().all(|w| w.signal_dbm.is_none_or(f64::is_finite)));
        for battery in &record.batteries {
            prop_assert!(battery.charge_percent.is_none_or(|p| (0.0..=100.0).contains(&p)));
        }
    }
}
