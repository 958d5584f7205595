//! A graph and the size of its input -> the size of every tensor, before anything runs.
//!
//! Every operator that is taken has a rule here that gives the sizes of its outputs, and the
//! contents of small constants (shapes that are computed from shapes) are followed. An operator
//! without a rule, or one whose output depends on the picture's content, is refused: what cannot
//! be sized beforehand could fill the machine.

mod arrange;
mod content;
mod reduce;
mod table;
mod windows;

pub(crate) use windows::{Window, window};

use crate::onnx::{self, DataType, GraphProto, NodeProto, TensorProto};
use content::Content;
use std::collections::HashMap;

/// What is known of a tensor before the network runs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fact {
    /// Elements along each axis.
    pub shape: Vec<usize>,
    /// Element type, as in the specification. Followed only for constants.
    pub kind: i32,
    /// The values, where they are few and do not depend on the picture.
    pub content: Option<Content>,
}

impl Fact {
    /// A tensor of floats with unknown values.
    pub fn of_shape(shape: Vec<usize>) -> Self {
        Self { shape, kind: DataType::Float as i32, content: None }
    }

    /// Number of elements; saturates.
    pub fn elements(&self) -> usize {
        self.shape.iter().fold(1, |n, d| n.saturating_mul(*d))
    }

    /// The values as whole numbers.
    pub fn integers(&self) -> Option<Vec<i64>> {
        self.content.as_ref().map(|values| values.iter().map(|v| *v as i64).collect())
    }
}

/// Whether there is a rule for the operator.
pub(crate) fn is_known(op: &str) -> bool {
    table::rule(op).is_some()
}

/// Facts by tensor name.
pub(crate) type Facts = HashMap<String, Fact>;

/// Bounds of [`infer`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Elements of one tensor.
    pub tensor: usize,
    /// Elements of all tensors together.
    pub total: usize,
    /// Multiplications in convolutions and matrix products.
    pub products: u64,
}

/// Why the sizes of a graph cannot be told or are refused. Names the node's place in the list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Unsized {
    /// There is no rule for the operator.
    Operator { node: usize },
    /// The rule does not apply.
    Rule { node: usize, why: String },
    /// An input that nothing made so far.
    Missing { node: usize, input: String },
    /// A name that is made twice.
    Twice { node: usize, output: String },
    /// One tensor, or all together, or the work, is beyond the budget.
    Beyond { node: usize, what: &'static str, found: u64, max: u64 },
}

/// What [`infer`] found.
#[derive(Debug)]
pub(crate) struct Sized {
    /// By tensor.
    pub facts: Facts,
    /// Multiplications in convolutions and matrix products.
    pub products: u64,
}

/// Follows the sizes through `graph`, whose inputs have the given shapes.
pub(crate) fn infer(
    graph: &GraphProto,
    opset: i64,
    inputs: &[(&str, Vec<usize>)],
    budget: &Budget,
) -> Result<Sized, Unsized> {
    let mut facts: Facts = HashMap::new();
    for tensor in &graph.initializer {
        facts.insert(tensor.name.clone(), fact_of(tensor));
    }
    for (name, shape) in inputs {
        facts.insert((*name).to_owned(), Fact::of_shape(shape.clone()));
    }
    let (mut total, mut products) = (0_usize, 0_u64);
    for (at, node) in graph.node.iter().enumerate() {
        let outputs = outputs_of(node, at, opset, &facts)?;
        products = products.saturating_add(table::products(node, &facts, outputs.first()));
        if products > budget.products {
            return Err(Unsized::Beyond {
                node: at,
                what: "multiplications",
                found: products,
                max: budget.products,
            });
        }
        for (name, fact) in node.output.iter().zip(outputs) {
            if name.is_empty() {
                continue;
            }
            let elements = fact.elements();
            total = total.saturating_add(elements);
            for (found, max, what) in [
                (elements, budget.tensor, "elements in one tensor"),
                (total, budget.total, "elements in all tensors"),
            ] {
                if found > max {
                    let (found, max) = (found as u64, max as u64);
                    return Err(Unsized::Beyond { node: at, what, found, max });
                }
            }
            if facts.insert(name.clone(), fact).is_some() {
                return Err(Unsized::Twice { node: at, output: name.clone() });
            }
        }
    }
    Ok(Sized { facts, products })
}

