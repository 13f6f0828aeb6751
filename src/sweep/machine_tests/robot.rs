//! A robot in virtual time.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::model::{Graph, crossing_bytes, zoo};
use crate::plan::Plan;
use crate::policy::Spec;
use crate::power::{PowerRecord, PowerSourcesRecord, RailId, RailSample};
use crate::profile::trace::{AfterEnd, Direction, Schedule as Link, Trace};
use crate::sweep::*;
use crate::units::{DeviceId, Epoch, FrameId, Nanos, Watts};
use crate::wire::testing::{bare_frame, computed};
use crate::wire::{
    FrameRecord, Outcome, Parts, Pause, PauseRecord, PlanRecord, Record, StepTime, SwitchRecord,
    SwitchStage,
};

pub(super) const MS: i64 = 1_000_000;
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
pub(super) struct Robot {
    pub(super) graph: Graph,
    pub(super) link: Link,
    pub(super) now: Nanos,
    pub(super) epoch: u32,
    pub(super) plan: Plan,
    pub(super) applied: bool,
    pub(super) frame: u64,
    pub(super) watts: Option<f64>,
    /// Why there is no server, if there is none.
    pub(super) gone: Option<String>,
    /// Plans that it takes only after so many refusals.
    pub(super) refuses: Option<(Plan, u32)>,
    pub(super) orders: Vec<Plan>,
    /// What it measures its power with.
    pub(super) sources: PowerSourcesRecord,
    /// The policy that has the say, and the frames since it took over.
    pub(super) policy: Option<(Spec, u32)>,
    /// The plan that a policy chooses once it has seen two frames.
    pub(super) choice: Plan,
    /// Its server is on the same machine; how many times as long operators take while both compute.
    pub(super) checks_solo: bool,
    pub(super) slowdown: i64,
}

