//! Charts: the crosshair at every size, keys, and numbers that are of one plan.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use splitscope::console::app::screens::charts::{self, ChartId};
use splitscope::console::app::{Action, Key, Screen, Update};
use splitscope::console::view::{Hits, Theme, draw};
use splitscope::plan::Plan;
use splitscope::units::{DeviceId, Epoch, FrameId, Nanos};
use splitscope::wire::{LinkState, RateEstimate, Record, SwitchRecord, SwitchStage};

use crate::console::{Console, ROBOT, live};
use crate::script::{MS, frame, plan};
use crate::{SIZES, snapshot, snapshots};

const LOOK: Key = Key::Char('x');

/// Split 28 gave way to split 60 a while ago.
fn switched() -> Console {
    let mut console = live();
    let mut records = vec![Record::Switch(SwitchRecord {
        at: Nanos(1_042 * 62 * MS),
        command: 1,
        plan: Plan::split(60),
        stage: SwitchStage::Applied {
            epoch: Epoch(8),
            frame: FrameId(1_042),
        },
    })];
    records.push(plan(8, Plan::split(60)));
    for number in 1_042..1_072 {
        let mut record = frame(number, 8, 60);
        record.warmup = number == 1_042;
        records.push(Record::Frame(Box::new(record)));
    }
    let believed = |mbps: u64| RateEstimate {
        bps: mbps * 1_000_000,
        std_bps: 4_000_000,
        age_ns: 0,
    };
    for half in 110..132 {
        records.push(Record::LinkState(Box::new(LinkState {
            at: Nanos(half * 500 * MS),
            peer: DeviceId::SERVER,
            kernel: None,
            values_waiting: 0,
            control_waiting: 0,
            up: Some(believed(60)),
            down: None,
            soundings: None,
        })));
    }
    console.records(ROBOT, records);
    console
}

#[test]
fn a_crosshair_stands_on_all_charts() {
    let mut console = switched();
    console.key(LOOK);
    console.keys(Key::Left, 60);
    snapshots("crosshair", &console);
    for size in SIZES {
        let screen = console.screen(size);
        assert!(screen.contains("-6.0 s"), "{screen}");
        assert!(screen.contains("split 28 -> split 60"), "{screen}");
    }
    // Time goes on; what is looked at stands.
    let before = console.screen((80, 24));
    let record = frame(1_072, 8, 60);
    console.records(ROBOT, vec![Record::Frame(Box::new(record))]);
    let after = console.screen((80, 24));
    let chart = |screen: &str| screen.lines().nth(6).unwrap().to_owned();
    assert_eq!(chart(&before), chart(&after));
    console.key(Key::Esc);
    assert!(!console.screen((80, 24)).contains("crosshair a dot"));
    assert_eq!(console.app.screen(), Screen::Live);
}

#[test]
fn pin_and_log_are_said_and_belong_to_the_marked_chart() {
    let mut console = switched();
    console.key(LOOK);
    console.key(Key::Char('y'));
    let screen = console.screen((160, 48));
    assert!(screen.contains("up pinned for 92.0"), "{screen}");
    // The chart after the next is latency.
    console.keys(Key::Down, 2);
    console.key(Key::Char('L'));
    let screen = console.screen((160, 48));
    assert!(screen.contains("Latency  ms a frame  log"), "{screen}");
    assert!(screen.contains("▸0.0 s  frame 1071 latency"), "{screen}");
    console.key(Key::Char('L'));
    console.keys(Key::Up, 2);
    console.key(Key::Char('y'));
    console.key(LOOK);
    let screen = console.screen((160, 48));
    assert!(
        !screen.contains("pinned") && !screen.contains(" log"),
        "{screen}"
    );
}

#[test]
fn keys_of_the_screen_work_again_without_the_crosshair() {
    let mut console = switched();
    console.key(LOOK);
    console.key(Key::Left);
    assert!(console.app.proposal().is_none());
    console.key(Key::Esc);
    console.key(Key::Left);
    assert!(console.app.proposal().is_some());
}

#[test]
fn every_zoom_keeps_the_slowest_frame_in_sight() {
    let mut console = switched();
    let mut slow = frame(1_080, 8, 60);
    slow.latency_ns = 480 * MS;
    console.records(ROBOT, vec![Record::Frame(Box::new(slow))]);
    console.key(LOOK);
    for _ in 0..12 {
        let screen = console.screen((160, 48));
        assert!(screen.contains(" 500┤"), "{screen}");
        console.key(Key::Char('-'));
    }
    let screen = console.screen((160, 48));
    assert!(screen.contains("10 min a dot"), "{screen}");
    assert!(screen.contains("to 480 ms, of two plans"), "{screen}");
    console.keys(Key::Char('+'), 20);
    assert!(console.screen((160, 48)).contains("0.1 s a dot"));
}

