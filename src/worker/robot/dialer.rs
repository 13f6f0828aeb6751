//! The robot's end of the data link: connects, says hello, hands over weights, receives; again after every loss.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::RobotEvent;
use crate::clock::{self, RoundTrip};
use crate::engine::Engine;
use crate::link::{
    LinkError, MessageReader, Outbox, Passage, connect, exchange_magic, tune, write_loop,
};
use crate::model::weights::Weights;
use crate::units::DeviceId;
use crate::wire::PROTOCOL;
use crate::wire::data::{
    ChunkHead, Control, DeviceCosts, Kind, MAX_BODY_BYTES, Report, RobotHello, decode_control,
};
use crate::worker::peer::PeerLink;
use crate::worker::runtime::{Receiver, Runtime, RuntimeEvent, Taken};

use std::sync::mpsc::SyncSender;

/// How long a server may take to answer a hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that says nothing for so long, although it is pinged ten times a second, is gone.
const SILENCE: Duration = Duration::from_secs(2);
/// First and longest pause between tries; doubled in between.
const BACK_OFF_MS: (u64, u64) = (100, 1000);
/// How long a connection may take to come about: short, so that a link that is back is found by the next try instead of
/// by TCP's own retransmission timer.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(700);

/// What the link tells the coordinator.
pub(super) enum LinkEvent {
    /// A try begins.
    Connecting,
    /// The connection stands.
    Up(Arc<Outbox>),
    /// The server is at something.
    Loading {
        what: String,
        done_bytes: u64,
        total_bytes: u64,
    },
    /// The server has the model.
    Ready {
        engine: String,
        costs: Option<DeviceCosts>,
    },
    /// The server prepared a plan, or could not.
    Prepared {
        epoch: crate::units::Epoch,
        result: Result<(), String>,
    },
    /// The server's link to another server stands, or why not.
    Mesh {
        device: DeviceId,
        result: Result<(), String>,
    },
    /// The server's times of a frame.
    Report(Box<Report>),
    /// A frame failed on the server.
    Failed {
        key: crate::units::FrameKey,
        reason: String,
    },
    /// A sounding's way.
    Sounded(Passage),
    /// The connection is gone, or did not come about.
    Down { reason: String, retry_in_ms: u64 },
}

/// What the link thread needs.
pub(super) struct Dialer<E: Engine> {
    pub(super) address: String,
    pub(super) hello: RobotHello,
    pub(super) weights: Arc<Weights>,
    pub(super) runtime: Arc<Runtime<E>>,
    pub(super) link: Arc<PeerLink>,
    pub(super) events: SyncSender<RobotEvent<E::Payload>>,
    pub(super) lane_events: SyncSender<RuntimeEvent<E::Payload>>,
    pub(super) stop: Arc<AtomicBool>,
    /// The weights as a file, made once if a server asks.
    pub(super) weights_file: Arc<OnceLock<Arc<Vec<u8>>>>,
}

/// The coordinator is gone; the thread ends.
struct Gone;

enum Ended {
    Gone,
    Link(LinkError),
}

impl From<LinkError> for Ended {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl From<Gone> for Ended {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl<E: Engine> Dialer<E> {
    /// Serves until the robot stops.
    pub(super) fn run(&self) {
        let mut pause_ms = BACK_OFF_MS.0;
        while !self.stopped() {
            if self.tell(LinkEvent::Connecting).is_err() {
                return;
            }
            let mut was_ready = false;
            let ended = self.session(&mut was_ready);
            self.link.lost();
            self.runtime.detach(self.device());
            if was_ready {
                pause_ms = BACK_OFF_MS.0;
            }
            let reason = match ended {
                Ok(()) | Err(Ended::Gone) => return,
                Err(Ended::Link(error)) => error.to_string(),
            };
            let down = LinkEvent::Down {
                reason,
                retry_in_ms: pause_ms,
            };
            if self.tell(down).is_err() {
                return;
            }
            let until = clock::now().shifted(pause_ms as i64 * 1_000_000);
            while clock::now() < until && !self.stopped() {
                std::thread::sleep(Duration::from_millis(20));
            }
            pause_ms = (pause_ms * 2).min(BACK_OFF_MS.1);
        }
    }

