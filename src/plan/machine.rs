//! The scheduler: events in, work out. The only place with scheduling rules; the worker, the simulator and
//! [`validate`](super::validate) all drive this.
//!
//! A device has one compute lane and one send lane per peer. The compute lane keeps list order within a frame and,
//! across frames, takes the oldest whose next step is ready; it is never preempted. Send lanes go by readiness, then
//! list order. A step waits until the regions it reads are in the frame's table. Reading several pieces is *assembly*,
//! work of its own on the compute lane. Values leave the table at their last reader, unless the program keeps them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{Linked, Step, Term, Value};
use crate::model::{Region, Span};
use crate::units::{DeviceId, Epoch, FrameKey, Nanos, NodeId};

/// Finished or cancelled frames remembered, to tell a late value from a wrong one.
const REMEMBERED: usize = 1024;
/// Frames at once; more from a peer are refused.
const MAX_FRAMES: usize = 64;

/// A piece of a node's output in a frame's table.
#[derive(Debug, Clone)]
pub struct Piece<P> {
    /// Which box of the output this is.
    pub region: Region,
    /// Whole, or a summand.
    pub term: Term,
    /// A tensor in the worker, nothing in the simulator.
    pub payload: P,
}

/// A queue of work that one thread serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// The device's compute lane.
    Compute,
    /// The send lane to a peer.
    Send(DeviceId),
}

/// What a time was taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimingOf {
    /// A step, by its index in the program.
    Step(u32),
    /// The assembly of a node's pieces.
    Assembly(NodeId),
}

/// A piece of work of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepRef {
    /// The frame.
    pub key: FrameKey,
    /// Which of its work.
    pub of: TimingOf,
}

/// When something was done, on the clock of whoever did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// What.
    pub of: TimingOf,
    /// Its start.
    pub start: Nanos,
    /// Its end.
    pub end: Nanos,
}

/// Work for a lane.
#[derive(Debug)]
pub enum Work<P> {
    /// Compute a region of a node's output. `inputs` holds one piece per input that is read, in the node's order,
    /// each covering what is read of it.
    Compute {
        /// Whose.
        step: StepRef,
        /// The operator.
        node: NodeId,
        /// The box to compute.
        out: Region,
        /// The input channels to sum over, and the addend that gives.
        over: Option<(Span, Term)>,
        /// What it reads.
        inputs: SmallVec<[Piece<P>; 2]>,
    },
    /// Sum addends in index order.
    Reduce {
        /// Whose.
        step: StepRef,
        /// The operator.
        node: NodeId,
        /// The box.
        out: Region,
        /// The addends, by index.
        addends: SmallVec<[Piece<P>; 2]>,
    },
    /// Join pieces of a node's output into one.
    Assemble {
        /// Whose.
        step: StepRef,
        /// The operator.
        node: NodeId,
        /// The box to fill.
        out: Region,
        /// Pieces that cover it; they may reach beyond it and overlap.
        pieces: SmallVec<[Piece<P>; 2]>,
    },
    /// Send a value to a peer.
    Send {
        /// Whose.
        step: StepRef,
        /// What.
        value: Value,
        /// To whom.
        to: DeviceId,
        /// Pieces that cover it.
        pieces: SmallVec<[Piece<P>; 2]>,
    },
}

/// A frame for the table.
#[derive(Debug)]
pub struct Admit<P> {
    /// Its key.
    pub key: FrameKey,
    /// What to run; `None` runs the program of the key's epoch.
    pub program: Option<Arc<Linked>>,
    /// Values that are there from the start: the camera image, or what failover resumes from.
    pub values: Vec<(Value, P)>,
}

/// Work that a lane has done.
#[derive(Debug)]
pub struct Done<P> {
    /// Which.
    pub step: StepRef,
    /// The tensor it made; none for a send.
    pub payload: Option<P>,
    /// Its start.
    pub start: Nanos,
    /// Its end.
    pub end: Nanos,
}

