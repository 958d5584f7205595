//! Sizes of operators that move, repeat, cut and make elements. Contents of small constants are
//! followed through those that exporters compute shapes with.

use super::content::{MAX_ELEMENTS, is_integer};
use super::{Call, Fact, axis, constant_of, fact_of, one};
use crate::onnx::DataType;

const INT64: i32 = DataType::Int64 as i32;

/// The same elements in another shape, content and all.
fn reshaped(fact: &Fact, shape: Vec<usize>) -> Result<Vec<Fact>, String> {
    let output = Fact { shape, ..fact.clone() };
    if output.elements() != fact.elements() {
        return Err(format!("shape {:?} as {:?}", fact.shape, output.shape));
    }
    Ok(vec![output])
}

pub(super) fn reshape(call: &Call) -> Result<Vec<Fact>, String> {
    let fact = call.fact(0)?;
    let wanted = call.integers(1)?;
    let literal_zero = call.int("allowzero", 0) != 0;
    let mut shape = Vec::with_capacity(wanted.len());
    let mut free = None;
    for (i, d) in wanted.iter().enumerate() {
        match d {
            -1 if free.is_none() => {
                free = Some(i);
                shape.push(1);
            }
            0 if !literal_zero => {
                shape.push(*fact.shape.get(i).ok_or("a zero beyond the input's axes")?);
            }
            0.. => shape.push(*d as usize),
            _ => return Err(format!("shape {wanted:?}")),
        }
    }
    if let Some(free) = free {
        let others: usize = shape.iter().fold(1, |n, d| n.saturating_mul(*d));
        shape[free] = fact.elements().checked_div(others).unwrap_or(0);
    }
    reshaped(fact, shape)
}

pub(super) fn flatten(call: &Call) -> Result<Vec<Fact>, String> {
    let fact = call.fact(0)?;
    let rank = fact.shape.len();
    let at = call.int("axis", 1);
    let at = if at == rank as i64 { rank } else { axis(at, rank)? };
    let count = |dims: &[usize]| dims.iter().fold(1_usize, |n, d| n.saturating_mul(*d));
    reshaped(fact, vec![count(&fact.shape[..at]), count(&fact.shape[at..])])
}

pub(super) fn squeeze(call: &Call) -> Result<Vec<Fact>, String> {
    let fact = call.fact(0)?;
    let rank = fact.shape.len();
    let axes = call.list("axes", 1)?.unwrap_or_default();
    let gone: Vec<usize> = axes.iter().map(|a| axis(*a, rank)).collect::<Result<_, _>>()?;
    let is_gone = |i: usize, d: usize| if axes.is_empty() { d == 1 } else { gone.contains(&i) };
    let kept = fact.shape.iter().enumerate().filter(|(i, d)| !is_gone(*i, **d));
    reshaped(fact, kept.map(|(_, d)| *d).collect())
}

pub(super) fn unsqueeze(call: &Call) -> Result<Vec<Fact>, String> {
    let fact = call.fact(0)?;
    let axes = call.list("axes", 1)?.ok_or("axes are missing")?;
    let rank = fact.shape.len() + axes.len();
    let new: Vec<usize> = axes.iter().map(|a| axis(*a, rank)).collect::<Result<_, _>>()?;
    let mut old = fact.shape.iter();
    let shape = (0..rank).map(|i| if new.contains(&i) { Some(1) } else { old.next().copied() });
    reshaped(fact, shape.collect::<Option<_>>().ok_or("an axis is named twice")?)
}

pub(super) fn transpose(call: &Call) -> Result<Vec<Fact>, String> {
    let shape = &call.fact(0)?.shape;
    let rank = shape.len();
    let order: Vec<usize> = match call.ints("perm") {
        None => (0..rank).rev().collect(),
        Some(perm) => perm.iter().map(|a| axis(*a, rank)).collect::<Result<_, _>>()?,
    };
    if (0..rank).any(|i| !order.contains(&i)) || order.len() != rank {
        return Err(format!("perm {order:?} of {rank} axes"));
    }
    one(order.iter().map(|i| shape[*i]).collect())
}

pub(super) fn concat(call: &Call) -> Result<Vec<Fact>, String> {
    let first = call.fact(0)?;
    let mut shape = first.shape.clone();
    let at = axis(call.int("axis", 1), shape.len())?;
    let mut content = first.content.clone().filter(|_| shape.len() == 1);
    for index in 1..call.inputs.len() {
        let next = call.fact(index)?;
        let agrees = next.shape.len() == shape.len()
            && (0..shape.len()).all(|i| i == at || next.shape[i] == shape[i]);
        if !agrees {
            return Err(format!("shapes {shape:?} and {:?} along axis {at}", next.shape));
        }
        shape[at] = shape[at].saturating_add(next.shape[at]);
        content = content.zip(next.content.as_ref()).map(|(mut a, b)| {
            a.extend(b);
            a
        });
    }
    Ok(vec![Fact { shape, kind: first.kind, content: content.filter(|c| c.len() <= MAX_ELEMENTS) }])
}

