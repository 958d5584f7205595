//! The numbers of a network by name, apart from any framework: what is initialised, loaded from
//! a `.pth`, trained and written into an ONNX file.

mod init;
mod torch;

pub use torch::{TorchError, read_torch};

use crate::graph::Graph;
use std::collections::BTreeMap;

/// A row-major array.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// As many values as the product of `shape`.
    pub data: Vec<f32>,
}

/// Why weights do not fit a network.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum WeightsError {
    /// The network wants a tensor that is not there.
    #[error("weight {name} is missing: these are the weights of another network")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A tensor has another shape.
    #[error("weight {name} has shape {found:?}, the network wants {wanted:?}")]
    Shape {
        /// Its name.
        name: String,
        /// As given.
        found: Vec<usize>,
        /// As the network wants it.
        wanted: Vec<usize>,
    },
    /// A tensor holds NaN or infinity.
    #[error("weight {name} holds values that are no numbers")]
    NotFinite {
        /// Its name.
        name: String,
    },
}

/// Weights by torchvision's names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weights(BTreeMap<String, Array>);

impl Weights {
    /// Random weights for a fresh network; the same seed gives the same weights everywhere.
    pub fn random(graph: &Graph, seed: u64) -> Self {
        init::random(graph, seed)
    }

    /// The array of this name.
    ///
    /// # Errors
    /// Where there is none.
    pub fn get(&self, name: &str) -> Result<&Array, WeightsError> {
        self.0.get(name).ok_or_else(|| WeightsError::Missing { name: name.into() })
    }

    /// Puts an array in place of what was there.
    pub fn insert(&mut self, name: impl Into<String>, array: Array) {
        self.0.insert(name.into(), array);
    }

    /// All arrays in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Array)> {
        self.0.iter()
    }

    /// Whether every weight that the network wants is there, of its shape, and finite. Arrays
    /// beyond those are no error: files bring counters along.
    ///
    /// # Errors
    /// The first that does not fit.
    pub fn check(&self, graph: &Graph) -> Result<(), WeightsError> {
        for (name, wanted) in graph.weight_shapes() {
            let array = self.get(&name)?;
            if array.shape != wanted {
                let found = array.shape.clone();
                return Err(WeightsError::Shape { name, found, wanted });
            }
            if !array.data.iter().all(|v| v.is_finite()) {
                return Err(WeightsError::NotFinite { name });
            }
        }
        Ok(())
    }

    /// Takes over a parent's arrays, but for the last layers, whose outputs may mean other
    /// labels: those are only taken where `heads` says so. Grey networks take an RGB parent's
    /// first kernels summed over the colours, which treats a grey image as before.
    ///
    /// # Errors
    /// Where the parent is another network.
    pub fn adopt(
        &mut self,
        graph: &Graph,
        parent: &Weights,
        heads: bool,
    ) -> Result<(), WeightsError> {
        let last = [Some(graph.logits), graph.auxiliary];
        let last: Vec<&str> =
            last.iter().flatten().map(|id| graph.node(*id).name.as_str()).collect();
        for (name, wanted) in graph.weight_shapes() {
            let is_head = last.iter().any(|head| name.starts_with(&format!("{head}.")));
            let optional = name.starts_with("AuxLogits.") && parent.get(&name).is_err();
            if (is_head && !heads) || optional {
                continue;
            }
            let array = parent.get(&name)?;
            let array = match (array.shape.as_slice(), wanted.as_slice()) {
                (found, _) if found == wanted => array.clone(),
                (&[o, 3, h, w], &[wo, 1, wh, ww]) if [o, h, w] == [wo, wh, ww] => {
                    summed_over_colours(array, o, h * w)
                }
                (found, _) => {
                    return Err(WeightsError::Shape { name, found: found.to_vec(), wanted });
                }
            };
            self.insert(name, array);
        }
        self.check(graph)
    }
}

fn summed_over_colours(array: &Array, outputs: usize, area: usize) -> Array {
    let mut data = vec![0.0; outputs * area];
    for (at, value) in array.data.iter().enumerate() {
        let (output, pixel) = (at / (3 * area), at % area);
        data[output * area + pixel] += value;
    }
    let mut shape = array.shape.clone();
    shape[1] = 1;
    Array { shape, data }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Architecture;
    use hydra_proto::registry::InputShape;

    fn graph(channels: u32, outputs: usize) -> Graph {
        let input = InputShape { width: 32, height: 32, channels, letterbox: false };
        Architecture::SmallResidual.graph(input, outputs).unwrap()
    }

    #[test]
    fn a_seed_gives_the_same_weights_and_another_seed_others() {
        let graph = graph(3, 2);
        assert_eq!(Weights::random(&graph, 1), Weights::random(&graph, 1));
        assert_ne!(Weights::random(&graph, 1), Weights::random(&graph, 2));
        Weights::random(&graph, 1).check(&graph).unwrap();
    }

    #[test]
    fn weights_of_another_network_are_refused_by_name() {
        let mut weights = Weights::random(&graph(3, 2), 1);
        assert!(matches!(weights.check(&graph(3, 4)), Err(WeightsError::Shape { .. })));
        weights.0.remove("conv1.weight");
        let missing = WeightsError::Missing { name: "conv1.weight".into() };
        assert_eq!(weights.check(&graph(3, 2)), Err(missing));
    }

    #[test]
    fn weights_that_are_no_numbers_are_refused() {
        let graph = graph(1, 2);
        let mut weights = Weights::random(&graph, 1);
        weights.0.get_mut("fc.bias").unwrap().data[0] = f32::NAN;
        assert!(matches!(weights.check(&graph), Err(WeightsError::NotFinite { .. })));
    }

    #[test]
    fn a_parent_with_other_labels_gives_its_trunk_and_not_its_head() {
        let (parent, child) = (Weights::random(&graph(3, 5), 1), graph(1, 2));
        let mut weights = Weights::random(&child, 2);
        let head = weights.get("fc.weight").unwrap().clone();
        weights.adopt(&child, &parent, false).unwrap();
        assert_eq!(weights.get("fc.weight").unwrap(), &head);
        let (kernel, before) =
            (weights.get("conv1.weight").unwrap(), parent.get("conv1.weight").unwrap());
        assert_eq!(kernel.shape, [16, 1, 3, 3]);
        let colours = before.data[0] + before.data[9] + before.data[18];
        assert!((kernel.data[0] - colours).abs() < 1e-6);
    }
}
