//! Graph and weights -> ONNX file (opset 17), the same network that burn trains.
//!
//! Input `pixels`: float32 `[n, channels, height, width]`, from 0 to 255 as they come from the
//! resizer; normalisation is in the file. Outputs by what is asked for:
//!
//! | output | shape | meaning |
//! |---|---|---|
//! | `probabilities` | `[n, labels]` | soft-max of the logits, before calibration |
//! | `logits` | `[n, labels]` | |
//! | `features` | `[n, features]` | the embedding: mean of the last maps |
//! | `cam` | `[n, labels, h, w]` | Grad-CAM before its ReLU; its sum over space plus the bias is the logit |
//! | `maps` | `[n, features, h, w]` | the last maps, of a trunk without head |
//!
//! Batch normalisation is folded into the convolution before it.

use crate::align::{LIMIT, Reference, Shown, UNIT};
use crate::graph::{Graph, Node, NodeId, Op, Shape};
use crate::head::Head;
use crate::runner::PIXELS;
use crate::weights::{Weights, WeightsError};
use hydra_model::onnx::{
    self, DataType, Dim, GraphProto, NodeProto, TensorProto, attr_float, attr_int, attr_ints, node,
    tensor_f32, tensor_i64, value_info,
};
use std::collections::HashMap;

/// Writes trunk and head as one classifier.
///
/// # Errors
/// Where the weights do not fit the graph, or the head not the trunk.
pub fn classifier(
    graph: &Graph,
    weights: &Weights,
    head: &Head,
    metadata: &[(&str, &str)],
) -> Result<Vec<u8>, WeightsError> {
    aligned_classifier(graph, weights, head, None, metadata)
}

/// Writes trunk and head as one classifier that compares pixels with a plot type's reference
/// before anything else, where there is one, and shows the network what it was trained on.
///
/// # Errors
/// Where the weights do not fit the graph, or the head not the trunk.
pub fn aligned_classifier(
    graph: &Graph,
    weights: &Weights,
    head: &Head,
    reference: Option<(&Reference, Shown)>,
    metadata: &[(&str, &str)],
) -> Result<Vec<u8>, WeightsError> {
    head.check(graph.feature_count())?;
    let mut writer = Writer::new(graph, weights)?;
    writer.reference = reference;
    writer.trunk(&[graph.maps, graph.features])?;
    writer.head(head);
    Ok(writer.finish("classifier", metadata))
}

/// Writes the head alone, from `features` to `logits` and `probabilities`: what a plot type has
/// of its own beside a shared trunk.
///
/// # Errors
/// Where the head does not read embeddings of this length.
pub fn head_alone(
    head: &Head,
    features: usize,
    metadata: &[(&str, &str)],
) -> Result<Vec<u8>, WeightsError> {
    head.check(features)?;
    let mut out = GraphProto { name: "head".into(), ..Default::default() };
    let dims = [Dim::Named("n"), Dim::Fixed(features)];
    out.input.push(value_info("features", DataType::Float, &dims));
    scores(&mut out, head, features, "features");
    for name in ["probabilities", "logits"] {
        let dims = [Dim::Named("n"), Dim::Fixed(head.labels())];
        out.output.push(value_info(name, DataType::Float, &dims));
    }
    Ok(onnx::encode(&onnx::model(out, metadata)))
}

/// Linear layer and soft-max.
fn scores(out: &mut GraphProto, head: &Head, features: usize, from: &str) {
    let labels = head.labels();
    out.initializer.push(tensor_f32("head.weight", &[labels, features], &head.weight));
    out.initializer.push(tensor_f32("head.bias", &[labels], &head.bias));
    out.node.push(
        node("Gemm", "head", &[from, "head.weight", "head.bias"], &["logits"])
            .with(attr_int("transB", 1))
            .with(attr_float("alpha", 1.0))
            .with(attr_float("beta", 1.0)),
    );
    let softmax = node("Softmax", "softmax", &["logits"], &["probabilities"]);
    out.node.push(softmax.with(attr_int("axis", 1)));
}

