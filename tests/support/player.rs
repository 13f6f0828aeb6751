//! A made-up worker that plays a script over a real WebSocket.

use std::io::ErrorKind;
use std::net::{Shutdown, TcpListener};
use std::time::Duration;

use splitscope::host::{CoreLoad, HostRecord};
use splitscope::plan::Plan;
use splitscope::power::{
    Counts, PowerRecord, PowerSourcesRecord, Rail, RailId, RailSample, SourceRecord,
};
use splitscope::units::{BootId, DeviceId, Epoch, FrameId, Nanos, Volts, Watts};
use splitscope::wire::console::{
    BACKFILL, Backfill, BackfillPart, Batch, Encoding, Missed, Packed, Role, ToConsole, ToWorker,
};
use splitscope::wire::{
    BatchId, EventRecord, Flow, FrameRecord, Level, LinkSample, PeerRecord, PeerState, Record,
    ServerFrameRecord,
};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::fake::Console;
use crate::scenario::{Garbage, Hello, Scenario, Step, Telemetry};
use crate::script::{MS, frame, hello, plan};

/// Batches that it keeps; older ones are gone.
const KEPT: usize = 1_000;

/// The worker.
pub(crate) struct Player {
    listener: TcpListener,
    role: Role,
    keeps: bool,
    console: Option<Console>,
    /// Connections that it does not care for any more and does not close either.
    abandoned: Vec<Console>,
    boot: u64,
    seq: u64,
    /// Milliseconds of its clock.
    clock_ms: i64,
    frame: u64,
    kept: Vec<Batch>,
    sample: Box<FrameRecord>,
    /// Records that it has made so far.
    pub(crate) made: u64,
}

