//! Frames of any plan, made up from its compiled programs: every device computes in its program's order, one link is
//! shared by all transfers. The times are round numbers, always the same.

use std::collections::{BTreeMap, HashMap};

use splitscope::model::{Graph, zoo};
use splitscope::plan::{Plan, Schedule, Step, Value, ValueCodec, compile};
use splitscope::units::{DeviceId, Epoch, NodeId};
use splitscope::wire::{FrameRecord, Parts, StepKind, StepTime, Steps};

use crate::script::{MS, frame};

/// Nanoseconds that the link takes for a byte: 93 Mbps.
const BYTE_NS: u64 = 86;
/// What a transfer takes beside its bytes.
const LATENCY_NS: i64 = 400_000;

/// A frame of `mobilenet_v2` under `plan`.
pub(crate) fn simulated(number: u64, epoch: u32, plan: &Plan) -> FrameRecord {
    let graph = zoo::build("mobilenet_v2", 1, 224, 224).unwrap();
    let schedule = compile(&graph, plan, Epoch(epoch)).unwrap();
    let steps = Run::new(&graph, &schedule).run();
    let mine = |s: &&StepTime| s.device == DeviceId::ROBOT && s.kind != StepKind::Transfer;
    let to_robot = |s: &&StepTime| s.kind == StepKind::Transfer && s.to == DeviceId::ROBOT;
    let end = |s: &StepTime| s.start_ns + s.duration_ns;
    let latency = steps
        .iter()
        .filter(|s| mine(s) || to_robot(s))
        .map(end)
        .max();
    let bytes = |down: bool| {
        let sent = steps
            .iter()
            .filter(|s| s.kind == StepKind::Transfer && to_robot(s) == down);
        sent.map(|s| s.bytes).sum()
    };
    FrameRecord {
        mode: plan.mode_name().to_owned(),
        cut: plan.cut(&graph),
        latency_ns: latency.unwrap_or(0),
        parts: parts(latency.unwrap_or(0), &steps),
        bytes_up: bytes(false),
        bytes_down: bytes(true),
        steps: steps.into_iter().collect::<Steps>(),
        ..frame(number, epoch, 28)
    }
}

/// Every microsecond to the first part that covers it.
fn parts(latency_ns: i64, steps: &[StepTime]) -> Parts {
    let mut cells = vec![4_usize; (latency_ns / 1_000) as usize];
    for class in (0..4).rev() {
        for step in steps {
            let of = match (step.kind, step.device, step.to) {
                (StepKind::Transfer, _, DeviceId::ROBOT) => 3,
                (StepKind::Transfer, ..) => 2,
                (_, DeviceId::ROBOT, _) => 0,
                _ => 1,
            };
            let at = |ns: i64| ((ns / 1_000) as usize).min(cells.len());
            if of == class {
                let (from, to) = (at(step.start_ns), at(step.start_ns + step.duration_ns));
                cells[from..to].fill(class);
            }
        }
    }
    let ns = |class| cells.iter().filter(|&&c| c == class).count() as i64 * 1_000;
    Parts {
        robot_compute_ns: ns(0),
        server_compute_ns: ns(1),
        uplink_ns: ns(2),
        downlink_ns: ns(3),
        wait_ns: ns(4) + latency_ns % 1_000,
        overlap_ns: 0,
    }
}

struct Run<'a> {
    graph: &'a Graph,
    schedule: &'a Schedule,
    steps: Vec<StepTime>,
    /// By device: when its lane is free.
    lanes: BTreeMap<DeviceId, i64>,
    /// By device and node: when what it has of it is there, and whether it is in pieces.
    there: HashMap<(DeviceId, NodeId), (i64, bool)>,
    arrivals: HashMap<(Value, DeviceId), i64>,
    link: i64,
}

impl<'a> Run<'a> {
    fn new(graph: &'a Graph, schedule: &'a Schedule) -> Self {
        let image = ((DeviceId::ROBOT, NodeId::INPUT), (0, false));
        Self {
            graph,
            schedule,
            steps: Vec::new(),
            lanes: BTreeMap::new(),
            there: HashMap::from([image]),
            arrivals: HashMap::new(),
            link: 0,
        }
    }

    fn run(mut self) -> Vec<StepTime> {
        let mut next = vec![0; self.schedule.programs.len()];
        let mut moved = true;
        while moved {
            moved = false;
            for (program, next) in self.schedule.programs.iter().zip(&mut next) {
                while let Some(step) = program.steps.get(*next) {
                    if !self.step(program.device, step) {
                        break;
                    }
                    *next += 1;
                    moved = true;
                }
            }
        }
        self.join(DeviceId::ROBOT, self.schedule.output.node);
        self.steps.sort_by_key(|s| s.start_ns);
        self.steps
    }

    /// Does a step; false if it must wait for a peer's.
    fn step(&mut self, device: DeviceId, step: &Step) -> bool {
        match *step {
            Step::Compute { node, out, .. } => {
                for &input in &self.graph.node(node).inputs {
                    self.join(device, input);
                }
                let slowness = if device == DeviceId::ROBOT { 4 } else { 1 };
                let elements = out.elements(self.graph.node(node).shape.columns) as i64;
                let inputs = &self.graph.node(node).inputs;
                let ready = inputs.iter().map(|&i| self.ready(device, i)).max();
                let ns = (elements / 1_000 * 250 + 20_000) * slowness;
                self.work(device, StepKind::Compute, node, ready.unwrap_or(0), ns);
            }
            Step::Reduce { node, .. } => {
                let ready = self.ready(device, node);
                self.work(device, StepKind::Reduce, node, ready, 150_000);
            }
            Step::Send { value, to } => {
                let bytes = value.bytes(self.graph).0;
                let start = self.link.max(self.ready(device, value.node));
                let ns = (bytes * BYTE_NS) as i64;
                self.link = start + ns;
                let duration_ns = ns + LATENCY_NS;
                self.arrivals.insert((value, to), start + duration_ns);
                self.steps.push(StepTime {
                    device,
                    kind: StepKind::Transfer,
                    node: value.node,
                    start_ns: start,
                    duration_ns,
                    bytes,
                    to,
                    wire_bytes: bytes,
                    codec: ValueCodec::None,
                    error_ppb: 0,
                });
            }
            Step::Receive { value, .. } => {
                let Some(&at) = self.arrivals.get(&(value, device)) else {
                    return false;
                };
                let known = self.there.entry((device, value.node));
                known
                    .and_modify(|known| *known = (known.0.max(at), true))
                    .or_insert((at, false));
            }
        }
        true
    }

    fn ready(&self, device: DeviceId, node: NodeId) -> i64 {
        self.there.get(&(device, node)).map_or(0, |(at, _)| *at)
    }

    fn join(&mut self, device: DeviceId, node: NodeId) {
        if let Some(&(at, true)) = self.there.get(&(device, node)) {
            self.work(device, StepKind::Assemble, node, at, MS / 10);
        }
    }

    fn work(&mut self, device: DeviceId, kind: StepKind, node: NodeId, ready: i64, ns: i64) {
        let start = ready.max(self.lanes.get(&device).copied().unwrap_or(0));
        self.lanes.insert(device, start + ns);
        let pieces = self
            .there
            .get(&(device, node))
            .is_some_and(|(_, pieces)| *pieces && kind == StepKind::Compute);
        self.there.insert((device, node), (start + ns, pieces));
        self.steps.push(StepTime {
            device,
            kind,
            node,
            start_ns: start,
            duration_ns: ns,
            bytes: 0,
            to: device,
            wire_bytes: 0,
            codec: ValueCodec::None,
            error_ppb: 0,
        });
    }
}
