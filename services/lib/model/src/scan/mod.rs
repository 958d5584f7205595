//! Bytes of a model file -> a graph that is safe to run, or a reason why not.
//!
//! Models are code. Nothing reaches the runtime that did not pass here, in three states: bytes
//! become a [`Scanned`] graph (one file, standard operators, no loops, tensors that fill their
//! shapes), which becomes a [`Checked`] one when the size of every tensor and the work are known
//! and bounded. What the runtime gets is written anew from the checked graph, so that nothing in
//! the file that was not looked at can reach it.

mod error;
mod tensors;
mod wire;

pub use error::ScanError;
pub(crate) use error::short;

use crate::onnx::{
    self, AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, ValueInfoProto,
    proto,
};
use crate::shapes::{self, Budget, Facts, Unsized};
use std::collections::HashSet;

/// Oldest operator set that is taken: since 7, shapes are broadcast as in numpy.
pub const MIN_OPSET: i64 = 7;
/// Newest operator set that is taken.
pub const MAX_OPSET: i64 = 24;

/// Bounds on a model file.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes that decoding may take beyond the file's own.
    pub decoded_extra_bytes: u64,
    /// Operators.
    pub nodes: usize,
    /// Elements of one tensor.
    pub tensor_elements: usize,
    /// Elements of all tensors of one run together.
    pub total_elements: usize,
    /// Multiplications of one run: an image a minute on one core at the limit.
    pub products: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 1 << 30,
            decoded_extra_bytes: 256 << 20,
            nodes: 20_000,
            tensor_elements: 1 << 28,
            total_elements: 1 << 29,
            products: 1 << 38,
        }
    }
}

/// A graph of standard operators whose weights are all inside the file.
#[derive(Clone, Debug)]
pub struct Scanned {
    pub(crate) graph: GraphProto,
    pub(crate) opset: i64,
    limits: Limits,
}

/// A graph whose every tensor has a known, bounded size.
#[derive(Clone, Debug)]
pub struct Checked {
    pub(crate) graph: GraphProto,
    pub(crate) opset: i64,
    pub(crate) facts: Facts,
    /// Multiplications in convolutions and matrix products of one run.
    pub products: u64,
}

/// A model file that holds exactly one checked graph: the only thing that a session opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafeFile(Vec<u8>);

impl SafeFile {
    /// The file's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The file's bytes, to keep.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Reads a model file and checks all that can be checked without knowing the input's size.
///
/// # Errors
/// [`ScanError`], which names the tensor or node.
pub fn scan(bytes: &[u8], limits: &Limits) -> Result<Scanned, ScanError> {
    let size_bytes = bytes.len() as u64;
    if bytes.is_empty() {
        return Err(ScanError::Empty);
    }
    if size_bytes > limits.file_bytes {
        return Err(ScanError::TooLarge { size_bytes, max_bytes: limits.file_bytes });
    }
    let max_bytes = size_bytes + limits.decoded_extra_bytes;
    let cost = wire::cost(bytes, max_bytes).map_err(|what| ScanError::NotOnnx { what })?;
    if cost > max_bytes {
        return Err(ScanError::Swells { max_bytes });
    }
    let model = onnx::decode(bytes)?;
    let opset = opset_of(&model)?;
    if !model.functions.is_empty() {
        return Err(ScanError::Extra { what: "operators of its own" });
    }
    if !model.training_info.is_empty() {
        return Err(ScanError::Extra { what: "a training graph" });
    }
    let mut graph = model.graph.unwrap_or_default();
    check_graph(&graph, limits)?;
    strip(&mut graph);
    Ok(Scanned { graph, opset, limits: *limits })
}

fn opset_of(model: &ModelProto) -> Result<i64, ScanError> {
    let standard = model.opset_import.iter().find(|set| is_standard(&set.domain));
    let found = standard.map_or(0, |set| set.version);
    if (MIN_OPSET..=MAX_OPSET).contains(&found) {
        return Ok(found);
    }
    Err(ScanError::Opset { found, min: MIN_OPSET, max: MAX_OPSET })
}

fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

fn check_graph(graph: &GraphProto, limits: &Limits) -> Result<(), ScanError> {
    let count = graph.node.len();
    if count > limits.nodes {
        return Err(ScanError::TooMany { what: "operators", count, max: limits.nodes });
    }
    if let Some(sparse) = graph.sparse_initializer.first() {
        let name = sparse.values.as_ref().map_or("", |v| &v.name);
        return Err(ScanError::Sparse { place: format!("initializer {:?}", short(name)) });
    }
    let mut names = HashSet::new();
    for tensor in &graph.initializer {
        tensors::check(tensor, limits.tensor_elements)?;
        if !names.insert(&tensor.name) {
            return Err(ScanError::Twice { name: short(&tensor.name) });
        }
    }
    graph.node.iter().enumerate().try_for_each(|(at, node)| check_node(node, at, limits))
}

/// How messages call a node: its operator with its name, or its place where it has none.
pub(crate) fn called(node: &NodeProto, at: usize) -> String {
    let op = short(&node.op_type);
    match node.name.as_str() {
        "" => format!("operator {op} (number {at})"),
        name => format!("operator {op} ({:?})", short(name)),
    }
}

fn check_node(node: &NodeProto, at: usize, limits: &Limits) -> Result<(), ScanError> {
    if !is_standard(&node.domain) {
        let domain = short(&node.domain);
        return Err(ScanError::Domain { node: called(node, at), domain });
    }
    for attribute in &node.attribute {
        check_attribute(node, at, attribute, limits)?;
    }
    if !shapes::is_known(&node.op_type) {
        return Err(ScanError::Operator { node: called(node, at) });
    }
    Ok(())
}

fn check_attribute(
    node: &NodeProto,
    at: usize,
    attribute: &AttributeProto,
    limits: &Limits,
) -> Result<(), ScanError> {
    let name = || short(&attribute.name);
    if attribute.g.is_some() || !attribute.graphs.is_empty() {
        return Err(ScanError::Subgraph { node: called(node, at), attribute: name() });
    }
    if attribute.sparse_tensor.is_some() || !attribute.sparse_tensors.is_empty() {
        let place = format!("attribute {:?} of {}", name(), called(node, at));
        return Err(ScanError::Sparse { place });
    }
    if !attribute.ref_attr_name.is_empty() {
        return Err(ScanError::Extra { what: "attributes that refer to others" });
    }
    let tensors = attribute.t.iter().chain(&attribute.tensors);
    tensors.into_iter().try_for_each(|tensor| tensors::check(tensor, limits.tensor_elements))
}

/// Takes out what the runtime does not need, and the doubles that old files keep: initializers
/// that are listed as inputs too.
fn strip(graph: &mut GraphProto) {
    let weights: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    graph.input.retain(|input| !weights.contains(input.name.as_str()));
    graph.doc_string.clear();
    graph.value_info.clear();
    graph.quantization_annotation.clear();
    graph.metadata_props.clear();
    for node in &mut graph.node {
        node.doc_string.clear();
        node.metadata_props.clear();
        node.overload.clear();
        node.domain.clear();
    }
    for tensor in &mut graph.initializer {
        tensor.doc_string.clear();
        tensor.metadata_props.clear();
    }
}

impl Scanned {
    /// Inputs that are no weights, as declared.
    pub(crate) fn inputs(&self) -> &[ValueInfoProto] {
        &self.graph.input
    }

