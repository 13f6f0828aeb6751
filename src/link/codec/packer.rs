//! Packs the values of one peer's send lane as the plan asks; under `auto`, as each edge's trial found.
//!
//! An edge is one operator's output on its way to one peer. Its trial takes place on its first value under a plan, in
//! the frame that is marked as warm-up; from then on only the link's rate moves the choice, and not for less than a
//! trial's own noise.

use std::collections::HashMap;

use super::choose::{LEAST_GAIN, Trial, trials};
use super::{CodecError, encode, half};
use crate::clock::Clock;
use crate::model::DType;
use crate::plan::{Codec, Packed, ValueCodec};
use crate::units::{BitsPerSecond, Epoch, NodeId};

/// A trial takes so many bytes from a value's middle: enough to tell codecs apart, and about 10 ms.
const SAMPLE_BYTES: usize = 256 << 10;

#[derive(Debug)]
struct Edge {
    trials: Vec<Trial>,
    codec: ValueCodec,
}

impl Edge {
    /// What is best at a rate; what it was, unless another one clearly gains.
    fn codec_at(&mut self, goodput: BitsPerSecond) -> ValueCodec {
        let seconds = |t: &Trial| t.seconds(goodput);
        let best = self
            .trials
            .iter()
            .min_by(|a, b| seconds(a).total_cmp(&seconds(b)));
        let present = self.trials.iter().find(|t| t.codec == self.codec);
        if let (Some(best), Some(present)) = (best, present)
            && seconds(best) < (1.0 - LEAST_GAIN) * seconds(present)
        {
            self.codec = best.codec;
        }
        self.codec
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Packer {
    epoch: Option<Epoch>,
    edges: HashMap<NodeId, Edge>,
}

impl Packer {
    /// Packs a value's raw little-endian elements; none in place of [`Packed`] where the plan has no codec. `goodput` is
    /// what the link to the peer carries, as far as is known: until then, values go as they are.
    ///
    /// # Errors
    /// A length that is no whole number of elements; a compressor without memory.
    pub fn pack(
        &mut self,
        codec: Codec,
        (epoch, node): (Epoch, NodeId),
        (dtype, raw): (DType, Vec<u8>),
        goodput: Option<BitsPerSecond>,
        clock: &dyn Clock,
    ) -> Result<(Vec<u8>, Option<Packed>), CodecError> {
        if codec == Codec::None {
            return Ok((raw, None));
        }
        let start = clock.now();
        let chosen = match codec.fixed() {
            Some(fixed) => fixed,
            None => self.chosen((epoch, node), (dtype, &raw), goodput, clock),
        };
        let (bytes, error_ppb) = match (chosen, dtype) {
            (ValueCodec::None, _) => (raw, 0),
            (ValueCodec::F16, DType::F32) if raw.len().is_multiple_of(4) => {
                half::encode_with_error(&raw)
            }
            _ => (encode(chosen, dtype, &raw)?.into_owned(), 0),
        };
        let packed = Packed {
            codec: chosen,
            wire_bytes: bytes.len() as u64,
            took_ns: clock.now().since(start),
            error_ppb,
        };
        Ok((bytes, Some(packed)))
    }

    fn chosen(
        &mut self,
        (epoch, node): (Epoch, NodeId),
        (dtype, raw): (DType, &[u8]),
        goodput: Option<BitsPerSecond>,
        clock: &dyn Clock,
    ) -> ValueCodec {
        if self.epoch != Some(epoch) {
            self.epoch = Some(epoch);
            self.edges.clear();
        }
        let edge = self.edges.entry(node).or_insert_with(|| Edge {
            trials: trials(&[(dtype, middle(dtype, raw))], clock),
            codec: ValueCodec::None,
        });
        goodput.map_or(edge.codec, |goodput| edge.codec_at(goodput))
    }
}

/// A value's middle: its first rows and channels may be unlike the others.
fn middle(dtype: DType, raw: &[u8]) -> &[u8] {
    let len = raw.len().min(SAMPLE_BYTES);
    let start = (raw.len() - len) / 2;
    let start = start - start % dtype.bytes() as usize;
    &raw[start..start + len]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::link::codec::decode;

    const NODE: NodeId = NodeId(3);

    /// Three of four elements are zero.
    fn sparse() -> Vec<u8> {
        let mut bytes = vec![0; 400_000];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        for elements in bytes.chunks_exact_mut(16) {
            elements[..12].fill(0);
        }
        bytes
    }

    fn pack(packer: &mut Packer, codec: Codec, epoch: u32, mbps: Option<f64>) -> Option<Packed> {
        let raw = sparse();
        let goodput = mbps.map(BitsPerSecond::from_mbps);
        let of = (Epoch(epoch), NODE);
        let (bytes, packed) = packer
            .pack(codec, of, (DType::F32, raw.clone()), goodput, &SystemClock)
            .unwrap();
        let codec = packed.map_or(ValueCodec::None, |p| p.codec);
        assert_eq!(
            packed.map_or(bytes.len() as u64, |p| p.wire_bytes),
            bytes.len() as u64
        );
        assert!(decode(codec, DType::F32, raw.len() / 4, &bytes).unwrap() == raw);
        packed
    }

    #[test]
    fn an_edge_is_tried_once_a_plan_and_follows_the_links_rate() {
        let mut packer = Packer::default();
        let first = pack(&mut packer, Codec::Auto, 1, None).unwrap();
        assert_eq!(first.codec, ValueCodec::None, "the rate is not known yet");
        let slow = pack(&mut packer, Codec::Auto, 1, Some(5.0)).unwrap();
        assert_ne!(slow.codec, ValueCodec::None);
        assert!(slow.wire_bytes < 150_000, "{slow:?}");
        let fast = pack(&mut packer, Codec::Auto, 1, Some(4e6)).unwrap();
        assert_eq!(fast.codec, ValueCodec::None);
        assert_eq!(packer.edges.len(), 1);
        pack(&mut packer, Codec::Auto, 2, None);
        assert_eq!((packer.epoch, packer.edges.len()), (Some(Epoch(2)), 1));
    }

    #[test]
    fn a_plan_without_a_codec_tries_and_tells_nothing() {
        let mut packer = Packer::default();
        assert_eq!(pack(&mut packer, Codec::None, 1, Some(5.0)), None);
        assert!(packer.edges.is_empty());
        let fixed = pack(&mut packer, Codec::ZeroBitmap, 1, None).unwrap();
        assert_eq!(fixed.codec, ValueCodec::ZeroBitmap);
    }

    #[test]
    fn half_precision_tells_its_error() {
        let values = [0.1_f32, -1.0, f32::INFINITY, f32::NAN, 2.0];
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let of = (Epoch(1), NODE);
        let mut packer = Packer::default();
        let mut error = |raw| {
            let value = (DType::F32, raw);
            let (_, packed) = packer
                .pack(Codec::F16, of, value, None, &SystemClock)
                .unwrap();
            packed.unwrap().error_ppb
        };
        // 0.1 is 0.0999755859375 in half precision: off by 2.4415e-5, of 2.
        assert_eq!(error(raw), 12_208);
        let too_large = [1e6_f32.to_le_bytes(), 1.0_f32.to_le_bytes()].concat();
        assert_eq!(error(too_large), u32::MAX);
    }
}
