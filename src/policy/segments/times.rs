//! What segments take on robot and server: looked up for a few numbers of rows per block, straight lines between.

use super::ground::{Block, Boundary, Ground};
use super::labels::Rest;
use crate::model::{Graph, Region, Span};
use crate::simulate::{Costs, Packings};
use crate::units::DeviceId;

/// Blocks that a segment may have.
const MOST_BLOCKS: usize = 6;
/// The same of models with many operators.
const FEWER_BLOCKS: usize = 3;
/// Robot and server.
pub(super) const ROBOT: usize = 0;
pub(super) const SERVER: usize = 1;

/// Nanoseconds by rows of a block's end.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    /// Growing: one, an eighth, a quarter, a half, all. Between these, profiles are straight.
    rows: [u32; POINTS],
    ns: [i64; POINTS],
}

const POINTS: usize = 5;

impl Line {
    /// Of many operators only one, a half, all: asking takes long.
    fn rows_of(all: u32, is_fine: bool) -> [u32; POINTS] {
        let half = all.div_ceil(2);
        if is_fine {
            [1, all.div_ceil(8), all.div_ceil(4), half, all]
        } else {
            [1, half, half, half, all]
        }
    }

    fn at(&self, rows: u32) -> i64 {
        if rows == 0 {
            return 0;
        }
        let mut i = 1;
        while i < POINTS - 1 && self.rows[i] < rows {
            i += 1;
        }
        let (x0, x1) = (self.rows[i - 1], self.rows[i]);
        let (y0, y1) = (self.ns[i - 1], self.ns[i]);
        if x1 <= x0 {
            return y1;
        }
        let past = i64::from(rows.clamp(x0, x1) - x0);
        y0 + (y1 - y0) * past / i64::from(x1 - x0)
    }

    /// The least nanoseconds of all rows that any number of them stands for.
    fn least_whole(&self) -> i64 {
        let all = i64::from(self.rows[POINTS - 1]);
        let whole = (0..POINTS).map(|i| self.ns[i] * all / i64::from(self.rows[i].max(1)));
        whole.min().unwrap_or(0)
    }
}

/// A block on one device.
#[derive(Debug, Clone, Copy, Default)]
struct Work {
    own: Line,
    /// Joining pieces, where it is computed in two: of one row and of all.
    joins: [i64; 2],
}

impl Work {
    fn new(
        graph: &Graph,
        (block, is_fine): (&Block, bool),
        side: usize,
        (costs, whole_ns): (&dyn Costs, &[i64]),
    ) -> Self {
        let end = block.operators.last().map(|inner| inner.node);
        let all = end.map_or(1, |end| graph.node(end).shape.rows.max(1));
        let mut own = Line {
            rows: Line::rows_of(all, is_fine),
            ns: [0; POINTS],
        };
        let mut joins = [0; 2];
        for inner in &block.operators {
            let node = graph.node(inner.node);
            let mut known = (node.shape.rows, whole_ns[inner.node.index()]);
            for i in (0..POINTS).rev() {
                let rows = inner.reach.rows(side, own.rows[i]).min(node.shape.rows);
                if rows != known.0 {
                    let row = if side == ROBOT {
                        Span::new(0, rows)
                    } else {
                        Span::new(node.shape.rows - rows, node.shape.rows)
                    };
                    let part = Region {
                        row,
                        ..Region::whole(&node.shape)
                    };
                    known = (rows, costs.compute_ns(graph, node, &part, None));
                }
                own.ns[i] += known.1;
            }
            if let Some(bytes) = inner.joined_bytes {
                joins[0] += costs.join_ns(bytes / u64::from(all));
                joins[1] += costs.join_ns(bytes);
            }
        }
        Self { own, joins }
    }

    fn joins(&self, rows: u32) -> i64 {
        let all = i64::from(self.own.rows[POINTS - 1]);
        let more = (self.joins[1] - self.joins[0]) * i64::from(rows.saturating_sub(1));
        self.joins[0] + more / (all - 1).max(1)
    }
}

/// One device's part of a segment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Part {
    /// Rows of the segment's end.
    pub(super) rows: u32,
    /// Rows that it needs of the segment's start.
    pub(super) needs: u32,
    /// Computing them.
    pub(super) own_ns: i64,
    /// Computing the row first that is next to the other device's.
    pub(super) edge_ns: i64,
    /// How much longer it takes altogether when rows next to the other device's come first.
    pub(super) split_ns: i64,
    /// Joining what it needs of the start, if that came in pieces.
    pub(super) join_ns: i64,
}

/// A segment between two boundaries, with the robot's rows at its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) from: usize,
    /// The share's place among those of the end.
    pub(super) share: usize,
    pub(super) parts: [Part; 2],
}

/// What a row costs on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Carried {
    pub(super) wire_bytes: f64,
    /// Packing before, unpacking after.
    pub(super) packing_ns: [f64; 2],
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Times {
    pub(super) server: DeviceId,
    /// By boundary: the robot's rows that are tried, growing, none and all among them.
    pub(super) shares: Vec<Vec<u32>>,
    /// By boundary: the segments that end there.
    pub(super) segments: Vec<Vec<Segment>>,
    /// By boundary: a row up and a row down.
    pub(super) carried: Vec<[Carried; 2]>,
    /// By boundary: everything behind it.
    pub(super) rest: Vec<Rest>,
    /// Joining the result.
    pub(super) result_join_ns: i64,
}

