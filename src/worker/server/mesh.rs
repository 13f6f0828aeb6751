//! Links between servers of one robot: the lower number dials the higher one, values go both ways.

use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::{Model, Shared, locked};
use crate::clock;
use crate::engine::Engine;
use crate::link::{
    Estimator, Goodput, LinkError, MessageReader, Outbox, connect, exchange_magic, tune, write_loop,
};
use crate::units::{BootId, DeviceId, Nanos};
use crate::wire::data::{
    ChunkHead, Control, Kind, MAX_BODY_BYTES, PeerAddress, PeerHello, decode_control,
};
use crate::wire::{Flow, PROTOCOL, VERSION};
use crate::worker::runtime::Receiver;

/// How long the other server may take to answer.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that says nothing for so long, although both ping, is gone.
const SILENCE: Duration = Duration::from_secs(2);
const PING_EVERY: Duration = Duration::from_millis(250);
const TRY_EVERY: Duration = Duration::from_millis(300);

/// Keeps the link to another server while this robot session lasts.
pub(super) struct Dialer<E: Engine> {
    pub(super) shared: Arc<Shared<E>>,
    pub(super) session: u64,
    pub(super) robot: BootId,
    pub(super) own: DeviceId,
    pub(super) peer: PeerAddress,
    pub(super) model: Model<E>,
}

impl<E: Engine> Dialer<E> {
    /// Dials on a thread of its own, again after every loss, until the session is over.
    pub(super) fn start(self) {
        let started = std::thread::Builder::new()
            .name("server mesh".to_owned())
            .spawn(move || {
                while self.is_current() {
                    if let Err(error) = self.serve() {
                        tell_robot(&self.shared, self.peer.device, Err(error.to_string()));
                    }
                    std::thread::sleep(TRY_EVERY);
                }
            });
        if let Err(error) = started {
            tracing::error!("cannot start a thread for the link to another server: {error}");
        }
    }

    fn is_current(&self) -> bool {
        !self.shared.stop.load(Ordering::Relaxed)
            && locked(&self.shared.active)
                .as_ref()
                .is_some_and(|a| a.session == self.session)
    }

    fn serve(&self) -> Result<(), LinkError> {
        let mut stream = connect(&self.peer.address, Duration::from_secs(1))?;
        tune(&stream)?;
        exchange_magic(&mut stream, HELLO_TIMEOUT)?;
        let share = |source| LinkError::Io {
            doing: "sharing the socket",
            source,
        };
        let reading = stream.try_clone().map_err(share)?;
        let closing = stream.try_clone().map_err(share)?;
        let outbox = Arc::new(Outbox::default());
        outbox.control(&Control::PeerHello(Box::new(PeerHello {
            protocol: PROTOCOL,
            version: VERSION.to_owned(),
            robot: self.robot,
            device: self.own,
            graph_hash: self.model.graph_hash,
        })));
        let peer = self.peer.device;
        let events = self.model.lane_events.clone();
        let rates = Rates::default();
        let goodput = Arc::clone(&rates.sending);
        let mut lane = self.model.runtime.send_lane(peer, events, None, goodput);
        let writer = std::thread::Builder::new()
            .name("server mesh send".to_owned())
            .spawn({
                let outbox = Arc::clone(&outbox);
                move || {
                    let written = write_loop(&mut stream, &outbox, &mut lane);
                    outbox.close();
                    let _ = stream.shutdown(Shutdown::Both);
                    written
                }
            })
            .map_err(share)?;
        let mut reader = MessageReader::new(reading, HELLO_TIMEOUT);
        let end = End {
            peer,
            outbox: Arc::clone(&outbox),
            rates,
        };
        let goes_on = || self.is_current();
        let ended = greeted(&mut reader)
            .and_then(|()| exchange(&self.shared, &self.model, &end, &mut reader, &goes_on));
        outbox.close();
        let _ = closing.shutdown(Shutdown::Both);
        let _ = writer.join();
        ended
    }
}

fn greeted(reader: &mut MessageReader<TcpStream>) -> Result<(), LinkError> {
    let (kind, body) = reader.next(MAX_BODY_BYTES)?;
    match (kind, decode_control(body)) {
        (Kind::Control, Ok(Control::ServerHello(hello))) if hello.protocol == PROTOCOL => Ok(()),
        (Kind::Control, Ok(Control::ServerHello(hello))) => Err(LinkError::Protocol(format!(
            "it speaks protocol {}, this server {PROTOCOL}",
            hello.protocol
        ))),
        (Kind::Control, Ok(Control::Refused { reason })) => Err(LinkError::Refused(reason)),
        _ => Err(LinkError::Protocol("it did not say hello first".to_owned())),
    }
}

