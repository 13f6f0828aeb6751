//! One robot's connection to the server, from its hello to its end.

use std::io::Read;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::load::{Loader, check_graph};
use super::{Active, Model, Shared, locked, mesh};
use crate::clock;
use crate::engine::Engine;
use crate::link::{
    Goodput, LinkError, MessageReader, OutValue, Outbox, ValueSource, exchange_magic, tune,
    write_loop,
};
use crate::plan::{Codec, Linked, Program, validate_program};
use crate::units::{DeviceId, Epoch, Nanos};
use crate::wire::data::{
    ChunkHead, Control, Kind, MAX_BODY_BYTES, MAX_HELLO_BYTES, MAX_PLAIN_BYTES, PeerHello,
    Progress, RobotHello, ServerHello, decode_control,
};
use crate::wire::{Compressed, Level, PROTOCOL, PeerRecord, PeerState, Record, VERSION};
use crate::worker::runtime::{Receiver, SendLane, Taken};

const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// A robot pings ten times a second; one that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(5);
/// How long a refused peer is listened to, so that closing does not destroy the answer under way to it.
const FAREWELL_NS: i64 = 1_000_000_000;
/// How often the arrival of a large value is told.
const PROGRESS_EVERY_NS: i64 = 50_000_000;

/// Serves a robot until it leaves.
pub(super) fn serve<E: Engine>(
    shared: &Arc<Shared<E>>,
    mut stream: TcpStream,
) -> Result<(), LinkError> {
    let peer = stream
        .peer_addr()
        .map_or_else(|_| String::new(), |a| a.to_string());
    tune(&stream)?;
    if let Err(error) = exchange_magic(&mut stream, HELLO_TIMEOUT) {
        // Our magic tells a stranger what listens here, if it gets to read it.
        let _ = stream.shutdown(Shutdown::Write);
        drain(&stream);
        return Err(error);
    }
    let share = |source| LinkError::Io {
        doing: "sharing the socket",
        source,
    };
    let reading = stream.try_clone().map_err(share)?;
    let closing = stream.try_clone().map_err(share)?;
    let outbox = Arc::new(Outbox::default());
    let lane: LaneSlot<E> = Arc::new(Mutex::new(None));
    let parting = Arc::new(AtomicBool::new(false));
    let writer = std::thread::Builder::new()
        .name("server send".to_owned())
        .spawn({
            let outbox = Arc::clone(&outbox);
            let mut source = LateLane(Arc::clone(&lane));
            let parting = Arc::clone(&parting);
            move || {
                let written = write_loop(&mut stream, &outbox, &mut source);
                outbox.close();
                // The reader notices at once, unless it is done and only waits for the peer to read its refusal.
                let how = if parting.load(Ordering::Relaxed) {
                    Shutdown::Write
                } else {
                    Shutdown::Both
                };
                let _ = stream.shutdown(how);
                written
            }
        })
        .map_err(share)?;
    let mut session = Session {
        shared: Arc::clone(shared),
        id: shared.sessions.fetch_add(1, Ordering::Relaxed) + 1,
        peer,
        outbox: Arc::clone(&outbox),
        lane,
        model: Arc::new(Mutex::new(None)),
        receiver: Receiver::new(DeviceId::ROBOT),
        goodput: Arc::default(),
        last_progress: Nanos(0),
        loader: None,
    };
    let ended = session.run(reading, &closing);
    session.leave();
    let farewell = ended.as_ref().err().and_then(farewell);
    let is_told = farewell.is_some();
    if let Some(reason) = farewell {
        parting.store(true, Ordering::Relaxed);
        outbox.control(&Control::Refused { reason });
    }
    outbox.close();
    let _ = writer.join();
    if is_told {
        drain(&closing);
    }
    let _ = closing.shutdown(Shutdown::Both);
    match ended {
        // A robot that leaves is not worth a warning.
        Err(LinkError::Closed) => Ok(()),
        ended => ended,
    }
}

/// What the peer is told when the server is the one that ends.
fn farewell(error: &LinkError) -> Option<String> {
    match error {
        LinkError::Refused(reason) | LinkError::Protocol(reason) => Some(reason.clone()),
        LinkError::Decode(error) => Some(error.to_string()),
        LinkError::Silent(_) => Some(error.to_string()),
        _ => None,
    }
}

