//! What a person can ask for: one table of actions ([`TABLE`]). Keys, help, the hints at the foot, the palette, the
//! names in the configuration file, the table of keys in docs/screens.md and what can be clicked all come from it.

mod key;
mod table;

use std::fmt::Write as _;

use super::deck::Typing;
use super::palette;
use super::screens::Screen;
use super::screens::{charts, layers, live, log, power, sessions, sweep, timeline, workers};
use crate::playback::Command;

pub use key::{Key, KeyError};
pub use table::TABLE;

/// A move of the proposed cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// By so many operators; down the table is positive.
    By(i32),
    /// Before the first operator.
    First,
    /// After the last operator.
    Last,
}

/// What a key asks of the mode picker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The mode or parameter above.
    Up,
    /// The mode or parameter below.
    Down,
    /// From modes to parameters or back.
    Side,
    /// Change the parameter.
    By(i32),
    /// The parameter's least value.
    Least,
    /// The parameter's greatest value.
    Most,
    /// Type the parameter.
    Digit(u8),
    /// Take the last digit back.
    Erase,
    /// Ask for the plan.
    Apply,
    /// Leave without a plan.
    Close,
}

/// What a key asks while a search is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// A letter more.
    Char(char),
    /// The last letter back.
    Erase,
    /// Keep what was typed.
    Keep,
    /// Search for nothing.
    Drop,
}

/// What a person asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Show a screen.
    Show(Screen),
    /// Show the next screen, or the one before.
    Turn(isize),
    /// Move the proposed cut.
    Cut(Move),
    /// Open the mode picker.
    Modes,
    /// In the mode picker.
    Pick(Pick),
    /// Open the command palette.
    OpenPalette,
    /// In the command palette.
    Palette(palette::Do),
    /// On the Live screen.
    Live(live::Do),
    /// On the charts of any screen.
    Chart(charts::Do),
    /// On the Layers screen.
    Layers(layers::Do),
    /// On the timeline.
    Timeline(timeline::Do),
    /// On the Sweep screen.
    Sweep(sweep::Do),
    /// On the power screen.
    Power(power::Do),
    /// On the Sessions screen.
    Sessions(sessions::Do),
    /// On the Workers screen.
    Workers(workers::Do),
    /// On the Log screen.
    Log(log::Do),
    /// While a search is typed.
    Search(Typed),
    /// Apply the proposal, or confirm what is asked.
    Apply,
    /// Leave: the help, a question, the proposal, in the end the screen.
    Back,
    /// Ask for the plan that was in effect before this one.
    Revert,
    /// Hand the plan to a policy, or take it back.
    Policy,
    /// Take or release control.
    Control,
    /// To the time that is shown.
    Time(Command),
    /// Type a moment to go to.
    GoTo(Typing),
    /// Stop or resume the display.
    Pause,
    /// Mark this moment in the recording.
    Mark,
    /// Give the session a name.
    NameSession,
    /// Say what the session is.
    Describe,
    /// Another worker.
    NextTarget,
    /// Show or hide the help.
    Help,
    /// Stop until the shell lets this job go on.
    Suspend,
    /// Leave the console.
    Quit,
}

impl Action {
    /// Whether it orders a worker to do something, or begins to: it makes no sense at an earlier time.
    pub const fn commands(self) -> bool {
        matches!(
            self,
            Self::Cut(_)
                | Self::Policy
                | Self::Sweep(sweep::Do::Start | sweep::Do::Layer)
                | Self::Layers(layers::Do::Cut)
                | Self::Power(power::Do::Idle(_) | power::Do::StepAway)
                | Self::Modes
                | Self::Pick(_)
                | Self::Apply
                | Self::Revert
                | Self::Control
        )
    }
}

/// Where an action's keys are in effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// On every screen.
    Anywhere,
    /// On one screen.
    On(Screen),
    /// While a crosshair stands on the charts.
    Chart,
    /// While a search is typed.
    Search,
    /// In the mode picker.
    Picker,
    /// While another time than now is shown, before the keys of the screen.
    Time,
    /// In the command palette.
    Palette,
}

impl Scope {
    /// All, in the order of help and documents.
    pub const ALL: [Self; 14] = [
        Self::Anywhere,
        Self::On(Screen::Live),
        Self::On(Screen::Layers),
        Self::On(Screen::Timeline),
        Self::On(Screen::Sweep),
        Self::On(Screen::Power),
        Self::On(Screen::Workers),
        Self::On(Screen::Sessions),
        Self::On(Screen::Log),
        Self::Chart,
        Self::Search,
        Self::Picker,
        Self::Time,
        Self::Palette,
    ];

    /// Its table in the configuration file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anywhere => "anywhere",
            Self::On(screen) => screen.name(),
            Self::Chart => "chart",
            Self::Search => "search",
            Self::Picker => "picker",
            Self::Time => "time",
            Self::Palette => "palette",
        }
    }
}

/// A word for the foot of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// What the key does.
    pub word: &'static str,
    /// An action whose first key is shown before the word too: `←→ cut`.
    pub with: Option<&'static str>,
    /// Whether it is worth its place on a narrow screen.
    pub narrow: bool,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Where its keys are in effect.
    pub scope: Scope,
    /// Its name in the configuration file and in the palette, unique in its scope.
    pub name: &'static str,
    /// Its keys, unless the person has chosen others.
    pub keys: &'static [Key],
    /// What it is.
    pub action: Action,
    /// What it does, in a sentence.
    pub help: &'static str,
    /// Its word at the foot of the screen.
    pub hint: Option<Hint>,
}

