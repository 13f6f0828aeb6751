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
        let world = World::pair(
            scaled("jetson-xavier-nx", self.robot),
            scaled("gpu-server", self.server),
            Link::constant(BitsPerSecond::from_mbps(self.mbps)),
            None,
        );
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
