//! The sockets: one task per worker, which dials when it is told to and passes on what it hears. It decides nothing
//! about time: [`connection`](super::connection) does.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::address::Address;
use super::app::{Said, Update};
use super::connection::{Order, Refusal};
use crate::clock;
use crate::units::Nanos;
use crate::wire::console::{
    CommandMessage, ConsoleHello, Encoding, MAX_MESSAGE_BYTES, Missed, Packed, SUBPROTOCOL,
    ToConsole, ToWorker, unpack_binary,
};
use crate::wire::{PROTOCOL, VERSION};

/// A small message that cannot be written for this long will not be.
const WRITE_WITHIN: Duration = Duration::from_secs(2);
/// Between two pings, which measure the round trip: 20 bytes each way.
const PING_EVERY: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a connection's task is told.
#[derive(Debug)]
pub(super) enum Told {
    /// Dial or hang up.
    Link(Order),
    /// Send a command. One that finds no connection is kept by [`Orders`](super::app::Orders), not here.
    Send(CommandMessage),
    /// Ask for batches that did not come; asked again after every hello, so not kept either.
    Ask(Missed),
}

/// One worker's connection.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) target: usize,
    pub(super) address: Address,
    pub(super) name: String,
    pub(super) told: Receiver<Told>,
    pub(super) updates: Sender<Update>,
}

/// Why a connection ended.
enum End {
    Told(Option<Told>),
    Said(Said),
}

impl Line {
    /// Serves until nobody tells it anything any more.
    pub(super) async fn serve(mut self) {
        let mut next = self.told.recv().await;
        while let Some(told) = next {
            next = match told {
                Told::Link(Order::Dial(dial)) => match self.connection(dial).await {
                    End::Told(told) => told,
                    End::Said(said) => {
                        self.pass_on(dial, said).await;
                        self.told.recv().await
                    }
                },
                Told::Link(Order::HangUp) | Told::Send(_) | Told::Ask(_) => self.told.recv().await,
            };
        }
    }

    async fn pass_on(&self, dial: u64, said: Said) {
        match &said {
            Said::Lost(why) => tracing::debug!("{}: {why}", self.address.short()),
            Said::Refused(why) => tracing::warn!("{}: {why}", self.address.short()),
            _ => {}
        }
        let update = Update::Link {
            target: self.target,
            dial,
            said,
        };
        // The console is gone when this fails, and with it this task.
        self.updates.send(update).await.ok();
    }

    async fn connection(&mut self, dial: u64) -> End {
        let url = self.address.url().to_owned();
        tracing::debug!("dialling {url}");
        let connect = connect(&url);
        tokio::pin!(connect);
        let socket = loop {
            tokio::select! {
                told = self.told.recv() => match told {
                    Some(Told::Send(_) | Told::Ask(_)) => {}
                    told => return End::Told(told),
                },
                socket = &mut connect => break socket,
            }
        };
        match socket {
            Ok(socket) => self.talk(dial, socket).await,
            Err(error) => End::Said(while_connecting(&error)),
        }
    }

    async fn talk(&mut self, dial: u64, mut socket: Socket) -> End {
        let mut greeted = false;
        let mut pings = tokio::time::interval(PING_EVERY);
        let mut pinged: Option<(u64, Nanos)> = None;
        loop {
            tokio::select! {
                _ = pings.tick(), if greeted => {
                    let number = pinged.map_or(0, |(number, _)| number + 1);
                    pinged = Some((number, clock::now()));
                    let ping = Message::Ping(number.to_le_bytes().to_vec().into());
                    if let Err(said) = send(&mut socket, ping).await {
                        return End::Said(said);
                    }
                }
                told = self.told.recv() => {
                    let message = match told {
                        Some(Told::Send(message)) => ToWorker::Command(message),
                        Some(Told::Ask(missed)) => ToWorker::Missed(missed),
                        told => {
                            tokio::time::timeout(WRITE_WITHIN, socket.close(None)).await.ok();
                            return End::Told(told);
                        }
                    };
                    if let Err(said) = write(&mut socket, &message).await {
                        return End::Said(said);
                    }
                }
                message = socket.next() => {
                    if let Some(Ok(Message::Pong(echo))) = &message {
                        // An echo of anything but the last ping says nothing.
                        let of = pinged.filter(|(n, _)| echo[..] == n.to_le_bytes());
                        if let Some((_, sent)) = of {
                            let rtt_ns = clock::now().since(sent);
                            self.pass_on(dial, Said::RoundTrip(rtt_ns)).await;
                        }
                        continue;
                    }
                    let said = match understand(message) {
                        Ok(None) => continue,
                        Ok(Some(said)) => said,
                        Err(said) => return End::Said(said),
                    };
                    match (&said, greeted) {
                        (Said::Hello(hello), false) => {
                            greeted = true;
                            tracing::info!(
                                "{} answers: splitscope {}, {}",
                                self.address.short(),
                                hello.version,
                                hello.host
                            );
                            if hello.protocol == PROTOCOL
                                && let Err(said) = write(&mut socket, &self.hello()).await
                            {
                                return End::Said(said);
                            }
                        }
                        (Said::Refused(_), _) => return End::Said(said),
                        (_, false) => {
                            let what = "it does not begin with a hello".to_owned();
                            return End::Said(Said::Refused(Refusal::Garbage(what)));
                        }
                        (_, true) => {}
                    }
                    self.pass_on(dial, said).await;
                }
            }
        }
    }

