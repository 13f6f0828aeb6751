//! One console's connection: hello, telemetry out, commands in. Whatever a console does ends at most its own session.

use std::sync::Arc;

use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::answers::{Answer, Answers, Seen};
use super::backfill::Backfiller;
use super::collector::{Join, to_message};
use super::control::{Console, Performed};
use super::handshake::{FAREWELL, MAX_HEARD_BYTES, drain, upgrade};
use super::{Limits, Shared};
use crate::clock;
use crate::wire::console::{
    CommandMessage, ConsoleHello, Encoding, Reply, ToConsole, ToWorker, WorkerHello, unpack_text,
};
use crate::wire::{Compressed, Level, PROTOCOL, VERSION};

/// Commands of one session that may wait for the coordinator at once.
const MAX_PENDING: usize = 16;
/// Characters of a console's name that are shown to others.
const MAX_NAME: usize = 64;

/// Why a session ends.
enum End {
    /// The console closed, or the connection broke.
    Gone,
    /// The console did not read for [`Limits::stalled_write`].
    Stalled,
    /// The worker shuts down.
    Shutdown,
    /// The console is told this, and the connection is closed.
    Refused(String),
}

/// Serves one accepted connection until it ends.
pub(super) async fn run(stream: TcpStream, shared: Arc<Shared>) {
    let (socket, encoding) = match upgrade(stream, shared.limits.hello).await {
        Ok(upgraded) => upgraded,
        Err(rejected) => return tracing::info!("a connection was no console: {rejected}"),
    };
    let mut wire = Wire {
        socket,
        encoding,
        limits: shared.limits,
    };
    let end = match shared.seats.try_acquire() {
        Ok(_seat) => converse(&mut wire, &shared).await,
        Err(_) => End::Refused(format!(
            "{} consoles are attached to this {}, and it takes no more; close one and try again",
            shared.limits.sessions,
            shared.role.name()
        )),
    };
    wire.farewell(end).await;
}

/// Gives the lease back whichever way a session ends, a panic included.
struct Presence<'a> {
    shared: &'a Shared,
    console: Console,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.shared
            .console_gone(self.console.session, &self.console.name);
    }
}

async fn converse(wire: &mut Wire, shared: &Shared) -> End {
    let (session, nonce) = shared.next_session();
    let hello = WorkerHello {
        protocol: PROTOCOL,
        version: VERSION.to_owned(),
        role: shared.role,
        host: shared.host.clone(),
        boot: shared.hub.boot(),
        engine: shared.engine.clone(),
        emulated: shared.emulated,
        session,
        needs_token: shared.token.is_some(),
        nonce,
        capabilities: shared.capabilities(),
        now: clock::now(),
        unix_ms: Some(clock::unix_ms()),
        model: shared.hub.model(),
    };
    let greeted = async {
        wire.say(&ToConsole::Hello(Box::new(hello))).await?;
        let heard = timeout(shared.limits.hello, wire.hear()).await;
        check_hello(
            heard.unwrap_or_else(|_| Err(no_hello(shared.limits))),
            shared,
        )
    };
    let theirs = match greeted.await {
        Ok(theirs) => theirs,
        Err(end) => return end,
    };
    let presence = Presence {
        shared,
        console: Console {
            session,
            name: shown_name(&theirs.name, session),
            nonce,
        },
    };
    let end = attend(wire, shared, &presence.console).await;
    if matches!(end, End::Stalled) {
        let text = format!(
            "{} stopped reading and was disconnected",
            presence.console.name
        );
        shared.hub.event(Level::Warning, text);
    }
    end
}

fn no_hello(limits: Limits) -> End {
    End::Refused(format!(
        "the console did not say hello within {} s of the worker's",
        limits.hello.as_secs_f32()
    ))
}

fn check_hello(heard: Result<ToWorker, End>, shared: &Shared) -> Result<ConsoleHello, End> {
    match heard? {
        ToWorker::Hello(theirs) if theirs.protocol == PROTOCOL => Ok(theirs),
        ToWorker::Hello(theirs) => Err(End::Refused(format!(
            "this {} speaks protocol {PROTOCOL} (splitscope {VERSION}), the console protocol {} (splitscope {}); use \
             the same version on both",
            shared.role.name(),
            theirs.protocol,
            printable(&theirs.version)
        ))),
        ToWorker::Command(_) | ToWorker::Missed(_) => Err(End::Refused(
            "a command came before the console's hello; say hello first".to_owned(),
        )),
    }
}

