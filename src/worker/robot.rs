//! The robot: admits pictures as frames, coordinates switches, falls back to itself when the server is gone.
//!
//! One coordinator thread owns all decisions and reads one bounded queue of events. Tensors move on the compute lane
//! and the link threads only.

mod coordinator;
mod deadline;
mod delivery;
mod dialer;
mod foresight;
mod frames;
mod planner;
mod servers;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock;
use crate::engine::{Engine, EngineError};
use crate::model::Graph;
use crate::model::weights::Weights;
use crate::plan::{Plan, PlanError};
use crate::policy::Spec;
use crate::profile::{Calibrated, Profile};
use crate::units::{BootId, DeviceId};
use crate::wire::console::Role;
use crate::wire::data::{PeerAddress, RobotHello, WeightsRef, pack_graph};
use crate::wire::{DecisionRecord, Level, ModelRecord, PROTOCOL, Record, VERSION};
use crate::worker::endpoint::{
    CommandRequest, CommandSink, Endpoint, EndpointError, EndpointOptions,
};
use crate::worker::input::{Source, Taken};
use crate::worker::peer::PeerLink;
use crate::worker::planning::Planning;
use crate::worker::predict::Predictor;
use crate::worker::runtime::{Runtime, RuntimeEvent, warm_up};
use crate::worker::sensors::Sensors;
use crate::worker::spool::{Spool, SpoolOptions};
use crate::worker::telemetry::Hub;

use coordinator::Coordinator;
use deadline::Patience;
use dialer::{Dialer, LinkEvent};
use foresight::{Believer, Foreseen, Foresight};
use planner::Planner;
use servers::Remote;

/// Events that may wait for the coordinator.
const QUEUE: usize = 1024;

/// What a robot is started with.
pub struct RobotOptions {
    /// Where consoles attach.
    pub listen: SocketAddr,
    /// The servers' data ports, `HOST:PORT`; none runs everything locally.
    pub servers: Vec<String>,
    /// The emulated link that they are reached over, in the words of `--link`, if there is one.
    pub emulated_link: Option<String>,
    /// How long a frame may take before the robot finishes it alone; by default that follows the recent frames.
    pub deadline: Option<Duration>,
    /// The model.
    pub graph: Arc<Graph>,
    /// Its weights.
    pub weights: Arc<Weights>,
    /// What they are called on the wire.
    pub weights_ref: WeightsRef,
    /// What they are called by people.
    pub weights_name: String,
    /// Whether classes mean anything.
    pub trained: bool,
    /// The plan to begin with.
    pub plan: Plan,
    /// Who has the say over it; none: operators.
    pub policy: Option<Spec>,
    /// Where pictures come from.
    pub source: Source,
    /// What the source is called.
    pub source_name: String,
    /// Keeps the compute lane on this CPU core.
    pub core: Option<usize>,
    /// Without it nobody may control the robot.
    pub token: Option<String>,
    /// This host's name.
    pub host: String,
    /// What power is measured with.
    pub power: crate::power::Discovered,
    /// Where telemetry is kept for consoles that were away, if anywhere.
    pub spool: Option<SpoolOptions>,
}

/// The robot cannot start.
#[derive(Debug, thiserror::Error)]
pub enum RobotError {
    /// The first plan does not suit the model.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The engine cannot run the model.
    #[error("cannot run {model} here: {source}")]
    Engine {
        /// The model.
        model: String,
        /// Why.
        source: EngineError,
    },
    /// Consoles cannot attach.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

enum RobotEvent<P> {
    Runtime(RuntimeEvent<P>),
    Link(DeviceId, LinkEvent),
    Picture(Taken),
    Command(CommandRequest),
    Foreseen(Foreseen),
    Decided(Box<DecisionRecord>),
    Stop,
}

/// A running robot; stops when dropped.
pub struct Robot {
    endpoint: Endpoint,
    hub: Hub,
    stop: Arc<dyn Fn() + Send + Sync>,
    coordinator: Option<JoinHandle<()>>,
    _sensors: Sensors,
}

impl Robot {
    /// The latency of every frame from now on, in nanoseconds, without a console; see [`Hub::latencies`].
    pub fn latencies(&self) -> Receiver<i64> {
        self.hub.latencies()
    }

