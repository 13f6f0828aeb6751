//! The shaper: one relay through which both directions of the robot-server connection pass, at a link's rate.
//!
//! It needs no root and touches no network settings: the robot connects to the relay, the relay to the server.
//! [`Medium`] decides when a piece of bytes occupies the link; the threads here only read, wait and write. Buffers are
//! small, so that the sender feels the bottleneck as it would on the air.
//!
//! The rate is constant or plays a trace. What is delivered equals the trace's integral to within one piece (8 KiB, or
//! about 2 ms of the medium if that is less, at least 64 bytes): a piece arrives as a whole when its last bit has
//! passed, so nothing arrives while the rate is 0. There is no bucket to burst from: idle time is lost, and a relay
//! that wakes late makes up for at most 10 ms of waiting bytes. [`Lost`] tells what it could not make up for.
//!
//! ```text
//! client --read--> Queue --reserve airtime--> in the air --its end + delay--> write--> upstream      (up)
//! client <--write-- in the air <--reserve airtime-- Queue <--read-- upstream                       (down)
//! ```

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::congestion::unpace_within_this_machine;
use super::trace::Direction;
use crate::clock;
use crate::units::{BitsPerSecond, Bytes, Nanos};

mod medium;
mod profile;
mod queue;
mod relay;

pub use medium::{Airtime, Lost, MAX_PIECE, Medium};
pub use profile::{Outage, Rates, ShaperError, ShaperProfile, ShaperStats};
use queue::{lock, wait};
use relay::Connection;

/// Kernel buffer asked for on each side of the relay, in bytes (Linux doubles it for its bookkeeping).
const SOCKET_BUFFER: usize = 64 * 1024;
/// Largest TCP segment, in bytes: loopback's 64 KiB segments would arrive in bursts that no radio makes.
const SEGMENT: u32 = 1448;
/// How long the relay tries to reach the upstream for one connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often the listening thread looks whether it should stop.
const ACCEPT_POLL: Duration = Duration::from_millis(50);
/// Connections relayed at once; more are refused.
const MAX_CONNECTIONS: usize = 32;
/// How long `cut` and drop wait for the threads to be gone.
const GONE_TIMEOUT: Duration = Duration::from_secs(1);

/// The state of the link, which all directions of all connections share.
#[derive(Debug)]
struct Air {
    /// One shared medium, or one per direction.
    media: Vec<Medium>,
    outage: Option<Outage>,
    stopping: bool,
    connections: Vec<Arc<Connection>>,
    /// Threads that listen, connect or relay.
    threads: usize,
}

impl Air {
    fn medium(&mut self, direction: Direction) -> Option<&mut Medium> {
        let last = self.media.len().saturating_sub(1);
        self.media.get_mut((direction as usize).min(last))
    }
}

#[derive(Debug)]
struct Link {
    profile: ShaperProfile,
    /// When a trace begins.
    origin: Nanos,
    air: Mutex<Air>,
    /// The rate, the outage, a connection or the number of threads has changed.
    changed: Condvar,
    bytes: [AtomicU64; 2],
    accepted: AtomicU64,
    refused: AtomicU64,
}