/// Writes the trunk alone, whose `features` feed the heads of many plot types.
///
/// # Errors
/// Where the weights do not fit the graph.
pub fn trunk(
    graph: &Graph,
    weights: &Weights,
    metadata: &[(&str, &str)],
) -> Result<Vec<u8>, WeightsError> {
    let mut writer = Writer::new(graph, weights)?;
    writer.trunk(&[graph.maps, graph.features])?;
    let (features, maps) = (writer.value(graph.features), writer.value(graph.maps));
    writer.declare("features", &features, &[graph.feature_count()]);
    let Shape::Maps(c, h, w) = graph.node(graph.maps).shape else {
        unreachable!("the builder made maps of these");
    };
    writer.declare("maps", &maps, &[c, h, w]);
    Ok(writer.finish("trunk", metadata))
}

struct Writer<'a> {
    graph: &'a Graph,
    weights: &'a Weights,
    reference: Option<(&'a Reference, Shown)>,
    out: GraphProto,
    /// Name of the ONNX value of each node that was written.
    values: HashMap<NodeId, String>,
}

impl<'a> Writer<'a> {
    fn new(graph: &'a Graph, weights: &'a Weights) -> Result<Self, WeightsError> {
        weights.check(graph)?;
        let (out, values) = (GraphProto::default(), HashMap::new());
        Ok(Self { graph, weights, reference: None, out, values })
    }

    fn value(&self, id: NodeId) -> String {
        self.values[&id].clone()
    }

    fn push(&mut self, node: NodeProto) {
        self.out.node.push(node);
    }

    fn constant(&mut self, tensor: TensorProto) {
        self.out.initializer.push(tensor);
    }

    fn trunk(&mut self, wanted: &[NodeId]) -> Result<(), WeightsError> {
        self.input();
        let order = self.graph.needed(wanted);
        let mut readers = vec![0; self.graph.nodes.len()];
        for id in &order {
            self.graph.node(*id).inputs.iter().for_each(|input| readers[input.0] += 1);
        }
        for id in order {
            let node = self.graph.node(id);
            match node.op {
                Op::Input => {}
                Op::Conv { .. } => {
                    // a norm right behind it is folded in when its turn comes
                    let folded = self.graph.nodes.iter().any(|n| {
                        matches!(n.op, Op::Norm { .. }) && n.inputs == [id] && readers[id.0] == 1
                    });
                    if !folded {
                        let kernel = self.weights.get(&format!("{}.weight", node.name))?;
                        let bias = vec![0.0; kernel.shape[0]];
                        let (shape, data) = (kernel.shape.clone(), kernel.data.clone());
                        self.conv(id, node, &shape, &data, &bias);
                    }
                }
                Op::Norm { epsilon, .. } => self.norm(id, node, epsilon)?,
                op => self.operator(id, node, op),
            }
        }
        Ok(())
    }

    /// Pixels to normalised maps.
    fn input(&mut self) {
        let shape = self.graph.input;
        let channels = shape.channels as usize;
        let (height, width) = (shape.height as usize, shape.width as usize);
        let dims = [Dim::Named("n"), Dim::Fixed(channels), Dim::Fixed(height), Dim::Fixed(width)];
        self.out.input.push(value_info(PIXELS, DataType::Float, &dims));
        self.values.insert(NodeId(0), "input".into());
        match self.reference {
            None => self.normalised("input"),
            Some((reference, Shown::Both)) => {
                self.normalised("input.pixels");
                self.aligned(reference, "input.compared");
                let both = node("Concat", "input", &["input.pixels", "input.compared"], &["input"]);
                self.push(both.with(attr_int("axis", 1)));
            }
            Some((reference, _)) => self.aligned(reference, "input"),
        }
    }

    /// Pixels to values around zero, as `normalise_into` does.
    fn normalised(&mut self, to: &str) {
        let channels = self.graph.input.channels as usize;
        let (mean, std) = (&self.graph.mean, &self.graph.std);
        let scale: Vec<f32> = std.iter().map(|s| 1.0 / (255.0 * s)).collect();
        let shift: Vec<f32> = mean.iter().zip(std).map(|(m, s)| -m / s).collect();
        self.constant(tensor_f32("input.factor", &[1, channels, 1, 1], &scale));
        self.constant(tensor_f32("input.shift", &[1, channels, 1, 1], &shift));
        self.push(node("Mul", "input.mul", &[PIXELS, "input.factor"], &["input.multiplied"]));
        self.push(node("Add", "input.add", &["input.multiplied", "input.shift"], &[to]));
    }

