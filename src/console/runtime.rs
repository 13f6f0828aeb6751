//! The loop: wait, drain what is there, update, draw. It waits for keys, messages and deadlines at once and for none of
//! them alone; no socket is touched here.

use std::io;
use std::time::Duration;

use crossterm::event::{Event, EventStream, MouseButton, MouseEventKind};
use futures_util::{FutureExt, StreamExt};

use super::app::{App, Effect, Moment, Redraw, Turn, Update};
use super::links::Links;
use super::signals::Signals;
use super::tape::Tape;
use super::terminal::Screen;
use super::{ConsoleError, Options, input};
use crate::clock;
use crate::units::Nanos;

/// Between two pictures that only data asks for: 10 a second, on a slow line 4.
const PICTURE_NS: i64 = 100_000_000;
const SLOW_PICTURE_NS: i64 = 250_000_000;
/// Between two pictures while time is scrubbed through: 20 a second.
const SCRUB_NS: i64 = 50_000_000;
/// Messages taken in before the screen gets its turn.
const DRAIN: usize = 512;

/// Shows the workers until the person leaves.
pub(super) async fn watch(options: &Options) -> Result<(), ConsoleError> {
    let mut signals = Signals::new().map_err(ConsoleError::Signals)?;
    let mut screen = Screen::enter(&options.settings).map_err(ConsoleError::Terminal)?;
    let (app, effects) = App::new(options.setup(), clock::now());
    // The first picture comes before any connection exists.
    screen
        .draw(&app, clock::now())
        .map_err(ConsoleError::Terminal)?;
    let tape = Tape::start(options, &app, now())?;
    let links = Links::start(&options.targets, &options.name);
    let mut keys = EventStream::new();
    let app_is_remote = app.is_remote();
    let mut console = Console {
        app,
        links,
        tape,
        redraw: Redraw::No,
        drawn: clock::now(),
        picture_ns: if app_is_remote {
            SLOW_PICTURE_NS
        } else {
            PICTURE_NS
        },
        quit: false,
        suspend: false,
    };
    console.perform(effects);
    while !console.quit {
        let wakes = console.wakes();
        tokio::select! {
            biased;
            () = signals.next() => break,
            event = keys.next() => {
                console.event(event.as_ref(), &screen);
                while !console.quit && let Some(event) = keys.next().now_or_never() {
                    console.event(event.as_ref(), &screen);
                }
            }
            Some(update) = console.links.next() => console.update(update),
            () = sleep_until(wakes) => console.update(Update::Tick),
        }
        if std::mem::take(&mut console.suspend) {
            screen.suspend().map_err(ConsoleError::Terminal)?;
            // What waited meanwhile is taken in before the first picture.
            console.redraw = Redraw::AtOnce;
        }
        console.drain();
        if !console.quit && console.is_due() {
            screen
                .draw(&console.app, clock::now())
                .map_err(ConsoleError::Terminal)?;
            console.redraw = Redraw::No;
            console.drawn = clock::now();
        }
    }
    drop(screen);
    console.tape.finish();
    Ok(())
}

/// This moment.
pub(super) fn now() -> Moment {
    Moment {
        now: clock::now(),
        unix_ms: clock::unix_ms(),
    }
}

struct Console {
    app: App,
    links: Links,
    tape: Tape,
    redraw: Redraw,
    drawn: Nanos,
    picture_ns: i64,
    quit: bool,
    suspend: bool,
}

impl Console {
    fn event(&mut self, event: Option<&io::Result<Event>>, screen: &Screen) {
        match event {
            Some(Ok(Event::Key(key))) => {
                if let Some(key) = input::key(*key) {
                    self.update(Update::Key(key));
                }
            }
            Some(Ok(Event::Mouse(mouse))) => {
                if mouse.kind == MouseEventKind::Down(MouseButton::Left)
                    && let Some(action) = screen.at(mouse.column, mouse.row)
                {
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
        self.tape.hear(&self.app, &update, at);
        self.reduce(update, at);
        if let Some(news) = self.tape.news(at) {
            self.reduce(news, at);
        }
    }

    fn reduce(&mut self, update: Update, at: Moment) {
        let Turn { effects, redraw } = self.app.update(update, at);
        self.redraw = self.redraw.max(redraw);
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.tape.see(&self.app, &effect, now());
            if effect == Effect::Quit {
                self.quit = true;
            } else if effect == Effect::Suspend {
                self.suspend = true;
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
    }

    /// When the next picture is due, if one is wanted.
    fn picture(&self) -> Option<Nanos> {
        match self.redraw {
            Redraw::No => None,
            Redraw::Soon => Some(self.drawn.shifted(self.picture_ns)),
            Redraw::Scrubbing => Some(self.drawn.shifted(SCRUB_NS)),
            Redraw::AtOnce => Some(self.drawn),
        }
    }

    fn is_due(&self) -> bool {
        self.picture().is_some_and(|at| clock::now() >= at)
    }

    /// When something is to be done without anything happening.
    fn wakes(&self) -> Option<Nanos> {
        let next = self.app.next_tick(clock::now());
        self.picture().into_iter().chain(next).min()
    }
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
