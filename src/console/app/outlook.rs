//! What a proposed plan is expected to cost, beside what frames cost now. Pure.
//!
//! The robot tells what every cut and the best plan of every mode would cost ([`Predictions`]). A plan that is none of
//! these has no prediction, and that is what is said of it; the bytes of its values are known all the same.

use crate::model::Graph;
use crate::plan::{Codec, Cut, Mode, Plan, PlanError, Step, compile};
use crate::policy::{Objective, PolicyKind, Spec};
use crate::store::{CutCost, Store};
use crate::units::{Bytes, DeviceId, Epoch};
use crate::wire::{FrameRecord, Outcome, PlanCost, PredictionRecord};

use super::Proposal;

/// What the values of one frame weigh, as they are: a codec may make them less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload {
    /// From the robot.
    pub up: Bytes,
    /// To the robot.
    pub down: Bytes,
    /// From server to server.
    pub between: Bytes,
}

impl Payload {
    /// What a plan's frame sends.
    ///
    /// # Errors
    /// A plan that the model does not allow.
    pub fn of(graph: &Graph, plan: &Plan) -> Result<Self, PlanError> {
        let schedule = compile(graph, plan, Epoch(0))?;
        let (mut up, mut down, mut between) = (0, 0, 0);
        for program in &schedule.programs {
            for step in &program.steps {
                let Step::Send { value, to } = step else {
                    continue;
                };
                let bytes = value.bytes(graph).0;
                match (program.device, *to) {
                    (DeviceId::ROBOT, _) => up += bytes,
                    (_, DeviceId::ROBOT) => down += bytes,
                    _ => between += bytes,
                }
            }
        }
        Ok(Self {
            up: Bytes(up),
            down: Bytes(down),
            between: Bytes(between),
        })
    }

    /// Whether nothing is sent at all.
    pub const fn is_nothing(&self) -> bool {
        self.up.0 + self.down.0 + self.between.0 == 0
    }
}

/// What a frame costs; what is not known is absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cost {
    /// From admission to the result.
    pub latency_ns: Option<i64>,
    /// The robot's energy.
    pub energy_j: Option<f64>,
    /// From the robot.
    pub up: Option<Bytes>,
    /// To the robot.
    pub down: Option<Bytes>,
    /// What bounds it: `robot`, `link` or `server`.
    pub limit: Option<String>,
}

/// A proposed plan beside the one in effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// Measured: medians and estimates of the epoch in effect.
    pub now: Cost,
    /// Predicted, but for the bytes, which follow from the plan.
    pub then: Cost,
    /// Whether the robot has told what such a plan would cost.
    pub predicted: bool,
    /// The link's rate that predictions rest on.
    pub mbps: Option<f64>,
    /// How far predictions of this epoch's frames were off: the median, as a share of the latency.
    pub error: Option<f64>,
    /// The prediction is of the plan with another codec than it has: robots know what the one in effect gains.
    pub priced_with: Option<Codec>,
    /// A device of the prediction is emulated.
    pub emulated: bool,
}

impl Outlook {
    /// Sets a proposal beside what was told of the plan in effect.
    pub fn of(store: &Store, proposal: &Proposal) -> Self {
        let newest = store.predictions().newest();
        let then = predicted(store, &proposal.plan);
        let epoch = store.epoch();
        let error = epoch.and_then(|epoch| store.frames().prediction_error(epoch));
        let payload = proposal.payload;
        Self {
            now: now(store),
            predicted: then.is_some(),
            priced_with: then
                .as_ref()
                .and(newest)
                .map(|record| record.codec)
                .filter(|priced| *priced != proposal.plan.codec),
            then: Cost {
                up: payload.map(|p| p.up),
                down: payload.map(|p| p.down),
                ..then.unwrap_or_default()
            },
            mbps: newest.map(|record| record.mbps),
            error: error.map(|error| error.p50),
            emulated: newest.is_some_and(|record| record.emulated),
        }
    }

    /// The predicted latency as a change of the measured one: -0.2 is a fifth less.
    pub fn latency_change(&self) -> Option<f64> {
        change(
            self.now.latency_ns.map(|ns| ns as f64),
            self.then.latency_ns.map(|ns| ns as f64),
        )
    }

    /// The same of energy.
    pub fn energy_change(&self) -> Option<f64> {
        change(self.now.energy_j, self.then.energy_j)
    }
}