/// Takes what the peer still sends, until it closes or a second is over.
fn drain(mut stream: &TcpStream) {
    let until = clock::now().shifted(FAREWELL_NS);
    let mut rest = [0; 4096];
    while clock::now() < until {
        match stream.read(&mut rest) {
            Ok(0) => return,
            Ok(_) => {}
            // The socket's read timeout is short.
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

type LaneSlot<E> = Arc<Mutex<Option<SendLane<E>>>>;

/// A send lane that comes into being when the model does.
struct LateLane<E: Engine>(LaneSlot<E>);

impl<E: Engine> ValueSource for LateLane<E> {
    fn next(&mut self) -> Option<OutValue> {
        locked(&self.0).as_mut()?.next()
    }

    fn began(&mut self, _head: &ChunkHead) {}

    fn sent(&mut self, head: &ChunkHead, start: Nanos, end: Nanos) {
        if let Some(lane) = locked(&self.0).as_mut() {
            lane.sent(head, start, end);
        }
    }

    fn is_wanted(&self, head: &ChunkHead) -> bool {
        locked(&self.0).as_ref().is_some_and(|l| l.is_wanted(head))
    }

    fn given_up(&mut self, head: &ChunkHead, bytes: u64) {
        if let Some(lane) = locked(&self.0).as_mut() {
            lane.given_up(head, bytes);
        }
    }
}

/// Who says hello.
enum Greeting {
    Robot(RobotHello),
    Peer(PeerHello),
}

struct Session<E: Engine> {
    shared: Arc<Shared<E>>,
    id: u64,
    peer: String,
    outbox: Arc<Outbox>,
    lane: LaneSlot<E>,
    model: Arc<Mutex<Option<Model<E>>>>,
    receiver: Receiver,
    /// What the link carries to the robot, in the robot's own words.
    goodput: Arc<Goodput>,
    last_progress: Nanos,
    loader: Option<Loader<E>>,
}

impl<E: Engine> Session<E> {
    fn run(&mut self, stream: TcpStream, closing: &TcpStream) -> Result<(), LinkError> {
        let mut reader = MessageReader::greeting(stream, HELLO_TIMEOUT);
        let hello = match self.greet(&mut reader)? {
            Greeting::Robot(hello) => hello,
            Greeting::Peer(hello) => return self.mesh(&hello, &mut reader),
        };
        self.enter(&hello, closing)?;
        reader.set_silence(SILENCE);
        self.begin_loading(&hello)?;
        loop {
            let (kind, body) = reader.next(MAX_BODY_BYTES)?;
            if self.shared.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            match kind {
                Kind::Control => {
                    let message = decode_control(body)?;
                    self.control(message)?;
                }
                Kind::Chunk => {
                    let (head, payload) = ChunkHead::decode(body)?;
                    self.chunk(head, payload)?;
                }
                Kind::Weights => {
                    let loader = self.loader.as_mut();
                    let loader = loader.ok_or_else(|| protocol("weights came unasked"))?;
                    loader.weights(body)?;
                }
            }
        }
    }

    /// Another server of the robot that is served here.
    fn mesh(
        &mut self,
        hello: &PeerHello,
        reader: &mut MessageReader<TcpStream>,
    ) -> Result<(), LinkError> {
        let model = mesh::accept(&self.shared, hello).map_err(|reason| refuse(&reason))?;
        let events = model.lane_events.clone();
        let peer = hello.device;
        let rates = mesh::Rates::default();
        let goodput = Arc::clone(&rates.sending);
        *locked(&self.lane) = Some(model.runtime.send_lane(peer, events, None, goodput));
        self.outbox.control(&self.server_hello());
        let (shared, robot) = (Arc::clone(&self.shared), hello.robot);
        let goes_on = || {
            !shared.stop.load(Ordering::Relaxed)
                && locked(&shared.active)
                    .as_ref()
                    .is_some_and(|a| a.boot == robot)
        };
        let end = mesh::End {
            peer,
            outbox: Arc::clone(&self.outbox),
            rates,
        };
        mesh::exchange(&self.shared, &model, &end, reader, &goes_on)
    }

    fn server_hello(&self) -> Control {
        Control::ServerHello(ServerHello {
            protocol: PROTOCOL,
            version: VERSION.to_owned(),
            host: self.shared.host.clone(),
            boot: self.shared.boot,
        })
    }

    fn greet(&self, reader: &mut MessageReader<TcpStream>) -> Result<Greeting, LinkError> {
        let hello = match first_message(reader) {
            Ok(Control::RobotHello(hello)) => *hello,
            Ok(Control::PeerHello(hello)) => return Ok(Greeting::Peer(*hello)),
            Ok(_) => return Err(refuse("the robot did not say hello first")),
            // A hello of another version may have another form.
            Err(LinkError::Decode(error)) => {
                return Err(refuse(&format!(
                    "cannot read a robot's hello: {error}. This server ({VERSION}) speaks protocol {PROTOCOL}: \
                     install the same version on both"
                )));
            }
            Err(LinkError::Silent(_)) => {
                return Err(refuse(&format!(
                    "a robot's hello began and did not end within {} s",
                    HELLO_TIMEOUT.as_secs()
                )));
            }
            Err(error) => return Err(error),
        };
        if hello.protocol != PROTOCOL {
            return Err(refuse(&format!(
                "this server ({VERSION}) speaks protocol {PROTOCOL}, the robot ({}) speaks {}: \
                 install the same version on both",
                hello.version, hello.protocol
            )));
        }
        if hello.device == DeviceId::ROBOT {
            return Err(refuse("device 0 is the robot itself"));
        }
        self.outbox.control(&self.server_hello());
        Ok(Greeting::Robot(hello))
    }

    /// Becomes the served robot, or is told who is.
    fn enter(&self, hello: &RobotHello, closing: &TcpStream) -> Result<(), LinkError> {
        let stream = closing.try_clone().map_err(|source| LinkError::Io {
            doing: "sharing the socket",
            source,
        })?;
        let mut active = locked(&self.shared.active);
        if let Some(other) = active.take_if(|a| a.boot == hello.boot) {
            // The same robot came back over a new connection: the old one is dead.
            let _ = other.stream.shutdown(Shutdown::Both);
        }
        if let Some(other) = active.as_ref() {
            return Err(refuse(&format!(
                "this server works for the robot {} at present; stop that one, or start another server",
                other.host
            )));
        }
        *active = Some(Active {
            session: self.id,
            host: hello.host.clone(),
            boot: hello.boot,
            stream,
        });
        drop(active);
        self.shared.received_bytes.store(0, Ordering::Relaxed);
        *locked(&self.shared.reports) = Some(Arc::clone(&self.outbox));
        self.shared.hub.event(
            Level::Info,
            format!("robot {} connected from {}", hello.host, self.peer),
        );
        self.tell_peer(PeerState::Connecting);
        Ok(())
    }

    /// Gives the place back, if this session still has it.
    fn leave(&self) {
        let mine = locked(&self.shared.active)
            .take_if(|a| a.session == self.id)
            .is_some();
        // The lane holds the runtime; a robot with another model must be able to replace it.
        *locked(&self.lane) = None;
        if !mine {
            return;
        }
        *locked(&self.shared.reports) = None;
        if let Some(model) = locked(&self.model).take() {
            model.runtime.detach(DeviceId::ROBOT);
            model.runtime.withdraw_all();
        }
        self.shared
            .hub
            .event(Level::Info, format!("robot at {} left", self.peer));
        self.tell_peer(PeerState::None);
    }

    fn begin_loading(&mut self, hello: &RobotHello) -> Result<(), LinkError> {
        let graph = check_graph(hello, E::EMULATED).map_err(|reason| refuse(&reason))?;
        let mut loader = Loader::new(
            Arc::clone(&self.shared),
            Arc::clone(&self.outbox),
            graph,
            hello,
            self.ready(hello),
        );
        loader.begin()?;
        self.loader = Some(loader);
        Ok(())
    }

    /// What happens when the model is there; called from the loader's thread.
    fn ready(&self, hello: &RobotHello) -> Arc<dyn Fn(Model<E>) + Send + Sync> {
        let (shared, session) = (Arc::clone(&self.shared), self.id);
        let (robot, own) = (hello.boot, hello.device);
        // The lower number dials.
        let peers: Vec<_> = hello
            .peers
            .iter()
            .filter(|p| p.device > own)
            .cloned()
            .collect();
        let (outbox, lane) = (Arc::clone(&self.outbox), Arc::clone(&self.lane));
        let slot = Arc::clone(&self.model);
        let goodput = Arc::clone(&self.goodput);
        let (hub, peer) = (self.shared.hub.clone(), self.peer.clone());
        Arc::new(move |model: Model<E>| {
            if outbox.is_closed() {
                return;
            }
            model.runtime.withdraw_all();
            let events = model.lane_events.clone();
            let goodput = Arc::clone(&goodput);
            let to_robot = model
                .runtime
                .send_lane(DeviceId::ROBOT, events, None, goodput);
            *locked(&lane) = Some(to_robot);
            model.runtime.attach(DeviceId::ROBOT, Arc::clone(&outbox));
            let engine = model.engine.clone();
            let costs = Some(model.costs.as_ref().clone());
            for peer in &peers {
                let dialer = mesh::Dialer {
                    shared: Arc::clone(&shared),
                    session,
                    robot,
                    own,
                    peer: peer.clone(),
                    model: model.clone(),
                };
                dialer.start();
            }
            *locked(&slot) = Some(model);
            outbox.control(&Control::Ready { engine, costs });
            hub.record(Record::Peer(PeerRecord {
                device: DeviceId::ROBOT,
                address: peer.clone(),
                state: PeerState::Ready,
                clock: None,
                link: None,
            }));
        })
    }

    fn model(&self) -> Result<Model<E>, LinkError> {
        let model = locked(&self.model).clone();
        model.ok_or_else(|| protocol("the model is not loaded yet"))
    }

    fn control(&mut self, message: Control) -> Result<(), LinkError> {
        match message {
            Control::Ping { sent, goodput_bps } => {
                let received = clock::now();
                self.goodput.set(goodput_bps);
                self.outbox.control(&Control::Pong {
                    sent,
                    received,
                    answered: clock::now(),
                    progress: self.progress(received),
                    may_sound: !self.shared.probed.load(Ordering::Acquire),
                });
            }
            Control::Sounding { id, .. } => {
                let received = clock::now();
                self.outbox.control(&Control::Sounded { id, received });
            }
            Control::WeightsLength { bytes } => {
                let loader = self.loader.as_mut();
                loader
                    .ok_or_else(|| protocol("weights came unasked"))?
                    .weights_length(bytes)?;
            }
            Control::Prepare {
                epoch,
                program,
                codec,
            } => {
                let result = self.prepare(epoch, &program, codec);
                self.outbox.control(&Control::Prepared { epoch, result });
            }
            Control::Retire { oldest } => self.model()?.runtime.retire_before(oldest),
            Control::Cancel { key } => {
                self.model()?.runtime.withdraw(key);
            }
            other => {
                let name = format!("{other:?}");
                let name = name.split([' ', '(']).next().unwrap_or_default();
                return Err(protocol(&format!("a robot does not send {name}")));
            }
        }
        Ok(())
    }

    fn prepare(&self, epoch: Epoch, packed: &[u8], codec: Codec) -> Result<(), String> {
        let model = self.model().map_err(|e| e.to_string())?;
        let program: Program =
            Compressed::decode("a program", packed, MAX_PLAIN_BYTES).map_err(|e| e.to_string())?;
        let graph = model.runtime.graph();
        validate_program(graph, &program).map_err(|e| e.to_string())?;
        if program.device == DeviceId::ROBOT {
            return Err("it is the robot's program".to_owned());
        }
        model
            .runtime
            .prepare(epoch, Linked::new(graph, program, None), codec);
        Ok(())
    }

    fn progress(&self, at: Nanos) -> Progress {
        Progress {
            received_bytes: self.shared.received_bytes.load(Ordering::Relaxed),
            at,
        }
    }

    fn chunk(&mut self, head: ChunkHead, payload: &[u8]) -> Result<(), LinkError> {
        let model = self.model()?;
        let now = clock::now();
        let bytes = payload.len() as u64;
        self.shared.last_value.store(now.0, Ordering::Relaxed);
        self.shared
            .received_bytes
            .fetch_add(bytes, Ordering::Relaxed);
        let taken = self
            .receiver
            .chunk(&model.runtime, head, payload, now)
            .map_err(|e| protocol(&e.to_string()))?;
        if matches!(taken, Taken::Part) && now.since(self.last_progress) > PROGRESS_EVERY_NS {
            self.last_progress = now;
            self.outbox.control(&Control::Progress(self.progress(now)));
        }
        Ok(())
    }

    fn tell_peer(&self, state: PeerState) {
        self.shared.hub.record(Record::Peer(PeerRecord {
            device: DeviceId::ROBOT,
            address: self.peer.clone(),
            state,
            clock: None,
            link: None,
        }));
    }
}

fn first_message(reader: &mut MessageReader<TcpStream>) -> Result<Control, LinkError> {
    let (kind, body) = reader.next(MAX_HELLO_BYTES)?;
    match kind {
        Kind::Control => Ok(decode_control(body)?),
        Kind::Chunk | Kind::Weights => Err(refuse("the robot did not say hello first")),
    }
}

/// The server does not want this robot, and tells it why.
fn refuse(reason: &str) -> LinkError {
    LinkError::Refused(reason.to_owned())
}

/// The robot does what no robot does.
pub(super) fn protocol(reason: &str) -> LinkError {
    LinkError::Protocol(reason.to_owned())
}
