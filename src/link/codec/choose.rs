//! Chooses a codec by a measured trial: what encoding, the fewer bytes and decoding take, against sending as it is.

use super::{decode, encode};
use crate::clock::Clock;
use crate::model::DType;
use crate::plan::ValueCodec;
use crate::units::{BitsPerSecond, Bytes};

/// A codec has to gain so much of the plain time to be chosen: a trial's own noise.
pub(super) const LEAST_GAIN: f64 = 0.03;
/// Each sample is tried so often, and the best time counts.
const REPEATS: usize = 3;

/// What a codec did with the samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// Which.
    pub codec: ValueCodec,
    /// Bytes of all samples as they are.
    pub raw: Bytes,
    /// Bytes of all samples packed.
    pub packed: Bytes,
    /// Encoding all samples, best of three, in nanoseconds.
    pub encode_ns: i64,
    /// Decoding them, on this machine, in nanoseconds.
    pub decode_ns: i64,
}

impl Trial {
    /// Seconds from the samples here to the samples there, one after the other: encode, send, decode.
    pub fn seconds(&self, goodput: BitsPerSecond) -> f64 {
        (self.encode_ns + self.decode_ns) as f64 / 1e9 + goodput.seconds_for(self.packed.0)
    }
}

/// Tries all lossless codecs on samples of one edge's values; one that fails or changes a bit is left out.
pub fn trials(samples: &[(DType, &[u8])], clock: &dyn Clock) -> Vec<Trial> {
    let tried = ValueCodec::LOSSLESS.iter();
    tried
        .filter_map(|&codec| trial(codec, samples, clock))
        .collect()
}

fn trial(codec: ValueCodec, samples: &[(DType, &[u8])], clock: &dyn Clock) -> Option<Trial> {
    let mut all = Trial {
        codec,
        raw: Bytes(0),
        packed: Bytes(0),
        encode_ns: 0,
        decode_ns: 0,
    };
    for &(dtype, raw) in samples {
        all.raw.0 += raw.len() as u64;
        if codec == ValueCodec::None {
            all.packed.0 += raw.len() as u64;
            continue;
        }
        let (mut encode_ns, mut decode_ns, mut len) = (i64::MAX, i64::MAX, 0);
        for _ in 0..REPEATS {
            let start = clock.now();
            let packed = encode(codec, dtype, raw).ok()?;
            let middle = clock.now();
            let again = decode(codec, dtype, raw.len() / dtype.bytes() as usize, &packed).ok()?;
            let end = clock.now();
            if again != raw {
                return None;
            }
            len = packed.len();
            encode_ns = encode_ns.min(middle.since(start));
            decode_ns = decode_ns.min(end.since(middle));
        }
        all.packed.0 += len as u64;
        all.encode_ns += encode_ns;
        all.decode_ns += decode_ns;
    }
    Some(all)
}

/// The codec that brings the samples across soonest at a goodput; `none` unless another one clearly gains.
pub fn choose(trials: &[Trial], goodput: BitsPerSecond) -> ValueCodec {
    let plain = trials.iter().find(|t| t.codec == ValueCodec::None);
    let best = trials
        .iter()
        .min_by(|a, b| a.seconds(goodput).total_cmp(&b.seconds(goodput)));
    match (best, plain) {
        (Some(best), Some(plain))
            if best.seconds(goodput) < (1.0 - LEAST_GAIN) * plain.seconds(goodput) =>
        {
            best.codec
        }
        _ => ValueCodec::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    const fn trial_of(codec: ValueCodec, packed: u64, ms: i64) -> Trial {
        Trial {
            codec,
            raw: Bytes(1_000_000),
            packed: Bytes(packed),
            encode_ns: ms * 600_000,
            decode_ns: ms * 400_000,
        }
    }

    #[test]
    fn a_slow_link_takes_the_best_ratio_and_a_fast_one_none() {
        let trials = [
            trial_of(ValueCodec::None, 1_000_000, 0),
            trial_of(ValueCodec::ZeroBitmap, 600_000, 1),
            trial_of(ValueCodec::BitmapShuffleZstd, 500_000, 4),
        ];
        let at = |mbps| choose(&trials, BitsPerSecond::from_mbps(mbps));
        assert_eq!(at(93.0), ValueCodec::BitmapShuffleZstd);
        assert_eq!(at(1000.0), ValueCodec::ZeroBitmap);
        assert_eq!(at(10_000.0), ValueCodec::None);
        assert_eq!(at(0.0), ValueCodec::None, "an outage decides nothing");
        assert_eq!(choose(&[], BitsPerSecond(1e6)), ValueCodec::None);
    }

    #[test]
    fn noise_is_sent_as_it_is_and_a_relu_is_packed() {
        let mut noise = vec![0; 400_000];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        let wifi = BitsPerSecond::from_mbps(93.0);
        let tried = trials(&[(DType::F32, &noise)], &SystemClock);
        assert_eq!(tried.len(), 4);
        assert_eq!(choose(&tried, wifi), ValueCodec::None, "{tried:?}");
        for element in noise.chunks_exact_mut(8) {
            element[..4].fill(0);
        }
        let tried = trials(&[(DType::F32, &noise)], &SystemClock);
        assert_ne!(
            choose(&tried, BitsPerSecond::from_mbps(10.0)),
            ValueCodec::None
        );
    }
}
