//! What happens to a sweep between its robot and its reducer: the robot's records, answers and absences in, commands out.

use super::Stage;
use crate::console::app::{App, Effect, Moment, Redraw, Turn};
use crate::sweep::{Event, How, Order, Rule, Sweep};
use crate::units::BootId;
use crate::wire::console::Command;
use crate::wire::{Level, PeerState, PlanRecord, Record};

/// Refused control is asked for again after this long: a session that the robot still believes in ends by itself.
const AGAIN_AFTER_NS: i64 = 1_000_000_000;
/// So often, then another console has it.
const TRIES: u32 = 20;

impl App {
    fn is_of_sweep(&self, target: usize, command: u64) -> bool {
        let sweeping = self.sweeping.as_ref();
        sweeping.is_some_and(|s| s.target == target && s.command == Some(command))
    }

    /// The robot told something.
    pub(in crate::console::app) fn sweep_hears(
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
    pub(in crate::console::app) fn sweep_lost(&mut self, index: usize, at: Moment) {
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
    pub(in crate::console::app) fn sweep_back(
        &mut self,
        index: usize,
        boot: BootId,
        at: Moment,
        turn: &mut Turn,
    ) {
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
    pub(in crate::console::app) fn sweep_tick(&mut self, at: Moment, turn: &mut Turn) {
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
    pub(in crate::console::app) fn sweep_answer(
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
        let (sweep, order) = Sweep::new(
            sweeping.header.plans.clone(),
            sweeping.header.settings,
            sweeping.restore.clone(),
            servers,
            store.power().sources(),
            sweeping.header.needs_solo_check(),
            at.now,
        );
        sweeping.sweep = Some(sweep);
        self.sweep_obey(order, at, turn);
    }

    pub(super) fn sweep_event(&mut self, event: Event<'_>, at: Moment, turn: &mut Turn) {
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
            Order::Idle { for_ms } => self.sweep_send(Command::Idle { for_ms }, turn),
            Order::End(how) => {
                let Some(sweeping) = &mut self.sweeping else {
                    return;
                };
                let connected = matches!(sweeping.stage, Stage::Running);
                // Who took control chooses the plan; and whom we cannot reach brings it back by itself.
                if connected && !matches!(how, How::ControlLost(_)) {
                    sweeping.stage = Stage::Restoring { since: at.now };
                    if sweeping.header.settings.idle_ms > 0 {
                        // It may have ended while the robot was left alone; where it was not, this changes nothing.
                        self.sweep_send(Command::Idle { for_ms: 0 }, turn);
                    }
                    self.sweep_send(Command::EndSweep, turn);
                } else {
                    sweeping.over(false);
                }
            }
        }
    }

    pub(super) fn sweep_ask_control(&mut self, turn: &mut Turn) {
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
