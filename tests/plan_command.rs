//! `splitscope plan` as a program: the table, the JSON, and what it refuses.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use assert_cmd::Command;
use serde_json::Value;

fn plan(args: &[&str]) -> Command {
    let mut command = Command::cargo_bin("splitscope").unwrap();
    command.arg("plan").args(["--size", "64"]).args(args);
    command
}

fn stdout(args: &[&str]) -> String {
    let output = plan(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_json_has_every_cut_with_units_and_says_that_it_is_predicted() {
    let text = stdout(&["--model", "mobilenet_v2", "--mbps", "20", "--json"]);
    let whole: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(whole["predicted"], true);
    let candidates = whole["candidates"].as_array().unwrap();
    for cut in 0..=153 {
        let found = candidates
            .iter()
            .find(|c| c["cut"] == cut && c["tiles"] != 8 && c["window"] == 1);
        let found = found.unwrap_or_else(|| panic!("no cut {cut}"));
        assert!(
            found["latency_ms"].as_f64().unwrap() > 0.0
                && found["energy_j"].as_f64().unwrap() > 0.0
        );
    }
    // Nobody is better than the choice, and it is among the candidates.
    let chosen = whole["chosen"]["latency_ms"].as_f64().unwrap();
    let latencies = candidates.iter().map(|c| c["latency_ms"].as_f64().unwrap());
    assert!((latencies.fold(f64::INFINITY, f64::min) - chosen).abs() < 1e-9);
    // 64 x 64 pixels of three bytes at 20 Mbps.
    let remote = candidates.iter().find(|c| c["mode"] == "remote").unwrap();
    assert_eq!(remote["bytes_up"], 64 * 64 * 3);
    assert!(remote["latency_ms"].as_f64().unwrap() > 64.0 * 64.0 * 3.0 * 8.0 / 20e3);
    let refused = whole["refused"].as_array().unwrap();
    assert!(refused.iter().any(|r| r["mode"] == "data"), "{refused:?}");
}

#[test]
fn figures_stand_below_their_heads_however_long_a_plan_is_called() {
    let text = stdout(&["--model", "densenet121", "--mbps", "20"]);
    assert!(text.contains("layers, 58 by all-reduce"), "{text}");
    let table = text.lines().skip_while(|l| !l.contains("p95 ms"));
    let rows: Vec<_> = table.take_while(|l| !l.is_empty()).collect();
    let widths = rows.iter().map(|row| row.chars().count());
    let widths: std::collections::BTreeSet<_> = widths.collect();
    assert!(rows.len() > 4 && widths.len() == 1, "{text}");
}

#[test]
fn a_chosen_plan_stands_once_in_the_table() {
    // The search for the best of a mode may end with another plan that is as good.
    let pair = [
        "--robot",
        "jetson-xavier-nx",
        "--server",
        "jetson-xavier-nx",
    ];
    let mut command = Command::cargo_bin("splitscope").unwrap();
    command.args(["plan", "--model", "vgg19_bn", "--mbps", "93"]);
    let output = command.args(pair).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let table = text.lines().skip_while(|l| !l.contains("p95 ms"));
    let rows: Vec<_> = table.skip(1).take_while(|l| !l.is_empty()).collect();
    let tiles = rows.iter().filter(|row| row[2..].starts_with("tile"));
    assert_eq!(tiles.count(), 1, "{text}");
    assert!(rows.iter().any(|row| row.starts_with("> tile")), "{text}");
}

#[test]
fn the_table_is_labelled_and_gives_reasons_in_numbers() {
    let text = stdout(&["--model", "vgg19", "--mbps", "5"]);
    assert!(
        text.starts_with("PREDICTED, nothing ran: vgg19 64x64"),
        "{text}"
    );
    for part in [
        "no gain in latency:",
        "times as fast as the robot",
        "at 5.0 Mbps",
        "Pareto front:",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // A deadline that nothing meets is flagged.
    let text = stdout(&[
        "--mbps",
        "5",
        "--objective",
        "deadline=0.1",
        "--policy",
        "deadline",
    ]);
    assert!(
        text.contains("NOT within the bound") && text.contains("no plan is in time for 0.1 ms"),
        "{text}"
    );
    // A device without power levels has no energy, which is no zero.
    let text = stdout(&["--robot", "gpu-server", "--mbps", "5", "--json"]);
    let whole: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(whole["chosen"]["energy_j"], Value::Null);
}

#[test]
fn what_cannot_be_is_refused_with_what_is_accepted() {
    for (args, parts) in [
        (
            &["--mbps", "fast"][..],
            &["fast", "megabits per second"][..],
        ),
        (
            &["--mbps", "9", "--objective", "speed"],
            &["speed", "deadline=MS"],
        ),
        (
            &["--mbps", "9", "--policy", "best"],
            &["best", "neurosurgeon"],
        ),
        (
            &["--mbps", "9", "--policy", "deadline"],
            &["needs --objective deadline=MS"],
        ),
        (&["--link", "moon"], &["moon", "outdoors"]),
        (
            &["--mbps", "9", "--robot", "toaster"],
            &["toaster", "jetson-xavier-nx"],
        ),
        (&["--mbps", "9", "--model", "gpt"], &["gpt"]),
        (&[], &["--mbps"]),
    ] {
        let output = plan(args).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {told}");
        assert!(
            parts.iter().all(|part| told.contains(part)),
            "{args:?}: {told}"
        );
    }
}