/// Telemetry out and commands in, until one of the two ends.
async fn attend(wire: &mut Wire, shared: &Shared, console: &Console) -> End {
    let (queue, mut batches) = mpsc::channel(shared.limits.queue);
    let is_local = wire.is_local() && !shared.hub.is_shaped();
    let join = Join {
        encoding: wire.encoding,
        queue,
        is_local,
    };
    if shared.joins.send(join).await.is_err() {
        return End::Shutdown;
    }
    let mut answers = Answers::default();
    let mut pending = FuturesUnordered::new();
    let mut backfill = Backfiller::new(
        shared.spool.clone(),
        shared.hub.clone(),
        shared.purse.clone().filter(|_| !is_local),
    );
    loop {
        let done = tokio::select! {
            batch = batches.recv() => match batch {
                Some(message) => wire.send(message).await,
                None => Err(End::Shutdown),
            },
            part = backfill.next(), if batches.is_empty() && !backfill.is_idle() => {
                let message = to_message(wire.encoding.pack(&part));
                backfill.sent(message.len());
                wire.send(message).await
            }
            Some((id, answer)) = pending.next(), if !pending.is_empty() => {
                let times = answers.answer(id, &answer);
                wire.reply(id, &answer, times).await
            }
            heard = wire.hear() => match heard {
                Ok(ToWorker::Command(message)) => {
                    let id = message.id;
                    let now = match answers.ask(id) {
                        Seen::New => match perform(shared, console, message, pending.len()) {
                            Performed::Now(answer) => Some(answer),
                            Performed::Later(receiver) => {
                                pending.push(wait(id, receiver, shared.limits));
                                None
                            }
                        },
                        Seen::UnderWay => None,
                        Seen::Answered(answer) => Some(answer),
                    };
                    match now {
                        Some(answer) => {
                            answers.answer(id, &answer);
                            wire.reply(id, &answer, 1).await
                        }
                        None => Ok(()),
                    }
                }
                Ok(ToWorker::Missed(missed)) => backfill.wish(missed).map_err(End::Refused),
                Ok(ToWorker::Hello(_)) => {
                    Err(End::Refused("the console said hello twice".to_owned()))
                }
                Err(end) => Err(end),
            },
        };
        if let Err(end) = done {
            return end;
        }
    }
}

fn perform(
    shared: &Shared,
    console: &Console,
    message: CommandMessage,
    pending: usize,
) -> Performed {
    if pending < MAX_PENDING {
        shared.perform(console, message)
    } else {
        Performed::Now(Err(format!(
            "{pending} commands of this console still wait for an answer; try again after one came"
        )))
    }
}

async fn wait(id: u64, answer: oneshot::Receiver<Answer>, limits: Limits) -> (u64, Answer) {
    let answer = match timeout(limits.reply, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(
            "the robot dropped the command without an answer; it may be shutting down".to_owned(),
        ),
        Err(_) => Err(format!(
            "the robot did not answer within {} s; the command may still take effect, so look at the plan before \
             trying again",
            limits.reply.as_secs_f32()
        )),
    };
    (id, answer)
}

/// What a console calls itself, made fit for other people's terminals.
fn shown_name(name: &str, session: u64) -> String {
    let name = printable(name);
    if name.is_empty() {
        format!("console {session}")
    } else {
        name
    }
}

fn printable(text: &str) -> String {
    let kept = text.trim().chars().filter(|c| !c.is_control());
    kept.take(MAX_NAME).collect()
}

/// A console's socket with its encoding and its patience.
struct Wire {
    socket: WebSocketStream<TcpStream>,
    encoding: Encoding,
    limits: Limits,
}

impl Wire {
    /// Whether both ends are on one machine.
    fn is_local(&self) -> bool {
        let socket = self.socket.get_ref();
        let ends = socket.peer_addr().ok().zip(socket.local_addr().ok());
        ends.is_some_and(|(peer, own)| peer.ip().is_loopback() || peer.ip() == own.ip())
    }

    async fn say(&mut self, message: &ToConsole) -> Result<(), End> {
        self.send(to_message(self.encoding.pack(message))).await
    }

