//! The operators of the zoo and what each makes of its inputs' shapes. Names are `torch.nn`'s.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shape::Shape;

/// A sliding window, the same for rows and columns unless stated: what conv and pool share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Kernel rows and columns.
    pub kernel: u32,
    /// Step between outputs.
    pub stride: u32,
    /// Zeros (conv, avg) or minus infinity (max) around the image.
    pub padding: u32,
    /// Distance between kernel taps.
    pub dilation: u32,
}

impl Window {
    /// A window with dilation 1.
    pub const fn new(kernel: u32, stride: u32, padding: u32) -> Self {
        Self {
            kernel,
            stride,
            padding,
            dilation: 1,
        }
    }

    /// Input rows from a window's first tap to its last: `d (k - 1) + 1`.
    pub const fn extent(&self) -> u32 {
        self.dilation * (self.kernel - 1) + 1
    }

    /// Outputs along an axis of `size` inputs, or none when the window does not fit.
    /// PyTorch's rule: with `ceil_mode` the last window must start inside the image or its leading padding.
    pub fn outputs(&self, size: u32, ceil_mode: bool) -> Option<u32> {
        let span = (size.checked_add(2 * self.padding)?).checked_sub(self.extent())?;
        let floor = span / self.stride + 1;
        let ragged = !span.is_multiple_of(self.stride);
        if ceil_mode && ragged && floor * self.stride < size + self.padding {
            Some(floor + 1)
        } else {
            Some(floor)
        }
    }

    const fn is_sane(&self) -> bool {
        self.kernel >= 1
            && self.stride >= 1
            && self.dilation >= 1
            && self.kernel <= 1024
            && self.stride <= 1024
            && self.padding <= 1024
            && self.dilation <= 1024
    }
}

/// `torch.nn.Conv2d`, weight `[out, in / groups, k, k]`, bias `[out]` if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Conv2d {
    /// Output channels.
    pub out: u32,
    /// Kernel, stride, padding, dilation.
    pub window: Window,
    /// Channel groups; equal to the input channels for a depthwise convolution.
    pub groups: u32,
    /// Whether a bias is added.
    pub bias: bool,
}

/// `torch.nn.MaxPool2d` and `AvgPool2d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Pool2d {
    /// Kernel, stride, padding, dilation (1 for average pooling).
    pub window: Window,
    /// Round the output size up instead of down.
    pub ceil_mode: bool,
}

/// An operator. Inference only: dropout is the identity and is left out of graphs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// The camera image, u8 `[N, 3, H, W]`: node 0, not an operator of its own.
    Input,
    /// u8 to f32: `(x / 255 - mean) / std` per channel.
    Normalize {
        /// Mean per channel, of values in 0..1.
        mean: [f32; 3],
        /// Standard deviation per channel.
        std: [f32; 3],
    },
    /// 2-D convolution.
    Conv2d(Conv2d),
    /// Batch normalisation with running statistics.
    BatchNorm2d {
        /// Added to the variance.
        eps: f64,
    },
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// Maximum over a window.
    MaxPool2d(Pool2d),
    /// Mean over a window; padding counts (`count_include_pad`, PyTorch's default).
    AvgPool2d(Pool2d),
    /// Mean over bins that tile the image.
    AdaptiveAvgPool2d {
        /// Output rows.
        rows: u32,
        /// Output columns.
        columns: u32,
    },
    /// `[N, C, H, W]` to `[N, C * H * W]`.
    Flatten,
    /// `x W^T + b`, weight `[out, in]`.
    Linear {
        /// Output features.
        out: u32,
        /// Whether a bias is added.
        bias: bool,
    },
    /// Elementwise sum of two equal shapes.
    Add,
    /// Joins inputs along channels.
    Concat,
}

