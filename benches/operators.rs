//! Operator by operator with per-step timing, as a robot runs it, against the plain forward of tch's own model.
//!
//! Both have the same weights, the same u8 image (a tensor before the clock starts), the same normalisation, one core,
//! one thread and no gradients. Each pair runs ours, plain and plain again in random order; A/A is plain against plain.
//! `--pairs N` sets the number of pairs of both models (default 200 and 80). `--torch-device cuda` measures on a GPU, where
//! ours is synchronised after every step and the plain forward once: the ratio is what timed steps cost there.
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

#[path = "shared/paired.rs"]
mod paired;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use paired::{Paired, median, number_argument};
use splitscope::clock;
use splitscope::engine::Engine;
use splitscope::engine::processor::Processor;
use splitscope::engine::torch::{Handle, TorchEngine, check, keep_freed_memory};
use splitscope::model::weights::Weights;
use splitscope::model::{Graph, zoo};
use splitscope::plan::{Admit, Codec, Linked, Piece, Plan, Value, compile};
use splitscope::statistics::Random;
use splitscope::units::{DeviceId, Epoch, FrameId, FrameKey, NodeId};
use splitscope::worker::runtime::{Runtime, RuntimeEvent, warm_up};
use tch::nn::ModuleT;
use tch::{Device, Kind, Tensor, nn, vision};

const TARGET: f64 = 1.03;
const WARM_UP: usize = 3;
/// Where both run.
const CORE: usize = 0;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    keep_freed_memory();
    // Both on one core: another may be faster or slower, and has other caches. Who waits does not compute.
    let mut core = rustix::thread::CpuSet::new();
    core.set(CORE);
    rustix::thread::sched_setaffinity(None, &core)?;
    tch::set_num_threads(1);
    let _guard = tch::no_grad_guard();
    let asked = number_argument("--pairs");
    let processor = processor()?;
    measure("mobilenet_v2", processor, asked.unwrap_or(200))?;
    measure("resnet50", processor, asked.unwrap_or(80))
}

/// What `--torch-device` says.
fn processor() -> Result<Processor, Failure> {
    let mut arguments = std::env::args().skip_while(|a| a != "--torch-device");
    let processor = arguments.nth(1).map_or(Ok(Processor::Cpu), |p| p.parse())?;
    check(processor)?;
    Ok(processor)
}

/// libtorch's word for a processor.
fn device(processor: Processor) -> Device {
    match processor {
        Processor::Cpu => Device::Cpu,
        Processor::Cuda(number) => Device::Cuda(usize::from(number)),
    }
}

fn measure(name: &str, processor: Processor, pairs: usize) -> Result<(), Failure> {
    let graph = Arc::new(zoo::build(name, 1, 224, 224)?);
    let (weights, kind) = match published(name) {
        Some(file) => (Weights::load(&file, &graph.parameters())?, "published"),
        None => (Weights::seeded(3, &graph.parameters()), "seeded"),
    };
    let mut random = Random::new(42);
    let elements = graph.input_shape().elements();
    let pixels: Vec<u8> = (0..elements).map(|_| random.below(256) as u8).collect();

    let mut engine = TorchEngine::on(processor, &graph, &weights, 1)?;
    drop(weights);
    let plain = Plain::new(&graph, &engine, &pixels)?;
    warm_up(&mut engine, &graph)?;
    let mut ours = Ours::new(graph, engine, &pixels)?;

    let (result, expected) = (ours.run()?, plain.run());
    let difference = largest_difference(&ours.elements(&result)?, &expected)?;
    for _ in 0..WARM_UP {
        ours.run()?;
        let _ = plain.run();
    }

    // Ours, plain, plain again.
    let mut times: [Vec<f64>; 3] = Default::default();
    let mut order = [0, 1, 2];
    for _ in 0..pairs {
        random.shuffle(&mut order);
        for which in order {
            let start = clock::now();
            if which == 0 {
                let result = ours.run()?;
                times[0].push(clock::now().since(start) as f64 / 1e6);
                drop(result);
            } else {
                let result = plain.run();
                times[which].push(clock::now().since(start) as f64 / 1e6);
                drop(result);
            }
        }
    }
    let ratios = |a: usize, b: usize| -> Vec<f64> {
        let both = times[a].iter().zip(&times[b]);
        both.map(|(a, b)| a / b).collect()
    };
    let ratio = Paired::of(&ratios(0, 1));
    let same = Paired::of(&ratios(2, 1));
    println!(
        "{name} ({kind} weights, 224x224, {processor}, {pairs} pairs): {ratio}, A/A {same}; {}",
        ratio.verdict(TARGET)
    );
    println!(
        "    medians: ours {:.2} ms, plain {:.2} and {:.2} ms; outputs differ by at most {difference:.1e}",
        median(&times[0]),
        median(&times[1]),
        median(&times[2]),
    );
    Ok(())
}

