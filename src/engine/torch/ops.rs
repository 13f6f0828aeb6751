//! Every call into libtorch. Tensors are `[N, C, H, W]` or `[N, C]`, contiguous, on the engine's processor.

use smallvec::SmallVec;
use tch::{Device, Kind, TchError, Tensor};

use super::super::EngineError;
use super::super::processor::Processor;
use super::Handle;
use crate::model::{Conv2d, DType, Node, Op, Pool2d, Region, Shape, Span, Window, edge_padding};
use crate::plan::{Piece, Term};

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

/// libtorch's word for a processor.
const fn device(processor: Processor) -> Device {
    match processor {
        Processor::Cpu => Device::Cpu,
        Processor::Cuda(number) => Device::Cuda(number as usize),
    }
}

/// A tensor once the processor has computed it: at once on the CPU, after a synchronisation on a GPU.
pub(super) fn settled(tensor: Tensor, processor: Processor) -> Result<Tensor, TchError> {
    if let Processor::Cuda(number) = processor {
        // `tch` panics where the GPU says what went wrong in a step before.
        std::panic::catch_unwind(|| tch::Cuda::synchronize(i64::from(number)))
            .map_err(|_| TchError::Torch(format!("{processor} failed in this step")))?;
    }
    Ok(tensor)
}

/// A parameter, f32, of any shape.
pub(super) fn from_f32(
    data: &[f32],
    size: &[i64],
    processor: Processor,
) -> Result<Tensor, TchError> {
    let tensor = Tensor::f_from_slice(data)?.f_reshape(size)?;
    tensor.f_to_device(device(processor))
}

/// Mean and standard deviation per channel as `[1, 3, 1, 1]`, f32.
pub(super) fn normalization(
    mean: &[f32; 3],
    std: &[f32; 3],
    processor: Processor,
) -> Result<(Tensor, Tensor), TchError> {
    let per_channel = |v: &[f32; 3]| from_f32(v, &[1, 3, 1, 1], processor);
    Ok((per_channel(mean)?, per_channel(std)?))
}

/// What of an operator is to be computed.
pub(super) struct Part<'a> {
    /// The operator.
    pub(super) node: &'a Node,
    /// The box of its output.
    pub(super) out: Region,
    /// The input channels to sum over, and the addend that gives.
    pub(super) over: Option<(Span, Term)>,
    /// The shapes of its inputs.
    pub(super) inputs: SmallVec<[Shape; 2]>,
    /// Where.
    pub(super) processor: Processor,
}

impl Part<'_> {
    fn is_whole(&self) -> bool {
        self.over.is_none() && self.out == Region::whole(&self.node.shape)
    }

    /// Rows of padding above and below that this part of a window's output needs: `None` when they are the window's
    /// own, so that the library can add them by itself.
    fn padding(&self, window: &Window) -> (i64, i64) {
        let rows = self.inputs.first().map_or(0, |x| x.rows);
        let (above, below) = edge_padding(window, self.out.row, rows);
        (i64::from(above), i64::from(below))
    }
}

