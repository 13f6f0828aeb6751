//! The sweep as a state machine: told what the robot says and what time it is, it orders plans. It opens no socket and
//! reads no clock; the console's Sweep screen and `splitscope sweep` drive it alike.

mod check;
mod course;
mod event;
mod progress;
mod standing;

use std::collections::{BTreeMap, VecDeque};

use super::load::Loads;
use super::meter::Meter;
use super::solo::{self, Solo};
use super::visit::{Place, Visit};
use super::{
    FrameRow, IdleRow, Pauses, PlanLine, RefusedRow, Rule, Schedule, Settings, SoloRow, VisitRow,
};
use crate::plan::Plan;
use crate::power::PowerSourcesRecord;
use crate::statistics::Random;
use crate::units::{DeviceId, Epoch, Nanos};
use crate::wire::{PauseRecord, PeerState, PlanRecord, Record, SwitchStage};

pub use event::{Event, How, Order, Pause};
pub use progress::{News, Progress, Seen};
pub use standing::Bar;
use standing::Standing;

const SECOND: i64 = 1_000_000_000;
/// A refused plan is asked for again after this long.
const AGAIN_AFTER_NS: i64 = SECOND;
/// So many times in all, then it is left.
const TRIES: u32 = 3;
/// From an order to the first frame under its plan.
const APPLIED_WITHIN_NS: i64 = 20 * SECOND;
/// A visit without a frame that counts is left after this long.
const FRAME_WITHIN_NS: i64 = 60 * SECOND;
/// A robot that tells no end of its idling so long after it is due is not waited for.
const IDLE_WITHIN_NS: i64 = 15 * SECOND;
/// A pause looks for itself whether the link is back, in case the word of it was lost.
const LOOK_AFTER_NS: i64 = 10 * SECOND;

/// What is to be done, or to be done again after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    /// Visit this plan.
    Visit(usize),
    /// Measure idle power.
    Idle,
}

#[derive(Debug, Clone)]
enum Phase {
    /// The robot is to be left alone; whether it said that it admits nothing.
    Idling { since: Nanos, is_told: bool },
    /// A plan will be ordered.
    Asking { plan: usize, at: Nanos },
    /// It was ordered.
    Switching { plan: usize, since: Nanos },
    /// Frames run under it: the last of the open visits.
    Measuring { plan: usize },
    /// A plan, or the measurement of idle power, waits.
    Paused {
        task: Task,
        why: Pause,
        since: Nanos,
    },
    /// Over.
    Ended(How),
}

/// A sweep under way. See the module.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// Those of the sweep, and after them those that the solo check visits.
    plans: Vec<PlanLine>,
    /// How many are the sweep's.
    own: usize,
    settings: Settings,
    restore: Plan,
    random: Random,
    /// The robot's servers, and whether each is ready.
    servers: BTreeMap<DeviceId, bool>,
    standings: Vec<Standing>,
    round: u32,
    queue: VecDeque<usize>,
    /// The solo check, until it is made, and what it found.
    solo: Option<Solo>,
    solo_row: Option<SoloRow>,
    /// Visits made, and the next visit's number: a visit that a pause ends is not made.
    visits: u32,
    numbers: u32,
    phase: Phase,
    /// The present visit and those that wait for samples of power.
    open: Vec<Visit>,
    meter: Meter,
    loads: Loads,
    pauses: Pauses,
    idle_rows: Vec<IdleRow>,
    /// The visits are made: idle power is measured for the second time.
    is_after: bool,
    frames: Vec<FrameRow>,
    visit_rows: Vec<VisitRow>,
    refused: Vec<RefusedRow>,
    /// Time that visits took from their order on, in all.
    spent_ns: i64,
    asked_at: Nanos,
}

impl Sweep {
    /// Begins with the first order. `restore` is what the robot runs when it is over; `servers` are those that the
    /// robot knows, and whether each is ready, `sources` what it measures its power with (records tell of changes).
    /// With `checks_solo` it sees first whether robot and server slow each other.
    pub fn new(
        plans: Vec<PlanLine>,
        settings: Settings,
        restore: Plan,
        servers: impl IntoIterator<Item = (DeviceId, bool)>,
        sources: &PowerSourcesRecord,
        checks_solo: bool,
        now: Nanos,
    ) -> (Self, Order) {
        let mut sweep = Self {
            standings: vec![Standing::default(); plans.len()],
            own: plans.len(),
            plans,
            solo: None,
            solo_row: None,
            random: Random::new(settings.seed),
            settings,
            restore,
            servers: servers.into_iter().collect(),
            round: 0,
            queue: VecDeque::new(),
            visits: 0,
            numbers: 0,
            phase: Phase::Ended(How::NothingLeft),
            open: Vec::new(),
            meter: Meter::default(),
            loads: Loads::default(),
            pauses: Pauses::default(),
            idle_rows: Vec::new(),
            is_after: false,
            frames: Vec::new(),
            visit_rows: Vec::new(),
            refused: Vec::new(),
            spent_ns: 0,
            asked_at: now,
        };
        sweep.meter.set_sources(sources);
        sweep.fill_queue();
        if checks_solo {
            sweep.begin_check();
        }
        let order = if sweep.measures_idle() {
            sweep.idle(now)
        } else {
            sweep.next_plan(now)
        };
        (sweep, order)
    }

