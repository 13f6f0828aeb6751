//! Marks and names that a person gives a recording: typed at the foot of the screen, stamped when the key was pressed.

use super::{App, Effect, Key, Moment, Redraw, Target, Turn};
use crate::session::{Meta, State, Status};
use crate::units::Nanos;
use crate::wire::Level;

/// Characters of a mark or a name.
const LONGEST: usize = 200;

/// What is being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What it will be.
    pub what: Noting,
    /// What was typed so far.
    pub text: String,
    /// When the key was pressed that asked for it.
    at: Moment,
    /// What time it was then on each worker's clock, as far as it is known.
    clocks: Vec<Option<Nanos>>,
}

/// What a typed text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noting {
    /// A marked moment.
    Marker,
    /// The session's name.
    Name,
}

/// Something for the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// This moment is marked.
    Marker {
        /// What was typed; may be empty.
        text: String,
        /// When the key was pressed.
        at: Moment,
    },
    /// The session is this.
    About {
        /// All that is known of it.
        about: Box<Meta>,
        /// When the key was pressed.
        at: Moment,
    },
    /// The session is called this.
    Name {
        /// What was typed; empty takes the name back.
        text: String,
        /// When the key was pressed.
        at: Moment,
    },
}

fn newest(target: &Target) -> Option<Nanos> {
    target.store.trends().newest()
}

impl App {
    /// How the recording stands, if there is one.
    pub const fn recording(&self) -> Option<&Status> {
        self.recording.as_ref()
    }

    /// What is being typed for the recording.
    pub const fn prompt(&self) -> Option<&Prompt> {
        self.prompt.as_ref()
    }

    pub(super) fn begin_note(&mut self, what: Noting, at: Moment) {
        if self.recording.is_none() {
            self.notice = Some("nothing is recorded: there is nothing to mark or name".to_owned());
            return;
        }
        self.prompt = Some(Prompt {
            what,
            text: String::new(),
            at,
            clocks: self.present_targets().iter().map(newest).collect(),
        });
    }

    /// A key while something is typed; false if it is not for the text.
    pub(super) fn type_note(&mut self, key: Key, turn: &mut Turn) -> bool {
        let Some(prompt) = &mut self.prompt else {
            return false;
        };
        match key {
            Key::Char(c) if !c.is_control() && prompt.text.chars().count() < LONGEST => {
                prompt.text.push(c);
            }
            Key::Backspace => {
                prompt.text.pop();
            }
            Key::Esc => self.prompt = None,
            Key::Enter => self.end_note(turn),
            Key::Ctrl(_) => return false,
            _ => {}
        }
        true
    }

    /// Marks a moment in what is drawn of every worker; on a clock that is not known, the newest moment.
    pub(super) fn mark_charts(&mut self, text: &str, clocks: &[Option<Nanos>]) {
        for (index, target) in self.targets.iter_mut().enumerate() {
            let at = clocks.get(index).copied().flatten();
            target.store.mark(text, at);
        }
    }

    fn end_note(&mut self, turn: &mut Turn) {
        let prompt = self.prompt.take();
        let Some(Prompt {
            what,
            text,
            at,
            clocks,
        }) = prompt
        else {
            return;
        };
        let text = text.trim().to_owned();
        if what == Noting::Marker {
            self.with_present(|app| app.mark_charts(&text, &clocks));
        }
        let (note, said) = match what {
            Noting::Marker if text.is_empty() => (Note::Marker { text, at }, "marked".to_owned()),
            Noting::Marker => {
                let said = format!("marked: {text}");
                (Note::Marker { text, at }, said)
            }
            Noting::Name => {
                let said = format!("the session is called {text:?}");
                self.about.name = Some(text.clone()).filter(|t| !t.is_empty());
                (Note::Name { text, at }, said)
            }
        };
        turn.effects.push(Effect::Note(note));
        self.notice = Some(said);
    }

