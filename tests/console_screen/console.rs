//! A console without a terminal, with scripted workers and a clock that stands still.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use splitscope::console::app::sweeping::Kept;
use splitscope::console::app::{App, Effect, Key, Keymap, Moment, Said, Setup, Update};
use splitscope::console::tap;
use splitscope::console::view::{Theme, draw};
use splitscope::plan::Plan;
use splitscope::session::Entry;
use splitscope::units::{DeviceId, Epoch, FrameId, Nanos};
use splitscope::wire::console::{CommandMessage, Reply, Role};
use splitscope::wire::{
    EventRecord, Flow, InputRecord, LeaseRecord, Level, LinkSample, Outcome, PeerRecord, PeerState,
    Record, ServerFrameRecord,
};

use crate::script::{MS, batch, frame, hello, plan};

pub(crate) const ROBOT: usize = 0;
pub(crate) const SERVER: usize = 1;
/// 14:32:10 UTC of some day.
pub(crate) const UNIX_MS: u64 = 1_780_065_130_000;
pub(crate) const SIZES: [(u16, u16); 3] = [(80, 24), (160, 48), (40, 12)];

/// A console with time that stands still until it is moved.
pub(crate) struct Console {
    pub(crate) app: App,
    pub(crate) now: i64,
    pub(crate) effects: Vec<Effect>,
    kept: Vec<Kept>,
    /// What happened, as the film of a rewound screen has it.
    pub(crate) entries: Vec<Entry>,
}

impl Console {
    pub(crate) fn new() -> Self {
        let addresses = ["ws://10.0.0.2:7401", "ws://10.0.0.3:7402"];
        let setup = Setup {
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
            token: None,
            keymap: Keymap::default(),
            remote: false,
            first_command: 100,
            ..Setup::default()
        };
        let (app, effects) = App::new(setup, Nanos(0));
        let entries = tap::targets(&app, Moment::default());
        Self {
            app,
            now: 0,
            effects,
            kept: Vec::new(),
            entries,
        }
    }

    pub(crate) fn update(&mut self, update: Update) {
        let at = Moment {
            now: Nanos(self.now),
            unix_ms: UNIX_MS + (self.now / MS) as u64,
        };
        self.entries.extend(tap::heard(&self.app, &update, at));
        let turn = self.app.update(update, at);
        for effect in turn.effects {
            match effect {
                Effect::Keep(kept) => self.kept.push(kept),
                effect => self.effects.push(effect),
            }
        }
    }

    pub(crate) fn wait(&mut self, ms: i64) {
        self.now += ms * MS;
        self.update(Update::Tick);
    }

    pub(crate) fn key(&mut self, key: Key) {
        self.update(Update::Key(key));
    }

    pub(crate) fn keys(&mut self, key: Key, times: usize) {
        for _ in 0..times {
            self.key(key);
        }
    }

    pub(crate) fn hear(&mut self, target: usize, said: Said) {
        let dial = self.app.targets()[target].connection.dial();
        self.update(Update::Link { target, dial, said });
    }

    pub(crate) fn records(&mut self, target: usize, records: Vec<Record>) {
        self.hear(target, Said::Batch(batch(1, records)));
    }

    pub(crate) fn reply(&mut self, command: u64, result: Result<(), String>) {
        self.hear(ROBOT, Said::Reply(Reply { command, result }));
    }

    /// What of a sweep was handed on to be stored since the last look.
    pub(crate) fn kept(&mut self) -> Vec<Kept> {
        std::mem::take(&mut self.kept)
    }

    /// The commands sent since the last look.
    pub(crate) fn sent(&mut self) -> Vec<CommandMessage> {
        let effects = std::mem::take(&mut self.effects);
        let message = |effect| match effect {
            Effect::Send { target, message } => {
                assert_eq!(target, ROBOT);
                Some(message)
            }
            Effect::Keep(_)
            | Effect::Link { .. }
            | Effect::Ask { .. }
            | Effect::Note(_)
            | Effect::Errand(_)
            | Effect::Show(_)
            | Effect::Suspend
            | Effect::Quit => None,
        };
        effects.into_iter().filter_map(message).collect()
    }

    pub(crate) fn buffer(&self, (width, height): (u16, u16), theme: Theme) -> Buffer {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        draw(&self.app, theme, Nanos(self.now), area, &mut buffer);
        buffer
    }

