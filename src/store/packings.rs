//! What codecs do to the values of a plan's edges, as the newest frame tells.

use std::collections::BTreeMap;

use crate::plan::ValueCodec;
use crate::units::{DeviceId, Epoch, NodeId};
use crate::wire::{FrameRecord, Outcome, Packing, StepKind};

/// Edges remembered of a frame at most.
const MOST_EDGES: usize = 512;

/// Ratio and times by edge of the newest frame of an epoch; empty where the plan has no codec.
#[derive(Debug, Clone, Default)]
pub struct Packings {
    epoch: Option<Epoch>,
    all: Option<Packing>,
    edges: BTreeMap<(NodeId, DeviceId, DeviceId), Packing>,
}

impl Packings {
    /// Forgets the epoch before.
    pub fn begin(&mut self, epoch: Epoch) {
        *self = Self {
            epoch: Some(epoch),
            ..Self::default()
        };
    }

    /// Takes a frame in, if it is of this epoch, ended under its plan, and is no warm-up: that one has the trials.
    pub fn add(&mut self, frame: &FrameRecord) {
        let counts = self.epoch == Some(frame.epoch) && !frame.warmup;
        if !counts || frame.outcome != Outcome::Ok {
            return;
        }
        let has_codec =
            |s: &crate::wire::StepTime| s.kind == StepKind::Encode || s.codec != ValueCodec::None;
        if !frame.steps.iter().any(|s| has_codec(&s)) {
            return;
        }
        self.all = frame.steps.packing(None);
        self.edges.clear();
        for step in frame.steps.iter().filter(|s| s.kind == StepKind::Transfer) {
            let edge = (step.node, step.device, step.to);
            if self.edges.len() < MOST_EDGES
                && !self.edges.contains_key(&edge)
                && let Some(packing) = frame.steps.packing(Some(edge))
            {
                self.edges.insert(edge, packing);
            }
        }
    }

    /// Of all edges together.
    pub const fn all(&self) -> Option<&Packing> {
        self.all.as_ref()
    }

    /// Of everything that goes from one device to another.
    pub fn between(&self, from: DeviceId, to: DeviceId) -> Option<Packing> {
        let edges = self.edges.iter();
        let mut of_pair = edges.filter(|((_, a, b), _)| (*a, *b) == (from, to));
        let (_, first) = of_pair.next()?;
        Some(of_pair.fold(first.clone(), |sum, (_, edge)| sum.with(edge)))
    }

    /// Of an operator's output, wherever it goes.
    pub fn node(&self, node: NodeId) -> Option<Packing> {
        let mut of_node = self.edges.iter().filter(|((n, ..), _)| *n == node);
        let (_, first) = of_node.next()?;
        Some(of_node.fold(first.clone(), |sum, (_, edge)| sum.with(edge)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{frame_of, step};

    #[test]
    fn edges_of_the_newest_frame_have_their_ratio_and_times() {
        use StepKind::{Compute, Decode, Encode, Transfer};
        let packed = |kind, node, start, ns, to: u8, bytes, wire_bytes| {
            let mut step = step(u8::from(to == 0), kind, node, start, ns, to, bytes);
            step.wire_bytes = wire_bytes;
            step.codec = ValueCodec::ZeroBitmap;
            step
        };
        let steps = [
            step(0, Compute, 3, 0, 10, 0, 0),
            packed(Encode, 3, 10, 4, 1, 1000, 500),
            packed(Transfer, 3, 14, 40, 1, 1000, 500),
            packed(Decode, 3, 54, 3, 1, 1000, 500),
            step(1, Transfer, 9, 60, 5, 0, 100),
        ];
        let frame = frame_of("split", 70, &steps);
        let mut packings = Packings::default();
        packings.begin(frame.epoch);
        packings.add(&frame);
        let up = packings.between(DeviceId::ROBOT, DeviceId::SERVER).unwrap();
        assert_eq!((up.wire_bytes, up.encode_ns, up.decode_ns), (500, 4, 3));
        assert!((up.ratio() - 2.0).abs() < 1e-9);
        let all = packings.all().unwrap();
        assert_eq!((all.payload_bytes, all.wire_bytes), (1100, 600));
        assert_eq!(all.codecs, [ValueCodec::ZeroBitmap, ValueCodec::None]);
        assert_eq!(packings.node(NodeId(9)).unwrap().codecs, [ValueCodec::None]);
        packings.begin(Epoch(frame.epoch.0 + 1));
        packings.add(&frame);
        assert_eq!(packings.all(), None, "a frame of the plan before");
    }
}
