//! Robot <-> server over one TCP connection.
//!
//! Both sides begin with [`MAGIC`]. Then messages: a header of 5 bytes (length of what follows the header, u32 little
//! endian; kind, u8) and a body. Control messages are MessagePack; values travel as little-endian elements, packed or not, in
//! chunks of at most [`CHUNK_BYTES`], so that heartbeats and control go between them.

use serde::{Deserialize, Serialize};

use super::encoding::{DecodeError, from_msgpack, to_msgpack};
use crate::model::{GraphSpec, Region, Span};
use crate::plan::{Codec, Term, Timing, Value, ValueCodec};
use crate::units::{BootId, DeviceId, Epoch, FrameId, FrameKey, Hash32, Nanos, NodeId};

/// The first bytes of a connection, both ways: name and version of the framing.
pub const MAGIC: [u8; 8] = *b"SPLITSC1";
/// Bytes of a message header.
pub const HEADER_BYTES: usize = 5;
/// Most payload bytes of one chunk.
pub const CHUNK_BYTES: usize = 64 << 10;
/// The longest body: a compressed program of 20,000 operators fits.
pub const MAX_BODY_BYTES: u32 = 4 << 20;
/// The longest body before the peer has said a good hello.
pub const MAX_HELLO_BYTES: u32 = 1 << 20;
/// The longest decompressed graph or program.
pub const MAX_PLAIN_BYTES: u64 = 32 << 20;

/// Which form a body has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// [`Control`].
    Control,
    /// [`ChunkHead`] and a part of a value.
    Chunk,
    /// Offset (u64, little endian) and a part of a weights file.
    Weights,
}

/// Where the weights come from; the peers compute with the same ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightsRef {
    /// Made by our own generator from this seed, on each side by itself.
    Seed(u64),
    /// The weights with this hash: from the server's cache, else from the robot.
    Hash(Hash32),
}

/// A robot's first message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RobotHello {
    /// [`PROTOCOL`](super::PROTOCOL).
    pub protocol: u32,
    /// Version of the program.
    pub version: String,
    /// The robot's host name.
    pub host: String,
    /// The robot's start.
    pub boot: BootId,
    /// The number that the robot gives this server.
    pub device: DeviceId,
    /// A [`GraphSpec`] as MessagePack under zstd.
    #[serde(with = "bytes_field")]
    pub graph: Vec<u8>,
    /// Hash of the graph that this gives.
    pub graph_hash: Hash32,
    /// The weights.
    pub weights: WeightsRef,
    /// What they are, for people.
    pub weights_name: String,
    /// Whether classes mean anything.
    pub trained: bool,
    /// The robot's other servers, with which this one may exchange values.
    #[serde(default)]
    pub peers: Vec<PeerAddress>,
}

/// Where a robot's other server listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerAddress {
    /// The number that the robot gives it.
    pub device: DeviceId,
    /// Its data port, `HOST:PORT`.
    pub address: String,
}

/// A server's first message to another server of the same robot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerHello {
    /// [`PROTOCOL`](super::PROTOCOL).
    pub protocol: u32,
    /// Version of the program.
    pub version: String,
    /// The start of the robot that both work for.
    pub robot: BootId,
    /// The number that the robot gives the sender.
    pub device: DeviceId,
    /// The graph that both compute.
    pub graph_hash: Hash32,
}

/// A server's first message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerHello {
    /// [`PROTOCOL`](super::PROTOCOL).
    pub protocol: u32,
    /// Version of the program.
    pub version: String,
    /// The server's host name.
    pub host: String,
    /// The server's start.
    pub boot: BootId,
}

/// What a server knows of its own speed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceCosts {
    /// The profile of the device that it emulates, as TOML; none if it computes.
    pub profile: Option<String>,
    /// What each node took when it was last computed before frames came, in nanoseconds.
    pub start_ns: Vec<i64>,
}

/// A received value's times on the receiver's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Payload bytes received over this connection so far.
    pub received_bytes: u64,
    /// When.
    pub at: Nanos,
}

