//! Sizes of convolutions and pools.

use super::{Call, Fact, one};

/// The geometry of a window that slides over height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Step.
    pub stride: [usize; 2],
    /// Distance between the window's places.
    pub dilation: [usize; 2],
    /// Places around the image: top, left, bottom, right.
    pub pads: [usize; 4],
    /// Size of the image.
    pub input: [usize; 2],
    /// Number of positions.
    pub output: [usize; 2],
}

/// No kernel, step or padding is larger; keeps the arithmetic far from its limits.
const MAX: i64 = 1 << 16;

/// Reads the attributes of a convolution or pool over an image of `input` pixels.
/// `kernel` is the weights' own size, where there are weights.
pub(crate) fn window(
    call: &Call,
    input: [usize; 2],
    kernel: Option<[usize; 2]>,
) -> Result<Window, String> {
    let pair = |name: &str, default: usize| -> Result<[usize; 2], String> {
        match call.ints(name) {
            None | Some([]) => Ok([default; 2]),
            Some([a, b]) if (1..=MAX).contains(a) && (1..=MAX).contains(b) => {
                Ok([*a as usize, *b as usize])
            }
            Some(other) => Err(format!("{name} is {other:?}")),
        }
    };
    let kernel = match kernel {
        Some(kernel) => kernel,
        None if call.ints("kernel_shape").is_some() => pair("kernel_shape", 1)?,
        None => return Err("kernel_shape is missing".into()),
    };
    let (stride, dilation) = (pair("strides", 1)?, pair("dilations", 1)?);
    let reach = [0, 1].map(|i| dilation[i] * (kernel[i].max(1) - 1) + 1);
    let auto = call.node.attribute_named("auto_pad").and_then(|a| a.s.as_deref());
    let pads = match auto.unwrap_or(b"NOTSET") {
        b"SAME_UPPER" => same(input, stride, reach, false),
        b"SAME_LOWER" => same(input, stride, reach, true),
        b"VALID" => [0; 4],
        b"NOTSET" | b"" => explicit(call)?,
        other => return Err(format!("auto_pad is {:?}", String::from_utf8_lossy(other))),
    };
    let ceil = call.int("ceil_mode", 0) != 0;
    let mut output = [0; 2];
    for i in 0..2 {
        let room = (input[i] + pads[i] + pads[i + 2])
            .checked_sub(reach[i])
            .ok_or_else(|| format!("a window of {reach:?} on an image of {input:?}"))?;
        output[i] = if ceil { room.div_ceil(stride[i]) } else { room / stride[i] } + 1;
        // the last window must begin inside the image
        if ceil && (output[i] - 1) * stride[i] >= input[i] + pads[i] {
            output[i] -= 1;
        }
    }
    Ok(Window { kernel, stride, dilation, pads, input, output })
}

fn explicit(call: &Call) -> Result<[usize; 4], String> {
    match call.ints("pads") {
        None | Some([]) => Ok([0; 4]),
        Some(pads @ [a, b, c, d]) if pads.iter().all(|p| (0..=MAX).contains(p)) => {
            Ok([*a as usize, *b as usize, *c as usize, *d as usize])
        }
        Some(other) => Err(format!("pads are {other:?}")),
    }
}

/// Padding that gives ceil(input / stride) positions; `lower` puts the odd one in front.
fn same(input: [usize; 2], stride: [usize; 2], reach: [usize; 2], lower: bool) -> [usize; 4] {
    let mut pads = [0; 4];
    for i in 0..2 {
        let positions = input[i].div_ceil(stride[i]);
        let needed = (positions.max(1) - 1) * stride[i] + reach[i];
        let all = needed.saturating_sub(input[i]);
        let less = all / 2;
        (pads[i], pads[i + 2]) = if lower { (all - less, less) } else { (less, all - less) };
    }
    pads
}

/// Batch, channels and image size of maps.
pub(super) fn maps(fact: &Fact) -> Result<(usize, usize, [usize; 2]), String> {
    match fact.shape[..] {
        [n, c, h, w] => Ok((n, c, [h, w])),
        _ => Err(format!("shape {:?} has no height and width", fact.shape)),
    }
}

pub(super) fn conv(call: &Call) -> Result<Vec<Fact>, String> {
    conv_with(call, 0, 1)
}

/// x, scale, zero point, weights, ...
pub(super) fn quantised_conv(call: &Call) -> Result<Vec<Fact>, String> {
    conv_with(call, 0, 3)
}

fn conv_with(call: &Call, image: usize, weights: usize) -> Result<Vec<Fact>, String> {
    let image = call.fact(image)?;
    if let [n, _, length] = image.shape[..] {
        return conv_1d(call, n, length, weights);
    }
    let (n, channels, size) = maps(image)?;
    let weights = &call.fact(weights)?.shape;
    let [out, per_group, kh, kw] = weights[..] else {
        return Err(format!("weights of shape {weights:?}"));
    };
    let groups = call.int("group", 1);
    if groups < 1 || (per_group as i64).checked_mul(groups) != Some(channels as i64) {
        return Err(format!("{channels} channels for weights of shape {weights:?}"));
    }
    let window = window(call, size, Some([kh, kw]))?;
    one(vec![n, out, window.output[0], window.output[1]])
}