    /// Starts everything: lanes, link, endpoint, admission.
    ///
    /// # Errors
    /// A plan that does not suit the model, an engine that does not run it, a taken port.
    pub fn start<E: Engine>(mut engine: E, options: RobotOptions) -> Result<Self, RobotError> {
        let boot = new_boot_id();
        let hub = Hub::new(boot);
        if let Some(link) = &options.emulated_link {
            hub.set_emulated_link(link.clone());
        }
        let graph = Arc::clone(&options.graph);
        let engine_name = engine.describe();
        let (events, inbox) = sync_channel(QUEUE);
        let coordinator_plan = crate::worker::switch::Switch::new(&graph, &options.plan)?;
        let base = engine
            .profile()
            .map(|profile| profile.of_model(graph.name()));
        let node_ns = warm_up(&mut engine, &graph).map_err(|source| RobotError::Engine {
            model: graph.name().to_owned(),
            source,
        })?;

        hub.record(Record::Model(Box::new(ModelRecord {
            graph: graph.spec(),
            graph_hash: graph.hash(),
            weights: options.weights_name.clone(),
            trained: options.trained,
        })));
        let endpoint = Endpoint::start(EndpointOptions {
            listen: options.listen,
            role: Role::Robot,
            host: options.host.clone(),
            engine: engine_name,
            emulated: E::EMULATED,
            token: options.token.clone(),
            spool: Spool::start_or_say(options.spool.as_ref(), &hub),
            hub: hub.clone(),
            commands: command_sink(&events),
        })?;

        let (lane_events, lane_inbox) = sync_channel(QUEUE);
        let runtime = Runtime::start(
            DeviceId::ROBOT,
            Arc::clone(&graph),
            engine,
            options.core,
            lane_events.clone(),
        );
        let runtime = Arc::new(runtime.map_err(RobotError::Thread)?);
        forward(lane_inbox, events.clone()).map_err(RobotError::Thread)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let weights_file = Arc::new(OnceLock::new());
        let mut remotes = Vec::new();
        for (device, address) in (1..).map(DeviceId).zip(&options.servers) {
            let link = Arc::new(PeerLink::new(device, clock::now()));
            remotes.push(Remote::new(device, address.clone(), Arc::clone(&link)));
            let dialer = Dialer {
                address: address.clone(),
                hello: hello(&options, &graph, boot, device),
                weights: Arc::clone(&options.weights),
                runtime: Arc::clone(&runtime),
                link,
                events: events.clone(),
                lane_events: lane_events.clone(),
                stop: Arc::clone(&stopping),
                weights_file: Arc::clone(&weights_file),
            };
            spawn("robot link", move || dialer.run())?;
        }
        let tokens = feeder(options.source, hub.clone(), events.clone())?;
        let foresight = foresight(&graph, base, node_ns.clone(), &hub, &events)?;
        let coordinator = Coordinator::new(
            runtime,
            hub.clone(),
            coordinator_plan,
            (tokens, options.source_name),
            remotes,
            Patience::new(options.deadline.map(|d| d.as_nanos() as i64), node_ns),
            (foresight, options.policy),
        );
        let sensors = Sensors::start(&hub, options.power);
        let coordinator = spawn("robot coordinator", move || coordinator.run(&inbox))?;
        let stop = Arc::new(move || {
            stopping.store(true, Ordering::Relaxed);
            let _ = events.try_send(RobotEvent::Stop);
        });
        Ok(Self {
            endpoint,
            hub,
            stop,
            coordinator: Some(coordinator),
            _sensors: sensors,
        })
    }

    /// Where consoles attach.
    pub fn address(&self) -> SocketAddr {
        self.endpoint.local_addr()
    }

