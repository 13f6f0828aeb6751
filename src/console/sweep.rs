//! A sweep without a screen: the console's reducer drives it, this loop passes messages, time and signals on.

use std::io;

use super::app::sweeping::{Request, Sweeping};
use super::app::{App, Effect, Update};
use super::connection::Phase;
use super::headless::{say, tell_events};
use super::links::Links;
use super::runtime::{now, sleep_until};
use super::signals::Signals;
use super::tape::Tape;
use super::{ConsoleError, Options};
use crate::clock;
use crate::sweep::{Forecast, Header, How, Sweep};
use crate::units::Nanos;
use crate::wire::Level;

/// A robot that has not said what a sweep needs within this time is not waited for.
const ROBOT_WITHIN_NS: i64 = 20_000_000_000;
/// Servers are attached to for their names only: the sweep begins without those that are late.
const SERVERS_WITHIN_NS: i64 = 2_000_000_000;
/// What the robot expects tells no more than how long it takes.
const FORESEEN_WITHIN_NS: i64 = 4_000_000_000;
/// How often progress is told.
const PROGRESS_NS: i64 = 500_000_000;

/// What hears of a sweep as it goes.
pub trait Observer {
    /// It begins, and will take so long.
    ///
    /// # Errors
    /// What is there cannot be kept: the sweep is stopped.
    fn began(&mut self, header: &Header, forecast: &Forecast) -> io::Result<()>;
    /// There is more of it than before.
    ///
    /// # Errors
    /// What is there cannot be kept: the sweep is stopped.
    fn grew(&mut self, header: &Header, sweep: &Sweep) -> io::Result<()>;
    /// How far it is, a few times a second.
    fn progress(&mut self, sweeping: &Sweeping);
}

/// How a sweep ended.
#[derive(Debug)]
pub enum SweepEnded {
    /// It took place, whole or in part.
    Over {
        /// How.
        how: How,
        /// Whether the plan from before is known to be back.
        restored: bool,
        /// The sweep itself, with what was swept.
        sweep: Box<(Header, Sweep)>,
    },
    /// The request does not suit the robot.
    Unsuitable(String),
    /// It did not begin, and why.
    Never(String),
    /// What was measured could not be kept.
    NotKept(io::Error),
}

/// Sweeps until the end; SIGINT stops it, and what was measured is kept. A second one leaves at once: the robot brings
/// the plan from before back by itself.
pub(super) async fn sweep(
    options: &Options,
    request: &Request,
    observer: &mut dyn Observer,
) -> Result<SweepEnded, ConsoleError> {
    let mut signals = Signals::new().map_err(ConsoleError::Signals)?;
    let (app, effects) = App::new(options.setup(), clock::now());
    let tape = Tape::start(options, &app, now())?;
    let mut driver = Driver {
        app,
        tape,
        links: Links::start(&options.targets, &options.name),
        events: vec![0; options.targets.len() + 1],
        unreached: vec![None; options.targets.len()],
        began: clock::now(),
        frames: 0,
        refused: 0,
        stopped: false,
    };
    driver.perform(effects);
    let ended = driver.run(request, observer, &mut signals).await;
    driver.tape.finish();
    Ok(ended)
}

struct Driver {
    app: App,
    tape: Tape,
    links: Links,
    /// Events told, of each worker and of the console.
    events: Vec<u64>,
    /// Why each worker could not be reached, as it was told.
    unreached: Vec<Option<String>>,
    began: Nanos,
    frames: usize,
    refused: usize,
    stopped: bool,
}

impl Driver {
    async fn run(
        &mut self,
        request: &Request,
        observer: &mut dyn Observer,
        signals: &mut Signals,
    ) -> SweepEnded {
        let mut next_progress = self.began;
        loop {
            let wakes = [self.app.next_tick(clock::now()), Some(next_progress)];
            tokio::select! {
                biased;
                _ = signals.next() => {
                    if std::mem::replace(&mut self.stopped, true) || self.app.sweeping().is_none() {
                        return self.left();
                    }
                    self.abort();
                }
                Some(update) = self.links.next() => self.update(update),
                () = sleep_until(wakes.into_iter().flatten().min()) => self.update(Update::Tick),
            }
            self.tell();
            if self.app.sweeping().is_none() {
                if let Some(ended) = self.begin(request, observer) {
                    return ended;
                }
            } else if let Some(ended) = self.keep(observer) {
                return ended;
            }
            if clock::now() >= next_progress {
                next_progress = clock::now().shifted(PROGRESS_NS);
                if let Some(sweeping) = self.app.sweeping() {
                    observer.progress(sweeping);
                }
            }
        }
    }

