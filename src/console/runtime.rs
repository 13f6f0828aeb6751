//! The loop: wait, drain what is there, update, draw. It waits for keys, messages and deadlines at once and for none of
//! them alone; no socket is touched here.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt;

use super::app::Screen as AppScreen;
use super::app::screens::sessions::Fetched;
use super::app::sweeping::Stored;
use super::app::{Action, App, Effect, Moment, Redraw, Shot, Turn, Update};
use super::film::Projector;
use super::keeper::Keeper;
use super::links::Links;
use super::mouse::Mouse;
use super::pace::Pace;
use super::shelf::{Back, Shelf};
use super::signals::{Signals, Wish};
use super::tape::Tape;
use super::terminal::Screen;
use super::{ConsoleError, Journal, Options, Settings, input, tap};
use crate::clock;
use crate::playback::Command;
use crate::session::Reader;
use crate::units::Nanos;

/// Messages taken in before the screen gets its turn.
const DRAIN: usize = 512;

/// Shows the workers until the person leaves; gives the recording that was opened instead, if one was.
pub(super) async fn watch(options: &Options) -> Result<Option<Reader>, ConsoleError> {
    let signals = Signals::with_screen().map_err(ConsoleError::Signals)?;
    let mut screen = Screen::enter(&options.settings).map_err(ConsoleError::Terminal)?;
    let (app, effects) = App::new(options.setup(), clock::now());
    // The first picture comes before any connection exists.
    screen
        .draw(&app, clock::now())
        .map_err(ConsoleError::Terminal)?;
    let tape = Tape::start(options, &app, now())?;
    let film = Projector::of_what_goes_on(tape.written()).map_err(ConsoleError::Thread)?;
    let links = Links::start(&options.targets, &options.name);
    let mut console = Console::new(app, links, film, tape, &options.journal)?;
    console.tap();
    console.perform(effects);
    console.run(screen, signals).await
}

/// Shows a recording, or the list of them, until the person leaves; gives the recording that was opened next, if one
/// was.
pub(super) async fn play(
    reader: Option<Reader>,
    begin: &[Command],
    settings: &Settings,
    journal: &Journal,
) -> Result<Option<Reader>, ConsoleError> {
    let signals = Signals::with_screen().map_err(ConsoleError::Signals)?;
    let mut screen = Screen::enter(settings).map_err(ConsoleError::Terminal)?;
    let setup = settings.setup();
    let app = match &reader {
        Some(reader) => {
            let card = reader.summary();
            let title = reader.path().file_name().unwrap_or_default();
            let title = title.to_string_lossy().into_owned();
            App::replay(setup, title, card.began, card.ended, clock::now())
                .of_file(reader.path().to_owned(), card.meta.clone())
        }
        None => App::browse(setup, clock::now()),
    };
    screen
        .draw(&app, clock::now())
        .map_err(ConsoleError::Terminal)?;
    let browses = reader.is_none();
    let film = match reader {
        Some(reader) => Projector::of_file(reader),
        None => Projector::of_what_goes_on(None),
    };
    let film = film.map_err(ConsoleError::Thread)?;
    let links = Links::start(&[], "");
    let mut console = Console::new(app, links, film, Tape::default(), journal)?;
    if browses {
        console.update(Update::Act(Action::Show(AppScreen::Sessions)));
    }
    for &command in begin {
        console.update(Update::Act(Action::Time(command)));
    }
    console.run(screen, signals).await
}
/// This moment.
pub(super) fn now() -> Moment {
    Moment {
        now: clock::now(),
        unix_ms: clock::unix_ms(),
    }
}

/// Who stops until the shell says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suspend {
    /// This process: it was asked to by a signal.
    Alone,
    /// The whole job: a person pressed Ctrl-Z.
    WithJob,
}

struct Console {
    app: App,
    links: Links,
    film: Projector,
    /// Whether what happens is given to the film.
    taps: bool,
    tape: Tape,
    journal: Journal,
    shelf: Shelf,
    keeper: Keeper,
    pace: Pace,
    mouse: Mouse,
    quit: bool,
    suspend: Option<Suspend>,
    /// The recording to be shown after this.
    next: Option<Reader>,
}

impl Console {
    fn new(
        app: App,
        links: Links,
        film: Projector,
        tape: Tape,
        journal: &Journal,
    ) -> Result<Self, ConsoleError> {
        Ok(Self {
            pace: Pace::new(clock::now(), app.is_remote()),
            app,
            links,
            film,
            tape,
            journal: journal.clone(),
            shelf: Shelf::start().map_err(ConsoleError::Thread)?,
            keeper: Keeper::start().map_err(ConsoleError::Thread)?,
            taps: false,
            mouse: Mouse::default(),
            quit: false,
            suspend: None,
            next: None,
        })
    }

