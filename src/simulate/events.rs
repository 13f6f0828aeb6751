//! The virtual clock: which event comes next, and the lanes of every device around its [`Machine`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use super::medium::Medium;
use super::{PackedValue, Prepared, Run, SimulateError, Traffic, World, work_ns};
use crate::model::Graph;
use crate::plan::{
    Admit, Completed, Done, Event, Lane, Linked, Machine, Packed, Schedule, Step, StepRef, Timing,
    TimingOf, Value, ValueCodec, Work,
};
use crate::profile::trace::Direction;
use crate::units::{DeviceId, FrameId, FrameKey, Nanos, NodeId};

/// A frame's times on every device that took part.
pub(super) struct Ran {
    pub(super) admitted: Nanos,
    /// The robot's first.
    pub(super) devices: Vec<(Arc<Linked>, Vec<Timing>)>,
}

/// What happens at a time.
enum Happens {
    /// The robot admits its next frame.
    Admission,
    /// A device's compute lane has done its work.
    Computed { device: usize, done: Done<()> },
    /// The robot's compute lane is wanted for something else, for so many nanoseconds.
    Wanted { ns: i64 },
    /// The robot's compute lane is free of that.
    Freed,
    /// The robot's send lanes are free of what was before.
    Opened,
    /// A lane has packed its value: the medium can begin.
    Packed { lane: usize },
    /// A value's last byte is there, and unpacked.
    Arrival {
        lane: usize,
        key: FrameKey,
        value: Value,
        began: Nanos,
        packed: PackedValue,
    },
}

/// A device's lane to one peer, and what it sends.
struct SendLane {
    from: usize,
    to: usize,
    medium: usize,
    direction: Direction,
    sending: Option<Sending>,
}

#[derive(Clone, Copy)]
struct Sending {
    step: StepRef,
    value: Value,
    /// When it was packed: its transfer began.
    began: Nanos,
    packed: PackedValue,
}

pub(super) struct Clockwork<'a> {
    graph: &'a Graph,
    prepared: &'a Prepared,
    schedule: &'a Schedule,
    world: &'a World,
    run: &'a Run,
    /// What is under way when it begins.
    traffic: Option<&'a Traffic>,
    machines: Vec<Machine<()>>,
    computing: Vec<bool>,
    /// Nanoseconds of something else that the robot's compute lane does first.
    robot_owes_ns: i64,
    lanes: Vec<SendLane>,
    media: Vec<Medium<'a>>,
    now: Nanos,
    /// By time, then by the order in which they were foreseen.
    coming: BinaryHeap<Reverse<(Nanos, u64)>>,
    happens: BTreeMap<u64, Happens>,
    foreseen: u64,
    admitted: u32,
    in_flight: u32,
    /// The next admission is foreseen.
    is_invited: bool,
    /// Pictures that the camera has had, if it has a period.
    pictures: i64,
    ran: BTreeMap<FrameKey, Ran>,
}

/// Both ways between the robot and the servers, and both ways between servers.
const UP: usize = 0;
const DOWN: usize = 1;
const BETWEEN_UP: usize = 2;
const BETWEEN_DOWN: usize = 3;

