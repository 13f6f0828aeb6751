//! The name of a set of weights by content.

use super::{WeightTensor, Weights};
use crate::units::Hash32;

/// Starts every hash, so that another encoding of the same weights can never give the same name.
const DOMAIN: &[u8] = b"splitscope weights 1\n";

/// blake3 of a set of weights in the canonical encoding.
///
/// The encoding: a domain line, the number of tensors, then for each tensor by sorted name its name's
/// length and bytes, its rank, its sizes, and its values. Counts are u64, sizes u32, values the bits of
/// an f32 (so a NaN keeps its payload), all little-endian.
pub(super) fn of(weights: &Weights) -> Hash32 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(DOMAIN);
    hasher.update(&(weights.tensors.len() as u64).to_le_bytes());
    for (name, tensor) in &weights.tensors {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hash_tensor(&mut hasher, tensor);
    }
    Hash32(*hasher.finalize().as_bytes())
}

fn hash_tensor(hasher: &mut blake3::Hasher, tensor: &WeightTensor) {
    hasher.update(&(tensor.shape.len() as u64).to_le_bytes());
    for size in &tensor.shape {
        hasher.update(&size.to_le_bytes());
    }
    for block in tensor.blocks() {
        hasher.update(&block);
    }
}
