//! The only place with literal colours. Every meaning also has a word, a glyph or an attribute, so that the screen reads
//! the same without colour (`NO_COLOR`).

use ratatui::style::{Color, Modifier, Style};

use crate::wire::Level;

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

/// How meanings look.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    colours: bool,
}

impl Theme {
    /// Sixteen-colour terminals and better, dark or light.
    pub const COLOUR: Self = Self { colours: true };
    /// Attributes only.
    pub const PLAIN: Self = Self { colours: false };

    /// The theme that the environment asks for (<https://no-color.org>).
    pub fn from_environment() -> Self {
        let asked = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        if asked { Self::PLAIN } else { Self::COLOUR }
    }

    const fn with(self, colour: Color) -> Style {
        let style = Style::new();
        if self.colours {
            style.fg(colour)
        } else {
            style
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

    /// What may be overlooked.
    pub const fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// Borders.
    pub const fn border(self) -> Style {
        self.with(Color::DarkGray)
    }

    /// All is well.
    pub const fn good(self) -> Style {
        self.with(Color::Green).add_modifier(Modifier::BOLD)
    }

    /// Look here.
    pub const fn warning(self) -> Style {
        self.with(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// Something is wrong.
    pub const fn bad(self) -> Style {
        self.with(Color::Red)
            .add_modifier(Modifier::BOLD)
            .add_modifier(Modifier::REVERSED)
    }

    /// The cut in effect.
    pub const fn cut(self) -> Style {
        self.with(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// The proposed cut.
    pub const fn proposed(self) -> Style {
        self.with(Color::Yellow).add_modifier(Modifier::REVERSED)
    }

    /// What the cursor is on.
    pub const fn picked(self) -> Style {
        Style::new()
            .add_modifier(Modifier::BOLD)
            .add_modifier(Modifier::REVERSED)
    }

    /// A key's name.
    pub const fn key(self) -> Style {
        self.with(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// A part of a latency; operators take the colour of the device they run on.
    pub const fn part(self, part: Part) -> Style {
        self.with(match part {
            Part::Robot => Color::Blue,
            Part::Uplink => Color::Yellow,
            Part::Server => Color::Magenta,
            Part::Downlink => Color::Green,
            Part::Wait => Color::DarkGray,
        })
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
