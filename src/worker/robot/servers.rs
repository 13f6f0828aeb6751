//! The robot's servers as far as admission cares: who is there, who has prepared what, who does not answer in time.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::link::Outbox;
use crate::plan::{Linked, Schedule, Step};
use crate::units::{DeviceId, Epoch, Nanos};
use crate::wire::data::Control;
use crate::worker::peer::PeerLink;

/// First and longest time that a server which missed a frame's deadline is left out; doubled in between.
const HOLD_NS: (i64, i64) = (250_000_000, 4_000_000_000);

/// How a server stands.
pub(super) enum State {
    /// Not there, and why.
    Absent(String),
    /// Connected; it loads the model or prepares the plan.
    NotReady(Arc<Outbox>, String),
    /// It has the model; the epochs it has prepared. Of two servers one may have prepared the next plan while frames still
    /// run under the present one.
    Ready(Arc<Outbox>, Vec<Epoch>),
}

/// A server that missed a frame's deadline.
struct Stall {
    /// A ping sent from here on must come back.
    until: Nanos,
    /// How long the frame had waited.
    waited_ms: i64,
}

/// One server.
pub(super) struct Remote {
    pub(super) device: DeviceId,
    pub(super) address: String,
    pub(super) link: Arc<PeerLink>,
    pub(super) state: State,
    /// Whether its times are made up; what it computes means nothing.
    pub(super) emulated: bool,
    /// Whether it has been told that it is not there, since it was there last.
    pub(super) missed: bool,
    /// Its links to the other servers.
    mesh: BTreeMap<DeviceId, Result<(), String>>,
    stall: Option<Stall>,
    hold_ns: i64,
}

impl Remote {
    pub(super) fn new(device: DeviceId, address: String, link: Arc<PeerLink>) -> Self {
        Self {
            device,
            address,
            link,
            state: State::Absent("it has not answered yet".to_owned()),
            emulated: false,
            missed: false,
            mesh: BTreeMap::new(),
            stall: None,
            hold_ns: HOLD_NS.0,
        }
    }

    /// The connection, if one stands.
    pub(super) const fn outbox(&self) -> Option<&Arc<Outbox>> {
        match &self.state {
            State::Absent(_) => None,
            State::NotReady(outbox, _) | State::Ready(outbox, _) => Some(outbox),
        }
    }

    /// Why frames of `epoch` cannot use it now.
    fn missing(&self, epoch: Option<Epoch>) -> Option<String> {
        match &self.state {
            State::Absent(reason) => Some(reason.clone()),
            State::NotReady(_, what) => Some(what.clone()),
            State::Ready(..) if self.stall.is_some() => {
                let waited = self.stall.as_ref().map_or(0, |s| s.waited_ms);
                Some(format!("a frame waited {waited} ms in vain"))
            }
            State::Ready(_, prepared) if epoch.is_some_and(|e| !prepared.contains(&e)) => {
                Some("it is preparing the plan".to_owned())
            }
            State::Ready(..) => None,
        }
    }
}

/// See the [module](self).
pub(super) struct Servers(Vec<Remote>);

