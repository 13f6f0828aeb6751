//! Keys of the charts: on the screens that have some, and while there is a crosshair.

use super::super::{Action, Entry, Key, Scope};
use super::entry;
use crate::console::app::screens::charts;

/// More detail, on a screen with charts.
pub(super) const fn zoom_in(scope: Scope) -> Entry {
    entry(
        scope,
        "zoom-in",
        &[Key::Char('+'), Key::Char('=')],
        Action::Chart(charts::Do::Zoom(1)),
        "charts: more detail, down to 0.1 s a dot",
    )
    .hinted("zoom")
    .with("zoom-out")
}

/// A longer time, on a screen with charts.
pub(super) const fn zoom_out(scope: Scope) -> Entry {
    entry(
        scope,
        "zoom-out",
        &[Key::Char('-')],
        Action::Chart(charts::Do::Zoom(-1)),
        "charts: a longer time, up to 10 min a dot",
    )
}

/// A crosshair, on a screen with charts.
pub(super) const fn look(scope: Scope) -> Entry {
    entry(
        scope,
        "look",
        &[Key::Char('x')],
        Action::Chart(charts::Do::Look),
        "charts: a crosshair with exact values; the charts stand still, measuring goes on",
    )
    .hinted("crosshair")
}

pub(super) const ROWS: &[Entry] = &[
    entry(
        Scope::Chart,
        "earlier",
        &[Key::Left],
        Action::Chart(charts::Do::Cross(-1)),
        "the crosshair a dot earlier",
    )
    .hinted("crosshair")
    .with("later")
    .narrow(),
    entry(
        Scope::Chart,
        "later",
        &[Key::Right],
        Action::Chart(charts::Do::Cross(1)),
        "the crosshair a dot later",
    ),
    entry(
        Scope::Chart,
        "chart-above",
        &[Key::Up],
        Action::Chart(charts::Do::Chart(-1)),
        "mark the chart before: pin and log are about it",
    )
    .hinted("chart")
    .with("chart-below"),
    entry(
        Scope::Chart,
        "chart-below",
        &[Key::Down],
        Action::Chart(charts::Do::Chart(1)),
        "mark the next chart",
    ),
    entry(
        Scope::Chart,
        "pan-earlier",
        &[Key::PageUp],
        Action::Chart(charts::Do::Pan(-1)),
        "half a screen earlier",
    )
    .hinted("pan")
    .with("pan-later")
    .narrow(),
    entry(
        Scope::Chart,
        "pan-later",
        &[Key::PageDown],
        Action::Chart(charts::Do::Pan(1)),
        "half a screen later",
    ),
    entry(
        Scope::Chart,
        "oldest",
        &[Key::Home],
        Action::Chart(charts::Do::Oldest),
        "a day back",
    ),
    entry(
        Scope::Chart,
        "newest",
        &[Key::End],
        Action::Chart(charts::Do::Newest),
        "to the newest",
    ),
    entry(
        Scope::Chart,
        "zoom-in",
        &[Key::Char('+'), Key::Char('=')],
        Action::Chart(charts::Do::Zoom(1)),
        "more detail, around the crosshair",
    )
    .hinted("zoom")
    .with("zoom-out")
    .narrow(),
    entry(
        Scope::Chart,
        "zoom-out",
        &[Key::Char('-')],
        Action::Chart(charts::Do::Zoom(-1)),
        "a longer time",
    ),
    entry(
        Scope::Chart,
        "pin-axis",
        &[Key::Char('y')],
        Action::Chart(charts::Do::Pin),
        "keep this axis as it is, or let it follow the values",
    )
    .hinted("pin"),
    entry(
        Scope::Chart,
        "log-axis",
        &[Key::Char('L')],
        Action::Chart(charts::Do::Log),
        "this axis by powers of ten, or evenly",
    )
    .hinted("log"),
    entry(
        Scope::Chart,
        "leave",
        &[Key::Esc, Key::Char('x')],
        Action::Chart(charts::Do::Look),
        "no crosshair: the charts follow again",
    )
    .hinted("leave")
    .narrow(),
];
