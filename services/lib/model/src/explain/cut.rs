//! Where a network is cut: its logits, and the last maps that all of them come from.

use crate::{
    edit,
    onnx::{self, DataType, GraphProto, TensorProto},
    scan::Checked,
    shapes::{Fact, Facts},
};
use std::collections::{HashMap, HashSet};

/// What the network's last operator makes of the logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// Nothing that is known.
    Other,
    Softmax,
    LogSoftmax,
    Sigmoid,
}

/// The end of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub last: Last,
    /// The tensor whose softmax or logistic function the scores are, else the scores themselves.
    pub logits: String,
}

/// Looks behind the operators that only change the shape.
pub(crate) fn ending(graph: &GraphProto, scores: &str) -> Ending {
    let producers = edit::producers(graph);
    let mut tensor = scores;
    while let Some(at) = producers.get(tensor) {
        let node = &graph.node[*at];
        let first = node.input.first().map_or("", String::as_str);
        let last = match node.op_type.as_str() {
            "Softmax" => Last::Softmax,
            "LogSoftmax" => Last::LogSoftmax,
            "Sigmoid" => Last::Sigmoid,
            "Cast" | "DequantizeLinear" | "Dropout" | "Flatten" | "Identity" | "QuantizeLinear"
            | "Reshape" | "Squeeze" | "Unsqueeze" => {
                tensor = first;
                continue;
            }
            _ => break,
        };
        return Ending { last, logits: first.to_owned() };
    }
    Ending { last: Last::Other, logits: scores.to_owned() }
}

/// The graph of `checked` where every tensor whose small content is known is a constant: shapes
/// that are computed from the input's shape then no longer depend on the input.
pub(super) fn frozen(checked: &Checked) -> GraphProto {
    let mut graph = checked.graph.clone();
    let mut constants = Vec::new();
    graph.node.retain(|node| {
        let known: Option<Vec<TensorProto>> = node
            .output
            .iter()
            .filter(|name| !name.is_empty())
            .map(|name| checked.facts.get(name).and_then(|fact| constant(name, fact)))
            .collect();
        let Some(known) = known else { return true };
        constants.extend(known);
        false
    });
    graph.initializer.extend(constants);
    graph
}

/// A tensor of known content, as the types that shapes are made of.
fn constant(name: &str, fact: &Fact) -> Option<TensorProto> {
    let values = fact.content.as_ref()?;
    match DataType::try_from(fact.kind).ok()? {
        DataType::Float => {
            let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
            Some(onnx::tensor_f32(name, &fact.shape, &values))
        }
        DataType::Int64 => Some(onnx::tensor_i64(name, &fact.shape, &fact.integers()?)),
        _ => None,
    }
}

/// Operators that only thin out or move what maps hold: the maps in front of them show more.
const PASSING: [&str; 10] = [
    "AveragePool",
    "Cast",
    "Dropout",
    "Flatten",
    "Identity",
    "LpPool",
    "MaxPool",
    "Pad",
    "Reshape",
    "Transpose",
];

/// The last maps with height and width through which everything goes from picture to `logits`.
pub(super) fn find_maps(graph: &GraphProto, facts: &Facts, logits: &str) -> Result<String, String> {
    let input = graph.input.first().map_or("", |input| input.name.as_str());
    let cuts = cuts(graph, input, logits);
    let is_spatial = |name: &str| {
        facts.get(name).is_some_and(|f| matches!(f.shape[..], [_, _, h, w] if h * w > 1))
    };
    let producers = edit::producers(graph);
    let mut maps = cuts
        .iter()
        .rev()
        .map(String::as_str)
        .find(|name| *name != logits && is_spatial(name))
        .ok_or("no tensor with height and width holds all that the scores are made of")?;
    while let Some(at) = producers.get(maps) {
        let node = &graph.node[*at];
        let front = node.input.first().map_or("", String::as_str);
        let goes_on = PASSING.contains(&node.op_type.as_str())
            && is_spatial(front)
            && cuts.iter().any(|cut| cut == front);
        if !goes_on {
            break;
        }
        maps = front;
    }
    let mut front = graph.clone();
    edit::prune(&mut front, &[maps]);
    let convolves = |op: &str| matches!(op, "Conv" | "ConvInteger" | "QLinearConv");
    match front.node.iter().any(|node| convolves(&node.op_type)) {
        true => Ok(maps.to_owned()),
        false => Err("no convolution is in front of its scores".into()),
    }
}

/// The tensors, in order, that every way from `input` to `logits` goes through.
///
/// In a list that is in order, just after such a tensor is made it is the only one that
/// anything behind still needs of all that depend on the input.
fn cuts(graph: &GraphProto, input: &str, logits: &str) -> Vec<String> {
    let mut needed = graph.clone();
    edit::prune(&mut needed, &[logits]);
    let live = edit::downstream(&needed, input);
    let mut last_use: HashMap<&str, usize> = HashMap::from([(logits, usize::MAX)]);
    for (at, node) in needed.node.iter().enumerate() {
        for name in node.input.iter().filter(|name| live.contains(*name)) {
            let last = last_use.entry(name).or_default();
            *last = (*last).max(at);
        }
    }
    let mut open: HashSet<&str> = HashSet::from([input]);
    let mut cuts = Vec::new();
    for (at, node) in needed.node.iter().enumerate() {
        open.retain(|name| last_use.get(name).is_some_and(|last| *last > at));
        let made = node.output.iter().map(String::as_str);
        open.extend(made.filter(|name| live.contains(*name) && last_use.contains_key(name)));
        if let (1, Some(only)) = (open.len(), open.iter().next()) {
            cuts.push((*only).to_owned());
        }
    }
    cuts.dedup();
    cuts
}