/// What happened.
#[derive(Debug)]
pub enum Event<P> {
    /// A frame begins here.
    Admit(Admit<P>),
    /// A lane has done its work.
    Done(Done<P>),
    /// A value came in from a peer.
    Arrived {
        /// The frame it belongs to.
        key: FrameKey,
        /// What.
        value: Value,
        /// From whom.
        from: DeviceId,
        /// The tensor.
        payload: P,
        /// When its first byte was sent or seen.
        start: Nanos,
        /// When its last byte was here.
        end: Nanos,
    },
    /// The frame is of no interest any more.
    Cancel(FrameKey),
}

/// A frame whose program is done on this device.
#[derive(Debug)]
pub struct Completed<P> {
    /// The frame.
    pub key: FrameKey,
    /// The result, on the robot.
    pub output: Option<P>,
    /// When everything was done, in the order of completion.
    pub timings: Vec<Timing>,
    /// The program that ran.
    pub program: Arc<Linked>,
}

/// A frame taken out before its end.
#[derive(Debug)]
pub struct Withdrawn<P> {
    /// What its table held.
    pub values: Vec<(Value, P)>,
    /// When what was done of it was done.
    pub timings: Vec<Timing>,
    /// The program that ran.
    pub program: Arc<Linked>,
}

/// An event that cannot be; from a peer it is a protocol error, from a lane a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MachineError {
    /// A frame under a plan that was not prepared here.
    #[error("frame {} runs under epoch {}, which is not prepared here", .0.frame, .0.epoch)]
    UnknownEpoch(FrameKey),
    /// A value that the plan does not send here.
    #[error("frame {}: the plan of epoch {} expects no {value} from {from}", .key.frame, .key.epoch)]
    Unexpected {
        /// The frame.
        key: FrameKey,
        /// What came.
        value: Value,
        /// From whom.
        from: DeviceId,
    },
    /// The same value twice, or the same frame admitted twice.
    #[error("frame {}: came twice", .0.frame)]
    Repeated(FrameKey),
    /// More frames at once than any window allows.
    #[error("frame {} would be one more than the {MAX_FRAMES} frames allowed at once", .0.frame)]
    TooManyFrames(FrameKey),
}

struct FrameState<P> {
    program: Arc<Linked>,
    /// Pieces by node.
    table: Vec<SmallVec<[Piece<P>; 1]>>,
    /// Readers still to come, by node.
    readers: Vec<u32>,
    /// Index into `Linked::compute` of the next step of the compute lane.
    next_compute: usize,
    /// The compute lane is at work on this frame.
    busy: bool,
    /// Send steps not yet ready.
    waiting_sends: SmallVec<[u32; 4]>,
    /// Steps not yet done, of every kind.
    open: usize,
    /// Receive steps already served.
    received: SmallVec<[u32; 4]>,
    timings: Vec<Timing>,
}

/// A device's scheduler: events in, work out.
pub struct Machine<P> {
    device: DeviceId,
    nodes: usize,
    programs: BTreeMap<Epoch, Arc<Linked>>,
    frames: BTreeMap<FrameKey, FrameState<P>>,
    ready_sends: Vec<(DeviceId, VecDeque<StepRef>)>,
    gone: VecDeque<FrameKey>,
    late: u64,
}

impl<P: Clone> Machine<P> {
    /// A machine for one device and a graph of `nodes` nodes.
    pub const fn new(device: DeviceId, nodes: usize) -> Self {
        Self {
            device,
            nodes,
            programs: BTreeMap::new(),
            frames: BTreeMap::new(),
            ready_sends: Vec::new(),
            gone: VecDeque::new(),
            late: 0,
        }
    }

    /// Makes a plan's program known; frames of its epoch can then be admitted or arrive.
    pub fn prepare(&mut self, epoch: Epoch, program: Arc<Linked>) {
        self.programs.insert(epoch, program);
    }

    /// Forgets programs of epochs before `oldest` that no frame in flight uses.
    pub fn retire_before(&mut self, oldest: Epoch) {
        let frames = &self.frames;
        self.programs
            .retain(|epoch, _| *epoch >= oldest || frames.keys().any(|key| key.epoch == *epoch));
    }

