//! The sending half of a connection: values in chunks, with control messages let through between chunks.

use std::collections::VecDeque;
use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::LinkError;
use crate::clock;
use crate::units::Nanos;
use crate::wire::data::{
    CHUNK_BYTES, CHUNK_HEAD_BYTES, ChunkHead, Control, HEADER_BYTES, Kind, encode_control, header,
};

/// Control messages that may wait; more means that the peer does not read, and the link is given up.
const MAX_WAITING: usize = 4096;
/// Payload of one chunk: half of what the protocol allows, so that a heartbeat waits 2.8 ms at 93 Mbps.
const PIECE_BYTES: usize = CHUNK_BYTES / 2;

/// A value to send.
pub struct OutValue {
    /// What it is; `offset` and `began` are filled in.
    pub head: ChunkHead,
    /// Its elements.
    pub bytes: Vec<u8>,
}

/// Where the writer gets values from and tells that they went out.
pub trait ValueSource {
    /// The next value, or none until the outbox is poked.
    fn next(&mut self) -> Option<OutValue>;
    /// A value's first byte is about to be handed to the socket.
    fn began(&mut self, head: &ChunkHead);
    /// All bytes of a value were handed to the socket.
    fn sent(&mut self, head: &ChunkHead, start: Nanos, end: Nanos);
    /// Whether a value under way is still of use; asked between its chunks.
    fn is_wanted(&self, head: &ChunkHead) -> bool;
    /// A value under way was given up after `bytes` of it.
    fn given_up(&mut self, head: &ChunkHead, bytes: u64);
    /// A sounding's first byte is about to be handed to the socket.
    fn sounding_began(&mut self, _id: u64, _bytes: u64, _at: Nanos) {}
    /// All of a sounding was handed to the socket.
    fn sounding_sent(&mut self) {}
}

#[derive(Default)]
struct State {
    control: VecDeque<Vec<u8>>,
    weights: Option<(Arc<Vec<u8>>, usize)>,
    sounding: Option<(u64, usize)>,
    poked: bool,
    closed: bool,
}

/// What waits to be sent to one peer. Cheap to share; never blocks the one who puts something in.
#[derive(Default)]
pub struct Outbox {
    state: Mutex<State>,
    wake: Condvar,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a control message.
    pub fn control(&self, message: &Control) {
        let bytes = encode_control(message);
        let mut state = self.lock();
        if state.control.len() >= MAX_WAITING {
            state.closed = true;
        } else {
            state.control.push_back(bytes);
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Queues a weights file from `offset` on; sent in chunks behind control messages and values.
    pub fn weights(&self, file: Arc<Vec<u8>>, offset: usize) {
        self.lock().weights = Some((file, offset));
        self.wake.notify_one();
    }

    /// Queues a sounding of so many bytes; it is sent when nothing else waits.
    pub fn sounding(&self, id: u64, bytes: usize) {
        self.lock().sounding = Some((id, bytes));
        self.wake.notify_one();
    }

    /// Says that the value source may have something.
    pub fn poke(&self) {
        self.lock().poked = true;
        self.wake.notify_one();
    }

    /// Ends the writer; what waits is not sent.
    pub fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    /// Control messages that wait.
    pub fn waiting(&self) -> usize {
        self.lock().control.len()
    }

    /// Whether the connection was given up.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }
}

enum Next {
    Control(Vec<u8>),
    Poked,
    Weights(Arc<Vec<u8>>, usize),
    Sounding(u64, usize),
    Closed,
}

impl Outbox {
    fn wait(&self) -> Next {
        let mut state = self.lock();
        loop {
            // A refusal queued before the close still goes out.
            if let Some(message) = state.control.pop_front() {
                return Next::Control(message);
            }
            if state.closed {
                return Next::Closed;
            }
            if std::mem::take(&mut state.poked) {
                return Next::Poked;
            }
            if let Some((file, offset)) = state.weights.take() {
                return Next::Weights(file, offset);
            }
            if let Some((id, bytes)) = state.sounding.take() {
                return Next::Sounding(id, bytes);
            }
            state = self
                .wake
                .wait_timeout(state, Duration::from_secs(1))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn pop_control(&self) -> Option<Vec<u8>> {
        self.lock().control.pop_front()
    }
}

/// Writes until the outbox is closed or the socket fails.
///
/// # Errors
/// The socket failed, or did not take bytes for too long.
pub fn write_loop(
    stream: &mut TcpStream,
    outbox: &Outbox,
    source: &mut dyn ValueSource,
) -> Result<(), LinkError> {
    loop {
        match outbox.wait() {
            Next::Closed => return Ok(()),
            Next::Control(message) => write(stream, &message)?,
            Next::Poked => {
                while let Some(value) = source.next() {
                    write_value(stream, outbox, source, &value)?;
                }
            }
            Next::Sounding(id, bytes) => {
                let filler = vec![0; bytes];
                let message = encode_control(&Control::Sounding { id, filler });
                source.sounding_began(id, bytes as u64, clock::now());
                write(stream, &message)?;
                source.sounding_sent();
            }
            Next::Weights(file, offset) => {
                let end = file.len().min(offset + PIECE_BYTES);
                let part = file.get(offset..end).unwrap_or_default();
                let mut message = header(Kind::Weights, 8 + part.len()).to_vec();
                message.extend_from_slice(&(offset as u64).to_le_bytes());
                message.extend_from_slice(part);
                write(stream, &message)?;
                let mut state = outbox.lock();
                if end < file.len() && state.weights.is_none() {
                    state.weights = Some((file, end));
                }
            }
        }
    }
}

fn write_value(
    stream: &mut TcpStream,
    outbox: &Outbox,
    source: &mut dyn ValueSource,
    value: &OutValue,
) -> Result<(), LinkError> {
    let start = clock::now();
    let mut head = ChunkHead {
        began: start,
        ..value.head
    };
    source.began(&head);
    let mut message = Vec::with_capacity(HEADER_BYTES + CHUNK_HEAD_BYTES + PIECE_BYTES);
    for (i, piece) in value.bytes.chunks(PIECE_BYTES).enumerate() {
        if i > 0 {
            while let Some(control) = outbox.pop_control() {
                write(stream, &control)?;
            }
            if !source.is_wanted(&head) {
                source.given_up(&head, (i * PIECE_BYTES) as u64);
                return Ok(());
            }
        }
        head.offset = (i * PIECE_BYTES) as u64;
        message.clear();
        message.extend_from_slice(&header(Kind::Chunk, CHUNK_HEAD_BYTES + piece.len()));
        message.extend_from_slice(&head.encode());
        message.extend_from_slice(piece);
        write(stream, &message)?;
    }
    source.sent(&head, start, clock::now());
    Ok(())
}

fn write(stream: &mut TcpStream, bytes: &[u8]) -> Result<(), LinkError> {
    stream.write_all(bytes).map_err(|source| LinkError::Io {
        doing: "writing to the peer",
        source,
    })
}
