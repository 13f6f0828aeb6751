//! Lanes around the machine: one thread that computes, and what link threads call to bring values in and out.
//!
//! The machine stands under one mutex. The compute lane takes its next work and reports the last in one go, so an
//! operator costs one lock and two clock readings; no other thread is woken unless a send became ready.
//!
//! Under an emulated engine the lane has a clock of its own: work begins where the last ended, or when something came
//! from outside if that was later, and ends as much later as the engine says. Steps are too short to be slept one by
//! one, so the lane runs ahead of the real clock, but never by more than `MAX_AHEAD_NS`, and it sleeps to the end of
//! whatever can be seen outside.

mod receive;
mod send;

use std::collections::BTreeMap;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock;
use crate::engine::{Engine, EngineError};
use crate::link::{Goodput, Outbox};
use crate::model::Graph;
use crate::plan::{
    Admit, Codec, Completed, Done, Event, Lane, Linked, Machine, MachineError, StepRef, Value,
    Withdrawn, Work,
};
use crate::power::{Activity, EmulatedState};
use crate::units::{DeviceId, Epoch, FrameId, FrameKey, Nanos, NodeId};
use crate::worker::peer::PeerLink;

pub use receive::{Receiver, Taken};
pub use send::SendLane;

/// How far an emulated lane runs ahead of the real clock: what comes from outside meanwhile waits so long at most.
const MAX_AHEAD_NS: i64 = 1_000_000;

/// What a runtime tells its owner.
#[derive(Debug)]
pub enum RuntimeEvent<P> {
    /// A frame's program is done on this device.
    Completed(Completed<P>),
    /// A frame cannot be computed here; it has left the machine.
    Failed {
        /// Which.
        key: FrameKey,
        /// Why.
        error: EngineError,
    },
}

struct State<P> {
    machine: Machine<P>,
    ports: Vec<(DeviceId, Arc<Outbox>)>,
    /// How values are packed, by plan.
    codecs: BTreeMap<Epoch, Codec>,
    /// When something last came from outside: a frame or a value.
    changed: Nanos,
    stopped: bool,
}

struct Shared<P> {
    graph: Arc<Graph>,
    /// What an emulated device draws follows the lanes.
    power: Option<EmulatedState>,
    state: Mutex<State<P>>,
    compute: Condvar,
}

/// A device's lanes for one model. Dropping it ends the compute lane after its current operator.
pub struct Runtime<E: Engine> {
    shared: Arc<Shared<E::Payload>>,
    place: E::Place,
    lane: Option<JoinHandle<()>>,
}

impl<P> Shared<P> {
    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_power(&self, activity: Activity, busy: bool) {
        if let Some(power) = &self.power {
            power.set(activity, busy);
        }
    }
}

impl<P: Clone> Shared<P> {
    /// Takes something from outside in, under the lock that `state` is.
    fn event(
        &self,
        mut state: MutexGuard<'_, State<P>>,
        event: Event<P>,
    ) -> Result<Option<Completed<P>>, MachineError> {
        state.changed = clock::now();
        let completed = state.machine.event(event)?;
        state.poke();
        drop(state);
        self.compute.notify_one();
        Ok(completed)
    }
}

impl<P: Clone> State<P> {
    /// Wakes the send lanes that have something to do.
    fn poke(&self) {
        for (peer, outbox) in &self.ports {
            if self.machine.has_ready_send(*peer) {
                outbox.poke();
            }
        }
    }
}

