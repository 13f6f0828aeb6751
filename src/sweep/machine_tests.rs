//! A sweep against a robot in virtual time.

use std::fmt::Write as _;
use std::sync::Arc;

use super::*;
use crate::model::{Graph, crossing_bytes, zoo};
use crate::plan::Plan;
use crate::power::{
    Counts, PowerRecord, PowerSourcesRecord, Rail, RailId, RailSample, SourceRecord,
};
use crate::profile::trace::{AfterEnd, Direction, Schedule as Link, Trace};
use crate::units::{DeviceId, Epoch, FrameId, Nanos, Watts};
use crate::wire::{
    FrameRecord, Outcome, Parts, PeerRecord, PeerState, PlanRecord, Record, SwitchRecord,
    SwitchStage,
};

const MS: i64 = 1_000_000;
/// The robot of these tests computes an operator in 20 ms, its server in 1 ms.
const ROBOT_NS: i64 = 20 * MS;
const SERVER_NS: i64 = MS;

fn vgg() -> Graph {
    zoo::build("vgg19", 1, 224, 224).unwrap()
}

/// A link of one rate, or of rates that change from row to row.
fn link(rows: &[(u32, f64)]) -> Link {
    let mut text = "# splitscope link trace v1\ntime_s,shared_mbps,delay_ms\n".to_owned();
    for (second, mbps) in rows {
        let _ = writeln!(text, "{second},{mbps},0");
    }
    let trace = Trace::parse(text.as_bytes()).unwrap();
    Link::new(Arc::new(trace), Direction::Up, AfterEnd::Hold)
}

/// A robot that admits the next frame when the last one is done.
struct Robot {
    graph: Graph,
    link: Link,
    now: Nanos,
    epoch: u32,
    plan: Plan,
    applied: bool,
    frame: u64,
    watts: Option<f64>,
    /// Why there is no server, if there is none.
    gone: Option<String>,
    /// Plans that it takes only after so many refusals.
    refuses: Option<(Plan, u32)>,
    orders: Vec<Plan>,
}

impl Robot {
    fn new(rows: &[(u32, f64)]) -> Self {
        Self {
            graph: vgg(),
            link: link(rows),
            now: Nanos(0),
            epoch: 1,
            plan: Plan::LOCAL,
            applied: true,
            frame: 0,
            watts: None,
            gone: None,
            refuses: None,
            orders: Vec::new(),
        }
    }

    fn sweep(&self, cuts: &[u32], settings: Settings) -> (Sweep, Order) {
        let cuts = Cuts::List(cuts.to_vec());
        let plans = PlanLine::list(&self.graph, Some(&cuts), &[], None).unwrap();
        let servers = [(DeviceId::SERVER, true)];
        Sweep::new(plans, settings, Plan::LOCAL, servers, self.now)
    }

    fn latency(&self, plan: &Plan) -> (i64, u64) {
        let n = self.graph.operator_count();
        let k = plan.cut(&self.graph).unwrap();
        let robot = i64::from(k) * ROBOT_NS;
        let server = i64::from(n - k) * SERVER_NS;
        let bytes = crossing_bytes(&self.graph, k).0;
        let begins = self.now.0 + robot;
        let up = self.link.ns_for(begins, bytes as f64 * 8.0).unwrap() as i64;
        (robot + server + up, bytes)
    }

