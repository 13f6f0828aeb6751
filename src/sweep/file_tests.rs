use super::*;
use crate::model::zoo;
use crate::sweep::{
    Chosen, Cuts, DeviceLine, Given, IdlePiece, LeftOut, ModelLine, PlanLine, Settings, Slowdown,
    VisitPower,
};
use crate::wire::{Outcome, Parts};

/// Written by version 0.1.0 of the program; it must be read for ever.
const GOLDEN: &str = include_str!("../../tests/data/sweep_v1.csv");

fn made() -> SweepFile {
    let graph = zoo::build("vgg19", 1, 224, 224).unwrap();
    let modes = ["local", "split:cut=10:tiles=4", "tensor:share=0.25"];
    let modes: Vec<_> = modes.iter().map(|m| m.parse().unwrap()).collect();
    let mut plans = PlanLine::list(
        &graph,
        Some(&Cuts::List(vec![0, 19])),
        &modes,
        Given::default(),
    )
    .unwrap();
    // A tensor plan's list of layers is long, and none of this file's business.
    plans.truncate(4);
    let row = |visit: u32, plan: usize, latency_ns: i64, left_out| FrameRow {
        visit,
        round: visit / 4,
        plan,
        frame: 100 + u64::from(visit),
        epoch: 2 + visit,
        admitted_ns: 1_000_000_000 * i64::from(visit),
        latency_ns,
        parts: Parts {
            robot_compute_ns: 10_000_000,
            uplink_ns: latency_ns - 12_000_000,
            server_compute_ns: 1_000_000,
            downlink_ns: 500_000,
            wait_ns: 500_000,
            overlap_ns: 7,
        },
        bytes_up: 150_528,
        bytes_down: 4_000,
        outcome: if left_out == Some(LeftOut::FinishedLocally) {
            Outcome::FinishedLocally
        } else {
            Outcome::Ok
        },
        left_out,
        emulated: true,
        predicted_ns: visit.is_multiple_of(2).then_some(61_000_000),
    };
    let visit = |visit: u32, plan, power: Option<VisitPower>| VisitRow {
        visit,
        round: 0,
        plan,
        frames: 1,
        from_ns: 1_000_000_000 * i64::from(visit),
        to_ns: 1_000_000_000 * i64::from(visit) + 60_000_000,
        power,
        load: None,
        chose: Vec::new(),
    };
    let power = VisitPower {
        source: "emulated".to_owned(),
        emulated: true,
        joules: 0.5,
        covered_ns: 60_000_000,
    };
    let device = |host: &str, engine: &str| DeviceLine {
        host: host.to_owned(),
        engine: engine.to_owned(),
        emulated: true,
    };
    SweepFile {
        header: Header {
            version: "0.1.0".to_owned(),
            began_unix_ms: 1_795_000_000_000,
            title: Some("Figure 1".to_owned()),
            model: ModelLine {
                name: "vgg19".to_owned(),
                batch: 1,
                rows: 224,
                columns: 224,
                operators: 46,
                weights: "seed 1".to_owned(),
            },
            robot: device("jetson", "emulated jetson-xavier-nx"),
            servers: vec![device("gpu-box", "emulated gpu-server")],
            link: Some("93".to_owned()),
            link_emulated: false,
            settings: Settings::default(),
            plans,
        },
        frames: vec![
            row(0, 1, 80_000_000, Some(LeftOut::Warmup)),
            row(0, 1, 60_000_000, None),
            row(1, 3, 61_500_000, None),
            row(2, 0, 200_000_000, Some(LeftOut::FinishedLocally)),
        ],
        visits: vec![visit(0, 1, Some(power)), visit(1, 3, None)],
        idle: Vec::new(),
        solo: None,
        refused: vec![RefusedRow {
            plan: 2,
            reason: "no, \"never\"\nagain".to_owned(),
        }],
        end: Some(EndRow {
            how: "aborted".to_owned(),
            unix_ms: 1_795_000_100_000,
        }),
    }
}

#[test]
fn a_file_of_version_1_is_read_and_written_as_it_was() {
    if std::env::var_os("SPLITSCOPE_WRITE_GOLDEN").is_some() {
        std::fs::write("tests/data/sweep_v1.csv", made().to_text()).unwrap();
    }
    let read = SweepFile::parse("golden", GOLDEN).unwrap();
    assert_eq!(read, made());
    assert_eq!(read.to_text(), GOLDEN);
}

