//! The INA3221 on made trees of each layout.

use std::fs;
use std::path::Path;

use super::*;
use crate::power::Counts;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A chip in JetPack 4's layout: (label, mV, mA, mW).
fn iio(root: &Path, chip: &str, rails: &[(&str, i64, i64, i64)]) {
    let folder = format!("sys/bus/i2c/drivers/ina3221x/{chip}/iio:device0");
    write(root, "sys/bus/i2c/drivers/ina3221x/bind", "");
    for (n, (label, mv, ma, mw)) in rails.iter().enumerate() {
        write(
            root,
            &format!("{folder}/rail_name_{n}"),
            &format!("{label}\n"),
        );
        write(
            root,
            &format!("{folder}/in_voltage{n}_input"),
            &format!("{mv}\n"),
        );
        write(
            root,
            &format!("{folder}/in_current{n}_input"),
            &format!("{ma}\n"),
        );
        write(
            root,
            &format!("{folder}/in_power{n}_input"),
            &format!("{mw}\n"),
        );
    }
}

/// A chip in the layout of JetPack 5 and later: (label, mV, mA), with the driver's unlabelled and summing channels.
fn hwmon(root: &Path, chip: &str, number: u32, rails: &[(&str, i64, i64)]) {
    let folder = format!("sys/bus/i2c/drivers/ina3221/{chip}/hwmon/hwmon{number}");
    write(root, "sys/bus/i2c/drivers/ina3221/uevent", "");
    for (n, (label, mv, ma)) in (1..).zip(rails) {
        write(
            root,
            &format!("{folder}/in{n}_label"),
            &format!("{label}\n"),
        );
        write(root, &format!("{folder}/in{n}_input"), &format!("{mv}\n"));
        write(root, &format!("{folder}/curr{n}_input"), &format!("{ma}\n"));
        write(root, &format!("{folder}/in{}_input", n + 3), "4\n");
    }
    write(
        root,
        &format!("{folder}/in7_label"),
        "sum of shunt voltages\n",
    );
    write(root, &format!("{folder}/in7_input"), "12\n");
    write(root, &format!("{folder}/curr4_input"), "900\n");
}

fn names(source: &Ina3221) -> Vec<&str> {
    source.rails().iter().map(|r| r.name.as_str()).collect()
}

fn watts(samples: &[RailSample]) -> Vec<f64> {
    samples.iter().map(|s| s.watts.0).collect()
}

