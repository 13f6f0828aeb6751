use super::*;
use crate::plan::{Codec, Plan};
use crate::report::figure::{Body, FigureKind, make};
use crate::session::{FORMAT, Start, Writer};
use crate::store::testing::step;
use crate::wire::{
    CutCosts, ExpectedFrame, Flow, Parts, PeerState, PlanRecord, PredictionRecord, StepKind,
};

const MS: i64 = 1_000_000;

fn told(record: Record) -> What {
    What::Record(Told {
        target: 0,
        boot: BootId(7),
        seq: 1,
        sent: Nanos(0),
        record,
    })
}

fn frame(number: u64, epoch: u32, latency_ms: i64, warmup: bool) -> Record {
    let step = |device, to, kind, start_ms: i64, bytes| {
        step(device, kind, 3, start_ms * MS, 10 * MS, to, bytes)
    };
    let mut frame = crate::store::testing::frame_of(
        "split",
        latency_ms * MS,
        &[
            step(0, 0, StepKind::Compute, 0, 0),
            step(0, 1, StepKind::Transfer, 10, 9),
            step(1, 1, StepKind::Compute, 20, 0),
        ],
    );
    frame.frame = FrameId(number);
    frame.epoch = Epoch(epoch);
    frame.cut = Some(epoch);
    frame.warmup = warmup;
    frame.admitted = Nanos(number as i64 * 100 * MS);
    frame.parts = Parts {
        robot_compute_ns: 10 * MS,
        uplink_ns: (latency_ms - 10) * MS,
        ..Parts::default()
    };
    Record::Frame(Box::new(frame))
}

fn link(number: i64, bytes: u64, connected: bool) -> Record {
    Record::Link(LinkSample {
        at: Nanos(number * 100 * MS),
        window_ns: 100 * MS,
        up: Flow {
            bytes,
            busy_ns: if bytes > 0 { 10 * MS } else { 0 },
        },
        down: Flow::default(),
        rtt_ns: None,
        connected,
        peer: DeviceId::SERVER,
    })
}

/// Frames 1 to 8 under split 2, 11 to 19 under split 3, the first of each warm-up; the link carries, is idle, is away.
fn recorded(folder: &Path) -> std::path::PathBuf {
    recorded_over(folder, None)
}

fn recorded_over(folder: &Path, emulated_link: Option<&str>) -> std::path::PathBuf {
    let path = folder.join("made.mcap");
    let start = Start {
        format: FORMAT,
        version: "0.1.0".to_owned(),
        at: Nanos(0),
        unix_ms: 1_795_616_400_123,
        console: "ada@laptop".to_owned(),
    };
    let mut writer = Writer::create(&path, start).unwrap();
    let mut at = 0;
    let mut add = |what| {
        at += MS;
        let (at, unix_ms) = (Nanos(at), 0);
        writer.add(&Entry { at, unix_ms, what }).unwrap();
    };
    for (epoch, first, latency_ms) in [(2_u32, 1, 50), (3, 11, 40)] {
        let plan = Plan::split(epoch);
        let epoch_of = Epoch(epoch);
        add(told(Record::Plan(PlanRecord {
            epoch: epoch_of,
            plan,
            local_because: None,
            policy: None,
        })));
        for i in 0..9 {
            add(told(frame(first + i, epoch, latency_ms + i as i64, i == 0)));
        }
    }
    let step = |to, kind, start_ms: i64| step(0, kind, 3, start_ms * MS, 10 * MS, to, 0);
    add(told(Record::Prediction(Box::new(PredictionRecord {
        at: Nanos(0),
        epoch: Epoch(3),
        mbps: 93.0,
        latency_ns: 0,
        assumed: None,
        codec: Codec::None,
        frame: Some(ExpectedFrame {
            latency_ns: 20 * MS,
            parts: Parts::default(),
            steps: [
                step(0, StepKind::Compute, 0),
                step(1, StepKind::Transfer, 10),
            ]
            .into_iter()
            .collect(),
            energy_j: None,
        }),
        cuts: CutCosts::default(),
        plans: Vec::new(),
        no_gain: Vec::new(),
        emulated: true,
    }))));
    if let Some(link) = emulated_link {
        add(told(Record::Peer(PeerRecord {
            device: DeviceId::SERVER,
            address: "127.0.0.1:7402".to_owned(),
            state: PeerState::Ready,
            clock: None,
            link: Some(link.to_owned()),
        })));
    }
    for (number, bytes, connected) in [(1, 1_000, true), (2, 0, true), (3, 0, false)] {
        add(told(link(number, bytes, connected)));
    }
    writer.finish().unwrap();
    path
}

