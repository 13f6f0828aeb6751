//! VGG19 with and without batch norm: Simonyan and Zisserman (2014), configuration E, as `torchvision.models.vgg19`.

use super::{Conv2d, Graph, GraphError, Net, Op, Window};

/// Output channels of every 3x3 convolution; 0 is a 2x2 max pool.
const LAYERS: [u32; 21] = [
    64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512, 0,
];

pub(super) fn vgg19(mut net: Net, batch_norm: bool) -> Result<Graph, GraphError> {
    let mut x = net.normalized()?;
    let mut index = 0;
    let mut next = || {
        index += 1;
        format!("features.{}", index - 1)
    };
    for out in LAYERS {
        if out == 0 {
            x = net.max_pool(&next(), x, Window::new(2, 2, 0))?;
            continue;
        }
        let conv = Conv2d {
            out,
            window: Window::new(3, 1, 1),
            groups: 1,
            bias: true,
        };
        x = net.conv_with(&next(), x, conv)?;
        if batch_norm {
            x = net.batch_norm(&next(), x)?;
        }
        x = net.relu(&next(), x)?;
    }
    let pool = Op::AdaptiveAvgPool2d {
        rows: 7,
        columns: 7,
    };
    x = net.0.push("avgpool", pool, &[x])?;
    x = net.0.push("flatten", Op::Flatten, &[x])?;
    x = net.linear("classifier.0", x, 4096)?;
    x = net.relu("classifier.1", x)?;
    x = net.linear("classifier.3", x, 4096)?;
    x = net.relu("classifier.4", x)?;
    x = net.linear("classifier.6", x, super::CLASSES)?;
    net.finish(x)
}
