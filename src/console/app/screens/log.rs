//! The Log screen's state: what this program said, bounded, and how what was said is looked at.

use std::collections::VecDeque;

use super::super::{App, Move, Typed};
use crate::console::journal::{LogLine, LogPlace, News, Severity};
use crate::store::EventRow;
use crate::units::Nanos;

/// Lines kept.
pub const MOST: usize = 2_000;
/// Letters that can be searched for.
const LONGEST: usize = 40;

/// What keys ask of the Log screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Do {
    /// Older or newer lines; down the screen is positive.
    Scroll(Move),
    /// Show also what matters less, in the end only errors again.
    Severity,
    /// Begin to type what lines must have in them.
    Search,
    /// Show all lines again.
    Clear,
}

/// The newest lines of the journal.
#[derive(Debug, Clone, Default)]
pub struct Log {
    lines: VecDeque<LogLine>,
    total: u64,
    left_out: u64,
    places: Vec<LogPlace>,
}

impl Log {
    /// Takes news in; the oldest lines give way.
    pub(in crate::console::app) fn hear(&mut self, news: News) {
        self.left_out = news.left_out;
        for line in news.lines {
            self.total += 1;
            if self.lines.len() == MOST {
                self.lines.pop_front();
            }
            self.lines.push_back(line);
        }
    }

    /// Lines, oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &LogLine> {
        self.lines.iter()
    }

    /// Lines that were said in all, but for those left out.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Lines that came faster than they could be taken in.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Where logs are written: this console's first.
    pub fn places(&self) -> &[LogPlace] {
        &self.places
    }
}

/// How the lines are looked at.
#[derive(Debug, Clone)]
pub struct LogScreen {
    least: Severity,
    search: String,
    typing: bool,
    /// Lines above the one at the top: 0 shows the newest.
    back: usize,
}

impl Default for LogScreen {
    fn default() -> Self {
        Self {
            least: Severity::Info,
            search: String::new(),
            typing: false,
            back: 0,
        }
    }
}

/// A line as the screen shows it: of this program, or an event of a worker or of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown<'a> {
    /// When it was said, for people.
    pub unix_ms: Option<u64>,
    /// How much it matters.
    pub severity: Severity,
    /// Who says it: a worker's role, `console`, or the room of the program.
    pub from: &'a str,
    /// The sentence.
    pub text: &'a str,
}

impl LogScreen {
    /// What is shown is at least this bad.
    pub const fn least(&self) -> Severity {
        self.least
    }

    /// What lines must have in them.
    pub fn search(&self) -> &str {
        &self.search
    }

    /// Whether letters go into the search.
    pub const fn typing(&self) -> bool {
        self.typing
    }

    /// Lines above the one at the top.
    pub const fn back(&self) -> usize {
        self.back
    }

    fn admits(&self, line: &Shown) -> bool {
        let search = self.search.to_lowercase();
        line.severity >= self.least
            && (search.is_empty()
                || line.text.to_lowercase().contains(&search)
                || line.from.contains(&search))
    }
}

impl App {
    /// What this program said.
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// Everything that was said, newest first, as the Log screen's filters let it through. What the program itself says
    /// now stands in the list at any time that is shown: its file has no other.
    pub fn said(&self) -> Vec<Shown<'_>> {
        let mut all: Vec<(i64, Shown)> = Vec::new();
        // Live, everything has come to this console's clock; a recording's moments have only the time of day in common
        // with what is said now.
        let live = self.deck.is_live();
        let place = |at: Nanos, unix_ms: u64| if live { at.0 } else { unix_ms as i64 };
        let event = |row: &EventRow| place(row.arrived, row.unix_ms.unwrap_or(0));
        for row in self.own_events.newest() {
            all.push((event(row), of_event(row, "console")));
        }
        for index in 0..self.targets.len() {
            let Some(store) = self.shown(index) else {
                continue;
            };
            let role = store
                .role()
                .map_or("worker", crate::wire::console::Role::name);
            for row in store.events().newest() {
                all.push((event(row), of_event(row, role)));
            }
        }
        for line in self.log.lines().rev() {
            all.push((
                place(line.at, line.unix_ms),
                Shown {
                    unix_ms: Some(line.unix_ms),
                    severity: line.severity,
                    from: &line.room,
                    text: &line.text,
                },
            ));
        }
        let screen = &self.screens.log;
        all.retain(|(_, line)| screen.admits(line));
        // Stable: what was said at once stays in its order.
        all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        all.into_iter().map(|(_, line)| line).collect()
    }

    pub(in crate::console::app) fn on_log(&mut self, what: Do) {
        let last = match what {
            Do::Scroll(_) => self.said().len().saturating_sub(1),
            _ => 0,
        };
        let log = &mut self.screens.log;
        match what {
            Do::Scroll(step) => log.back = step.moved(log.back, last),
            Do::Severity => {
                let at = Severity::ALL.iter().position(|s| *s == log.least);
                // Downwards: from errors to everything, then errors again.
                let next = at.unwrap_or(0).checked_sub(1);
                log.least = Severity::ALL[next.unwrap_or(Severity::ALL.len() - 1)];
                log.back = 0;
            }
            Do::Search => log.typing = true,
            Do::Clear => *log = LogScreen::default(),
        }
    }

    pub(in crate::console::app) fn search_log(&mut self, typed: Typed) {
        let log = &mut self.screens.log;
        log.back = 0;
        match typed {
            Typed::Char(c) if log.search.chars().count() < LONGEST => log.search.push(c),
            Typed::Char(_) => {}
            Typed::Erase => {
                log.search.pop();
            }
            Typed::Keep => log.typing = false,
            Typed::Drop => {
                log.search.clear();
                log.typing = false;
            }
        }
    }

    pub(in crate::console::app) fn hear_log(&mut self, news: News) {
        // What is read must not run away under the eyes.
        if self.screens.log.back > 0 {
            let screen = &self.screens.log;
            let shown = |line: &&LogLine| {
                screen.admits(&Shown {
                    unix_ms: None,
                    severity: line.severity,
                    from: &line.room,
                    text: &line.text,
                })
            };
            let more = news.lines.iter().filter(shown).count();
            self.screens.log.back += more;
        }
        self.log.hear(news);
    }

    pub(in crate::console::app) fn know_log_places(&mut self, places: Vec<LogPlace>) {
        self.log.places = places;
    }
}

fn of_event<'a>(row: &'a EventRow, from: &'a str) -> Shown<'a> {
    Shown {
        unix_ms: row.unix_ms,
        severity: row.level.into(),
        from,
        text: &row.text,
    }
}
