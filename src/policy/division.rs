//! A division of the operators between robot and server, and its timeline in closed form.
//!
//! Each device computes its operators whole and in order, a value that crosses is sent as soon as it is made, and the
//! result comes back. So the latency is a sum with a few maxima, and equals what [`simulate::run`](crate::simulate::run)
//! finds for one frame: no queue holds anything else.

use crate::model::Graph;
use crate::plan::{Cut, Mode, Plan};
use crate::profile::trace::Direction;
use crate::simulate::{Limit, Link, PackedValue, Packings};
use crate::units::{DeviceId, Nanos, NodeId};

/// A value that goes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sent {
    bytes: u64,
    packed: PackedValue,
    /// When the robot has made it, since admission.
    ready_ns: i64,
    /// What the server computes from the first operator that reads it to the end.
    rest_ns: i64,
}

/// Which operators stay on the robot, and what that means whatever the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Division {
    plan: Plan,
    robot_ns: i64,
    server_ns: i64,
    sends: Vec<Sent>,
    result_bytes: u64,
    result: PackedValue,
}

/// One frame under a division.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeline {
    /// From admission to the result on the robot.
    pub latency_ns: i64,
    /// How long the robot computes, sends and receives.
    pub robot_ns: [i64; 3],
    /// How long the server computes.
    pub server_ns: i64,
}

impl Timeline {
    /// How long the link is taken: both ways together on a shared medium, else the longer one.
    pub fn link_ns(&self, link: &Link) -> i64 {
        let [_, up, down] = self.robot_ns;
        if link.duplex { up.max(down) } else { up + down }
    }

    /// The time of the longest stage: what a frame takes when many are in flight.
    pub fn stage_ns(&self, link: &Link) -> i64 {
        let robot = self.robot_ns[0];
        robot.max(self.server_ns).max(self.link_ns(link)).max(1)
    }

    /// What is at work longest.
    pub fn limit(&self, link: &Link) -> Limit {
        let (robot, link) = (self.robot_ns[0], self.link_ns(link));
        if robot >= link && robot >= self.server_ns {
            Limit::Robot
        } else if link >= self.server_ns {
            Limit::Link
        } else {
            Limit::Server
        }
    }
}

/// The plan of a division: operator `i` stays on the robot if `stays[i]`, by node; the others go to `server`.
fn plan_of(graph: &Graph, stays: &[bool], server: DeviceId) -> Plan {
    let stay: Vec<NodeId> = graph
        .operators()
        .iter()
        .map(|n| n.id)
        .filter(|id| stays[id.index()])
        .collect();
    let count = stay.len() as u32;
    let is_prefix = stay.last().is_none_or(|&last| last == NodeId(count));
    if count == graph.operator_count() {
        Plan::LOCAL
    } else if count == 0 && server == DeviceId::SERVER {
        Plan::REMOTE
    } else {
        let cut = if is_prefix {
            Cut::Prefix(count)
        } else {
            Cut::Set(stay)
        };
        Plan::of(Mode::Split {
            cuts: vec![(cut, server)],
            tiles: 1,
        })
    }
}

/// What the operators take where they may run, in nanoseconds by node, and what a codec does to what is sent.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// The server.
    pub server: DeviceId,
    /// On the robot.
    pub robot_ns: &'a [i64],
    /// On the server.
    pub server_ns: &'a [i64],
    /// Of the plan's codec.
    pub packings: &'a Packings,
}

