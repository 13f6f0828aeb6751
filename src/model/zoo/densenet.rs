//! `DenseNet`-121: Huang et al. (2016), as `torchvision.models.densenet121`.

use super::{Graph, GraphError, Net, Op, Pool2d, Window};

/// New channels of every dense layer.
const GROWTH: u32 = 32;
/// Channels of a layer's 1x1 bottleneck, over the growth.
const BOTTLENECK: u32 = 4;
/// Dense layers of each block.
const BLOCKS: [u32; 4] = [6, 12, 24, 16];

pub(super) fn densenet121(mut net: Net) -> Result<Graph, GraphError> {
    let mut x = net.normalized()?;
    x = net.conv("features.conv0", x, 64, Window::new(7, 2, 3))?;
    x = net.batch_norm("features.norm0", x)?;
    x = net.relu("features.relu0", x)?;
    x = net.max_pool("features.pool0", x, Window::new(3, 2, 1))?;
    for (block, layers) in (1..).zip(BLOCKS) {
        for layer in 1..=layers {
            let name = format!("features.denseblock{block}.denselayer{layer}");
            let at = |part: &str| format!("{name}.{part}");
            let mut new = net.batch_norm(&at("norm1"), x)?;
            new = net.relu(&at("relu1"), new)?;
            new = net.conv(&at("conv1"), new, GROWTH * BOTTLENECK, Window::new(1, 1, 0))?;
            new = net.batch_norm(&at("norm2"), new)?;
            new = net.relu(&at("relu2"), new)?;
            new = net.conv(&at("conv2"), new, GROWTH, Window::new(3, 1, 1))?;
            x = net.0.push(&at("cat"), Op::Concat, &[x, new])?;
        }
        if block < BLOCKS.len() {
            let at = |part: &str| format!("features.transition{block}.{part}");
            let half = net.channels(x) / 2;
            x = net.batch_norm(&at("norm"), x)?;
            x = net.relu(&at("relu"), x)?;
            x = net.conv(&at("conv"), x, half, Window::new(1, 1, 0))?;
            let pool = Pool2d {
                window: Window::new(2, 2, 0),
                ceil_mode: false,
            };
            x = net.0.push(&at("pool"), Op::AvgPool2d(pool), &[x])?;
        }
    }
    x = net.batch_norm("features.norm5", x)?;
    x = net.relu("relu", x)?;
    x = net.global_mean("adaptive_avg_pool2d", x)?;
    x = net.linear("classifier", x, super::CLASSES)?;
    net.finish(x)
}
