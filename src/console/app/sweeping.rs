//! A sweep that this console drives: [`Sweep`] decides what comes next; here its orders become commands, and what the
//! robot tells becomes its events. The Sweep screen and `splitscope sweep` begin it alike.

mod drive;
mod outlook;
mod words;

use std::path::PathBuf;

pub(in crate::console::app) use outlook::of_wanted;

use super::{App, Effect, Moment, Redraw, Turn};
use crate::model::Graph;
use crate::plan::Plan;
use crate::policy::Spec;
use crate::sweep::{
    Cuts, DeviceLine, EndRow, Event, Forecast, Given, Header, How, ModelLine, News, PlanLine, Seen,
    Settings, Sweep, Until, Wanted,
};
use crate::units::{BootId, Nanos};

/// From the end to the word that the plan from before is back.
const RESTORED_WITHIN_NS: i64 = 12_000_000_000;

/// What somebody wants swept.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Partition points, if any.
    pub cuts: Option<Cuts>,
    /// Modes with their parameters.
    pub modes: Vec<Wanted>,
    /// What is known beside them.
    pub given: Given,
    /// How to go about it.
    pub settings: Settings,
    /// What the experiment is called.
    pub title: Option<String>,
    /// The model that the robot is to run, if that matters.
    pub expects: Option<Expected>,
    /// The link in the person's words.
    pub link: Option<String>,
    /// It ends after so many seconds in any case.
    pub seconds: Option<f64>,
    /// Take control from another console.
    pub force: bool,
    /// Store it in a file as it grows.
    pub keep: bool,
}

/// Rounds of the short sweep that finds the best cut.
const SCOUT_ROUNDS: u32 = 3;

impl Request {
    /// Whether a plan wants the best cut, and it is not known.
    pub fn seeks_best(&self) -> bool {
        self.given.best.is_none() && self.modes.iter().any(Wanted::wants_best)
    }

    /// The best of these cuts, the best one first, that every plan that wants it can be made with: nothing is streamed at
    /// a cut with all on one device.
    pub fn suitable(&self, graph: &Graph, ranked: impl IntoIterator<Item = u32>) -> Option<u32> {
        let wanting = self.modes.iter().filter(|wanted| wanted.wants_best());
        let wanting: Vec<Wanted> = wanting.cloned().collect();
        ranked.into_iter().find(|cut| {
            let given = Given {
                best: Some(*cut),
                ..self.given
            };
            PlanLine::list(graph, None, &wanting, given).is_ok()
        })
    }

    /// The short sweep that finds it: over the cuts that one tensor crosses.
    #[must_use]
    pub fn scout(&self, rounds: Option<u32>) -> Self {
        Self {
            cuts: Some(Cuts::Single),
            modes: Vec::new(),
            settings: Settings {
                frames: 1,
                visit_ms: 0,
                idle_ms: 0,
                energy: false,
                until: Until::Repeats(rounds.unwrap_or(SCOUT_ROUNDS)),
                ..self.settings
            },
            keep: false,
            ..self.clone()
        }
    }
}

/// Something of a sweep that is to be stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept {
    /// It begins.
    Begin(Box<Header>),
    /// There is more of it.
    News(Box<News>),
    /// It is over.
    End(EndRow),
}

/// How storing goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// It is stored in this file.
    In(PathBuf),
    /// It is not, or not whole, and why.
    Not(String),
}

/// A model that a robot is expected to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Its name.
    pub name: String,
    /// Rows and columns of its input.
    pub size: [u32; 2],
    /// Images of a frame.
    pub batch: u32,
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [rows, columns] = self.size;
        write!(f, "{} at {rows}x{columns}, batch {}", self.name, self.batch)
    }
}

/// How far the sweep is with the robot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Control is asked for.
    Control,
    /// The robot is told that a sweep begins, or goes on.
    Beginning,
    /// Plans are visited.
    Running,
    /// The connection to the robot is lost.
    Lost,
    /// The plan from before is asked for.
    Restoring {
        /// Since when.
        since: Nanos,
    },
    /// Over; whether the plan from before is known to be back.
    Over {
        /// It is.
        restored: bool,
    },
}

/// A sweep with everything around it.
#[derive(Debug, Clone)]
pub struct Sweeping {
    target: usize,
    boot: BootId,
    header: Header,
    restore: Plan,
    /// The policy that had the say before.
    policy: Option<Spec>,
    sweep: Option<Sweep>,
    stage: Stage,
    force: bool,
    /// The command that an answer is waited for of.
    command: Option<u64>,
    /// When control is asked for again, and how often it was refused.
    again: Option<Nanos>,
    tries: u32,
    /// When it ends in any case.
    until: Option<Nanos>,
    /// Why it never came to a sweep.
    failed: Option<String>,
    /// What of it was handed on to be stored; none: it is not, or its end is handed on.
    seen: Option<Seen>,
    stored: Option<Stored>,
    /// How long it was to take.
    forecast: Forecast,
    /// It seeks the best cut for this one.
    then: Option<Box<Request>>,
}

