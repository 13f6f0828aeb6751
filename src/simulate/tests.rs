//! Predicted timelines against ones worked out by hand.

use std::sync::Arc;

use proptest::prelude::*;

use super::testing::{LEVELS, MS, PerNode, chain, random_graph, randoms, world};
use super::*;
use crate::model::zoo;
use crate::plan::{Choice, ModeKind, Plan, StepKind, compile};
use crate::profile::Profile;
use crate::profile::trace::{AfterEnd, Row, Trace};
use crate::units::{BitsPerSecond, Epoch, NodeId};

fn simulated(graph: &Graph, plan: &Plan, world: &World, frames: u32) -> Outcome {
    let schedule = compile(graph, plan, Epoch(1)).unwrap();
    run(graph, &schedule, world, &Run::of(frames, Nanos(0))).unwrap()
}

/// Kind, device, start and end in milliseconds.
fn timeline(frame: &Frame) -> Vec<(StepKind, u8, i64, i64)> {
    let ms = |s: crate::plan::StepTime| {
        let end = s.start_ns + s.duration_ns;
        (s.kind, s.device.0, s.start_ns / MS, end / MS)
    };
    frame.steps.iter().map(ms).collect()
}

#[test]
fn a_split_computes_sends_and_computes_as_worked_out_by_hand() {
    use StepKind::{Compute, Transfer};
    let graph = chain(3);
    let mut world = world(&[10, 20, 30], &[1, 2, 3], 96.0);
    world.link.latency_ns = 2 * MS;
    world.link.message_ns = MS;
    let outcome = simulated(&graph, &Plan::split(2), &world, 1);
    let frame = &outcome.frames[0];
    // 384 B at 96 B/ms are 4 ms, each way, with 1 ms to pack and 2 ms to arrive.
    let expected = [
        (Compute, 0, 0, 10),
        (Compute, 0, 10, 30),
        (Transfer, 0, 30, 37),
        (Compute, 1, 37, 40),
        (Transfer, 1, 40, 47),
    ];
    assert_eq!(timeline(frame), expected);
    assert_eq!(frame.latency_ns, 47 * MS);
    assert_eq!((frame.bytes_up, frame.bytes_down), (384, 384));
    let parts = frame.parts;
    assert_eq!(parts.sum_ns(), 47 * MS);
    assert_eq!(
        [
            parts.robot_compute_ns,
            parts.uplink_ns,
            parts.server_compute_ns,
            parts.downlink_ns
        ],
        [30 * MS, 7 * MS, 3 * MS, 7 * MS]
    );
    // 47 ms at 4 W, and above that 30 ms at 10 W, 5 ms of sending at 2 W, 4 ms of receiving at 1 W.
    let joules = 0.047 * 4.0 + 0.030 * 10.0 + 0.005 * 2.0 + 0.004;
    assert!((frame.energy.unwrap().0 - joules).abs() < 1e-9, "{frame:?}");
    assert_eq!(outcome.limit(), Limit::Robot);
}

#[test]
fn remote_ships_the_image_and_local_touches_no_link() {
    let graph = chain(3);
    let world = world(&[10, 20, 30], &[1, 2, 3], 96.0);
    let remote = simulated(&graph, &Plan::REMOTE, &world, 1);
    // 96 B up, 6 ms, 384 B down.
    assert_eq!(remote.frames[0].latency_ns, (1 + 6 + 4) * MS);
    assert_eq!(remote.frames[0].bytes_up, 96);
    let mut dead = world;
    dead.link = Link::constant(BitsPerSecond(0.0));
    let local = simulated(&graph, &Plan::LOCAL, &dead, 3);
    assert!(
        local
            .frames
            .iter()
            .all(|f| f.latency_ns == 60 * MS && f.bytes_up == 0)
    );
    let schedule = compile(&graph, &Plan::REMOTE, Epoch(1)).unwrap();
    let stuck = run(&graph, &schedule, &dead, &Run::one(Nanos(0))).unwrap_err();
    assert!(
        stuck.to_string().contains("stops after 0 of 1 frames"),
        "{stuck}"
    );
}

