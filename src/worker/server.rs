//! The server: one port for robots and consoles, one robot at a time, the model from the robot's hello.

mod load;
mod mesh;
mod probed;
mod session;
mod turned_away;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::engine::{Engine, EngineError};
use crate::link::Outbox;
use crate::model::Graph;
use crate::model::weights::{StoreError, WeightStore, Weights};
use crate::units::{BootId, Hash32};
use crate::wire::Level;
use crate::wire::console::Role;
use crate::wire::data::{DeviceCosts, MAGIC, WeightsRef};
use crate::wire::probe::PROBE_MAGIC;
use crate::worker::endpoint::{
    CommandSink, Endpoint, EndpointError, EndpointOptions, listen_advice,
};
use crate::worker::runtime::Runtime;
use crate::worker::sensors::Sensors;
use crate::worker::telemetry::Hub;

/// Makes an engine for a model.
pub type EngineFactory<E> = Arc<dyn Fn(&Graph, &Weights) -> Result<E, EngineError> + Send + Sync>;

/// What a server is started with.
pub struct ServerOptions<E> {
    /// The port for robots and consoles.
    pub listen: SocketAddr,
    /// Where weights are kept.
    pub weights_dir: std::path::PathBuf,
    /// Makes an engine for a model.
    pub factory: EngineFactory<E>,
    /// What computes, for people.
    pub engine_name: String,
    /// Keeps the compute lane on this CPU core.
    pub core: Option<usize>,
    /// This host's name.
    pub host: String,
    /// What power is measured with.
    pub power: crate::power::Discovered,
}

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The port cannot be had.
    #[error("cannot listen on {address}: {}", listen_advice(source))]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What came back.
        source: std::io::Error,
    },
    /// Consoles cannot attach.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The folder for weights cannot be used.
    #[error("cannot keep weights: {0}; --weights-dir takes another folder")]
    Store(#[from] StoreError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// A model that is loaded, with its lanes.
struct Model<E: Engine> {
    graph_hash: Hash32,
    weights: WeightsRef,
    engine: String,
    costs: Arc<DeviceCosts>,
    runtime: Arc<Runtime<E>>,
    lane_events: std::sync::mpsc::SyncSender<crate::worker::runtime::RuntimeEvent<E::Payload>>,
}

impl<E: Engine> Clone for Model<E> {
    fn clone(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            costs: Arc::clone(&self.costs),
            runtime: Arc::clone(&self.runtime),
            lane_events: self.lane_events.clone(),
            ..*self
        }
    }
}

/// The robot that is served.
struct Active {
    session: u64,
    host: String,
    boot: BootId,
    stream: TcpStream,
}