/// A server's times of one frame, on its own clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Which frame.
    pub key: FrameKey,
    /// When everything was done.
    pub timings: Vec<Timing>,
    /// Payload bytes received over this connection when this was written.
    pub progress: Progress,
}

/// Everything that is not a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// Robot: first.
    RobotHello(Box<RobotHello>),
    /// Server: first.
    ServerHello(ServerHello),
    /// Server to another server of the same robot: first.
    PeerHello(Box<PeerHello>),
    /// Server: its link to another server of the robot stands, or why not.
    Mesh {
        /// The other server.
        device: DeviceId,
        /// Whether it stands.
        result: Result<(), String>,
    },
    /// Either: will not go on; closes after this.
    Refused {
        /// Why.
        reason: String,
    },
    /// Server: send the weights from here.
    SendWeights {
        /// Bytes that the server has.
        offset: u64,
    },
    /// Robot: this many bytes are all the weights.
    WeightsLength {
        /// Length of the file.
        bytes: u64,
    },
    /// Server: what it is doing before it is ready.
    Loading {
        /// In words.
        what: String,
        /// Bytes done.
        done_bytes: u64,
        /// Bytes in all; 0 when not known.
        total_bytes: u64,
    },
    /// Server: the model is there.
    Ready {
        /// What computes.
        engine: String,
        /// What computing costs there, for predictions.
        #[serde(default)]
        costs: Option<DeviceCosts>,
    },
    /// Robot: prepare this plan.
    Prepare {
        /// Its number.
        epoch: Epoch,
        /// The server's [`Program`](crate::plan::Program) as MessagePack under zstd.
        #[serde(with = "bytes_field")]
        program: Vec<u8>,
        /// How values are packed under it.
        codec: Codec,
    },
    /// Server: prepared, or why not.
    Prepared {
        /// The plan.
        epoch: Epoch,
        /// Why not.
        result: Result<(), String>,
    },
    /// Robot: plans before this one will not be used again.
    Retire {
        /// The oldest that may.
        oldest: Epoch,
    },
    /// Robot: this frame is of no interest any more.
    Cancel {
        /// Which.
        key: FrameKey,
    },
    /// A heartbeat.
    Ping {
        /// The sender's clock.
        sent: Nanos,
        /// Bits a second at which the sender receives from this peer, as far as it knows: what `auto` reckons with.
        goodput_bps: Option<u64>,
    },
    /// Its answer.
    Pong {
        /// The ping's `sent`.
        sent: Nanos,
        /// When the ping came, on the answerer's clock.
        received: Nanos,
        /// When this was written, on the answerer's clock.
        answered: Nanos,
        /// How much has arrived.
        progress: Progress,
        /// Whether a sounding would be answered: not while a probe fills the link.
        #[serde(default)]
        may_sound: bool,
    },
    /// Server: how much of a value has arrived.
    Progress(Progress),
    /// Server: a frame's times.
    Report(Box<Report>),
    /// Server: a frame failed there.
    Failed {
        /// Which.
        key: FrameKey,
        /// Why.
        reason: String,
    },
    /// Robot: bytes that mean nothing, to learn what the link carries.
    Sounding {
        /// Its number.
        id: u64,
        /// Zeros.
        #[serde(with = "bytes_field")]
        filler: Vec<u8>,
    },
    /// Server: a sounding had come.
    Sounded {
        /// Its number.
        id: u64,
        /// When its last byte came, on the server's clock.
        received: Nanos,
    },
}

/// What stands before a part of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkHead {
    /// Whose value.
    pub key: FrameKey,
    /// Which value.
    pub value: Value,
    /// How the value is packed.
    pub codec: ValueCodec,
    /// Bytes of the whole value as it is packed.
    pub total: u64,
    /// Where this part begins.
    pub offset: u64,
    /// When the value's first byte was handed to the socket, on the sender's clock.
    pub began: Nanos,
}

