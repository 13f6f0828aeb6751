//! What a film in memory has let go: as far as it was recorded it is read from there, and the rest is a hole.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

use super::Scene;
use crate::session::{Entry, Reader, SessionError, Written};
use crate::units::Nanos;

/// Holes kept apart; with more of them, the oldest become one.
const MOST_HOLES: usize = 4;

/// What memory has let go, as the recording that goes on has it.
pub(super) struct Past<S> {
    written: Written,
    /// Reads up to the moment at which it was opened.
    reader: Option<Reader>,
    /// The last entry that memory let go because it is recorded.
    until: Option<Nanos>,
    /// The same, when the reader was opened.
    read_until: Option<Nanos>,
    /// In the order of time.
    holes: VecDeque<Hole<S>>,
    /// Whether the newest of them reaches to where memory begins.
    growing: bool,
    /// Stretches that the recorder left out and that memory still has.
    left: Vec<(Nanos, Nanos)>,
}

/// A stretch that neither memory nor the recording has.
struct Hole<S> {
    /// The last moment before it; none where it begins with everything.
    from: Option<Nanos>,
    /// Its last moment: everything up to and at it is in the state.
    to: Nanos,
    state: S,
}

impl<S: Scene> Past<S> {
    pub(super) const fn new(written: Written) -> Self {
        Self {
            written,
            reader: None,
            until: None,
            read_until: None,
            holes: VecDeque::new(),
            growing: false,
            left: Vec::new(),
        }
    }

    /// The moment before which everything is recorded that will be.
    pub(super) fn recorded_before(&self) -> Option<Nanos> {
        self.written.until()
    }

    /// Memory lets go what is recorded, up to and at this moment.
    pub(super) const fn let_go(&mut self, moment: Nanos) {
        self.until = Some(moment);
        self.growing = false;
    }

    /// The last moment that memory has let go, recorded or not.
    pub(super) fn end(&self) -> Option<Nanos> {
        self.until.max(self.holes.back().map(|hole| hole.to))
    }

    /// What the recorder itself left out and memory has let go by now.
    pub(super) fn left_out(&mut self) -> Vec<(Nanos, Nanos)> {
        self.left.extend(self.written.left_out());
        let until = self.until;
        let (gone, kept) = self.left.drain(..).partition(|&(_, to)| Some(to) <= until);
        self.left = kept;
        gone
    }

    /// Whether the newest hole reaches to where memory begins, so that it grows.
    pub(super) const fn is_open(&self) -> bool {
        self.growing
    }

    /// A hole begins where memory does: the state is of the last moment before.
    pub(super) fn open(&mut self, state: S) {
        let end = self.end();
        self.growing = true;
        self.holes.push_back(Hole {
            from: end,
            to: end.unwrap_or(Nanos(i64::MIN)),
            state,
        });
        if self.holes.len() > MOST_HOLES
            && let Some(oldest) = self.holes.pop_front()
            && let Some(next) = self.holes.front_mut()
        {
            next.from = oldest.from;
        }
    }

    /// The newest hole grows by a moment's entries.
    pub(super) fn lose(&mut self, moment: Nanos, entries: &[Arc<Entry>]) {
        if let Some(hole) = self.holes.back_mut() {
            for entry in entries {
                hole.state.feed(entry);
            }
            hole.to = moment;
        }
    }

    /// Where the newest hole begins and ends.
    pub(super) fn newest_hole(&self) -> Option<(Option<Nanos>, Nanos)> {
        self.holes.back().map(|hole| (hole.from, hole.to))
    }

    /// The moment whose state is the last one known at this one: the same, or where the hole begins that it lies in.
    pub(super) fn known(&self, at: Nanos) -> Nanos {
        let inside = |hole: &&Hole<S>| hole.from.is_some_and(|from| from < at) && at < hole.to;
        let hole = self.holes.iter().find(inside);
        hole.and_then(|hole| hole.from).unwrap_or(at)
    }

    /// The state at the end of the last hole before a moment; at its beginning where nothing before it is known.
    pub(super) fn after_hole(&self, at: Nanos) -> Option<(Nanos, &S)> {
        let mut holes = self.holes.iter().rev();
        let hole = holes.find(|hole| hole.to <= at || hole.from.is_none())?;
        Some((hole.to, &hole.state))
    }

    /// Feeds a state what is recorded after one moment up to another, as far as memory has let it go.
    ///
    /// # Errors
    /// The file cannot be read. Damaged stretches are passed over.
    pub(super) fn feed(
        &mut self,
        from: Nanos,
        to: Nanos,
        state: &mut S,
    ) -> Result<(), SessionError> {
        let Some(until) = self.until.map(|until| until.min(to)) else {
            return Ok(());
        };
        if from >= until {
            return Ok(());
        }
        let range = (Bound::Excluded(from), Bound::Included(until));
        for entry in self.reader()?.entries(range) {
            match entry {
                Ok(entry) => state.feed(&entry),
                Err(SessionError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A reader of everything recorded that memory has let go; opened anew once there is more of that.
    fn reader(&mut self) -> Result<&Reader, SessionError> {
        let reader = match self.reader.take() {
            Some(reader) if self.read_until == self.until => reader,
            _ => self.written.reader()?,
        };
        self.read_until = self.until;
        Ok(self.reader.insert(reader))
    }
}
