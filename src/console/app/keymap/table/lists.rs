//! Keys of the screens that list: Workers, Sessions, Log.

use super::super::{Action, Entry, Key, Move, Scope};
use super::entry;
use crate::console::app::screens::{Screen, log, sessions, workers};

pub(super) const ROWS: &[Entry] = &[
    entry(
        Scope::On(Screen::Workers),
        "worker-above",
        &[Key::Up],
        Action::Workers(workers::Do::Step(-1)),
        "the worker above: all screens are about it",
    )
    .hinted("worker")
    .with("worker-below")
    .narrow(),
    entry(
        Scope::On(Screen::Workers),
        "worker-below",
        &[Key::Down],
        Action::Workers(workers::Do::Step(1)),
        "the worker below",
    ),
    entry(
        Scope::On(Screen::Log),
        "newer",
        &[Key::Up],
        Action::Log(log::Do::Scroll(Move::By(-1))),
        "a line up, towards the newest",
    )
    .hinted("scroll")
    .with("older"),
    entry(
        Scope::On(Screen::Log),
        "older",
        &[Key::Down],
        Action::Log(log::Do::Scroll(Move::By(1))),
        "a line down, towards the oldest",
    ),
    entry(
        Scope::On(Screen::Log),
        "page-newer",
        &[Key::PageUp],
        Action::Log(log::Do::Scroll(Move::By(-20))),
        "twenty lines up",
    ),
    entry(
        Scope::On(Screen::Log),
        "page-older",
        &[Key::PageDown],
        Action::Log(log::Do::Scroll(Move::By(20))),
        "twenty lines down",
    ),
    entry(
        Scope::On(Screen::Log),
        "newest",
        &[Key::Home],
        Action::Log(log::Do::Scroll(Move::First)),
        "the newest line, and those that come",
    ),
    entry(
        Scope::On(Screen::Log),
        "oldest",
        &[Key::End],
        Action::Log(log::Do::Scroll(Move::Last)),
        "the oldest line that is kept",
    ),
    entry(
        Scope::On(Screen::Log),
        "level",
        &[Key::Char('v')],
        Action::Log(log::Do::Severity),
        "lines that matter less too, in the end errors only",
    )
    .hinted("level")
    .narrow(),
    entry(
        Scope::On(Screen::Log),
        "search",
        &[Key::Char('/')],
        Action::Log(log::Do::Search),
        "lines with these letters in text or source only",
    )
    .hinted("search")
    .narrow(),
    entry(
        Scope::On(Screen::Log),
        "clear",
        &[Key::Char('x')],
        Action::Log(log::Do::Clear),
        "all lines again, the newest on top",
    ),
    entry(
        Scope::On(Screen::Sessions),
        "session-above",
        &[Key::Up],
        Action::Sessions(sessions::Do::Move(-1)),
        "the recording above",
    )
    .hinted("recording")
    .with("session-below")
    .narrow(),
    entry(
        Scope::On(Screen::Sessions),
        "session-below",
        &[Key::Down],
        Action::Sessions(sessions::Do::Move(1)),
        "the recording below",
    ),
    entry(
        Scope::On(Screen::Sessions),
        "ten-above",
        &[Key::PageUp],
        Action::Sessions(sessions::Do::Move(-10)),
        "ten above",
    ),
    entry(
        Scope::On(Screen::Sessions),
        "ten-below",
        &[Key::PageDown],
        Action::Sessions(sessions::Do::Move(10)),
        "ten below",
    ),
    entry(
        Scope::On(Screen::Sessions),
        "open-session",
        &[Key::Enter],
        Action::Sessions(sessions::Do::Open),
        "replay the recording; of a console with workers this asks first",
    )
    .hinted("open")
    .narrow(),
    entry(
        Scope::On(Screen::Sessions),
        "rename-session",
        &[Key::Char('r')],
        Action::Sessions(sessions::Do::Rename),
        "give it a name",
    )
    .hinted("rename"),
    entry(
        Scope::On(Screen::Sessions),
        "describe-recording",
        &[Key::Char('i')],
        Action::Sessions(sessions::Do::Describe),
        "say what it is: place, robot, operator, notes, Wi-Fi, battery, weather",
    )
    .hinted("describe"),
    entry(
        Scope::On(Screen::Sessions),
        "delete-session",
        &[Key::Char('d')],
        Action::Sessions(sessions::Do::Delete),
        "delete it, after a question",
    )
    .hinted("delete"),
    entry(
        Scope::On(Screen::Sessions),
        "compare-session",
        &[Key::Char('x')],
        Action::Sessions(sessions::Do::Compare),
        "compare it with another, or two epochs: x on the one, x on the other",
    )
    .hinted("compare"),
    entry(
        Scope::On(Screen::Sessions),
        "session-epochs",
        &[Key::Char('e')],
        Action::Sessions(sessions::Do::Unfold),
        "its epochs below it, or hide them",
    )
    .hinted("epochs"),
    entry(
        Scope::On(Screen::Sessions),
        "leave-sessions",
        &[Key::Esc],
        Action::Sessions(sessions::Do::No),
        "leave the comparison, or the screen",
    ),
];
