//! Gets the model that a robot names: the graph from its hello, weights from a seed, the cache or the robot.

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use super::session::protocol;
use super::{Model, Shared, locked};
use crate::engine::Engine;
use crate::link::{LinkError, Outbox};
use crate::model::weights::{ParamSpec, Weights, transfer_limit_bytes};
use crate::model::{Graph, GraphSpec};
use crate::units::{Bytes, DeviceId, Hash32};
use crate::wire::data::{Control, DeviceCosts, MAX_PLAIN_BYTES, RobotHello, WeightsRef};
use crate::wire::{
    Compressed, Level, ModelRecord, PeerRecord, PeerState, Record, ServerFrameRecord,
};
use crate::worker::fits::fits;
use crate::worker::runtime::{Runtime, RuntimeEvent, warm_up};

/// Parameters that a model from a robot may have at most: 4 GB of f32.
const MAX_PARAMETERS: u64 = 1 << 30;

/// The graph that a hello carries, checked.
pub(super) fn check_graph(hello: &RobotHello, emulated: bool) -> Result<Graph, String> {
    let spec: GraphSpec =
        Compressed::decode("a graph", &hello.graph, MAX_PLAIN_BYTES).map_err(|e| e.to_string())?;
    let graph = spec.build().map_err(|e| e.to_string())?;
    if graph.hash() != hello.graph_hash {
        return Err(format!(
            "the graph of {} has hash {} here and {} on the robot: the versions differ, install the same on both",
            graph.name(),
            graph.hash().short(),
            hello.graph_hash.short()
        ));
    }
    let parameters = graph.parameter_count();
    if parameters > MAX_PARAMETERS {
        return Err(format!(
            "{} has {parameters} parameters, more than the {MAX_PARAMETERS} that a server accepts",
            graph.name()
        ));
    }
    fits(&graph, emulated)?;
    Ok(graph)
}

type Ready<E> = Arc<dyn Fn(Model<E>) + Send + Sync>;

/// See the [module](self).
pub(super) struct Loader<E: Engine> {
    job: Job<E>,
    wanted: Arc<Vec<ParamSpec>>,
    /// Bytes received and in all, once the robot has said how many.
    transfer: Arc<Mutex<Transfer>>,
}

#[derive(Default)]
struct Transfer {
    received: u64,
    total: Option<u64>,
}

/// What the loading thread takes along.
struct Job<E: Engine> {
    shared: Arc<Shared<E>>,
    outbox: Arc<Outbox>,
    graph: Arc<Graph>,
    weights: WeightsRef,
    weights_name: String,
    trained: bool,
    ready: Ready<E>,
}

impl<E: Engine> Clone for Job<E> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            outbox: Arc::clone(&self.outbox),
            graph: Arc::clone(&self.graph),
            weights: self.weights,
            weights_name: self.weights_name.clone(),
            trained: self.trained,
            ready: Arc::clone(&self.ready),
        }
    }
}

/// Where the loading thread gets the weights from.
enum From {
    /// An emulated engine has no use for them.
    Nowhere,
    Seed(u64),
    Cache(Hash32),
    Transfer(Hash32),
}

impl<E: Engine> Loader<E> {
    pub(super) fn new(
        shared: Arc<Shared<E>>,
        outbox: Arc<Outbox>,
        graph: Graph,
        hello: &RobotHello,
        ready: Ready<E>,
    ) -> Self {
        Self {
            wanted: Arc::new(graph.parameters()),
            transfer: Arc::default(),
            job: Job {
                shared,
                outbox,
                graph: Arc::new(graph),
                weights: hello.weights,
                weights_name: hello.weights_name.clone(),
                trained: hello.trained,
                ready,
            },
        }
    }

    /// Uses the model that is there, or begins to load it.
    pub(super) fn begin(&mut self) -> Result<(), LinkError> {
        let job = &self.job;
        let there = locked(&job.shared.model)
            .clone()
            .filter(|model| model.graph_hash == job.graph.hash() && model.weights == job.weights);
        if let Some(model) = there {
            (job.ready)(model);
            return Ok(());
        }
        if E::EMULATED {
            return self.load(From::Nowhere);
        }
        match job.weights {
            WeightsRef::Seed(seed) => self.load(From::Seed(seed)),
            WeightsRef::Hash(hash) if job.shared.store.find(&hash).is_some() => {
                self.load(From::Cache(hash))
            }
            WeightsRef::Hash(hash) => {
                ask_for_weights(job, &self.transfer, &hash).map_err(|e| protocol(&e))
            }
        }
    }

