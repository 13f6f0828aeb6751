use ratatui::buffer::Cell;

use super::*;
use crate::store::Rules;
use crate::units::{Epoch, FrameId};

const TENTH: i64 = 100_000_000;

fn at(tenths: i64) -> Nanos {
    Nanos(tenths * TENTH)
}

/// Two seconds at 50, with a spike, a link that is down, a time when it is idle, and one that nobody tells of.
fn series() -> Series {
    let mut series = Series::default();
    for tenth in 0..40 {
        match tenth {
            8..12 => series.add_gap(at(tenth), Gap::Down),
            14..16 => series.add_gap(at(tenth), Gap::Idle),
            18..26 => {}
            30 => series.add(at(tenth), Measured::reading(95.0)),
            _ => series.add(at(tenth), Measured::reading(50.0)),
        }
    }
    series
}

fn rules() -> Rules {
    let mut rules = Rules::default();
    rules.name(Epoch(1), "split 51");
    rules.name(Epoch(2), "tile 2");
    rules.plan(Epoch(2), at(5));
    rules
}

fn chart<'a>(series: &Series, rules: &'a Rules, dots: usize, dot_ns: i64) -> Chart<'a> {
    let window = Window::ending(at(39), dot_ns, dots);
    let curve = Curve::new("up", Some(series), 250_000_000, &window, Style::new());
    let curves = vec![curve.of("windows")];
    Chart {
        name: "up",
        unit: "Mbps",
        window,
        scale: Scale::auto(extremes(&curves), None, false),
        curves,
        rules: Some(rules),
        labelled: true,
        cross: None,
        newest: at(39),
        focused: true,
    }
}

fn drawn(chart: &Chart, theme: Theme, height: u16) -> String {
    let width = (chart.window.dots / 2) as u16 + AXIS;
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    render(chart, theme, area, &mut buf);
    let symbols: Vec<&str> = buf.content.iter().map(Cell::symbol).collect();
    let rows = symbols.chunks(width.into()).map(<[&str]>::concat);
    rows.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_chart_has_axes_gaps_a_labelled_rule_and_its_spike() {
    let (series, rules) = (series(), rules());
    let chart = chart(&series, &rules, 80, TENTH);
    insta::assert_snapshot!(drawn(&chart, Theme::PLAIN, 8));
}

#[test]
fn without_braille_it_says_the_same_in_ascii() {
    let (series, rules) = (series(), rules());
    let chart = chart(&series, &rules, 80, TENTH);
    let area = Rect::new(0, 0, 45, 8);
    let mut buf = Buffer::empty(area);
    render(&chart, Theme::PLAIN.in_ascii(true), area, &mut buf);
    crate::console::view::widgets::ascii::replace(&mut buf);
    let symbols: Vec<&str> = buf.content.iter().map(Cell::symbol).collect();
    let rows: Vec<String> = symbols.chunks(45).map(<[&str]>::concat).collect();
    assert!(rows.iter().all(|row| row.is_ascii()));
    insta::assert_snapshot!(rows.join("\n"));
}

#[test]
fn the_crosshair_tells_exactly_what_is_there() {
    let (series, rules) = (series(), rules());
    let mut narrow = chart(&series, &rules, 80, 2 * TENTH);
    for (tenth, words) in [
        (39, "0.0 s  up 50.0 Mbps, 2 windows"),
        (30, "-0.9 s  up mean 72.5 (50.0 to 95.0) Mbps, 2 windows"),
        (20, "-1.9 s  up nothing told"),
        (14, "-2.5 s  up idle"),
        (9, "-3.0 s  up no link"),
        (
            4,
            "-3.5 s  up 50.0 to 50.0 Mbps, of two plans  split 51 -> tile 2",
        ),
        (-60, "-9.9 s  up nothing told"),
    ] {
        assert_eq!(readout(&narrow, at(tenth), 80), words);
    }
    let short = "-0.9 s  mean 72.5 (50.0 to 95.0) Mbps";
    assert_eq!(readout(&narrow, at(30), 38), short);
    narrow.cross = Some(at(30));
    insta::assert_snapshot!(drawn(&narrow, Theme::PLAIN, 8));
}

#[test]
fn labels_stand_behind_their_rules_or_before_them_and_plans_come_first() {
    let (series, mut rules) = (series(), rules());
    rules.mark("behind the tree", at(0));
    rules.mark("near", at(38));
    let shown = drawn(&chart(&series, &rules, 80, TENTH), Theme::PLAIN, 5);
    let row: String = shown.lines().next().unwrap().chars().skip(5).collect();
    assert_eq!(row, "    split 51 -> tile 2┊            near◆");
}

#[test]
fn a_single_frame_is_named_and_of_several_the_slowest() {
    let mut series = Series::default();
    for (tenth, ms, frame) in [(1, 61.2, 1041), (2, 63.0, 1042), (3, 60.0, 1043)] {
        let measured = Measured {
            frame: Some(FrameId(frame)),
            ..Measured::reading(ms)
        };
        series.add(at(tenth), measured);
    }
    let none = Rules::default();
    let one = chart(&series, &none, 80, TENTH);
    assert_eq!(readout(&one, at(1), 80), "-3.8 s  frame 1041 up 61.2 Mbps");
    let two = chart(&series, &none, 80, 2 * TENTH);
    let words = "-3.7 s  up mean 61.5 (60.0 to 63.0, frame 1042) Mbps, 2 windows";
    assert_eq!(readout(&two, at(2), 80), words);
}

#[test]
fn a_pinned_axis_marks_what_does_not_fit() {
    let (series, rules) = (series(), rules());
    let mut chart = chart(&series, &rules, 80, TENTH);
    chart.scale = Scale::auto((1.0, 1.0), Some(50.0), false);
    let top = drawn(&chart, Theme::PLAIN, 4);
    let row = top.lines().nth(1).unwrap();
    assert_eq!(row.matches('▲').count(), 1, "{top}");
}

#[test]
fn nothing_breaks_where_there_is_no_room_or_no_series() {
    let (series, rules) = (series(), rules());
    for (width, height) in [(0, 0), (6, 1), (7, 2), (12, 3)] {
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        let dots = dots(width);
        render(
            &chart(&series, &rules, dots, TENTH),
            Theme::PLAIN,
            area,
            &mut buf,
        );
    }
    let empty = Series::default();
    let none = Rules::default();
    let shown = drawn(&chart(&empty, &none, 20, TENTH), Theme::PLAIN, 4);
    assert!(shown.contains("0.1┤"), "{shown}");
}
