//! Keys of the time that is shown.

use super::super::{Action, Entry, Key, Scope};
use super::entry;
use crate::console::app::Typing;
use crate::playback::{Command, Jump, Unit, Way};

pub(super) const ROWS: &[Entry] = &[
    entry(
        Scope::Anywhere,
        "frame-back",
        &[Key::Char(',')],
        Action::Time(Command::Step(Unit::Frame, Way::Back)),
        "a frame back in time: live is rewound; End goes live again",
    )
    .hinted("rewind"),
    entry(
        Scope::Anywhere,
        "frame-forth",
        &[Key::Char('.')],
        Action::Time(Command::Step(Unit::Frame, Way::Forth)),
        "a frame on",
    ),
    entry(
        Scope::Anywhere,
        "second-back",
        &[Key::Char('<')],
        Action::Time(Command::Step(Unit::Second, Way::Back)),
        "a second back in time",
    ),
    entry(
        Scope::Anywhere,
        "second-forth",
        &[Key::Char('>')],
        Action::Time(Command::Step(Unit::Second, Way::Forth)),
        "a second on",
    ),
    entry(
        Scope::Anywhere,
        "event-back",
        &[Key::Char(';')],
        Action::Time(Command::Step(Unit::Event, Way::Back)),
        "to the event before",
    ),
    entry(
        Scope::Anywhere,
        "event-forth",
        &[Key::Char('\'')],
        Action::Time(Command::Step(Unit::Event, Way::Forth)),
        "to the next event",
    ),
    entry(
        Scope::Anywhere,
        "marker-back",
        &[Key::Char('{')],
        Action::Time(Command::Jump(Jump::Marker(Way::Back))),
        "to the marker before",
    ),
    entry(
        Scope::Anywhere,
        "marker-forth",
        &[Key::Char('}')],
        Action::Time(Command::Jump(Jump::Marker(Way::Forth))),
        "to the next marker",
    ),
    entry(
        Scope::Anywhere,
        "switch-back",
        &[Key::Char('(')],
        Action::Time(Command::Jump(Jump::Switch(Way::Back))),
        "to the switch of plan before",
    ),
    entry(
        Scope::Anywhere,
        "switch-forth",
        &[Key::Char(')')],
        Action::Time(Command::Jump(Jump::Switch(Way::Forth))),
        "to the next switch of plan",
    ),
    entry(
        Scope::Anywhere,
        "fallback-back",
        &[Key::Char('F')],
        Action::Time(Command::Jump(Jump::Fallback(Way::Back))),
        "to the time before at which the robot had to go on alone",
    ),
    entry(
        Scope::Anywhere,
        "fallback-forth",
        &[Key::Char('f')],
        Action::Time(Command::Jump(Jump::Fallback(Way::Forth))),
        "to the next time at which the robot had to go on alone",
    ),
    entry(
        Scope::Anywhere,
        "go-to",
        &[Key::Char('g')],
        Action::GoTo(Typing::Open),
        "go to a time (12:30) or a frame (#1041)",
    ),
    entry(
        Scope::Time,
        "go-live",
        &[Key::End],
        Action::Time(Command::Follow),
        "live again; in a recording, its end",
    )
    .hinted("live")
    .narrow(),
    entry(
        Scope::Time,
        "beginning",
        &[Key::Home],
        Action::Time(Command::Jump(Jump::Start)),
        "the first moment that there is",
    ),
    entry(
        Scope::Time,
        "slower",
        &[Key::Char('9')],
        Action::Time(Command::Speed(Way::Back)),
        "slower, down to 0.1x",
    )
    .hinted("speed")
    .with("faster")
    .narrow(),
    entry(
        Scope::Time,
        "faster",
        &[Key::Char('0')],
        Action::Time(Command::Speed(Way::Forth)),
        "faster, up to 64x",
    ),
    entry(
        Scope::Time,
        "loop",
        &[Key::Char('l')],
        Action::Time(Command::Select),
        "a selection begins, ends and is played again and again, is dropped",
    )
    .hinted("loop"),
];
