//! Recorded and replayed: the screen of a moment is the screen that live showed then. And live rewound in place.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "console_screen/script.rs"]
mod script;

use std::path::Path;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use script::{MS, batch, frame, hello, plan};
use splitscope::console::app::{Action, App, Effect, Key, Moment, Reel, Said, Setup, Shot, Update};
use splitscope::console::tap;
use splitscope::console::view::{Theme, draw};
use splitscope::plan::Plan;
use splitscope::playback::{Command, Film, Jump, Standing};
use splitscope::session::{Entry, FORMAT, Reader, Start, Writer};
use splitscope::units::{DeviceId, Epoch, FrameId, Nanos};
use splitscope::wire::console::{Reply, Role};
use splitscope::wire::{
    EventRecord, Flow, Level, LinkSample, Outcome, Record, SwitchRecord, SwitchStage,
};

const UNIX_MS: u64 = 1_780_065_130_000;
const WIDTH: u16 = 132;
const HEIGHT: u16 = 44;

fn text(app: &App, now: Nanos, height: u16) -> String {
    let area = Rect::new(0, 0, WIDTH, height);
    let mut buffer = Buffer::empty(area);
    draw(app, Theme::COLOUR, now, area, &mut buffer);
    let symbols: Vec<&str> = buffer.content.iter().map(Cell::symbol).collect();
    let lines = symbols.chunks(usize::from(WIDTH));
    let lines: Vec<String> = lines.map(|l| l.concat().trim_end().to_owned()).collect();
    lines.join("\n")
}

fn first(addresses: &[&str]) -> App {
    let setup = Setup {
        addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
        first_command: 100,
        ..Setup::default()
    };
    App::new(setup, Nanos(0)).0
}

/// A live console whose updates are written down, as the shell does it.
struct Live {
    app: App,
    now: i64,
    entries: Vec<Entry>,
    seq: u64,
}

impl Live {
    fn new() -> Self {
        let app = first(&["ws://10.0.0.2:7401", "ws://10.0.0.3:7402"]);
        let mut live = Self {
            app,
            now: 0,
            entries: Vec::new(),
            seq: 0,
        };
        live.entries = tap::targets(&live.app, live.at());
        live
    }

    const fn at(&self) -> Moment {
        Moment {
            now: Nanos(self.now),
            unix_ms: UNIX_MS + (self.now / MS) as u64,
        }
    }

    fn update(&mut self, update: Update) {
        let at = self.at();
        self.entries.extend(tap::heard(&self.app, &update, at));
        let turn = self.app.update(update, at);
        for effect in turn.effects {
            if let Effect::Send { target, message } = &effect {
                self.entries.push(tap::sent(*target, message, at));
            }
        }
    }

    fn hear(&mut self, target: usize, said: Said) {
        let dial = self.app.targets()[target].connection.dial();
        self.update(Update::Link { target, dial, said });
    }

    fn records(&mut self, target: usize, records: Vec<Record>) {
        self.seq += 1;
        self.hear(target, Said::Batch(batch(self.seq, records)));
    }

    /// Lets time pass as the shell does: a tick when one is due.
    fn wait_until(&mut self, ms: i64) {
        let to = Nanos(ms * MS);
        while let Some(due) = self.app.next_tick(Nanos(self.now)).filter(|&due| due <= to) {
            self.now = self.now.max(due.0);
            self.update(Update::Tick);
        }
        self.now = to.0;
    }
}

fn link(at_ms: i64) -> Record {
    Record::Link(LinkSample {
        at: Nanos(at_ms * MS),
        window_ns: 100 * MS,
        up: Flow {
            bytes: 400_000 + at_ms as u64,
            busy_ns: 70 * MS,
        },
        down: Flow::default(),
        rtt_ns: Some(4_100_000),
        connected: true,
        peer: DeviceId::SERVER,
    })
}

fn event(ms: i64, text: &str) -> Record {
    Record::Event(EventRecord {
        at: Nanos(ms * MS),
        unix_ms: UNIX_MS + ms as u64,
        level: Level::Warning,
        text: text.to_owned(),
    })
}

