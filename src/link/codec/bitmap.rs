//! The zero bitmap: a bit per element that is not zero, then those elements as they are. Elements have 4 bytes or 1.

use super::CodecError;

/// The bitmap, then what is not zero. Elements are zero when all their bits are.
pub(super) fn encode(width: usize, raw: &[u8]) -> Vec<u8> {
    match width {
        4 => encode_elements::<4>(raw),
        _ => encode_elements::<1>(raw),
    }
}

fn encode_elements<const WIDTH: usize>(raw: &[u8]) -> Vec<u8> {
    let (elements, _) = raw.as_chunks::<WIDTH>();
    let bits = elements.len().div_ceil(8);
    let mut out = vec![0; bits + raw.len()];
    let (bitmap, rest) = out.split_at_mut(bits);
    let mut kept = 0;
    for (bits, eight) in bitmap.iter_mut().zip(elements.chunks(8)) {
        for (i, element) in eight.iter().enumerate() {
            // Written in any case and kept if it is not zero: a branch here would be a coin's throw.
            rest[kept..kept + WIDTH].copy_from_slice(element);
            let is_kept = *element != [0; WIDTH];
            *bits |= u8::from(is_kept) << i;
            kept += WIDTH * usize::from(is_kept);
        }
    }
    out.truncate(bits + kept);
    out
}

/// The bitmap of so many elements, and what follows it.
pub(super) fn split<'a>(
    codec: &'static str,
    elements: usize,
    packed: &'a [u8],
) -> Result<(&'a [u8], &'a [u8]), CodecError> {
    let expected = elements.div_ceil(8);
    packed.split_at_checked(expected).ok_or(CodecError::Length {
        codec,
        what: "the bitmap",
        got: packed.len(),
        expected,
    })
}

/// Elements that a bitmap says are not zero.
pub(super) fn count(bits: &[u8]) -> usize {
    bits.iter().map(|b| b.count_ones() as usize).sum()
}

/// Puts the elements back between the zeros.
pub(super) fn decode(
    codec: &'static str,
    width: usize,
    elements: usize,
    bits: &[u8],
    rest: &[u8],
) -> Result<Vec<u8>, CodecError> {
    let kept = count(bits);
    // Bits behind the last element belong to none.
    let stray = (elements..bits.len() * 8).any(|i| bits[i / 8] & (1 << (i % 8)) != 0);
    if stray || rest.len() != kept.saturating_mul(width) {
        return Err(CodecError::Length {
            codec,
            what: "what is not zero",
            got: rest.len(),
            expected: kept.min(elements).saturating_mul(width),
        });
    }
    Ok(match width {
        4 => spread::<4>(elements, bits, rest),
        _ => spread::<1>(elements, bits, rest),
    })
}

fn spread<const WIDTH: usize>(elements: usize, bits: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut raw = vec![0; elements * WIDTH];
    let mut kept = rest.as_chunks::<WIDTH>().0.iter();
    for (bits, eight) in bits
        .iter()
        .zip(raw.as_chunks_mut::<WIDTH>().0.chunks_mut(8))
    {
        for (i, element) in eight.iter_mut().enumerate() {
            if bits & (1 << i) != 0
                && let Some(value) = kept.next()
            {
                *element = *value;
            }
        }
    }
    raw
}
