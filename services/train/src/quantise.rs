//! A network of ours in float32 -> the same in 8 bits (static, QDQ), for processors.
//!
//! Convolutions, sums, pools and joins are surrounded by QuantizeLinear and DequantizeLinear,
//! which ONNX Runtime fuses into integer kernels. Ranges of activations come from calibration
//! images. Weights are symmetric by output channel and use 7 bits, because processors without
//! VNNI add two products of 8 bits in 16 and would overflow. What aligns pixels, the head and
//! the map stay in float: they cost nothing and decide everything.

use crate::runner::{Runner, RunnerError};
use hydra_model::Runtime;
use hydra_model::onnx::{
    self, DataType, Dim, GraphProto, NodeProto, OnnxError, attr_int, floats, node, tensor_f32,
    tensor_i8, tensor_i32, tensor_u8, value_info,
};
use hydra_proto::registry::InputShape;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Why a network stays in float32.
#[derive(Debug, thiserror::Error)]
pub enum QuantiseError {
    /// The file cannot be read.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// It cannot be run on the calibration images.
    #[error(transparent)]
    Run(#[from] RunnerError),
    /// No images to learn ranges from.
    #[error("no calibration images")]
    NoImages,
    /// Nothing to quantise.
    #[error(
        "it has no convolution with fixed weights, of which 8 bits make use: recipes full and trunk have"
    )]
    NoConvolution,
}

/// Operators with integer kernels.
const INTEGER: [&str; 5] = ["Conv", "Add", "Concat", "MaxPool", "AveragePool"];
/// Largest weight in integers, see above.
const WEIGHT_LIMIT: f32 = 63.0;

/// Quantises a file of ours for images of `shape`, with ranges from interleaved 8-bit images.
///
/// # Errors
/// See [`QuantiseError`].
pub fn quantise(
    file: &[u8],
    shape: InputShape,
    images: &[Vec<u8>],
    runtime: &Runtime,
) -> Result<Vec<u8>, QuantiseError> {
    if images.is_empty() {
        return Err(QuantiseError::NoImages);
    }
    let mut model = onnx::decode(file)?;
    let graph = model.graph.take().ok_or(OnnxError::NoGraph)?;
    let plan = Plan::of(&graph);
    if plan.convolutions.is_empty() {
        return Err(QuantiseError::NoConvolution);
    }
    let ranges = ranges(&graph, &plan.tensors, shape, images, runtime)?;
    let steps: HashMap<String, Step> =
        ranges.iter().map(|(name, range)| (name.clone(), Step::of(*range))).collect();
    model.graph = Some(plan.written(graph, &steps)?);
    Ok(onnx::encode(&model))
}

/// What is quantised.
struct Plan {
    /// Indices of convolutions with fixed weights.
    convolutions: BTreeSet<usize>,
    /// Activations.
    tensors: BTreeSet<String>,
    /// Outputs of pools, which take the step of their input.
    same: HashMap<String, String>,
}

impl Plan {
    fn of(graph: &GraphProto) -> Self {
        let fixed: BTreeSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
        let is_body = |n: &NodeProto| {
            // the map is read as it is, and a guard counts in full
            let apart = n.name == "cam" || n.name.starts_with("guard.");
            INTEGER.contains(&n.op_type.as_str()) && !apart
        };
        // the first convolution's inputs and everything behind it; alignment is before it
        let first = graph.node.iter().position(|n| n.op_type == "Conv" && is_body(n));
        let first = first.unwrap_or(graph.node.len());
        let body: BTreeSet<usize> =
            (first..graph.node.len()).filter(|i| is_body(&graph.node[*i])).collect();
        let readers = |name: &str| {
            graph.node.iter().filter(|n| n.input.iter().any(|i| i == name)).collect::<Vec<_>>()
        };
        let mut tensors = BTreeSet::new();
        let mut same = HashMap::new();
        let mut convolutions = BTreeSet::new();
        for index in &body {
            let n = &graph.node[*index];
            let activations = match n.op_type.as_str() {
                "Conv" if n.input[1..].iter().all(|i| fixed.contains(i.as_str())) => {
                    convolutions.insert(*index);
                    &n.input[..1]
                }
                "Conv" => continue,
                _ => &n.input[..],
            };
            tensors.extend(activations.iter().filter(|i| !fixed.contains(i.as_str())).cloned());
            // a relu right behind is part of the kernel
            let behind = readers(&n.output[0]);
            let out = match behind.as_slice() {
                [relu] if relu.op_type == "Relu" => relu.output[0].clone(),
                _ => n.output[0].clone(),
            };
            if n.op_type == "MaxPool" {
                same.insert(out.clone(), n.input[0].clone());
            }
            tensors.insert(out);
        }
        Self { convolutions, tensors, same }
    }

