//! A worker with an endpoint, and consoles that talk to it.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use splitscope::plan::Plan;
use splitscope::units::{BootId, Epoch};
use splitscope::wire::console::{
    Batch, Command, CommandMessage, ConsoleHello, Encoding, Packed, Reply, Role, SUBPROTOCOL,
    SUBPROTOCOL_JSON, ToConsole, ToWorker, WorkerHello, unpack_binary, unpack_text,
};
use splitscope::wire::{PROTOCOL, PlanRecord, Record};
use splitscope::worker::endpoint::{
    CommandRequest, CommandSink, Endpoint, EndpointOptions, Limits,
};
use splitscope::worker::telemetry::Hub;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// Far longer than anything here takes; a test that waits so long has failed.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// A worker with an endpoint and nothing behind it but a queue of commands.
pub(crate) struct Worker {
    pub(crate) endpoint: Endpoint,
    pub(crate) hub: Hub,
    pub(crate) commands: Receiver<CommandRequest>,
}

pub(crate) fn options(
    hub: &Hub,
    role: Role,
    token: Option<&str>,
    commands: CommandSink,
) -> EndpointOptions {
    EndpointOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        role,
        host: "field-robot".to_owned(),
        engine: "none, 0 threads".to_owned(),
        emulated: true,
        token: token.map(str::to_owned),
        hub: hub.clone(),
        commands,
    }
}

pub(crate) fn quick() -> Limits {
    Limits {
        // So long that a busy test machine loses no batch.
        queue: 1_000,
        batch_every: Duration::from_millis(10),
        sign_of_life_every: Duration::from_millis(40),
        ..Limits::default()
    }
}

impl Worker {
    pub(crate) fn start(role: Role, token: Option<&str>, limits: Limits) -> Self {
        let hub = Hub::new(BootId(0xb007));
        let (sink, commands) = CommandSink::queue(2);
        let endpoint = Endpoint::start_within(options(&hub, role, token, sink), limits).unwrap();
        Self {
            endpoint,
            hub,
            commands,
        }
    }

    pub(crate) fn robot() -> Self {
        Self::start(Role::Robot, None, quick())
    }

    pub(crate) async fn connect(&self, encoding: Encoding) -> Client {
        let stream = TcpStream::connect(self.endpoint.local_addr())
            .await
            .unwrap();
        Client::over(stream, encoding).await
    }

    /// A console that has said hello, and its first batch.
    pub(crate) async fn attach(&self, name: &str) -> (Client, Batch) {
        let mut client = self.connect(Encoding::Binary).await;
        client.greet(name).await;
        let first = client.batch().await;
        (client, first)
    }
}

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
    pub(crate) encoding: Encoding,
    pub(crate) hello: WorkerHello,
    pub(crate) next_id: u64,
}

pub(crate) async fn shake(
    stream: TcpStream,
    subprotocol: Option<&str>,
) -> Result<WebSocketStream<TcpStream>, SocketError> {
    let mut request = "ws://robot/".into_client_request().unwrap();
    if let Some(name) = subprotocol {
        let name = name.parse().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", name);
    }
    client_async(request, stream)
        .await
        .map(|(socket, _)| socket)
}

impl Client {
    pub(crate) async fn over(stream: TcpStream, encoding: Encoding) -> Self {
        let subprotocol = match encoding {
            Encoding::Binary => SUBPROTOCOL,
            Encoding::Json => SUBPROTOCOL_JSON,
        };
        let mut socket = shake(stream, Some(subprotocol)).await.unwrap();
        let ToConsole::Hello(hello) = hear(&mut socket, encoding).await.unwrap() else {
            panic!("the worker did not speak first");
        };
        Self {
            socket,
            encoding,
            hello: *hello,
            next_id: 1,
        }
    }

    pub(crate) async fn say(&mut self, message: &ToWorker) {
        let message = match self.encoding.pack(message) {
            Packed::Binary(bytes) => Message::Binary(bytes.into()),
            Packed::Text(text) => Message::Text(text.into()),
        };
        self.socket.send(message).await.unwrap();
    }

