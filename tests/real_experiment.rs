//! An experiment whose workers compute with libtorch: `splitscope run` from the file to the page.
#![cfg(feature = "torch")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::fs;
use std::process::Command;

use splitscope::sweep::SweepFile;

const EXPERIMENT: &str = r#"
format = 1
title = "Small and real"
link = "93"

[model]
name = "mobilenet_v2"
size = [64, 64]

[robot]
real = 1

[[servers]]
real = 1

[sweep]
cuts = "0,60"
plans = [{ mode = "local" }, { mode = "pipeline", cut = 60, window = 3 }]
repeats = 2
frames = 2
idle_seconds = 0
"#;

fn splitscope(args: &[&str]) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_splitscope"))
        .args(args)
        .env("SPLITSCOPE_LOG", "warn")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{args:?}: {out}{err}");
    (out, err)
}

#[test]
fn real_workers_are_started_swept_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    fs::write(place("real.toml"), EXPERIMENT).unwrap();
    let stem = place("out");
    let (table, _) = splitscope(&["run", &place("real.toml"), "--out", &stem]);

    let file = SweepFile::read(place("out.csv").as_ref()).expect("a sweep");
    let header = &file.header;
    assert!(!header.robot.emulated && !header.servers[0].emulated);
    assert!(
        header.robot.engine.contains("torch"),
        "{}",
        header.robot.engine
    );
    assert!(header.link_emulated && header.link.as_deref() == Some("93"));
    assert_eq!(file.end.as_ref().unwrap().how, "done");
    assert!(file.frames.iter().all(|row| !row.emulated));
    for (place, plan) in header.plans.iter().enumerate() {
        let used = file.frames.iter();
        let used = used.filter(|row| row.plan == place && row.left_out.is_none());
        assert!(used.clone().count() >= 4, "{}", plan.label);
        // Nothing computed is made up: the robot's part of a cut takes time, that of `remote` takes none.
        for row in used {
            assert_eq!(
                row.parts.robot_compute_ns > 0,
                plan.cut != Some(0),
                "{row:?}"
            );
            assert_eq!(row.bytes_up > 0, plan.label != "local", "{row:?}");
        }
    }
    // Both computed on this machine; whether they slow each other was looked at before, and is said.
    let said = file.summary().contention().expect("a sentence");
    assert!(table.contains(&said), "{table}");

    splitscope(&["report", &place("out.csv"), "--html", &place("out.html")]);
    let page = fs::read_to_string(place("out.html")).unwrap();
    assert!(page.contains("EMULATED LINK") && page.contains("93 Mbps, emulated"));
    assert!(!page.contains(">EMULATED</strong>"), "the devices are not");
    let timeline = place("out.svg");
    splitscope(&[
        "report",
        &place("out.mcap"),
        "--figure",
        "timeline",
        "--out",
        &timeline,
    ]);
    let figure = fs::read_to_string(timeline).unwrap();
    assert!(!figure.contains("not in the file"), "{figure}");
}
