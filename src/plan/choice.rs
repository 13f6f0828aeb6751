//! What an operator chooses about a plan, in the words of flags and of the console's mode picker.

use serde::{Deserialize, Serialize};

use super::spread::proportional;
use super::{Codec, Cut, Join, Mode, Plan, PlanError, Shard, shard_all, simple_tiles};
use crate::model::Graph;
use crate::units::DeviceId;

/// The parallel methods by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModeKind {
    /// Everything on the robot.
    Local,
    /// Everything on the server: the camera image is sent.
    Remote,
    /// Layer partition at one cut, or at several over a chain of servers.
    Split,
    /// Layer partition with several frames in flight.
    Pipeline,
    /// Channels of every layer divided, joined after it.
    Tensor,
    /// Images of a batch divided.
    Data,
    /// Rows divided, with exact halos.
    Tile,
}

impl ModeKind {
    /// In the order in which a picker shows them.
    pub const ALL: [Self; 7] = [
        Self::Local,
        Self::Remote,
        Self::Split,
        Self::Pipeline,
        Self::Tensor,
        Self::Data,
        Self::Tile,
    ];

    /// The name used in flags, on the screen and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
            Self::Split => "split",
            Self::Pipeline => "pipeline",
            Self::Tensor => "tensor",
            Self::Data => "data",
            Self::Tile => "tile",
        }
    }

    /// One line that says what it does.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Local => "everything on the robot",
            Self::Remote => "everything on the server; the camera image is sent",
            Self::Split => "layers before the cut here, the rest there; tiles stream the cut",
            Self::Pipeline => "a split with several frames in flight",
            Self::Tensor => "the channels of every layer divided, joined after it",
            Self::Data => "the images of a batch divided",
            Self::Tile => "image rows divided, halos computed on both sides",
        }
    }
}

/// A mode with the parameters that people set; those that a mode has no use for are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The method.
    pub mode: ModeKind,
    /// Partition points, one per server of the chain.
    pub cuts: Vec<u32>,
    /// Row tiles that a split is streamed in.
    pub tiles: u16,
    /// Frames in flight.
    pub window: u16,
    /// Relative shares of the devices, the robot's first.
    pub shares: Vec<f64>,
    /// How tensor-parallel layers are joined.
    pub join: Join,
    /// How values are packed for the link.
    #[serde(default)]
    pub codec: Codec,
}

impl Choice {
    /// A mode with usual parameters: a cut a third of the way, a window of 3, halves.
    pub fn usual(graph: &Graph, mode: ModeKind) -> Self {
        Self {
            mode,
            cuts: vec![graph.operator_count() / 3],
            tiles: 1,
            window: if mode == ModeKind::Pipeline { 3 } else { 1 },
            shares: vec![0.5, 0.5],
            join: Join::Gather,
            codec: Codec::None,
        }
    }

