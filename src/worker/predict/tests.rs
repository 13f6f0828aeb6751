//! Made frames: devices and a link that differ from what the profiles say, by known factors.

use super::*;
use crate::model::zoo;
use crate::plan::StepKind;
use crate::profile::Profile;

const MS: i64 = 1_000_000;

/// A real robot, server and link, as only frames show them.
struct Reality {
    graph: Arc<Graph>,
    robot: f64,
    server: f64,
    mbps: f64,
    packings: simulate::Packings,
    /// Added to every frame: waking lanes, packing.
    rest_ns: i64,
    frame: u64,
    now: Nanos,
}

impl Reality {
    fn new() -> Self {
        Self {
            graph: Arc::new(zoo::build("mobilenet_v2", 1, 96, 96).unwrap()),
            robot: 1.0,
            server: 1.0,
            mbps: 50.0,
            packings: simulate::Packings::default(),
            rest_ns: 0,
            frame: 0,
            now: Nanos(0),
        }
    }

    fn predictor(&self) -> Predictor {
        let base = |name| Calibrated::new(Profile::open(name).unwrap(), Vec::new());
        let robot = base("jetson-xavier-nx");
        let mut predictor = Predictor::new(Arc::clone(&self.graph), robot, None).unwrap();
        predictor.server(DeviceId::SERVER, base("gpu-server"));
        predictor
    }

    /// Runs a frame for real, after it was announced; gives what was expected and what came.
    fn frame(&mut self, predictor: &mut Predictor, schedule: &Schedule) -> (Option<Expected>, i64) {
        self.frame += 1;
        let id = FrameId(self.frame);
        let under = (schedule.plan != Plan::LOCAL).then_some(schedule.epoch);
        let expected = predictor.admitted(id, under, self.now);
        let scaled = |name, factor: f64| -> Arc<dyn Costs> {
            let mut model =
                simulate::DeviceModel::new(&self.graph, Arc::new(Profile::open(name).unwrap()));
            for node in self.graph.nodes() {
                model.set_factor(node.id, factor);
            }
            Arc::new(model)
        };
        let mut world = World::pair(
            scaled("jetson-xavier-nx", self.robot),
            scaled("gpu-server", self.server),
            Link::constant(BitsPerSecond::from_mbps(self.mbps)),
            None,
        );
        if schedule.plan.codec != Codec::None {
            world.packings = self.packings.clone();
        }
        let outcome = simulate::run(&self.graph, schedule, &world, &Run::one(self.now)).unwrap();
        let came = &outcome.frames[0];
        let mut parts = came.parts;
        parts.wait_ns += self.rest_ns;
        let computes = |device: DeviceId| {
            let steps = came.steps.iter();
            let mine = steps.filter(|s| s.device == device && s.kind == StepKind::Compute);
            let observed = mine.map(|s| Observed::Compute {
                node: s.node,
                out: crate::model::Region::whole(&self.graph.node(s.node).shape),
                over: None,
                ns: s.duration_ns,
            });
            (device, observed.collect())
        };
        predictor.finished(&Finished {
            frame: id,
            mode: schedule.plan.mode_name().to_owned(),
            warmup: self.frame == 1,
            admitted: self.now,
            parts,
            transfers: transfers(came.steps.iter()),
            robot_ns: robot_ns(&came.steps),
            computed: vec![computes(DeviceId::ROBOT), computes(DeviceId::SERVER)],
        });
        let latency_ns = came.latency_ns + self.rest_ns;
        self.now = self.now.shifted(latency_ns + MS);
        (expected, latency_ns)
    }

    fn error(&mut self, predictor: &mut Predictor, schedule: &Schedule) -> f64 {
        let (expected, came) = self.frame(predictor, schedule);
        expected.unwrap().latency_ns as f64 / came as f64 - 1.0
    }
}

fn split(graph: &Graph, k: u32, epoch: u32) -> Arc<Schedule> {
    Arc::new(compile(graph, &Plan::split(k), Epoch(epoch)).unwrap())
}

#[test]
fn nothing_is_predicted_from_nothing() {
    let mut reality = Reality::new();
    let mut predictor = reality.predictor();
    let schedule = split(&reality.graph, 30, 2);
    assert_eq!(
        predictor.admitted(FrameId(0), Some(Epoch(2)), Nanos(0)),
        None
    );
    predictor.plan(Arc::clone(&schedule));
    // The plan is known, but nothing passed the link.
    assert_eq!(
        predictor.admitted(FrameId(0), Some(Epoch(2)), Nanos(0)),
        None
    );
    // A local frame needs no link.
    assert!(predictor.admitted(FrameId(0), None, Nanos(0)).is_some());
    // A few milliseconds of traffic say little of a rate.
    for _ in 0..8 {
        reality.frame(&mut predictor, &schedule);
    }
    assert!(
        predictor
            .admitted(FrameId(99), Some(Epoch(2)), Nanos(0))
            .is_some()
    );
}