fn outputs_of(
    node: &NodeProto,
    at: usize,
    opset: i64,
    facts: &Facts,
) -> Result<Vec<Fact>, Unsized> {
    let rule = table::rule(&node.op_type).ok_or(Unsized::Operator { node: at })?;
    let mut inputs = Vec::with_capacity(node.input.len());
    for name in &node.input {
        match facts.get(name) {
            Some(fact) => inputs.push(Some(fact)),
            None if name.is_empty() => inputs.push(None),
            None => return Err(Unsized::Missing { node: at, input: name.clone() }),
        }
    }
    let call = Call { node, opset, inputs };
    rule(&call).map_err(|why| Unsized::Rule { node: at, why })
}

/// What is known of a constant.
pub(crate) fn fact_of(tensor: &TensorProto) -> Fact {
    let shape = tensor.dims.iter().map(|d| usize::try_from(*d).unwrap_or(usize::MAX)).collect();
    Fact { shape, kind: tensor.data_type, content: content::of(tensor) }
}

/// Gives the sizes of a node's outputs, or says why it cannot.
type Rule = fn(&Call) -> Result<Vec<Fact>, String>;

/// One node with what is known of its inputs.
pub(crate) struct Call<'a> {
    /// The node.
    pub node: &'a NodeProto,
    /// Version of the operator set.
    pub opset: i64,
    /// `None` is an input that was left out.
    pub inputs: Vec<Option<&'a Fact>>,
}

impl<'a> Call<'a> {
    /// The input at `index`, which the operator needs.
    fn fact(&self, index: usize) -> Result<&'a Fact, String> {
        self.optional(index).ok_or_else(|| format!("input {index} is missing"))
    }

    fn optional(&self, index: usize) -> Option<&'a Fact> {
        self.inputs.get(index).copied().flatten()
    }

    /// The values of a constant input, which decide the output's size.
    fn integers(&self, index: usize) -> Result<Vec<i64>, String> {
        let known = self.fact(index)?.integers();
        known.ok_or_else(|| format!("input {index} decides the size and depends on the picture"))
    }

    fn int(&self, name: &str, default: i64) -> i64 {
        self.node.attribute_named(name).and_then(|a| a.i).unwrap_or(default)
    }

    fn ints(&self, name: &str) -> Option<&'a [i64]> {
        self.node.attribute_named(name).map(|a| &a.ints[..])
    }

    /// A list that is an attribute in older operator sets and an input in newer ones.
    fn list(&self, name: &str, index: usize) -> Result<Option<Vec<i64>>, String> {
        if let Some(attribute) = self.ints(name) {
            return Ok(Some(attribute.to_vec()));
        }
        self.optional(index).map(|_| self.integers(index)).transpose()
    }
}

/// An axis as written, where negative ones count from the end, as an index below `rank`.
fn axis(written: i64, rank: usize) -> Result<usize, String> {
    let signed = if written < 0 { written + rank as i64 } else { written };
    usize::try_from(signed)
        .ok()
        .filter(|a| *a < rank)
        .ok_or_else(|| format!("axis {written} of a tensor with {rank} axes"))
}

/// The shape of an element-wise operator's output: sizes agree or are 1.
/// Source: ONNX, "Multidirectional Broadcasting".
fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
    let rank = a.len().max(b.len());
    let at = |s: &[usize], i: usize| (i + s.len()).checked_sub(rank).map_or(1, |i| s[i]);
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y || y == 1 => Ok(x),
            (1, y) => Ok(y),
            _ => Err(format!("shapes {a:?} and {b:?} do not go together")),
        })
        .collect()
}

/// Checked constructor used by rules that allocate nothing themselves.
fn one(shape: Vec<usize>) -> Result<Vec<Fact>, String> {
    Ok(vec![Fact::of_shape(shape)])
}

/// The value of a `Constant` node, whatever attribute holds it.
pub(crate) fn constant_of(node: &NodeProto) -> Option<TensorProto> {
    let attribute = node.attribute.first()?;
    match attribute.name.as_str() {
        "value" => attribute.t.clone(),
        "value_float" => Some(onnx::tensor_f32("", &[], &[attribute.f?])),
        "value_floats" => Some(onnx::tensor_f32("", &[attribute.floats.len()], &attribute.floats)),
        "value_int" => Some(onnx::tensor_i64("", &[], &[attribute.i?])),
        "value_ints" => Some(onnx::tensor_i64("", &[attribute.ints.len()], &attribute.ints)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