    /// Pixels to deviations from a reference, as `Reference::apply` does.
    fn aligned(&mut self, reference: &Reference, to: &str) {
        let shape = reference.input;
        let (c, h, w) = (shape.channels as usize, shape.height as usize, shape.width as usize);
        self.constant(tensor_f32("input.scale", &[1], &[1.0 / 255.0]));
        self.constant(tensor_f32("input.mean", &[1, c, h, w], &reference.mean));
        self.push(node("Mul", "input.unit", &[PIXELS, "input.scale"], &["input.scaled"]));
        self.push(node("Sub", "input.sub", &["input.scaled", "input.mean"], &["input.centred"]));
        let mut rest = "input.centred";
        if !reference.components.is_empty() {
            let dims = [reference.components.len(), c * h * w];
            let flat: Vec<f32> = reference.components.iter().flatten().copied().collect();
            self.constant(tensor_f32("input.components", &dims, &flat));
            let flatten = node("Flatten", "input.flatten", &[rest], &["input.flat"]);
            self.push(flatten.with(attr_int("axis", 1)));
            let dots =
                node("Gemm", "input.dot", &["input.flat", "input.components"], &["input.dots"]);
            self.push(dots.with(attr_int("transB", 1)));
            let known = ["input.dots", "input.components"];
            self.push(node("MatMul", "input.matmul", &known, &["input.known"]));
            self.push(node("Sub", "input.rest", &["input.flat", "input.known"], &["input.rest"]));
            let dims = [-1, c as i64, h as i64, w as i64];
            self.constant(tensor_i64("input.shape", &[4], &dims));
            let reshape = ["input.rest", "input.shape"];
            self.push(node("Reshape", "input.reshape", &reshape, &["input.residual"]));
            rest = "input.residual";
        }
        let per_unit: Vec<f32> = reference.inverse_sigma.iter().map(|s| s / UNIT).collect();
        self.constant(tensor_f32("input.inverse", &[1, c, h, w], &per_unit));
        self.constant(tensor_f32("input.low", &[], &[-LIMIT / UNIT]));
        self.constant(tensor_f32("input.high", &[], &[LIMIT / UNIT]));
        self.push(node("Mul", "input.divide", &[rest, "input.inverse"], &["input.deviations"]));
        let clip = ["input.deviations", "input.low", "input.high"];
        self.push(node("Clip", "input.clip", &clip, &[to]));
    }

    fn conv(&mut self, id: NodeId, at: &Node, shape: &[usize], kernel: &[f32], bias: &[f32]) {
        let Op::Conv { stride, padding, .. } = at.op else {
            unreachable!("only convolutions come here");
        };
        let (weight, bias_name) = (format!("{}.weight", at.name), format!("{}.bias", at.name));
        self.constant(tensor_f32(&weight, shape, kernel));
        self.constant(tensor_f32(&bias_name, &[bias.len()], bias));
        let [top, left] = padding.map(|p| p as i64);
        let input = self.value(at.inputs[0]);
        self.push(
            node("Conv", &at.name, &[&input, &weight, &bias_name], &[&at.name])
                .with(attr_ints("kernel_shape", &[shape[2] as i64, shape[3] as i64]))
                .with(attr_ints("strides", &stride.map(|s| s as i64)))
                .with(attr_ints("pads", &[top, left, top, left])),
        );
        self.values.insert(id, at.name.clone());
    }

    /// y = (conv(x) - mean) * gamma / sqrt(var + epsilon) + beta, as a convolution with bias.
    fn norm(&mut self, id: NodeId, at: &Node, epsilon: f64) -> Result<(), WeightsError> {
        let get = |leaf: &str| Ok(&self.weights.get(&format!("{}.{leaf}", at.name))?.data);
        let (gamma, beta) = (get("weight")?, get("bias")?);
        let (mean, variance) = (get("running_mean")?, get("running_var")?);
        let scale: Vec<f32> = gamma
            .iter()
            .zip(variance)
            .map(|(g, v)| (f64::from(*g) / (f64::from(*v) + epsilon).sqrt()) as f32)
            .collect();
        let shift: Vec<f32> = (0..scale.len()).map(|c| beta[c] - mean[c] * scale[c]).collect();
        let source = at.inputs[0];
        if self.values.contains_key(&source) {
            let (x, channels) = (self.value(source), scale.len());
            let (scale_name, shift_name) =
                (format!("{}.scale", at.name), format!("{}.shift", at.name));
            self.constant(tensor_f32(&scale_name, &[1, channels, 1, 1], &scale));
            self.constant(tensor_f32(&shift_name, &[1, channels, 1, 1], &shift));
            let scaled = format!("{}.scaled", at.name);
            self.push(node("Mul", &scaled, &[&x, &scale_name], &[&scaled]));
            self.push(node("Add", &at.name, &[&scaled, &shift_name], &[&at.name]));
            self.values.insert(id, at.name.clone());
            return Ok(());
        }
        let conv = self.graph.node(source);
        let kernel = self.weights.get(&format!("{}.weight", conv.name))?;
        let per_output = kernel.data.len() / scale.len();
        let folded: Vec<f32> =
            kernel.data.iter().enumerate().map(|(i, k)| k * scale[i / per_output]).collect();
        let shape = kernel.shape.clone();
        self.conv(source, conv, &shape, &folded, &shift);
        self.values.insert(id, conv.name.clone());
        Ok(())
    }