#[test]
fn what_a_crash_left_can_be_read_whatever_byte_it_ends_with() {
    let head = head(&made().header).len();
    for end in (head..GOLDEN.len()).filter(|&e| GOLDEN.is_char_boundary(e)) {
        let read = SweepFile::parse("cut", &GOLDEN[..end]);
        let read = read.unwrap_or_else(|e| panic!("{end}: {e}"));
        assert!(read.end.is_none());
    }
    assert!(SweepFile::parse("cut", &GOLDEN[..head - 1]).is_err());
}

#[test]
fn what_is_no_sweep_is_refused_with_its_line() {
    let with = |old: &str, new: &str| {
        let text = GOLDEN.replacen(old, new, 1);
        assert_ne!(text, GOLDEN, "{old}");
        SweepFile::parse("bad.csv", &text).unwrap_err().to_string()
    };
    for (old, new, parts) in [
        (
            "sweep 1",
            "sweep 2",
            ["line 1", "the format this program reads"],
        ),
        ("\"version\"", "\"Version\"", ["line 2", "missing field"]),
        ("visit,round", "visit,Round", ["line 3", "the columns"]),
        ("\n0,0,1,", "\n0,0,99,", ["line 4", "one of the 4 plans"]),
        ("80000000,10", "8e7,10", ["line 4", "a whole number"]),
        (
            ",ok,warmup,",
            ",ok,cold,",
            ["line 4", "why a frame is left out"],
        ),
        (
            "\"plan\":2",
            "\"plan\":9",
            ["line 10", "one of the 4 plans"],
        ),
        ("\n0,0,1,", "\n0,1,", ["line 4", "21 fields"]),
    ] {
        let error = with(old, new);
        assert!(parts.iter().all(|p| error.contains(p)), "{new}: {error}");
    }
    assert!(SweepFile::parse("empty", "").is_err());
}

#[test]
fn a_later_programs_words_are_passed_over() {
    let text = GOLDEN.replacen("# refused", "# note {\"by\":\"ann\"}\n# refused", 1);
    let text = text.replacen("\"title\"", "\"weather\":\"sunny\",\"title\"", 1);
    assert_eq!(SweepFile::parse("later", &text).unwrap(), made());
}

#[test]
fn what_later_versions_add_comes_back_as_it_was_written() {
    let mut file = made();
    file.header.settings.idle_ms = 30_000;
    file.header.settings.energy = true;
    let auto = "auto:objective=energy".parse().unwrap();
    let graph = zoo::build("vgg19", 1, 224, 224).unwrap();
    let lines = PlanLine::list(&graph, None, &[auto], Given::default()).unwrap();
    file.header.plans.extend(lines);
    file.visits[1].plan = 4;
    file.visits[1].load = Some(0.75);
    file.visits[1].chose = Chosen::sum([("remote", 2), ("split 37", 0), ("split 12", 5)].map(
        |(plan, frames)| Chosen {
            plan: plan.to_owned(),
            frames,
        },
    ));
    file.idle = vec![IdleRow {
        from_ns: 1,
        to_ns: 6_000_000_001,
        source: "emulated".to_owned(),
        emulated: true,
        pieces: vec![
            IdlePiece {
                joules: 14.0,
                covered_ns: 3_000_000_000,
                window_ns: 3_000_000_000,
            };
            2
        ],
    }];
    let slowdown = Slowdown {
        operators: 20,
        alone_ms: 40.0,
        together_ms: 41.5,
    };
    file.solo = Some(SoloRow {
        cut: 20,
        robot: slowdown,
        server: slowdown,
    });
    let text = file.to_text();
    assert!(
        text.contains(r#""label":"auto energy","mode":"auto""#),
        "{text}"
    );
    assert_eq!(SweepFile::parse("later", &text).unwrap(), file);
    let summary = file.summary();
    assert!(
        summary.plans[4].is_busy,
        "an emulated device computes nothing itself"
    );
    let words = Chosen::words(&summary.plans[4].chose);
    assert_eq!(words, "split 12 in 5 of 7 frames, remote in 2");
    let idle = summary.idle.unwrap();
    assert!(
        (idle.watts - 14.0 / 3.0).abs() < 1e-9 && idle.emulated,
        "{idle:?}"
    );
}
