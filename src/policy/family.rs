//! Plans beyond whole-operator divisions: streamed cuts, row tiles, tensor and data parallelism. Which there are depends
//! on the model, the number of devices and the share of the work that balances them.

use crate::model::{Graph, crossing};
use crate::plan::{Join, Mode, ModeKind, Plan, PlanError, shard_all, simple_tiles};
use crate::units::DeviceId;

/// Row tiles that a cut is streamed in beside one: each doubles the messages and halves what cannot overlap.
pub const TILES: [u16; 3] = [2, 4, 8];
/// The robot's shares that tiles are tried with.
const SHARES: [f64; 7] = [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875];
/// Largest batch whose every division is tried.
const MOST_IMAGES: u32 = 16;

/// The plans of a model, and why modes do not apply.
#[derive(Debug)]
pub(super) struct Family {
    /// Tile, tensor and data plans.
    pub(super) plans: Vec<Plan>,
    /// Cuts that can be streamed, with the most tiles.
    pub(super) streamable: Vec<(u32, u16)>,
    /// Why a mode does not apply at all.
    pub(super) refused: Vec<(ModeKind, String)>,
}

impl Family {
    /// The plans for a model on a robot and so many servers; with `balanced` as the robot's share, all are done at once.
    pub(super) fn new(graph: &Graph, servers: usize, balanced: f64) -> Self {
        let mut family = Self {
            plans: Vec::new(),
            streamable: Vec::new(),
            refused: Vec::new(),
        };
        let shares = |robot: f64| -> Vec<f64> {
            let each = (1.0 - robot) / servers as f64;
            std::iter::once(robot)
                .chain(std::iter::repeat_n(each, servers))
                .collect()
        };
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