    /// The program of an epoch prepared here.
    pub fn program(&self, epoch: Epoch) -> Option<&Arc<Linked>> {
        self.programs.get(&epoch)
    }

    /// Frames in flight, oldest first.
    pub fn in_flight(&self) -> impl Iterator<Item = FrameKey> {
        self.frames.keys().copied()
    }

    /// Values that came for frames already finished or cancelled.
    pub const fn late(&self) -> u64 {
        self.late
    }

    /// A value of a finished or cancelled frame came and was not even unpacked.
    pub const fn count_late(&mut self) {
        self.late += 1;
    }

    /// Whether a frame is in flight.
    pub fn has_frame(&self, key: &FrameKey) -> bool {
        self.frames.contains_key(key)
    }

    /// Whether a frame was finished or cancelled here not long ago.
    pub fn is_gone(&self, key: &FrameKey) -> bool {
        self.gone.contains(key)
    }

    /// Takes an event in. A frame that it completes is returned and leaves the machine.
    ///
    /// # Errors
    /// An event that cannot be; the machine is unchanged.
    pub fn event(&mut self, event: Event<P>) -> Result<Option<Completed<P>>, MachineError> {
        match event {
            Event::Admit(admit) => self.admit(admit),
            Event::Done(done) => Ok(self.done(done)),
            Event::Arrived {
                key,
                value,
                from,
                payload,
                start,
                end,
            } => self.arrived(key, value, from, payload, (start, end)),
            Event::Cancel(key) => {
                self.withdraw(key);
                Ok(None)
            }
        }
    }

    /// The next work of a lane, or none until another event.
    pub fn next(&mut self, lane: Lane) -> Option<Work<P>> {
        match lane {
            Lane::Compute => self.next_compute(),
            Lane::Send(peer) => self.next_send(peer),
        }
    }

    /// Whether a send to this peer is ready.
    pub fn has_ready_send(&self, peer: DeviceId) -> bool {
        self.ready_sends
            .iter()
            .any(|(device, queue)| *device == peer && !queue.is_empty())
    }

    /// Whether the end of this work can be seen outside the compute lane: a send reads what it makes, or it is the
    /// frame's last here.
    pub fn is_seen_outside(&self, step: &StepRef) -> bool {
        let Some(frame) = self.frames.get(&step.key) else {
            return false;
        };
        let program = &frame.program;
        let (node, last) = match step.of {
            TimingOf::Assembly(node) => (Some(node), frame.next_compute >= program.compute.len()),
            TimingOf::Step(index) => {
                let made = program.program.steps.get(index as usize);
                let made = made.and_then(Step::result).map(|value| value.node);
                (made, frame.next_compute + 1 >= program.compute.len())
            }
        };
        let sent = |&send: &u32| {
            let mut reads = program.reads[send as usize].iter();
            reads.any(|read| Some(read.node) == node)
        };
        last || frame.waiting_sends.iter().any(sent)
    }

    /// Takes a frame out with what its table held and what was done for it: what failover resumes from.
    pub fn withdraw(&mut self, key: FrameKey) -> Option<Withdrawn<P>> {
        let Some(frame) = self.frames.remove(&key) else {
            // Of a frame that has not begun here: a value of it that comes later must not begin it.
            if !self.is_gone(&key) {
                self.remember(key);
            }
            return None;
        };
        self.remember(key);
        let named = |(node, pieces): (u32, SmallVec<[Piece<P>; 1]>)| {
            pieces.into_iter().map(move |piece| {
                let value = Value {
                    node: NodeId(node),
                    region: piece.region,
                    term: piece.term,
                };
                (value, piece.payload)
            })
        };
        Some(Withdrawn {
            values: (0..).zip(frame.table).flat_map(named).collect(),
            timings: frame.timings,
            program: frame.program,
        })
    }