    /// The next frame; what the robot tells of it and of power meanwhile.
    fn frame(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        let local = self.gone.is_some() && self.plan != Plan::LOCAL;
        let ran = if local { &Plan::LOCAL } else { &self.plan };
        let (latency_ns, bytes_up) = self.latency(ran);
        if !local && !std::mem::replace(&mut self.applied, true) {
            records.push(Record::Switch(SwitchRecord {
                at: self.now,
                command: 0,
                plan: self.plan.clone(),
                stage: SwitchStage::Applied {
                    epoch: Epoch(self.epoch),
                    frame: FrameId(self.frame),
                },
            }));
        }
        let warmup = !records.is_empty();
        let record = FrameRecord {
            frame: FrameId(self.frame),
            epoch: Epoch(self.epoch),
            admitted: self.now,
            latency_ns,
            bytes_up,
            outcome: if local {
                Outcome::FinishedLocally
            } else {
                Outcome::Ok
            },
            warmup,
            parts: Parts {
                robot_compute_ns: latency_ns,
                ..Parts::default()
            },
            ..crate::store::testing::frame_of("split", 0, &[])
        };
        records.push(Record::Frame(Box::new(record)));
        if let Some(watts) = self.watts {
            let at = |n: i64| self.now.shifted(latency_ns / 10 * n);
            let samples = (0..=10).map(|n| RailSample {
                rail: RailId(0),
                at: at(n),
                volts: None,
                amps: None,
                watts: Watts(watts * f64::from(self.plan.cut(&self.graph).unwrap())),
            });
            records.push(Record::Power(Box::new(PowerRecord {
                source: "meter".to_owned(),
                samples: samples.collect(),
                effective_hz: None,
                lost: 0,
                emulated: true,
            })));
        }
        self.frame += 1;
        self.now = self.now.shifted(latency_ns);
        records
    }

    /// Obeys; gives the reason where it does not.
    fn set_plan(&mut self, plan: Plan) -> Option<String> {
        self.orders.push(plan.clone());
        if let Some((refused, times)) = &mut self.refuses
            && *refused == plan
            && *times > 0
        {
            *times -= 1;
            return Some("no memory for it".to_owned());
        }
        if let Some(gone) = self.gone.clone().filter(|_| plan != Plan::LOCAL) {
            return Some(gone);
        }
        self.plan = plan;
        self.epoch += 1;
        self.applied = false;
        None
    }

    /// Goes on until the end, or until `stop` says so after a frame.
    fn run(
        &mut self,
        sweep: &mut Sweep,
        first: Order,
        mut stop: impl FnMut(&Sweep, &mut Self) -> bool,
    ) -> Option<How> {
        let mut order = Some(first);
        for _ in 0..200_000 {
            match order.take() {
                Some(Order::End(how)) => return Some(how),
                Some(Order::Set(rule)) => {
                    let plan = rule.plan().unwrap().clone();
                    if let Some(reason) = self.set_plan(plan) {
                        order = sweep.event(Event::Refused(&reason), self.now);
                        continue;
                    }
                }
                None => {}
            }
            for record in self.frame() {
                order = sweep.event(Event::Record(&record), self.now).or(order);
            }
            if order.is_none() {
                order = sweep.event(Event::Tick, self.now);
            }
            if stop(sweep, self) {
                return None;
            }
        }
        panic!("no end: {:?}", sweep.progress());
    }

    fn measure(rows: &[(u32, f64)], cuts: &[u32], settings: Settings) -> (Sweep, Self) {
        let mut robot = Self::new(rows);
        let (mut sweep, first) = robot.sweep(cuts, settings);
        let how = robot.run(&mut sweep, first, |_, _| false);
        assert_eq!(how, Some(How::Done));
        sweep.finish();
        (sweep, robot)
    }
}

fn rounds(rounds: u32) -> Settings {
    Settings {
        frames: 1,
        until: Until::Repeats(rounds),
        ..Settings::default()
    }
}

/// Plans by their median latency, the fastest first.
fn ranking(sweep: &Sweep) -> Vec<usize> {
    let mut places: Vec<usize> = (0..sweep.plans().len()).collect();
    let median = |p: &usize| sweep.median(*p).unwrap().value;
    places.sort_by(|a, b| median(a).total_cmp(&median(b)));
    places
}

/// Tensors of one size cross all of these cuts, so that the earliest one is the fastest on any link.
const ALIKE: [u32; 6] = [12, 13, 14, 15, 16, 17];
/// The link gets better from 40 to 120 Mbps over ten minutes, a little every ten seconds.
fn trend() -> Vec<(u32, f64)> {
    (0..60)
        .map(|n| (n * 10, 40.0 + 80.0 * f64::from(n) / 59.0))
        .collect()
}

