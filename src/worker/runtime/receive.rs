//! The receiving end of one connection: chunks become values, unpacked, in the machine.
//!
//! What the plan expects bounds everything: how long a value may be as it comes, how many elements it has unpacked, and
//! whether it may be lossy. A peer's claim is compared, never allocated.

use super::{Runtime, Shared};
use crate::clock;
use crate::engine::{Engine, EngineError};
use crate::link::codec::{CodecError, decode};
use crate::link::{Expect, Inbox, InboxError};
use crate::plan::{
    Codec, Completed, Event, MachineError, Packed, StepRef, TimingOf, Value, ValueCodec,
};
use crate::power::Activity;
use crate::units::{DeviceId, FrameKey, Nanos};
use crate::wire::data::ChunkHead;

/// A part of a value that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The plan does not expect it.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// It does not follow the part before, or the value has another size.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// A codec that loses bits, under a plan that keeps them.
    #[error("frame {}: {value} comes as {codec}, the plan's codec is {plan}", .key.frame)]
    Lossy {
        /// The frame.
        key: FrameKey,
        /// What came.
        value: Value,
        /// How.
        codec: ValueCodec,
        /// What the plan says.
        plan: Codec,
    },
    /// Packed bytes that are no such value.
    #[error("frame {}: {value}: {source}", .key.frame)]
    Codec {
        /// The frame.
        key: FrameKey,
        /// What came.
        value: Value,
        /// What is wrong with it.
        source: CodecError,
    },
    /// The engine does not take it.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// What a chunk came to.
#[derive(Debug)]
pub enum Taken<P> {
    /// More is to come.
    Part,
    /// The value is whole; on the robot this may complete the frame.
    Value(Option<Completed<P>>),
}

/// See the module.
#[derive(Debug)]
pub struct Receiver {
    from: DeviceId,
    inbox: Inbox,
}

impl Receiver {
    /// Of what a peer sends over a new connection.
    pub fn new(from: DeviceId) -> Self {
        Self {
            from,
            inbox: Inbox::default(),
        }
    }

    /// Takes a chunk that came at `now`.
    ///
    /// # Errors
    /// A chunk that breaks the protocol; the connection is of no use any more.
    pub fn chunk<E: Engine>(
        &mut self,
        runtime: &Runtime<E>,
        head: ChunkHead,
        payload: &[u8],
        now: Nanos,
    ) -> Result<Taken<E::Payload>, ReceiveError> {
        let from = self.from;
        let complete = self.inbox.take(head, payload, now, |head| {
            expect(&runtime.shared, head, from)
        })?;
        let Some(complete) = complete else {
            return Ok(Taken::Part);
        };
        let ChunkHead {
            key, value, codec, ..
        } = complete.head;
        let graph = runtime.graph();
        let wire_bytes = complete.bytes.len() as u64;
        let (raw, packed) = if codec == ValueCodec::None {
            (complete.bytes, None)
        } else {
            let node = graph.node(value.node);
            let elements = value.region.elements(node.shape.columns) as usize;
            let raw = decode(codec, node.dtype, elements, &complete.bytes)
                .map_err(|source| ReceiveError::Codec { key, value, source })?;
            let packed = Packed {
                codec,
                wire_bytes,
                took_ns: clock::now().since(now),
                error_ppb: 0,
            };
            (raw, Some(packed))
        };
        let payload = runtime.import(&value, &raw)?;
        let shared = &runtime.shared;
        shared.set_power(Activity::Receive, false);
        let mut state = shared.lock();
        if let Some(packed) = packed {
            let program = state.machine.program(key.epoch);
            let step = program.and_then(|p| p.receive_step(&value, from));
            if let Some(step) = step {
                let of = TimingOf::Step(step);
                state.machine.packed(StepRef { key, of }, packed);
            }
        }
        let arrived = Event::Arrived {
            key,
            value,
            from,
            payload,
            start: complete.first,
            end: now,
        };
        Ok(Taken::Value(shared.event(state, arrived)?))
    }
}

/// What to make of a value that begins to come in.
fn expect<P: Clone>(
    shared: &Shared<P>,
    head: &ChunkHead,
    from: DeviceId,
) -> Result<Expect, ReceiveError> {
    let mut state = shared.lock();
    let (key, value, codec) = (head.key, head.value, head.codec);
    if state.machine.is_gone(&key) {
        state.machine.count_late();
        return Ok(Expect::Discard);
    }
    let program = state.machine.program(key.epoch);
    let program = program.ok_or(MachineError::UnknownEpoch(key))?;
    if program.receive_step(&value, from).is_none() {
        return Err(MachineError::Unexpected { key, value, from }.into());
    }
    let plan = state.codecs.get(&key.epoch).copied().unwrap_or_default();
    drop(state);
    if !plan.allows(codec) {
        return Err(ReceiveError::Lossy {
            key,
            value,
            codec,
            plan,
        });
    }
    shared.set_power(Activity::Receive, true);
    let node = shared.graph.node(value.node);
    let elements = value.region.elements(node.shape.columns) as usize;
    let most = codec.max_encoded_bytes(node.dtype, elements) as u64;
    Ok(match codec {
        ValueCodec::None => Expect::Take(most),
        _ => Expect::AtMost(most),
    })
}
