//! What keys do to the state.

use std::sync::Arc;

use super::screens::sessions::Errand;
use super::screens::sweep;
use super::{
    Action, App, Effect, Frozen, Moment, Move, Noting, Palette, Pick, Picker, PlanRequest,
    PolicyPicker, Proposal, Screen, TakeOver, Turn, proposal,
};
use crate::console::connection::Phase;
use crate::plan::Plan;
use crate::playback::{Command as Time, Standing};
use crate::policy::Spec;
use crate::store::{Store, Worker};
use crate::units::Nanos;
use crate::wire::console::{Command, proof};

/// Who holds a robot's control lease, as this console sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Control {
    You,
    Other(String),
    Nobody,
    Unknown,
}

impl Control {
    pub(crate) fn of(store: &Store) -> Self {
        let (Some(worker), Some(lease)) = (store.worker(), store.lease()) else {
            return Self::Unknown;
        };
        match lease.session {
            Some(session) if session == worker.session => Self::You,
            Some(_) => Self::Other(
                lease
                    .name
                    .clone()
                    .unwrap_or_else(|| "another console".to_owned()),
            ),
            None => Self::Nobody,
        }
    }
}

impl App {
    pub(super) fn act(&mut self, action: Action, at: Moment, turn: &mut Turn) {
        if action == Action::Quit {
            turn.effects.push(Effect::Quit);
            return;
        }
        if action == Action::Suspend {
            turn.effects.push(Effect::Suspend);
            return;
        }
        if self.help {
            let back = [Action::Help, Action::Back, Action::Pick(Pick::Close)];
            if back.contains(&action) {
                self.help = false;
            }
            return;
        }
        self.notice = None;
        if !self.deck.is_live() && action.commands() {
            let word = self.deck.playback().standing().word();
            let way = if self.is_replay() {
                ""
            } else {
                "; End goes live"
            };
            self.notice = Some(format!(
                "{word}: nothing is sent to a worker from here{way}"
            ));
            return;
        }
        if let Some(question) = self.take_over.take() {
            match action {
                Action::Apply | Action::Control => {
                    return self.take_control(question.target, true, question.then, turn);
                }
                Action::Back => return,
                _ => {}
            }
        }
        if self.answers(action, at, turn) {
            return;
        }
        match action {
            Action::Cut(step) => self.move_cut(step),
            Action::Modes => self.open_picker(),
            Action::Pick(pick) => self.pick(pick, at, turn),
            Action::Show(screen) => self.show(screen, turn),
            Action::Turn(by) => self.show(self.screens.shown.turned(by), turn),
            Action::OpenPalette => self.palette = Some(Palette::default()),
            Action::Palette(what) => self.on_palette(what, at, turn),
            Action::Live(what) => self.on_live(what),
            Action::Chart(what) => self.on_chart(what),
            Action::Timeline(what) => self.on_timeline(what),
            Action::Sweep(what) => self.on_sweep(what, at, turn),
            Action::Power(what) => self.on_power(what, at, turn),
            Action::Layers(what) => self.on_layers(what),
            Action::Sessions(what) => self.on_sessions(what, turn),
            Action::Workers(what) => self.on_workers(what),
            Action::Log(what) => self.on_log(what),
            Action::Search(typed) => match self.screens.shown {
                Screen::Log => self.search_log(typed),
                _ => self.search_layers(typed),
            },
            Action::Apply => self.apply(at, turn),
            Action::Revert => self.revert(at, turn),
            Action::Back => {
                if self.proposal.take().is_none() {
                    self.show(Screen::Live, turn);
                }
            }
            Action::Policy => self.open_policies(at),
            Action::Control => self.control(at, turn),
            Action::Time(command) => self.on_time(command, at, turn),
            Action::GoTo(typing) => self.on_typing(typing, at, turn),
            Action::Pause if !self.deck.is_live() => self.on_time(Time::Toggle, at, turn),
            Action::Pause => {
                self.frozen = match self.frozen.take() {
                    Some(_) => None,
                    None => Some(Frozen {
                        at: at.now,
                        stores: self.targets.iter().map(|t| t.store.clone()).collect(),
                    }),
                };
            }
            Action::Mark => self.begin_note(Noting::Marker, at),
            Action::Describe => self.describe(),
            Action::NameSession => self.begin_note(Noting::Name, at),
            Action::NextTarget => self.next_target(),
            Action::Help => self.help = true,
            Action::Suspend | Action::Quit => {}
        }
    }

