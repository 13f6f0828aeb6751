//! What a codec does to values on their way: bytes saved, time spent at both ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{DType, Graph};
use crate::plan::ValueCodec;
use crate::units::{DeviceId, NodeId};

/// What packing does to an edge's values, per byte of payload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Packing {
    /// How the last value was packed.
    pub codec: ValueCodec,
    /// Bytes on the wire.
    pub wire: f64,
    /// Nanoseconds to pack it, before the transfer.
    pub encode_ns: f64,
    /// Nanoseconds to unpack it, after the transfer.
    pub decode_ns: f64,
}

/// One value, packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackedValue {
    pub(crate) codec: ValueCodec,
    pub(crate) wire_bytes: u64,
    pub(crate) encode_ns: i64,
    pub(crate) decode_ns: i64,
}

impl PackedValue {
    const fn raw(bytes: u64) -> Self {
        Self {
            codec: ValueCodec::None,
            wire_bytes: bytes,
            encode_ns: 0,
            decode_ns: 0,
        }
    }

    /// Nanoseconds at both ends.
    pub(crate) const fn ns(&self) -> i64 {
        self.encode_ns + self.decode_ns
    }
}

/// Whose output, and whether the robot sends it.
type Edge = (NodeId, bool);

/// What packing does, by edge. A value of an edge that was never seen is taken for like the mean of those with its kind
/// of elements and its sender; without any, it goes as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Packings {
    edges: Arc<BTreeMap<Edge, Packing>>,
    /// By kind of elements and sender.
    others: Vec<((DType, bool), Packing)>,
}

impl Packings {
    /// From what was seen of a graph's edges: whose output, and whether the robot sends it.
    pub fn new(graph: &Graph, seen: impl IntoIterator<Item = (Edge, Packing)>) -> Self {
        let edges: BTreeMap<Edge, Packing> = seen.into_iter().collect();
        let mut sums: Vec<((DType, bool), Packing, f64)> = Vec::new();
        for (&(node, by_robot), packing) in &edges {
            let Some(node) = graph.get(node) else {
                continue;
            };
            let of = (node.dtype, by_robot);
            match sums.iter_mut().find(|(known, ..)| *known == of) {
                None => sums.push((of, *packing, 1.0)),
                Some((_, sum, count)) => {
                    sum.wire += packing.wire;
                    sum.encode_ns += packing.encode_ns;
                    sum.decode_ns += packing.decode_ns;
                    *count += 1.0;
                }
            }
        }
        let mean = |(of, sum, count): ((DType, bool), Packing, f64)| {
            let packing = Packing {
                codec: sum.codec,
                wire: sum.wire / count,
                encode_ns: sum.encode_ns / count,
                decode_ns: sum.decode_ns / count,
            };
            (of, packing)
        };
        Self {
            others: sums.into_iter().map(mean).collect(),
            edges: Arc::new(edges),
        }
    }

    /// How many edges were seen.
    pub fn seen(&self) -> usize {
        self.edges.len()
    }

    /// Whether values go as they are.
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// A value of so many bytes of a node's output, sent by a device.
    pub(crate) fn value(
        &self,
        graph: &Graph,
        node: NodeId,
        from: DeviceId,
        bytes: u64,
    ) -> PackedValue {
        if self.is_empty() {
            return PackedValue::raw(bytes);
        }
        let by_robot = from == DeviceId::ROBOT;
        let of = (graph.node(node).dtype, by_robot);
        let known = self.edges.get(&(node, by_robot));
        let like_others = || self.others.iter().find(|(o, _)| *o == of).map(|(_, p)| p);
        let Some(packing) = known.or_else(like_others) else {
            return PackedValue::raw(bytes);
        };
        let of_bytes = |per_byte: f64| (bytes as f64 * per_byte).round().max(0.0);
        PackedValue {
            codec: packing.codec,
            wire_bytes: of_bytes(packing.wire) as u64,
            encode_ns: of_bytes(packing.encode_ns) as i64,
            decode_ns: of_bytes(packing.decode_ns) as i64,
        }
    }

    /// The least bytes on the wire of a byte of payload: what a bound from below may count with.
    pub(crate) fn least_wire(&self) -> f64 {
        let edges = self.edges.values().map(|p| p.wire);
        edges.fold(1.0, f64::min)
    }
}
