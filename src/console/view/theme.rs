//! The only place with literal colours. Every meaning also has a word, a glyph or an attribute, so that the screen reads
//! the same without colour (`NO_COLOR`) and in ASCII.

mod ink;

use std::fmt;
use std::str::FromStr;

use ratatui::style::{Modifier, Style};

use crate::wire::Level;

pub use ink::Depth;
use ink::Ink;

/// A part of a frame's latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The robot computes.
    Robot,
    /// Going up.
    Uplink,
    /// The server computes.
    Server,
    /// Coming down.
    Downlink,
    /// None of these.
    Wait,
}

impl Part {
    /// All, in the order in which they stand in a bar.
    pub const ALL: [Self; 5] = [
        Self::Robot,
        Self::Uplink,
        Self::Server,
        Self::Downlink,
        Self::Wait,
    ];

    /// What a bar is filled with.
    pub const fn glyph(self) -> &'static str {
        match self {
            Self::Robot => "▓",
            Self::Uplink => "╱",
            Self::Server => "█",
            Self::Downlink => "╲",
            Self::Wait => "·",
        }
    }

    /// The word of the legend.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Robot => "robot",
            Self::Uplink => "up",
            Self::Server => "server",
            Self::Downlink => "down",
            Self::Wait => "wait",
        }
    }
}

/// A choice of colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Palette {
    /// For dark terminals, and for light ones that have their own sixteen colours.
    #[default]
    Dark,
    /// Black on white with few, strong colours, for a screen in the sun.
    Daylight,
    /// Told apart with any kind of colour vision (Okabe and Ito's colours, 2008).
    ColourBlind,
    /// Attributes only.
    Mono,
}

/// A text names no theme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no theme; expected dark, daylight, colour-blind or mono")]
pub struct PaletteError(String);

impl Palette {
    /// All.
    pub const ALL: [Self; 4] = [Self::Dark, Self::Daylight, Self::ColourBlind, Self::Mono];

    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Daylight => "daylight",
            Self::ColourBlind => "colour-blind",
            Self::Mono => "mono",
        }
    }
}

impl fmt::Display for Palette {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Palette {
    type Err = PaletteError;

    fn from_str(text: &str) -> Result<Self, PaletteError> {
        let named = Self::ALL.into_iter().find(|p| p.name() == text);
        named.ok_or_else(|| PaletteError(text.to_owned()))
    }
}

/// How meanings look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    palette: Palette,
    depth: Depth,
    ascii: bool,
}

impl Theme {
    /// Sixteen colours, whatever the terminal takes them for.
    pub const COLOUR: Self = Self::new(Palette::Dark, Depth::Sixteen);
    /// Attributes only.
    pub const PLAIN: Self = Self::new(Palette::Mono, Depth::None);

    /// A theme.
    pub const fn new(palette: Palette, depth: Depth) -> Self {
        Self {
            palette,
            depth,
            ascii: false,
        }
    }

    /// The same with no character outside ASCII.
    #[must_use]
    pub const fn in_ascii(mut self, ascii: bool) -> Self {
        self.ascii = ascii;
        self
    }

    /// Whether there shall be no character outside ASCII.
    pub const fn is_ascii(self) -> bool {
        self.ascii
    }

    const fn with(self, ink: Ink) -> Style {
        match (self.palette, self.depth.colour(ink)) {
            (Palette::Mono, _) | (_, None) => Style::new(),
            (_, Some(colour)) => Style::new().fg(colour),
        }
    }

    const fn pick(self, dark: Ink, daylight: Ink, colour_blind: Ink) -> Style {
        self.with(match self.palette {
            Palette::Dark | Palette::Mono => dark,
            Palette::Daylight => daylight,
            Palette::ColourBlind => colour_blind,
        })
    }

    /// What everything stands on.
    pub const fn base(self) -> Style {
        match (self.palette, self.depth.colour(ink::PAPER)) {
            (Palette::Daylight, Some(paper)) => self.with(ink::BLACK).bg(paper),
            _ => Style::new(),
        }
    }

    /// Ordinary text.
    pub const fn text(self) -> Style {
        Style::new()
    }

    /// What matters.
    pub const fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What may be overlooked; in the sun it may not be dim.
    pub const fn faint(self) -> Style {
        match self.palette {
            Palette::Daylight => self.with(ink::SLATE),
            _ => Style::new().add_modifier(Modifier::DIM),
        }
    }

    /// Borders.
    pub const fn border(self) -> Style {
        self.pick(ink::GREY, ink::SLATE, ink::GREY)
    }

    /// All is well.
    pub const fn good(self) -> Style {
        self.pick(ink::GREEN, ink::DEEP_GREEN, ink::BLUISH_GREEN)
            .add_modifier(Modifier::BOLD)
    }

    /// Look here.
    pub const fn warning(self) -> Style {
        self.pick(ink::YELLOW, ink::RUST, ink::ORANGE)
            .add_modifier(Modifier::BOLD)
    }

    /// Something is wrong.
    pub const fn bad(self) -> Style {
        self.pick(ink::RED, ink::DEEP_RED, ink::VERMILLION)
            .add_modifier(Modifier::BOLD)
            .add_modifier(Modifier::REVERSED)
    }

    /// The cut in effect.
    pub const fn cut(self) -> Style {
        self.pick(ink::CYAN, ink::DEEP_BLUE, ink::SKY)
            .add_modifier(Modifier::BOLD)
    }

    /// The proposed cut.
    pub const fn proposed(self) -> Style {
        self.pick(ink::YELLOW, ink::RUST, ink::ORANGE)
            .add_modifier(Modifier::REVERSED)
    }

    /// What the cursor is on.
    pub const fn picked(self) -> Style {
        Style::new()
            .add_modifier(Modifier::BOLD)
            .add_modifier(Modifier::REVERSED)
    }

    /// A key's name.
    pub const fn key(self) -> Style {
        self.cut()
    }

    /// A part of a latency; operators take the colour of the device they run on.
    pub const fn part(self, part: Part) -> Style {
        match part {
            Part::Robot => self.pick(ink::BLUE, ink::DEEP_BLUE, ink::SKY),
            Part::Uplink => self.pick(ink::YELLOW, ink::RUST, ink::ORANGE),
            Part::Server => self.pick(ink::MAGENTA, ink::DEEP_MAGENTA, ink::PURPLE),
            Part::Downlink => self.pick(ink::GREEN, ink::DEEP_GREEN, ink::BLUISH_GREEN),
            Part::Wait => self.pick(ink::GREY, ink::SLATE, ink::GREY),
        }
    }

    /// An event of a level.
    pub const fn level(self, level: Level) -> Style {
        match level {
            Level::Info => self.text(),
            Level::Warning => self.warning(),
            Level::Error => self.bad(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_no_theme_has_one() {
        for palette in Palette::ALL {
            let theme = Theme::new(palette, Depth::None);
            for style in [
                theme.base(),
                theme.bad(),
                theme.cut(),
                theme.part(Part::Uplink),
            ] {
                assert_eq!((style.fg, style.bg), (None, None), "{palette}");
            }
        }
    }

    #[test]
    fn parts_differ_in_every_palette_and_in_sixteen_colours_too() {
        for palette in [Palette::Dark, Palette::Daylight, Palette::ColourBlind] {
            for depth in [Depth::True, Depth::Indexed, Depth::Sixteen] {
                let theme = Theme::new(palette, depth);
                let colours = Part::ALL.map(|part| theme.part(part).fg);
                for (i, colour) in colours.iter().enumerate() {
                    assert!(!colours[i + 1..].contains(colour), "{palette} {depth:?}");
                }
            }
        }
    }
}