impl<E: Engine> Runtime<E> {
    /// Starts the compute lane with `engine`, on one CPU core if asked; events of frames go to `events`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        device: DeviceId,
        graph: Arc<Graph>,
        engine: E,
        core: Option<usize>,
        events: SyncSender<RuntimeEvent<E::Payload>>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                machine: Machine::new(device, graph.nodes().len()),
                ports: Vec::new(),
                codecs: BTreeMap::new(),
                changed: Nanos(0),
                stopped: false,
            }),
            power: engine.power(),
            graph,
            compute: Condvar::new(),
        });
        let place = engine.place();
        let lane = std::thread::Builder::new()
            .name(format!("{device} compute"))
            .spawn({
                let shared = Arc::clone(&shared);
                move || {
                    pin(core);
                    compute_lane(&shared, engine, &events);
                }
            })?;
        Ok(Self {
            shared,
            place,
            lane: Some(lane),
        })
    }

    /// The model.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.shared.graph
    }

    /// A value for the lanes from its raw little-endian elements.
    ///
    /// # Errors
    /// What the engine says.
    pub fn import(&self, value: &Value, bytes: &[u8]) -> Result<E::Payload, EngineError> {
        E::import(&self.place, &self.shared.graph, value, bytes)
    }

    /// Makes a plan's program known, and how its values are packed.
    pub fn prepare(&self, epoch: Epoch, program: Arc<Linked>, codec: Codec) {
        let mut state = self.shared.lock();
        state.machine.prepare(epoch, program);
        state.codecs.insert(epoch, codec);
    }

    /// Forgets plans before `oldest` that no frame in flight uses.
    pub fn retire_before(&self, oldest: Epoch) {
        let mut state = self.shared.lock();
        let State {
            machine, codecs, ..
        } = &mut *state;
        machine.retire_before(oldest);
        codecs.retain(|&epoch, _| machine.program(epoch).is_some());
    }

    /// Connects a peer's send lane.
    pub fn attach(&self, peer: DeviceId, outbox: Arc<Outbox>) {
        let mut state = self.shared.lock();
        state.ports.retain(|(device, _)| *device != peer);
        state.ports.push((peer, outbox));
        state.poke();
    }

    /// Disconnects a peer's send lane.
    pub fn detach(&self, peer: DeviceId) {
        let mut state = self.shared.lock();
        state.ports.retain(|(device, _)| *device != peer);
    }

    /// Begins a frame with the values that are there from the start.
    ///
    /// # Errors
    /// A frame that cannot be; see [`MachineError`].
    pub fn admit(
        &self,
        admit: Admit<E::Payload>,
    ) -> Result<Option<Completed<E::Payload>>, MachineError> {
        self.shared.event(self.shared.lock(), Event::Admit(admit))
    }

    /// Takes a frame out of the machine with what it holds; none if it is not in flight here.
    pub fn withdraw(&self, key: FrameKey) -> Option<Withdrawn<E::Payload>> {
        self.shared.lock().machine.withdraw(key)
    }

    /// Takes every frame out.
    pub fn withdraw_all(&self) {
        let mut state = self.shared.lock();
        let all: Vec<_> = state.machine.in_flight().collect();
        for key in all {
            state.machine.withdraw(key);
        }
    }

    /// Frames in flight, oldest first.
    pub fn in_flight(&self) -> Vec<FrameKey> {
        self.shared.lock().machine.in_flight().collect()
    }

    /// Values that are ready for a peer's send lane.
    pub fn values_waiting(&self, peer: DeviceId) -> usize {
        self.shared.lock().machine.ready_sends(peer)
    }

    /// Values that came too late so far.
    pub fn late(&self) -> u64 {
        self.shared.lock().machine.late()
    }

    /// The send lane for a peer; `link`, on the robot, follows its transfers. `goodput` is what the link carries.
    pub fn send_lane(
        &self,
        peer: DeviceId,
        events: SyncSender<RuntimeEvent<E::Payload>>,
        link: Option<Arc<PeerLink>>,
        goodput: Arc<Goodput>,
    ) -> SendLane<E> {
        SendLane::new(Arc::clone(&self.shared), peer, events, link, goodput)
    }
}

impl<E: Engine> Drop for Runtime<E> {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.compute.notify_all();
        if let Some(lane) = self.lane.take() {
            // A lane that panicked has said so; there is nothing to add here.
            let _ = lane.join();
        }
    }
}

/// The CPU cores that this process may use; empty where the system does not say.
pub fn usable_cores() -> Vec<usize> {
    let set = rustix::thread::sched_getaffinity(None);
    set.map_or_else(
        |_| Vec::new(),
        |set| {
            let all = 0..rustix::thread::CpuSet::MAX_CPU;
            all.filter(|&core| set.is_set(core)).collect()
        },
    )
}

/// Keeps the calling thread on one core, so that two workers on one machine do not fight.
fn pin(core: Option<usize>) {
    let Some(core) = core else { return };
    let mut cores = rustix::thread::CpuSet::new();
    if core < rustix::thread::CpuSet::MAX_CPU {
        cores.set(core);
    }
    if let Err(error) = rustix::thread::sched_setaffinity(None, &cores) {
        tracing::warn!("cannot keep the compute lane on core {core}: {error}");
    }
}

type Outcome<P> = (StepRef, Result<P, EngineError>, Nanos, Nanos);