/// Bytes of a [`ChunkHead`].
pub const CHUNK_HEAD_BYTES: usize = 8 + 2 + 4 + 4 + 6 * 4 + 2 + 1 + 8 + 8 + 8;

/// A message's header.
pub fn header(kind: Kind, body_len: usize) -> [u8; HEADER_BYTES] {
    let [a, b, c, d] = (body_len as u32).to_le_bytes();
    let kind = match kind {
        Kind::Control => 0,
        Kind::Chunk => 1,
        Kind::Weights => 2,
    };
    [a, b, c, d, kind]
}

/// Reads a header.
///
/// # Errors
/// An unknown kind, or a body longer than `limit`.
pub fn parse_header(bytes: [u8; HEADER_BYTES], limit: u32) -> Result<(Kind, usize), DecodeError> {
    let [a, b, c, d, kind] = bytes;
    let len = u32::from_le_bytes([a, b, c, d]);
    let kind = match kind {
        0 => Kind::Control,
        1 => Kind::Chunk,
        2 => Kind::Weights,
        other => {
            return Err(DecodeError::Malformed {
                what: "a message header",
                len: HEADER_BYTES,
                reason: format!("kind {other}, expected 0, 1 or 2"),
            });
        }
    };
    if len > limit {
        return Err(DecodeError::TooLong {
            what: "a message",
            len: u64::from(len),
            limit: u64::from(limit),
        });
    }
    Ok((kind, len as usize))
}

/// A control message with its header.
pub fn encode_control(message: &Control) -> Vec<u8> {
    let body = to_msgpack(message);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend_from_slice(&header(Kind::Control, body.len()));
    bytes.extend_from_slice(&body);
    bytes
}

/// Decodes a control message's body.
///
/// # Errors
/// Bytes that are no control message.
pub fn decode_control(body: &[u8]) -> Result<Control, DecodeError> {
    from_msgpack("a control message", body)
}

impl ChunkHead {
    /// This head as bytes.
    pub fn encode(&self) -> [u8; CHUNK_HEAD_BYTES] {
        let mut out = [0; CHUNK_HEAD_BYTES];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&self.key.frame.0.to_le_bytes());
        put(&self.key.attempt.to_le_bytes());
        put(&self.key.epoch.0.to_le_bytes());
        put(&self.value.node.0.to_le_bytes());
        let Region {
            batch,
            channel,
            row,
        } = self.value.region;
        for span in [batch, channel, row] {
            put(&span.start.to_le_bytes());
            put(&span.end.to_le_bytes());
        }
        // `of` is 0 for a whole value: addends come in twos at least.
        put(&match self.value.term {
            Term::Whole => [0, 0],
            Term::Addend { i, of } => [i, of],
        });
        put(&[self.codec.id()]);
        put(&self.total.to_le_bytes());
        put(&self.offset.to_le_bytes());
        put(&self.began.0.to_le_bytes());
        out
    }

    /// Splits a chunk's body into head and payload.
    ///
    /// # Errors
    /// A body too short or too long, a region that runs backwards, an unknown codec, a part that reaches beyond its value.
    pub fn decode(body: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let malformed = |reason: String| DecodeError::Malformed {
            what: "a chunk",
            len: body.len(),
            reason,
        };
        let mut rest = body;
        let mut take = |n: usize| -> Result<[u8; 8], DecodeError> {
            let (head, tail) = rest
                .split_at_checked(n)
                .ok_or_else(|| malformed(format!("expected a head of {CHUNK_HEAD_BYTES} bytes")))?;
            rest = tail;
            let mut wide = [0; 8];
            wide[..n].copy_from_slice(head);
            Ok(wide)
        };
        let mut number = |n: usize| take(n).map(u64::from_le_bytes);
        let key = FrameKey {
            frame: FrameId(number(8)?),
            attempt: number(2)? as u16,
            epoch: Epoch(number(4)? as u32),
        };
        let node = NodeId(number(4)? as u32);
        let mut spans = [Span::new(0, 0); 3];
        for span in &mut spans {
            *span = Span::new(number(4)? as u32, number(4)? as u32);
        }
        let (i, of) = (number(1)? as u8, number(1)? as u8);
        let codec = number(1)? as u8;
        let codec = ValueCodec::of_id(codec)
            .ok_or_else(|| malformed(format!("codec {codec}, expected 0 to 4")))?;
        let (total, offset, began) = (number(8)?, number(8)?, number(8)?);
        let [batch, channel, row] = spans;
        let region = Region {
            batch,
            channel,
            row,
        };
        if region.is_empty() {
            return Err(malformed(format!("its region is empty: {region}")));
        }
        if rest.len() > CHUNK_BYTES {
            return Err(malformed(format!(
                "a payload of {} bytes, at most {CHUNK_BYTES}",
                rest.len()
            )));
        }
        if offset
            .checked_add(rest.len() as u64)
            .is_none_or(|end| end > total)
        {
            return Err(malformed(format!(
                "{} bytes from {offset} on of a value of {total}",
                rest.len()
            )));
        }
        let term = if of == 0 {
            Term::Whole
        } else {
            Term::Addend { i, of }
        };
        let head = Self {
            key,
            value: Value { node, region, term },
            codec,
            total,
            offset,
            began: Nanos(began as i64),
        };
        Ok((head, rest))
    }
}

