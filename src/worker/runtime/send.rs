//! The send lane to one peer: takes values from the machine, packs them as the plan asks, tells when they are sent.
//!
//! Packing takes place here, on the thread of the peer's socket, never on the compute lane; what it took stands with the
//! transfer's time.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::{RuntimeEvent, Shared};
use crate::clock::SystemClock;
use crate::engine::{Engine, EngineError};
use crate::link::codec::Packer;
use crate::link::{Goodput, OutValue, ValueSource};
use crate::plan::{Codec, Done, Event, Lane, Packed, Piece, StepRef, Value, ValueCodec, Work};
use crate::power::Activity;
use crate::units::{DeviceId, Nanos};
use crate::wire::data::ChunkHead;
use crate::worker::peer::PeerLink;

/// A value on its way.
struct Sending {
    step: StepRef,
    packed: Option<Packed>,
}

/// See the module.
pub struct SendLane<E: Engine> {
    shared: Arc<Shared<E::Payload>>,
    peer: DeviceId,
    events: SyncSender<RuntimeEvent<E::Payload>>,
    link: Option<Arc<PeerLink>>,
    goodput: Arc<Goodput>,
    packer: Packer,
    sending: Option<Sending>,
}

impl<E: Engine> SendLane<E> {
    pub(super) fn new(
        shared: Arc<Shared<E::Payload>>,
        peer: DeviceId,
        events: SyncSender<RuntimeEvent<E::Payload>>,
        link: Option<Arc<PeerLink>>,
        goodput: Arc<Goodput>,
    ) -> Self {
        Self {
            shared,
            peer,
            events,
            link,
            goodput,
            packer: Packer::default(),
            sending: None,
        }
    }

    /// A value's bytes as they go out.
    fn pack(
        &mut self,
        codec: Codec,
        step: StepRef,
        value: &Value,
        pieces: &[Piece<E::Payload>],
    ) -> Result<(Vec<u8>, Option<Packed>), EngineError> {
        let graph = &self.shared.graph;
        let raw = E::export(graph, value, pieces)?;
        let dtype = graph.node(value.node).dtype;
        let edge = (step.key.epoch, value.node);
        self.packer
            .pack(codec, edge, (dtype, raw), self.goodput.get(), &SystemClock)
            .map_err(|e| EngineError::Packing(e.to_string()))
    }
}

impl<E: Engine> ValueSource for SendLane<E> {
    fn next(&mut self) -> Option<OutValue> {
        loop {
            let mut state = self.shared.lock();
            let Work::Send {
                step,
                value,
                pieces,
                ..
            } = state.machine.next(Lane::Send(self.peer))?
            else {
                return None;
            };
            let codec = state.codecs.get(&step.key.epoch).copied();
            drop(state);
            match self.pack(codec.unwrap_or_default(), step, &value, &pieces) {
                Ok((bytes, packed)) => {
                    self.sending = Some(Sending { step, packed });
                    let head = ChunkHead {
                        key: step.key,
                        value,
                        codec: packed.map_or(ValueCodec::None, |p| p.codec),
                        total: bytes.len() as u64,
                        offset: 0,
                        began: Nanos(0),
                    };
                    return Some(OutValue { head, bytes });
                }
                Err(error) => {
                    let key = step.key;
                    self.shared.lock().machine.withdraw(key);
                    let _ = self.events.send(RuntimeEvent::Failed { key, error });
                }
            }
        }
    }

    fn began(&mut self, head: &ChunkHead) {
        self.shared.set_power(Activity::Transmit, true);
        if let Some(link) = &self.link {
            link.upload_began(head.key, head.value, head.total, head.began);
        }
    }

    fn is_wanted(&self, head: &ChunkHead) -> bool {
        self.shared.lock().machine.has_frame(&head.key)
    }

    fn given_up(&mut self, head: &ChunkHead, bytes: u64) {
        self.sending = None;
        self.shared.set_power(Activity::Transmit, false);
        if let Some(link) = &self.link {
            link.upload_given_up(head.total, bytes);
        }
    }

    fn sounding_began(&mut self, id: u64, bytes: u64, at: Nanos) {
        self.shared.set_power(Activity::Transmit, true);
        if let Some(link) = &self.link {
            link.sounding_began(id, bytes, at);
        }
    }

    fn sounding_sent(&mut self) {
        self.shared.set_power(Activity::Transmit, false);
    }

    fn sent(&mut self, _head: &ChunkHead, start: Nanos, end: Nanos) {
        self.shared.set_power(Activity::Transmit, false);
        let Some(Sending { step, packed }) = self.sending.take() else {
            return;
        };
        let done = Done {
            step,
            payload: None,
            start,
            end,
        };
        let mut state = self.shared.lock();
        if let Some(packed) = packed {
            state.machine.packed(step, packed);
        }
        let completed = state.machine.event(Event::Done(done)).ok().flatten();
        drop(state);
        if let Some(completed) = completed {
            let _ = self.events.send(RuntimeEvent::Completed(completed));
        }
    }
}
