//! How values are packed for the link: what a plan asks for, and what one value then has. The packing itself is in
//! [`link::codec`](crate::link::codec).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::DType;

/// How a plan wants values packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// Raw little-endian elements.
    #[default]
    None,
    /// The lossless codec that brings an edge's values across soonest, by a measured trial; often none.
    Auto,
    /// Zeros as bits.
    ZeroBitmap,
    /// Bytes of the same weight together, under zstd.
    ShuffleZstd,
    /// Zeros as bits, the rest shuffled and under zstd.
    BitmapShuffleZstd,
    /// f32 rounded to half precision: lossy, only when asked for by name.
    F16,
}

impl Codec {
    /// In the order in which a picker shows them.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::Auto,
        Self::ZeroBitmap,
        Self::ShuffleZstd,
        Self::BitmapShuffleZstd,
        Self::F16,
    ];

    /// The name used in flags, on the screen and in JSON.
    pub const fn name(self) -> &'static str {
        match self.fixed() {
            None => "auto",
            Some(codec) => codec.name(),
        }
    }

    /// One line that says what it does.
    pub const fn what(self) -> &'static str {
        match self {
            Self::None => "values are sent as they are",
            Self::Auto => {
                "the fastest lossless codec per edge, by a trial in the plan's first frame"
            }
            Self::ZeroBitmap => "zeros as bits: for what comes out of a ReLU",
            Self::ShuffleZstd => "bytes of the same weight together, under zstd",
            Self::BitmapShuffleZstd => "zeros as bits, the rest shuffled and under zstd",
            Self::F16 => "LOSSY: half precision, results change",
        }
    }

    /// The codec that every value has under this; none where each edge is tried.
    pub const fn fixed(self) -> Option<ValueCodec> {
        Some(match self {
            Self::None => ValueCodec::None,
            Self::Auto => return None,
            Self::ZeroBitmap => ValueCodec::ZeroBitmap,
            Self::ShuffleZstd => ValueCodec::ShuffleZstd,
            Self::BitmapShuffleZstd => ValueCodec::BitmapShuffleZstd,
            Self::F16 => ValueCodec::F16,
        })
    }

    /// Whether a peer may send a value so packed under this plan: lossy values only where the plan says so.
    pub fn allows(self, codec: ValueCodec) -> bool {
        !codec.is_lossy() || self.fixed() == Some(codec)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How one value is packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValueCodec {
    /// Raw little-endian elements.
    #[default]
    None,
    /// Zeros as bits.
    ZeroBitmap,
    /// Bytes of the same weight together, under zstd.
    ShuffleZstd,
    /// Zeros as bits, the rest shuffled and under zstd.
    BitmapShuffleZstd,
    /// f32 rounded to half precision: lossy. Bytes (u8) pass as they are.
    F16,
}

impl ValueCodec {
    /// Those that keep every bit.
    pub const LOSSLESS: [Self; 4] = [
        Self::None,
        Self::ZeroBitmap,
        Self::ShuffleZstd,
        Self::BitmapShuffleZstd,
    ];

    /// Its number on the wire.
    pub const fn id(self) -> u8 {
        match self {
            Self::None => 0,
            Self::ZeroBitmap => 1,
            Self::ShuffleZstd => 2,
            Self::BitmapShuffleZstd => 3,
            Self::F16 => 4,
        }
    }

    /// The codec of a number on the wire, if there is one.
    pub const fn of_id(id: u8) -> Option<Self> {
        Some(match id {
            0 => Self::None,
            1 => Self::ZeroBitmap,
            2 => Self::ShuffleZstd,
            3 => Self::BitmapShuffleZstd,
            4 => Self::F16,
            _ => return None,
        })
    }

    /// Whether what is decoded may differ from what was encoded.
    pub const fn is_lossy(self) -> bool {
        matches!(self, Self::F16)
    }

    /// Its name, as people say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ZeroBitmap => "zero-bitmap",
            Self::ShuffleZstd => "shuffle-zstd",
            Self::BitmapShuffleZstd => "bitmap-shuffle-zstd",
            Self::F16 => "f16",
        }
    }

    /// The most bytes that an honest sender makes of so many elements.
    pub const fn max_encoded_bytes(self, dtype: DType, elements: usize) -> usize {
        let raw = elements.saturating_mul(dtype.bytes() as usize);
        match self {
            Self::None | Self::F16 => raw,
            Self::ZeroBitmap => raw.saturating_add(elements.div_ceil(8)),
            // zstd's own bound, ZSTD_COMPRESSBOUND, is below this.
            Self::ShuffleZstd => raw.saturating_add(raw / 128).saturating_add(1024),
            Self::BitmapShuffleZstd => raw
                .saturating_add(elements.div_ceil(8))
                .saturating_add(raw / 128)
                .saturating_add(1024),
        }
    }
}

impl fmt::Display for ValueCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())?;
        if self.is_lossy() {
            f.write_str(" (lossy)")?;
        }
        Ok(())
    }
}

/// What packing or unpacking one value took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    /// How it is packed.
    pub codec: ValueCodec,
    /// Its bytes on the wire.
    pub wire_bytes: u64,
    /// Time to pack it, just before it was sent, or to unpack it, just after its last byte was here; in nanoseconds. A
    /// trial's time is within.
    pub took_ns: i64,
    /// Of a lossy codec, told by who packs: the largest error of an element over the largest element, in parts per
    /// billion; 0 where every bit is kept.
    #[serde(default)]
    pub error_ppb: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_on_the_wire_keep_their_numbers_and_lossy_ones_say_so() {
        for id in 0..=u8::MAX {
            if let Some(codec) = ValueCodec::of_id(id) {
                assert_eq!(codec.id(), id);
                let is_f16 = codec == ValueCodec::F16;
                assert_eq!(codec.to_string().contains("lossy"), is_f16);
            }
        }
        let names = Codec::ALL.map(Codec::name).join(" ");
        assert_eq!(
            names,
            "none auto zero-bitmap shuffle-zstd bitmap-shuffle-zstd f16"
        );
    }

    #[test]
    fn a_plan_that_keeps_every_bit_takes_no_lossy_value() {
        for plan in Codec::ALL {
            assert_eq!(plan.allows(ValueCodec::F16), plan == Codec::F16, "{plan}");
            assert!(ValueCodec::LOSSLESS.iter().all(|&codec| plan.allows(codec)));
        }
    }
}
