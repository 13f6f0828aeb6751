//! What codecs did to the values that went over the link, learned per codec and edge. Pure.

use std::collections::BTreeMap;

use crate::model::Graph;
use crate::plan::{Codec, StepKind, StepTime};
use crate::simulate::{Packing, Packings};
use crate::units::{DeviceId, NodeId};

/// Weight of a frame in what is known of an edge.
const WEIGHT: f64 = 0.2;

/// An edge: whose output, and whether the robot sends it. With what packing did to it of late.
type Edges = BTreeMap<(NodeId, bool), Packing>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Packed {
    /// By codec that a plan asked for; there are six.
    seen: Vec<(Codec, Edges)>,
    known: Vec<(Codec, Packings)>,
}

impl Packed {
    /// What a codec does to values, as far as was seen; nothing where they go as they are.
    pub(super) fn under(&self, codec: Codec) -> Packings {
        let known = self.known.iter().find(|(c, _)| *c == codec);
        known
            .map(|(_, packings)| packings.clone())
            .unwrap_or_default()
    }

    /// Takes the transfers of a frame in, with the packing around them.
    pub(super) fn frame(&mut self, graph: &Graph, codec: Codec, steps: &[StepTime]) {
        if codec == Codec::None || steps.is_empty() {
            return;
        }
        if self.seen.iter().all(|(c, _)| *c != codec) {
            self.seen.push((codec, Edges::new()));
        }
        let Some((_, edges)) = self.seen.iter_mut().find(|(c, _)| *c == codec) else {
            return;
        };
        for (edge, news) in of_frame(steps) {
            let known = edges.entry(edge).or_insert(news);
            let follow = |known: &mut f64, news: f64| *known += WEIGHT * (news - *known);
            follow(&mut known.wire, news.wire);
            follow(&mut known.encode_ns, news.encode_ns);
            follow(&mut known.decode_ns, news.decode_ns);
            known.codec = news.codec;
        }
        let packings = Packings::new(graph, edges.iter().map(|(edge, p)| (*edge, *p)));
        self.known.retain(|(c, _)| *c != codec);
        self.known.push((codec, packings));
    }
}

/// What packing did in one frame, per byte of payload of every edge.
fn of_frame(steps: &[StepTime]) -> Edges {
    let mut bytes: BTreeMap<(NodeId, bool), u64> = BTreeMap::new();
    let mut sums = Edges::new();
    for step in steps.iter().filter(|s| s.bytes > 0) {
        let edge = (step.node, step.device == DeviceId::ROBOT);
        let sum = sums.entry(edge).or_insert(Packing {
            codec: step.codec,
            wire: 0.0,
            encode_ns: 0.0,
            decode_ns: 0.0,
        });
        match step.kind {
            StepKind::Transfer => {
                *bytes.entry(edge).or_default() += step.bytes;
                sum.wire += step.wire_bytes as f64;
            }
            StepKind::Encode => sum.encode_ns += step.duration_ns.max(0) as f64,
            StepKind::Decode => sum.decode_ns += step.duration_ns.max(0) as f64,
            StepKind::Compute | StepKind::Reduce | StepKind::Assemble => {}
        }
    }
    sums.retain(|edge, sum| {
        let Some(&bytes) = bytes.get(edge) else {
            return false;
        };
        let bytes = bytes as f64;
        sum.wire /= bytes;
        sum.encode_ns /= bytes;
        sum.decode_ns /= bytes;
        true
    });
    sums
}