    fn remember(&mut self, key: FrameKey) {
        if self.gone.len() == REMEMBERED {
            self.gone.pop_front();
        }
        self.gone.push_back(key);
        for (_, queue) in &mut self.ready_sends {
            queue.retain(|step| step.key != key);
        }
    }

    fn admit(&mut self, admit: Admit<P>) -> Result<Option<Completed<P>>, MachineError> {
        let key = admit.key;
        if self.frames.contains_key(&key) {
            return Err(MachineError::Repeated(key));
        }
        self.open(key, admit.program)?;
        for (value, payload) in admit.values {
            self.insert(key, value, payload);
        }
        Ok(self.complete(key))
    }

    fn open(&mut self, key: FrameKey, program: Option<Arc<Linked>>) -> Result<(), MachineError> {
        if self.frames.len() >= MAX_FRAMES {
            return Err(MachineError::TooManyFrames(key));
        }
        let program = program
            .or_else(|| self.programs.get(&key.epoch).cloned())
            .ok_or(MachineError::UnknownEpoch(key))?;
        let state = FrameState {
            table: (0..self.nodes).map(|_| SmallVec::new()).collect(),
            readers: program.readers.clone(),
            next_compute: 0,
            busy: false,
            waiting_sends: program.sends.iter().copied().collect(),
            open: program.program.steps.len(),
            received: SmallVec::new(),
            timings: Vec::with_capacity(program.program.steps.len() + 4),
            program,
        };
        self.frames.insert(key, state);
        Ok(())
    }

    fn arrived(
        &mut self,
        key: FrameKey,
        value: Value,
        from: DeviceId,
        payload: P,
        (start, end): (Nanos, Nanos),
    ) -> Result<Option<Completed<P>>, MachineError> {
        if !self.frames.contains_key(&key) {
            // Only the robot gives frames their numbers; on a server a frame begins with its first value.
            if self.device == DeviceId::ROBOT || self.is_gone(&key) {
                self.late += 1;
                return Ok(None);
            }
            let program = self.programs.get(&key.epoch);
            let program = program.ok_or(MachineError::UnknownEpoch(key))?;
            if program.receive_step(&value, from).is_none() {
                return Err(MachineError::Unexpected { key, value, from });
            }
            self.open(key, None)?;
        }
        let Some(frame) = self.frames.get_mut(&key) else {
            return Ok(None);
        };
        let Some(step) = frame.program.receive_step(&value, from) else {
            return Err(MachineError::Unexpected { key, value, from });
        };
        if frame.received.contains(&step) {
            return Err(MachineError::Repeated(key));
        }
        frame.received.push(step);
        frame.open -= 1;
        frame.timings.push(Timing {
            of: TimingOf::Step(step),
            start,
            end,
        });
        self.insert(key, value, payload);
        Ok(self.complete(key))
    }

    fn done(&mut self, done: Done<P>) -> Option<Completed<P>> {
        let StepRef { key, of } = done.step;
        // The frame may have been withdrawn while its lane was at work.
        let frame = self.frames.get_mut(&key)?;
        frame.timings.push(Timing {
            of,
            start: done.start,
            end: done.end,
        });
        match of {
            TimingOf::Assembly(node) => {
                frame.busy = false;
                if let Some(payload) = done.payload {
                    let out = frame.assembly_target(node)?;
                    let table = &mut frame.table[node.index()];
                    table.retain(|p| p.term != Term::Whole || !out.covers(&p.region));
                    table.push(Piece {
                        region: out,
                        term: Term::Whole,
                        payload,
                    });
                }
                // The result itself may come in pieces.
                self.complete(key)
            }
            TimingOf::Step(index) => {
                let program = Arc::clone(&frame.program);
                let step = &program.program.steps[index as usize];
                frame.open -= 1;
                if matches!(step, Step::Compute { .. } | Step::Reduce { .. }) {
                    frame.busy = false;
                    frame.next_compute += 1;
                }
                frame.release(&program.reads[index as usize]);
                if let (Some(value), Some(payload)) = (step.result(), done.payload) {
                    self.insert(key, value, payload);
                }
                self.complete(key)
            }
        }
    }

