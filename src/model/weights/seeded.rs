//! Weights from a seed, the same bits on every machine.
//!
//! The generator is `SplitMix64` (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
//! Generators", OOPSLA 2014; constants of Vigna's `splitmix64.c`), used as a counter: its `i`-th output
//! from state `key` is `mix(key + (i + 1) * GAMMA)`. Each parameter has its own `key`, a hash of seed
//! and name. Everything up to the last line is integer arithmetic; that line is one multiplication and
//! one addition in f32, which IEEE 754 defines to the bit and Rust never fuses.

use std::sync::{Mutex, PoisonError};
use std::thread;

use super::{Init, ParamSpec, WeightTensor, Weights};

/// The increment of `SplitMix64`: the odd integer nearest 2^64 / golden ratio.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Work is cut into pieces of this many elements; threads are worth starting above one piece.
const PIECE: usize = 1 << 18;

/// The wanted parameters from `seed`.
pub(super) fn weights(seed: u64, wanted: &[ParamSpec]) -> Weights {
    let mut tensors: Vec<WeightTensor> = wanted
        .iter()
        .map(|spec| WeightTensor::zeros(&spec.shape))
        .collect();
    let mut pieces = Vec::new();
    for (spec, tensor) in wanted.iter().zip(&mut tensors) {
        let key = key(seed, &spec.name);
        let data = std::sync::Arc::make_mut(&mut tensor.data);
        for (i, out) in data.chunks_mut(PIECE).enumerate() {
            pieces.push(Piece {
                key,
                first: (i * PIECE) as u64,
                init: spec.init,
                out,
            });
        }
    }
    fill_all(pieces);
    wanted
        .iter()
        .map(|spec| spec.name.clone())
        .zip(tensors)
        .collect()
}

/// A run of one parameter's elements, to be filled by whichever thread takes it.
struct Piece<'a> {
    key: u64,
    first: u64,
    init: Init,
    out: &'a mut [f32],
}

impl Piece<'_> {
    fn fill(self) {
        let Init { low, high } = self.init;
        // `low + u * width` may round up to `high` itself, which is outside.
        let (width, last) = (high - low, high.next_down().max(low));
        for (i, out) in (self.first..).zip(self.out) {
            *out = (low + unit(self.key, i) * width).min(last);
        }
    }
}

/// Fills the pieces on all processors; the order does not matter, since no piece depends on another.
fn fill_all(pieces: Vec<Piece<'_>>) {
    let threads = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(pieces.len() / 4);
    if threads <= 1 {
        return pieces.into_iter().for_each(Piece::fill);
    }
    let queue = Mutex::new(pieces.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(piece) = next() {
                    piece.fill();
                }
            });
        }
    });
}

/// The generator's state before the first element of parameter `name`.
fn key(seed: u64, name: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(b"splitscope seeded weights 1\n")
        .update(&seed.to_le_bytes())
        .update(name.as_bytes());
    let mut key = [0; 8];
    hasher.finalize_xof().fill(&mut key);
    u64::from_le_bytes(key)
}

/// Element `i` of the stream `key`, uniform over the multiples of 2^-24 in `[0, 1)`: each is an exact f32.
fn unit(key: u64, i: u64) -> f32 {
    (draw(key, i) >> 40) as f32 * (1.0 / (1 << 24) as f32)
}

/// Output `i` of `SplitMix64` from state `key`.
fn draw(key: u64, i: u64) -> u64 {
    let z = key.wrapping_add(GAMMA.wrapping_mul(i.wrapping_add(1)));
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these conversions and copies are exact")]
mod tests {
    use super::*;

    /// The first outputs of the reference `splitmix64.c` from state 1234567.
    #[test]
    fn draws_are_those_of_the_reference_generator() {
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(expected, [0, 1, 2, 3, 4].map(|i| draw(1_234_567, i)));
    }

    #[test]
    fn values_stay_below_the_upper_bound_even_where_the_sum_rounds_up() {
        let (low, high) = (1.0, 1.0f32.next_up());
        let mut out = vec![0.0; 10_000];
        Piece {
            key: 7,
            first: 0,
            init: Init { low, high },
            out: &mut out,
        }
        .fill();
        assert!(
            out.iter().all(|&x| x == low),
            "only `low` lies in [low, high)"
        );
    }

    #[test]
    fn an_empty_range_gives_the_constant() {
        let mut out = [7.0; 4];
        Piece {
            key: 7,
            first: 0,
            init: Init {
                low: 1.0,
                high: 1.0,
            },
            out: &mut out,
        }
        .fill();
        assert_eq!(out, [1.0; 4]);
    }
}
