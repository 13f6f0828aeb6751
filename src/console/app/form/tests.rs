use super::*;
use crate::console::app::{App, Said, Setup, Update};
use crate::host::{Battery, Wifi};
use crate::session::Status;
use crate::units::{BootId, Bytes, Hash32, Nanos};
use crate::wire::console::{Batch, Role, WorkerHello};
use crate::wire::{BatchId, PROTOCOL, Record};

const AT: Moment = Moment {
    now: Nanos(1_000_000_000),
    unix_ms: 1_795_616_401_000,
};

fn console(ask: bool) -> App {
    let setup = Setup {
        addresses: vec!["ws://10.0.0.2:7401".parse().unwrap()],
        about: Meta {
            place: Some("garden".to_owned()),
            ..Meta::default()
        },
        ask,
        ..Setup::default()
    };
    App::new(setup, Nanos(0)).0
}

fn recording() -> Update {
    Update::Recording(Box::new(Status {
        file: "s.mcap".into(),
        began: Nanos(0),
        bytes: Bytes(1),
        state: State::Recording,
        left_out: 0,
        nearly_full: false,
    }))
}

fn said(app: &App, said: Said) -> Update {
    Update::Link {
        target: 0,
        dial: app.targets()[0].connection.dial(),
        said,
    }
}

fn robot(app: &mut App) {
    let hello = WorkerHello {
        protocol: PROTOCOL,
        version: "0.1.0".to_owned(),
        role: Role::Robot,
        host: "nx".to_owned(),
        boot: BootId(1),
        engine: "cpu".to_owned(),
        emulated: false,
        session: 1,
        needs_token: false,
        nonce: Hash32::of(b"n"),
        capabilities: Vec::new(),
        now: Nanos(5),
        unix_ms: None,
        model: None,
    };
    let update = said(app, Said::Hello(Box::new(hello)));
    app.update(update, AT);
}

/// The robot's system tells its radio and its battery.
fn host(app: &mut App) {
    let host = HostRecord {
        wifi: vec![Wifi {
            interface: "wlan0".to_owned(),
            signal_dbm: None,
            tx_rate: None,
            rx_rate: None,
            bssid: Some("04:f0:21:0a:bb:1c".to_owned()),
            frequency_mhz: Some(5180.0),
        }],
        batteries: vec![Battery {
            name: "BAT0".to_owned(),
            charge_percent: Some(62.0),
            status: Some("Discharging".to_owned()),
        }],
        ..HostRecord::default()
    };
    let batch = Batch {
        id: BatchId {
            boot: BootId(1),
            seq: 1,
        },
        sent: Nanos(6),
        lost_batches: 0,
        records: vec![Record::Host(Box::new(host))],
    };
    let update = said(app, Said::Batch(batch));
    app.update(update, AT);
}

fn press(app: &mut App, keys: impl IntoIterator<Item = Key>) -> Vec<Effect> {
    let turns = keys.into_iter().map(|key| app.update(Update::Key(key), AT));
    turns.flat_map(|turn| turn.effects).collect()
}

fn typed(text: &str) -> impl Iterator<Item = Key> + '_ {
    text.chars().map(Key::Char)
}

fn blank<'a>(app: &'a App, field: &str) -> &'a Blank {
    let form = app.form().expect("the form is open");
    form.blanks().iter().find(|b| b.field == field).unwrap()
}

#[test]
fn it_opens_once_when_a_recording_has_a_worker_and_nobody_said_anything() {
    let mut app = console(true);
    robot(&mut app);
    assert!(app.form().is_none(), "nothing is recorded yet");
    app.update(recording(), AT);
    assert!(app.form().is_some());
    press(&mut app, [Key::Esc]);
    robot(&mut app);
    app.update(recording(), AT);
    assert!(app.form().is_none(), "once");
    let mut told = console(false);
    told.update(recording(), AT);
    robot(&mut told);
    assert!(told.form().is_none(), "nobody has to be asked");
}