impl Sweeping {
    /// The robot, by its place in the list of targets.
    pub const fn target(&self) -> usize {
        self.target
    }

    /// What is swept, on what.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The sweep, once the robot knows of it.
    pub const fn sweep(&self) -> Option<&Sweep> {
        self.sweep.as_ref()
    }

    /// How long it was to take, before it began.
    pub const fn forecast(&self) -> &Forecast {
        &self.forecast
    }

    /// How far it is.
    pub const fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Why it never came to a sweep, if so.
    pub fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Where it is stored, or why not; none where nothing is known of that yet, or it is not to be.
    pub const fn stored(&self) -> Option<&Stored> {
        self.stored.as_ref()
    }

    /// Whether nothing more will happen.
    pub const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over { .. })
    }

    /// Whether the plan from before is known to be back.
    pub const fn is_restored(&self) -> bool {
        matches!(self.stage, Stage::Over { restored: true })
    }

    /// Nothing more will happen.
    fn over(&mut self, restored: bool) {
        self.stage = Stage::Over { restored };
        if let Some(sweep) = &mut self.sweep {
            sweep.finish();
        }
    }

    fn next_tick(&self) -> Option<Nanos> {
        match &self.stage {
            Stage::Control | Stage::Beginning => self.again,
            Stage::Running => {
                let next = self.sweep.as_ref().and_then(Sweep::next_tick);
                next.into_iter().chain(self.until).min()
            }
            Stage::Restoring { since } => Some(since.shifted(RESTORED_WITHIN_NS)),
            Stage::Lost | Stage::Over { .. } => None,
        }
    }
}

impl App {
    /// The sweep under way, or the last one.
    pub fn sweeping(&self) -> Option<&Sweeping> {
        self.sweeping.as_deref()
    }

    /// When the sweep wants to be woken.
    pub(super) fn sweep_tick_due(&self) -> Option<Nanos> {
        self.sweeping.as_ref()?.next_tick()
    }

    /// Begins a sweep on the robot that is shown.
    ///
    /// # Errors
    /// A sentence: one is on already, no robot is there or has told enough yet, or the plans do not suit its model.
    pub fn begin_sweep(&mut self, request: &Request, at: Moment) -> Result<Turn, String> {
        let mut turn = Turn::default();
        if self.sweeping.as_ref().is_some_and(|s| !s.is_over()) {
            return Err("a sweep is on already".to_owned());
        }
        let robot = self.focus().filter(|&i| self.targets[i].is_robot());
        let target = robot.ok_or("no robot is there to sweep")?;
        let store = &self.targets[target].store;
        let worker = store.worker().ok_or("the robot has not said hello yet")?;
        let model = store
            .model()
            .ok_or("the robot has not told its model yet")?;
        let plan = store.plan().ok_or("the robot has not told its plan yet")?;
        let input = model.graph.input_shape();
        if let Some(expected) = &request.expects {
            let runs = Expected {
                name: model.graph.name().to_owned(),
                size: [input.rows, input.columns],
                batch: input.batch,
            };
            if runs != *expected {
                return Err(format!("the robot runs {runs}, not {expected}"));
            }
        }
        let plans = PlanLine::list(
            &model.graph,
            request.cuts.as_ref(),
            &request.modes,
            request.given,
        )
        .map_err(|e| e.to_string())?;
        let device = |worker: &crate::store::Worker| DeviceLine {
            host: worker.host.clone(),
            engine: worker.engine.clone(),
            emulated: worker.emulated,
        };
        let others = self.targets.iter().enumerate();
        let servers = others
            .filter(|(i, t)| *i != target && !t.is_robot())
            .filter_map(|(_, t)| t.store.worker().map(device));
        let emulated_link = store.peers().iter().find_map(|peer| peer.link.clone());
        let header = Header {
            version: crate::wire::VERSION.to_owned(),
            began_unix_ms: at.unix_ms,
            title: request.title.clone(),
            model: ModelLine {
                name: model.graph.name().to_owned(),
                batch: input.batch,
                rows: input.rows,
                columns: input.columns,
                operators: model.graph.operator_count(),
                weights: model.weights.clone(),
            },
            robot: device(worker),
            servers: servers.collect(),
            link: request.link.clone().or_else(|| emulated_link.clone()),
            link_emulated: emulated_link.is_some(),
            settings: request.settings,
            plans,
        };
        let forecast = outlook::of_lines(&header.plans, &header.settings, store);
        self.sweeping = Some(Box::new(Sweeping {
            target,
            boot: worker.boot,
            header,
            restore: plan.plan.clone(),
            policy: plan.policy,
            sweep: None,
            stage: Stage::Control,
            force: request.force,
            command: None,
            again: None,
            tries: 0,
            until: request
                .seconds
                .map(|s| at.now.shifted((s.clamp(0.0, 1e9) * 1e9) as i64)),
            failed: None,
            seen: request.keep.then(Seen::default),
            stored: None,
            forecast,
            then: None,
        }));
        if let Some(sweeping) = self.sweeping.as_ref().filter(|_| request.keep) {
            let begin = Kept::Begin(Box::new(sweeping.header.clone()));
            turn.effects.push(Effect::Keep(begin));
        }
        self.sweep_ask_control(&mut turn);
        Ok(turn)
    }