/// The published weights of a model, if `cargo xtask data` fetched them.
fn published(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SPLITSCOPE_CACHE").map(PathBuf::from);
    let root = root.or_else(|| directories::BaseDirs::new().map(|b| b.cache_dir().to_owned()))?;
    let file = root.join("splitscope/weights/mobilenet_v2-b0353104.pth");
    Some(file).filter(|file| name == "mobilenet_v2" && file.is_file())
}

/// A robot's runtime with the local program.
struct Ours {
    runtime: Runtime<TorchEngine>,
    events: Receiver<RuntimeEvent<Handle>>,
    image: Value,
    pixels: Handle,
    frame: u64,
}

impl Ours {
    fn new(graph: Arc<Graph>, engine: TorchEngine, pixels: &[u8]) -> Result<Self, Failure> {
        let schedule = compile(&graph, &Plan::LOCAL, Epoch(1))?;
        let program = schedule.programs.into_iter().next();
        let program = program.ok_or("no program for the robot")?;
        let linked = Linked::new(&graph, program, Some(schedule.output));
        let image = Value::whole(&graph, NodeId::INPUT);
        let pixels = TorchEngine::import(&engine.place(), &graph, &image, pixels)?;
        let (sender, events) = sync_channel(8);
        let runtime = Runtime::start(DeviceId::ROBOT, graph, engine, Some(CORE), sender)?;
        runtime.prepare(Epoch(1), linked, Codec::None);
        Ok(Self {
            runtime,
            events,
            image,
            pixels,
            frame: 0,
        })
    }

    /// One frame, from its admission to its result with the times of all steps.
    fn run(&mut self) -> Result<Handle, Failure> {
        self.frame += 1;
        let key = FrameKey {
            frame: FrameId(self.frame),
            attempt: 0,
            epoch: Epoch(1),
        };
        self.runtime.admit(Admit {
            key,
            program: None,
            values: vec![(self.image, self.pixels.clone())],
        })?;
        match self.events.recv()? {
            RuntimeEvent::Completed(done) => {
                let operators = self.runtime.graph().operator_count() as usize;
                if done.timings.len() < operators {
                    return Err("not every operator has its time".into());
                }
                done.output.ok_or_else(|| "a frame without a result".into())
            }
            RuntimeEvent::Failed { error, .. } => Err(error.into()),
        }
    }

    fn elements(&self, result: &Handle) -> Result<Vec<f32>, Failure> {
        let graph = self.runtime.graph();
        let value = Value::whole(graph, graph.output());
        let piece = Piece {
            region: value.region,
            term: value.term,
            payload: result.clone(),
        };
        let bytes = TorchEngine::export(graph, &value, &[piece])?;
        let elements = bytes.chunks_exact(4);
        Ok(elements
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect())
    }
}

/// tch's own model with our weights.
struct Plain {
    net: Box<dyn ModuleT>,
    pixels: Tensor,
    mean: Tensor,
    std: Tensor,
    processor: Processor,
}

impl Plain {
    fn new(graph: &Graph, engine: &TorchEngine, pixels: &[u8]) -> Result<Self, Failure> {
        let processor = engine.place();
        let mut store = nn::VarStore::new(device(processor));
        let root = store.root();
        let net: Box<dyn ModuleT> = match graph.name() {
            "resnet50" => Box::new(vision::resnet::resnet50(&root, 1000)),
            "mobilenet_v2" => Box::new(vision::mobilenet::v2(&root, 1000)),
            other => return Err(format!("tch's {other} is not used here").into()),
        };
        store.freeze();
        let weights = engine.named_parameters(graph);
        for (name, mut variable) in store.variables() {
            let weight = weights.get(&name);
            variable.copy_(weight.ok_or_else(|| format!("{name} is in tch's model only"))?);
        }
        let shape = graph.input_shape();
        let size = [1, 3, i64::from(shape.rows), i64::from(shape.columns)];
        let here = device(processor);
        let per_channel =
            |v: [f32; 3]| Tensor::from_slice(&v).reshape([1, 3, 1, 1]).to_device(here);
        Ok(Self {
            net,
            pixels: Tensor::from_data_size(pixels, &size, Kind::Uint8).to_device(here),
            mean: per_channel([0.485, 0.456, 0.406]),
            std: per_channel([0.229, 0.224, 0.225]),
            processor,
        })
    }

    fn run(&self) -> Tensor {
        let x = self.pixels.to_kind(Kind::Float) / 255.0;
        let x = (x - &self.mean) / &self.std;
        let result = self.net.forward_t(&x, false);
        if let Processor::Cuda(number) = self.processor {
            tch::Cuda::synchronize(i64::from(number));
        }
        result
    }
}

fn largest_difference(ours: &[f32], plain: &Tensor) -> Result<f32, Failure> {
    let plain = Vec::<f32>::try_from(plain.reshape([-1]))?;
    if ours.len() != plain.len() {
        return Err("the two results have different lengths".into());
    }
    let pairs = ours.iter().zip(&plain);
    Ok(pairs.fold(0.0, |most, (a, b)| most.max((a - b).abs())))
}