#[test]
fn predictions_come_to_what_is_measured_and_hold_for_another_plan() {
    let mut reality = Reality::new();
    (reality.robot, reality.server, reality.rest_ns) = (1.7, 0.6, 3 * MS);
    let mut predictor = reality.predictor();
    let schedule = split(&reality.graph, 30, 2);
    predictor.plan(Arc::clone(&schedule));
    for _ in 0..40 {
        reality.frame(&mut predictor, &schedule);
    }
    let error = reality.error(&mut predictor, &schedule);
    assert!(error.abs() < 0.01, "{error}");
    // Another cut: some operators were never seen on the other device, and are as slow as it is.
    let other = split(&reality.graph, 60, 3);
    predictor.plan(Arc::clone(&other));
    let error = reality.error(&mut predictor, &other);
    assert!(error.abs() < 0.03, "{error}");
}

#[test]
fn a_link_that_halves_is_followed_within_a_few_frames() {
    let mut reality = Reality::new();
    let mut predictor = reality.predictor();
    let schedule = split(&reality.graph, 10, 2);
    predictor.plan(Arc::clone(&schedule));
    for _ in 0..20 {
        reality.frame(&mut predictor, &schedule);
    }
    reality.mbps /= 2.0;
    let at_once = reality.error(&mut predictor, &schedule);
    assert!(at_once < -0.2, "nothing told it: {at_once}");
    for _ in 0..5 {
        reality.frame(&mut predictor, &schedule);
    }
    let later = reality.error(&mut predictor, &schedule);
    assert!(later.abs() < 0.05, "{later}");
}

#[test]
fn frames_that_never_end_are_forgotten() {
    let reality = Reality::new();
    let mut predictor = reality.predictor();
    for frame in 0..1_000 {
        predictor.admitted(FrameId(frame), None, Nanos(0));
    }
    assert_eq!(predictor.open.len(), MAX_OPEN);
}

/// A real link with a codec: values go as a third, and packing takes its time.
#[test]
fn under_a_codec_predictions_hold_once_its_bytes_and_times_were_seen() {
    let mut reality = Reality::new();
    reality.mbps = 8.0;
    let packing = |wire| simulate::Packing {
        codec: crate::plan::ValueCodec::ZeroBitmap,
        wire,
        encode_ns: 12.0,
        decode_ns: 5.0,
    };
    let edges = (1..=reality.graph.operator_count()).map(crate::units::NodeId);
    let edges = edges.flat_map(|id| [((id, true), packing(0.3)), ((id, false), packing(0.9))]);
    reality.packings = simulate::Packings::new(&reality.graph, edges);
    let mut predictor = reality.predictor();
    let plan = |k, codec| Plan::split(k).with_codec(codec);
    let compiled =
        |graph: &Graph, plan: &Plan, epoch| Arc::new(compile(graph, plan, Epoch(epoch)).unwrap());
    let packs = compiled(&reality.graph, &plan(30, Codec::Auto), 2);
    predictor.plan(Arc::clone(&packs));
    for _ in 0..20 {
        reality.frame(&mut predictor, &packs);
    }
    let error = reality.error(&mut predictor, &packs);
    assert!(error.abs() < 0.02, "{error}");
    // At another cut values were never packed; they are taken for like those that were.
    let other = compiled(&reality.graph, &plan(60, Codec::Auto), 3);
    predictor.plan(Arc::clone(&other));
    let error = reality.error(&mut predictor, &other);
    assert!(error.abs() < 0.05, "{error}");
    // Plans without that codec are priced without it.
    let now = reality.now;
    let link = predictor.link(now);
    assert_eq!(predictor.world(link, Codec::None, now).packings.seen(), 0);
    assert_eq!(predictor.world(link, Codec::F16, now).packings.seen(), 0);
    assert!(predictor.world(link, Codec::Auto, now).packings.seen() >= 2);
}