#[test]
fn what_is_typed_is_recorded_and_kept_and_what_a_system_told_is_recorded_alone() {
    let mut app = console(false);
    app.update(recording(), AT);
    robot(&mut app);
    press(&mut app, [Key::Char('i')]);
    assert_eq!(blank(&app, "place").source, Source::Said);
    // It comes while the form is open.
    host(&mut app);
    assert_eq!(blank(&app, "wifi_bssid").text, "04:f0:21:0a:bb:1c");
    assert_eq!(blank(&app, "wifi_channel").text, "36");
    assert_eq!(blank(&app, "battery").text, "BAT0 62 % discharging");
    assert_eq!(
        blank(&app, "battery").source,
        Source::Read("robot nx".to_owned())
    );
    // `q` is a letter here; the place is where one begins.
    let erase = std::iter::repeat_n(Key::Backspace, "garden".len());
    let effects = press(
        &mut app,
        erase
            .chain(typed("quad"))
            .chain([Key::Down])
            .chain(typed("NX")),
    );
    assert!(effects.is_empty());
    let effects = press(&mut app, [Key::Enter]);
    let about = Meta {
        place: Some("quad".to_owned()),
        robot: Some("NX".to_owned()),
        wifi_bssid: Some("04:f0:21:0a:bb:1c".to_owned()),
        wifi_channel: Some("36".to_owned()),
        battery: Some("BAT0 62 % discharging".to_owned()),
        read_from: ["wifi_bssid", "wifi_channel", "battery"]
            .map(|field| (field.to_owned(), "robot nx".to_owned()))
            .into(),
        ..Meta::default()
    };
    let [
        Effect::Note(Note::About { about: noted, at }),
        Effect::Errand(Errand::Remember(kept)),
    ] = &effects[..]
    else {
        panic!("{effects:?}");
    };
    assert_eq!((&**noted, *at), (&about, AT));
    assert_eq!(kept.place.as_deref(), Some("quad"));
    assert_eq!((&kept.wifi_bssid, &kept.battery), (&None, &None));
    // It can be said anew, from what holds now.
    press(&mut app, [Key::Char('i')]);
    assert_eq!(blank(&app, "robot").text, "NX");
    let read = Source::Read("robot nx".to_owned());
    assert_eq!(blank(&app, "battery").source, read, "it stays what it was");
    // Who types over it says it.
    let to_battery = std::iter::repeat_n(Key::Down, 5);
    let effects = press(&mut app, to_battery.chain(typed("!")).chain([Key::Enter]));
    let Some(Effect::Note(Note::About { about, .. })) = effects.first() else {
        panic!("{effects:?}");
    };
    assert_eq!(about.battery.as_deref(), Some("BAT0 62 % discharging!"));
    assert_eq!(about.read_from("battery"), None);
    assert_eq!(about.read_from("wifi_channel"), Some("robot nx"));
}

#[test]
fn what_a_person_typed_is_not_written_over_by_a_system() {
    let mut app = console(false);
    app.update(recording(), AT);
    robot(&mut app);
    let to_battery = std::iter::repeat_n(Key::Down, 5);
    press(
        &mut app,
        [Key::Char('i')]
            .into_iter()
            .chain(to_battery)
            .chain(typed("full")),
    );
    host(&mut app);
    assert_eq!(blank(&app, "battery").text, "full");
    assert_eq!(blank(&app, "wifi_channel").text, "36");
}

#[test]
fn esc_skips_and_says_that_it_was_asked() {
    let mut app = console(true);
    app.update(recording(), AT);
    robot(&mut app);
    let effects = press(&mut app, typed("x").chain([Key::Esc]));
    assert_eq!(effects, [Effect::Errand(Errand::Remember(Box::default()))]);
    assert!(app.form().is_none());
}

#[test]
fn a_recording_that_is_replayed_is_described_in_its_file() {
    let about = Meta {
        notes: Some("wet grass".to_owned()),
        ..Meta::default()
    };
    let app = App::replay(
        Setup::default(),
        "a".to_owned(),
        Nanos(0),
        Nanos(1),
        Nanos(0),
    );
    let mut app = app.of_file("a.mcap".into(), about);
    press(&mut app, [Key::Char('i')]);
    let effects = press(&mut app, typed("hill").chain([Key::Enter]));
    let [Effect::Errand(Errand::Describe(file, said))] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(file, &PathBuf::from("a.mcap"));
    assert_eq!(said.place.as_deref(), Some("hill"));
    assert_eq!(said.notes.as_deref(), Some("wet grass"));
}
