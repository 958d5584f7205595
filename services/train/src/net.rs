//! Runs a [`Graph`] in burn, forwards and, on a device with gradients, backwards.

use crate::graph::{Graph, NodeId, Op};
use crate::weights::{Array, Weights, WeightsError};
use burn::module::{Module, Param, RunningState};
use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use burn::tensor::activation::relu;
use burn::tensor::module::{avg_pool2d, conv2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt};
use std::collections::HashMap;

/// The learned and running numbers, in the graph's order of layers.
#[derive(Module, Debug)]
pub struct Layers {
    kernels: Vec<Param<Tensor<4>>>,
    norms: Vec<BatchNorm>,
    linears: Vec<Linear>,
}

/// A graph with its numbers on a device.
#[derive(Debug, Clone)]
pub struct Net {
    /// What is run.
    pub graph: Graph,
    /// The numbers.
    pub layers: Layers,
}

/// A learned number of a layer.
pub struct Learned<'a> {
    /// Torchvision's name; a linear layer's matrix stands transposed.
    pub name: String,
    /// Whether weight decay applies.
    pub decays: bool,
    /// The number.
    pub parameter: Parameter<'a>,
}

/// A learned tensor by its rank.
pub enum Parameter<'a> {
    /// A kernel.
    Maps(&'a mut Param<Tensor<4>>),
    /// A linear layer's matrix.
    Matrix(&'a mut Param<Tensor<2>>),
    /// A scale, shift or bias.
    Vector(&'a mut Param<Tensor<1>>),
}

/// What a node makes.
#[derive(Debug, Clone)]
pub enum Value {
    /// `[batch, channels, height, width]`.
    Maps(Tensor<4>),
    /// `[batch, features]`.
    Flat(Tensor<2>),
}

impl Value {
    fn maps(self) -> Tensor<4> {
        match self {
            Self::Maps(x) => x,
            Self::Flat(_) => panic!("the builder gave this operator maps"),
        }
    }

    /// As a matrix of a row for each image.
    pub fn flat(self) -> Tensor<2> {
        match self {
            Self::Maps(x) => x.flatten(1, 3),
            Self::Flat(x) => x,
        }
    }
}

impl Net {
    /// Puts the weights on `device`.
    ///
    /// # Errors
    /// Where they do not fit the graph.
    pub fn new(graph: &Graph, weights: &Weights, device: &Device) -> Result<Self, WeightsError> {
        weights.check(graph)?;
        let mut layers = Layers { kernels: vec![], norms: vec![], linears: vec![] };
        for node in &graph.nodes {
            let get = |leaf: &str| weights.get(&format!("{}.{leaf}", node.name));
            match node.op {
                Op::Conv { .. } => {
                    let kernel: Tensor<4> = tensor(get("weight")?, device);
                    layers.kernels.push(Param::from_tensor(kernel));
                }
                Op::Norm { channels, epsilon } => {
                    let config = BatchNormConfig::new(channels).with_epsilon(epsilon);
                    let mut norm = config.init(device);
                    norm.gamma = Param::from_tensor(tensor(get("weight")?, device));
                    norm.beta = Param::from_tensor(tensor(get("bias")?, device));
                    // running statistics take no part in gradients
                    let plain = device.clone().inner();
                    norm.running_mean = RunningState::new(tensor(get("running_mean")?, &plain));
                    norm.running_var = RunningState::new(tensor(get("running_var")?, &plain));
                    layers.norms.push(norm);
                }
                Op::Linear { .. } => {
                    // in the layout that training keeps it in: sums depend on it in the last digit,
                    // and a resumed training must end with the same bits
                    let weight: Tensor<2> = tensor(&transposed(get("weight")?), device);
                    layers.linears.push(Linear {
                        weight: Param::from_tensor(weight),
                        bias: Some(Param::from_tensor(tensor(get("bias")?, device))),
                    });
                }
                _ => {}
            }
        }
        Ok(Self { graph: graph.clone(), layers })
    }

    /// The numbers as they stand, by torchvision's names.
    pub fn weights(&self) -> Weights {
        let mut weights = Weights::default();
        let mut at = Places::default();
        for node in &self.graph.nodes {
            let mut put =
                |leaf: &str, array| weights.insert(format!("{}.{leaf}", node.name), array);
            match node.op {
                Op::Conv { .. } => put("weight", array(self.layers.kernels[at.kernel()].val())),
                Op::Norm { .. } => {
                    let norm = &self.layers.norms[at.norm()];
                    put("weight", array(norm.gamma.val()));
                    put("bias", array(norm.beta.val()));
                    put("running_mean", array(norm.running_mean.value_sync()));
                    put("running_var", array(norm.running_var.value_sync()));
                }
                Op::Linear { output, .. } => {
                    let linear = &self.layers.linears[at.linear()];
                    put("weight", array(linear.weight.val().transpose()));
                    let zeros = || Array { shape: vec![output], data: vec![0.0; output] };
                    put("bias", linear.bias.as_ref().map_or_else(zeros, |b| array(b.val())));
                }
                _ => {}
            }
        }
        weights
    }

    /// Every learned number with its name, in the order of the graph.
    pub fn parameters(&mut self) -> Vec<Learned<'_>> {
        let Layers { kernels, norms, linears } = &mut self.layers;
        let (mut kernels, mut norms, mut linears) =
            (kernels.iter_mut(), norms.iter_mut(), linears.iter_mut());
        let mut list = Vec::new();
        for node in &self.graph.nodes {
            let mut push = |leaf: &str, decays: bool, parameter| {
                let name = format!("{}.{leaf}", node.name);
                list.push(Learned { name, decays, parameter });
            };
            match node.op {
                Op::Conv { .. } => {
                    let kernel = kernels.next().expect("made from this graph");
                    push("weight", true, Parameter::Maps(kernel));
                }
                Op::Norm { .. } => {
                    let norm = norms.next().expect("made from this graph");
                    push("weight", false, Parameter::Vector(&mut norm.gamma));
                    push("bias", false, Parameter::Vector(&mut norm.beta));
                }
                Op::Linear { .. } => {
                    let linear = linears.next().expect("made from this graph");
                    push("weight", true, Parameter::Matrix(&mut linear.weight));
                    if let Some(bias) = &mut linear.bias {
                        push("bias", false, Parameter::Vector(bias));
                    }
                }
                _ => {}
            }
        }
        list
    }

    /// Runs the graph on normalised images up to the `wanted` values. With `dropout` some
    /// features are set to zero by that source of chance; norms use the batch's statistics
    /// exactly where the layers are on a device with gradients.
    pub fn forward<R: Rng>(
        &self,
        images: Tensor<4>,
        wanted: &[NodeId],
        mut dropout: Option<&mut R>,
    ) -> Vec<Value> {
        let order = self.graph.needed(wanted);
        let mut readers = vec![0usize; self.graph.nodes.len()];
        for id in &order {
            self.graph.node(*id).inputs.iter().for_each(|input| readers[input.0] += 1);
        }
        wanted.iter().for_each(|id| readers[id.0] += 1);
        let places = self.places();
        let mut values: HashMap<NodeId, Value> = HashMap::new();
        let mut images = Some(images);
        for id in order {
            let node = self.graph.node(id);
            // the last reader takes the value, so that memory is freed as early as it can be
            let mut take = |input: NodeId| {
                readers[input.0] -= 1;
                let value = if readers[input.0] == 0 {
                    values.remove(&input)
                } else {
                    values.get(&input).cloned()
                };
                value.expect("every node reads nodes before it")
            };
            let inputs: Vec<Value> = node.inputs.iter().map(|input| take(*input)).collect();
            let value = match node.op {
                Op::Input => Value::Maps(images.take().expect("a graph has one input")),
                Op::Dropout { probability } => match dropout.as_deref_mut() {
                    Some(rng) => dropped(inputs, probability, rng),
                    None => first(inputs),
                },
                op => self.layer(op, places[id.0], inputs),
            };
            values.insert(id, value);
        }
        wanted.iter().map(|id| values[id].clone()).collect()
    }

    fn layer(&self, op: Op, place: usize, inputs: Vec<Value>) -> Value {
        match op {
            Op::Conv { stride, padding, .. } => {
                let options = ConvOptions::new(stride, padding, [1, 1], 1);
                let kernel = self.layers.kernels[place].val();
                Value::Maps(conv2d(first(inputs).maps(), kernel, None, options))
            }
            Op::Norm { .. } => Value::Maps(self.layers.norms[place].forward(first(inputs).maps())),
            Op::Relu => Value::Maps(relu(first(inputs).maps())),
            Op::Square => {
                let x = first(inputs).maps();
                Value::Maps(x.clone() * x)
            }
            Op::MaxPool { kernel, stride, padding } => {
                let options = MaxPoolOptions::new([kernel; 2])
                    .with_stride([stride; 2])
                    .with_padding([padding; 2]);
                Value::Maps(max_pool2d(first(inputs).maps(), options))
            }
            Op::AvgPool { kernel, stride, padding } => {
                let options = AvgPoolOptions::new([kernel; 2])
                    .with_stride([stride; 2])
                    .with_padding([padding; 2]);
                Value::Maps(avg_pool2d(first(inputs).maps(), options))
            }
            Op::GlobalAvg => {
                let x = first(inputs).maps();
                let [n, c, h, w] = x.dims();
                Value::Flat(x.reshape([n, c, h * w]).mean_dim(2).reshape([n, c]))
            }
            Op::Add => {
                let mut inputs = inputs.into_iter().map(Value::maps);
                let (a, b) = (inputs.next(), inputs.next());
                Value::Maps(a.zip(b).map(|(a, b)| a + b).expect("a sum has two inputs"))
            }
            Op::Concat => {
                Value::Maps(Tensor::cat(inputs.into_iter().map(Value::maps).collect(), 1))
            }
            Op::Linear { .. } => {
                Value::Flat(self.layers.linears[place].forward(first(inputs).flat()))
            }
            Op::Input | Op::Dropout { .. } => first(inputs),
        }
    }

    /// For each node the index of its numbers among those of its kind.
    fn places(&self) -> Vec<usize> {
        let mut at = Places::default();
        let place = |op: &Op| match op {
            Op::Conv { .. } => at.kernel(),
            Op::Norm { .. } => at.norm(),
            Op::Linear { .. } => at.linear(),
            _ => 0,
        };
        let mut place = place;
        self.graph.nodes.iter().map(|node| place(&node.op)).collect()
    }
}

/// Counts layers by kind, in the order of the graph.
#[derive(Default)]
struct Places {
    kernels: usize,
    norms: usize,
    linears: usize,
}

impl Places {
    fn kernel(&mut self) -> usize {
        self.kernels += 1;
        self.kernels - 1
    }
    fn norm(&mut self) -> usize {
        self.norms += 1;
        self.norms - 1
    }
    fn linear(&mut self) -> usize {
        self.linears += 1;
        self.linears - 1
    }
}

fn first(inputs: Vec<Value>) -> Value {
    inputs.into_iter().next().expect("the builder gave this operator an input")
}

/// Inverted dropout (Srivastava et al., JMLR 15, 2014) with our own source of chance, so that a
/// run can be repeated and resumed.
fn dropped<R: Rng>(inputs: Vec<Value>, probability: f64, rng: &mut R) -> Value {
    let x = first(inputs).flat();
    let [n, features] = x.dims();
    let scale = 1.0 / (1.0 - probability) as f32;
    let mask: Vec<f32> =
        (0..n * features).map(|_| if rng.random_bool(probability) { 0.0 } else { scale }).collect();
    let mask = Tensor::<2>::from_data(TensorData::new(mask, [n, features]), &x.device());
    Value::Flat(x * mask)
}

fn transposed(matrix: &Array) -> Array {
    let (rows, columns) = (matrix.shape[0], matrix.shape[1]);
    let at = |i: usize| matrix.data[(i % rows) * columns + i / rows];
    Array { shape: vec![columns, rows], data: (0..rows * columns).map(at).collect() }
}

fn tensor<const D: usize>(array: &Array, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(array.data.clone(), array.shape.clone()), device)
}

fn array<const D: usize>(tensor: Tensor<D>) -> Array {
    let shape = tensor.dims().to_vec();
    let data = tensor.inner().try_into_vec_as().expect("weights are float32");
    Array { shape, data }
}
