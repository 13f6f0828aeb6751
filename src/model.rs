//! What is computed: the operator graph of a DNN, its shapes, costs, halo arithmetic, weights and the zoo.
//!
//! Nothing here knows a device, a socket or a tensor library. The graph starts at the camera's u8 image
//! `[N, 3, H, W]`; normalisation to f32 is its first operator, so that shipping the input ships bytes.

mod cost;
mod cut;
mod graph;
mod op;
mod region;
mod shape;
pub mod weights;
pub mod zoo;

pub use cut::{crossing, crossing_bytes};
pub use graph::{Graph, GraphBuilder, GraphError, GraphSpec, Node, NodeSpec};
pub use op::{Conv2d, Op, Pool2d, Window};
pub use region::{Region, Span, edge_padding, frontier, need};
pub use shape::{DType, Shape};
