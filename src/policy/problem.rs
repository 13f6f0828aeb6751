//! What policies choose from: a model, a world, and everything about plans that does not depend on the link.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::division::{Division, Timeline};
use super::sets::closed_sets;
use super::{Candidate, family};
use crate::model::{Graph, Node, Region};
use crate::plan::{Mode, Plan, PlanError, compile};
use crate::power::Levels;
use crate::simulate::{Link, Outcome, Prepared, Run, SimulateError, World, energy};
use crate::units::{DeviceId, Epoch, Joules, Nanos};

/// Standard deviations below the mean at which 5 % of normally distributed rates lie.
const P5_SIGMAS: f64 = 1.645;
/// A rate is never believed to fall below this share of its mean.
const LEAST_SHARE: f64 = 0.05;
/// Frames in flight with which throughput is measured: three stages, one waiting.
pub const WINDOW: u16 = 4;

/// Why a plan has no figures.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NoFigures {
    /// It does not suit the model.
    #[error(transparent)]
    Plan(Arc<PlanError>),
    /// It cannot be run in this world.
    #[error(transparent)]
    Simulate(Arc<SimulateError>),
}

impl From<PlanError> for NoFigures {
    fn from(error: PlanError) -> Self {
        Self::Plan(Arc::new(error))
    }
}

impl From<SimulateError> for NoFigures {
    fn from(error: SimulateError) -> Self {
        Self::Simulate(Arc::new(error))
    }
}

type Ready = Result<Arc<Prepared>, NoFigures>;

/// What does not depend on the link.
#[derive(Debug)]
struct Known {
    graph: Arc<Graph>,
    /// Every operator's nanoseconds by node, on the robot and on the first server.
    robot_ns: Vec<i64>,
    server_ns: Vec<i64>,
    /// Cut `k` at place `k`, then the closed sets that are no prefixes.
    divisions: Vec<Division>,
    has_every_set: bool,
    /// By plan; compiled when first asked for.
    prepared: Mutex<HashMap<String, Ready>>,
    family: family::Family,
}

/// A model in a world, ready to be planned for. Clones, and the same with another link, share what is expensive.
#[derive(Debug, Clone)]
pub struct Problem {
    known: Arc<Known>,
    world: World,
    /// When frames are admitted, in the link's time: figures are means over these.
    starts: Vec<Nanos>,
    /// The link at the 5th percentile of what it may be, if its rate is uncertain.
    slow: Option<Link>,
}

impl Problem {
    /// A model in a world of at least a robot and a server; the first server is the one that layers are moved to.
    ///
    /// # Errors
    /// A world without a server.
    pub fn new(graph: Arc<Graph>, world: World) -> Result<Self, SimulateError> {
        let [robot, server, ..] = world.devices.as_slice() else {
            return Err(SimulateError::NoSuchDevice {
                plan: "planning".to_owned(),
                device: DeviceId::SERVER,
                devices: world.devices.len(),
            });
        };
        let times = |costs: &dyn crate::simulate::Costs| -> Vec<i64> {
            let whole =
                |node: &Node| costs.compute_ns(&graph, node, &Region::whole(&node.shape), None);
            graph.nodes().iter().map(whole).collect()
        };
        let (robot_ns, server_ns) = (times(robot.as_ref()), times(server.as_ref()));
        let (sets, has_every_set) = closed_sets(&graph);
        let divisions = sets
            .iter()
            .map(|stays| Division::new(&graph, &robot_ns, &server_ns, stays))
            .collect();
        let ratio =
            robot_ns.iter().sum::<i64>() as f64 / server_ns.iter().sum::<i64>().max(1) as f64;
        let family = family::Family::new(&graph, world.devices.len(), ratio);
        Ok(Self {
            known: Arc::new(Known {
                graph,
                robot_ns,
                server_ns,
                divisions,
                has_every_set,
                prepared: Mutex::default(),
                family,
            }),
            world,
            starts: vec![Nanos(0)],
            slow: None,
        })
    }

    /// The same with another link between robot and servers; `spread` is the standard deviation of its rate over the
    /// mean, for the 95th percentile of latencies (Gaussian; 0 for a rate that is certain).
    #[must_use]
    pub fn with_link(&self, link: Link, spread: f64) -> Self {
        let share = (1.0 - P5_SIGMAS * spread.max(0.0)).max(LEAST_SHARE);
        let slow = (spread > 0.0).then(|| link.slowed(share)).flatten();
        let mut world = self.world.clone();
        world.link = link;
        Self {
            known: Arc::clone(&self.known),
            world,
            starts: vec![Nanos(0)],
            slow,
        }
    }

