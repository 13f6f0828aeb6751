//! Sessions from start to end, with the program itself: recorded without being asked, killed, repaired, told about,
//! exported, read by foreign programs. The workers are emulated; recording and files are real.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

#[path = "sessions/formats.rs"]
mod formats;
#[path = "support/python.rs"]
mod python;
#[path = "sessions/support.rs"]
mod support;

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use splitscope::session::{Reader, What};
use splitscope::units::Nanos;
use support::{Folder, demo, info, lines};

#[test]
fn a_demo_is_recorded_without_being_asked_and_the_file_has_what_the_lines_had() {
    let folder = Folder::new();
    let out = folder.run(&demo(&["--frames", "25", "--place", "the garden"]));
    assert!(out.status.success(), "{out:?}");
    let frames = lines(&out.stdout);
    let file = folder.only_session();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains(&file.display().to_string()), "{said}");

    let card = info(&folder, &file);
    assert_eq!(card["emulated"], true);
    assert_eq!(card["models"][0], "mobilenet_v2");
    assert_eq!(card["meta"]["place"], "the garden");
    assert!(card["frames"].as_u64().unwrap() >= 25);
    let roles: Vec<_> = card["workers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w["role"].clone())
        .collect();
    assert_eq!(roles, ["robot", "server"]);

    // The same frames with the same numbers as on standard output.
    let reader = Reader::open(&file).unwrap();
    let mut told = reader
        .entries_of_kinds(.., |kind| kind == "frame")
        .filter_map(|e| match e.unwrap().what {
            What::Record(told) => serde_json::to_value(told.record).ok(),
            _ => None,
        });
    for line in &frames {
        let frame = told.next().expect("every line's frame");
        assert_eq!(frame["frame"]["frame"], line["frame"]);
        let ms = frame["frame"]["latency_ns"].as_f64().unwrap() / 1e6;
        assert!((ms - line["latency_ms"].as_f64().unwrap()).abs() < 1e-3);
    }

    // Place is remembered for the next session; --no-record leaves nothing.
    folder.run(&demo(&["--frames", "1", "--no-record"]));
    folder.only_session();
    folder.run(&demo(&["--frames", "1", "--record", "second.mcap"]));
    let second = info(&folder, &folder.path().join("second.mcap"));
    assert_eq!(second["meta"]["place"], "the garden");
    // An existing file is never overwritten.
    let again = folder.run(&demo(&["--frames", "1", "--record", "second.mcap"]));
    assert_eq!(again.status.code(), Some(2));
}

