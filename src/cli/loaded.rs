//! A model with its weights, as flags name them; for `robot`.

#[cfg(feature = "torch")]
use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "torch")]
use anyhow::Context;
use anyhow::Result;

use super::model::ModelArgs;
use crate::model::Graph;
use crate::model::weights::Weights;
use crate::wire::data::WeightsRef;

/// A model with its weights.
pub(super) struct Loaded {
    pub(super) graph: Arc<Graph>,
    pub(super) weights: Arc<Weights>,
    pub(super) reference: WeightsRef,
    pub(super) name: String,
    pub(super) trained: bool,
}

impl ModelArgs {
    /// The graph alone, for an engine that has no use for weights.
    pub(super) fn hollow(&self) -> Result<Loaded> {
        Ok(Loaded {
            graph: Arc::new(self.graph()?),
            weights: Arc::new(Weights::seeded(0, &[])),
            reference: WeightsRef::Seed(0),
            name: "none (emulated)".to_owned(),
            trained: false,
        })
    }

    /// The graph and its weights.
    #[cfg(feature = "torch")]
    pub(super) fn load(&self) -> Result<Loaded> {
        let graph = Arc::new(self.graph()?);
        let wanted = graph.parameters();
        let (weights, reference, name) = if let Some(path) = &self.weights {
            let weights = Weights::load(path, &wanted).with_context(|| {
                format!(
                    "no weights for {} (--weights takes its .safetensors file or torchvision's .pth; --seed N makes \
                     some)",
                    graph.name()
                )
            })?;
            let hash = weights.hash();
            let name = format!("{} ({})", file_name(path), &hash.to_string()[..8]);
            (weights, WeightsRef::Hash(hash), name)
        } else {
            let weights = Weights::seeded(self.seed, &wanted);
            let name = format!("seed {}", self.seed);
            (weights, WeightsRef::Seed(self.seed), name)
        };
        Ok(Loaded {
            graph,
            weights: Arc::new(weights),
            trained: matches!(reference, WeightsRef::Hash(_)),
            reference,
            name,
        })
    }
}

#[cfg(feature = "torch")]
fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |n| n.to_string_lossy().into_owned(),
    )
}