#[test]
fn a_drifting_link_does_not_change_the_ranking_but_in_blocks_it_does() {
    let constant = Robot::measure(&[(0, 80.0)], &ALIKE, rounds(40)).0;
    let drifting = Robot::measure(&trend(), &ALIKE, rounds(40)).0;
    let blocked = Settings {
        schedule: Schedule::Blocked,
        ..rounds(40)
    };
    let on_constant = Robot::measure(&[(0, 80.0)], &ALIKE, blocked).0;
    let in_blocks = Robot::measure(&trend(), &ALIKE, blocked).0;
    assert_eq!(ranking(&constant), [0, 1, 2, 3, 4, 5]);
    assert_eq!(ranking(&drifting), ranking(&constant));
    // The order alone does no harm; with the drift, what came last looks fastest.
    assert_eq!(ranking(&on_constant), ranking(&constant));
    assert_ne!(ranking(&in_blocks), ranking(&constant));
    assert_eq!(ranking(&in_blocks)[0], 5, "{:?}", ranking(&in_blocks));
}

#[test]
fn every_round_visits_every_plan_once_in_an_order_of_its_own() {
    let (sweep, robot) = Robot::measure(&[(0, 93.0)], &ALIKE, rounds(8));
    let rounds: Vec<&[Plan]> = robot.orders.chunks(ALIKE.len()).collect();
    assert_eq!(rounds.len(), 8);
    let sorted = |plans: &[Plan]| {
        let mut cuts: Vec<_> = plans.iter().map(|p| p.cut(&robot.graph).unwrap()).collect();
        cuts.sort_unstable();
        cuts
    };
    assert!(rounds.iter().all(|round| sorted(round) == ALIKE));
    assert!(rounds.iter().any(|round| round != &rounds[0]));
    // The same seed draws the same orders.
    assert_eq!(
        Robot::measure(&[(0, 93.0)], &ALIKE, rounds_of(8)).1.orders,
        robot.orders
    );
    let progress = sweep.progress();
    assert_eq!((progress.visits, progress.visits_left), (48, 0));
}

fn rounds_of(n: u32) -> Settings {
    rounds(n)
}

#[test]
fn frames_after_a_switch_are_kept_and_left_out() {
    let settings = Settings {
        warmup: 2,
        frames: 3,
        ..rounds(2)
    };
    let (sweep, _) = Robot::measure(&[(0, 93.0)], &ALIKE[..2], settings);
    let warm = |r: &&FrameRow| r.left_out == Some(LeftOut::Warmup);
    assert_eq!(sweep.frames().iter().filter(warm).count(), 2 * 2 * 2);
    assert_eq!(
        sweep
            .frames()
            .iter()
            .filter(|r| r.left_out.is_none())
            .count(),
        2 * 2 * 3
    );
    let first: Vec<_> = sweep.frames()[..5]
        .iter()
        .map(|r| r.left_out.is_some())
        .collect();
    assert_eq!(first, [true, true, false, false, false]);
    assert!(sweep.visits().iter().all(|v| v.frames == 3));
}

#[test]
fn it_ends_when_every_interval_is_narrow_and_not_before() {
    // Every frame takes as long as the one before it, so the first interval has no width.
    let narrow = |percent, most| Settings {
        until: Until::Narrow { percent, most },
        ..rounds(0)
    };
    let steady = Robot::measure(&[(0, 93.0)], &ALIKE, narrow(2.0, 50)).0;
    let needed = u32::try_from(crate::statistics::LEAST_VALUES).unwrap();
    let made = steady.progress().round + 1;
    assert!((needed..needed + 2).contains(&made), "{made} rounds");
    let drifting = Robot::measure(&trend(), &ALIKE, narrow(2.0, 12)).0;
    assert_eq!(
        drifting.progress().round + 1,
        12,
        "the most that was allowed"
    );
}

