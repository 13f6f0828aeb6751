//! Random graphs, random regions, random plans: what is computed in parts equals the part of the whole.
#![cfg(feature = "torch")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

#[path = "schedules/run.rs"]
mod run;

use proptest::prelude::*;
use run::{floats, noise, run};
use splitscope::engine::Engine;
use splitscope::engine::processor::Processor;
use splitscope::engine::torch::{Handle, TorchEngine};
use splitscope::model::weights::Weights;
use splitscope::model::{
    Conv2d, Graph, GraphBuilder, Node, Op, Pool2d, Region, Shape, Span, Window, crossing, need,
};
use splitscope::plan::{Join, Mode, Piece, Plan, Term, Value, compile, shard_all, simple_tiles};
use splitscope::units::{DeviceId, Epoch, NodeId};

/// One random layer; numbers are taken modulo what fits.
#[derive(Debug, Clone)]
struct Layer {
    kind: u8,
    kernel: u32,
    stride: u32,
    padding: u32,
    dilation: u32,
    channels: u32,
    ceil: bool,
    /// Which of the nodes so far a join reads as its second input.
    other: usize,
}

fn layers() -> impl Strategy<Value = Vec<Layer>> {
    let layer = (
        0_u8..9,
        1_u32..6,
        1_u32..3,
        0_u32..3,
        1_u32..3,
        1_u32..4,
        any::<bool>(),
        any::<usize>(),
    )
        .prop_map(
            |(kind, kernel, stride, padding, dilation, channels, ceil, other)| Layer {
                kind,
                kernel,
                stride,
                padding,
                dilation,
                channels,
                ceil,
                other,
            },
        );
    proptest::collection::vec(layer, 3..12)
}

/// A graph of the layers that fit, with residual and concat joins, ending in a classifier.
fn graph(batch: u32, rows: u32, columns: u32, layers: &[Layer]) -> Graph {
    let mut b = GraphBuilder::new("random", Shape::image(batch, 3, rows, columns)).unwrap();
    let normalize = Op::Normalize {
        mean: [0.4, 0.5, 0.6],
        std: [0.2, 0.3, 0.4],
    };
    let mut last = b.push("normalize", normalize, &[NodeId::INPUT]).unwrap();
    let mut nodes = vec![last];
    for (i, l) in layers.iter().enumerate() {
        let x = b.shape(last);
        let window = Window {
            kernel: l.kernel,
            stride: l.stride,
            padding: l.padding,
            dilation: l.dilation,
        };
        let pool = |dilation| Pool2d {
            window: Window {
                dilation,
                padding: l.padding.min(l.kernel / 2),
                ..window
            },
            ceil_mode: l.ceil,
        };
        let conv = |groups| {
            let out = 4 * l.channels;
            Op::Conv2d(Conv2d {
                out,
                window,
                groups,
                bias: l.ceil,
            })
        };
        let join = nodes.iter().copied().filter(|&n| {
            let s = b.shape(n);
            n != last && (s.rows, s.columns) == (x.rows, x.columns)
        });
        let join: Vec<NodeId> = join.collect();
        let second = (!join.is_empty()).then(|| join[l.other % join.len()]);
        let (op, inputs) = match (l.kind, second) {
            (0, _) => (conv(1), vec![last]),
            (1, _) if x.channels.is_multiple_of(4) => (conv(4), vec![last]),
            (2, _) => (
                Op::Conv2d(Conv2d {
                    out: x.channels,
                    window,
                    groups: x.channels,
                    bias: false,
                }),
                vec![last],
            ),
            (3, _) => (Op::MaxPool2d(pool(l.dilation)), vec![last]),
            (4, _) => (Op::AvgPool2d(pool(1)), vec![last]),
            (5, _) => (Op::BatchNorm2d { eps: 1e-5 }, vec![last]),
            (6, Some(other)) if b.shape(other) == x => (Op::Add, vec![other, last]),
            (6 | 7, Some(other)) => (Op::Concat, vec![other, last]),
            _ => (Op::Relu, vec![last]),
        };
        // What does not fit (an image too small) is left out.
        if let Ok(made) = b.push(&format!("layer{i}"), op, &inputs) {
            last = made;
            nodes.push(made);
        }
    }
    let pooled = b
        .push(
            "pool",
            Op::AdaptiveAvgPool2d {
                rows: 2,
                columns: 2,
            },
            &[last],
        )
        .unwrap();
    let flat = b.push("flatten", Op::Flatten, &[pooled]).unwrap();
    let output = b
        .push("classifier", Op::Linear { out: 7, bias: true }, &[flat])
        .unwrap();
    b.finish(output).unwrap()
}

/// Every node's whole output.
fn whole_outputs(graph: &Graph, engine: &mut TorchEngine, pixels: &[u8]) -> Vec<Handle> {
    let image = Value::whole(graph, NodeId::INPUT);
    let mut outputs = vec![TorchEngine::import(&Processor::Cpu, graph, &image, pixels).unwrap()];
    engine.on_lane(&mut |engine| {
        for node in graph.operators() {
            let inputs: Vec<Piece<Handle>> = node
                .inputs
                .iter()
                .map(|i| whole_piece(graph, *i, &outputs))
                .collect();
            let out = Region::whole(&node.shape);
            outputs.push(engine.compute(graph, node, &out, None, &inputs).unwrap());
        }
    });
    outputs
}

fn whole_piece(graph: &Graph, id: NodeId, outputs: &[Handle]) -> Piece<Handle> {
    Piece {
        region: Region::whole(&graph.node(id).shape),
        term: Term::Whole,
        payload: outputs[id.index()].clone(),
    }
}

