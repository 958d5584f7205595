//! A seed -> small networks with random weights, for tests and benches. Nothing here is trained.

use crate::onnx::{
    AttributeProto, DataType, Dim, GraphProto, ModelProto, NodeProto, TensorProto, attr_float,
    attr_int, attr_ints, model, node, tensor_f32, tensor_i64, value_info,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What follows the last convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Global average pooling, a linear layer.
    Pooled,
    /// The same as PyTorch's `mean` and TensorFlow's layouts write it.
    Mean,
    /// Overlapping max pooling, two layers with ReLU.
    MaxPooled,
    /// Padded average pooling, a layer with tanh, another with sigmoid in between.
    AveragePooled,
    /// A 1x1 convolution as the classifier, then global average pooling.
    Convolved,
    /// Batch normalisation, two branches joined, hard swish: as MobileNets and DenseNets end.
    Branched,
    /// An operator without a gradient rule.
    Unknown,
    /// No convolution at all: a layer on the pixels.
    Flat,
    /// Nothing at all: the scores are the channels of the first pixel, as many as labels.
    Null,
}

/// A small classifier to make.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Its end.
    pub head: Head,
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// 1 or 3.
    pub channels: usize,
    /// Outputs.
    pub labels: usize,
    /// Maps of the last convolution.
    pub maps: usize,
    /// Whether a softmax is at the end.
    pub softmax: bool,
    /// Of the weights.
    pub seed: u64,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            head: Head::Pooled,
            width: 24,
            height: 20,
            channels: 3,
            labels: 3,
            maps: 12,
            softmax: false,
            seed: 1,
        }
    }
}

struct Writer {
    graph: GraphProto,
    rng: ChaCha8Rng,
}

