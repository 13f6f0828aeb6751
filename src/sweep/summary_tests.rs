use super::*;
use crate::sweep::{DeviceLine, IdlePiece, LeftOut, ModelLine, Settings, Slowdown, VisitPower};
use crate::wire::{Outcome, Parts};

fn header(labels: &[&str], emulated: bool) -> Header {
    let line = |label: &&str| PlanLine {
        label: (*label).to_owned(),
        mode: label.split(' ').next().unwrap().to_owned(),
        cut: None,
        layer: None,
        ships_bytes: None,
        rule: crate::sweep::Rule::Plan(crate::plan::Plan::LOCAL),
    };
    let device = || DeviceLine {
        host: "laptop".to_owned(),
        engine: "e".to_owned(),
        emulated,
    };
    Header {
        version: "0".to_owned(),
        began_unix_ms: 0,
        title: None,
        model: ModelLine {
            name: "m".to_owned(),
            batch: 1,
            rows: 1,
            columns: 1,
            operators: 1,
            weights: String::new(),
        },
        robot: device(),
        servers: vec![device()],
        link: None,
        link_emulated: false,
        settings: Settings::default(),
        plans: labels.iter().map(line).collect(),
    }
}

fn row(plan: usize, ms: i64, left_out: Option<LeftOut>) -> FrameRow {
    let ns = ms * 1_000_000;
    FrameRow {
        visit: 0,
        round: 0,
        plan,
        frame: 0,
        epoch: 0,
        admitted_ns: 0,
        latency_ns: ns,
        parts: Parts {
            robot_compute_ns: ns / 2,
            uplink_ns: ns / 4,
            server_compute_ns: ns / 8,
            downlink_ns: ns / 16,
            wait_ns: ns / 16,
            overlap_ns: 0,
        },
        bytes_up: 100,
        bytes_down: 10,
        outcome: Outcome::Ok,
        left_out,
        emulated: true,
        predicted_ns: Some(2 * ns),
    }
}

/// A visit of so many seconds with so many frames at so many watts.
fn visit(plan: usize, number: u32, seconds: f64, frames: u64, watts: f64) -> VisitRow {
    let ns = (seconds * 1e9) as i64;
    VisitRow {
        visit: number,
        round: number,
        plan,
        frames,
        from_ns: 0,
        to_ns: ns,
        power: Some(VisitPower {
            source: "s".to_owned(),
            emulated: false,
            joules: watts * seconds,
            covered_ns: ns,
        }),
        load: None,
        chose: Vec::new(),
    }
}

#[test]
fn figures_are_of_the_frames_that_count_alone() {
    let header = header(&["split 1", "split 2", "split 3"], true);
    let mut rows: Vec<FrameRow> = (1..=9).map(|n| row(0, 16 * n, None)).collect();
    rows.extend(LeftOut::ALL.map(|why| row(0, 9_000, Some(why))));
    rows.push(row(1, 64, None));
    let refused = [RefusedRow {
        plan: 2,
        reason: "no".to_owned(),
    }];
    let summary = summarize(&header, &rows, (&[], &[]), &refused);
    let first = &summary.plans[0];
    assert_eq!((first.frames, first.left_out), (9, 4));
    let median = first.latency_ms.unwrap();
    assert_eq!((median.value, median.count), (80.0, 9));
    let interval = median.interval.unwrap();
    assert!(interval.low >= 16.0 && interval.low < 80.0 && interval.high > 80.0);
    assert_eq!(
        (first.mean_ms, first.predicted_ms),
        (Some(80.0), Some(160.0))
    );
    let parts = first.parts_ms.unwrap();
    assert_eq!(
        (parts.robot, parts.uplink, parts.server),
        (40.0, 20.0, 10.0)
    );
    let sum = parts.robot + parts.uplink + parts.server + parts.downlink + parts.wait;
    assert_eq!(Some(sum), first.mean_ms);
    assert_eq!(
        (first.bytes_up, first.bytes_down),
        (Some(100.0), Some(10.0))
    );
    assert!(first.emulated && first.energy.is_none());
    assert_eq!(first.no_energy.as_deref(), Some("no power was measured"));
    // One frame has a median and no interval; a refused plan has its reason and no zeros.
    assert_eq!(summary.plans[1].latency_ms.unwrap().interval, None);
    let third = &summary.plans[2];
    assert_eq!(
        (third.latency_ms, third.parts_ms, third.bytes_up),
        (None, None, None)
    );
    assert_eq!(third.refused.as_deref(), Some("no"));
    assert_eq!((summary.fastest, summary.frugal), (Some(1), None));
}

