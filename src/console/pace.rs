//! When the next picture is due: at once for a person, ten times a second for data, twenty while time is scrubbed
//! through, and never where nothing changed. Pure: it is told the time.

use super::app::Redraw;
use crate::units::Nanos;

/// Between two pictures that only data asks for: 10 a second, on a slow line 4.
const PICTURE_NS: i64 = 100_000_000;
const SLOW_PICTURE_NS: i64 = 250_000_000;
/// Between two pictures while time is scrubbed through: 20 a second.
const SCRUB_NS: i64 = 50_000_000;

/// What is wanted of the screen, and when it was drawn last.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    wanted: Redraw,
    drawn: Nanos,
    slow: bool,
}

impl Pace {
    /// A screen that has just been drawn; `slow`: at the end of a slow line.
    pub(super) const fn new(drawn: Nanos, slow: bool) -> Self {
        Self {
            wanted: Redraw::No,
            drawn,
            slow,
        }
    }

    /// A picture is wanted; the most urgent wish holds.
    pub(super) fn want(&mut self, redraw: Redraw) {
        self.wanted = self.wanted.max(redraw);
    }

    /// When the next picture is due, if one is wanted.
    pub(super) const fn due(&self) -> Option<Nanos> {
        let wait = match self.wanted {
            Redraw::No => return None,
            Redraw::Soon if self.slow => SLOW_PICTURE_NS,
            Redraw::Soon => PICTURE_NS,
            Redraw::Scrubbing => SCRUB_NS,
            Redraw::AtOnce => 0,
        };
        Some(self.drawn.shifted(wait))
    }

    /// Whether it is time to draw.
    pub(super) fn is_due(&self, now: Nanos) -> bool {
        self.due().is_some_and(|at| now >= at)
    }

    /// It was drawn.
    pub(super) const fn drew(&mut self, now: Nanos) {
        self.wanted = Redraw::No;
        self.drawn = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::app::{App, Key, Moment, Setup, Shot, Update};

    const MS: i64 = 1_000_000;

    /// Pictures in ten seconds, where something happens every so many milliseconds.
    fn pictures(redraw: Redraw, every_ms: i64, slow: bool) -> usize {
        let mut pace = Pace::new(Nanos(0), slow);
        let mut count = 0;
        for ms in 1..=10_000 {
            let now = Nanos(ms * MS);
            if ms % every_ms == 0 {
                pace.want(redraw);
            }
            if pace.is_due(now) {
                pace.drew(now);
                count += 1;
            }
        }
        count
    }

    #[test]
    fn data_draws_ten_times_a_second_at_most_and_four_on_a_slow_line() {
        assert_eq!(pictures(Redraw::Soon, 1, false), 100);
        assert_eq!(pictures(Redraw::Soon, 1, true), 40);
        assert_eq!(pictures(Redraw::Soon, 500, false), 20);
    }

    #[test]
    fn scrubbing_draws_twenty_times_a_second_at_most_on_a_slow_line_too() {
        assert_eq!(pictures(Redraw::Scrubbing, 1, false), 200);
        assert_eq!(pictures(Redraw::Scrubbing, 1, true), 200);
    }

    #[test]
    fn a_held_key_of_the_time_draws_twenty_times_a_second_and_other_keys_at_once() {
        let second = Nanos(1_000 * MS);
        let mut app = App::replay(Setup::default(), "a".to_owned(), Nanos(0), second, Nanos(0));
        let mut pace = Pace::new(Nanos(0), false);
        let mut count = 0;
        // As fast as keyboards repeat, and faster than films answer.
        for ms in (1..=1_000).filter(|ms| ms % 15 == 0) {
            let at = Moment {
                now: Nanos(ms * MS),
                unix_ms: 0,
            };
            let picture = Update::Film(Shot::Picture {
                at,
                evidence: Box::default(),
            });
            for update in [Update::Key(Key::Char('>')), picture] {
                pace.want(app.update(update, at).redraw);
                if pace.is_due(at.now) {
                    pace.drew(at.now);
                    count += 1;
                }
            }
        }
        // One in 60 ms: the first key after the 50.
        assert_eq!(count, 1_000 / 60);
        let help = app.update(Update::Key(Key::Char('?')), Moment::default());
        assert_eq!(help.redraw, Redraw::AtOnce);
    }

    #[test]
    fn a_key_is_drawn_at_once() {
        assert_eq!(pictures(Redraw::AtOnce, 7, true), 10_000 / 7);
        let mut pace = Pace::new(Nanos(5 * MS), false);
        pace.want(Redraw::Soon);
        assert_eq!(pace.due(), Some(Nanos(105 * MS)));
        pace.want(Redraw::AtOnce);
        pace.want(Redraw::Soon);
        assert!(pace.is_due(Nanos(5 * MS)));
    }

    #[test]
    fn nothing_is_drawn_when_nothing_changes() {
        assert_eq!(pictures(Redraw::No, 1, false), 0);
        assert_eq!(Pace::new(Nanos(0), false).due(), None);
    }
}
