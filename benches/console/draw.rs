//! What one picture costs in memory: the whole screen from the state, no terminal.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use splitscope::clock;
use splitscope::console::app::{App, Key, Moment, Said, Setup, Update};
use splitscope::console::view::{Theme, draw, draw_series};
use splitscope::plan::Plan;
use splitscope::store::{Measured, Series, Window};
use splitscope::units::{DeviceId, Nanos};
use splitscope::wire::console::Role;
use splitscope::wire::{Flow, LinkSample, Record};

use crate::row;
use crate::script::{MS, batch, frame, hello, plan};

/// Pictures of each screen.
const PICTURES: usize = 60;

/// A console that has heard a robot for ten minutes.
fn watched() -> (App, Nanos) {
    let setup = Setup {
        addresses: vec!["ws://10.0.0.2:7401".parse().unwrap()],
        ..Setup::default()
    };
    let (mut app, _) = App::new(setup, Nanos(0));
    let mut now = Nanos(0);
    let hear = |app: &mut App, said: Said, now: Nanos| {
        let update = Update::Link {
            target: 0,
            dial: 1,
            said,
        };
        app.update(update, Moment { now, unix_ms: 0 });
    };
    hear(
        &mut app,
        Said::Hello(Box::new(hello(Role::Robot, 1, 1))),
        now,
    );
    hear(
        &mut app,
        Said::Batch(batch(1, vec![plan(7, Plan::split(28))])),
        now,
    );
    for tenth in 0..6_000_i64 {
        now = Nanos((tenth + 1) * 100 * MS);
        let mut records = vec![Record::Link(LinkSample {
            at: now,
            window_ns: 100 * MS,
            up: Flow {
                bytes: 600_000 + (tenth * 7_919 % 300_000) as u64,
                busy_ns: 70 * MS,
            },
            down: Flow::default(),
            rtt_ns: Some(4 * MS),
            connected: true,
            peer: DeviceId::SERVER,
        })];
        // The newest frames are all that is kept.
        if tenth >= 5_400 {
            records.push(Record::Frame(Box::new(frame(tenth as u64, 7, 28))));
        }
        hear(&mut app, Said::Batch(batch(tenth as u64 + 2, records)), now);
    }
    (app, now)
}

/// A chart alone, over its last minutes, with more and more before them: what is not in sight costs nothing.
fn chart_alone() {
    println!("\none chart, 80x12, by how long has been measured");
    let area = Rect::new(0, 0, 80, 12);
    let mut series = Series::default();
    let mut tenth = 0_i64;
    for (name, tenths) in [("a minute", 600), ("an hour", 36_000), ("a day", 864_000)] {
        while tenth < tenths {
            let wave = (tenth * 7_919 % 1_000) as f64 / 10.0;
            series.add(Nanos(tenth * 100 * MS), Measured::reading(wave));
            tenth += 1;
        }
        let end = Nanos(tenth * 100 * MS);
        for (zoom, dot_ms) in [("0.1 s", 100), ("10 min", 600_000)] {
            let window = Window::ending(end, dot_ms * MS, 150);
            let took: Vec<f64> = (0..PICTURES)
                .map(|_| {
                    let mut buffer = Buffer::empty(area);
                    let began = clock::now();
                    draw_series(&series, &window, Theme::COLOUR, area, &mut buffer);
                    clock::now().since(began) as f64 / 1e6
                })
                .collect();
            row(&format!("{name}, {zoom} a dot"), &took, "ms", None);
        }
    }
}

pub(crate) fn report() {
    chart_alone();
    let (mut app, now) = watched();
    for (width, height) in [(120, 40), (160, 48)] {
        println!("\none picture, {width}x{height}, ten minutes of history");
        let area = Rect::new(0, 0, width, height);
        for number in '1'..='8' {
            let moment = Moment { now, unix_ms: 0 };
            app.update(Update::Key(Key::Char(number)), moment);
            let took: Vec<f64> = (0..PICTURES)
                .map(|_| {
                    let mut buffer = Buffer::empty(area);
                    let began = clock::now();
                    draw(&app, Theme::COLOUR, now, area, &mut buffer);
                    clock::now().since(began) as f64 / 1e6
                })
                .collect();
            row(&format!("screen {number}"), &took, "ms", None);
        }
    }
}
