//! The writing half of a probe's connection: control messages first, filler as long as it is wanted.

use std::collections::VecDeque;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::{TICK, is_tick};
use crate::link::LinkError;
use crate::wire::data::{HEADER_BYTES, Kind, header};
use crate::wire::probe::ProbeMessage;

/// Filler's body: small, so that a report waits for little of it.
const FILLER_BYTES: usize = 8 << 10;
/// Reports that may wait; an hour of ten a second. More means that nobody takes them.
const MAX_WAITING: usize = 36_000;

/// What a writer shares with those who steer it.
#[derive(Default)]
struct Shared {
    control: Mutex<VecDeque<Vec<u8>>>,
    is_filling: AtomicBool,
    /// Ends when nothing waits any more.
    is_ending: AtomicBool,
    /// Ends at once.
    is_stopped: AtomicBool,
}

/// A thread that writes; stops when dropped.
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Writes to a stream of its own until told to end.
    pub(super) fn start(mut stream: TcpStream) -> Result<Self, LinkError> {
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new()
            .name("probe send".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.write(&mut stream)
            })
            .map_err(|source| LinkError::Io {
                doing: "starting the probe's sender",
                source,
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Queues a control message; dropped if nobody has taken any for long.
    pub(super) fn control(&self, message: &ProbeMessage) {
        let mut waiting = self.shared.waiting();
        if waiting.len() < MAX_WAITING {
            waiting.push_back(message.encode());
        }
    }

    /// Whether filler is sent.
    pub(super) fn fill(&self, is_filling: bool) {
        self.shared.is_filling.store(is_filling, Ordering::Relaxed);
    }

    /// Ends once everything queued is written; says whether it has.
    pub(super) fn finish(&self) -> bool {
        self.fill(false);
        self.shared.is_ending.store(true, Ordering::Relaxed);
        self.is_over()
    }

    /// Whether the socket failed, or everything is written after [`Writer::finish`].
    pub(super) fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic was already told by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<Vec<u8>>> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, stream: &mut TcpStream) {
        let mut filler = header(Kind::Chunk, FILLER_BYTES).to_vec();
        // Noise: a link that compresses must not look faster than it is.
        filler.resize(HEADER_BYTES + FILLER_BYTES, 0);
        blake3::Hasher::new()
            .finalize_xof()
            .fill(&mut filler[HEADER_BYTES..]);
        loop {
            let control = self.waiting().pop_front();
            let is_written = match control {
                Some(message) => self.write_all(stream, &message),
                None if self.is_filling.load(Ordering::Relaxed) => self.write_all(stream, &filler),
                None if self.is_ending.load(Ordering::Relaxed) => return,
                None => {
                    std::thread::sleep(TICK / 4);
                    !self.is_stopped.load(Ordering::Relaxed)
                }
            };
            if !is_written {
                return;
            }
        }
    }

    /// Writes through outages of any length; false when stopped or the socket failed.
    fn write_all(&self, stream: &mut TcpStream, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if self.is_stopped.load(Ordering::Relaxed) {
                return false;
            }
            match stream.write(bytes) {
                Ok(0) => return false,
                Ok(n) => bytes = &bytes[n..],
                Err(e) if is_tick(&e) => {}
                Err(_) => return false,
            }
        }
        true
    }
}
