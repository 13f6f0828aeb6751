//! What is on the screen: scripted workers, every size, and the keys that change it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "console_screen/layers.rs"]
mod layers;
#[path = "console_screen/modes.rs"]
mod modes;
#[path = "console_screen/power.rs"]
mod power;
#[path = "console_screen/predictions.rs"]
mod predictions;
#[path = "console_screen/script.rs"]
mod script;
#[path = "console_screen/sessions.rs"]
mod sessions;
#[path = "console_screen/simulate.rs"]
mod simulate;
#[path = "console_screen/sweep.rs"]
mod sweep;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use script::{MS, batch, frame, hello, plan};
use splitscope::console::app::{
    Action, App, Effect, Key, Keymap, Moment, Said, Screen, Setup, Update,
};
use splitscope::console::connection::Refusal;
use splitscope::console::view::{Theme, draw};
use splitscope::plan::Plan;
use splitscope::units::{DeviceId, Epoch, FrameId, Nanos};
use splitscope::wire::console::{Command, CommandMessage, Reply, Role};
use splitscope::wire::{
    EventRecord, Flow, InputRecord, LeaseRecord, Level, LinkSample, Outcome, PeerRecord, PeerState,
    PlanRecord, Record, ServerFrameRecord, SwitchRecord, SwitchStage,
};

const ROBOT: usize = 0;
const SERVER: usize = 1;
/// 14:32:10 UTC of some day.
const UNIX_MS: u64 = 1_780_065_130_000;
const SIZES: [(u16, u16); 3] = [(80, 24), (160, 48), (40, 12)];

/// A console with time that stands still until it is moved.
struct Console {
    app: App,
    now: i64,
    effects: Vec<Effect>,
}

impl Console {
    fn new() -> Self {
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
        Self {
            app,
            now: 0,
            effects,
        }
    }

    fn update(&mut self, update: Update) {
        let at = Moment {
            now: Nanos(self.now),
            unix_ms: UNIX_MS + (self.now / MS) as u64,
        };
        let turn = self.app.update(update, at);
        self.effects.extend(turn.effects);
    }

    fn wait(&mut self, ms: i64) {
        self.now += ms * MS;
        self.update(Update::Tick);
    }

    fn key(&mut self, key: Key) {
        self.update(Update::Key(key));
    }

    fn keys(&mut self, key: Key, times: usize) {
        for _ in 0..times {
            self.key(key);
        }
    }

    fn hear(&mut self, target: usize, said: Said) {
        let dial = self.app.targets()[target].connection.dial();
        self.update(Update::Link { target, dial, said });
    }

    fn records(&mut self, target: usize, records: Vec<Record>) {
        self.hear(target, Said::Batch(batch(1, records)));
    }

    fn reply(&mut self, command: u64, result: Result<(), String>) {
        self.hear(ROBOT, Said::Reply(Reply { command, result }));
    }

    /// The commands sent since the last look.
    fn sent(&mut self) -> Vec<CommandMessage> {
        let effects = std::mem::take(&mut self.effects);
        let message = |effect| match effect {
            Effect::Send { target, message } => {
                assert_eq!(target, ROBOT);
                Some(message)
            }
            Effect::Link { .. }
            | Effect::Ask { .. }
            | Effect::Note(_)
            | Effect::Errand(_)
            | Effect::Show(_)
            | Effect::Suspend
            | Effect::Quit => None,
        };
        effects.into_iter().filter_map(message).collect()
    }

    fn buffer(&self, (width, height): (u16, u16), theme: Theme) -> Buffer {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        draw(&self.app, theme, Nanos(self.now), area, &mut buffer);
        buffer
    }

    fn screen(&self, size: (u16, u16)) -> String {
        text(&self.buffer(size, Theme::COLOUR))
    }

    fn row(&self, y: usize) -> String {
        self.screen((160, 48)).lines().nth(y).unwrap().to_owned()
    }

    /// The line between the person and the robot.
    fn status(&self) -> String {
        self.row(46).trim().to_owned()
    }
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let symbols: Vec<&str> = buffer.content.iter().map(Cell::symbol).collect();
    let lines: Vec<String> = symbols
        .chunks(width)
        .map(|line| line.concat().trim_end().to_owned())
        .collect();
    lines.join("\n")
}