    fn next_target(&mut self) {
        if self.targets.len() > 1 {
            let next = self.focus().map_or(0, |i| (i + 1) % self.targets.len());
            self.select(next);
        }
    }

    /// Makes all screens be about a worker.
    pub(super) fn select(&mut self, index: usize) {
        self.selected = Some(index);
        self.proposal = None;
        self.screens.another_worker();
    }

    /// Why nothing may be changed now, if so: what the person sees is not how the robot is.
    fn obstacle(&self, index: usize, now: Nanos) -> Option<String> {
        match self.display() {
            Standing::Live => {}
            Standing::Rewound => {
                let text =
                    "the display stands still, the robot does not: go on first, nothing was sent";
                return Some(text.to_owned());
            }
            Standing::Replay => return Some("this is a recording: nothing can be sent".to_owned()),
        }
        let target = self.targets.get(index)?;
        let name = target.name();
        if !target.connection.is_up() {
            return Some(format!("{name} is not connected: nothing was sent"));
        }
        let Phase::Stale { heard } = target.connection.phase() else {
            return None;
        };
        let seconds = now.since(*heard) / 1_000_000_000;
        Some(format!(
            "{name} has been silent for {seconds} s: nothing is sent on what may not hold any more"
        ))
    }

    /// Why a proposal cannot be applied now, if so.
    pub fn hindrance(&self, now: Nanos) -> Option<String> {
        self.obstacle(self.focus()?, now)
    }

    /// Whether an action would do what it says in the present state: what is not offered says why when it is tried.
    pub fn offers(&self, action: Action, now: Nanos) -> bool {
        let orders = matches!(
            action,
            Action::Apply
                | Action::Revert
                | Action::Policy
                | Action::Control
                | Action::Sweep(sweep::Do::Start)
        );
        let sweeps = self.sweeping().is_some_and(|s| !s.is_over());
        match action {
            _ if !self.deck.is_live() && action.commands() => false,
            _ if orders && self.hindrance(now).is_some() => false,
            Action::Sweep(sweep::Do::Start | sweep::Do::SetUp | sweep::Do::Change(_)) => !sweeps,
            Action::Sweep(sweep::Do::Skip | sweep::Do::Stop) => sweeps,
            Action::Mark | Action::NameSession => self.recording().is_some(),
            Action::NextTarget => self.targets.len() > 1,
            _ => true,
        }
    }

    /// The robot that may be changed now; says why there is none.
    pub(super) fn changeable(&mut self, at: Moment) -> Option<usize> {
        let index = self.robot()?;
        if let Some(why) = self.obstacle(index, at.now) {
            self.notice = Some(why);
            return None;
        }
        Some(index)
    }

    pub(super) fn show(&mut self, screen: Screen, turn: &mut Turn) {
        self.screens.shown = screen;
        if screen == Screen::Sessions {
            turn.effects.push(Effect::Errand(Errand::List));
        }
    }

