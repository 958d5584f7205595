//! How weights follow gradients. The state goes by the weights' names, so that a checkpoint
//! outlives versions of the training framework.

use crate::net::Net;
use crate::weights::Array;
use burn::module::Param;
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How weights follow gradients.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Optimiser {
    /// Adam with decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101).
    AdamW {
        /// Memory of the mean.
        beta1: f64,
        /// Memory of the mean square.
        beta2: f64,
    },
    /// Gradient descent with Nesterov's momentum (Sutskever et al., ICML 2013).
    Sgd {
        /// Memory of the direction.
        momentum: f64,
    },
}

impl Default for Optimiser {
    fn default() -> Self {
        Self::AdamW { beta1: 0.9, beta2: 0.999 }
    }
}

const EPSILON: f64 = 1e-8;

/// Moments of one weight, flat.
struct Moments {
    first: Tensor<1>,
    /// Of Adam alone.
    second: Option<Tensor<1>>,
}

/// An optimiser at work.
pub(super) struct Optimising {
    kind: Optimiser,
    decay: f64,
    steps: u64,
    moments: BTreeMap<String, Moments>,
}

impl Optimising {
    pub fn new(kind: Optimiser, decay: f64) -> Self {
        Self { kind, decay, steps: 0, moments: BTreeMap::new() }
    }

    /// Moves every weight of the network against its gradient.
    pub fn step(&mut self, net: &mut Net, gradients: &mut Gradients, rate: f64) {
        self.steps += 1;
        for weight in net.parameters() {
            use crate::net::Parameter as P;
            let (name, decay) = (weight.name, if weight.decays { self.decay } else { 0.0 });
            match weight.parameter {
                P::Maps(p) => self.move_one(name, p, gradients, rate, decay),
                P::Matrix(p) => self.move_one(name, p, gradients, rate, decay),
                P::Vector(p) => self.move_one(name, p, gradients, rate, decay),
            }
        }
    }

    fn move_one<const D: usize>(
        &mut self,
        name: String,
        parameter: &mut Param<Tensor<D>>,
        gradients: &mut Gradients,
        rate: f64,
        decay: f64,
    ) {
        let value = parameter.val();
        let Some(gradient) = value.grad_remove(gradients) else { return };
        let shape = value.dims();
        let length = shape.iter().product::<usize>();
        let flat: Tensor<1> = value.inner().reshape([length]);
        let gradient: Tensor<1> = gradient.reshape([length]);
        let before = self.moments.remove(&name);
        let (moments, moved) = self.moved(flat, gradient, before, rate, decay);
        self.moments.insert(name, moments);
        *parameter = Param::from_tensor(Tensor::from_inner(moved.reshape(shape)));
    }

    fn moved(
        &self,
        value: Tensor<1>,
        gradient: Tensor<1>,
        before: Option<Moments>,
        rate: f64,
        decay: f64,
    ) -> (Moments, Tensor<1>) {
        match self.kind {
            Optimiser::AdamW { beta1, beta2 } => {
                let square = gradient.clone() * gradient.clone();
                let (first, second) = match before {
                    Some(Moments { first, second: Some(second) }) => (
                        first.mul_scalar(beta1) + gradient.mul_scalar(1.0 - beta1),
                        second.mul_scalar(beta2) + square.mul_scalar(1.0 - beta2),
                    ),
                    _ => (gradient.mul_scalar(1.0 - beta1), square.mul_scalar(1.0 - beta2)),
                };
                let steps = self.steps as f64;
                let mean = first.clone().mul_scalar(1.0 / (1.0 - beta1.powf(steps)));
                let root = second.clone().mul_scalar(1.0 / (1.0 - beta2.powf(steps))).sqrt();
                let step = mean / root.add_scalar(EPSILON);
                let moved = value.mul_scalar(1.0 - rate * decay) - step.mul_scalar(rate);
                (Moments { first, second: Some(second) }, moved)
            }
            Optimiser::Sgd { momentum } => {
                let gradient = gradient + value.clone().mul_scalar(decay);
                let first = match before {
                    Some(Moments { first, .. }) => first.mul_scalar(momentum) + gradient.clone(),
                    None => gradient.clone(),
                };
                let step = gradient + first.clone().mul_scalar(momentum);
                (Moments { first, second: None }, value - step.mul_scalar(rate))
            }
        }
    }

    /// The state by name: `first.<weight>`, `second.<weight>`, and the number of steps.
    pub fn state(&self) -> (u64, BTreeMap<String, Array>) {
        let mut arrays = BTreeMap::new();
        for (name, moments) in &self.moments {
            arrays.insert(format!("first.{name}"), flat_array(&moments.first));
            if let Some(second) = &moments.second {
                arrays.insert(format!("second.{name}"), flat_array(second));
            }
        }
        (self.steps, arrays)
    }

    /// Takes up a state where it was left.
    pub fn restore(&mut self, steps: u64, arrays: &BTreeMap<String, Array>, device: &Device) {
        let plain = device.clone().inner();
        let tensor = |array: &Array| {
            let data = TensorData::new(array.data.clone(), [array.data.len()]);
            Tensor::<1>::from_data(data, &plain)
        };
        self.steps = steps;
        self.moments = arrays
            .iter()
            .filter_map(|(name, array)| Some((name.strip_prefix("first.")?, array)))
            .map(|(name, first)| {
                let second = arrays.get(&format!("second.{name}")).map(tensor);
                (name.to_owned(), Moments { first: tensor(first), second })
            })
            .collect();
    }
}

fn flat_array(tensor: &Tensor<1>) -> Array {
    let data: Vec<f32> = tensor.clone().try_into_vec_as().expect("moments are float32");
    Array { shape: vec![data.len()], data }
}
