//! Every call into libtorch. Tensors are `[N, C, H, W]` or `[N, C]`, contiguous, on the CPU.

use tch::{Device, Kind, TchError, Tensor};

use super::super::EngineError;
use super::Handle;
use crate::model::{DType, Node, Op, Region, Shape, Window};
use crate::plan::Piece;

/// The libtorch that this version of `tch` binds.
pub(super) const TORCH_VERSION: &str = "2.11";

/// libtorch's exception as an error that names the operator.
pub(super) fn failed(node: &Node, error: &TchError) -> EngineError {
    let text = error.to_string();
    EngineError::Operator {
        operator: node.name.clone(),
        kind: node.op.kind(),
        // libtorch appends a C++ backtrace.
        reason: text.lines().next().unwrap_or("no reason given").to_owned(),
    }
}

/// A parameter, f32, of any shape.
pub(super) fn from_f32(data: &[f32], size: &[i64]) -> Result<Tensor, TchError> {
    Tensor::f_from_slice(data)?.f_reshape(size)
}

/// Mean and standard deviation per channel as `[1, 3, 1, 1]`, f32.
pub(super) fn normalization(mean: &[f32; 3], std: &[f32; 3]) -> Result<(Tensor, Tensor), TchError> {
    let per_channel = |v: &[f32; 3]| Tensor::f_from_slice(v)?.f_reshape([1, 3, 1, 1]);
    Ok((per_channel(mean)?, per_channel(std)?))
}

/// An operator's whole output from its whole inputs.
pub(super) fn compute(
    node: &Node,
    inputs: &[Piece<Handle>],
    parameters: &[Tensor],
    normalize: Option<&(Tensor, Tensor)>,
) -> Result<Tensor, TchError> {
    let Some(first) = inputs.first() else {
        return Err(TchError::Torch("takes no inputs".to_owned()));
    };
    let x = &first.payload.0;
    let weight = |i: usize| {
        parameters
            .get(i)
            .ok_or_else(|| TchError::Torch("lacks a parameter".to_owned()))
    };
    match &node.op {
        Op::Input => Err(TchError::Torch("is given, not computed".to_owned())),
        Op::Normalize { .. } => {
            let (mean, std) =
                normalize.ok_or_else(|| TchError::Torch("lacks its constants".to_owned()))?;
            x.f_to_kind(Kind::Float)?
                .f_div_scalar(255.0)?
                .f_sub(mean)?
                .f_div(std)
        }
        Op::Conv2d(conv) => {
            let [stride, padding, dilation] = steps(&conv.window);
            x.f_conv2d(
                weight(0)?,
                parameters.get(1),
                stride,
                padding,
                dilation,
                i64::from(conv.groups),
            )
        }
        Op::BatchNorm2d { eps } => x.f_batch_norm(
            Some(weight(0)?),
            Some(weight(1)?),
            Some(weight(2)?),
            Some(weight(3)?),
            false,
            0.0,
            *eps,
            false,
        ),
        Op::Relu => x.f_relu(),
        Op::Relu6 => x.f_relu6(),
        Op::MaxPool2d(pool) => {
            let [stride, padding, dilation] = steps(&pool.window);
            x.f_max_pool2d(
                square(pool.window.kernel),
                stride,
                padding,
                dilation,
                pool.ceil_mode,
            )
        }
        Op::AvgPool2d(pool) => {
            let [stride, padding, _] = steps(&pool.window);
            x.f_avg_pool2d(
                square(pool.window.kernel),
                stride,
                padding,
                pool.ceil_mode,
                true,
                None,
            )
        }
        Op::AdaptiveAvgPool2d { rows, columns } => {
            x.f_adaptive_avg_pool2d([i64::from(*rows), i64::from(*columns)])
        }
        Op::Flatten => x.f_flatten(1, -1),
        Op::Linear { .. } => x.f_linear(weight(0)?, parameters.get(1)),
        Op::Add => match inputs {
            [a, b] => a.payload.0.f_add(&b.payload.0),
            _ => Err(TchError::Torch("takes two inputs".to_owned())),
        },
        Op::Concat => {
            let parts: Vec<&Tensor> = inputs.iter().map(|p| &p.payload.0).collect();
            Tensor::f_cat(&parts, 1)
        }
    }
}

fn square(n: u32) -> [i64; 2] {
    [i64::from(n); 2]
}

/// Stride, padding and dilation as libtorch takes them.
fn steps(window: &Window) -> [[i64; 2]; 3] {
    [
        square(window.stride),
        square(window.padding),
        square(window.dilation),
    ]
}

/// The sum of addends in the order given.
pub(super) fn sum(addends: &[Piece<Handle>]) -> Result<Tensor, TchError> {
    let Some((first, rest)) = addends.split_first() else {
        return Err(TchError::Torch("has no addends".to_owned()));
    };
    let start = first.payload.0.shallow_clone();
    rest.iter()
        .try_fold(start, |sum, a| sum.f_add(&a.payload.0))
}

/// The box `out` of a node's output from pieces that cover it.
pub(super) fn assemble(
    node: &Node,
    out: &Region,
    pieces: &[Piece<Handle>],
) -> Result<Tensor, TchError> {
    let size = sizes(&Shape {
        batch: out.batch.len(),
        channels: out.channel.len(),
        rows: out.row.len(),
        ..node.shape
    });
    let joined = Tensor::f_empty(&*size, (kind(node.dtype), Device::Cpu))?;
    for piece in pieces {
        let part = piece.region.intersect(out);
        if part.is_empty() {
            continue;
        }
        let mut to = narrowed(&joined, out, &part, node.shape.flat)?;
        to.f_copy_(&narrowed(
            &piece.payload.0,
            &piece.region,
            &part,
            node.shape.flat,
        )?)?;
    }
    Ok(joined)
}

/// A view of the box `part` of a tensor that holds the box `whole`.
fn narrowed(
    tensor: &Tensor,
    whole: &Region,
    part: &Region,
    flat: bool,
) -> Result<Tensor, TchError> {
    let axes = [
        (whole.batch, part.batch),
        (whole.channel, part.channel),
        (whole.row, part.row),
    ];
    let mut view = tensor.shallow_clone();
    for (dim, (whole, part)) in (0_i64..).zip(axes).take(if flat { 2 } else { 3 }) {
        let start = i64::from(part.start - whole.start);
        view = view.f_narrow(dim, start, i64::from(part.len()))?;
    }
    Ok(view)
}

/// A tensor's elements in order, little endian.
pub(super) fn to_bytes(tensor: &Tensor, dtype: DType) -> Result<Vec<u8>, TchError> {
    let numel = tensor.numel();
    let mut bytes = vec![0; numel * dtype.bytes() as usize];
    tensor.f_copy_data_u8(&mut bytes, numel)?;
    Ok(bytes)
}

/// A tensor from its elements in order, little endian.
pub(super) fn from_bytes(bytes: &[u8], shape: &Shape, kind: Kind) -> Result<Tensor, TchError> {
    Tensor::f_from_data_size(bytes, &sizes(shape), kind)
}

const fn kind(dtype: DType) -> Kind {
    match dtype {
        DType::U8 => Kind::Uint8,
        DType::F32 => Kind::Float,
    }
}

fn sizes(shape: &Shape) -> Vec<i64> {
    let all = [shape.batch, shape.channels, shape.rows, shape.columns];
    let rank = if shape.flat { 2 } else { 4 };
    all.iter().take(rank).map(|&d| i64::from(d)).collect()
}
