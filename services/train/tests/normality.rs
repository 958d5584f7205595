//! The normality model finds what Goods never show, says where, and is served as ONNX.
#![allow(clippy::unwrap_used)]

use hydra_model::{Runtime, RuntimeConfig};
use hydra_proto::registry::InputShape;
use hydra_train::normality::{NormalityError, NormalityModel, NormalitySettings, fit_normality};
use hydra_train::runner::Runner;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};

const SHAPE: InputShape = InputShape { width: 64, height: 64, channels: 3, letterbox: false };

/// A map of counts in 16x16 cells on white paper, with a hole of `hole` cells where asked for.
fn plot(seed: u64, hole: usize) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let gain = rng.random_range(0.85..1.15);
    let mut bytes = vec![255; SHAPE.size_bytes()];
    for y in 0..16 {
        for x in 0..16 {
            let centre = ((x as f64 - 8.0).powi(2) + (y as f64 - 8.0).powi(2)) / 40.0;
            let missing = (4..4 + hole).contains(&x) && (9..9 + hole).contains(&y);
            let mean = if missing { 0.01 } else { gain * 120.0 * (-centre).exp() + 5.0 };
            let count = Poisson::new(mean).unwrap().sample(&mut rng);
            let level = (count * 1.6).min(255.0) as u8;
            for pixel in 0..9 {
                let (row, column) = (8 + y * 3 + pixel / 3, 8 + x * 3 + pixel % 3);
                let at = (row * 64 + column) * 3;
                bytes[at..at + 3].copy_from_slice(&[level, 255 - level, 128]);
            }
        }
    }
    bytes
}

fn fitted() -> NormalityModel {
    let goods: Vec<Vec<u8>> = (0..100).map(|seed| plot(seed, 0)).collect();
    let goods: Vec<&[u8]> = goods.iter().map(Vec::as_slice).collect();
    let runs: Vec<u32> = (0..100).map(|i| i / 5).collect();
    fit_normality(&goods, &runs, SHAPE, &NormalitySettings::default()).unwrap()
}

#[test]
fn goods_pass_and_a_hole_is_novel_and_found_where_it_is() {
    let model = fitted();
    let novel = |seeds: std::ops::Range<u64>, hole| {
        seeds.filter(|s| model.judge(&plot(*s, hole)).unwrap().novel()).count()
    };
    let alarms = novel(1000..1400, 0);
    assert!(alarms <= 12, "{alarms} of 400 unseen Goods");
    assert_eq!(novel(2000..2040, 2), 40, "holes of 2x2 cells");
    let judged = model.judge(&plot(2000, 2)).unwrap();
    let at =
        (0..judged.map.len()).max_by(|a, b| judged.map[*a].total_cmp(&judged.map[*b])).unwrap();
    let (row, column) = (at / judged.map_width, at % judged.map_width);
    // cells 4..6 by 9..11 lie at pixels 20..26 by 35..41
    assert!((18..=26).contains(&(column * 64 / judged.map_width)), "column {column}");
    assert!((33..=41).contains(&(row * 64 / judged.map_height)), "row {row}");
}

#[test]
fn one_wrong_label_among_the_goods_makes_no_fault_normal() {
    let mut goods: Vec<Vec<u8>> = (0..60).map(|seed| plot(seed, 0)).collect();
    goods.push(plot(60, 3));
    let views: Vec<&[u8]> = goods.iter().map(Vec::as_slice).collect();
    let runs: Vec<u32> = (0..61).collect();
    let model = fit_normality(&views, &runs, SHAPE, &NormalitySettings::default()).unwrap();
    let found = (3000..3040).filter(|s| model.judge(&plot(*s, 3)).unwrap().novel()).count();
    assert!(found >= 38, "{found} of 40");
}

#[test]
fn the_file_says_what_the_model_says() {
    let model = fitted();
    let runtime = Runtime::load(&RuntimeConfig::default()).unwrap();
    let mut runner = Runner::open(&runtime, &model.to_onnx(&[]), SHAPE).unwrap();
    let images: Vec<Vec<u8>> = (0..6).map(|i| plot(5000 + i as u64, i / 2)).collect();
    let names = ["probabilities", "score", "cam", "features"];
    let outputs = runner.run(&images.concat(), &names).unwrap();
    for (i, image) in images.iter().enumerate() {
        let judged = model.judge(image).unwrap();
        let good = outputs[0].values[2 * i];
        assert!((f64::from(good) - judged.good).abs() < 1e-3, "{good} {}", judged.good);
        let score = f64::from(outputs[1].values[i]);
        assert!((score - judged.score).abs() < 1e-2 * judged.score.abs().max(1.0));
        let area = judged.map.len();
        let map = &outputs[2].values[(2 * i + 1) * area..(2 * i + 2) * area];
        for (ours, theirs) in judged.map.iter().zip(map) {
            assert!((ours - theirs).abs() <= 1e-3 * ours.abs().max(1.0), "{ours} {theirs}");
        }
        assert_eq!(outputs[3].shape[1], judged.features.len());
    }
}

#[test]
fn too_few_goods_and_images_of_another_shape_are_refused() {
    let good = plot(1, 0);
    let few = vec![good.as_slice(); 19];
    let settings = NormalitySettings::default();
    let refused = fit_normality(&few, &[1; 19], SHAPE, &settings).unwrap_err();
    assert_eq!(refused, NormalityError::TooFew { found: 19, wanted: 20 });
    let mut images = vec![good.as_slice(); 20];
    images[7] = &good[..100];
    let refused = fit_normality(&images, &[1; 20], SHAPE, &settings).unwrap_err();
    assert_eq!(refused, NormalityError::Length { index: 7, found: 100, wanted: 12288 });
    let refused = fit_normality(&few, &[1; 20], SHAPE, &settings);
    assert!(refused.is_err());
}