impl Op {
    /// The operator's name in PyTorch's functional form, as shown in tables.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Normalize { .. } => "normalize",
            Self::Conv2d(_) => "conv2d",
            Self::BatchNorm2d { .. } => "batch_norm",
            Self::Relu => "relu",
            Self::Relu6 => "relu6",
            Self::MaxPool2d(_) => "max_pool2d",
            Self::AvgPool2d(_) => "avg_pool2d",
            Self::AdaptiveAvgPool2d { .. } => "adaptive_avg_pool2d",
            Self::Flatten => "flatten",
            Self::Linear { .. } => "linear",
            Self::Add => "add",
            Self::Concat => "cat",
        }
    }

    /// The shape this operator makes of its inputs.
    ///
    /// # Errors
    /// A sentence that says what the operator wants and what it got.
    pub fn infer(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let one = || match inputs {
            [x] => Ok(*x),
            _ => Err(format!("takes one input, got {}", inputs.len())),
        };
        let image = || {
            let x = one()?;
            if x.flat {
                Err(format!("takes an image [N, C, H, W], got features {x}"))
            } else {
                Ok(x)
            }
        };
        let shape = match self {
            Self::Input => return Err("the input node has no inputs and stands first".to_owned()),
            Self::Normalize { .. } => {
                let x = image()?;
                if x.channels != 3 {
                    return Err(format!("takes 3 channels, got {}", x.channels));
                }
                x
            }
            Self::BatchNorm2d { .. } => image()?,
            Self::Relu | Self::Relu6 => one()?,
            Self::Conv2d(conv) => {
                let x = image()?;
                let shape = windowed(x, &conv.window, false, conv.out)?;
                conv.check(&x)?;
                shape
            }
            Self::MaxPool2d(pool) | Self::AvgPool2d(pool) => {
                let x = image()?;
                if pool.window.padding * 2 > pool.window.kernel {
                    return Err("takes a padding of at most half its kernel".to_owned());
                }
                if matches!(self, Self::AvgPool2d(_)) && pool.window.dilation != 1 {
                    return Err("takes no dilation".to_owned());
                }
                windowed(x, &pool.window, pool.ceil_mode, x.channels)?
            }
            Self::AdaptiveAvgPool2d { rows, columns } => {
                let x = image()?;
                if *rows == 0 || *columns == 0 {
                    return Err("takes an output of at least 1x1".to_owned());
                }
                Shape::image(x.batch, x.channels, *rows, *columns)
            }
            Self::Flatten => {
                let x = image()?;
                let features = x.elements() / u64::from(x.batch);
                let features = u32::try_from(features)
                    .map_err(|_| format!("would make {features} features"))?;
                Shape::features(x.batch, features)
            }
            Self::Linear { out, .. } => {
                let x = one()?;
                if !x.flat {
                    return Err(format!("takes features [N, C], got {x}"));
                }
                Shape::features(x.batch, *out)
            }
            Self::Add => match inputs {
                [a, b] if a == b => *a,
                [a, b] => return Err(format!("takes two equal shapes, got {a} and {b}")),
                _ => return Err(format!("takes two inputs, got {}", inputs.len())),
            },
            Self::Concat => concat_shape(inputs)?,
        };
        if shape.elements() == 0 || shape.elements() > 1 << 32 {
            return Err(format!(
                "would make {shape}, not between 1 and 2^32 elements"
            ));
        }
        Ok(shape)
    }
}

impl Conv2d {
    fn check(&self, x: &Shape) -> Result<(), String> {
        let groups = self.groups;
        if groups == 0 || !x.channels.is_multiple_of(groups) || !self.out.is_multiple_of(groups) {
            return Err(format!(
                "cannot divide {} input and {} output channels into {groups} groups",
                x.channels, self.out
            ));
        }
        if self.window.padding >= self.window.extent() {
            // Whole rows of the output would come from padding alone.
            return Err(format!(
                "takes a padding smaller than its window of {}, got {}",
                self.window.extent(),
                self.window.padding
            ));
        }
        Ok(())
    }
}

fn windowed(x: Shape, window: &Window, ceil: bool, channels: u32) -> Result<Shape, String> {
    if !window.is_sane() {
        return Err(format!(
            "has kernel {}, stride {}, padding {}, dilation {}: each must lie in 1..=1024 (padding from 0)",
            window.kernel, window.stride, window.padding, window.dilation
        ));
    }
    let fits = |size| {
        window.outputs(size, ceil).ok_or_else(|| {
            format!(
                "has a window of {} with padding {}, larger than its input {x}: the image is too small for this model",
                window.extent(),
                window.padding
            )
        })
    };
    Ok(Shape::image(
        x.batch,
        channels,
        fits(x.rows)?,
        fits(x.columns)?,
    ))
}

fn concat_shape(inputs: &[Shape]) -> Result<Shape, String> {
    let Some((first, rest)) = inputs.split_first() else {
        return Err("takes at least one input, got none".to_owned());
    };
    let mut out = *first;
    for x in rest {
        let same = Shape {
            channels: first.channels,
            ..*x
        } == *first;
        if !same {
            return Err(format!(
                "takes shapes that differ in channels only, got {first} and {x}"
            ));
        }
        out.channels = out
            .channels
            .checked_add(x.channels)
            .ok_or("would make more than 2^32 channels")?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_outputs_follow_pytorch() {
        // (size, kernel, stride, padding, ceil) -> outputs, as torch.nn.MaxPool2d gives them.
        for (size, k, s, p, ceil, want) in [
            (224, 3, 2, 1, false, 112),
            (112, 3, 2, 1, false, 56),
            (112, 2, 2, 0, false, 56),
            (7, 2, 2, 0, false, 3),
            (7, 2, 2, 0, true, 4),
            (8, 3, 2, 1, true, 5),
            (5, 1, 3, 0, true, 2),
            (6, 2, 3, 1, true, 3),
        ] {
            let got = Window::new(k, s, p).outputs(size, ceil);
            assert_eq!(got, Some(want), "{size} {k} {s} {p} {ceil}");
        }
        assert_eq!(Window::new(7, 2, 0).outputs(6, false), None);
    }

    #[test]
    fn an_image_too_small_is_refused_with_a_sentence() {
        let pool = Op::MaxPool2d(Pool2d {
            window: Window::new(2, 2, 0),
            ceil_mode: false,
        });
        let error = pool.infer(&[Shape::image(1, 64, 1, 1)]).unwrap_err();
        assert!(error.contains("too small"), "{error}");
    }
}