/// Twelve seconds: a split, an outage of the console, a fallback, a switch, a refused command. `look` sees every tenth of a
/// second.
fn experiment(mut look: impl FnMut(&Live)) -> Live {
    let mut live = Live::new();
    live.wait_until(20);
    live.hear(0, Said::Hello(Box::new(hello(Role::Robot, 1, 5))));
    live.hear(1, Said::Hello(Box::new(hello(Role::Server, 2, 3))));
    live.records(0, vec![plan(7, Plan::split(28))]);
    let mut number = 0;
    for tenth in 1..=120_i64 {
        let ms = tenth * 100;
        live.wait_until(ms);
        let away = (40..62).contains(&tenth);
        match tenth {
            30 => live.records(0, vec![event(ms, "the camera skips pictures")]),
            40 => live.hear(0, Said::Lost("connection reset".to_owned())),
            62 => live.hear(0, Said::Hello(Box::new(hello(Role::Robot, 1, 6)))),
            80 => {
                let switch = Record::Switch(SwitchRecord {
                    at: Nanos(ms * MS),
                    command: 9,
                    plan: Plan::split(12),
                    stage: SwitchStage::Applied {
                        epoch: Epoch(8),
                        frame: FrameId(number),
                    },
                });
                live.records(0, vec![switch, plan(8, Plan::split(12))]);
            }
            95 => {
                for key in [Key::Right, Key::Enter] {
                    live.update(Update::Key(key));
                }
                live.hear(0, reply(100, Ok(())));
                live.hear(0, reply(101, Err("a server is missing".to_owned())));
                live.update(Update::Key(Key::Esc));
            }
            _ => {}
        }
        if !away {
            let (epoch, cut) = if tenth < 80 { (7, 28) } else { (8, 12) };
            let mut told = frame(number, epoch, cut);
            if (100..110).contains(&tenth) {
                told.outcome = Outcome::FinishedLocally;
                "local".clone_into(&mut told.mode);
            }
            live.records(0, vec![Record::Frame(Box::new(told)), link(ms)]);
            number += 1;
        }
        look(&live);
    }
    live
}

fn reply(command: u64, result: Result<(), String>) -> Said {
    Said::Reply(Reply { command, result })
}

fn record(entries: &[Entry], path: &Path) -> Reader {
    let start = Start {
        format: FORMAT,
        version: "test".to_owned(),
        at: Nanos(0),
        unix_ms: UNIX_MS,
        console: "test".to_owned(),
    };
    let mut writer = Writer::create(path, start).unwrap();
    for entry in entries {
        writer.add(entry).unwrap();
    }
    writer.finish().unwrap();
    Reader::open(path).unwrap()
}

#[test]
fn the_screen_of_the_replay_at_any_moment_is_the_screen_that_live_showed_then() {
    let mut screens: Vec<(Nanos, String)> = Vec::new();
    let live =
        experiment(|live| screens.push((live.at().now, text(&live.app, live.at().now, HEIGHT))));
    assert!(screens[60].1.contains("RETRY") || screens[60].1.contains("CONNECTING"));
    assert!(screens[119].1.contains("a server is missing"));
    let dir = tempfile::tempdir().unwrap();
    let reader = record(&live.entries, &dir.path().join("a.mcap"));
    let mut film = Film::of_file(reader, first(&[]));
    film.look_on(usize::MAX).unwrap();
    assert!(film.is_seen() && film.damaged() == 0);
    // Forth, back, and across: 53 is no divisor of 120.
    for i in (0..screens.len()).map(|n| n * 53 % screens.len()) {
        let (at, expected) = &screens[i];
        let shown = film.show(*at).unwrap();
        assert_eq!(&text(shown, *at, HEIGHT), expected, "at {at:?}");
    }
}

/// A console that is given pictures as the shell does it.
fn serve(app: &mut App, film: &mut Film<App>, update: Update, at: Moment) {
    let mut updates = vec![update];
    while let Some(update) = updates.pop() {
        for effect in app.update(update, at).effects {
            if let Effect::Show(moment) = effect {
                let state = film.show(moment).unwrap();
                updates.push(Update::Film(Shot::Picture {
                    at: state.replayed(),
                    evidence: Box::new(state.evidence()),
                }));
            }
        }
    }
}

fn reel(film: &Film<App>) -> Update {
    let (from, to) = film.span().unwrap();
    Update::Film(Shot::Reel(Reel {
        from,
        to,
        landmarks: std::sync::Arc::new(film.landmarks().clone()),
        reading: None,
    }))
}

