//! Links between servers of one robot: the lower number dials the higher one, values go both ways.

use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::{Model, Shared, locked};
use crate::clock;
use crate::engine::Engine;
use crate::link::{
    Expect, Inbox, InboxError, LinkError, MessageReader, Outbox, connect, exchange_magic, tune,
    write_loop,
};
use crate::units::{BootId, DeviceId};
use crate::wire::data::{
    ChunkHead, Control, Kind, MAX_BODY_BYTES, PeerAddress, PeerHello, decode_control,
};
use crate::wire::{PROTOCOL, VERSION};

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
        let mut lane = self.model.runtime.send_lane(peer, events, None);
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
        let ended = greeted(&mut reader).and_then(|()| {
            exchange(
                &self.shared,
                &self.model,
                peer,
                &outbox,
                &mut reader,
                &|| self.is_current(),
            )
        });
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

/// Exchanges values until the link ends or `goes_on` says no. The robot is told when the link stands and when it ends.
pub(super) fn exchange<E: Engine>(
    shared: &Arc<Shared<E>>,
    model: &Model<E>,
    peer: DeviceId,
    outbox: &Arc<Outbox>,
    reader: &mut MessageReader<TcpStream>,
    goes_on: &dyn Fn() -> bool,
) -> Result<(), LinkError> {
    reader.set_silence(SILENCE);
    model.runtime.attach(peer, Arc::clone(outbox));
    keep_alive(outbox);
    tell_robot(shared, peer, Ok(()));
    let ended = receive(model, peer, outbox, reader, goes_on);
    model.runtime.detach(peer);
    let reason = ended
        .as_ref()
        .err()
        .map_or_else(|| "the session is over".to_owned(), ToString::to_string);
    tell_robot(shared, peer, Err(reason));
    ended
}

fn receive<E: Engine>(
    model: &Model<E>,
    peer: DeviceId,
    outbox: &Outbox,
    reader: &mut MessageReader<TcpStream>,
    goes_on: &dyn Fn() -> bool,
) -> Result<(), LinkError> {
    let mut inbox = Inbox::default();
    while goes_on() {
        let (kind, body) = reader.next(MAX_BODY_BYTES)?;
        match kind {
            Kind::Chunk => {
                let (head, payload) = ChunkHead::decode(body)?;
                take_chunk(model, peer, &mut inbox, head, payload).map_err(LinkError::Protocol)?;
            }
            Kind::Control => match decode_control(body)? {
                Control::Ping { .. } => {}
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
        if outbox.is_closed() {
            return Err(LinkError::Closed);
        }
    }
    Ok(())
}

fn take_chunk<E: Engine>(
    model: &Model<E>,
    peer: DeviceId,
    inbox: &mut Inbox,
    head: ChunkHead,
    payload: &[u8],
) -> Result<(), String> {
    let now = clock::now();
    let expect = |head: &ChunkHead| -> Result<Expect, Sentence> {
        let expected = model.runtime.expect(head, peer);
        expected.map_err(|e| Sentence(e.to_string()))
    };
    let complete = inbox
        .take(head, payload, now, expect)
        .map_err(|e: Sentence| e.0)?;
    let Some(complete) = complete else {
        return Ok(());
    };
    let (key, value) = (complete.head.key, complete.head.value);
    let payload =
        E::import(model.runtime.graph(), &value, &complete.bytes).map_err(|e| e.to_string())?;
    model
        .runtime
        .arrived(key, value, peer, payload, (complete.first, now))
        .map(drop)
        .map_err(|e| e.to_string())
}

/// A sentence on its way into a [`LinkError::Protocol`].
struct Sentence(String);

impl From<InboxError> for Sentence {
    fn from(error: InboxError) -> Self {
        Self(error.to_string())
    }
}

/// Pings until the outbox is closed.
fn keep_alive(outbox: &Arc<Outbox>) {
    let outbox: Weak<Outbox> = Arc::downgrade(outbox);
    let started = std::thread::Builder::new()
        .name("server mesh ping".to_owned())
        .spawn(move || {
            while let Some(outbox) = outbox.upgrade().filter(|o| !o.is_closed()) {
                outbox.control(&Control::Ping { sent: clock::now() });
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
