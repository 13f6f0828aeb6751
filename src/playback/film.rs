//! The state at any moment: from the nearest checkpoint before it and the entries after that. Checkpoints are taken
//! while the entries go by for the first time, and thinned out, so that their number stays.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use super::Landmarks;
use crate::session::{Entry, Reader, SessionError, What, Written};
use crate::units::Nanos;
use crate::wire::Record;

/// Checkpoints kept of a recording, and of what goes on: a state takes a megabyte or two.
const MOST_OF_FILE: usize = 64;
const MOST_IN_MEMORY: usize = 16;
/// Entries between the first checkpoints.
const FIRST_STRIDE: usize = 512;
/// Bytes of entries that a film in memory keeps, as far as they can be estimated.
const MEMORY_BYTES: usize = 16 << 20;

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
enum Store {
    File(Reader),
    Memory {
        entries: VecDeque<Arc<Entry>>,
        bytes: usize,
        /// What is older lies in the recording.
        older: Option<Older>,
    },
}

/// What memory has let go, as the recording that goes on has it.
struct Older {
    written: Written,
    /// Reads up to the moment at which it was opened.
    reader: Option<Reader>,
    /// The last entry that memory let go.
    until: Option<Nanos>,
    /// The same, when the reader was opened.
    read_until: Option<Nanos>,
}

impl Older {
    /// A reader of everything that memory has let go; opened anew once there is more of that.
    ///
    /// # Errors
    /// The file cannot be opened.
    fn reader(&mut self) -> Result<&Reader, SessionError> {
        let reader = match self.reader.take() {
            Some(reader) if self.read_until == self.until => reader,
            _ => self.written.reader()?,
        };
        self.read_until = self.until;
        Ok(self.reader.insert(reader))
    }
}

type Ahead = Peekable<Box<dyn Iterator<Item = Result<Arc<Entry>, SessionError>> + Send>>;

