//! The operator graph: nodes in execution order, shapes inferred, parameters named as torchvision names them.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::op::Op;
use super::shape::{DType, Shape};
use super::weights::{Init, ParamSpec};
use crate::units::{Bytes, Hash32, NodeId};

/// Nodes that a graph from outside may have, against nonsense from a peer.
const MAX_NODES: usize = 20_000;

/// A graph cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// An operator does not accept its inputs.
    #[error("model {model}: operator {operator} ({kind}) {reason}")]
    Operator {
        /// The model's name.
        model: String,
        /// The operator's name.
        operator: String,
        /// The operator's kind.
        kind: &'static str,
        /// What it wants and what it got.
        reason: String,
    },
    /// The graph as a whole is not one.
    #[error("model {model}: {reason}")]
    Structure {
        /// The model's name.
        model: String,
        /// What is wrong.
        reason: String,
    },
}

/// One operator with its inputs and its inferred output.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its place in execution order; every input has a smaller one.
    pub id: NodeId,
    /// torchvision's name of the layer, `features.28`; parameters are `NAME.weight`, `NAME.bias`, ...
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Where its inputs come from.
    pub inputs: Vec<NodeId>,
    /// Its output's shape.
    pub shape: Shape,
    /// Its output's element type.
    pub dtype: DType,
}

impl Node {
    /// Bytes of the whole output.
    pub const fn output_bytes(&self) -> Bytes {
        Bytes(self.shape.elements() * self.dtype.bytes())
    }
}

/// A model's operators in execution order. Node 0 is the camera image; operators are nodes `1..=n`.
#[derive(Debug, Clone)]
pub struct Graph {
    name: String,
    nodes: Vec<Node>,
    output: NodeId,
    consumers: Vec<Vec<NodeId>>,
}