#[test]
fn a_pipeline_is_bound_by_its_longest_stage_and_its_frames_share_the_medium() {
    let graph = chain(3);
    let mut world = world(&[10, 20, 30], &[1, 2, 12], 96.0);
    let plan = Plan::split(2).with_window(3);
    let outcome = simulated(&graph, &plan, &world, 40);
    assert!(
        (outcome.frames_per_s() - 1e3 / 30.0).abs() < 0.2,
        "{}",
        outcome.frames_per_s()
    );
    assert_eq!(outcome.limit(), Limit::Robot);
    // 384 B at 9.6 B/ms are 40 ms each way. One medium carries both: 80 ms a frame.
    world.link = Link::constant(BitsPerSecond(9.6 * 8e3));
    let shared = simulated(&graph, &plan, &world, 40);
    assert!(
        (shared.frames_per_s() - 12.5).abs() < 0.4,
        "{}",
        shared.frames_per_s()
    );
    assert_eq!(shared.limit(), Limit::Link);
    world.link.duplex = true;
    let duplex = simulated(&graph, &plan, &world, 40);
    assert!(
        (duplex.frames_per_s() - 25.0).abs() < 0.6,
        "{}",
        duplex.frames_per_s()
    );
}

#[test]
fn tiles_overlap_computing_and_sending_inside_one_inference() {
    let graph = chain(3);
    let world = world(&[8, 8, 8], &[4, 4, 4], 48.0);
    let whole = simulated(&graph, &Plan::split(2), &world, 1);
    assert_eq!(whole.frames[0].latency_ns, (16 + 8 + 4 + 8) * MS);
    let tiled = simulated(&graph, &Plan::split(2).with_tiles(4), &world, 1);
    // Four tiles of 4 ms on the robot, each sent in 2 ms while the next is made; the server has too few rows to begin
    // before the last one.
    assert_eq!(tiled.frames[0].latency_ns, (16 + 2 + 4 + 8) * MS);
    assert!(tiled.frames[0].parts.overlap_ns > 0);
    assert_eq!(tiled.frames[0].bytes_up, whole.frames[0].bytes_up);
}

#[test]
fn a_codec_saves_bytes_on_the_link_and_takes_time_at_both_ends() {
    use StepKind::{Compute, Decode, Encode, Transfer};
    let graph = chain(3);
    let mut world = world(&[10, 20, 30], &[1, 2, 3], 96.0);
    world.link.latency_ns = 2 * MS;
    world.link.message_ns = MS;
    let packing = Packing {
        codec: crate::plan::ValueCodec::ZeroBitmap,
        wire: 0.5,
        encode_ns: 3e6 / 384.0,
        decode_ns: 4e6 / 384.0,
    };
    world.packings = Packings::new(&graph, [((NodeId(2), true), packing)]);
    let outcome = simulated(&graph, &Plan::split(2), &world, 1);
    let frame = &outcome.frames[0];
    // 384 B go as 192: 3 ms to pack, 1 + 2 ms on the lane, 2 on the way, 4 to unpack. The result goes as it is.
    let expected = [
        (Compute, 0, 0, 10),
        (Compute, 0, 10, 30),
        (Encode, 0, 30, 33),
        (Transfer, 0, 33, 38),
        (Decode, 0, 38, 42),
        (Compute, 1, 42, 45),
        (Transfer, 1, 45, 52),
    ];
    assert_eq!(timeline(frame), expected);
    assert_eq!((frame.latency_ns, frame.bytes_up), (52 * MS, 384));
    let packed = frame.steps.packing(None).unwrap();
    assert_eq!((packed.payload_bytes, packed.wire_bytes), (768, 576));
    // The robot sends for 3 ms, packing apart.
    assert_eq!(frame.robot_ns[1], 3 * MS);
}

