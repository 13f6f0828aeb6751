//! Mode `local`: the robot computes everything.

use super::{Program, placement};
use crate::model::Graph;
use crate::units::DeviceId;

pub(super) fn programs(graph: &Graph) -> Vec<Program> {
    placement::programs(graph, |_| DeviceId::ROBOT)
}
