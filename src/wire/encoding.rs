//! MessagePack with field names, and zstd around what is large; both with limits.

use std::cell::RefCell;
use std::io::{self, Read};

use serde::Serialize;
use serde::de::DeserializeOwned;
use zstd::bulk::{Compressor, Decompressor};

/// zstd's fastest ordinary level.
const LEVEL: i32 = 1;
/// Decompressed at once, as long as a message claims to be; what claims more grows as its bytes come.
const AT_ONCE: u64 = 1 << 20;

thread_local! {
    /// A thread's own contexts: one is 100 KiB and more, too dear to be made for each of many small messages.
    static CONTEXTS: RefCell<Contexts> = const {
        RefCell::new(Contexts {
            compressor: None,
            decompressor: None,
            plain: Vec::new(),
        })
    };
}

/// What is used again for the next message.
struct Contexts {
    compressor: Option<Compressor<'static>>,
    decompressor: Option<Decompressor<'static>>,
    /// Decompressed, at most [`AT_ONCE`].
    plain: Vec<u8>,
}

impl Contexts {
    fn compress(&mut self, plain: &[u8]) -> io::Result<Vec<u8>> {
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(Compressor::new(LEVEL)?),
        };
        compressor.compress(plain)
    }

    /// The message in [`Contexts::plain`].
    fn decompress(&mut self, packed: &[u8], length: usize) -> io::Result<()> {
        let decompressor = match &mut self.decompressor {
            Some(decompressor) => decompressor,
            none => none.insert(Decompressor::new()?),
        };
        self.plain.clear();
        self.plain.reserve(length);
        decompressor.decompress_to_buffer(packed, &mut self.plain)?;
        Ok(())
    }
}

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
        CONTEXTS
            .with_borrow_mut(|contexts| contexts.compress(&plain))
            .unwrap_or_default()
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
        let malformed = |e: io::Error| DecodeError::Malformed {
            what,
            len: bytes.len(),
            reason: format!("not zstd: {e}"),
        };
        let claimed = zstd::zstd_safe::get_frame_content_size(bytes)
            .ok()
            .flatten();
        if let Some(length) = claimed.filter(|&length| length <= limit.min(AT_ONCE)) {
            let done = CONTEXTS.with_borrow_mut(|contexts| {
                let whole = contexts.decompress(bytes, length as usize).is_ok();
                whole.then(|| from_msgpack(what, &contexts.plain))
            });
            if let Some(done) = done {
                return done;
            }
            // The longer way tells what is wrong with it.
        }
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

    #[test]
    fn a_message_after_a_broken_one_and_one_without_a_length_are_read() {
        let list: Vec<u32> = (0..5_000).collect();
        let packed = Compressed::encode(&list);
        let read = |bytes: &[u8]| Compressed::decode::<Vec<u32>>("a list", bytes, 1 << 20);
        for cut in [0, 3, packed.len() / 2, packed.len() - 1] {
            assert!(read(&packed[..cut]).is_err(), "{cut}");
            assert_eq!(read(&packed).unwrap(), list);
        }
        // As somebody writes who does not know the length beforehand.
        let streamed = zstd::stream::encode_all(to_msgpack(&list).as_slice(), LEVEL).unwrap();
        assert_eq!(read(&streamed).unwrap(), list);
        // A length that is not true: longer than it is, and shorter.
        for by in [-100_i64, 100] {
            let mut lying = packed.clone();
            assert_eq!(lying[4] >> 6, 1, "two bytes of length");
            let place = if lying[4] & 0x20 == 0 { 6 } else { 5 };
            let length = i64::from(u16::from_le_bytes([lying[place], lying[place + 1]])) + by;
            lying[place..place + 2].copy_from_slice(&(length as u16).to_le_bytes());
            assert!(read(&lying).is_err(), "{by}");
        }
        assert_eq!(Compressed::encode(&list), packed);
    }
}
