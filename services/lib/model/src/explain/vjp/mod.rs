//! Reverse-mode differentiation of a tail, as a graph: for every operator its vector-Jacobian
//! product (Griewank and Walther, "Evaluating Derivatives", 2008, chapter 3).
//!
//! Beginning with the target at the logits, each operator turns the gradient at its output into
//! gradients at its inputs; where a tensor is used twice they add up. Sizes are known, so shapes
//! are constants. Quantised heads are differentiated as if they were not quantised.

mod arrange;
mod linear;
mod pointwise;
mod pools;

use super::{build::Build, names, tail::Tail};
use crate::{
    onnx::{self, DataType, GraphProto, NodeProto, TensorProto, attr_int, attr_ints},
    scan::short,
    shapes::{self, Call},
};
use std::collections::{HashMap, HashSet};

/// The tail with its gradient: `maps` and `target` in, `cam` and `weights` out.
///
/// # Errors
/// Which operator has no rule here.
pub(super) fn with_gradient(tail: &Tail) -> Result<GraphProto, String> {
    let mut reverse = Reverse::over(tail)?;
    let logits = tail.shape(&tail.logits).to_vec();
    let start = reverse.build.reshape(names::TARGET, &logits);
    reverse.give(&tail.logits, start);
    for node in tail.nodes.iter().rev() {
        reverse.step(node)?;
    }
    reverse.finish()
}

/// The tail alone, from maps to logits, for checking the gradient against differences.
pub(super) fn forward_only(tail: &Tail) -> Result<GraphProto, String> {
    let mut reverse = Reverse::over(tail)?;
    let logits = reverse.forward_name(&tail.logits);
    let flat = reverse.build.reshape(&logits, &[1, tail.scores()]);
    reverse.build.output(LOGITS, &flat, &[1, tail.scores()]);
    let mut graph = reverse.build.graph;
    crate::edit::prune(&mut graph, &[LOGITS]);
    Ok(graph)
}

/// Output of [`forward_only`].
pub(super) const LOGITS: &str = "logits";

/// The state of a walk from the logits back to the maps.
struct Reverse<'a> {
    tail: &'a Tail,
    build: Build,
    /// Tensors that depend on the maps.
    live: HashSet<&'a str>,
    /// By tensor, the name of its gradient so far.
    gradients: HashMap<&'a str, String>,
}

impl<'a> Reverse<'a> {
    /// Writes the operators of the tail themselves, ready for the way back.
    fn over(tail: &'a Tail) -> Result<Self, String> {
        let mut live: HashSet<&str> = HashSet::from([tail.maps.as_str()]);
        live.extend(tail.nodes.iter().flat_map(|node| &node.output).map(String::as_str));
        let build = Build::default();
        let mut reverse = Self { tail, build, live, gradients: HashMap::new() };
        for (name, shape) in tail.inputs() {
            reverse.build.input(name, &shape);
        }
        for node in &tail.nodes {
            reverse.forward(node)?;
        }
        Ok(reverse)
    }

    /// What a tensor of the network is called here.
    fn forward_name(&self, name: &str) -> String {
        if name == self.tail.maps { names::MAPS.into() } else { format!("net/{name}") }
    }

