//! Every cut gives the answer of `local`, and `local` gives the answer of an independent implementation.
#![cfg(feature = "torch")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

#[path = "schedules/run.rs"]
mod run;

use std::path::PathBuf;
use std::sync::Arc;

use run::{KEY, floats, noise, run};
use splitscope::engine::Engine;
use splitscope::engine::processor::Processor;
use splitscope::engine::torch::TorchEngine;
use splitscope::model::weights::Weights;
use splitscope::model::{Graph, crossing, crossing_bytes, zoo};
use splitscope::plan::{
    Admit, Codec, Linked, Plan, Schedule, Step, Value, compile, resume, validate,
};
use splitscope::units::{DeviceId, Epoch, FrameId, FrameKey, NodeId};
use tch::nn::ModuleT;
use tch::{Device, Kind, Tensor, nn, vision};

fn cache() -> Option<PathBuf> {
    let root = std::env::var_os("SPLITSCOPE_CACHE").map(PathBuf::from);
    let root = root.or_else(|| directories::BaseDirs::new().map(|b| b.cache_dir().to_owned()))?;
    Some(root.join("splitscope")).filter(|p| p.is_dir())
}

fn every_cut_is_local(graph: &Graph, weights: &Weights, pixels: &[u8]) {
    let mut engine = TorchEngine::new(graph, weights, 1).unwrap();
    let plan = |plan: &Plan| compile(graph, plan, Epoch(1)).unwrap();
    let local = run(graph, &mut engine, &plan(&Plan::LOCAL), pixels);
    let n = graph.operator_count();
    assert_eq!(local.computed, [n as usize]);
    for k in 0..=n {
        let ran = run(graph, &mut engine, &plan(&Plan::split(k)), pixels);
        assert!(ran.output == local.output, "cut {k} gives another answer");
        // A mode that quietly runs as another one fails here.
        assert_eq!(ran.computed[0], k as usize, "cut {k}");
        let whole = |id: NodeId| graph.node(id).shape.elements();
        for node in graph.operators() {
            let at = usize::from(node.id.0 > k);
            assert_eq!(ran.made[at][node.id.index()], whole(node.id), "cut {k}");
        }
        if k < n {
            assert_eq!(ran.computed[1], (n - k) as usize, "cut {k}");
            assert_eq!(ran.sent[0], crossing_bytes(graph, k).0, "cut {k}");
            assert_eq!(ran.sent[1], local.output.len() as u64, "cut {k}");
        }
    }
    let remote = run(graph, &mut engine, &plan(&Plan::REMOTE), pixels);
    assert!(remote.output == local.output);
    assert_eq!(remote.computed, [0, n as usize]);
}

fn seeded_cuts(name: &str, size: u32) {
    let graph = zoo::build(name, 1, size, size).unwrap();
    let weights = Weights::seeded(1, &graph.parameters());
    every_cut_is_local(&graph, &weights, &noise(&graph));
}

#[test]
fn every_cut_of_vgg19_gives_the_answer_of_local() {
    seeded_cuts("vgg19", 48);
}

#[test]
fn every_cut_of_resnet50_gives_the_answer_of_local() {
    seeded_cuts("resnet50", 64);
}

#[test]
fn every_cut_of_densenet121_gives_the_answer_of_local() {
    seeded_cuts("densenet121", 64);
}

#[test]
fn every_cut_of_mobilenet_v2_with_real_weights_gives_the_answer_of_local() {
    let graph = zoo::build("mobilenet_v2", 1, 224, 224).unwrap();
    let Some(file) = cache().map(|c| c.join("weights/mobilenet_v2-b0353104.pth")) else {
        println!("skipped: no cache; `cargo xtask data` fetches the weights");
        return;
    };
    let weights = Weights::load(&file, &graph.parameters()).unwrap();
    every_cut_is_local(&graph, &weights, &noise(&graph));
}