/// A part of an operator's output from views of exactly the parts of its inputs that it needs.
pub(super) fn compute(
    part: &Part<'_>,
    inputs: &[Tensor],
    parameters: &[Tensor],
    normalize: Option<&(Tensor, Tensor)>,
) -> Result<Tensor, TchError> {
    let Some(x) = inputs.first() else {
        return Err(TchError::Torch("takes no inputs".to_owned()));
    };
    let weight = |i: usize| {
        parameters
            .get(i)
            .ok_or_else(|| TchError::Torch("lacks a parameter".to_owned()))
    };
    // The parameters of the output channels asked for.
    let channels = part.out.channel;
    let of_channels = |i: usize| -> Result<Tensor, TchError> {
        weight(i)?.f_narrow(0, i64::from(channels.start), i64::from(channels.len()))
    };
    match &part.node.op {
        Op::Input => Err(TchError::Torch("is given, not computed".to_owned())),
        Op::Normalize { .. } => {
            let (mean, std) =
                normalize.ok_or_else(|| TchError::Torch("lacks its constants".to_owned()))?;
            let of = |constant: &Tensor| {
                constant.f_narrow(1, i64::from(channels.start), i64::from(channels.len()))
            };
            x.f_to_kind(Kind::Float)?
                .f_div_scalar(255.0)?
                .f_sub(&of(mean)?)?
                .f_div(&of(std)?)
        }
        Op::Conv2d(conv) => convolution(part, conv, x, weight(0)?, parameters.get(1)),
        Op::BatchNorm2d { eps } => x.f_batch_norm(
            Some(of_channels(0)?),
            Some(of_channels(1)?),
            Some(of_channels(2)?),
            Some(of_channels(3)?),
            false,
            0.0,
            *eps,
            false,
        ),
        Op::Relu => x.f_relu(),
        Op::Relu6 => x.f_relu6(),
        Op::MaxPool2d(pool) => {
            let [stride, padding, dilation] = steps(&pool.window);
            let (x, padding) = padded_rows(part, &pool.window, x, padding, f64::NEG_INFINITY)?;
            x.f_max_pool2d(
                square(pool.window.kernel),
                stride,
                padding,
                dilation,
                pool.ceil_mode,
            )
        }
        Op::AvgPool2d(pool) => average_pool(part, pool, x),
        Op::AdaptiveAvgPool2d { rows, columns } => {
            let all = x.f_adaptive_avg_pool2d([i64::from(*rows), i64::from(*columns)])?;
            let row = part.out.row;
            all.f_narrow(2, i64::from(row.start), i64::from(row.len()))
        }
        Op::Flatten => {
            let shape = part.inputs.first();
            let plane = shape.map_or(1, |s| i64::from(s.rows * s.columns));
            let first = i64::from(channels.start) % plane;
            x.f_flatten(1, -1)?
                .f_narrow(1, first, i64::from(channels.len()))
        }
        Op::Linear { .. } => {
            let mut w = of_channels(0)?;
            if let Some((span, _)) = part.over {
                w = w.f_narrow(1, i64::from(span.start), i64::from(span.len()))?;
            }
            let bias = match parameters.get(1) {
                Some(_) if adds_bias(part) => Some(of_channels(1)?),
                _ => None,
            };
            x.f_linear(&w, bias.as_ref())
        }
        Op::Add => match inputs {
            [a, b] => a.f_add(b),
            _ => Err(TchError::Torch("takes two inputs".to_owned())),
        },
        Op::Concat => Tensor::f_cat(inputs, 1),
    }
}

/// The bias belongs to the whole, or to addend 0 of a sum.
const fn adds_bias(part: &Part<'_>) -> bool {
    !matches!(part.over, Some((_, Term::Addend { i: 1.., .. })))
}

fn convolution(
    part: &Part<'_>,
    conv: &Conv2d,
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
) -> Result<Tensor, TchError> {
    let [stride, padding, dilation] = steps(&conv.window);
    if part.is_whole() {
        let sizes = [stride, padding, dilation];
        return convolved(part.processor, (x, weight, bias), sizes, conv.groups);
    }
    // Whole groups are computed; a part of a group is cut out afterwards.
    let out_group = conv.out / conv.groups;
    let channels = part.out.channel;
    let first = channels.start / out_group;
    let groups = channels.end.div_ceil(out_group) - first;
    let made = if conv.groups == 1 {
        channels
    } else {
        Span::new(first * out_group, (first + groups) * out_group)
    };
    let of_made = |t: &Tensor| t.f_narrow(0, i64::from(made.start), i64::from(made.len()));
    let mut w = of_made(weight)?;
    if let Some((span, _)) = part.over {
        w = w.f_narrow(1, i64::from(span.start), i64::from(span.len()))?;
    }
    let b = match bias {
        Some(bias) if adds_bias(part) => Some(of_made(bias)?),
        _ => None,
    };
    let groups = if conv.groups == 1 { 1 } else { groups };
    let (x, padding) = padded_rows(part, &conv.window, x, padding, 0.0)?;
    let sizes = [stride, padding, dilation];
    let y = convolved(part.processor, (&x, &w, b.as_ref()), sizes, groups)?;
    if made == channels {
        return Ok(y);
    }
    let start = i64::from(channels.start - made.start);
    y.f_narrow(1, start, i64::from(channels.len()))
}

