//! Runs a schedule with real tensors in one thread; between devices there are only bytes.

use splitscope::engine::Engine;
use splitscope::engine::torch::{Handle, TorchEngine};
use splitscope::model::Graph;
use splitscope::plan::{Admit, Done, Event, Lane, Linked, Machine, Schedule, Value, Work};
use splitscope::units::{DeviceId, Epoch, FrameId, FrameKey, Nanos, NodeId};

/// Deterministic pixels, u8 `[1, 3, rows, columns]`.
pub(crate) fn noise(graph: &Graph) -> Vec<u8> {
    let n = graph.input_shape().elements();
    let mut state = 7_u32;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

pub(crate) const KEY: FrameKey = FrameKey {
    frame: FrameId(1),
    attempt: 0,
    epoch: Epoch(1),
};

/// What a run did: the result, and per device the operators computed and bytes sent.
#[derive(Debug)]
pub(crate) struct Ran {
    /// f32, little endian.
    pub(crate) output: Vec<u8>,
    /// Compute steps per device.
    pub(crate) computed: Vec<usize>,
    /// Elements that compute steps made, per device and node.
    pub(crate) made: Vec<Vec<u64>>,
    /// Bytes sent per device.
    pub(crate) sent: Vec<u64>,
}

/// Runs a schedule with real tensors; between devices there are only bytes.
#[expect(clippy::too_many_lines, reason = "one loop over all devices' lanes")]
pub(crate) fn run(
    graph: &Graph,
    engine: &mut TorchEngine,
    schedule: &Schedule,
    pixels: &[u8],
) -> Ran {
    let mut machines: Vec<Machine<Handle>> = schedule
        .programs
        .iter()
        .map(|p| {
            let output = (p.device == DeviceId::ROBOT).then_some(schedule.output);
            let mut machine = Machine::new(p.device, graph.nodes().len());
            machine.prepare(Epoch(1), Linked::new(graph, p.clone(), output));
            machine
        })
        .collect();
    let image = Value::whole(graph, NodeId::INPUT);
    let mut result = machines[0]
        .event(Event::Admit(Admit {
            key: KEY,
            program: None,
            values: vec![(
                image,
                TorchEngine::import(&engine.place(), graph, &image, pixels).unwrap(),
            )],
        }))
        .unwrap();
    let mut computed = vec![0; machines.len()];
    let mut made_by = vec![vec![0; graph.nodes().len()]; machines.len()];
    let mut sent = vec![0; machines.len()];
    engine.on_lane(&mut |engine| {
        loop {
            let mut moved = false;
            for at in 0..machines.len() {
                while let Some(work) = machines[at].next(Lane::Compute) {
                    moved = true;
                    let (step, made) = match work {
                        Work::Compute {
                            step,
                            node,
                            out,
                            over,
                            inputs,
                        } => {
                            computed[at] += 1;
                            let node = graph.node(node);
                            if over.is_none() {
                                made_by[at][node.id.index()] += out.elements(node.shape.columns);
                            }
                            (step, engine.compute(graph, node, &out, over, &inputs))
                        }
                        Work::Reduce {
                            step,
                            node,
                            addends,
                            ..
                        } => (step, engine.reduce(graph.node(node), &addends)),
                        Work::Assemble {
                            step,
                            node,
                            out,
                            pieces,
                        } => (step, engine.assemble(graph.node(node), &out, &pieces)),
                        Work::Send { .. } => panic!("a compute lane does not send"),
                    };
                    let done = Event::Done(Done {
                        step,
                        payload: Some(made.unwrap()),
                        start: Nanos(0),
                        end: Nanos(0),
                    });
                    // Another device may be done after the robot has the result.
                    let over = machines[at].event(done).unwrap();
                    result = over.filter(|_| at == 0).or(result.take());
                }
                for to in 0..machines.len() {
                    let device = schedule.programs[to].device;
                    while let Some(Work::Send {
                        step,
                        value,
                        pieces,
                        ..
                    }) = machines[at].next(Lane::Send(device))
                    {
                        moved = true;
                        let bytes = TorchEngine::export(graph, &value, &pieces).unwrap();
                        sent[at] += bytes.len() as u64;
                        let done = Event::Done(Done {
                            step,
                            payload: None,
                            start: Nanos(0),
                            end: Nanos(0),
                        });
                        result = machines[at]
                            .event(done)
                            .unwrap()
                            .filter(|_| at == 0)
                            .or(result.take());
                        let arrived = machines[to].event(Event::Arrived {
                            key: KEY,
                            value,
                            from: schedule.programs[at].device,
                            payload: TorchEngine::import(&engine.place(), graph, &value, &bytes)
                                .unwrap(),
                            start: Nanos(0),
                            end: Nanos(0),
                        });
                        result = arrived.unwrap().filter(|_| to == 0).or(result.take());
                    }
                }
            }
            if !moved {
                break;
            }
        }
    });
    let output = result.and_then(|r| r.output).unwrap();
    Ran {
        output: bytes_of(graph, &output),
        computed,
        made: made_by,
        sent,
    }
}

pub(crate) fn bytes_of(graph: &Graph, output: &Handle) -> Vec<u8> {
    let value = Value::whole(graph, graph.output());
    let piece = splitscope::plan::Piece {
        region: value.region,
        term: value.term,
        payload: output.clone(),
    };
    TorchEngine::export(graph, &value, &[piece]).unwrap()
}

/// A result's elements.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    let elements = bytes.chunks_exact(4);
    elements
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
}