    /// The input at `index` as a tensor of this graph; brings constants in.
    fn input(&mut self, node: &NodeProto, index: usize) -> Result<String, String> {
        let name = node.input.get(index).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| format!("{} lacks input {index}", node.op_type))?;
        if !self.live.contains(name.as_str()) {
            let renamed =
                TensorProto { name: self.forward_name(name), ..self.value(name)?.clone() };
            self.build.constant(renamed);
        }
        Ok(self.forward_name(name))
    }

    fn value(&self, name: &str) -> Result<&'a TensorProto, String> {
        let known = self.tail.constants.get(name);
        known.ok_or_else(|| format!("the value of {:?} is not known", short(name)))
    }

    /// The floats of a constant input.
    fn floats(&self, node: &NodeProto, index: usize) -> Result<Vec<f32>, String> {
        let name = node.input.get(index).ok_or_else(|| format!("{} lacks inputs", node.op_type))?;
        onnx::floats(self.value(name)?).map_err(|error| error.to_string())
    }

    fn shape(&self, name: &str) -> &'a [usize] {
        self.tail.shape(name)
    }

    /// A reader of the node's attributes, as the size rules use it.
    fn call<'n>(&self, node: &'n NodeProto) -> Call<'n> {
        Call { node, opset: self.tail.opset, inputs: Vec::new() }
    }

    /// The live inputs of a node, with their places.
    fn live_inputs(&self, node: &'a NodeProto) -> Vec<(usize, &'a str)> {
        let inputs = node.input.iter().enumerate();
        inputs
            .filter(|(_, n)| self.live.contains(n.as_str()))
            .map(|(i, n)| (i, n.as_str()))
            .collect()
    }

    /// Writes one operator of the tail in our operator set.
    fn forward(&mut self, node: &NodeProto) -> Result<(), String> {
        let shape = self.shape(&node.output[0]).to_vec();
        let first = self.input(node, 0)?;
        let made = match node.op_type.as_str() {
            "Cast" if !is_floating(node) => return Err("a cast to whole numbers".into()),
            "Cast" | "DequantizeLinear" | "Dropout" | "Identity" | "QuantizeLinear" => {
                self.build.op("Identity", &[&first])
            }
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => self.build.reshape(&first, &shape),
            "BatchNormalization" => {
                let (slope, offset) = pointwise::normalisation(self, node)?;
                let scaled = self.build.op("Mul", &[&first, &slope]);
                self.build.op("Add", &[&scaled, &offset])
            }
            "Clip" => {
                let [low, high] = pointwise::bounds(self, node)?.map(|b| self.build.scalar(b));
                self.build.op("Clip", &[&first, &low, &high])
            }
            "ReduceMean" | "ReduceSum" => {
                let sum = arrange::reduced_sum(self, node, &first)?;
                self.build.reshape(&sum, &shape)
            }
            "MaxPool" => pools::forward_max(self, node, &first),
            _ => self.copy(node)?,
        };
        let name = self.forward_name(&node.output[0]);
        let identity = onnx::node("Identity", &name, &[&made], &[&name]);
        self.build.graph.node.push(identity);
        Ok(())
    }

    /// An operator that means the same in all operator sets that are taken.
    fn copy(&mut self, node: &NodeProto) -> Result<String, String> {
        let mut inputs = Vec::new();
        for (index, name) in node.input.iter().enumerate() {
            inputs.push(if name.is_empty() { String::new() } else { self.input(node, index)? });
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        Ok(self.build.op_with(&node.op_type, &inputs, node.attribute.clone()))
    }

    /// Adds to the gradient at a tensor of the network.
    fn give(&mut self, name: &'a str, gradient: String) {
        let sum = match self.gradients.remove(name) {
            Some(before) => self.build.op("Add", &[&before, &gradient]),
            None => gradient,
        };
        self.gradients.insert(name, sum);
    }

    /// Takes the gradient at a node's output to its inputs.
    fn step(&mut self, node: &'a NodeProto) -> Result<(), String> {
        if let Some(name) =
            node.output.iter().skip(1).find(|name| self.gradients.contains_key(name.as_str()))
        {
            return Err(format!(
                "output {:?} of {} has no gradient rule",
                short(name),
                node.op_type
            ));
        }
        let Some(gradient) = self.gradients.get(node.output[0].as_str()).cloned() else {
            return Ok(());
        };
        for (index, name) in self.live_inputs(node) {
            let back = self.rule(node, index, name, &gradient)?;
            self.give(name, back);
        }
        Ok(())
    }

    /// The gradient at input `index` (named `name`), from that at the first output.
    fn rule(
        &mut self,
        node: &NodeProto,
        index: usize,
        name: &str,
        gradient: &str,
    ) -> Result<String, String> {
        match node.op_type.as_str() {
            "Cast" | "DequantizeLinear" | "Dropout" | "Identity" | "QuantizeLinear" => {
                Ok(gradient.to_owned())
            }
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => {
                let shape = self.shape(name);
                Ok(self.build.reshape(gradient, shape))
            }
            "Transpose" => arrange::transpose(self, node, name, gradient),
            "Concat" => arrange::concat(self, node, index, name, gradient),
            "ReduceMean" | "ReduceSum" => arrange::spread(self, node, name, gradient),
            "Conv" => linear::conv(self, node, index, name, gradient),
            "Gemm" => linear::gemm(self, node, index, name, gradient),
            "MatMul" => linear::matmul(self, node, index, name, gradient),
            "AveragePool" => pools::average(self, node, name, gradient),
            "GlobalAveragePool" => pools::global_average(self, name, gradient),
            "MaxPool" => pools::max(self, node, name, gradient),
            "GlobalMaxPool" => pools::global_max(self, node, name, gradient),
            _ => pointwise::rule(self, node, index, name, gradient),
        }
    }

    /// `gradient` of shape `from`, summed over the axes along which `name` was repeated.
    fn unbroadcast(&mut self, gradient: &str, from: &[usize], name: &str) -> String {
        let to = self.shape(name);
        if from == to {
            return gradient.to_owned();
        }
        let extra = from.len() - to.len();
        let repeated = (0..from.len()).filter(|i| *i < extra || to[*i - extra] != from[*i]);
        let axes: Vec<i64> = repeated.map(|i| i as i64).collect();
        let axes = self.build.integers(&axes);
        let summed =
            self.build.op_with("ReduceSum", &[gradient, &axes], vec![attr_int("keepdims", 1)]);
        self.build.reshape(&summed, to)
    }

    /// Weighs the maps with their mean gradients.
    fn finish(mut self) -> Result<GraphProto, String> {
        let maps = self.tail.maps.as_str();
        let gradient = self.gradients.get(maps).cloned();
        let gradient = gradient.ok_or("the scores do not depend on the maps")?;
        let [_, channels, height, width] = self.shape(maps)[..] else {
            return Err("the maps have no height and width".into());
        };
        let weights = self.build.op("GlobalAveragePool", &[&gradient]);
        let weighed = self.build.op("Mul", &[names::MAPS, &weights]);
        let axes = self.build.integers(&[1]);
        let cam =
            self.build.op_with("ReduceSum", &[&weighed, &axes], vec![attr_int("keepdims", 1)]);
        self.build.output(names::CAM, &cam, &[1, 1, height, width]);
        self.build.output(names::WEIGHTS, &weights, &[1, channels, 1, 1]);
        let mut graph = self.build.graph;
        crate::edit::prune(&mut graph, &[names::CAM, names::WEIGHTS]);
        Ok(graph)
    }
}