impl Robot {
    pub(super) fn new(rows: &[(u32, f64)]) -> Self {
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
            sources: PowerSourcesRecord::default(),
            policy: None,
            choice: Plan::REMOTE,
            checks_solo: false,
            slowdown: 1,
        }
    }

    pub(super) fn sweep(&self, cuts: &[u32], settings: Settings) -> (Sweep, Order) {
        let cuts = Cuts::List(cuts.to_vec());
        self.sweep_of(Some(&cuts), &[], settings)
    }

    pub(super) fn sweep_of(
        &self,
        cuts: Option<&Cuts>,
        modes: &[Wanted],
        settings: Settings,
    ) -> (Sweep, Order) {
        let plans = PlanLine::list(&self.graph, cuts, modes, Given::default()).unwrap();
        let servers = [(DeviceId::SERVER, true)];
        Sweep::new(
            plans,
            settings,
            Plan::LOCAL,
            servers,
            &self.sources,
            self.checks_solo,
            self.now,
        )
    }

    pub(super) fn latency(&self, plan: &Plan) -> (i64, u64) {
        let n = self.graph.operator_count();
        let k = plan.cut(&self.graph).unwrap();
        let robot = i64::from(k) * ROBOT_NS;
        let server = i64::from(n - k) * SERVER_NS;
        let bytes = crossing_bytes(&self.graph, k).0;
        let begins = self.now.0 + robot;
        let up = self.link.ns_for(begins, bytes as f64 * 8.0).unwrap() as i64;
        (robot + server + up, bytes)
    }

    /// What was computed in a frame on two devices of one machine, as fast as each other. Of a pipeline the server
    /// computes its part of one frame while the robot computes its part of another.
    fn steps(&self) -> impl Iterator<Item = StepTime> {
        let cut = self.plan.cut(&self.graph).filter(|_| self.checks_solo);
        let both = self.plan.window > 1;
        let each = ROBOT_NS * if both { self.slowdown } else { 1 };
        let last = cut.map_or(0, |_| self.graph.operator_count());
        (1..=last).map(move |node| {
            let on_robot = cut.is_some_and(|k| node <= k);
            let before = if both && !on_robot {
                cut.unwrap_or(0)
            } else {
                0
            };
            let start = i64::from(node - 1 - before) * each;
            computed(u8::from(!on_robot), node, start, each)
        })
    }

    /// The next frame; what the robot tells of it and of power meanwhile.
    pub(super) fn frame(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        self.choose();
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
        if warmup {
            records.push(self.told_plan());
        }
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
            steps: self.steps().collect(),
            ..bare_frame("split")
        };
        records.push(Record::Frame(Box::new(record)));
        if let Some(watts) = self.watts {
            let watts = watts * f64::from(self.plan.cut(&self.graph).unwrap());
            records.push(self.power(latency_ns, watts));
        }
        self.frame += 1;
        self.now = self.now.shifted(latency_ns);
        records
    }

    /// From now on for so long at so many watts.
    fn power(&self, for_ns: i64, watts: f64) -> Record {
        let samples = (0..=10).map(|n| RailSample {
            rail: RailId(0),
            at: self.now.shifted(for_ns / 10 * n),
            volts: None,
            amps: None,
            watts: Watts(watts),
        });
        Record::Power(Box::new(PowerRecord {
            source: "meter".to_owned(),
            samples: samples.collect(),
            effective_hz: None,
            lost: 0,
            emulated: true,
        }))
    }

    fn told_plan(&self) -> Record {
        Record::Plan(PlanRecord {
            epoch: Epoch(self.epoch),
            plan: self.plan.clone(),
            local_because: None,
            policy: self.policy.map(|(spec, _)| spec),
        })
    }

    /// A policy that has seen two frames changes the plan.
    fn choose(&mut self) {
        if let Some((_, frames)) = &mut self.policy {
            *frames += 1;
            if *frames == 3 && self.plan != self.choice {
                self.plan = self.choice.clone();
                self.epoch += 1;
                self.applied = false;
            }
        }
    }

    pub(super) fn hand_over(&mut self, policy: Spec) -> Record {
        self.policy = Some((policy, 0));
        self.told_plan()
    }

    /// Admits nothing for so long, at 5 W.
    pub(super) fn idle(&mut self, for_ms: u32) -> Vec<Record> {
        let end = self.now.shifted(i64::from(for_ms) * MS);
        let told = |at, pause| Record::Pause(PauseRecord { at, pause });
        let mut records = vec![told(
            self.now,
            Some(Pause {
                by: "ann".to_owned(),
                began: self.now,
                until: end,
                quiet_since: Some(self.now),
            }),
        )];
        while self.now < end {
            records.push(self.power(500 * MS, 5.0));
            self.now = self.now.shifted(500 * MS);
        }
        records.push(told(end, None));
        records
    }

    /// Obeys; gives the reason where it does not.
    pub(super) fn set_plan(&mut self, plan: Plan) -> Option<String> {
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
    pub(super) fn run(
        &mut self,
        sweep: &mut Sweep,
        first: Order,
        mut stop: impl FnMut(&Sweep, &mut Self) -> bool,
    ) -> Option<How> {
        let mut order = Some(first);
        for _ in 0..200_000 {
            match order.take() {
                Some(Order::End(how)) => return Some(how),
                Some(Order::Idle { for_ms }) => {
                    for record in self.idle(for_ms) {
                        order = sweep.event(Event::Record(&record), self.now).or(order);
                    }
                    continue;
                }
                Some(Order::Set(Rule::Policy(policy))) => {
                    let told = self.hand_over(policy);
                    order = sweep.event(Event::Record(&told), self.now);
                }
                Some(Order::Set(Rule::Plan(plan))) => {
                    self.policy = None;
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

    pub(super) fn measure(rows: &[(u32, f64)], cuts: &[u32], settings: Settings) -> (Sweep, Self) {
        let mut robot = Self::new(rows);
        let (mut sweep, first) = robot.sweep(cuts, settings);
        let how = robot.run(&mut sweep, first, |_, _| false);
        assert_eq!(how, Some(How::Done));
        sweep.finish();
        (sweep, robot)
    }
}
