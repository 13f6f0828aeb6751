//! The Sessions screen's state: the list of recordings, what is asked about one of them, two of them compared.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::{App, Effect, Screen, Turn, Whose};
use crate::compare::{Choice, Comparison, EpochSummary};
use crate::session::{Card, Meta};
use crate::units::Epoch;

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
    /// Show its epochs below it, or hide them.
    Unfold,
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
    /// Say which epochs one has.
    Epochs(PathBuf),
    /// Compare two, or two epochs.
    Compare(Choice, Choice),
}

/// What came of it.
#[derive(Debug, Clone)]
pub enum Fetched {
    /// The recordings, newest first.
    Rows(Vec<Row>),
    /// One's epochs.
    Epochs(PathBuf, Vec<EpochSummary>),
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
    /// The line that is marked.
    pub at: usize,
    /// The recording whose epochs are shown below it.
    pub unfolded: Option<(PathBuf, Vec<EpochSummary>)>,
    /// What waits for an answer.
    pub question: Option<Question>,
    /// Put aside to be compared.
    pub aside: Option<Choice>,
    /// Two of them, side by side; how far down it is looked at.
    pub compared: Option<(Arc<Comparison>, usize)>,
}

/// A line of the list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Line<'a> {
    /// A recording.
    Recording(&'a Row),
    /// An epoch of the recording above it.
    Epoch(&'a Row, &'a EpochSummary),
}

impl<'a> Line<'a> {
    /// The recording that it is, or is of.
    pub const fn row(self) -> &'a Row {
        match self {
            Self::Recording(row) | Self::Epoch(row, _) => row,
        }
    }

    /// The epoch, if it is one.
    pub const fn epoch(self) -> Option<Epoch> {
        match self {
            Self::Recording(_) => None,
            Self::Epoch(_, summary) => Some(summary.epoch),
        }
    }
}

impl Sessions {
    /// The list: recordings, with the epochs of the one that is unfolded.
    pub fn lines(&self) -> Vec<Line<'_>> {
        let mut lines = Vec::new();
        for row in self.rows.iter().flatten() {
            lines.push(Line::Recording(row));
            if let Some((file, epochs)) = &self.unfolded
                && *file == row.file
            {
                lines.extend(epochs.iter().map(|epoch| Line::Epoch(row, epoch)));
            }
        }
        lines
    }

    /// The marked recording, or the one whose epoch is marked.
    pub fn marked(&self) -> Option<&Row> {
        self.lines().get(self.at).map(|line| line.row())
    }

    /// What is marked, to be compared.
    fn choice(&self) -> Option<Choice> {
        let lines = self.lines();
        let line = lines.get(self.at)?;
        Some(Choice {
            file: line.row().file.clone(),
            epoch: line.epoch(),
        })
    }

    /// Changes what is unfolded; the same recording stays marked.
    fn unfold(&mut self, unfolded: Option<(PathBuf, Vec<EpochSummary>)>) {
        let file = self.marked().map(|row| row.file.clone());
        self.unfolded = unfolded;
        let place = |line: &Line| line.epoch().is_none() && Some(&line.row().file) == file.as_ref();
        self.at = self.lines().iter().position(place).unwrap_or(0);
    }
}

impl App {
    /// Takes in what came of an errand.
    pub(in crate::console::app) fn on_fetched(&mut self, fetched: Fetched) {
        let sessions = &mut self.screens.sessions;
        match fetched {
            Fetched::Rows(rows) => {
                sessions.rows = Some(rows);
                let last = sessions.lines().len().saturating_sub(1);
                sessions.at = sessions.at.min(last);
            }
            Fetched::Epochs(file, epochs) if epochs.is_empty() => {
                self.notice = Some(format!("{} has no frame", file.display()));
            }
            Fetched::Epochs(file, epochs) => {
                sessions.unfold(Some((file, epochs)));
                // How far it was.
                self.notice = None;
            }
            Fetched::Compared(comparison) => {
                sessions.compared = Some((comparison, 0));
                self.notice = None;
            }
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
                    let last = sessions.lines().len().saturating_sub(1);
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
            (Do::Unfold, Some(file)) => match &sessions.unfolded {
                Some((shown, _)) if *shown == file => sessions.unfold(None),
                _ => errand = Some(Errand::Epochs(file)),
            },
            (Do::Compare, Some(_)) => match (sessions.aside.take(), sessions.choice()) {
                (Some(other), Some(this)) if other != this => {
                    errand = Some(Errand::Compare(other, this));
                }
                (_, this) => sessions.aside = this,
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
        let choice = |text: &str| text.parse().unwrap();
        assert_eq!(
            compared,
            [Errand::Compare(choice("a.mcap"), choice("b.mcap"))]
        );
    }

    #[test]
    fn epochs_are_unfolded_and_two_of_one_session_are_compared() {
        let mut app = browser();
        let at = Moment::default();
        app.update(Update::Act(Action::Show(Screen::Sessions)), at);
        app.update(Update::Fetched(rows()), at);
        let press = |app: &mut App, key| app.update(Update::Key(key), at).effects;
        press(&mut app, Key::Down);
        let asked = press(&mut app, Key::Char('e'));
        let file = PathBuf::from("b.mcap");
        assert_eq!(asked, [Effect::Errand(Errand::Epochs(file.clone()))]);
        let epoch = |number| EpochSummary {
            epoch: Epoch(number),
            plan: "split 28".to_owned(),
            frames: 30,
            mean_ms: Some(61.3),
        };
        let epochs = Fetched::Epochs(file, vec![epoch(1), epoch(4)]);
        app.update(Update::Fetched(epochs), at);
        let marked = |app: &App| app.screens().sessions.choice().unwrap().label();
        assert_eq!(marked(&app), "b");
        let keys = [Key::Down, Key::Char('x'), Key::Down, Key::Char('x')];
        let effects: Vec<_> = keys.into_iter().flat_map(|k| press(&mut app, k)).collect();
        let choice = |text: &str| text.parse().unwrap();
        let compare = Errand::Compare(choice("b.mcap#1"), choice("b.mcap#4"));
        assert_eq!(effects, [Effect::Errand(compare)]);
        // Folded again, the recording is marked.
        press(&mut app, Key::Char('e'));
        assert_eq!(marked(&app), "b");
        assert_eq!(app.screens().sessions.lines().len(), 2);
    }
}
