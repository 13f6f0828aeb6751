//! What a session is: the form, the list of recordings.

use std::path::Path;
use std::sync::Arc;

use splitscope::compare::{Choice, EpochSummary, Sample, compare, epochs};
use splitscope::console::app::screens::sessions::{Fetched, Row};
use splitscope::console::app::{Action, Key, Screen, Update};
use splitscope::session::{Card, CardMarker, Reader, Start, State, Status};
use splitscope::units::{Bytes, Nanos};
use splitscope::wire::Record;

use super::power::host;
use crate::console::{Console, ROBOT, SIZES, UNIX_MS, live};
use crate::script::MS;
use crate::snapshots;

/// A recording runs, and the robot's system tells its radio and its battery.
fn recording() -> Console {
    let mut console = live();
    let mut host = host();
    host.batteries[0].charge_percent = Some(62.0);
    console.records(ROBOT, vec![Record::Host(Box::new(host))]);
    console.update(Update::Recording(Box::new(Status {
        file: "s.mcap".into(),
        began: Nanos(0),
        bytes: Bytes(1_200_000),
        state: State::Recording,
        left_out: 0,
        nearly_full: false,
    })));
    console
}

#[test]
fn the_form_lies_over_the_foot_and_the_experiment_stays_in_sight() {
    let mut console = recording();
    console.key(Key::Char('i'));
    for c in "orchard, row 7".chars() {
        console.key(Key::Char(c));
    }
    for size in SIZES {
        let screen = console.screen(size);
        assert!(
            screen.contains("LIVE") && screen.contains("orchard, row 7"),
            "{screen}"
        );
    }
    snapshots("form", &console);
}

fn row(name: &str, minutes: i64, mut card: Card) -> Row {
    card.start = Some(Start {
        format: 1,
        version: "0.1.0".to_owned(),
        at: Nanos(0),
        unix_ms: UNIX_MS - 60_000 * minutes as u64,
        console: "ada@laptop".to_owned(),
    });
    card.ended = Nanos(minutes * 60_000 * MS);
    card.models = vec!["mobilenet_v2".to_owned()];
    card.counts.insert("hello".to_owned(), 2);
    Row {
        file: format!("sessions/{name}.mcap").into(),
        bytes: 6_240_000,
        card: Ok(Box::new(card)),
    }
}

#[test]
fn the_list_of_recordings() {
    let mut console = live();
    console.update(Update::Act(Action::Show(Screen::Sessions)));
    snapshots("sessions_looking", &console);
    let mut garden = Card::default();
    garden.modes = vec!["local".to_owned(), "split".to_owned()];
    garden.frames = 1_312;
    garden.latency_sum_ns = 1_300 * 61_300_000;
    garden.latency_frames = 1_300;
    garden.markers = vec![CardMarker {
        at: Nanos(5),
        text: "behind the hedge".to_owned(),
    }];
    garden.emulated = true;
    garden.meta.name = Some("garden, second round with the long antenna".to_owned());
    // A console that was killed before any worker answered.
    let mut killed = row("2026-11-23T17-12-40Z", 1, Card::default());
    if let Ok(card) = &mut killed.card {
        card.models.clear();
        card.counts.clear();
    }
    let rows = vec![
        row("2026-11-25T14-35-12Z", 12, garden),
        row("2026-11-24T09-00-00Z", 95, Card::default()),
        killed,
        Row {
            file: "sessions/torn.mcap".into(),
            bytes: 12,
            card: Err("torn.mcap is no session: nothing in it can be read".to_owned()),
        },
    ];
    console.update(Update::Fetched(Fetched::Rows(rows)));
    console.key(Key::Down);
    snapshots("sessions_list", &console);
}

#[test]
fn two_epochs_of_a_real_recording_side_by_side() {
    let mut console = live();
    console.update(Update::Act(Action::Show(Screen::Sessions)));
    let file = "recordings/garden.mcap";
    console.update(Update::Fetched(Fetched::Rows(vec![row(
        "garden",
        1,
        Card::default(),
    )])));
    let epochs = epochs(&Reader::open(Path::new(file)).unwrap()).unwrap();
    let listed = "sessions/garden.mcap".into();
    console.update(Update::Fetched(Fetched::Epochs(listed, epochs.clone())));
    console.key(Key::Down);
    console.key(Key::Char('x'));
    snapshots("sessions_epochs", &console);
    // The two with most frames: where the one ended the robot's work and the other did not.
    let mut most = epochs;
    most.sort_by_key(|e| std::cmp::Reverse(e.frames));
    let sample = |epoch: &EpochSummary| {
        let choice = Choice {
            file: file.into(),
            epoch: Some(epoch.epoch),
        };
        Sample::read(&choice).unwrap()
    };
    let comparison = compare(&sample(&most[0]), &sample(&most[1]));
    console.update(Update::Fetched(Fetched::Compared(Arc::new(comparison))));
    snapshots("sessions_compared", &console);
    for size in SIZES.into_iter().filter(|s| s.0 >= 80) {
        let screen = console.screen(size);
        assert!(
            screen.contains("latency_ms") && screen.contains("EMULATED"),
            "{screen}"
        );
        assert!(
            screen.contains("differs") || screen.contains("within noise"),
            "{screen}"
        );
    }
}
