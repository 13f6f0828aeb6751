//! What happened, newest last, bounded.

use std::collections::VecDeque;

use super::text::clean;
use crate::units::Nanos;
use crate::wire::{EventRecord, Level};

const MOST: usize = 200;
const LONGEST: usize = 300;

/// Something a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// When it came to this console.
    pub arrived: Nanos,
    /// When it happened, for people; absent when the console itself says it without a worker's time.
    pub unix_ms: Option<u64>,
    /// How bad.
    pub level: Level,
    /// A sentence.
    pub text: String,
}

/// The newest events.
#[derive(Debug, Clone, Default)]
pub struct Events {
    rows: VecDeque<EventRow>,
    total: u64,
}

impl Events {
    /// Adds a worker's event unless it was told before; says whether it was added.
    pub fn push(&mut self, event: &EventRecord, arrived: Nanos) -> bool {
        let row = EventRow {
            arrived,
            unix_ms: Some(event.unix_ms),
            level: event.level,
            text: clean(&event.text, LONGEST),
        };
        let told = |old: &EventRow| old.unix_ms == row.unix_ms && old.text == row.text;
        if self.rows.iter().rev().take(50).any(told) {
            return false;
        }
        self.add(row);
        true
    }

    /// Adds a worker's event that came late at its place, `came` being when it would have come; says whether it was not
    /// there before. It is none of [`Events::total`].
    pub fn insert(&mut self, event: &EventRecord, came: Nanos) -> bool {
        let text = clean(&event.text, LONGEST);
        let told = |old: &EventRow| old.unix_ms == Some(event.unix_ms) && old.text == text;
        if self.rows.iter().any(told) {
            return false;
        }
        let place = self.rows.partition_point(|old| old.arrived <= came);
        if place > 0 || self.rows.len() < MOST {
            let row = EventRow {
                arrived: came,
                unix_ms: Some(event.unix_ms),
                level: event.level,
                text,
            };
            self.rows.insert(place, row);
        }
        if self.rows.len() > MOST {
            self.rows.pop_front();
        }
        true
    }

    /// Adds a row of the console's own.
    pub fn add(&mut self, row: EventRow) {
        self.total += 1;
        self.rows.push_back(row);
        if self.rows.len() > MOST {
            self.rows.pop_front();
        }
    }

    /// Adds an error of the console's own.
    pub fn complain(&mut self, text: String, arrived: Nanos) {
        self.add(EventRow {
            arrived,
            unix_ms: None,
            level: Level::Error,
            text,
        });
    }

    /// Events seen in all.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The events, newest first.
    pub fn newest(&self) -> impl Iterator<Item = &EventRow> {
        self.rows.iter().rev()
    }
}
