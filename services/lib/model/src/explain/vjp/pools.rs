//! Pools.

use super::{Reverse, transposed, window_of};
use crate::onnx::{self, NodeProto, attr_int};
use crate::shapes::Window;

pub(super) fn global_average(
    reverse: &mut Reverse,
    name: &str,
    gradient: &str,
) -> Result<String, String> {
    let shape = reverse.shape(name);
    let places: usize = shape.iter().skip(2).product();
    let build = &mut reverse.build;
    let share = build.scalar(1.0 / places as f32);
    let shared = build.op("Mul", &[gradient, &share]);
    let full = build.shape(shape);
    Ok(build.op("Expand", &[&shared, &full]))
}

/// To the largest place; where several are largest, to each its share.
pub(super) fn global_max(
    reverse: &mut Reverse,
    node: &NodeProto,
    name: &str,
    gradient: &str,
) -> Result<String, String> {
    let (x, y) = (reverse.input(node, 0)?, reverse.forward_name(&node.output[0]));
    let axes: Vec<i64> = (2..reverse.shape(name).len() as i64).collect();
    let build = &mut reverse.build;
    let largest = build.op("Equal", &[&x, &y]);
    let largest = build.op_with("Cast", &[&largest], vec![attr_int("to", 1)]);
    let axes = build.integers(&axes);
    let count = build.op_with("ReduceSum", &[&largest, &axes], vec![attr_int("keepdims", 1)]);
    let share = build.op("Div", &[gradient, &count]);
    Ok(build.op("Mul", &[&largest, &share]))
}

/// Back through an average: each window spreads its share evenly. A transposed convolution, map
/// by map, with ones.
pub(super) fn average(
    reverse: &mut Reverse,
    node: &NodeProto,
    name: &str,
    gradient: &str,
) -> Result<String, String> {
    let window = window_of(reverse, node, None)?;
    let channels = reverse.shape(name)[1];
    let attributes = transposed(&window, channels as i64)?;
    let with_pads = node.attribute_named("count_include_pad").and_then(|a| a.i).unwrap_or(0) != 0;
    let build = &mut reverse.build;
    let shares =
        build.floats(&[1, 1, window.output[0], window.output[1]], &shares(&window, with_pads));
    let shared = build.op("Mul", &[gradient, &shares]);
    let [kh, kw] = window.kernel;
    let ones = build.floats(&[channels, 1, kh, kw], &vec![1.0; channels * kh * kw]);
    Ok(build.op_with("ConvTranspose", &[&shared, &ones], attributes))
}

/// One over the number of places that each window counts.
fn shares(window: &Window, with_pads: bool) -> Vec<f32> {
    let counted = |axis: usize, position: usize| {
        let begin = position * window.stride[axis];
        let inside = |k: &usize| {
            let place = begin + k * window.dilation[axis];
            (window.pads[axis]..window.pads[axis] + window.input[axis]).contains(&place)
        };
        if with_pads {
            window.kernel[axis]
        } else {
            (0..window.kernel[axis]).filter(inside).count()
        }
    };
    let rows: Vec<usize> = (0..window.output[0]).map(|p| counted(0, p)).collect();
    let columns: Vec<usize> = (0..window.output[1]).map(|p| counted(1, p)).collect();
    rows.iter().flat_map(|r| columns.iter().map(move |c| 1.0 / (r * c).max(1) as f32)).collect()
}

/// Where the forward pass keeps the places of the largest values.
fn places_of(reverse: &Reverse, node: &NodeProto) -> String {
    format!("{}/places", reverse.forward_name(&node.output[0]))
}

/// The pool itself, with the places where it found its values as a second output.
pub(super) fn forward_max(reverse: &mut Reverse, node: &NodeProto, x: &str) -> String {
    let places = places_of(reverse, node);
    let values = format!("{places}/values");
    let kept = node.attribute.iter().filter(|a| a.name != "storage_order").cloned();
    let made = NodeProto {
        attribute: kept.collect(),
        ..onnx::node("MaxPool", &values, &[x], &[&values, &places])
    };
    reverse.build.graph.node.push(made);
    values
}

/// Each value's gradient goes to the place where it was found; windows that found the same place
/// add up. The places are indices into the whole tensor, row-major.
pub(super) fn max(
    reverse: &mut Reverse,
    node: &NodeProto,
    name: &str,
    gradient: &str,
) -> Result<String, String> {
    let places = places_of(reverse, node);
    let shape = reverse.shape(name);
    let count: usize = shape.iter().product();
    let build = &mut reverse.build;
    let zero = build.floats(&[1], &[0.0]);
    let length = build.integers(&[count as i64]);
    let zeros = build.op("Expand", &[&zero, &length]);
    let flat = build.integers(&[-1]);
    let places = build.op("Reshape", &[&places, &flat]);
    let gradient = build.op("Reshape", &[gradient, &flat]);
    let attributes = vec![attr_int("axis", 0), onnx::attr_string("reduction", "add")];
    let sums = build.op_with("ScatterElements", &[&zeros, &places, &gradient], attributes);
    Ok(build.reshape(&sums, shape))
}