impl Player {
    /// Listens on a port of its own.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").unwrap(), scenario)
    }

    /// Listens there.
    pub(crate) fn at(listener: TcpListener, scenario: &Scenario) -> Self {
        Self {
            listener,
            role: scenario.role,
            keeps: scenario.keeps,
            console: None,
            abandoned: Vec::new(),
            boot: 1,
            seq: 0,
            clock_ms: 0,
            frame: 0,
            kept: Vec::new(),
            sample: Box::new(frame(1, 7, 28)),
            made: 0,
        }
    }

    /// Where consoles attach.
    pub(crate) fn address(&self) -> String {
        format!("ws://{}", self.listener.local_addr().unwrap())
    }

    /// Does a worker's step; what is the console's or the person's is false.
    pub(crate) fn play(&mut self, step: &Step) -> bool {
        match step {
            Step::Hello(hello) => self.greet(hello),
            Step::Send(telemetry) => self.batches(*telemetry, Self::say),
            Step::Delay(telemetry) => self.held(*telemetry, |batches| batches),
            Step::Reorder(telemetry) => self.held(*telemetry, |mut batches| {
                batches.reverse();
                batches
            }),
            Step::Lose(telemetry) => self.batches(*telemetry, |_, _| {}),
            Step::Event(text) => self.event(text),
            Step::Answer(requests) => (0..*requests).for_each(|_| self.answer()),
            Step::Drop(_) => self.break_off(),
            Step::Close(reason) => {
                let frame = CloseFrame {
                    code: CloseCode::Away,
                    reason: reason.as_str().into(),
                };
                let mut console = self.console.take().unwrap();
                console.0.close(Some(frame)).unwrap();
                // The closing handshake needs the other side's word.
                while console.0.read().is_ok() {}
            }
            Step::HalfOpen(_) => self.abandoned.extend(self.console.take()),
            Step::Reboot(_) => {
                self.break_off();
                self.boot += 1;
                (self.seq, self.clock_ms, self.frame) = (0, 0, 0);
            }
            Step::Garbage(garbage) => self.babble(*garbage),
            Step::Press(_) | Step::Shows(_) => return false,
        }
        true
    }

    fn console(&mut self) -> &mut Console {
        self.console.as_mut().expect("a console was greeted")
    }

    fn greet(&mut self, choice: &Hello) {
        let mut console = Console::accept(&self.listener);
        let mut words = hello(self.role, self.boot, 1);
        if self.keeps {
            words.capabilities = vec![BACKFILL.to_owned()];
        }
        words.now = Nanos(self.clock_ms * MS);
        words.protocol = choice.protocol.unwrap_or(words.protocol);
        words.version = choice.version.clone().unwrap_or(words.version);
        console.greet(words);
        // The present state, under the newest batch's number and without its records.
        let mut records = vec![sources()];
        if self.role == Role::Robot {
            records.extend([plan(7, Plan::split(28)), peer()]);
        }
        console.say(&ToConsole::Telemetry(self.batch(records)));
        self.console = Some(console);
    }

    fn batch(&self, records: Vec<Record>) -> Batch {
        Batch {
            id: BatchId {
                boot: BootId(self.boot),
                seq: self.seq,
            },
            sent: Nanos(self.clock_ms * MS),
            lost_batches: 0,
            records,
        }
    }

    fn next(&mut self, records: Vec<Record>) -> Batch {
        self.seq += 1;
        self.made += records.len() as u64;
        let batch = self.batch(records);
        self.kept.push(batch.clone());
        let old = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..old);
        batch
    }

    /// Makes batches at their times and does something with each.
    fn batches(&mut self, telemetry: Telemetry, each: impl Fn(&mut Self, Batch)) {
        for _ in 0..telemetry.batches {
            std::thread::sleep(Duration::from_millis(telemetry.every_ms));
            self.clock_ms += telemetry.every_ms as i64;
            let records = self.records(telemetry);
            let batch = self.next(records);
            each(self, batch);
        }
    }

    fn say(&mut self, batch: Batch) {
        self.console().say(&ToConsole::Telemetry(batch));
    }

    /// Makes batches at their times and sends them when the last one is made.
    fn held(&mut self, telemetry: Telemetry, order: impl Fn(Vec<Batch>) -> Vec<Batch>) {
        let first = self.seq + 1;
        self.batches(telemetry, |_, _| {});
        let held = self.kept.iter().filter(|batch| batch.id.seq >= first);
        for batch in order(held.cloned().collect()) {
            self.say(batch);
        }
    }

    fn records(&mut self, telemetry: Telemetry) -> Vec<Record> {
        let at = Nanos(self.clock_ms * MS);
        let mut records = Vec::new();
        for _ in 0..telemetry.frames {
            self.frame += 1;
            records.push(self.one_frame(at));
        }
        for i in 0..i64::from(telemetry.samples) {
            let wave = (self.clock_ms / 100 + i) % 40;
            records.push(Record::Link(LinkSample {
                at,
                window_ns: 100 * MS,
                up: Flow {
                    bytes: 600_000 + 10_000 * wave as u64,
                    busy_ns: 70 * MS,
                },
                down: Flow {
                    bytes: 4_000,
                    busy_ns: MS,
                },
                rtt_ns: Some(4 * MS + wave * 10_000),
                connected: true,
                peer: DeviceId::SERVER,
            }));
        }
        if telemetry.sensors {
            records.extend([power(at), load(at)]);
        }
        records
    }

    fn one_frame(&self, at: Nanos) -> Record {
        if self.role == Role::Server {
            return Record::ServerFrame(Box::new(ServerFrameRecord {
                frame: FrameId(self.frame),
                epoch: Epoch(7),
                began: at,
                compute_ns: 9 * MS,
                bytes_in: 200_704,
                bytes_out: 4_000,
            }));
        }
        let mut frame = self.sample.clone();
        frame.frame = FrameId(self.frame);
        frame.admitted = at;
        let slower = self.frame as i64 % 23 * 100_000;
        frame.parts.uplink_ns += slower;
        frame.latency_ns += slower;
        Record::Frame(frame)
    }

    fn event(&mut self, text: &str) {
        let record = Record::Event(EventRecord {
            at: Nanos(self.clock_ms * MS),
            unix_ms: 1_780_065_130_000,
            level: Level::Warning,
            text: text.to_owned(),
        });
        let batch = self.next(vec![record]);
        self.say(batch);
    }

    /// Waits for a request for what was missed and answers it.
    fn answer(&mut self) {
        loop {
            if let ToWorker::Missed(missed) = self.console().hear() {
                return self.backfill(missed);
            }
        }
    }

    fn backfill(&mut self, missed: Missed) {
        let last = missed.to_seq.unwrap_or(u64::MAX);
        let wanted = |batch: &&Batch| {
            batch.id.boot == missed.boot && (missed.from_seq..=last).contains(&batch.id.seq)
        };
        let found: Vec<Batch> = self.kept.iter().filter(wanted).cloned().collect();
        let mut parts: Vec<BackfillPart> = found.into_iter().map(BackfillPart::Batch).collect();
        if parts.is_empty() {
            parts.push(BackfillPart::Gap {
                from_seq: missed.from_seq,
                to_seq: missed.to_seq,
            });
        }
        parts.push(BackfillPart::Done);
        for part in parts {
            let boot = missed.boot;
            self.console()
                .say(&ToConsole::Backfill(Backfill { boot, part }));
        }
    }

    fn break_off(&mut self) {
        let Some(console) = self.console.take() else {
            return;
        };
        // The console may have gone first.
        let _ = console.0.get_ref().shutdown(Shutdown::Both);
    }

    fn babble(&mut self, garbage: Garbage) {
        let records = vec![Record::Frame(self.sample.clone())];
        let message = ToConsole::Telemetry(self.batch(records));
        let Packed::Binary(mut good) = Encoding::Binary.pack(&message) else {
            panic!("not binary");
        };
        let message = match garbage {
            Garbage::Bytes => Message::binary(vec![7_u8; 300]),
            Garbage::Text => Message::text("{\"hello\":{}}"),
            Garbage::Cut => {
                good.truncate(good.len() / 2);
                Message::binary(good)
            }
            Garbage::Bomb => {
                let huge = vec![0_u8; 64 << 20];
                Message::binary(zstd::encode_all(huge.as_slice(), 1).unwrap())
            }
        };
        self.console().0.send(message).unwrap();
        // It stays until the console has had enough.
        let mut console = self.console.take().unwrap();
        loop {
            match console.0.read() {
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }
}

fn peer() -> Record {
    Record::Peer(PeerRecord {
        device: DeviceId::SERVER,
        address: "10.0.0.3:7402".to_owned(),
        state: PeerState::Ready,
        clock: None,
        link: None,
    })
}

const SENSOR: &str = "ina3221 7-0040";

fn sources() -> Record {
    Record::PowerSources(Box::new(PowerSourcesRecord {
        sources: vec![SourceRecord {
            name: SENSOR.to_owned(),
            rails: vec![Rail::new("VDD_IN", Counts::Total, "the module's input")],
            emulated: false,
            trouble: None,
        }],
        absent: Vec::new(),
    }))
}

fn power(at: Nanos) -> Record {
    let sample = |i: i64| RailSample {
        rail: RailId(0),
        at: at.shifted((i - 4) * 20 * MS),
        volts: Some(Volts(4.98)),
        amps: None,
        watts: Watts(6.0 + i as f64 / 10.0),
    };
    Record::Power(Box::new(PowerRecord {
        source: SENSOR.to_owned(),
        samples: (0..5).map(sample).collect(),
        effective_hz: None,
        lost: 0,
        emulated: false,
    }))
}

fn load(at: Nanos) -> Record {
    let core = |core: u32| CoreLoad {
        core,
        load: Some(f64::from(core * 17 % 90 + 8) / 100.0),
        clock: None,
    };
    Record::Host(Box::new(HostRecord {
        at,
        cores: (0..6).map(core).collect(),
        ..HostRecord::default()
    }))
}
