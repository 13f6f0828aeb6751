//! Who has the say over the plan: an operator, or a policy until an operator takes it back.
//!
//! A policy's change goes the way of any switch. While its servers are away it has nothing to say: frames run locally
//! under the plan as it is, and the policy goes on when they are back.

use super::super::foresight::Tell;
use super::Coordinator;
use crate::engine::Engine;
use crate::link::{LEAST_SOUNDING_BYTES, MOST_SOUNDING_BYTES, SOUNDING_SHARE};
use crate::policy::{Objective, Spec};
use crate::units::{Bytes, DeviceId, Nanos, ns_to_ms};
use crate::wire::{DecisionRecord, Level, Record};

/// Numbers of switches that a policy asks for begin here, far from any console's.
const FIRST_COMMAND: u64 = 1 << 48;

/// A policy with the say.
pub(super) struct Reign {
    /// Which.
    pub(super) spec: Option<Spec>,
    /// The number of its next switch.
    next_command: u64,
    /// It was said that the link is sounded.
    is_sounding: bool,
}

impl Reign {
    pub(super) const fn new(spec: Option<Spec>) -> Self {
        Self {
            spec,
            next_command: FIRST_COMMAND,
            is_sounding: false,
        }
    }
}

impl<E: Engine> Coordinator<E> {
    /// A console hands the plan to a policy, or takes it back as it is.
    ///
    /// # Errors
    /// An objective that the policy does not have.
    pub(super) fn set_policy(&mut self, policy: Option<Spec>, who: &str) -> Result<(), String> {
        let Some(spec) = policy else {
            self.take_back(who);
            return Ok(());
        };
        spec.policy(&self.switch.effective().schedule.plan)?;
        self.hub
            .event(Level::Info, format!("{who} hands the plan to {spec}"));
        self.reign.spec = Some(spec);
        self.reign.is_sounding = false;
        self.say_who_reigns();
        Ok(())
    }

    /// An operator's choice stands from now on.
    pub(super) fn take_back(&mut self, who: &str) {
        if let Some(spec) = self.reign.spec.take() {
            self.hub
                .event(Level::Info, format!("{who} takes the plan from {spec}"));
            self.say_who_reigns();
        }
    }

    /// A policy's switch under way gives way to an operator's. True if a policy has the say.
    pub(super) fn give_way_to(&mut self, who: &str) -> bool {
        let is_policys = |command| command >= FIRST_COMMAND;
        if self.switch.preparing_for().is_some_and(is_policys)
            && let Some(ended) = self.switch.give_way(&format!("a plan of {who} came first"))
        {
            self.switch_ended(ended);
        }
        self.reign.spec.is_some()
    }

    pub(super) fn say_who_reigns(&self) {
        self.foresight.tell(Tell::Policy(self.reign.spec));
        self.tell_plan();
    }

    /// While a policy has the say and its plan sends little, the link to the first server, where policies put layers, is
    /// sounded: else nothing would tell that it has recovered.
    pub(super) fn sound(&mut self, now: Nanos) {
        let Some(remote) = self.servers.get(DeviceId::SERVER) else {
            return;
        };
        if let Some(stood) = remote.link.sounding_overdue(now) {
            self.foresight.tell(Tell::Stalled(stood));
        }
        // What is measured in a pause is the power of a robot that does nothing.
        if self.pausing.is_some() {
            return;
        }
        let (Some(spec), Some(outbox)) = (self.reign.spec, self.servers.ready(DeviceId::SERVER))
        else {
            return;
        };
        let Some((id, bytes)) = remote.link.sounding_due(now) else {
            return;
        };
        outbox.sounding(id, bytes);
        if !std::mem::replace(&mut self.reign.is_sounding, true) {
            let text = format!(
                "{spec} sounds the link while its plan sends little: {} to {} up, at most ten times a second and 1/{} of \
                 its time; the link's state counts them",
                Bytes(LEAST_SOUNDING_BYTES as u64),
                Bytes(MOST_SOUNDING_BYTES as u64),
                SOUNDING_SHARE,
            );
            self.hub.event(Level::Info, text);
        }
    }

    /// The policy wants another plan. What it did not know of by then wins: another policy, an operator's plan, a switch
    /// under way.
    pub(super) fn decided(&mut self, decision: DecisionRecord) {
        let is_of_now = self.reign.spec == Some(decision.policy)
            && self.switch.effective().epoch() == decision.epoch
            && !self.switch.is_preparing();
        if !is_of_now {
            return;
        }
        let command = self.reign.next_command;
        self.reign.next_command += 1;
        let plan = decision.to.plan.clone();
        if let Err(why) = self.ask_for(command, plan, Some(decision.epoch)) {
            tracing::debug!("{} cannot have its plan: {why}", decision.policy);
            return;
        }
        self.hub.event(Level::Info, sentence(&decision));
        self.hub.record(Record::Decision(Box::new(decision)));
    }
}

/// What people are told of a decision.
fn sentence(decision: &DecisionRecord) -> String {
    let joules = decision.to.energy_j.map(|j| format!(", {j:.2} J"));
    let before = decision
        .from_ns
        .filter(|ns| *ns < i64::MAX)
        .map(|ns| format!(" instead of {:.1} ms", ns_to_ms(ns)));
    let missed = match decision.policy.objective {
        _ if decision.feasible => "",
        Objective::Budget { .. } => ", over the budget like every plan",
        _ => ", too late like every plan",
    };
    format!(
        "{}: {} after {}, predicted {:.1} ms{}{}{missed}: {}",
        decision.policy,
        decision.to.label,
        decision.from.label(),
        ns_to_ms(decision.to.latency_ns),
        before.unwrap_or_default(),
        joules.unwrap_or_default(),
        decision.reasons.first().map_or("", |why| why.as_str()),
    )
}
