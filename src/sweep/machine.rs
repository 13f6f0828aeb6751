//! The sweep as a state machine: told what the robot says and what time it is, it orders plans. It opens no socket and
//! reads no clock; the console's Sweep screen and `splitscope sweep` drive it alike.

use std::collections::{BTreeMap, VecDeque};

use super::meter::Meter;
use super::visit::Visit;
use super::{FrameRow, PlanLine, RefusedRow, Schedule, Settings, Until, VisitRow};
use crate::plan::Plan;
use crate::statistics::{Estimate, Random};
use crate::units::{DeviceId, Epoch, Nanos, ns_to_ms};
use crate::wire::{Parts, PeerState, PlanRecord, Record, SwitchStage};

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

/// Something happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The robot told this.
    Record(&'a Record),
    /// It refused the plan that was ordered last, and why.
    Refused(&'a str),
    /// The connection to the robot is lost.
    Lost,
    /// It is back, and plans can be set.
    Back,
    /// Another console took control.
    ControlLost(&'a str),
    /// Time passed.
    Tick,
    /// The person wants to see no more of the present plan.
    Skip,
    /// The person has seen enough.
    Abort,
    /// There is no more time for it.
    TimeUp,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Set this plan, whatever is in effect.
    SetPlan(Plan),
    /// The sweep is over: bring the plan from before back.
    End(How),
}

/// How a sweep ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// As it was to.
    Done,
    /// The person stopped it.
    Aborted,
    /// The time that it was given is over.
    TimeUp,
    /// Another console took control, by this name.
    ControlLost(String),
    /// No plan is left that the robot takes.
    NothingLeft,
    /// There are as many frames as are kept.
    Full,
}

impl How {
    /// For people: `done`, `eve@e took control`.
    pub fn words(&self) -> String {
        match self {
            Self::Done => "done".to_owned(),
            Self::Aborted => "stopped".to_owned(),
            Self::TimeUp => "the time is over".to_owned(),
            Self::ControlLost(holder) => format!("{holder} took control"),
            Self::NothingLeft => "the robot takes none of the plans".to_owned(),
            Self::Full => "there are more frames than a sweep keeps".to_owned(),
        }
    }

    /// One word for files.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Aborted => "aborted",
            Self::TimeUp => "time_up",
            Self::ControlLost(_) => "control_lost",
            Self::NothingLeft => "nothing_left",
            Self::Full => "full",
        }
    }
}

/// Why a sweep stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pause {
    /// The robot has no link to a server that the plan needs.
    Link(String),
    /// The connection to the robot is lost.
    Robot,
}

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

/// Sums over the frames that count.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    frames: u32,
    parts: Parts,
    predicted_ns: i64,
    predicted: u32,
    joules: f64,
    with_joules: u64,
    power_emulated: bool,
    emulated: bool,
}

impl Sums {
    fn add(&mut self, row: &FrameRow) {
        self.frames += 1;
        self.emulated |= row.emulated;
        for (sum, part) in [
            (&mut self.parts.robot_compute_ns, row.parts.robot_compute_ns),
            (
                &mut self.parts.server_compute_ns,
                row.parts.server_compute_ns,
            ),
            (&mut self.parts.uplink_ns, row.parts.uplink_ns),
            (&mut self.parts.downlink_ns, row.parts.downlink_ns),
            (&mut self.parts.wait_ns, row.parts.wait_ns),
        ] {
            *sum = sum.saturating_add(part);
        }
        if let Some(ns) = row.predicted_ns {
            self.predicted_ns = self.predicted_ns.saturating_add(ns);
            self.predicted += 1;
        }
    }

    fn means(&self) -> Parts {
        let n = i64::from(self.frames.max(1));
        Parts {
            robot_compute_ns: self.parts.robot_compute_ns / n,
            server_compute_ns: self.parts.server_compute_ns / n,
            uplink_ns: self.parts.uplink_ns / n,
            downlink_ns: self.parts.downlink_ns / n,
            wait_ns: self.parts.wait_ns / n,
            overlap_ns: 0,
        }
    }
}

/// What became of one plan so far.
#[derive(Debug, Clone, Default)]
struct Standing {
    latencies_ms: Vec<f64>,
    median: Option<Estimate>,
    sums: Sums,
    visits: u32,
    tries: u32,
    /// It is visited no more.
    out: bool,
}

/// A plan's figures so far, for a screen; results come from [`Summary`](super::Summary).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Frames that count.
    pub frames: u32,
    /// The median latency in milliseconds, with its interval.
    pub median_ms: Estimate,
    /// Mean parts.
    pub parts: Parts,
    /// Energy per inference over the visits so far, in joules: no result yet.
    pub joules: Option<f64>,
    /// Whether that energy is emulated.
    pub power_emulated: bool,
    /// The mean of what was predicted, in nanoseconds.
    pub predicted_ns: Option<i64>,
    /// Whether a number in it is emulated.
    pub emulated: bool,
}

/// How far a sweep is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The plan at present, by its place.
    pub plan: Option<usize>,
    /// The round, from 0.
    pub round: u32,
    /// Rounds at most.
    pub rounds: u32,
    /// Visits made.
    pub visits: u32,
    /// Visits to come at most.
    pub visits_left: u32,
    /// How long they will take if they are like those before; none before the first.
    pub time_left_ns: Option<i64>,
    /// Why nothing goes on, if so.
    pub pause: Option<Pause>,
    /// The end, once it is there.
    pub ended: Option<How>,
}

