//! Residual networks of bottleneck blocks: He et al. (2015), as `torchvision.models.resnet50` and `resnet152`
//! (the stride is in the 3x3 convolution).

use super::{Graph, GraphError, Net, Op, Window};
use crate::units::NodeId;

/// Channels of a block's output over those of its 3x3 convolution.
const EXPANSION: u32 = 4;

pub(super) fn resnet(mut net: Net, blocks: [u32; 4]) -> Result<Graph, GraphError> {
    let mut x = net.normalized()?;
    x = net.conv("conv1", x, 64, Window::new(7, 2, 3))?;
    x = net.batch_norm("bn1", x)?;
    x = net.relu("relu", x)?;
    x = net.max_pool("maxpool", x, Window::new(3, 2, 1))?;
    for (stage, count) in (0_u32..).zip(blocks) {
        for block in 0..count {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let name = format!("layer{}.{block}", stage + 1);
            x = bottleneck(&mut net, &name, x, 64 << stage, stride)?;
        }
    }
    x = net.global_mean("avgpool", x)?;
    x = net.linear("fc", x, super::CLASSES)?;
    net.finish(x)
}

fn bottleneck(
    net: &mut Net,
    name: &str,
    input: NodeId,
    width: u32,
    stride: u32,
) -> Result<NodeId, GraphError> {
    let at = |layer: &str| format!("{name}.{layer}");
    let out = width * EXPANSION;
    let mut x = net.conv(&at("conv1"), input, width, Window::new(1, 1, 0))?;
    x = net.batch_norm(&at("bn1"), x)?;
    x = net.relu(&at("relu"), x)?;
    x = net.conv(&at("conv2"), x, width, Window::new(3, stride, 1))?;
    x = net.batch_norm(&at("bn2"), x)?;
    x = net.relu(&at("relu_1"), x)?;
    x = net.conv(&at("conv3"), x, out, Window::new(1, 1, 0))?;
    x = net.batch_norm(&at("bn3"), x)?;
    let mut shortcut = input;
    if stride != 1 || net.channels(input) != out {
        shortcut = net.conv(&at("downsample.0"), input, out, Window::new(1, stride, 0))?;
        shortcut = net.batch_norm(&at("downsample.1"), shortcut)?;
    }
    x = net.0.push(&at("add"), Op::Add, &[x, shortcut])?;
    net.relu(&at("relu_2"), x)
}
