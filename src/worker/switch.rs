//! The switch of plans as a transaction: requested, prepared by every device, applied from a frame on. Pure.
//!
//! The robot coordinates, so a dead console cannot strand a switch. Frames in flight finish under their own epoch;
//! the effective plan changes between two admissions.

use crate::model::Graph;
use crate::plan::{Plan, PlanError, Schedule, compile};
use crate::units::{DeviceId, Epoch, FrameId, Nanos};

/// How long devices may take to prepare, in nanoseconds.
pub const PREPARE_TIMEOUT_NS: i64 = 5_000_000_000;

/// The plan that frames are admitted under.
#[derive(Debug, Clone)]
pub struct Effective {
    /// What it compiles to.
    pub schedule: Schedule,
    /// The command that brought it, to tell when it is applied; none once told.
    announce: Option<u64>,
}

impl Effective {
    /// Its number.
    pub const fn epoch(&self) -> Epoch {
        self.schedule.epoch
    }

    /// Whether it uses a server.
    pub fn needs_server(&self) -> bool {
        needs_server(&self.schedule)
    }
}

#[derive(Debug)]
struct Pending {
    command: u64,
    schedule: Schedule,
    since: Nanos,
    /// Devices that have not answered yet, the robot among them.
    waiting: Vec<DeviceId>,
}

/// A switch that came to its end, one way or the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The command that asked for it.
    pub command: u64,
    /// The plan asked for.
    pub plan: Plan,
    /// Its number, or why it did not come about.
    pub result: Result<Epoch, String>,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Switch {
    effective: Effective,
    pending: Option<Pending>,
    next: Epoch,
}

fn needs_server(schedule: &Schedule) -> bool {
    schedule.program(DeviceId::SERVER).is_some()
}

impl Switch {
    /// Starts with a first plan, epoch 1.
    ///
    /// # Errors
    /// A plan that does not suit the model.
    pub fn new(graph: &Graph, plan: &Plan) -> Result<Self, PlanError> {
        let schedule = compile(graph, plan, Epoch(1))?;
        Ok(Self {
            effective: Effective {
                schedule,
                announce: Some(0),
            },
            pending: None,
            next: Epoch(2),
        })
    }

    /// The plan that frames are admitted under.
    pub const fn effective(&self) -> &Effective {
        &self.effective
    }

    /// Whether another plan is being prepared.
    pub const fn is_preparing(&self) -> bool {
        self.pending.is_some()
    }

    /// The command of the plan that is being prepared.
    pub fn preparing_for(&self) -> Option<u64> {
        self.pending.as_ref().map(|p| p.command)
    }

    /// The plan that is being prepared gives way to a more important one.
    pub fn give_way(&mut self, reason: &str) -> Option<Ended> {
        let pending = self.pending.take()?;
        Some(refused(pending, reason.to_owned()))
    }

    /// A console asks for a plan. Gives the schedule to prepare; every device of it answers with [`Switch::prepared`].
    /// `missing` says why a schedule's servers cannot prepare it.
    ///
    /// # Errors
    /// A sentence: the console's picture is out of date, another switch is under way, the plan does not suit the
    /// model, or it needs a server that is not there.
    pub fn request(
        &mut self,
        graph: &Graph,
        command: u64,
        plan: &Plan,
        expect: Option<Epoch>,
        missing: impl Fn(&Schedule) -> Option<String>,
        now: Nanos,
    ) -> Result<&Schedule, String> {
        let current = self.effective.epoch();
        if let Some(expected) = expect.filter(|&e| e != current) {
            return Err(format!(
                "the plan in effect is epoch {current} by now, not {expected}; look again before you switch"
            ));
        }
        if let Some(pending) = &self.pending {
            return Err(format!(
                "{} is being prepared; wait until it is applied",
                pending.schedule.plan.label()
            ));
        }
        let schedule = compile(graph, plan, self.next).map_err(|e| e.to_string())?;
        if let Some(why) = missing(&schedule) {
            return Err(format!("{} needs the server: {why}", plan.label()));
        }
        self.next = Epoch(self.next.0 + 1);
        let pending = self.pending.insert(Pending {
            command,
            waiting: schedule.programs.iter().map(|p| p.device).collect(),
            schedule,
            since: now,
        });
        Ok(&pending.schedule)
    }

