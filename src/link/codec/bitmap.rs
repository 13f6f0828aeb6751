//! The zero bitmap: a bit per element that is not zero, then those elements as they are.

use super::CodecError;

/// The bitmap, then what is not zero. Elements are zero when all their bits are.
pub(super) fn encode(width: usize, raw: &[u8]) -> Vec<u8> {
    let elements = raw.len() / width;
    let mut out = vec![0; elements.div_ceil(8)];
    out.reserve(raw.len() / 2);
    for (i, element) in raw.chunks_exact(width).enumerate() {
        if element.iter().any(|&b| b != 0) {
            out[i / 8] |= 1 << (i % 8);
            out.extend_from_slice(element);
        }
    }
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
    let is_set = |i: usize| bits.get(i / 8).is_some_and(|b| b & (1 << (i % 8)) != 0);
    let kept = count(bits);
    // Bits behind the last element belong to none.
    let stray = (elements..bits.len() * 8).any(is_set);
    if stray || rest.len() != kept.saturating_mul(width) {
        return Err(CodecError::Length {
            codec,
            what: "what is not zero",
            got: rest.len(),
            expected: kept.min(elements).saturating_mul(width),
        });
    }
    let mut raw = vec![0; elements.saturating_mul(width)];
    let mut kept = rest.chunks_exact(width);
    for (i, element) in raw.chunks_exact_mut(width).enumerate() {
        if is_set(i)
            && let Some(value) = kept.next()
        {
            element.copy_from_slice(value);
        }
    }
    Ok(raw)
}