fn conv_1d(call: &Call, n: usize, length: usize, weights: usize) -> Result<Vec<Fact>, String> {
    let weights = &call.fact(weights)?.shape;
    let [out, _, kernel] = weights[..] else {
        return Err(format!("weights of shape {weights:?}"));
    };
    let single = |name: &str, default: i64| match call.ints(name) {
        Some([v]) if (0..=MAX).contains(v) => *v,
        _ => default,
    };
    let pads = match call.ints("pads") {
        Some([a, b]) if (0..=MAX).contains(a) && (0..=MAX).contains(b) => a + b,
        _ => 0,
    };
    let reach = single("dilations", 1) * (kernel as i64 - 1) + 1;
    let room = length as i64 + pads - reach;
    let stride = single("strides", 1).max(1);
    let positions = usize::try_from(room / stride + 1).map_err(|_| "window beyond the input")?;
    one(vec![n, out, positions])
}

/// Upper bound: transposed convolutions only widen.
pub(super) fn conv_transpose(call: &Call) -> Result<Vec<Fact>, String> {
    let (n, _, size) = maps(call.fact(0)?)?;
    let weights = &call.fact(1)?.shape;
    let [_, per_group, kh, kw] = weights[..] else {
        return Err(format!("weights of shape {weights:?}"));
    };
    let groups = usize::try_from(call.int("group", 1)).unwrap_or(1).max(1);
    if let Some([h, w]) = call.ints("output_shape") {
        let side = |v: i64| usize::try_from(v).map_err(|_| format!("output_shape {v}"));
        return one(vec![n, per_group * groups, side(*h)?, side(*w)?]);
    }
    let at = |name: &str, i: usize, default: i64| {
        call.ints(name).and_then(|v| v.get(i)).copied().unwrap_or(default).clamp(0, MAX) as usize
    };
    let side = |i: usize, kernel: usize| {
        let reach = at("dilations", i, 1) * (kernel.max(1) - 1) + 1;
        let grown = size[i].max(1).saturating_sub(1) * at("strides", i, 1) + reach;
        (grown + at("output_padding", i, 0)).saturating_sub(at("pads", i, 0) + at("pads", i + 2, 0))
    };
    one(vec![n, per_group * groups, side(0, kh), side(1, kw)])
}

/// The largest of a window, with the places where it was found as second output.
pub(super) fn pool(call: &Call) -> Result<Vec<Fact>, String> {
    let (n, c, size) = maps(call.fact(0)?)?;
    let window = window(call, size, None)?;
    let shape = vec![n, c, window.output[0], window.output[1]];
    Ok(vec![Fact::of_shape(shape.clone()), Fact::of_shape(shape)])
}

pub(super) fn global_pool(call: &Call) -> Result<Vec<Fact>, String> {
    let shape = &call.fact(0)?.shape;
    if shape.len() < 3 {
        return Err(format!("shape {shape:?} has no height and width"));
    }
    one(shape.iter().enumerate().map(|(i, d)| if i < 2 { *d } else { 1 }).collect())
}

pub(super) fn depth_to_space(call: &Call) -> Result<Vec<Fact>, String> {
    let (n, c, [h, w]) = maps(call.fact(0)?)?;
    let block = block_size(call)?;
    one(vec![n, c / (block * block), h * block, w * block])
}

pub(super) fn space_to_depth(call: &Call) -> Result<Vec<Fact>, String> {
    let (n, c, [h, w]) = maps(call.fact(0)?)?;
    let block = block_size(call)?;
    one(vec![n, c * block * block, h / block, w / block])
}

fn block_size(call: &Call) -> Result<usize, String> {
    match call.int("blocksize", 0) {
        block @ 1..=64 => Ok(block as usize),
        other => Err(format!("blocksize is {other}")),
    }
}

/// Resize and Upsample: by factors or to sizes, as attribute or input, over four operator sets.
pub(super) fn resize(call: &Call) -> Result<Vec<Fact>, String> {
    let shape = &call.fact(0)?.shape;
    let known = |index: usize| {
        call.optional(index)
            .filter(|f| f.elements() > 0)
            .map(|f| f.content.clone().ok_or_else(|| "its size depends on the picture".to_owned()))
    };
    if call.ints("axes").is_some() {
        return Err("attribute axes is not taken".into());
    }
    let (scales, sizes) = match (call.node.op_type.as_str(), call.opset) {
        ("Upsample", ..9) => {
            let floats = call.node.attribute_named("scales").map(|a| &a.floats[..]);
            (floats.map(|f| Ok(f.iter().map(|v| f64::from(*v)).collect())), None)
        }
        ("Upsample", _) | ("Resize", ..11) => (known(1), None),
        _ => (known(2), known(3)),
    };
    let wanted: Vec<f64> = match (scales.transpose()?, sizes.transpose()?) {
        (Some(scales), _) => {
            scales.iter().zip(shape).map(|(s, d)| (s * *d as f64).floor()).collect()
        }
        (None, Some(sizes)) => sizes,
        (None, None) => return Err("neither scales nor sizes".into()),
    };
    if wanted.len() != shape.len() || wanted.iter().any(|d| !(0.0..1e9).contains(d)) {
        return Err(format!("from {shape:?} to {wanted:?}"));
    }
    one(wanted.iter().map(|d| *d as usize).collect())
}
