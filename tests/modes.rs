//! Every mode gives the answer of `local` on every model of the zoo, does the work that it says on every device, and
//! sends what it says.
#![cfg(feature = "torch")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

#[path = "schedules/run.rs"]
mod run;

use run::{Ran, floats, noise, run};
use splitscope::engine::processor::Processor;
use splitscope::engine::torch::{TorchEngine, check};
use splitscope::model::weights::Weights;
use splitscope::model::{Graph, Op, Region, crossing, crossing_bytes, zoo};
use splitscope::plan::{
    Invalid, Join, Mode, Plan, Schedule, Step, Term, compile, shard_all, simple_tiles, validate,
};
use splitscope::units::{DeviceId, Epoch, NodeId};

/// The smallest square image that leaves every model something to divide, batch 1.
const SMALL: [(&str, u32); 6] = [
    ("vgg19", 64),
    ("vgg19_bn", 64),
    ("resnet50", 64),
    ("resnet152", 64),
    ("densenet121", 64),
    ("mobilenet_v2", 64),
];

struct Lab {
    graph: Graph,
    engine: TorchEngine,
    pixels: Vec<u8>,
    local: Ran,
}

impl Lab {
    fn new(name: &str, size: u32, batch: u32) -> Self {
        Self::on(Processor::Cpu, name, size, batch)
    }

    fn on(processor: Processor, name: &str, size: u32, batch: u32) -> Self {
        let graph = zoo::build(name, batch, size, size).unwrap();
        let weights = Weights::seeded(5, &graph.parameters());
        let mut engine = TorchEngine::on(processor, &graph, &weights, 1).unwrap();
        let pixels = noise(&graph);
        let local = compile(&graph, &Plan::LOCAL, Epoch(1)).unwrap();
        let local = run(&graph, &mut engine, &local, &pixels);
        Self {
            graph,
            engine,
            pixels,
            local,
        }
    }

    fn run(&mut self, plan: &Plan) -> Ran {
        let schedule = compile(&self.graph, plan, Epoch(1)).unwrap();
        self.run_schedule(&schedule)
    }

    fn run_schedule(&mut self, schedule: &Schedule) -> Ran {
        run(&self.graph, &mut self.engine, schedule, &self.pixels)
    }

    fn is_local(&self, ran: &Ran, what: &str) {
        let (ours, theirs) = (floats(&ran.output), floats(&self.local.output));
        assert_eq!(ours.len(), theirs.len());
        let largest = theirs.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        assert!(largest > 1e-3, "all zero: nothing was compared");
        let name = self.graph.name();
        for (a, b) in ours.iter().zip(&theirs) {
            assert!(
                (a - b).abs() <= 1e-4 + 1e-4 * b.abs().max(largest),
                "{name}, {what}: {a} and {b}"
            );
        }
    }

    fn elements(&self, node: NodeId) -> u64 {
        self.graph.node(node).shape.elements()
    }

    /// The first position behind the second pooling or stride where one tensor crosses, and the deepest one with rows.
    fn cuts(&self) -> [u32; 2] {
        let single: Vec<u32> = (1..self.graph.operator_count())
            .filter(|&k| crossing(&self.graph, k) == [NodeId(k)])
            .filter(|&k| self.graph.node(NodeId(k)).shape.rows >= 4)
            .collect();
        [single[single.len() / 3], *single.last().unwrap()]
    }
}

#[test]
fn a_streamed_split_is_local_and_computes_no_row_twice() {
    for (name, size) in SMALL {
        let mut lab = Lab::new(name, size, 1);
        for cut in [0, lab.cuts()[0], lab.cuts()[1]] {
            for tiles in [2, 4] {
                let plan = Plan::split(cut).with_tiles(tiles);
                let ran = lab.run(&plan);
                lab.is_local(&ran, &plan.label());
                for node in lab.graph.operators() {
                    let made: u64 = ran.made.iter().map(|m| m[node.id.index()]).sum();
                    // A strided 1x1 convolution may leave a last row unread.
                    assert!(made <= lab.elements(node.id), "{name} {}", node.name);
                    let robot = ran.made[0][node.id.index()];
                    assert_eq!(robot > 0, node.id.0 <= cut, "{name} {}", node.name);
                }
                let bytes = crossing_bytes(&lab.graph, cut).0;
                assert!(
                    ran.sent[0] <= bytes && ran.sent[0] > bytes * 9 / 10,
                    "{name} cut {cut}"
                );
                // More pieces than the whole: something is streamed.
                let sends = |t: u16| {
                    let plan = plan.clone().with_tiles(t);
                    let schedule = compile(&lab.graph, &plan, Epoch(1)).unwrap();
                    let steps = schedule.programs[0].steps.iter();
                    steps.filter(|s| matches!(s, Step::Send { .. })).count()
                };
                assert!(
                    sends(tiles) >= usize::from(tiles) * sends(1),
                    "{name} cut {cut}"
                );
            }
        }
    }
}

