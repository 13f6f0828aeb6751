//! Plans beyond whole-operator divisions: streamed cuts, row tiles, tensor and data parallelism. There are too many to
//! simulate each time, so an estimate that is seldom too high ranks them, and the best few are simulated.

use super::division::Division;
use super::problem::{NoFigures, Problem, WINDOW, frames_of};
use super::{Candidate, Objective};
use crate::model::{Graph, crossing};
use crate::plan::{Join, Mode, ModeKind, Plan, PlanError, shard_all, simple_tiles};
use crate::profile::trace::Direction;
use crate::simulate::{Limit, Prepared, energy};
use crate::units::{DeviceId, Nanos};

/// Compiled plans remembered.
pub(super) const MOST_PREPARED: usize = 256;
/// Row tiles that a cut is streamed in (METHODS: T in 1, 2, 4, 8).
pub const TILES: [u16; 3] = [2, 4, 8];
/// Steps that one decision simulates, beyond its first plan: about 5 ms of one core.
const MOST_STEPS: usize = 1200;
/// Of models with no more operators than this, everything that looks better is simulated.
const SMALL: u32 = 16;
/// An estimate that is better by less is not worth a simulation.
const LEAST_GAIN: f64 = 1e-9;
/// The robot's shares that tiles are tried with.
const SHARES: [f64; 7] = [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875];
/// Largest batch whose every division is tried.
const MOST_IMAGES: u32 = 16;

/// The plans of a model, and why modes do not apply.
#[derive(Debug)]
pub(super) struct Family {
    /// Tile, tensor and data plans.
    plans: Vec<Plan>,
    /// Cuts that can be streamed, with the most tiles.
    streamable: Vec<(u32, u16)>,
    /// Why a mode does not apply at all.
    pub(super) refused: Vec<(ModeKind, String)>,
}

impl Family {
    /// The plans for a model on so many devices, of which the first server is `ratio` times as fast as the robot.
    pub(super) fn new(graph: &Graph, devices: usize, ratio: f64) -> Self {
        let mut family = Self {
            plans: Vec::new(),
            streamable: Vec::new(),
            refused: Vec::new(),
        };
        let servers = devices.saturating_sub(1).clamp(1, 254);
        let shares = |robot: f64| -> Vec<f64> {
            let each = (1.0 - robot) / servers as f64;
            std::iter::once(robot)
                .chain(std::iter::repeat_n(each, servers))
                .collect()
        };
        let balanced = 1.0 / (1.0 + ratio.max(0.01) * servers as f64);
        for share in SHARES.into_iter().chain([balanced]) {
            for rest in [DeviceId::SERVER, DeviceId::ROBOT] {
                family.add(ModeKind::Tile, simple_tiles(graph, &shares(share), rest));
            }
        }
        for share in [balanced, 0.5] {
            for join in [Join::Gather, Join::Reduce] {
                family.add(ModeKind::Tensor, shard_all(graph, &shares(share), join));
            }
        }
        let batch = graph.input_shape().batch;
        if batch > 1 {
            for n in 1..batch.min(MOST_IMAGES) {
                let shares = vec![batch - n, n];
                family.plans.push(Plan::of(Mode::Data { shares }));
            }
        } else {
            family.refused.push((
                ModeKind::Data,
                "it divides a batch, and this one has 1 image".to_owned(),
            ));
        }
        for k in 0..graph.operator_count() {
            let rows = crossing(graph, k)
                .iter()
                .map(|&id| graph.node(id).shape.rows)
                .max();
            if let Some(rows) = rows.filter(|&rows| rows >= 2) {
                family
                    .streamable
                    .push((k, rows.min(u32::from(u16::MAX)) as u16));
            }
        }
        family
    }

    fn add(&mut self, kind: ModeKind, plan: Result<Plan, PlanError>) {
        match plan {
            Ok(plan) if self.plans.contains(&plan) => {}
            Ok(plan) => self.plans.push(plan),
            Err(error) if self.refused.iter().all(|(k, _)| *k != kind) => {
                self.refused.push((kind, error.to_string()));
            }
            Err(_) => {}
        }
    }

    /// Every plan.
    #[cfg(test)]
    pub(super) fn plans(&self) -> impl Iterator<Item = Plan> {
        let streams = self.streamable.iter().flat_map(|&(k, rows)| {
            let fitting = TILES.into_iter().filter(move |&tiles| tiles <= rows);
            fitting.map(move |tiles| Plan::split(k).with_tiles(tiles))
        });
        self.plans.iter().cloned().chain(streams)
    }
}