    fn operator(&mut self, id: NodeId, at: &Node, op: Op) {
        let inputs: Vec<String> = at.inputs.iter().map(|input| self.value(*input)).collect();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let window = |kind: &str, kernel: usize, stride: usize, padding: usize| {
            node(kind, &at.name, &inputs, &[&at.name])
                .with(attr_ints("kernel_shape", &[kernel as i64; 2]))
                .with(attr_ints("strides", &[stride as i64; 2]))
                .with(attr_ints("pads", &[padding as i64; 4]))
        };
        let written = match op {
            Op::Relu => node("Relu", &at.name, &inputs, &[&at.name]),
            Op::Square => node("Mul", &at.name, &[inputs[0], inputs[0]], &[&at.name]),
            Op::MaxPool { kernel, stride, padding } => window("MaxPool", kernel, stride, padding),
            Op::AvgPool { kernel, stride, padding } => {
                window("AveragePool", kernel, stride, padding)
                    .with(attr_int("count_include_pad", 1))
            }
            Op::Add => node("Add", &at.name, &inputs, &[&at.name]),
            Op::Concat => node("Concat", &at.name, &inputs, &[&at.name]).with(attr_int("axis", 1)),
            Op::GlobalAvg => node("ReduceMean", &at.name, &inputs, &[&at.name])
                .with(attr_ints("axes", &[2, 3]))
                .with(attr_int("keepdims", 0)),
            Op::Dropout { .. } => node("Identity", &at.name, &inputs, &[&at.name]),
            Op::Input | Op::Conv { .. } | Op::Norm { .. } | Op::Linear { .. } => {
                unreachable!("written elsewhere, or behind the trunk")
            }
        };
        self.push(written);
        self.values.insert(id, at.name.clone());
    }

    /// Logits, probabilities, embedding and map.
    fn head(&mut self, head: &Head) {
        let (features, maps) = (self.value(self.graph.features), self.value(self.graph.maps));
        let Shape::Maps(channels, h, w) = self.graph.node(self.graph.maps).shape else {
            unreachable!("the builder made maps of these");
        };
        let labels = head.labels();
        scores(&mut self.out, head, channels, &features);
        // The gradient of a logit by the maps is the head's weight over their area (Selvaraju et
        // al., arXiv:1610.02391, section 3.1), so that Grad-CAM is a convolution.
        let per_pixel: Vec<f32> = head.weight.iter().map(|v| v / (h * w) as f32).collect();
        self.constant(tensor_f32("cam.weight", &[labels, channels, 1, 1], &per_pixel));
        self.push(
            node("Conv", "cam", &[&maps, "cam.weight"], &["cam"])
                .with(attr_ints("kernel_shape", &[1, 1])),
        );
        self.declare("probabilities", "probabilities", &[labels]);
        self.declare("logits", "logits", &[labels]);
        self.declare("features", &features, &[channels]);
        self.declare("cam", "cam", &[labels, h, w]);
    }

    /// Makes `value` an output under `name`.
    fn declare(&mut self, name: &str, value: &str, shape: &[usize]) {
        if name != value {
            self.push(node("Identity", &format!("{name}.output"), &[value], &[name]));
        }
        let mut dims = vec![Dim::Named("n")];
        dims.extend(shape.iter().map(|d| Dim::Fixed(*d)));
        self.out.output.push(value_info(name, DataType::Float, &dims));
    }

    fn finish(mut self, name: &str, metadata: &[(&str, &str)]) -> Vec<u8> {
        self.out.name = name.into();
        onnx::encode(&onnx::model(self.out, metadata))
    }
}