    async fn reply(&mut self, command: u64, answer: &Answer, times: u8) -> Result<(), End> {
        for _ in 0..times {
            self.say(&ToConsole::Reply(Reply {
                command,
                result: answer.clone(),
            }))
            .await?;
        }
        Ok(())
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.limits.stalled_write, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Stalled),
        }
    }

    /// The console's next message. May be dropped while it waits; nothing is lost then.
    async fn hear(&mut self) -> Result<ToWorker, End> {
        let what = "a console's message";
        loop {
            let decoded = match (self.socket.next().await, self.encoding) {
                (Some(Ok(Message::Binary(bytes))), Encoding::Binary) => {
                    Compressed::decode(what, &bytes, MAX_HEARD_BYTES as u64)
                }
                (Some(Ok(Message::Text(text))), Encoding::Json) => unpack_text(what, &text),
                (Some(Ok(Message::Binary(_))), Encoding::Json) => {
                    return Err(refused(
                        "a binary frame came, but this connection speaks JSON text",
                    ));
                }
                (Some(Ok(Message::Text(_))), Encoding::Binary) => {
                    return Err(refused(
                        "a text frame came, but this connection speaks binary frames",
                    ));
                }
                (Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))), _) => continue,
                (Some(Err(error)), _) => return Err(broken(&error)),
                (None | Some(Ok(Message::Close(_))), _) => return Err(End::Gone),
            };
            return decoded.map_err(|e| refused(&e.to_string()));
        }
    }

    /// Last words, the closing handshake, and a moment for both to arrive.
    async fn farewell(mut self, end: End) {
        let code = match end {
            End::Gone => CloseCode::Normal,
            End::Shutdown => CloseCode::Away,
            End::Refused(_) => CloseCode::Policy,
            End::Stalled => return,
        };
        let bye = async {
            if let End::Refused(reason) = end {
                tracing::info!("a console was refused: {reason}");
                let _ = self.say(&ToConsole::Refused { reason }).await;
            }
            let close = CloseFrame {
                code,
                reason: "".into(),
            };
            let _ = self.socket.close(Some(close)).await;
            while let Some(Ok(_)) = self.socket.next().await {}
            drain(self.socket.get_ref()).await;
        };
        let _ = timeout(FAREWELL, bye).await;
    }
}

/// What an error of the connection says of the console: that it is gone, or that it sent what no console sends.
fn broken(error: &SocketError) -> End {
    match error {
        // It was killed, or the link died: nobody was refused.
        SocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Gone,
        SocketError::Protocol(e) => {
            refused(&format!("what the console sent is no WebSocket frame: {e}"))
        }
        SocketError::Capacity(e) => refused(&format!("the console sent too much at once: {e}")),
        _ => End::Gone,
    }
}

fn refused(reason: &str) -> End {
    End::Refused(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    #[test]
    fn a_console_cannot_write_to_other_peoples_terminals_with_its_name() {
        assert_eq!(shown_name(" ann@laptop ", 1), "ann@laptop");
        assert_eq!(shown_name("\x1b[2Jann\n", 1), "[2Jann");
        assert_eq!(shown_name("\n", 7), "console 7");
        assert_eq!(shown_name(&"x".repeat(900), 7).len(), MAX_NAME);
    }

    /// What the worker makes of what a console does with its connection.
    async fn end_of(theirs: impl AsyncFnOnce(TcpStream)) -> End {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let console = TcpStream::connect(listener.local_addr().unwrap());
        let (console, accepted) = tokio::join!(console, listener.accept());
        theirs(console.unwrap()).await;
        let socket = WebSocketStream::from_raw_socket(accepted.unwrap().0, Role::Server, None);
        let mut wire = Wire {
            socket: socket.await,
            encoding: Encoding::Binary,
            limits: Limits::default(),
        };
        wire.hear().await.err().unwrap()
    }

    #[tokio::test]
    async fn a_console_that_leaves_is_gone_and_not_refused() {
        let polite = end_of(async |stream| {
            let socket = WebSocketStream::from_raw_socket(stream, Role::Client, None);
            socket.await.close(None).await.unwrap();
        });
        assert!(matches!(polite.await, End::Gone));
        let killed = end_of(async |stream| drop(stream));
        assert!(matches!(killed.await, End::Gone));
        let with_telemetry_unread = end_of(async |stream| {
            socket2::SockRef::from(&stream)
                .set_linger(Some(std::time::Duration::ZERO))
                .unwrap();
        });
        assert!(matches!(with_telemetry_unread.await, End::Gone));
        // Who sends nonsense hears why.
        let strange = end_of(async |mut stream| stream.write_all(&[0xff; 40]).await.unwrap());
        let strange = strange.await;
        assert!(matches!(strange, End::Refused(why) if why.contains("no WebSocket frame")));
    }
}