#[test]
fn mobilenet_v2_knows_what_is_on_the_pictures() {
    let Some(cache) = cache().filter(|c| c.join("pictures").is_dir()) else {
        println!("skipped: no pictures; `cargo xtask data` fetches them");
        return;
    };
    let graph = zoo::build("mobilenet_v2", 1, 224, 224).unwrap();
    let file = cache.join("weights/mobilenet_v2-b0353104.pth");
    let weights = Weights::load(&file, &graph.parameters()).unwrap();
    let mut engine = TorchEngine::new(&graph, &weights, 1).unwrap();
    let schedule = compile(&graph, &Plan::split(51), Epoch(1)).unwrap();
    let folder = cache.join("pictures").display().to_string();
    let labels: Vec<_> = include_str!("../assets/imagenet_labels.txt")
        .lines()
        .collect();
    let mut input = splitscope::worker::input::Input::open(&folder, 1, 224, 224).unwrap();
    let mut seen = Vec::new();
    for _ in 0..7 {
        let picture = input.next_picture().unwrap();
        let ran = run(&graph, &mut engine, &schedule, &picture.pixels);
        let top = splitscope::worker::classes::top_five(&ran.output, 1000)[0];
        seen.push((picture.name, labels[usize::from(top.class)]));
    }
    for (picture, label) in [
        ("coffee.png", "espresso"),
        ("chelsea.png", "Egyptian cat"),
        ("camera.png", "tripod"),
    ] {
        let found = seen.iter().find(|(name, _)| name.contains(picture));
        assert_eq!(found.map(|f| f.1), Some(label), "{seen:?}");
    }
}

/// The same model of another author with our weights, normalisation included.
fn oracle(graph: &Graph, engine: &TorchEngine, pixels: &[u8]) -> Vec<f32> {
    let mut store = nn::VarStore::new(Device::Cpu);
    let root = store.root();
    let net: Box<dyn ModuleT> = match graph.name() {
        "vgg19" => Box::new(vision::vgg::vgg19(&root, 1000)),
        "vgg19_bn" => Box::new(vision::vgg::vgg19_bn(&root, 1000)),
        "resnet50" => Box::new(vision::resnet::resnet50(&root, 1000)),
        "resnet152" => Box::new(vision::resnet::resnet152(&root, 1000)),
        "densenet121" => Box::new(vision::densenet::densenet121(&root, 1000)),
        "mobilenet_v2" => Box::new(vision::mobilenet::v2(&root, 1000)),
        other => panic!("no oracle for {other}"),
    };
    store.freeze();
    let ours = engine.named_parameters(graph);
    tch::no_grad(|| {
        for (name, mut variable) in store.variables() {
            // tch's DenseNet calls avg_pool2d with divisor_override = 1: it sums where torchvision averages. Weights
            // that are divided by the window's size beforehand undo that (by 4 without rounding).
            let divisor = match (graph.name(), name.as_str()) {
                ("densenet121", "classifier.weight") => 49.0,
                ("densenet121", n) if n.contains("transition") && n.ends_with("conv.weight") => 4.0,
                _ => 1.0,
            };
            variable.copy_(&(&ours[&name] / divisor));
        }
    });
    let shape = graph.input_shape();
    let size = [1, 3, i64::from(shape.rows), i64::from(shape.columns)];
    let x = Tensor::from_data_size(pixels, &size, Kind::Uint8).to_kind(Kind::Float) / 255.0;
    let per_channel = |v: [f32; 3]| Tensor::from_slice(&v).reshape([1, 3, 1, 1]);
    let x = (x - per_channel([0.485, 0.456, 0.406])) / per_channel([0.229, 0.224, 0.225]);
    let y = tch::no_grad(|| net.forward_t(&x, false));
    Vec::<f32>::try_from(y.reshape([-1])).unwrap()
}

fn equals_the_oracle(name: &str) {
    let graph = zoo::build(name, 1, 224, 224).unwrap();
    let weights = Weights::seeded(3, &graph.parameters());
    let mut engine = TorchEngine::new(&graph, &weights, 2).unwrap();
    drop(weights);
    let pixels = noise(&graph);
    let schedule = compile(&graph, &Plan::LOCAL, Epoch(1)).unwrap();
    let ran = run(&graph, &mut engine, &schedule, &pixels);
    let ours = floats(&ran.output);
    let theirs = oracle(&graph, &engine, &pixels);
    assert_eq!(ours.len(), theirs.len());
    let spread = theirs.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
    assert!(
        spread > 1e-3,
        "the outputs are all zero: nothing was compared"
    );
    for (a, b) in ours.iter().zip(&theirs) {
        assert!(
            (a - b).abs() <= 1e-4 + 1e-4 * b.abs(),
            "{name}: {a} and {b}"
        );
    }
}

#[test]
fn vgg19_equals_an_independent_implementation() {
    equals_the_oracle("vgg19");
}

#[test]
fn vgg19_bn_equals_an_independent_implementation() {
    equals_the_oracle("vgg19_bn");
}

#[test]
fn resnet50_equals_an_independent_implementation() {
    equals_the_oracle("resnet50");
}

#[test]
fn resnet152_equals_an_independent_implementation() {
    equals_the_oracle("resnet152");
}