    /// The robot says how long the weights file is.
    pub(super) fn weights_length(&self, bytes: u64) -> Result<(), LinkError> {
        let limit = transfer_limit_bytes(&self.wanted);
        if bytes > limit {
            return Err(protocol(&format!(
                "the weights are said to have {bytes} bytes, but {} needs at most {limit}",
                self.job.graph.name()
            )));
        }
        locked(&self.transfer).total = Some(bytes);
        Ok(())
    }

    /// A part of the weights file.
    pub(super) fn weights(&mut self, body: &[u8]) -> Result<(), LinkError> {
        let WeightsRef::Hash(hash) = self.job.weights else {
            return Err(protocol("weights came although they are seeded"));
        };
        let (offset, bytes) = body
            .split_first_chunk::<8>()
            .ok_or_else(|| protocol("a part of the weights without its offset"))?;
        let offset = u64::from_le_bytes(*offset);
        let limit = transfer_limit_bytes(&self.wanted);
        let store = &self.job.shared.store;
        store
            .append(&hash, offset, bytes, limit)
            .map_err(|e| protocol(&e.to_string()))?;
        let mut transfer = locked(&self.transfer);
        transfer.received = offset + bytes.len() as u64;
        let (received, total) = (transfer.received, transfer.total.unwrap_or(0));
        drop(transfer);
        let step = (total / 50).max(1);
        if received / step != offset / step {
            self.job
                .say("receiving the weights from the robot", received, total);
        }
        if received == total {
            self.load(From::Transfer(hash))?;
        }
        Ok(())
    }

    fn load(&self, from: From) -> Result<(), LinkError> {
        let job = self.job.clone();
        let wanted = Arc::clone(&self.wanted);
        let transfer = Arc::clone(&self.transfer);
        let spawned = std::thread::Builder::new()
            .name("server load".to_owned())
            .spawn(move || job.run(&from, &wanted, &transfer));
        spawned.map(drop).map_err(|source| LinkError::Io {
            doing: "starting a thread to load the model",
            source,
        })
    }
}

fn ask_for_weights<E: Engine>(
    job: &Job<E>,
    transfer: &Mutex<Transfer>,
    hash: &Hash32,
) -> Result<(), String> {
    let offset = job
        .shared
        .store
        .partial_len(hash)
        .map_err(|e| e.to_string())?;
    locked(transfer).received = offset;
    job.say("asking the robot for the weights", offset, 0);
    job.outbox.control(&Control::SendWeights { offset });
    Ok(())
}

impl<E: Engine> Job<E> {
    fn say(&self, what: &str, done_bytes: u64, total_bytes: u64) {
        let what = format!("{what} of {}", self.graph.name());
        self.outbox.control(&Control::Loading {
            what: what.clone(),
            done_bytes,
            total_bytes,
        });
        self.shared.hub.record(Record::Peer(PeerRecord {
            device: DeviceId::ROBOT,
            address: String::new(),
            state: PeerState::Loading {
                what,
                done_bytes,
                total_bytes,
            },
            clock: None,
            link: None,
        }));
    }

    fn run(&self, from: &From, wanted: &[ParamSpec], transfer: &Mutex<Transfer>) {
        let store = &self.shared.store;
        let weights = match from {
            From::Nowhere => Ok(Weights::seeded(0, &[])),
            From::Seed(seed) => {
                self.say("making the seeded weights", 0, 0);
                Ok(Weights::seeded(*seed, wanted))
            }
            From::Cache(hash) => {
                self.say("loading the weights", 0, 0);
                store.load(hash, wanted)
            }
            From::Transfer(hash) => {
                self.say("checking the weights", 0, 0);
                store.finish(hash, wanted)
            }
        };
        let made = match (weights, from) {
            (Ok(weights), _) => self.build(&weights),
            (Err(error), From::Cache(hash)) => {
                // A damaged cache entry is gone by now; the robot has the real thing.
                self.shared.hub.event(Level::Warning, error.to_string());
                match ask_for_weights(self, transfer, hash) {
                    Ok(()) => return,
                    Err(reason) => Err(reason),
                }
            }
            (Err(error), _) => Err(error.to_string()),
        };
        match made {
            Ok(model) => (self.ready)(model),
            Err(reason) => {
                self.shared.hub.event(Level::Error, reason.clone());
                self.outbox.control(&Control::Refused { reason });
                self.outbox.close();
            }
        }
    }