impl Graph {
    /// The model's name, as in the zoo.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every node, the camera image first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// One node. Panics for an id that is not of this graph, like an index out of range.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// One node, or none for an id that is not of this graph (ids from outside).
    pub fn get(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.index())
    }

    /// The operators, without the camera image, in execution order.
    pub fn operators(&self) -> &[Node] {
        &self.nodes[1..]
    }

    /// `n`, the number of operators: cuts run from 0 to `n`.
    pub const fn operator_count(&self) -> u32 {
        self.nodes.len() as u32 - 1
    }

    /// The node whose value is the result.
    pub const fn output(&self) -> NodeId {
        self.output
    }

    /// The camera image's shape, `[N, 3, H, W]`, u8.
    pub fn input_shape(&self) -> Shape {
        self.nodes[0].shape
    }

    /// The nodes that read a node's output.
    pub fn consumers(&self, id: NodeId) -> &[NodeId] {
        &self.consumers[id.index()]
    }

    /// Every parameter and buffer that inference reads, in execution order, named as torchvision names it.
    pub fn parameters(&self) -> Vec<ParamSpec> {
        self.nodes
            .iter()
            .flat_map(|node| self.node_parameters(node))
            .collect()
    }

    /// Trainable parameters in all: what papers publish as a model's size (batch norm's running statistics left out).
    pub fn parameter_count(&self) -> u64 {
        self.parameters()
            .iter()
            .filter(|p| !p.name.ends_with(".running_mean") && !p.name.ends_with(".running_var"))
            .map(|p| p.shape.iter().map(|&d| u64::from(d)).product::<u64>())
            .sum()
    }

    /// The parameters of one node.
    pub fn node_parameters(&self, node: &Node) -> Vec<ParamSpec> {
        let spec = |suffix: &str, shape: Vec<u32>, init: Init| ParamSpec {
            name: format!("{}.{suffix}", node.name),
            shape,
            init,
        };
        let input_channels = || self.node(node.inputs[0]).shape.channels;
        match &node.op {
            Op::Conv2d(conv) => {
                let k = conv.window.kernel;
                let per_group = input_channels() / conv.groups;
                let mut all = vec![spec(
                    "weight",
                    vec![conv.out, per_group, k, k],
                    kaiming(per_group * k * k),
                )];
                if conv.bias {
                    all.push(spec("bias", vec![conv.out], BIAS));
                }
                all
            }
            Op::BatchNorm2d { .. } => {
                let c = node.shape.channels;
                let scale = if self.feeds_an_add(node) {
                    BATCH_NORM_BEFORE_ADD
                } else {
                    BATCH_NORM_SCALE
                };
                vec![
                    spec("weight", vec![c], scale),
                    spec("bias", vec![c], BIAS),
                    spec("running_mean", vec![c], BIAS),
                    spec("running_var", vec![c], BATCH_NORM_SCALE),
                ]
            }
            Op::Linear { out, bias } => {
                let features = input_channels();
                let mut all = vec![spec("weight", vec![*out, features], kaiming(features))];
                if *bias {
                    all.push(spec("bias", vec![*out], BIAS));
                }
                all
            }
            _ => Vec::new(),
        }
    }

    /// How many numbers the parameters of one node have, as [`node_parameters`](Self::node_parameters) lists them.
    pub fn parameter_elements(&self, node: &Node) -> u64 {
        let input_channels = || u64::from(self.node(node.inputs[0]).shape.channels);
        let with_bias =
            |weights: u64, out: u32, bias: bool| weights + if bias { u64::from(out) } else { 0 };
        match &node.op {
            Op::Conv2d(conv) => {
                let taps = u64::from(conv.window.kernel).pow(2);
                let per_group = input_channels() / u64::from(conv.groups);
                with_bias(u64::from(conv.out) * per_group * taps, conv.out, conv.bias)
            }
            Op::BatchNorm2d { .. } => 4 * u64::from(node.shape.channels),
            Op::Linear { out, bias } => with_bias(u64::from(*out) * input_channels(), *out, *bias),
            _ => 0,
        }
    }

    fn feeds_an_add(&self, node: &Node) -> bool {
        self.consumers(node.id)
            .iter()
            .any(|&c| matches!(self.node(c).op, Op::Add))
    }

    /// The graph as data: what is stored, hashed and sent.
    pub fn spec(&self) -> GraphSpec {
        GraphSpec {
            name: self.name.clone(),
            input: self.input_shape(),
            nodes: self
                .operators()
                .iter()
                .map(|n| NodeSpec {
                    name: n.name.clone(),
                    op: n.op,
                    inputs: n.inputs.clone(),
                })
                .collect(),
            output: self.output,
        }
    }

    /// The hash of [`Graph::spec`]: two workers that agree on it compute the same operators.
    pub fn hash(&self) -> Hash32 {
        // Struct fields keep their order and floats their shortest form, so equal graphs give equal text.
        let text = serde_json::to_vec(&self.spec()).unwrap_or_default();
        Hash32::of(&text)
    }
}

/// Uniform with the variance of He et al. (2015), "Delving Deep into Rectifiers": `2 / fan_in`.
fn kaiming(fan_in: u32) -> Init {
    let high = (6.0 / fan_in as f32).sqrt();
    Init { low: -high, high }
}

/// Biases and running means: small but not zero, so that a lost one changes the answer.
const BIAS: Init = Init {
    low: -0.1,
    high: 0.1,
};
/// Batch norm's scale and running variance: around 1, so that swapped ones change the answer.
const BATCH_NORM_SCALE: Init = Init {
    low: 0.75,
    high: 1.25,
};
/// The last batch norm of a residual branch: small, so that 50 additions do not overflow f32.
const BATCH_NORM_BEFORE_ADD: Init = Init {
    low: 0.1,
    high: 0.3,
};

/// A graph as data; shapes are inferred again when it is built, so a peer cannot claim wrong ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GraphSpec {
    /// The model's name.
    pub name: String,
    /// The camera image's shape.
    pub input: Shape,
    /// The operators in execution order; the first is node 1.
    pub nodes: Vec<NodeSpec>,
    /// The node whose value is the result.
    pub output: NodeId,
}

/// One operator as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeSpec {
    /// The layer's name.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Where its inputs come from.
    pub inputs: Vec<NodeId>,
}