struct Shared<E: Engine> {
    hub: Hub,
    boot: BootId,
    host: String,
    core: Option<usize>,
    store: WeightStore,
    factory: EngineFactory<E>,
    model: Mutex<Option<Model<E>>>,
    active: Mutex<Option<Active>>,
    /// Where reports of finished frames go: the robot that is served.
    reports: Mutex<Option<Arc<Outbox>>>,
    /// Payload bytes of values received over the present connection.
    received_bytes: AtomicU64,
    /// When the last part of a value came, in nanoseconds on our clock: whether frames flow.
    last_value: AtomicI64,
    /// A probe fills the link.
    probed: AtomicBool,
    sessions: AtomicU64,
    stop: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running server; stops when dropped.
pub struct Server {
    address: SocketAddr,
    stop: Arc<dyn Fn() + Send + Sync>,
    accept: Option<JoinHandle<()>>,
    _endpoint: Arc<Endpoint>,
    _sensors: Sensors,
}

impl Server {
    /// Listens for robots and consoles.
    ///
    /// # Errors
    /// A taken port, or a folder for weights that cannot be made.
    pub fn start<E: Engine>(options: ServerOptions<E>) -> Result<Self, ServerError> {
        let boot = super::robot::new_boot_id();
        let hub = Hub::new(boot);
        let listen = |source| ServerError::Listen {
            address: options.listen,
            source,
        };
        let listener = TcpListener::bind(options.listen).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        // Consoles come over the robots' port; see `sort_out`.
        let endpoint = Arc::new(Endpoint::start_adopting(EndpointOptions {
            listen: address,
            role: Role::Server,
            host: options.host.clone(),
            engine: options.engine_name,
            emulated: E::EMULATED,
            // Nothing on a server can be commanded.
            token: None,
            hub: hub.clone(),
            commands: CommandSink::new(|_| {
                Err("the robot coordinates plans; send this to the robot".to_owned())
            }),
        })?);
        let shared = Arc::new(Shared {
            hub,
            boot,
            host: options.host,
            core: options.core,
            store: WeightStore::open(options.weights_dir)?,
            factory: options.factory,
            model: Mutex::new(None),
            active: Mutex::new(None),
            reports: Mutex::new(None),
            received_bytes: AtomicU64::new(0),
            last_value: AtomicI64::new(i64::MIN),
            probed: AtomicBool::new(false),
            sessions: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let sensors = Sensors::start(&shared.hub, options.power);
        let accept = std::thread::Builder::new()
            .name("server accept".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                let endpoint = Arc::clone(&endpoint);
                move || accept_loop(&listener, &shared, &endpoint)
            })
            .map_err(ServerError::Thread)?;
        let stop = Arc::new(move || {
            shared.stop.store(true, Ordering::Relaxed);
            if let Some(active) = locked(&shared.active).take() {
                let _ = active.stream.shutdown(std::net::Shutdown::Both);
            }
            // Wakes the accept loop.
            let _ = TcpStream::connect_timeout(&address, Duration::from_millis(200));
        });
        Ok(Self {
            address,
            stop,
            accept: Some(accept),
            _endpoint: endpoint,
            _sensors: sensors,
        })
    }

    /// Where robots and consoles connect.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        (self.stop)();
        if let Some(accept) = self.accept.take() {
            let _ = accept.join();
        }
    }
}

/// Connections being sorted out or served at once.
const MAX_CONNECTIONS: u64 = 64;

fn accept_loop<E: Engine>(
    listener: &TcpListener,
    shared: &Arc<Shared<E>>,
    endpoint: &Arc<Endpoint>,
) {
    let open = Arc::new(AtomicU64::new(0));
    let door = turned_away::Door::open(&shared.hub, MAX_CONNECTIONS);
    for stream in listener.incoming() {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else {
            // Out of file descriptors, say: give others time to close some.
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        if open.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTIONS {
            open.fetch_sub(1, Ordering::Relaxed);
            door.turn_away(stream);
            continue;
        }
        let (shared, endpoint, counter) =
            (Arc::clone(shared), Arc::clone(endpoint), Arc::clone(&open));
        let started = std::thread::Builder::new()
            .name("server session".to_owned())
            .spawn(move || {
                sort_out(&shared, &endpoint, stream);
                counter.fetch_sub(1, Ordering::Relaxed);
            });
        if started.is_err() {
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Gives a connection to whom its first bytes are for: a robot's magic, a prober's, or a console's HTTP request.
fn sort_out<E: Engine>(shared: &Arc<Shared<E>>, endpoint: &Endpoint, stream: TcpStream) {
    let peer = stream
        .peer_addr()
        .map_or_else(|_| "somebody".to_owned(), |a| a.to_string());
    let mut first = [0; MAGIC.len()];
    let timeout = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let seen = timeout.and_then(|()| peek_all(&stream, &mut first));
    if first.starts_with(b"GET ") {
        endpoint.adopt(stream);
        return;
    }
    if first == PROBE_MAGIC {
        if let Err(error) = probed::serve(shared, stream, &peer) {
            let text = format!("probe from {peer}: {error}");
            shared.hub.event(Level::Warning, text);
        }
        return;
    }
    if seen.is_err() && !MAGIC.starts_with(first.split(|&b| b == 0).next().unwrap_or_default()) {
        return;
    }
    if let Err(error) = session::serve(shared, stream) {
        shared
            .hub
            .event(Level::Warning, format!("robot at {peer}: {error}"));
    }
}

/// Looks at the first bytes without taking them, as long as they may still become something known.
fn peek_all(stream: &TcpStream, first: &mut [u8]) -> std::io::Result<()> {
    for _ in 0..100 {
        let n = stream.peek(first)?;
        if n == first.len() || n == 0 || first.starts_with(b"GET ") {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