#[test]
fn a_recording_is_read_plan_by_plan() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = super::super::read(&recorded(folder.path()), None).unwrap();
    let of = |i: usize| {
        let plan = &evidence.plans[i];
        (
            plan.label.as_str(),
            plan.latencies_ms.len(),
            plan.left_out,
            plan.latency.value,
        )
    };
    assert_eq!(of(0), ("split 2", 8, 1, 54.5));
    assert_eq!(of(1), ("split 3", 8, 1, 44.5));
    assert_eq!(evidence.program.as_deref(), Some("splitscope 0.1.0"));
    assert_eq!(
        evidence.plans[0].energy, None,
        "no power was told: none, not zero"
    );
    let figure = make(FigureKind::Splits, std::slice::from_ref(&evidence)).unwrap();
    assert!(matches!(figure.body, Body::Stacks(_)));
}

#[test]
fn a_link_is_named_by_what_the_robot_says_of_it_or_by_what_it_carried() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = super::super::read(&recorded(folder.path()), None).unwrap();
    let link = evidence.link.as_deref();
    assert_eq!(
        link,
        Some("without a name, 0.8 Mbps up on average while it was used")
    );
    assert!(!evidence.is_link_emulated);

    let folder = tempfile::tempdir().unwrap();
    let path = recorded_over(folder.path(), Some("93"));
    let evidence = super::super::read(&path, None).unwrap();
    assert_eq!(evidence.link.as_deref(), Some("93 Mbps, emulated"));
    let figure = make(FigureKind::Bandwidth, std::slice::from_ref(&evidence)).unwrap();
    assert!(figure.origin.is_link_emulated);
}

#[test]
fn an_idle_link_has_no_rate_and_a_lost_one_has_zero() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = super::super::read(&recorded(folder.path()), None).unwrap();
    let up = &evidence.rates[0];
    assert_eq!(up.direction, "up");
    let held: Vec<_> = up.held.iter().map(|h| (h.from_s, h.mbps)).collect();
    // 1000 bytes in 10 ms, nothing in the second tenth, an outage in the third.
    assert_eq!(held, [(0.0, 0.8), (0.2, 0.0)]);
}

#[test]
fn the_frame_asked_for_is_drawn_or_said_to_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = recorded(folder.path());
    let evidence = super::super::read(&path, Some(13)).unwrap();
    // What was expected of its plan stands below it, and the figure says so.
    let figure = make(FigureKind::Timeline, std::slice::from_ref(&evidence)).unwrap();
    assert!(figure.origin.is_predicted && figure.caption.reading.contains("as it was predicted"));
    let timeline = evidence.timeline.unwrap();
    let early = super::super::read(&path, Some(3))
        .unwrap()
        .timeline
        .unwrap();
    assert!(
        early.lanes.iter().all(|l| !l.is_predicted),
        "nothing was expected of split 2"
    );
    assert_eq!(
        (timeline.frame, timeline.plan.as_str()),
        (Some(13), "split 3")
    );
    let lanes: Vec<_> = timeline.lanes.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(
        lanes,
        [
            "robot",
            "uplink",
            "server",
            "robot, predicted",
            "uplink, predicted"
        ]
    );
    assert!((timeline.steps[1].start_ms - 10.0).abs() < 1e-9);
    let error = super::super::read(&path, Some(99)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "made.mcap has no frame 99 with its steps; it has frames 1 to 19"
    );
}
