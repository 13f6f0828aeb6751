//! The sweep as a state machine: told what the robot says and what time it is, it orders plans. It opens no socket and
//! reads no clock; the console's Sweep screen and `splitscope sweep` drive it alike.

mod event;
mod progress;
mod standing;

use std::collections::{BTreeMap, VecDeque};

use super::meter::Meter;
use super::visit::Visit;
use super::{FrameRow, PlanLine, RefusedRow, Schedule, Settings, Until, VisitRow};
use crate::plan::Plan;
use crate::statistics::Random;
use crate::units::{DeviceId, Epoch, Nanos};
use crate::wire::{PeerState, PlanRecord, Record, SwitchStage};

pub use event::{Event, How, Order, Pause};
pub use progress::Progress;
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
/// A pause looks for itself whether the link is back, in case the word of it was lost.
const LOOK_AFTER_NS: i64 = 10 * SECOND;
/// Samples of power come after their frames by a batch or two; longer than this is not waited.
const POWER_WITHIN_NS: i64 = SECOND;
/// Rows kept; a sweep that has more ends.
const MOST_ROWS: usize = 1_000_000;

#[derive(Debug, Clone)]
enum Phase {
    /// A plan will be ordered.
    Asking { plan: usize, at: Nanos },
    /// It was ordered.
    Switching { plan: usize, since: Nanos },
    /// Frames run under it: the last of the open visits.
    Measuring { plan: usize },
    /// A plan waits.
    Paused {
        plan: usize,
        why: Pause,
        since: Nanos,
    },
    /// Over.
    Ended(How),
}

/// A sweep under way. See the module.
#[derive(Debug, Clone)]
pub struct Sweep {
    plans: Vec<PlanLine>,
    settings: Settings,
    restore: Plan,
    random: Random,
    /// The robot's servers, and whether each is ready.
    servers: BTreeMap<DeviceId, bool>,
    standings: Vec<Standing>,
    round: u32,
    queue: VecDeque<usize>,
    /// Visits made, and the next visit's number: a visit that a pause ends is not made.
    visits: u32,
    numbers: u32,
    phase: Phase,
    /// The present visit and those that wait for samples of power.
    open: Vec<Visit>,
    meter: Meter,
    frames: Vec<FrameRow>,
    visit_rows: Vec<VisitRow>,
    refused: Vec<RefusedRow>,
    /// Time that visits took from their order on, in all.
    spent_ns: i64,
    asked_at: Nanos,
}

