//! Byteshuffle under zstd: exponents of floats lie together and compress, mantissas do not disturb them.

use super::CodecError;

/// zstd's fastest ordinary level.
const LEVEL: i32 = 1;

fn shuffled(width: usize, raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    for byte in 0..width {
        out.extend(raw.iter().skip(byte).step_by(width));
    }
    out
}

fn restored(width: usize, shuffled: &[u8]) -> Vec<u8> {
    let elements = shuffled.len() / width;
    let mut raw = vec![0; shuffled.len()];
    for (byte, plane) in shuffled.chunks_exact(elements.max(1)).enumerate() {
        for (out, &value) in raw.iter_mut().skip(byte).step_by(width).zip(plane) {
            *out = value;
        }
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
    Ok(restored(width, &plain))
}
