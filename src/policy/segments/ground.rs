//! Where segments may end, and which rows reach back how far: what of a graph's row tiles neither the link nor the
//! devices' speeds change.

use crate::model::{Graph, Node, Region, Span, need};
use crate::plan::needs;
use crate::units::NodeId;

/// Models with no more operators than this may have [`MOST_BOUNDARIES`].
const MIDDLING: u32 = 128;
/// Boundaries that are searched, the image and the result among them.
const MOST_BOUNDARIES: usize = 22;
/// The same of models with more operators.
const FEWER_BOUNDARIES: usize = 13;

/// A position where one tensor crosses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Boundary {
    pub(super) node: NodeId,
    pub(super) rows: u32,
    /// Bytes of one row.
    pub(super) row_bytes: u64,
}

/// How many rows of a value the first or the last rows of a block's end need: `scale * rows + halo`, as far as there
/// are any.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reach {
    scale: f64,
    /// Of the robot's rows, which are the first, and of the server's, which are the last.
    halo: [f64; 2],
    rows: u32,
}

impl Reach {
    pub(super) fn rows(&self, side: usize, rows: u32) -> u32 {
        if rows == 0 {
            return 0;
        }
        let reached = (f64::from(rows) * self.scale + self.halo[side]).ceil();
        reached.clamp(1.0, f64::from(self.rows)) as u32
    }
}

/// An operator inside a block.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) node: NodeId,
    pub(super) reach: Reach,
    /// Bytes that are read, if neighbouring rows are read too: they are joined where they come in pieces.
    pub(super) joined_bytes: Option<u64>,
}

/// The operators between one boundary and the next.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) operators: Vec<Inner>,
    /// To the boundary before.
    pub(super) start: Reach,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Ground {
    /// The image first, the result last.
    pub(super) boundaries: Vec<Boundary>,
    /// Block `i` is between boundaries `i` and `i + 1`.
    pub(super) blocks: Vec<Block>,
    /// Whether it is of a model with few enough operators for finer shares.
    pub(super) is_fine: bool,
}

impl Ground {
    pub(crate) fn new(graph: &Graph) -> Self {
        let is_fine = graph.operator_count() <= MIDDLING;
        let most = if is_fine {
            MOST_BOUNDARIES
        } else {
            FEWER_BOUNDARIES
        };
        let mut ends = ends(graph);
        if ends.len() > most {
            let all = ends.clone();
            ends.retain(|&id| !is_better_later(graph, id, &all));
        }
        thin_out(graph, &mut ends, most);
        let boundary = |&node: &NodeId| {
            let shape = graph.node(node).shape;
            let rows = shape.rows.max(1);
            Boundary {
                node,
                rows,
                row_bytes: graph.node(node).output_bytes().0 / u64::from(rows),
            }
        };
        let blocks = ends.windows(2).map(|ends| block(graph, ends[0], ends[1]));
        Self {
            blocks: blocks.collect(),
            boundaries: ends.iter().map(boundary).collect(),
            is_fine,
        }
    }

    pub(crate) const fn is_fine(&self) -> bool {
        self.is_fine
    }

    pub(super) fn rows(&self, boundary: usize) -> u32 {
        self.boundaries[boundary].rows
    }

    pub(super) fn node(&self, boundary: usize) -> NodeId {
        self.boundaries[boundary].node
    }
}

/// Every position where one tensor of several rows crosses, with the image and the result.
fn ends(graph: &Graph) -> Vec<NodeId> {
    let mut ends = vec![NodeId::INPUT];
    // The last reader of anything before.
    let mut read_until = NodeId::INPUT;
    for node in graph.nodes() {
        let is_inner = node.id != NodeId::INPUT && node.id != graph.output();
        if is_inner && read_until <= node.id && node.shape.rows >= 2 {
            ends.push(node.id);
        }
        let last = graph.consumers(node.id).last();
        read_until = read_until.max(last.copied().unwrap_or(NodeId::INPUT));
    }
    ends.push(graph.output());
    ends
}

/// Whether the next operator's end is no worse an end: it needs no neighbouring rows and has no more bytes.
fn is_better_later(graph: &Graph, id: NodeId, ends: &[NodeId]) -> bool {
    let next = NodeId(id.0 + 1);
    let is_inner = id != NodeId::INPUT && next < graph.output();
    is_inner
        && ends.binary_search(&next).is_ok()
        && !reads_neighbours(graph, graph.node(next))
        && graph.node(next).output_bytes() <= graph.node(id).output_bytes()
}

/// Whether a row of the output needs rows that its neighbour needs too.
fn reads_neighbours(graph: &Graph, node: &Node) -> bool {
    let whole = Region::whole(&node.shape);
    // The first row lacks what the padding stands for.
    let second = 1.min(node.shape.rows.saturating_sub(1));
    let row = Span::new(second, second + 1);
    let reads = need(graph, node, &Region { row, ..whole }, None);
    reads.iter().zip(&node.inputs).any(|(read, &input)| {
        let rows = graph.node(input).shape.rows;
        read.row.len() > rows.div_ceil(node.shape.rows.max(1))
    })
}

/// Takes ends away, always the one whose two blocks have least to compute together.
fn thin_out(graph: &Graph, ends: &mut Vec<NodeId>, most: usize) {
    let mut sum = 0;
    let mut before = vec![0];
    for node in graph.operators() {
        sum += graph.flops(node);
        before.push(sum);
    }
    while ends.len() > most.max(2) {
        let merged = |i: &usize| before[ends[i + 1].index()] - before[ends[i - 1].index()];
        let Some(least) = (1..ends.len() - 1).min_by_key(merged) else {
            return;
        };
        ends.remove(least);
    }
}

fn block(graph: &Graph, start: NodeId, end: NodeId) -> Block {
    let within: Vec<NodeId> = (start.0 + 1..=end.0).map(NodeId).collect();
    let whole = Region::whole(&graph.node(end).shape);
    let rows = whole.row.end;
    let of = |row: Span| needs(graph, &within, &[(end, Region { row, ..whole })]);
    // At the image's own edges nothing is cut off on the side that is looked at.
    let (first, last) = (of(Span::new(0, 1)), of(Span::new(rows - 1, rows)));
    let reach = |id: NodeId| {
        let all = graph.node(id).shape.rows;
        let scale = f64::from(all) / f64::from(rows);
        let first = first[id.index()].map_or(0, |r| r.row.end);
        let last = last[id.index()].map_or(all, |r| r.row.start);
        Reach {
            scale,
            halo: [first, all - last].map(|reached| f64::from(reached) - scale),
            rows: all,
        }
    };
    let inner = |&id: &NodeId| {
        let node = graph.node(id);
        let read = node.inputs.iter().map(|&i| graph.node(i).output_bytes().0);
        Inner {
            node: id,
            reach: reach(id),
            joined_bytes: reads_neighbours(graph, node).then(|| read.sum()),
        }
    };
    Block {
        operators: within.iter().map(inner).collect(),
        start: reach(start),
    }
}
