//! MobileNetV2: Sandler et al. (2018), as `torchvision.models.mobilenet_v2`.

use super::{Conv2d, Graph, GraphError, Net, Op, Window};
use crate::units::NodeId;

/// Expansion, output channels, blocks and first stride of every stage (table 2 of the paper).
const STAGES: [(u32, u32, u32, u32); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

pub(super) fn mobilenet_v2(mut net: Net) -> Result<Graph, GraphError> {
    let mut x = net.normalized()?;
    x = conv_norm_relu6(&mut net, "features.0", x, 32, Window::new(3, 2, 1), 1)?;
    let mut index = 1;
    for (expansion, out, blocks, first_stride) in STAGES {
        for block in 0..blocks {
            let stride = if block == 0 { first_stride } else { 1 };
            let name = format!("features.{index}");
            x = inverted_residual(&mut net, &name, x, expansion, out, stride)?;
            index += 1;
        }
    }
    x = conv_norm_relu6(&mut net, "features.18", x, 1280, Window::new(1, 1, 0), 1)?;
    x = net.global_mean("adaptive_avg_pool2d", x)?;
    x = net.linear("classifier.1", x, super::CLASSES)?;
    net.finish(x)
}

/// `Conv2dNormActivation`: convolution `.0`, batch norm `.1`, ReLU6 `.2`.
fn conv_norm_relu6(
    net: &mut Net,
    name: &str,
    x: NodeId,
    out: u32,
    window: Window,
    groups: u32,
) -> Result<NodeId, GraphError> {
    let conv = Conv2d {
        out,
        window,
        groups,
        bias: false,
    };
    let x = net.conv_with(&format!("{name}.0"), x, conv)?;
    let x = net.batch_norm(&format!("{name}.1"), x)?;
    net.0.push(&format!("{name}.2"), Op::Relu6, &[x])
}

fn inverted_residual(
    net: &mut Net,
    name: &str,
    input: NodeId,
    expansion: u32,
    out: u32,
    stride: u32,
) -> Result<NodeId, GraphError> {
    let inputs = net.channels(input);
    let hidden = inputs * expansion;
    let mut part = 0;
    let mut next = || {
        part += 1;
        format!("{name}.conv.{}", part - 1)
    };
    let mut x = input;
    if expansion != 1 {
        x = conv_norm_relu6(net, &next(), x, hidden, Window::new(1, 1, 0), 1)?;
    }
    x = conv_norm_relu6(net, &next(), x, hidden, Window::new(3, stride, 1), hidden)?;
    x = net.conv(&next(), x, out, Window::new(1, 1, 0))?;
    x = net.batch_norm(&next(), x)?;
    if stride == 1 && inputs == out {
        x = net.0.push(&format!("{name}.add"), Op::Add, &[input, x])?;
    }
    Ok(x)
}
