//! What is drawn is what the numbers say.

use super::scene::{Across, Area, Mark, Scene, text_width};
use super::style::PARTS;
use super::{png, scene, svg};
use crate::report::evidence::{Evidence, FrameTimeline, Held, Kind, Lane, LaneStep, Rates};
use crate::report::figure::{FigureKind, make};
use crate::report::testing::sweep;

fn texts(scene: &Scene) -> Vec<&str> {
    let texts = scene.marks.iter().filter_map(|mark| match mark {
        Mark::Text(_, text, _) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// Boxes of a shade, without the legend's, by their left edge.
fn boxes(scene: &Scene, part: usize) -> Vec<Area> {
    let boxes = scene.marks.iter().filter_map(|mark| match mark {
        Mark::Box(area, shade) if *shade == PARTS[part].shade => Some(*area),
        _ => None,
    });
    boxes.skip(1).collect()
}

pub(crate) fn garden() -> Evidence {
    let mut evidence = Evidence::new("garden.csv", Kind::Trace);
    let mbps = |i: i32| match i {
        20..24 => 0.0,
        _ => 70.0 + 30.0 * (f64::from(i) * 0.4).sin(),
    };
    let held = (0..80).filter(|i| !(50..56).contains(i)).map(|i| Held {
        from_s: f64::from(i) * 0.1,
        for_s: 0.1,
        mbps: mbps(i),
    });
    evidence.rates.push(Rates {
        direction: "both",
        held: held.collect(),
    });
    evidence
}

pub(crate) fn frame() -> Evidence {
    let mut evidence = sweep("session.mcap");
    evidence.kind = Kind::Session;
    let lane = |name: &str, part| Lane {
        name: name.to_owned(),
        part,
        is_predicted: name.ends_with("predicted"),
    };
    let step = |lane, label: &str, start_ms, duration_ms| LaneStep {
        lane,
        label: label.to_owned(),
        start_ms,
        duration_ms,
    };
    evidence.timeline = Some(FrameTimeline {
        frame: Some(1041),
        plan: "split 3".to_owned(),
        latency_ms: 52.0,
        lanes: vec![
            lane("robot", 0),
            lane("uplink", 1),
            lane("server", 2),
            lane("downlink", 3),
            lane("robot, predicted", 0),
        ],
        steps: vec![
            step(0, "features.0", 0.0, 8.0),
            step(0, "features.1", 8.0, 4.0),
            step(1, "features.1", 12.0, 22.0),
            step(2, "features.2", 34.5, 0.4),
            step(2, "classifier.6", 35.0, 12.0),
            step(3, "classifier.6", 48.0, 2.0),
            step(4, "features.1", 0.0, 11.0),
        ],
        clock_error_ms: Some(0.31),
        predicted_ms: Some(50.4),
        is_predicted: false,
    });
    evidence
}

#[test]
fn a_bar_is_as_high_as_its_number() {
    let evidence = sweep("sweep.csv");
    let figure = make(FigureKind::Splits, std::slice::from_ref(&evidence)).unwrap();
    let scene = scene(&figure);
    // The robot's parts of cuts 1 to 5; cut 0 has none.
    let robot = boxes(&scene, 0);
    assert_eq!(robot.len(), 5, "{robot:?}");
    let per_ms = robot[0].height() / 4.0;
    for (i, area) in robot.iter().enumerate() {
        let ms = 4.0 * (i as f64 + 1.0);
        assert!((area.height() / per_ms - ms).abs() < 1e-6, "{i}: {area:?}");
        assert!((area.bottom - robot[0].bottom).abs() < 1e-9);
    }
    let uplink = boxes(&scene, 1);
    assert_eq!(uplink.len(), 6);
    // On top of the robot's part, half of the rest of 52 ms.
    assert!((uplink[3].bottom - robot[2].top).abs() < 1e-9);
    assert!((uplink[3].height() / per_ms - 20.0).abs() < 1e-6);
}

#[test]
fn what_is_not_measured_is_said_in_the_picture() {
    let mut evidence = sweep("sweep.csv");
    for (is_emulated, kind, expected) in [
        (true, Kind::Sweep, vec!["EMULATED"]),
        (false, Kind::Sweep, vec![]),
        (true, Kind::Prediction, vec!["PREDICTED", "EMULATED"]),
    ] {
        evidence.is_emulated = is_emulated;
        evidence.kind = kind;
        let figure = make(FigureKind::Splits, std::slice::from_ref(&evidence)).unwrap();
        let scene = scene(&figure);
        let badges: Vec<_> = texts(&scene)
            .into_iter()
            .filter(|t| ["EMULATED", "PREDICTED"].contains(t))
            .collect();
        assert_eq!(badges, expected);
    }
}

#[test]
fn axes_have_units_and_the_caption_says_how_it_was_made() {
    let figure = make(FigureKind::Splits, &[sweep("sweep.csv")]).unwrap();
    let scene = scene(&figure);
    let texts = texts(&scene);
    for axis in [
        "Latency per frame, ms",
        "Robot energy per inference, J",
        "Partition point: operators on the robot",
    ] {
        assert!(texts.contains(&axis), "{axis}: {texts:?}");
    }
    let all = texts.join(" ");
    for part in [
        "model vgg19",
        "robot jetson-xavier-nx (emulated)",
        "server gpu-server (emulated)",
        "link outdoors",
        "72 frames",
        "95 % bootstrap",
        "splitscope 0.1.0",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
}

#[test]
fn parts_differ_in_lightness_or_in_hatching() {
    let lightness = |(r, g, b): (u8, u8, u8)| {
        0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b)
    };
    for (i, a) in PARTS.iter().enumerate() {
        for b in &PARTS[i + 1..] {
            let apart = (lightness(a.shade) - lightness(b.shade)).abs();
            assert!(apart > 40.0 || a.hatch != b.hatch, "{apart}");
        }
    }
}

#[test]
fn outages_and_gaps_of_a_link_are_drawn_as_such() {
    let figure = make(FigureKind::Bandwidth, &[garden()]).unwrap();
    let scene = scene(&figure);
    let ink = super::style::INK;
    let outages = scene
        .marks
        .iter()
        .filter(|m| matches!(m, Mark::Box(a, s) if *s == ink && (a.height() - 5.0).abs() < 1e-9));
    assert!(outages.count() >= 1);
    let curves = scene
        .marks
        .iter()
        .filter(|m| matches!(m, Mark::Line(p, w, _) if (*w - 1.5).abs() < 1e-9 && p.len() > 20));
    assert_eq!(curves.count(), 2, "one curve before the gap, one behind it");
}

#[test]
fn no_text_leaves_the_page() {
    let long = "a-recording-with-a-name-as-long-as-people-make-them-when-they-are-in-a-garden.mcap";
    let mut link = garden();
    link.file = long.to_owned();
    link.rates[0].direction = "up";
    link.rates.push(Rates {
        direction: "down",
        held: link.rates[0].held.clone(),
    });
    let mut named = frame();
    named.file = long.to_owned();
    named.plans.truncate(6);
    for kind in FigureKind::ALL {
        let evidence = match kind {
            FigureKind::Bandwidth => vec![link.clone()],
            FigureKind::Compare => vec![named.clone(), named.clone()],
            _ => vec![named.clone()],
        };
        let scene = scene(&make(kind, &evidence).unwrap());
        for mark in &scene.marks {
            let Mark::Text((x, y), text, style) = mark else {
                continue;
            };
            let width = text_width(text, style.size, style.is_bold);
            let (at, along, page) = if style.is_turned {
                (scene.height - y, width, scene.height)
            } else {
                (*x, width, scene.width)
            };
            let from = match style.across {
                Across::Left => at,
                Across::Middle => at - along / 2.0,
                Across::Right => at - along,
            };
            let is_inside = from >= -0.5 && from + along <= page + 0.5;
            assert!(
                is_inside,
                "{}: {text:?} from {from} to {}",
                kind.name(),
                from + along
            );
        }
    }
}

/// Regenerate with `INSTA_UPDATE=always`, then look at the pictures.
#[test]
fn pictures_do_not_drift() {
    let mut second = sweep("after.csv");
    for plan in &mut second.plans {
        plan.latencies_ms.iter_mut().for_each(|ms| *ms *= 0.8);
        plan.latency = crate::statistics::Estimate::of_median(&plan.latencies_ms).unwrap();
    }
    for (kind, evidence) in [
        (FigureKind::Splits, vec![sweep("sweep.csv")]),
        (FigureKind::Modes, vec![sweep("sweep.csv")]),
        (FigureKind::Pareto, vec![sweep("sweep.csv")]),
        (FigureKind::Compare, vec![sweep("before.csv"), second]),
        (FigureKind::Bandwidth, vec![garden()]),
        (FigureKind::Timeline, vec![frame()]),
    ] {
        let figure = make(kind, &evidence).unwrap();
        let text = svg(&figure).unwrap();
        if let Ok(folder) = std::env::var("SPLITSCOPE_SHOW_FIGURES") {
            let path = std::path::Path::new(&folder).join(kind.name());
            std::fs::write(path.with_extension("svg"), &text).unwrap();
            std::fs::write(path.with_extension("png"), png(&figure).unwrap()).unwrap();
        }
        insta::assert_snapshot!(format!("figure_{}", kind.name()), text);
    }
}
