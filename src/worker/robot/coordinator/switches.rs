//! Switches of the plan: requested by a console, prepared by every device, applied between two admissions.

use std::sync::Arc;

use super::super::foresight::Tell;
use super::Coordinator;
use crate::clock;
use crate::engine::Engine;
use crate::link::Outbox;
use crate::plan::{Linked, Plan, Schedule};
use crate::units::{DeviceId, Epoch};
use crate::wire::data::Control;
use crate::wire::{Compressed, Level, Record, SwitchRecord, SwitchStage};
use crate::worker::endpoint::{CommandRequest, Order};
use crate::worker::switch::Ended;

impl<E: Engine> Coordinator<E> {
    pub(super) fn command(&mut self, request: CommandRequest) {
        let CommandRequest {
            id,
            session_name,
            expect_epoch,
            order,
            reply,
        } = request;
        let answer = match order {
            Order::Policy(policy) => self.set_policy(policy, &session_name),
            Order::Idle(for_ms) => {
                self.pause_for(for_ms, &session_name);
                Ok(())
            }
            Order::Plan(plan) => {
                // What a policy changed meanwhile is no reason to refuse an operator.
                let reigns = self.give_way_to(&session_name);
                let expect = expect_epoch.filter(|_| !reigns);
                let label = plan.label();
                let asked = self.ask_for(id, plan, expect);
                if asked.is_ok() {
                    self.say_plan_waits(&label);
                    self.take_back(&session_name);
                }
                asked
            }
        };
        let _ = reply.send(answer);
    }

    /// Begins the switch to a plan, told by its command's number.
    ///
    /// # Errors
    /// Why it does not begin.
    pub(super) fn ask_for(
        &mut self,
        command: u64,
        plan: Plan,
        expect: Option<Epoch>,
    ) -> Result<(), String> {
        let now = clock::now();
        let servers = &self.servers;
        let graph = self.runtime.graph();
        let missing = |schedule: &Schedule| servers.missing(schedule, false);
        let schedule = self
            .switch
            .request(graph, command, &plan, expect, missing, now)
            .cloned();
        let stage = match &schedule {
            Ok(_) => SwitchStage::Requested,
            Err(reason) => SwitchStage::Refused {
                reason: reason.clone(),
            },
        };
        self.hub.record(Record::Switch(SwitchRecord {
            at: now,
            command,
            plan,
            stage,
        }));
        let schedule = schedule?;
        self.prepare(&schedule);
        Ok(())
    }

    fn prepare(&mut self, schedule: &Schedule) {
        self.install_program(schedule);
        for remote in self.servers.iter() {
            if let Some(outbox) = self.servers.ready(remote.device) {
                send_program(outbox, schedule, remote.device);
            }
        }
        let ended = self
            .switch
            .prepared(DeviceId::ROBOT, schedule.epoch, Ok(()));
        if let Some(ended) = ended {
            self.switch_ended(ended);
        }
    }

    pub(super) fn switch_ended(&mut self, ended: Ended) {
        let label = ended.plan.label();
        let stage = match ended.result {
            Ok(epoch) => {
                self.warmup = true;
                let schedule = self.switch.effective().schedule.clone();
                self.install(&schedule);
                // A frame in flight may not have reached the server yet: its plan must stay there.
                let oldest = self.frames.oldest_epoch().unwrap_or(epoch);
                self.runtime.retire_before(oldest);
                self.servers.retire_before(oldest);
                SwitchStage::Prepared { epoch }
            }
            Err(reason) => {
                self.hub
                    .event(Level::Warning, format!("{label} refused: {reason}"));
                SwitchStage::Refused { reason }
            }
        };
        let record = SwitchRecord {
            at: clock::now(),
            command: ended.command,
            plan: ended.plan,
            stage,
        };
        self.hub.record(Record::Switch(record));
        self.tell_plan();
    }

    /// Makes a schedule's own program known to the lanes.
    fn install_program(&self, schedule: &Schedule) {
        if let Some(program) = schedule.program(DeviceId::ROBOT) {
            let linked = Linked::new(self.runtime.graph(), program.clone(), Some(schedule.output));
            let codec = schedule.plan.codec;
            self.runtime.prepare(schedule.epoch, linked, codec);
        }
    }

    /// Makes a schedule the one that frames are admitted under.
    pub(super) fn install(&mut self, schedule: &Schedule) {
        self.install_program(schedule);
        let graph = self.runtime.graph();
        let others = schedule.programs.iter();
        self.server_programs = others
            .filter(|p| p.device != DeviceId::ROBOT)
            .map(|p| Linked::new(graph, p.clone(), None))
            .collect();
        self.patience.plan(graph, schedule);
        self.foresight.tell(Tell::Plan(Arc::new(schedule.clone())));
    }

    pub(super) fn tell_switch(&self, command: u64, stage: SwitchStage) {
        self.hub.record(Record::Switch(SwitchRecord {
            at: clock::now(),
            command,
            plan: self.switch.effective().schedule.plan.clone(),
            stage,
        }));
    }
}

/// Sends a server its program of a schedule, if it has one.
pub(super) fn send_program(outbox: &Outbox, schedule: &Schedule, device: DeviceId) {
    if let Some(program) = schedule.program(device) {
        outbox.control(&Control::Prepare {
            epoch: schedule.epoch,
            program: Compressed::encode(program),
            codec: schedule.plan.codec,
        });
    }
}
