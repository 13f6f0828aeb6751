//! A schedule with everything about it that no link changes: what each step reads and how long it takes.

use std::sync::Arc;

use super::{Costs, Outcome, Run, SimulateError, Traffic, World, events, outcome};
use crate::model::Graph;
use crate::plan::{Linked, Program, Schedule, Step, Value};
use crate::units::DeviceId;

/// A schedule with its programs linked: everything about it that neither the link nor the devices' speeds change.
#[derive(Debug)]
pub struct Wired {
    schedule: Schedule,
    programs: Vec<Arc<Linked>>,
}

impl Wired {
    /// Links the programs of a schedule that [`validate`](crate::plan::validate) accepted.
    pub fn new(graph: &Graph, schedule: Schedule) -> Self {
        let link = |program: &Program| {
            let output = (program.device == DeviceId::ROBOT).then_some(schedule.output);
            Linked::new(graph, program.clone(), output)
        };
        Self {
            programs: schedule.programs.iter().map(link).collect(),
            schedule,
        }
    }

    /// Payload bytes of a frame from the robot and to it.
    pub fn bytes(&self) -> (u64, u64) {
        let robot = self.schedule.programs.iter().zip(&self.programs);
        let robot = robot.filter(|(program, _)| program.device == DeviceId::ROBOT);
        robot.fold((0, 0), |(up, down), (program, linked)| {
            let mut moved = (up, down);
            for (step, bytes) in program.steps.iter().zip(linked.step_bytes()) {
                match step {
                    Step::Send { .. } => moved.0 += bytes,
                    Step::Receive { .. } => moved.1 += bytes,
                    Step::Compute { .. } | Step::Reduce { .. } => {}
                }
            }
            moved
        })
    }
}

/// A schedule ready to be run again and again.
#[derive(Debug)]
pub struct Prepared {
    wired: Arc<Wired>,
    /// By program and step: nanoseconds on the compute lane, 0 of sends and receives.
    pub(super) step_ns: Vec<Vec<i64>>,
}

impl Prepared {
    /// Links the programs and asks the devices, the robot first, for every step's time.
    ///
    /// # Errors
    /// A schedule for more devices than there are.
    pub fn new(
        graph: &Graph,
        schedule: Schedule,
        devices: &[Arc<dyn Costs>],
    ) -> Result<Self, SimulateError> {
        Self::timed(graph, Arc::new(Wired::new(graph, schedule)), devices)
    }

    /// Asks the devices, the robot first, for every step's time.
    ///
    /// # Errors
    /// A schedule for more devices than there are.
    pub fn timed(
        graph: &Graph,
        wired: Arc<Wired>,
        devices: &[Arc<dyn Costs>],
    ) -> Result<Self, SimulateError> {
        let mut step_ns = Vec::with_capacity(wired.programs.len());
        for program in &wired.schedule.programs {
            let costs = devices.get(usize::from(program.device.0));
            let costs = costs.ok_or_else(|| SimulateError::NoSuchDevice {
                plan: wired.schedule.plan.label(),
                device: program.device,
                devices: devices.len(),
            })?;
            let times = program
                .steps
                .iter()
                .map(|step| step_time(graph, costs.as_ref(), step));
            step_ns.push(times.collect());
        }
        Ok(Self { wired, step_ns })
    }

    /// Runs it.
    ///
    /// # Errors
    /// Too many frames, a link that never carries what is needed, a schedule that is not valid.
    pub fn run(&self, graph: &Graph, world: &World, run: &Run) -> Result<Outcome, SimulateError> {
        if run.frames > super::MAX_FRAMES {
            return Err(SimulateError::TooLong { frames: run.frames });
        }
        let ran = events::Clockwork::new(graph, self, world, run, None).finish()?;
        Ok(outcome::outcome(&ran, world))
    }

    /// Runs it from the middle: the frames of `traffic`, admitted when they were.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_in(
        &self,
        graph: &Graph,
        world: &World,
        traffic: &Traffic,
    ) -> Result<Outcome, SimulateError> {
        let frames = traffic.admitted.len().min(u32::MAX as usize) as u32;
        let run = Run::of(frames, traffic.start());
        if frames > super::MAX_FRAMES {
            return Err(SimulateError::TooLong { frames });
        }
        let ran = events::Clockwork::new(graph, self, world, &run, Some(traffic)).finish()?;
        Ok(outcome::outcome(&ran, world))
    }

    /// The schedule.
    pub fn schedule(&self) -> &Schedule {
        &self.wired.schedule
    }

    /// The programs, linked.
    pub(super) fn programs(&self) -> &[Arc<Linked>] {
        &self.wired.programs
    }

    /// Steps of a frame on all devices.
    pub fn step_count(&self) -> usize {
        self.step_ns.iter().map(Vec::len).sum()
    }

    /// Nanoseconds of a frame on a device's compute lane, without joining pieces.
    pub fn busy_ns(&self, device: DeviceId) -> i64 {
        let programs = self.schedule().programs.iter().zip(&self.step_ns);
        programs
            .filter(|(program, _)| program.device == device)
            .map(|(_, times)| times.iter().sum::<i64>())
            .sum()
    }

    /// The same of the server that has most to do.
    pub fn busiest_server_ns(&self) -> i64 {
        let devices = self.schedule().programs.iter().map(|p| p.device);
        let servers = devices.filter(|&device| device != DeviceId::ROBOT);
        servers
            .map(|device| self.busy_ns(device))
            .max()
            .unwrap_or(0)
    }

    /// Payload bytes of a frame from the robot and to it.
    pub fn bytes(&self) -> (u64, u64) {
        self.wired.bytes()
    }
}

fn step_time(graph: &Graph, costs: &dyn Costs, step: &Step) -> i64 {
    match step {
        Step::Compute { node, out, over } => {
            costs.compute_ns(graph, graph.node(*node), out, over.map(|(span, _)| span))
        }
        Step::Reduce { of, .. } => {
            let made: u64 = step.result().map_or(0, |value: Value| value.bytes(graph).0);
            costs.join_ns(made * u64::from(*of))
        }
        Step::Send { .. } | Step::Receive { .. } => 0,
    }
}
