//! The state at any moment: from the nearest checkpoint before it and the entries after that. Checkpoints are taken
//! while the entries go by for the first time, and thinned out, so that their number stays.

mod past;

use std::collections::VecDeque;
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use super::Landmarks;
use crate::session::{Entry, Reader, SessionError, What, Written};
use crate::units::Nanos;
use crate::wire::Record;
use past::Past;

/// Checkpoints kept of a recording, and of what goes on: a state takes a megabyte or two.
const MOST_OF_FILE: usize = 128;
const MOST_IN_MEMORY: usize = 16;
/// Entries between the first checkpoints.
const FIRST_STRIDE: usize = 512;
/// A stretch of a file from here on is read by two threads.
const LONG_NS: i64 = 2_000_000_000;
/// Entries that the second one may hold.
const MOST_AHEAD: usize = 100_000;
/// Bytes of entries that a film in memory keeps, as far as they can be estimated.
const MEMORY_BYTES: usize = 16 << 20;
/// The same of what is recorded: it can be read again, and what the disk has not taken yet needs the rest.
const RECORDED_BYTES: usize = MEMORY_BYTES / 2;
/// What is let go at once where nobody has recorded it.
const AT_ONCE_BYTES: usize = 1 << 20;

/// What entries are fed to: the state that is shown.
pub trait Scene: Clone {
    /// An entry happened.
    fn feed(&mut self, entry: &Entry);

    /// Time went on to this moment, and nothing happened.
    fn pass(&mut self, to: Nanos);
}

/// States at some moments.
#[derive(Debug, Clone)]
struct Checkpoints<S> {
    /// All entries up to and at the moment are in the state.
    list: VecDeque<(Nanos, S)>,
    most: usize,
    stride: usize,
    fed: usize,
}

impl<S: Scene> Checkpoints<S> {
    /// The first one of at most so many: nothing has happened yet.
    fn new(first: S, most: usize) -> Self {
        Self {
            most,
            list: VecDeque::from([(Nanos(i64::MIN), first)]),
            stride: FIRST_STRIDE,
            fed: 0,
        }
    }

    /// A state that all entries up to and at a moment were fed to.
    fn note(&mut self, at: Nanos, state: &S) {
        self.fed += 1;
        if self.fed < self.stride {
            return;
        }
        self.fed = 0;
        self.list.push_back((at, state.clone()));
        if self.list.len() > self.most {
            let mut place = 0;
            self.list.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.stride *= 2;
        }
    }

    /// The last one at or before a moment; the first one where there is none.
    fn before(&self, at: Nanos) -> Option<&(Nanos, S)> {
        let place = self.list.partition_point(|c| c.0 <= at);
        self.list.get(place.saturating_sub(1))
    }

    fn len(&self) -> usize {
        self.list.len()
    }
}

/// Where the entries are.
enum Store<S> {
    File(Reader),
    Memory(Memory),
    /// What is older lies in the recording.
    Recorded(Memory, Past<S>),
}

/// The newest entries.
#[derive(Default)]
struct Memory {
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
}

impl Memory {
    fn push(&mut self, entry: Arc<Entry>) {
        self.bytes += weight(&entry);
        self.entries.push_back(entry);
    }

    /// When the oldest happened.
    fn begins(&self) -> Option<Nanos> {
        self.entries.front().map(|entry| entry.at)
    }

    /// Lets the oldest go, up to and at a moment.
    fn let_go(&mut self, until: Nanos) -> Vec<Arc<Entry>> {
        let mut gone = Vec::new();
        while let Some(entry) = self.entries.pop_front_if(|e| e.at <= until) {
            self.bytes = self.bytes.saturating_sub(weight(&entry));
            gone.push(entry);
        }
        gone
    }

    /// Feeds a state what happened after one moment up to another.
    fn feed<S: Scene>(&self, from: Nanos, to: Nanos, state: &mut S) {
        let first = self.entries.partition_point(|e| e.at <= from);
        let due = self.entries.range(first..).take_while(|e| e.at <= to);
        due.for_each(|entry| state.feed(entry));
    }
}

type Ahead = Peekable<Box<dyn Iterator<Item = Result<Arc<Entry>, SessionError>> + Send>>;