impl Link {
    fn air(&self) -> MutexGuard<'_, Air> {
        lock(&self.air)
    }

    /// Changes the link's state and wakes everyone who waits for that.
    fn change<R>(&self, change: impl FnOnce(&mut Air) -> R) -> R {
        let result = change(&mut self.air());
        self.changed.notify_all();
        result
    }

    fn wait<'a>(&self, air: MutexGuard<'a, Air>, until: Option<Nanos>) -> MutexGuard<'a, Air> {
        wait(&self.changed, air, until)
    }

    /// Waits until `gone` holds, but not longer than a second.
    fn wait_gone(&self, gone: impl Fn(&Air) -> bool) {
        let until = clock::now().shifted(GONE_TIMEOUT.as_nanos() as i64);
        let mut air = self.air();
        while !gone(&air) && clock::now() < until {
            air = self.wait(air, Some(until));
        }
    }

    /// Runs `body` on a thread that is counted until it ends.
    fn spawn(
        self: &Arc<Self>,
        name: &str,
        body: impl FnOnce(&Arc<Self>) + Send + 'static,
    ) -> io::Result<()> {
        struct Counted(Arc<Link>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.change(|air| air.threads -= 1);
            }
        }
        self.change(|air| air.threads += 1);
        let counted = Counted(Arc::clone(self));
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || body(&counted.0))
            .map(|_detached| ())
    }

    fn listen(self: &Arc<Self>, listener: &TcpListener, upstream: SocketAddr, robot: Station) {
        loop {
            let mut air = self.air();
            while air.outage == Some(Outage::Stall) && !air.stopping {
                air = self.wait(air, None);
            }
            if air.stopping {
                return;
            }
            drop(air);
            match listener.accept() {
                Ok((client, _)) => self.admit(client, upstream, robot),
                Err(e) if is_timeout(&e) => {}
                Err(cause) => {
                    tracing::warn!(%cause, %upstream, "the shaped link could not accept a connection");
                    std::thread::sleep(ACCEPT_POLL);
                }
            }
        }
    }

    fn admit(self: &Arc<Self>, client: TcpStream, upstream: SocketAddr, robot: Station) {
        unpace_within_this_machine(&client);
        // An accepted socket inherits the listener's timeout (Linux): a silent client is not a gone one.
        let refused = client.set_read_timeout(None).is_err() || {
            let air = self.air();
            air.outage == Some(Outage::Drop) || air.connections.len() >= MAX_CONNECTIONS
        };
        if refused {
            self.refuse(&client);
            return;
        }
        self.accepted.fetch_add(1, Ordering::Relaxed);
        let spawned = self.spawn("shaper-relay", move |link| {
            link.relay(client, upstream, robot);
        });
        if let Err(cause) = spawned {
            self.refused.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%cause, "the shaped link got no thread for a connection and closed it");
        }
    }

    fn refuse(&self, client: &TcpStream) {
        reset_on_close(client);
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    fn relay(self: &Arc<Self>, client: TcpStream, upstream: SocketAddr, robot: Station) {
        let upstream = match connect(upstream) {
            Ok(upstream) => upstream,
            Err(cause) => {
                tracing::warn!(%cause, %upstream, "the shaped link could not connect");
                self.refuse(&client);
                return;
            }
        };
        let queue_bytes = self.profile.queue_bytes;
        let connection = Arc::new(Connection::new(client, upstream, robot, queue_bytes));
        let gone = self.change(|air| {
            air.connections.push(Arc::clone(&connection));
            air.stopping || air.outage == Some(Outage::Drop)
        });
        if gone {
            connection.abort();
        }
        connection.run(self);
        self.change(|air| air.connections.retain(|c| !Arc::ptr_eq(c, &connection)));
    }
}

/// Which end of a relayed connection is the robot. What leaves it goes up, what reaches it goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Station {
    /// The one that connects: it dials its servers.
    Client,
    /// The one that is connected to: consoles dial it.
    Upstream,
}

/// A running shaper; dropping it closes its connections and stops its threads.
#[derive(Debug)]
pub struct ShaperHandle {
    link: Arc<Link>,
    /// One per upstream.
    locals: Vec<SocketAddr>,
}

/// The relay of a shaped link.
#[derive(Debug)]
pub struct Shaper;

impl Shaper {
    /// Listens on `listen` (port 0 takes a free one) and relays each connection to `upstream`.
    ///
    /// # Errors
    /// When the address cannot be had or the system gives no thread. An upstream that does not answer is no error: the
    /// client's connection is reset, as often as it tries.
    pub fn start(
        listen: SocketAddr,
        upstream: SocketAddr,
        profile: ShaperProfile,
    ) -> Result<ShaperHandle, ShaperError> {
        Self::start_each(&[(listen, upstream)], profile)
    }

