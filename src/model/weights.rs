//! The numbers of a model: read from PyTorch and safetensors files, made from a seed, hashed, cached.
//!
//! A graph says what it wants ([`ParamSpec`]); this room fills it, always as row-major f32, and names
//! the filled set by a hash ([`Hash32`]) that robot and server compare before they work together.
//! Files come from strangers: nothing here runs code from a file, trusts a length that a file claims,
//! or allocates more than the file's own length and the graph's own parameter count call for.
//!
//! Inside: the formats (`pth` over a bounded `pickle` machine, `safetensors`), what they share (`dtype`,
//! `layout`, `catalogue`), the generator (`seeded`), the hash and the cache on disk (`store`).
//! Not here: which parameters a model has (`model::zoo`) and tensors of the engine (`engine`).

mod catalogue;
mod dtype;
mod error;
mod hash;
mod layout;
mod pickle;
mod pth;
mod safetensors;
mod seeded;
mod store;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::Path;
use std::sync::Arc;

use crate::units::Hash32;

pub use self::error::{Misfit, Misfits, WeightsError};
pub use self::pickle::PickleError;
pub use self::store::{StoreError, WeightStore, transfer_limit_bytes};

/// One parameter that a graph wants.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamSpec {
    /// The name in the state dict, for example `features.0.0.weight`.
    pub name: String,
    /// The shape, outermost dimension first; empty for a single number.
    pub shape: Vec<u32>,
    /// How the parameter is filled when no file gives it.
    pub init: Init,
}

/// Seeded initialisation: uniform in `[low, high)`, or the constant `low` where `high` is not above it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Init {
    /// The lowest value, inclusive.
    pub low: f32,
    /// The bound above every value, exclusive.
    pub high: f32,
}

/// One parameter tensor: f32, row-major (C order).
#[derive(Clone, Debug, PartialEq)]
pub struct WeightTensor {
    /// The shape, outermost dimension first.
    pub shape: Vec<u32>,
    /// The elements, as many as the shape's product.
    pub data: Arc<[f32]>,
}

impl WeightTensor {
    /// A tensor of zeros, to be filled in place: one allocation, never a second copy.
    fn zeros(shape: &[u32]) -> Self {
        let data = std::iter::repeat_n(0.0, elements(shape)).collect();
        Self {
            shape: shape.to_vec(),
            data,
        }
    }

    /// The values as little-endian bytes, in blocks that stay in the first-level cache and use blake3's widest instructions.
    fn blocks(&self) -> impl Iterator<Item = Vec<u8>> {
        self.data.chunks(4096).map(|values| {
            let mut bytes = vec![0; size_of_val(values)];
            let (elements, _) = bytes.as_chunks_mut();
            for (element, value) in elements.iter_mut().zip(values) {
                *element = value.to_le_bytes();
            }
            bytes
        })
    }
}

/// The parameters of one model by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    tensors: BTreeMap<String, WeightTensor>,
}

impl Weights {
    /// Reads the wanted parameters from a file, whatever its name: zip `.pth`, legacy `.pth` or `.safetensors`.
    ///
    /// f16, bf16 and f64 are converted to f32. What the graph does not want is skipped unread.
    ///
    /// # Errors
    /// When the file cannot be read, is of no known format, asks for more than its own length or for
    /// objects that weights do not need, or lacks a wanted parameter in the wanted shape.
    pub fn load(path: &Path, wanted: &[ParamSpec]) -> Result<Self, WeightsError> {
        Source::open(path)?.load(wanted)
    }

    /// Makes the wanted parameters from a seed: the same bits on every machine.
    ///
    /// Element `i` of the parameter named `n` depends on `(seed, n, i)` and its [`Init`] alone, so a
    /// graph with one more layer has the same weights in all the others.
    pub fn seeded(seed: u64, wanted: &[ParamSpec]) -> Self {
        seeded::weights(seed, wanted)
    }

