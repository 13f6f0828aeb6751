//! Keys of what lies over a screen or waits for words: the search, the pickers, the palette.

use super::super::{Action, Entry, Key, Pick, Scope};
use super::entry;
use crate::console::app::Typed;
use crate::console::app::palette;

pub(super) const ROWS: &[Entry] = &[
    entry(
        Scope::Search,
        "keep",
        &[Key::Enter],
        Action::Search(Typed::Keep),
        "keep these rows",
    )
    .hinted("keep")
    .narrow(),
    entry(
        Scope::Search,
        "all",
        &[Key::Esc],
        Action::Search(Typed::Drop),
        "all rows again",
    )
    .hinted("all rows")
    .narrow(),
    entry(
        Scope::Search,
        "erase",
        &[Key::Backspace],
        Action::Search(Typed::Erase),
        "take a letter back; letters type",
    ),
    entry(
        Scope::Picker,
        "above",
        &[Key::Up],
        Action::Pick(Pick::Up),
        "the mode or parameter above",
    )
    .hinted("choose")
    .with("below")
    .narrow(),
    entry(
        Scope::Picker,
        "below",
        &[Key::Down],
        Action::Pick(Pick::Down),
        "the mode or parameter below",
    ),
    entry(
        Scope::Picker,
        "side",
        &[Key::Tab],
        Action::Pick(Pick::Side),
        "from the modes to the parameters and back",
    )
    .hinted("parameters"),
    entry(
        Scope::Picker,
        "more",
        &[Key::Right, Key::Char('+'), Key::Char('=')],
        Action::Pick(Pick::By(1)),
        "to the parameters; there: one more",
    ),
    entry(
        Scope::Picker,
        "less",
        &[Key::Left, Key::Char('-')],
        Action::Pick(Pick::By(-1)),
        "one less",
    )
    .hinted("change")
    .with("more")
    .narrow(),
    entry(
        Scope::Picker,
        "ten-more",
        &[Key::PageDown],
        Action::Pick(Pick::By(10)),
        "ten more",
    ),
    entry(
        Scope::Picker,
        "ten-less",
        &[Key::PageUp],
        Action::Pick(Pick::By(-10)),
        "ten less",
    ),
    entry(
        Scope::Picker,
        "least",
        &[Key::Home],
        Action::Pick(Pick::Least),
        "the least value",
    ),
    entry(
        Scope::Picker,
        "most",
        &[Key::End],
        Action::Pick(Pick::Most),
        "the greatest value",
    ),
    entry(
        Scope::Picker,
        "erase",
        &[Key::Backspace],
        Action::Pick(Pick::Erase),
        "take a digit back; the digits type the value",
    ),
    entry(
        Scope::Picker,
        "pick",
        &[Key::Enter],
        Action::Pick(Pick::Apply),
        "ask for this plan or policy (takes control if it is free)",
    )
    .hinted("apply")
    .narrow(),
    entry(
        Scope::Picker,
        "close",
        &[Key::Esc, Key::Char('m')],
        Action::Pick(Pick::Close),
        "leave things as they are",
    )
    .hinted("drop")
    .narrow(),
    entry(
        Scope::Palette,
        "above",
        &[Key::Up],
        Action::Palette(palette::Do::Up),
        "the command above",
    )
    .hinted("choose")
    .with("below")
    .narrow(),
    entry(
        Scope::Palette,
        "below",
        &[Key::Down, Key::Tab],
        Action::Palette(palette::Do::Down),
        "the command below",
    ),
    entry(
        Scope::Palette,
        "erase",
        &[Key::Backspace],
        Action::Palette(palette::Do::Erase),
        "take a letter back; letters type",
    ),
    entry(
        Scope::Palette,
        "run",
        &[Key::Enter],
        Action::Palette(palette::Do::Run),
        "do it",
    )
    .hinted("do it")
    .narrow(),
    entry(
        Scope::Palette,
        "close",
        &[Key::Esc],
        Action::Palette(palette::Do::Close),
        "leave",
    )
    .hinted("leave")
    .narrow(),
];