fn link(at_ms: i64, up: Option<f64>, connected: bool) -> Record {
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
fn ten_seconds_of_link() -> Vec<Record> {
    let sample = |i: i64| match i {
        40..50 => link(i * 100, None, false),
        60..65 => link(i * 100, None, true),
        _ => link(i * 100, Some(70.0 + 22.0 * (i as f64 / 9.0).sin()), true),
    };
    (1..=100).map(sample).collect()
}

/// Who controls.
fn lease(holder: Option<(u64, &str)>) -> Record {
    Record::Lease(LeaseRecord {
        session: holder.map(|(session, _)| session),
        name: holder.map(|(_, name)| name.to_owned()),
    })
}

fn event(level: Level, text: &str) -> Record {
    Record::Event(EventRecord {
        at: Nanos(0),
        unix_ms: UNIX_MS,
        level,
        text: text.to_owned(),
    })
}

fn peer_ready() -> Record {
    Record::Peer(PeerRecord {
        device: DeviceId::SERVER,
        address: "10.0.0.3:7402".to_owned(),
        state: PeerState::Ready,
        clock: Some(splitscope::clock::Offset {
            offset_ns: 0,
            error_ns: 310_000,
        }),
    })
}

/// A robot and a server at work: `split 28`, epoch 7, the first frame of which was a warm-up.
fn live() -> Console {
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

fn server_frame(number: u64) -> Record {
    Record::ServerFrame(Box::new(ServerFrameRecord {
        frame: FrameId(number),
        epoch: Epoch(7),
        began: Nanos(0),
        compute_ns: 9 * MS + number as i64 % 5 * 300_000,
        bytes_in: 200_704,
        bytes_out: 4_000,
    }))
}

fn snapshots(name: &str, console: &Console) {
    for (width, height) in SIZES {
        let screen = console.screen((width, height));
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), screen);
    }
}

#[test]
fn no_worker_yet() {
    snapshots("no_worker_yet", &Console::new());
}

#[test]
fn no_worker_reachable() {
    let mut console = Console::new();
    console.wait(10);
    console.hear(ROBOT, Said::Lost("connection refused".to_owned()));
    console.hear(SERVER, Said::Lost("no route to host".to_owned()));
    console.wait(100);
    snapshots("no_worker_reachable", &console);
}

#[test]
fn live_split() {
    snapshots("live_split", &live());
}

#[test]
fn proposed_cut() {
    let mut console = live();
    console.keys(Key::Right, 3);
    snapshots("proposed_cut", &console);
}

#[test]
fn a_worker_of_another_version_is_refused() {
    let mut console = Console::new();
    let mut other = hello(Role::Robot, 1, 1);
    other.protocol = 9;
    other.version = "3.0.0".to_owned();
    console.hear(ROBOT, Said::Hello(Box::new(other)));
    let what = Refusal::NotAWorker("HTTP 404 Not Found".to_owned());
    console.hear(SERVER, Said::Refused(what));
    console.wait(500);
    snapshots("refused", &console);
}

#[test]
fn help() {
    let mut console = live();
    console.key(Key::Char('?'));
    snapshots("help", &console);
    console.key(Key::Esc);
    assert_eq!(console.screen((80, 24)), live().screen((80, 24)));
}

#[test]
fn only_the_server_is_attached() {
    let mut console = live();
    console.key(Key::Char('n'));
    let screen = console.screen((80, 24));
    insta::assert_snapshot!("server_shown_80x24", screen);
}

#[test]
fn untrained_weights_have_no_labels() {
    let mut console = Console::new();
    let mut robot = hello(Role::Robot, 1, 5);
    robot.model = Some(Box::new(script::model(false)));
    console.hear(ROBOT, Said::Hello(Box::new(robot)));
    console.records(ROBOT, vec![Record::Frame(Box::new(frame(1, 1, 28)))]);
    let screen = console.screen((80, 24));
    assert!(screen.contains("#967 0.93"), "{screen}");
    assert!(screen.contains("untrained weights"), "{screen}");
    assert!(!screen.contains("espresso"), "{screen}");
}

#[test]
fn a_screen_too_small_says_what_it_needs() {
    assert_eq!(live().screen((39, 12)).trim(), "needs 40x12, has 39x12");
    for (width, height) in [(1, 1), (40, 12), (79, 23), (200, 12), (40, 80), (300, 100)] {
        live().screen((width, height));
        Console::new().screen((width, height));
    }
}

