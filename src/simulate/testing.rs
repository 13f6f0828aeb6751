//! Graphs and costs for tests of predictions and policies.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Costs, Link, World};
use crate::model::{Conv2d, Graph, GraphBuilder, Node, Op, Region, Shape, Span, Window};
use crate::power::Levels;
use crate::units::{BitsPerSecond, NodeId, Watts};

pub(crate) const MS: i64 = 1_000_000;

/// The levels of tests: 4 W idle, 14 computing, 6 sending, 5 receiving.
pub(crate) const LEVELS: Levels = Levels {
    idle: Watts(4.0),
    compute: Watts(14.0),
    transmit: Watts(6.0),
    receive: Watts(5.0),
};

/// Time by node, and of a part its share of the rows and channels; joining is free.
#[derive(Debug)]
pub(crate) struct PerNode(pub(crate) Vec<i64>);

impl Costs for PerNode {
    fn compute_ns(&self, _: &Graph, node: &Node, out: &Region, _: Option<Span>) -> i64 {
        let part = out.elements(node.shape.columns) as f64;
        let whole = Region::whole(&node.shape).elements(node.shape.columns) as f64;
        (self.0[node.id.index()] as f64 * part / whole).round() as i64
    }

    fn join_ns(&self, _: u64) -> i64 {
        0
    }
}

/// A robot and a server with times by operator in milliseconds, and a link of so many bytes per millisecond.
pub(crate) fn world(robot_ms: &[i64], server_ms: &[i64], bytes_per_ms: f64) -> World {
    let costs = |ms: &[i64]| -> Arc<dyn Costs> {
        let ns = ms.iter().map(|ms| ms * MS);
        Arc::new(PerNode(std::iter::once(0).chain(ns).collect()))
    };
    World::pair(
        costs(robot_ms),
        costs(server_ms),
        Link::constant(BitsPerSecond(bytes_per_ms * 8e3)),
        Some(LEVELS),
    )
}

pub(crate) fn normalize() -> Op {
    Op::Normalize {
        mean: [0.5; 3],
        std: [0.25; 3],
    }
}

/// Normalisation and then activations: 3 x 8 x 4 elements, 96 B of image and 384 B everywhere behind it.
pub(crate) fn chain(operators: u32) -> Graph {
    let mut b = GraphBuilder::new("chain", Shape::image(1, 3, 8, 4)).unwrap();
    let mut last = b.push("op1", normalize(), &[NodeId::INPUT]).unwrap();
    for i in 2..=operators {
        last = b.push(&format!("op{i}"), Op::Relu, &[last]).unwrap();
    }
    b.finish(last).unwrap()
}

/// What a random operator reads and how many channels it makes.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    kind: u8,
    channels: u32,
    other: prop::sample::Index,
    robot: i64,
    server: i64,
}

/// Random operators with their times in nanoseconds on a robot and on a faster or slower server.
pub(crate) fn randoms(most: usize) -> impl Strategy<Value = Vec<Random>> {
    let one = (
        0_u8..5,
        1_u32..6,
        any::<prop::sample::Index>(),
        0_i64..40,
        0_i64..20,
    );
    let one = one.prop_map(|(kind, channels, other, robot, server)| Random {
        kind,
        channels,
        other,
        robot: robot * MS / 4,
        server: server * MS / 4,
    });
    prop::collection::vec(one, 1..=most)
}

/// The directed acyclic graph of random operators, one per element, and the times of both devices by node.
pub(crate) fn random_graph(randoms: &[Random]) -> (Graph, Vec<i64>, Vec<i64>) {
    let mut b = GraphBuilder::new("random", Shape::image(1, 3, 8, 4)).unwrap();
    let mut made: Vec<NodeId> = Vec::new();
    let mut unread: Vec<NodeId> = Vec::new();
    for (i, r) in randoms.iter().enumerate() {
        let name = format!("op{}", i + 1);
        let left = randoms.len() - i;
        let id = if made.is_empty() {
            b.push(&name, normalize(), &[NodeId::INPUT]).unwrap()
        } else {
            let near = *made.last().unwrap();
            // Everything must be read in the end: joins are forced when operators run short.
            let must_join = unread.len() > left;
            let other = if must_join {
                *unread.iter().find(|&&id| id != near).unwrap()
            } else {
                made[r.other.index(made.len())]
            };
            let same = b.shape(near) == b.shape(other);
            let conv = Op::Conv2d(Conv2d {
                out: r.channels,
                window: Window {
                    kernel: 3,
                    stride: 1,
                    padding: 1,
                    dilation: 1,
                },
                groups: 1,
                bias: true,
            });
            let (op, inputs) = match r.kind {
                _ if must_join && same => (Op::Add, vec![near, other]),
                _ if must_join => (Op::Concat, vec![near, other]),
                0 if same && near != other => (Op::Add, vec![near, other]),
                1 if near != other => (Op::Concat, vec![near, other]),
                2 => (conv, vec![near]),
                3 if unread.len() + 1 < left => (conv, vec![other]),
                _ => (Op::Relu, vec![near]),
            };
            unread.retain(|id| !inputs.contains(id));
            b.push(&name, op, &inputs).unwrap()
        };
        made.push(id);
        unread.push(id);
    }
    let graph = b.finish(*made.last().unwrap()).unwrap();
    let times = |of: fn(&Random) -> i64| std::iter::once(0).chain(randoms.iter().map(of)).collect();
    (graph, times(|r| r.robot), times(|r| r.server))
}
