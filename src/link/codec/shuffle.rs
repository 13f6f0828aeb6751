//! Byteshuffle under zstd: exponents of floats lie together and compress, mantissas do not disturb them. Elements of one
//! byte have nothing to shuffle.

use super::CodecError;

/// zstd's fastest ordinary level.
const LEVEL: i32 = 1;

fn shuffled(width: usize, raw: &[u8]) -> Vec<u8> {
    let (elements, []) = raw.as_chunks::<4>() else {
        return raw.to_vec();
    };
    if width != 4 {
        return raw.to_vec();
    }
    let mut out = vec![0; raw.len()];
    let (ab, cd) = out.split_at_mut(elements.len() * 2);
    let (a, b) = ab.split_at_mut(elements.len());
    let (c, d) = cd.split_at_mut(elements.len());
    let planes = a.iter_mut().zip(b).zip(c.iter_mut().zip(d));
    for (element, ((a, b), (c, d))) in elements.iter().zip(planes) {
        [*a, *b, *c, *d] = *element;
    }
    out
}

fn restored(width: usize, shuffled: Vec<u8>) -> Vec<u8> {
    let count = shuffled.len() / 4;
    if width != 4 || count * 4 != shuffled.len() {
        return shuffled;
    }
    let mut raw = vec![0; shuffled.len()];
    let (ab, cd) = shuffled.split_at(count * 2);
    let (a, b) = ab.split_at(count);
    let (c, d) = cd.split_at(count);
    let planes = a.iter().zip(b).zip(c.iter().zip(d));
    for (element, ((a, b), (c, d))) in raw.as_chunks_mut::<4>().0.iter_mut().zip(planes) {
        *element = [*a, *b, *c, *d];
    }
    raw
}

pub(super) fn encode(codec: &'static str, width: usize, raw: &[u8]) -> Result<Vec<u8>, CodecError> {
    zstd::bulk::compress(&shuffled(width, raw), LEVEL).map_err(|e| CodecError::Zstd {
        codec,
        bytes: raw.len(),
        reason: e.to_string(),
    })
}

/// Gives exactly `expected` bytes or an error; decompresses into a buffer of that size.
pub(super) fn decode(
    codec: &'static str,
    width: usize,
    expected: usize,
    packed: &[u8],
) -> Result<Vec<u8>, CodecError> {
    let mut plain = vec![0; expected];
    let got = zstd::bulk::decompress_to_buffer(packed, &mut plain[..]);
    let got = got.map_err(|e| CodecError::Zstd {
        codec,
        bytes: packed.len(),
        reason: e.to_string(),
    })?;
    if got != expected {
        return Err(CodecError::Length {
            codec,
            what: "what was compressed",
            got,
            expected,
        });
    }
    Ok(restored(width, plain))
}
