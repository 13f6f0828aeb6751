//! Codecs for values on the wire: lossless ones, and half precision for who asks for it. Pure functions.
//!
//! | codec | what it does | bits |
//! |---|---|---|
//! | `none` | nothing | kept |
//! | `zero-bitmap` | one bit per element that is not zero, then those elements | kept: zero is tested on the bits, so -0.0 stays |
//! | `shuffle-zstd` | byte i of every element together, then zstd level 1 | kept |
//! | `bitmap-shuffle-zstd` | the bitmap, then the rest shuffled and under zstd level 1 | kept |
//! | `f16` | f32 rounded to half precision | **lost**: labelled wherever it is used |
//!
//! The form on the wire does not say how long the value is: who decodes knows it from the plan. So a decoder allocates
//! what the plan expects and never what a peer claims.

mod bitmap;
mod choose;
mod half;
mod packer;
mod shuffle;

use std::borrow::Cow;

use crate::model::DType;
use crate::plan::ValueCodec;

pub use choose::{Trial, choose, trials};
pub use packer::Packer;

/// Bytes that are no such value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Not the length that they should have.
    #[error("{codec}: {what} has {got} bytes, expected {expected}")]
    Length {
        /// Which codec.
        codec: &'static str,
        /// Which part.
        what: &'static str,
        /// Bytes there are.
        got: usize,
        /// Bytes there should be.
        expected: usize,
    },
    /// The compressor refused.
    #[error("{codec}: zstd failed on {bytes} bytes: {reason}")]
    Zstd {
        /// Which codec.
        codec: &'static str,
        /// How many bytes went in.
        bytes: usize,
        /// What it said.
        reason: String,
    },
}

const fn raw_bytes(dtype: DType, elements: usize) -> usize {
    elements.saturating_mul(dtype.bytes() as usize)
}

/// Packs a value's raw little-endian elements.
///
/// # Errors
/// A length that is no whole number of elements; a compressor without memory.
pub fn encode(codec: ValueCodec, dtype: DType, raw: &[u8]) -> Result<Cow<'_, [u8]>, CodecError> {
    let width = dtype.bytes() as usize;
    let elements = raw.len() / width;
    if !raw.len().is_multiple_of(width) {
        return Err(CodecError::Length {
            codec: codec.name(),
            what: "the value",
            got: raw.len(),
            expected: raw_bytes(dtype, elements),
        });
    }
    Ok(match (codec, dtype) {
        (ValueCodec::None, _) | (ValueCodec::F16, DType::U8) => Cow::Borrowed(raw),
        (ValueCodec::F16, DType::F32) => Cow::Owned(half::encode(raw)),
        (ValueCodec::ZeroBitmap, _) => Cow::Owned(bitmap::encode(width, raw)),
        (ValueCodec::ShuffleZstd, _) => Cow::Owned(shuffle::encode(codec.name(), width, raw)?),
        (ValueCodec::BitmapShuffleZstd, _) => {
            let packed = bitmap::encode(width, raw);
            let (bits, rest) = packed.split_at(elements.div_ceil(8));
            let mut out = bits.to_vec();
            out.extend_from_slice(&shuffle::encode(codec.name(), width, rest)?);
            Cow::Owned(out)
        }
    })
}