#[test]
fn every_figure_is_of_the_plan_in_effect() {
    let console = switched();
    let store = &console.app.targets()[ROBOT].store;
    let figures = store.frames().figures(Epoch(8)).unwrap();
    assert_eq!(figures.count, 29, "without its first frame");
    for size in [(160, 48), (80, 24)] {
        let screen = console.screen(size);
        assert!(screen.contains("n 29"), "{screen}");
    }
    let screen = console.screen((160, 48));
    assert!(screen.contains("means of 29 frames of epoch 8"), "{screen}");
    // The link has not been measured since: what it carried before says nothing of this plan.
    assert!(screen.contains("up ?  down ?"), "{screen}");
}

#[test]
fn resize_storms_lose_nothing() {
    let mut console = switched();
    console.key(LOOK);
    console.keys(Key::Left, 17);
    let before = SIZES.map(|size| console.screen(size));
    for n in 0..200_u16 {
        console.screen((1 + n * 7 % 190, 1 + n * 3 % 60));
    }
    assert_eq!(before, SIZES.map(|size| console.screen(size)));
}

/// The moments that the columns of a chart show.
fn charted(console: &Console, chart: ChartId) -> Vec<Nanos> {
    let area = Rect::new(0, 0, 160, 48);
    let mut buffer = Buffer::empty(area);
    let now = Nanos(console.now);
    let hits = draw(&console.app, Theme::COLOUR, now, area, &mut buffer);
    let of = |row| -> Vec<Nanos> {
        let columns = (0..160).filter_map(|column| hits_at(&hits, column, row, chart));
        columns.collect()
    };
    (0..48).map(of).find(|row| !row.is_empty()).unwrap()
}

fn hits_at(hits: &Hits, column: u16, row: u16, chart: ChartId) -> Option<Nanos> {
    let (id, at) = hits.moment(column, row)?;
    (id == chart).then_some(at)
}

#[test]
fn the_mouse_finds_moments_on_charts_and_what_it_does_is_kept_in_sight() {
    let mut console = switched();
    let act = |console: &mut Console, what| console.update(Update::Act(Action::Chart(what)));
    let moments = charted(&console, ChartId::Latency);
    let newest = console.app.targets()[ROBOT]
        .store
        .trends()
        .newest()
        .unwrap();
    // Two dots a column, the newest in the last one.
    let (last, before) = (moments[moments.len() - 1], moments[moments.len() - 2]);
    assert_eq!(last.since(before), 200 * MS);
    assert!(newest.since(last).abs() < 200 * MS);
    // A click: the crosshair stands there, on the chart that was clicked.
    let ten = moments[moments.len() - 11];
    act(&mut console, charts::Do::Point(ChartId::Latency, ten));
    let screen = console.screen((160, 48));
    let ago = newest.since(ten) as f64 / 1e9;
    assert!(
        screen.contains(&format!("▸-{ago:.1} s  ")),
        "{ago}: {screen}"
    );
    // A drag to the right by ten columns shows two seconds earlier.
    act(&mut console, charts::Do::Drag(-20));
    let dragged = charted(&console, ChartId::Latency);
    assert_eq!(last.since(dragged[dragged.len() - 1]), 2_000 * MS);
    // The wheel: what is under the pointer stays under it, as far as there is something to show.
    act(&mut console, charts::Do::Zoom(-1));
    let wide = charted(&console, ChartId::Latency);
    assert_eq!(wide[1].since(wide[0]), 400 * MS);
    let at = wide.len() / 2;
    act(&mut console, charts::Do::ZoomAt(1, wide[at]));
    let near = charted(&console, ChartId::Latency);
    assert_eq!(near[1].since(near[0]), 200 * MS);
    assert!(near[at].since(wide[at]).abs() <= 200 * MS, "a column");
    // Nothing under a question can be dragged.
    console.key(Key::Char('?'));
    let area = Rect::new(0, 0, 160, 48);
    let mut buffer = Buffer::empty(area);
    let now = Nanos(console.now);
    let hits = draw(&console.app, Theme::COLOUR, now, area, &mut buffer);
    assert!((0..160).all(|x| (0..48).all(|y| hits.moment(x, y).is_none())));
}

#[test]
fn what_is_believed_of_the_link_is_a_band_around_a_dashed_line() {
    let console = switched();
    // 60 Mbps, give or take 4: the axis ends at 100, and a chart of that height has both ends of the band in it.
    let screen = console.screen((160, 48));
    let chart = screen
        .lines()
        .skip(3)
        .take(9)
        .collect::<Vec<_>>()
        .join("\n");
    snapshot("band_of_the_estimate", &chart);
}

#[test]
fn no_label_of_the_time_axis_runs_into_another() {
    let mut console = switched();
    console.key(LOOK);
    for _ in 0..12 {
        for width in (40..160).step_by(7) {
            let screen = console.screen((width, 48));
            let axis = screen.lines().filter(|line| line.contains("Mbps -"));
            for line in axis {
                let bad = [" s-", " min-", " h-", "snow", "nnow", "hnow"];
                assert!(bad.iter().all(|b| !line.contains(b)), "{width}: {line}");
            }
        }
        console.key(Key::Char('-'));
    }
}

#[test]
fn the_way_out_of_the_crosshair_is_told_on_every_screen() {
    let mut console = switched();
    console.key(LOOK);
    for size in SIZES {
        let screen = console.screen(size);
        assert!(screen.contains("Esc leave"), "{screen}");
    }
}