/// The better ones of the family for an objective, simulated; `best` is what they must beat. The second is how many
/// looked better and were not simulated.
pub(super) fn search(
    problem: &Problem,
    objective: Objective,
    only: Option<ModeKind>,
    best: Option<&Candidate>,
) -> (Vec<Candidate>, usize) {
    let window = if objective == Objective::Throughput {
        WINDOW
    } else {
        1
    };
    let family = problem.family();
    let mut estimates: Vec<Candidate> = Vec::new();
    let wanted = |kind: ModeKind| only.is_none_or(|only| only == kind);
    if wanted(ModeKind::Split) {
        for &(k, rows) in &family.streamable {
            for tiles in TILES.into_iter().filter(|&tiles| tiles <= rows) {
                estimates.extend(streamed(problem, k, tiles, window));
            }
        }
    }
    for plan in &family.plans {
        let plan = plan.clone().with_window(window);
        if wanted(kind_of(&plan))
            && let Ok(prepared) = problem.prepared(&plan)
        {
            estimates.push(at_least(problem, plan, &prepared));
        }
    }
    estimates.sort_by(|a, b| objective.compare(a, b));
    let mut best = best.cloned();
    let most_steps = if problem.graph().operator_count() <= SMALL {
        usize::MAX
    } else {
        MOST_STEPS
    };
    let (mut found, mut left, mut steps) = (Vec::new(), 0, 0);
    for estimate in estimates {
        let is_better = |best: &Candidate| objective.gain(best, &estimate) > LEAST_GAIN;
        if !best.as_ref().is_none_or(is_better) {
            continue;
        }
        let simulated = problem.prepared(&estimate.plan).and_then(|prepared| {
            let more = prepared.step_count() * frames_of(window) as usize * problem.starts().len();
            if steps > 0 && steps + more > most_steps {
                left += 1;
                return Ok(None);
            }
            steps += more;
            problem.simulate(&estimate.plan).map(Some)
        });
        let Ok(Some(candidate)) = simulated else {
            continue;
        };
        if best
            .as_ref()
            .is_none_or(|best| objective.compare(&candidate, best).is_lt())
        {
            best = Some(candidate.clone());
        }
        found.push(candidate);
    }
    (found, left)
}

/// The mode that a plan belongs to.
pub(super) fn kind_of(plan: &Plan) -> ModeKind {
    match plan.mode {
        Mode::Local => ModeKind::Local,
        Mode::Remote => ModeKind::Remote,
        Mode::Split { .. } if plan.window > 1 => ModeKind::Pipeline,
        Mode::Split { .. } => ModeKind::Split,
        Mode::Tensor { .. } => ModeKind::Tensor,
        Mode::Data { .. } => ModeKind::Data,
        Mode::Tile { .. } => ModeKind::Tile,
    }
}

/// A cut streamed in tiles, estimated: `max(a, l, s) + (a + l + s - max) / T`, without overheads.
fn streamed(problem: &Problem, k: u32, tiles: u16, window: u16) -> Option<Candidate> {
    let division: &Division = problem.cuts().get(k as usize)?;
    let whole = problem.price(division)?;
    let link = &problem.world().link;
    let timeline = division.timeline(link, problem.starts()[0])?;
    let [robot, up, down] = timeline.robot_ns;
    let stages = [robot, up, timeline.server_ns];
    let longest = stages.into_iter().max().unwrap_or(0);
    let sum: i64 = stages.iter().sum();
    let flow = longest + (sum - longest) / i64::from(tiles);
    let delays = link.delay_ns(Direction::Up, Nanos(0)) + link.delay_ns(Direction::Down, Nanos(0));
    // Where figures are means over a trace, the saving at its beginning stands for that of its whole.
    let saved = (timeline.latency_ns - (flow + down + delays)).max(0) as f64;
    let share = 1.0 - (saved / timeline.latency_ns.max(1) as f64).min(1.0);
    let shorter = |ns: i64| (ns as f64 * share) as i64;
    let latency_ns = shorter(whole.latency_ns);
    let frames_per_s = if window > 1 {
        1e9 / timeline.stage_ns(link) as f64
    } else {
        1e9 / (latency_ns.max(1)) as f64
    };
    let levels = problem.world().power;
    Some(Candidate {
        plan: Plan::split(k).with_tiles(tiles).with_window(window),
        latency_ns,
        p95_ns: shorter(whole.p95_ns),
        energy: levels
            .map(|levels| energy(&levels, shorter(timeline.latency_ns), timeline.robot_ns)),
        frames_per_s,
        ..whole
    })
}

/// What a compiled plan costs at the least: every resource at work without a gap.
fn at_least(problem: &Problem, plan: Plan, prepared: &Prepared) -> Candidate {
    let link = &problem.world().link;
    let start = problem.starts()[0];
    let (bytes_up, bytes_down) = prepared.bytes();
    let bits_ns = |rate: &crate::simulate::Rate, bytes: u64| {
        rate.ns_for(start, bytes as f64 * 8.0)
            .unwrap_or(i64::MAX / 4)
    };
    let (up, down) = (bits_ns(&link.up, bytes_up), bits_ns(&link.down, bytes_down));
    let link_ns = if link.duplex { up.max(down) } else { up + down };
    let robot = prepared.busy_ns(DeviceId::ROBOT);
    let server = prepared.busiest_server_ns();
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

/// The best of one mode, whatever else there is.
///
/// # Errors
/// Why the mode has none.
pub(super) fn best_of(
    problem: &Problem,
    objective: Objective,
    kind: ModeKind,
) -> Result<Candidate, String> {
    let refused = problem.family().refused.iter().find(|(k, _)| *k == kind);
    let (found, _) = search(problem, objective, Some(kind), None);
    match objective.best(&found) {
        Some(best) => Ok(found[best].clone()),
        None => Err(refused.map_or_else(
            || "the link never carries it".to_owned(),
            |(_, why)| why.clone(),
        )),
    }
}

/// Every plan of the family simulated, for tests against brute force.
#[cfg(test)]
pub(super) fn all(problem: &Problem) -> Vec<Candidate> {
    let plans = problem.family().plans();
    plans
        .filter_map(|plan| problem.simulate(&plan).ok())
        .collect()
}

impl Problem {
    /// Figures of a plan as [`Problem::evaluate`], with the reason as a sentence.
    ///
    /// # Errors
    /// As [`Problem::evaluate`].
    pub fn figures(&self, plan: &Plan) -> Result<Candidate, String> {
        self.evaluate(plan)
            .map_err(|error: NoFigures| error.to_string())
    }
}
