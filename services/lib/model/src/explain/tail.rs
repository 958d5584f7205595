//! The part of a network behind its last maps, by itself: operators in our operator set, all
//! weights as constants, all sizes known for one image.

use crate::{
    Runtime, edit,
    onnx::{self, GraphProto, NodeProto, TensorProto},
    scan::{self, Checked},
    session::{Session, Stopper},
    shapes::{self, Facts},
};
use std::collections::{HashMap, HashSet};

/// The operators from maps to logits.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    /// The network's name for its last maps.
    pub maps: String,
    /// The network's name for the logits.
    pub logits: String,
    /// Operators that depend on the maps, in order.
    pub nodes: Vec<NodeProto>,
    /// Everything else that they read, as values.
    pub constants: HashMap<String, TensorProto>,
    /// Sizes of all tensors.
    pub facts: Facts,
    /// Operator set of the network that it came from.
    pub opset: i64,
}

impl Tail {
    /// Size of a tensor.
    pub fn shape(&self, name: &str) -> &[usize] {
        self.facts.get(name).map_or(&[], |fact| &fact.shape[..])
    }

    /// Scores of one image.
    pub fn scores(&self) -> usize {
        self.shape(&self.logits).iter().product()
    }

    /// Names and shapes of the inputs of the graph with the gradient.
    pub fn inputs(&self) -> Vec<(&'static str, Vec<usize>)> {
        let maps = self.shape(&self.maps).to_vec();
        vec![(super::names::MAPS, maps), (super::names::TARGET, vec![1, self.scores()])]
    }

    /// Whether the maps are averaged over the whole picture and then weighed, so that Grad-CAM
    /// is the weights times the maps.
    pub fn is_pooled_and_linear(&self) -> bool {
        let mut ops = self.nodes.iter().filter(|node| !moves(&node.op_type));
        let pools = ops.next().is_some_and(|node| self.averages_everything(node));
        let linear: Vec<&str> = ops.map(|node| node.op_type.as_str()).collect();
        pools && matches!(linear[..], [] | ["Gemm" | "MatMul" | "Conv"] | ["MatMul", "Add"])
    }

    fn averages_everything(&self, node: &NodeProto) -> bool {
        let ints = |name: &str| node.attribute_named(name).map(|a| &a.ints[..]);
        match (node.op_type.as_str(), self.shape(&node.input[0])) {
            ("GlobalAveragePool", _) => true,
            ("ReduceMean", _) => {
                let axes = ints("axes").map(<[i64]>::to_vec).or_else(|| {
                    let axes = self.constants.get(node.input.get(1)?)?;
                    shapes::fact_of(axes).integers()
                });
                matches!(axes.as_deref(), Some([2, 3] | [-2, -1]))
            }
            ("AveragePool", [_, _, h, w]) => {
                ints("kernel_shape") == Some(&[*h as i64, *w as i64])
                    && ints("pads").is_none_or(|pads| pads.iter().all(|p| *p == 0))
            }
            _ => false,
        }
    }
}

/// Operators that leave the values as they are.
pub(super) fn moves(op: &str) -> bool {
    matches!(
        op,
        "Cast"
            | "DequantizeLinear"
            | "Dropout"
            | "Flatten"
            | "Identity"
            | "QuantizeLinear"
            | "Reshape"
            | "Squeeze"
            | "Unsqueeze"
    )
}

/// Cuts the tail off. `graph` is the frozen graph of `checked`.
///
/// # Errors
/// Why it cannot stand by itself.
pub(super) fn extract(
    graph: &GraphProto,
    checked: &Checked,
    maps: &str,
    logits: &str,
    runtime: &Runtime,
) -> Result<Tail, String> {
    let mut needed = graph.clone();
    edit::prune(&mut needed, &[logits]);
    let live = edit::downstream(&needed, maps);
    let is_live = |node: &NodeProto| node.input.iter().any(|name| live.contains(name));
    let nodes: Vec<NodeProto> = needed.node.iter().filter(|node| is_live(node)).cloned().collect();
    let mut constants = HashMap::new();
    let mut computed = Vec::new();
    for name in nodes.iter().flat_map(|node| &node.input) {
        if live.contains(name) || name.is_empty() || constants.contains_key(name) {
            continue;
        }
        let known = edit::constant(&needed, name).cloned().or_else(|| {
            let made = needed.node.iter().find(|node| node.output.first() == Some(name))?;
            (made.op_type == "Constant").then(|| shapes::constant_of(made)).flatten()
        });
        match known {
            Some(tensor) => {
                constants.insert(name.clone(), TensorProto { name: name.clone(), ..tensor });
            }
            None => computed.push(name.clone()),
        }
    }
    computed.sort();
    computed.dedup();
    for tensor in evaluate(&needed, checked, &computed, runtime)? {
        constants.insert(tensor.name.clone(), tensor);
    }
    let (maps, logits) = (maps.to_owned(), logits.to_owned());
    let facts = checked.facts.clone();
    let tail = Tail { maps, logits, nodes, constants, facts, opset: checked.opset };
    Ok(tail.without_unused_facts())
}

impl Tail {
    fn without_unused_facts(mut self) -> Self {
        let used: HashSet<&String> =
            self.nodes.iter().flat_map(|node| node.input.iter().chain(&node.output)).collect();
        let kept = [&self.maps, &self.logits];
        let facts = std::mem::take(&mut self.facts);
        self.facts =
            facts.into_iter().filter(|(n, _)| used.contains(n) || kept.contains(&n)).collect();
        self
    }
}

/// Values of tensors that are computed from constants alone.
fn evaluate(
    graph: &GraphProto,
    checked: &Checked,
    names: &[String],
    runtime: &Runtime,
) -> Result<Vec<TensorProto>, String> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut graph = graph.clone();
    for name in names {
        let shape = checked.shape(name).ok_or_else(|| format!("{name:?} is made by nothing"))?;
        edit::expose(&mut graph, name, shape);
    }
    let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
    edit::prune(&mut graph, &wanted);
    if let Some(input) = graph.input.first() {
        return Err(format!("its head reads {:?} beside the maps", scan::short(&input.name)));
    }
    let checked = Checked { graph, ..checked.clone() };
    let text = |error: crate::SessionError| format!("its weights cannot be computed: {error}");
    let mut session = Session::open(runtime, &checked.into_file(), None).map_err(text)?;
    let stopper = Stopper::new(runtime).map_err(text)?;
    let outputs = session.run(&[], &wanted, &stopper).map_err(text)?;
    let tensors = names.iter().zip(outputs);
    Ok(tensors.map(|(name, out)| onnx::tensor_f32(name, &out.shape, &out.values)).collect())
}