    /// Takes in what happened; gives what is to be done.
    pub fn event(&mut self, event: Event<'_>, now: Nanos) -> Option<Order> {
        let order = match event {
            // The last samples of power come after the last frame.
            Event::Record(Record::Power(power)) => {
                self.meter.add(power);
                None
            }
            _ if self.ended().is_some() => None,
            Event::Record(record) => self.record(record, now),
            Event::Refused(reason) => self.refused(reason, now),
            Event::Lost => {
                self.pause(Pause::Robot, now);
                None
            }
            Event::Back => match self.phase {
                Phase::Paused { task, .. } => Some(self.take_up(task, now)),
                _ => None,
            },
            Event::ControlLost(holder) => Some(self.end(How::ControlLost(holder.to_owned()))),
            Event::Tick => self.tick(now),
            Event::Skip => self.skip(now),
            Event::Abort => Some(self.end(How::Aborted)),
            Event::TimeUp => Some(self.end(How::TimeUp)),
        };
        self.settle(now);
        order
    }

    /// When [`Event::Tick`] has something to do.
    pub fn next_tick(&self) -> Option<Nanos> {
        match &self.phase {
            Phase::Asking { at, .. } => Some(*at),
            Phase::Idling { since, .. } => {
                let idle_ns = i64::from(self.settings.idle_ms) * (SECOND / 1000);
                Some(since.shifted(idle_ns + IDLE_WITHIN_NS))
            }
            Phase::Switching { since, .. } => Some(since.shifted(APPLIED_WITHIN_NS)),
            Phase::Measuring { .. } => {
                let longest =
                    FRAME_WITHIN_NS + 2 * i64::from(self.settings.visit_ms) * (SECOND / 1000);
                self.open.last().map(|v| v.since.shifted(longest))
            }
            Phase::Paused {
                since,
                why: Pause::Link(_),
                ..
            } => Some(since.shifted(LOOK_AFTER_NS)),
            Phase::Paused { .. } | Phase::Ended(_) => None,
        }
    }

    // What happens.

    fn record(&mut self, record: &Record, now: Nanos) -> Option<Order> {
        match record {
            Record::Frame(frame) => {
                // While the link is down, what still comes ran locally.
                let paused = matches!(self.phase, Phase::Paused { .. });
                let of = |v: &&mut Visit| v.takes(frame.epoch) && !paused;
                let visit = self.open.iter_mut().rev().find(of)?;
                visit.add(frame);
                if visit.plan() >= self.own && visit.newest_counts() {
                    self.solo.iter_mut().for_each(|solo| solo.add(frame));
                }
                self.after_frame(now)
            }
            Record::Switch(switch) => match (&switch.stage, &self.phase) {
                (SwitchStage::Applied { epoch, .. }, Phase::Switching { plan, .. })
                    if self.plans[*plan].rule.plan() == Some(&switch.plan) =>
                {
                    let (epoch, plan) = (*epoch, *plan);
                    self.arrive(plan, (epoch, switch.plan.label()), now);
                    None
                }
                (SwitchStage::Refused { reason }, Phase::Switching { plan, .. })
                    if self.plans[*plan].rule.plan() == Some(&switch.plan) =>
                {
                    self.refused(reason, now)
                }
                _ => None,
            },
            Record::Plan(record) => self.told_plan(record, now),
            Record::Peer(peer) => {
                self.servers
                    .insert(peer.device, peer.state == PeerState::Ready);
                self.resume_if_linked(now)
            }
            Record::Host(host) => {
                self.loads.add(host);
                None
            }
            Record::Pause(pause) => {
                self.pauses.told(pause);
                self.told_pause(pause, now)
            }
            Record::PowerSources(sources) => {
                self.meter.set_sources(sources);
                None
            }
            _ => None,
        }
    }

    /// The robot tells the plan in effect, and why frames run locally instead, if they do.
    fn told_plan(&mut self, record: &PlanRecord, now: Nanos) -> Option<Order> {
        let present = self.present()?;
        match &self.plans[present].rule {
            Rule::Plan(plan) if *plan == record.plan => {}
            Rule::Policy(policy) if Some(*policy) == record.policy => {
                self.told_choice(present, record, now);
            }
            Rule::Plan(_) | Rule::Policy(_) => {
                self.told_late_choice(record);
                return None;
            }
        }
        match (&record.local_because, &self.phase) {
            (Some(reason), _) => {
                self.pause(Pause::Link(reason.clone()), now);
                None
            }
            (None, Phase::Paused { why, .. }) if *why != Pause::Robot => {
                Some(self.ask(present, now))
            }
            (None, _) => None,
        }
    }

