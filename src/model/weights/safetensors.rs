//! The `.safetensors` form: a JSON header with names, types, shapes and places, then the raw values.

use std::io::{BufRead, Seek, SeekFrom, Write};

use ::safetensors::tensor::{Metadata, TensorInfo};
use ::safetensors::{Dtype, SafeTensorError};

use super::catalogue::{self, Catalogue, Entry};
use super::dtype::Element;
use super::error::WeightsError;
use super::layout::Layout;
use super::{Init, ParamSpec, Source, WeightTensor, Weights};

/// The header's length stands before it.
const LENGTH_BYTES: u64 = 8;
/// The format's own limit on the header.
const MAX_HEADER: u64 = 100_000_000;

/// Whether a file that starts with `head` is of this form: a possible header length, then `{`. The file may be cut short
/// inside the header: then it is a damaged file of this form and not one of an unknown form.
pub(super) fn starts(head: [u8; 9]) -> bool {
    let [count @ .., brace] = head;
    brace == b'{' && u64::from_le_bytes(count) <= MAX_HEADER
}

/// Reads the wanted parameters; `source` stands at its start.
pub(super) fn load<R: BufRead + Seek>(
    mut source: Source<R>,
    wanted: &[ParamSpec],
) -> Result<Weights, WeightsError> {
    let catalogue = Header::read(&mut source)?.catalogue();
    fill(source, wanted, &catalogue)
}

/// Reads every float tensor that the file names: what it holds, whatever a graph wants.
pub(super) fn load_all<R: BufRead + Seek>(mut source: Source<R>) -> Result<Weights, WeightsError> {
    let catalogue = Header::read(&mut source)?.catalogue();
    let wanted: Vec<ParamSpec> = catalogue
        .iter()
        .filter(|(_, entry)| entry.element.float.is_some())
        .filter_map(|(name, entry)| {
            let shape = entry
                .layout
                .shape
                .iter()
                .map(|&size| u32::try_from(size).ok())
                .collect::<Option<_>>()?;
            Some(ParamSpec {
                name: name.clone(),
                shape,
                init: Init {
                    low: 0.0,
                    high: 0.0,
                },
            })
        })
        .collect();
    fill(source, &wanted, &catalogue)
}

fn fill<R: BufRead + Seek>(
    mut source: Source<R>,
    wanted: &[ParamSpec],
    catalogue: &Catalogue<u64>,
) -> Result<Weights, WeightsError> {
    let origin = source.origin.clone();
    catalogue::fill(&origin, wanted, catalogue, |_, entry, float, out| {
        let read = source.reader.seek(SeekFrom::Start(entry.place));
        read.and_then(|_| entry.layout.read(&mut source.reader, float, out))
            .map_err(|cause| source.io("read", cause))
    })
}

/// The header, checked by the safetensors crate and against the file's length.
struct Header {
    metadata: Metadata,
    /// Where the values begin.
    end: u64,
}

impl Header {
    fn read<R: BufRead + Seek>(source: &mut Source<R>) -> Result<Self, WeightsError> {
        let malformed = |cause| WeightsError::Safetensors {
            origin: source.origin.clone(),
            cause,
        };
        if source.length < LENGTH_BYTES {
            return Err(malformed(SafeTensorError::HeaderTooSmall));
        }
        let mut count = [0; LENGTH_BYTES as usize];
        source
            .reader
            .read_exact(&mut count)
            .map_err(|cause| source.io("read", cause))?;
        let count = u64::from_le_bytes(count);
        if count > MAX_HEADER {
            return Err(malformed(SafeTensorError::HeaderTooLarge));
        }
        let cut = |expected, found| WeightsError::Damaged {
            origin: source.origin.clone(),
            what: "safetensors header".to_owned(),
            expected,
            found,
        };
        let there = source.length - LENGTH_BYTES;
        if count > there {
            return Err(cut(format!("{count} bytes"), format!("{there}")));
        }
        let mut header = vec![0; count as usize];
        source
            .reader
            .read_exact(&mut header)
            .map_err(|cause| source.io("read", cause))?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|cause| malformed(SafeTensorError::InvalidHeaderDeserialization(cause)))?;
        let (named, there) = (metadata.data_len() as u64, there - count);
        if named != there {
            let named = format!("{named} bytes of values after it");
            return Err(cut(named, format!("{there}")));
        }
        let end = LENGTH_BYTES + count;
        Ok(Self { metadata, end })
    }

    fn catalogue(&self) -> Catalogue<u64> {
        let entry = |info: &TensorInfo| {
            let layout = Layout::row_major(info.shape.iter().map(|&size| size as u64).collect())?;
            Some(Entry {
                element: element(info.dtype),
                layout,
                place: self.end + info.data_offsets.0 as u64,
            })
        };
        let tensors = self.metadata.tensors();
        tensors
            .into_iter()
            .filter_map(|(name, info)| Some((name, entry(info)?)))
            .collect()
    }
}

fn element(dtype: Dtype) -> Element {
    match dtype {
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::BF16,
        Dtype::F32 => Element::F32,
        Dtype::F64 => Element::F64,
        Dtype::I64 => Element::other("i64", 8),
        Dtype::I32 => Element::other("i32", 4),
        Dtype::I16 => Element::other("i16", 2),
        Dtype::I8 => Element::other("i8", 1),
        Dtype::U64 => Element::other("u64", 8),
        Dtype::U32 => Element::other("u32", 4),
        Dtype::U16 => Element::other("u16", 2),
        Dtype::U8 => Element::other("u8", 1),
        Dtype::BOOL => Element::other("bool", 1),
        _ => Element::other("a type of less than 16 bits", 1),
    }
}

/// Writes the canonical bytes of these weights, block by block; `origin` names the target in errors.
pub(super) fn write(
    weights: &Weights,
    out: &mut impl Write,
    origin: &str,
) -> Result<(), WeightsError> {
    let header = header(weights).map_err(|cause| WeightsError::Safetensors {
        origin: origin.to_owned(),
        cause,
    })?;
    let length = (header.len() as u64).to_le_bytes();
    let blocks = weights.iter().flat_map(|(_, tensor)| tensor.blocks());
    let mut parts = [length.to_vec(), header].into_iter().chain(blocks);
    let written = parts.try_for_each(|part| out.write_all(&part));
    written.map_err(|cause| WeightsError::Io {
        doing: "write",
        origin: origin.to_owned(),
        cause,
    })
}

/// Names in order, every tensor f32 behind the one before it, padded to 8 bytes as the format asks.
fn header(weights: &Weights) -> Result<Vec<u8>, SafeTensorError> {
    let mut end = 0;
    let place = |(name, tensor): (&str, &WeightTensor)| {
        let start = end;
        end += size_of_val(&*tensor.data);
        let info = TensorInfo {
            dtype: Dtype::F32,
            shape: tensor.shape.iter().map(|&size| size as usize).collect(),
            data_offsets: (start, end),
        };
        (name.to_owned(), info)
    };
    let metadata = Metadata::new(None, weights.iter().map(place).collect())?;
    let mut text = serde_json::to_vec(&metadata)?;
    text.resize(text.len().next_multiple_of(LENGTH_BYTES as usize), b' ');
    if text.len() as u64 > MAX_HEADER {
        return Err(SafeTensorError::HeaderTooLarge);
    }
    Ok(text)
}