impl Servers {
    pub(super) const fn new(remotes: Vec<Remote>) -> Self {
        Self(remotes)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Remote> {
        self.0.iter()
    }

    pub(super) fn get(&self, device: DeviceId) -> Option<&Remote> {
        self.0.iter().find(|r| r.device == device)
    }

    pub(super) fn get_mut(&mut self, device: DeviceId) -> Option<&mut Remote> {
        self.0.iter_mut().find(|r| r.device == device)
    }

    /// Whether any of these programs runs on an emulated server.
    pub(super) fn any_emulated(&self, programs: &[Arc<Linked>]) -> bool {
        let mut devices = programs.iter().map(|p| p.program.device);
        devices.any(|device| self.get(device).is_some_and(|r| r.emulated))
    }

    /// The connection to a server that has the model.
    pub(super) fn ready(&self, device: DeviceId) -> Option<&Arc<Outbox>> {
        match &self.get(device)?.state {
            State::Ready(outbox, _) => Some(outbox),
            _ => None,
        }
    }

    /// Plans before `oldest` will not be used again.
    pub(super) fn retire_before(&mut self, oldest: Epoch) {
        for remote in &mut self.0 {
            if let State::Ready(outbox, prepared) = &mut remote.state {
                prepared.retain(|epoch| *epoch >= oldest);
                outbox.control(&Control::Retire { oldest });
            }
        }
    }

    /// A server has prepared a plan.
    pub(super) fn prepared(&mut self, device: DeviceId, epoch: Epoch) {
        if let Some(remote) = self.get_mut(device)
            && let State::Ready(_, prepared) = &mut remote.state
        {
            prepared.push(epoch);
        }
    }

    /// Why frames of a schedule cannot run under it now. With `prepared`, its servers must have prepared it, too.
    pub(super) fn missing(&self, schedule: &Schedule, prepared: bool) -> Option<String> {
        let epoch = prepared.then_some(schedule.epoch);
        let several = self.0.len() > 1;
        let last = schedule.programs.last().map_or(0, |p| p.device.0);
        if usize::from(last) > self.0.len() {
            return Some(match self.0.len() {
                0 => "no server was given (--server)".to_owned(),
                given => format!("the plan needs {last} servers, {given} were given (--server)"),
            });
        }
        for program in &schedule.programs {
            let device = program.device;
            let Some(remote) = self.get(device).filter(|_| device != DeviceId::ROBOT) else {
                continue;
            };
            if let Some(why) = remote.missing(epoch) {
                return Some(if several {
                    format!("{device}: {why}")
                } else {
                    why
                });
            }
            for step in &program.steps {
                let (Step::Send { to: peer, .. } | Step::Receive { from: peer, .. }) = step else {
                    continue;
                };
                if *peer == DeviceId::ROBOT {
                    continue;
                }
                match remote.mesh.get(peer) {
                    Some(Ok(())) => {}
                    Some(Err(why)) => return Some(format!("{device} cannot reach {peer}: {why}")),
                    None => return Some(format!("{device} is connecting to {peer}")),
                }
            }
        }
        None
    }

    /// A server says how its link to another stands.
    pub(super) fn mesh(&mut self, device: DeviceId, peer: DeviceId, result: Result<(), String>) {
        if let Some(remote) = self.get_mut(device) {
            remote.mesh.insert(peer, result);
        }
    }

    /// The connection to a server is gone.
    pub(super) fn lost(&mut self, device: DeviceId, reason: String) {
        if let Some(remote) = self.get_mut(device) {
            remote.state = State::Absent(reason);
            remote.mesh.clear();
            remote.stall = None;
        }
    }

    /// A frame waited in vain: its servers are left out until a later ping comes back, longer after every miss in a row.
    pub(super) fn stalled(&mut self, devices: &[DeviceId], waited_ns: i64, now: Nanos) {
        for remote in self.0.iter_mut().filter(|r| devices.contains(&r.device)) {
            if remote.stall.is_none() {
                remote.stall = Some(Stall {
                    until: now.shifted(remote.hold_ns),
                    waited_ms: waited_ns / 1_000_000,
                });
                remote.hold_ns = (remote.hold_ns * 2).min(HOLD_NS.1);
            }
        }
    }

    /// Servers that answer again are used again.
    pub(super) fn tick(&mut self) {
        for remote in &mut self.0 {
            let answered = remote.link.answered_ping();
            if remote
                .stall
                .as_ref()
                .is_some_and(|s| answered.is_some_and(|at| at >= s.until))
            {
                remote.stall = None;
            }
        }
    }

    /// A frame went through as planned: the next miss is a first one again.
    pub(super) fn frame_ok(&mut self) {
        for remote in &mut self.0 {
            remote.hold_ns = HOLD_NS.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::RoundTrip;
    use crate::model::zoo;
    use crate::plan::{Plan, compile};

    fn servers(count: u8) -> Servers {
        let remotes = (1..=count).map(|d| {
            let link = Arc::new(PeerLink::new(DeviceId(d), Nanos(0)));
            let mut remote = Remote::new(DeviceId(d), format!("host{d}:7402"), link);
            remote.state = State::Ready(Arc::default(), vec![Epoch(1)]);
            remote
        });
        Servers::new(remotes.collect())
    }

    fn answered(servers: &Servers, at: i64) {
        let at = Nanos(at);
        servers.0[0].link.heartbeat(RoundTrip {
            sent: at,
            peer_received: at,
            peer_sent: at,
            received: at,
        });
    }

    #[test]
    fn a_stalled_server_is_left_out_until_a_later_ping_comes_back_and_longer_each_time() {
        let graph = zoo::build("mobilenet_v2", 1, 32, 32).unwrap();
        let schedule = compile(&graph, &Plan::split(9), Epoch(1)).unwrap();
        let mut servers = servers(1);
        assert_eq!(servers.missing(&schedule, true), None);
        servers.stalled(&[DeviceId::SERVER], 300_000_000, Nanos(1_000));
        assert!(servers.missing(&schedule, true).unwrap().contains("300 ms"));
        // A pong to a ping of before, or from within the hold, does not count.
        answered(&servers, 1_000 + HOLD_NS.0 - 1);
        servers.tick();
        assert!(servers.missing(&schedule, true).is_some());
        answered(&servers, 1_000 + HOLD_NS.0);
        servers.tick();
        assert_eq!(servers.missing(&schedule, true), None);
        servers.stalled(&[DeviceId::SERVER], 300_000_000, Nanos(0));
        answered(&servers, HOLD_NS.0 + 1);
        servers.tick();
        assert!(servers.missing(&schedule, true).is_some(), "twice as long");
        servers.frame_ok();
        answered(&servers, 2 * HOLD_NS.0);
        servers.tick();
        assert_eq!(servers.missing(&schedule, true), None);
    }

    #[test]
    fn a_server_that_prepared_the_next_plan_still_serves_the_present_one() {
        let graph = zoo::build("mobilenet_v2", 1, 32, 32).unwrap();
        let of = |epoch| compile(&graph, &Plan::split(9), Epoch(epoch)).unwrap();
        let mut servers = servers(1);
        servers.prepared(DeviceId::SERVER, Epoch(2));
        assert_eq!(servers.missing(&of(1), true), None);
        assert_eq!(servers.missing(&of(2), true), None);
        servers.retire_before(Epoch(2));
        assert!(servers.missing(&of(1), true).is_some());
        assert!(servers.missing(&of(3), true).is_some());
        assert_eq!(servers.missing(&of(3), false), None);
    }

    #[test]
    fn a_chain_needs_both_servers_and_the_link_between_them() {
        let graph = zoo::build("mobilenet_v2", 1, 32, 32).unwrap();
        let chain = compile(&graph, &Plan::chain(&[9, 30]), Epoch(1)).unwrap();
        let one = servers(1).missing(&chain, true).unwrap();
        assert!(one.contains("needs 2 servers, 1 were given"), "{one}");
        let mut two = servers(2);
        let apart = two.missing(&chain, true).unwrap();
        assert!(
            apart.contains("server is connecting to server 2"),
            "{apart}"
        );
        two.mesh(DeviceId(1), DeviceId(2), Ok(()));
        two.mesh(DeviceId(2), DeviceId(1), Err("no route".to_owned()));
        let route = two.missing(&chain, true).unwrap();
        assert!(
            route.contains("server 2 cannot reach server: no route"),
            "{route}"
        );
        two.mesh(DeviceId(2), DeviceId(1), Ok(()));
        assert_eq!(two.missing(&chain, true), None);
    }
}