    fn update(&mut self, update: Update) {
        let at = now();
        self.tape.hear(&self.app, &update, at);
        self.apply(update);
        if let Some(news) = self.tape.news(at) {
            self.apply(news);
        }
    }

    fn apply(&mut self, update: Update) {
        let turn = self.app.update(update, now());
        self.perform(turn.effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.tape.see(&self.app, &effect, now());
            if let Some(update) = self.links.perform(effect, &self.app) {
                self.apply(update);
            }
        }
    }

    fn abort(&mut self) {
        let mut turn = super::app::Turn::default();
        self.app.abort_sweep(now(), &mut turn);
        self.perform(turn.effects);
    }

    /// Begins once everybody is there.
    fn begin(&mut self, request: &Request, observer: &mut dyn Observer) -> Option<SweepEnded> {
        let waited = clock::now().since(self.began);
        let targets = self.app.targets();
        let refused = targets.iter().find_map(|t| match t.connection.phase() {
            Phase::Refused { why, .. } => Some(format!("{}: {why}", t.address)),
            _ => None,
        });
        if let Some(why) = refused {
            return Some(SweepEnded::Never(why));
        }
        let robot = targets.iter().find(|t| t.is_robot());
        let told = robot.is_some_and(|t| t.store.model().is_some() && t.store.plan().is_some());
        let all = targets.iter().all(|t| t.store.worker().is_some());
        if !told && waited > ROBOT_WITHIN_NS {
            let names: Vec<_> = targets.iter().map(|t| t.address.to_string()).collect();
            let why = format!("no robot answers at {}", names.join(", "));
            return Some(SweepEnded::Never(why));
        }
        // What it expects comes once a second; without it nobody knows how long the sweep takes.
        let foresees = robot.is_some_and(|t| t.store.predictions().newest().is_some());
        let is_early = |is_there: bool, within_ns| !is_there && waited < within_ns;
        if !told || is_early(all, SERVERS_WITHIN_NS) || is_early(foresees, FORESEEN_WITHIN_NS) {
            return None;
        }
        match self.app.begin_sweep(request, now()) {
            Ok(turn) => self.perform(turn.effects),
            Err(why) => return Some(SweepEnded::Unsuitable(why)),
        }
        let sweeping = self.app.sweeping()?;
        let begun = observer.began(sweeping.header(), sweeping.forecast());
        begun.err().map(SweepEnded::NotKept)
    }

    /// Hands on what is new; gives the end once it is there.
    fn keep(&mut self, observer: &mut dyn Observer) -> Option<SweepEnded> {
        let sweeping = self.app.sweeping()?;
        if let Some(sweep) = sweeping.sweep() {
            let sizes = (sweep.frames().len(), sweep.refusals().len());
            if sizes != (self.frames, self.refused) {
                (self.frames, self.refused) = sizes;
                if let Err(error) = observer.grew(sweeping.header(), sweep) {
                    return Some(SweepEnded::NotKept(error));
                }
            }
        }
        sweeping.is_over().then(|| self.left())
    }

    /// The end as it stands.
    fn left(&self) -> SweepEnded {
        let Some(sweeping) = self.app.sweeping() else {
            return SweepEnded::Never("it was stopped before it began".to_owned());
        };
        match (sweeping.sweep(), sweeping.failed()) {
            (Some(sweep), _) => SweepEnded::Over {
                how: sweep.ended().cloned().unwrap_or(How::Aborted),
                restored: sweeping.is_restored(),
                sweep: Box::new((sweeping.header().clone(), sweep.clone())),
            },
            (None, Some(why)) => SweepEnded::Never(why.to_owned()),
            (None, None) => SweepEnded::Never("it was stopped before it began".to_owned()),
        }
    }

    fn tell(&mut self) {
        for (target, told) in self.app.targets().iter().zip(&mut self.unreached) {
            let why = match target.connection.phase() {
                Phase::Retry { reason, .. } => Some(reason.clone()),
                // A try that goes on is no news.
                Phase::Connecting { .. } => continue,
                _ => None,
            };
            if let Some(why) = why.as_ref().filter(|why| told.as_ref() != Some(why)) {
                say(&format!("{}: {why}; tried again", target.address));
            }
            *told = why;
        }
        let own = self.app.targets().len();
        for (target, told) in self.app.targets().iter().zip(&mut self.events) {
            // A plan applied at each visit is no news.
            tell_events(&target.name(), target.store.events(), Level::Warning, told);
        }
        if let Some(told) = self.events.get_mut(own) {
            tell_events("console", self.app.own_events(), Level::Info, told);
        }
    }
}
