//! The film's thread: keeps the state of any moment at hand, so that the screen never waits for a disk. It is asked for
//! a moment and answers with a picture of it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::time::Duration;

use super::app::{App, Reel, Setup, Shot, Update};
use super::aside::{Aside, Ask, Bring, Inbox};
use crate::clock;
use crate::playback::Film;
use crate::progress::Progress;
use crate::session::{Entry, Reader, Written};
use crate::units::Nanos;

/// Entries that may wait for the film; what does not fit is missing from the rewound screen, not from the recording.
const QUEUE: usize = 4096;
/// Answers that may wait.
const ANSWERS: usize = 16;
/// Entries of a recording that go by between two looks at what is asked for.
const AT_ONCE: usize = 256;
/// Between two reports of what can be shown.
const REPORT_NS: i64 = 250_000_000;
/// Parts that the reading of a recording is counted in.
const PARTS: u64 = 1_000;

#[derive(Debug)]
enum Wish {
    Show(Nanos),
    Entry(Box<Entry>),
}

impl Ask for Wish {
    fn writes(&self) -> bool {
        false
    }
}

/// The thread's handle; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Projector(Aside<Wish, Update>);

impl Projector {
    /// For a recording.
    pub(super) fn of_file(reader: Reader) -> io::Result<Self> {
        Self::start(|first| Film::of_file(reader, first))
    }

    /// For what goes on; what is recorded can be rewound to its beginning, else as far as memory goes.
    pub(super) fn of_what_goes_on(written: Option<Written>) -> io::Result<Self> {
        Self::start(|first| match written {
            Some(written) => Film::recorded(first, written),
            None => Film::in_memory(first),
        })
    }

    fn start(film: impl FnOnce(App) -> Film<App> + Send + 'static) -> io::Result<Self> {
        Aside::start("film", (QUEUE, ANSWERS), move |wishes, shots| {
            let (first, _) = App::new(Setup::default(), Nanos(0));
            run(film(first), wishes, shots);
        })
        .map(Self)
    }

    /// Asks for a moment. Never waits; false where the thread has no time, so ask again.
    pub(super) fn show(&self, at: Nanos) -> bool {
        self.0.ask(Wish::Show(at)).is_ok()
    }

    /// Hands an entry of what goes on over. Never waits.
    pub(super) fn add(&self, entry: Entry) -> bool {
        self.0.ask(Wish::Entry(Box::new(entry))).is_ok()
    }

    /// What it brings next.
    pub(super) async fn next(&mut self) -> Option<Update> {
        self.0.next().await
    }

    /// Something that is there already.
    pub(super) fn ready(&mut self) -> Option<Update> {
        self.0.ready()
    }
}

fn run(mut film: Film<App>, wishes: &mut Inbox<Wish>, shots: &Bring<Update>) {
    let mut reported = clock::now().shifted(-REPORT_NS);
    let mut news = true;
    let mut reading: Option<Progress> = None;
    loop {
        let was_seen = film.is_seen();
        let wish = if film.is_seen() && !news {
            match wishes.recv() {
                Ok(wish) => Some(wish),
                Err(_) => return,
            }
        } else if film.is_seen() {
            match wishes.recv_timeout(Duration::from_nanos(REPORT_NS as u64)) {
                Ok(wish) => Some(wish),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        } else {
            match wishes.try_recv() {
                Ok(wish) => Some(wish),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return,
            }
        };
        match wish {
            Some(Wish::Show(at)) => {
                let shot = picture(&mut film, at);
                if !shots.bring(Update::Film(shot)) {
                    return;
                }
            }
            Some(Wish::Entry(entry)) => {
                film.add(*entry);
                news = true;
            }
            None if !film.is_seen() => {
                news = true;
                if let Err(error) = film.look_on(AT_ONCE) {
                    shots.bring(Update::Film(Shot::Failed(error.to_string())));
                }
            }
            None => {}
        }
        let due = clock::now().since(reported) >= REPORT_NS || film.is_seen() != was_seen;
        if news
            && due
            && let Some((from, to)) = film.span()
        {
            let now = clock::now();
            reading = film.read().map(|share| {
                let done = (f64::from(share) * PARTS as f64) as u64;
                let begun = reading.unwrap_or_else(|| Progress::begun(done, Some(PARTS), now));
                begun.reached(done, now)
            });
            let reel = Reel {
                from,
                to,
                landmarks: Arc::new(film.landmarks().clone()),
                reading,
            };
            // A full queue: the next report says the same.
            news = !shots.try_bring(Update::Film(Shot::Reel(reel)));
            reported = now;
        }
    }
}

fn picture(film: &mut Film<App>, at: Nanos) -> Shot {
    match film.show(at) {
        Ok(app) => Shot::Picture {
            at: app.replayed(),
            evidence: Box::new(app.evidence()),
        },
        Err(error) => Shot::Failed(error.to_string()),
    }
}
