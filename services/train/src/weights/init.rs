//! Random start values.

use super::{Array, Weights};
use crate::graph::{Graph, Op};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Uniform};

/// Convolutions: normal with variance 2 / fan-out (He et al., arXiv:1502.01852, as torchvision's
/// ResNet). Norms: one and zero. Linear layers: uniform within 1 / sqrt(fan-in), as PyTorch.
pub(super) fn random(graph: &Graph, seed: u64) -> Weights {
    let mut weights = Weights::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        // A stream for each layer: a layer's start does not depend on the layers before it.
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(at as u64);
        let mut put = |leaf: &str, shape: Vec<usize>, data: Vec<f32>| {
            weights.insert(format!("{}.{leaf}", node.name), Array { shape, data });
        };
        match node.op {
            Op::Conv { input, output, kernel: [h, w], .. } => {
                let sigma = (2.0 / (output * h * w) as f32).sqrt();
                let normal = Normal::new(0.0, sigma).expect("sigma is finite");
                let count = output * input * h * w;
                let data = normal.sample_iter(&mut rng).take(count).collect();
                put("weight", vec![output, input, h, w], data);
            }
            Op::Norm { channels, .. } => {
                for (leaf, value) in
                    [("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)]
                {
                    put(leaf, vec![channels], vec![value; channels]);
                }
            }
            Op::Linear { input, output } => {
                let bound = 1.0 / (input as f32).sqrt();
                let uniform = Uniform::new_inclusive(-bound, bound).expect("bound is finite");
                let weight = uniform.sample_iter(&mut rng).take(input * output).collect();
                put("weight", vec![output, input], weight);
                put("bias", vec![output], vec![0.0; output]);
            }
            _ => {}
        }
    }
    weights
}