    /// A device has prepared `epoch`, or could not. The last one ends the switch, and so does the first that could not.
    /// Answers to switches long over are ignored.
    pub fn prepared(
        &mut self,
        device: DeviceId,
        epoch: Epoch,
        result: Result<(), String>,
    ) -> Option<Ended> {
        let mut pending = self.pending.take_if(|p| p.schedule.epoch == epoch)?;
        pending.waiting.retain(|d| *d != device);
        match result {
            Ok(()) if !pending.waiting.is_empty() => {
                self.pending = Some(pending);
                None
            }
            Ok(()) => {
                let ended = Ended {
                    command: pending.command,
                    plan: pending.schedule.plan.clone(),
                    result: Ok(epoch),
                };
                self.effective = Effective {
                    schedule: pending.schedule,
                    announce: Some(pending.command),
                };
                Some(ended)
            }
            Err(reason) => Some(refused(pending, reason)),
        }
    }

    /// A server is gone: a switch that waits for it is refused.
    pub fn link_lost(&mut self, device: DeviceId, reason: &str) -> Option<Ended> {
        let takes_part = |p: &mut Pending| p.schedule.program(device).is_some();
        let pending = self.pending.take_if(takes_part)?;
        let reason = format!("the link died while the {device} was preparing: {reason}");
        Some(refused(pending, reason))
    }

    /// Refuses a switch that takes too long.
    pub fn tick(&mut self, now: Nanos) -> Option<Ended> {
        let late = |p: &mut Pending| now.since(p.since) > PREPARE_TIMEOUT_NS;
        let pending = self.pending.take_if(late)?;
        let reason = format!(
            "{} did not prepare it within {} s",
            pending
                .waiting
                .iter()
                .map(|d| format!("the {d}"))
                .collect::<Vec<_>>()
                .join(" and "),
            PREPARE_TIMEOUT_NS / 1_000_000_000
        );
        Some(refused(pending, reason))
    }

    /// A frame was admitted under the effective plan; the first one makes the switch applied.
    pub fn admitted(&mut self, frame: FrameId) -> Option<(u64, Epoch, FrameId)> {
        let command = self.effective.announce.take()?;
        Some((command, self.effective.epoch(), frame))
    }
}