#[test]
fn without_colour_there_is_none_and_every_word_is_still_there() {
    let mut console = live();
    console.keys(Key::Right, 3);
    for size in SIZES {
        let plain = console.buffer(size, Theme::PLAIN);
        let coloured = |c: &Cell| c.fg != Color::Reset || c.bg != Color::Reset;
        assert!(!plain.content.iter().any(coloured));
        assert_eq!(text(&plain), console.screen(size));
    }
}

#[test]
fn states_are_styled_words() {
    let console = live();
    let buffer = console.buffer((80, 24), Theme::COLOUR);
    let at = text(&buffer).lines().next().unwrap().find("LIVE").unwrap();
    let cell = &buffer[(at as u16, 0)];
    assert_eq!((cell.fg, cell.modifier), (Color::Green, Modifier::BOLD));
}

#[test]
fn a_silent_worker_is_stale_and_the_seconds_count() {
    let mut console = live();
    console.wait(2_100);
    assert!(console.row(0).contains("STALE 2 s"), "{}", console.row(0));
    console.records(ROBOT, Vec::new());
    assert!(console.row(0).contains("LIVE"), "{}", console.row(0));
}

#[test]
fn a_paused_display_stands_still_and_says_how_far_it_is_behind() {
    let mut console = live();
    console.key(Key::Char('p'));
    console.wait(1_500);
    console.records(
        ROBOT,
        (1042..=1050)
            .map(|n| Record::Frame(Box::new(frame(n, 7, 28))))
            .collect(),
    );
    let screen = console.screen((80, 24));
    assert!(screen.contains("PAUSED 1 s, 9 frames behind"), "{screen}");
    assert!(
        screen.contains("1041") && !screen.contains("1050"),
        "{screen}"
    );
    console.key(Key::Char(' '));
    let screen = console.screen((80, 24));
    assert!(
        screen.contains("1050") && screen.contains("LIVE"),
        "{screen}"
    );
}

#[test]
fn emulated_numbers_are_marked() {
    let mut console = Console::new();
    let mut robot = hello(Role::Robot, 1, 5);
    robot.emulated = true;
    console.hear(ROBOT, Said::Hello(Box::new(robot)));
    for size in SIZES {
        assert!(console.screen(size).contains("EMULATED"));
    }
}

#[test]
fn enter_takes_free_control_then_sets_the_plan_and_every_stage_is_seen() {
    let mut console = live();
    console.keys(Key::Down, 2);
    assert!(
        console.status().contains("proposed: split 30"),
        "{}",
        console.status()
    );
    console.key(Key::Enter);
    assert_eq!(console.status(), "split 30: taking control first");
    let take = &console.sent()[0];
    let free = Command::TakeControl {
        force: false,
        proof: None,
    };
    assert_eq!((take.id, &take.command), (100, &free));
    console.reply(100, Ok(()));
    console.records(ROBOT, vec![lease(Some((5, "me@laptop")))]);
    assert!(console.row(0).contains("you control"), "{}", console.row(0));
    let set = console.sent().remove(0);
    assert_eq!((set.id, set.expect_epoch), (101, Some(Epoch(7))));
    let asked = Plan::split(30);
    assert_eq!(
        set.command,
        Command::SetPlan {
            plan: asked.clone()
        }
    );
    assert_eq!(console.status(), "split 30: sent");
    console.reply(101, Ok(()));
    assert_eq!(console.status(), "split 30: requested");
    let stage = |stage| {
        Record::Switch(SwitchRecord {
            at: Nanos(0),
            command: 101,
            plan: Plan::split(30),
            stage,
        })
    };
    let epoch = Epoch(8);
    console.records(ROBOT, vec![stage(SwitchStage::Requested)]);
    console.records(ROBOT, vec![stage(SwitchStage::Prepared { epoch })]);
    assert_eq!(console.status(), "split 30: requested · prepared (epoch 8)");
    let frame = FrameId(1060);
    let applied = stage(SwitchStage::Applied { epoch, frame });
    console.records(ROBOT, vec![applied, plan(8, asked)]);
    let status = "split 30: requested · prepared (epoch 8) · applied at frame 1060";
    assert_eq!(console.status(), status);
    assert_eq!(console.app.proposal(), None);
    assert!(console.row(0).contains("split 30/"), "{}", console.row(0));
    // What is done gives way to what is the matter now.
    let away = PlanRecord {
        epoch,
        plan: Plan::split(30),
        local_because: Some("the server is away".to_owned()),
        policy: None,
    };
    console.records(ROBOT, vec![Record::Plan(away)]);
    assert_eq!(console.status(), "frames run locally: the server is away");
}