#[test]
fn xavier_nx_on_jetpack_4() {
    let root = tempfile::tempdir().unwrap();
    let rails = [
        ("VDD_IN", 5072, 904, 4568),
        ("VDD_CPU_GPU_CV", 5064, 112, 573),
        ("VDD_SOC", 5064, 216, 1104),
    ];
    iio(root.path(), "7-0040", &rails);
    let (source, absent) = Ina3221::find(root.path());
    let mut source = source.unwrap();
    assert_eq!(absent, []);
    assert_eq!(source.name(), "ina3221 7-0040");
    assert_eq!(names(&source), ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"]);
    assert_eq!(source.rails()[0].counts, Counts::Total);
    let samples = source.sample().unwrap();
    // The driver's own power, not the product: 5.072 V times 0.904 A is 4.585 W.
    assert_eq!(watts(&samples), [4.568, 0.573, 1.104]);
    assert_eq!(samples[0].volts, Some(Volts(5.072)));
    assert_eq!(samples[0].amps, Some(Amps(0.904)));
    assert!(samples.iter().all(|s| s.at == samples[0].at));
}

#[test]
fn xavier_nx_on_jetpack_5_multiplies_volts_and_amps() {
    let root = tempfile::tempdir().unwrap();
    let rails = [
        ("VDD_IN", 5000, 900),
        ("VDD_CPU_GPU_CV", 5000, 100),
        ("VDD_SOC", 5000, 200),
    ];
    hwmon(root.path(), "7-0040", 4, &rails);
    let (source, absent) = Ina3221::find(root.path());
    let mut source = source.unwrap();
    assert_eq!(absent, []);
    assert_eq!(names(&source), ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"]);
    assert_eq!(watts(&source.sample().unwrap()), [4.5, 0.5, 1.0]);
}

#[test]
fn orin_nx_is_on_another_bus() {
    let root = tempfile::tempdir().unwrap();
    hwmon(
        root.path(),
        "1-0040",
        2,
        &[
            ("VDD_IN", 5000, 1200),
            ("VDD_CPU_GPU_CV", 5000, 300),
            ("VDD_SOC", 5000, 400),
        ],
    );
    let mut source = Ina3221::find(root.path()).0.unwrap();
    assert_eq!(source.name(), "ina3221 1-0040");
    assert_eq!(watts(&source.sample().unwrap()), [6.0, 1.5, 2.0]);
}

fn agx_orin(root: &Path) {
    hwmon(
        root,
        "1-0040",
        2,
        &[
            ("VDD_GPU_SOC", 19_000, 200),
            ("VDD_CPU_CV", 19_000, 40),
            ("VIN_SYS_5V0", 5_000, 600),
        ],
    );
    hwmon(
        root,
        "1-0041",
        3,
        &[("NC", 0, 0), ("VDDQ_VDD2_1V8AO", 5_000, 100), ("NC", 0, 0)],
    );
}

#[test]
fn agx_orin_has_two_chips_whose_rails_add_up_without_the_unconnected() {
    let root = tempfile::tempdir().unwrap();
    agx_orin(root.path());
    let mut source = Ina3221::find(root.path()).0.unwrap();
    assert_eq!(source.name(), "ina3221 1-0040 1-0041");
    let expected = [
        "VDD_GPU_SOC",
        "VDD_CPU_CV",
        "VIN_SYS_5V0",
        "VDDQ_VDD2_1V8AO",
    ];
    assert_eq!(names(&source), expected);
    assert!(source.rails().iter().all(|r| r.counts == Counts::Addend));
    let sum: f64 = watts(&source.sample().unwrap()).iter().sum();
    assert!((sum - 8.06).abs() < 1e-9, "{sum}");
}

#[test]
fn an_unreadable_rail_is_absent_with_its_reason_and_its_board_has_no_sum() {
    let root = tempfile::tempdir().unwrap();
    agx_orin(root.path());
    let chip = "sys/bus/i2c/drivers/ina3221/1-0041/hwmon/hwmon3";
    write(root.path(), &format!("{chip}/curr2_input"), "no data\n");
    let (source, absent) = Ina3221::find(root.path());
    let source = source.unwrap();
    assert_eq!(names(&source), ["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"]);
    assert!(source.rails().iter().all(|r| r.counts == Counts::Within));
    assert_eq!(absent.len(), 1);
    assert_eq!(absent[0].name, "ina3221 1-0041 in2_label");
    assert!(absent[0].reason.ends_with("read \"no data\""), "{absent:?}");
}

#[test]
fn a_machine_without_the_chip_says_so() {
    let root = tempfile::tempdir().unwrap();
    let (source, absent) = Ina3221::find(root.path());
    assert!(source.is_none());
    assert_eq!(absent[0].name, "ina3221");
}

#[test]
fn a_chip_that_comes_back_under_another_number_is_found_again() {
    let root = tempfile::tempdir().unwrap();
    let rails = [("VDD_IN", 5000, 900)];
    hwmon(root.path(), "7-0040", 4, &rails);
    let mut source = Ina3221::find(root.path()).0.unwrap();
    let chip = root.path().join("sys/bus/i2c/drivers/ina3221/7-0040");
    fs::write(chip.join("hwmon/hwmon4/in1_input"), "").unwrap();
    assert!(source.sample().is_err());
    fs::remove_dir_all(&chip).unwrap();
    assert!(source.reopen().is_err());
    hwmon(root.path(), "7-0040", 11, &[("VDD_IN", 5000, 800)]);
    source.reopen().unwrap();
    assert_eq!(watts(&source.sample().unwrap()), [4.0]);
    fs::remove_dir_all(&chip).unwrap();
    hwmon(root.path(), "7-0040", 12, &[("VDD_SOC", 5000, 800)]);
    let said = source.reopen().unwrap_err().to_string();
    assert!(
        said.ends_with("expected the rails VDD_IN, found VDD_SOC"),
        "{said}"
    );
}
