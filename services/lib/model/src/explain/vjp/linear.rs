//! Convolutions and matrix products.

use super::{Reverse, float_of, transposed, window_of};
use crate::onnx::{NodeProto, attr_ints};

/// Back through a convolution: a transposed convolution with the same weights.
pub(super) fn conv(
    reverse: &mut Reverse,
    node: &NodeProto,
    index: usize,
    name: &str,
    gradient: &str,
) -> Result<String, String> {
    if index != 0 {
        return Err(format!("weights {:?} that depend on the picture", crate::scan::short(name)));
    }
    let weights = reverse.input(node, 1)?;
    let dims = &reverse.value(&node.input[1])?.dims;
    let [_, _, kh, kw] = dims[..] else {
        return Err(format!("a convolution with weights of shape {dims:?}"));
    };
    let window = window_of(reverse, node, Some([kh as usize, kw as usize]))?;
    let group = node.attribute_named("group").and_then(|a| a.i).unwrap_or(1);
    let attributes = transposed(&window, group)?;
    Ok(reverse.build.op_with("ConvTranspose", &[gradient, &weights], attributes))
}

/// Y = alpha A' B' + beta C, where ' is an optional transposition.
pub(super) fn gemm(
    reverse: &mut Reverse,
    node: &NodeProto,
    index: usize,
    name: &str,
    gradient: &str,
) -> Result<String, String> {
    let flag = |name: &str| node.attribute_named(name).and_then(|a| a.i).unwrap_or(0) != 0;
    let (trans_a, trans_b) = (flag("transA"), flag("transB"));
    let factor =
        if index == 2 { float_of(node, "beta", 1.0) } else { float_of(node, "alpha", 1.0) };
    let factor = reverse.build.scalar(factor);
    let scaled = reverse.build.op("Mul", &[gradient, &factor]);
    match index {
        0 => {
            let b = reverse.input(node, 1)?;
            let b = if trans_b { b } else { turned(reverse, &b, 2) };
            let back = reverse.build.op("MatMul", &[&scaled, &b]);
            Ok(if trans_a { turned(reverse, &back, 2) } else { back })
        }
        1 => {
            let a = reverse.input(node, 0)?;
            let a = if trans_a { a } else { turned(reverse, &a, 2) };
            let back = reverse.build.op("MatMul", &[&a, &scaled]);
            Ok(if trans_b { turned(reverse, &back, 2) } else { back })
        }
        _ => {
            let full = reverse.shape(&node.output[0]);
            Ok(reverse.unbroadcast(&scaled, full, name))
        }
    }
}

/// Matrix product over the last two axes.
pub(super) fn matmul(
    reverse: &mut Reverse,
    node: &NodeProto,
    index: usize,
    name: &str,
    gradient: &str,
) -> Result<String, String> {
    let other_name = &node.input[1 - index];
    let other = reverse.input(node, 1 - index)?;
    let rank = match reverse.tail.constants.get(other_name) {
        Some(tensor) => tensor.dims.len(),
        None => reverse.shape(other_name).len(),
    };
    if rank < 2 || reverse.shape(name).len() < 2 {
        return Err("a matrix product with a vector has no gradient rule".into());
    }
    let other = turned(reverse, &other, rank);
    let back = match index {
        0 => reverse.build.op("MatMul", &[gradient, &other]),
        _ => reverse.build.op("MatMul", &[&other, gradient]),
    };
    let full = reverse.shape(&node.output[0]);
    let shape = reverse.shape(name);
    let outer = full.len().max(shape.len()) - 2;
    let mut from = full[..full.len() - 2].to_vec();
    from.truncate(outer);
    from.extend(&shape[shape.len() - 2..]);
    Ok(reverse.unbroadcast(&back, &from, name))
}

/// The last two axes exchanged.
fn turned(reverse: &mut Reverse, x: &str, rank: usize) -> String {
    let mut perm: Vec<i64> = (0..rank as i64).collect();
    perm.swap(rank - 2, rank - 1);
    reverse.build.op_with("Transpose", &[x], vec![attr_ints("perm", &perm)])
}
