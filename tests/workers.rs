//! Robot and server as real processes, driven over the console's protocol: a thousand switches under traffic.
#![cfg(feature = "torch")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail like tests"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use splitscope::model::zoo;
use splitscope::plan::Plan;
use splitscope::units::Epoch;
use splitscope::wire::console::{
    Command as Order, CommandMessage, ConsoleHello, SUBPROTOCOL_JSON, ToConsole, ToWorker,
};
use splitscope::wire::{FrameRecord, Outcome, PROTOCOL, PeerState, Record, SwitchStage};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

struct Worker {
    child: Child,
    address: String,
}

impl Worker {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_splitscope"))
            .args(args)
            .args(["--listen", "127.0.0.1:0", "--until-stdin-ends"])
            .env("SPLITSCOPE_LOG", "warn")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let (_, address) = line.trim().rsplit_once("ws://").expect("it says where");
        Self {
            child,
            address: address.to_owned(),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Console {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next: u64,
}

impl Console {
    async fn attach(address: &str) -> Self {
        let mut request = format!("ws://{address}").into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", SUBPROTOCOL_JSON.parse().unwrap());
        let (socket, _) = connect_async(request).await.unwrap();
        let mut console = Self { socket, next: 0 };
        let hello = ConsoleHello {
            protocol: PROTOCOL,
            version: "test".to_owned(),
            name: "test".to_owned(),
        };
        console.say(&ToWorker::Hello(hello)).await;
        console
            .order(
                Order::TakeControl {
                    force: false,
                    proof: None,
                },
                None,
            )
            .await;
        console
    }

    async fn say(&mut self, message: &ToWorker) {
        let text = serde_json::to_string(message).unwrap();
        self.socket.send(Message::text(text)).await.unwrap();
    }

    async fn order(&mut self, command: Order, expect_epoch: Option<Epoch>) -> u64 {
        self.next += 1;
        let id = self.next;
        self.say(&ToWorker::Command(CommandMessage {
            id,
            expect_epoch,
            command,
        }))
        .await;
        id
    }

    async fn hear(&mut self) -> ToConsole {
        loop {
            let next = tokio::time::timeout(Duration::from_mins(1), self.socket.next());
            let message = next.await.expect("a sign of life").unwrap().unwrap();
            if let Message::Text(text) = message {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }
}

/// What must hold of every frame, and of all of them together.
#[derive(Default)]
struct Watch {
    frames: BTreeMap<u64, FrameRecord>,
    /// The class of every picture as the first frame with it said.
    answers: BTreeMap<String, (u16, f32)>,
}

impl Watch {
    fn frame(&mut self, frame: FrameRecord) {
        assert_eq!(frame.parts.sum_ns(), frame.latency_ns, "{frame:?}");
        let top = frame.top[0];
        let (class, score) = *self
            .answers
            .entry(frame.picture.clone())
            .or_insert((top.class, top.score));
        assert_eq!(class, top.class, "frame {}: another answer", frame.frame);
        assert!((score - top.score).abs() < 1e-6, "frame {}", frame.frame);
        let again = self.frames.insert(frame.frame.0, frame);
        assert!(again.is_none(), "{again:?} came twice");
    }

    fn is_complete(&self) -> bool {
        let first = self.frames.keys().next().copied().unwrap_or(0);
        (first..)
            .zip(self.frames.keys())
            .all(|(n, &frame)| n == frame)
    }

    fn none_is_missing(&self) {
        assert!(self.is_complete(), "a frame is missing");
        let epochs: Vec<_> = self.frames.values().map(|f| f.epoch).collect();
        assert!(epochs.is_sorted(), "an old epoch came back");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_thousand_random_switches_lose_no_frame_and_change_no_answer() {
    const SWITCHES: u32 = 1000;
    let server = Worker::start(&["server"]);
    let robot = Worker::start(&[
        "robot",
        "--model",
        "mobilenet_v2",
        "--size",
        "32",
        "--server",
        &server.address,
    ]);
    let mut console = Console::attach(&robot.address).await;
    let graph = zoo::build("mobilenet_v2", 1, 32, 32).unwrap();
    let (mut watch, mut applied, mut asked, mut refused) = (Watch::default(), 0, None, 0);
    let mut state = 11_u32;
    let mut cuts_seen = std::collections::BTreeSet::new();
    let mut is_ready = false;
    while applied < SWITCHES {
        if is_ready && asked.is_none() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let plan = match (state >> 24) % 8 {
                0 => Plan::LOCAL,
                1 => Plan::REMOTE,
                _ => Plan::split((state >> 8) % (graph.operator_count() + 1)),
            };
            asked = Some(console.order(Order::SetPlan { plan }, None).await);
        }
        match console.hear().await {
            ToConsole::Telemetry(batch) => {
                assert_eq!(batch.lost_batches, 0);
                for record in batch.records {
                    match record {
                        Record::Frame(frame) => {
                            if frame.outcome == Outcome::Ok {
                                cuts_seen.insert(frame.cut);
                            }
                            watch.frame(*frame);
                        }
                        Record::Peer(peer) => is_ready |= peer.state == PeerState::Ready,
                        Record::Switch(switch) if Some(switch.command) == asked => {
                            match switch.stage {
                                SwitchStage::Applied { .. } => {
                                    applied += 1;
                                    asked = None;
                                }
                                SwitchStage::Refused { reason } => panic!("refused: {reason}"),
                                _ => {}
                            }
                        }
                        _ => {}
                    }
                }
            }
            ToConsole::Reply(reply) => {
                if let Err(reason) = reply.result {
                    refused += 1;
                    panic!("command {} refused: {reason} ({refused})", reply.command);
                }
            }
            ToConsole::Refused { reason } => panic!("{reason}"),
            ToConsole::Hello(_) => {}
        }
    }
    watch.none_is_missing();
    assert!(
        cuts_seen.len() > 100,
        "only {} cuts were run",
        cuts_seen.len()
    );
    let ok = watch.frames.values().filter(|f| f.outcome == Outcome::Ok);
    println!(
        "{applied} switches, {} frames, {} under their plan",
        watch.frames.len(),
        ok.count()
    );
}