    /// Follows the sizes of all tensors from inputs of these shapes. Every input must be given;
    /// names that are no inputs are passed over.
    ///
    /// # Errors
    /// [`ScanError`] when a size cannot be told, is beyond the limits, or names are not in order.
    pub fn sized(self, inputs: &[(&str, Vec<usize>)]) -> Result<Checked, ScanError> {
        let Self { graph, opset, limits } = self;
        let budget = Budget {
            tensor: limits.tensor_elements,
            total: limits.total_elements,
            products: limits.products,
        };
        let declared: HashSet<&str> = graph.input.iter().map(|i| i.name.as_str()).collect();
        let given = inputs.iter().filter(|(name, _)| declared.contains(name)).cloned();
        let given: Vec<(&str, Vec<usize>)> = given.collect();
        let sized = shapes::infer(&graph, opset, &given, &budget)
            .map_err(|error| explained(&graph, error))?;
        if let Some(output) = graph.output.iter().find(|o| !sized.facts.contains_key(&o.name)) {
            return Err(ScanError::NoOutput { name: short(&output.name) });
        }
        Ok(Checked { graph, opset, facts: sized.facts, products: sized.products })
    }
}

fn explained(graph: &GraphProto, error: Unsized) -> ScanError {
    let named = |at: usize| called(&graph.node[at], at);
    match error {
        Unsized::Operator { node } => ScanError::Operator { node: named(node) },
        Unsized::Rule { node, why } => ScanError::Unsized { node: named(node), why },
        Unsized::Missing { node, input } => {
            ScanError::Missing { node: named(node), input: short(&input) }
        }
        Unsized::Twice { output, .. } => ScanError::Twice { name: short(&output) },
        Unsized::Beyond { node, what, found, max } => {
            ScanError::TooBig { node: named(node), what, found, max }
        }
    }
}

impl Checked {
    /// The shape of a tensor at the input size of the check.
    pub fn shape(&self, tensor: &str) -> Option<&[usize]> {
        self.facts.get(tensor).map(|fact| &fact.shape[..])
    }

    /// Names of the inputs.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.graph.input.iter().map(|input| input.name.as_str())
    }

    /// Names of the outputs.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.graph.output.iter().map(|output| output.name.as_str())
    }

    /// The file, written anew: nothing is in it that was not checked.
    pub fn into_file(self) -> SafeFile {
        SafeFile(encode(self.graph, self.opset))
    }
}

/// A file of `graph` alone.
pub(crate) fn encode(graph: GraphProto, opset: i64) -> Vec<u8> {
    onnx::encode(&ModelProto {
        ir_version: onnx::IR_VERSION,
        producer_name: "hydra".into(),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
        ..Default::default()
    })
}

/// Element type and declared axes of an input or output; `None` for an axis of any size.
pub(crate) fn declared(value: &ValueInfoProto) -> Option<(i32, Vec<Option<usize>>)> {
    use proto::{tensor_shape_proto::dimension, type_proto};
    let Some(type_proto::Value::TensorType(tensor)) = &value.r#type.as_ref()?.value else {
        return None;
    };
    let dims = tensor.shape.as_ref()?.dim.iter().map(|dim| match &dim.value {
        Some(dimension::Value::DimValue(size)) => usize::try_from(*size).ok().filter(|s| *s > 0),
        _ => None,
    });
    Some((tensor.elem_type, dims.collect()))
}

#[cfg(test)]
mod tests;
