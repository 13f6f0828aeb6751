//! Every mode on one shaped link in one run: robot and server as processes, plans switched live in random order.
//!
//! Prints for every plan the median latency with its 95 % interval against `local`, `remote` and the best split, the
//! throughput, the bytes, and where the time went; whether the two workers slow each other on this machine
//! (`contended`: then compare modes on two machines instead); what streaming saves of what overlap can save; and what
//! tensor parallelism pays per layer. `--frames N` per plan and round (default 12), `--rounds N` (default 3).
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot run fails"
)]

#[path = "../tests/support/console.rs"]
mod console;
#[path = "shared/paired.rs"]
#[expect(dead_code, reason = "shared with other benches")]
mod paired;
#[path = "../tests/support/process.rs"]
mod process;

use std::net::SocketAddr;

use console::Console;
use paired::{Paired, median, number_argument};
use process::Worker;
use splitscope::link::shaper::{Shaper, ShaperHandle, ShaperProfile};
use splitscope::model::{Graph, Op, zoo};
use splitscope::plan::{Choice, ModeKind, Plan};
use splitscope::statistics::Random;
use splitscope::units::{BitsPerSecond, DeviceId, NodeId};
use splitscope::wire::{FrameRecord, Outcome, StepKind};

const LINK_MBPS: f64 = 93.0;
/// How much slower than alone a device may be before timings count as contended.
const CONTENDED: f64 = 1.15;

/// Robot, server, and the link between them.
struct Field {
    console: Console,
    graph: Graph,
    _workers: [Worker; 2],
    _link: ShaperHandle,
}

impl Field {
    async fn start(model: &str, batch: u32) -> Self {
        let server = Worker::start(&["server", "--core", "1"]);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let rate = BitsPerSecond::from_mbps(LINK_MBPS);
        let upstream = server.address.parse().unwrap();
        let link = Shaper::start(any, upstream, ShaperProfile::constant(rate)).unwrap();
        let (through, batch_text) = (link.local_addr().to_string(), batch.to_string());
        let robot = Worker::start(&[
            "robot",
            "--core",
            "0",
            "--server",
            &through,
            "--model",
            model,
            "--batch",
            &batch_text,
            // A plan that takes long is to be measured, not given up.
            "--deadline",
            "600000",
        ]);
        let mut console = Console::attach(&robot.address).await;
        console
            .until("the server is ready", |h| h.is_ready(1))
            .await;
        Self {
            console,
            graph: zoo::build(model, batch, 224, 224).unwrap(),
            _workers: [robot, server],
            _link: link,
        }
    }

    /// Frames under a plan, after its warm-up, and how many of them a second there were.
    async fn frames(&mut self, plan: &Plan, count: usize) -> (Vec<FrameRecord>, f64) {
        self.console.switch(plan).await;
        let wanted = count as u64 + 2;
        self.console
            .until(&plan.label(), |h| h.ok_in_a_row >= wanted)
            .await;
        let mut frames = std::mem::take(&mut self.console.heard.frames);
        frames.retain(|f| f.outcome == Outcome::Ok && !f.warmup);
        let end = |f: &FrameRecord| f.admitted.0 + f.latency_ns;
        let (first, last) = (frames.first().unwrap(), frames.last().unwrap());
        let seconds = (end(last) - end(first)) as f64 / 1e9;
        let rate = (frames.len() - 1) as f64 / seconds;
        (frames, rate)
    }
}

fn ms(ns: i64) -> f64 {
    ns as f64 / 1e6
}

/// Time in operators `1..=last` on a device.
fn compute_ms(frame: &FrameRecord, device: DeviceId, last: u32) -> f64 {
    let steps = frame.steps.iter();
    let own =
        steps.filter(|s| s.device == device && s.kind == StepKind::Compute && s.node.0 <= last);
    own.map(|s| ms(s.duration_ns)).sum()
}

fn of(frames: &[FrameRecord], what: impl Fn(&FrameRecord) -> f64) -> f64 {
    median(&frames.iter().map(what).collect::<Vec<_>>())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let frames = number_argument("--frames").unwrap_or(12);
    let rounds = number_argument("--rounds").unwrap_or(3);
    let mut random = Random::new(7);
    every_mode(frames, rounds, &mut random).await;
    streaming(frames / 2, rounds, &mut random).await;
    tensor_sync().await;
}

