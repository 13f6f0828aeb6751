//! What a key means in the present state: what lies over the screen comes first, then the screen, then what works anywhere.

use super::screens::Screen;
use super::screens::sessions::{self, Question};
use super::{Action, App, Key, Pick, Scope, Typed, Typing, palette};

impl App {
    /// What a key asks for now, if anything.
    pub(super) fn meaning(&self, key: Key) -> Option<Action> {
        if self.deck.typed().is_some() {
            return typing(key).map(Action::GoTo);
        }
        if self.screens.shown == Screen::Sessions
            && let Some(question) = &self.screens.sessions.question
        {
            return answer(question, key).map(Action::Sessions);
        }
        let scopes = self.scopes();
        if !self.deck.is_live()
            && matches!(scopes[0], Scope::On(_))
            && let Some(action) = self.keymap.action(&[Scope::Time], key)
        {
            return Some(action);
        }
        match (scopes[0], key) {
            (Scope::Picker, Key::Char(c @ '0'..='9')) => {
                Some(Action::Pick(Pick::Digit(c as u8 - b'0')))
            }
            (Scope::Palette, Key::Char(c)) => Some(Action::Palette(palette::Do::Type(c))),
            (Scope::Search, Key::Char(c)) => Some(Action::Search(Typed::Char(c))),
            (Scope::Search, _) if !matches!(key, Key::Ctrl(_)) => {
                self.keymap.action(&[Scope::Search], key)
            }
            (Scope::Palette | Scope::Search, Key::Ctrl(_)) => {
                self.keymap.action(&[Scope::Anywhere], key)
            }
            (Scope::Palette, _) => self.keymap.action(&[Scope::Palette], key),
            (Scope::Picker, _) => {
                let action = self.keymap.action(&scopes, key)?;
                let works = matches!(action, Action::Pick(_) | Action::Quit | Action::Help);
                works.then_some(action)
            }
            _ => {
                let own = self.keymap.action(&scopes, key)?;
                // At another time than now, a key that orders something is free for what it means anywhere.
                let anywhere = self.keymap.action(&[Scope::Anywhere], key);
                let free = anywhere.filter(|a| !a.commands());
                Some(
                    free.filter(|_| !self.deck.is_live() && own.commands())
                        .unwrap_or(own),
                )
            }
        }
    }
}

/// What a key means while something about a recording waits for an answer.
fn answer(question: &Question, key: Key) -> Option<sessions::Do> {
    match (key, question) {
        (Key::Enter, _) => Some(sessions::Do::Yes),
        (Key::Esc, _) => Some(sessions::Do::No),
        (Key::Backspace, _) => Some(sessions::Do::Erase),
        (Key::Char(c), Question::Name(..)) if !c.is_control() => Some(sessions::Do::Type(c)),
        _ => None,
    }
}

/// What a key means while a moment to go to is typed.
const fn typing(key: Key) -> Option<Typing> {
    match key {
        Key::Char(c @ ('0'..='9' | ':' | '.' | '#')) => Some(Typing::Char(c)),
        Key::Backspace => Some(Typing::Erase),
        Key::Enter => Some(Typing::Go),
        Key::Esc => Some(Typing::Close),
        _ => None,
    }
}