    /// The choice that leads to a plan, as far as a plan tells; other parameters are the usual ones.
    pub fn of(graph: &Graph, plan: &Plan) -> Self {
        let pipelined = matches!(plan.mode, Mode::Split { .. }) && plan.window > 1;
        let mode = match &plan.mode {
            Mode::Local => ModeKind::Local,
            Mode::Remote => ModeKind::Remote,
            Mode::Split { .. } if pipelined => ModeKind::Pipeline,
            Mode::Split { .. } => ModeKind::Split,
            Mode::Tensor { .. } => ModeKind::Tensor,
            Mode::Data { .. } => ModeKind::Data,
            Mode::Tile { .. } => ModeKind::Tile,
        };
        let mut choice = Self::usual(graph, mode);
        choice.window = plan.window;
        choice.codec = plan.codec;
        match &plan.mode {
            Mode::Split { cuts, tiles } => {
                choice.tiles = *tiles;
                choice.cuts = cuts
                    .iter()
                    .map(|(cut, _)| match cut {
                        Cut::Prefix(k) => *k,
                        Cut::Set(nodes) => nodes.len() as u32,
                    })
                    .collect();
            }
            Mode::Data { shares } => {
                choice.shares = shares.iter().map(|&s| f64::from(s)).collect();
            }
            Mode::Tensor { layers } => {
                let reduces = layers
                    .iter()
                    .any(|(_, s)| matches!(s, Shard::InChannels(_)));
                if reduces {
                    choice.join = Join::Reduce;
                }
                // The widest layer tells the shares best.
                let widest = layers
                    .iter()
                    .filter_map(|(id, shard)| match shard {
                        Shard::OutChannels(bounds) => {
                            Some((graph.get(*id)?.shape.channels, bounds))
                        }
                        Shard::InChannels(_) => None,
                    })
                    .max_by_key(|(channels, _)| *channels);
                if let Some((channels, bounds)) = widest {
                    choice.shares = shares_of(bounds, channels);
                }
            }
            Mode::Tile { segments } => {
                if let Some((id, bounds)) = segments.first()
                    && let Some(node) = graph.get(*id)
                {
                    choice.shares = shares_of(bounds, node.shape.rows);
                }
            }
            Mode::Local | Mode::Remote => {}
        }
        choice
    }

    /// The plan.
    ///
    /// # Errors
    /// A mode that cannot be set up for this model with these parameters; [`compile`](super::compile) may find more.
    pub fn plan(&self, graph: &Graph) -> Result<Plan, PlanError> {
        let plan = match self.mode {
            ModeKind::Local => Plan::LOCAL,
            ModeKind::Remote => Plan::REMOTE,
            ModeKind::Split | ModeKind::Pipeline => Plan::chain(&self.cuts).with_tiles(self.tiles),
            ModeKind::Tensor => shard_all(graph, &self.shares, self.join)?,
            ModeKind::Data => Plan::of(Mode::Data {
                shares: self.images(graph.input_shape().batch),
            }),
            ModeKind::Tile => simple_tiles(graph, &self.shares, self.largest())?,
        };
        Ok(plan.with_window(self.window).with_codec(self.codec))
    }

    /// The images of a batch by device.
    fn images(&self, batch: u32) -> Vec<u32> {
        let mut start = 0;
        let mut bounds = proportional(batch, &self.shares, false);
        bounds.push(batch);
        bounds
            .iter()
            .map(|&end| {
                let share = end.saturating_sub(start);
                start = end;
                share
            })
            .collect()
    }

    /// The device with the largest share: what cannot be divided runs there.
    fn largest(&self) -> DeviceId {
        let shares = (0..).zip(&self.shares);
        let largest = shares.max_by(|a, b| a.1.total_cmp(b.1));
        largest.map_or(DeviceId::ROBOT, |(device, _)| DeviceId(device))
    }
}

fn shares_of(bounds: &[u32], len: u32) -> Vec<f64> {
    let mut start = 0;
    bounds
        .iter()
        .chain(std::iter::once(&len))
        .map(|&end| {
            let share = f64::from(end - start.min(end)) / f64::from(len);
            start = end;
            share
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;
    use crate::plan::compile;
    use crate::units::Epoch;

    #[test]
    fn every_mode_compiles_from_its_usual_parameters_and_comes_back_from_its_plan() {
        for name in zoo::NAMES {
            let graph = zoo::build(name, 2, 96, 96).unwrap();
            for mode in ModeKind::ALL {
                let choice = Choice::usual(&graph, mode);
                let plan = choice.plan(&graph).unwrap();
                compile(&graph, &plan, Epoch(1)).unwrap();
                assert_eq!(plan.mode_name(), mode.name());
                let back = Choice::of(&graph, &plan);
                assert_eq!((back.mode, back.window), (mode, choice.window));
                assert_eq!(back.plan(&graph).unwrap(), plan, "{name} {}", mode.name());
            }
        }
    }
}
