//! The demo on emulated devices in lines: telemetry through the link, energy above idle.

use std::process::{Command, Output};

/// Lines of a headless demo on emulated devices.
fn demo(more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_splitscope"))
        .args([
            "demo",
            "--engine",
            "emulated",
            "--model",
            "mobilenet_v2",
            "--size",
            "96",
        ])
        .args(["--headless", "--json", "--no-record"])
        .args(more)
        .env(
            "SPLITSCOPE_CACHE",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"),
        )
        .output()
        .unwrap()
}

#[test]
fn shaped_telemetry_counts_as_the_links_and_is_told() {
    let output = demo(&["--shape-telemetry", "--link", "93", "--seconds", "4"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text
        .lines()
        .last()
        .unwrap_or_else(|| panic!("no frame: {told}"));
    let line: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(line["telemetry_shaped"], true, "{line}");
    let share = line["telemetry_share"].as_f64().unwrap();
    assert!(share > 0.0 && share < 0.05, "{line}");
    assert_eq!(line["frames_without_console"], 0, "{line}");
    assert!(
        line["console_effect"].is_null(),
        "unknown is no number: {line}"
    );
}

#[test]
fn without_a_shaped_link_there_is_nothing_to_go_through() {
    let output = demo(&["--shape-telemetry", "--link", "none", "--frames", "1"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("--shape-telemetry needs a shaped link"),
        "{told}"
    );
}

#[test]
fn lines_have_watts_joules_and_joules_above_an_idle_level_that_was_measured_first() {
    let output = demo(&["--measure-idle", "4", "--seconds", "9"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("keeps the robot idle for 4.0 s"), "{told}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let first = lines.first().unwrap_or_else(|| panic!("no frame: {told}"));
    assert!(
        (first["idle_w"].as_f64().unwrap() - 4.7).abs() < 0.02,
        "{first}"
    );
    let line = lines.last().unwrap();
    assert!(line["idle_age_s"].as_f64().unwrap() < 60.0, "{line}");
    let of = |name: &str| {
        line[name]
            .as_f64()
            .unwrap_or_else(|| panic!("{name}: {line}"))
    };
    let (watts, gross, net) = (of("power_w"), of("energy_j"), of("energy_net_j"));
    assert!(watts > 4.7 && net > 0.0 && net < gross, "{line}");
    // Net is the same share of gross as the power above idle of the power.
    let share = (net / gross) / ((watts - 4.7) / watts);
    assert!((share - 1.0).abs() < 0.05, "{line}");
    assert_eq!(line["power_emulated"], true, "{line}");
}
