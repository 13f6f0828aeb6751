//! Keys, whatever the terminal library calls them, and how people write them.

use std::fmt;
use std::str::FromStr;

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A printable character.
    Char(char),
    /// A character with Ctrl.
    Ctrl(char),
    /// Cursor left.
    Left,
    /// Cursor right.
    Right,
    /// Cursor up.
    Up,
    /// Cursor down.
    Down,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Home.
    Home,
    /// End.
    End,
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Tab with Shift.
    BackTab,
    /// Backspace.
    Backspace,
}

/// Keys with a name, as the screen writes it, and as a configuration file does.
const NAMED: [(Key, &str, &str); 14] = [
    (Key::Left, "←", "left"),
    (Key::Right, "→", "right"),
    (Key::Up, "↑", "up"),
    (Key::Down, "↓", "down"),
    (Key::PageUp, "PgUp", "pageup"),
    (Key::PageDown, "PgDn", "pagedown"),
    (Key::Home, "Home", "home"),
    (Key::End, "End", "end"),
    (Key::Enter, "Enter", "enter"),
    (Key::Esc, "Esc", "esc"),
    (Key::Tab, "Tab", "tab"),
    (Key::BackTab, "S-Tab", "shift-tab"),
    (Key::Backspace, "Bksp", "backspace"),
    (Key::Char(' '), "Space", "space"),
];

/// A text names no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no key; expected one character, ctrl-x, or one of left right up down pageup pagedown home end enter esc \
     tab shift-tab backspace space"
)]
pub struct KeyError(pub String);

impl Key {
    /// As a configuration file writes it; [`FromStr`] reads it again.
    pub fn config_name(self) -> String {
        let named = NAMED.iter().find(|(key, ..)| *key == self);
        match (named, self) {
            (Some((.., name)), _) => (*name).to_owned(),
            (None, Self::Ctrl(c)) => format!("ctrl-{c}"),
            (None, Self::Char(c)) => c.to_string(),
            (None, _) => String::new(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = NAMED.iter().find(|(key, ..)| key == self);
        match (named, self) {
            (Some((_, shown, _)), _) => f.write_str(shown),
            (None, Self::Ctrl(c)) => write!(f, "Ctrl-{}", c.to_ascii_uppercase()),
            (None, Self::Char(c)) => write!(f, "{c}"),
            (None, _) => Ok(()),
        }
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut chars = text.chars();
        if let (Some(c), None) = (chars.next(), chars.next())
            && !c.is_control()
        {
            return Ok(Self::Char(c));
        }
        let lower = text.to_ascii_lowercase();
        if let Some((key, ..)) = NAMED.iter().find(|(.., name)| *name == lower) {
            return Ok(*key);
        }
        let mut rest = lower.strip_prefix("ctrl-").unwrap_or_default().chars();
        match (rest.next(), rest.next()) {
            (Some(c @ 'a'..='z'), None) => Ok(Self::Ctrl(c)),
            _ => Err(KeyError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let others = [
            Key::Char('q'),
            Key::Char('?'),
            Key::Char('é'),
            Key::Ctrl('c'),
        ];
        for key in NAMED.iter().map(|(key, ..)| *key).chain(others) {
            assert_eq!(key.config_name().parse(), Ok(key));
        }
        assert_eq!("PageUp".parse(), Ok(Key::PageUp));
        for bad in ["", "ctrl-", "ctrl-é", "f13", "\n", "qq"] {
            assert!(bad.parse::<Key>().is_err(), "{bad:?}");
        }
    }
}
