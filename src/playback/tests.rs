//! The reducer by tables: from where, which command, to where.

use super::landmarks::testing::landmarks;
use super::*;

const fn s(seconds: i64) -> Nanos {
    Nanos(seconds * 1_000_000_000)
}

fn replay() -> Playback {
    Playback::replay(s(10), s(110))
}

fn play(playback: &mut Playback, commands: &[Command]) {
    let landmarks = landmarks();
    for &command in commands {
        playback.update(command, &landmarks).unwrap();
    }
}

#[test]
fn time_passes_at_the_speed_that_was_chosen_and_stops_at_the_end() {
    for (tenths, after_10_s) in [(1, 11), (10, 20), (40, 50), (640, 110), (9_000, 110)] {
        let mut playback = replay();
        play(&mut playback, &[Command::SpeedOf { tenths }, Command::Play]);
        for _ in 0..100 {
            play(&mut playback, &[Command::Pass(100_000_000)]);
        }
        assert_eq!(playback.at(), s(after_10_s), "{tenths}");
        assert_eq!(playback.is_playing(), after_10_s < 110);
    }
}

#[test]
fn a_paused_recording_stands_and_playing_at_its_end_begins_anew() {
    let mut playback = replay();
    play(&mut playback, &[Command::Pass(5_000_000_000)]);
    assert_eq!(playback.at(), s(10));
    play(&mut playback, &[Command::Follow]);
    assert_eq!((playback.at(), playback.is_playing()), (s(110), false));
    play(&mut playback, &[Command::Toggle]);
    assert_eq!((playback.at(), playback.is_playing()), (s(10), true));
}

#[test]
fn steps_and_jumps_find_what_there_is_and_say_what_there_is_not() {
    use Jump::{End, Fallback, Frame, Marker, Start, Switch, Time};
    use Way::{Back, Forth};
    let table: [(i64, Command, Result<i64, &str>); 16] = [
        (20, Command::Step(Unit::Frame, Forth), Ok(21)),
        (20, Command::Step(Unit::Frame, Back), Ok(19)),
        (110, Command::Step(Unit::Frame, Forth), Err("frame")),
        (20, Command::Step(Unit::Second, Back), Ok(19)),
        (10, Command::Step(Unit::Second, Back), Ok(10)),
        (20, Command::Step(Unit::Event, Forth), Ok(30)),
        (31, Command::Step(Unit::Event, Back), Ok(30)),
        (20, Command::Jump(Time(7_000_000_000)), Ok(17)),
        (20, Command::Jump(Time(i64::MAX)), Ok(110)),
        (20, Command::Jump(Frame(FrameId(55))), Ok(55)),
        (
            20,
            Command::Jump(Frame(FrameId(5_000))),
            Err("no such frame"),
        ),
        (20, Command::Jump(Marker(Forth)), Ok(40)),
        (20, Command::Jump(Switch(Back)), Err("switch")),
        (20, Command::Jump(Fallback(Forth)), Ok(70)),
        (20, Command::Jump(Start), Ok(10)),
        (20, Command::Jump(End), Ok(110)),
    ];
    for (from, command, expected) in table {
        let mut playback = replay();
        play(&mut playback, &[Command::Jump(Time(s(from - 10).0))]);
        let outcome = playback.update(command, &landmarks());
        match expected {
            Ok(at) => assert_eq!((outcome, playback.at()), (Ok(()), s(at)), "{command:?}"),
            Err(word) => {
                assert!(outcome.unwrap_err().contains(word), "{command:?}");
                assert_eq!(playback.at(), s(from), "{command:?}");
            }
        }
    }
}

#[test]
fn a_selection_is_played_again_and_again_until_it_is_dropped() {
    let mut playback = replay();
    let to = |at: i64| Command::Jump(Jump::Time(s(at - 10).0));
    play(
        &mut playback,
        &[to(30), Command::Select, to(20), Command::Select],
    );
    assert_eq!(playback.selection(), Some(Selection::Loop(s(20), s(30))));
    assert_eq!((playback.at(), playback.is_playing()), (s(20), true));
    play(&mut playback, &[Command::Pass(25_000_000_000)]);
    assert_eq!(playback.at(), s(25));
    play(
        &mut playback,
        &[Command::Select, Command::Pass(10_000_000_000)],
    );
    assert_eq!((playback.selection(), playback.at()), (None, s(35)));
}

#[test]
fn live_is_rewound_by_a_step_and_is_live_again_by_end_or_by_catching_up() {
    let mut playback = Playback::live();
    play(&mut playback, &[Command::Span(s(0), s(100))]);
    assert_eq!(
        (playback.standing(), playback.at()),
        (Standing::Live, s(100))
    );
    let back = Command::Step(Unit::Second, Way::Back);
    play(&mut playback, &[back, back]);
    assert_eq!(
        (playback.standing(), playback.at()),
        (Standing::Rewound, s(98))
    );
    // What goes on meanwhile does not move it.
    play(
        &mut playback,
        &[Command::Span(s(0), s(103)), Command::Pass(1_000_000_000)],
    );
    assert_eq!(playback.at(), s(98));
    play(
        &mut playback,
        &[
            Command::SpeedOf { tenths: 640 },
            Command::Play,
            Command::Pass(1_000_000_000),
        ],
    );
    assert_eq!(
        (playback.standing(), playback.at()),
        (Standing::Live, s(103))
    );
    assert!((playback.speed() - 1.0).abs() < 1e-9);
    play(&mut playback, &[Command::Pause]);
    assert_eq!(playback.standing(), Standing::Rewound);
    play(
        &mut playback,
        &[Command::Follow, Command::Span(s(5), s(104))],
    );
    assert_eq!(
        (playback.standing(), playback.at()),
        (Standing::Live, s(104))
    );
}

#[test]
fn live_has_no_speed_no_selection_and_nothing_later() {
    let mut playback = Playback::live();
    play(&mut playback, &[Command::Span(s(0), s(100))]);
    let before = playback.clone();
    for command in [
        Command::Speed(Way::Forth),
        Command::Select,
        Command::Step(Unit::Second, Way::Forth),
    ] {
        assert!(
            playback.update(command, &landmarks()).is_err(),
            "{command:?}"
        );
        assert_eq!(playback, before);
    }
}

#[test]
fn what_memory_has_forgotten_is_not_shown() {
    let mut playback = Playback::live();
    play(
        &mut playback,
        &[
            Command::Span(s(0), s(100)),
            Command::Jump(Jump::Start),
            Command::Pause,
        ],
    );
    assert_eq!(playback.at(), s(0));
    play(&mut playback, &[Command::Span(s(30), s(130))]);
    assert_eq!(playback.at(), s(30));
}
