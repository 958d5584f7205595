//! A network as a list of named operators, written once and read by three: the trainer
//! (`net`), the ONNX writer (`export`) and the weight loader (`weights`).
//!
//! Names are those of torchvision, so that its weight files fit. Every node has one output, and
//! a node only reads nodes before it. Maps are `[batch, channels, height, width]`, flat values
//! `[batch, features]`.

mod builder;
mod compact;
mod inception;
mod resnet;
mod small;

pub use builder::{Builder, GraphError};
pub use compact::compact_residual;
pub use inception::{INCEPTION_AUX_MIN_PX, inception_v3};
pub use resnet::resnet18;
pub use small::small_residual;

use hydra_proto::registry::InputShape;
use serde::{Deserialize, Serialize};

/// Index of a node, and of the value that it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub usize);

/// Shape of a value without the batch axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Channels, height, width.
    Maps(usize, usize, usize),
    /// Features.
    Flat(usize),
}

/// One operator with its settings. Kernels, strides and paddings are (height, width).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    /// The normalised image.
    Input,
    /// Convolution without bias; the same padding on opposite sides.
    Conv {
        /// Channels in.
        input: usize,
        /// Channels out.
        output: usize,
        /// Kernel size.
        kernel: [usize; 2],
        /// Step.
        stride: [usize; 2],
        /// Zeros around the image.
        padding: [usize; 2],
    },
    /// Batch normalisation (Ioffe and Szegedy, arXiv:1502.03167).
    Norm {
        /// Channels.
        channels: usize,
        /// Added to the variance.
        epsilon: f64,
    },
    /// max(0, x).
    Relu,
    /// x².
    Square,
    /// Largest of a window; floor for sizes that do not fit.
    MaxPool {
        /// Square window.
        kernel: usize,
        /// Step.
        stride: usize,
        /// Around the image, never the largest.
        padding: usize,
    },
    /// Mean of a window; padding counts as zeros.
    AvgPool {
        /// Square window.
        kernel: usize,
        /// Step.
        stride: usize,
        /// Zeros around the image.
        padding: usize,
    },
    /// Mean over height and width; flat.
    GlobalAvg,
    /// Sum of two.
    Add,
    /// Joins maps along the channels.
    Concat,
    /// In training, sets features to zero with this probability and scales the others up.
    Dropout {
        /// Probability.
        probability: f64,
    },
    /// x Wᵀ + b.
    Linear {
        /// Features in.
        input: usize,
        /// Features out.
        output: usize,
    },
}

/// One operator in its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Name as in torchvision; the prefix of its weights, where it has some.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// Which values it reads.
    pub inputs: Vec<NodeId>,
    /// Shape of its value.
    pub shape: Shape,
}

/// A network for images of one shape.
#[derive(Debug, Clone)]
pub struct Graph {
    /// Width, height and channels of the images.
    pub input: InputShape,
    /// Subtracted from pixel / 255, by channel.
    pub mean: Vec<f32>,
    /// Divisor after that, by channel.
    pub std: Vec<f32>,
    /// Operators, each after all that it reads.
    pub nodes: Vec<Node>,
    /// The last maps, whose mean over space is `features`.
    pub maps: NodeId,
    /// The embedding, flat.
    pub features: NodeId,
    /// The output of the last linear layer, flat.
    pub logits: NodeId,
    /// A second, earlier head that helps in training and is left out of the model.
    pub auxiliary: Option<NodeId>,
}

impl Graph {
    /// The node behind an id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Number of outputs of the last layer.
    pub fn outputs(&self) -> usize {
        self.flat(self.logits)
    }

    /// Length of the embedding.
    pub fn feature_count(&self) -> usize {
        self.flat(self.features)
    }

    fn flat(&self, id: NodeId) -> usize {
        match self.node(id).shape {
            Shape::Flat(n) => n,
            Shape::Maps(c, h, w) => c * h * w,
        }
    }

    /// Names and shapes of all weights, torchvision's (a linear layer's are `[out, in]`).
    pub fn weight_shapes(&self) -> Vec<(String, Vec<usize>)> {
        let mut list = Vec::new();
        for node in &self.nodes {
            let mut push = |leaf: &str, shape: Vec<usize>| {
                list.push((format!("{}.{leaf}", node.name), shape));
            };
            match node.op {
                Op::Conv { input, output, kernel, .. } => {
                    push("weight", vec![output, input, kernel[0], kernel[1]]);
                }
                Op::Norm { channels, .. } => {
                    for leaf in ["weight", "bias", "running_mean", "running_var"] {
                        push(leaf, vec![channels]);
                    }
                }
                Op::Linear { input, output } => {
                    push("weight", vec![output, input]);
                    push("bias", vec![output]);
                }
                _ => {}
            }
        }
        list
    }

    /// How many planes the first layer reads: the image's channels, or twice as many.
    pub fn planes(&self) -> usize {
        match self.nodes[0].shape {
            Shape::Maps(c, ..) => c,
            Shape::Flat(_) => self.input.channels as usize,
        }
    }

