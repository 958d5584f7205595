//! The simulated hall, labelled and learnt: the table of the supervised models.
//!
//!     cargo run --release -p hydra-train --example hall -- [--seed N] [--labels 300]
//!         [--types 19] [--epochs 12] [--raw]
//!
//! Runs are split: training, validation and test have runs of their own, and conditions that
//! the others do not have. Thresholds come from validation; intervals are Wilson's.

use anyhow::{Context, Result};
use burn::tensor::Device;
use hydra_hall::{Hall, Mix, Painter, PlotType, Strength};
use hydra_model::{Runtime, RuntimeConfig};
use hydra_proto::registry::InputShape;
use hydra_proto::{ContentHash, ImageId, Label};
use hydra_train::data::{Dataset, Example, PixelError};
use hydra_train::eval::report::recall_at;
use hydra_train::eval::split::Part;
use hydra_train::eval::{Scored, calibration::calibration_error};
use hydra_train::fit::{Control, FitSettings, Progress};
use hydra_train::graph::Architecture;
use hydra_train::recipe::{Kind, PlotSet, Recipe, learn};
use hydra_vision::{Limits, Workbench};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

const SHAPE: InputShape = InputShape { width: 128, height: 96, channels: 3, letterbox: false };

struct Plots {
    examples: Vec<Example>,
    parts: Vec<Part>,
    pixels: Vec<Vec<u8>>,
    /// Name of the strength; empty for Goods and faults without amplitude.
    strengths: HashMap<ImageId, String>,
}

impl Dataset for Plots {
    fn examples(&self) -> &[Example] {
        &self.examples
    }
    fn pixels(&self, index: usize, _: InputShape) -> Result<Vec<u8>, PixelError> {
        Ok(self.pixels[index].clone())
    }
}

fn drawn(hall: &Hall, plot_type: &PlotType, labels: usize) -> Result<Plots> {
    let first = hall.first_run();
    let parts = [
        (Part::Train, labels, first..first + 60, 1),
        (Part::Validation, labels * 2 / 3, first + 60..first + 100, 2),
        (Part::Test, labels, first + 100..first + 180, 3),
    ];
    let mut plots =
        Plots { examples: vec![], parts: vec![], pixels: vec![], strengths: HashMap::new() };
    for (part, count, runs, seed) in parts {
        let samples = hall.samples(plot_type, count, runs, &Mix::default(), seed);
        let made: Vec<(Vec<u8>, Vec<u8>, hydra_hall::Truth)> = samples
            .par_iter()
            .map(|sample| -> Result<_> {
                let fault = sample.fault.as_ref();
                let one = hall.draw_with(&mut Painter::new(), plot_type, sample.at, fault)?;
                let mut bench = Workbench::new(Limits::default());
                let mut picture = bench.open(&one.png)?;
                Ok((picture.resized(&SHAPE).to_vec(), one.png, one.truth))
            })
            .collect::<Result<_>>()?;
        for (sample, (pixels, png, truth)) in samples.iter().zip(made) {
            let content = ContentHash::of(&png);
            let (run, chunk) = (sample.at.run, Some(sample.at.chunk));
            let image = ImageId::of(&plot_type.name, run, chunk, &content);
            let strength = truth.fault.and_then(|fault| fault.strength).unwrap_or_default();
            plots.strengths.insert(image, strength);
            plots.examples.push(Example {
                image,
                content,
                plot_type: plot_type.name.clone(),
                run,
                chunk,
                // every kind of trouble is one class: some have too few images for one of their own
                label: if truth.label == Label::GOOD { Label::GOOD } else { Label::BAD }.parse()?,
                weight: 1.0,
                condition: format!("target {}", truth.conditions.target),
                synthetic: false,
            });
            plots.parts.push(part);
            plots.pixels.push(pixels);
        }
    }
    Ok(plots)
}

