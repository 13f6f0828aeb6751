//! Frames of a camera along a trace, under a policy or a fixed plan; predicted. With a camera's period longer than
//! nearly every frame all plans meet the same link; with frames as fast as they go, who is slow in an outage has few
//! frames in it.
//!
//! Who learns the rate has what the robot has: a [`Belief`] from its own transfers, and soundings (`link::Sounder`)
//! while they are few. A sounding that is under way when a frame's value goes up does not delay it here.
//!
//! As in the workers, a frame that is not done by its deadline (three times the recent median, at least 200 ms) is
//! finished by the robot from what it holds.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::VecDeque;

use splitscope::link::{Belief, Passage, Sounder};
use splitscope::plan::Plan;
use splitscope::policy::{Candidate, Decision, Hysteresis, Policy, Problem, Verdict};
use splitscope::simulate::{Link, Run, energy};
use splitscope::units::{BitsPerSecond, Nanos};

const MS: i64 = 1_000_000;
/// The robot looks so often whether a sounding is due.
const TICK_NS: i64 = 100 * MS;
/// Its ticks and the camera's are not in step.
const PHASE_NS: i64 = 37 * MS;
/// The least deadline of a frame.
const LEAST_DEADLINE_NS: i64 = 200 * MS;
/// Recent frames whose median makes the deadline.
const RECENT: usize = 31;
/// What a robot that has never sent anything takes the link for, in megabits per second.
const ASSUMED_MBPS: f64 = 50.0;
/// Rates this close, as a factor, count as the same for decisions.
const SAME_RATE: f64 = 1.02;

/// A model in a world with a trace.
pub(crate) struct Case {
    pub(crate) problem: Problem,
    length_ns: i64,
    /// Of the camera; none: a picture always waits.
    period_ns: Option<i64>,
    local_ns: i64,
}

/// What became of the frames.
#[derive(Default)]
pub(crate) struct Totals {
    latencies_ns: Vec<i64>,
    joules: f64,
    /// By second of the trace: joules and frames of those admitted in it.
    by_second: Vec<(f64, u32)>,
    pub(crate) soundings: u64,
    pub(crate) changes: u32,
    pub(crate) finished_locally: u32,
}

impl Totals {
    pub(crate) fn mean_ms(&self) -> f64 {
        self.latencies_ns.iter().sum::<i64>() as f64 / 1e6 / self.latencies_ns.len() as f64
    }

    pub(crate) fn p95_ms(&self) -> f64 {
        let mut sorted = self.latencies_ns.clone();
        sorted.sort_unstable();
        sorted[(sorted.len() * 95).div_ceil(100) - 1] as f64 / 1e6
    }

    pub(crate) fn mean_joules(&self) -> f64 {
        self.joules / self.latencies_ns.len() as f64
    }

    /// The mean over the trace's seconds of what an inference takes, in joules; a second in which none began has the one
    /// that went on. Whoever has fewer frames when the link is bad gains nothing by that.
    pub(crate) fn joules_every_second_alike(&self) -> f64 {
        let mut going_on = 0.0;
        let seconds = self.by_second.iter().map(|&(joules, frames)| {
            if frames > 0 {
                going_on = joules / f64::from(frames);
            }
            going_on
        });
        seconds.sum::<f64>() / self.by_second.len().max(1) as f64
    }

    fn energy(&mut self, admitted: Nanos, joules: f64) {
        let second = (admitted.0.max(0) / 1_000_000_000) as usize;
        if self.by_second.len() <= second {
            self.by_second.resize(second + 1, (0.0, 0));
        }
        self.joules += joules;
        self.by_second[second].0 += joules;
        self.by_second[second].1 += 1;
    }

    pub(crate) fn frames(&self) -> usize {
        self.latencies_ns.len()
    }
}

/// A policy with its hysteresis and what it believes of the link.
pub(crate) struct Chooser<'a> {
    policy: &'a mut dyn Policy,
    hysteresis: Hysteresis,
    plan: Plan,
    /// True: the rate is learned from transfers, as the robot does. False: the rate in force at a frame's admission is known,
    /// as the schedulers of the field data knew it.
    learns: bool,
    belief: Belief,
    sounder: Sounder,
    /// A sounding on its way: its number, and its way if it ever comes.
    sounding: Option<(u64, Option<Passage>)>,
    /// Decisions by rate, for the same question has the same answer.
    decided: HashMap<i64, Decision>,
    priced: HashMap<(i64, String), Option<Candidate>>,
}