/// Entries and the states that they make.
pub struct Film<S> {
    store: Store<S>,
    checkpoints: Checkpoints<S>,
    landmarks: Landmarks,
    /// The state after the last entry that went by, and that entry's time.
    edge: S,
    edge_at: Nanos,
    first_at: Option<Nanos>,
    /// Entries of a file that have not gone by yet.
    coming: Option<Ahead>,
    /// The state shown last, and the entries after it.
    shown: Option<(Nanos, S, Option<Ahead>)>,
    damaged: u64,
    /// Of a recording, as its catalogue card says.
    length_ns: i64,
}

impl<S: Scene> Film<S> {
    /// A recording's; nothing of it is read yet ([`Film::look_on`]).
    pub fn of_file(reader: Reader, first: S) -> Self {
        let coming = ahead(&reader, Nanos(i64::MIN));
        let card = reader.summary();
        let length_ns = card.ended.since(card.began);
        // The catalogue says how many entries come: the checkpoints lie evenly at once.
        let stride = usize::try_from(card.entries()).unwrap_or(usize::MAX) / MOST_OF_FILE + 1;
        let mut film = Self::new(Store::File(reader), first, MOST_OF_FILE);
        film.checkpoints.stride = stride.max(FIRST_STRIDE);
        Self {
            coming: Some(coming),
            length_ns,
            ..film
        }
    }

    /// What is going on and is not recorded; entries are added as they come, and the oldest are forgotten.
    pub fn in_memory(first: S) -> Self {
        Self::new(Store::Memory(Memory::default()), first, MOST_IN_MEMORY)
    }

    /// What is going on and is recorded: what memory has no room for is read from the recording, as far as that goes.
    pub fn recorded(first: S, written: Written) -> Self {
        let store = Store::Recorded(Memory::default(), Past::new(written));
        Self::new(store, first, MOST_IN_MEMORY)
    }

    fn new(store: Store<S>, first: S, most: usize) -> Self {
        Self {
            store,
            checkpoints: Checkpoints::new(first.clone(), most),
            landmarks: Landmarks::default(),
            edge: first,
            edge_at: Nanos(i64::MIN),
            first_at: None,
            coming: None,
            shown: None,
            damaged: 0,
            length_ns: 0,
        }
    }

    /// What can be shown so far.
    pub fn span(&self) -> Option<(Nanos, Nanos)> {
        Some((self.first_at?, self.edge_at))
    }

    /// What there is to jump to, as far as it went by.
    pub const fn landmarks(&self) -> &Landmarks {
        &self.landmarks
    }

    /// Damaged stretches passed over so far.
    pub const fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Whether a file has gone by whole.
    pub const fn is_seen(&self) -> bool {
        self.coming.is_none()
    }

    /// Of a recording that has not gone by whole: how much has, 0 to 1.
    pub fn read(&self) -> Option<f32> {
        self.coming.as_ref()?;
        let (from, to) = self.span().unwrap_or_default();
        Some((to.since(from) as f32 / self.length_ns.max(1) as f32).clamp(0.0, 1.0))
    }

    /// Lets the next entries of a file go by, at most so many.
    ///
    /// # Errors
    /// The file cannot be read any further. Damaged stretches are counted and passed over.
    pub fn look_on(&mut self, most: usize) -> Result<(), SessionError> {
        for _ in 0..most {
            match self.coming.as_mut().map(Iterator::next) {
                Some(Some(Ok(entry))) => self.go_by(&entry),
                Some(Some(Err(SessionError::Damaged { .. }))) => self.damaged += 1,
                Some(Some(Err(error))) => {
                    self.coming = None;
                    return Err(error);
                }
                Some(None) => self.coming = None,
                None => break,
            }
        }
        Ok(())
    }

    /// Adds an entry of what is going on.
    pub fn add(&mut self, mut entry: Entry) {
        // What was stamped before it came (a marker, when its key was pressed) happens when it comes.
        entry.at = Nanos(entry.at.0.max(self.edge_at.0));
        let entry = Arc::new(entry);
        self.go_by(&entry);
        match &mut self.store {
            Store::File(_) => {}
            Store::Memory(memory) => {
                memory.push(entry);
                self.forget();
            }
            Store::Recorded(memory, _) => {
                memory.push(entry);
                self.forget_recorded();
                self.forget_unrecorded();
            }
        }
    }