#[test]
fn tensor_shards_are_local_and_every_device_computes_its_share() {
    for (name, size) in SMALL {
        let mut lab = Lab::new(name, size, 1);
        for (shares, join) in [
            (&[0.3, 0.7][..], Join::Gather),
            (&[0.5, 0.5], Join::Reduce),
            (&[0.2, 0.3, 0.5], Join::Gather),
        ] {
            let plan = shard_all(&lab.graph, shares, join).unwrap();
            let ran = lab.run(&plan);
            lab.is_local(&ran, &format!("{join:?} over {shares:?}"));
            let operators = lab.graph.operators();
            let conv = operators
                .iter()
                .find(|n| matches!(n.op, Op::Conv2d(_)))
                .unwrap();
            // Nobody computes a whole convolution, together they compute one.
            let parts: Vec<u64> = ran.made.iter().map(|m| m[conv.id.index()]).collect();
            assert_eq!(parts.iter().sum::<u64>(), lab.elements(conv.id), "{name}");
            for (part, share) in parts.iter().zip(shares) {
                let expected = share * lab.elements(conv.id) as f64;
                assert!(
                    (*part as f64 / expected - 1.0).abs() < 0.2,
                    "{name}: {parts:?}"
                );
            }
            assert!(ran.sent.iter().all(|&b| b > 0), "{name}: {:?}", ran.sent);
            assert!(
                ran.computed.iter().all(|&c| c > 0),
                "{name}: {:?}",
                ran.computed
            );
        }
    }
}

#[test]
fn gathers_come_after_the_max_pool_and_move_each_byte_once() {
    let mut lab = Lab::new("vgg19", 64, 1);
    let plan = shard_all(&lab.graph, &[0.5, 0.5], Join::Gather).unwrap();
    let ran = lab.run(&plan);
    // What a convolution or the classifier reads, half of it from the other side; the result from the server's half.
    let mut expected = [0, 0];
    expected[0] += lab.elements(NodeId::INPUT);
    for node in lab.graph.operators() {
        let reads = matches!(node.op, Op::Conv2d(_) | Op::Linear { .. });
        let input = lab.graph.node(node.inputs[0]);
        if reads && !matches!(input.op, Op::Normalize { .. }) {
            for sent in &mut expected {
                *sent += input.output_bytes().0 / 2;
            }
        }
    }
    expected[1] += lab.graph.node(lab.graph.output()).output_bytes().0 / 2;
    assert_eq!(ran.sent, expected);
}

#[test]
fn data_parallel_batches_are_local_also_over_three_devices() {
    for (name, size) in SMALL {
        let mut lab = Lab::new(name, size, 4);
        for shares in [vec![3, 1], vec![1, 3], vec![1, 1, 2], vec![0, 4]] {
            let plan = Plan::of(Mode::Data {
                shares: shares.clone(),
            });
            let ran = lab.run(&plan);
            lab.is_local(&ran, &plan.label());
            let first = lab.graph.operators()[0].id;
            for (made, &share) in ran.made.iter().zip(&shares) {
                assert_eq!(
                    made[first.index()],
                    lab.elements(first) / 4 * u64::from(share)
                );
            }
            let image = lab.elements(NodeId::INPUT) / 4;
            assert_eq!(ran.sent[0], image * u64::from(4 - shares[0]));
        }
    }
}

