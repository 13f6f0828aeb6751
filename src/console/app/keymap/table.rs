//! The table itself: every action, where its keys are in effect, its name, its keys, what it does; a file per subject.

mod anywhere;
mod asked;
mod charts;
mod lists;
mod live;
mod measuring;
mod time;

use super::{Action, Entry, Hint, Key, Scope};

/// The subjects, in the order of help and documents.
const SUBJECTS: [&[Entry]; 7] = [
    anywhere::ROWS,
    live::ROWS,
    measuring::ROWS,
    lists::ROWS,
    charts::ROWS,
    asked::ROWS,
    time::ROWS,
];

/// Rows of all subjects.
const COUNT: usize = {
    let (mut count, mut subject) = (0, 0);
    while subject < SUBJECTS.len() {
        count += SUBJECTS[subject].len();
        subject += 1;
    }
    count
};

/// Every action.
pub static TABLE: [Entry; COUNT] = {
    let mut table = [SUBJECTS[0][0]; COUNT];
    let (mut at, mut subject) = (0, 0);
    while subject < SUBJECTS.len() {
        let mut row = 0;
        while row < SUBJECTS[subject].len() {
            table[at] = SUBJECTS[subject][row];
            row += 1;
            at += 1;
        }
        subject += 1;
    }
    table
};

const fn entry(
    scope: Scope,
    name: &'static str,
    keys: &'static [Key],
    action: Action,
    help: &'static str,
) -> Entry {
    Entry {
        scope,
        name,
        keys,
        action,
        help,
        hint: None,
    }
}

impl Entry {
    /// With a word at the foot of the screen, where there is room for all.
    const fn hinted(mut self, word: &'static str) -> Self {
        self.hint = Some(Hint {
            word,
            with: None,
            narrow: false,
        });
        self
    }

    /// The first key of another action of its scope stands before the word too.
    const fn with(mut self, name: &'static str) -> Self {
        if let Some(hint) = &mut self.hint {
            hint.with = Some(name);
        }
        self
    }

    /// The word stands on narrow screens too.
    const fn narrow(mut self) -> Self {
        if let Some(hint) = &mut self.hint {
            hint.narrow = true;
        }
        self
    }
}
