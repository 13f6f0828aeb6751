//! Programs for a placement: every operator whole on one device, values sent where they are read.

use super::{Program, Step, Until, Value};
use crate::model::Graph;
use crate::units::{DeviceId, NodeId};

/// The programs of a placement, the robot's first; `device_of` names the device of every operator.
/// The camera image starts on the robot and the result ends there.
pub(super) fn programs(graph: &Graph, device_of: impl Fn(NodeId) -> DeviceId) -> Vec<Program> {
    let place = |node: NodeId| match node {
        NodeId::INPUT => DeviceId::ROBOT,
        _ => device_of(node),
    };
    let mut devices: Vec<_> = graph.nodes().iter().map(|n| place(n.id)).collect();
    devices.sort_unstable();
    devices.dedup();
    let mut programs: Vec<_> = devices
        .iter()
        .map(|&device| Program {
            device,
            steps: Vec::new(),
            keep: Vec::new(),
        })
        .collect();
    let slot = |device| devices.binary_search(&device).unwrap_or(0);

    for node in graph.nodes() {
        let home = place(node.id);
        let value = Value::whole(graph, node.id);
        if node.id != NodeId::INPUT {
            programs[slot(home)].steps.push(Step::Compute {
                node: node.id,
                out: value.region,
                over: None,
            });
        }
        let mut readers: Vec<_> = graph.consumers(node.id).iter().map(|&c| place(c)).collect();
        if node.id == graph.output() {
            readers.push(DeviceId::ROBOT);
        }
        readers.sort_unstable();
        readers.dedup();
        readers.retain(|&reader| reader != home);
        for &reader in &readers {
            let send = Step::Send { value, to: reader };
            let receive = Step::Receive { value, from: home };
            programs[slot(home)].steps.push(send);
            programs[slot(reader)].steps.push(receive);
        }
        // What the robot sent away is what it resumes from when the link dies inside the frame.
        if home == DeviceId::ROBOT && !readers.is_empty() {
            programs[0].keep.push((value, Until::Delivered));
        }
    }
    programs
}
