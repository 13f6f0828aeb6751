//! What plans beyond whole-operator divisions cost, estimated without compiling or simulating them: seldom too much, so
//! that an estimate can rule a plan out.

use super::Candidate;
use super::family::TILES;
use super::problem::Problem;
use crate::model::{Graph, Region, Span};
use crate::plan::{LEAST_STREAMED_ROWS, Plan};
use crate::profile::trace::Direction;
use crate::simulate::{Costs, Limit, Prepared, Rate, energy};
use crate::units::{DeviceId, Nanos};

/// What operators take in row tiles, by number of tiles: every tile pays an operator's overhead again.
#[derive(Debug)]
pub(super) struct Tiled {
    of: Vec<InTiles>,
    /// The server's first operators, whole.
    server: Vec<i64>,
}

/// By number of operators: sums over the first ones.
#[derive(Debug)]
struct InTiles {
    robot: Vec<i64>,
    server: Vec<i64>,
    /// By cut: the first operator behind it that the server computes whole, because it needs all rows or has too few.
    stops: Vec<usize>,
}

impl Tiled {
    /// From what robot and server say of parts, and their times of whole operators by node.
    pub(super) fn new(
        graph: &Graph,
        [robot, server]: [&dyn Costs; 2],
        [robot_ns, server_ns]: [&[i64]; 2],
    ) -> Self {
        let part = |costs: &dyn Costs, node: &crate::model::Node, whole: i64, tiles: u16| {
            let whole_out = Region::whole(&node.shape);
            let rows = (node.shape.rows / u32::from(tiles)).max(1);
            if rows == node.shape.rows {
                return whole;
            }
            let row = Span::new(0, rows);
            let part = costs.compute_ns(graph, node, &Region { row, ..whole_out }, None);
            // As many as there are; what rounding adds is no cost.
            let count = f64::from(node.shape.rows) / f64::from(rows);
            ((part as f64 * count) as i64 - i64::from(tiles)).max(whole)
        };
        let sums = |of: &dyn Fn(&crate::model::Node) -> i64| -> Vec<i64> {
            let mut sum = 0;
            let mut sums = vec![0];
            sums.extend(graph.operators().iter().map(|node| {
                sum += of(node);
                sum
            }));
            sums
        };
        let in_tiles = |tiles: u16| {
            let is_short = |node: &crate::model::Node| {
                node.shape.rows < LEAST_STREAMED_ROWS * u32::from(tiles)
            };
            let mut stop = graph.operators().len();
            let mut stops = vec![stop; stop + 1];
            for (k, node) in graph.operators().iter().enumerate().rev() {
                if is_short(node) {
                    stop = k;
                }
                stops[k] = stop;
            }
            InTiles {
                robot: sums(&|node| {
                    let whole = robot_ns[node.id.index()];
                    // A halo lets the first tiles have more rows, and the last ones nothing left to compute.
                    whole + (part(robot, node, whole, tiles) - whole) / 2
                }),
                server: sums(&|node| part(server, node, server_ns[node.id.index()], tiles)),
                stops,
            }
        };
        Self {
            of: TILES.into_iter().map(in_tiles).collect(),
            server: sums(&|node| server_ns[node.id.index()]),
        }
    }

    /// Cut `k` in tiles: what the robot computes, what the server computes as tiles come, and what it computes then.
    fn stages(&self, k: usize, tiles: u16) -> Option<[i64; 3]> {
        let of = self.of.get(TILES.iter().position(|&t| t == tiles)?)?;
        let stop = *of.stops.get(k)?;
        let all = self.server.last()?;
        Some([
            of.robot[k],
            of.server[stop] - of.server[k],
            all - self.server[stop],
        ])
    }
}

/// A cut streamed in tiles: `max(a, l, s) + (a + l + s - max) / T` with `s` up to the first operator that needs all rows,
/// then the rest, on one of the servers; `whole` is the cut's own price.
pub(super) fn streamed(
    problem: &Problem,
    (server, tiled): (DeviceId, &Tiled),
    whole: &Candidate,
    (k, tiles): (u32, u16),
    window: u16,
) -> Option<Candidate> {
    let division = problem.cuts().get(k as usize)?;
    let link = &problem.world().link;
    let timeline = division.timeline(link, problem.starts()[0])?;
    let [_, up, down] = timeline.robot_ns;
    let [robot, first, rest] = tiled.stages(k as usize, tiles)?;
    let stages = [robot, up, first];
    let longest = stages.into_iter().max().unwrap_or(0);
    let sum: i64 = stages.iter().sum();
    let flow = longest + (sum - longest) / i64::from(tiles);
    let delays = link.delay_ns(Direction::Up, Nanos(0)) + link.delay_ns(Direction::Down, Nanos(0));
    // Where figures are means over a trace, the change at its beginning stands for that of its whole.
    // Several values: the server does not wait for all of them, as is assumed here, so that it may look worse than whole.
    let share = (flow + rest + down + delays) as f64 / timeline.latency_ns.max(1) as f64;
    let share = share.min(1.0);
    let changed = |ns: i64| (ns as f64 * share) as i64;
    let latency_ns = changed(whole.latency_ns);
    let frames_per_s = if window > 1 {
        1e9 / timeline.stage_ns(link) as f64
    } else {
        1e9 / (latency_ns.max(1)) as f64
    };
    let levels = problem.world().power;
    let busy = [robot, up, down];
    Some(Candidate {
        plan: Plan::split_on(k, server)
            .with_tiles(tiles)
            .with_window(window),
        latency_ns,
        p95_ns: changed(whole.p95_ns),
        energy: levels.map(|levels| energy(&levels, changed(timeline.latency_ns), busy)),
        frames_per_s,
        ..whole.clone()
    })
}

/// What a compiled plan costs at the least: every resource at work without a gap.
pub(super) fn at_least(problem: &Problem, plan: Plan, prepared: &Prepared) -> Candidate {
    let busy = [
        prepared.busy_ns(DeviceId::ROBOT),
        prepared.busiest_server_ns(),
    ];
    without_gaps(problem, plan, prepared.bytes(), busy)
}

/// What a plan costs at the least that moves so many bytes up and down, whatever it computes.
pub(super) fn by_bytes(problem: &Problem, plan: Plan, bytes: (u64, u64)) -> Candidate {
    without_gaps(problem, plan, bytes, [0, 0])
}

fn without_gaps(
    problem: &Problem,
    plan: Plan,
    (bytes_up, bytes_down): (u64, u64),
    [robot, server]: [i64; 2],
) -> Candidate {
    let link = &problem.world().link;
    let start = problem.starts()[0];
    let wire = problem.world().packings.least_wire();
    let bits_ns = |rate: &Rate, bytes: u64| {
        rate.ns_for(start, bytes as f64 * wire * 8.0)
            .unwrap_or(i64::MAX / 4)
    };
    let (up, down) = (bits_ns(&link.up, bytes_up), bits_ns(&link.down, bytes_down));
    let link_ns = if link.duplex { up.max(down) } else { up + down };
    let latency_ns = robot.max(server).max(link_ns).max(1);
    let limit = if robot == latency_ns {
        Limit::Robot
    } else if link_ns == latency_ns {
        Limit::Link
    } else {
        Limit::Server
    };
    let levels = problem.world().power;
    Candidate {
        plan,
        latency_ns,
        p95_ns: latency_ns,
        energy: levels.map(|levels| energy(&levels, latency_ns, [robot, up, down])),
        bytes_up,
        bytes_down,
        frames_per_s: 1e9 / latency_ns as f64,
        limit,
        simulated: false,
    }
}