    /// Until the person leaves, or a signal asks for the end.
    async fn run(
        mut self,
        mut screen: Screen,
        mut signals: Signals,
    ) -> Result<Option<Reader>, ConsoleError> {
        let mut keys = EventStream::new();
        self.update(Update::LogPlaces(self.journal.places().to_vec()));
        let journal = self.journal.clone();
        while !self.quit {
            let wakes = self.wakes();
            tokio::select! {
                biased;
                wish = signals.next() => match wish {
                    Wish::End => break,
                    Wish::Stop => self.suspend = Some(Suspend::Alone),
                },
                event = keys.next() => {
                    self.event(event.as_ref(), &screen);
                    while !self.quit && let Some(event) = ready(&mut keys).await {
                        self.event(event.as_ref(), &screen);
                    }
                }
                Some(update) = self.links.next() => self.update(update),
                Some(update) = self.film.next() => self.update(update),
                Some(back) = self.shelf.next() => match back {
                    Back::Fetched(fetched) => self.update(Update::Fetched(fetched)),
                    Back::Open(reader) => {
                        self.next = Some(reader);
                        self.quit = true;
                    }
                },
                Some(stored) = self.keeper.next() => self.update(Update::Stored(stored)),
                () = journal.said() => self.update(Update::Logged(journal.news())),
                () = sleep_until(wakes) => self.update(Update::Tick),
            }
            if let Some(suspend) = self.suspend.take() {
                let with_job = suspend == Suspend::WithJob;
                if with_job {
                    signals.expect_own();
                }
                screen.suspend(with_job).map_err(ConsoleError::Terminal)?;
                // What waited meanwhile is taken in before the first picture.
                self.pace.want(Redraw::AtOnce);
            }
            self.drain();
            if !self.quit && self.pace.is_due(clock::now()) {
                screen
                    .draw(&self.app, clock::now())
                    .map_err(ConsoleError::Terminal)?;
                self.pace.drew(clock::now());
            }
        }
        drop(screen);
        self.tape.finish();
        self.keeper.finish();
        self.journal.finish();
        Ok(self.next)
    }

    fn event(&mut self, event: Option<&io::Result<Event>>, screen: &Screen) {
        match event {
            Some(Ok(Event::Key(key))) => {
                if let Some(key) = input::key(*key) {
                    self.update(Update::Key(key));
                }
            }
            Some(Ok(Event::Mouse(mouse))) => {
                if let Some(action) = self.mouse.action(*mouse, screen.hits()) {
                    self.update(Update::Act(action));
                }
            }
            Some(Ok(Event::Resize(..))) => self.update(Update::Resized),
            Some(Ok(_)) => {}
            // Nobody can press a key any more.
            Some(Err(_)) | None => self.quit = true,
        }
    }

    fn update(&mut self, update: Update) {
        let at = now();
        if self.taps && !tap::is_late(&update) {
            // What does not fit is missing from the rewound screen alone.
            for entry in tap::heard(&self.app, &update, at) {
                self.film.add(entry);
            }
        }
        self.tape.hear(&self.app, &update, at);
        self.reduce(update, at);
        if let Some(news) = self.tape.news(at) {
            self.reduce(news, at);
        }
    }

    fn reduce(&mut self, update: Update, at: Moment) {
        let said = self.said_live();
        let Turn { effects, redraw } = self.app.update(update, at);
        self.pace.want(redraw);
        self.note(said);
        self.perform(effects);
    }

    /// What the console has said of the present, in all.
    fn said_live(&self) -> Option<u64> {
        let live = self.app.deck().is_live();
        live.then(|| self.app.own_events().total())
    }

    /// What the console says of workers is on the screen already; the file gets it here.
    fn note(&self, before: Option<u64>) {
        let (Some(before), Some(total)) = (before, self.said_live()) else {
            return;
        };
        let new = total.saturating_sub(before).min(64) as usize;
        let rows: Vec<_> = self.app.own_events().newest().take(new).collect();
        for row in rows.into_iter().rev() {
            self.journal.note(row.level.into(), "console", &row.text);
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let Some(entry) = tap::done(&effect, now()).filter(|_| self.taps) {
                self.film.add(entry);
            }
            self.tape.see(&self.app, &effect, now());
            if effect == Effect::Quit {
                self.quit = true;
            } else if let Effect::Keep(kept) = effect {
                if let Err(why) = self.keeper.keep(kept) {
                    self.update(Update::Stored(Stored::Not(why)));
                }
            } else if let Effect::Errand(errand) = effect {
                if !self.shelf.send(errand) {
                    let why = "too much is under way with recordings; try again".to_owned();
                    self.update(Update::Fetched(Fetched::Said(why)));
                }
            } else if let Effect::Show(at) = effect {
                if !self.film.show(at) {
                    let why = "the film has no time for this moment; try again".to_owned();
                    self.update(Update::Film(Shot::Failed(why)));
                }
            } else if effect == Effect::Suspend {
                self.suspend = Some(Suspend::WithJob);
            } else if let Some(update) = self.links.perform(effect, &self.app) {
                self.update(update);
            }
        }
    }

    fn drain(&mut self) {
        for _ in 0..DRAIN {
            match self.links.ready() {
                Some(update) => self.update(update),
                None => break,
            }
        }
        while let Some(update) = self.film.ready() {
            self.update(update);
        }
    }

    /// The film begins with whom this console attaches to.
    fn tap(&mut self) {
        self.taps = true;
        for entry in tap::targets(&self.app, now()) {
            self.film.add(entry);
        }
    }

    /// When something is to be done without anything happening.
    fn wakes(&self) -> Option<Nanos> {
        let next = self.app.next_tick(clock::now());
        self.pace.due().into_iter().chain(next).min()
    }
}

/// An event that is there already, the outer none where there is none. Looked for with the loop's own waker: the stream
/// keeps the first waker that it is given until that has fired, and one that does nothing would make the next key wait for
/// whatever else happens.
async fn ready(keys: &mut EventStream) -> Option<Option<io::Result<Event>>> {
    poll_fn(|context| match keys.poll_next_unpin(context) {
        Poll::Ready(event) => Poll::Ready(Some(event)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Sleeps until then; for ever where there is no then.
pub(super) async fn sleep_until(at: Option<Nanos>) {
    match at {
        None => std::future::pending().await,
        Some(at) => {
            let left = at.since(clock::now()).max(0);
            // A millisecond's grain: rather a little late than twice.
            tokio::time::sleep(Duration::from_nanos(left as u64)).await;
        }
    }
}
