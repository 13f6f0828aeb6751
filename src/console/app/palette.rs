//! The command palette: every action that can be had here, found by a few letters of its name or of what it does.

use super::Moment;
use super::fuzzy::score;
use super::{Action, App, Bound, Scope, Turn};

/// What keys ask of the palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Do {
    /// The row above.
    Up,
    /// The row below.
    Down,
    /// Type a letter.
    Type(char),
    /// Take the last letter back.
    Erase,
    /// Do what is chosen.
    Run,
    /// Leave.
    Close,
}

/// The palette, while it is open.
#[derive(Debug, Clone, Default)]
pub struct Palette {
    text: String,
    selected: usize,
}

impl Palette {
    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The row that Enter means.
    pub const fn selected(&self) -> usize {
        self.selected
    }
}

/// Letters that can be typed.
const LONGEST: usize = 60;

impl App {
    /// The palette, while it is open.
    pub const fn palette(&self) -> Option<&Palette> {
        self.palette.as_ref()
    }

    /// What fits what was typed, the best first.
    pub fn found(&self) -> Vec<Bound<'_>> {
        let Some(palette) = &self.palette else {
            return Vec::new();
        };
        let scopes = [Scope::On(self.screens.shown), Scope::Anywhere];
        let all = scopes.into_iter().flat_map(|scope| self.keymap.of(scope));
        let mut scored: Vec<(i32, Bound)> = all
            .filter(|bound| bound.entry.action != Action::OpenPalette)
            .filter_map(|bound| {
                let name = score(&palette.text, bound.entry.name).map(|s| s + 20);
                Some((name.max(score(&palette.text, bound.entry.help))?, bound))
            })
            .collect();
        // Stable: of equals the table's order.
        scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        scored.into_iter().map(|(_, bound)| bound).collect()
    }

    pub(super) fn on_palette(&mut self, what: Do, at: Moment, turn: &mut Turn) {
        let last = self.found().len().saturating_sub(1);
        let Some(palette) = &mut self.palette else {
            return;
        };
        match what {
            Do::Up => palette.selected = palette.selected.saturating_sub(1),
            Do::Down => palette.selected = (palette.selected + 1).min(last),
            Do::Type(c) => {
                if palette.text.chars().count() < LONGEST {
                    palette.text.push(c);
                }
                palette.selected = 0;
            }
            Do::Erase => {
                palette.text.pop();
                palette.selected = 0;
            }
            Do::Close => self.palette = None,
            Do::Run => {
                let chosen = self.found().get(palette_row(self)).map(|b| b.entry.action);
                self.palette = None;
                if let Some(action) = chosen {
                    self.act(action, at, turn);
                }
            }
        }
    }
}

fn palette_row(app: &App) -> usize {
    app.palette.as_ref().map_or(0, Palette::selected)
}
