//! Mode `remote`: the robot ships the camera image, u8, and the server computes everything.

use super::{Program, placement};
use crate::model::Graph;
use crate::units::DeviceId;

pub(super) fn programs(graph: &Graph) -> Vec<Program> {
    placement::programs(graph, |_| DeviceId::SERVER)
}