    /// The same, with frames admitted at these times of a trace instead of at 0; the 95th percentile is theirs.
    #[must_use]
    pub fn at(&self, starts: Vec<Nanos>) -> Self {
        let starts = if starts.is_empty() {
            vec![Nanos(0)]
        } else {
            starts
        };
        Self {
            starts,
            slow: None,
            ..self.clone()
        }
    }

    /// The model.
    pub fn graph(&self) -> &Graph {
        &self.known.graph
    }

    /// Devices, links, power.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// When frames are admitted.
    pub fn starts(&self) -> &[Nanos] {
        &self.starts
    }

    /// How many times as fast the first server computes the model.
    pub fn speed_ratio(&self) -> f64 {
        let sum = |times: &[i64]| times.iter().sum::<i64>() as f64;
        sum(&self.known.robot_ns) / sum(&self.known.server_ns).max(1.0)
    }

    /// Every operator's nanoseconds by node, on the robot and on the first server.
    pub fn operator_ns(&self) -> (&[i64], &[i64]) {
        (&self.known.robot_ns, &self.known.server_ns)
    }

    /// The rate to the servers at the first start, in megabits per second.
    pub fn mbps(&self) -> f64 {
        self.world.link.up.mbps(self.starts[0])
    }

    /// Every division: cut `k` at place `k`, then closed sets that are no prefixes.
    pub fn divisions(&self) -> &[Division] {
        &self.known.divisions
    }

    /// The cuts `0..=n`.
    pub fn cuts(&self) -> &[Division] {
        &self.known.divisions[..=self.known.graph.operator_count() as usize]
    }

    /// Whether [`Self::divisions`] has every closed set, not only the prefixes.
    pub fn has_every_set(&self) -> bool {
        self.known.has_every_set
    }

    pub(super) fn family(&self) -> &family::Family {
        &self.known.family
    }

    /// A division of the caller's own: operator `i` stays if `stays[i]`, by node.
    pub fn division(&self, stays: &[bool]) -> Division {
        let known = &self.known;
        Division::new(&known.graph, &known.robot_ns, &known.server_ns, stays)
    }

    /// A division's figures for one frame at a time, in closed form; none if the link never carries it.
    pub fn price(&self, division: &Division) -> Option<Candidate> {
        let mut priced = Vec::with_capacity(self.starts.len());
        for &start in &self.starts {
            priced.push(division.timeline(&self.world.link, start)?);
        }
        let slow = match &self.slow {
            Some(link) => Some(division.timeline(link, Nanos(0))?.latency_ns),
            None => None,
        };
        let mean = |of: &dyn Fn(&Timeline) -> i64| {
            priced.iter().map(|t| of(t) as f64).sum::<f64>() / priced.len() as f64
        };
        let latency_ns = mean(&|t| t.latency_ns);
        let energy = self.world.power.map(|levels| {
            let all: f64 = priced
                .iter()
                .map(|t| energy(&levels, t.latency_ns, t.robot_ns).0)
                .sum();
            Joules(all / priced.len() as f64)
        });
        let (bytes_up, bytes_down) = division.bytes();
        Some(Candidate {
            plan: division.plan().clone(),
            latency_ns: latency_ns.round() as i64,
            p95_ns: slow.unwrap_or_else(|| p95(priced.iter().map(|t| t.latency_ns))),
            energy,
            bytes_up,
            bytes_down,
            frames_per_s: 1e9 / latency_ns.max(1.0),
            limit: priced[0].limit(&self.world.link),
            simulated: false,
        })
    }

    /// A division with so many frames in flight that its longest stage is never idle; none if the link never carries
    /// it. The latency is a frame's in that crowd, by Little's law.
    pub fn price_pipelined(&self, division: &Division) -> Option<Candidate> {
        let single = self.price(division)?;
        let timeline = division.timeline(&self.world.link, self.starts[0])?;
        let stage_ns = timeline.stage_ns(&self.world.link);
        let window = if matches!(single.plan.mode, Mode::Local) {
            1
        } else {
            WINDOW.min((single.latency_ns / stage_ns + 2).clamp(1, 16) as u16)
        };
        let in_flight = i64::from(window) * stage_ns;
        let energy = |levels: &Levels| energy(levels, stage_ns, timeline.robot_ns);
        let slower = (single.p95_ns as f64 / (single.latency_ns.max(1)) as f64).max(1.0);
        let latency_ns = in_flight.max(single.latency_ns);
        Some(Candidate {
            plan: pipelined(&single.plan, window),
            latency_ns,
            p95_ns: (latency_ns as f64 * slower) as i64,
            energy: self.world.power.as_ref().map(energy),
            frames_per_s: 1e9 / stage_ns as f64,
            ..single
        })
    }