    /// Begins a sweep, after one that finds the best cut where a plan wants that.
    ///
    /// # Errors
    /// As [`App::begin_sweep`].
    pub fn begin_sweep_with_best(&mut self, request: &Request, at: Moment) -> Result<Turn, String> {
        if !request.seeks_best() {
            return self.begin_sweep(request, at);
        }
        let turn = self.begin_sweep(&request.scout(None), at)?;
        if let Some(sweeping) = &mut self.sweeping {
            sweeping.then = Some(Box::new(request.clone()));
        }
        Ok(turn)
    }

    /// The best cut is found: what it was sought for begins.
    pub(super) fn go_on_with_best(&mut self, at: Moment, turn: &mut Turn) {
        let Some(sweeping) = self.sweeping.as_mut().filter(|s| s.is_over()) else {
            return;
        };
        let Some(mut request) = sweeping.then.take() else {
            return;
        };
        let done = sweeping.sweep.as_ref();
        let done = done.filter(|s| s.ended() == Some(&How::Done));
        let ranked = done.map(Sweep::ranked);
        let model = self.targets[sweeping.target].store.model();
        let begun = match (ranked, model) {
            (Some(ranked), Some(model)) => {
                let cuts = ranked.iter().filter_map(|line| line.cut);
                request.given.best = request.suitable(&model.graph, cuts);
                self.begin_sweep(&request, at)
            }
            _ => Err("the search for the best cut did not come to its end".to_owned()),
        };
        match begun {
            Ok(begun) => turn.effects.extend(begun.effects),
            Err(why) => {
                let text = format!("no sweep: {why}");
                self.notice = Some(text.clone());
                self.say(crate::wire::Level::Warning, text, at);
            }
        }
        turn.redraw(Redraw::AtOnce);
    }

    /// Hands on what is new of the sweep, to be stored.
    pub(super) fn keep_sweep(&mut self, at: Moment, turn: &mut Turn) {
        let Some(sweeping) = &mut self.sweeping else {
            return;
        };
        let (Some(seen), Some(sweep)) = (&mut sweeping.seen, &sweeping.sweep) else {
            return;
        };
        if let Some(news) = sweep.news(seen) {
            turn.effects.push(Effect::Keep(Kept::News(Box::new(news))));
        }
        if let (Stage::Over { .. }, Some(how)) = (&sweeping.stage, sweep.ended()) {
            sweeping.seen = None;
            turn.effects.push(Effect::Keep(Kept::End(EndRow {
                how: how.word().to_owned(),
                unix_ms: at.unix_ms,
            })));
        }
    }

    /// How storing goes.
    pub(super) fn sweep_stored(&mut self, stored: Stored, at: Moment) {
        if let Stored::Not(why) = &stored {
            let text = format!("the sweep is not stored: {why}");
            self.say(crate::wire::Level::Error, text, at);
        }
        if let Some(sweeping) = &mut self.sweeping {
            if let Stored::Not(_) = stored {
                sweeping.seen = None;
            }
            sweeping.stored = Some(stored);
        }
    }

    /// Ends the sweep early; what there is stays.
    pub fn abort_sweep(&mut self, at: Moment, turn: &mut Turn) {
        self.sweep_event(Event::Abort, at, turn);
        if let Some(sweeping) = &mut self.sweeping
            && sweeping.sweep.is_none()
            && !sweeping.is_over()
        {
            // Nothing was changed yet.
            sweeping.failed = Some("it was stopped before it began".to_owned());
            sweeping.over(true);
        }
        turn.redraw(Redraw::AtOnce);
    }

    /// Leaves the present plan for good.
    pub fn skip_plan(&mut self, at: Moment, turn: &mut Turn) {
        self.sweep_event(Event::Skip, at, turn);
        turn.redraw(Redraw::AtOnce);
    }
}
