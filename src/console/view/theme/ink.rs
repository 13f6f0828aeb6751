//! Colours, each as a terminal of sixteen and as one of millions shows it.

use ratatui::style::Color;

/// How many colours a terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// None, or none are wanted.
    None,
    /// The sixteen that the terminal's own settings name.
    Sixteen,
    /// 256: xterm's colour cube.
    Indexed,
    /// Red, green and blue.
    True,
}

impl Depth {
    /// What a terminal says of itself: `NO_COLOR` (<https://no-color.org>), `COLORTERM`, `TERM`.
    pub fn told(no_color: bool, colorterm: Option<&str>, term: Option<&str>) -> Self {
        match (colorterm, term) {
            _ if no_color => Self::None,
            (_, Some("dumb")) => Self::None,
            (Some("truecolor" | "24bit"), _) => Self::True,
            (_, Some(term)) if term.contains("256color") => Self::Indexed,
            (_, Some(term)) if term.contains("mono") || term.starts_with("vt1") => Self::None,
            _ => Self::Sixteen,
        }
    }

    /// A word for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sixteen => "16",
            Self::Indexed => "256",
            Self::True => "true",
        }
    }

    /// A colour as this terminal shows it.
    pub(super) const fn colour(self, ink: Ink) -> Option<Color> {
        let Ink { rgb: (r, g, b), .. } = ink;
        match self {
            Self::None => None,
            Self::Sixteen => Some(ink.ansi),
            Self::Indexed => Some(Color::Indexed(16 + 36 * level(r) + 6 * level(g) + level(b))),
            Self::True => Some(Color::Rgb(r, g, b)),
        }
    }
}

/// The step of xterm's cube (0, 95, 135, 175, 215, 255) that is closest.
const fn level(value: u8) -> u8 {
    match value {
        0..48 => 0,
        48..115 => 1,
        _ => (value - 35) / 40,
    }
}

/// A colour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ink {
    rgb: (u8, u8, u8),
    ansi: Color,
}

const fn ink(r: u8, g: u8, b: u8, ansi: Color) -> Ink {
    Ink {
        rgb: (r, g, b),
        ansi,
    }
}

pub(super) const GREY: Ink = ink(128, 128, 128, Color::DarkGray);
pub(super) const GREEN: Ink = ink(95, 215, 95, Color::Green);
pub(super) const YELLOW: Ink = ink(235, 203, 80, Color::Yellow);
pub(super) const RED: Ink = ink(255, 95, 95, Color::Red);
pub(super) const CYAN: Ink = ink(95, 215, 215, Color::Cyan);
pub(super) const BLUE: Ink = ink(95, 160, 255, Color::Blue);
pub(super) const MAGENTA: Ink = ink(215, 135, 255, Color::Magenta);

pub(super) const PAPER: Ink = ink(255, 255, 255, Color::White);
pub(super) const BLACK: Ink = ink(0, 0, 0, Color::Black);
pub(super) const SLATE: Ink = ink(72, 72, 72, Color::DarkGray);
pub(super) const DEEP_GREEN: Ink = ink(0, 95, 0, Color::Green);
pub(super) const RUST: Ink = ink(140, 60, 0, Color::Yellow);
pub(super) const DEEP_RED: Ink = ink(160, 0, 0, Color::Red);
pub(super) const DEEP_BLUE: Ink = ink(0, 0, 175, Color::Blue);
pub(super) const DEEP_MAGENTA: Ink = ink(135, 0, 135, Color::Magenta);

pub(super) const BLUISH_GREEN: Ink = ink(0, 158, 115, Color::Green);
pub(super) const ORANGE: Ink = ink(230, 159, 0, Color::Yellow);
pub(super) const VERMILLION: Ink = ink(213, 94, 0, Color::LightRed);
pub(super) const SKY: Ink = ink(86, 180, 233, Color::LightCyan);
pub(super) const PURPLE: Ink = ink(204, 121, 167, Color::LightMagenta);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_taken_at_its_word() {
        for (no_color, colorterm, term, depth) in [
            (true, Some("truecolor"), Some("xterm-256color"), Depth::None),
            (false, Some("truecolor"), Some("xterm"), Depth::True),
            (false, None, Some("xterm-256color"), Depth::Indexed),
            (false, None, Some("linux"), Depth::Sixteen),
            (false, None, Some("dumb"), Depth::None),
            (false, None, None, Depth::Sixteen),
        ] {
            assert_eq!(Depth::told(no_color, colorterm, term), depth);
        }
    }

    #[test]
    fn a_cube_has_its_own_colours() {
        assert_eq!([0, 95, 135, 175, 215, 255].map(level), [0, 1, 2, 3, 4, 5]);
        assert_eq!(Depth::Indexed.colour(BLACK), Some(Color::Indexed(16)));
    }
}
