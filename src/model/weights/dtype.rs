//! Element types as files store them, and the way from each float to f32.

/// One stored element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// Its name in messages.
    pub(super) name: &'static str,
    /// Its size in a file.
    pub(super) bytes: u64,
    /// How to read it as f32; none for integers and everything else that is no parameter.
    pub(super) float: Option<Float>,
}

/// The stored floats, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Float {
    F16,
    Bf16,
    F32,
    F64,
}

impl Element {
    pub(super) const F16: Self = Self::float("f16", 2, Float::F16);
    pub(super) const BF16: Self = Self::float("bf16", 2, Float::Bf16);
    pub(super) const F32: Self = Self::float("f32", 4, Float::F32);
    pub(super) const F64: Self = Self::float("f64", 8, Float::F64);

    const fn float(name: &'static str, bytes: u64, float: Float) -> Self {
        Self {
            name,
            bytes,
            float: Some(float),
        }
    }

    /// An element type that is measured and never read.
    pub(super) const fn other(name: &'static str, bytes: u64) -> Self {
        Self {
            name,
            bytes,
            float: None,
        }
    }
}

impl Float {
    /// The size of one element in a file.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// Converts whole elements; exact but for f64, which rounds to nearest.
    pub(super) fn decode(self, bytes: &[u8], out: &mut [f32]) {
        match self {
            Self::F16 => each(bytes, out, |b| f16_to_f32(u16::from_le_bytes(b))),
            Self::Bf16 => each(bytes, out, |b| {
                f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)
            }),
            Self::F32 => each(bytes, out, f32::from_le_bytes),
            Self::F64 => each(bytes, out, |b| f64::from_le_bytes(b) as f32),
        }
    }
}

fn each<const N: usize>(bytes: &[u8], out: &mut [f32], decode: impl Fn([u8; N]) -> f32) {
    let (elements, _) = bytes.as_chunks();
    for (out, element) in out.iter_mut().zip(elements) {
        *out = decode(*element);
    }
}

/// IEEE 754 binary16 to binary32; every value is exact, and a NaN keeps its payload.
fn f16_to_f32(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let fraction = u32::from(half & 0x03ff);
    let magnitude = match half >> 10 & 0x1f {
        // Subnormal: fraction * 2^-24, both exact in f32.
        0 => (fraction as f32 * f32::from_bits(0x3380_0000)).to_bits(),
        0x1f => 0x7f80_0000 | fraction << 13,
        exponent => (u32::from(exponent) + 112) << 23 | fraction << 13,
    };
    f32::from_bits(sign | magnitude)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these conversions and copies are exact")]
mod tests {
    use super::*;

    #[test]
    fn f16_values_are_exact() {
        let table = [
            (0x0000, 0.0),
            (0x8000, -0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 6.103_515_6e-5),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x3555, 0.333_251_95),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ];
        for (half, expected) in table {
            assert_eq!(
                f16_to_f32(half).to_bits(),
                f32::to_bits(expected),
                "{half:#06x}"
            );
        }
        assert_eq!(f16_to_f32(0x7e01).to_bits(), 0x7fc0_2000);
    }

    #[test]
    fn bf16_and_f64_convert() {
        let mut out = [0.0; 2];
        Float::Bf16.decode(&[0x80, 0x3f, 0x48, 0xc0], &mut out);
        assert_eq!(out, [1.0, -3.125]);
        let bytes: Vec<u8> = [0.1f64, -1e300]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        Float::F64.decode(&bytes, &mut out);
        assert_eq!(out, [0.1, f32::NEG_INFINITY]);
    }
}