/// The window of a convolution or pool of the tail.
fn window_of(
    reverse: &Reverse,
    node: &NodeProto,
    kernel: Option<[usize; 2]>,
) -> Result<shapes::Window, String> {
    let [_, _, height, width] = reverse.shape(&node.input[0])[..] else {
        return Err(format!("{} of a tensor without height and width", node.op_type));
    };
    shapes::window(&reverse.call(node), [height, width], kernel)
}

/// Attributes of a transposed convolution that undoes the given window exactly.
fn transposed(window: &shapes::Window, group: i64) -> Result<Vec<onnx::AttributeProto>, String> {
    // rows that no window reached; if there are fewer than none, a window hangs over the edge
    let missing = [0, 1].map(|i| {
        let reach = window.dilation[i] * (window.kernel[i] - 1) + 1;
        let grown = (window.output[i] - 1) * window.stride[i] + reach;
        let pads = window.pads[i] + window.pads[i + 2];
        (window.input[i] + pads) as i64 - grown as i64
    });
    if let Some(over) = missing.iter().find(|rows| **rows < 0) {
        return Err(format!("its windows hang over the edge by {}", -over));
    }
    let pair = |values: [usize; 2]| values.map(|v| v as i64);
    Ok(vec![
        attr_int("group", group),
        attr_ints("kernel_shape", &pair(window.kernel)),
        attr_ints("strides", &pair(window.stride)),
        attr_ints("dilations", &pair(window.dilation)),
        attr_ints("pads", &window.pads.map(|v| v as i64)),
        attr_ints("output_padding", &missing),
    ])
}

/// Whether a cast gives floats again.
fn is_floating(cast: &NodeProto) -> bool {
    let to = cast.attribute_named("to").and_then(|a| a.i);
    [DataType::Float, DataType::Float16, DataType::Double, DataType::Bfloat16]
        .iter()
        .any(|kind| to == Some(*kind as i64))
}

/// An attribute of one float.
fn float_of(node: &NodeProto, name: &str, default: f32) -> f32 {
    node.attribute_named(name).and_then(|a| a.f).unwrap_or(default)
}
