//! A sweep that this console drives: [`Sweep`] decides what comes next; here its orders become commands, and what the
//! robot tells becomes its events. The Sweep screen and `splitscope sweep` begin it alike.

mod words;

use super::{App, Effect, Moment, Redraw, Turn};
use crate::plan::Plan;
use crate::policy::Spec;
use crate::sweep::{
    Cuts, DeviceLine, Event, Header, How, ModelLine, Order, PlanLine, Rule, Settings, Sweep, Wanted,
};
use crate::units::{BootId, Nanos};
use crate::wire::console::Command;
use crate::wire::{Level, PeerState, PlanRecord, Record};

/// Refused control is asked for again after this long: a session that the robot still believes in ends by itself.
const AGAIN_AFTER_NS: i64 = 1_000_000_000;
/// So often, then another console has it.
const TRIES: u32 = 20;
/// From the end to the word that the plan from before is back.
const RESTORED_WITHIN_NS: i64 = 12_000_000_000;

/// What somebody wants swept.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Partition points, if any.
    pub cuts: Option<Cuts>,
    /// Modes with their parameters.
    pub modes: Vec<Wanted>,
    /// The cut that `best` stands for, once it was found.
    pub best: Option<u32>,
    /// How to go about it.
    pub settings: Settings,
    /// What the experiment is called.
    pub title: Option<String>,
    /// The link in the person's words.
    pub link: Option<String>,
    /// It ends after so many seconds in any case.
    pub seconds: Option<f64>,
    /// Take control from another console.
    pub force: bool,
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

    /// How far it is.
    pub const fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Why it never came to a sweep, if so.
    pub fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
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
        let plans = PlanLine::list(
            &model.graph,
            request.cuts.as_ref(),
            &request.modes,
            request.best,
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
        let input = model.graph.input_shape();
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
            link: request.link.clone(),
            settings: request.settings,
            plans,
        };
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
        }));
        self.sweep_ask_control(&mut turn);
        Ok(turn)
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

    fn is_of_sweep(&self, target: usize, command: u64) -> bool {
        let sweeping = self.sweeping.as_ref();
        sweeping.is_some_and(|s| s.target == target && s.command == Some(command))
    }

    /// The robot told something.
    pub(super) fn sweep_hears(
        &mut self,
        index: usize,
        record: &Record,
        at: Moment,
        turn: &mut Turn,
    ) {
        let Some(sweeping) = self.sweeping.as_mut().filter(|s| s.target == index) else {
            return;
        };
        if sweeping.is_over() {
            return;
        }
        if let (Record::Plan(plan), Stage::Restoring { .. }) = (record, &sweeping.stage) {
            return self.sweep_told_plan(&plan.clone(), turn);
        }
        if let (Record::Lease(lease), Stage::Running) = (record, &sweeping.stage) {
            let own = self.targets[index].store.worker().map(|w| w.session);
            if lease.session.is_some() && lease.session != own {
                let holder =
                    crate::store::clean(lease.name.as_deref().unwrap_or("another console"), 64);
                return self.sweep_event(Event::ControlLost(&holder), at, turn);
            }
        }
        // Also while control is regained: what the robot tells when it is back is told once.
        self.sweep_event(Event::Record(record), at, turn);
    }

    /// After the end, the robot tells its plan: is it the one from before, under the policy from before?
    fn sweep_told_plan(&mut self, told: &PlanRecord, turn: &mut Turn) {
        let Some(sweeping) = &mut self.sweeping else {
            return;
        };
        let plan_is_back = told.plan == sweeping.restore;
        // A policy that is back may have changed the plan already.
        if told.policy == sweeping.policy && (plan_is_back || sweeping.policy.is_some()) {
            sweeping.over(true);
            turn.redraw(Redraw::Soon);
        } else if plan_is_back {
            let policy = sweeping.policy;
            self.sweep_send(Command::SetPolicy { policy }, turn);
        }
    }

    /// The connection to a worker is lost.
    pub(super) fn sweep_lost(&mut self, index: usize, at: Moment) {
        let Some(sweeping) = self.sweeping.as_mut().filter(|s| s.target == index) else {
            return;
        };
        if let Some(command) = sweeping.command.take() {
            self.orders.forget(index, command);
        }
        match sweeping.stage {
            Stage::Over { .. } => {}
            // The robot brings the plan back by itself.
            Stage::Restoring { .. } => sweeping.over(false),
            _ => {
                sweeping.stage = Stage::Lost;
                if let Some(sweep) = &mut sweeping.sweep {
                    sweep.event(Event::Lost, at.now);
                }
            }
        }
    }

    /// A worker said hello again.
    pub(super) fn sweep_back(&mut self, index: usize, boot: BootId, at: Moment, turn: &mut Turn) {
        let Some(sweeping) = self.sweeping.as_mut().filter(|s| s.target == index) else {
            return;
        };
        if sweeping.stage != Stage::Lost {
            return;
        }
        if sweeping.boot != boot {
            sweeping.boot = boot;
            let text = "the robot was restarted in the middle of the sweep; it goes on".to_owned();
            self.say(Level::Warning, text, at);
        }
        self.sweep_ask_control(turn);
    }

    /// Time passed.
    pub(super) fn sweep_tick(&mut self, at: Moment, turn: &mut Turn) {
        let Some(sweeping) = &mut self.sweeping else {
            return;
        };
        if sweeping.next_tick().is_none_or(|due| at.now < due) {
            return;
        }
        match sweeping.stage {
            Stage::Control | Stage::Beginning => self.sweep_ask_control(turn),
            Stage::Running => {
                let over = sweeping.until.is_some_and(|until| at.now >= until);
                let event = if over { Event::TimeUp } else { Event::Tick };
                self.sweep_event(event, at, turn);
            }
            Stage::Restoring { .. } => {
                sweeping.over(false);
                let text = format!(
                    "the robot did not say that {} is back; look at its plan",
                    sweeping.restore.label()
                );
                self.say(Level::Warning, text, at);
            }
            Stage::Lost | Stage::Over { .. } => {}
        }
        turn.redraw(Redraw::Soon);
    }

    /// An answer came; true if it was to a command of the sweep.
    pub(super) fn sweep_answer(
        &mut self,
        index: usize,
        command: u64,
        result: &Result<(), String>,
        at: Moment,
        turn: &mut Turn,
    ) -> bool {
        if !self.is_of_sweep(index, command) {
            return false;
        }
        let Some(sweeping) = &mut self.sweeping else {
            return false;
        };
        sweeping.command = None;
        match (&sweeping.stage, result) {
            (Stage::Control, Ok(())) => {
                sweeping.stage = Stage::Beginning;
                let restore = sweeping.restore.clone();
                self.sweep_send(Command::BeginSweep { restore }, turn);
            }
            (Stage::Beginning, Ok(())) => self.sweep_begun(at, turn),
            (Stage::Control | Stage::Beginning, Err(why)) => {
                sweeping.tries += 1;
                // Without a sweep yet, the first answer is the answer; afterwards our own dead session may hold it.
                if sweeping.sweep.is_none() {
                    sweeping.failed = Some(why.clone());
                    sweeping.over(true);
                } else if sweeping.tries > TRIES {
                    self.sweep_event(Event::ControlLost(&why.clone()), at, turn);
                } else {
                    sweeping.stage = Stage::Control;
                    sweeping.again = Some(at.now.shifted(AGAIN_AFTER_NS));
                }
            }
            (Stage::Running, Err(why)) => self.sweep_event(Event::Refused(why), at, turn),
            (Stage::Restoring { .. }, Err(_)) => {
                sweeping.over(false);
            }
            _ => {}
        }
        true
    }

    fn sweep_begun(&mut self, at: Moment, turn: &mut Turn) {
        let Some(sweeping) = &mut self.sweeping else {
            return;
        };
        sweeping.stage = Stage::Running;
        (sweeping.tries, sweeping.again) = (0, None);
        if sweeping.sweep.is_some() {
            return self.sweep_event(Event::Back, at, turn);
        }
        let store = &self.targets[sweeping.target].store;
        let asked = store.peers().iter().filter(|p| p.state != PeerState::None);
        let servers: Vec<_> = asked
            .map(|p| (p.device, p.state == PeerState::Ready))
            .collect();
        let sources = store.power().sources().clone();
        let (mut sweep, order) = Sweep::new(
            sweeping.header.plans.clone(),
            sweeping.header.settings,
            sweeping.restore.clone(),
            servers,
            at.now,
        );
        let told = Record::PowerSources(Box::new(sources));
        sweep.event(Event::Record(&told), at.now);
        sweeping.sweep = Some(sweep);
        self.sweep_obey(order, at, turn);
    }

    fn sweep_event(&mut self, event: Event<'_>, at: Moment, turn: &mut Turn) {
        let Some(sweeping) = &mut self.sweeping else {
            return;
        };
        let Some(sweep) = &mut sweeping.sweep else {
            return;
        };
        if let Some(order) = sweep.event(event, at.now) {
            self.sweep_obey(order, at, turn);
        }
    }

    fn sweep_obey(&mut self, order: Order, at: Moment, turn: &mut Turn) {
        turn.redraw(Redraw::Soon);
        match order {
            Order::Set(Rule::Plan(plan)) => self.sweep_send(Command::SetPlan { plan }, turn),
            Order::Set(Rule::Policy(policy)) => {
                let policy = Some(policy);
                self.sweep_send(Command::SetPolicy { policy }, turn);
            }
            Order::End(how) => {
                let Some(sweeping) = &mut self.sweeping else {
                    return;
                };
                let connected = matches!(sweeping.stage, Stage::Running);
                // Who took control chooses the plan; and whom we cannot reach brings it back by itself.
                if connected && !matches!(how, How::ControlLost(_)) {
                    sweeping.stage = Stage::Restoring { since: at.now };
                    self.sweep_send(Command::EndSweep, turn);
                } else {
                    sweeping.over(false);
                }
            }
        }
    }

    fn sweep_ask_control(&mut self, turn: &mut Turn) {
        let Some(sweeping) = &mut self.sweeping else {
            return;
        };
        sweeping.stage = Stage::Control;
        sweeping.again = None;
        let force = sweeping.force;
        let Some(worker) = self.targets[sweeping.target].store.worker() else {
            return;
        };
        match self.proof(worker) {
            Ok(proof) => self.sweep_send(Command::TakeControl { force, proof }, turn),
            Err(why) => {
                if let Some(sweeping) = &mut self.sweeping {
                    sweeping.failed = Some(why);
                    sweeping.over(true);
                }
            }
        }
    }

    /// Sends a command of the sweep. One that finds no connection is not sent: the loss is told by itself.
    fn sweep_send(&mut self, command: Command, turn: &mut Turn) {
        let Some(sweeping) = &mut self.sweeping else {
            return;
        };
        let target = sweeping.target;
        if !self.targets[target].connection.is_up() {
            return;
        }
        let message = self.orders.send(target, sweeping.boot, command, None, None);
        sweeping.command = Some(message.id);
        turn.effects.push(Effect::Send { target, message });
    }
}
