//! Eight bits say the same as thirty-two.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Plots, SHAPE};
use hydra_model::{Runtime, RuntimeConfig};
use hydra_train::data::Dataset;
use hydra_train::export;
use hydra_train::graph::Architecture;
use hydra_train::head::Head;
use hydra_train::quantise::{QuantiseError, quantise};
use hydra_train::runner::Runner;
use hydra_train::weights::Weights;

#[test]
fn every_architecture_is_nearly_the_same_in_eight_bits() {
    let runtime = Runtime::load(&RuntimeConfig::default()).unwrap();
    let plots = Plots::new("A", 40, 1);
    for kind in [Architecture::Compact, Architecture::SmallResidual, Architecture::Resnet18] {
        let graph = kind.graph(SHAPE, 2).unwrap();
        let weights = Weights::random(&graph, 1);
        let head = Head::of(&graph, &weights, 0..2).unwrap();
        let file = export::classifier(&graph, &weights, &head, &[]).unwrap();
        let images: Vec<Vec<u8>> = (0..20).map(|i| plots.pixels(i, SHAPE).unwrap()).collect();
        let small = quantise(&file, SHAPE, &images, &runtime).unwrap();
        assert!(small.len() * 2 < file.len(), "{} of {} bytes", small.len(), file.len());
        let mut whole = Runner::open(&runtime, &file, SHAPE).unwrap();
        let mut eight = Runner::open(&runtime, &small, SHAPE).unwrap();
        let (mut error, mut size) = (0.0f32, 0.0f32);
        for i in 20..40 {
            let pixels = plots.pixels(i, SHAPE).unwrap();
            let a = whole.run(&pixels, &["features"]).unwrap().remove(0).values;
            let b = eight.run(&pixels, &["features"]).unwrap().remove(0).values;
            error += a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
            size += a.iter().map(|a| a.powi(2)).sum::<f32>();
        }
        let relative = (error / size).sqrt();
        println!("{}: {relative:.4}", kind.name());
        assert!(relative < 0.05, "{}: {relative}", kind.name());
    }
}

#[test]
fn without_images_there_are_no_ranges() {
    let runtime = Runtime::load(&RuntimeConfig::default()).unwrap();
    let refused = quantise(b"", SHAPE, &[], &runtime);
    assert!(matches!(refused, Err(QuantiseError::NoImages)));
    let images = [vec![0; SHAPE.size_bytes()]];
    assert!(matches!(quantise(b"x", SHAPE, &images, &runtime), Err(QuantiseError::Onnx(_))));
}