/// The model that another server of the same robot may exchange values with, or why not.
pub(super) fn accept<E: Engine>(shared: &Shared<E>, hello: &PeerHello) -> Result<Model<E>, String> {
    if hello.protocol != PROTOCOL {
        return Err(format!(
            "this server ({VERSION}) speaks protocol {PROTOCOL}, the other server ({}) speaks {}: install the same \
             version on both",
            hello.version, hello.protocol
        ));
    }
    let here = locked(&shared.active)
        .as_ref()
        .is_some_and(|a| a.boot == hello.robot);
    if !here {
        return Err("the robot that both work for is not connected here yet".to_owned());
    }
    let model = locked(&shared.model).clone();
    model
        .filter(|m| m.graph_hash == hello.graph_hash)
        .ok_or_else(|| "the robot's model is not loaded here yet".to_owned())
}

/// What a link between servers carries, each way.
#[derive(Default)]
pub(super) struct Rates {
    /// In the other server's own words.
    pub(super) sending: Arc<Goodput>,
    /// As seen here; the other server is told.
    receiving: Arc<Goodput>,
}

/// This end of a link between servers.
pub(super) struct End {
    pub(super) peer: DeviceId,
    pub(super) outbox: Arc<Outbox>,
    pub(super) rates: Rates,
}

/// Exchanges values until the link ends or `goes_on` says no. The robot is told when the link stands and when it ends.
pub(super) fn exchange<E: Engine>(
    shared: &Arc<Shared<E>>,
    model: &Model<E>,
    end: &End,
    reader: &mut MessageReader<TcpStream>,
    goes_on: &dyn Fn() -> bool,
) -> Result<(), LinkError> {
    reader.set_silence(SILENCE);
    let peer = end.peer;
    model.runtime.attach(peer, Arc::clone(&end.outbox));
    keep_alive(&end.outbox, Arc::clone(&end.rates.receiving));
    tell_robot(shared, peer, Ok(()));
    let ended = receive(shared, model, end, reader, goes_on);
    model.runtime.detach(peer);
    let reason = ended
        .as_ref()
        .err()
        .map_or_else(|| "the session is over".to_owned(), ToString::to_string);
    tell_robot(shared, peer, Err(reason));
    ended
}

fn receive<E: Engine>(
    shared: &Shared<E>,
    model: &Model<E>,
    end: &End,
    reader: &mut MessageReader<TcpStream>,
    goes_on: &dyn Fn() -> bool,
) -> Result<(), LinkError> {
    let mut receiver = Receiver::new(end.peer);
    let mut rate = ArrivalRate::default();
    while goes_on() {
        let (kind, body) = reader.next(MAX_BODY_BYTES)?;
        match kind {
            Kind::Chunk => {
                let (head, payload) = ChunkHead::decode(body)?;
                let now = clock::now();
                // Values between servers are frames as well: a probe would slow them.
                shared.last_value.store(now.0, Ordering::Relaxed);
                rate.chunk(&head, payload.len() as u64, now);
                end.rates.receiving.set(rate.bps(now));
                receiver
                    .chunk(&model.runtime, head, payload, now)
                    .map_err(|e| LinkError::Protocol(e.to_string()))?;
            }
            Kind::Control => match decode_control(body)? {
                Control::Ping { goodput_bps, .. } => end.rates.sending.set(goodput_bps),
                Control::Refused { reason } => return Err(LinkError::Refused(reason)),
                _ => {
                    let what = "a server sends values and heartbeats to another".to_owned();
                    return Err(LinkError::Protocol(what));
                }
            },
            Kind::Weights => {
                let what = "a server does not send weights to another".to_owned();
                return Err(LinkError::Protocol(what));
            }
        }
        if end.outbox.is_closed() {
            return Err(LinkError::Closed);
        }
    }
    Ok(())
}

/// Follows the rate at which values come in, from each value's first part to its last.
#[derive(Default)]
struct ArrivalRate {
    estimator: Estimator,
    last: Option<Nanos>,
}

impl ArrivalRate {
    fn chunk(&mut self, head: &ChunkHead, bytes: u64, now: Nanos) {
        let before = self.last.replace(now).filter(|_| head.offset > 0);
        if let Some(before) = before {
            let busy_ns = now.since(before);
            self.estimator.add(now, Flow { bytes, busy_ns });
        }
    }

    fn bps(&self, now: Nanos) -> Option<u64> {
        self.estimator.estimate(now).map(|e| e.bps())
    }
}

/// Pings until the outbox is closed.
fn keep_alive(outbox: &Arc<Outbox>, receiving: Arc<Goodput>) {
    let outbox: Weak<Outbox> = Arc::downgrade(outbox);
    let started = std::thread::Builder::new()
        .name("server mesh ping".to_owned())
        .spawn(move || {
            while let Some(outbox) = outbox.upgrade().filter(|o| !o.is_closed()) {
                outbox.control(&Control::Ping {
                    sent: clock::now(),
                    goodput_bps: receiving.bps(),
                });
                drop(outbox);
                std::thread::sleep(PING_EVERY);
            }
        });
    if let Err(error) = started {
        tracing::error!("cannot start a thread for heartbeats: {error}");
    }
}

fn tell_robot<E: Engine>(shared: &Shared<E>, device: DeviceId, result: Result<(), String>) {
    if let Some(outbox) = locked(&shared.reports).as_ref() {
        outbox.control(&Control::Mesh { device, result });
    }
}
