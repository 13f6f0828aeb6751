//! The console without a screen: frames to standard output, one line each; everything else to standard error.

use std::io::{self, BufWriter, Write};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::app::screens::power;
use super::app::{Action, App, Effect, Said, Update};
use super::connection::Phase;
use super::line::FrameLine;
use super::links::Links;
use super::runtime::{now, sleep_until};
use super::signals::Signals;
use super::tape::Tape;
use super::{ConsoleError, Options};
use crate::clock;
use crate::power::IdleLevel;
use crate::store::{EventRow, Events};
use crate::units::Nanos;
use crate::wire::console::{BackfillPart, Batch, Role};
use crate::wire::{FrameRecord, Level, Pause, Record};

/// Lines that wait for standard output; more make the console, and in the end the worker, wait.
const LINES: usize = 1024;
/// A level is told so soon after the pause that it is measured in, if it is told at all.
const LEVEL_WITHIN_S: u32 = 3;
/// How long the last lines may take once the end is asked for.
const LAST_LINES: Duration = Duration::from_secs(1);

/// How long to go on, and in which form.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headless {
    /// One JSON object per line instead of words.
    pub json: bool,
    /// End after so many frames.
    pub frames: Option<u64>,
    /// End after so many seconds.
    pub seconds: Option<f64>,
    /// Measure idle power over so many seconds first.
    pub measure_idle: Option<u32>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// As asked: frames, seconds, a signal, or nobody reads any more.
    Done,
    /// A worker is of no use: which and why.
    Refused(String),
    /// The time is over and no worker was ever reached.
    NeverReached(String),
}

/// Writes frames until the end that was asked for.
pub(super) async fn watch(options: &Options, headless: Headless) -> Result<Ended, ConsoleError> {
    let mut signals = Signals::new().map_err(ConsoleError::Signals)?;
    let began = clock::now();
    let end = headless
        .seconds
        .map(|s| began.shifted((s.clamp(0.0, 1e9) * 1e9) as i64));
    let (lines, mut broken) = Lines::start()?;
    let (app, effects) = App::new(options.setup(), began);
    let tape = Tape::start(options, &app, now())?;
    let mut watcher = Watcher {
        app,
        tape,
        links: Links::start(&options.targets, &options.name),
        told: vec![String::new(); options.targets.len()],
        events: vec![0; options.targets.len() + 1],
        missed: vec![0; options.targets.len()],
        control: match (headless.measure_idle, &options.token) {
            (Some(_), _) => Control::Taken,
            (None, Some(_)) => Control::TokenUnused,
            (None, None) => Control::None,
        },
        watched: vec![false; options.targets.len()],
        robot: None,
        reached: false,
        fresh: Vec::new(),
        json: headless.json,
        idle: headless.measure_idle.map(Idle::Wanted),
    };
    watcher.perform(effects);
    let mut left = headless.frames;
    let ended = loop {
        let wakes = [watcher.app.next_tick(clock::now()), end];
        let wakes = wakes.into_iter().flatten().min();
        tokio::select! {
            biased;
            _ = signals.next() => break Ended::Done,
            _ = &mut broken => break Ended::Done,
            Some(update) = watcher.links.next() => watcher.update(update),
            () = sleep_until(wakes) => watcher.update(Update::Tick),
        }
        watcher.notice();
        watcher.tend_idle(clock::now());
        if watcher.write(&lines, &mut signals, &mut left).await {
            break Ended::Done;
        }
        if let Some(why) = watcher.refusal() {
            break Ended::Refused(why);
        }
        if end.is_some_and(|end| clock::now() >= end) {
            break watcher.at_the_end();
        }
    };
    lines.finish().await;
    watcher.tape.finish();
    Ok(ended)
}

struct Watcher {
    app: App,
    tape: Tape,
    links: Links,
    /// What was last said of each worker's connection.
    told: Vec<String>,
    /// Events written, of each worker and of the console.
    events: Vec<u64>,
    /// Batches missed, as last said of each worker.
    missed: Vec<u64>,
    control: Control,
    /// Whether it was said of each robot that it is only watched.
    watched: Vec<bool>,
    robot: Option<usize>,
    reached: bool,
    fresh: Vec<String>,
    json: bool,
    idle: Option<Idle>,
}