#[test]
fn energy_is_the_mean_over_visits_with_its_interval_and_says_what_it_lacks() {
    let header = header(&["a", "b", "c"], false);
    // 1, 2 and 3 J an inference: mean 2, standard error 1/sqrt(3), t of 2 degrees 4.303.
    let mut visits: Vec<_> = (0..3)
        .flat_map(|n| {
            let watts = f64::from(n + 1) * 5.0;
            [
                visit(0, 2 * n, 10.0, 50, watts),
                visit(1, 2 * n + 1, 1.0, 5, 2.0 * watts),
            ]
        })
        .collect();
    let summary = summarize(&header, &[], (&visits, &[]), &[]);
    let energy = summary.plans[0].energy.as_ref().unwrap();
    assert!((energy.joules - 2.0).abs() < 1e-9, "{energy:?}");
    assert!(
        (energy.half - 4.303 / 3_f64.sqrt()).abs() < 1e-9,
        "{energy:?}"
    );
    assert!((energy.watts - 10.0).abs() < 1e-9);
    assert_eq!(
        (energy.blocks, energy.frames, energy.short.as_deref()),
        (3, 150, None)
    );
    assert!(!energy.emulated);
    // 3 s and 15 frames are fewer than the protocol asks for: a number, marked as preliminary.
    let short = summary.plans[1].energy.as_ref().unwrap();
    assert!((short.joules - 4.0).abs() < 1e-9);
    let lacks = short.short.as_deref().unwrap();
    assert!(
        lacks.contains("3.0 s of 20 s") && lacks.contains("15 frames of 100"),
        "{lacks}"
    );
    assert_eq!(
        summary.plans[2].no_energy.as_deref(),
        Some("no power was measured")
    );
    assert_eq!(summary.frugal, Some(0));
    // One visit has no spread: no number.
    visits.truncate(1);
    let one = summarize(&header, &[], (&visits, &[]), &[]);
    assert!(
        one.plans[0]
            .no_energy
            .as_deref()
            .unwrap()
            .contains("1 block(s) of 2")
    );
    // A sensor that failed in a visit does not make its energy small.
    let mut holed = vec![
        visit(0, 0, 10.0, 50, 5.0),
        visit(0, 1, 10.0, 50, 5.0),
        visit(0, 2, 10.0, 50, 5.0),
    ];
    let power = holed[1].power.as_mut().unwrap();
    (power.joules, power.covered_ns) = (power.joules / 2.0, power.covered_ns / 2);
    let holed = summarize(&header, &[], (&holed, &[]), &[]);
    let energy = holed.plans[0].energy.as_ref().unwrap();
    assert_eq!((energy.blocks, energy.frames), (2, 100));
    assert!((energy.joules - 1.0).abs() < 1e-9);
}

