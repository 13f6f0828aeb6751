use super::*;
use crate::model::{Graph, zoo};
use crate::plan::{Plan, compile, shard_all};

fn key(frame: u64, epoch: u32) -> FrameKey {
    FrameKey {
        frame: crate::units::FrameId(frame),
        attempt: 0,
        epoch: Epoch(epoch),
    }
}

fn machine(graph: &Graph, plan: &Plan, device: usize) -> Machine<u32> {
    let schedule = compile(graph, plan, Epoch(1)).unwrap();
    let program = schedule.programs[device].clone();
    let id = program.device;
    let output = (id == DeviceId::ROBOT).then_some(schedule.output);
    let mut machine = Machine::new(id, graph.nodes().len());
    machine.prepare(Epoch(1), Linked::new(graph, program, output));
    machine
}

fn admit(machine: &mut Machine<u32>, graph: &Graph, frame: u64) {
    let image = Value::whole(graph, NodeId::INPUT);
    let admitted = machine.event(Event::Admit(Admit {
        key: key(frame, 1),
        program: None,
        values: vec![(image, 0)],
    }));
    assert!(admitted.unwrap().is_none());
}

fn done(machine: &mut Machine<u32>, step: StepRef, payload: Option<u32>) {
    let done = Done {
        step,
        payload,
        start: Nanos(0),
        end: Nanos(1),
    };
    machine.event(Event::Done(done)).unwrap();
}

/// Does the next work of the compute lane and says whose it was and what.
fn compute(machine: &mut Machine<u32>) -> Option<(u64, NodeId)> {
    match machine.next(Lane::Compute)? {
        Work::Compute { step, node, .. } => {
            done(machine, step, Some(node.0));
            Some((step.key.frame.0, node))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_oldest_frame_that_can_goes_first_and_none_overtakes_within_a_frame() {
    let graph = zoo::build("mobilenet_v2", 1, 32, 32).unwrap();
    let mut machine = machine(&graph, &Plan::LOCAL, 0);
    admit(&mut machine, &graph, 5);
    assert_eq!(compute(&mut machine), Some((5, NodeId(1))));
    // An older frame comes later: it has precedence from the next step on.
    admit(&mut machine, &graph, 4);
    assert_eq!(compute(&mut machine), Some((4, NodeId(1))));
    assert_eq!(compute(&mut machine), Some((4, NodeId(2))));
    machine.event(Event::Cancel(key(4, 1))).unwrap();
    assert_eq!(compute(&mut machine), Some((5, NodeId(2))));
}

#[test]
fn a_lane_at_work_on_a_frame_gets_nothing_else_of_it() {
    let graph = zoo::build("mobilenet_v2", 1, 32, 32).unwrap();
    let mut machine = machine(&graph, &Plan::LOCAL, 0);
    admit(&mut machine, &graph, 1);
    assert!(machine.next(Lane::Compute).is_some());
    assert!(machine.next(Lane::Compute).is_none());
}

#[test]
fn values_leave_at_their_last_reader_but_what_was_sent_stays_until_delivery() {
    let graph = zoo::build("mobilenet_v2", 1, 32, 32).unwrap();
    let cut = 5;
    let mut machine = machine(&graph, &Plan::split(cut), 0);
    admit(&mut machine, &graph, 1);
    while compute(&mut machine).is_some() {}
    let Some(Work::Send { step, value, .. }) = machine.next(Lane::Send(DeviceId::SERVER)) else {
        panic!("nothing to send")
    };
    assert_eq!(value.node, NodeId(cut));
    done(&mut machine, step, None);
    let held = machine.withdraw(key(1, 1)).unwrap();
    let nodes: Vec<u32> = held.values.iter().map(|(v, _)| v.node.0).collect();
    assert_eq!(nodes, [cut]);
    assert_eq!(held.timings.len() as u32, cut + 1);
}

#[test]
fn a_gathered_tensor_stays_until_the_next_one_is_complete() {
    let graph = zoo::build("vgg19", 1, 32, 32).unwrap();
    let plan = shard_all(&graph, &[0.5, 0.5], crate::plan::Join::Gather).unwrap();
    let schedule = compile(&graph, &plan, Epoch(1)).unwrap();
    let mut machine = machine(&graph, &plan, 0);
    admit(&mut machine, &graph, 1);
    // Up to where the first shards of the server are needed.
    while compute(&mut machine).is_some() {}
    let held = machine.frames[&key(1, 1)].table.iter().enumerate();
    let held: Vec<usize> = held
        .filter(|(_, t)| !t.is_empty())
        .map(|(n, _)| n)
        .collect();
    // The image, its normalised form (read by the robot's shard, done), and the robot's own shard.
    let normalized = 1;
    assert!(held.contains(&0) && held.contains(&normalized), "{held:?}");
    let keeps = &schedule.programs[0].keep;
    assert!(keeps.iter().any(|(v, u)| {
        v.node.index() == normalized && matches!(u, crate::plan::Until::ReadersOf(_))
    }));
}

#[test]
fn values_of_a_stale_epoch_a_cancelled_frame_or_nobody_are_told_apart() {
    let graph = zoo::build("mobilenet_v2", 1, 32, 32).unwrap();
    let mut server = machine(&graph, &Plan::split(5), 1);
    let value = Value::whole(&graph, NodeId(5));
    let arrive = |server: &mut Machine<u32>, key: FrameKey, value: Value| {
        server
            .event(Event::Arrived {
                key,
                value,
                from: DeviceId::ROBOT,
                payload: 5,
                start: Nanos(0),
                end: Nanos(0),
            })
            .map(drop)
    };
    let stale = arrive(&mut server, key(1, 9), value);
    assert_eq!(stale, Err(MachineError::UnknownEpoch(key(1, 9))));
    let other = Value::whole(&graph, NodeId(6));
    let wrong = arrive(&mut server, key(1, 1), other);
    assert!(matches!(wrong, Err(MachineError::Unexpected { .. })));
    arrive(&mut server, key(1, 1), value).unwrap();
    let twice = arrive(&mut server, key(1, 1), value);
    assert_eq!(twice, Err(MachineError::Repeated(key(1, 1))));
    // Cancelled before its first value came: the value does not begin it.
    server.event(Event::Cancel(key(2, 1))).unwrap();
    arrive(&mut server, key(2, 1), value).unwrap();
    assert_eq!(server.in_flight().count(), 1);
    assert_eq!(server.late(), 1);
}
