//! Checks a schedule before anything runs it: every region in its operator's output, every receive with its one send,
//! every all-reduce complete, and the whole thing run once through [`Machine`]s without tensors, to the result.

use super::{
    Admit, Done, Event, Lane, Linked, Machine, Program, Schedule, Step, Term, Until, Value, Work,
};
use crate::model::{Graph, Op, Region, Span};
use crate::units::{DeviceId, Epoch, FrameId, FrameKey, Nanos, NodeId};

/// Why a schedule is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A step that names what the graph does not have.
    #[error("{device}, step {index}: {reason}")]
    Step {
        /// Whose program.
        device: DeviceId,
        /// Which step.
        index: usize,
        /// What is wrong.
        reason: String,
    },
    /// A send nobody receives, or a receive nobody serves, or either twice.
    #[error(
        "{value} from {from} to {to} has {sends} sends and {receives} receives, expected one of each"
    )]
    Unmatched {
        /// What.
        value: Value,
        /// From whom.
        from: DeviceId,
        /// To whom.
        to: DeviceId,
        /// Its sends.
        sends: usize,
        /// Its receives.
        receives: usize,
    },
    /// Addends that do not cover the input channels once.
    #[error(
        "the addends of node {node} on all devices cover input channels {covered:?}, expected every channel of {channels} once"
    )]
    Addends {
        /// The operator.
        node: NodeId,
        /// What they cover, sorted.
        covered: Vec<(u32, u32)>,
        /// The input's channels.
        channels: u32,
    },
    /// Everything waits.
    #[error("the schedule stops before its result: {stuck}")]
    Stuck {
        /// What each device waits for.
        stuck: String,
    },
    /// Two programs for one device, or none for the robot.
    #[error("a schedule has one program per device, the robot's first; this one has {devices:?}")]
    Devices {
        /// Whose programs there are.
        devices: Vec<DeviceId>,
    },
}

/// Checks a whole schedule.
///
/// # Errors
/// The first thing that is wrong.
pub fn validate(graph: &Graph, schedule: &Schedule) -> Result<(), Invalid> {
    let devices: Vec<_> = schedule.programs.iter().map(|p| p.device).collect();
    if devices.first() != Some(&DeviceId::ROBOT) || !devices.windows(2).all(|w| w[0] < w[1]) {
        return Err(Invalid::Devices { devices });
    }
    for program in &schedule.programs {
        validate_program(graph, program)?;
    }
    check_pairs(schedule)?;
    check_addends(graph, schedule)?;
    run(graph, schedule)
}

/// Checks one device's program by itself: what a server does with a program from a peer.
///
/// # Errors
/// The first step that is wrong.
pub fn validate_program(graph: &Graph, program: &Program) -> Result<(), Invalid> {
    for (index, step) in program.steps.iter().enumerate() {
        check_step(graph, program.device, step).map_err(|reason| Invalid::Step {
            device: program.device,
            index,
            reason,
        })?;
    }
    for (value, until) in &program.keep {
        let reader = match until {
            Until::ReadersOf(reader) if graph.get(*reader).is_none() => {
                Err(format!("a reader {reader} that {} lacks", graph.name()))
            }
            _ => Ok(()),
        };
        let checked = check_value(graph, value).and(reader);
        checked.map_err(|reason| Invalid::Step {
            device: program.device,
            index: program.steps.len(),
            reason: format!("keeps what cannot be: {reason}"),
        })?;
    }
    Ok(())
}

fn check_step(graph: &Graph, device: DeviceId, step: &Step) -> Result<(), String> {
    if let Some(value) = step.result() {
        check_value(graph, &value)?;
        if value.node == NodeId::INPUT {
            return Err("computes the camera image, which is given".to_owned());
        }
    }
    match step {
        Step::Compute {
            node,
            over: Some((span, term)),
            ..
        } => {
            let node = graph.node(*node);
            let sums = match &node.op {
                Op::Conv2d(conv) => conv.groups == 1,
                Op::Linear { .. } => true,
                _ => false,
            };
            if !sums {
                return Err(format!("sums over a part of the channels of {}", node.name));
            }
            let channels = graph.node(node.inputs[0]).shape.channels;
            if span.is_empty() || span.end > channels || *term == Term::Whole {
                return Err(format!(
                    "makes {term:?} of input channels {span} of {channels}"
                ));
            }
            Ok(())
        }
        Step::Compute { over: None, .. } => Ok(()),
        Step::Reduce { of, .. } if *of < 2 => Err(format!("sums {of} addends")),
        Step::Reduce { .. } => Ok(()),
        Step::Send { value, to: peer } | Step::Receive { value, from: peer } => {
            if *peer == device {
                return Err(format!("exchanges {value} with itself"));
            }
            check_value(graph, value)
        }
    }
}

fn check_value(graph: &Graph, value: &Value) -> Result<(), String> {
    let node = graph
        .get(value.node)
        .ok_or_else(|| format!("names node {}, which {} lacks", value.node, graph.name()))?;
    let whole = Region::whole(&node.shape);
    if value.region.is_empty() || !whole.covers(&value.region) {
        return Err(format!(
            "names {} of {}, whose output has {whole}",
            value.region, node.name
        ));
    }
    match value.term {
        Term::Addend { i, of } if i >= of || of < 2 => Err(format!("names addend {i} of {of}")),
        _ => Ok(()),
    }
}

