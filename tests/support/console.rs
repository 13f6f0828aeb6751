//! A console for tests: gives orders, checks every frame that it hears of.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use splitscope::plan::Plan;
use splitscope::policy::Spec;
use splitscope::power::IdleLevel;
use splitscope::units::{DeviceId, Epoch};
use splitscope::wire::console::{
    Command as Order, CommandMessage, ConsoleHello, SUBPROTOCOL_JSON, ToConsole, ToWorker,
};
use splitscope::wire::{
    ClassScore, DecisionRecord, FrameRecord, Outcome, PROTOCOL, Pause, PeerState, PredictionRecord,
    Record, SwitchStage, TelemetryShare,
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longest time that a test waits for one thing.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a console heard; every frame is checked as it comes.
#[derive(Default)]
pub(crate) struct Heard {
    next: Option<u64>,
    epoch: Epoch,
    /// Servers that have the model.
    ready: BTreeSet<DeviceId>,
    /// Frames so far.
    pub(crate) told: u64,
    /// Frames under their plan, by mode.
    pub(crate) under_plan: BTreeMap<String, u64>,
    /// Values that came too late for their frame.
    pub(crate) late_values: u64,
    pub(crate) finished_locally: u64,
    pub(crate) ok_in_a_row: u64,
    pub(crate) longest_ms: i64,
    /// Frames since the last wait began.
    pub(crate) frames: Vec<FrameRecord>,
    /// Why frames run locally at present.
    pub(crate) why: Option<String>,
    /// Every reason so far.
    pub(crate) reasons: Vec<String>,
    /// Who had the say over the plan, as it was told; none: operators.
    pub(crate) reigns: Vec<Option<Spec>>,
    /// What policies decided.
    pub(crate) decisions: Vec<DecisionRecord>,
    /// Costs of plans, as they were told.
    pub(crate) predictions: Vec<PredictionRecord>,
    /// Events, as they were told.
    pub(crate) events: Vec<String>,
    /// Pauses as they were told; none: frames go on.
    pub(crate) pauses: Vec<Option<Pause>>,
    /// What was measured in pauses.
    pub(crate) idle: Vec<IdleLevel>,
    /// What telemetry takes and costs.
    pub(crate) shares: Vec<TelemetryShare>,
    /// What commands were refused for, by their number.
    pub(crate) refused: BTreeMap<u64, String>,
    answers: BTreeMap<String, Vec<ClassScore>>,
    stage: Option<(u64, SwitchStage)>,
}

impl Heard {
    /// Whether this many servers have the model.
    pub(crate) fn is_ready(&self, servers: usize) -> bool {
        self.ready.len() >= servers
    }

    fn record(&mut self, record: Record) {
        match record {
            Record::Frame(frame) => self.frame(*frame),
            Record::Peer(peer) if peer.state == PeerState::Ready => {
                self.ready.insert(peer.device);
            }
            Record::Input(input) => self.late_values = input.late_values,
            Record::Plan(plan) => {
                self.reasons.extend(plan.local_because.clone());
                self.reigns.push(plan.policy);
                self.why = plan.local_because;
            }
            Record::Decision(decision) => self.decisions.push(*decision),
            Record::Event(event) => self.events.push(event.text),
            Record::TelemetryShare(share) => self.shares.push(share),
            Record::Pause(record) => self.pauses.push(record.pause),
            Record::IdleLevel(level) => self.idle.push(level),
            Record::Prediction(prediction) => self.predictions.push(*prediction),
            Record::Switch(switch) => self.stage = Some((switch.command, switch.stage)),
            _ => {}
        }
    }

    fn frame(&mut self, frame: FrameRecord) {
        assert_eq!(frame.parts.sum_ns(), frame.latency_ns, "{frame:?}");
        let number = frame.frame.0;
        assert_eq!(
            number,
            self.next.unwrap_or(number),
            "lost, twice or out of order"
        );
        self.next = Some(number + 1);
        assert!(frame.epoch >= self.epoch, "an old epoch came back");
        self.epoch = frame.epoch;
        assert_ne!(frame.outcome, Outcome::Failed, "{frame:?}");
        let tops = std::iter::once(&frame.top).chain(&frame.other_tops);
        if frame.emulated {
            assert!(tops.flatten().next().is_none(), "classes of nothing");
        } else {
            let best: Vec<ClassScore> = tops.map(|top| top[0]).collect();
            let known = self.answers.entry(frame.picture.clone());
            let known = known.or_insert_with(|| best.clone());
            for (a, b) in known.iter().zip(&best) {
                assert_eq!(a.class, b.class, "frame {number}: another answer");
                assert!((a.score - b.score).abs() < 1e-3, "frame {number}");
            }
        }
        self.told += 1;
        if frame.outcome == Outcome::Ok {
            *self.under_plan.entry(frame.mode.clone()).or_default() += 1;
            self.ok_in_a_row += 1;
        } else {
            self.finished_locally += 1;
            self.ok_in_a_row = 0;
        }
        self.longest_ms = self.longest_ms.max(frame.latency_ns / 1_000_000);
        self.frames.push(frame);
    }
}

pub(crate) struct Console {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    command: u64,
    pub(crate) heard: Heard,
}

impl Console {
    /// Attaches and takes control.
    pub(crate) async fn attach(address: &str) -> Self {
        let mut request = format!("ws://{address}").into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", SUBPROTOCOL_JSON.parse().unwrap());
        let (socket, _) = connect_async(request).await.unwrap();
        let mut console = Self {
            socket,
            command: 0,
            heard: Heard::default(),
        };
        let hello = ConsoleHello {
            protocol: PROTOCOL,
            version: "test".to_owned(),
            name: "test".to_owned(),
        };
        console.say(&ToWorker::Hello(hello)).await;
        let take = Order::TakeControl {
            force: false,
            proof: None,
        };
        console.order(take).await;
        console
    }

    async fn say(&mut self, message: &ToWorker) {
        let text = serde_json::to_string(message).unwrap();
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn order(&mut self, command: Order) -> u64 {
        self.command += 1;
        let id = self.command;
        self.say(&ToWorker::Command(CommandMessage {
            id,
            expect_epoch: None,
            command,
        }))
        .await;
        id
    }

    /// Switches to a plan and waits until it is applied, or refused: then the reason comes back.
    pub(crate) async fn try_switch(&mut self, plan: &Plan) -> Result<(), String> {
        let id = self.order(Order::SetPlan { plan: plan.clone() }).await;
        let ended = |h: &Heard| match &h.stage {
            Some((command, SwitchStage::Refused { .. } | SwitchStage::Applied { .. })) => {
                *command == id
            }
            _ => false,
        };
        self.until(&plan.label(), ended).await;
        match &self.heard.stage {
            Some((_, SwitchStage::Refused { reason })) => Err(reason.clone()),
            _ => Ok(()),
        }
    }

    /// Switches to a plan that must apply.
    pub(crate) async fn switch(&mut self, plan: &Plan) {
        self.try_switch(plan).await.unwrap();
        self.heard.ok_in_a_row = 0;
    }

    /// Listens until something is so.
    pub(crate) async fn until(&mut self, what: &str, is_so: impl Fn(&Heard) -> bool) {
        self.heard.frames.clear();
        let until = tokio::time::sleep(PATIENCE);
        tokio::pin!(until);
        while !is_so(&self.heard) {
            let next = tokio::select! {
                next = self.socket.next() => next,
                () = &mut until => panic!(
                    "{what}: not within a minute; local because {:?}, {} frames, last {:?}",
                    self.heard.why,
                    self.heard.frames.len(),
                    self.heard.frames.last().map(|f| (f.frame, &f.mode, f.outcome)),
                ),
            };
            let message = next.expect("the worker is there").unwrap();
            let Message::Text(text) = message else {
                continue;
            };
            match serde_json::from_str(&text).unwrap() {
                ToConsole::Telemetry(batch) => {
                    assert_eq!(batch.lost_batches, 0);
                    for record in batch.records {
                        self.heard.record(record);
                    }
                }
                // A refused plan is told as a switch that ended.
                ToConsole::Reply(reply) => {
                    if let Err(why) = reply.result {
                        self.heard.refused.insert(reply.command, why);
                    }
                }
                ToConsole::Refused { reason } => panic!("{reason}"),
                ToConsole::Hello(_) | ToConsole::Backfill(_) => {}
            }
        }
    }
}
