//! f32 to half precision and back (IEEE 754 binary16, round to nearest, ties to even).

pub(super) fn encode(raw: &[u8]) -> Vec<u8> {
    let floats = raw.as_chunks::<4>().0.iter();
    floats
        .flat_map(|b| to_half(f32::from_le_bytes(*b)).to_le_bytes())
        .collect()
}

/// Packs, and tells the largest error of an element over the largest element, in parts per billion; what is not finite
/// has none, and what becomes so has all.
pub(super) fn encode_with_error(raw: &[u8]) -> (Vec<u8>, u32) {
    let (mut largest, mut error) = (0.0_f32, 0.0_f32);
    let mut packed = Vec::with_capacity(raw.len() / 2);
    for bytes in raw.as_chunks::<4>().0 {
        let x = f32::from_le_bytes(*bytes);
        let half = to_half(x);
        packed.extend_from_slice(&half.to_le_bytes());
        if x.is_finite() {
            largest = largest.max(x.abs());
            error = error.max((x - from_half(half)).abs());
        }
    }
    let ppb = if error > 0.0 {
        f64::from(error) / f64::from(largest) * 1e9
    } else {
        0.0
    };
    // A float too large for the integer becomes the largest one.
    (packed, ppb.round() as u32)
}

pub(super) fn decode(packed: &[u8]) -> Vec<u8> {
    let halves = packed.as_chunks::<2>().0.iter();
    halves
        .flat_map(|b| from_half(u16::from_le_bytes(*b)).to_le_bytes())
        .collect()
}

fn to_half(x: f32) -> u16 {
    let bits = x.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    if magnitude > 0x7f80_0000 {
        return sign | 0x7e00;
    }
    // 65520 and up round to infinity.
    if magnitude >= 0x477f_f000 {
        return sign | 0x7c00;
    }
    if magnitude < 0x3880_0000 {
        // Below the least normal half: multiples of 2^-24. This addition makes the processor round to them.
        let shifted = f32::from_bits(magnitude) + f32::from_bits(0x3f00_0000);
        return sign | (shifted.to_bits() - 0x3f00_0000) as u16;
    }
    let even = (magnitude >> 13) & 1;
    let rounded = magnitude + 0x0fff + even - (112 << 23);
    sign | (rounded >> 13) as u16
}

fn from_half(h: u16) -> f32 {
    let sign = u32::from(h & 0x8000) << 16;
    let magnitude = u32::from(h & 0x7fff);
    let bits = match magnitude {
        0..0x0400 => (magnitude as f32 * 2.0_f32.powi(-24)).to_bits(),
        0x0400..0x7c00 => (magnitude << 13) + (112 << 23),
        _ => (magnitude << 13) | 0x7f80_0000,
    };
    f32::from_bits(sign | bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "these come out exactly")]
    fn every_half_survives_the_way_through_f32() {
        for h in 0..=u16::MAX {
            let wide = from_half(h);
            if wide.is_nan() {
                assert!(from_half(to_half(wide)).is_nan());
            } else {
                assert_eq!(to_half(wide), h, "{wide}");
            }
        }
        assert_eq!(from_half(0x3c00), 1.0);
        assert_eq!(from_half(0x0001), 2.0_f32.powi(-24));
        assert_eq!(from_half(0x7bff), 65504.0);
    }

    proptest! {
        #[test]
        fn the_nearest_half_is_taken(x in -65_519.0_f32..65_519.0) {
            let h = to_half(x);
            let off = (from_half(h) - x).abs();
            for neighbour in [h.wrapping_sub(1), h.wrapping_add(1)] {
                let other = from_half(neighbour);
                prop_assert!(!other.is_finite() || off <= (other - x).abs(), "{x}: {h:04x}");
            }
        }
    }
}
