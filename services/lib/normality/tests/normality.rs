//! The normality model finds what Goods never show, says where, and is served as ONNX.
#![allow(clippy::unwrap_used)]

use hydra_hall::{FaultKind, Hall, Mix, Painter, Sample, Strength};
use hydra_model::{
    Output, Runtime, RuntimeConfig, Session, Stopper, Tensor,
    import::{ImportRequest, Source, import},
    manifest::{Guards, Method, Normalisation, Novelty, NoveltyKind, ScoreKind},
    scan::{Limits, scan},
};
use hydra_normality::{
    GUARD, Measured, NormalityError, NormalityModel, NormalitySettings, PIXELS, Verdict,
    fit_measured, fit_normality,
};
use hydra_proto::registry::InputShape;
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

/// The file's outputs for a batch, by the runtime that serves it.
fn served(model: &NormalityModel, images: &[Vec<u8>], wanted: &[&str]) -> Vec<Output> {
    run(&model.to_onnx(&[]), model.input(), images, wanted)
}

fn run(onnx: &[u8], shape: InputShape, images: &[Vec<u8>], wanted: &[&str]) -> Vec<Output> {
    let (width, height) = (shape.width as usize, shape.height as usize);
    let runtime = Runtime::load(&RuntimeConfig::default()).unwrap();
    let scanned = scan(onnx, &Limits::default()).unwrap();
    let dims = |batch: usize| vec![batch, 3, height, width];
    let file = scanned.sized(&[(PIXELS, dims(1))]).unwrap().into_file();
    let mut session = Session::open(&runtime, &file, None).unwrap();
    let plane = |image: &[u8], c: usize| {
        image.iter().skip(c).step_by(3).map(|v| f32::from(*v)).collect::<Vec<_>>()
    };
    let values: Vec<f32> =
        images.iter().flat_map(|i| [0, 1, 2].map(|c| plane(i, c)).concat()).collect();
    let tensor = Tensor { name: PIXELS, shape: &dims(images.len()), values: &values };
    session.run(&[tensor], wanted, &Stopper::new(&runtime).unwrap()).unwrap()
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
    let images: Vec<Vec<u8>> = (0..6).map(|i| plot(5000 + i as u64, i / 2)).collect();
    let names = ["probabilities", "score", "cam", "features"];
    let outputs = served(&model, &images, &names);
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
fn the_file_of_a_classifier_measures_as_the_model_does_and_maps_where_it_looks() {
    let all = |from: u64, count: u64, hole| -> Vec<Vec<u8>> {
        (from..from + count).map(|seed| plot(seed, hole)).collect()
    };
    let (goods, others) = (all(0, 60, 0), all(6000, 20, 2));
    let views = |images: &'static [Vec<u8>]| images.iter().map(Vec::as_slice).collect::<Vec<_>>();
    let (goods, others) = (goods.leak(), others.leak());
    let runs: Vec<u32> = (0..60).map(|i| i / 3).collect();
    let settings = NormalitySettings::default();
    let Measured { model, goods: of_goods, others: of_others } =
        fit_measured(&views(goods), &runs, &views(others), SHAPE, &settings).unwrap();
    let count = model.measure_count();
    assert!(of_goods.iter().chain(&of_others).all(|m| m.len() == count));
    // every measure of holes lies above that of most Goods: the last two are likeness to faults
    let mean =
        |all: &[Vec<f32>], at: usize| all.iter().map(|m| m[at]).sum::<f32>() / all.len() as f32;
    for at in [count - 2, count - 1] {
        assert!(mean(&of_others, at) > mean(&of_goods, at) + 0.5, "{at}");
    }
    // Good listens to nothing, Bad to everything
    let weight: Vec<f32> = (0..2 * count).map(|i| if i < count { 0.0 } else { 1.0 }).collect();
    let file = model.to_classifier(Verdict { weight: &weight, bias: &[0.0, -3.0] }, &[]);
    let images = [plot(7000, 0), plot(7001, 2)];
    let names = ["features", "logits", "cam", GUARD];
    let outputs = run(&file, SHAPE, &images, &names);
    for (i, image) in images.iter().enumerate() {
        let measures = model.measures(image).unwrap();
        let served = &outputs[0].values[i * count..(i + 1) * count];
        for (ours, theirs) in measures.iter().zip(served) {
            assert!((ours - theirs).abs() < 2e-3 * ours.abs().max(1.0), "{ours} {theirs}");
        }
        let logit = measures.iter().sum::<f32>() - 3.0;
        let served = outputs[1].values[2 * i + 1];
        assert!((logit - served).abs() < 1e-2 * logit.abs().max(1.0), "{logit} {served}");
        let p_value = f64::from(outputs[3].values[i]);
        assert!((p_value - model.judge(image).unwrap().p_value).abs() < 1e-3);
    }
    let (h, w) = (outputs[2].shape[2], outputs[2].shape[3]);
    let map = &outputs[2].values[3 * h * w..4 * h * w];
    let at = (0..map.len()).max_by(|a, b| map[*a].total_cmp(&map[*b])).unwrap();
    let (row, column) = (at / w * 64 / h, at % w * 64 / w);
    assert!((16..=28).contains(&column) && (31..=43).contains(&row), "{column} {row}");
}

/// A colour scale's map of counts with its colour bar, in 24x24 cells of 3x3 pixels.
fn coloured(seed: u64, missing: bool) -> Vec<u8> {
    // ROOT's kViridis, every eighth of the scale
    const STOPS: [[f64; 3]; 9] = [
        [26.0, 9.0, 30.0],
        [51.0, 29.0, 51.0],
        [43.0, 51.0, 112.0],
        [33.0, 89.0, 114.0],
        [28.0, 129.0, 112.0],
        [35.0, 156.0, 101.0],
        [74.0, 180.0, 74.0],
        [144.0, 200.0, 35.0],
        [246.0, 222.0, 0.0],
    ];
    let colour = |level: f64| {
        let at = level.clamp(0.0, 1.0) * 8.0;
        let stop = (at as usize).min(7);
        [0, 1, 2].map(|c| {
            let (low, high) = (STOPS[stop][c], STOPS[stop + 1][c]);
            (low + (high - low) * (at - stop as f64)).round() as u8
        })
    };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut bytes = vec![255; WIDE.size_bytes()];
    for y in 0..72 {
        for x in 80..86 {
            let at = (y * 90 + x) * 3;
            bytes[at..at + 3].copy_from_slice(&colour((71 - y) as f64 / 71.0));
        }
    }
    for cell in 0..24 * 24 {
        let (row, column) = (cell / 24, cell % 24);
        let mean = if missing && (6..14).contains(&column) && row > 15 { 7.0 } else { 12.0 };
        let count: f64 = Poisson::new(mean).unwrap().sample(&mut rng);
        for pixel in 0..9 {
            let at = ((row * 3 + pixel / 3) * 90 + column * 3 + pixel % 3) * 3;
            bytes[at..at + 3].copy_from_slice(&colour(count / 28.0));
        }
    }
    bytes
}

const WIDE: InputShape = InputShape { width: 90, height: 72, channels: 3, letterbox: false };

#[test]
fn a_map_is_read_by_its_colour_scale_and_the_file_reads_it_alike() {
    let goods: Vec<Vec<u8>> = (0..80).map(|seed| coloured(seed, false)).collect();
    let goods: Vec<&[u8]> = goods.iter().map(Vec::as_slice).collect();
    let runs: Vec<u32> = (0..80).map(|i| i / 4).collect();
    let model = fit_normality(&goods, &runs, WIDE, &NormalitySettings::default()).unwrap();
    let novel = |seed, missing| model.judge(&coloured(seed, missing)).unwrap().novel();
    let alarms = (900..1100).filter(|seed| novel(*seed, false)).count();
    assert!(alarms <= 8, "{alarms} of 200");
    let found = (2000..2040).filter(|seed| novel(*seed, true)).count();
    assert!(found >= 36, "{found} of 40");
    let images: Vec<Vec<u8>> = (0..4).map(|i| coloured(3000 + i, i > 1)).collect();
    let outputs = served(&model, &images, &["score", "p_value"]);
    for (i, image) in images.iter().enumerate() {
        let judged = model.judge(image).unwrap();
        let score = f64::from(outputs[0].values[i]);
        assert!((score - judged.score).abs() < 1e-2 * judged.score.abs().max(1.0));
    }
}

#[test]
fn new_conditions_are_learnt_from_twenty_goods_and_faults_stay_faults() {
    let model = fitted();
    // the paper has another shade under the new conditions, from left to right
    let shaded = |seed, hole| {
        let mut bytes = plot(seed, hole);
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = byte.saturating_sub((at / 3 % 64 / 8) as u8);
        }
        bytes
    };
    let novel = |model: &NormalityModel, range: std::ops::Range<u64>, hole| {
        range.filter(|seed| model.judge(&shaded(*seed, hole)).unwrap().novel()).count()
    };
    assert!(novel(&model, 7000..7100, 0) > 90, "every plot is new");
    let goods: Vec<Vec<u8>> = (8000..8020).map(|seed| shaded(seed, 0)).collect();
    let goods: Vec<&[u8]> = goods.iter().map(Vec::as_slice).collect();
    let learnt = model.learn(&goods).unwrap();
    assert!(novel(&learnt, 7000..7100, 0) <= 5);
    assert_eq!(novel(&learnt, 7200..7240, 2), 40);
    let before = (1000..1100).filter(|s| learnt.judge(&plot(*s, 0)).unwrap().novel()).count();
    assert!(before <= 5, "the old conditions are still normal: {before}");
    assert!(model.learn(&goods[..4]).is_err());
}