#[test]
fn a_lost_link_pauses_and_the_plan_is_visited_again_when_it_is_back() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    let settings = Settings {
        frames: 4,
        ..rounds(2)
    };
    let (mut sweep, first) = robot.sweep(&ALIKE[..3], settings);
    let half = |s: &Sweep, r: &mut Robot| s.progress().visits == 2 && r.frame % 5 == 3;
    assert_eq!(robot.run(&mut sweep, first, half), None);
    let told = |robot: &Robot, why: Option<&str>| {
        Record::Plan(PlanRecord {
            epoch: Epoch(robot.epoch),
            plan: robot.plan.clone(),
            local_because: why.map(str::to_owned),
            policy: None,
        })
    };
    robot.gone = Some("nobody answers".to_owned());
    let plan = sweep.progress().plan;
    assert_eq!(
        sweep.event(
            Event::Record(&told(&robot, Some("nobody answers"))),
            robot.now
        ),
        None
    );
    assert_eq!(
        sweep.progress().pause,
        Some(Pause::Link("nobody answers".to_owned()))
    );
    let kept = sweep.frames().len();
    for _ in 0..20 {
        for record in robot.frame() {
            assert_eq!(sweep.event(Event::Record(&record), robot.now), None);
        }
    }
    assert_eq!(
        (sweep.frames().len(), sweep.progress().plan),
        (kept, plan),
        "nothing is lost or added"
    );
    robot.gone = None;
    let order = sweep
        .event(Event::Record(&told(&robot, None)), robot.now)
        .unwrap();
    assert_eq!(
        order,
        Order::Set(sweep.plans()[plan.unwrap()].rule.clone())
    );
    assert_eq!(robot.run(&mut sweep, order, |_, _| false), Some(How::Done));
    sweep.finish();
    assert_eq!(sweep.progress().visits, 6);
    assert!(sweep.frames().iter().all(|r| r.outcome == Outcome::Ok));
    for place in 0..3 {
        let used = sweep
            .frames()
            .iter()
            .filter(|r| r.plan == place && r.left_out.is_none());
        assert!(used.count() >= 8, "plan {place}");
    }
}

#[test]
fn a_plan_refused_for_want_of_the_server_waits_for_it() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    let (mut sweep, first) = robot.sweep(&ALIKE[..2], rounds(1));
    let peer = |state| {
        Record::Peer(PeerRecord {
            device: DeviceId::SERVER,
            address: "server:7402".to_owned(),
            state,
            clock: None,
        })
    };
    robot.gone = Some("split 12 needs the server".to_owned());
    sweep.event(Event::Record(&peer(PeerState::Connecting)), robot.now);
    let paused = |s: &Sweep, _: &mut Robot| s.progress().pause.is_some();
    assert_eq!(robot.run(&mut sweep, first, paused), None);
    assert!(sweep.refusals().is_empty());
    robot.gone = None;
    let order = sweep
        .event(Event::Record(&peer(PeerState::Ready)), robot.now)
        .unwrap();
    assert_eq!(robot.run(&mut sweep, order, |_, _| false), Some(How::Done));
}

#[test]
fn a_plan_that_the_robot_never_takes_is_left_with_its_reason() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    robot.refuses = Some((Plan::split(13), 99));
    let (mut sweep, first) = robot.sweep(&ALIKE[..3], rounds(3));
    assert_eq!(robot.run(&mut sweep, first, |_, _| false), Some(How::Done));
    assert_eq!(sweep.refusals().len(), 1);
    assert_eq!(sweep.plans()[sweep.refusals()[0].plan].label, "split 13");
    assert!(sweep.refusals()[0].reason.contains("no memory"));
    assert_eq!(
        robot
            .orders
            .iter()
            .filter(|&p| *p == Plan::split(13))
            .count(),
        3
    );
    assert_eq!(sweep.progress().visits, 6);
    // One that it takes at the second time is measured like the others.
    let mut robot = Robot::new(&[(0, 93.0)]);
    robot.refuses = Some((Plan::split(13), 1));
    let (mut sweep, first) = robot.sweep(&ALIKE[..3], rounds(3));
    assert_eq!(robot.run(&mut sweep, first, |_, _| false), Some(How::Done));
    assert_eq!((sweep.refusals().len(), sweep.progress().visits), (0, 9));
}