impl<'a> Chooser<'a> {
    pub(crate) fn new(policy: &'a mut dyn Policy, learns: bool) -> Self {
        Self {
            policy,
            hysteresis: Hysteresis::new(),
            plan: Plan::LOCAL,
            learns,
            belief: Belief::default(),
            sounder: Sounder::default(),
            sounding: None,
            decided: HashMap::new(),
            priced: HashMap::new(),
        }
    }

    /// The rate as the policy believes it.
    fn believed_mbps(&self, case: &Case, now: Nanos) -> f64 {
        if self.learns {
            self.belief.now(now).map_or(ASSUMED_MBPS, |b| b.rate.mbps)
        } else {
            case.problem.world().link.up.mbps(now)
        }
    }

    /// A frame's values have gone up, the last one at `end`.
    fn learn(&mut self, end: Nanos, bytes: u64, busy_ns: i64) {
        let start = end.shifted(-busy_ns);
        self.belief.frame(vec![Passage { start, end, bytes }]);
        self.sounder.value(end);
    }

    /// The link is free from `from` on, and the next frame is admitted at `until`.
    fn sound(&mut self, case: &Case, from: Nanos, until: Nanos) {
        if !self.learns {
            return;
        }
        let link = &case.problem.world().link;
        let tick = (from.0 - PHASE_NS + TICK_NS - 1).div_euclid(TICK_NS);
        let mut at = Nanos(tick * TICK_NS + PHASE_NS);
        while at <= until {
            self.sounded(at);
            if let Some(stood) = self.sounder.overdue(at, false) {
                self.belief.stalled(stood);
            }
            if let Some((id, bytes)) = self.sounder.due(at) {
                let bits = bytes as f64 * 8.0;
                let passage = link.up.ns_for(at, bits).map(|ns| Passage {
                    start: at,
                    end: at.shifted(ns),
                    bytes: bytes as u64,
                });
                self.sounder.began(id, at);
                self.sounding = Some((id, passage));
            }
            at = at.shifted(TICK_NS);
        }
        self.sounded(until);
        if let Some(stood) = self.sounder.overdue(until, false) {
            self.belief.stalled(stood);
        }
    }

    /// Takes in a sounding that has come by now.
    fn sounded(&mut self, now: Nanos) {
        let come = self
            .sounding
            .as_ref()
            .and_then(|(id, way)| Some((*id, (*way)?)));
        if let Some((id, way)) = come.filter(|(_, way)| way.end <= now) {
            self.sounding = None;
            if self.sounder.came(id, &way) {
                self.belief.frame(vec![way]);
            }
        }
    }

    fn choose(&mut self, case: &Case, now: Nanos) -> bool {
        let mbps = self.believed_mbps(case, now);
        let bucket = (mbps.max(1e-3).ln() / SAME_RATE.ln()).round() as i64;
        let link = &case.problem.world().link;
        let mut believed = Link::constant(BitsPerSecond::from_mbps(mbps));
        believed.latency_ns = link.delay_ns(splitscope::profile::trace::Direction::Up, now);
        let problem = case.problem.with_link(believed, 0.0);
        let policy = &mut self.policy;
        let decision = self
            .decided
            .entry(bucket)
            .or_insert_with(|| problem.settled(|problem| policy.decide(problem)));
        let key = (bucket, self.plan.label());
        let plan = &self.plan;
        let current = self
            .priced
            .entry(key)
            .or_insert_with(|| problem.evaluate(plan).ok());
        match self
            .hysteresis
            .weigh(decision, current.as_ref(), &self.plan, mbps)
        {
            Verdict::Keep(_) => false,
            Verdict::Change { plan, .. } => {
                self.plan = plan;
                true
            }
        }
    }
}

/// One frame.
struct Ran {
    latency_ns: i64,
    /// Computing, sending, receiving.
    robot_ns: [i64; 3],
    bytes_up: u64,
    locally: bool,
}

impl Case {
    pub(crate) fn new(problem: Problem, length_ns: i64, period_ns: Option<i64>) -> Self {
        let local_ns = problem.operator_ns().0.iter().sum();
        Self {
            problem,
            length_ns,
            period_ns,
            local_ns,
        }
    }

    /// A fixed plan over the whole trace.
    pub(crate) fn drive_fixed(&self, plan: &Plan) -> Totals {
        self.walk(|_| (plan.clone(), false), |_, _, _| ())
    }

