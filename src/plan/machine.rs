//! The scheduler: events in, work out. The only place with scheduling rules; the worker, the simulator and
//! [`validate`](super::validate) all drive this.
//!
//! A device has one compute lane and one send lane per peer. The compute lane keeps list order within a frame and,
//! across frames, takes the oldest whose next step is ready; it is never preempted. Send lanes go by readiness, then
//! list order. A step waits until the regions it reads are in the frame's table. Reading several pieces is *assembly*,
//! work of its own on the compute lane. Values leave the table at their last reader, unless the program keeps them.

mod event;
mod frame;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Linked, Packed, Step, Term, Value};
use crate::units::{DeviceId, Epoch, FrameKey, Nanos, NodeId};

pub use event::{
    Admit, Completed, Done, Event, Lane, Piece, StepRef, Timing, TimingOf, Withdrawn, Work,
};
use frame::{FrameState, is_covered, serves};

/// Finished or cancelled frames remembered, to tell a late value from a wrong one.
const REMEMBERED: usize = 1024;
/// Frames at once; more from a peer are refused.
const MAX_FRAMES: usize = 64;

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

/// A device's scheduler: events in, work out.
pub struct Machine<P> {
    device: DeviceId,
    nodes: usize,
    programs: BTreeMap<Epoch, Arc<Linked>>,
    frames: BTreeMap<FrameKey, FrameState<P>>,
    ready_sends: Vec<(DeviceId, VecDeque<StepRef>)>,
    gone: VecDeque<FrameKey>,
    late: u64,
    /// How the value of the transfer whose end is told next was packed.
    packed: Option<(StepRef, Packed)>,
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
            packed: None,
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

    /// Says how the value was packed of the transfer whose end is the next event.
    pub const fn packed(&mut self, step: StepRef, packed: Packed) {
        self.packed = Some((step, packed));
    }

    fn packed_of(&mut self, key: FrameKey, of: TimingOf) -> Option<Packed> {
        let step = StepRef { key, of };
        self.packed
            .take()
            .filter(|(s, _)| *s == step)
            .map(|(_, packed)| packed)
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
        self.ready_sends(peer) > 0
    }

    /// Sends to this peer that are ready and not begun.
    pub fn ready_sends(&self, peer: DeviceId) -> usize {
        let mut queues = self.ready_sends.iter();
        let queue = queues.find(|(device, _)| *device == peer);
        queue.map_or(0, |(_, queue)| queue.len())
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
        let Some(frame) = self.frames.get(&key) else {
            return Ok(None);
        };
        let Some(step) = frame.program.receive_step(&value, from) else {
            return Err(MachineError::Unexpected { key, value, from });
        };
        let packed = self.packed_of(key, TimingOf::Step(step));
        let Some(frame) = self.frames.get_mut(&key) else {
            return Ok(None);
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
            packed,
        });
        self.insert(key, value, payload);
        Ok(self.complete(key))
    }

    fn done(&mut self, done: Done<P>) -> Option<Completed<P>> {
        let StepRef { key, of } = done.step;
        let packed = self.packed_of(key, of);
        // The frame may have been withdrawn while its lane was at work.
        let frame = self.frames.get_mut(&key)?;
        frame.timings.push(Timing {
            of,
            start: done.start,
            end: done.end,
            packed,
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

#[cfg(test)]
mod tests;