pub(super) fn split(call: &Call) -> Result<Vec<Fact>, String> {
    let shape = &call.fact(0)?.shape;
    let at = axis(call.int("axis", 0), shape.len())?;
    let parts = call.node.output.len();
    let lengths = match call.list("split", 1)? {
        Some(lengths) => lengths,
        None => {
            let share = shape[at].div_ceil(parts.max(1));
            let last = shape[at].saturating_sub(share * (parts.max(1) - 1));
            (0..parts).map(|i| if i + 1 == parts { last } else { share } as i64).collect()
        }
    };
    if lengths.len() != parts || lengths.iter().sum::<i64>() != shape[at] as i64 {
        return Err(format!("parts {lengths:?} of {}", shape[at]));
    }
    let part = |length: &i64| {
        let mut shape = shape.clone();
        shape[at] = usize::try_from(*length).map_err(|_| format!("a part of {length}"))?;
        Ok(Fact::of_shape(shape))
    };
    lengths.iter().map(part).collect()
}

pub(super) fn slice(call: &Call) -> Result<Vec<Fact>, String> {
    let fact = call.fact(0)?;
    let starts = call.list("starts", 1)?.ok_or("starts are missing")?;
    let ends = call.list("ends", 2)?.ok_or("ends are missing")?;
    let axes = call.list("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = call.list("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()].iter().any(|n| *n != starts.len()) {
        return Err("starts, ends, axes and steps have different lengths".into());
    }
    let mut output = Fact { content: None, ..fact.clone() };
    for i in 0..starts.len() {
        let at = axis(axes[i], fact.shape.len())?;
        let (first, count) = taken(starts[i], ends[i], steps[i], fact.shape[at] as i64)?;
        output.shape[at] = count;
        if let (Some(values), [_]) = (&fact.content, &fact.shape[..]) {
            let places = (0..count as i64).map(|n| (first + n * steps[i]) as usize);
            output.content = Some(places.map(|place| values[place]).collect());
        }
    }
    Ok(vec![output])
}

/// The first place that a slice takes of an axis, and how many. Source: ONNX, operator Slice.
fn taken(start: i64, end: i64, step: i64, length: i64) -> Result<(i64, usize), String> {
    let from_end = |v: i64| if v < 0 { v.saturating_add(length) } else { v };
    let (start, end) = (from_end(start), from_end(end));
    let (first, room) = match step {
        1.. => {
            let first = start.clamp(0, length);
            (first, end.clamp(0, length) - first)
        }
        ..=-1 if step > i64::MIN => {
            let first = start.clamp(-1, length - 1);
            (first, first - end.clamp(-1, length - 1))
        }
        _ => return Err(format!("step {step}")),
    };
    Ok((first, room.max(0).unsigned_abs().div_ceil(step.unsigned_abs()) as usize))
}

pub(super) fn gather(call: &Call) -> Result<Vec<Fact>, String> {
    let (fact, indices) = (call.fact(0)?, call.fact(1)?);
    let at = axis(call.int("axis", 0), fact.shape.len())?;
    let mut shape = fact.shape[..at].to_vec();
    shape.extend(&indices.shape);
    shape.extend(&fact.shape[at + 1..]);
    let pick = |values: &Vec<f64>| {
        let wanted = indices.integers()?;
        let place = |i: &i64| axis(*i, values.len()).ok().map(|i| values[i]);
        wanted.iter().map(place).collect::<Option<Vec<f64>>>()
    };
    let content = fact.content.as_ref().filter(|_| fact.shape.len() == 1).and_then(pick);
    Ok(vec![Fact { shape, kind: fact.kind, content }])
}

/// The output has the shape of the indices.
pub(super) fn gather_elements(call: &Call) -> Result<Vec<Fact>, String> {
    one(call.fact(1)?.shape.clone())
}

pub(super) fn expand(call: &Call) -> Result<Vec<Fact>, String> {
    let shape = sizes(&call.integers(1)?)?;
    one(super::broadcast(&call.fact(0)?.shape, &shape)?)
}

pub(super) fn tile(call: &Call) -> Result<Vec<Fact>, String> {
    let shape = &call.fact(0)?.shape;
    let repeats = sizes(&call.integers(1)?)?;
    if repeats.len() != shape.len() {
        return Err(format!("repeats {repeats:?} of shape {shape:?}"));
    }
    one(shape.iter().zip(&repeats).map(|(d, r)| d.saturating_mul(*r)).collect())
}

