//! From the terminal library's keys to ours.

#[cfg(debug_assertions)]
use std::env;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::app::Key;

/// A key that was pressed, if it is one of ours.
pub(super) fn key(event: KeyEvent) -> Option<Key> {
    if matches!(event.kind, KeyEventKind::Release) {
        return None;
    }
    #[cfg(debug_assertions)]
    fault(event);
    Some(match event.code {
        KeyCode::Char(c) if event.modifiers.contains(KeyModifiers::CONTROL) => {
            Key::Ctrl(c.to_ascii_lowercase())
        }
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    })
}

/// For the test of what a fault leaves behind: F12 is one where the environment asks for it. Not in a released program.
#[cfg(debug_assertions)]
fn fault(event: KeyEvent) {
    let wanted = event.code == KeyCode::F(12) && env::var_os("SPLITSCOPE_TEST_FAULT").is_some();
    assert!(!wanted, "a fault on purpose");
}