/// Whether anything here takes control of a robot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Control {
    /// The measurement of idle power does; what comes of it is told.
    Taken,
    /// Nothing does, and a token was brought for it.
    TokenUnused,
    /// Nothing does.
    None,
}

impl Control {
    /// What is said of a robot that is only watched, where somebody may expect more.
    fn words(self, needs_token: bool) -> Option<&'static str> {
        match (self, needs_token) {
            (Self::TokenUnused, true) => Some(
                "only watched, without control: with --headless nothing but --measure-idle takes it, and the token of \
                 --token-file was not tried",
            ),
            (Self::TokenUnused, false) => Some(
                "only watched, without control: with --headless nothing but --measure-idle takes it, and it wants no token",
            ),
            (Self::None, true) => Some("only watched: for control it wants a token"),
            (Self::None, false) | (Self::Taken, _) => None,
        }
    }
}

/// Idle power that is measured before the first line.
#[derive(Debug, Clone, Copy)]
enum Idle {
    /// Over so many seconds, once the robot is there.
    Wanted(u32),
    /// The robot was asked; lines begin with its level, or by then at the latest.
    Asked {
        late: Nanos,
        /// When the robot came to rest in this pause, on its clock.
        quiet_since: Option<Nanos>,
    },
}

impl Idle {
    /// Whether lines may begin: a level was measured in the pause that was asked for, not in an earlier one, or it is late.
    fn is_over(&mut self, now: Nanos, pause: Option<&Pause>, level: Option<&IdleLevel>) -> bool {
        let Self::Asked { late, quiet_since } = self else {
            return false;
        };
        *quiet_since = pause.and_then(|p| p.quiet_since).or(*quiet_since);
        let is_measured = level.zip(*quiet_since);
        now > *late || is_measured.is_some_and(|(level, since)| level.from >= since)
    }
}

impl Watcher {
    fn update(&mut self, update: Update) {
        let at = now();
        self.tape.hear(&self.app, &update, at);
        self.take(update);
        if let Some(news) = self.tape.news(at) {
            self.apply(news);
        }
    }