    /// What the recorder has to say.
    pub(super) fn recorder_says(&mut self, status: Status, at: Moment, turn: &mut Turn) {
        let before = self.recording.as_ref();
        let trouble = status.trouble();
        let trouble_before = before.and_then(Status::trouble);
        let nearly_before = before.is_some_and(|b| b.nearly_full);
        if let Some(text) = trouble
            .as_ref()
            .filter(|&t| trouble_before.as_ref() != Some(t))
        {
            self.say(Level::Warning, text.clone(), at);
        } else if trouble.is_none() && trouble_before.is_some() && status.state == State::Recording
        {
            let left = status.left_out;
            let text = format!("recording goes on; {left} entries were left out");
            self.say(Level::Info, text, at);
        }
        if status.nearly_full && !nearly_before {
            let text = "the recording has less than a tenth of its limit left (--record-limit)";
            self.say(Level::Warning, text.to_owned(), at);
        }
        self.recording = Some(status);
        turn.redraw(Redraw::Soon);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::app::{Keymap, Setup, Update};
    use crate::units::{Bytes, Nanos};

    fn at(seconds: i64) -> Moment {
        Moment {
            now: Nanos(seconds * 1_000_000_000),
            unix_ms: 1_795_616_400_000 + seconds as u64 * 1_000,
        }
    }

    fn status(state: State, left_out: u64) -> Update {
        Update::Recording(Box::new(Status {
            file: "s.mcap".into(),
            began: Nanos(0),
            bytes: Bytes(1_200_000),
            state,
            left_out,
            nearly_full: false,
        }))
    }

    fn console() -> App {
        let setup = Setup {
            addresses: Vec::new(),
            token: None,
            keymap: Keymap::default(),
            remote: false,
            first_command: 1,
            ..Setup::default()
        };
        App::new(setup, Nanos(0)).0
    }

    fn press(app: &mut App, keys: &[Key], when: Moment) -> Vec<Effect> {
        let turns = keys.iter().map(|&key| app.update(Update::Key(key), when));
        turns.flat_map(|turn| turn.effects).collect()
    }

    #[test]
    fn a_mark_has_the_time_of_its_key_and_no_key_means_anything_else_while_it_is_typed() {
        let mut app = console();
        app.update(status(State::Recording, 0), at(1));
        assert!(press(&mut app, &[Key::Char('k')], at(10)).is_empty());
        let text = [
            Key::Char('q'),
            Key::Char('x'),
            Key::Backspace,
            Key::Char('?'),
        ];
        assert!(
            press(&mut app, &text, at(15)).is_empty(),
            "q does not leave"
        );
        let note = Note::Marker {
            text: "q?".to_owned(),
            at: at(10),
        };
        assert_eq!(press(&mut app, &[Key::Enter], at(20)), [Effect::Note(note)]);
        // Now keys mean what they mean.
        assert_eq!(press(&mut app, &[Key::Char('q')], at(21)), [Effect::Quit]);
        // Esc drops it.
        let dropped = [Key::Char('R'), Key::Char('n'), Key::Esc];
        assert!(press(&mut app, &dropped, at(30)).is_empty());
        assert!(app.prompt().is_none());
    }

    #[test]
    fn without_a_recording_there_is_nothing_to_mark() {
        let mut app = console();
        assert!(press(&mut app, &[Key::Char('k'), Key::Enter], at(1)).is_empty());
        assert!(app.prompt().is_none());
    }

    #[test]
    fn a_recording_that_stops_and_goes_on_is_told_once_each() {
        let mut app = console();
        let full = || State::Waiting("the disk is full".to_owned());
        for update in [
            status(State::Recording, 0),
            status(full(), 3),
            status(full(), 9),
            status(State::Recording, 9),
        ] {
            app.update(update, at(1));
        }
        let said: Vec<_> = app.own_events().newest().map(|e| e.text.clone()).collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("recording goes on; 9 entries were left out"));
        assert!(said[1].contains("not recording: the disk is full"));
    }
}