fn check_pairs(schedule: &Schedule) -> Result<(), Invalid> {
    let mut ends: Vec<(Value, DeviceId, DeviceId, bool)> = Vec::new();
    for program in &schedule.programs {
        for step in &program.steps {
            match *step {
                Step::Send { value, to } => ends.push((value, program.device, to, true)),
                Step::Receive { value, from } => ends.push((value, from, program.device, false)),
                Step::Compute { .. } | Step::Reduce { .. } => {}
            }
        }
    }
    ends.sort_unstable();
    for group in ends.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2)) {
        let (value, from, to, _) = group[0];
        let sends = group.iter().filter(|end| end.3).count();
        let receives = group.len() - sends;
        if (sends, receives) != (1, 1) {
            return Err(Invalid::Unmatched {
                value,
                from,
                to,
                sends,
                receives,
            });
        }
    }
    Ok(())
}

fn check_addends(graph: &Graph, schedule: &Schedule) -> Result<(), Invalid> {
    let mut parts: Vec<(NodeId, Region, Span)> = Vec::new();
    for step in schedule.programs.iter().flat_map(|p| &p.steps) {
        if let Step::Compute {
            node,
            out,
            over: Some((span, _)),
        } = step
        {
            parts.push((*node, *out, *span));
        }
    }
    parts.sort_unstable();
    for group in parts.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let node = graph.node(group[0].0);
        let channels = graph.node(node.inputs[0]).shape.channels;
        let tiles = group.first().is_some_and(|p| p.2.start == 0)
            && group.last().is_some_and(|p| p.2.end == channels)
            && group.windows(2).all(|w| w[0].2.end == w[1].2.start);
        if !tiles {
            return Err(Invalid::Addends {
                node: node.id,
                covered: group.iter().map(|p| (p.2.start, p.2.end)).collect(),
                channels,
            });
        }
    }
    Ok(())
}

/// Runs the schedule once without tensors: whatever it needs must be there when it is needed, to the result.
fn run(graph: &Graph, schedule: &Schedule) -> Result<(), Invalid> {
    let key = FrameKey {
        frame: FrameId(0),
        attempt: 0,
        epoch: Epoch(0),
    };
    let mut machines: Vec<Machine<()>> = Vec::new();
    for program in &schedule.programs {
        let output = (program.device == DeviceId::ROBOT).then_some(schedule.output);
        let mut machine = Machine::new(program.device, graph.nodes().len());
        machine.prepare(Epoch(0), Linked::new(graph, program.clone(), output));
        machines.push(machine);
    }
    let image = Value::whole(graph, NodeId::INPUT);
    let stuck = |reason: String| Invalid::Stuck { stuck: reason };
    let admitted = machines[0].event(Event::Admit(Admit {
        key,
        program: None,
        values: vec![(image, ())],
    }));
    let mut finished = admitted.map_err(|e| stuck(e.to_string()))?.is_some();
    loop {
        let mut moved = false;
        for at in 0..machines.len() {
            let device = schedule.programs[at].device;
            let peers = schedule.programs.iter().map(|p| Lane::Send(p.device));
            for lane in std::iter::once(Lane::Compute).chain(peers) {
                while let Some(work) = machines[at].next(lane) {
                    moved = true;
                    let (step, sent) = match work {
                        Work::Compute { step, .. }
                        | Work::Reduce { step, .. }
                        | Work::Assemble { step, .. } => (step, None),
                        Work::Send {
                            step, value, to, ..
                        } => (step, Some((value, to))),
                    };
                    let done = Event::Done(Done {
                        step,
                        payload: sent.is_none().then_some(()),
                        start: Nanos(0),
                        end: Nanos(0),
                    });
                    let completed = machines[at].event(done).map_err(|e| stuck(e.to_string()))?;
                    finished |= completed.is_some() && device == DeviceId::ROBOT;
                    let Some((value, to)) = sent else { continue };
                    let peer = schedule.programs.iter().position(|p| p.device == to);
                    let peer = peer.ok_or_else(|| stuck(format!("{to} has no program")))?;
                    let completed = machines[peer]
                        .event(Event::Arrived {
                            key,
                            value,
                            from: device,
                            payload: (),
                            start: Nanos(0),
                            end: Nanos(0),
                        })
                        .map_err(|e| stuck(e.to_string()))?;
                    finished |= completed.is_some() && to == DeviceId::ROBOT;
                }
            }
        }
        if !moved {
            break;
        }
    }
    let waiting: Vec<_> = machines
        .iter()
        .zip(&schedule.programs)
        .filter_map(|(machine, program)| {
            let open = machine.waiting_for()?;
            Some(format!("{} waits for {open}", program.device))
        })
        .collect();
    if finished && waiting.is_empty() {
        Ok(())
    } else if waiting.is_empty() {
        Err(stuck("nobody delivers the result to the robot".to_owned()))
    } else {
        Err(stuck(waiting.join("; ")))
    }
}