/// A sweep under way. See the [module](self).
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

    /// The plans, by the places that rows name them with.
    pub fn plans(&self) -> &[PlanLine] {
        &self.plans
    }

    /// How it goes about it.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the robot runs when it is over.
    pub const fn restore(&self) -> &Plan {
        &self.restore
    }

    /// The end, once it is there.
    pub const fn ended(&self) -> Option<&How> {
        match &self.phase {
            Phase::Ended(how) => Some(how),
            _ => None,
        }
    }

    /// Frames of the visits that are over.
    pub fn frames(&self) -> &[FrameRow] {
        &self.frames
    }

    /// The visits that are over and have frames that count; their frames stand in [`Sweep::frames`].
    pub fn visits(&self) -> &[VisitRow] {
        &self.visit_rows
    }

    /// Plans that could not be measured.
    pub fn refusals(&self) -> &[RefusedRow] {
        &self.refused
    }

    /// A plan's median latency so far, in milliseconds, with its interval.
    pub fn median(&self, plan: usize) -> Option<Estimate> {
        self.standings.get(plan)?.median
    }

    /// A plan's figures so far; none before its first frame.
    pub fn bar(&self, plan: usize) -> Option<Bar> {
        let standing = self.standings.get(plan)?;
        let sums = &standing.sums;
        Some(Bar {
            frames: sums.frames,
            median_ms: standing.median?,
            parts: sums.means(),
            joules: (sums.with_joules > 0).then(|| sums.joules / sums.with_joules as f64),
            power_emulated: sums.power_emulated,
            predicted_ns: (sums.predicted > 0)
                .then(|| sums.predicted_ns / i64::from(sums.predicted)),
            emulated: sums.emulated,
        })
    }

    /// The plans of the least median latency and of the least energy so far.
    pub fn best(&self) -> (Option<usize>, Option<usize>) {
        let least = |of: &dyn Fn(Bar) -> Option<f64>| {
            let known = (0..self.plans.len()).filter_map(|p| Some((p, of(self.bar(p)?)?)));
            known.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(p, _)| p)
        };
        (least(&|b| Some(b.median_ms.value)), least(&|b| b.joules))
    }

    /// Whether a plan is visited no more: the robot does not take it, or it was skipped.
    pub fn is_out(&self, plan: usize) -> bool {
        self.standings.get(plan).is_some_and(|s| s.out)
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let pause = match &self.phase {
            Phase::Paused { why, .. } => Some(why.clone()),
            _ => None,
        };
        let visits_left = self.visits_left();
        let made = i64::from(self.visits);
        Progress {
            plan: self.present(),
            round: self.round,
            rounds: self.settings.until.most_rounds(),
            visits: self.visits,
            visits_left,
            time_left_ns: (made > 0).then(|| self.spent_ns / made * i64::from(visits_left)),
            pause,
            ended: self.ended().cloned(),
        }
    }

    fn visits_left(&self) -> u32 {
        if self.ended().is_some() {
            return 0;
        }
        let present = u32::from(!matches!(self.phase, Phase::Ended(_)));
        let here = self.queue.len() as u32 + present;
        let staying = self.standings.iter().filter(|s| !s.out).count() as u32;
        let rounds = match self.settings.schedule {
            Schedule::Blocked => 0,
            Schedule::Interleaved => self.rounds_left(),
        };
        here + rounds * staying
    }

    /// Rounds after this one. With an interval as the end: an interval shrinks with the root of the number of frames.
    fn rounds_left(&self) -> u32 {
        let most = self.settings.until.most_rounds();
        let left = most.saturating_sub(self.round + 1);
        let Until::Narrow { percent, .. } = self.settings.until else {
            return left;
        };
        let mut widths = self.standings.iter().filter(|s| !s.out).map(width_percent);
        let Some(widest) = widths.try_fold(0.0_f64, |a, w| Some(a.max(w?))) else {
            return left;
        };
        let needed = f64::from(self.round + 1) * (widest / percent).powi(2);
        (needed.ceil() as u32)
            .saturating_sub(self.round + 1)
            .min(left)
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
        let mut widths = self.standings.iter().filter(|s| !s.out).map(width_percent);
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
            let window_ns = row.to_ns - row.from_ns;
            // Where samples do not cover all of a visit, its energy would look small.
            if let Some(power) = row
                .power
                .as_ref()
                .filter(|p| p.covered_ns >= window_ns / 100 * 95)
            {
                let scale = window_ns as f64 / power.covered_ns.max(1) as f64;
                standing.sums.joules += power.joules * scale;
                standing.sums.with_joules += row.frames;
                standing.sums.power_emulated |= power.emulated;
            }
            self.visit_rows.push(row);
        }
        let counting = visit.rows.iter().filter(|r| r.left_out.is_none());
        counting.for_each(|row| standing.sums.add(row));
        let used = visit.used().iter().map(|&ns| ns_to_ms(ns));
        standing.latencies_ms.extend(used);
        standing.median = Estimate::of_median(&standing.latencies_ms);
        self.frames.extend(visit.rows);
    }
}

/// The width of the median's interval, as a percentage of the median.
fn width_percent(standing: &Standing) -> Option<f64> {
    Some(standing.median?.relative_half_width()? * 200.0)
}