    /// Proposes the present proposal or plan with its cut moved.
    fn move_cut(&mut self, step: Move) {
        let Some(index) = self.robot() else {
            return;
        };
        let store = &self.targets[index].store;
        let Some(model) = store.model() else {
            return self.no_model();
        };
        let effective = store.plan().map(|p| &p.plan);
        let proposed = self.proposal.as_ref().map(|p| &p.plan);
        let local = Plan::LOCAL;
        let from = proposed.or(effective).unwrap_or(&local);
        match proposal::moved(from, step, &model.graph) {
            Some(moved) => {
                let differs = Some(&moved) != effective;
                self.proposal = differs.then(|| Proposal::new(moved, &model.graph));
            }
            None => {
                // With syncs, a row is a layer, and one is what comes after the last.
                let last = match store.syncs().len() {
                    0 => model.graph.operator_count().saturating_sub(1) as usize,
                    layers => layers,
                };
                self.screens.live.move_row(step, last);
            }
        }
    }

    pub(super) fn no_model(&mut self) {
        self.notice = Some("the robot has not told its model yet".to_owned());
    }

    fn open_picker(&mut self) {
        let Some(index) = self.robot() else {
            return;
        };
        let store = &self.targets[index].store;
        let Some(model) = store.model() else {
            return self.no_model();
        };
        let local = Plan::LOCAL;
        let effective = store.plan().map_or(&local, |p| &p.plan);
        let servers = usize::from(store.peers().last_server()).max(1);
        self.picker = Some(Picker::new(Arc::clone(&model.graph), effective, servers));
    }

    fn pick(&mut self, pick: Pick, at: Moment, turn: &mut Turn) {
        if let Some(policies) = &mut self.policies {
            match pick {
                Pick::Close => self.policies = None,
                Pick::Apply => {
                    let chosen = policies.chosen();
                    self.policies = None;
                    self.policy(chosen, at, turn);
                }
                pick => policies.press(pick),
            }
            return;
        }
        let Some(picker) = &mut self.picker else {
            return;
        };
        match pick {
            Pick::Close => self.picker = None,
            Pick::Apply => match picker.preview() {
                Err(_) => {
                    let text = "there is no such plan here; the reason stands in the picker";
                    self.notice = Some(text.to_owned());
                }
                Ok(preview) => {
                    let plan = preview.plan.clone();
                    self.picker = None;
                    self.ask_for(plan, at, turn);
                }
            },
            pick => picker.press(pick),
        }
    }

    fn ask_for(&mut self, plan: Plan, at: Moment, turn: &mut Turn) {
        let Some(index) = self.changeable(at) else {
            return;
        };
        let store = &self.targets[index].store;
        let effective = store.plan().map(|p| &p.plan);
        if effective == Some(&plan) {
            self.notice = Some(format!("{} is in effect already", plan.label()));
            return;
        }
        let Some(model) = store.model() else {
            return self.no_model();
        };
        self.proposal = Some(Proposal::new(plan, &model.graph));
        self.apply(at, turn);
    }

    /// Asks for the plan before the one in effect.
    fn revert(&mut self, at: Moment, turn: &mut Turn) {
        let Some(index) = self.changeable(at) else {
            return;
        };
        match self.targets[index].store.plan_before().cloned() {
            Some(plan) => self.ask_for(plan, at, turn),
            None => {
                let text = "this console has seen no plan before this one: nothing to go back to";
                self.notice = Some(text.to_owned());
            }
        }
    }

    fn apply(&mut self, at: Moment, turn: &mut Turn) {
        let Some(index) = self.changeable(at) else {
            return;
        };
        let Some(Proposal { plan, .. }) = self.proposal.clone() else {
            self.notice = Some("nothing is proposed: move the cut or press m".to_owned());
            return;
        };
        let store = &self.targets[index].store;
        let effective = store.plan();
        let request = PlanRequest {
            plan,
            expect: effective.map(|p| p.epoch),
        };
        match Control::of(store) {
            Control::You => self.set_plan(index, request, turn),
            Control::Nobody | Control::Unknown => {
                self.take_control(index, false, Some(request), turn);
            }
            Control::Other(holder) => {
                self.take_over = Some(TakeOver {
                    target: index,
                    holder,
                    then: Some(request),
                });
            }
        }
    }