/// Entries and the states that they make.
pub struct Film<S> {
    store: Store,
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
        Self {
            coming: Some(coming),
            length_ns,
            ..Self::new(Store::File(reader), first, MOST_OF_FILE)
        }
    }

    /// What is going on and is not recorded; entries are added as they come, and the oldest are forgotten.
    pub fn in_memory(first: S) -> Self {
        Self::of_what_goes_on(first, None)
    }

    /// What is going on and is recorded: what memory has no room for is read from the recording.
    pub fn recorded(first: S, written: Written) -> Self {
        let older = Older {
            written,
            reader: None,
            until: None,
            read_until: None,
        };
        Self::of_what_goes_on(first, Some(older))
    }

    fn of_what_goes_on(first: S, older: Option<Older>) -> Self {
        let store = Store::Memory {
            entries: VecDeque::new(),
            bytes: 0,
            older,
        };
        Self::new(store, first, MOST_IN_MEMORY)
    }

    fn new(store: Store, first: S, most: usize) -> Self {
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
        if let Store::Memory { entries, bytes, .. } = &mut self.store {
            *bytes += weight(&entry);
            entries.push_back(entry);
        }
        self.forget();
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

    /// Keeps a film in memory within its bound: the oldest entries go, and where they are not recorded, everything up to
    /// the next checkpoint with them.
    fn forget(&mut self) {
        let Store::Memory {
            entries,
            bytes,
            older,
        } = &mut self.store
        else {
            return;
        };
        if let Some(older) = older {
            while *bytes > MEMORY_BYTES
                && let Some(first) = entries.front().map(|e| e.at)
            {
                // Whole moments: what is read from the file ends before the first entry that is held.
                while let Some(entry) = entries.pop_front_if(|e| e.at <= first) {
                    *bytes = bytes.saturating_sub(weight(&entry));
                }
                older.until = Some(first);
            }
            return;
        }
        while *bytes > MEMORY_BYTES && self.checkpoints.len() > 1 {
            self.checkpoints.list.pop_front();
            let Some(&(from, _)) = self.checkpoints.list.front() else {
                return;
            };
            while let Some(entry) = entries.pop_front_if(|e| e.at <= from) {
                *bytes = bytes.saturating_sub(weight(&entry));
            }
            self.first_at = Some(from);
            self.landmarks.forget_before(from);
        }
    }

    /// The state at a moment.
    ///
    /// # Errors
    /// The file cannot be read. Damaged stretches are passed over.
    pub fn show(&mut self, at: Nanos) -> Result<&S, SessionError> {
        let checkpoint = self.checkpoints.before(at);
        let nearer = |shown: Nanos| checkpoint.is_none_or(|c| c.0 <= shown);
        let going_on = self.shown.take();
        let going_on = going_on.filter(|shown| shown.0 <= at && nearer(shown.0));
        let (mut from, mut state, mut entries) = match (going_on, checkpoint) {
            (Some(shown), _) => shown,
            (None, Some((from, state))) => (*from, state.clone(), None),
            (None, None) => (Nanos(i64::MIN), self.edge.clone(), None),
        };
        match &mut self.store {
            Store::File(reader) => {
                let entries = entries.get_or_insert_with(|| ahead(reader, from));
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
            }
            Store::Memory { entries, older, .. } => {
                if let Some(older) = older
                    && let Some(until) = older.until.filter(|&until| from < until)
                {
                    let range = (Bound::Excluded(from), Bound::Included(until.min(at)));
                    for entry in older.reader()?.entries(range) {
                        match entry {
                            Ok(entry) => state.feed(&entry),
                            Err(SessionError::Damaged { .. }) => {}
                            Err(error) => return Err(error),
                        }
                    }
                }
                let first = entries.partition_point(|e| e.at <= from);
                let due = entries.range(first..).take_while(|e| e.at <= at);
                due.for_each(|entry| state.feed(entry));
            }
        }
        state.pass(at);
        from = at;
        let (_, state, _) = self.shown.insert((from, state, entries));
        Ok(state)
    }

    /// How many checkpoints there are.
    pub fn checkpoints(&self) -> usize {
        self.checkpoints.len()
    }
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
mod tests {
    use super::*;
    use crate::session::{FORMAT, Marker, Start, Writer};

    /// Remembers what it was fed, and how far time went.
    #[derive(Debug, Clone, Default, PartialEq)]
    struct Heard {
        times: Vec<i64>,
        passed: i64,
    }

    impl Scene for Heard {
        fn feed(&mut self, entry: &Entry) {
            if matches!(entry.what, What::Marker(_)) {
                self.times.push(entry.at.0);
            }
        }

        fn pass(&mut self, to: Nanos) {
            self.passed = to.0;
        }
    }

    fn entry(at: i64, text: &str) -> Entry {
        Entry {
            at: Nanos(at),
            unix_ms: 0,
            what: What::Marker(Marker {
                text: text.to_owned(),
            }),
        }
    }

    #[test]
    fn any_moment_is_what_feeding_from_the_beginning_makes_of_it_whichever_way_it_is_reached() {
        let mut film = Film::in_memory(Heard::default());
        // Two entries at every moment.
        let times: Vec<i64> = (0..6_000).map(|n| n / 2 * 10).collect();
        for &at in &times {
            film.add(entry(at, ""));
        }
        assert!(film.checkpoints() > 3);
        for at in [29_990, 3, 15_000, 15_001, 14_999, 0, 20_005, 20_010, 70_000] {
            let shown = film.show(Nanos(at)).unwrap();
            let expected: Vec<i64> = times.iter().copied().filter(|&t| t <= at).collect();
            assert_eq!(shown.times, expected, "at {at}");
            assert_eq!(shown.passed, at);
        }
    }

    #[test]
    fn checkpoints_stay_few_however_long_it_goes_on() {
        let mut film = Film::in_memory(());
        for at in 0..40_000 {
            film.add(entry(at, ""));
        }
        assert!((2..=MOST_IN_MEMORY).contains(&film.checkpoints()));
    }

    impl Scene for () {
        fn feed(&mut self, _: &Entry) {}
        fn pass(&mut self, _: Nanos) {}
    }

    #[test]
    fn memory_forgets_the_oldest_and_what_is_left_is_still_right() {
        let mut film = Film::in_memory(0_u64);
        let most = (MEMORY_BYTES / 512) as i64;
        for at in 0..2 * most {
            film.add(entry(at, ""));
        }
        let Store::Memory { entries, bytes, .. } = &film.store else {
            panic!("it is in memory");
        };
        assert!(*bytes <= MEMORY_BYTES && entries.len() > 1_000);
        let (from, to) = film.span().unwrap();
        assert!(from.0 > 0 && to.0 == 2 * most - 1);
        for at in [from.0, from.0 + 700, to.0] {
            assert_eq!(*film.show(Nanos(at)).unwrap(), at as u64 + 1);
        }
    }

    #[test]
    fn what_memory_let_go_is_read_from_the_recording_that_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("live.mcap");
        let start = Start {
            format: FORMAT,
            version: "0.1.0".to_owned(),
            at: Nanos(0),
            unix_ms: 1_795_616_400_000,
            console: "ada@laptop".to_owned(),
        };
        let mut writer = Writer::create(&file, start).unwrap();
        let written = writer.reads_along();
        let mut film = Film::recorded(Heard::default(), written.clone());
        let most = (MEMORY_BYTES / 512) as i64;
        // Two entries at every moment; the recorder writes now and then, and lags behind.
        for n in 0..3 * most {
            let entry = entry(n / 2, "");
            film.add(entry.clone());
            writer.add(&entry).unwrap();
            if n % 5_000 == 4_999 {
                writer.flush().unwrap();
                writer.publish(&written);
            }
        }
        let end = (3 * most - 1) / 2;
        assert_eq!(film.span(), Some((Nanos(0), Nanos(end))));
        let Store::Memory { entries, bytes, .. } = &film.store else {
            panic!("it is in memory");
        };
        assert!(*bytes <= MEMORY_BYTES && entries.front().unwrap().at.0 > most / 2);
        let held = entries.front().unwrap().at.0;
        for at in [0, 1, most / 2, held - 1, held, held + 1, 77, 78, end] {
            let shown = film.show(Nanos(at)).unwrap();
            assert_eq!(shown.times.len() as i64, 2 * (at + 1), "at {at}");
            assert!(shown.times.is_sorted(), "at {at}");
        }
    }

    impl Scene for u64 {
        fn feed(&mut self, _: &Entry) {
            *self += 1;
        }
        fn pass(&mut self, _: Nanos) {}
    }
}
