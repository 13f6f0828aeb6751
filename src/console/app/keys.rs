//! What keys do to the state.

use super::{Action, App, Effect, Frozen, Moment, PlanRequest, Proposal, TakeOver, Turn, ZOOMS};
use crate::store::{Store, Worker};
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
        if self.help {
            if matches!(action, Action::Help | Action::Back) {
                self.help = false;
            }
            return;
        }
        self.notice = None;
        if let Some(question) = self.take_over.take() {
            match action {
                Action::Apply | Action::Control => {
                    return self.take_control(question.target, true, question.then, turn);
                }
                Action::Back => return,
                _ => {}
            }
        }
        match action {
            Action::Cut(step) => self.propose(|now, n, _| now.moved(step, n)),
            Action::CycleMode => self.propose(|now, _, split| now.next_mode(split)),
            Action::Apply => self.apply(turn),
            Action::Back => self.proposal = None,
            Action::Control => self.control(turn),
            Action::Pause => {
                self.frozen = match self.frozen.take() {
                    Some(_) => None,
                    None => Some(Frozen {
                        at: at.now,
                        stores: self.targets.iter().map(|t| t.store.clone()).collect(),
                    }),
                };
            }
            Action::Zoom => self.zoom = (self.zoom + 1) % ZOOMS.len(),
            Action::NextLink => self.link = self.link.wrapping_add(1),
            Action::NextTarget => self.next_target(),
            Action::Help => self.help = true,
            Action::Quit => {}
        }
    }

    fn next_target(&mut self) {
        if self.targets.len() > 1 {
            let next = self.focus().map_or(0, |i| (i + 1) % self.targets.len());
            self.selected = Some(next);
            self.proposal = None;
        }
    }

    /// Proposes something made of the present proposal or plan, the number of operators and the last split's cut.
    fn propose(&mut self, change: impl FnOnce(Proposal, u32, u32) -> Proposal) {
        let Some(index) = self.robot() else {
            return;
        };
        let target = &self.targets[index];
        let Some(model) = target.store.model() else {
            self.notice = Some("the robot has not told its model yet".to_owned());
            return;
        };
        let n = model.graph.operator_count();
        let plan = target.store.plan().map(|p| &p.plan);
        let effective = plan.and_then(Proposal::of);
        let from = self.proposal.or(effective).unwrap_or(Proposal::Local);
        for known in [effective, self.proposal].into_iter().flatten() {
            if let Proposal::Split(k) = known {
                self.last_split = Some(k);
            }
        }
        let split = self.last_split.unwrap_or(n / 2).min(n);
        let proposal = change(from, n, split);
        self.proposal = (Some(proposal) != effective).then_some(proposal);
    }

    fn apply(&mut self, turn: &mut Turn) {
        let Some(index) = self.robot() else {
            return;
        };
        let Some(proposal) = self.proposal else {
            self.notice = Some("nothing is proposed: move the cut or press m first".to_owned());
            return;
        };
        let store = &self.targets[index].store;
        let effective = store.plan();
        let request = PlanRequest {
            plan: proposal.to_plan(effective.map(|p| &p.plan)),
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

    fn control(&mut self, turn: &mut Turn) {
        let Some(index) = self.robot() else {
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

    fn proof(&self, worker: &Worker) -> Result<Option<crate::units::Hash32>, String> {
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
    fn robot(&mut self) -> Option<usize> {
        let focus = self.focus().filter(|&i| self.targets[i].is_robot());
        if focus.is_none() {
            self.notice = Some("no robot is shown: plans are the robot's to change".to_owned());
        }
        focus
    }
}