    fn written(
        &self,
        mut graph: GraphProto,
        steps: &HashMap<String, Step>,
    ) -> Result<GraphProto, QuantiseError> {
        let step = |name: &str| {
            let mut name = name;
            while let Some(source) = self.same.get(name) {
                name = source;
            }
            steps.get(name).copied().unwrap_or(Step { scale: 1.0, zero: 0 })
        };
        let weights: HashMap<String, (Vec<usize>, Vec<f32>)> = graph
            .initializer
            .iter()
            .filter(|t| t.data_type == DataType::Float as i32)
            .map(|t| {
                Ok((t.name.clone(), (t.dims.iter().map(|d| *d as usize).collect(), floats(t)?)))
            })
            .collect::<Result<_, OnnxError>>()?;
        let mut nodes = Vec::new();
        let mut replaced = BTreeSet::new();
        for (index, mut n) in std::mem::take(&mut graph.node).into_iter().enumerate() {
            let outputs = n.output.clone();
            let source = n.input.first().cloned().unwrap_or_default();
            for input in n.input.iter_mut().filter(|i| self.tensors.contains(*i)) {
                *input = format!("{input}.dq");
            }
            if self.convolutions.contains(&index) {
                let (dims, kernel) = &weights[&n.input[1]];
                let per_output = kernel.len() / dims[0];
                let scales: Vec<f32> = kernel
                    .chunks_exact(per_output)
                    .map(|c| c.iter().fold(1e-8f32, |m, v| m.max(v.abs())) / WEIGHT_LIMIT)
                    .collect();
                let values: Vec<i8> = kernel
                    .iter()
                    .enumerate()
                    .map(|(i, v)| (v / scales[i / per_output]).round() as i8)
                    .collect();
                let name = n.input[1].clone();
                let part = |leaf: &str| format!("{name}.{leaf}");
                graph.initializer.push(tensor_i8(&part("q"), dims, &values));
                graph.initializer.push(tensor_f32(&part("scale"), &[dims[0]], &scales));
                graph.initializer.push(tensor_i8(&part("zero"), &[dims[0]], &vec![0; dims[0]]));
                nodes.push(
                    node(
                        "DequantizeLinear",
                        &part("dequantise"),
                        &[&part("q"), &part("scale"), &part("zero")],
                        &[&part("dq")],
                    )
                    .with(attr_int("axis", 0)),
                );
                n.input[1] = part("dq");
                replaced.insert(name);
                if let Some(bias) = n.input.get(2).cloned() {
                    let input = step(&source).scale;
                    let (_, values) = &weights[&bias];
                    let part = |leaf: &str| format!("{bias}.{leaf}");
                    let scales: Vec<f32> = scales.iter().map(|s| s * input).collect();
                    let values: Vec<i32> =
                        values.iter().zip(&scales).map(|(v, s)| (v / s).round() as i32).collect();
                    graph.initializer.push(tensor_i32(&part("q"), &[values.len()], &values));
                    graph.initializer.push(tensor_f32(&part("scale"), &[scales.len()], &scales));
                    nodes.push(
                        node(
                            "DequantizeLinear",
                            &part("dequantise"),
                            &[&part("q"), &part("scale")],
                            &[&part("dq")],
                        )
                        .with(attr_int("axis", 0)),
                    );
                    n.input[2] = part("dq");
                    replaced.insert(bias);
                }
            }
            nodes.push(n);
            for name in outputs.iter().filter(|name| self.tensors.contains(*name)) {
                let Step { scale, zero } = step(name);
                let part = |leaf: &str| format!("{name}.{leaf}");
                graph.initializer.push(tensor_f32(&part("step"), &[], &[scale]));
                graph.initializer.push(tensor_u8(&part("origin"), &[], &[zero]));
                let (s, z, q) = (part("step"), part("origin"), part("q"));
                nodes.push(node("QuantizeLinear", &part("quantise"), &[name, &s, &z], &[&q]));
                let dq = [part("dq")];
                nodes.push(node("DequantizeLinear", &part("dequantise"), &[&q, &s, &z], &[&dq[0]]));
            }
        }
        graph.initializer.retain(|t| !replaced.contains(&t.name));
        graph.node = nodes;
        Ok(graph)
    }
}

/// How an activation is written in 8 bits.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    scale: f32,
    zero: u8,
}

impl Step {
    fn of((low, high): (f32, f32)) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let scale = ((high - low) / 255.0).max(1e-8);
        Self { scale, zero: (-low / scale).round().clamp(0.0, 255.0) as u8 }
    }
}

/// Smallest and largest value of each tensor over the images.
fn ranges(
    graph: &GraphProto,
    tensors: &BTreeSet<String>,
    shape: InputShape,
    images: &[Vec<u8>],
    runtime: &Runtime,
) -> Result<BTreeMap<String, (f32, f32)>, QuantiseError> {
    let mut open = graph.clone();
    for name in tensors.iter().filter(|t| graph.output.iter().all(|o| o.name != **t)) {
        let dims = [Dim::Named("n"), Dim::Named("c"), Dim::Named("h"), Dim::Named("w")];
        open.output.push(value_info(name, DataType::Float, &dims));
    }
    let file = onnx::encode(&onnx::model(open, &[]));
    let mut runner = Runner::open(runtime, &file, shape)?;
    let names: Vec<&str> = tensors.iter().map(String::as_str).collect();
    let mut ranges: BTreeMap<String, (f32, f32)> = BTreeMap::new();
    for image in images {
        for (name, output) in names.iter().zip(runner.run(image, &names)?) {
            let range = ranges.entry((*name).to_owned()).or_insert((0.0, 0.0));
            for value in &output.values {
                *range = (range.0.min(*value), range.1.max(*value));
            }
        }
    }
    Ok(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_exact_in_every_range() {
        for range in [(0.0, 6.0), (-1.0, 3.0), (-2.0, -1.0), (0.0, 0.0)] {
            let Step { scale, zero } = Step::of(range);
            let back = (f32::from(zero) - f32::from(zero)) * scale;
            assert_eq!(back, 0.0);
            assert!(scale > 0.0 && (f32::from(zero) * scale + range.0.min(0.0)).abs() <= scale);
        }
    }
}