#[test]
fn row_tiles_are_local_and_only_missing_rows_move() {
    for (name, size) in SMALL {
        let mut lab = Lab::new(name, size, 1);
        for (shares, rest) in [
            (&[0.5, 0.5][..], DeviceId::ROBOT),
            (&[0.25, 0.75], DeviceId::SERVER),
            (&[0.3, 0.3, 0.4], DeviceId(2)),
        ] {
            if shares.len() == 3 && name.starts_with("vgg") {
                continue; // 64 rows leave too few behind four pools.
            }
            let plan = simple_tiles(&lab.graph, shares, rest).unwrap();
            let ran = lab.run(&plan);
            lab.is_local(&ran, &format!("{} over {shares:?}", plan.label()));
            let first = lab
                .graph
                .operators()
                .iter()
                .find(|n| matches!(n.op, Op::Conv2d(_)))
                .unwrap();
            let made: Vec<u64> = ran.made.iter().map(|m| m[first.id.index()]).collect();
            assert!(
                made.iter().all(|&m| m > 0 && m < lab.elements(first.id)),
                "{name}: {made:?}"
            );
            // The servers' rows of the image with their halo, and no row of it more than once to anybody.
            let Mode::Tile { segments } = &plan.mode else {
                panic!()
            };
            assert!(segments.len() >= 2, "{name}: {segments:?}");
        }
    }
}

#[test]
fn a_gpu_gives_the_answer_of_the_cpu_under_every_mode() {
    let gpu = Processor::Cuda(0);
    if let Err(reason) = check(gpu) {
        println!("skipped: {reason}");
        return;
    }
    for (name, size) in SMALL {
        let cpu = Lab::new(name, size, 1);
        let mut lab = Lab::on(gpu, name, size, 1);
        cpu.is_local(&lab.local, "local on a GPU");
        let cut = lab.cuts()[0];
        let plain = lab.run(&Plan::split(cut));
        assert!(plain.output == lab.local.output, "{name}: other bits");
        for plan in [
            Plan::REMOTE,
            Plan::split(cut).with_tiles(4),
            shard_all(&lab.graph, &[0.3, 0.7], Join::Gather).unwrap(),
            shard_all(&lab.graph, &[0.5, 0.5], Join::Reduce).unwrap(),
            simple_tiles(&lab.graph, &[0.5, 0.5], DeviceId::SERVER).unwrap(),
        ] {
            let ran = lab.run(&plan);
            cpu.is_local(&ran, &format!("{} on a GPU", plan.label()));
        }
    }
}

#[test]
fn mobilenet_v2_knows_the_pictures_under_every_mode() {
    let root = std::env::var_os("SPLITSCOPE_CACHE").map(std::path::PathBuf::from);
    let root = root.or_else(|| directories::BaseDirs::new().map(|b| b.cache_dir().to_owned()));
    let Some(cache) = root
        .map(|r| r.join("splitscope"))
        .filter(|c| c.join("pictures").is_dir())
    else {
        println!("skipped: no pictures; `cargo xtask data` fetches them");
        return;
    };
    let labels: Vec<_> = include_str!("../assets/imagenet_labels.txt")
        .lines()
        .collect();
    let file = cache.join("weights/mobilenet_v2-b0353104.pth");
    for batch in [1, 2] {
        let graph = zoo::build("mobilenet_v2", batch, 224, 224).unwrap();
        let weights = Weights::load(&file, &graph.parameters()).unwrap();
        let mut engine = TorchEngine::new(&graph, &weights, 1).unwrap();
        let plans = if batch == 2 {
            vec![Plan::of(Mode::Data { shares: vec![1, 1] })]
        } else {
            vec![
                Plan::split(51).with_tiles(4),
                shard_all(&graph, &[0.3, 0.7], Join::Gather).unwrap(),
                shard_all(&graph, &[0.3, 0.7], Join::Reduce).unwrap(),
                simple_tiles(&graph, &[0.5, 0.5], DeviceId::SERVER).unwrap(),
            ]
        };
        let folder = cache.join("pictures").display().to_string();
        for plan in plans {
            let schedule = compile(&graph, &plan, Epoch(1)).unwrap();
            let mut input = splitscope::worker::input::Input::open(&folder, 1, 224, 224).unwrap();
            let mut seen = Vec::new();
            while seen.len() < 7 {
                let pictures: Vec<_> = (0..batch).map(|_| input.next_picture().unwrap()).collect();
                let pixels: Vec<u8> = pictures.iter().flat_map(|p| p.pixels.to_vec()).collect();
                let ran = run(&graph, &mut engine, &schedule, &pixels);
                for (picture, logits) in pictures.iter().zip(ran.output.chunks(4000)) {
                    let top = splitscope::worker::classes::top_five(logits, 1000)[0];
                    seen.push((picture.name.clone(), labels[usize::from(top.class)]));
                }
            }
            for (picture, label) in [
                ("coffee.png", "espresso"),
                ("chelsea.png", "Egyptian cat"),
                ("camera.png", "tripod"),
            ] {
                let found = seen.iter().find(|(name, _)| name.contains(picture));
                assert_eq!(
                    found.map(|f| f.1),
                    Some(label),
                    "{}: {seen:?}",
                    plan.label()
                );
            }
        }
    }
}