#[test]
fn a_recording_is_seen_with_a_scrubber_and_commands_are_inert_and_say_so() {
    let mut at_seven = String::new();
    let live = experiment(|live| {
        if live.now == 7_000 * MS {
            at_seven = text(&live.app, live.at().now, HEIGHT);
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let reader = record(&live.entries, &dir.path().join("garden.mcap"));
    let mut film = Film::of_file(reader, first(&[]));
    film.look_on(usize::MAX).unwrap();
    let (from, to) = film.span().unwrap();
    let mut app = App::replay(
        Setup::default(),
        "garden.mcap".to_owned(),
        from,
        to,
        Nanos(0),
    );
    let at = Moment::default();
    let whole = reel(&film);
    serve(&mut app, &mut film, whole, at);
    for key in "g7".chars().map(Key::Char).chain([Key::Enter]) {
        serve(&mut app, &mut film, Update::Key(key), at);
    }
    assert_eq!(app.time_shown(at.now), Nanos(7_000 * MS));
    // The rows of the scrubber apart, and the words for which time it is and which keys there are.
    let shown = text(&app, at.now, HEIGHT + 3);
    let mut rows: Vec<&str> = shown.lines().collect();
    let foot = rows.len() - 5;
    let scrubber: Vec<&str> = rows.drain(foot..foot + 3).collect();
    let expected: Vec<&str> = at_seven.lines().collect();
    let body = 1..expected.len() - 1;
    assert_eq!(rows[body.clone()], expected[body]);
    assert!(rows[0].contains("▶ REPLAY") && expected[0].contains("LIVE"));
    let model = |row: &str| row.split("mobilenet_v2").nth(1).unwrap().to_owned();
    assert_eq!(model(rows[0]), model(expected[0]));
    assert!(
        scrubber[1].contains("split") && scrubber[1].contains('▲'),
        "{scrubber:?}"
    );
    assert!(scrubber[2].contains("0:07.0 of 0:12.0"), "{scrubber:?}");
    assert!(scrubber[2].contains("garden.mcap"));
    let mut told = |key| {
        serve(&mut app, &mut film, Update::Key(key), at);
        app.notice().unwrap_or_default().to_owned()
    };
    for key in [
        Key::Enter,
        Key::Left,
        Key::Char('m'),
        Key::Char('u'),
        Key::Char('c'),
    ] {
        assert!(told(key).contains("REPLAY: nothing is sent"), "{key:?}");
    }
    assert!(told(Key::Char('}')).contains("no further marker"));
    told(Key::Char(')'));
    assert_eq!(app.time_shown(at.now), Nanos(8_000 * MS));
    serve(&mut app, &mut film, Update::Key(Key::Char('f')), at);
    assert_eq!(app.time_shown(at.now), Nanos(10_000 * MS));
    serve(&mut app, &mut film, Update::Key(Key::End), at);
    assert_eq!(app.time_shown(at.now), to);
}

#[test]
fn playing_shows_the_moment_that_the_speed_says() {
    let live = experiment(|_| {});
    let mut film = Film::in_memory(first(&[]));
    live.entries.into_iter().for_each(|entry| film.add(entry));
    let (from, to) = film.span().unwrap();
    let mut app = App::replay(Setup::default(), "a".to_owned(), from, to, Nanos(0));
    let mut at = Moment::default();
    let whole = reel(&film);
    serve(&mut app, &mut film, whole, at);
    // It opened at its first frame.
    let first = film.landmarks().first_frame();
    assert!(first.is_some() && first != Some(from));
    assert_eq!(Some(app.time_shown(at.now)), first);
    let start = Action::Time(Command::Jump(Jump::Start));
    serve(&mut app, &mut film, Update::Act(start), at);
    for key in [Key::Char('0'), Key::Char('0'), Key::Char(' ')] {
        serve(&mut app, &mut film, Update::Key(key), at);
    }
    for _ in 0..20 {
        let due = app.next_tick(at.now).unwrap();
        assert_eq!(due.since(at.now), 100 * MS);
        at.now = due;
        serve(&mut app, &mut film, Update::Tick, at);
    }
    // Two seconds at four times the speed.
    assert_eq!(app.time_shown(at.now).since(from), 8_000 * MS);
    let number = app.targets()[0].store.frames().last().unwrap().frame;
    assert_eq!(number, FrameId(57));
}

#[test]
fn live_is_rewound_in_place_while_it_goes_on_and_end_goes_live() {
    let mut live = experiment(|_| {});
    let mut film = Film::in_memory(first(&[]));
    live.entries.drain(..).for_each(|entry| film.add(entry));
    let now = live.at();
    let before = text(&live.app, now.now, HEIGHT);
    let mut app = live.app.clone();
    let whole = reel(&film);
    serve(&mut app, &mut film, whole, now);
    serve(&mut app, &mut film, Update::Key(Key::Char('<')), now);
    assert_eq!(app.deck().playback().standing(), Standing::Rewound);
    let shown = app.time_shown(now.now);
    assert_eq!(now.now.since(shown), 1_000 * MS);
    let rewound = text(&app, now.now, HEIGHT + 3);
    assert!(rewound.contains("◀ REWOUND") && !rewound.contains("● LIVE"));
    serve(&mut app, &mut film, Update::Key(Key::Enter), now);
    assert!(app.notice().unwrap().contains("REWOUND: nothing is sent"));
    // A frame comes meanwhile: the screen stands, the present has it.
    let newest = app.targets()[0].store.frames().last().unwrap().frame;
    let dial = app.present_targets()[0].connection.dial();
    let told = batch(999, vec![Record::Frame(Box::new(frame(5_000, 8, 12)))]);
    let update = Update::Link {
        target: 0,
        dial,
        said: Said::Batch(told),
    };
    serve(&mut app, &mut film, update, now);
    assert_eq!(
        app.targets()[0].store.frames().last().unwrap().frame,
        newest
    );
    assert_eq!(
        app.present_targets()[0]
            .store
            .frames()
            .last()
            .unwrap()
            .frame,
        FrameId(5_000)
    );
    serve(&mut app, &mut film, Update::Key(Key::End), now);
    assert_eq!(app.deck().playback().standing(), Standing::Live);
    assert_eq!(
        app.targets()[0].store.frames().last().unwrap().frame,
        FrameId(5_000)
    );
    assert_ne!(text(&app, now.now, HEIGHT), before);
    assert_eq!(app.time_shown(now.now), now.now);
}

/// At a moment of a recording, every screen's foot: what orders a robot is not offered, and its key means what it means
/// anywhere.
#[test]
fn in_a_recording_only_what_works_is_offered_on_every_screen() {
    let live = experiment(|_| {});
    let mut film = Film::in_memory(first(&[]));
    live.entries.into_iter().for_each(|entry| film.add(entry));
    let (from, to) = film.span().unwrap();
    let mut app = App::replay(Setup::default(), "a".to_owned(), from, to, Nanos(0));
    let at = Moment::default();
    let whole = reel(&film);
    serve(&mut app, &mut film, whole, at);
    for key in "g7".chars().map(Key::Char).chain([Key::Enter]) {
        serve(&mut app, &mut film, Update::Key(key), at);
    }
    for screen in "12345678".chars() {
        serve(&mut app, &mut film, Update::Key(Key::Char(screen)), at);
        let shown = text(&app, at.now, HEIGHT);
        let foot = shown.lines().last().unwrap();
        for word in [
            "apply", "undo", "control", "mode", "cut", "start", "skip", "stop",
        ] {
            assert!(!foot.contains(&format!(" {word}")), "{screen}: {foot}");
        }
        assert!(foot.contains("quit"), "{foot}");
    }
    // The table is sorted and searched there, too.
    serve(&mut app, &mut film, Update::Key(Key::Char('2')), at);
    let title = |app: &App| {
        let shown = text(app, at.now, HEIGHT);
        shown
            .lines()
            .find(|l| l.contains("┌ Layers  "))
            .unwrap()
            .to_owned()
    };
    for key in "o/conv2d".chars().map(Key::Char).chain([Key::Enter]) {
        serve(&mut app, &mut film, Update::Key(key), at);
    }
    assert!(title(&app).contains("by p50  /conv2d"), "{}", title(&app));
    // On the Layers screen `g` would propose a cut; of a recording it asks for a moment.
    serve(&mut app, &mut film, Update::Key(Key::Char('g')), at);
    assert!(app.deck().typed().is_some() && app.proposal().is_none());
}

/// A sample from another version of the protocol: it must not be refused like a worker of that version.
#[test]
fn the_sample_recording_shows_its_frames() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/garden.mcap");
    let mut film = Film::of_file(Reader::open(&path).unwrap(), first(&[]));
    film.look_on(usize::MAX).unwrap();
    let (_, to) = film.span().unwrap();
    let app = film.show(to).unwrap();
    assert_eq!(app.targets()[0].store.frames().total(), 49);
}
