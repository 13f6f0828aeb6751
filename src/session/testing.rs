//! A small session as tests want it: every sort of entry, two workers.

use super::*;
use crate::power::{PowerRecord, RailColumns};
use crate::units::{BootId, DeviceId, Epoch, FrameId, Hash32, Nanos, NodeId};
use crate::wire::console::{Command, CommandMessage, Reply, Role, WorkerHello};
use crate::wire::{
    EventRecord, Flow, FrameRecord, Level, LinkSample, Outcome, Parts, Record, StepKind, StepTime,
};

pub(super) const START_AT: Nanos = Nanos(40_000_000);
pub(super) const START_UNIX_MS: u64 = 1_795_616_400_123;

pub(super) fn start() -> Start {
    Start {
        format: FORMAT,
        version: "0.1.0".to_owned(),
        at: START_AT,
        unix_ms: START_UNIX_MS,
        console: "ada@laptop".to_owned(),
    }
}

pub(super) fn hello(role: Role, boot: u64) -> Box<WorkerHello> {
    Box::new(WorkerHello {
        protocol: 2,
        version: "0.1.0".to_owned(),
        role,
        host: "nx".to_owned(),
        boot: BootId(boot),
        engine: "emulated: Jetson Xavier NX".to_owned(),
        emulated: true,
        session: 1,
        needs_token: false,
        nonce: Hash32::of(b"nonce"),
        capabilities: Vec::new(),
        now: Nanos(5),
        unix_ms: None,
        model: None,
    })
}

pub(super) fn frame(n: u64) -> Record {
    let latency_ns = 60_000_000 + n as i64 * 1_000;
    let step = |i: i64, kind, bytes| StepTime {
        device: DeviceId::ROBOT,
        to: DeviceId::SERVER,
        kind,
        node: NodeId(i as u32 + 1),
        start_ns: i * 1_000_003,
        duration_ns: 999_983 + n as i64,
        bytes,
        wire_bytes: bytes,
        codec: crate::plan::ValueCodec::None,
        error_ppb: 0,
    };
    Record::Frame(Box::new(FrameRecord {
        frame: FrameId(n),
        attempt: 0,
        epoch: Epoch(1),
        mode: "split".to_owned(),
        cut: Some(12),
        admitted: Nanos(n as i64 * 70_000_000),
        latency_ns,
        parts: Parts {
            robot_compute_ns: latency_ns - 10,
            wait_ns: 10,
            ..Parts::default()
        },
        bytes_up: 150_528,
        bytes_down: 4_000,
        outcome: Outcome::Ok,
        warmup: n == 0,
        preparing: false,
        skipped: 0,
        clock_error_ns: Some(31_337),
        picture: "synthetic".to_owned(),
        top: Vec::new(),
        other_tops: Vec::new(),
        steps: [
            step(0, StepKind::Compute, 0),
            step(1, StepKind::Transfer, 150_528),
            step(2, StepKind::Compute, 0),
        ]
        .into_iter()
        .collect(),
        emulated: true,
        predicted_ns: None,
    }))
}

fn link(n: u64) -> Record {
    Record::Link(LinkSample {
        at: Nanos(n as i64 * 100_000_000),
        window_ns: 100_000_000,
        up: Flow {
            bytes: 150_528,
            busy_ns: 13_000_000,
        },
        down: Flow::default(),
        rtt_ns: None,
        connected: true,
        peer: DeviceId::SERVER,
    })
}

fn power() -> Record {
    Record::Power(Box::new(PowerRecord {
        source: "emulated".to_owned(),
        samples: RailColumns::default(),
        effective_hz: None,
        lost: 0,
        emulated: true,
    }))
}

pub(super) fn told(target: u16, seq: u64, record: Record) -> What {
    What::Record(Told {
        target,
        boot: BootId(0xfeed_0000_0000_0001 + u64::from(target)),
        seq,
        sent: Nanos(seq as i64 * 100_000_000),
        record,
    })
}

/// An entry `ms` after the start.
pub(super) fn entry(ms: i64, what: What) -> Entry {
    Entry {
        at: START_AT.shifted(ms * 1_000_000),
        unix_ms: START_UNIX_MS + ms as u64,
        what,
    }
}

/// One entry of every sort and a few frames, a tenth of a second apart; the start itself is not among them.
pub(super) fn entries() -> Vec<Entry> {
    let target = |target, port| {
        What::Target(Target {
            target,
            address: format!("ws://10.0.0.2:{port}"),
        })
    };
    let mut whats = vec![
        What::Meta(Box::new(Meta {
            place: Some("the garden".to_owned()),
            ..Meta::default()
        })),
        target(0, 7401),
        target(1, 7402),
        What::Hello(Greeting {
            target: 0,
            hello: hello(Role::Robot, 0xfeed_0000_0000_0001),
        }),
        What::Hello(Greeting {
            target: 1,
            hello: hello(Role::Server, 0xfeed_0000_0000_0002),
        }),
        What::Command(Order::new(
            0,
            CommandMessage {
                id: 77,
                expect_epoch: None,
                command: Command::TakeControl {
                    force: false,
                    proof: Some(Hash32::of(b"a secret's proof")),
                },
            },
        )),
        What::Reply(Answer {
            target: 0,
            reply: Reply {
                command: 77,
                result: Ok(()),
            },
        }),
        What::Marker(Marker {
            text: "behind the tree".to_owned(),
        }),
        What::Missed(Missed {
            target: 0,
            batches: 2,
        }),
        What::Gap(Gap {
            target: 0,
            boot: BootId(0xfeed_0000_0000_0001),
            from_seq: 4,
            to_seq: Some(5),
        }),
        What::Left(Left {
            from: Nanos(1),
            to: Nanos(2),
            entries: 3,
            reason: "the disk is full".to_owned(),
        }),
        What::Notice(Notice {
            level: Level::Warning,
            text: "the disk is full".to_owned(),
        }),
        What::Lost(Lost {
            target: 1,
            reason: "connection refused".to_owned(),
        }),
        told(
            0,
            6,
            Record::Event(EventRecord {
                at: Nanos(1),
                unix_ms: 2,
                level: Level::Info,
                text: "the camera \"opened\"\n".to_owned(),
            }),
        ),
        told(1, 6, power()),
    ];
    for n in 0..5 {
        whats.push(told(0, 7 + n, frame(n)));
        whats.push(told(0, 7 + n, link(n)));
    }
    let timed = whats.into_iter().enumerate();
    timed
        .map(|(i, what)| entry((i as i64 + 1) * 100, what))
        .collect()
}

/// A finished session of these entries, a chunk for every three of them.
pub(super) fn session(entries: &[Entry], finish: bool) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("small.mcap");
    let mut writer = Writer::create(&path, start()).unwrap();
    for (i, entry) in entries.iter().enumerate() {
        writer.add(entry).unwrap();
        if i % 3 == 2 {
            writer.flush().unwrap();
        }
    }
    if finish {
        writer.finish().unwrap();
    } else {
        drop(writer);
    }
    std::fs::read(path).unwrap()
}

/// A reader of bytes as a file would have them.
pub(super) fn open(bytes: Vec<u8>) -> Result<Reader, SessionError> {
    Reader::from_source(std::path::Path::new("small.mcap"), Box::new(bytes))
}