fn part_of(graph: &Graph, node: NodeId, region: Region, piece: &Piece<Handle>) -> Vec<f32> {
    let value = Value {
        node,
        region,
        term: Term::Whole,
    };
    floats(&TorchEngine::export(graph, &value, std::slice::from_ref(piece)).unwrap())
}

fn span(len: u32, cut: (f64, f64)) -> Span {
    let at = |f: f64| ((f * f64::from(len)) as u32).min(len - 1);
    Span::new(at(cut.0.min(cut.1)), at(cut.0.max(cut.1)) + 1)
}

fn close(a: &[f32], b: &[f32]) -> bool {
    // A dilated window of a tiny image may see nothing but padding: minus infinity on both sides.
    let finite = b.iter().filter(|x| x.is_finite());
    let largest = finite.fold(0.0_f32, |m, x| m.max(x.abs()));
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| {
            a.to_bits() == b.to_bits() || (a - b).abs() <= 1e-4 + 1e-4 * b.abs().max(largest)
        })
}

/// A region of a node from exactly what it needs of its inputs, and from nothing else.
fn from_needs(
    graph: &Graph,
    engine: &mut TorchEngine,
    node: &Node,
    out: &Region,
    outputs: &[Handle],
) -> Vec<f32> {
    let mut inputs = Vec::new();
    for (input, region) in node.inputs.iter().zip(need(graph, node, out, None)) {
        if region.is_empty() {
            continue;
        }
        let value = Value {
            node: *input,
            region,
            term: Term::Whole,
        };
        let whole = whole_piece(graph, *input, outputs);
        let bytes = TorchEngine::export(graph, &value, &[whole]).unwrap();
        let payload = TorchEngine::import(&Processor::Cpu, graph, &value, &bytes).unwrap();
        inputs.push(Piece {
            region,
            term: Term::Whole,
            payload,
        });
    }
    let mut made = Vec::new();
    engine.on_lane(&mut |engine| {
        let payload = engine.compute(graph, node, out, None, &inputs).unwrap();
        let piece = Piece {
            region: *out,
            term: Term::Whole,
            payload,
        };
        made = part_of(graph, node.id, *out, &piece);
    });
    made
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_region_of_any_operator_equals_that_part_of_the_whole(
        layers in layers(), rows in 9_u32..40, columns in 9_u32..20,
        cuts in proptest::collection::vec(((0.0..1.0, 0.0..1.0), (0.0..1.0, 0.0..1.0), (0.0..1.0, 0.0..1.0)), 4),
    ) {
        let graph = graph(2, rows, columns, &layers);
        let weights = Weights::seeded(9, &graph.parameters());
        let mut engine = TorchEngine::new(&graph, &weights, 1).unwrap();
        let outputs = whole_outputs(&graph, &mut engine, &noise(&graph));
        for node in graph.operators() {
            for &(batch, channel, row) in &cuts {
                let out = Region {
                    batch: span(node.shape.batch, batch),
                    channel: span(node.shape.channels, channel),
                    row: span(node.shape.rows, row),
                };
                let ours = from_needs(&graph, &mut engine, node, &out, &outputs);
                let expected = part_of(&graph, node.id, out, &whole_piece(&graph, node.id, &outputs));
                prop_assert!(close(&ours, &expected), "{:?} of {} ({:?})", out, node.name, node.op);
            }
        }
    }

    #[test]
    fn any_plan_of_any_graph_gives_the_answer_of_local(
        layers in layers(), rows in 16_u32..48, columns in 9_u32..20,
        at in 0.0..1.0_f64, tiles in 2_u16..6, share in 0.1..0.9_f64, three in any::<bool>(),
    ) {
        let graph = graph(3, rows, columns, &layers);
        let weights = Weights::seeded(9, &graph.parameters());
        let mut engine = TorchEngine::new(&graph, &weights, 1).unwrap();
        let pixels = noise(&graph);
        let local = compile(&graph, &Plan::LOCAL, Epoch(1)).unwrap();
        let local = floats(&run(&graph, &mut engine, &local, &pixels).output);
        let cut = (at * f64::from(graph.operator_count())) as u32;
        let shares: &[f64] = if three { &[share, 0.3, 0.4] } else { &[share, 1.0 - share] };
        let later = cut + (graph.operator_count() - cut) / 2;
        let plans = [
            Some(Plan::split(cut)),
            Some(Plan::split(cut).with_tiles(tiles)),
            Some(Plan::chain(&[cut, later])),
            Some(Plan::chain(&[cut, later]).with_tiles(tiles)),
            shard_all(&graph, shares, Join::Gather).ok(),
            shard_all(&graph, shares, Join::Reduce).ok(),
            Some(Plan::of(Mode::Data { shares: vec![1, 0, 2] })),
            simple_tiles(&graph, shares, DeviceId::SERVER).ok(),
        ];
        let mut ran = 0;
        for plan in plans.into_iter().flatten() {
            // A plan may not apply; one that compiles is exact.
            let Ok(schedule) = compile(&graph, &plan, Epoch(1)) else { continue };
            let parts = run(&graph, &mut engine, &schedule, &pixels);
            prop_assert!(close(&floats(&parts.output), &local), "{}", plan.label());
            // All of the model was computed, and on several devices only with traffic between them.
            prop_assert!(parts.computed.iter().sum::<usize>() >= graph.operators().len());
            prop_assert!(parts.sent.iter().any(|&b| b > 0) || schedule.programs.len() == 1);
            let pool = graph.operators().iter().find(|n| n.name == "pool").unwrap();
            let made: u64 = parts.made.iter().map(|m| m[pool.id.index()]).sum();
            prop_assert!(made >= pool.shape.elements());
            ran += 1;
        }
        prop_assert!(ran >= 3, "only {ran} plans applied; crossing {:?}", crossing(&graph, cut));
    }
}
