//! The side of a worker that consoles attach to: WebSocket sessions on one thread of their own.
//!
//! ```text
//! lanes, links --record()--> Hub --(10 Hz)--> collector --bounded queues--> sessions --> consoles
//! coordinator <--CommandRequest-- CommandSink <-------------------------------- sessions <-- consoles
//! ```
//!
//! Nothing in here makes the compute path wait: producers drop into a bounded queue, the collector packs a batch once
//! per encoding, and a session that does not keep up loses whole batches, which it is told, until it is disconnected.

mod answers;
mod backfill;
mod budget;
mod collector;
mod command;
mod control;
mod handshake;
mod observer;
mod session;
mod sweeps;
#[cfg(test)]
mod testing;

use std::fs::File;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use crate::clock;
use crate::link::unpace_within_this_machine;
use crate::units::Hash32;
use crate::wire::Record;
use crate::wire::console::{BACKFILL, Role};
use crate::worker::lease::Lease;
use crate::worker::spool::Spool;
use crate::worker::telemetry::Hub;

pub use command::{CommandRequest, CommandSink, Order};

/// Connections at once beyond the sessions: handshakes under way and consoles being refused.
const MAX_STRANGERS: usize = 16;
/// Bytes that the kernel may hold unsent for one console, so that a slow one is seen and not stored.
const SEND_BUFFER_BYTES: usize = 128 << 10;
/// How long a console may leave bytes unacknowledged (gone with its Wi-Fi) before its connection is given up.
const UNACKNOWLEDGED: Duration = Duration::from_secs(15);
/// How long sessions have to close when the endpoint is dropped.
const GRACE: Duration = Duration::from_millis(1_500);

/// The endpoint cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {}", listen_advice(source))]
    Listen {
        /// That address.
        address: SocketAddr,
        /// What came back.
        source: io::Error,
    },
    /// A token that everybody knows.
    #[error(
        "the control token is empty, which protects nothing; put a secret into the token file or leave it away"
    )]
    EmptyToken,
    /// The hub has an endpoint already.
    #[error("this worker's telemetry already has an endpoint; start one per hub")]
    HubTaken,
    /// The system gave no thread or no event queue.
    #[error(
        "cannot start the telemetry thread for {address}: {source}; the system may be out of threads or files"
    )]
    Thread {
        /// The address it was to serve.
        address: SocketAddr,
        /// What came back.
        source: io::Error,
    },
}

/// What came back from listening, and what to do about it.
pub(super) fn listen_advice(error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another worker may be running there; choose another with --listen"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address; choose one of its own with --listen"
        }
        io::ErrorKind::PermissionDenied => "choose a port of 1024 or above with --listen",
        _ => "choose another with --listen",
    };
    format!("{error}; {advice}")
}

/// What an endpoint is and serves.
pub struct EndpointOptions {
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Which worker this is.
    pub role: Role,
    /// This host's name.
    pub host: String,
    /// What computes, for people.
    pub engine: String,
    /// True if the worker's numbers are emulated.
    pub emulated: bool,
    /// The secret that control needs, if it needs one. Never logged.
    pub token: Option<String>,
    /// Where the worker's parts record to.
    pub hub: Hub,
    /// Where plans go.
    pub commands: CommandSink,
    /// Where batches are kept for consoles that were away, if anywhere.
    pub spool: Option<Spool>,
}

/// Bounds of an endpoint's patience and memory. The defaults are the product's; tests shorten them.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Consoles at once; the next one is refused.
    pub sessions: usize,
    /// Batches that may wait for one console.
    pub queue: usize,
    /// Time between batches.
    pub batch_every: Duration,
    /// An empty batch goes out after this long without one.
    pub sign_of_life_every: Duration,
    /// How long a console has for each half of its hello.
    pub hello: Duration,
    /// How long a console may let a write wait.
    pub stalled_write: Duration,
    /// How long the coordinator has for an answer.
    pub reply: Duration,
    /// How long a console that was lost in the middle of a sweep may take to come back.
    pub sweep: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 32,
            queue: 64,
            batch_every: Duration::from_millis(100),
            sign_of_life_every: Duration::from_millis(500),
            hello: Duration::from_secs(5),
            stalled_write: Duration::from_secs(10),
            reply: Duration::from_secs(10),
            sweep: Duration::from_secs(10),
        }
    }
}