impl Division {
    /// The division in which operator `i` stays if `stays[i]` (by node, closed under predecessors).
    pub fn new(graph: &Graph, sides: &Sides<'_>, stays: &[bool]) -> Self {
        let (robot, server) = (sides.robot_ns, sides.server_ns);
        let packed = |id: NodeId, from: DeviceId| {
            let bytes = graph.node(id).output_bytes().0;
            sides.packings.value(graph, id, from, bytes)
        };
        let is_there = |id: NodeId| id == NodeId::INPUT || stays[id.index()];
        // By node: what the server computes before it.
        let mut before = Vec::with_capacity(stays.len());
        let mut server_ns = 0;
        for node in graph.nodes() {
            before.push(server_ns);
            if !is_there(node.id) {
                server_ns += server[node.id.index()];
            }
        }
        let mut robot_ns = 0;
        let mut sends = Vec::new();
        for node in graph.nodes() {
            if !is_there(node.id) {
                continue;
            }
            if node.id != NodeId::INPUT {
                robot_ns += robot[node.id.index()];
            }
            let first = graph.consumers(node.id).iter().find(|&&c| !is_there(c));
            if let Some(first) = first {
                sends.push(Sent {
                    bytes: node.output_bytes().0,
                    packed: packed(node.id, DeviceId::ROBOT),
                    ready_ns: robot_ns,
                    rest_ns: server_ns - before[first.index()],
                });
            }
        }
        let result_bytes = if is_there(graph.output()) {
            0
        } else {
            graph.node(graph.output()).output_bytes().0
        };
        Self {
            plan: plan_of(graph, stays, sides.server),
            robot_ns,
            server_ns,
            sends,
            result_bytes,
            result: packed(graph.output(), sides.server),
        }
    }

    /// The plan that runs it.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Payload bytes to the server and to the robot.
    pub fn bytes(&self) -> (u64, u64) {
        (self.sends.iter().map(|s| s.bytes).sum(), self.result_bytes)
    }

    /// One frame that is admitted at `start` of the link's time; none if the link never carries it.
    pub fn timeline(&self, link: &Link, start: Nanos) -> Option<Timeline> {
        let mut latency_ns = self.robot_ns;
        let (mut free, mut up_ns) = (start, 0);
        let mut done = start;
        for sent in &self.sends {
            let begins = free.max(start.shifted(sent.ready_ns));
            let packed = begins.shifted(sent.packed.encode_ns);
            let leaves = packed.shifted(link.message_ns);
            let bits = sent.packed.wire_bytes as f64 * 8.0;
            free = leaves.shifted(link.up.ns_for(leaves, bits)?);
            up_ns += free.since(packed);
            let arrives = free.shifted(link.delay_ns(Direction::Up, free));
            let usable = arrives.shifted(sent.packed.decode_ns);
            done = done.max(usable.shifted(sent.rest_ns));
        }
        let mut down_ns = 0;
        if self.result_bytes > 0 {
            let leaves = done.shifted(self.result.encode_ns + link.message_ns);
            let bits = self.result.wire_bytes as f64 * 8.0;
            down_ns = link.down.ns_for(leaves, bits)?;
            let left = leaves.shifted(down_ns);
            let told = left.shifted(link.delay_ns(Direction::Down, left));
            let usable = told.shifted(self.result.decode_ns);
            latency_ns = latency_ns.max(usable.since(start));
        }
        Some(Timeline {
            latency_ns,
            robot_ns: [self.robot_ns, up_ns, down_ns],
            server_ns: self.server_ns,
        })
    }

    /// The classic estimate: everything one after the other, `sum r + sum b / B + L + sum s + result` (Neurosurgeon,
    /// ASPLOS '17; DADS, INFOCOM '19), in nanoseconds; none if the link does not carry it.
    pub fn in_sequence_ns(&self, link: &Link, start: Nanos) -> Option<i64> {
        let mut sum = self.robot_ns + self.server_ns;
        for sent in &self.sends {
            sum += link.message_ns + sent.packed.ns();
            sum += link.up.ns_for(start, sent.packed.wire_bytes as f64 * 8.0)?;
        }
        if self.result_bytes > 0 {
            sum += link.message_ns + self.result.ns();
            sum += (link.down).ns_for(start, self.result.wire_bytes as f64 * 8.0)?;
            sum += link.delay_ns(Direction::Up, start) + link.delay_ns(Direction::Down, start);
        }
        Some(sum)
    }
}