/// A convolution of input, weight and bias in whole f32 precision. `sizes` are stride, padding and dilation.
fn convolved(
    processor: Processor,
    (x, weight, bias): (&Tensor, &Tensor, Option<&Tensor>),
    sizes: [[i64; 2]; 3],
    groups: u32,
) -> Result<Tensor, TchError> {
    let [stride, padding, dilation] = sizes;
    let groups = i64::from(groups);
    match processor {
        Processor::Cpu => x.f_conv2d(weight, bias, stride, padding, dilation, groups),
        Processor::Cuda(_) => precise(x, weight, bias, sizes, groups),
    }
}

/// What `conv2d` calls, without what cuDNN does for speed alone: TF32 keeps 10 bits of a product, and an algorithm chosen
/// by trial gives a tile other roundings than the whole.
fn precise(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    [stride, padding, dilation]: [[i64; 2]; 3],
    groups: i64,
) -> Result<Tensor, TchError> {
    let (transposed, output_padding) = (false, [0, 0]);
    let (benchmark, deterministic, cudnn, tf32) = (false, true, true, false);
    x.f_internal_convolution(
        weight,
        bias,
        stride,
        padding,
        dilation,
        transposed,
        output_padding,
        groups,
        benchmark,
        deterministic,
        cudnn,
        tf32,
    )
}

/// Adds the rows of padding that belong to this part, by itself where the library could only add the same above and
/// below. Gives the input and the padding that is left for the library to add.
fn padded_rows(
    part: &Part<'_>,
    window: &Window,
    x: &Tensor,
    padding: [i64; 2],
    value: f64,
) -> Result<(Tensor, [i64; 2]), TchError> {
    let [_, columns] = padding;
    let whole_rows = part.out.row == Span::whole(part.node.shape.rows);
    let (above, below) = part.padding(window);
    if whole_rows {
        // Also where ceil_mode reaches beyond the padding.
        return Ok((x.shallow_clone(), padding));
    }
    if above == below && above <= i64::from(window.padding) {
        return Ok((x.shallow_clone(), [above, columns]));
    }
    let x = x.f_pad([0, 0, above, below], "constant", value)?;
    Ok((x, [0, columns]))
}

/// PyTorch's mean counts the padding, but with `ceil_mode` not what a last window covers beyond it: zeros are added up
/// to the padding only, and the library cuts that window short by itself.
fn average_pool(part: &Part<'_>, pool: &Pool2d, x: &Tensor) -> Result<Tensor, TchError> {
    let [stride, padding, _] = steps(&pool.window);
    let kernel = square(pool.window.kernel);
    if part.out.row == Span::whole(part.node.shape.rows) {
        return x.f_avg_pool2d(kernel, stride, padding, pool.ceil_mode, true, None);
    }
    let (above, below) = part.padding(&pool.window);
    let below = below.min(i64::from(pool.window.padding));
    let x = x.f_pad([0, 0, above, below], "constant", 0.0)?;
    let padding = [0, padding[1]];
    x.f_avg_pool2d(kernel, stride, padding, pool.ceil_mode, true, None)
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
    let place = pieces.first().map_or(Device::Cpu, |p| p.payload.0.device());
    let joined = Tensor::f_empty(&*size, (kind(node.dtype), place))?;
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
pub(super) fn narrowed(
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

/// A tensor on a processor from its elements in order, little endian.
pub(super) fn from_bytes(
    bytes: &[u8],
    shape: &Shape,
    kind: Kind,
    processor: Processor,
) -> Result<Tensor, TchError> {
    let tensor = Tensor::f_from_data_size(bytes, &sizes(shape), kind)?;
    tensor.f_to_device(device(processor))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_gpu_is_asked_for_is_the_same_convolution() {
        let options = (Kind::Float, Device::Cpu);
        for groups in [1, 2, 4] {
            let x = Tensor::rand([2, 4, 9, 7], options);
            let weight = Tensor::rand([8, 4 / groups, 3, 3], options);
            let bias = Tensor::rand([8], options);
            let sizes = [[2, 1], [1, 0], [1, 2]];
            for bias in [None, Some(&bias)] {
                let asked = precise(&x, &weight, bias, sizes, groups).unwrap();
                let [stride, padding, dilation] = sizes;
                let plain = x.f_conv2d(&weight, bias, stride, padding, dilation, groups);
                assert_eq!(asked, plain.unwrap());
            }
        }
    }
}