/// What all sessions share.
struct Shared {
    role: Role,
    host: String,
    engine: String,
    emulated: bool,
    token: Option<String>,
    hub: Hub,
    commands: CommandSink,
    spool: Option<Spool>,
    /// What consoles may take of the link; a server has no radio.
    purse: Option<budget::Purse>,
    limits: Limits,
    lease: Mutex<Lease>,
    sweeps: sweeps::Sweeps,
    joins: mpsc::Sender<collector::Join>,
    seats: Semaphore,
    sessions: AtomicU64,
    secret: [u8; 32],
}

impl Shared {
    /// What this worker can do beyond its version's least.
    fn capabilities(&self) -> Vec<String> {
        self.spool.iter().map(|_| BACKFILL.to_owned()).collect()
    }

    /// A number and a nonce that no session of any worker had before.
    fn next_session(&self) -> (u64, Hash32) {
        let session = self.sessions.fetch_add(1, Ordering::Relaxed) + 1;
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        hasher.update(&self.hub.boot().0.to_le_bytes());
        hasher.update(&session.to_le_bytes());
        hasher.update(&clock::unix_ms().to_le_bytes());
        (session, Hash32(*hasher.finalize().as_bytes()))
    }
}

/// 32 bytes that nobody can guess: the system's, or, on a system that has none, the standard library's random seeds.
fn secret() -> [u8; 32] {
    use std::hash::{BuildHasher, RandomState};
    let mut bytes = [0; 32];
    if File::open("/dev/urandom")
        .and_then(|mut f| f.read_exact(&mut bytes))
        .is_err()
    {
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&RandomState::new().hash_one(clock::now()).to_le_bytes());
        }
    }
    bytes
}