    const fn device(&self) -> DeviceId {
        self.hello.device
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn tell(&self, event: LinkEvent) -> Result<(), Gone> {
        self.events
            .send(RobotEvent::Link(self.device(), event))
            .map_err(|_| Gone)
    }

    fn session(&self, was_ready: &mut bool) -> Result<(), Ended> {
        let mut stream = connect(&self.address, CONNECT_TIMEOUT)?;
        tune(&stream)?;
        exchange_magic(&mut stream, HELLO_TIMEOUT)?;
        let clone = |doing| move |source| LinkError::Io { doing, source };
        let reading = stream.try_clone().map_err(clone("sharing the socket"))?;
        let shutdown = stream.try_clone().map_err(clone("sharing the socket"))?;
        let outbox = Arc::new(Outbox::default());
        outbox.control(&Control::RobotHello(Box::new(self.hello.clone())));
        let writer = std::thread::Builder::new()
            .name("robot send".to_owned())
            .spawn({
                let outbox = Arc::clone(&outbox);
                let mut lane = self.runtime.send_lane(
                    self.device(),
                    self.lane_events.clone(),
                    Some(Arc::clone(&self.link)),
                    self.link.goodput(),
                );
                move || {
                    let written = write_loop(&mut stream, &outbox, &mut lane);
                    outbox.close();
                    // The reader notices at once.
                    let _ = stream.shutdown(std::net::Shutdown::Both);
                    written
                }
            })
            .map_err(clone("starting the send lane"))?;
        self.link.connected(shutdown.try_clone().ok());
        let ended = self
            .tell(LinkEvent::Up(Arc::clone(&outbox)))
            .map_err(Ended::from);
        let ended = ended.and_then(|()| self.receive(reading, &outbox, was_ready));
        outbox.close();
        let _ = shutdown.shutdown(std::net::Shutdown::Both);
        let written = writer.join().unwrap_or(Err(LinkError::Closed));
        // A failed write is the cause; the closed socket that the reader saw is its effect.
        match (ended, written) {
            (Err(Ended::Link(LinkError::Closed)), Err(cause)) => Err(Ended::Link(cause)),
            (ended, _) => ended,
        }
    }

    fn receive(
        &self,
        stream: std::net::TcpStream,
        outbox: &Arc<Outbox>,
        was_ready: &mut bool,
    ) -> Result<(), Ended> {
        let mut reader = MessageReader::new(stream, HELLO_TIMEOUT);
        let mut receiver = Receiver::new(self.device());
        let mut download = 0;
        let mut greeted = false;
        loop {
            if self.stopped() {
                return Ok(());
            }
            let (kind, body) = reader.next(MAX_BODY_BYTES)?;
            match kind {
                Kind::Chunk => {
                    let (head, payload) = ChunkHead::decode(body).map_err(LinkError::from)?;
                    let now = clock::now();
                    if head.offset == 0 {
                        download += 1;
                    }
                    let done = head.offset + payload.len() as u64;
                    self.link
                        .download(download, head.began, now, done, head.total);
                    self.chunk(&mut receiver, head, payload, now)?;
                }
                Kind::Weights => {
                    let what = "a server does not send weights".to_owned();
                    return Err(LinkError::Protocol(what).into());
                }
                Kind::Control => {
                    let message = decode_control(body).map_err(LinkError::from)?;
                    match message {
                        Control::ServerHello(hello) if hello.protocol != PROTOCOL => {
                            return Err(LinkError::Protocol(format!(
                                "the server speaks protocol {}, this robot {PROTOCOL}",
                                hello.protocol
                            ))
                            .into());
                        }
                        Control::ServerHello(_) => {
                            greeted = true;
                            // From here on the server answers heartbeats, also while it loads.
                            reader.set_silence(SILENCE);
                        }
                        Control::Refused { reason } => {
                            return Err(LinkError::Refused(reason).into());
                        }
                        _ if !greeted => {
                            let what = "the server did not say hello first".to_owned();
                            return Err(LinkError::Protocol(what).into());
                        }
                        Control::Ready { engine, costs } => {
                            *was_ready = true;
                            self.runtime.attach(self.device(), Arc::clone(outbox));
                            self.tell(LinkEvent::Ready { engine, costs })?;
                        }
                        Control::SendWeights { offset } => self.send_weights(outbox, offset)?,
                        other => self.control(other)?,
                    }
                }
            }
        }
    }

    fn control(&self, message: Control) -> Result<(), Ended> {
        match message {
            Control::Loading {
                what,
                done_bytes,
                total_bytes,
            } => self.tell(LinkEvent::Loading {
                what,
                done_bytes,
                total_bytes,
            })?,
            Control::Prepared { epoch, result } => {
                self.tell(LinkEvent::Prepared { epoch, result })?;
            }
            Control::Pong {
                sent,
                received,
                answered,
                progress,
                may_sound,
            } => {
                self.link.heartbeat(RoundTrip {
                    sent,
                    peer_received: received,
                    peer_sent: answered,
                    received: clock::now(),
                });
                self.link.upload_progress(progress);
                self.link.may_sound(may_sound);
            }
            Control::Sounded { id, received } => {
                if let Some(passage) = self.link.sounded(id, received) {
                    self.tell(LinkEvent::Sounded(passage))?;
                }
            }
            Control::Progress(progress) => self.link.upload_progress(progress),
            Control::Mesh { device, result } => self.tell(LinkEvent::Mesh { device, result })?,
            Control::Report(report) => self.tell(LinkEvent::Report(report))?,
            Control::Failed { key, reason } => self.tell(LinkEvent::Failed { key, reason })?,
            other => {
                let name = format!("{other:?}");
                let name = name.split([' ', '(']).next().unwrap_or_default().to_owned();
                return Err(LinkError::Protocol(format!("a server does not send {name}")).into());
            }
        }
        Ok(())
    }

    fn chunk(
        &self,
        receiver: &mut Receiver,
        head: ChunkHead,
        payload: &[u8],
        now: crate::units::Nanos,
    ) -> Result<(), Ended> {
        let taken = receiver
            .chunk(&self.runtime, head, payload, now)
            .map_err(|e| LinkError::Protocol(e.to_string()))?;
        if let Taken::Value(Some(completed)) = taken {
            let event = RobotEvent::Runtime(RuntimeEvent::Completed(completed));
            self.events.send(event).map_err(|_| Ended::Gone)?;
        }
        Ok(())
    }

    fn send_weights(&self, outbox: &Outbox, offset: u64) -> Result<(), Ended> {
        let file = match self.weights_file.get() {
            Some(file) => Arc::clone(file),
            None => {
                let bytes = self.weights.to_safetensors();
                let bytes = bytes.map_err(|e| LinkError::Protocol(e.to_string()))?;
                Arc::clone(self.weights_file.get_or_init(|| Arc::new(bytes)))
            }
        };
        outbox.control(&Control::WeightsLength {
            bytes: file.len() as u64,
        });
        outbox.weights(file, offset as usize);
        Ok(())
    }
}