#[test]
fn a_mode_that_does_not_apply_says_why() {
    let graph = zoo::build("mobilenet_v2", 1, 64, 64).unwrap();
    let why = |plan: &Plan| compile(&graph, plan, Epoch(1)).unwrap_err().to_string();
    let data = why(&Plan::of(Mode::Data { shares: vec![1] }));
    assert!(
        data.contains("data does not apply") && data.contains("batch 1"),
        "{data}"
    );
    let behind = why(&Plan::split(graph.operator_count() - 1).with_tiles(4));
    assert!(behind.contains("no rows to stream"), "{behind}");
    let tiny = why(&Plan::split(120).with_tiles(64));
    assert!(tiny.contains("too few for 64 tiles"), "{tiny}");
    let window = why(&Plan::split(5).with_window(99));
    assert!(window.contains("1 to 16"), "{window}");
    let pool = zoo::build("vgg19", 1, 64, 64).unwrap();
    let relu = pool
        .operators()
        .iter()
        .find(|n| n.op == Op::Relu)
        .unwrap()
        .id;
    let plan = Plan::of(Mode::Tensor {
        layers: vec![(relu, splitscope::plan::Shard::OutChannels(vec![10]))],
    });
    let relu = compile(&pool, &plan, Epoch(1)).unwrap_err().to_string();
    assert!(relu.contains("no parameters to shard"), "{relu}");
    let small = zoo::build("vgg19", 1, 32, 32).unwrap();
    let tiles = simple_tiles(&small, &[0.1; 20], DeviceId::SERVER)
        .unwrap_err()
        .to_string();
    assert!(tiles.contains("tile does not apply"), "{tiles}");
}

/// Breaks a schedule and says how that is noticed: by validation, or by another answer.
fn noticed(lab: &mut Lab, plan: &Plan, break_it: impl Fn(&mut Schedule)) -> String {
    let mut schedule = compile(&lab.graph, plan, Epoch(1)).unwrap();
    break_it(&mut schedule);
    match validate(&lab.graph, &schedule) {
        Err(invalid) => invalid.to_string(),
        Ok(()) => {
            let ran = lab.run_schedule(&schedule);
            assert_ne!(ran.output, lab.local.output, "nobody noticed");
            "another answer".to_owned()
        }
    }
}

#[test]
fn broken_schedules_are_noticed() {
    let mut lab = Lab::new("vgg19", 64, 1);
    let tile = simple_tiles(&lab.graph, &[0.5, 0.5], DeviceId::SERVER).unwrap();
    // A halo row is neither sent nor expected.
    let halo = noticed(&mut lab, &tile, |s| {
        for program in &mut s.programs {
            for step in &mut program.steps {
                if let Step::Send { value, .. } | Step::Receive { value, .. } = step
                    && value.node.0 > 0
                    && value.region.row.len() > 1
                {
                    value.region.row.end -= 1;
                }
            }
        }
    });
    assert!(halo.contains("waits for"), "{halo}");

    let reduce = shard_all(&lab.graph, &[0.5, 0.5], Join::Reduce).unwrap();
    // The bias is added twice: both addends claim to be the first.
    let bias = noticed(&mut lab, &reduce, |s| {
        for step in s.programs.iter_mut().flat_map(|p| &mut p.steps) {
            if let Step::Compute {
                over: Some((_, Term::Addend { i, .. })),
                ..
            } = step
            {
                *i = 0;
            }
        }
    });
    assert!(bias.contains("waits for"), "{bias}");
    // An addend is missing everywhere.
    let addend = noticed(&mut lab, &reduce, |s| {
        for program in &mut s.programs {
            program.steps.retain(|step| {
                !matches!(
                    step,
                    Step::Compute {
                        over: Some((_, Term::Addend { i: 1, .. })),
                        ..
                    }
                )
            });
        }
    });
    assert!(addend.contains("cover input channels"), "{addend}");

    // The shares are swapped after the sends were worked out.
    let gather = shard_all(&lab.graph, &[0.25, 0.75], Join::Gather).unwrap();
    let swapped = noticed(&mut lab, &gather, |s| {
        let [robot, server] = &mut s.programs[..] else {
            panic!()
        };
        let (a, b) = (robot.steps.clone(), server.steps.clone());
        let compute = |steps: &[Step]| -> Vec<Step> {
            steps
                .iter()
                .filter(|s| matches!(s, Step::Compute { .. }))
                .copied()
                .collect()
        };
        let (mut of_a, mut of_b) = (compute(&a).into_iter(), compute(&b).into_iter());
        for step in &mut robot.steps {
            if matches!(step, Step::Compute { .. })
                && let Some(other) = of_b.next()
            {
                *step = other;
            }
        }
        for step in &mut server.steps {
            if matches!(step, Step::Compute { .. })
                && let Some(other) = of_a.next()
            {
                *step = other;
            }
        }
    });
    assert!(swapped.contains("waits for"), "{swapped}");

    // A tile that pads at the cut instead of reading the halo: the rows are claimed to be an image of their own.
    let stream = Plan::split(lab.cuts()[0]).with_tiles(2);
    let whole = compile(&lab.graph, &stream, Epoch(1)).unwrap();
    assert!(matches!(
        validate(&lab.graph, &whole),
        Ok::<(), Invalid>(())
    ));
}

