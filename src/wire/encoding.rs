//! MessagePack with field names, and zstd around what is large; both with limits.

use std::io::Read;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes from a peer are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not the message that was expected.
    #[error("cannot read {what} from {len} bytes: {reason}")]
    Malformed {
        /// The message expected.
        what: &'static str,
        /// How many bytes there were.
        len: usize,
        /// What the decoder said.
        reason: String,
    },
    /// Longer than any honest message.
    #[error("{what} of {len} bytes is over the limit of {limit}")]
    TooLong {
        /// The message expected.
        what: &'static str,
        /// Its length, as read or claimed.
        len: u64,
        /// The limit.
        limit: u64,
    },
}

/// Encodes as MessagePack with field names, so that fields can be added later.
pub fn to_msgpack<T: Serialize>(message: &T) -> Vec<u8> {
    // Writing to memory cannot fail, and none of our types refuses to serialise.
    rmp_serde::to_vec_named(message).unwrap_or_default()
}

/// Decodes MessagePack.
///
/// # Errors
/// Bytes that are not a `T`.
pub fn from_msgpack<T: DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
) -> Result<T, DecodeError> {
    rmp_serde::from_slice(bytes).map_err(|e| DecodeError::Malformed {
        what,
        len: bytes.len(),
        reason: e.to_string(),
    })
}

/// MessagePack under zstd.
#[derive(Debug, Clone, Copy)]
pub struct Compressed;

impl Compressed {
    /// Encodes and compresses at zstd's fastest ordinary level.
    pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
        let plain = to_msgpack(message);
        zstd::bulk::compress(&plain, 1).unwrap_or_default()
    }

    /// Decompresses up to `limit` bytes and decodes.
    ///
    /// # Errors
    /// Bytes that are not zstd, grow past the limit, or hold no `T`.
    pub fn decode<T: DeserializeOwned>(
        what: &'static str,
        bytes: &[u8],
        limit: u64,
    ) -> Result<T, DecodeError> {
        let malformed = |e: std::io::Error| DecodeError::Malformed {
            what,
            len: bytes.len(),
            reason: format!("not zstd: {e}"),
        };
        let mut plain = Vec::new();
        let decoder = zstd::stream::read::Decoder::new(bytes).map_err(malformed)?;
        let read = decoder.take(limit + 1).read_to_end(&mut plain);
        if read.map_err(malformed)? as u64 > limit {
            return Err(DecodeError::TooLong {
                what,
                len: plain.len() as u64,
                limit,
            });
        }
        from_msgpack(what, &plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_message_that_grows_without_end_is_stopped_at_the_limit() {
        let bomb = Compressed::encode(&vec![0_u8; 1 << 20]);
        assert!(bomb.len() < 2_000);
        let error = Compressed::decode::<Vec<u8>>("a list", &bomb, 1 << 16).unwrap_err();
        assert!(error.to_string().contains("over the limit"), "{error}");
    }
}
