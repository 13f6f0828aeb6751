//! A probe's connection to a server: it fills the link with bytes that mean nothing, to see how many pass.
//!
//! Both sides begin with [`PROBE_MAGIC`], so that a server tells a probe from a robot by its first bytes. Then messages
//! with the headers of [`data`](super::data): control messages are [`ProbeMessage`] in MessagePack, chunks are filler.
//! Who receives filler counts it, per interval of its own clock since the welcome.

use serde::{Deserialize, Serialize};

use super::data::{HEADER_BYTES, Kind, header};
use super::encoding::{DecodeError, from_msgpack, to_msgpack};

/// The first bytes of a probe's connection, both ways: name and version.
pub const PROBE_MAGIC: [u8; 8] = *b"SPLITPR1";
/// The longest control message.
pub const MAX_PROBE_MESSAGE_BYTES: usize = 4 << 10;
/// The longest filler's body.
pub const MAX_FILLER_BYTES: usize = 64 << 10;
/// The longest probe: an hour.
pub const MAX_PROBE_MS: u32 = 3_600_000;
/// The shortest interval.
pub const MIN_INTERVAL_MS: u32 = 10;

/// What a probe asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeHello {
    /// [`PROTOCOL`](super::PROTOCOL).
    pub protocol: u32,
    /// Version of the program.
    pub version: String,
    /// The prober's host name.
    pub host: String,
    /// Fill the link to the server.
    pub up: bool,
    /// Fill the link from the server.
    pub down: bool,
    /// For how long.
    pub length_ms: u32,
    /// Length of one count.
    pub interval_ms: u32,
    /// Probe although a robot's frames use the link.
    pub disturb: bool,
}

/// Everything that is not filler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeMessage {
    /// Prober: first.
    Hello(ProbeHello),
    /// Server: go on; time 0 is now.
    Welcome {
        /// The server's host name.
        host: String,
    },
    /// Server: will not; closes after this.
    Refused {
        /// Why.
        reason: String,
    },
    /// Server: bytes that came in an interval.
    Received {
        /// Which, counted from 0.
        interval: u32,
        /// How many.
        bytes: u64,
    },
    /// Server: all intervals were told.
    Done,
}

impl ProbeMessage {
    /// This message with its header.
    pub fn encode(&self) -> Vec<u8> {
        let body = to_msgpack(self);
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
        bytes.extend_from_slice(&header(Kind::Control, body.len()));
        bytes.extend_from_slice(&body);
        bytes
    }

    /// Decodes a control message's body.
    ///
    /// # Errors
    /// Bytes that are no such message.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        from_msgpack("a probe's message", body)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn messages() -> [ProbeMessage; 4] {
        let hello = ProbeHello {
            protocol: 1,
            version: "0.1.0".to_owned(),
            host: "jetson-nx".to_owned(),
            up: true,
            down: false,
            length_ms: 1000,
            interval_ms: 100,
            disturb: false,
        };
        let host = "gpu-box".to_owned();
        [
            ProbeMessage::Hello(hello),
            ProbeMessage::Welcome { host },
            ProbeMessage::Received {
                interval: 7,
                bytes: 1 << 40,
            },
            ProbeMessage::Done,
        ]
    }

    #[test]
    fn a_length_that_is_only_claimed_is_refused_and_not_made_room_for() {
        // Texts, bytes, lists and maps of 4 GiB, by themselves and as the host's name.
        for claim in [0xdb, 0xc6, 0xdd, 0xdf] {
            let lone = [claim, 0xff, 0xff, 0xff, 0xff, b'a'];
            assert!(ProbeMessage::decode(&lone).is_err());
            let mut named = vec![0x81, 0xa7];
            named.extend_from_slice(b"welcome\x81\xa4host");
            named.extend_from_slice(&lone);
            assert!(ProbeMessage::decode(&named).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = ProbeMessage::decode(&bytes);
        }

        #[test]
        fn a_message_survives_the_wire_and_a_broken_one_does_no_harm(
            which in 0_usize..4, at in any::<prop::sample::Index>(), with in any::<u8>(),
        ) {
            let message = &messages()[which];
            let mut body = message.encode().split_off(HEADER_BYTES);
            prop_assert_eq!(&ProbeMessage::decode(&body).unwrap(), message);
            let at = at.index(body.len());
            body[at] = with;
            let _ = ProbeMessage::decode(&body);
            let _ = ProbeMessage::decode(&body[..at]);
        }
    }
}
