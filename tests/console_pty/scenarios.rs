//! The console against scripted workers: `tests/scenarios/*.toml` say what a worker does, what the screen has to show for
//! it, and what the recording must have at the end.

use std::path::{Path, PathBuf};

use splitscope::session::What;
use splitscope::wire::Record;

use crate::player::Player;
use crate::scenario::{Recorded, Scenario, Step};
use crate::terminal::{Start, Terminal, WIDE};
use crate::{PROGRAM, only_session};

/// No scenario may make the console hold more.
const MOST_MEMORY: u64 = 256 << 20;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn read(name: &str) -> Scenario {
    let path = folder().join(name).with_extension("toml");
    let text = std::fs::read_to_string(&path).unwrap();
    Scenario::parse(&text).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// Plays a scenario to its end, with a console on a terminal.
fn play(name: &str) {
    let scenario = read(name);
    let data = tempfile::tempdir().unwrap();
    let mut player = Player::new(&scenario);
    let address = player.address();
    let mut terminal = Start::new(PROGRAM, &["attach", &address])
        .size(WIDE)
        .var("SPLITSCOPE_DATA", data.path())
        .run();
    for step in &scenario.steps {
        let step = step.get_ref();
        if !player.play(step) {
            watch(&mut terminal, step);
        }
    }
    let memory = terminal.most_memory();
    assert!(memory < MOST_MEMORY, "{memory} bytes");
    terminal.press(b"q");
    let left = terminal.ends_and_gives_the_terminal_back();
    assert!(left.starts_with("session "), "{left}");
    assert!(!left.contains("panicked"), "{left}");
    compare(&scenario.recorded, data.path());
}

/// The steps of the person in front of the console.
fn watch(terminal: &mut Terminal, step: &Step) {
    match step {
        Step::Press(keys) => terminal.press(keys.as_bytes()),
        Step::Shows(words) => {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            terminal.shows(&words);
        }
        other => panic!("no step of a person: {other:?}"),
    }
}

/// What the only session in the folder has, against what it must have.
fn compare(expected: &Recorded, data: &Path) {
    let reader = only_session(data);
    let mut found = Recorded {
        frames: Some(0),
        hellos: Some(0),
        losts: Some(0),
        gaps: Some(Vec::new()),
        samples: Some(0),
    };
    let count = |n: &mut Option<u64>| *n = n.map(|n| n + 1);
    for entry in reader.entries(..) {
        match entry.unwrap().what {
            What::Hello(_) => count(&mut found.hellos),
            What::Lost(_) => count(&mut found.losts),
            What::Gap(gap) => {
                let hole = (gap.from_seq, gap.to_seq.unwrap_or(u64::MAX));
                found.gaps.as_mut().unwrap().push(hole);
            }
            What::Record(told) => match told.record {
                Record::Frame(_) | Record::ServerFrame(_) => count(&mut found.frames),
                Record::Link(_) => count(&mut found.samples),
                _ => {}
            },
            What::Left(left) => panic!("left out: {left:?}"),
            _ => {}
        }
    }
    let known = Recorded {
        frames: expected.frames.and(found.frames),
        hellos: expected.hellos.and(found.hellos),
        losts: expected.losts.and(found.losts),
        gaps: expected.gaps.as_ref().and(found.gaps),
        samples: expected.samples.and(found.samples),
    };
    assert_eq!(&known, expected);
}

/// A test for each file, and no file without a test.
macro_rules! scenarios {
    ($($test:ident: $name:literal),* $(,)?) => {
        $(
            #[test]
            fn $test() {
                play($name);
            }
        )*

        #[test]
        fn every_scenario_is_played() {
            let mut files: Vec<String> = std::fs::read_dir(folder())
                .unwrap()
                .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
                .collect();
            files.sort();
            let mut played = vec![$($name),*];
            played.sort_unstable();
            assert_eq!(files, played);
        }
    };
}

scenarios! {
    batches_that_come_late_have_their_own_times: "delay",
    a_broken_connection_is_dialled_again_and_what_was_missed_comes_in: "drop",
    five_thousand_records_a_second_and_keys_still_work: "flood",
    what_is_no_message_is_refused_and_said: "garbage",
    a_message_without_its_end_is_refused_and_said: "garbage-cut",
    a_half_open_connection_is_stale_then_given_up_and_keys_still_work: "half-open",
    batches_that_are_lost_for_good_are_counted: "lost",
    batches_in_the_wrong_order_lose_nothing: "reorder",
    another_process_starts_anew: "reboot",
    a_server_that_closes_says_why: "server-closes",
    another_version_is_refused_by_name_until_it_is_replaced: "version-skew",
}

#[test]
fn a_script_with_a_fault_is_refused_with_its_line() {
    let head = "about = \"x\"\n[[steps]]\n";
    let long = "x".repeat(201);
    let many = "[[steps]]\ndrop = {}\n".repeat(100);
    for (text, line, words) in [
        ("about = \"x\"\n".to_owned(), 1, "missing field `steps`"),
        ("about = \"x\"\nsteps = 3\n".to_owned(), 2, "invalid type"),
        (format!("{head}leap = {{}}\n"), 3, "unknown variant `leap`"),
        (
            format!("{head}send = {{ batch = 1 }}\n"),
            3,
            "unknown field `batch`",
        ),
        (
            format!("{head}drop = {{ now = true }}\n"),
            3,
            "unknown field `now`",
        ),
        (
            format!("{head}send = {{ batches = 0 }}\n"),
            2,
            "batches is 0; expected 1 to",
        ),
        (
            format!("{head}send = {{ samples = 9999 }}\n"),
            2,
            "samples is 9999; expected 0 to 5000",
        ),
        (
            format!("{head}event = \"{long}\"\n"),
            2,
            "more than 200 bytes",
        ),
        (format!("{head}shows = []\n"), 2, "no words to wait for"),
        (
            format!("{head}garbage = \"soup\"\n"),
            3,
            "unknown variant `soup`",
        ),
        (
            format!("{head}drop = {{}}\n{many}"),
            202,
            "more than 100 steps",
        ),
        (
            format!("{head}drop = {{}}\n[recorded]\nframe = 1\n"),
            5,
            "unknown field `frame`",
        ),
        ("about = [\n".to_owned(), 1, "unclosed array"),
        ("#".repeat(70_000), 1, "longer than 65536 bytes"),
    ] {
        let fault = Scenario::parse(&text).unwrap_err();
        assert!(fault.what.contains(words), "{fault}: {text:.80}");
        assert_eq!(fault.line, line, "{fault}: {text:.80}");
    }
}