pub(super) fn pad(call: &Call) -> Result<Vec<Fact>, String> {
    let shape = &call.fact(0)?.shape;
    let pads = call.list("pads", 1)?.ok_or("pads are missing")?;
    let mut grown: Vec<i64> = shape.iter().map(|d| *d as i64).collect();
    let axes: Vec<usize> = match call.optional(3) {
        Some(_) => {
            let axes = call.integers(3)?;
            axes.iter().map(|a| axis(*a, shape.len())).collect::<Result<_, _>>()?
        }
        None => (0..shape.len()).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(format!("pads {pads:?} of shape {shape:?}"));
    }
    for (i, at) in axes.iter().enumerate() {
        let both = pads[i].checked_add(pads[i + axes.len()]);
        grown[*at] = both.and_then(|p| grown[*at].checked_add(p)).ok_or("pads overflow")?;
    }
    one(sizes(&grown)?)
}

fn sizes(values: &[i64]) -> Result<Vec<usize>, String> {
    let size = |v: &i64| usize::try_from(*v).map_err(|_| format!("shape {values:?}"));
    values.iter().map(size).collect()
}

pub(super) fn shape(call: &Call) -> Result<Vec<Fact>, String> {
    let shape = &call.fact(0)?.shape;
    let rank = shape.len() as i64;
    let place = |v: i64| (if v < 0 { v + rank } else { v }).clamp(0, rank) as usize;
    let (start, end) = (place(call.int("start", 0)), place(call.int("end", rank)));
    let dims: Vec<f64> = shape.get(start..end).unwrap_or(&[]).iter().map(|d| *d as f64).collect();
    Ok(vec![Fact { shape: vec![dims.len()], kind: INT64, content: Some(dims) }])
}

pub(super) fn size(call: &Call) -> Result<Vec<Fact>, String> {
    let count = call.fact(0)?.elements() as f64;
    Ok(vec![Fact { shape: Vec::new(), kind: INT64, content: Some(vec![count]) }])
}

pub(super) fn constant(call: &Call) -> Result<Vec<Fact>, String> {
    let tensor = constant_of(call.node).ok_or("a constant of a kind that is not taken")?;
    Ok(vec![fact_of(&tensor)])
}

pub(super) fn constant_of_shape(call: &Call) -> Result<Vec<Fact>, String> {
    let shape = sizes(&call.integers(0)?)?;
    let value = call.node.attribute_named("value").and_then(|a| a.t.as_ref()).map(fact_of);
    let kind = value.as_ref().map_or(DataType::Float as i32, |v| v.kind);
    let fact = Fact { shape, kind, content: None };
    let fill = value.and_then(|v| v.content).and_then(|c| c.first().copied()).unwrap_or(0.0);
    let count = fact.elements();
    Ok(vec![Fact { content: (count <= MAX_ELEMENTS).then(|| vec![fill; count]), ..fact }])
}

pub(super) fn range(call: &Call) -> Result<Vec<Fact>, String> {
    let bound = |i: usize| -> Result<f64, String> {
        let known = call.fact(i)?.content.as_ref().and_then(|c| c.first().copied());
        known.ok_or_else(|| "its length depends on the picture".into())
    };
    let (start, limit, delta) = (bound(0)?, bound(1)?, bound(2)?);
    let count = ((limit - start) / delta).ceil().max(0.0);
    if !count.is_finite() || count > 1e9 {
        return Err(format!("from {start} to {limit} by {delta}"));
    }
    let count = count as usize;
    let content =
        (count <= MAX_ELEMENTS).then(|| (0..count).map(|i| start + i as f64 * delta).collect());
    Ok(vec![Fact { shape: vec![count], kind: call.fact(0)?.kind, content }])
}

pub(super) fn one_hot(call: &Call) -> Result<Vec<Fact>, String> {
    let mut shape = call.fact(0)?.shape.clone();
    let depth = call.integers(1)?.first().and_then(|d| usize::try_from(*d).ok());
    let at = match call.int("axis", -1) {
        at if at < 0 => axis(at, shape.len() + 1)?,
        at => usize::try_from(at).unwrap_or(usize::MAX).min(shape.len()),
    };
    shape.insert(at, depth.ok_or("depth is not a size")?);
    one(shape)
}

pub(super) fn cast(call: &Call) -> Result<Vec<Fact>, String> {
    let mut fact = call.fact(0)?.clone();
    fact.kind = i32::try_from(call.int("to", 0)).unwrap_or_default();
    if let (Some(content), true) = (&mut fact.content, is_integer(fact.kind)) {
        content.iter_mut().for_each(|v| *v = v.trunc());
    }
    Ok(vec![fact])
}