fn main() -> Result<()> {
    let (mut seed, mut labels, mut types, mut epochs, mut raw) = (1, 300, 19, 12, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().context("a value is missing");
        match argument.as_str() {
            "--seed" => seed = value()?.parse()?,
            "--labels" => labels = value()?.parse()?,
            "--types" => types = value()?.parse()?,
            "--epochs" => epochs = value()?.parse()?,
            "--raw" => raw = true,
            other => anyhow::bail!("{other} is not known"),
        }
    }
    let hall = Hall::new(seed);
    let begun = Instant::now();
    let plot_types: Vec<&PlotType> = hall.plot_types().iter().take(types).collect();
    let sets: Vec<Plots> =
        plot_types.iter().map(|p| drawn(&hall, p, labels)).collect::<Result<_>>()?;
    println!("seed {seed}: {types} plot types drawn in {:.0} s", begun.elapsed().as_secs_f64());
    let recipe = Recipe {
        architecture: Architecture::Compact,
        input: SHAPE,
        align: !raw,
        fit: FitSettings { epochs, seed, learning_rate: 3e-3, ..Default::default() },
        ..Recipe::new(Kind::Trunk)
    };
    let given: Vec<PlotSet<'_>> = plot_types
        .iter()
        .zip(&sets)
        .map(|(p, data)| PlotSet {
            name: p.name.clone(),
            data,
            fixed: Default::default(),
            parts: Some(data.parts.clone()),
        })
        .collect();
    let runtime = Runtime::load(&RuntimeConfig::default())?;
    let report = |p: &Progress| {
        if p.images % 1024 < 32 {
            eprintln!(
                "epoch {} loss {:.4} {:.0} images/s",
                p.epoch, p.training_loss, p.images_per_s
            );
        }
    };
    let control = Control { report: Some(Arc::new(report)), ..Control::default() };
    let begun = Instant::now();
    let learnt = learn(&given, &recipe, None, &runtime, &Device::flex(), &control)?;
    println!("trained in {:.0} s", begun.elapsed().as_secs_f64());
    let names = [Strength::MEDIUM.name(), Strength::STRONG.name(), ""];
    let (mut sums, mut lowest, mut count) = ([0.0; 4], 1.0f64, 0.0);
    println!(
        "{:22} {:>24} {:>10} {:>10} {:>8}",
        "recall at 1 % alarms", "medium and strong", "subtle", "alarms", "ece"
    );
    for (one, data) in learnt.iter().zip(&sets) {
        let figures = &one.figures;
        let of = |wanted: &dyn Fn(&str) -> bool| -> Vec<Scored> {
            let kept = |s: &&Scored| s.truth == 0 || wanted(&data.strengths[&s.image]);
            figures.test_scores.iter().filter(kept).cloned().collect()
        };
        let validation = &figures.validation_scores;
        let (strong, alarms) = recall_at(validation, &of(&|s| names.contains(&s)), 0, 0.01);
        let (subtle, _) = recall_at(validation, &of(&|s| s == Strength::SUBTLE.name()), 0, 0.01);
        let (strong, alarms) = (strong.context("no fault")?, alarms.context("no Good")?);
        let subtle = subtle.map_or(f64::NAN, |f| f.value);
        let ece = calibration_error(&figures.test_scores);
        println!(
            "{:22} {:.3} ({:.3} to {:.3}) {subtle:10.3} {:10.3} {ece:8.3}",
            one.plot_type.as_str(),
            strong.value,
            strong.low,
            strong.high,
            alarms.value
        );
        for (sum, value) in sums.iter_mut().zip([strong.value, subtle, alarms.value, ece]) {
            *sum += value;
        }
        lowest = lowest.min(strong.value);
        count += 1.0;
    }
    let [strong, subtle, alarms, ece] = sums.map(|sum| sum / count);
    println!(
        "mean: {strong:.3} medium and strong (lowest {lowest:.3}), {subtle:.3} subtle, {alarms:.3} alarms, ece {ece:.3}"
    );
    Ok(())
}