/// Of what times are made.
#[derive(Clone, Copy)]
pub(crate) struct Made<'a> {
    pub(crate) server: DeviceId,
    /// Robot and server, with their times of whole operators by node.
    pub(crate) sides: [(&'a dyn Costs, &'a [i64]); 2],
    pub(crate) packings: &'a Packings,
}

impl Times {
    /// With `shares` of the rows for the robot beside none and all.
    pub(crate) fn new(graph: &Graph, ground: &Ground, made: Made<'_>, shares: &[f64]) -> Self {
        let work: Vec<[Work; 2]> = (ground.blocks.iter())
            .map(|block| {
                let block = (block, ground.is_fine);
                [ROBOT, SERVER].map(|side| Work::new(graph, block, side, made.sides[side]))
            })
            .collect();
        let shares: Vec<Vec<u32>> = (0..ground.boundaries.len())
            .map(|i| rows_tried(ground, i, shares))
            .collect();
        let most = if ground.is_fine {
            MOST_BLOCKS
        } else {
            FEWER_BLOCKS
        };
        let joins = made.sides.map(|(costs, _)| costs);
        let segments = (0..ground.boundaries.len()).map(|to| {
            let mut segments = Vec::new();
            for (share, &rows) in shares[to].iter().enumerate() {
                let all = ground.boundaries[to].rows;
                let parts = [rows, all - rows];
                let walk = Walk::new(parts);
                walk.back(ground, &work, joins, (to, most), |from, parts| {
                    segments.push(Segment { from, share, parts });
                });
            }
            // The longest first: of labels that are the same, the one with fewer segments is kept.
            segments.sort_by_key(|segment| segment.from);
            segments
        });
        let segments = segments.collect();
        let carried = |b: &Boundary| {
            [DeviceId::ROBOT, made.server].map(|from| {
                let bytes = b.row_bytes * u64::from(b.rows);
                let packed = made.packings.value(graph, b.node, from, bytes);
                let rows = f64::from(b.rows);
                Carried {
                    wire_bytes: packed.wire_bytes as f64 / rows,
                    packing_ns: [packed.encode_ns, packed.decode_ns].map(|ns| ns as f64 / rows),
                }
            })
        };
        let result = graph.node(graph.output()).output_bytes().0;
        Self {
            server: made.server,
            carried: ground.boundaries.iter().map(carried).collect(),
            shares,
            segments,
            rest: rest(&work),
            result_join_ns: joins[ROBOT].join_ns(result),
        }
    }
}

/// By boundary, what is left behind it.
fn rest(work: &[[Work; 2]]) -> Vec<Rest> {
    let least = |both: &[Work; 2]| both.each_ref().map(|work| work.own.least_whole() as f64);
    let all: Vec<[f64; 2]> = work.iter().map(least).collect();
    let [robot, server] =
        [ROBOT, SERVER].map(|side| all.iter().map(|both| both[side]).sum::<f64>());
    let weight = if robot + server > 0.0 {
        server / (robot + server)
    } else {
        0.5
    };
    let mut left = Rest {
        weight,
        mean_ns: 0.0,
    };
    let mut rest = vec![left];
    for [robot, server] in all.into_iter().rev() {
        left.mean_ns += (weight * robot).min((1.0 - weight) * server);
        rest.push(left);
    }
    rest.reverse();
    rest
}

fn rows_tried(ground: &Ground, boundary: usize, shares: &[f64]) -> Vec<u32> {
    let all = ground.boundaries[boundary].rows;
    if boundary == 0 {
        return vec![all];
    }
    let of = |share: &f64| (share * f64::from(all)).round() as u32;
    let mut rows: Vec<u32> = shares.iter().map(of).chain([0, all]).collect();
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// From a segment's end backwards, block by block.
struct Walk {
    parts: [Part; 2],
    /// Rows of the end of the next block that own rows and edge need.
    own: [u32; 2],
    edge: [u32; 2],
}

impl Walk {
    fn new(rows: [u32; 2]) -> Self {
        Self {
            parts: rows.map(|rows| Part {
                rows,
                ..Part::default()
            }),
            own: rows,
            edge: rows.map(|rows| rows.min(1)),
        }
    }

    fn back(
        mut self,
        ground: &Ground,
        work: &[[Work; 2]],
        costs: [&dyn Costs; 2],
        (to, most): (usize, usize),
        mut made: impl FnMut(usize, [Part; 2]),
    ) {
        for from in (to.saturating_sub(most)..to).rev() {
            let block = &ground.blocks[from];
            let bytes = ground.boundaries[from].row_bytes;
            for side in [ROBOT, SERVER] {
                let (own, edge) = (self.own[side], self.edge[side]);
                let here = &work[from][side];
                let part = &mut self.parts[side];
                let (own_ns, edge_ns) = (here.own.at(own), here.own.at(edge));
                part.own_ns += own_ns;
                part.edge_ns += edge_ns;
                if edge < own {
                    part.split_ns += edge_ns + here.own.at(own - edge) - own_ns + here.joins(own);
                }
                self.own[side] = block.start.rows(side, own);
                self.edge[side] = block.start.rows(side, edge).min(self.own[side]);
                part.needs = self.own[side];
                part.join_ns = costs[side].join_ns(u64::from(part.needs) * bytes);
            }
            made(from, self.parts);
        }
    }
}
