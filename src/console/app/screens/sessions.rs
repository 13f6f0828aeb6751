//! The Sessions screen's state: the list of recordings, what is asked about one of them, two of them compared.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::{App, Effect, Screen, Turn, Whose};
use crate::compare::Comparison;
use crate::session::{Card, Meta};

/// Characters of a name.
const LONGEST: usize = 60;

/// What keys ask of the Sessions screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Do {
    /// Down the list if positive.
    Move(isize),
    /// Replay the recording.
    Open,
    /// Give it a name.
    Rename,
    /// Say what it is: place, robot, operator, notes.
    Describe,
    /// Delete it.
    Delete,
    /// Put it aside to be compared, or compare it with the one put aside.
    Compare,
    /// Look into the folder again.
    Reload,
    /// A character of a name.
    Type(char),
    /// Take the last one back.
    Erase,
    /// Do what is asked about.
    Yes,
    /// Leave it.
    No,
}

/// A recording in the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its file.
    pub file: PathBuf,
    /// The file's length.
    pub bytes: u64,
    /// Its catalogue card, or why it cannot be read.
    pub card: Result<Box<Card>, String>,
}

impl Row {
    /// What it is called: the name it was given, else its file's.
    pub fn name(&self) -> String {
        let given = self.card.as_ref().ok().and_then(|c| c.meta.name.clone());
        given.unwrap_or_else(|| {
            let stem = self.file.file_stem().unwrap_or_default();
            stem.to_string_lossy().into_owned()
        })
    }
}

/// What waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Leave the workers for the recording?
    Leave(PathBuf),
    /// Delete it?
    Delete(PathBuf),
    /// Its new name, as far as it is typed.
    Name(PathBuf, String),
}

/// Something shall be done in the folder of recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// List it.
    List,
    /// Show a recording in place of everything else.
    Open(PathBuf),
    /// Delete a recording.
    Delete(PathBuf),
    /// Give one a name.
    Rename(PathBuf, String),
    /// Say what one is.
    Describe(PathBuf, Box<Meta>),
    /// Keep what was said for the sessions to come, and that it was asked for.
    Remember(Box<Meta>),
    /// Compare two.
    Compare(PathBuf, PathBuf),
}

/// What came of it.
#[derive(Debug, Clone)]
pub enum Fetched {
    /// The recordings, newest first.
    Rows(Vec<Row>),
    /// Two, side by side.
    Compared(Arc<Comparison>),
    /// A recording is described anew, with all that holds now.
    Described(PathBuf, Box<Meta>),
    /// A sentence: what was done, or why not.
    Said(String),
}

/// The Sessions screen.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    /// The recordings; none before the folder was looked into.
    pub rows: Option<Vec<Row>>,
    /// The one that is marked.
    pub at: usize,
    /// What waits for an answer.
    pub question: Option<Question>,
    /// Put aside to be compared.
    pub aside: Option<PathBuf>,
    /// Two of them, side by side; how far down it is looked at.
    pub compared: Option<(Arc<Comparison>, usize)>,
}

impl Sessions {
    /// The marked recording.
    pub fn marked(&self) -> Option<&Row> {
        self.rows.as_ref()?.get(self.at)
    }
}

impl App {
    /// Takes in what came of an errand.
    pub(in crate::console::app) fn on_fetched(&mut self, fetched: Fetched) {
        let sessions = &mut self.screens.sessions;
        match fetched {
            Fetched::Rows(rows) => {
                sessions.at = sessions.at.min(rows.len().saturating_sub(1));
                sessions.rows = Some(rows);
            }
            Fetched::Compared(comparison) => sessions.compared = Some((comparison, 0)),
            Fetched::Described(file, about) => {
                self.notice = Some(format!("{}: kept", file.display()));
                self.described(file, *about);
            }
            Fetched::Said(words) => self.notice = Some(words),
        }
    }

