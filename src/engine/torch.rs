//! libtorch: real tensors, on the CPU or on a CUDA GPU. The only folder that names `tch`; every call into libtorch is in
//! `ops`.
//!
//! A GPU computes behind the program's back: a call returns when the work is queued. So on CUDA every step is followed by
//! a synchronisation, and its time is the GPU's own with what that costs on top (`cargo xtask bench operators` has the
//! ratio to a forward pass that is synchronised once).

mod allocator;
mod ops;

use std::collections::HashMap;

use smallvec::SmallVec;
use tch::{Kind, Tensor};

use super::processor::Processor;
use super::{Engine, EngineError};
use crate::model::weights::Weights;
use crate::model::{DType, Graph, Node, Region, Span, need};
use crate::plan::{Piece, Term, Value};

pub use allocator::keep_freed_memory;

/// What computes, for people, and on a GPU how steps are timed.
pub fn describe(processor: Processor, threads: u16) -> String {
    let version = ops::TORCH_VERSION;
    let plural = if threads == 1 { "" } else { "s" };
    match processor {
        Processor::Cpu => format!("libtorch {version}, CPU, {threads} thread{plural}"),
        Processor::Cuda(_) => format!("libtorch {version}, {processor}, steps synchronised"),
    }
}

/// Whether this libtorch can compute there.
///
/// # Errors
/// A sentence that says what it can.
pub fn check(processor: Processor) -> Result<(), String> {
    let Processor::Cuda(number) = processor else {
        return Ok(());
    };
    match cuda_devices() {
        0 => Err(format!(
            "{processor}: this libtorch {} sees no CUDA device; give LIBTORCH a libtorch built for CUDA and look at what \
             `splitscope doctor` says, or use --torch-device cpu",
            ops::TORCH_VERSION
        )),
        n if i64::from(number) >= n => Err(format!(
            "{processor}: this libtorch sees {n} CUDA device{}, counted from 0",
            if n == 1 { "" } else { "s" }
        )),
        _ => Ok(()),
    }
}

/// Computes something small, so that a libtorch that cannot is found out; says what computes.
///
/// # Errors
/// libtorch's own words.
pub fn try_out() -> Result<String, String> {
    let tensor = ops::from_f32(&[1.0, 2.0, 3.0, 4.0], &[2, 2], Processor::Cpu);
    let tensor = tensor.map_err(|e| e.to_string())?;
    match tensor.size().as_slice() {
        [2, 2] => Ok(format!(
            "{}: a tensor was made",
            describe(Processor::Cpu, 1)
        )),
        other => Err(format!("four numbers became a tensor of {other:?}")),
    }
}

/// CUDA devices that this libtorch can use.
pub fn cuda_devices() -> i64 {
    if tch::Cuda::is_available() {
        tch::Cuda::device_count()
    } else {
        0
    }
}

/// A tensor handle that can be cloned: libtorch counts the references.
#[derive(Debug)]
pub struct Handle(Tensor);

impl Clone for Handle {
    fn clone(&self) -> Self {
        Self(self.0.shallow_clone())
    }
}

/// The parameters of one operator, in the order that its `ops` function takes them.
#[derive(Debug, Default)]
struct Parameters(Vec<Tensor>);

/// libtorch for one model.
#[derive(Debug)]
pub struct TorchEngine {
    processor: Processor,
    parameters: Vec<Parameters>,
    normalize: Option<(Tensor, Tensor)>,
    threads: u16,
}

impl TorchEngine {
    /// [`on`](Self::on) the CPU.
    ///
    /// # Errors
    /// A parameter of the graph that `weights` lacks or has in another shape.
    pub fn new(graph: &Graph, weights: &Weights, threads: u16) -> Result<Self, EngineError> {
        Self::on(Processor::Cpu, graph, weights, threads)
    }

    /// Copies a model's weights into tensors on a processor. `threads` is the number of CPU threads an operator may use.
    ///
    /// # Errors
    /// A parameter of the graph that `weights` lacks or has in another shape, or what libtorch says of the processor.
    pub fn on(
        processor: Processor,
        graph: &Graph,
        weights: &Weights,
        threads: u16,
    ) -> Result<Self, EngineError> {
        let mut parameters = Vec::with_capacity(graph.nodes().len());
        let mut normalize = None;
        for node in graph.nodes() {
            let mut mine = Vec::new();
            for spec in graph.node_parameters(node) {
                let found = weights.get(&spec.name).filter(|w| w.shape == spec.shape);
                let found = found.ok_or_else(|| {
                    EngineError::Weights(format!(
                        "the weights lack {} of shape {:?}",
                        spec.name, spec.shape
                    ))
                })?;
                let size: Vec<i64> = spec.shape.iter().map(|&d| i64::from(d)).collect();
                mine.push(
                    ops::from_f32(&found.data, &size, processor)
                        .map_err(|e| ops::failed(node, &e))?,
                );
            }
            if let crate::model::Op::Normalize { mean, std } = &node.op {
                normalize = Some(
                    ops::normalization(mean, std, processor).map_err(|e| ops::failed(node, &e))?,
                );
            }
            parameters.push(Parameters(mine));
        }
        Ok(Self {
            processor,
            parameters,
            normalize,
            threads: threads.max(1),
        })
    }