async fn every_mode(frames: usize, rounds: usize, random: &mut Random) {
    let mut field = Field::start("mobilenet_v2", 2).await;
    let graph = field.graph.clone();
    let mut plans = vec![Plan::LOCAL, Plan::REMOTE];
    plans.extend([10, 51, 90, 120].map(Plan::split));
    plans.push(Plan::split(51).with_tiles(2));
    for mode in [
        ModeKind::Pipeline,
        ModeKind::Tensor,
        ModeKind::Data,
        ModeKind::Tile,
    ] {
        plans.push(Choice::usual(&graph, mode).plan(&graph).unwrap());
    }
    // One frame more than there are stages, so that a late one keeps no stage waiting.
    plans[7].window = 4;
    let mut measured: Vec<(Vec<FrameRecord>, Vec<f64>)> = vec![Default::default(); plans.len()];
    let mut order: Vec<usize> = (0..plans.len()).collect();
    for _ in 0..rounds {
        random.shuffle(&mut order);
        for &at in &order {
            let (found, rate) = field.frames(&plans[at], frames).await;
            measured[at].0.extend(found);
            measured[at].1.push(rate);
        }
    }
    let latencies =
        |at: usize| -> Vec<f64> { measured[at].0.iter().map(|f| ms(f.latency_ns)).collect() };
    let medians: Vec<f64> = (0..plans.len()).map(|at| median(&latencies(at))).collect();
    let best_split = (2..6)
        .min_by(|&a, &b| medians[a].total_cmp(&medians[b]))
        .unwrap();
    println!(
        "mobilenet_v2, batch 2, link {LINK_MBPS} Mbps, {} frames per plan in {rounds} interleaved rounds",
        frames * rounds
    );
    println!(
        "{:<26} {:>24} {:>7} {:>7} {:>7} {:>8} {:>8} {:>7} {:>7} {:>7} {:>8}",
        "plan",
        "latency ms [95 %]",
        "/local",
        "/remote",
        "/split",
        "frames/s",
        "kB",
        "robot",
        "server",
        "link",
        "overlap"
    );
    for (at, plan) in plans.iter().enumerate() {
        let e = Paired::of(&latencies(at));
        let f = &measured[at].0;
        println!(
            "{:<26} {:>7.1} [{:>6.1}, {:>6.1}] {:>7.2} {:>7.2} {:>7.2} {:>8.1} {:>8.0} {:>7.1} {:>7.1} {:>7.1} {:>8.1}",
            plan.label(),
            e.median,
            e.low,
            e.high,
            e.median / medians[0],
            e.median / medians[1],
            e.median / medians[best_split],
            median(&measured[at].1),
            of(f, |f| (f.bytes_up + f.bytes_down) as f64 / 1e3),
            of(f, |f| ms(f.parts.robot_compute_ns)),
            of(f, |f| ms(f.parts.server_compute_ns)),
            of(f, |f| ms(f.parts.uplink_ns + f.parts.downlink_ns)),
            of(f, |f| ms(f.parts.overlap_ns)),
        );
    }
    contention(&plans, &measured, &graph);
    pipeline_rate(&measured[7]);
}

/// Both workers compute at once in a pipeline: are they slower than alone?
fn contention(plans: &[Plan], measured: &[(Vec<FrameRecord>, Vec<f64>)], graph: &Graph) {
    let cut = plans[7].cut(graph).unwrap_or(0);
    let robot = |at: usize| of(&measured[at].0, |f| compute_ms(f, DeviceId::ROBOT, cut));
    let server = |at: usize| {
        let all = graph.operator_count();
        let of_frame = |f: &FrameRecord| {
            compute_ms(f, DeviceId::SERVER, all) - compute_ms(f, DeviceId::SERVER, cut)
        };
        of(&measured[at].0, of_frame)
    };
    let (slower_robot, slower_server) = (robot(7) / robot(0), server(7) / server(1));
    let verdict = if slower_robot.max(slower_server) > CONTENDED {
        "CONTENDED: timings of data, tensor, tile and pipeline are not those of two machines"
    } else {
        "not contended"
    };
    println!(
        "both computing at once: robot {slower_robot:.2}x, server {slower_server:.2}x of their time alone (limit {CONTENDED}): {verdict}"
    );
}

fn pipeline_rate((frames, rates): &(Vec<FrameRecord>, Vec<f64>)) {
    let stages = [
        of(frames, |f| compute_ms(f, DeviceId::ROBOT, u32::MAX)),
        of(frames, |f| compute_ms(f, DeviceId::SERVER, u32::MAX)),
        of(frames, |f| {
            (f.bytes_up + f.bytes_down) as f64 * 8.0 / (LINK_MBPS * 1e3)
        }),
    ];
    let slowest = stages.iter().copied().fold(0.0, f64::max);
    let rate = median(rates) * slowest / 1e3;
    println!(
        "pipeline: {:.1} frames/s, {rate:.2} of what its slowest stage allows (robot {:.1}, server {:.1}, link {:.1} ms); target >= 0.90 {}",
        median(rates),
        stages[0],
        stages[1],
        stages[2],
        if rate >= 0.9 { "met" } else { "NOT met" }
    );
}