    pub(in crate::console::app) fn on_sessions(&mut self, what: Do, turn: &mut Turn) {
        let live = self.deck.is_live() && !self.targets.is_empty();
        let sessions = &mut self.screens.sessions;
        let file = sessions.marked().map(|row| row.file.clone());
        let mut errand = None;
        match (what, file) {
            (Do::Reload, _) => errand = Some(Errand::List),
            (Do::Move(by), _) => match &mut sessions.compared {
                Some((_, row)) => *row = row.saturating_add_signed(by),
                None => {
                    let last = sessions
                        .rows
                        .as_ref()
                        .map_or(0, |r| r.len().saturating_sub(1));
                    sessions.at = sessions.at.saturating_add_signed(by).min(last);
                }
            },
            (Do::No, _) => {
                let asked = sessions.question.take().is_some();
                let dropped =
                    asked || sessions.compared.take().is_some() || sessions.aside.take().is_some();
                if !dropped {
                    self.show(Screen::Live, turn);
                }
            }
            (Do::Type(c), _) => {
                if let Some(Question::Name(_, text)) = &mut sessions.question
                    && text.chars().count() < LONGEST
                {
                    text.push(c);
                }
            }
            (Do::Erase, _) => {
                if let Some(Question::Name(_, text)) = &mut sessions.question {
                    text.pop();
                }
            }
            (Do::Yes, _) => {
                errand = sessions.question.take().map(|question| match question {
                    Question::Leave(file) => Errand::Open(file),
                    Question::Delete(file) => Errand::Delete(file),
                    Question::Name(file, text) => Errand::Rename(file, text),
                });
            }
            (_, None) => self.notice = Some("there is no recording here".to_owned()),
            (Do::Open, Some(file)) if live => sessions.question = Some(Question::Leave(file)),
            (Do::Open, Some(file)) => errand = Some(Errand::Open(file)),
            (Do::Rename, Some(file)) => {
                sessions.question = Some(Question::Name(file, String::new()));
            }
            (Do::Describe, Some(file)) => {
                let card = sessions.marked().and_then(|row| row.card.as_ref().ok());
                match card.map(|card| card.meta.clone()) {
                    Some(about) => self.open_form(Whose::File(file), &about),
                    None => self.notice = Some("it cannot be read".to_owned()),
                }
            }
            (Do::Delete, Some(file)) => sessions.question = Some(Question::Delete(file)),
            (Do::Compare, Some(file)) => match sessions.aside.take() {
                Some(other) if other != file => errand = Some(Errand::Compare(other, file)),
                _ => sessions.aside = Some(file),
            },
        }
        turn.effects.extend(errand.map(Effect::Errand));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::app::{Action, Key, Moment, Setup, Update};
    use crate::units::Nanos;

    fn rows() -> Fetched {
        let row = |name: &str| Row {
            file: name.into(),
            bytes: 1,
            card: Ok(Box::default()),
        };
        Fetched::Rows(vec![row("a.mcap"), row("b.mcap")])
    }

    /// The errands that keys send a console on, which shows two recordings.
    fn errands(mut app: App, keys: &[Key]) -> Vec<Errand> {
        let at = Moment::default();
        app.update(Update::Act(Action::Show(Screen::Sessions)), at);
        app.update(Update::Fetched(rows()), at);
        let effects = keys
            .iter()
            .flat_map(|&key| app.update(Update::Key(key), at).effects);
        let errands = effects.filter_map(|effect| match effect {
            Effect::Errand(errand) => Some(errand),
            _ => None,
        });
        errands.collect()
    }

    fn browser() -> App {
        App::browse(Setup::default(), Nanos(0))
    }

    fn live() -> App {
        let setup = Setup {
            addresses: vec!["ws://10.0.0.2:7401".parse().unwrap()],
            ..Setup::default()
        };
        App::new(setup, Nanos(0)).0
    }

    #[test]
    fn a_recording_is_deleted_after_a_second_key_alone() {
        let delete = Key::Char('d');
        assert!(errands(browser(), &[Key::Down, delete]).is_empty());
        assert!(errands(browser(), &[Key::Down, delete, Key::Esc, Key::Char('d')]).is_empty());
        let deleted = errands(browser(), &[Key::Down, delete, Key::Enter]);
        assert_eq!(deleted, [Errand::Delete("b.mcap".into())]);
    }

    #[test]
    fn opening_one_asks_a_console_with_workers_first() {
        let open = [Errand::Open("a.mcap".into())];
        assert_eq!(errands(browser(), &[Key::Enter]), open);
        assert!(errands(live(), &[Key::Enter]).is_empty());
        assert_eq!(errands(live(), &[Key::Enter, Key::Enter]), open);
    }

    #[test]
    fn one_is_named_with_any_letter_and_two_are_compared() {
        let keys = "rtq".chars().map(Key::Char).chain([Key::Enter]);
        let named = errands(browser(), &keys.collect::<Vec<_>>());
        assert_eq!(named, [Errand::Rename("a.mcap".into(), "tq".to_owned())]);
        let compared = errands(browser(), &[Key::Char('x'), Key::Down, Key::Char('x')]);
        assert_eq!(
            compared,
            [Errand::Compare("a.mcap".into(), "b.mcap".into())]
        );
    }
}
