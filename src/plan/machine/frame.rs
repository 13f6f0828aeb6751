//! One frame on one device: its table of pieces, what is next for the compute lane, what may be dropped.

use std::sync::Arc;

use smallvec::SmallVec;

use super::super::{Linked, Step, Value};
use super::{Piece, StepRef, Timing, TimingOf, Work};
use crate::model::Region;
use crate::units::{FrameKey, NodeId};

pub(super) struct FrameState<P> {
    pub(super) program: Arc<Linked>,
    /// Pieces by node.
    pub(super) table: Vec<SmallVec<[Piece<P>; 1]>>,
    /// Readers still to come, by node.
    pub(super) readers: Vec<u32>,
    /// Index into `Linked::compute` of the next step of the compute lane.
    pub(super) next_compute: usize,
    /// The compute lane is at work on this frame.
    pub(super) busy: bool,
    /// Send steps not yet ready.
    pub(super) waiting_sends: SmallVec<[u32; 4]>,
    /// Steps not yet done, of every kind.
    pub(super) open: usize,
    /// Receive steps already served.
    pub(super) received: SmallVec<[u32; 4]>,
    pub(super) timings: Vec<Timing>,
}

impl<P: Clone> FrameState<P> {
    pub(super) fn next_compute(&mut self, key: FrameKey) -> Option<Work<P>> {
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
    pub(super) fn assembly_target(&self, node: NodeId) -> Option<Region> {
        let Some(&index) = self.program.compute.get(self.next_compute) else {
            return self.program.output.map(|output| output.region);
        };
        let reads = &self.program.reads[index as usize];
        let read = reads
            .iter()
            .find(|r| r.node == node && !self.table[node.index()].iter().any(|p| serves(p, r)))?;
        Some(read.region)
    }

    pub(super) fn pieces_for(&self, read: &Value) -> SmallVec<[Piece<P>; 2]> {
        let table = &self.table[read.node.index()];
        if let Some(piece) = table.iter().find(|p| serves(p, read)) {
            return SmallVec::from_iter([piece.clone()]);
        }
        let touches =
            |p: &&Piece<P>| p.term == read.term && !p.region.intersect(&read.region).is_empty();
        table.iter().filter(touches).cloned().collect()
    }

    /// Counts a step's reads as done and drops what nobody reads any more.
    pub(super) fn release(&mut self, reads: &[Value]) {
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

/// Whether one piece alone serves a read.
pub(super) fn serves<P>(piece: &Piece<P>, read: &Value) -> bool {
    piece.term == read.term && piece.region.covers(&read.region)
}

/// Whether the pieces together serve a read.
pub(super) fn is_covered<P>(pieces: &[Piece<P>], read: &Value) -> bool {
    pieces.iter().any(|p| serves(p, read))
        || (pieces.len() > 1
            && read.region.is_covered_by(
                pieces
                    .iter()
                    .filter(|p| p.term == read.term)
                    .map(|p| &p.region),
            ))
}