#[test]
fn a_pipeline_that_is_not_full_is_not_expected_to_be() {
    let mut reality = Reality::new();
    let mut predictor = reality.predictor();
    let single = split(&reality.graph, 10, 2);
    predictor.plan(Arc::clone(&single));
    for _ in 0..10 {
        reality.frame(&mut predictor, &single);
    }
    let plan = Plan::split(10).with_window(3);
    let schedule = Arc::new(compile(&reality.graph, &plan, Epoch(3)).unwrap());
    predictor.plan(Arc::clone(&schedule));
    let now = reality.now;
    let mut latency_ms = |frame: u64, ms: i64| {
        let now = now.shifted(ms * MS);
        let expected = predictor.admitted(FrameId(frame), Some(Epoch(3)), now);
        expected.unwrap().latency_ns as f64 / 1e6
    };
    let first = latency_ms(100, 0);
    let second = latency_ms(101, 0);
    let third = latency_ms(102, 0);
    assert!(first < second && second < third, "{first} {second} {third}");
    // They were given up, and half a second later nothing of them is in the way any more.
    for frame in 100..103 {
        predictor.given_up(FrameId(frame), 10 * MS, &[], now.shifted(300 * MS));
        predictor.ended(FrameId(frame), now.shifted(350 * MS));
    }
    let later = now.shifted(600 * MS);
    let again = predictor.admitted(FrameId(103), Some(Epoch(3)), later);
    let again = again.unwrap().latency_ns as f64 / 1e6;
    assert!((again - first).abs() < 0.01, "{first} {again}");
}

#[test]
fn a_value_that_waited_in_the_socket_for_the_one_before_makes_no_slow_link() {
    let reality = Reality::new();
    let mut predictor = reality.predictor();
    let transfer = |frame: u64, start_ms: i64, ms: i64| Finished {
        frame: FrameId(frame),
        mode: "pipeline".to_owned(),
        warmup: false,
        admitted: Nanos(0),
        parts: Parts::default(),
        transfers: vec![StepTime {
            device: DeviceId::ROBOT,
            kind: StepKind::Transfer,
            node: crate::units::NodeId(10),
            start_ns: start_ms * MS,
            duration_ns: ms * MS,
            bytes: 250_000,
            to: DeviceId::SERVER,
            wire_bytes: 250_000,
            codec: crate::plan::ValueCodec::None,
            error_ppb: 0,
        }],
        robot_ns: 0,
        computed: Vec::new(),
    };
    // A link so full that heartbeats take long has no longer latency for that.
    predictor.set_latency(MS / 4);
    predictor.set_latency(6 * MS);
    // 250 kB every 20 ms are 100 Mbps; each is handed over 15 ms before the one before it has come.
    for frame in 0..10 {
        let start_ms = 20 * frame as i64 - if frame > 0 { 15 } else { 0 };
        let end_ms = 20 * (frame as i64 + 1);
        predictor.finished(&transfer(frame, start_ms, end_ms - start_ms));
    }
    let mbps = predictor.link(Nanos(200 * MS)).unwrap().rate.mbps;
    assert!((mbps - 100.0).abs() < 3.0, "{mbps}");
}

#[test]
fn frames_that_run_locally_one_behind_the_other_are_expected_to_wait() {
    let reality = Reality::new();
    let mut predictor = reality.predictor();
    let mut expected = |frame| {
        let expected = predictor.admitted(FrameId(frame), None, Nanos(0));
        expected.unwrap().latency_ns
    };
    let alone = expected(1);
    assert_eq!(expected(2), 2 * alone);
    assert_eq!(expected(3), 3 * alone);
}

#[test]
fn a_frame_that_takes_seconds_makes_no_better_link_of_a_slow_one() {
    let mut reality = Reality::new();
    reality.mbps = 0.3;
    let mut predictor = reality.predictor();
    let plan = split(&reality.graph, 3, 2);
    predictor.plan(Arc::clone(&plan));
    for _ in 0..3 {
        reality.frame(&mut predictor, &plan);
    }
    // Its times are not here yet when the next one is admitted.
    let expect = |predictor: &mut Predictor, frame, now| {
        let expected = predictor.admitted(FrameId(frame), Some(Epoch(2)), now);
        expected.unwrap().latency_ns
    };
    let first_ns = expect(&mut predictor, 4, reality.now);
    assert!(first_ns > 3_000 * MS, "{first_ns}");
    let second_ns = expect(&mut predictor, 5, reality.now.shifted(first_ns));
    let change = second_ns as f64 / first_ns as f64 - 1.0;
    assert!(change.abs() < 0.01, "{change}");
}