    /// A policy over the whole trace.
    pub(crate) fn drive(&self, chooser: &mut Chooser<'_>) -> Totals {
        let chooser = RefCell::new(chooser);
        let mut totals = self.walk(
            |now| {
                let mut chooser = chooser.borrow_mut();
                let changed = chooser.choose(self, now);
                (chooser.plan.clone(), changed)
            },
            |admitted, ran, next| {
                let mut chooser = chooser.borrow_mut();
                let result = admitted.shifted(ran.latency_ns);
                let mut free = admitted;
                if ran.robot_ns[1] > 0 {
                    chooser.learn(result, ran.bytes_up, ran.robot_ns[1]);
                    free = result;
                }
                chooser.sound(self, free, next);
            },
        );
        let cost = chooser.borrow().sounder.cost();
        totals.soundings = cost.count;
        if let Some(levels) = &self.problem.world().power {
            totals.joules +=
                levels.transmit.over_ns(cost.busy_ns).0 - levels.idle.over_ns(cost.busy_ns).0;
        }
        totals
    }

    fn walk(
        &self,
        mut plan_at: impl FnMut(Nanos) -> (Plan, bool),
        mut done: impl FnMut(Nanos, &Ran, Nanos),
    ) -> Totals {
        let mut totals = Totals::default();
        let mut recent: VecDeque<i64> = VecDeque::new();
        let mut now = Nanos(0);
        let levels = self.problem.world().power;
        let mut places: HashMap<String, Option<usize>> = HashMap::new();
        while now.0 < self.length_ns {
            let (plan, changed) = plan_at(now);
            totals.changes += u32::from(changed);
            let mut sorted: Vec<i64> = recent.iter().copied().collect();
            sorted.sort_unstable();
            let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
            let deadline_ns = LEAST_DEADLINE_NS.max(3 * median);
            let divisions = self.problem.divisions();
            let place = *places
                .entry(format!("{plan:?}"))
                .or_insert_with(|| divisions.iter().position(|d| *d.plan() == plan));
            let ran = self.frame(&plan, place, now, deadline_ns);
            totals.finished_locally += u32::from(ran.locally);
            if let Some(levels) = &levels {
                totals.energy(now, energy(levels, ran.latency_ns, ran.robot_ns).0);
            }
            totals.latencies_ns.push(ran.latency_ns);
            if recent.len() == RECENT {
                recent.pop_front();
            }
            recent.push_back(ran.latency_ns);
            let latency_ns = ran.latency_ns.max(1);
            let pause_ns = match self.period_ns {
                None => latency_ns,
                // Pictures that come while the robot is busy are skipped.
                Some(period_ns) => {
                    (latency_ns as u64).div_ceil(period_ns.unsigned_abs()) as i64 * period_ns
                }
            };
            let next = now.shifted(pause_ns);
            done(now, &ran, next);
            now = next;
        }
        totals
    }

    /// A frame admitted now, in closed form where the plan is the division at `place`, else simulated.
    fn frame(&self, plan: &Plan, place: Option<usize>, now: Nanos, deadline_ns: i64) -> Ran {
        let (graph, world) = (self.problem.graph(), self.problem.world());
        let ran = match place {
            Some(place) => {
                let division = &self.problem.divisions()[place];
                division.timeline(&world.link, now).map(|t| Ran {
                    latency_ns: t.latency_ns,
                    robot_ns: t.robot_ns,
                    bytes_up: division.bytes().0,
                    locally: false,
                })
            }
            None => {
                let prepared = self.problem.prepared(plan).ok();
                let outcome = prepared.and_then(|p| p.run(graph, world, &Run::one(now)).ok());
                outcome.map(|o| Ran {
                    latency_ns: o.frames[0].latency_ns,
                    robot_ns: o.frames[0].robot_ns,
                    bytes_up: o.frames[0].bytes_up,
                    locally: false,
                })
            }
        };
        match ran {
            Some(ran) if ran.latency_ns <= deadline_ns => ran,
            late => {
                let computed = late.map_or(0, |ran| ran.robot_ns[0]).min(self.local_ns);
                let waited = (deadline_ns - computed).max(0);
                let passed = world.link.up.bits_between(now, now.shifted(deadline_ns)) / 8.0;
                Ran {
                    latency_ns: deadline_ns.max(computed) + self.local_ns - computed,
                    robot_ns: [self.local_ns, waited, 0],
                    bytes_up: passed as u64,
                    locally: true,
                }
            }
        }
    }
}
