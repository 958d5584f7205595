//! Operators that move, join and sum elements.

use super::Reverse;
use crate::onnx::{NodeProto, attr_int, attr_ints};

pub(super) fn transpose(
    reverse: &mut Reverse,
    node: &NodeProto,
    name: &str,
    gradient: &str,
) -> Result<String, String> {
    let rank = reverse.shape(name).len();
    let written = node.attribute_named("perm").map(|a| a.ints.clone());
    let order = written.unwrap_or_else(|| (0..rank as i64).rev().collect());
    let mut back = vec![0; rank];
    for (to, from) in order.iter().enumerate() {
        let from = usize::try_from(*from).ok().filter(|from| *from < rank);
        back[from.ok_or("a transposition with negative axes")?] = to as i64;
    }
    Ok(reverse.build.op_with("Transpose", &[gradient], vec![attr_ints("perm", &back)]))
}

/// The part of the joined gradient that belongs to input `index`.
pub(super) fn concat(
    reverse: &mut Reverse,
    node: &NodeProto,
    index: usize,
    name: &str,
    gradient: &str,
) -> Result<String, String> {
    let rank = reverse.shape(name).len();
    let written = node.attribute_named("axis").and_then(|a| a.i).unwrap_or(1);
    let axis = if written < 0 { written + rank as i64 } else { written };
    let at = usize::try_from(axis).ok().filter(|at| *at < rank).ok_or("an axis beyond the rank")?;
    let length = |name: &String| match reverse.tail.constants.get(name) {
        Some(tensor) => tensor.dims.get(at).copied().unwrap_or(0),
        None => reverse.shape(name).get(at).copied().unwrap_or(0) as i64,
    };
    let start: i64 = node.input[..index].iter().map(length).sum();
    let end = start + reverse.shape(name)[at] as i64;
    let build = &mut reverse.build;
    let [start, end, axis] = [start, end, axis].map(|v| build.integers(&[v]));
    Ok(build.op("Slice", &[gradient, &start, &end, &axis]))
}

/// Axes of a sum or mean, and the share that each element has in the result.
fn reduction(reverse: &Reverse, node: &NodeProto) -> Result<(Vec<i64>, f32), String> {
    let shape = reverse.shape(&node.input[0]);
    let rank = shape.len() as i64;
    let written = match (node.attribute_named("axes"), node.input.get(1)) {
        (Some(attribute), _) => attribute.ints.clone(),
        (None, Some(name)) if !name.is_empty() => {
            let fact = crate::shapes::fact_of(reverse.value(name)?);
            fact.integers().ok_or("axes that are not known")?
        }
        _ => (0..rank).collect(),
    };
    let axes: Vec<i64> = written.iter().map(|a| if *a < 0 { a + rank } else { *a }).collect();
    let place = |a: &i64| usize::try_from(*a).ok().and_then(|a| shape.get(a)).copied();
    let lengths: Option<Vec<usize>> = axes.iter().map(place).collect();
    let count: usize = lengths.ok_or("an axis beyond the rank")?.iter().product();
    let share = if node.op_type == "ReduceMean" { 1.0 / count as f32 } else { 1.0 };
    Ok((axes, share))
}

/// The sum or mean itself, with its axes kept.
pub(super) fn reduced_sum(
    reverse: &mut Reverse,
    node: &NodeProto,
    x: &str,
) -> Result<String, String> {
    let (axes, share) = reduction(reverse, node)?;
    let build = &mut reverse.build;
    let axes = build.integers(&axes);
    let sum = build.op_with("ReduceSum", &[x, &axes], vec![attr_int("keepdims", 1)]);
    let share = build.scalar(share);
    Ok(build.op("Mul", &[&sum, &share]))
}

/// Every element had the same share in the sum or mean.
pub(super) fn spread(
    reverse: &mut Reverse,
    node: &NodeProto,
    name: &str,
    gradient: &str,
) -> Result<String, String> {
    let (axes, share) = reduction(reverse, node)?;
    let full = reverse.shape(name);
    let is_gone = |i: usize| axes.contains(&(i as i64));
    let kept: Vec<usize> =
        full.iter().enumerate().map(|(i, d)| if is_gone(i) { 1 } else { *d }).collect();
    let build = &mut reverse.build;
    let share = build.scalar(share);
    let shared = build.op("Mul", &[gradient, &share]);
    let shaped = build.reshape(&shared, &kept);
    let full = build.shape(full);
    Ok(build.op("Expand", &[&shaped, &full]))
}