/// Unpacks a value of so many elements; allocates in proportion to those, whatever came.
///
/// # Errors
/// Bytes that are not exactly such a value.
pub fn decode(
    codec: ValueCodec,
    dtype: DType,
    elements: usize,
    packed: &[u8],
) -> Result<Vec<u8>, CodecError> {
    let width = dtype.bytes() as usize;
    let raw = raw_bytes(dtype, elements);
    let length = |what, got, expected| CodecError::Length {
        codec: codec.name(),
        what,
        got,
        expected,
    };
    match (codec, dtype) {
        (ValueCodec::None, _) | (ValueCodec::F16, DType::U8) => {
            if packed.len() != raw {
                return Err(length("the value", packed.len(), raw));
            }
            Ok(packed.to_vec())
        }
        (ValueCodec::F16, DType::F32) => {
            let expected = elements.saturating_mul(2);
            if packed.len() != expected {
                return Err(length("the value", packed.len(), expected));
            }
            Ok(half::decode(packed))
        }
        (ValueCodec::ZeroBitmap, _) => {
            let (bits, rest) = bitmap::split(codec.name(), elements, packed)?;
            bitmap::decode(codec.name(), width, elements, bits, rest)
        }
        (ValueCodec::ShuffleZstd, _) => shuffle::decode(codec.name(), width, raw, packed),
        (ValueCodec::BitmapShuffleZstd, _) => {
            let (bits, rest) = bitmap::split(codec.name(), elements, packed)?;
            let kept = bitmap::count(bits).saturating_mul(width).min(raw);
            let rest = shuffle::decode(codec.name(), width, kept, rest)?;
            bitmap::decode(codec.name(), width, elements, bits, &rest)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raw(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    /// Any bits, and those that a careless codec loses.
    fn bits() -> impl Strategy<Value = u32> {
        prop_oneof![
            any::<u32>(),
            Just(0),
            Just((-0.0_f32).to_bits()),
            Just(f32::INFINITY.to_bits()),
            Just(f32::NEG_INFINITY.to_bits()),
            Just(0x7fc0_dead),
            Just(0xff80_0001),
            Just(1),
        ]
    }

    fn survives(dtype: DType, bytes: &[u8]) {
        let elements = bytes.len() / dtype.bytes() as usize;
        for codec in ValueCodec::LOSSLESS {
            let packed = encode(codec, dtype, bytes).unwrap();
            assert!(
                packed.len() <= codec.max_encoded_bytes(dtype, elements),
                "{codec}"
            );
            let again = decode(codec, dtype, elements, &packed).unwrap();
            assert!(again == bytes, "{codec} changed a bit");
            // One byte too few or too many, one element too few or too many.
            if let Some((_, short)) = packed.split_last() {
                assert!(
                    decode(codec, dtype, elements, short).is_err(),
                    "{codec}: short"
                );
            }
            let long = [&packed[..], &[0]].concat();
            assert!(
                decode(codec, dtype, elements, &long).is_err(),
                "{codec}: long"
            );
            assert!(
                decode(codec, dtype, elements + 9, &packed).is_err(),
                "{codec}: more"
            );
        }
    }

    proptest! {
        #[test]
        fn every_bit_of_floats_survives(values in prop::collection::vec(bits(), 0..600)) {
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            survives(DType::F32, &bytes);
        }

        #[test]
        fn every_byte_survives(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0)], 0..600)) {
            survives(DType::U8, &bytes);
        }

        #[test]
        fn no_bytes_make_a_decoder_panic_or_give_another_length(
            packed in prop::collection::vec(any::<u8>(), 0..200),
            elements in 0_usize..300,
            id in 0_u8..5,
        ) {
            let codec = ValueCodec::of_id(id).unwrap();
            for dtype in [DType::U8, DType::F32] {
                if let Ok(raw) = decode(codec, dtype, elements, &packed) {
                    prop_assert_eq!(raw.len(), elements * dtype.bytes() as usize);
                }
            }
        }

        #[test]
        fn a_changed_byte_never_changes_the_length(
            values in prop::collection::vec(bits(), 1..300), at in any::<usize>(), by in 1_u8..,
        ) {
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            for codec in ValueCodec::LOSSLESS {
                let mut packed = encode(codec, DType::F32, &bytes).unwrap().into_owned();
                let at = at % packed.len();
                packed[at] ^= by;
                if let Ok(raw) = decode(codec, DType::F32, values.len(), &packed) {
                    prop_assert_eq!(raw.len(), bytes.len());
                }
            }
        }
    }

    #[test]
    fn a_bomb_is_stopped_at_the_expected_length() {
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 1).unwrap();
        assert!(bomb.len() < 10_000);
        assert!(decode(ValueCodec::ShuffleZstd, DType::F32, 100, &bomb).is_err());
        let mut with_bits = vec![0xff; 13];
        with_bits.extend_from_slice(&bomb);
        assert!(decode(ValueCodec::BitmapShuffleZstd, DType::F32, 100, &with_bits).is_err());
        // Bits behind the last element would shift what follows.
        assert!(decode(ValueCodec::ZeroBitmap, DType::U8, 3, &[0b1000, 9]).is_err());
    }

    #[test]
    fn half_a_relu_gains_what_the_formula_says() {
        // Every other element zero: 32 / (1 + 32 / 2) bits.
        let values: Vec<f32> = (0..8000_u16)
            .map(|i| if i % 2 == 0 { 0.0 } else { f32::from(i) * 0.37 })
            .collect();
        let bytes = raw(&values);
        let packed = encode(ValueCodec::ZeroBitmap, DType::F32, &bytes).unwrap();
        assert_eq!(packed.len(), 1000 + 4000 * 4);
        let best = encode(ValueCodec::BitmapShuffleZstd, DType::F32, &bytes).unwrap();
        assert!(best.len() < packed.len());
    }
}