#[test]
fn the_library_takes_the_file_with_its_map_and_its_p_value() {
    let runtime = Runtime::load(&RuntimeConfig::default()).unwrap();
    let labels = ["Good", "Bad"].map(|label| label.parse().unwrap()).to_vec();
    let novelty = Novelty {
        output: "p_value".into(),
        kind: NoveltyKind::PValue,
        threshold: 0.01,
        guards: Guards::Every,
    };
    let request = ImportRequest {
        normalisation: Normalisation::inside(),
        scores: Some("probabilities".into()),
        score_kind: Some(ScoreKind::Softmax),
        map: Some(("cam".into(), Method::Model)),
        novelty: Some(novelty.clone()),
        ..ImportRequest::new(labels, "2026-11-25T00:00:00Z")
    };
    let onnx = fitted().to_onnx(&[]);
    let bundle = import(Source::Network(&onnx), &request, &runtime).unwrap().bundle;
    assert_eq!(bundle.manifest.novelty, Some(novelty));
    assert_eq!(bundle.manifest.explain.method(), Some(Method::Model));
}

#[test]
fn a_classifier_is_guarded_in_its_own_file() {
    let model = fitted();
    // any classifier of the same pixels; here the model of other Goods
    let goods: Vec<Vec<u8>> = (500..530).map(|seed| plot(seed, 0)).collect();
    let goods: Vec<&[u8]> = goods.iter().map(Vec::as_slice).collect();
    let runs: Vec<u32> = (0..30).collect();
    let other = fit_normality(&goods, &runs, SHAPE, &NormalitySettings::default()).unwrap();
    let plain = other.to_onnx(&[]);
    let guarded = model.guard(&plain).unwrap();
    let images: Vec<Vec<u8>> = (0..4).map(|i| plot(6000 + i as u64, i)).collect();
    let before = run(&plain, SHAPE, &images, &["probabilities"]);
    let after = run(&guarded, SHAPE, &images, &["probabilities", GUARD]);
    assert_eq!(before[0].values, after[0].values, "the classifier says what it said");
    for (image, p) in images.iter().zip(&after[1].values) {
        let judged = model.judge(image).unwrap().p_value;
        assert!((f64::from(*p) - judged).abs() < 1e-3, "{p} {judged}");
    }
    assert!(model.guard(&guarded).is_err() && model.guard(b"no file").is_err());
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

/// Plots of the simulated hall: Goods, and ones with a fault of this kind with its place.
struct Drawn {
    shape: InputShape,
    goods: Vec<Vec<u8>>,
    runs: Vec<u32>,
    faulty: Vec<(Vec<u8>, hydra_hall::PixelBox)>,
}

fn drawn(name: &str, kind: FaultKind) -> Drawn {
    let hall = Hall::new(1);
    let plot_type = hall.plot_type(name).unwrap();
    let runs = hall.first_run()..hall.first_run() + 40;
    let (width, height) = (plot_type.width, plot_type.height);
    let mut painter = Painter::new();
    let mut paint = |sample: &Sample| {
        let fault = sample.fault.as_ref();
        let (truth, _) = hall.paint(&mut painter, plot_type, sample.at, fault).unwrap();
        let mut image = Vec::new();
        painter.rgb(&mut image);
        (image, truth)
    };
    let good = Mix { bad_share: 0.0, ..Mix::default() };
    let bad = Mix { bad_share: 1.0, kinds: vec![kind], strengths: vec![Strength::STRONG] };
    let goods = hall.samples(plot_type, 60, runs.clone(), &good, 1);
    let faulty = hall.samples(plot_type, 12, runs, &bad, 2);
    Drawn {
        shape: InputShape { width, height, channels: 3, letterbox: false },
        runs: goods.iter().map(|sample| sample.at.run).collect(),
        goods: goods.iter().map(|sample| paint(sample).0).collect(),
        faulty: faulty
            .iter()
            .map(|sample| {
                let (image, truth) = paint(sample);
                (image, truth.fault.unwrap().area)
            })
            .collect(),
    }
}

#[test]
fn cells_are_read_by_the_file_as_by_the_model_whatever_draws_them() {
    for (name, kind) in [
        ("ECAL_occupancy", FaultKind::DeadBoard),
        ("FTOF_ADC", FaultKind::WrongGain),
        ("HTCC_occupancy", FaultKind::DeadBoard),
    ] {
        let Drawn { shape, goods, runs, faulty } = drawn(name, kind);
        let views: Vec<&[u8]> = goods.iter().map(Vec::as_slice).collect();
        let others: Vec<&[u8]> = faulty.iter().map(|(image, _)| image.as_slice()).collect();
        let settings = NormalitySettings { cells: true, ..NormalitySettings::default() };
        let Measured { model, goods: of_goods, .. } =
            fit_measured(&views[..50], &runs[..50], &others[..8], shape, &settings).unwrap();
        let count = model.measure_count();
        assert!(of_goods.iter().all(|measures| measures.len() == count));
        // Bad listens to the strangest measure alone
        let strangest = count - 3;
        let listens = |i: usize| f32::from(u8::from(i == count + strangest));
        let weight: Vec<f32> = (0..2 * count).map(listens).collect();
        let file = model.to_classifier(Verdict { weight: &weight, bias: &[0.0, -6.0] }, &[]);
        let images = [goods[55].clone(), faulty[9].0.clone(), faulty[10].0.clone()];
        let outputs = run(&file, shape, &images, &["features", "cam", GUARD, "logits"]);
        for (i, image) in images.iter().enumerate() {
            let measures = model.measures(image).unwrap();
            let served = &outputs[0].values[i * count..(i + 1) * count];
            for (at, (ours, theirs)) in measures.iter().zip(served).enumerate() {
                let near = (ours - theirs).abs() < 5e-3 * ours.abs().max(1.0);
                assert!(near, "{name} {at}: {ours} {theirs}");
            }
            let p_value = f64::from(outputs[2].values[i]);
            assert!((p_value - model.judge(image).unwrap().p_value).abs() < 1e-3);
        }
        let strange = |i: usize| outputs[0].values[i * count + strangest];
        assert!(strange(0) < 5.0 && strange(1) > 8.0, "{name}: {} {}", strange(0), strange(1));
        // and its map shows where that is
        let (h, w) = (outputs[1].shape[2], outputs[1].shape[3]);
        // pixels are averaged by three, a map of cells has a place for every four
        assert_eq!((h, w), (shape.height as usize / 4, shape.width as usize / 4), "{name}");
        let map = &outputs[1].values[3 * h * w..4 * h * w];
        let at = (0..map.len()).max_by(|a, b| map[*a].total_cmp(&map[*b])).unwrap();
        let (x, y) = (at % w * shape.width as usize / w, at / w * shape.height as usize / h);
        let area = faulty[9].1;
        let within = |at: usize, from: u32, size: u32| {
            at + 40 >= from as usize && at <= (from + size) as usize + 40
        };
        let found = within(x, area.x, area.width) && within(y, area.y, area.height);
        assert!(found, "{name}: {x} {y} {area:?}");
        let judged = model.judge(&images[1]).unwrap();
        assert!(judged.novel() && judged.map.len() == h * w);
    }
}