    pub(crate) fn screen(&self, size: (u16, u16)) -> String {
        text(&self.buffer(size, Theme::COLOUR))
    }

    pub(crate) fn row(&self, y: usize) -> String {
        self.screen((160, 48)).lines().nth(y).unwrap().to_owned()
    }

    /// The line between the person and the robot.
    pub(crate) fn status(&self) -> String {
        self.row(46).trim().to_owned()
    }
}

pub(crate) fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let symbols: Vec<&str> = buffer.content.iter().map(Cell::symbol).collect();
    let lines: Vec<String> = symbols
        .chunks(width)
        .map(|line| line.concat().trim_end().to_owned())
        .collect();
    lines.join("\n")
}

pub(crate) fn link(at_ms: i64, up: Option<f64>, connected: bool) -> Record {
    let busy_ns = 70 * MS;
    let flow = |mbps: f64| Flow {
        bytes: (mbps * 1e6 / 8.0 * busy_ns as f64 / 1e9) as u64,
        busy_ns,
    };
    Record::Link(LinkSample {
        at: Nanos(at_ms * MS),
        window_ns: 100 * MS,
        up: up.map(flow).unwrap_or_default(),
        down: up.map(|m| flow(m / 20.0)).unwrap_or_default(),
        rtt_ns: connected.then_some(4_100_000),
        connected,
        peer: DeviceId::SERVER,
    })
}

/// Ten seconds of a link: a hill, a second behind a tree, half a second idle, a valley.
pub(crate) fn ten_seconds_of_link() -> Vec<Record> {
    // They end when the newest of the frames does.
    let at = |i: i64| 54_590 + i * 100;
    let sample = |i: i64| match i {
        40..50 => link(at(i), None, false),
        60..65 => link(at(i), None, true),
        _ => link(at(i), Some(70.0 + 22.0 * (i as f64 / 9.0).sin()), true),
    };
    (1..=100).map(sample).collect()
}

/// Who controls.
pub(crate) fn lease(holder: Option<(u64, &str)>) -> Record {
    Record::Lease(LeaseRecord {
        session: holder.map(|(session, _)| session),
        name: holder.map(|(_, name)| name.to_owned()),
    })
}

pub(crate) fn event(level: Level, text: &str) -> Record {
    Record::Event(EventRecord {
        at: Nanos(0),
        unix_ms: UNIX_MS,
        level,
        text: text.to_owned(),
    })
}

pub(crate) fn peer_ready() -> Record {
    Record::Peer(PeerRecord {
        device: DeviceId::SERVER,
        address: "10.0.0.3:7402".to_owned(),
        state: PeerState::Ready,
        clock: Some(splitscope::clock::Offset {
            offset_ns: 0,
            error_ns: 310_000,
        }),
        link: None,
    })
}

/// A robot and a server at work: `split 28`, epoch 7, the first frame of which was a warm-up.
pub(crate) fn live() -> Console {
    let mut console = Console::new();
    console.wait(20);
    console.hear(ROBOT, Said::Hello(Box::new(hello(Role::Robot, 1, 5))));
    console.hear(SERVER, Said::Hello(Box::new(hello(Role::Server, 2, 3))));
    let mut records = vec![plan(7, Plan::split(28)), lease(None), peer_ready()];
    records.extend(ten_seconds_of_link());
    for number in 1010..=1041 {
        let mut record = frame(number, 7, 28);
        record.warmup = number == 1010;
        if number == 1038 {
            record.outcome = Outcome::FinishedLocally;
        }
        records.push(Record::Frame(Box::new(record)));
    }
    records.push(Record::Input(InputRecord {
        source: "pictures".to_owned(),
        admitted: 1041,
        skipped: 3,
        records_dropped: 0,
        late_values: 0,
    }));
    records.push(event(Level::Info, "split 28 applied at frame 1010"));
    records.push(event(
        Level::Warning,
        "link at 0 for 1.0 s, 1 frame finished locally",
    ));
    console.records(ROBOT, records);
    let server: Vec<Record> = (1030..=1041).map(server_frame).collect();
    console.records(SERVER, server);
    console
}

pub(crate) fn server_frame(number: u64) -> Record {
    Record::ServerFrame(Box::new(ServerFrameRecord {
        frame: FrameId(number),
        epoch: Epoch(7),
        began: Nanos(0),
        compute_ns: 9 * MS + number as i64 % 5 * 300_000,
        bytes_in: 200_704,
        bytes_out: 4_000,
    }))
}