    fn hello(&self) -> ToWorker {
        ToWorker::Hello(ConsoleHello {
            protocol: PROTOCOL,
            version: VERSION.to_owned(),
            name: self.name.clone(),
        })
    }
}

async fn connect(url: &str) -> Result<Socket, Error> {
    let mut request = url.into_client_request()?;
    request.headers_mut().insert(
        "Sec-WebSocket-Protocol",
        HeaderValue::from_static(SUBPROTOCOL),
    );
    let most = Some(MAX_MESSAGE_BYTES as usize);
    let config = WebSocketConfig::default()
        .max_message_size(most)
        .max_frame_size(most);
    let (socket, _) = connect_async_with_config(request, Some(config), true).await?;
    Ok(socket)
}

async fn write(socket: &mut Socket, message: &ToWorker) -> Result<(), Said> {
    let message = match Encoding::Binary.pack(message) {
        Packed::Binary(bytes) => Message::binary(bytes),
        Packed::Text(text) => Message::text(text),
    };
    send(socket, message).await
}

async fn send(socket: &mut Socket, message: Message) -> Result<(), Said> {
    match tokio::time::timeout(WRITE_WITHIN, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Said::Lost(error.to_string())),
        Err(_) => Err(Said::Lost("it does not read".to_owned())),
    }
}

/// What a message says; none for what is only the protocol's.
fn understand(message: Option<Result<Message, Error>>) -> Result<Option<Said>, Said> {
    match message {
        Some(Ok(Message::Binary(bytes))) => match unpack_binary("a worker's message", &bytes) {
            Ok(message) => Ok(Some(said(message))),
            Err(error) => Err(Said::Refused(Refusal::Garbage(error.to_string()))),
        },
        Some(Ok(Message::Text(_))) => Err(Said::Refused(Refusal::Garbage(format!(
            "text, where {SUBPROTOCOL} has binary messages"
        )))),
        Some(Ok(Message::Close(frame))) => Err(Said::Lost(match frame {
            Some(frame) if !frame.reason.is_empty() => format!("it closed: {}", frame.reason),
            _ => "it closed the connection".to_owned(),
        })),
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(None),
        Some(Err(error)) => Err(while_talking(&error)),
        None => Err(Said::Lost("it closed the connection".to_owned())),
    }
}

fn said(message: ToConsole) -> Said {
    match message {
        ToConsole::Hello(hello) => Said::Hello(hello),
        ToConsole::Telemetry(batch) => Said::Batch(batch),
        ToConsole::Reply(reply) => Said::Reply(reply),
        ToConsole::Backfill(backfill) => Said::Backfill(backfill),
        ToConsole::Refused { reason } => {
            Said::Refused(Refusal::Said(crate::store::clean(&reason, 300)))
        }
    }
}

fn while_connecting(error: &Error) -> Said {
    match error {
        Error::Io(error) => Said::Lost(io_words(error)),
        Error::Protocol(ProtocolError::HandshakeIncomplete) => {
            Said::Lost("it closed the connection at once".to_owned())
        }
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => {
            not_a_worker(&format!("a WebSocket that does not speak {SUBPROTOCOL}"))
        }
        Error::Http(response) => not_a_worker(&format!("HTTP {}", response.status())),
        error => not_a_worker(&error.to_string()),
    }
}

fn while_talking(error: &Error) -> Said {
    match error {
        Error::Io(error) => Said::Lost(io_words(error)),
        Error::ConnectionClosed | Error::AlreadyClosed => {
            Said::Lost("it closed the connection".to_owned())
        }
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            Said::Lost("the connection broke off".to_owned())
        }
        error => Said::Refused(Refusal::Garbage(error.to_string())),
    }
}

fn not_a_worker(what: &str) -> Said {
    Said::Refused(Refusal::NotAWorker(what.to_owned()))
}

/// What went wrong without the number that only programmers know.
fn io_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_lowercase()
}