    fn go_by(&mut self, entry: &Entry) {
        // Only between two moments: a checkpoint holds all entries of its own.
        if entry.at > self.edge_at && self.first_at.is_some() {
            self.checkpoints.note(self.edge_at, &self.edge);
        }
        self.first_at.get_or_insert(entry.at);
        self.edge_at = Nanos(self.edge_at.0.max(entry.at.0));
        self.edge.feed(entry);
        self.landmarks.note(entry);
    }

    /// Keeps a film in memory within its bound: the oldest entries go, and everything up to the next checkpoint with
    /// them.
    fn forget(&mut self) {
        let Store::Memory(memory) = &mut self.store else {
            return;
        };
        while memory.bytes > MEMORY_BYTES && self.checkpoints.len() > 1 {
            self.checkpoints.list.pop_front();
            let Some(&(from, _)) = self.checkpoints.list.front() else {
                return;
            };
            memory.let_go(from);
            self.first_at = Some(from);
            self.landmarks.forget_before(from);
        }
    }

    /// Lets go what is written and can be read again.
    fn forget_recorded(&mut self) {
        let Store::Recorded(memory, past) = &mut self.store else {
            return;
        };
        if memory.bytes <= RECORDED_BYTES {
            return;
        }
        let Some(recorded) = past.recorded_before() else {
            return;
        };
        // Whole moments: what is read from the file ends before the first entry that is held.
        while memory.bytes > RECORDED_BYTES
            && let Some(first) = memory.begins().filter(|&first| first < recorded)
        {
            memory.let_go(first);
            past.let_go(first);
        }
        for (from, to) in past.left_out() {
            self.landmarks.gap(from, to);
        }
    }

    /// Keeps memory within its bound where nothing is written any more, or not yet: what is let go is a hole.
    fn forget_unrecorded(&mut self) {
        let Store::Recorded(memory, past) = &self.store else {
            return;
        };
        if memory.bytes <= MEMORY_BYTES {
            return;
        }
        if !past.is_open() {
            let end = past.end();
            self.open_hole(end);
        }
        let Store::Recorded(memory, past) = &mut self.store else {
            return;
        };
        while memory.bytes > MEMORY_BYTES - AT_ONCE_BYTES
            && let Some(first) = memory.begins()
        {
            past.lose(first, &memory.let_go(first));
        }
        match past.newest_hole() {
            Some((Some(from), to)) => self.landmarks.gap(from, to),
            Some((None, to)) => {
                self.first_at = Some(to);
                self.landmarks.forget_before(to);
            }
            None => {}
        }
    }

    /// A hole begins after this moment.
    fn open_hole(&mut self, end: Option<Nanos>) {
        let state = match end {
            None => self
                .checkpoints
                .before(Nanos(i64::MIN))
                .map(|c| c.1.clone()),
            Some(end) => self.make(end).ok().map(|made| made.1),
        };
        let edge = (self.edge_at, self.edge.clone());
        let Store::Recorded(memory, past) = &mut self.store else {
            return;
        };
        match state {
            Some(state) => past.open(state),
            // The recording cannot be read: what is known begins with the present.
            None => {
                past.open(edge.1);
                memory.let_go(edge.0);
                past.lose(edge.0, &[]);
            }
        }
    }

    /// The state at a moment. At one that nobody has recorded and that is not in memory any more it is the last one
    /// known; [`Landmarks::gaps`] says so.
    ///
    /// # Errors
    /// The file cannot be read. Damaged stretches are passed over.
    pub fn show(&mut self, at: Nanos) -> Result<&S, SessionError> {
        let (entries, mut state) = self.make(at)?;
        state.pass(at);
        let (_, state, _) = self.shown.insert((at, state, entries));
        Ok(state)
    }

