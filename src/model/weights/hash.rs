//! The name of a set of weights by content.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{WeightTensor, Weights};

/// Starts every hash, so that another encoding of the same weights can never give the same name.
const DOMAIN: &[u8] = b"splitscope weights 1\n";

/// blake3 of a set of weights in the canonical encoding; displayed and stored as 64 hex digits.
///
/// The encoding: a domain line, the number of tensors, then for each tensor by sorted name its name's
/// length and bytes, its rank, its sizes, and its values. Counts are u64, sizes u32, values the bits of
/// an f32 (so a NaN keeps its payload), all little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WeightsHash(pub [u8; 32]);

/// The text is not the name of a set of weights.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "read \"{text}\" as a weights hash: expected 64 hex digits; copy it whole from `splitscope doctor` or a session"
)]
pub struct ParseHashError {
    /// The text as given, cut after 80 characters.
    pub text: String,
}

impl fmt::Display for WeightsHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl FromStr for WeightsHash {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, ParseHashError> {
        let hash = blake3::Hash::from_hex(text).map_err(|_| ParseHashError {
            text: text.chars().take(80).collect(),
        })?;
        Ok(Self(*hash.as_bytes()))
    }
}

impl TryFrom<String> for WeightsHash {
    type Error = ParseHashError;

    fn try_from(text: String) -> Result<Self, ParseHashError> {
        text.parse()
    }
}

impl From<WeightsHash> for String {
    fn from(hash: WeightsHash) -> Self {
        hash.to_string()
    }
}

/// The hash of these weights.
pub(super) fn of(weights: &Weights) -> WeightsHash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(DOMAIN);
    hasher.update(&(weights.tensors.len() as u64).to_le_bytes());
    for (name, tensor) in &weights.tensors {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hash_tensor(&mut hasher, tensor);
    }
    WeightsHash(*hasher.finalize().as_bytes())
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