    /// Puts a piece into a frame's table and queues the sends that it makes ready.
    fn insert(&mut self, key: FrameKey, value: Value, payload: P) {
        let Some(frame) = self.frames.get_mut(&key) else {
            return;
        };
        let node = value.node.index();
        if frame.readers[node] == 0 && !frame.program.kept[node] {
            return;
        }
        frame.table[node].push(Piece {
            region: value.region,
            term: value.term,
            payload,
        });
        let program = Arc::clone(&frame.program);
        let table = &frame.table;
        let mut ready = SmallVec::<[u32; 4]>::new();
        frame.waiting_sends.retain(|&mut send| {
            let reads = &program.reads[send as usize];
            let is_ready = reads.iter().all(|v| is_covered(&table[v.node.index()], v));
            if is_ready {
                ready.push(send);
            }
            !is_ready
        });
        for send in ready {
            if let Step::Send { to, .. } = program.program.steps[send as usize] {
                let step = StepRef {
                    key,
                    of: TimingOf::Step(send),
                };
                self.send_queue(to).push_back(step);
            }
        }
    }

    fn send_queue(&mut self, to: DeviceId) -> &mut VecDeque<StepRef> {
        let at = self.ready_sends.iter().position(|(d, _)| *d == to);
        let at = at.unwrap_or_else(|| {
            self.ready_sends.push((to, VecDeque::new()));
            self.ready_sends.len() - 1
        });
        &mut self.ready_sends[at].1
    }

    fn next_compute(&mut self) -> Option<Work<P>> {
        self.frames
            .iter_mut()
            .find_map(|(&key, frame)| frame.next_compute(key))
    }

    fn next_send(&mut self, peer: DeviceId) -> Option<Work<P>> {
        let step = self.send_queue(peer).pop_front()?;
        let TimingOf::Step(index) = step.of else {
            return None;
        };
        let frame = self.frames.get(&step.key)?;
        let Step::Send { value, to } = frame.program.program.steps[index as usize] else {
            return None;
        };
        let pieces = frame.pieces_for(&value);
        Some(Work::Send {
            step,
            value,
            to,
            pieces,
        })
    }

    fn complete(&mut self, key: FrameKey) -> Option<Completed<P>> {
        let frame = self.frames.get(&key)?;
        if frame.open > 0 {
            return None;
        }
        let output = match &frame.program.output {
            Some(value) => {
                let table = &frame.table[value.node.index()];
                let whole = table.iter().find(|p| serves(p, value));
                Some(whole?.payload.clone())
            }
            None => None,
        };
        let frame = self.frames.remove(&key)?;
        self.remember(key);
        Some(Completed {
            key,
            output,
            timings: frame.timings,
            program: frame.program,
        })
    }
}

impl<P: Clone> FrameState<P> {
    fn next_compute(&mut self, key: FrameKey) -> Option<Work<P>> {
        if self.busy {
            return None;
        }
        let Some(&index) = self.program.compute.get(self.next_compute) else {
            let output = self.program.output?;
            return self.assemble(key, &output);
        };
        let program = Arc::clone(&self.program);
        let mut inputs = SmallVec::new();
        for read in &program.reads[index as usize] {
            let table = &self.table[read.node.index()];
            match table.iter().find(|p| serves(p, read)) {
                Some(piece) => inputs.push(piece.clone()),
                None => return self.assemble(key, read),
            }
        }
        self.busy = true;
        let step = StepRef {
            key,
            of: TimingOf::Step(index),
        };
        match self.program.program.steps[index as usize] {
            Step::Compute { node, out, over } => Some(Work::Compute {
                step,
                node,
                out,
                over,
                inputs,
            }),
            Step::Reduce { node, out, .. } => Some(Work::Reduce {
                step,
                node,
                out,
                addends: inputs,
            }),
            Step::Send { .. } | Step::Receive { .. } => None,
        }
    }

