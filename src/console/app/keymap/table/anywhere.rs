//! Keys that work on every screen.

use super::super::{Action, Entry, Key, Scope};
use super::entry;
use crate::console::app::screens::Screen;

pub(super) const ROWS: &[Entry] = &[
    entry(
        Scope::Anywhere,
        "screen-live",
        &[Key::Char('1')],
        Action::Show(Screen::Live),
        "what happens now: link, latency, layers, power, events",
    ),
    entry(
        Scope::Anywhere,
        "screen-layers",
        &[Key::Char('2')],
        Action::Show(Screen::Layers),
        "every operator in a table: times, share, bytes",
    ),
    entry(
        Scope::Anywhere,
        "screen-timeline",
        &[Key::Char('3'), Key::Char('t')],
        Action::Show(Screen::Timeline),
        "one frame over time: every step, when and where",
    ),
    entry(
        Scope::Anywhere,
        "screen-sweep",
        &[Key::Char('4'), Key::Char('s')],
        Action::Show(Screen::Sweep),
        "all partition points, one after the other",
    ),
    entry(
        Scope::Anywhere,
        "screen-power",
        &[Key::Char('5'), Key::Char('w')],
        Action::Show(Screen::Power),
        "power and joules, the machine",
    ),
    entry(
        Scope::Anywhere,
        "screen-workers",
        &[Key::Char('6')],
        Action::Show(Screen::Workers),
        "every robot and server, and the links between them",
    ),
    entry(
        Scope::Anywhere,
        "screen-sessions",
        &[Key::Char('7')],
        Action::Show(Screen::Sessions),
        "recordings",
    ),
    entry(
        Scope::Anywhere,
        "screen-log",
        &[Key::Char('8')],
        Action::Show(Screen::Log),
        "what this console and the workers said",
    ),
    entry(
        Scope::Anywhere,
        "next-screen",
        &[Key::Tab],
        Action::Turn(1),
        "the next screen",
    )
    .hinted("screens"),
    entry(
        Scope::Anywhere,
        "previous-screen",
        &[Key::BackTab],
        Action::Turn(-1),
        "the screen before",
    ),
    entry(
        Scope::Anywhere,
        "modes",
        &[Key::Char('m')],
        Action::Modes,
        "choose a mode and its parameters",
    )
    .hinted("mode"),
    entry(
        Scope::Anywhere,
        "apply",
        &[Key::Enter],
        Action::Apply,
        "apply the proposal (takes control if it is free)",
    )
    .hinted("apply")
    .narrow(),
    entry(
        Scope::Anywhere,
        "back",
        &[Key::Esc],
        Action::Back,
        "drop the proposal, leave a question, this help or the screen",
    ),
    entry(
        Scope::Anywhere,
        "revert",
        &[Key::Char('u')],
        Action::Revert,
        "undo: ask for the plan that was in effect before this one",
    )
    .hinted("undo"),
    entry(
        Scope::Anywhere,
        "policy",
        &[Key::Char('a')],
        Action::Policy,
        "hand the plan to a policy, or take it back; any change by hand takes it back too",
    ),
    entry(
        Scope::Anywhere,
        "control",
        &[Key::Char('c')],
        Action::Control,
        "take or release control",
    )
    .hinted("control"),
    entry(
        Scope::Anywhere,
        "pause",
        &[Key::Char('p'), Key::Char(' ')],
        Action::Pause,
        "stop the display or go on (measuring goes on)",
    )
    .hinted("pause"),
    entry(
        Scope::Anywhere,
        "mark",
        &[Key::Char('k')],
        Action::Mark,
        "mark this moment in the recording, with a text",
    ),
    entry(
        Scope::Anywhere,
        "name-session",
        &[Key::Char('R')],
        Action::NameSession,
        "give the recorded session a name",
    ),
    entry(
        Scope::Anywhere,
        "describe-session",
        &[Key::Char('i')],
        Action::Describe,
        "say what the session is: place, robot, operator, notes, Wi-Fi, battery, weather",
    ),
    entry(
        Scope::Anywhere,
        "next-worker",
        &[Key::Char('n')],
        Action::NextTarget,
        "show the next worker",
    ),
    entry(
        Scope::Anywhere,
        "palette",
        &[Key::Char(':')],
        Action::OpenPalette,
        "every command, found by a few letters",
    )
    .hinted("commands"),
    entry(
        Scope::Anywhere,
        "help",
        &[Key::Char('?')],
        Action::Help,
        "this help",
    )
    .hinted("help")
    .narrow(),
    entry(
        Scope::Anywhere,
        "suspend",
        &[Key::Ctrl('z')],
        Action::Suspend,
        "stop until the shell says fg; the workers go on",
    ),
    entry(
        Scope::Anywhere,
        "quit",
        &[Key::Char('q'), Key::Ctrl('c')],
        Action::Quit,
        "leave; the workers go on",
    )
    .hinted("quit")
    .narrow(),
];