    /// The robot tells whether it is left alone: the end of that is the end of the measurement.
    fn told_pause(&mut self, record: &PauseRecord, now: Nanos) -> Option<Order> {
        let Phase::Idling { is_told, .. } = &mut self.phase else {
            return None;
        };
        if record.pause.is_some() {
            *is_told = true;
            return None;
        }
        is_told.then(|| self.after_idle(now))
    }

    /// The policy that is visited has the say, over the plan that it found or over one that it chose.
    fn told_choice(&mut self, present: usize, record: &PlanRecord, now: Nanos) {
        let label = record.plan.label();
        match self.phase {
            Phase::Switching { .. } => self.arrive(present, (record.epoch, label), now),
            Phase::Measuring { .. } => {
                if let Some(visit) = self.open.last_mut() {
                    visit.chose(record.epoch, label);
                }
            }
            _ => {}
        }
    }

    /// Another plan is ordered, but the policy visited before has the say until that is applied: what it still chooses,
    /// and the frames under that, are its visit's.
    fn told_late_choice(&mut self, record: &PlanRecord) {
        let Some(visit) = self.open.last_mut() else {
            return;
        };
        if matches!(self.plans[visit.plan()].rule, Rule::Policy(p) if Some(p) == record.policy) {
            visit.chose(record.epoch, record.plan.label());
        }
    }

    fn after_frame(&mut self, now: Nanos) -> Option<Order> {
        let Phase::Measuring { .. } = self.phase else {
            return None;
        };
        let visit = self.open.last()?;
        let plan = visit.plan();
        let (frames, visit_ms) = if plan < self.own {
            (self.settings.frames.max(1), self.settings.visit_ms)
        } else {
            (solo::FRAMES, 0)
        };
        let long_enough = visit
            .window()
            .is_some_and(|w| w.end.since(w.start) >= i64::from(visit_ms) * (SECOND / 1000));
        if visit.used().len() < frames as usize || !long_enough {
            return None;
        }
        self.standings[plan].tries = 0;
        self.made(now);
        Some(self.next_plan(now))
    }

    /// The present visit has what it was for.
    fn made(&mut self, now: Nanos) {
        if self.present().is_some_and(|plan| plan < self.own) {
            self.visits += 1;
            self.spent_ns += now.since(self.asked_at);
        }
        self.leave(now);
    }

    /// Frames run under what was ordered, the first of them in this epoch under the plan of this name.
    fn arrive(&mut self, plan: usize, (epoch, label): (Epoch, String), now: Nanos) {
        let standing = &mut self.standings[plan];
        let round = match self.settings.schedule {
            Schedule::Interleaved => self.round,
            Schedule::Blocked => standing.visits,
        };
        standing.visits += 1;
        let window = self.plans[plan].rule.plan().map_or(1, |p| p.window);
        let filling = if window > 1 { u32::from(window) } else { 0 };
        let warmup = self.settings.warmup.max(filling);
        let place = Place {
            number: self.numbers,
            round,
            plan,
        };
        if plan < self.own {
            self.numbers += 1;
        }
        if let Some(before) = self.open.last_mut() {
            before.ends_before(epoch);
        }
        self.open.push(match self.plans[plan].rule {
            Rule::Plan(_) => Visit::of_plan(place, epoch, warmup, now),
            Rule::Policy(_) => Visit::under_policy(place, (epoch, label), warmup, now),
        });
        self.phase = Phase::Measuring { plan };
    }

    /// The plan was refused, or did not come about.
    fn refused(&mut self, reason: &str, now: Nanos) -> Option<Order> {
        if let Phase::Idling { .. } = self.phase {
            // Energies are gross then; the summary says that no idle time was measured.
            return Some(self.after_idle(now));
        }
        let Phase::Switching { plan, .. } = self.phase else {
            return None;
        };
        // A server that the robot does not know at all does not come back.
        if self.known(plan) && !self.linked(plan) {
            self.pause(Pause::Link(reason.to_owned()), now);
            return None;
        }
        self.failed(plan, reason, now)
    }

    fn failed(&mut self, plan: usize, reason: &str, now: Nanos) -> Option<Order> {
        let standing = &mut self.standings[plan];
        standing.tries += 1;
        if standing.tries < TRIES {
            let at = now.shifted(AGAIN_AFTER_NS);
            self.phase = Phase::Asking { plan, at };
            return None;
        }
        standing.out = true;
        if plan < self.own {
            self.refused.push(RefusedRow {
                plan,
                reason: reason.to_owned(),
            });
        }
        Some(self.next_plan(now))
    }
}