    /// Joins the pieces of what is read next, or of the result, once they are all there.
    fn assemble(&mut self, key: FrameKey, read: &Value) -> Option<Work<P>> {
        let table = &self.table[read.node.index()];
        if table.iter().any(|p| serves(p, read)) || !is_covered(table, read) {
            return None;
        }
        self.busy = true;
        Some(Work::Assemble {
            step: StepRef {
                key,
                of: TimingOf::Assembly(read.node),
            },
            node: read.node,
            out: read.region,
            pieces: self.pieces_for(read),
        })
    }

    /// The box that an assembly of `node` was asked for: what the compute lane's next step reads of it, or the result.
    fn assembly_target(&self, node: NodeId) -> Option<Region> {
        let Some(&index) = self.program.compute.get(self.next_compute) else {
            return self.program.output.map(|output| output.region);
        };
        let reads = &self.program.reads[index as usize];
        let read = reads
            .iter()
            .find(|r| r.node == node && !self.table[node.index()].iter().any(|p| serves(p, r)))?;
        Some(read.region)
    }

    fn pieces_for(&self, read: &Value) -> SmallVec<[Piece<P>; 2]> {
        let table = &self.table[read.node.index()];
        if let Some(piece) = table.iter().find(|p| serves(p, read)) {
            return SmallVec::from_iter([piece.clone()]);
        }
        let touches =
            |p: &&Piece<P>| p.term == read.term && !p.region.intersect(&read.region).is_empty();
        table.iter().filter(touches).cloned().collect()
    }

    /// Counts a step's reads as done and drops what nobody reads any more.
    fn release(&mut self, reads: &[Value]) {
        for (i, read) in reads.iter().enumerate() {
            if reads[..i].iter().any(|r| r.node == read.node) {
                continue;
            }
            self.let_go(read.node);
            let program = Arc::clone(&self.program);
            for &held in &program.holds[read.node.index()] {
                self.let_go(held);
            }
        }
    }

    /// One reader less of a node.
    fn let_go(&mut self, node: NodeId) {
        let node = node.index();
        self.readers[node] -= 1;
        if self.readers[node] == 0 && !self.program.kept[node] {
            self.table[node].clear();
        }
    }
}

impl Step {
    /// The value that a compute or reduce step makes.
    pub fn result(&self) -> Option<Value> {
        match *self {
            Self::Compute { node, out, over } => Some(Value {
                node,
                region: out,
                term: over.map_or(Term::Whole, |(_, term)| term),
            }),
            Self::Reduce { node, out, .. } => Some(Value {
                node,
                region: out,
                term: Term::Whole,
            }),
            Self::Send { .. } | Self::Receive { .. } => None,
        }
    }
}

/// Whether one piece alone serves a read.
fn serves<P>(piece: &Piece<P>, read: &Value) -> bool {
    piece.term == read.term && piece.region.covers(&read.region)
}

/// Whether the pieces together serve a read.
fn is_covered<P>(pieces: &[Piece<P>], read: &Value) -> bool {
    pieces.iter().any(|p| serves(p, read))
        || (pieces.len() > 1
            && read.region.is_covered_by(
                pieces
                    .iter()
                    .filter(|p| p.term == read.term)
                    .map(|p| &p.region),
            ))
}

impl<P: Clone> Machine<P> {
    /// What the oldest frame in flight waits for, in words; none when nothing is in flight.
    pub fn waiting_for(&self) -> Option<String> {
        let frame = self.frames.values().next()?;
        let next = frame.program.compute.get(frame.next_compute);
        let step = next.or_else(|| frame.waiting_sends.first());
        let missing = step.and_then(|&i| {
            frame.program.reads[i as usize]
                .iter()
                .find(|read| !is_covered(&frame.table[read.node.index()], read))
        });
        Some(match (missing, &frame.program.output) {
            (Some(value), _) => value.to_string(),
            (None, Some(output)) => output.to_string(),
            (None, None) => format!("{} more steps", frame.open),
        })
    }
}