    fn build(&self, weights: &Weights) -> Result<Model<E>, String> {
        let graph = &self.graph;
        let text = |e: crate::engine::EngineError| e.to_string();
        self.say("building the engine", 0, 0);
        // Frees the old model's memory before the new one takes its own.
        drop(locked(&self.shared.model).take());
        let mut engine = (self.shared.factory)(graph, weights).map_err(text)?;
        let start_ns = warm_up(&mut engine, graph).map_err(text)?;
        let profile = engine
            .profile()
            .map(|profile| profile.of_model(graph.name()));
        let costs = DeviceCosts {
            profile: profile.and_then(|profile| profile.to_toml().ok()),
            start_ns,
        };
        let name = engine.describe();
        let (lane_events, events) = sync_channel(256);
        let runtime = Runtime::start(
            DeviceId::SERVER,
            Arc::clone(graph),
            engine,
            self.shared.core,
            lane_events.clone(),
        );
        let runtime = Arc::new(runtime.map_err(|e| format!("cannot start a lane: {e}"))?);
        let shared = Arc::clone(&self.shared);
        let reporter_graph = Arc::clone(graph);
        std::thread::Builder::new()
            .name("server reports".to_owned())
            .spawn(move || {
                for event in events {
                    report(&shared, &reporter_graph, event);
                }
            })
            .map_err(|e| format!("cannot start a thread: {e}"))?;
        let model = Model {
            graph_hash: graph.hash(),
            weights: self.weights,
            engine: name,
            costs: Arc::new(costs),
            runtime,
            lane_events,
        };
        *locked(&self.shared.model) = Some(model.clone());
        self.shared.hub.record(Record::Model(Box::new(ModelRecord {
            graph: graph.spec(),
            graph_hash: graph.hash(),
            weights: self.weights_name.clone(),
            trained: self.trained,
        })));
        let text = if E::EMULATED {
            format!("{} is ready: emulated, without weights", graph.name())
        } else {
            let parameters = Bytes(weights.total_bytes());
            format!("{} is ready: {parameters} of weights", graph.name())
        };
        self.shared.hub.event(Level::Info, text);
        Ok(model)
    }
}

/// A frame is done here: the robot gets its times, consoles a summary.
fn report<E: Engine>(shared: &Shared<E>, graph: &Graph, event: RuntimeEvent<E::Payload>) {
    use crate::plan::{Step, TimingOf};
    let outbox = locked(&shared.reports).clone();
    match event {
        RuntimeEvent::Failed { key, error } => {
            shared
                .hub
                .event(Level::Error, format!("frame {} failed: {error}", key.frame));
            if let Some(outbox) = outbox {
                let reason = error.to_string();
                outbox.control(&Control::Failed { key, reason });
            }
        }
        RuntimeEvent::Completed(completed) => {
            let at = crate::clock::now();
            let received_bytes = shared
                .received_bytes
                .load(std::sync::atomic::Ordering::Relaxed);
            let mut record = ServerFrameRecord {
                frame: completed.key.frame,
                epoch: completed.key.epoch,
                began: at,
                compute_ns: 0,
                bytes_in: 0,
                bytes_out: 0,
            };
            for timing in &completed.timings {
                record.began = record.began.min(timing.start);
                let TimingOf::Step(i) = timing.of else {
                    continue;
                };
                match &completed.program.program.steps[i as usize] {
                    Step::Compute { .. } | Step::Reduce { .. } => {
                        record.compute_ns += timing.end.since(timing.start);
                    }
                    Step::Send { value, .. } => record.bytes_out += value.bytes(graph).0,
                    Step::Receive { value, .. } => record.bytes_in += value.bytes(graph).0,
                }
            }
            if let Some(outbox) = outbox {
                outbox.control(&Control::Report(Box::new(crate::wire::data::Report {
                    key: completed.key,
                    timings: completed.timings,
                    progress: crate::wire::data::Progress { received_bytes, at },
                })));
            }
            shared.hub.record(Record::ServerFrame(Box::new(record)));
        }
    }
}
