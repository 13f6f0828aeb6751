//! Keys of the screens that show frames: Live, Layers, Timeline.

use super::super::{Action, Entry, Key, Move, Scope};
use super::{charts, entry};
use crate::console::app::screens::{Screen, layers, live, timeline};

pub(super) const ROWS: &[Entry] = &[
    entry(
        Scope::On(Screen::Live),
        "cut-earlier",
        &[Key::Left, Key::Up],
        Action::Cut(Move::By(-1)),
        "propose the cut one operator earlier (without a cut: a row)",
    )
    .hinted("cut")
    .with("cut-later")
    .narrow(),
    entry(
        Scope::On(Screen::Live),
        "cut-later",
        &[Key::Right, Key::Down],
        Action::Cut(Move::By(1)),
        "propose the cut one operator later",
    ),
    entry(
        Scope::On(Screen::Live),
        "cut-ten-earlier",
        &[Key::PageUp],
        Action::Cut(Move::By(-10)),
        "ten operators earlier",
    ),
    entry(
        Scope::On(Screen::Live),
        "cut-ten-later",
        &[Key::PageDown],
        Action::Cut(Move::By(10)),
        "ten operators later",
    ),
    entry(
        Scope::On(Screen::Live),
        "cut-first",
        &[Key::Home],
        Action::Cut(Move::First),
        "before the first operator: the server computes all",
    ),
    entry(
        Scope::On(Screen::Live),
        "cut-last",
        &[Key::End],
        Action::Cut(Move::Last),
        "after the last operator: the robot computes all",
    ),
    charts::zoom_in(Scope::On(Screen::Live)),
    charts::zoom_out(Scope::On(Screen::Live)),
    charts::look(Scope::On(Screen::Live)),
    entry(
        Scope::On(Screen::Live),
        "next-link",
        &[Key::Char('b')],
        Action::Live(live::Do::NextLink),
        "show the next server's link",
    ),
    entry(
        Scope::On(Screen::Timeline),
        "older-frame",
        &[Key::Char('[')],
        Action::Timeline(timeline::Do::Older),
        "the frame before",
    )
    .hinted("frame")
    .with("newer-frame")
    .narrow(),
    entry(
        Scope::On(Screen::Timeline),
        "newer-frame",
        &[Key::Char(']')],
        Action::Timeline(timeline::Do::Newer),
        "the frame after",
    ),
    entry(
        Scope::On(Screen::Timeline),
        "oldest-frame",
        &[Key::Home],
        Action::Timeline(timeline::Do::Oldest),
        "the oldest frame with steps",
    ),
    entry(
        Scope::On(Screen::Timeline),
        "newest-frame",
        &[Key::End],
        Action::Timeline(timeline::Do::Newest),
        "the newest frame, whichever it is",
    ),
    entry(
        Scope::On(Screen::Timeline),
        "earlier-step",
        &[Key::Left],
        Action::Timeline(timeline::Do::Step(-1)),
        "the step before in this lane",
    )
    .hinted("step")
    .with("later-step")
    .narrow(),
    entry(
        Scope::On(Screen::Timeline),
        "later-step",
        &[Key::Right],
        Action::Timeline(timeline::Do::Step(1)),
        "the step after in this lane",
    ),
    entry(
        Scope::On(Screen::Timeline),
        "lane-above",
        &[Key::Up],
        Action::Timeline(timeline::Do::Lane(-1)),
        "the lane above",
    )
    .hinted("lane")
    .with("lane-below"),
    entry(
        Scope::On(Screen::Timeline),
        "lane-below",
        &[Key::Down],
        Action::Timeline(timeline::Do::Lane(1)),
        "the lane below",
    ),
    entry(
        Scope::On(Screen::Timeline),
        "zoom-in",
        &[Key::Char('+'), Key::Char('=')],
        Action::Timeline(timeline::Do::Zoom(1)),
        "twice the detail, around the step",
    )
    .hinted("zoom")
    .with("zoom-out")
    .narrow(),
    entry(
        Scope::On(Screen::Timeline),
        "zoom-out",
        &[Key::Char('-')],
        Action::Timeline(timeline::Do::Zoom(-1)),
        "half the detail",
    ),
    entry(
        Scope::On(Screen::Timeline),
        "pan-earlier",
        &[Key::PageUp],
        Action::Timeline(timeline::Do::Pan(-1)),
        "half a screen earlier",
    )
    .hinted("pan")
    .with("pan-later"),
    entry(
        Scope::On(Screen::Timeline),
        "pan-later",
        &[Key::PageDown],
        Action::Timeline(timeline::Do::Pan(1)),
        "half a screen later",
    ),
    entry(
        Scope::On(Screen::Layers),
        "row-above",
        &[Key::Up],
        Action::Layers(layers::Do::Row(Move::By(-1))),
        "the row above",
    )
    .hinted("row")
    .with("row-below")
    .narrow(),
    entry(
        Scope::On(Screen::Layers),
        "row-below",
        &[Key::Down],
        Action::Layers(layers::Do::Row(Move::By(1))),
        "the row below",
    ),
    entry(
        Scope::On(Screen::Layers),
        "page-above",
        &[Key::PageUp],
        Action::Layers(layers::Do::Row(Move::By(-20))),
        "twenty rows up",
    ),
    entry(
        Scope::On(Screen::Layers),
        "page-below",
        &[Key::PageDown],
        Action::Layers(layers::Do::Row(Move::By(20))),
        "twenty rows down",
    ),
    entry(
        Scope::On(Screen::Layers),
        "first-row",
        &[Key::Home],
        Action::Layers(layers::Do::Row(Move::First)),
        "the first row",
    ),
    entry(
        Scope::On(Screen::Layers),
        "last-row",
        &[Key::End],
        Action::Layers(layers::Do::Row(Move::Last)),
        "the last row",
    ),
    entry(
        Scope::On(Screen::Layers),
        "sort",
        &[Key::Char('o')],
        Action::Layers(layers::Do::Sort),
        "order by the next of: model, p50, p95, bytes, predicted, name",
    )
    .hinted("order")
    .narrow(),
    entry(
        Scope::On(Screen::Layers),
        "reverse",
        &[Key::Char('r')],
        Action::Layers(layers::Do::Reverse),
        "the other way round",
    ),
    entry(
        Scope::On(Screen::Layers),
        "device",
        &[Key::Char('d')],
        Action::Layers(layers::Do::Device),
        "the robot's operators only, the server's, all",
    )
    .hinted("device"),
    entry(
        Scope::On(Screen::Layers),
        "search",
        &[Key::Char('/')],
        Action::Layers(layers::Do::Search),
        "rows with these letters in name or kind only",
    )
    .hinted("search")
    .narrow(),
    entry(
        Scope::On(Screen::Layers),
        "clear",
        &[Key::Char('x')],
        Action::Layers(layers::Do::Clear),
        "all rows again",
    ),
    entry(
        Scope::On(Screen::Layers),
        "cut-here",
        &[Key::Char('g')],
        Action::Layers(layers::Do::Cut),
        "propose the cut behind this row",
    )
    .hinted("cut here"),
];