/// From one to the other, as a share of the first.
fn change(from: Option<f64>, to: Option<f64>) -> Option<f64> {
    let from = from.filter(|from| *from > 0.0)?;
    Some(to? / from - 1.0)
}

/// What frames cost under the plan in effect, as measured.
fn now(store: &Store) -> Cost {
    let Some(epoch) = store.epoch() else {
        return Cost::default();
    };
    let counts = |f: &&FrameRecord| f.epoch == epoch && !f.warmup && f.outcome != Outcome::Failed;
    let newest = store.frames().newest().find(counts);
    let estimate = store.power().estimate();
    Cost {
        latency_ns: store.frames().figures(epoch).map(|f| f.p50_ns),
        energy_j: estimate.and_then(|(e, _)| Some(e.joules_per_frame()?.0)),
        up: newest.map(|f| Bytes(f.bytes_up)),
        down: newest.map(|f| Bytes(f.bytes_down)),
        // What limits is measured beside it (Limited by); this is only ever said of predictions.
        limit: None,
    }
}

/// The plan that a policy is likely to begin with, by what the robot predicts of plans: of its list the one that the
/// policy's objective likes best. None where nothing is predicted.
pub fn likely(store: &Store, spec: Spec) -> Option<&Plan> {
    let plans = store.predictions().newest()?.plans.iter();
    // The policies of the literature know divisions of whole operators only.
    let simple = |cost: &&PlanCost| match (&spec.kind, &cost.plan.mode) {
        (PolicyKind::Neurosurgeon | PolicyKind::Dads | PolicyKind::DadsHeavy, mode) => {
            matches!(
                mode,
                Mode::Local | Mode::Remote | Mode::Split { tiles: 1, .. }
            )
        }
        _ => true,
    };
    let joules = |cost: &PlanCost| cost.energy_j.unwrap_or(f64::INFINITY);
    let ns = |cost: &PlanCost| cost.latency_ns as f64;
    // What does not keep the bound comes behind all that does.
    let worth = |cost: &PlanCost| match spec.objective {
        Objective::Latency => (0.0, ns(cost)),
        Objective::Energy => (0.0, joules(cost)),
        Objective::Throughput => (0.0, -cost.frames_per_s),
        Objective::Deadline { ms } => match ns(cost) / 1e6 {
            late if late > ms => (late, ns(cost)),
            _ => (0.0, joules(cost)),
        },
        Objective::Budget { joules: most } => match joules(cost) {
            over if over > most => (over, ns(cost)),
            _ => (0.0, ns(cost)),
        },
    };
    let order = |a: &(f64, f64), b: &(f64, f64)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1));
    let best = plans
        .filter(simple)
        .min_by(|a, b| order(&worth(a), &worth(b)))?;
    Some(&best.plan)
}

/// A plan that the robot's list of best plans has, whichever its codec.
fn listed<'a>(store: &'a Store, plan: &Plan) -> Option<&'a PlanCost> {
    let plans = &store.predictions().newest()?.plans;
    plans
        .iter()
        .find(|cost| cost.plan.mode == plan.mode && cost.plan.window == plan.window)
}

/// What the robot expects of a plan: from its list of best plans, else from its column of cuts.
fn predicted(store: &Store, plan: &Plan) -> Option<Cost> {
    if let Some(cost) = listed(store, plan) {
        return Some(Cost {
            latency_ns: Some(cost.latency_ns),
            energy_j: cost.energy_j,
            limit: Some(cost.limit.clone()),
            ..Cost::default()
        });
    }
    let newest = store.predictions().newest()?;
    let k = plain_cut(plan, newest)?;
    let CutCost {
        latency_ns,
        energy_j,
    } = store.predictions().cut(k)?;
    Some(Cost {
        latency_ns: Some(latency_ns?),
        energy_j,
        ..Cost::default()
    })
}

/// The cut of a plan that is one of the column: whole values, one frame in flight, one server.
fn plain_cut(plan: &Plan, newest: &PredictionRecord) -> Option<u32> {
    let last = newest.cuts.latency_us.len().checked_sub(1)? as u32;
    match &plan.mode {
        _ if plan.window != 1 => None,
        Mode::Local => Some(last),
        Mode::Remote => Some(0),
        Mode::Split { cuts, tiles: 1 } => match cuts.as_slice() {
            [(Cut::Prefix(k), DeviceId::SERVER)] => Some(*k),
            _ => None,
        },
        Mode::Split { .. } | Mode::Tensor { .. } | Mode::Data { .. } | Mode::Tile { .. } => None,
    }
}