    /// What the robot says.
    pub const fn hub(&self) -> &Hub {
        &self.hub
    }
}

impl Drop for Robot {
    fn drop(&mut self) {
        (self.stop)();
        if let Some(coordinator) = self.coordinator.take() {
            let _ = coordinator.join();
        }
    }
}

/// A number that no other start of a worker has.
pub(super) fn new_boot_id() -> BootId {
    use std::hash::{BuildHasher, Hasher};
    // RandomState is seeded by the system's random source at every start.
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u64(clock::unix_ms());
    hasher.write_u32(std::process::id());
    BootId(hasher.finish())
}

fn hello(options: &RobotOptions, graph: &Graph, boot: BootId, device: DeviceId) -> RobotHello {
    let others = (1..).map(DeviceId).zip(&options.servers);
    RobotHello {
        protocol: PROTOCOL,
        version: VERSION.to_owned(),
        host: options.host.clone(),
        boot,
        device,
        graph: pack_graph(&graph.spec()),
        graph_hash: graph.hash(),
        weights: options.weights_ref,
        weights_name: options.weights_name.clone(),
        trained: options.trained,
        peers: others
            .filter(|(d, _)| *d != device)
            .map(|(device, address)| PeerAddress {
                device,
                address: address.clone(),
            })
            .collect(),
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, RobotError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(RobotError::Thread)
}

/// Starts the threads that predict and plan, from the robot's profile or what its operators took at start.
fn foresight<P: Send + 'static>(
    graph: &Arc<Graph>,
    base: Option<Profile>,
    node_ns: Vec<i64>,
    hub: &Hub,
    events: &SyncSender<RobotEvent<P>>,
) -> Result<Foresight, RobotError> {
    let emulated = base.is_some();
    let profile = base.unwrap_or_else(|| Profile::generic("robot"));
    let power = profile.levels(graph.name());
    let robot = Calibrated::new(profile, foresight::start_times(graph, node_ns));
    let predictor = Predictor::new(Arc::clone(graph), robot, power)?;
    let (foresight, told) = Foresight::new();
    let (planner, moments) = Planner::new();
    let planning = Planning::new(Arc::clone(graph));
    let (tell, hub, planned) = (foresight.teller(), hub.clone(), events.clone());
    spawn("robot planner", move || {
        planner::run(planning, &moments, &tell, |said| {
            if let Some(prediction) = said.prediction {
                hub.record(Record::Prediction(Box::new(prediction)));
            }
            if let Some(decision) = said.decision {
                // A coordinator that is too busy hears the next one.
                let _ = planned.try_send(RobotEvent::Decided(Box::new(decision)));
            }
        });
    })?;
    let believer = Believer {
        predictor,
        planner,
        graph: Arc::clone(graph),
        emulated,
        policy: None,
    };
    let events = events.clone();
    spawn("robot foresight", move || {
        foresight::run(believer, &told, |foreseen| {
            // A coordinator that is too busy does without.
            let _ = events.try_send(RobotEvent::Foreseen(foreseen));
        });
    })?;
    Ok(foresight)
}

/// Takes commands to the coordinator's queue without waiting.
fn command_sink<P: Send + 'static>(events: &SyncSender<RobotEvent<P>>) -> CommandSink {
    let events = events.clone();
    CommandSink::new(move |request| {
        events
            .try_send(RobotEvent::Command(request))
            .map_err(|_| "the robot is too busy or about to stop; try again".to_owned())
    })
}

/// The lane speaks of the runtime only; this gives its words to the coordinator.
fn forward<P: Send + 'static>(
    from: Receiver<RuntimeEvent<P>>,
    to: SyncSender<RobotEvent<P>>,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("robot lane events".to_owned())
        .spawn(move || {
            for event in from {
                if to.send(RobotEvent::Runtime(event)).is_err() {
                    return;
                }
            }
        })
}

/// Takes one picture for each token: the newest at the moment when the robot can admit it.
fn feeder<P: Send + 'static>(
    source: Source,
    hub: Hub,
    events: SyncSender<RobotEvent<P>>,
) -> Result<SyncSender<()>, RobotError> {
    let (tokens, wanted) = sync_channel::<()>(1);
    spawn("robot input", move || {
        while wanted.recv().is_ok() {
            let taken = loop {
                let taken = source.take(Duration::from_millis(200));
                for warning in source.take_warnings() {
                    hub.event(Level::Warning, warning);
                }
                if let Some(taken) = taken {
                    break taken;
                }
                if let Some(reason) = source.failure() {
                    hub.event(Level::Error, format!("no more pictures: {reason}"));
                    return;
                }
            };
            if events.send(RobotEvent::Picture(taken)).is_err() {
                return;
            }
        }
    })?;
    Ok(tokens)
}
