//! What policies choose from: a model, a world, and everything about plans that does not depend on the link.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::division::Division;
use super::estimate::Tiled;
use super::family::Family;
use super::library::{Compiled, Library, balanced};
use super::segments::{self, Ground, Made, Times};
use super::servers::Servers;
use crate::model::{Graph, Node, Region};
use crate::plan::{Plan, PlanError};
use crate::simulate::{Costs, Link, Prepared, SimulateError, World};
use crate::units::{DeviceId, Nanos};

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

/// Plans with their steps timed that are remembered.
const MOST_TIMED: usize = 256;
/// Looks until a decision is settled, at most.
const MOST_LOOKS: usize = 8;

/// What does not depend on the link.
#[derive(Debug)]
struct Known {
    library: Arc<Library>,
    /// Every operator's nanoseconds by node, on the robot.
    robot_ns: Vec<i64>,
    servers: Servers,
    /// By the library's sets, each with the server that computes the rest fastest; then those with other servers that
    /// are faster at some operator.
    divisions: Vec<Division>,
    family: Arc<Family>,
    /// By server that is the best choice for anything.
    tiled: Vec<(DeviceId, Tiled)>,
    prepared: Mutex<HashMap<Plan, Arc<Prepared>>>,
    /// Of segments of row tiles, once somebody asked for them.
    segments: OnceLock<Times>,
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
    /// A model in a world of at least a robot and a server.
    ///
    /// # Errors
    /// A world without a server.
    pub fn new(graph: Arc<Graph>, world: World) -> Result<Self, SimulateError> {
        Self::with_library(Arc::new(Library::new(graph)), world)
    }

    /// The same model in another world: other times of the devices, more of them, another link. What was compiled is
    /// kept.
    ///
    /// # Errors
    /// A world without a server.
    pub fn renewed(&self, world: World) -> Result<Self, SimulateError> {
        Self::with_library(Arc::clone(&self.known.library), world)
    }