/// An entry with the keys that are in effect.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a> {
    /// The entry.
    pub entry: &'static Entry,
    /// Its keys.
    pub keys: &'a [Key],
}

impl Bound<'_> {
    /// Its keys as they are written: `p Space`.
    pub fn written(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(ToString::to_string).collect();
        keys.join(" ")
    }
}

/// Which keys do what: the table, with what the person has chosen otherwise.
#[derive(Debug, Clone)]
pub struct Keymap {
    /// Beside [`TABLE`].
    keys: Vec<Vec<Key>>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self {
            keys: TABLE.iter().map(|entry| entry.keys.to_vec()).collect(),
        }
    }
}

impl Keymap {
    /// The entries of a scope, in the table's order.
    pub fn of(&self, scope: Scope) -> impl Iterator<Item = Bound<'_>> {
        let all = TABLE.iter().zip(&self.keys);
        all.filter(move |(entry, _)| entry.scope == scope)
            .map(|(entry, keys)| Bound { entry, keys })
    }

    /// Gives an action other keys; false where the scope has no action of that name.
    pub fn rebind(&mut self, scope: Scope, name: &str, keys: Vec<Key>) -> bool {
        let at = TABLE
            .iter()
            .position(|entry| entry.scope == scope && entry.name == name);
        match at {
            Some(at) => {
                self.keys[at] = keys;
                true
            }
            None => false,
        }
    }

    /// What a key asks for where these scopes are in effect, the first before the others.
    pub fn action(&self, scopes: &[Scope], key: Key) -> Option<Action> {
        let mut bound = scopes.iter().flat_map(|scope| self.of(*scope));
        let found = bound.find(|bound| bound.keys.contains(&key));
        found.map(|bound| bound.entry.action)
    }

    /// All of it as tables in Markdown, for docs/screens.md.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for scope in Scope::ALL {
            let rows: Vec<_> = self.of(scope).collect();
            if rows.is_empty() {
                continue;
            }
            let _ = writeln!(
                text,
                "| `{}` | name | what it does |\n|---|---|---|",
                scope.name()
            );
            for row in rows {
                let keys: Vec<String> = row.keys.iter().map(|key| format!("`{key}`")).collect();
                let (keys, entry) = (keys.join(" "), row.entry);
                let _ = writeln!(text, "| {keys} | `{}` | {} |", entry.name, entry.help);
            }
            text.push('\n');
        }
        text
    }

    /// The keys in front of a hint's word: its first, and that of the action beside it.
    pub fn hint_keys(&self, bound: &Bound, hint: &Hint) -> String {
        let first = |keys: &[Key]| keys.first().map(ToString::to_string);
        let other = hint.with.and_then(|name| {
            let mut all = self.of(bound.entry.scope);
            first(all.find(|other| other.entry.name == name)?.keys)
        });
        let own = first(bound.keys).unwrap_or_default();
        let both = own + &other.unwrap_or_default();
        both.replace("PgUpPgDn", "PgUp PgDn").replace("[]", "[ ]")
    }
}

impl Move {
    /// A place moved in a list whose last place is `last`.
    pub const fn moved(self, at: usize, last: usize) -> usize {
        let at = if at < last { at } else { last };
        let next = match self {
            Self::By(by) => at.saturating_add_signed(by as isize),
            Self::First => 0,
            Self::Last => last,
        };
        if next < last { next } else { last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings_in_a_scope_and_no_name_either() {
        let keymap = Keymap::default();
        for scope in Scope::ALL {
            let keys: Vec<Key> = keymap.of(scope).flat_map(|b| b.keys).copied().collect();
            for (i, key) in keys.iter().enumerate() {
                assert!(!keys[i + 1..].contains(key), "{scope:?} {key:?}");
            }
            let names: Vec<_> = keymap.of(scope).map(|b| b.entry.name).collect();
            for (i, name) in names.iter().enumerate() {
                assert!(!names[i + 1..].contains(name), "{scope:?} {name}");
            }
        }
        let scoped = |entry: &&Entry| !Scope::ALL.contains(&entry.scope);
        assert!(TABLE.iter().find(scoped).is_none());
    }

    #[test]
    fn a_screens_own_key_comes_before_the_one_that_works_anywhere() {
        let keymap = Keymap::default();
        let scopes = [Scope::Picker, Scope::Anywhere];
        let close = Some(Action::Pick(Pick::Close));
        assert_eq!(keymap.action(&scopes, Key::Esc), close);
        let everywhere = keymap.action(&[Scope::Anywhere], Key::Esc);
        assert_eq!(everywhere, Some(Action::Back));
    }

    #[test]
    fn a_hint_names_both_keys_of_a_pair() {
        let keymap = Keymap::default();
        let scope = Scope::On(Screen::Live);
        let cut = keymap.of(scope).find(|b| b.entry.name == "cut-earlier");
        let cut = cut.unwrap();
        let hint = cut.entry.hint.unwrap();
        assert_eq!(keymap.hint_keys(&cut, &hint), "←→");
    }
}