impl Writer {
    fn new(seed: u64) -> Self {
        Self { graph: GraphProto::default(), rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Values of mean `centre`, uniform over twice `spread`.
    fn values(&mut self, count: usize, centre: f32, spread: f32) -> Vec<f32> {
        (0..count).map(|_| centre + self.rng.random_range(-spread..=spread)).collect()
    }

    fn weights(&mut self, name: &str, shape: &[usize]) -> String {
        let fan_in: usize = shape.iter().skip(1).product();
        let values = self.values(shape.iter().product(), 0.0, (6.0 / fan_in as f32).sqrt());
        self.constant(tensor_f32(name, shape, &values))
    }

    fn vector(&mut self, name: &str, length: usize, centre: f32, spread: f32) -> String {
        let values = self.values(length, centre, spread);
        self.constant(tensor_f32(name, &[length], &values))
    }

    fn constant(&mut self, tensor: TensorProto) -> String {
        let name = tensor.name.clone();
        self.graph.initializer.push(tensor);
        name
    }

    fn op(
        &mut self,
        op: &str,
        name: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        let made = NodeProto { attribute: attributes, ..node(op, name, inputs, &[name]) };
        self.graph.node.push(made);
        name.to_owned()
    }

    fn conv(&mut self, name: &str, from: &str, shape: [usize; 4]) -> String {
        let weights = self.weights(&format!("{name}.weight"), &shape);
        let bias = self.vector(&format!("{name}.bias"), shape[0], 0.0, 0.1);
        let pad = (shape[2] / 2) as i64;
        self.op("Conv", name, &[from, &weights, &bias], vec![attr_ints("pads", &[pad; 4])])
    }

    fn linear(&mut self, name: &str, from: &str, input: usize, output: usize) -> String {
        let weights = self.weights(&format!("{name}.weight"), &[output, input]);
        let bias = self.vector(&format!("{name}.bias"), output, 0.0, 0.1);
        self.op("Gemm", name, &[from, &weights, &bias], vec![attr_int("transB", 1)])
    }
}

/// A classifier: input `image` (batch, channels, height, width), output `scores`.
pub fn classifier(sample: &Sample) -> ModelProto {
    let Sample { width, height, channels, labels, maps, .. } = *sample;
    let mut w = Writer::new(sample.seed);
    let logits = if sample.head == Head::Flat {
        let flat = w.op("Flatten", "flat", &["image"], vec![]);
        w.linear("fc", &flat, width * height * channels, labels)
    } else if sample.head == Head::Null {
        let [from, to, axes] = [("from", [0, 0]), ("to", [1, 1]), ("axes", [2, 3])]
            .map(|(name, values)| w.constant(tensor_i64(name, &[2], &values)));
        let pixel = w.op("Slice", "pixel", &["image", &from, &to, &axes], vec![]);
        w.op("Flatten", "channels", &[&pixel], vec![])
    } else {
        let first = w.conv("conv1", "image", [8, channels, 3, 3]);
        let first = w.op("Relu", "relu1", &[&first], vec![]);
        let window = || vec![attr_ints("kernel_shape", &[2, 2]), attr_ints("strides", &[2, 2])];
        let pooled = w.op("MaxPool", "pool1", &[&first], window());
        let last = w.conv("conv2", &pooled, [maps, 8, 3, 3]);
        let last = w.op("Relu", "relu2", &[&last], vec![]);
        head(&mut w, sample, &last)
    };
    if sample.softmax {
        w.op("Softmax", "scores", &[&logits], vec![attr_int("axis", 1)]);
    } else {
        w.op("Identity", "scores", &[&logits], vec![]);
    }
    let image = [Dim::Named("n"), Dim::Fixed(channels), Dim::Fixed(height), Dim::Fixed(width)];
    w.graph.input = vec![value_info("image", DataType::Float, &image)];
    w.graph.output =
        vec![value_info("scores", DataType::Float, &[Dim::Named("n"), Dim::Fixed(labels)])];
    model(w.graph, &[])
}

fn head(w: &mut Writer, sample: &Sample, last: &str) -> String {
    let Sample { labels, maps, .. } = *sample;
    let (h, v) = (sample.width / 2, sample.height / 2);
    let window = |kernel: i64, stride: i64, pads: [i64; 4]| {
        vec![
            attr_ints("kernel_shape", &[kernel, kernel]),
            attr_ints("strides", &[stride, stride]),
            attr_ints("pads", &pads),
        ]
    };
    match sample.head {
        Head::Pooled => {
            let pooled = w.op("GlobalAveragePool", "gap", &[last], vec![]);
            let flat = w.op("Flatten", "features", &[&pooled], vec![]);
            w.linear("fc", &flat, maps, labels)
        }
        Head::Mean => {
            let axes = vec![attr_ints("axes", &[2, 3]), attr_int("keepdims", 0)];
            let mean = w.op("ReduceMean", "mean", &[last], axes);
            let weights = w.weights("fc.weight", &[maps, labels]);
            let bias = w.vector("fc.bias", labels, 0.0, 0.1);
            let product = w.op("MatMul", "product", &[&mean, &weights], vec![]);
            w.op("Add", "fc", &[&product, &bias], vec![])
        }
        Head::MaxPooled => {
            let pooled = w.op("MaxPool", "pool2", &[last], window(3, 2, [1; 4]));
            let flat = w.op("Flatten", "flat", &[&pooled], vec![]);
            let hidden = w.linear("fc1", &flat, maps * h.div_ceil(2) * v.div_ceil(2), 16);
            let hidden = w.op("Relu", "relu3", &[&hidden], vec![]);
            w.linear("fc2", &hidden, 16, labels)
        }
        Head::AveragePooled => {
            let pooled = w.op("AveragePool", "pool2", &[last], window(3, 2, [0, 0, 1, 1]));
            let places = ((h - 2) / 2 + 1) * ((v - 2) / 2 + 1);
            let flat = w.op("Flatten", "flat", &[&pooled], vec![]);
            let hidden = w.linear("fc1", &flat, maps * places, 16);
            let hidden = w.op("Tanh", "tanh", &[&hidden], vec![]);
            let hidden = w.linear("fc2", &hidden, 16, 16);
            let hidden = w.op("Sigmoid", "sigmoid", &[&hidden], vec![]);
            w.linear("fc3", &hidden, 16, labels)
        }
        Head::Convolved => {
            let scores = w.conv("classifier", last, [labels, maps, 1, 1]);
            let scores = w.op("LeakyRelu", "leaky", &[&scores], vec![attr_float("alpha", 0.2)]);
            let pooled = w.op("GlobalAveragePool", "gap", &[&scores], vec![]);
            let axes = w.constant(tensor_i64("axes", &[2], &[2, 3]));
            w.op("Squeeze", "squeezed", &[&pooled, &axes], vec![])
        }
        Head::Branched => branched(w, maps, labels, last),
        Head::Unknown => {
            let pooled = w.op("GlobalAveragePool", "gap", &[last], vec![]);
            let flat = w.op("Flatten", "flat", &[&pooled], vec![]);
            let odd = w.op("Softsign", "odd", &[&flat], vec![]);
            w.linear("fc", &odd, maps, labels)
        }
        Head::Flat | Head::Null => unreachable!("it has no maps"),
    }
}

fn branched(w: &mut Writer, maps: usize, labels: usize, last: &str) -> String {
    let [scale, variance] = ["scale", "variance"].map(|name| w.vector(name, maps, 1.0, 0.5));
    let [bias, mean] = ["bias", "mean"].map(|name| w.vector(name, maps, 0.0, 0.5));
    let epsilon = vec![attr_float("epsilon", 1e-3)];
    let inputs = [last, &scale, &bias, &mean, &variance];
    let normal = w.op("BatchNormalization", "bn", &inputs, epsilon);
    let average = w.op("GlobalAveragePool", "gap", &[&normal], vec![]);
    let largest = w.op("GlobalMaxPool", "gmp", &[&normal], vec![]);
    let joined = w.op("Concat", "joined", &[&average, &largest], vec![attr_int("axis", 1)]);
    let flat = w.op("Flatten", "flat", &[&joined], vec![]);
    let hidden = w.linear("fc1", &flat, 2 * maps, 16);
    let swish = w.op("HardSwish", "swish", &[&hidden], vec![]);
    let gate = w.op("HardSigmoid", "gate", &[&hidden], vec![]);
    let gated = w.op("Mul", "gated", &[&swish, &gate], vec![]);
    w.linear("fc2", &gated, 16, labels)
}

/// A trunk: input `image`, outputs `features` and `maps`, whose mean over the places the
/// features are.
pub fn trunk(sample: &Sample) -> ModelProto {
    let mut made = classifier(&Sample { head: Head::Pooled, softmax: false, ..*sample });
    let graph = made.graph.get_or_insert_default();
    graph.node.iter_mut().filter(|n| n.op_type == "Relu" && n.name == "relu2").for_each(|n| {
        n.output = vec!["maps".into()];
    });
    let gap = graph.node.iter_mut().find(|n| n.op_type == "GlobalAveragePool");
    gap.into_iter().for_each(|n| n.input = vec!["maps".into()]);
    graph.node.retain(|n| n.op_type != "Gemm" && n.op_type != "Identity");
    graph.initializer.retain(|t| !t.name.starts_with("fc"));
    let [n, maps] = [Dim::Named("n"), Dim::Fixed(sample.maps)];
    let places = [Dim::Fixed(sample.height / 2), Dim::Fixed(sample.width / 2)];
    graph.output = vec![
        value_info("features", DataType::Float, &[n, maps]),
        value_info("maps", DataType::Float, &[n, maps, places[0], places[1]]),
    ];
    made
}

/// A linear head: input `features`, output `scores`.
pub fn head_of(features: usize, labels: usize, seed: u64) -> ModelProto {
    let mut w = Writer::new(seed);
    let logits = w.linear("fc", "features", features, labels);
    w.op("Identity", "scores", &[&logits], vec![]);
    let n = Dim::Named("n");
    w.graph.input = vec![value_info("features", DataType::Float, &[n, Dim::Fixed(features)])];
    w.graph.output = vec![value_info("scores", DataType::Float, &[n, Dim::Fixed(labels)])];
    model(w.graph, &[])
}

/// Puts random weights in the place of constant ones (`ConstantOfShape` and `Constant` nodes that
/// make floats), of a size that keeps signals alive through deep networks: real graphs whose
/// weights were left out become networks in which a mistaken channel shows.
pub fn randomise(model: &mut ModelProto, seed: u64) {
    let mut w = Writer::new(seed);
    let Some(graph) = &mut model.graph else { return };
    let shapes: Vec<(String, Vec<usize>)> = graph
        .initializer
        .iter()
        .map(|t| (t.name.clone(), t.int64_values().iter().map(|d| *d as usize).collect()))
        .collect();
    let shape_of = |name: &str| shapes.iter().find(|(n, _)| n == name).map(|(_, s)| s.clone());
    let mut made = Vec::new();
    let nodes = std::mem::take(&mut graph.node);
    for node in &nodes {
        let fills = node.op_type == "ConstantOfShape";
        let Some(shape) = shape_of(&node.input.first().cloned().unwrap_or_default()) else {
            continue;
        };
        if !fills {
            continue;
        }
        let name = &node.output[0];
        let statistic = nodes.iter().find_map(|n| {
            let at = n.input.iter().position(|input| input == name)?;
            (n.op_type == "BatchNormalization").then_some(at)
        });
        let values = match (statistic, shape.len()) {
            (Some(1 | 4), _) => w.values(shape[0], 1.0, 0.5),
            (Some(_), _) => w.values(shape[0], 0.0, 0.2),
            (None, 0 | 1) if name.contains("bn_w") => w.values(shape[0], 1.0, 0.5),
            (None, 0 | 1) => w.values(shape.iter().product(), 0.0, 0.2),
            _ => {
                let fan_in: usize = shape.iter().skip(1).product();
                w.values(shape.iter().product(), 0.0, (6.0 / fan_in as f32).sqrt())
            }
        };
        made.push(tensor_f32(name, &shape, &values));
    }
    graph.node = nodes
        .into_iter()
        .filter(|node| !made.iter().any(|tensor| node.output.contains(&tensor.name)))
        .collect();
    graph.initializer.extend(made);
}

impl TensorProto {
    /// Whole numbers of a small tensor, wherever the file keeps them; none for other types.
    fn int64_values(&self) -> Vec<i64> {
        if self.data_type != DataType::Int64 as i32 {
            return Vec::new();
        }
        match self.raw_data.as_chunks::<8>().0 {
            [] => self.int64_data.clone(),
            chunks => chunks.iter().map(|c| i64::from_le_bytes(*c)).collect(),
        }
    }
}

/// Pixels that look like nothing, `count` bytes.
pub fn noise(count: usize, seed: u64) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(0..=255)).collect()
}