fn compute_lane<E: Engine>(
    shared: &Shared<E::Payload>,
    mut engine: E,
    events: &SyncSender<RuntimeEvent<E::Payload>>,
) {
    engine.on_lane(&mut |engine| {
        let mut last: Option<Outcome<E::Payload>> = None;
        // Where an emulated lane is on its own clock.
        let mut ended = Nanos(i64::MIN);
        loop {
            if E::EMULATED
                && let Some((step, _, _, end)) = &last
            {
                ended = *end;
                let seen = shared.lock().machine.is_seen_outside(step);
                if seen || ended > clock::now().shifted(MAX_AHEAD_NS) {
                    sleep_until(ended);
                }
            }
            let mut state = shared.lock();
            let event = last.take().and_then(|outcome| report(&mut state, outcome));
            if let Some(event) = event {
                drop(state);
                if events.send(event).is_err() {
                    return;
                }
                continue;
            }
            let work = loop {
                if state.stopped {
                    return;
                }
                if let Some(work) = state.machine.next(Lane::Compute) {
                    break work;
                }
                shared.set_power(Activity::Compute, false);
                state = shared
                    .compute
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            };
            // An idle lane begins when what it waited for came, a busy one where it ended.
            let from = ended.max(state.changed);
            drop(state);
            shared.set_power(Activity::Compute, true);
            last = perform(&shared.graph, engine, work, from);
        }
    });
}

/// Tells the machine what the lane has done; gives the event that follows for the owner, if any.
fn report<P: Clone>(state: &mut State<P>, outcome: Outcome<P>) -> Option<RuntimeEvent<P>> {
    let (step, result, start, end) = outcome;
    match result {
        Ok(payload) => {
            let done = Done {
                step,
                payload: Some(payload),
                start,
                end,
            };
            // `Done` cannot be refused: the machine gave this work out.
            let completed = state.machine.event(Event::Done(done)).ok().flatten();
            state.poke();
            completed.map(RuntimeEvent::Completed)
        }
        Err(error) => {
            state.machine.withdraw(step.key);
            Some(RuntimeEvent::Failed {
                key: step.key,
                error,
            })
        }
    }
}

/// Waits for a point in time, not for a length: what one sleep takes too long, the next does not.
fn sleep_until(at: Nanos) {
    let ns = at.since(clock::now());
    if ns > 0 {
        std::thread::sleep(Duration::from_nanos(ns.unsigned_abs()));
    }
}

/// Does a piece of work; emulated, it begins at `from`.
fn perform<E: Engine>(
    graph: &Graph,
    engine: &mut E,
    work: Work<E::Payload>,
    from: Nanos,
) -> Option<Outcome<E::Payload>> {
    let emulated_ns = engine.duration_ns(graph, &work);
    let start = if emulated_ns.is_some() {
        from
    } else {
        clock::now()
    };
    let (step, result) = match work {
        Work::Compute {
            step,
            node,
            out,
            over,
            inputs,
        } => {
            let node = graph.node(node);
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
        Work::Send { .. } => return None,
    };
    let end = emulated_ns.map_or_else(clock::now, |ns| start.shifted(ns));
    Some((step, result, start, end))
}

/// Computes every operator twice on zeros, so that the first frame does not pay for the library's set-up. Gives the
/// second pass's time of every node, in nanoseconds.
///
/// # Errors
/// An operator that fails.
pub fn warm_up<E: Engine>(engine: &mut E, graph: &Graph) -> Result<Vec<i64>, EngineError> {
    local_pass(engine, graph)?;
    local_pass(engine, graph)
}

fn local_pass<E: Engine>(engine: &mut E, graph: &Graph) -> Result<Vec<i64>, EngineError> {
    let mut machine: Machine<E::Payload> = Machine::new(DeviceId::ROBOT, graph.nodes().len());
    let output = Value::whole(graph, graph.output());
    let image = Value::whole(graph, NodeId::INPUT);
    let program = crate::plan::resume(graph, &[image]);
    let zeros = vec![0; image.bytes(graph).0 as usize];
    let mut admit = Some(Admit {
        key: FrameKey {
            frame: FrameId(0),
            attempt: 0,
            epoch: Epoch(0),
        },
        program: Some(Linked::new(graph, program, Some(output))),
        values: vec![(image, E::import(&engine.place(), graph, &image, &zeros)?)],
    });
    let mut times = vec![0; graph.nodes().len()];
    let mut failed = None;
    engine.on_lane(&mut |engine| {
        let Some(admit) = admit.take() else { return };
        // Nothing here can be refused: the program is compiled for this graph.
        let _ = machine.event(Event::Admit(admit));
        while let Some(work) = machine.next(Lane::Compute) {
            let node = match &work {
                Work::Compute { node, .. } => node.index(),
                _ => 0,
            };
            let Some((step, result, start, end)) = perform(graph, engine, work, Nanos(0)) else {
                return;
            };
            times[node] = end.since(start);
            match result {
                Ok(payload) => {
                    let _ = machine.event(Event::Done(Done {
                        step,
                        payload: Some(payload),
                        start,
                        end,
                    }));
                }
                Err(error) => {
                    failed = Some(error);
                    return;
                }
            }
        }
    });
    failed.map_or(Ok(times), Err)
}
