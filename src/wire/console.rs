//! Console <-> worker over WebSocket.
//!
//! Subprotocol `splitscope.v1`: binary frames of MessagePack with field names under zstd. A client that asks for
//! `splitscope.v1+json` gets the same messages as JSON text. The worker speaks first ([`WorkerHello`]).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::encoding::{Compressed, DecodeError};
use super::record::{BatchId, ModelRecord, Record};
use crate::plan::Plan;
use crate::policy::Spec;
use crate::units::{BootId, Epoch, Hash32, Nanos};

/// The binary subprotocol's name.
pub const SUBPROTOCOL: &str = "splitscope.v1";
/// The text subprotocol's name.
pub const SUBPROTOCOL_JSON: &str = "splitscope.v1+json";
/// The longest message, after decompression: a model of 20,000 operators fits.
pub const MAX_MESSAGE_BYTES: u64 = 16 << 20;

/// Which worker this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Admits frames and coordinates.
    Robot,
    /// Computes parts of them.
    Server,
}

impl Role {
    /// The word on the screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Robot => "robot",
            Self::Server => "server",
        }
    }
}

/// A worker's first words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerHello {
    /// [`PROTOCOL`](super::PROTOCOL).
    pub protocol: u32,
    /// Version of the program.
    pub version: String,
    /// Which worker.
    pub role: Role,
    /// Its host's name.
    pub host: String,
    /// Its start.
    pub boot: BootId,
    /// What computes: `libtorch 2.11, CPU, 1 thread`.
    pub engine: String,
    /// True if its numbers are emulated.
    pub emulated: bool,
    /// This console's session number on this worker.
    pub session: u64,
    /// True if control needs the token; prove it with [`proof`].
    pub needs_token: bool,
    /// To be hashed with the token.
    pub nonce: Hash32,
    /// What the worker can do beyond this version's least.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// The worker's clock when this was written.
    pub now: Nanos,
    /// Its host's time of day then, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unix_ms: Option<u64>,
    /// The model, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Box<ModelRecord>>,
}

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToConsole {
    /// First.
    Hello(Box<WorkerHello>),
    /// What was measured.
    Telemetry(Batch),
    /// The answer to a command.
    Reply(Reply),
    /// The worker will not talk on; it closes after this.
    Refused {
        /// Why.
        reason: String,
    },
    /// Something that the console asked for with [`Missed`].
    Backfill(Backfill),
}

/// The capability of a worker that keeps its batches and answers [`Missed`].
pub const BACKFILL: &str = "backfill";

/// Batches that a console did not get and would like to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// The worker's start that they are of; an earlier one of the same worker is answered too.
    pub boot: BootId,
    /// The first of them.
    pub from_seq: u64,
    /// The last of them; none: the last that there is.
    pub to_seq: Option<u64>,
}

/// A part of the answer to [`Missed`]. Parts come in the order of `seq`, between live batches, and slower than the link
/// allows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backfill {
    /// The worker's start that was asked for.
    pub boot: BootId,
    /// What it is.
    pub part: BackfillPart,
}

/// What a [`Backfill`] brings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillPart {
    /// A batch as it was, late.
    Batch(Batch),
    /// Batches that can no longer be had.
    Gap {
        /// The first of them.
        from_seq: u64,
        /// The last of them; none where nobody knows how many there were.
        to_seq: Option<u64>,
    },
    /// That was all.
    Done,
}

/// Records of about a tenth of a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Which batch.
    pub id: BatchId,
    /// The worker's clock when it was sent.
    pub sent: Nanos,
    /// Batches this console did not get because it read too slowly, in all.
    pub lost_batches: u64,
    /// What was measured, in order.
    pub records: Vec<Record>,
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reply {
    /// The command.
    pub command: u64,
    /// Done or under way (`Ok`), or why not.
    pub result: Result<(), String>,
}