    /// Listens on several addresses, each for an upstream of its own. All share the one medium, as servers that a robot
    /// reaches over one radio do.
    ///
    /// # Errors
    /// As [`Shaper::start`].
    pub fn start_each(
        ends: &[(SocketAddr, SocketAddr)],
        profile: ShaperProfile,
    ) -> Result<ShaperHandle, ShaperError> {
        let origin = clock::now();
        let media = profile.media(origin);
        let link = Arc::new(Link {
            profile,
            origin,
            air: Mutex::new(Air {
                media,
                outage: None,
                stopping: false,
                connections: Vec::new(),
                threads: 0,
            }),
            changed: Condvar::new(),
            bytes: Default::default(),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        });
        // Dropped on an error, it ends the listeners that run already.
        let mut handle = ShaperHandle {
            link: Arc::clone(&link),
            locals: Vec::new(),
        };
        for &(listen, upstream) in ends {
            let local = handle.open(listen, upstream, Station::Client)?;
            handle.locals.push(local);
        }
        Ok(handle)
    }

    /// Relays from free ports of this machine's loopback to servers' `HOST:PORT`, over one medium.
    ///
    /// # Errors
    /// A name that does not resolve, or as [`Shaper::start`].
    pub fn before_each(
        servers: &[String],
        profile: ShaperProfile,
    ) -> Result<ShaperHandle, ShaperError> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let end = |server: &String| {
            let resolve = |cause| ShaperError::Resolve {
                upstream: server.clone(),
                cause,
            };
            let mut found = server.to_socket_addrs().map_err(resolve)?;
            let upstream = found
                .next()
                .ok_or_else(|| resolve(io::Error::new(io::ErrorKind::NotFound, "no address")))?;
            Ok((any, upstream))
        };
        let ends: Vec<_> = servers
            .iter()
            .map(end)
            .collect::<Result<_, ShaperError>>()?;
        Self::start_each(&ends, profile)
    }
}

impl ShaperHandle {
    /// Relays to the robot itself from `listen` (port 0 takes a free one), over the same medium: consoles that connect
    /// there share the radio with the robot's data, and what they are told goes up. Returns where they connect to.
    ///
    /// # Errors
    /// As [`Shaper::start`].
    pub fn before_robot(
        &self,
        listen: SocketAddr,
        robot: SocketAddr,
    ) -> Result<SocketAddr, ShaperError> {
        self.open(listen, robot, Station::Upstream)
    }

    fn open(
        &self,
        listen: SocketAddr,
        upstream: SocketAddr,
        robot: Station,
    ) -> Result<SocketAddr, ShaperError> {
        let (listener, local) = bind(listen).map_err(|cause| ShaperError::Listen {
            listen,
            upstream,
            cause,
        })?;
        self.link
            .spawn("shaper-listen", move |link| {
                link.listen(&listener, upstream, robot);
            })
            .map_err(|cause| ShaperError::Thread { upstream, cause })?;
        Ok(local)
    }

    /// Where clients connect to; of several, for the first upstream.
    pub fn local_addr(&self) -> SocketAddr {
        self.locals[0]
    }