    pub(crate) async fn greet(&mut self, name: &str) {
        self.greet_as(name, PROTOCOL).await;
    }

    pub(crate) async fn greet_as(&mut self, name: &str, protocol: u32) {
        let hello = ConsoleHello {
            protocol,
            version: "0.0.1-test".to_owned(),
            name: name.to_owned(),
        };
        self.say(&ToWorker::Hello(hello)).await;
    }

    /// The next message; none when the worker has closed.
    pub(crate) async fn hear(&mut self) -> Option<ToConsole> {
        hear(&mut self.socket, self.encoding).await
    }

    pub(crate) async fn batch(&mut self) -> Batch {
        loop {
            match self.hear().await.expect("a batch, not the end") {
                ToConsole::Telemetry(batch) => return batch,
                ToConsole::Reply(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) async fn reply(&mut self) -> Reply {
        loop {
            match self.hear().await.expect("a reply, not the end") {
                ToConsole::Reply(reply) => return reply,
                ToConsole::Telemetry(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The sentence the worker refuses with before it closes.
    pub(crate) async fn refusal(&mut self) -> String {
        loop {
            match self.hear().await.expect("a refusal, not the end") {
                ToConsole::Refused { reason } => {
                    assert!(
                        self.hear().await.is_none(),
                        "the worker closes after a refusal"
                    );
                    return reason;
                }
                ToConsole::Telemetry(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) async fn send(&mut self, id: u64, command: Command) {
        let expect_epoch = Some(Epoch(3));
        self.say(&ToWorker::Command(CommandMessage {
            id,
            expect_epoch,
            command,
        }))
        .await;
    }

    pub(crate) async fn order(&mut self, command: Command) -> Result<(), String> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(id, command).await;
        let reply = self.reply().await;
        assert_eq!(reply.command, id);
        reply.result
    }

    pub(crate) async fn take(&mut self, force: bool) -> Result<(), String> {
        self.order(Command::TakeControl { force, proof: None })
            .await
    }

    /// Reads until a record satisfies `wanted`, and gives what it made of it.
    pub(crate) async fn until<T>(&mut self, wanted: impl Fn(&Record) -> Option<T>) -> T {
        loop {
            if let Some(found) = self.batch().await.records.iter().find_map(&wanted) {
                return found;
            }
        }
    }
}

pub(crate) async fn hear(
    socket: &mut WebSocketStream<TcpStream>,
    encoding: Encoding,
) -> Option<ToConsole> {
    loop {
        let message = tokio::time::timeout(LONG, socket.next())
            .await
            .expect("no message came");
        match (message?.ok()?, encoding) {
            (Message::Binary(bytes), Encoding::Binary) => {
                return Some(unpack_binary("a worker's message", &bytes).unwrap());
            }
            (Message::Text(text), Encoding::Json) => {
                return Some(unpack_text("a worker's message", &text).unwrap());
            }
            (Message::Ping(_) | Message::Pong(_) | Message::Close(_), _) => {}
            (other, _) => panic!("{other:?} on a connection of {encoding:?}"),
        }
    }
}

/// The next command that the coordinator gets, waited for without holding up the test's runtime.
pub(crate) async fn command(commands: &Receiver<CommandRequest>) -> CommandRequest {
    for _ in 0..6_000 {
        match commands.try_recv() {
            Ok(request) => return request,
            Err(TryRecvError::Empty) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(e) => panic!("{e}"),
        }
    }
    panic!("no command came")
}

pub(crate) const fn set_plan() -> Command {
    Command::SetPlan { plan: Plan::LOCAL }
}

pub(crate) fn event_text(record: &Record) -> Option<String> {
    match record {
        Record::Event(event) => Some(event.text.clone()),
        _ => None,
    }
}

pub(crate) fn a_plan(epoch: u32) -> Record {
    Record::Plan(PlanRecord {
        epoch: Epoch(epoch),
        plan: Plan::LOCAL,
        local_because: None,
        policy: None,
    })
}