/// A listening endpoint; dropping it says goodbye to every console and ends its thread.
pub struct Endpoint {
    local_addr: SocketAddr,
    adopted: mpsc::Sender<std::net::TcpStream>,
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Endpoint {
    /// Listens and serves consoles on a thread of its own. When this returns, consoles can attach.
    ///
    /// # Errors
    /// The address cannot be listened on, the token is empty, the hub has an endpoint, or there is no thread to have.
    pub fn start(options: EndpointOptions) -> Result<Self, EndpointError> {
        Self::start_within(options, Limits::default())
    }

    /// [`Endpoint::start`] with other limits than the product's.
    ///
    /// # Errors
    /// As there.
    pub fn start_within(options: EndpointOptions, limits: Limits) -> Result<Self, EndpointError> {
        let address = options.listen;
        let listener = TcpListener::bind(address)
            .and_then(|l| l.set_nonblocking(true).map(|()| l))
            .map_err(|source| EndpointError::Listen { address, source })?;
        Self::serve(options, limits, Some(listener))
    }

    /// An endpoint without a port of its own: the worker accepts at `options.listen` and hands over the connections
    /// that are consoles' ([`Endpoint::adopt`]).
    ///
    /// # Errors
    /// As [`Endpoint::start`], less those of listening.
    pub fn start_adopting(options: EndpointOptions) -> Result<Self, EndpointError> {
        Self::serve(options, Limits::default(), None)
    }

    /// Takes over a connection that a console made to the worker's own port. Nothing may have been read from it.
    pub fn adopt(&self, stream: std::net::TcpStream) {
        // A full queue means a flood of connections; this one is closed like any over the limit.
        let _ = self.adopted.try_send(stream);
    }

    fn serve(
        options: EndpointOptions,
        limits: Limits,
        listener: Option<TcpListener>,
    ) -> Result<Self, EndpointError> {
        let address = options.listen;
        if options.token.as_ref().is_some_and(|t| t.trim().is_empty()) {
            return Err(EndpointError::EmptyToken);
        }
        let thread_error = |source| EndpointError::Thread { address, source };
        let local_addr = match &listener {
            Some(listener) => listener.local_addr().map_err(thread_error)?,
            None => address,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(thread_error)?;
        let records = options.hub.take_queue().ok_or(EndpointError::HubTaken)?;
        let (joins, joined) = mpsc::channel(limits.sessions);
        let shared = Arc::new(Shared {
            role: options.role,
            host: options.host,
            engine: options.engine,
            emulated: options.emulated,
            token: options.token,
            hub: options.hub,
            commands: options.commands,
            spool: options.spool,
            purse: (options.role == Role::Robot).then(|| budget::Purse::new(clock::now())),
            limits,
            lease: Mutex::default(),
            sweeps: sweeps::Sweeps::default(),
            joins,
            seats: Semaphore::new(limits.sessions),
            sessions: AtomicU64::new(0),
            secret: secret(),
        });
        shared.hub.record(Record::Lease(Lease::default().record()));
        let (stop, stopped) = watch::channel(());
        let collector = collector::run(
            (shared.hub.clone(), shared.spool.clone()),
            records,
            joined,
            limits,
            shared.purse.clone(),
            stopped.clone(),
        );
        let (adopted, adoptions) = mpsc::channel(MAX_STRANGERS);
        let serve = serve((listener, adoptions), shared, collector, stopped);
        let thread = std::thread::Builder::new()
            .name("telemetry".to_owned())
            .spawn(move || runtime.block_on(serve))
            .map_err(thread_error)?;
        Ok(Self {
            local_addr,
            adopted,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where consoles attach.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Accepts consoles until the endpoint is dropped; then lets the collector and the sessions finish.
async fn serve(
    (listener, mut adoptions): (Option<TcpListener>, mpsc::Receiver<std::net::TcpStream>),
    shared: Arc<Shared>,
    collector: impl Future<Output = ()> + Send + 'static,
    mut stopped: watch::Receiver<()>,
) {
    let listener = match listener.map(tokio::net::TcpListener::from_std).transpose() {
        Ok(listener) => listener,
        Err(e) => return tracing::error!("cannot serve consoles: {e}; restart the worker"),
    };
    let collector = tokio::spawn(collector);
    let mut sessions = JoinSet::new();
    let mut look = tokio::time::interval(sweeps::LOOK_EVERY);
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            _ = look.tick() => shared.restore_overdue(),
            Some(_) = sessions.join_next(), if !sessions.is_empty() => {}
            accepted = accept(listener.as_ref(), &mut adoptions) => match accepted {
                // Over the limit the connection is closed at once: there is no room even to refuse politely.
                Ok(_) if sessions.len() >= shared.limits.sessions + MAX_STRANGERS => {}
                Ok(stream) => {
                    tune(&stream);
                    sessions.spawn(session::run(stream, shared.clone()));
                }
                Err(e) => {
                    tracing::warn!("cannot accept a console: {e}; trying again");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    let finish = async {
        let _ = collector.await;
        while sessions.join_next().await.is_some() {}
    };
    let _ = tokio::time::timeout(GRACE, finish).await;
}

/// The next connection, from the endpoint's own port or from its worker's.
async fn accept(
    listener: Option<&tokio::net::TcpListener>,
    adoptions: &mut mpsc::Receiver<std::net::TcpStream>,
) -> io::Result<TcpStream> {
    let own = async {
        match listener {
            Some(listener) => listener.accept().await.map(|(stream, _)| stream),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        accepted = own => accepted,
        Some(stream) = adoptions.recv() => {
            stream.set_nonblocking(true)?;
            TcpStream::from_std(stream)
        }
    }
}

/// Settings that make a slow or vanished console seen soon; where the system refuses one, it is only seen later.
fn tune(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_send_buffer_size(SEND_BUFFER_BYTES);
    let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    unpace_within_this_machine(stream);
}