    /// The same network with a first layer that reads `planes` planes.
    pub fn reading(mut self, planes: usize) -> Self {
        let (height, width) = (self.input.height as usize, self.input.width as usize);
        self.nodes[0].shape = Shape::Maps(planes, height, width);
        for node in self.nodes.iter_mut().filter(|node| node.inputs == [NodeId(0)]) {
            if let Op::Conv { input, .. } = &mut node.op {
                *input = planes;
            }
        }
        self
    }

    /// The nodes that `wanted` depend on, in order. Leaves out the auxiliary head in serving.
    pub fn needed(&self, wanted: &[NodeId]) -> Vec<NodeId> {
        let mut used = vec![false; self.nodes.len()];
        for id in wanted {
            used[id.0] = true;
        }
        for at in (0..self.nodes.len()).rev() {
            if used[at] {
                for input in &self.nodes[at].inputs {
                    used[input.0] = true;
                }
            }
        }
        (0..self.nodes.len()).filter(|at| used[*at]).map(NodeId).collect()
    }
}

/// The networks that can be trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// A residual network of three stages behind a coarse stem, for a whole hall on a CPU.
    Compact,
    /// A residual network of four stages, for training on a CPU.
    SmallResidual,
    /// ResNet-18 (He et al., arXiv:1512.03385).
    Resnet18,
    /// Inception v3 (Szegedy et al., arXiv:1512.00567), with its auxiliary head in training.
    InceptionV3,
}

impl Architecture {
    /// Every one.
    pub const ALL: [Self; 4] =
        [Self::Compact, Self::SmallResidual, Self::Resnet18, Self::InceptionV3];

    /// As in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::SmallResidual => "small-residual",
            Self::Resnet18 => "resnet18",
            Self::InceptionV3 => "inception-v3",
        }
    }

    /// Its graph for images of `input` and this many outputs.
    ///
    /// # Errors
    /// Where the image is too small for the network, or not grey or RGB.
    pub fn graph(self, input: InputShape, outputs: usize) -> Result<Graph, GraphError> {
        match self {
            Self::Compact => compact_residual(input, outputs),
            Self::SmallResidual => small_residual(input, outputs),
            Self::Resnet18 => resnet18(input, outputs),
            Self::InceptionV3 => inception_v3(input, outputs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(px: u32, channels: u32) -> InputShape {
        InputShape { width: px, height: px, channels, letterbox: false }
    }

    /// Learned values, running statistics apart.
    fn parameter_count(graph: &Graph) -> usize {
        let names = graph.weight_shapes();
        let learned = names.iter().filter(|(name, _)| !name.contains(".running_"));
        learned.map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    #[test]
    fn networks_have_the_published_number_of_parameters() {
        // torchvision's documentation: resnet18 11,689,512; inception_v3 27,161,264
        let resnet = Architecture::Resnet18.graph(square(224, 3), 1000).unwrap();
        assert_eq!(parameter_count(&resnet), 11_689_512);
        let inception = Architecture::InceptionV3.graph(square(299, 3), 1000).unwrap();
        assert_eq!(parameter_count(&inception), 27_161_264);
        assert_eq!(inception.feature_count(), 2048);
    }

    #[test]
    fn inception_has_as_many_weight_tensors_as_its_weight_file() {
        // 96 convolutions with a norm each (five tensors), two linear layers (two tensors)
        let graph = Architecture::InceptionV3.graph(square(299, 3), 1000).unwrap();
        assert_eq!(graph.weight_shapes().len(), 484);
    }

    #[test]
    fn every_network_takes_grey_and_odd_sizes() {
        for kind in Architecture::ALL {
            let shape = InputShape { width: 131, height: 97, channels: 1, letterbox: true };
            let graph = kind.graph(shape, 2).unwrap();
            assert_eq!(graph.outputs(), 2);
            assert!(matches!(graph.node(graph.maps).shape, Shape::Maps(_, 1.., 1..)));
        }
    }

    #[test]
    fn images_too_small_or_of_two_channels_are_refused() {
        assert!(matches!(
            Architecture::InceptionV3.graph(square(60, 3), 2),
            Err(GraphError::TooSmall { .. })
        ));
        assert!(matches!(
            Architecture::SmallResidual.graph(square(64, 2), 2),
            Err(GraphError::Channels { found: 2 })
        ));
        assert!(matches!(
            Architecture::SmallResidual.graph(square(64, 3), 0),
            Err(GraphError::NoOutput)
        ));
    }

    #[test]
    fn the_auxiliary_head_is_no_part_of_the_served_network() {
        let graph = Architecture::InceptionV3.graph(square(299, 3), 3).unwrap();
        assert!(graph.auxiliary.is_some());
        let served = graph.needed(&[graph.logits]);
        assert!(served.iter().all(|id| !graph.node(*id).name.starts_with("AuxLogits")));
    }
}
