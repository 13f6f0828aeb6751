//! A program with everything that scheduling looks up at run time worked out beforehand.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Program, Step, Term, TimingOf, Until, Value};
use crate::model::{Graph, need};
use crate::units::{DeviceId, NodeId};

/// A program linked against its graph: what every step reads, how often every node is read.
#[derive(Debug)]
pub struct Linked {
    /// The program.
    pub program: Program,
    /// The value whose presence completes the frame on the robot; none on servers.
    pub output: Option<Value>,
    /// What each step must find in the table, in the order of the operator's inputs.
    pub(super) reads: Vec<Vec<Value>>,
    /// Compute and reduce steps in list order.
    pub(super) compute: Vec<u32>,
    /// Send steps in list order.
    pub(super) sends: Vec<u32>,
    /// Receive steps in list order.
    pub(super) receives: Vec<u32>,
    /// Bytes of the value that each send and receive step moves, 0 for others.
    bytes: Vec<u64>,
    /// Steps that read each node.
    pub(super) readers: Vec<u32>,
    /// Nodes whose values stay until delivery.
    pub(super) kept: Vec<bool>,
    /// By node that is read: nodes that its readers hold, too.
    pub(super) holds: Vec<SmallVec<[NodeId; 1]>>,
}

impl Linked {
    /// Links a program that [`validate`](super::validate) or [`validate_program`](super::validate_program) accepted.
    pub fn new(graph: &Graph, program: Program, output: Option<Value>) -> Arc<Self> {
        let mut readers = vec![0_u32; graph.nodes().len()];
        let mut kept = vec![false; graph.nodes().len()];
        let mut holds: Vec<SmallVec<[NodeId; 1]>> = vec![SmallVec::new(); graph.nodes().len()];
        for (value, until) in &program.keep {
            if let Until::ReadersOf(reader) = until
                && *reader != value.node
            {
                holds[reader.index()].push(value.node);
            }
        }
        let mut reads = Vec::with_capacity(program.steps.len());
        let (mut compute, mut sends, mut receives) = (Vec::new(), Vec::new(), Vec::new());
        for (i, step) in (0_u32..).zip(&program.steps) {
            let inputs = step_reads(graph, step);
            let mut nodes: Vec<NodeId> = inputs.iter().map(|v| v.node).collect();
            nodes.sort_unstable();
            nodes.dedup();
            for node in nodes {
                readers[node.index()] += 1;
                for held in &holds[node.index()] {
                    readers[held.index()] += 1;
                }
            }
            reads.push(inputs);
            match step {
                Step::Compute { .. } | Step::Reduce { .. } => compute.push(i),
                Step::Send { .. } => sends.push(i),
                Step::Receive { .. } => receives.push(i),
            }
        }
        let delivered = program
            .keep
            .iter()
            .filter(|(_, until)| *until == Until::Delivered)
            .map(|(value, _)| value);
        for value in delivered.chain(&output) {
            kept[value.node.index()] = true;
        }
        let bytes = program
            .steps
            .iter()
            .map(|step| match step {
                Step::Send { value, .. } | Step::Receive { value, .. } => value.bytes(graph).0,
                Step::Compute { .. } | Step::Reduce { .. } => 0,
            })
            .collect();
        Arc::new(Self {
            program,
            output,
            reads,
            bytes,
            compute,
            sends,
            receives,
            readers,
            kept,
            holds,
        })
    }

    /// The receive step that expects this value from this peer.
    pub fn receive_step(&self, value: &Value, peer: DeviceId) -> Option<u32> {
        self.receives.iter().copied().find(|&i| {
            matches!(&self.program.steps[i as usize],
                Step::Receive { value: v, from } if v == value && *from == peer)
        })
    }

    /// Bytes of the value that each send and receive step moves, 0 for others; in step order.
    pub fn step_bytes(&self) -> impl Iterator<Item = u64> {
        self.bytes.iter().copied()
    }

    /// The value that a timing tells the arrival of, if it is a receive step's.
    pub fn received_value(&self, of: TimingOf) -> Option<Value> {
        match of {
            TimingOf::Step(i) => match self.program.steps.get(i as usize)? {
                Step::Receive { value, .. } => Some(*value),
                _ => None,
            },
            TimingOf::Assembly(_) => None,
        }
    }

    /// Whether the program exchanges values with a peer.
    pub fn depends_on(&self, peer: DeviceId) -> bool {
        self.program.steps.iter().any(|s| match s {
            Step::Receive { from, .. } => *from == peer,
            Step::Send { to, .. } => *to == peer,
            Step::Compute { .. } | Step::Reduce { .. } => false,
        })
    }
}

fn step_reads(graph: &Graph, step: &Step) -> Vec<Value> {
    match step {
        Step::Compute { node, out, over } => {
            let node = graph.node(*node);
            need(graph, node, out, over.map(|(span, _)| span))
                .into_iter()
                .zip(&node.inputs)
                .filter(|(region, _)| !region.is_empty())
                .map(|(region, &input)| Value {
                    node: input,
                    region,
                    term: Term::Whole,
                })
                .collect()
        }
        Step::Reduce { node, out, of } => (0..*of)
            .map(|i| Value {
                node: *node,
                region: *out,
                term: Term::Addend { i, of: *of },
            })
            .collect(),
        Step::Send { value, .. } => vec![*value],
        Step::Receive { .. } => Vec::new(),
    }
}
