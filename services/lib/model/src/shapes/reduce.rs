//! Sizes of matrix products and of operators that take axes away.

use super::{Call, Fact, axis, broadcast, one};

/// Sums, means and the like: axes as attribute or as input.
pub(super) fn reduce(call: &Call) -> Result<Vec<Fact>, String> {
    let fact = call.fact(0)?;
    let axes = call.list("axes", 1)?.unwrap_or_default();
    if axes.is_empty() && call.int("noop_with_empty_axes", 0) != 0 {
        return Ok(vec![fact.clone()]);
    }
    let shape = without(&fact.shape, &axes, call.int("keepdims", 1) != 0)?;
    let mut output = Fact::of_shape(shape);
    let all = axes.is_empty() || axes.len() == fact.shape.len();
    if let (Some(values), true) = (&fact.content, all && call.node.op_type == "ReduceProd") {
        output.kind = fact.kind;
        output.content = Some(vec![values.iter().product()]);
    }
    Ok(vec![output])
}

/// Place of the largest or smallest along one axis.
pub(super) fn arg(call: &Call) -> Result<Vec<Fact>, String> {
    let shape = &call.fact(0)?.shape;
    one(without(shape, &[call.int("axis", 0)], call.int("keepdims", 1) != 0)?)
}

/// `shape` without `axes` (all of them when there are none), or with 1 in their place.
fn without(shape: &[usize], axes: &[i64], keep: bool) -> Result<Vec<usize>, String> {
    let gone: Vec<usize> = axes.iter().map(|a| axis(*a, shape.len())).collect::<Result<_, _>>()?;
    let is_gone = |i: usize| axes.is_empty() || gone.contains(&i);
    let kept = shape.iter().enumerate();
    Ok(match keep {
        true => kept.map(|(i, d)| if is_gone(i) { 1 } else { *d }).collect(),
        false => kept.filter(|(i, _)| !is_gone(*i)).map(|(_, d)| *d).collect(),
    })
}

pub(super) fn top_k(call: &Call) -> Result<Vec<Fact>, String> {
    let mut shape = call.fact(0)?.shape.clone();
    let at = axis(call.int("axis", -1), shape.len())?;
    let k = match call.optional(1) {
        Some(_) => call.integers(1)?.first().copied(),
        None => Some(call.int("k", 0)),
    };
    shape[at] = k
        .and_then(|k| usize::try_from(k).ok())
        .filter(|k| *k <= shape[at])
        .ok_or("k is beyond the axis")?;
    Ok(vec![Fact::of_shape(shape.clone()), Fact::of_shape(shape)])
}

pub(super) fn gemm(call: &Call) -> Result<Vec<Fact>, String> {
    let (a, b) = (&call.fact(0)?.shape, &call.fact(1)?.shape);
    let ([a0, a1], [b0, b1]) = (&a[..], &b[..]) else {
        return Err(format!("shapes {a:?} and {b:?} are not matrices"));
    };
    let (m, k) = if call.int("transA", 0) != 0 { (*a1, *a0) } else { (*a0, *a1) };
    let (k2, n) = if call.int("transB", 0) != 0 { (*b1, *b0) } else { (*b0, *b1) };
    if k != k2 {
        return Err(format!("shapes {a:?} and {b:?} do not go together"));
    }
    one(vec![m, n])
}

pub(super) fn matmul(call: &Call) -> Result<Vec<Fact>, String> {
    product(&call.fact(0)?.shape, &call.fact(1)?.shape)
}

/// a, scale, zero point, b, ...
pub(super) fn quantised_matmul(call: &Call) -> Result<Vec<Fact>, String> {
    product(&call.fact(0)?.shape, &call.fact(3)?.shape)
}

/// Matrix product over the last two axes, as numpy does it.
fn product(a: &[usize], b: &[usize]) -> Result<Vec<Fact>, String> {
    let wrong = || format!("shapes {a:?} and {b:?} do not go together");
    let (mut left, mut right) = (a.to_vec(), b.to_vec());
    if left.len() == 1 {
        left.insert(0, 1);
    }
    if right.len() == 1 {
        right.push(1);
    }
    let ([left_outer @ .., m, k], [right_outer @ .., k2, n]) = (&left[..], &right[..]) else {
        return Err(wrong());
    };
    if k != k2 {
        return Err(wrong());
    }
    let mut shape = broadcast(left_outer, right_outer)?;
    if a.len() > 1 {
        shape.push(*m);
    }
    if b.len() > 1 {
        shape.push(*n);
    }
    one(shape)
}