/// What a console says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToWorker {
    /// First.
    Hello(ConsoleHello),
    /// An order.
    Command(CommandMessage),
    /// A wish for batches that did not come; only to a worker with the capability [`BACKFILL`].
    Missed(Missed),
}

/// A console's first words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleHello {
    /// [`PROTOCOL`](super::PROTOCOL).
    pub protocol: u32,
    /// Version of the program.
    pub version: String,
    /// Who this is, shown to other consoles: `user@host`.
    pub name: String,
}

/// An order with its number. The same number again gets the same answer and does nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommandMessage {
    /// Chosen by the console, unique within its session.
    pub id: u64,
    /// The epoch the console believes in effect; another one is a refusal. None: whatever it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_epoch: Option<Epoch>,
    /// What to do.
    pub command: Command,
}

/// What a console can ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Hold the control lease.
    TakeControl {
        /// Take it from a console that holds it.
        force: bool,
        /// [`proof`], when the worker needs the token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proof: Option<Hash32>,
    },
    /// Give the lease back.
    ReleaseControl,
    /// Change the plan; needs the lease.
    SetPlan {
        /// To this.
        plan: Plan,
    },
    /// A sweep of plans begins, or goes on after a lost connection; needs the lease. The robot brings `restore` back
    /// at its end, also when the console that holds it is gone for good.
    BeginSweep {
        /// The plan from before.
        restore: Plan,
    },
    /// The sweep is over: the robot brings the plan from before back.
    EndSweep,
    /// Hand the plan to a policy, or take it back as it is; needs the lease. Any [`Command::SetPlan`] takes it back, too.
    SetPolicy {
        /// Who shall have the say; none: the operator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy: Option<Spec>,
    },
    /// Admit no frame for so long, so that idle power can be measured; ends by itself, also when the console is gone.
    /// A second one takes the place of the first. [`Record::Pause`] tells how it goes, [`Record::IdleLevel`] what came
    /// out. Needs the lease.
    Idle {
        /// Milliseconds from now, two minutes at most; 0 ends it.
        for_ms: u32,
    },
}

/// Shows that one knows the token without saying it: BLAKE3 of the worker's nonce, keyed with the token.
pub fn proof(token: &str, nonce: &Hash32) -> Hash32 {
    let key = blake3::derive_key("splitscope 2026-11 control token", token.trim().as_bytes());
    Hash32(*blake3::keyed_hash(&key, &nonce.0).as_bytes())
}

/// How messages are packed on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// MessagePack under zstd, binary frames.
    Binary,
    /// JSON, text frames.
    Json,
}

/// A packed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packed {
    /// For a binary frame.
    Binary(Vec<u8>),
    /// For a text frame.
    Text(String),
}

impl Encoding {
    /// Packs a message.
    pub fn pack<T: Serialize>(self, message: &T) -> Packed {
        match self {
            Self::Binary => Packed::Binary(Compressed::encode(message)),
            Self::Json => Packed::Text(serde_json::to_string(message).unwrap_or_default()),
        }
    }
}

/// Unpacks a binary frame.
///
/// # Errors
/// Bytes that are no such message, or too many.
pub fn unpack_binary<T: serde::de::DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
) -> Result<T, DecodeError> {
    Compressed::decode(what, bytes, MAX_MESSAGE_BYTES)
}

/// Unpacks a text frame.
///
/// # Errors
/// Text that is no such message, or too long.
pub fn unpack_text<T: serde::de::DeserializeOwned>(
    what: &'static str,
    text: &str,
) -> Result<T, DecodeError> {
    if text.len() as u64 > MAX_MESSAGE_BYTES {
        return Err(DecodeError::TooLong {
            what,
            len: text.len() as u64,
            limit: MAX_MESSAGE_BYTES,
        });
    }
    serde_json::from_str(text).map_err(|e| DecodeError::Malformed {
        what,
        len: text.len(),
        reason: e.to_string(),
    })
}