    /// Where clients connect to, in the order of the upstreams.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.locals
    }

    /// The rate in force to the upstream.
    pub fn rate(&self) -> BitsPerSecond {
        let now = clock::now();
        self.link
            .air()
            .medium(Direction::Up)
            .map_or(BitsPerSecond(0.0), |m| m.rate(now))
    }

    /// When a trace's time 0 is.
    pub fn origin(&self) -> Nanos {
        self.link.origin
    }

    /// Changes the rate at once, in place of a trace too; 0 holds the bytes until the rate returns.
    pub fn set_rate(&self, rate: BitsPerSecond) {
        let now = clock::now();
        self.link
            .change(|air| air.media.iter_mut().for_each(|m| m.set_rate(rate, now)));
    }

    /// Pulls the cable. Nothing more is forwarded until [`restore`](Self::restore); a stalled link may still end the
    /// write of a piece that it had begun.
    pub fn cut(&self, outage: Outage) {
        let connections = self.link.change(|air| {
            air.outage = Some(outage);
            air.connections.clone()
        });
        if outage == Outage::Drop {
            for connection in &connections {
                connection.abort();
            }
            drop(connections);
            self.link.change(|_| ());
            self.link.wait_gone(|air| air.connections.is_empty());
        }
    }

    /// Puts the cable back.
    pub fn restore(&self) {
        let now = clock::now();
        self.link.change(|air| {
            air.outage = None;
            air.media.iter_mut().for_each(|m| m.idle_until(now));
        });
    }

    /// What has passed so far.
    pub fn stats(&self) -> ShaperStats {
        let [up, down] = &self.link.bytes;
        let lost =
            self.link
                .air()
                .media
                .iter()
                .map(Medium::lost)
                .fold(Lost::default(), |all, medium| Lost {
                    late: Bytes(all.late.0 + medium.late.0),
                    idle: Bytes(all.idle.0 + medium.idle.0),
                });
        ShaperStats {
            up: Bytes(up.load(Ordering::Relaxed)),
            down: Bytes(down.load(Ordering::Relaxed)),
            connections: self.link.air().connections.len(),
            accepted: self.link.accepted.load(Ordering::Relaxed),
            refused: self.link.refused.load(Ordering::Relaxed),
            lost,
        }
    }
}

impl Drop for ShaperHandle {
    fn drop(&mut self) {
        let connections = self.link.change(|air| {
            air.stopping = true;
            std::mem::take(&mut air.connections)
        });
        for connection in connections {
            connection.abort();
        }
        self.link.change(|_| ());
        self.link.wait_gone(|air| air.threads == 0);
    }
}

fn bind(listen: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = small_socket(listen)?;
    socket.set_reuse_address(true)?;
    socket.set_read_timeout(Some(ACCEPT_POLL))?;
    socket.bind(&listen.into())?;
    socket.listen(64)?;
    let listener = TcpListener::from(socket);
    let local = listener.local_addr()?;
    Ok((listener, local))
}

fn connect(upstream: SocketAddr) -> io::Result<TcpStream> {
    let socket = small_socket(upstream)?;
    socket.connect_timeout(&upstream.into(), CONNECT_TIMEOUT)?;
    unpace_within_this_machine(&socket);
    Ok(TcpStream::from(socket))
}

/// A TCP socket with small kernel buffers; accepted sockets inherit them, so they are set before the handshake.
fn small_socket(towards: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(towards),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.set_tcp_nodelay(true)?;
    #[cfg(unix)]
    socket.set_tcp_mss(SEGMENT)?;
    Ok(socket)
}

/// Closing this socket will drop what the kernel still holds and reset the connection.
fn reset_on_close(socket: &TcpStream) {
    // A socket that is already closed needs no more than that.
    let _closed = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}

fn is_timeout(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_is_told() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = taken.local_addr().unwrap();
        let profile = ShaperProfile::constant(BitsPerSecond::from_mbps(1.0));
        let told = Shaper::start(listen, listen, profile)
            .unwrap_err()
            .to_string();
        assert!(told.contains(&listen.to_string()), "{told}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn neither_socket_of_a_relayed_connection_is_paced_by_the_system() {
        use crate::link::congestion::testing::is_paced;

        let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
        let profile = ShaperProfile::constant(BitsPerSecond::from_mbps(8.0));
        let (listen, to) = (
            "127.0.0.1:0".parse().unwrap(),
            upstream.local_addr().unwrap(),
        );
        let shaper = Shaper::start(listen, to, profile).unwrap();
        let _client = TcpStream::connect(shaper.local_addr()).unwrap();
        let _server = upstream.accept().unwrap();
        let connection = loop {
            let relayed = shaper.link.air().connections.first().cloned();
            match relayed {
                Some(connection) => break connection,
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        assert!(connection.sockets().into_iter().all(|s| !is_paced(s)));
    }
}