    fn control(&mut self, at: Moment, turn: &mut Turn) {
        let Some(index) = self.changeable(at) else {
            return;
        };
        match Control::of(&self.targets[index].store) {
            Control::You => self.send(index, Command::ReleaseControl, None, None, turn),
            Control::Nobody | Control::Unknown => self.take_control(index, false, None, turn),
            Control::Other(holder) => {
                self.take_over = Some(TakeOver {
                    target: index,
                    holder,
                    then: None,
                });
            }
        }
    }

    fn open_policies(&mut self, at: Moment) {
        if let Some(index) = self.changeable(at) {
            let plan = self.targets[index].store.plan();
            self.policies = Some(PolicyPicker::new(plan.and_then(|p| p.policy)));
        }
    }

    /// Hands the plan to a policy, or takes it back from whichever has it.
    fn policy(&mut self, policy: Option<Spec>, at: Moment, turn: &mut Turn) {
        let Some(index) = self.changeable(at) else {
            return;
        };
        let store = &self.targets[index].store;
        let reigns = store.plan().and_then(|p| p.policy);
        if reigns == policy {
            let who = policy.map_or_else(|| "an operator".to_owned(), |spec| spec.to_string());
            self.notice = Some(format!("{who} has the say already"));
            return;
        }
        if self.in_control(index, turn) {
            self.proposal = None;
            self.send(index, Command::SetPolicy { policy }, None, None, turn);
        }
    }

    /// Takes control first where it is free; false where it is another's, which is asked about.
    pub(super) fn in_control(&mut self, index: usize, turn: &mut Turn) -> bool {
        match Control::of(&self.targets[index].store) {
            Control::You => {}
            // The two are performed in this order; without control the second is refused with the reason.
            Control::Nobody | Control::Unknown => self.take_control(index, false, None, turn),
            Control::Other(holder) => {
                self.take_over = Some(TakeOver {
                    target: index,
                    holder,
                    then: None,
                });
                return false;
            }
        }
        true
    }

    pub(super) fn set_plan(&mut self, index: usize, request: PlanRequest, turn: &mut Turn) {
        let command = Command::SetPlan { plan: request.plan };
        self.send(index, command, request.expect, None, turn);
    }

    pub(super) fn take_control(
        &mut self,
        index: usize,
        force: bool,
        then: Option<PlanRequest>,
        turn: &mut Turn,
    ) {
        let Some(worker) = self.targets[index].store.worker() else {
            return;
        };
        match self.proof(worker) {
            Ok(proof) => {
                let command = Command::TakeControl { force, proof };
                self.send(index, command, None, then, turn);
            }
            Err(why) => self.notice = Some(why),
        }
    }

    pub(super) fn proof(&self, worker: &Worker) -> Result<Option<crate::units::Hash32>, String> {
        match &self.token {
            _ if !worker.needs_token => Ok(None),
            Some(token) => Ok(Some(proof(token, &worker.nonce))),
            None => Err(format!(
                "{} {} wants a token for control: start with --token-file FILE",
                worker.role.name(),
                worker.host
            )),
        }
    }

    pub(super) fn send(
        &mut self,
        index: usize,
        command: Command,
        expect: Option<crate::units::Epoch>,
        then: Option<PlanRequest>,
        turn: &mut Turn,
    ) {
        let target = &self.targets[index];
        let Some(worker) = target.store.worker().filter(|_| target.connection.is_up()) else {
            self.notice = Some(format!(
                "{} is not connected: nothing was sent",
                target.name()
            ));
            return;
        };
        let message = self.orders.send(index, worker.boot, command, expect, then);
        turn.effects.push(Effect::Send {
            target: index,
            message,
        });
    }

    /// The robot that keys act on; says why there is none.
    pub(super) fn robot(&mut self) -> Option<usize> {
        let focus = self.focus().filter(|&i| self.targets[i].is_robot());
        if focus.is_none() {
            self.notice = Some("no robot is shown: plans are the robot's to change".to_owned());
        }
        focus
    }
}