#[test]
fn killed_at_any_moment_the_session_opens_and_misses_a_second_at_most() {
    let folder = Folder::new();
    let mut child = folder
        .command(&demo(&["--record", "killed.mcap"]))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = std::io::BufReader::new(child.stdout.take().unwrap());
    let start = support::now();
    let mut told = Vec::new();
    for line in std::io::BufRead::lines(out) {
        let frame: Value = serde_json::from_str(&line.unwrap()).unwrap();
        told.push((start.elapsed(), frame["frame"].as_u64().unwrap()));
        if start.elapsed().as_secs() >= 4 && told.len() > 20 {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let killed_at = told.last().expect("frames came").0;

    let file = folder.path().join("killed.mcap");
    let reader = Reader::open(&file).unwrap();
    let recorded = reader.summary().frames;
    let due = told
        .iter()
        .filter(|(at, _)| *at + std::time::Duration::from_secs(1) <= killed_at);
    let due = due.map(|(_, frame)| *frame).max().unwrap_or(0);
    let frames = reader.entries_of_kinds(.., |kind| kind == "frame");
    let newest = frames.filter_map(|e| match e.unwrap().what {
        What::Record(told) => serde_json::to_value(told.record).unwrap()["frame"]["frame"].as_u64(),
        _ => None,
    });
    assert!(newest.max().unwrap() >= due, "frame {due} is missing");
    assert!(recorded > 0);
    // Opening it wrote the index.
    let repaired = folder.run(&["repair", "killed.mcap"]);
    let said = String::from_utf8_lossy(&repaired.stdout).into_owned();
    assert!(
        repaired.status.success() && said.contains("its index is there and sound"),
        "{said}"
    );
}

#[test]
fn a_torn_file_is_mended_and_says_what_was_lost() {
    let folder = Folder::new();
    folder.run(&demo(&["--frames", "40", "--record", "whole.mcap"]));
    let whole = std::fs::read(folder.path().join("whole.mcap")).unwrap();
    let torn = &whole[..whole.len() * 6 / 10];
    std::fs::write(folder.path().join("torn.mcap"), torn).unwrap();
    let out = folder.run(&["repair", "torn.mcap"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.status.success() && said.contains("written anew"),
        "{said}"
    );
    let out = folder.run(&["repair", "torn.mcap"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(said.contains("is there and sound"), "{said}");

    std::fs::write(folder.path().join("letter.mcap"), "Dear sir").unwrap();
    let out = folder.run(&["info", "letter.mcap"]);
    assert_eq!(out.status.code(), Some(1));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(
        said.contains("letter.mcap is no splitscope session"),
        "{said}"
    );
}

/// The times, in seconds of the session, between which the middle third of its batches of frames came: others came
/// before and after.
fn inner_third(file: &Path) -> (f64, f64) {
    let reader = Reader::open(file).unwrap();
    let frames = reader.entries_of_kinds(.., |kind| kind == "frame");
    let mut times: Vec<_> = frames.map(|frame| frame.unwrap().at).collect();
    times.dedup();
    assert!(times.len() >= 3, "{times:?}");
    let began = reader.summary().began;
    // Just before a batch: seconds are rounded on their way through the command line.
    let [from, to] = [1, 2].map(|third| times[times.len() * third / 3].since(began) - 2_000);
    (from as f64 / 1e9, to as f64 / 1e9)
}

#[test]
fn sessions_are_listed_named_edited_cut_and_deleted() {
    let folder = Folder::new();
    let out = folder.run(&["sessions"]);
    assert!(String::from_utf8_lossy(&out.stdout).starts_with("no sessions in"));
    // A second of the robot's at least, in whatever time this machine takes for it.
    folder.run(&demo(&["--frames", "100"]));
    let file = folder.only_session();
    let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
    let (from, to) = inner_third(&file);
    folder.run(&["sessions", "rename", &name, "third run"]);
    folder.run(&[
        "sessions",
        "edit",
        &name,
        "--notes",
        "wet grass",
        "--weather",
        "rain",
    ]);
    folder.run(&[
        "sessions",
        "edit",
        &name,
        "--notes",
        "wet grass, two people",
    ]);
    let listed = folder.run(&["sessions", "list", "--json"]);
    let listed = lines(&listed.stdout);
    assert_eq!(listed[0]["meta"]["name"], "third run");
    assert_eq!(listed[0]["meta"]["notes"], "wet grass, two people");
    assert_eq!(listed[0]["meta"]["weather"], "rain");
    let table = folder.run(&["sessions"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(
        table.contains("third run") && table.contains("mobilenet_v2"),
        "{table}"
    );
    // What the list calls it is enough to name it.
    let card = folder.run(&["info", "third run"]);
    let card = String::from_utf8_lossy(&card.stdout).into_owned();
    assert!(card.contains("wet grass, two people"), "{card}");
    for absent in [&["info", "fourth run"][..], &["compare", "no.mcap", &name]] {
        let out = folder.run(absent);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(2), "{said}");
        assert!(said.contains("there is no session"), "{said}");
    }

    let out = folder.run(&[
        "sessions",
        "snapshot",
        &name,
        "--from",
        &format!("{from:.6}"),
        "--to",
        &format!("0:{to:.6}"),
        "--out",
        "part.mcap",
    ]);
    assert!(out.status.success(), "{out:?}");
    let (part, all) = (folder.path().join("part.mcap"), info(&folder, &file));
    let cut = info(&folder, &part);
    let frames = |card: &Value| card["frames"].as_u64().unwrap();
    assert!((1..frames(&all)).contains(&frames(&cut)), "{cut} of {all}");
    assert!(cut["duration_s"].as_f64().unwrap() <= to - from + 1e-3);
    // What was known before the cut is known after it.
    assert_eq!(cut["models"], all["models"]);
    assert_eq!(cut["meta"]["name"], "third run");
    let reader = Reader::open(&part).unwrap();
    let first: Vec<_> = reader
        .entries(..)
        .take(40)
        .map(|e| e.unwrap().what.kind())
        .collect();
    for kind in ["start", "target", "hello", "plan"] {
        assert!(first.contains(&kind), "{first:?}");
    }

    // Without a terminal and without --yes nothing is deleted.
    assert_eq!(
        folder.run(&["sessions", "delete", &name]).status.code(),
        Some(2)
    );
    assert!(file.exists());
    assert!(
        folder
            .run(&["sessions", "delete", &name, "--yes"])
            .status
            .success()
    );
    assert!(!file.exists());
}

#[test]
fn at_its_limit_the_recording_ends_and_says_so_and_the_experiment_goes_on() {
    let folder = Folder::new();
    let out = folder.run(&demo(&[
        "--seconds",
        "8",
        "--record",
        "small.mcap",
        "--record-limit",
        "100k",
    ]));
    assert!(out.status.success());
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("reached its limit of 100 kB"), "{said}");
    let reader = Reader::open(&folder.path().join("small.mcap")).unwrap();
    assert!(reader.is_whole());
    let last = lines(&out.stdout).last().unwrap()["frame"]
        .as_u64()
        .unwrap();
    assert!(reader.summary().frames < last, "frames go on after it");
}

#[test]
fn a_full_disk_stops_the_recording_and_nothing_else() {
    let folder = Folder::new();
    // A disk of our own with room for a second or two; later there is more.
    let script = format!(
        "mkdir disk && mount -t tmpfs -o size=4m tmpfs disk && \
         head -c 4040k /dev/zero > disk/ballast && (sleep 7; rm disk/ballast) & \
         sleep 0.3; {} {} ; cp disk/full.mcap kept.mcap",
        env!("CARGO_BIN_EXE_splitscope"),
        demo(&["--seconds", "12", "--record", "disk/full.mcap"]).join(" "),
    );
    let probe = std::process::Command::new("unshare")
        .args(["-rm", "true"])
        .status();
    if !probe.is_ok_and(|s| s.success()) {
        writeln!(
            std::io::stderr(),
            "skipped: this machine lends no small disk (unshare -rm)"
        )
        .ok();
        return;
    }
    let out = folder
        .program("unshare", &["-rm", "sh", "-c", &script])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(
        said.contains("not recording: cannot record to disk/full.mcap"),
        "{said}"
    );
    assert!(said.contains("recording goes on"), "{said}");
    let frames = lines(&out.stdout);
    let reader = Reader::open(&folder.path().join("kept.mcap")).unwrap();
    let card = reader.summary();
    // What the disk did not take was kept meanwhile.
    assert_eq!(card.left_out, 0);
    assert!(card.frames >= frames.len() as u64, "{card:?}");
    assert!(reader.entries(Nanos(i64::MIN)..).all(|e| e.is_ok()));
}

#[test]
fn foreign_programs_read_the_session_and_its_exports() {
    let folder = Folder::new();
    folder.run(&demo(&["--frames", "30", "--record", "s.mcap"]));
    formats::check(&folder, Path::new("s.mcap"));
}

#[test]
fn every_sample_is_whole_and_named_in_their_readme() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
    let readme = std::fs::read_to_string(samples.join("README.md")).unwrap();
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(&samples).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "mcap") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            assert!(readme.contains(&format!("`{name}`")), "{name}");
            let folder = Folder::new();
            std::fs::copy(&path, folder.path().join(&name)).unwrap();
            let card = info(&folder, Path::new(&name));
            assert!(card["frames"].as_u64().unwrap() > 0, "{card}");
            let lines = folder.run(&["replay", "--headless", "--json", &name]);
            let count = String::from_utf8(lines.stdout).unwrap().lines().count();
            assert_eq!(count as u64, card["frames"].as_u64().unwrap(), "{name}");
            seen.push((name, card["emulated"].as_bool().unwrap()));
        }
    }
    seen.sort();
    let [garden, two] = ["garden.mcap", "two-processes.mcap"].map(str::to_owned);
    assert_eq!(seen, [(garden, true), (two, false)]);
}

#[test]
fn a_comparison_is_in_columns_and_its_bytes_are_whole() {
    let folder = Folder::new();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
    for name in ["garden.mcap", "two-processes.mcap"] {
        std::fs::copy(samples.join(name), folder.path().join(name)).unwrap();
    }
    let out = folder.run(&["compare", "garden.mcap", "two-processes.mcap"]);
    let text = String::from_utf8(out.stdout).unwrap();
    let verdicts = ["differs", "within noise", "too few", "one side only"];
    let places = text.lines().filter_map(|line| {
        let verdict = verdicts.iter().find(|v| line.ends_with(**v))?;
        Some(line.chars().count() - verdict.len())
    });
    let places: std::collections::BTreeSet<_> = places.collect();
    assert_eq!(places.len(), 1, "{text}");
    let bytes = text.lines().find(|l| l.starts_with("bytes_up")).unwrap();
    assert!(!bytes.contains('.'), "{bytes}");
}

#[test]
fn the_sample_from_the_garden_is_what_its_readme_says() {
    let folder = Folder::new();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/garden.mcap");
    // A copy: reading must not change what is committed.
    std::fs::copy(sample, folder.path().join("garden.mcap")).unwrap();
    let card = info(&folder, Path::new("garden.mcap"));
    let markers: Vec<_> = card["markers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["text"].clone())
        .collect();
    assert_eq!(
        markers,
        ["walking in", "behind the tree", "back in the open"]
    );
    assert_eq!(card["meta"]["name"], "the garden, emulated");
    assert!(card["switches"].as_u64().unwrap() >= 3);
    assert!(
        card["finished_locally"].as_u64().unwrap() > 0,
        "an outage is in it"
    );
    assert_eq!(card["emulated"], true);
    // What a number of watts contains and what it does not goes with it.
    let rails = [
        "export",
        "garden.mcap",
        "--to",
        "csv",
        "--table",
        "rails",
        "--out",
        "-",
    ];
    let out = folder.run(&rails);
    let text = String::from_utf8(out.stdout).unwrap();
    let head = text.lines().next().unwrap();
    assert!(
        head.ends_with("source,rail,counts,contains,emulated"),
        "{text}"
    );
    assert!(
        text.contains("total,\"emulated: levels given for idle"),
        "{text}"
    );
}