    /// The wanted parameters from the bytes of a `.safetensors` file; `origin` names them in errors.
    ///
    /// # Errors
    /// As [`Weights::load`], for this one format.
    pub fn from_safetensors(
        bytes: &[u8],
        wanted: &[ParamSpec],
        origin: &str,
    ) -> Result<Self, WeightsError> {
        let source = Source {
            reader: Cursor::new(bytes),
            length: bytes.len() as u64,
            origin: origin.to_owned(),
        };
        safetensors::load(source, wanted)
    }

    /// The canonical `.safetensors` bytes: names sorted, f32, no metadata; the same weights give the same bytes.
    ///
    /// # Errors
    /// When the header would pass the format's limit of 100 MB.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, WeightsError> {
        let mut bytes = Vec::with_capacity(self.total_bytes() as usize);
        safetensors::write(self, &mut bytes, "weights in memory")?;
        Ok(bytes)
    }

    /// The name of this set by content: blake3 over names, shapes and values. Reads every value.
    pub fn hash(&self) -> Hash32 {
        hash::of(self)
    }

    /// The parameter of this name.
    pub fn get(&self, name: &str) -> Option<&WeightTensor> {
        self.tensors.get(name)
    }

    /// All parameters, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &WeightTensor)> {
        self.tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// How many tensors there are.
    pub fn tensor_count(&self) -> usize {
        self.tensors.len()
    }

    /// How many numbers there are in all tensors.
    pub fn parameter_count(&self) -> u64 {
        self.tensors
            .values()
            .map(|tensor| tensor.data.len() as u64)
            .sum()
    }

    /// The memory that the values take, in bytes.
    pub fn total_bytes(&self) -> u64 {
        self.parameter_count() * size_of::<f32>() as u64
    }
}

impl FromIterator<(String, WeightTensor)> for Weights {
    fn from_iter<I: IntoIterator<Item = (String, WeightTensor)>>(tensors: I) -> Self {
        Self {
            tensors: tensors.into_iter().collect(),
        }
    }
}

/// The product of a wanted shape; `usize::MAX` above that, which no allocation grants.
fn elements(shape: &[u32]) -> usize {
    let sizes = shape.iter().map(|&size| size as usize);
    sizes.fold(1, usize::saturating_mul)
}

/// Where weights are read from: bytes with a known length and a name for errors.
struct Source<R> {
    reader: R,
    length: u64,
    origin: String,
}

impl Source<BufReader<File>> {
    fn open(path: &Path) -> Result<Self, WeightsError> {
        let origin = path.display().to_string();
        let io = |doing| {
            let origin = origin.clone();
            move |cause| WeightsError::Io {
                doing,
                origin,
                cause,
            }
        };
        let file = File::open(path).map_err(io("open"))?;
        let length = file.metadata().map_err(io("ask the length of"))?.len();
        Ok(Self {
            reader: BufReader::with_capacity(1 << 16, file),
            length,
            origin,
        })
    }
}

impl<R: BufRead + Seek> Source<R> {
    /// Decides by the first bytes which format this is, and reads it.
    fn load(mut self, wanted: &[ParamSpec]) -> Result<Weights, WeightsError> {
        let mut head = [0; 9];
        let known = self.length.min(head.len() as u64) as usize;
        self.reader
            .read_exact(&mut head[..known])
            .map_err(|cause| self.io("read", cause))?;
        self.reader
            .rewind()
            .map_err(|cause| self.io("read", cause))?;
        if head.starts_with(b"PK\x03\x04") {
            pth::archive::load(self, wanted)
        } else if safetensors::starts(head) {
            safetensors::load(self, wanted)
        } else if head[0] == pickle::PROTO {
            pth::legacy::load(self, wanted)
        } else {
            Err(WeightsError::UnknownFormat {
                origin: self.origin,
                head: head[..known].escape_ascii().to_string(),
            })
        }
    }

    fn io(&self, doing: &'static str, cause: std::io::Error) -> WeightsError {
        WeightsError::Io {
            doing,
            origin: self.origin.clone(),
            cause,
        }
    }
}