#[test]
fn skipping_and_stopping_keep_what_is_there() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    let (mut sweep, first) = robot.sweep(&ALIKE[..3], rounds(10));
    let some = |s: &Sweep, _: &mut Robot| s.progress().visits == 7;
    assert_eq!(robot.run(&mut sweep, first, some), None);
    let skipped = sweep.progress().plan.unwrap();
    let left = sweep.progress().visits_left;
    assert!(sweep.progress().time_left_ns.unwrap() > 0);
    let order = sweep.event(Event::Skip, robot.now).unwrap();
    assert!(sweep.progress().visits_left < left - 6);
    let more = |s: &Sweep, _: &mut Robot| s.progress().visits == 12;
    assert_eq!(robot.run(&mut sweep, order, more), None);
    let after = robot.orders.len();
    let again = sweep.plans()[skipped].rule.plan().unwrap();
    assert!(
        !robot.orders[after - 5..].contains(again),
        "it is visited no more"
    );
    let order = sweep.event(Event::Abort, robot.now);
    assert_eq!(order, Some(Order::End(How::Aborted)));
    sweep.finish();
    assert!(sweep.median(skipped).is_some());
    assert!(sweep.frames().len() > 12);
    assert_eq!(sweep.event(Event::Tick, robot.now), None);
    assert_eq!(sweep.progress().time_left_ns, Some(0));
}

#[test]
fn it_waits_for_a_robot_that_it_lost() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    let (mut sweep, first) = robot.sweep(&ALIKE[..2], rounds(3));
    let some = |s: &Sweep, _: &mut Robot| s.progress().visits == 3;
    assert_eq!(robot.run(&mut sweep, first, some), None);
    assert_eq!(sweep.event(Event::Lost, robot.now), None);
    assert_eq!(sweep.progress().pause, Some(Pause::Robot));
    robot.now = robot.now.shifted(3_600_000 * MS);
    assert_eq!(sweep.event(Event::Tick, robot.now), None);
    let order = sweep.event(Event::Back, robot.now).unwrap();
    assert_eq!(robot.run(&mut sweep, order, |_, _| false), Some(How::Done));
    assert_eq!(sweep.progress().visits, 6);
    let order = robot
        .sweep(&ALIKE[..2], rounds(3))
        .0
        .event(Event::ControlLost("eve@e"), robot.now);
    assert_eq!(
        order,
        Some(Order::End(How::ControlLost("eve@e".to_owned())))
    );
}

#[test]
fn a_visit_has_its_energy() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    let settings = Settings {
        frames: 5,
        ..rounds(3)
    };
    let (mut sweep, first) = robot.sweep(&ALIKE[..2], settings);
    let sources = Record::PowerSources(Box::new(PowerSourcesRecord {
        sources: vec![SourceRecord {
            name: "meter".to_owned(),
            rails: vec![Rail::new("VDD_IN", Counts::Total, "")],
            emulated: true,
            trouble: None,
        }],
        absent: Vec::new(),
    }));
    sweep.event(Event::Record(&sources), robot.now);
    robot.watts = Some(0.5);
    assert_eq!(robot.run(&mut sweep, first, |_, _| false), Some(How::Done));
    sweep.finish();
    assert_eq!(sweep.visits().len(), 6);
    for visit in sweep.visits() {
        let power = visit.power.as_ref().unwrap();
        let seconds = (visit.to_ns - visit.from_ns) as f64 / 1e9;
        let watts = 0.5 * f64::from(ALIKE[visit.plan]);
        assert!(power.emulated);
        assert!(
            (power.joules / (watts * seconds) - 1.0).abs() < 0.05,
            "{visit:?}"
        );
    }
}
