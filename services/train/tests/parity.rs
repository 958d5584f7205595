//! The network that burn trains and the file that ONNX Runtime serves are the same function.
#![allow(clippy::unwrap_used)]

use burn::tensor::Device;
use hydra_model::{Output, Runtime, RuntimeConfig};
use hydra_proto::registry::InputShape;
use hydra_train::graph::{Architecture, Graph};
use hydra_train::head::Head;
use hydra_train::net::{Net, Value};
use hydra_train::runner::Runner;
use hydra_train::weights::Weights;
use hydra_train::{export, pixels};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Weights of a network that has seen something: norms away from one and zero.
fn lived_in(graph: &Graph, seed: u64) -> Weights {
    let mut weights = Weights::random(graph, seed);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for (name, shape) in graph.weight_shapes() {
        if shape.len() == 1 {
            let mut array = weights.get(&name).unwrap().clone();
            let positive = name.ends_with("weight") || name.ends_with("var");
            for value in &mut array.data {
                let low = if positive { 0.5 } else { -0.2 };
                *value = rng.random_range(low..low + 0.5f32);
            }
            weights.insert(name, array);
        }
    }
    weights
}

fn noise(graph: &Graph, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; graph.input.size_bytes() * count];
    ChaCha8Rng::seed_from_u64(9).fill_bytes(&mut bytes);
    bytes
}

/// Largest difference over the largest value.
fn relative(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let scale = a.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    a.iter().zip(b).fold(0.0f32, |m, (a, b)| m.max((a - b).abs())) / scale
}

fn burn_outputs(net: &Net, bytes: &[u8]) -> Vec<Vec<f32>> {
    let graph = &net.graph;
    let images = pixels::normalised(graph, bytes, &Device::flex());
    let wanted = [graph.logits, graph.features, graph.maps];
    let values = net.forward::<ChaCha8Rng>(images, &wanted, None);
    values.into_iter().map(|v: Value| v.flat().try_into_vec_as().unwrap()).collect()
}

fn agree(kind: Architecture, width: u32, height: u32, channels: u32) {
    let input = InputShape { width, height, channels, letterbox: false };
    let graph = kind.graph(input, 3).unwrap();
    let weights = lived_in(&graph, 3);
    let bytes = noise(&graph, 2);
    let net = Net::new(&graph, &weights, &Device::flex()).unwrap();
    assert_eq!(net.weights(), weights, "weights go in and come out unchanged");
    let ours = burn_outputs(&net, &bytes);

    let head = Head::of(&graph, &weights, 0..3).unwrap();
    let runtime = Runtime::load(&RuntimeConfig::default()).unwrap();
    let file = export::classifier(&graph, &weights, &head, &[]).unwrap();
    let names = ["logits", "features", "cam"];
    let served = Runner::open(&runtime, &file, input).unwrap().run(&bytes, &names).unwrap();
    for (at, name) in ["logits", "features"].into_iter().enumerate() {
        let error = relative(&ours[at], &served[at].values);
        println!("{kind:?} {width}x{height}x{channels} {name}: {error:.1e}");
        assert!(error <= 1e-5, "{kind:?} {name}: {error:.1e}");
    }
    let file = export::trunk(&graph, &weights, &[]).unwrap();
    let trunk = Runner::open(&runtime, &file, input).unwrap().run(&bytes, &["maps"]).unwrap();
    assert!(relative(&ours[2], &trunk[0].values) <= 1e-5, "{kind:?} maps");
    map_sums_to_logit(&head, &served[2], &served[0]);
}

/// The map over space plus the bias is the logit: that is what makes it an explanation.
fn map_sums_to_logit(head: &Head, cam: &Output, logits: &Output) {
    let area = cam.shape[2] * cam.shape[3];
    let sums: Vec<f32> = cam
        .values
        .chunks_exact(area)
        .enumerate()
        .map(|(i, map)| map.iter().sum::<f32>() + head.bias[i % head.labels()])
        .collect();
    assert!(relative(&logits.values, &sums) <= 1e-5);
}

#[test]
fn the_small_network_is_the_same_in_burn_and_onnx_runtime() {
    agree(Architecture::SmallResidual, 128, 128, 3);
    agree(Architecture::SmallResidual, 70, 51, 1);
}

#[test]
fn resnet18_is_the_same_in_burn_and_onnx_runtime() {
    agree(Architecture::Resnet18, 97, 128, 3);
}

#[test]
fn inception_is_the_same_in_burn_and_onnx_runtime() {
    agree(Architecture::InceptionV3, 299, 299, 3);
    agree(Architecture::InceptionV3, 139, 101, 1);
}