#[test]
fn a_frame_behind_others_waits_for_what_is_left_of_them() {
    let graph = chain(2);
    let mut world = world(&[10, 0], &[0, 1], 96.0);
    world.link.duplex = true;
    let schedule = compile(&graph, &Plan::split(1).with_window(3), Epoch(1)).unwrap();
    let prepared = Prepared::new(&graph, schedule, &world.devices).unwrap();
    let latency_ms = |traffic: &Traffic| {
        let outcome = prepared.run_in(&graph, &world, traffic).unwrap();
        outcome.frames.last().unwrap().latency_ns / MS
    };
    let at = |ms: i64| Nanos(ms * MS);
    let mut traffic = Traffic {
        admitted: vec![at(100)],
        ..Traffic::default()
    };
    // 10 on the robot, 4 up, 1 there, 4 down.
    assert_eq!(latency_ms(&traffic), 19);
    // The robot began the one before 6 ms ago.
    traffic.admitted = vec![at(94), at(100)];
    assert_eq!(latency_ms(&traffic), 4 + 19);
    // Something of before kept the link.
    traffic.link_until = at(130);
    assert_eq!(latency_ms(&traffic), 30 + 4 + 4 + 1 + 4);
    // A frame that was given up takes the robot, then the one before has it, then this one.
    traffic.link_until = at(0);
    traffic.robot_taken = vec![(at(94), 20)];
    traffic.robot_taken[0].1 *= MS;
    assert_eq!(latency_ms(&traffic), 14 + 10 + 19);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Every frame of a run, seen from its admission: with what was under way by then it takes what it took.
    #[test]
    fn from_the_middle_a_pipeline_goes_on_as_it_would(
        robot in 0_i64..20, bytes_per_ms in 24.0..192.0_f64, window in 2_u16..5, frames in 2_u32..9,
    ) {
        let graph = chain(2);
        let mut world = world(&[robot, 0], &[0, 1], bytes_per_ms);
        world.link.duplex = true;
        world.link.message_ns = MS / 2;
        let plan = Plan::split(1).with_window(window);
        let schedule = compile(&graph, &plan, Epoch(1)).unwrap();
        let prepared = Prepared::new(&graph, schedule, &world.devices).unwrap();
        let all = prepared.run(&graph, &world, &Run::of(frames, Nanos(0))).unwrap().frames;
        for (i, frame) in all.iter().enumerate() {
            let ends = |f: &Frame, transfers: bool| {
                let mine = f.steps.iter().filter(|s| s.device == DeviceId::ROBOT);
                let of = mine.filter(|s| (s.kind == StepKind::Transfer) == transfers);
                f.admitted.shifted(of.map(|s| s.start_ns + s.duration_ns).max().unwrap_or(0))
            };
            let (over, open): (Vec<&Frame>, Vec<&Frame>) =
                all[..i].iter().partition(|f| f.result() <= frame.admitted);
            let mut admitted: Vec<Nanos> = open.iter().map(|f| f.admitted).collect();
            admitted.push(frame.admitted);
            let robot_until = over.iter().map(|f| ends(f, false)).max().unwrap_or(Nanos(0));
            let traffic = Traffic {
                link_until: over.iter().map(|f| ends(f, true)).max().unwrap_or(Nanos(0)),
                robot_taken: vec![(admitted[0], robot_until.since(admitted[0]).max(0))],
                admitted,
            };
            let seen = prepared.run_in(&graph, &world, &traffic).unwrap();
            let latency_ns = seen.frames.last().unwrap().latency_ns;
            prop_assert_eq!(latency_ns, frame.latency_ns, "frame {} of {:?}", i, traffic);
        }
    }
}

#[test]
fn a_trace_is_followed_through_its_outage() {
    let graph = chain(1);
    let row = |ms: i64, mbps| Row {
        at_ns: ms * MS,
        up_mbps: mbps,
        down_mbps: mbps,
        delay_ms: 0.0,
    };
    // 96 B/ms, 100 ms of nothing after 1/2 ms, then 96 B/ms again.
    let half = Row {
        at_ns: MS / 2,
        ..row(0, 0.0)
    };
    let trace = Trace::new(true, vec![row(0, 0.768), half, row(101, 0.768)]).unwrap();
    let mut world = world(&[10], &[1], 1.0);
    world.link = Link::of_trace(&Arc::new(trace), AfterEnd::Hold);
    let outcome = simulated(&graph, &Plan::REMOTE, &world, 1);
    // Half the image passes before, half after; then 1 ms of server and 384 B down.
    assert_eq!(
        outcome.frames[0].latency_ns,
        101 * MS + MS / 2 + MS + 4 * MS
    );
    let schedule = compile(&graph, &Plan::REMOTE, Epoch(1)).unwrap();
    let later = run(&graph, &schedule, &world, &Run::one(Nanos(200 * MS))).unwrap();
    assert_eq!(later.frames[0].latency_ns, 6 * MS);
}

#[test]
fn the_camera_gives_a_picture_a_period_and_those_that_come_too_early_are_skipped() {
    let graph = chain(1);
    let world = world(&[10], &[1], 96.0);
    let schedule = compile(&graph, &Plan::LOCAL, Epoch(1)).unwrap();
    let admitted = |period_ms: i64| -> Vec<i64> {
        let with = Run {
            frames: 4,
            start: Nanos(0),
            period_ns: Some(period_ms * MS),
        };
        let outcome = run(&graph, &schedule, &world, &with).unwrap();
        outcome.frames.iter().map(|f| f.admitted.0 / MS).collect()
    };
    assert_eq!(admitted(25), [0, 25, 50, 75]);
    assert_eq!(admitted(10), [0, 10, 20, 30]);
    assert_eq!(admitted(4), [0, 12, 24, 36]);
}

