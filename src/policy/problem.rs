//! What policies choose from: a model, a world, and everything about plans that does not depend on the link.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::division::Division;
use super::estimate::Tiled;
use super::family::Family;
use super::library::{Compiled, Library};
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
    /// Every operator's nanoseconds by node, on the robot and on the first server.
    robot_ns: Vec<i64>,
    server_ns: Vec<i64>,
    /// By the library's sets.
    divisions: Vec<Division>,
    family: Arc<Family>,
    tiled: Tiled,
    prepared: Mutex<HashMap<Plan, Arc<Prepared>>>,
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
        let [robot, server, ..] = world.devices.as_slice() else {
            return Err(SimulateError::NoSuchDevice {
                plan: "planning".to_owned(),
                device: DeviceId::SERVER,
                devices: world.devices.len(),
            });
        };
        let graph = &library.graph;
        let times = |costs: &dyn Costs| -> Vec<i64> {
            let whole =
                |node: &Node| costs.compute_ns(graph, node, &Region::whole(&node.shape), None);
            graph.nodes().iter().map(whole).collect()
        };
        let (robot_ns, server_ns) = (times(robot.as_ref()), times(server.as_ref()));
        let divisions = library
            .sets
            .iter()
            .map(|stays| Division::new(graph, &robot_ns, &server_ns, stays))
            .collect();
        let ratio =
            robot_ns.iter().sum::<i64>() as f64 / server_ns.iter().sum::<i64>().max(1) as f64;
        let family = library.family(world.devices.len(), ratio);
        let tiled = Tiled::new(
            graph,
            [robot.as_ref(), server.as_ref()],
            [&robot_ns, &server_ns],
        );
        Ok(Self {
            known: Arc::new(Known {
                library,
                robot_ns,
                server_ns,
                divisions,
                family,
                tiled,
                prepared: Mutex::default(),
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
        &self.known.divisions[..=self.graph().operator_count() as usize]
    }

    /// Whether [`Self::divisions`] has every closed set, not only the prefixes.
    pub fn has_every_set(&self) -> bool {
        self.known.library.has_every_set
    }

    pub(super) fn family(&self) -> &Family {
        &self.known.family
    }

    pub(super) fn tiled(&self) -> &Tiled {
        &self.known.tiled
    }

    /// The link at the 5th percentile of what it may be, if its rate is uncertain.
    pub(super) const fn slow(&self) -> Option<&Link> {
        self.slow.as_ref()
    }

    /// A division of the caller's own: operator `i` stays if `stays[i]`, by node.
    pub fn division(&self, stays: &[bool]) -> Division {
        let known = &self.known;
        Division::new(self.graph(), &known.robot_ns, &known.server_ns, stays)
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