#[test]
fn net_energy_is_what_is_left_above_idle_with_the_idles_own_uncertainty() {
    let header = header(&["a"], false);
    // 1, 2 and 3 J an inference of 0.2 s; idle pieces of 3.9 and 4.1 W in turn: mean 4 W, 0.8 J an inference.
    let visits: Vec<_> = (0..3)
        .map(|n| visit(0, n, 10.0, 50, f64::from(n + 1) * 5.0))
        .collect();
    let idle = |pieces: usize| IdleRow {
        from_ns: 0,
        to_ns: 3_000_000_000 * pieces as i64,
        source: "s".to_owned(),
        emulated: false,
        pieces: (0..pieces)
            .map(|n| IdlePiece {
                joules: if n % 2 == 0 { 11.7 } else { 12.3 },
                covered_ns: 3_000_000_000,
                window_ns: 3_000_000_000,
            })
            .collect(),
    };
    let summary = summarize(&header, &[], (&visits, &[idle(5), idle(5)]), &[]);
    let level = summary.idle.unwrap();
    assert!((level.watts - 3.98).abs() < 0.03 && (level.seconds - 30.0).abs() < 1e-9);
    let energy = summary.plans[0].energy.as_ref().unwrap();
    let net = energy.net.as_ref().unwrap();
    assert!(
        (energy.joules - net.joules - level.watts * 0.2).abs() < 1e-9,
        "{energy:?}"
    );
    assert!(net.half > energy.half, "{energy:?}");
    assert_eq!(net.short, None);
    // Of frames with four images each, an inference is a quarter.
    let mut fours = header.clone();
    fours.model.batch = 4;
    let [whole, quarter] = [&header, &fours].map(|header| {
        let summary = summarize(header, &[], (&visits, &[idle(5), idle(5)]), &[]);
        summary.plans[0].energy.clone().unwrap()
    });
    assert!((quarter.joules - 0.5).abs() < 1e-9, "{quarter:?}");
    assert!((4.0 * quarter.half - whole.half).abs() < 1e-9);
    let [whole, quarter] = [whole, quarter].map(|energy| energy.net.unwrap());
    assert!((4.0 * quarter.joules - whole.joules).abs() < 1e-9);
    // Less idle time than the protocol asks for: a number that says so. None at all: no number.
    let short = summarize(&header, &[], (&visits, &[idle(3)]), &[]);
    let net = short.plans[0].energy.as_ref().unwrap().net.clone().unwrap();
    assert!(net.short.unwrap().contains("9.0 s idle of 30 s"));
    let none = summarize(&header, &[], (&visits, &[]), &[]);
    assert_eq!(none.plans[0].energy.as_ref().unwrap().net, None);
}

#[test]
fn real_lanes_on_one_machine_are_marked() {
    let real = header(&["tensor 3 layers", "local"], false);
    let marked = |header: &Header| -> Vec<bool> {
        let summary = summarize(header, &[], (&[], &[]), &[]);
        summary.plans.iter().map(|p| p.one_host).collect()
    };
    assert_eq!(marked(&real), [true, false]);
    assert_eq!(marked(&header(&["tensor 3 layers"], true)), [false]);

    // Whether they slowed each other is said where it was seen.
    let slowdown = |together_ms| Slowdown {
        operators: 9,
        alone_ms: 10.0,
        together_ms,
    };
    let says = |solo: Option<(f64, f64)>| {
        let solo = solo.map(|(robot, server)| SoloRow {
            cut: 4,
            robot: slowdown(robot),
            server: slowdown(server),
        });
        let summary = summarize(&real, &[], (&[], &[]), &[]).checked(solo.as_ref());
        let marks: Vec<_> = summary.plans.iter().map(|p| p.contended).collect();
        (marks, summary.contention().unwrap())
    };
    let (unchecked, words) = says(None);
    assert_eq!(unchecked, [None, None]);
    assert!(words.contains("was not checked"), "{words}");
    let (slowed, words) = says(Some((10.2, 13.0)));
    assert_eq!(slowed, [Some(true), None]);
    assert!(
        words.contains("CONTENDED") && words.contains("1.30 times"),
        "{words}"
    );
    let (free, words) = says(Some((10.2, 11.0)));
    assert_eq!(free, [Some(false), None]);
    assert!(words.contains("keep their solo speed"), "{words}");
}
