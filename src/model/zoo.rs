//! The model zoo: six classifiers with torchvision's names for operators and parameters (ImageNet, 1000 classes).
//!
//! One file per family. Dropout is the identity at inference and is left out; torchvision's numbering is kept
//! (`classifier.3` follows `classifier.1`). `DenseNet`'s list concatenations are chains `cat(previous, new)`, so
//! that a cut ships every tensor once.

mod densenet;
mod mobilenet;
mod resnet;
mod vgg;

use super::graph::{Graph, GraphBuilder, GraphError};
use super::op::{Conv2d, Op, Pool2d, Window};
use super::shape::Shape;
use crate::units::NodeId;

/// The models that can be named.
pub const NAMES: [&str; 6] = [
    "vgg19",
    "vgg19_bn",
    "resnet50",
    "resnet152",
    "densenet121",
    "mobilenet_v2",
];

/// Classes of every model of the zoo (`ImageNet`).
pub const CLASSES: u32 = 1000;

/// A model of the zoo cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ZooError {
    /// No such name.
    #[error("unknown model {0:?}; known are {known}", known = NAMES.join(", "))]
    UnknownModel(String),
    /// The image does not suit the model.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

/// Builds a model of the zoo for images `[batch, 3, rows, columns]`.
///
/// # Errors
/// An unknown name, or an image too small for the model.
pub fn build(name: &str, batch: u32, rows: u32, columns: u32) -> Result<Graph, ZooError> {
    let net = Net(GraphBuilder::new(
        name,
        Shape::image(batch, 3, rows, columns),
    )?);
    let graph = match name {
        "vgg19" => vgg::vgg19(net, false),
        "vgg19_bn" => vgg::vgg19(net, true),
        "resnet50" => resnet::resnet(net, [3, 4, 6, 3]),
        "resnet152" => resnet::resnet(net, [3, 8, 36, 3]),
        "densenet121" => densenet::densenet121(net),
        "mobilenet_v2" => mobilenet::mobilenet_v2(net),
        _ => return Err(ZooError::UnknownModel(name.to_owned())),
    }?;
    Ok(graph)
}

type Made = Result<NodeId, GraphError>;

/// The builder with the short forms that model files use.
struct Net(GraphBuilder);

impl Net {
    /// Normalisation with the statistics that torchvision's `ImageNet` weights were trained with.
    fn normalized(&mut self) -> Made {
        let op = Op::Normalize {
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
        };
        self.0.push("normalize", op, &[NodeId::INPUT])
    }

    fn conv(&mut self, name: &str, x: NodeId, out: u32, window: Window) -> Made {
        self.conv_with(
            name,
            x,
            Conv2d {
                out,
                window,
                groups: 1,
                bias: false,
            },
        )
    }

    fn conv_with(&mut self, name: &str, x: NodeId, conv: Conv2d) -> Made {
        self.0.push(name, Op::Conv2d(conv), &[x])
    }

    fn batch_norm(&mut self, name: &str, x: NodeId) -> Made {
        self.0.push(name, Op::BatchNorm2d { eps: 1e-5 }, &[x])
    }

    fn relu(&mut self, name: &str, x: NodeId) -> Made {
        self.0.push(name, Op::Relu, &[x])
    }

    fn max_pool(&mut self, name: &str, x: NodeId, window: Window) -> Made {
        let pool = Pool2d {
            window,
            ceil_mode: false,
        };
        self.0.push(name, Op::MaxPool2d(pool), &[x])
    }

    fn linear(&mut self, name: &str, x: NodeId, out: u32) -> Made {
        self.0.push(name, Op::Linear { out, bias: true }, &[x])
    }

    /// The mean of every channel as features: `adaptive_avg_pool2d(1)` and flatten.
    fn global_mean(&mut self, pool_name: &str, x: NodeId) -> Made {
        let mean = Op::AdaptiveAvgPool2d {
            rows: 1,
            columns: 1,
        };
        let x = self.0.push(pool_name, mean, &[x])?;
        self.0.push("flatten", Op::Flatten, &[x])
    }

    fn channels(&self, x: NodeId) -> u32 {
        self.0.shape(x).channels
    }

    fn finish(self, output: NodeId) -> Result<Graph, GraphError> {
        self.0.finish(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_counts_are_the_published_ones() {
        let published = [
            ("vgg19", 143_667_240),
            ("vgg19_bn", 143_678_248),
            ("resnet50", 25_557_032),
            ("resnet152", 60_192_808),
            ("densenet121", 7_978_856),
            ("mobilenet_v2", 3_504_872),
        ];
        for (name, count) in published {
            assert_eq!(
                build(name, 1, 224, 224).unwrap().parameter_count(),
                count,
                "{name}"
            );
        }
    }

    #[test]
    fn multiply_accumulates_are_torchvisions_gflops() {
        // torchvision.models.*_Weights.IMAGENET1K_V1.meta["_ops"], in 10^9.
        for (name, published) in [
            ("vgg19", 19.632),
            ("resnet50", 4.089),
            ("resnet152", 11.514),
            ("densenet121", 2.834),
            ("mobilenet_v2", 0.301),
        ] {
            let graph = build(name, 1, 224, 224).unwrap();
            let macs: u64 = graph.operators().iter().map(|n| graph.macs(n)).sum();
            let giga = macs as f64 / 1e9;
            assert!((giga - published).abs() < 0.001, "{name}: {giga}");
        }
    }

    #[test]
    fn a_graph_survives_its_spec() {
        for name in NAMES {
            let graph = build(name, 2, 96, 64).unwrap();
            let text = serde_json::to_string(&graph.spec()).unwrap();
            let again: super::super::GraphSpec = serde_json::from_str(&text).unwrap();
            assert_eq!(again.build().unwrap().hash(), graph.hash(), "{name}");
        }
    }

    #[test]
    fn hashes_of_the_zoo_do_not_drift() {
        // A server and a robot of different builds compare these; a change here needs a new wire version.
        let hashes: Vec<_> = NAMES
            .iter()
            .map(|n| format!("{n} {}", build(n, 1, 224, 224).unwrap().hash().short()))
            .collect();
        insta::assert_snapshot!(hashes.join("\n"));
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_sentence() {
        let unknown = build("vgg99", 1, 224, 224).unwrap_err().to_string();
        assert!(
            unknown.contains("vgg99") && unknown.contains("mobilenet_v2"),
            "{unknown}"
        );
        for name in ["vgg19", "densenet121"] {
            let small = build(name, 1, 16, 16).unwrap_err().to_string();
            assert!(small.contains("too small"), "{name}: {small}");
        }
    }
}
