//! What a run says: per frame what a measured frame says, and the run as a whole.

use serde::{Deserialize, Serialize};

use super::World;
use super::events::Ran;
use crate::plan::{Measured, Parts, Step, StepKind, Steps, Timing, TimingOf, account, covered_ns};
use crate::power::Levels;
use crate::units::{DeviceId, Joules, Nanos};

/// One predicted frame: `parts` and `steps` are of the types of a measured one.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// When it was admitted.
    pub admitted: Nanos,
    /// From admission to the result on the robot, in nanoseconds.
    pub latency_ns: i64,
    /// Where the latency went.
    pub parts: Parts,
    /// Every step since admission.
    pub steps: Steps,
    /// Payload bytes from the robot.
    pub bytes_up: u64,
    /// Payload bytes to the robot.
    pub bytes_down: u64,
    /// How long the robot computed, sent and received for it, in nanoseconds, whether at once or not.
    pub robot_ns: [i64; 3],
    /// The robot's, over this frame; none without power levels. Of time that frames share, the one that ends first has
    /// the idle part.
    pub energy: Option<Joules>,
}

impl Frame {
    /// When its result is on the robot.
    pub const fn result(&self) -> Nanos {
        self.admitted.shifted(self.latency_ns)
    }
}

/// What a run is bound by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The robot's computing.
    Robot,
    /// The link.
    Link,
    /// A server's computing.
    Server,
}

impl Limit {
    /// The word on screens and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Robot => "robot",
            Self::Link => "link",
            Self::Server => "server",
        }
    }
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// In the order of admission; at least one unless none was asked for.
    pub frames: Vec<Frame>,
}

impl Outcome {
    /// The mean latency, in nanoseconds; 0 of no frames.
    pub fn mean_latency_ns(&self) -> f64 {
        mean(self.frames.iter().map(|f| f.latency_ns as f64)).unwrap_or(0.0)
    }

    /// Results per second: over the time between the first and the last result, or of one frame, over its latency.
    pub fn frames_per_s(&self) -> f64 {
        let results = self.frames.iter().map(Frame::result);
        let (first, last) = (results.clone().min(), results.max());
        let (Some(first), Some(last)) = (first, last) else {
            return 0.0;
        };
        let between = self.frames.len().saturating_sub(1) as f64;
        let span_ns = match self.frames.as_slice() {
            [only] => return 1e9 / (only.latency_ns.max(1)) as f64,
            _ => last.since(first).max(1),
        };
        between * 1e9 / span_ns as f64
    }

    /// The mean over the frames; none without power levels.
    pub fn energy(&self) -> Option<Joules> {
        let all: Option<Vec<f64>> = self.frames.iter().map(|f| f.energy.map(|e| e.0)).collect();
        mean(all?.into_iter()).map(Joules)
    }

    /// What was at work longest.
    pub fn limit(&self) -> Limit {
        let (mut robot, mut link, mut servers) = (0, 0, Vec::<i64>::new());
        for frame in &self.frames {
            robot += frame.robot_ns[0];
            for step in frame.steps.iter() {
                let device = usize::from(step.device.0);
                match step.kind {
                    StepKind::Transfer
                        if step.device == DeviceId::ROBOT || step.to == DeviceId::ROBOT =>
                    {
                        link += step.duration_ns;
                    }
                    // Packing goes on on the sockets' threads.
                    StepKind::Transfer | StepKind::Encode | StepKind::Decode => {}
                    _ if step.device != DeviceId::ROBOT => {
                        if servers.len() < device {
                            servers.resize(device, 0);
                        }
                        servers[device - 1] += step.duration_ns;
                    }
                    _ => {}
                }
            }
        }
        let server = servers.into_iter().max().unwrap_or(0);
        if robot >= link && robot >= server {
            Limit::Robot
        } else if link >= server {
            Limit::Link
        } else {
            Limit::Server
        }
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}

/// The robot's energy over `window_ns` in which it computed, sent and received for so long, at once or not.
pub fn energy(levels: &Levels, window_ns: i64, busy_ns: [i64; 3]) -> Joules {
    let idle = levels.idle.over_ns(window_ns);
    let activities = [levels.compute, levels.transmit, levels.receive];
    let above = activities
        .iter()
        .zip(busy_ns)
        .map(|(level, ns)| level.over_ns(ns).0 - levels.idle.over_ns(ns).0);
    Joules(idle.0 + above.sum::<f64>())
}

/// Accounts for what ran.
pub(super) fn outcome(ran: &[Ran], world: &World) -> Outcome {
    let mut frames: Vec<Frame> = ran.iter().map(frame).collect();
    if let Some(levels) = &world.power {
        let mut order: Vec<usize> = (0..frames.len()).collect();
        order.sort_by_key(|&i| (frames[i].result(), i));
        let mut told = Nanos(i64::MIN);
        for i in order {
            let frame = &mut frames[i];
            let result = frame.result();
            let window_ns = result.since(frame.admitted.max(told));
            frame.energy = Some(energy(levels, window_ns, frame.robot_ns));
            told = result;
        }
    }
    Outcome { frames }
}

fn frame(ran: &Ran) -> Frame {
    let measured: Vec<Measured<'_>> = ran
        .devices
        .iter()
        .map(|(program, timings)| Measured {
            program,
            timings: timings.clone(),
        })
        .collect();
    let account = account(ran.admitted, &measured);
    let robot = ran.devices.first();
    let (mut busy, mut bytes) = ([0; 3], [0; 2]);
    if let Some((program, timings)) = robot {
        let step = |t: &Timing| match t.of {
            TimingOf::Step(i) => program.program.steps.get(i as usize),
            TimingOf::Assembly(_) => None,
        };
        let of = |activity: usize| {
            let mine = timings.iter().filter(|t| activity_of(step(t)) == activity);
            covered_ns(mine.map(|t| (t.start.0, t.end.0)).collect())
        };
        busy = [of(0), of(1), of(2)];
        for (step, moved) in program.program.steps.iter().zip(program.step_bytes()) {
            match step {
                Step::Send { .. } => bytes[0] += moved,
                Step::Receive { .. } => bytes[1] += moved,
                Step::Compute { .. } | Step::Reduce { .. } => {}
            }
        }
    }
    Frame {
        admitted: ran.admitted,
        latency_ns: account.latency_ns,
        parts: account.parts,
        steps: account.steps,
        bytes_up: bytes[0],
        bytes_down: bytes[1],
        robot_ns: busy,
        energy: None,
    }
}

/// 0 computes (also what joins pieces), 1 sends, 2 receives.
const fn activity_of(step: Option<&Step>) -> usize {
    match step {
        Some(Step::Send { .. }) => 1,
        Some(Step::Receive { .. }) => 2,
        Some(Step::Compute { .. } | Step::Reduce { .. }) | None => 0,
    }
}
