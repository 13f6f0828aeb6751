//! Keys of the screens that measure: Sweep, Power.

use super::super::{Action, Entry, Key, Scope};
use super::{charts, entry};
use crate::console::app::screens::{Screen, power, sweep};

pub(super) const ROWS: &[Entry] = &[
    entry(
        Scope::On(Screen::Sweep),
        "start",
        &[Key::Char('s')],
        Action::Sweep(sweep::Do::Start),
        "begin the sweep that is set up",
    )
    .hinted("start")
    .narrow(),
    entry(
        Scope::On(Screen::Sweep),
        "skip",
        &[Key::Char('f')],
        Action::Sweep(sweep::Do::Skip),
        "leave the present plan for good and go on",
    )
    .hinted("skip"),
    entry(
        Scope::On(Screen::Sweep),
        "stop",
        &[Key::Char('x')],
        Action::Sweep(sweep::Do::Stop),
        "end the sweep now; what was measured stays",
    )
    .hinted("stop")
    .narrow(),
    entry(
        Scope::On(Screen::Sweep),
        "row-above",
        &[Key::Up],
        Action::Sweep(sweep::Do::Row(-1)),
        "the plan above, or the line of the form",
    )
    .hinted("plan")
    .with("row-below"),
    entry(
        Scope::On(Screen::Sweep),
        "row-below",
        &[Key::Down],
        Action::Sweep(sweep::Do::Row(1)),
        "the plan below, or the line of the form",
    ),
    entry(
        Scope::On(Screen::Sweep),
        "set-up",
        &[Key::Char('e')],
        Action::Sweep(sweep::Do::SetUp),
        "set up a new sweep, or back to the one that there is",
    )
    .hinted("set up")
    .narrow(),
    entry(
        Scope::On(Screen::Sweep),
        "less",
        &[Key::Left, Key::Char('-')],
        Action::Sweep(sweep::Do::Change(-1)),
        "in the form: one less, the choice before, no",
    )
    .hinted("change")
    .with("more")
    .narrow(),
    entry(
        Scope::On(Screen::Sweep),
        "more",
        &[Key::Right, Key::Char('+'), Key::Char('=')],
        Action::Sweep(sweep::Do::Change(1)),
        "in the form: one more, the next choice, yes",
    ),
    entry(
        Scope::On(Screen::Sweep),
        "page-up",
        &[Key::PageUp],
        Action::Sweep(sweep::Do::Page(-1)),
        "twenty plans up; in the form ten less",
    ),
    entry(
        Scope::On(Screen::Sweep),
        "page-down",
        &[Key::PageDown],
        Action::Sweep(sweep::Do::Page(1)),
        "twenty plans down; in the form ten more",
    ),
    entry(
        Scope::On(Screen::Sweep),
        "layer",
        &[Key::Enter],
        Action::Sweep(sweep::Do::Layer),
        "to the layers, with the cut of this plan proposed",
    )
    .hinted("layer"),
    entry(
        Scope::On(Screen::Power),
        "rail-above",
        &[Key::Up],
        Action::Power(power::Do::Rail(-1)),
        "the rail above: what it contains and what it does not",
    )
    .hinted("rail")
    .with("rail-below"),
    entry(
        Scope::On(Screen::Power),
        "rail-below",
        &[Key::Down],
        Action::Power(power::Do::Rail(1)),
        "the rail below",
    ),
    entry(
        Scope::On(Screen::Power),
        "measure-idle",
        &[Key::Char('i')],
        Action::Power(power::Do::Idle(30)),
        "measure idle power: no frames for 30 s (takes control if it is free); again: frames go on",
    )
    .hinted("idle"),
    entry(
        Scope::On(Screen::Power),
        "measure-idle-briefly",
        &[Key::Char('I')],
        Action::Power(power::Do::Idle(10)),
        "the same for 10 s",
    ),
    entry(
        Scope::On(Screen::Power),
        "measure-idle-longest",
        &[],
        Action::Power(power::Do::Idle(120)),
        "the same for two minutes, the longest there is",
    ),
    entry(
        Scope::On(Screen::Power),
        "step-away",
        &[Key::Char('o')],
        Action::Power(power::Do::StepAway),
        "leave the robot alone for 15 s: frames without a console tell what this one costs",
    ),
    charts::zoom_in(Scope::On(Screen::Power)),
    charts::zoom_out(Scope::On(Screen::Power)),
    charts::look(Scope::On(Screen::Power)),
];