#[test]
fn the_same_question_has_the_same_answer_and_servers_work_in_parallel() {
    let graph = chain(3);
    let mut three = world(&[30, 30, 30], &[30, 30, 30], 9600.0);
    three.devices.push(Arc::clone(&three.devices[1]));
    let mut choice = Choice::usual(&graph, ModeKind::Tile);
    choice.shares = vec![1.0, 1.0, 2.0];
    let plan = choice.plan(&graph).unwrap();
    let first = simulated(&graph, &plan, &three, 5);
    assert_eq!(first, simulated(&graph, &plan, &three, 5));
    // The third device has half the rows of two operators and all of the last one; little is sent.
    assert!(
        (first.frames[0].latency_ns - 60 * MS).abs() < 2 * MS,
        "{:?}",
        first.frames[0].parts
    );
    three.devices.pop();
    let schedule = compile(&graph, &plan, Epoch(1)).unwrap();
    let missing = run(&graph, &schedule, &three, &Run::one(Nanos(0))).unwrap_err();
    assert!(missing.to_string().contains("server 2"), "{missing}");
}

#[test]
fn a_device_model_scales_operators_and_their_parts() {
    let graph = zoo::build("mobilenet_v2", 1, 64, 64).unwrap();
    let profile: Arc<dyn Costs> = Arc::new(Profile::open("jetson-xavier-nx").unwrap());
    let mut model = DeviceModel::new(&graph, Arc::clone(&profile));
    let node = &graph.nodes()[10];
    let whole = crate::model::Region::whole(&node.shape);
    let half = crate::model::Region {
        row: crate::model::Span::new(0, node.shape.rows / 2),
        ..whole
    };
    model.set_factor(NodeId(10), 3.0);
    for out in [whole, half] {
        let base = profile.compute_ns(&graph, node, &out, None);
        assert!((model.compute_ns(&graph, node, &out, None) - 3 * base).abs() <= 1);
    }
    model.set_factor(NodeId(10), f64::NAN);
    assert!(
        (model.factor(NodeId(10)) - 3.0).abs() < 1e-12,
        "a bad measurement changes nothing"
    );
}

proptest! {
    /// One value at a time, nothing overlaps: the latency is the sum of everything.
    #[test]
    fn a_chain_cut_anywhere_takes_the_sum_of_its_stages(
        n in 1_u32..7, k in 0_u32..7, robot in prop::collection::vec(0_i64..50, 7),
        server in prop::collection::vec(0_i64..50, 7), latency in 0_i64..5, message in 0_i64..3,
    ) {
        let (k, graph) = (k.min(n), chain(n));
        let mut world = world(&robot, &server, 96.0);
        world.link.latency_ns = latency * MS;
        world.link.message_ns = message * MS;
        let outcome = simulated(&graph, &Plan::split(k), &world, 1);
        let computed: i64 = robot[..k as usize].iter().chain(&server[k as usize..n as usize]).sum();
        let up = if k == 0 { 1 } else { 4 };
        let sent = if k == n { 0 } else { up + 4 + 2 * (latency + message) };
        prop_assert_eq!(outcome.frames[0].latency_ns, (computed + sent) * MS);
        prop_assert_eq!(outcome.frames[0].parts.sum_ns(), outcome.frames[0].latency_ns);
    }

    /// Frames in flight change when things happen, not what happens; and the energy of the frames is that of the run.
    #[test]
    fn frames_in_flight_cost_what_they_cost_alone(
        ops in randoms(8), k in 0_u32..9, window in 1_u16..5, bytes_per_ms in 20.0..2000.0_f64,
    ) {
        let (graph, robot, server) = random_graph(&ops);
        let mut world = world(&[], &[], bytes_per_ms);
        world.devices = vec![Arc::new(PerNode(robot)), Arc::new(PerNode(server))];
        let plan = Plan::split(k.min(graph.operator_count())).with_window(window);
        let outcome = simulated(&graph, &plan, &world, 6);
        let alone = simulated(&graph, &plan, &world, 1);
        let mut end = Nanos(0);
        let mut watt_ns = 0.0;
        for frame in &outcome.frames {
            prop_assert_eq!(frame.steps.len(), alone.frames[0].steps.len());
            prop_assert!(frame.latency_ns >= alone.frames[0].latency_ns);
            prop_assert_eq!(frame.robot_ns[0], alone.frames[0].robot_ns[0]);
            prop_assert!(frame.result() >= end, "results come in order");
            end = frame.result();
            let above = [10.0, 2.0, 1.0];
            watt_ns += frame.robot_ns.iter().zip(above).map(|(&ns, w)| ns as f64 * w).sum::<f64>();
        }
        let all: f64 = outcome.frames.iter().map(|f| f.energy.unwrap().0).sum();
        let expected = (LEVELS.idle.0 * end.0 as f64 + watt_ns) / 1e9;
        prop_assert!((all - expected).abs() < 1e-6 * expected.max(1e-6), "{all} {expected}");
    }
}