    /// A step's result, once the processor has it.
    fn done(
        &self,
        node: &Node,
        made: Result<Tensor, tch::TchError>,
    ) -> Result<Handle, EngineError> {
        made.and_then(|tensor| ops::settled(tensor, self.processor))
            .map(Handle)
            .map_err(|e| ops::failed(node, &e))
    }

    /// The model's parameters as named tensors, for tests that load another implementation with the same weights.
    pub fn named_parameters(&self, graph: &Graph) -> HashMap<String, Tensor> {
        graph
            .nodes()
            .iter()
            .flat_map(|node| {
                let names = graph.node_parameters(node).into_iter().map(|p| p.name);
                let tensors = &self.parameters[node.id.index()].0;
                names.zip(tensors.iter().map(Tensor::shallow_clone))
            })
            .collect()
    }
}

/// A view of what is needed of an input, from a piece that covers it.
fn view(
    graph: &Graph,
    id: crate::units::NodeId,
    wanted: &Region,
    piece: &Piece<Handle>,
) -> Result<Tensor, EngineError> {
    let input = graph.node(id);
    if piece.region == *wanted {
        return Ok(piece.payload.0.shallow_clone());
    }
    ops::narrowed(&piece.payload.0, &piece.region, wanted, input.shape.flat)
        .map_err(|e| ops::failed(input, &e))
}

impl Engine for TorchEngine {
    type Payload = Handle;
    type Place = Processor;

    fn describe(&self) -> String {
        describe(self.processor, self.threads)
    }

    fn place(&self) -> Processor {
        self.processor
    }

    fn on_lane(&mut self, body: &mut dyn FnMut(&mut Self)) {
        // Both settings belong to the calling thread: libtorch keeps them per thread.
        tch::set_num_threads(i32::from(self.threads));
        let _guard = tch::no_grad_guard();
        body(self);
    }

    fn compute(
        &mut self,
        graph: &Graph,
        node: &Node,
        out: &Region,
        over: Option<(Span, Term)>,
        inputs: &[Piece<Handle>],
    ) -> Result<Handle, EngineError> {
        let wanted = need(graph, node, out, over.map(|(span, _)| span));
        let wanted = wanted.iter().zip(&node.inputs);
        // What is not needed of an input (a concat's, say) is not in `inputs` either.
        let wanted = wanted.filter(|(region, _)| !region.is_empty());
        let views: SmallVec<[Tensor; 2]> = wanted
            .zip(inputs)
            .map(|((region, &id), piece)| view(graph, id, region, piece))
            .collect::<Result<_, _>>()?;
        let part = ops::Part {
            node,
            out: *out,
            over,
            inputs: node.inputs.iter().map(|&i| graph.node(i).shape).collect(),
            processor: self.processor,
        };
        let parameters = &self.parameters[node.id.index()].0;
        let made = ops::compute(&part, &views, parameters, self.normalize.as_ref());
        self.done(node, made)
    }

    fn reduce(&mut self, node: &Node, addends: &[Piece<Handle>]) -> Result<Handle, EngineError> {
        self.done(node, ops::sum(addends))
    }

    fn assemble(
        &mut self,
        node: &Node,
        out: &Region,
        pieces: &[Piece<Handle>],
    ) -> Result<Handle, EngineError> {
        self.done(node, ops::assemble(node, out, pieces))
    }

    fn export(
        graph: &Graph,
        value: &Value,
        pieces: &[Piece<Handle>],
    ) -> Result<Vec<u8>, EngineError> {
        let node = graph.node(value.node);
        let made;
        let tensor = match pieces {
            [one] if one.region == value.region => &one.payload.0,
            _ => {
                made = ops::assemble(node, &value.region, pieces)
                    .map_err(|e| ops::failed(node, &e))?;
                &made
            }
        };
        ops::to_bytes(tensor, node.dtype).map_err(|e| ops::failed(node, &e))
    }

    fn import(
        place: &Processor,
        graph: &Graph,
        value: &Value,
        bytes: &[u8],
    ) -> Result<Handle, EngineError> {
        let expected = value.bytes(graph).0;
        if bytes.len() as u64 != expected {
            return Err(EngineError::Length {
                expected,
                got: bytes.len() as u64,
            });
        }
        let node = graph.node(value.node);
        let kind = match node.dtype {
            DType::U8 => Kind::Uint8,
            DType::F32 => Kind::Float,
        };
        ops::from_bytes(bytes, &value.shape(graph), kind, *place)
            .map(Handle)
            .map_err(|e| ops::failed(node, &e))
    }
}