#[test]
fn densenet121_equals_an_independent_implementation() {
    equals_the_oracle("densenet121");
}

#[test]
fn mobilenet_v2_equals_an_independent_implementation() {
    equals_the_oracle("mobilenet_v2");
}

#[test]
fn broken_schedules_are_turned_away() {
    let graph = zoo::build("resnet50", 1, 64, 64).unwrap();
    let cut = graph
        .nodes()
        .iter()
        .find(|n| n.name == "layer1.1.conv2")
        .unwrap()
        .id
        .0;
    let good = compile(&graph, &Plan::split(cut), Epoch(1)).unwrap();
    assert_eq!(crossing(&graph, cut).len(), 2);
    let broken = |change: &dyn Fn(&mut Schedule)| {
        let mut schedule = good.clone();
        change(&mut schedule);
        validate(&graph, &schedule).unwrap_err().to_string()
    };
    let is_send = |s: &Step| matches!(s, Step::Send { .. });
    // The residual branch is not sent: the server would wait for ever.
    let lost = broken(&|s| {
        let at = s.programs[0].steps.iter().position(is_send).unwrap();
        s.programs[0].steps.remove(at);
    });
    assert!(lost.contains("0 sends and 1 receives"), "{lost}");
    let both = broken(&|s| {
        let at = s.programs[0].steps.iter().position(is_send).unwrap();
        s.programs[0].steps.remove(at);
        let at = s.programs[1]
            .steps
            .iter()
            .position(|s| matches!(s, Step::Receive { .. }))
            .unwrap();
        s.programs[1].steps.remove(at);
    });
    assert!(both.contains("server waits for"), "{both}");
    // A halo row is missing.
    let halo = broken(&|s| {
        let steps = s.programs[0].steps.iter_mut();
        for step in steps {
            if let Step::Compute { node, out, .. } = step
                && node.0 == 2
            {
                out.row.end -= 1;
            }
        }
    });
    assert!(halo.contains("waits for"), "{halo}");
    let swapped = broken(&|s| s.programs.swap(0, 1));
    assert!(swapped.contains("robot's first"), "{swapped}");
}

#[test]
fn a_frame_is_finished_from_what_the_robot_holds() {
    let graph = zoo::build("resnet50", 1, 64, 64).unwrap();
    let held: Vec<Value> = crossing(&graph, 40)
        .iter()
        .map(|&node| Value::whole(&graph, node))
        .collect();
    let program = resume(&graph, &held);
    let computes = program.steps.iter().filter_map(Step::result);
    assert!(computes.clone().all(|v| v.node.0 > 40));
    assert_eq!(computes.count() as u32, graph.operator_count() - 40);
}

#[test]
fn a_lane_keeps_to_its_threads() {
    use splitscope::worker::runtime::{Runtime, RuntimeEvent};
    let graph = Arc::new(zoo::build("resnet50", 1, 224, 224).unwrap());
    let weights = Weights::seeded(1, &graph.parameters());
    let engine = TorchEngine::new(&graph, &weights, 1).unwrap();
    let (events, inbox) = std::sync::mpsc::sync_channel(8);
    let runtime =
        Runtime::start(DeviceId::ROBOT, Arc::clone(&graph), engine, None, events).unwrap();
    let schedule = compile(&graph, &Plan::LOCAL, Epoch(1)).unwrap();
    let linked = Linked::new(&graph, schedule.programs[0].clone(), Some(schedule.output));
    runtime.prepare(Epoch(1), linked, Codec::None);
    let image = Value::whole(&graph, NodeId::INPUT);
    let pixels = noise(&graph);
    let cpu = || {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        t.tv_sec as f64 + t.tv_nsec as f64 / 1e9
    };
    let (cpu_before, wall_before) = (cpu(), splitscope::clock::now());
    for frame in 0..12 {
        let key = FrameKey {
            frame: FrameId(frame),
            ..KEY
        };
        let payload = TorchEngine::import(&Processor::Cpu, &graph, &image, &pixels).unwrap();
        let admit = Admit {
            key,
            program: None,
            values: vec![(image, payload)],
        };
        runtime.admit(admit).unwrap();
        assert!(matches!(
            inbox.recv().unwrap(),
            RuntimeEvent::Completed(c) if c.key == key
        ));
    }
    let wall = splitscope::clock::now().since(wall_before) as f64 / 1e9;
    let used = cpu() - cpu_before;
    // One thread can never use more CPU than wall time, however busy the machine; two would.
    assert!(used <= 1.1 * wall, "{used:.2} s of CPU in {wall:.2} s");
}