/// The streamed split against the same cut sent whole: how much of what overlap can save it saves.
async fn streaming(frames: usize, rounds: usize, random: &mut Random) {
    const TILES: u16 = 4;
    let mut field = Field::start("vgg19", 1).await;
    let pools = field
        .graph
        .operators()
        .iter()
        .filter(|n| matches!(n.op, Op::MaxPool2d(_)));
    let cut = pools.map(|n| n.id).nth(1).map_or(11, |NodeId(k)| k);
    let plans = [Plan::split(cut), Plan::split(cut).with_tiles(TILES)];
    let mut found: [Vec<FrameRecord>; 2] = Default::default();
    let mut saved = Vec::new();
    for _ in 0..rounds {
        let mut order = [0, 1];
        random.shuffle(&mut order);
        let mut pair: [Vec<FrameRecord>; 2] = Default::default();
        for at in order {
            pair[at] = field.frames(&plans[at], frames.max(3)).await.0;
        }
        for (serial, streamed) in pair[0].iter().zip(&pair[1]) {
            let bytes = (serial.bytes_up + serial.bytes_down) as f64;
            let longest = ms(serial.parts.robot_compute_ns)
                .max(ms(serial.parts.server_compute_ns))
                .max(bytes * 8.0 / (LINK_MBPS * 1e3));
            let latency = ms(serial.latency_ns);
            saved.push((latency - ms(streamed.latency_ns)) / (latency - longest));
        }
        for at in [0, 1] {
            found[at].append(&mut pair[at]);
        }
    }
    let share = Paired::of(&saved);
    let part = |f: &[FrameRecord], p: fn(&FrameRecord) -> i64| of(f, |f| ms(p(f)));
    println!(
        "vgg19, cut {cut}: whole {:.0} ms (robot {:.0}, link {:.0}, server {:.0}), in {TILES} tiles {:.0} ms (overlap {:.0})",
        part(&found[0], |f| f.latency_ns),
        part(&found[0], |f| f.parts.robot_compute_ns),
        part(&found[0], |f| f.parts.uplink_ns),
        part(&found[0], |f| f.parts.server_compute_ns),
        part(&found[1], |f| f.latency_ns),
        part(&found[1], |f| f.parts.overlap_ns),
    );
    println!(
        "streaming saves {:.2} [{:.2}, {:.2}] of what overlap can save; target >= 0.50 {}",
        share.median,
        share.low,
        share.high,
        if share.low >= 0.5 {
            "met at the interval's lower end"
        } else {
            "NOT met at the interval's lower end"
        }
    );
}

/// What tensor parallelism pays after every layer of VGG19.
async fn tensor_sync() {
    let mut field = Field::start("vgg19", 1).await;
    let plan = Choice::usual(&field.graph, ModeKind::Tensor)
        .plan(&field.graph)
        .unwrap();
    let (frames, _) = field.frames(&plan, 2).await;
    let frame = &frames[frames.len() - 1];
    let mut layers: Vec<(NodeId, f64)> = Vec::new();
    for step in frame.steps.iter().filter(|s| s.kind == StepKind::Transfer) {
        match layers.iter_mut().find(|(node, _)| *node == step.node) {
            // Both directions go on at once, over one shared medium: the longer one is what the layer pays.
            Some((_, wire)) => *wire = wire.max(ms(step.duration_ns)),
            None => layers.push((step.node, ms(step.duration_ns))),
        }
    }
    let convolutions: Vec<f64> = layers
        .iter()
        .filter(|(node, _)| field.graph.node(*node).shape.rows > 1 && *node != NodeId::INPUT)
        .map(|(_, wire)| *wire)
        .collect();
    println!(
        "vgg19, {}: {:.0} ms per frame, {:.0} % of it in synchronisation; {} gathers of convolutions, {:.0} ms each on average, {:.0} ms at most; {:.1} MB up, {:.1} MB down",
        plan.label(),
        ms(frame.latency_ns),
        100.0
            * (1.0
                - ms(frame.parts.robot_compute_ns + frame.parts.server_compute_ns)
                    / ms(frame.latency_ns)),
        convolutions.len(),
        convolutions.iter().sum::<f64>() / convolutions.len() as f64,
        convolutions.iter().copied().fold(0.0, f64::max),
        frame.bytes_up as f64 / 1e6,
        frame.bytes_down as f64 / 1e6,
    );
}