impl Sweep {
    /// Begins with the first order. `restore` is what the robot runs when it is over; `servers` are those that the
    /// robot knows, and whether each is ready (records tell of changes).
    pub fn new(
        plans: Vec<PlanLine>,
        settings: Settings,
        restore: Plan,
        servers: impl IntoIterator<Item = (DeviceId, bool)>,
        now: Nanos,
    ) -> (Self, Order) {
        let mut sweep = Self {
            standings: vec![Standing::default(); plans.len()],
            plans,
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
            frames: Vec::new(),
            visit_rows: Vec::new(),
            refused: Vec::new(),
            spent_ns: 0,
            asked_at: now,
        };
        sweep.fill_queue();
        let order = sweep.next_plan(now);
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
                Phase::Paused { plan, .. } => Some(self.ask(plan, now)),
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
                // Of a visit that a pause ended, what still comes ran locally.
                let paused = matches!(self.phase, Phase::Paused { .. });
                let of = |v: &&mut Visit| v.epoch == frame.epoch && !paused;
                self.open.iter_mut().rev().find(of)?.add(frame);
                self.after_frame(now)
            }
            Record::Switch(switch) => match (&switch.stage, &self.phase) {
                (SwitchStage::Applied { epoch, .. }, Phase::Switching { plan, .. })
                    if self.plans[*plan].plan == switch.plan =>
                {
                    let (epoch, plan) = (*epoch, *plan);
                    self.arrive(plan, epoch, now);
                    None
                }
                (SwitchStage::Refused { reason }, Phase::Switching { plan, .. })
                    if self.plans[*plan].plan == switch.plan =>
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
        if self.plans[present].plan != record.plan {
            return None;
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

    fn after_frame(&mut self, now: Nanos) -> Option<Order> {
        let Phase::Measuring { .. } = self.phase else {
            return None;
        };
        let visit = self.open.last()?;
        let long_enough = visit.window().is_some_and(|w| {
            w.end.since(w.start) >= i64::from(self.settings.visit_ms) * (SECOND / 1000)
        });
        if visit.used().len() < self.settings.frames.max(1) as usize || !long_enough {
            return None;
        }
        let plan = visit.plan;
        self.standings[plan].tries = 0;
        self.made(now);
        Some(self.next_plan(now))
    }

    /// The present visit has what it was for.
    fn made(&mut self, now: Nanos) {
        self.visits += 1;
        self.spent_ns += now.since(self.asked_at);
        self.leave(now);
    }

    fn arrive(&mut self, plan: usize, epoch: Epoch, now: Nanos) {
        let standing = &mut self.standings[plan];
        let round = match self.settings.schedule {
            Schedule::Interleaved => self.round,
            Schedule::Blocked => standing.visits,
        };
        standing.visits += 1;
        let window = u32::from(self.plans[plan].plan.window);
        let filling = if window > 1 { window } else { 0 };
        let warmup = self.settings.warmup.max(filling);
        let number = self.numbers;
        self.numbers += 1;
        let visit = Visit::new((number, round, plan), epoch, warmup, now);
        self.open.push(visit);
        self.phase = Phase::Measuring { plan };
    }

    /// The plan was refused, or did not come about.
    fn refused(&mut self, reason: &str, now: Nanos) -> Option<Order> {
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
        self.refused.push(RefusedRow {
            plan,
            reason: reason.to_owned(),
        });
        Some(self.next_plan(now))
    }

    fn tick(&mut self, now: Nanos) -> Option<Order> {
        if self.next_tick().is_none_or(|at| now < at) {
            return None;
        }
        match self.phase {
            Phase::Asking { plan, .. } | Phase::Paused { plan, .. } => Some(self.ask(plan, now)),
            Phase::Switching { plan, .. } => {
                let waited = APPLIED_WITHIN_NS / SECOND;
                let reason = format!("no frame ran under it within {waited} s");
                self.failed(plan, &reason, now)
            }
            Phase::Measuring { plan } => {
                if self.open.last().is_none_or(|v| v.used().is_empty()) {
                    self.leave(now);
                    return self.failed(plan, "no frame under it counts", now);
                }
                self.made(now);
                Some(self.next_plan(now))
            }
            Phase::Ended(_) => None,
        }
    }

    fn skip(&mut self, now: Nanos) -> Option<Order> {
        let plan = self.present()?;
        self.standings[plan].out = true;
        self.leave(now);
        if let Phase::Paused {
            why: Pause::Robot, ..
        } = self.phase
        {
            // Nothing can be ordered now: the next one waits in its place.
            let next = self.queue.iter().copied().find(|&p| !self.standings[p].out);
            if let (Some(next), Phase::Paused { plan, .. }) = (next, &mut self.phase) {
                *plan = next;
            }
            return None;
        }
        Some(self.next_plan(now))
    }

    // Where it goes.

    fn present(&self) -> Option<usize> {
        match &self.phase {
            Phase::Asking { plan, .. }
            | Phase::Switching { plan, .. }
            | Phase::Measuring { plan }
            | Phase::Paused { plan, .. } => Some(*plan),
            Phase::Ended(_) => None,
        }
    }

    fn servers_of(&self, plan: usize) -> impl Iterator<Item = Option<bool>> + '_ {
        let last = self.plans[plan].plan.last_device().0;
        (1..=last).map(|d| self.servers.get(&DeviceId(d)).copied())
    }

    fn known(&self, plan: usize) -> bool {
        self.servers_of(plan).all(|s| s.is_some())
    }

    fn linked(&self, plan: usize) -> bool {
        self.servers_of(plan).all(|s| s == Some(true))
    }

    fn resume_if_linked(&mut self, now: Nanos) -> Option<Order> {
        match &self.phase {
            Phase::Paused {
                plan,
                why: Pause::Link(_),
                ..
            } if self.linked(*plan) => Some(self.ask(*plan, now)),
            _ => None,
        }
    }

    fn pause(&mut self, why: Pause, now: Nanos) {
        let Some(plan) = self.present() else {
            return;
        };
        if why == Pause::Robot {
            // Samples from another process's clock must not follow these.
            self.meter.restart();
        }
        self.leave(now);
        let since = now;
        self.phase = Phase::Paused { plan, why, since };
    }

    /// Frames that still come are no longer the visit's reason to go on; what it has stays.
    fn leave(&mut self, now: Nanos) {
        let paused = !matches!(self.phase, Phase::Measuring { .. });
        if let Some(visit) = self.open.last_mut().filter(|_| !paused) {
            visit.left = Some(now);
        }
    }

    fn ask(&mut self, plan: usize, now: Nanos) -> Order {
        self.phase = Phase::Switching { plan, since: now };
        self.asked_at = now;
        Order::SetPlan(self.plans[plan].plan.clone())
    }

    fn next_plan(&mut self, now: Nanos) -> Order {
        if self.frames.len() >= MOST_ROWS {
            return self.end(How::Full);
        }
        loop {
            while let Some(plan) = self.queue.pop_front() {
                if !self.standings[plan].out {
                    return self.ask(plan, now);
                }
            }
            if self.standings.iter().all(|s| s.out) {
                return self.end(How::NothingLeft);
            }
            if self.is_enough() {
                return self.end(How::Done);
            }
            self.round += 1;
            self.fill_queue();
        }
    }

    fn fill_queue(&mut self) {
        let staying = (0..self.plans.len()).filter(|&p| !self.standings[p].out);
        let mut places: Vec<usize> = staying.collect();
        match self.settings.schedule {
            Schedule::Interleaved => {
                self.random.shuffle(&mut places);
                self.queue = places.into();
            }
            Schedule::Blocked => {
                let rounds = self.settings.until.most_rounds() as usize;
                let block = |&place: &usize| std::iter::repeat_n(place, rounds);
                self.queue = places.iter().flat_map(block).collect();
            }
        }
    }

    fn is_enough(&self) -> bool {
        let made = self.round + 1;
        if made >= self.settings.until.most_rounds() || self.settings.schedule == Schedule::Blocked
        {
            return true;
        }
        let Until::Narrow { percent, .. } = self.settings.until else {
            return false;
        };
        let mut widths = self
            .standings
            .iter()
            .filter(|s| !s.out)
            .map(Standing::width_percent);
        widths.all(|width| width.is_some_and(|w| w <= percent))
    }

    fn end(&mut self, how: How) -> Order {
        self.phase = Phase::Ended(how.clone());
        Order::End(how)
    }

    /// Nothing more is told: closes what waits for samples of power.
    pub fn finish(&mut self) {
        for visit in std::mem::take(&mut self.open) {
            self.close(visit);
        }
    }

    /// Closes the visits that nothing more comes for.
    fn settle(&mut self, now: Nanos) {
        let mut place = 0;
        while place < self.open.len() {
            let visit = &self.open[place];
            let followed = place + 1 < self.open.len();
            let over = visit.left.is_some_and(|left| {
                let end = visit.window().map_or(Nanos(i64::MIN), |w| w.end);
                let complete = self.meter.has_passed(end) || now.since(left) > POWER_WITHIN_NS;
                (followed || self.ended().is_some()) && complete
            });
            if over {
                let visit = self.open.remove(place);
                self.close(visit);
            } else {
                place += 1;
            }
        }
    }

    fn close(&mut self, visit: Visit) {
        let standing = &mut self.standings[visit.plan];
        if let Some(mut row) = visit.row() {
            row.power = visit.energy_window().and_then(|w| self.meter.over(w));
            standing.add_energy(&row);
            self.visit_rows.push(row);
        }
        standing.add_frames(&visit.rows);
        self.frames.extend(visit.rows);
    }
}