fn refused(pending: Pending, reason: String) -> Ended {
    Ended {
        command: pending.command,
        plan: pending.schedule.plan,
        result: Err(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;

    fn setup() -> (Graph, Switch) {
        let graph = zoo::build("mobilenet_v2", 1, 32, 32).unwrap();
        let switch = Switch::new(&graph, &Plan::LOCAL).unwrap();
        (graph, switch)
    }

    fn request(
        switch: &mut Switch,
        graph: &Graph,
        plan: &Plan,
        expect: Option<u32>,
    ) -> Result<Epoch, String> {
        switch
            .request(graph, 9, plan, expect.map(Epoch), |_| None, Nanos(0))
            .map(|s| s.epoch)
    }

    /// Both devices answer; the robot first.
    fn both(switch: &mut Switch, epoch: Epoch, result: Result<(), String>) -> Option<Ended> {
        let robot = switch.prepared(DeviceId::ROBOT, epoch, Ok(()));
        robot.or_else(|| switch.prepared(DeviceId::SERVER, epoch, result))
    }

    #[test]
    fn a_switch_is_applied_at_the_first_frame_after_every_device_prepared() {
        let (graph, mut switch) = setup();
        assert_eq!(switch.admitted(FrameId(0)), Some((0, Epoch(1), FrameId(0))));
        let epoch = request(&mut switch, &graph, &Plan::split(5), Some(1)).unwrap();
        assert_eq!(switch.effective().epoch(), Epoch(1));
        assert_eq!(switch.admitted(FrameId(1)), None);
        assert_eq!(switch.prepared(DeviceId::ROBOT, epoch, Ok(())), None);
        assert_eq!(
            switch.effective().epoch(),
            Epoch(1),
            "one device is not enough"
        );
        let ended = both(&mut switch, epoch, Ok(())).unwrap();
        assert_eq!(ended.result, Ok(Epoch(2)));
        assert_eq!(switch.admitted(FrameId(2)), Some((9, Epoch(2), FrameId(2))));
        assert_eq!(switch.admitted(FrameId(3)), None);
    }

    #[test]
    fn nothing_changes_when_a_device_cannot_prepare_or_takes_too_long() {
        let (graph, mut switch) = setup();
        let epoch = request(&mut switch, &graph, &Plan::REMOTE, None).unwrap();
        let ended = both(&mut switch, epoch, Err("no room".to_owned())).unwrap();
        assert_eq!(ended.result, Err("no room".to_owned()));
        assert_eq!(switch.effective().epoch(), Epoch(1));

        let late = request(&mut switch, &graph, &Plan::REMOTE, None).unwrap();
        assert_eq!(switch.tick(Nanos(PREPARE_TIMEOUT_NS)), None);
        let ended = switch.tick(Nanos(PREPARE_TIMEOUT_NS + 1)).unwrap();
        assert!(ended.result.unwrap_err().contains("within 5 s"));
        // An answer that comes after that does not switch anything.
        assert_eq!(both(&mut switch, late, Ok(())), None);
        assert_eq!(switch.effective().epoch(), Epoch(1));
    }

    #[test]
    fn a_plan_that_gives_way_never_comes_into_effect() {
        let (graph, mut switch) = setup();
        let epoch = request(&mut switch, &graph, &Plan::split(5), None).unwrap();
        assert_eq!(switch.preparing_for(), Some(9));
        let ended = switch.give_way("an operator's plan came").unwrap();
        assert!(ended.result.is_err());
        assert_eq!(switch.preparing_for(), None);
        let next = request(&mut switch, &graph, &Plan::REMOTE, None).unwrap();
        assert_eq!(
            both(&mut switch, epoch, Ok(())),
            None,
            "its answers are too late"
        );
        assert_eq!(both(&mut switch, next, Ok(())).unwrap().result, Ok(next));
    }

    #[test]
    fn refusals_say_why() {
        let (graph, mut switch) = setup();
        let stale = request(&mut switch, &graph, &Plan::REMOTE, Some(7)).unwrap_err();
        assert!(stale.contains("epoch 1 by now, not 7"), "{stale}");
        let far = request(&mut switch, &graph, &Plan::split(999), None).unwrap_err();
        assert!(far.contains("cut 999 is out of range"), "{far}");
        let gone = switch
            .request(
                &graph,
                1,
                &Plan::split(3),
                None,
                |_| Some("nobody answers at 10.0.0.2".to_owned()),
                Nanos(0),
            )
            .unwrap_err();
        assert!(gone.contains("nobody answers"), "{gone}");
        request(&mut switch, &graph, &Plan::split(4), None).unwrap();
        let busy = request(&mut switch, &graph, &Plan::split(5), None).unwrap_err();
        assert!(busy.contains("split 4 is being prepared"), "{busy}");
    }

    #[test]
    fn a_dead_link_ends_a_switch_that_waits_for_the_server_only() {
        let (graph, mut switch) = setup();
        request(&mut switch, &graph, &Plan::LOCAL, None).unwrap();
        assert_eq!(switch.link_lost(DeviceId::SERVER, "gone"), None);
        both(&mut switch, Epoch(2), Ok(())).unwrap();
        request(&mut switch, &graph, &Plan::split(4), None).unwrap();
        assert_eq!(switch.link_lost(DeviceId(2), "gone"), None);
        assert!(
            switch
                .link_lost(DeviceId::SERVER, "gone")
                .unwrap()
                .result
                .is_err()
        );
        assert!(!switch.is_preparing());
    }
}