    /// Makes the state at a moment, before time goes on to it; of a file, with the entries that follow.
    fn make(&mut self, at: Nanos) -> Result<(Option<Ahead>, S), SessionError> {
        let known = match &self.store {
            Store::Recorded(_, past) => past.known(at),
            Store::File(_) | Store::Memory(_) => at,
        };
        let mut nearest = self.checkpoints.before(known).map(|c| (c.0, &c.1));
        if let Store::Recorded(_, past) = &self.store
            && let Some(after) = past.after_hole(known)
            && nearest.is_none_or(|nearest| nearest.0 < after.0)
        {
            nearest = Some(after);
        }
        let going_on = self.shown.take().filter(|shown| shown.0 <= at);
        let going_on = going_on.filter(|shown| nearest.is_none_or(|c| c.0 <= shown.0));
        let (from, mut state, mut entries) = match (going_on, nearest) {
            (Some(shown), _) => shown,
            (None, Some((from, state))) => (from, state.clone(), None),
            (None, None) => (Nanos(i64::MIN), self.edge.clone(), None),
        };
        match &mut self.store {
            Store::File(reader)
                if entries.is_none() && from.0 > i64::MIN && at.since(from) > LONG_NS =>
            {
                feed_by_two(reader, from, at, &mut state)?;
            }
            Store::File(reader) => {
                let entries = entries.get_or_insert_with(|| ahead(reader, from));
                feed_due(entries, at, &mut state)?;
            }
            Store::Memory(memory) => memory.feed(from, at, &mut state),
            Store::Recorded(memory, past) => {
                past.feed(from, known, &mut state)?;
                memory.feed(from, known, &mut state);
            }
        }
        Ok((entries, state))
    }

    /// How many checkpoints there are.
    pub fn checkpoints(&self) -> usize {
        self.checkpoints.len()
    }
}

/// Feeds what happened after one moment up to another; a second thread reads the later half meanwhile, because reading
/// takes most of the time.
fn feed_by_two<S: Scene>(
    reader: &Reader,
    from: Nanos,
    to: Nanos,
    state: &mut S,
) -> Result<(), SessionError> {
    let middle = from.shifted(to.since(from) / 2);
    let later = (Bound::Excluded(middle), Bound::Included(to));
    let mut feed = |entries: &mut dyn Iterator<Item = Result<Entry, SessionError>>| {
        for entry in entries {
            match entry {
                Ok(entry) => state.feed(&entry),
                Err(SessionError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let second = std::thread::Builder::new()
            .name("film ahead".to_owned())
            .spawn_scoped(scope, || {
                let mut entries = reader.entries(later);
                let held: Vec<_> = entries.by_ref().take(MOST_AHEAD).collect();
                (held, entries)
            });
        feed(&mut reader.entries((Bound::Excluded(from), Bound::Included(middle))))?;
        match second.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok((held, rest))) => feed(&mut held.into_iter().chain(rest)),
            // No second thread: one does it all.
            Ok(Err(_)) | Err(_) => feed(&mut reader.entries(later)),
        }
    })
}

/// Feeds a state the entries up to and at a moment.
fn feed_due<S: Scene>(entries: &mut Ahead, at: Nanos, state: &mut S) -> Result<(), SessionError> {
    let due = |next: &Result<Arc<Entry>, SessionError>| match next {
        Ok(entry) => entry.at <= at,
        Err(_) => true,
    };
    while let Some(next) = entries.next_if(due) {
        match next {
            Ok(entry) => state.feed(&entry),
            Err(SessionError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn ahead(reader: &Reader, after: Nanos) -> Ahead {
    let entries = reader.entries((Bound::Excluded(after), Bound::Unbounded));
    let shared: Box<dyn Iterator<Item = _> + Send> = Box::new(entries.map(|e| e.map(Arc::new)));
    shared.peekable()
}

/// Bytes of an entry in memory, about.
fn weight(entry: &Entry) -> usize {
    const ROUGHLY: usize = 512;
    match &entry.what {
        What::Record(told) => match &told.record {
            Record::Frame(frame) => ROUGHLY + 40 * frame.steps.len(),
            Record::Model(model) => ROUGHLY + 200 * model.graph.nodes.len(),
            _ => ROUGHLY,
        },
        What::Hello(hello) => hello
            .hello
            .model
            .as_ref()
            .map_or(ROUGHLY, |model| ROUGHLY + 200 * model.graph.nodes.len()),
        _ => ROUGHLY,
    }
}

#[cfg(test)]
mod tests;
