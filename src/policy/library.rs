//! What neither the link nor the devices' speeds change: a graph's closed sets, the plans worth comparing, and the
//! schedules compiled so far.
//!
//! Compiling a streamed or tiled plan of hundreds of operators takes longer than a whole decision may. So a decision
//! takes what is there and writes down what it would have liked to simulate; whoever asked for the decision has that
//! compiled afterwards, in its own time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::family::Family;
use super::problem::NoFigures;
use super::segments::Ground;
use super::sets::closed_sets;
use crate::model::Graph;
use crate::plan::{Plan, compile};
use crate::simulate::Wired;
use crate::units::Epoch;

/// Compiled plans remembered: a few hundred kilobytes each for the largest models.
const MOST_WIRED: usize = 192;
/// Plans that wait to be compiled; of more the oldest wishes are forgotten.
const MOST_WANTED: usize = 64;
/// Families remembered: one per number of devices and share that balances them.
const MOST_FAMILIES: usize = 8;
/// A balanced share is rounded to one part in this many, so that measurements that scatter ask for the same plans.
const SHARE_STEPS: f64 = 64.0;

/// A schedule, or why there is none.
pub(super) type Compiled = Result<Arc<Wired>, NoFigures>;

#[derive(Debug, Default)]
struct Shelf {
    compiled: HashMap<Plan, Compiled>,
    /// The order in which they came.
    order: VecDeque<Plan>,
    wanted: VecDeque<Plan>,
    /// By number of devices and the robot's balanced share in [`SHARE_STEPS`].
    families: Vec<((usize, u32), Arc<Family>)>,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Library {
    pub(super) graph: Arc<Graph>,
    /// Cut `k` at place `k`, then the closed sets that are no prefixes.
    pub(super) sets: Vec<Vec<bool>>,
    pub(super) has_every_set: bool,
    /// Of segments of row tiles, once somebody asked for it.
    ground: OnceLock<Ground>,
    shelf: Mutex<Shelf>,
}

/// The robot's share that balances the work with servers that are together `ratio` times as fast, in [`SHARE_STEPS`].
fn balanced_steps(ratio: f64) -> f64 {
    let balanced = 1.0 / (1.0 + ratio.max(0.01));
    (balanced * SHARE_STEPS)
        .round()
        .clamp(1.0, SHARE_STEPS - 1.0)
}

/// The robot's share of the work that balances it with a server that is `ratio` times as fast.
pub(super) fn balanced(ratio: f64) -> f64 {
    balanced_steps(ratio) / SHARE_STEPS
}

impl Library {
    pub(super) fn new(graph: Arc<Graph>) -> Self {
        let (sets, has_every_set) = closed_sets(&graph);
        Self {
            graph,
            sets,
            has_every_set,
            ground: OnceLock::new(),
            shelf: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where segments of row tiles may end.
    pub(super) fn ground(&self) -> &Ground {
        self.ground.get_or_init(|| Ground::new(&self.graph))
    }

    /// The plans worth comparing on so many devices, of which each server is `ratio` times as fast as the robot.
    pub(super) fn family(&self, devices: usize, ratio: f64) -> Arc<Family> {
        let servers = devices.saturating_sub(1).clamp(1, 254);
        let steps = balanced_steps(ratio * servers as f64);
        let key = (servers, steps as u32);
        let found = |shelf: &Shelf| {
            let mut families = shelf.families.iter();
            families
                .find(|(k, _)| *k == key)
                .map(|(_, f)| Arc::clone(f))
        };
        if let Some(family) = found(&self.lock()) {
            return family;
        }
        let family = Arc::new(Family::new(&self.graph, servers, steps / SHARE_STEPS));
        let mut shelf = self.lock();
        if shelf.families.len() >= MOST_FAMILIES {
            shelf.families.remove(0);
        }
        shelf.families.push((key, Arc::clone(&family)));
        family
    }

    /// A plan's schedule if it was compiled before.
    pub(super) fn compiled(&self, plan: &Plan) -> Option<Compiled> {
        self.lock().compiled.get(plan).cloned()
    }

    /// A plan's schedule, compiled now if it was not before.
    pub(super) fn compile(&self, plan: &Plan) -> Compiled {
        if let Some(known) = self.compiled(plan) {
            return known;
        }
        let schedule = compile(&self.graph, plan, Epoch(0));
        let made = schedule
            .map(|schedule| Arc::new(Wired::new(&self.graph, schedule)))
            .map_err(NoFigures::from);
        let mut shelf = self.lock();
        if shelf.order.len() >= MOST_WIRED
            && let Some(oldest) = shelf.order.pop_front()
        {
            shelf.compiled.remove(&oldest);
        }
        if shelf.compiled.insert(plan.clone(), made.clone()).is_none() {
            shelf.order.push_back(plan.clone());
        }
        made
    }

    /// A decision would have liked to simulate a plan that is not compiled yet.
    pub(super) fn want(&self, plan: &Plan) {
        let mut shelf = self.lock();
        if shelf.wanted.contains(plan) {
            return;
        }
        if shelf.wanted.len() >= MOST_WANTED {
            shelf.wanted.pop_front();
        }
        shelf.wanted.push_back(plan.clone());
    }

    /// The next plan to compile.
    pub(super) fn next_wanted(&self) -> Option<Plan> {
        self.lock().wanted.pop_front()
    }
}