    fn take(&mut self, update: Update) {
        match update {
            // Record by record, so that a frame is written with the model that was known when it came.
            Update::Link {
                target,
                dial,
                said: Said::Batch(batch),
            } => {
                let Batch {
                    id,
                    sent,
                    lost_batches,
                    records,
                } = batch;
                let single = |records| Update::Link {
                    target,
                    dial,
                    said: Said::Batch(Batch {
                        id,
                        sent,
                        lost_batches,
                        records,
                    }),
                };
                self.apply(single(Vec::new()));
                for record in records {
                    let before = self.frames(target);
                    self.apply(single(vec![record]));
                    if self.frames(target) > before {
                        self.frame(target);
                    }
                }
            }
            update => {
                let late = late_frames(&update);
                let before = late.as_ref().map(|(target, _)| self.frames(*target));
                self.apply(update);
                if let (Some((target, frames)), Some(before)) = (late, before)
                    && self.frames(target) > before
                {
                    self.late(target, &frames);
                }
            }
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

    fn frames(&self, target: usize) -> u64 {
        let target = self.app.targets().get(target);
        target.map_or(0, |t| t.store.frames().total())
    }

    /// Asks for the pause once the robot has told what it measures with; then waits for its level.
    fn tend_idle(&mut self, now: Nanos) {
        let Some(idle) = self.idle else {
            return;
        };
        let mut targets = self.app.targets().iter();
        let Some(robot) = targets.find(|t| t.is_robot() && t.connection.is_up()) else {
            return;
        };
        let store = &robot.store;
        match idle {
            Idle::Wanted(seconds) => {
                let power = store.power().sources();
                let is_told = !power.sources.is_empty() || !power.absent.is_empty();
                // A robot without any sensor may tell none: frames say that it is there.
                let is_there = store.lease().is_some() && store.frames().total() > 0;
                if is_told || is_there {
                    let late = now.shifted(i64::from(seconds + LEVEL_WITHIN_S) * 1_000_000_000);
                    self.idle = Some(Idle::Asked {
                        late,
                        quiet_since: None,
                    });
                    self.apply(Update::Act(Action::Power(power::Do::Idle(seconds))));
                    // Who gave the flag is sure.
                    if self.app.doubt().is_some() {
                        self.apply(Update::Act(Action::Apply));
                    }
                    let holder = self.app.take_over().map(|question| &question.holder);
                    let held = holder.map(|who| format!("{who} controls the robot"));
                    if let Some(why) = held.or_else(|| self.app.notice().map(str::to_owned)) {
                        say(&format!("idle power is not measured: {why}"));
                        self.idle = None;
                    }
                }
            }
            mut asked @ Idle::Asked { .. } => {
                let is_over = asked.is_over(now, store.pause(), store.power().idle_level());
                self.idle = (!is_over).then_some(asked);
            }
        }
    }

    /// Frames of one robot, the first that has any: two robots' numbers in one stream would be confused.
    fn frame(&mut self, target: usize) {
        let robot = *self.robot.get_or_insert(target);
        let store = &self.app.targets()[target].store;
        let is_his = robot == target && self.idle.is_none();
        if let Some(frame) = store.frames().last().filter(|_| is_his) {
            let policy = store.plan().and_then(|p| p.policy);
            let line = FrameLine::new(frame, store.model())
                .with_power(store)
                .with_link(store)
                .with_prediction_error(frame, store)
                .with_policy(policy.map(|policy| policy.to_string()));
            self.fresh
                .push(if self.json { line.json() } else { line.human() });
        }
    }

    /// Frames that were missed, in their own order, after newer ones.
    fn late(&mut self, target: usize, frames: &[FrameRecord]) {
        let robot = *self.robot.get_or_insert(target);
        if robot != target {
            return;
        }
        let model = self.app.targets()[target].store.model();
        let lines = frames.iter().map(|frame| FrameLine {
            late: true,
            ..FrameLine::new(frame, model)
        });
        let json = self.json;
        let words = lines.map(|line| if json { line.json() } else { line.human() });
        self.fresh.extend(words);
    }

    /// Hands the new frames to standard output; true when the frames asked for are written or nobody waits any more.
    async fn write(
        &mut self,
        lines: &Lines,
        signals: &mut Signals,
        left: &mut Option<u64>,
    ) -> bool {
        for line in self.fresh.drain(..) {
            if let Some(left) = left {
                if *left == 0 {
                    return true;
                }
                *left -= 1;
            }
            tokio::select! {
                biased;
                _ = signals.next() => return true,
                sent = lines.sender.send(line) => if sent.is_err() { return true },
            }
        }
        *left == Some(0)
    }

    fn refusal(&self) -> Option<String> {
        self.app
            .targets()
            .iter()
            .find_map(|target| match target.connection.phase() {
                Phase::Refused { why, .. } => Some(format!("{}: {why}", target.address)),
                _ => None,
            })
    }

    fn at_the_end(&self) -> Ended {
        if self.reached {
            return Ended::Done;
        }
        let tried = self.app.targets().iter();
        let tried: Vec<_> = tried.map(|t| t.address.to_string()).collect();
        Ended::NeverReached(format!("no worker answered at {}", tried.join(", ")))
    }

    /// Says on standard error what changed beside frames.
    fn notice(&mut self) {
        for (index, target) in self.app.targets().iter().enumerate() {
            self.reached |= target.connection.is_up();
            let words = match target.connection.phase() {
                // The end tells a refusal.
                Phase::Connecting { .. } | Phase::Refused { .. } => continue,
                Phase::Live { .. } => "connected".to_owned(),
                Phase::Stale { .. } => "silent".to_owned(),
                Phase::Retry { reason, .. } => format!("{reason}; tried again"),
            };
            let words = format!("{} ({}): {words}", target.name(), target.address);
            if self.told[index] != words {
                say(&words);
                self.told[index] = words;
            }
            let worker = target.store.worker().filter(|w| w.role == Role::Robot);
            if let Some(worker) = worker.filter(|_| !self.watched[index]) {
                self.watched[index] = true;
                if let Some(words) = self.control.words(worker.needs_token) {
                    say(&format!("{} ({}): {words}", target.name(), target.address));
                }
            }
            let missed = target.store.lost_batches();
            if missed > self.missed[index] {
                say(&format!(
                    "{}: {missed} batches missed so far",
                    target.name()
                ));
                self.missed[index] = missed;
            }
            let events = target.store.events();
            tell_events(&target.name(), events, Level::Info, &mut self.events[index]);
        }
        let own = self.app.targets().len();
        tell_events(
            "console",
            self.app.own_events(),
            Level::Info,
            &mut self.events[own],
        );
    }
}

/// The frames of a batch that comes late.
fn late_frames(update: &Update) -> Option<(usize, Vec<FrameRecord>)> {
    let Update::Link {
        target,
        said: Said::Backfill(backfill),
        ..
    } = update
    else {
        return None;
    };
    let BackfillPart::Batch(batch) = &backfill.part else {
        return None;
    };
    let frames = batch.records.iter().filter_map(|record| match record {
        Record::Frame(frame) => Some(FrameRecord::clone(frame)),
        _ => None,
    });
    Some((*target, frames.collect()))
}

/// Tells the events that were not told yet on standard error, those of a level and above.
pub(super) fn tell_events(from: &str, events: &Events, least: Level, told: &mut u64) {
    let new = events.total().saturating_sub(*told) as usize;
    let rows: Vec<&EventRow> = events.newest().take(new).collect();
    for row in rows.into_iter().rev().filter(|r| r.level >= least) {
        let time = row.unix_ms.map(clock::time_of_day_utc).unwrap_or_default();
        say(&format!("{time} {from}: {}", row.text));
    }
    *told = events.total();
}

/// Standard error is the last place to say something: nothing can be done where it is closed.
pub(super) fn say(text: &str) {
    writeln!(io::stderr(), "{text}").ok();
}

/// Standard output behind a thread: a reader that stops reading stops only that.
struct Lines {
    sender: mpsc::Sender<String>,
    done: oneshot::Receiver<()>,
}

impl Lines {
    /// Starts the thread; the second is fulfilled when nobody reads any more.
    fn start() -> Result<(Self, oneshot::Receiver<()>), ConsoleError> {
        let (sender, mut lines) = mpsc::channel::<String>(LINES);
        let (finished, done) = oneshot::channel();
        let (broke, broken) = oneshot::channel();
        std::thread::Builder::new()
            .name("stdout".to_owned())
            .spawn(move || {
                let mut out = BufWriter::new(io::stdout());
                while let Some(line) = lines.blocking_recv() {
                    let flush = lines.is_empty();
                    let written = writeln!(out, "{line}");
                    let written = written.and_then(|()| if flush { out.flush() } else { Ok(()) });
                    if written.is_err() {
                        broke.send(()).ok();
                        // What is left has no reader, and the buffer must not try once more.
                        drop(out.into_parts());
                        return;
                    }
                }
                out.flush().ok();
                finished.send(()).ok();
                // Held until here: dropping it would look like a broken pipe.
                drop(broke);
            })
            .map_err(ConsoleError::Thread)?;
        Ok((Self { sender, done }, broken))
    }

    /// Waits for the last lines, but not for ever.
    async fn finish(self) {
        drop(self.sender);
        tokio::time::timeout(LAST_LINES, self.done).await.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Watts;

    #[test]
    fn lines_wait_for_the_level_of_the_pause_that_was_asked_for() {
        let level = |from| IdleLevel {
            source: "s".to_owned(),
            watts: Watts(4.0),
            from: Nanos(from),
            until: Nanos(from + 50),
            covered_ns: 50,
            emulated: false,
        };
        let pause = |quiet_since| Pause {
            by: "ada".to_owned(),
            began: Nanos(190),
            until: Nanos(300),
            quiet_since,
        };
        let [earlier, own] = [100, 210].map(level);
        let [draining, quiet] = [None, Some(Nanos(200))].map(pause);
        let mut idle = Idle::Asked {
            late: Nanos(1000),
            quiet_since: None,
        };
        // The robot's clock and ours have nothing to do with each other.
        assert!(!idle.is_over(Nanos(1), None, Some(&earlier)));
        assert!(!idle.is_over(Nanos(2), Some(&draining), Some(&earlier)));
        assert!(!idle.is_over(Nanos(3), Some(&quiet), Some(&earlier)));
        assert!(!idle.is_over(Nanos(4), None, None));
        assert!(idle.is_over(Nanos(5), None, Some(&own)));
        assert!(idle.is_over(Nanos(1001), None, Some(&earlier)), "late");
    }
}