impl GraphSpec {
    /// Builds and checks the graph.
    ///
    /// # Errors
    /// The first operator that does not accept its inputs, or a structure that is no graph.
    pub fn build(&self) -> Result<Graph, GraphError> {
        let mut builder = GraphBuilder::new(&self.name, self.input)?;
        for node in &self.nodes {
            builder.push(&node.name, node.op, &node.inputs)?;
        }
        builder.finish(self.output)
    }
}

/// Builds a graph operator by operator, inferring shapes.
#[derive(Debug)]
pub struct GraphBuilder {
    name: String,
    nodes: Vec<Node>,
}

impl GraphBuilder {
    /// A graph that has only its camera image.
    ///
    /// # Errors
    /// An image that is empty, flat or larger than 16 frames of 8192 x 8192.
    pub fn new(name: &str, input: Shape) -> Result<Self, GraphError> {
        let sane = |v: u32, most: u32| (1..=most).contains(&v);
        if input.flat
            || !sane(input.batch, 1024)
            || !sane(input.channels, 16)
            || !sane(input.rows, 8192)
            || !sane(input.columns, 8192)
        {
            return Err(GraphError::Structure {
                model: name.to_owned(),
                reason: format!(
                    "an input of {input} cannot be: expected [N, C, H, W] with 1 to 1024 images of 1 to 8192 rows and columns"
                ),
            });
        }
        Ok(Self {
            name: name.to_owned(),
            nodes: vec![Node {
                id: NodeId::INPUT,
                name: "image".to_owned(),
                op: Op::Input,
                inputs: Vec::new(),
                shape: input,
                dtype: DType::U8,
            }],
        })
    }

    /// Appends an operator and returns its node.
    ///
    /// # Errors
    /// The operator does not accept its inputs.
    pub fn push(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        let fail = |reason: String| GraphError::Operator {
            model: self.name.clone(),
            operator: name.to_owned(),
            kind: op.kind(),
            reason,
        };
        if self.nodes.len() > MAX_NODES {
            return Err(fail(format!("is one more than the {MAX_NODES} allowed")));
        }
        let mut shapes = Vec::with_capacity(inputs.len());
        for input in inputs {
            let node = self.nodes.get(input.index()).ok_or_else(|| {
                fail(format!(
                    "reads node {input}, which does not stand before it"
                ))
            })?;
            let wants = match op {
                Op::Normalize { .. } => DType::U8,
                _ => DType::F32,
            };
            if node.dtype != wants {
                return Err(fail(format!("takes {wants:?}, got {:?}", node.dtype)));
            }
            shapes.push(node.shape);
        }
        let shape = op.infer(&shapes).map_err(fail)?;
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node {
            id,
            name: name.to_owned(),
            op,
            inputs: inputs.to_vec(),
            shape,
            dtype: DType::F32,
        });
        Ok(id)
    }

    /// The shape of a node pushed before.
    pub fn shape(&self, id: NodeId) -> Shape {
        self.nodes[id.index()].shape
    }

    /// The finished graph.
    ///
    /// # Errors
    /// An output that is not the last operator, a node that nobody reads, or a name used twice.
    pub fn finish(self, output: NodeId) -> Result<Graph, GraphError> {
        let fail = |reason: String| GraphError::Structure {
            model: self.name.clone(),
            reason,
        };
        if output.index() + 1 != self.nodes.len() || output == NodeId::INPUT {
            return Err(fail(format!(
                "its output {output} must be the last of its operators"
            )));
        }
        let mut consumers = vec![Vec::new(); self.nodes.len()];
        let mut names = HashMap::new();
        for node in &self.nodes {
            for input in &node.inputs {
                if consumers[input.index()].last() != Some(&node.id) {
                    consumers[input.index()].push(node.id);
                }
            }
            if names.insert(node.name.as_str(), node.id).is_some() {
                return Err(fail(format!("two operators are called {}", node.name)));
            }
        }
        if let Some(idle) = (0..output.index()).find(|&i| consumers[i].is_empty()) {
            return Err(fail(format!(
                "nobody reads the output of {}",
                self.nodes[idle].name
            )));
        }
        Ok(Graph {
            name: self.name,
            nodes: self.nodes,
            output,
            consumers,
        })
    }
}