impl<'a> Clockwork<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        prepared: &'a Prepared,
        world: &'a World,
        run: &'a Run,
        traffic: Option<&'a Traffic>,
    ) -> Self {
        let schedule = prepared.schedule();
        let machine = |program: &Arc<Linked>| {
            let mut machine = Machine::new(program.program.device, graph.nodes().len());
            machine.prepare(schedule.epoch, Arc::clone(program));
            machine
        };
        let media = [&world.link, &world.link, &world.between, &world.between];
        let mut clockwork = Self {
            graph,
            prepared,
            schedule,
            world,
            run,
            traffic,
            machines: prepared.programs().iter().map(machine).collect(),
            computing: vec![false; schedule.programs.len()],
            robot_owes_ns: 0,
            lanes: Vec::new(),
            media: media.map(Medium::new).into_iter().collect(),
            now: run.start,
            coming: BinaryHeap::new(),
            happens: BTreeMap::new(),
            foreseen: 0,
            admitted: 0,
            in_flight: 0,
            is_invited: false,
            pictures: 0,
            ran: BTreeMap::new(),
        };
        clockwork.lay_lanes();
        clockwork
    }

    fn slot(&self, device: DeviceId) -> Option<usize> {
        let mut programs = self.schedule.programs.iter();
        programs.position(|program| program.device == device)
    }

    fn lay_lanes(&mut self) {
        for (from, program) in self.schedule.programs.iter().enumerate() {
            for step in &program.steps {
                let Step::Send { to, .. } = step else {
                    continue;
                };
                let Some(to_slot) = self.slot(*to) else {
                    continue;
                };
                if self.lanes.iter().any(|l| (l.from, l.to) == (from, to_slot)) {
                    continue;
                }
                let is_up = program.device < *to;
                let with_robot = DeviceId::ROBOT == program.device || DeviceId::ROBOT == *to;
                let link = if with_robot {
                    &self.world.link
                } else {
                    &self.world.between
                };
                let medium = match (with_robot, is_up || !link.duplex) {
                    (true, true) => UP,
                    (true, false) => DOWN,
                    (false, true) => BETWEEN_UP,
                    (false, false) => BETWEEN_DOWN,
                };
                let direction = if is_up {
                    Direction::Up
                } else {
                    Direction::Down
                };
                self.lanes.push(SendLane {
                    from,
                    to: to_slot,
                    medium,
                    direction,
                    sending: None,
                });
            }
        }
    }

    /// Runs until every frame is done; gives them in their order.
    ///
    /// # Errors
    /// A link that never carries what a frame needs; a schedule that is not valid.
    pub(super) fn finish(mut self) -> Result<Vec<Ran>, SimulateError> {
        if let Some(traffic) = self.traffic {
            for &(at, ns) in &traffic.robot_taken {
                self.foresee(at.max(self.now), Happens::Wanted { ns: ns.max(0) });
            }
            self.foresee(traffic.link_until.max(self.now), Happens::Opened);
        }
        self.invite();
        loop {
            self.give_out_work();
            let next_end = self.media.iter().filter_map(Medium::next_end).min();
            let next_event = self.coming.peek().map(|Reverse((at, _))| *at);
            let Some(now) = next_end.into_iter().chain(next_event).min() else {
                break;
            };
            self.now = now;
            for medium in 0..self.media.len() {
                for lane in self.media[medium].advance(now) {
                    self.sent(lane)?;
                }
            }
            while let Some(&Reverse((at, order))) = self.coming.peek()
                && at <= now
            {
                self.coming.pop();
                if let Some(happens) = self.happens.remove(&order) {
                    self.take(happens)?;
                }
            }
        }
        if self.in_flight > 0 || self.admitted < self.run.frames {
            return Err(SimulateError::NeverDone {
                plan: self.schedule.plan.label(),
                done: self.admitted - self.in_flight,
                frames: self.run.frames,
            });
        }
        Ok(self.ran.into_values().collect())
    }

    fn foresee(&mut self, at: Nanos, happens: Happens) {
        self.coming.push(Reverse((at, self.foreseen)));
        self.happens.insert(self.foreseen, happens);
        self.foreseen += 1;
    }

    /// Starts every lane that is free and has work.
    fn give_out_work(&mut self) {
        if self.robot_owes_ns > 0 && !self.computing[0] {
            let end = self.now.shifted(std::mem::take(&mut self.robot_owes_ns));
            self.computing[0] = true;
            self.foresee(end, Happens::Freed);
        }
        for device in 0..self.machines.len() {
            if self.computing[device] {
                continue;
            }
            let Some(work) = self.machines[device].next(Lane::Compute) else {
                continue;
            };
            let (Work::Compute { step, .. }
            | Work::Reduce { step, .. }
            | Work::Assemble { step, .. }
            | Work::Send { step, .. }) = &work;
            let step = *step;
            let end = self
                .now
                .shifted(self.time_of(device, step.of, &work).max(0));
            let done = Done {
                step,
                payload: Some(()),
                start: self.now,
                end,
            };
            self.computing[device] = true;
            self.foresee(end, Happens::Computed { device, done });
        }
        for lane in 0..self.lanes.len() {
            if self.lanes[lane].sending.is_some() || self.is_taken(lane) {
                continue;
            }
            let (from, to) = (self.lanes[lane].from, self.lanes[lane].to);
            let peer = self.schedule.programs[to].device;
            if let Some(Work::Send { step, value, .. }) = self.machines[from].next(Lane::Send(peer))
            {
                let from = self.schedule.programs[from].device;
                let bytes = value.bytes(self.graph).0;
                let packings = &self.world.packings;
                let packed = packings.value(self.graph, value.node, from, bytes);
                let began = self.now.shifted(packed.encode_ns);
                self.lanes[lane].sending = Some(Sending {
                    step,
                    value,
                    began,
                    packed,
                });
                let ready = began.shifted(self.link_of(lane).message_ns);
                self.foresee(ready, Happens::Packed { lane });
            }
        }
    }

    /// Whether a lane still sends what was under way before.
    fn is_taken(&self, lane: usize) -> bool {
        let until = self.traffic.map(|traffic| traffic.link_until);
        self.lanes[lane].from == 0 && until.is_some_and(|until| self.now < until)
    }

    fn time_of(&self, device: usize, of: TimingOf, work: &Work<()>) -> i64 {
        let id = usize::from(self.schedule.programs[device].device.0);
        match (of, self.world.devices.get(id)) {
            (TimingOf::Step(index), _) => self.prepared.step_ns[device][index as usize],
            (TimingOf::Assembly(_), Some(costs)) => work_ns(costs.as_ref(), self.graph, work),
            // Prepared for this world, it is for no device that is not there.
            (TimingOf::Assembly(_), None) => 0,
        }
    }

    fn link_of(&self, lane: usize) -> &'a super::Link {
        match self.lanes[lane].medium {
            UP | DOWN => &self.world.link,
            _ => &self.world.between,
        }
    }

    fn take(&mut self, happens: Happens) -> Result<(), SimulateError> {
        match happens {
            Happens::Admission => self.admit(),
            Happens::Computed { device, done } => {
                self.computing[device] = false;
                self.event(device, Event::Done(done))
            }
            Happens::Wanted { ns } => {
                self.robot_owes_ns += ns;
                Ok(())
            }
            Happens::Freed => {
                self.computing[0] = false;
                Ok(())
            }
            Happens::Opened => Ok(()),
            Happens::Packed { lane } => {
                let SendLane {
                    medium, direction, ..
                } = self.lanes[lane];
                if let Some(sending) = self.lanes[lane].sending {
                    let bytes = sending.packed.wire_bytes;
                    self.media[medium].begin(lane, direction, bytes, self.now);
                }
                Ok(())
            }
            Happens::Arrival {
                lane,
                key,
                value,
                began,
                packed,
            } => {
                let (from, to) = (self.lanes[lane].from, self.lanes[lane].to);
                let from = self.schedule.programs[from].device;
                self.unpacked(to, (key, value, from), packed);
                let arrived = Event::Arrived {
                    key,
                    value,
                    from,
                    payload: (),
                    start: began,
                    end: self.now.shifted(-packed.decode_ns),
                };
                self.event(to, arrived)
            }
        }
    }

    fn admit(&mut self) -> Result<(), SimulateError> {
        let key = FrameKey {
            frame: FrameId(u64::from(self.admitted)),
            attempt: 0,
            epoch: self.schedule.epoch,
        };
        self.is_invited = false;
        self.admitted += 1;
        self.in_flight += 1;
        let ran = Ran {
            admitted: self.now,
            devices: Vec::with_capacity(self.machines.len()),
        };
        self.ran.insert(key, ran);
        self.invite();
        let image = Value::whole(self.graph, NodeId::INPUT);
        let admit = Admit {
            key,
            program: None,
            values: vec![(image, ())],
        };
        self.event(0, Event::Admit(admit))
    }

    /// Foresees the next admission if there is room for it.
    fn invite(&mut self) {
        if let Some(traffic) = self.traffic {
            // It was admitted when it was.
            if let Some(&at) = traffic.admitted.get(self.admitted as usize) {
                self.is_invited = true;
                self.foresee(at.max(self.now), Happens::Admission);
            }
            return;
        }
        let has_room = self.in_flight < u32::from(self.schedule.plan.window);
        if self.is_invited || !has_room || self.admitted >= self.run.frames {
            return;
        }
        self.is_invited = true;
        let at = match self.run.period_ns.filter(|&period| period > 0) {
            None => self.now,
            Some(period) => {
                // Pictures that came while there was no room were skipped.
                let passed = self.now.since(self.run.start);
                let due = passed / period + i64::from(passed % period > 0);
                self.pictures = due.max(self.pictures) + 1;
                self.run.start.shifted((self.pictures - 1) * period)
            }
        };
        self.foresee(at, Happens::Admission);
    }

    /// A lane's last bit has left.
    fn sent(&mut self, lane: usize) -> Result<(), SimulateError> {
        let Some(sending) = self.lanes[lane].sending.take() else {
            return Ok(());
        };
        let link = self.link_of(lane);
        let delay_ns = link.delay_ns(self.lanes[lane].direction, self.now);
        // What the receiver sees begins with the first bit there.
        let seen = sending.began.shifted(link.message_ns + delay_ns);
        let arrival = Happens::Arrival {
            lane,
            key: sending.step.key,
            value: sending.value,
            began: seen,
            packed: sending.packed,
        };
        let usable = self.now.shifted(delay_ns + sending.packed.decode_ns);
        self.foresee(usable, arrival);
        if sending.packed.codec != ValueCodec::None {
            let packed = told(sending.packed, sending.packed.encode_ns);
            self.machines[self.lanes[lane].from].packed(sending.step, packed);
        }
        let done = Done {
            step: sending.step,
            payload: None,
            start: sending.began,
            end: self.now,
        };
        self.event(self.lanes[lane].from, Event::Done(done))
    }

    /// Says how a value was packed that arrives now.
    fn unpacked(
        &mut self,
        to: usize,
        (key, value, from): (FrameKey, Value, DeviceId),
        packed: PackedValue,
    ) {
        if packed.codec == ValueCodec::None {
            return;
        }
        let program = self.machines[to].program(key.epoch);
        if let Some(step) = program.and_then(|p| p.receive_step(&value, from)) {
            let of = TimingOf::Step(step);
            self.machines[to].packed(StepRef { key, of }, told(packed, packed.decode_ns));
        }
    }

    fn event(&mut self, device: usize, event: Event<()>) -> Result<(), SimulateError> {
        if let Some(completed) = self.machines[device].event(event)? {
            self.completed(device, completed);
        }
        Ok(())
    }

    fn completed(&mut self, device: usize, completed: Completed<()>) {
        let Some(ran) = self.ran.get_mut(&completed.key) else {
            return;
        };
        let times = (completed.program, completed.timings);
        if device > 0 {
            ran.devices.push(times);
            return;
        }
        ran.devices.insert(0, times);
        self.in_flight -= 1;
        self.invite();
    }
}

/// What a machine is told of a value's packing or unpacking.
const fn told(packed: PackedValue, took_ns: i64) -> Packed {
    Packed {
        codec: packed.codec,
        wire_bytes: packed.wire_bytes,
        took_ns,
        error_ppb: 0,
    }
}