    fn with_library(library: Arc<Library>, world: World) -> Result<Self, SimulateError> {
        let graph = &library.graph;
        let times = |costs: &Arc<dyn Costs>| -> Vec<i64> {
            let whole =
                |node: &Node| costs.compute_ns(graph, node, &Region::whole(&node.shape), None);
            graph.nodes().iter().map(whole).collect()
        };
        let all: Vec<Vec<i64>> = world.devices.iter().map(times).collect();
        let missing = || SimulateError::NoSuchDevice {
            plan: "planning".to_owned(),
            device: DeviceId::SERVER,
            devices: world.devices.len(),
        };
        let (robot_ns, servers) = Servers::of(all).ok_or_else(missing)?;
        let divisions = servers.divisions(&library, &robot_ns, &world.packings);
        let ratio = robot_ns.iter().sum::<i64>() as f64
            / servers.fastest_ns().iter().sum::<i64>().max(1) as f64;
        let family = library.family(world.devices.len(), ratio);
        let costs = |device: DeviceId| world.devices[usize::from(device.0)].as_ref();
        let tiled = servers.useful().map(|server| {
            let both = [costs(DeviceId::ROBOT), costs(server)];
            let tiled = Tiled::new(graph, both, [&robot_ns, servers.ns(server)]);
            (server, tiled)
        });
        let tiled = tiled.collect();
        Ok(Self {
            known: Arc::new(Known {
                library,
                robot_ns,
                servers,
                divisions,
                family,
                tiled,
                prepared: Mutex::default(),
                segments: OnceLock::new(),
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
        &self.known.library.graph
    }

    /// Devices, links, power.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// When frames are admitted.
    pub fn starts(&self) -> &[Nanos] {
        &self.starts
    }

    /// The server that computes the whole model fastest.
    pub fn server(&self) -> DeviceId {
        self.known.servers.fastest
    }

    /// How many times as fast that server computes the model.
    pub fn speed_ratio(&self) -> f64 {
        let sum = |times: &[i64]| times.iter().sum::<i64>() as f64;
        sum(&self.known.robot_ns) / sum(self.known.servers.fastest_ns()).max(1.0)
    }

    /// Every operator's nanoseconds by node, on the robot and on that server.
    pub fn operator_ns(&self) -> (&[i64], &[i64]) {
        (&self.known.robot_ns, self.known.servers.fastest_ns())
    }

    /// The rate to the servers at the first start, in megabits per second.
    pub fn mbps(&self) -> f64 {
        self.world.link.up.mbps(self.starts[0])
    }

    /// Every division: cut `k` at place `k`, then closed sets that are no prefixes, each with the server that computes the
    /// rest fastest; then what other servers would make of them.
    pub fn divisions(&self) -> &[Division] {
        &self.known.divisions
    }

    /// The cuts `0..=n`.
    pub fn cuts(&self) -> &[Division] {
        &self.known.divisions[..=self.graph().operator_count() as usize]
    }

    /// The cuts `0..=n` with one server, whichever is best.
    pub fn cuts_on(&self, server: DeviceId) -> Vec<Division> {
        let known = &self.known;
        let cuts = &known.library.sets[..=self.graph().operator_count() as usize];
        let sides = (known.servers).sides(server, &known.robot_ns, &self.world.packings);
        let divide = |stays: &Vec<bool>| Division::new(self.graph(), &sides, stays);
        cuts.iter().map(divide).collect()
    }

    /// Whether [`Self::divisions`] has every closed set, not only the prefixes.
    pub fn has_every_set(&self) -> bool {
        self.known.library.has_every_set
    }

    pub(super) fn family(&self) -> &Family {
        &self.known.family
    }

    /// What operators take in row tiles, by server that is the best choice for anything.
    pub(super) fn tiled(&self) -> &[(DeviceId, Tiled)] {
        &self.known.tiled
    }

    /// Where segments of row tiles may end, and what they take on the robot and the fastest server.
    pub(super) fn segments(&self) -> (&Ground, &Times) {
        let known = &self.known;
        let ground = known.library.ground();
        let times = known.segments.get_or_init(|| {
            let server = known.servers.fastest;
            let costs = |device: DeviceId| self.world.devices[usize::from(device.0)].as_ref();
            let made = Made {
                server,
                sides: [
                    (costs(DeviceId::ROBOT), known.robot_ns.as_slice()),
                    (costs(server), known.servers.ns(server)),
                ],
                packings: &self.world.packings,
            };
            let shares = segments::shares(ground, balanced(self.speed_ratio()));
            Times::new(self.graph(), ground, made, &shares)
        });
        (ground, times)
    }

    /// The link at the 5th percentile of what it may be, if its rate is uncertain.
    pub(super) const fn slow(&self) -> Option<&Link> {
        self.slow.as_ref()
    }

    /// A division of the caller's own: operator `i` stays if `stays[i]`, by node.
    pub fn division(&self, stays: &[bool]) -> Division {
        let known = &self.known;
        let servers = &known.servers;
        let sides = servers.sides(
            servers.best_for(stays),
            &known.robot_ns,
            &self.world.packings,
        );
        Division::new(self.graph(), &sides, stays)
    }

    /// A plan compiled and with its steps timed, from memory if it was asked for before.
    ///
    /// # Errors
    /// A plan that does not suit the model or the world.
    pub fn prepared(&self, plan: &Plan) -> Result<Arc<Prepared>, NoFigures> {
        let wired = self.known.library.compile(plan);
        self.timed(plan, wired)
    }

    /// The same if it was compiled before; else none, and it is [wanted](Self::prepare).
    pub(super) fn ready(&self, plan: &Plan) -> Option<Result<Arc<Prepared>, NoFigures>> {
        let wired = self.known.library.compiled(plan);
        wired.map(|wired| self.timed(plan, wired))
    }

    fn timed(&self, plan: &Plan, wired: Compiled) -> Result<Arc<Prepared>, NoFigures> {
        let known = &self.known;
        let lock = || {
            known
                .prepared
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(ready) = lock().get(plan) {
            return Ok(Arc::clone(ready));
        }
        let prepared = Prepared::timed(self.graph(), wired?, &self.world.devices)?;
        let prepared = Arc::new(prepared);
        let mut memory = lock();
        if memory.len() >= MOST_TIMED {
            memory.clear();
        }
        memory.insert(plan.clone(), Arc::clone(&prepared));
        Ok(prepared)
    }

    /// Payload bytes of a frame up and down, of a plan that was compiled before.
    pub(super) fn bytes(&self, plan: &Plan) -> Option<(u64, u64)> {
        let wired = self.known.library.compiled(plan)?;
        Some(wired.ok()?.bytes())
    }

    pub(super) fn want(&self, plan: &Plan) {
        self.known.library.want(plan);
    }

    /// Compiles one of the plans that decisions so far would have liked to simulate, for the next one; false if there is
    /// none. Compiling takes longer than a decision, so it is for moments in which nobody waits for one.
    pub fn prepare(&self) -> bool {
        let wanted = self.known.library.next_wanted();
        wanted.is_some_and(|plan| {
            // Why it cannot be compiled is remembered as well.
            let _ = self.known.library.compile(&plan);
            true
        })
    }

    /// Looks again and again, with everything compiled in between that was wanted, until nothing more is.
    pub fn settled<T>(&self, mut look: impl FnMut(&Self) -> T) -> T {
        for _ in 0..MOST_LOOKS {
            let seen = look(self);
            let mut is_settled = true;
            while self.prepare() {
                is_settled = false;
            }
            if is_settled {
                return seen;
            }
        }
        look(self)
    }
}