#[test]
fn another_consoles_control_is_taken_only_after_a_second_enter() {
    let mut console = live();
    console.records(ROBOT, vec![lease(Some((9, "ann@desk")))]);
    assert!(console.row(0).contains("ann@desk controls"));
    console.key(Key::Right);
    console.key(Key::Enter);
    let question = "ann@desk controls; press Enter again to take over, Esc to leave";
    assert_eq!(console.status(), question);
    assert!(console.sent().is_empty());
    console.key(Key::Esc);
    assert!(console.status().starts_with("proposed: split 29"));
    console.keys(Key::Enter, 2);
    let force = Command::TakeControl {
        force: true,
        proof: None,
    };
    assert_eq!(console.sent()[0].command, force);
}

#[test]
fn a_refused_plan_stays_proposed_and_says_why() {
    let mut console = live();
    console.records(ROBOT, vec![lease(Some((5, "me@laptop")))]);
    console.key(Key::Right);
    console.key(Key::Enter);
    let id = console.sent()[0].id;
    console.reply(id, Err("another plan is being prepared".to_owned()));
    let status = console.status();
    assert_eq!(status, "split 29: refused: another plan is being prepared");
    assert!(console.app.proposal().is_some());
    console.key(Key::Right);
    assert!(console.status().starts_with("proposed: split 30"));
}

#[test]
fn a_plan_without_an_answer_is_asked_again_of_the_same_process() {
    let mut console = live();
    console.records(ROBOT, vec![lease(Some((5, "me@laptop")))]);
    console.key(Key::Right);
    console.key(Key::Enter);
    let first = console.sent().remove(0);
    console.hear(ROBOT, Said::Lost("the connection broke off".to_owned()));
    assert!(console.status().contains("asked again when it is back"));
    console.wait(600);
    console.hear(ROBOT, Said::Hello(Box::new(hello(Role::Robot, 1, 6))));
    let again = console.sent();
    assert!(matches!(
        again[0].command,
        Command::TakeControl { force: false, .. }
    ));
    assert_eq!(again[1], first);
    // It was done the first time: its epoch is not the expected one any more.
    console.reply(first.id, Err("expected epoch 7, but it is 8".to_owned()));
    console.records(ROBOT, vec![plan(8, Plan::split(29))]);
    assert_eq!(console.status(), "split 29: in effect (epoch 8)");
}

#[test]
fn a_plan_without_an_answer_is_unknown_when_the_robot_was_restarted() {
    let mut console = live();
    console.records(ROBOT, vec![lease(Some((5, "me@laptop")))]);
    console.key(Key::Right);
    console.key(Key::Enter);
    console.sent();
    console.hear(ROBOT, Said::Lost("the connection broke off".to_owned()));
    console.wait(600);
    console.hear(ROBOT, Said::Hello(Box::new(hello(Role::Robot, 77, 1))));
    assert!(console.sent().is_empty());
    let status = console.status();
    assert!(
        status.contains("unknown: the robot was restarted"),
        "{status}"
    );
    let screen = console.screen((160, 48));
    assert!(screen.contains("was restarted"), "{screen}");
    assert!(screen.contains("no frame yet"), "{screen}");
}

#[test]
fn a_token_is_proved_and_its_absence_explained() {
    let mut console = live();
    let mut robot = hello(Role::Robot, 1, 5);
    robot.needs_token = true;
    console.hear(ROBOT, Said::Hello(Box::new(robot)));
    console.records(ROBOT, vec![lease(None)]);
    console.key(Key::Char('c'));
    assert!(console.sent().is_empty());
    assert!(
        console.status().contains("--token-file"),
        "{}",
        console.status()
    );
}

#[test]
fn c_takes_and_releases_control() {
    let mut console = live();
    console.key(Key::Char('c'));
    let id = console.sent()[0].id;
    console.reply(id, Ok(()));
    console.records(ROBOT, vec![lease(Some((5, "me@laptop")))]);
    console.key(Key::Char('c'));
    assert_eq!(console.sent()[0].command, Command::ReleaseControl);
}

#[test]
fn frames_that_run_locally_say_why() {
    let mut console = live();
    console.records(
        ROBOT,
        vec![Record::Plan(PlanRecord {
            epoch: Epoch(7),
            plan: Plan::split(28),
            local_because: Some("the server is away".to_owned()),
            policy: None,
        })],
    );
    assert_eq!(console.status(), "frames run locally: the server is away");
    assert!(console.screen((40, 12)).contains("LOCAL"));
    assert!(console.row(0).contains("LOCAL (fallback)"));
}