/// Packs a graph for a hello.
pub fn pack_graph(spec: &GraphSpec) -> Vec<u8> {
    super::Compressed::encode(spec)
}

/// `Vec<u8>` as MessagePack binary instead of a list of numbers.
mod bytes_field {
    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(bytes.to_vec())
            }
        }
        d.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head() -> ChunkHead {
        ChunkHead {
            key: FrameKey {
                frame: FrameId(1041),
                attempt: 2,
                epoch: Epoch(7),
            },
            value: Value {
                node: NodeId(28),
                region: Region {
                    batch: Span::new(0, 1),
                    channel: Span::new(16, 512),
                    row: Span::new(3, 14),
                },
                term: Term::Addend { i: 1, of: 2 },
            },
            codec: ValueCodec::BitmapShuffleZstd,
            total: 100_000,
            offset: 65_536,
            began: Nanos(-12),
        }
    }

    #[test]
    fn a_chunk_survives_the_wire() {
        let mut body = head().encode().to_vec();
        body.resize(body.len() + 34_464, 7);
        let (again, payload) = ChunkHead::decode(&body).unwrap();
        assert_eq!((again, payload.len()), (head(), 34_464));
    }

    #[test]
    fn the_stored_form_of_a_chunk_head_does_not_drift() {
        insta::assert_snapshot!(format!("{:02x?}", head().encode()));
    }

    #[test]
    fn control_messages_survive_the_wire() {
        let message = Control::Prepare {
            epoch: Epoch(3),
            program: vec![1, 2, 255],
            codec: Codec::Auto,
        };
        let bytes = encode_control(&message);
        let header = bytes[..HEADER_BYTES].try_into().unwrap();
        let (kind, len) = parse_header(header, MAX_BODY_BYTES).unwrap();
        assert_eq!((kind, len), (Kind::Control, bytes.len() - HEADER_BYTES));
        assert_eq!(decode_control(&bytes[HEADER_BYTES..]).unwrap(), message);
    }

    #[test]
    fn somebody_elses_protocol_is_named_as_such() {
        let error = parse_header(*b"GET /", MAX_BODY_BYTES).unwrap_err();
        assert!(error.to_string().contains("kind 47"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoders_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = ChunkHead::decode(&body);
            let _ = decode_control(&body);
        }

        #[test]
        fn a_part_never_reaches_beyond_its_value(offset in any::<u64>(), total in any::<u64>(), len in 0_usize..100) {
            let mut body = ChunkHead { offset, total, ..head() }.encode().to_vec();
            body.extend(std::iter::repeat_n(1, len));
            if let Ok((head, payload)) = ChunkHead::decode(&body) {
                prop_assert!(head.offset + payload.len() as u64 <= head.total);
            }
        }
    }
}
