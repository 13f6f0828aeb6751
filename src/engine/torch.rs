//! libtorch on the CPU: real tensors. The only folder that names `tch`; every call into libtorch is in `ops`.

mod allocator;
mod ops;

use std::collections::HashMap;

use smallvec::SmallVec;
use tch::{Kind, Tensor};

use super::{Engine, EngineError};
use crate::model::weights::Weights;
use crate::model::{DType, Graph, Node, Region, Span, need};
use crate::plan::{Piece, Term, Value};

pub use allocator::keep_freed_memory;

/// What computes, for people.
pub fn describe(threads: u16) -> String {
    let plural = if threads == 1 { "" } else { "s" };
    format!(
        "libtorch {}, CPU, {threads} thread{plural}",
        ops::TORCH_VERSION
    )
}

/// Computes something small, so that a libtorch that cannot is found out; says what computes.
///
/// # Errors
/// libtorch's own words.
pub fn try_out() -> Result<String, String> {
    let tensor = ops::from_f32(&[1.0, 2.0, 3.0, 4.0], &[2, 2]).map_err(|e| e.to_string())?;
    match tensor.size().as_slice() {
        [2, 2] => Ok(format!("{}: a tensor was made", describe(1))),
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

/// libtorch on the CPU for one model.
#[derive(Debug)]
pub struct TorchEngine {
    parameters: Vec<Parameters>,
    normalize: Option<(Tensor, Tensor)>,
    threads: u16,
}

impl TorchEngine {
    /// Copies a model's weights into tensors. `threads` is the number of threads an operator may use.
    ///
    /// # Errors
    /// A parameter of the graph that `weights` lacks or has in another shape.
    pub fn new(graph: &Graph, weights: &Weights, threads: u16) -> Result<Self, EngineError> {
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
                mine.push(ops::from_f32(&found.data, &size).map_err(|e| ops::failed(node, &e))?);
            }
            if let crate::model::Op::Normalize { mean, std } = &node.op {
                normalize = Some(ops::normalization(mean, std).map_err(|e| ops::failed(node, &e))?);
            }
            parameters.push(Parameters(mine));
        }
        Ok(Self {
            parameters,
            normalize,
            threads: threads.max(1),
        })
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

    fn describe(&self) -> String {
        describe(self.threads)
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
        };
        let parameters = &self.parameters[node.id.index()].0;
        ops::compute(&part, &views, parameters, self.normalize.as_ref())
            .map(Handle)
            .map_err(|e| ops::failed(node, &e))
    }

    fn reduce(&mut self, node: &Node, addends: &[Piece<Handle>]) -> Result<Handle, EngineError> {
        ops::sum(addends)
            .map(Handle)
            .map_err(|e| ops::failed(node, &e))
    }

    fn assemble(
        &mut self,
        node: &Node,
        out: &Region,
        pieces: &[Piece<Handle>],
    ) -> Result<Handle, EngineError> {
        ops::assemble(node, out, pieces)
            .map(Handle)
            .map_err(|e| ops::failed(node, &e))
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

    fn import(graph: &Graph, value: &Value, bytes: &[u8]) -> Result<Handle, EngineError> {
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
        ops::from_bytes(bytes, &value.shape(graph), kind)
            .map(Handle)
            .map_err(|e| ops::failed(node, &e))
    }
}