#[test]
fn q_quits_in_every_state() {
    let mut paused = live();
    paused.key(Key::Char('p'));
    let mut asking = live();
    asking.records(ROBOT, vec![lease(Some((9, "ann@desk")))]);
    asking.key(Key::Char('c'));
    let mut helped = live();
    helped.key(Key::Char('?'));
    for mut console in [Console::new(), live(), paused, asking, helped] {
        console.effects.clear();
        for key in [Key::Char('q'), Key::Ctrl('c')] {
            console.key(key);
            assert_eq!(console.effects.pop(), Some(Effect::Quit));
        }
    }
}

#[test]
fn the_palette_finds_a_command_by_a_few_letters_and_does_it() {
    let mut console = live();
    console.key(Key::Char(':'));
    for letter in "time".chars() {
        console.key(Key::Char(letter));
    }
    let screen = console.screen((80, 24));
    assert!(screen.contains("▸ 3 t       screen-timeline"), "{screen}");
    console.key(Key::Enter);
    assert_eq!(console.app.screen(), Screen::Timeline);
    // Letters that are keys elsewhere only type here.
    console.keys(Key::Char(':'), 1);
    console.keys(Key::Char('q'), 3);
    assert!(console.screen((40, 12)).contains("nothing is called so"));
    assert!(!console.effects.contains(&Effect::Quit));
    console.key(Key::Esc);
    console.key(Key::Char(':'));
    console.key(Key::Ctrl('c'));
    assert_eq!(console.effects.pop(), Some(Effect::Quit));
}

#[test]
fn numbers_and_tab_show_every_screen_at_every_size() {
    for mut console in [Console::new(), live()] {
        for number in '1'..='8' {
            console.key(Key::Char(number));
            assert_eq!(console.app.screen() as u8, number as u8 - b'1');
            for size in SIZES {
                let screen = console.screen(size);
                assert!(screen.contains("quit"), "{number} {size:?}\n{screen}");
            }
        }
        console.key(Key::Tab);
        assert_eq!(console.app.screen(), Screen::Live);
        console.key(Key::BackTab);
        assert_eq!(console.app.screen(), Screen::Log);
        console.key(Key::Esc);
        assert_eq!(console.app.screen(), Screen::Live);
    }
}

#[test]
fn in_ascii_there_is_nothing_else_and_the_words_are_the_same() {
    let mut console = live();
    console.keys(Key::Right, 3);
    for size in SIZES {
        let ascii = text(&console.buffer(size, Theme::PLAIN.in_ascii(true)));
        assert!(ascii.is_ascii(), "{ascii}");
        let letters =
            |text: &str| -> String { text.chars().filter(char::is_ascii_alphanumeric).collect() };
        let (a, b) = (letters(&ascii), letters(&console.screen(size)));
        // A few signs have a letter for their likeness.
        assert!(a.len() >= b.len(), "{ascii}");
    }
    insta::assert_snapshot!(
        "live_split_ascii_80x24",
        text(&console.buffer((80, 24), Theme::PLAIN.in_ascii(true)))
    );
}

#[test]
fn a_click_asks_for_what_is_written_there() {
    let console = live();
    let area = Rect::new(0, 0, 160, 48);
    let mut buffer = Buffer::empty(area);
    let hits = draw(&console.app, Theme::COLOUR, Nanos(0), area, &mut buffer);
    let screen = text(&buffer);
    let at = |row: usize, word: &str| {
        let line = screen.lines().nth(row).unwrap();
        let byte = line.find(word).unwrap();
        hits.at(line[..byte].chars().count() as u16, row as u16)
    };
    assert_eq!(at(1, "Layers"), Some(Action::Show(Screen::Layers)));
    assert_eq!(at(47, "quit"), Some(Action::Quit));
    assert_eq!(hits.at(159, 20), None);
}

#[test]
fn hostile_text_cannot_leave_its_place() {
    let mut console = live();
    let text = format!("\x1b[2J\x1b[H{}", "x".repeat(10_000));
    console.records(ROBOT, vec![event(Level::Error, &text)]);
    let screen = console.screen((160, 48));
    assert!(!screen.contains('\x1b'));
    assert!(screen.contains("splitscope"), "{screen}");
}