    /// A plan compiled and with its steps timed, from memory if it was asked for before.
    ///
    /// # Errors
    /// A plan that does not suit the model or the world.
    pub fn prepared(&self, plan: &Plan) -> Result<Arc<Prepared>, NoFigures> {
        let known = &self.known;
        let key = format!("{plan:?}");
        let lock = || {
            known
                .prepared
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(ready) = lock().get(&key) {
            return ready.clone();
        }
        let ready = compile(&known.graph, plan, Epoch(0))
            .map_err(NoFigures::from)
            .and_then(|schedule| {
                let prepared = Prepared::new(&known.graph, schedule, &self.world.devices)?;
                Ok(Arc::new(prepared))
            });
        let mut prepared = lock();
        if prepared.len() >= family::MOST_PREPARED {
            prepared.clear();
        }
        prepared.insert(key, ready.clone());
        ready
    }

    /// A plan's figures: a division in closed form, everything else simulated.
    ///
    /// # Errors
    /// A plan that does not suit the model or the world, or a link that never carries it.
    pub fn evaluate(&self, plan: &Plan) -> Result<Candidate, NoFigures> {
        let alone = plan.clone().with_window(1);
        let division = self.known.divisions.iter().find(|d| *d.plan() == alone);
        if plan.window == 1
            && let Some(candidate) = division.and_then(|d| self.price(d))
        {
            return Ok(candidate);
        }
        self.simulate(plan)
    }

    /// A plan's figures from the simulator.
    ///
    /// # Errors
    /// As [`Self::evaluate`].
    pub fn simulate(&self, plan: &Plan) -> Result<Candidate, NoFigures> {
        let prepared = self.prepared(plan)?;
        let frames = frames_of(plan.window);
        let outcome = |world: &World, start| -> Result<Outcome, NoFigures> {
            Ok(prepared.run(&self.known.graph, world, &Run::of(frames, start))?)
        };
        let mut outcomes = Vec::with_capacity(self.starts.len());
        for &start in &self.starts {
            outcomes.push(outcome(&self.world, start)?);
        }
        let slow = match &self.slow {
            Some(link) => {
                let mut world = self.world.clone();
                world.link = link.clone();
                Some(outcome(&world, Nanos(0))?.mean_latency_ns() as i64)
            }
            None => None,
        };
        let count = outcomes.len() as f64;
        let mean = |of: &dyn Fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>() / count;
        let energies: Option<Vec<f64>> = outcomes.iter().map(|o| o.energy().map(|e| e.0)).collect();
        let (bytes_up, bytes_down) = prepared.bytes();
        let latencies = outcomes
            .iter()
            .flat_map(|o| &o.frames)
            .map(|f| f.latency_ns);
        Ok(Candidate {
            plan: plan.clone(),
            latency_ns: mean(&Outcome::mean_latency_ns).round() as i64,
            p95_ns: slow.unwrap_or_else(|| p95(latencies)),
            energy: energies.map(|all| Joules(all.iter().sum::<f64>() / count)),
            bytes_up,
            bytes_down,
            frames_per_s: mean(&Outcome::frames_per_s),
            limit: outcomes[0].limit(),
            simulated: true,
        })
    }
}

/// Frames that are simulated of a plan: of a pipeline so many that it has filled.
pub(super) const fn frames_of(window: u16) -> u32 {
    if window > 1 { 2 * window as u32 } else { 1 }
}

/// A division's plan with frames in flight; what is not a split runs one at a time.
fn pipelined(plan: &Plan, window: u16) -> Plan {
    match plan.mode {
        Mode::Local => plan.clone(),
        // `remote` is cut 0, and pipelined it is called so.
        Mode::Remote => Plan::split(0).with_window(window),
        _ => plan.clone().with_window(window),
    }
}

/// The 95th percentile, by nearest rank.
fn p95(latencies: impl Iterator<Item = i64>) -> i64 {
    let mut all: Vec<i64> = latencies.collect();
    all.sort_unstable();
    let rank = (all.len() as f64 * 0.95).ceil() as usize;
    all.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}