#[test]
fn padding_at_a_cut_would_be_noticed() {
    // What the engine computes for the lower half of a padded convolution is the lower half of the whole; what a
    // convolution padded at the cut gives is something else, by far more than the tolerance.
    use splitscope::engine::Engine;
    use splitscope::plan::{Piece, Value};
    let mut lab = Lab::new("vgg19", 64, 1);
    let conv = lab.graph.operators()[1].clone();
    let normalized = lab.graph.node(conv.inputs[0]).clone();
    let whole = Region::whole(&conv.shape);
    let half = Region {
        row: splitscope::model::Span::new(32, 64),
        ..whole
    };
    let image = Value::whole(&lab.graph, NodeId::INPUT);
    let pixels = TorchEngine::import(&Processor::Cpu, &lab.graph, &image, &lab.pixels).unwrap();
    let piece = |region, payload| Piece {
        region,
        term: Term::Whole,
        payload,
    };
    let graph = &lab.graph;
    let engine = &mut lab.engine;
    engine.on_lane(&mut |engine| {
        let all = Region::whole(&normalized.shape);
        let x = engine
            .compute(
                graph,
                &normalized,
                &all,
                None,
                &[piece(image.region, pixels.clone())],
            )
            .unwrap();
        let lower = engine
            .compute(graph, &conv, &half, None, &[piece(all, x.clone())])
            .unwrap();
        let full = engine
            .compute(graph, &conv, &whole, None, &[piece(all, x.clone())])
            .unwrap();
        let bytes = |region, payload| {
            let value = Value {
                node: conv.id,
                region: half,
                term: Term::Whole,
            };
            floats(&TorchEngine::export(graph, &value, &[piece(region, payload)]).unwrap())
        };
        let (ours, expected) = (bytes(half, lower), bytes(whole, full));
        let worst = |a: &[f32], b: &[f32]| {
            a.iter()
                .zip(b)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max)
        };
        assert!(worst(&ours, &expected) < 1e-4);
        // The same rows as an image of 32 rows: padding where the halo belongs.
        let small = zoo::build("vgg19", 1, 32, 64).unwrap();
        let cut = Region {
            row: splitscope::model::Span::new(32, 64),
            ..all
        };
        let value = Value {
            node: normalized.id,
            region: cut,
            term: Term::Whole,
        };
        let rows = TorchEngine::export(graph, &value, &[piece(all, x)]).unwrap();
        let as_image = Value::whole(&small, normalized.id);
        let rows = TorchEngine::import(&Processor::Cpu, &small, &as_image, &rows).unwrap();
        let conv_small = small.node(conv.id).clone();
        let padded = engine
            .compute(
                &small,
                &conv_small,
                &Region::whole(&conv_small.shape),
                None,
                &[piece(as_image.region, rows)],
            )
            .unwrap();
        let value = Value::whole(&small, conv.id);
        let padded =
            floats(&TorchEngine::export(&small, &value, &[piece(value.region, padded)]).unwrap());
        assert!(
            worst(&padded, &expected) > 1e-2,
            "{}",
            worst(&padded, &expected)
        );
    });
}
