//! The model as the console needs it: the graph built once, shared with frozen screens.

use std::sync::Arc;

use super::text::clean;
use crate::model::{Graph, GraphError};
use crate::units::Hash32;
use crate::wire::ModelRecord;

/// A worker's model.
#[derive(Debug, Clone)]
pub struct ModelView {
    /// Its operators, shapes inferred here.
    pub graph: Arc<Graph>,
    /// The graph's hash, as the worker says it.
    pub hash: Hash32,
    /// Where the weights came from.
    pub weights: String,
    /// Whether classes mean anything.
    pub trained: bool,
}

impl ModelView {
    /// Builds the graph that a record describes.
    ///
    /// # Errors
    /// A description that is no graph.
    pub fn new(record: &ModelRecord) -> Result<Self, GraphError> {
        Ok(Self {
            graph: Arc::new(record.graph.build()?),
            hash: record.graph_hash,
            weights: clean(&record.weights, 120),
            trained: record.trained,
        })
    }

    /// Whether a record describes this very model.
    pub fn is(&self, record: &ModelRecord) -> bool {
        self.hash == record.graph_hash
            && self.trained == record.trained
            && self.weights == clean(&record.weights, 120)
    }
}
